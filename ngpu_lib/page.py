"""A network as a page gets it: its weights as safetensors, and what the page must know to run them.

network = page_network(model, task, settings={"extra_steps": 8})
ActivationViewer(trace, network=network)    # computes in the page whatever is typed there
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ngpu_lib import automata
from ngpu_lib.baselines import MLP, ConvNet
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.ntm import NTM
from ngpu_lib.tasks import Task, make_task

ROUNDINGS = ("float32", "float16", "int8")


def page_network(
    model: nn.Module,
    task: Task | None = None,
    *,
    name: str = "",
    settings: Mapping[str, int] | None = None,
    rounding: str = "float32",
    data: bytes | None = None,
) -> dict[str, Any]:
    """A model as the widgets hand it to a page, where ``networks.js`` runs it.

    Args:
        model: DiagonalNeuralGPU, NeuralGPU, NTM, MLP without dropout, or ConvNet (these classes themselves:
            the page knows their steps, and not those of a subclass). task: what a tape model was trained on.
        name: what the page calls it. settings: of the run: ``steps`` or ``extra_steps``, whole numbers.
        rounding: "float32" changes nothing; "float16" halves the file; "int8" rounds each row w of a matrix to
            steps of max |w| / 127 (a fourth), and the rest to float16.
        data: the model's own safetensors file, where there is one.

    Returns:
        A dict of plain values: ``kind``, ``about``, ``name``, ``task``, ``settings``, ``data`` (base64),
        ``bytes`` (of the file), ``crc32`` (zlib's, of the file).

    Raises:
        ValueError: a model the page does not know, another setting or rounding, weights that are not finite.

    >>> page_network(NTM(3, 2, hidden=4, rows=5, row_size=2))["about"]
    {'rows': 5}
    """
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding: got {rounding!r}; needs one of {', '.join(ROUNDINGS)}")
    settings = dict(settings or {})
    for key, value in settings.items():
        if key not in ("steps", "extra_steps") or not isinstance(value, int) or value < 0:
            raise ValueError(f"settings: got {key}={value!r}; needs steps or extra_steps, >= 0")
    kind, about = _described(model)
    if data is None:
        tensors = {key: part.detach().cpu().float() for key, part in model.state_dict().items()}
        for key, part in tensors.items():
            if not bool(torch.isfinite(part).all()):
                raise ValueError(f"model: {key} is not finite; needs finite weights")
        data = save(_rounded(tensors, rounding), metadata={"ngpu-page": json.dumps(about)})
    return {
        "kind": kind,
        "about": about,
        "name": name or (task.name if task else type(model).__name__),
        "task": _task(task),
        "settings": settings,
        "data": base64.b64encode(data).decode(),
        "bytes": len(data),
        "crc32": zlib.crc32(data),
    }


def hand_set_machine() -> dict[str, Any]:
    """The multiplier of lesson 07 as ``SpaceTime`` takes it: its readers are single maps, for it was set by hand.

    A walking digit of either number, +1 or -1 (map ``a``, where ``walker`` says that one is there); a standing 1 of
    the second number (map ``b``); a carry (map ``carry``).
    """
    place = automata.multiplier_wiring().map

    def reader(name: str, move: int, maps: dict[str, float], **more) -> dict[str, Any]:
        weights = [0.0] * (len(place) + 1)
        for one, weight in maps.items():
            weights[place[one]] = weight
        return {"name": name, "move": move, "until": None, "weights": weights, **more}

    network = page_network(
        automata.hand_set_multiplier(), make_task("multiply"), name="set by hand"
    )
    readers = [
        reader("carry", 0, {"carry": 1}, kind=5),
        reader("walks", 1, {"a": 2, "walker": -1}),
        reader("stands", 0, {"b": 1}),
    ]
    return {"name": "set by hand", "network": network, "readers": readers, "layout": "after"}


def _described(model: nn.Module) -> tuple[str, dict[str, Any]]:
    """The class in ``networks.js`` and what it must be told beside the weights."""
    if type(model) is DiagonalNeuralGPU:
        return "DiagonalNeuralGPU", {}
    if type(model) is NeuralGPU:
        return "NeuralGPU", {"width": model.width}
    if type(model) is NTM:
        return "NTM", {"rows": model.rows}
    if type(model) in (MLP, ConvNet):
        layers = [type(layer).__name__ for layer in model.layers]
        known = {"Linear", "ReLU", "Conv2d", "MaxPool2d", "BatchNorm2d", "Flatten", "Dropout"}
        if unknown := set(layers) - known:
            raise ValueError(f"model: its layer {unknown.pop()} is not known to the page")
        return "ImageNetwork", {"layers": layers}
    raise ValueError(
        f"model: got {type(model).__name__}; needs DiagonalNeuralGPU, NeuralGPU, NTM, MLP or ConvNet"
    )


def _rounded(tensors: dict[str, Tensor], rounding: str) -> dict[str, Tensor]:
    """Contiguous tensors, rounded; a row rounded to bytes has the size of its step in NAME.scale."""
    found = {}
    for name, tensor in tensors.items():
        tensor = tensor.contiguous()
        if rounding == "int8" and tensor.ndim >= 2 and tensor.numel() > 1000:
            rows = tensor.flatten(1)
            scale = rows.abs().amax(1).clamp(min=1e-12) / 127
            found[name] = (rows / scale[:, None]).round().to(torch.int8).view(tensor.shape)
            found[f"{name}.scale"] = scale
        else:
            found[name] = tensor.half() if rounding != "float32" else tensor
    return found


def _task(task: Task | None) -> dict[str, Any] | None:
    """What the page must know to write a word of the task and to name its right answer."""
    if task is None:
        return None
    sign = getattr(task, "sign", "")
    return {
        "name": task.name,
        "symbols": list(task.symbols),
        "base": getattr(task, "base", 2),
        "bits": getattr(task, "bits_per_digit", 1),
        "sign": sign,
        "cells": getattr(task, "cells", 1),
    }
