"""Trained weights: one .safetensors file and one card (.json) for each.

A card says which task, the exact command and seed, updates and FLOP, and what was measured: symbol and
whole-sequence accuracy by length and by kind of input, each with the seed of its examples.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.tasks import Task, make_task, suggest
from ngpu_lib.train import read_safetensors, write_whole

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Trained:
    """A trained model in eval mode, its task, and what its card says ({} where there is no card)."""

    model: DiagonalNeuralGPU
    task: Task
    card: dict[str, Any]


def names() -> list[str]:
    """The shipped weights."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def locate(weights: str | Path) -> Path:
    """The file of shipped weights called ``weights``, or the file itself.

    Raises:
        ValueError: neither; names the close matches.
    """
    if str(weights) in names():
        return FOLDER / f"{weights}.safetensors"
    if Path(weights).is_file():
        return Path(weights)
    raise ValueError(
        f"weights: got {str(weights)!r}, which is no file; {suggest(str(weights), names())}"
    )


def load(weights: str | Path, device: str = "cpu") -> Trained:
    """Read shipped weights by name, or any weights file that ``store`` or ``ngpu train`` wrote.

    Raises:
        ValueError: no such weights, a damaged file, or tensors that do not fit the model.
    """
    path = locate(weights)
    tensors, metadata = read_safetensors(path)
    if "ngpu-model" not in metadata:
        raise ValueError(f"weights: {path} does not say which model it holds; see pretrained.store")
    about = json.loads(metadata["ngpu-model"])
    model = DiagonalNeuralGPU(about["symbols"], about["maps"], extra=about["extra"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"weights: {path} does not fit its model ({error})") from None
    card = path.with_suffix(".json")
    known = json.loads(card.read_text()) if card.is_file() else {}
    task = make_task(about["task"], about["base"] or None)
    return Trained(model.eval().to(device), task, known)


def store(path: str | Path, model: DiagonalNeuralGPU, task: str, base: int = 0) -> None:
    """Write a model's weights, with what is needed to build it again, whole or not at all."""
    about = {"task": task, "base": base, "extra": model.extra}
    about |= {"symbols": model.symbols, "maps": model.maps}
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    write_whole(path, save(tensors, metadata={"ngpu-model": json.dumps(about)}))
