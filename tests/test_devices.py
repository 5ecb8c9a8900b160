"""Devices: precision a processor has, and every model, the packed step and the loop on another one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from ngpu_lib.devices import native_precision
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((6, 0), "float32"), ((7, 5), "float32"), ((8, 0), "bfloat16"), ((8, 9), "bfloat16"),
     ((9, 0), "bfloat16"), ((10, 3), "bfloat16")],
    ids=["P100", "T4", "A100", "L4", "H100", "B300"],
)  # fmt: skip
def test_bfloat16_is_for_gpus_that_have_it(monkeypatch, capability, precision):
    asked = []
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device=None: asked.append(device) or capability
    )
    assert native_precision("cuda:1") == precision
    assert asked == [torch.device("cuda:1")]
    assert native_precision(torch.device("cuda")) == precision


@pytest.mark.parametrize(
    ("unit", "kernels"), [(True, True), (True, False), (False, True), (None, True)]
)
def test_bfloat16_is_for_processors_that_have_it(monkeypatch, unit, kernels):
    if unit is None:  # an older torch that cannot say
        monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: unit, raising=False)
    monkeypatch.setattr(
        torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: kernels, raising=False
    )
    assert native_precision("cpu") == ("bfloat16" if unit and kernels else "float32")
    assert native_precision("meta") == native_precision("mps") == "float32"


def test_an_older_processor_is_recognised():
    """oneDNN held to AVX2 is one: it would still multiply bfloat16, 40 times slower."""
    ask = "from ngpu_lib.devices import native_precision as p; print(p())"
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    told = subprocess.run(
        [sys.executable, "-c", ask],
        **{"env": environment, "cwd": ROOT, "capture_output": True, "text": True, "check": True},
    ).stdout
    assert told.strip() == "float32"
