"""What a processor multiplies natively: bfloat16 is an advantage on some and a trap on the others."""

from __future__ import annotations

import torch
from torch import nn

from ngpu_lib import require


def place(device: str | torch.device) -> torch.device:
    """A device by name.

    Raises:
        ValueError: a name that PyTorch does not know.
    """
    try:
        return torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device: got {require.shown(device)}; needs cpu, cuda or cuda:NUMBER"
        ) from None


def move(model: nn.Module, device: str | torch.device) -> nn.Module:
    """The model on a device.

    Raises:
        ValueError: no such device, or none of that kind in this machine.
    """
    there = place(device)
    try:
        return model.to(there)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch without CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(f"device: got {there}; needs one that is here ({reason})") from None


def native_precision(device: str | torch.device = "cpu") -> str:
    """The fastest precision for matrix products that a device has in hardware.

    Where bfloat16 is missing it is not refused but emulated: GPUs before compute capability 8
    (Colab's T4 is 7.5) and most processors then take many times as long as in float32 (measured on
    one core held to AVX2: 4 GFLOP/s instead of 166; the same core with its own units: 1,305). Units
    without tiles (AVX-512 alone) gain or lose: an update of the multiplier took 0.40 s and in float32
    0.69 s on one AMD EPYC, 0.77 s and 0.92 s on an older one, but 3.1 s and 1.75 s on an Intel Xeon. So
    they are used where AMD made them, as far as torch can tell.

    Args:
        device: "cpu", "cuda", "cuda:1", ... or a torch.device.

    Returns:
        "bfloat16" where its products are native and fast, else "float32".

    Raises:
        ValueError: a name that PyTorch does not know.

    Source: NVIDIA, CUDA C++ Programming Guide, "Compute Capabilities": bfloat16 from 8.0 on.
    """
    device = place(device)
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float32"
    if device.type == "cpu" and _has_fast_bfloat16():
        return "bfloat16"
    return "float32"


def _has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in tiles or is AMD's, and torch's kernels may use that."""
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", bool)  # private, newer than torch 2.4
    able = getattr(torch.cpu, "get_capabilities", dict)()  # newer still
    by_amd = able.get("avx512_bf16") and str(able.get("cpu_name")).startswith("AMD")
    if not (tiles() or by_amd):
        return False
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return False
