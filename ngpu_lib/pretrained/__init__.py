"""Trained weights: one .safetensors file and one card (.json) for each.

The file holds the model: tensors, sizes, task. The card says how it came about and how it is run: the
exact command and seed, updates and FLOP, the settings of the run, and what was measured: symbol and
whole-sequence accuracy by length and by kind of input, each with the seed of its examples. A card
names the weights it belongs to by their SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ngpu_lib import require
from ngpu_lib.devices import move
from ngpu_lib.evaluate import evaluate
from ngpu_lib.files import file_path, read_safetensors, write_whole
from ngpu_lib.losses import answers, check_known
from ngpu_lib.names import suggest
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.page import page_network
from ngpu_lib.recipes import Run
from ngpu_lib.tasks import Batch, Task, Word, make_task
from ngpu_lib.trace import TapeTrace, trace_word

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Trained:
    """A trained model in eval mode, its task, what its card says, and the settings it is run with."""

    model: DiagonalNeuralGPU
    task: Task
    card: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)

    def answers(self, batch: Batch) -> Tensor:
        """What the network answers to a batch, (B, L) symbol numbers."""
        return answers(self.model, batch, **self.settings)

    def trace(self, word: Word) -> TapeTrace:
        """One word's run, step by step, as the viewer takes it."""
        return trace_word(self.model, self.task, word, **self.settings)

    def page(self, rounding: str = "float32") -> dict[str, Any]:
        """The network as a page runs it; see ``page.page_network``."""
        about = dict(name=self.card["task"], settings=self.settings, rounding=rounding)
        return page_network(self.model, self.task, **about)


def names() -> list[str]:
    """The shipped weights."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def locate(weights: str | Path) -> Path:
    """The file of shipped weights called ``weights``, or the file itself.

    Raises:
        ValueError: neither; names the close matches.
    """
    require.instance("weights", weights, (str, Path), "a name or a file")
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
        ValueError: no such weights, a damaged file, tensors that do not fit the model, or a card that
            is missing, belongs to other weights, or does not say how the model is run.
    """
    path = locate(weights)
    tensors, metadata = read_safetensors(path)
    if "ngpu-model" not in metadata:
        raise ValueError(f"weights: {path} does not say which model it holds; see pretrained.store")
    try:
        about = json.loads(metadata["ngpu-model"])
        task = make_task(about["task"], about["base"] or None)
        model = DiagonalNeuralGPU(about["symbols"], about["maps"])
        model.load_state_dict(tensors)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"weights: {path} does not fit its model ({error})") from None
    card = read_card(path)
    try:
        check_known(model, card["settings"])
    except ValueError as error:
        raise ValueError(f"card: {path.with_suffix('.json')}: {error}") from None
    return Trained(move(model.eval(), device), task, card, dict(card["settings"]))


def read_card(path: Path) -> dict[str, Any]:
    """The card of a weights file.

    Raises:
        ValueError: there is none, it is no JSON, belongs to other weights or has no settings.
    """
    place = path.with_suffix(".json")
    try:
        card = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"card: {place} cannot be read ({error}); {path} needs its card") from None
    if not isinstance(card, dict) or not isinstance(card.get("settings"), dict):
        raise ValueError(
            f'card: {place} does not say how the model is run; needs "settings", such as '
            '{"extra_steps": 8}'
        )
    if card.get("weights_sha256") != (found := _sha256(path)):
        raise ValueError(
            f"card: {place} belongs to the weights {card.get('weights_sha256')}; {path} is {found}. "
            "Make both again (ngpu train does)"
        )
    return card


def store(
    path: str | Path,
    model: DiagonalNeuralGPU,
    task: str,
    settings: Mapping[str, Any],
    base: int = 0,
    **facts: Any,
) -> None:
    """Write a model's weights and its card, each whole or not at all.

    Args:
        path: the .safetensors file; the card stands beside it as .json. settings: how the model is run to
            answer, e.g. {"extra_steps": 8}. task, base: see tasks.make_task. facts: more for the card.

    Raises:
        ValueError: a model of another class (its steps could not be built again from its weights), or
            settings that it does not have.
    """
    if type(model) is not DiagonalNeuralGPU:
        raise ValueError(f"model: got {type(model).__name__}; needs DiagonalNeuralGPU itself")
    check_known(model, settings)
    make_task(task, base or None)
    path, data = file_path(path), _data(model, task, base)
    card = {"task": task, **facts, "settings": dict(settings)}
    if path.exists() and path.read_bytes() == data:  # what was measured of these weights stays true
        card = {**_known(path), **card}
    write_whole(path, data)
    write_card(path, card)


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write a weights file's card, with the SHA-256 of the weights it belongs to."""
    card = {**card, "weights_sha256": _sha256(path)}
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=1) + "\n").encode())


def store_run(path: str | Path, run: Run) -> Path:
    """Write what a run of a recipe has made: averaged weights, and a card with the recipe's settings.

    The one way from a run to a weights file: ``ngpu train``, ``ngpu sweep`` and the scripts all use it.
    Where other weights are there already whose card has figures, the figures decide: the run is measured on
    them, as far as they are of words that its recipe trains on, and takes the place only if it has more words
    right. Otherwise its weights are written beside, as NAME-seedSEED-UPDATES.

    Returns:
        Where the weights are.
    """
    recipe = require.instance("run", run, Run, "a Run, as recipes.start gives").recipe
    path, facts = file_path(path), {}
    new = not path.exists() or path.read_bytes() != _data(run.averaged, recipe.task, recipe.base)
    if new and (kept := _known(path)).get("measured"):
        before, found = _compared(load(path), run)
        if _right(found) > _right(before):
            facts = {"measured": found, "test_seed": kept.get("test_seed", 1)}
        else:
            path = path.with_stem(f"{path.stem}-seed{run.seed}-{run.updates}")
    store(
        path,
        run.averaged,
        recipe.task,
        run.settings,
        recipe.base,
        seed=run.seed,
        updates=run.updates,
        weights="averaged",
        flop=int(recipe.flop(run.updates)),
        **facts,
    )
    return path


def _compared(kept: Trained, run: Run) -> tuple[list[dict], list[dict]]:
    """Figures of a card, of words that a run's recipe trains on, and those of the run; none of another task."""
    task = run.recipe.make_task()
    if (kept.task.name, kept.task.base) != (task.name, task.base):
        return [], []
    longest = task.length_for(max(max(phase.bins) for phase in run.recipe.phases))
    rows = [row for row in kept.card["measured"] if row["length"] <= longest]
    given = dict(seed=kept.card.get("test_seed", 1), settings=run.settings)
    return rows, [
        evaluate(
            run.averaged,
            task,
            row["length"],
            examples=row["examples"],
            inputs=row["inputs"],
            **given,
        ).as_dict()
        for row in rows
    ]


def _right(rows: list[dict]) -> int:
    """Whole words right, of all figures together."""
    return sum(round(row["examples"] * row["sequence_accuracy"]) for row in rows)


def _data(model: DiagonalNeuralGPU, task: str, base: int) -> bytes:
    """A weights file's bytes."""
    about = {"task": task, "base": base, "symbols": model.symbols, "maps": model.maps}
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    return save(tensors, metadata={"ngpu-model": json.dumps(about)})


def _known(path: Path) -> dict[str, Any]:
    """The card beside a weights file, {} where there is none that belongs to it."""
    try:
        return read_card(path)
    except ValueError:
        return {}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
