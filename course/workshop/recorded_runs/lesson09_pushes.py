"""What pushes buy the multiplier: whole trainings from nothing, with them, after louder noise, and without.

python -m course.workshop.recorded_runs.lesson09_pushes --seeds 1

Some 50 minutes of one core for a run with pushes, half of that where bfloat16 products are fast, and two thirds
of either for one without; its measurements take ten minutes more. Resumable: a run goes on from its checkpoint in
runs/lesson09_pushes, and keeps what was measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from course.workshop.recorded_runs import options, record_runs
from ngpu_lib.evaluate import evaluate
from ngpu_lib.files import write_whole
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.recipes import ALL, RECIPES, Phase, Recipe, start

NAME = "lesson09_pushes"
RECIPE = RECIPES["multiply-pushed"]
FOLDER = Path("runs") / NAME
#: What is measured on the way and at the end: kind of operands, bits, examples, seed (at the end that of the cards).
ON_THE_WAY = (("stretches", 60, 500, 5), ("random", 200, 24, 5))
AT_THE_END = (("stretches", 60, 1000, 1), ("carries", 200, 100, 1), ("lone", 200, 100, 1))
AT_THE_END += (("random", 800, 8, 1), ("random", 2000, 8, 1))
EVERY, FIRST = 200, 1800
#: What is measured of a run of the shipped recipe once more, its state rounded to nine levels at every step.
ROUNDED = (("random", 800, 8, 1), ("random", 2000, 4, 1))


def changed(**changes: float) -> Recipe:
    """The shipped recipe with these changes in every phase that pushes."""
    phases = [replace(phase, **changes) if phase.push else phase for phase in RECIPE.phases]
    return replace(RECIPE, phases=tuple(phases))


def louder_first() -> Recipe:
    """From update 1,551 on 400 updates of noise 0.1 under dropout, then fewer of pushes than shipped."""
    loud = Phase(
        400, ALL, per_update=5, inputs="mixed", state_noise=0.1, lr_factor=0.4, extra_steps=8
    )
    pushes = zip((300, 300, 150, 75), (0.3, 0.12, 0.04, 0.012), strict=True)
    last = RECIPE.phases[-1]
    pushed = [replace(last, updates=updates, lr_factor=factor) for updates, factor in pushes]
    return replace(RECIPE, phases=(*RECIPE.phases[:3], loud, *pushed))


VARIANTS = {
    "pushes": RECIPE,
    "louder noise first": louder_first(),
    "noise alone": changed(push=0.0),
    "neither": changed(push=0.0, state_noise=0.0),
}
SETTING = {
    "recipes": {name: asdict(recipe) for name, recipe in VARIANTS.items()},
    "on the way": ON_THE_WAY,
    "at the end": AT_THE_END,
    "rounded to nine levels": ROUNDED,
}


class Rounded(DiagonalNeuralGPU):
    """Its state is rounded to the nearest of nine levels, a quarter apart, after every step."""

    def step(self, *arguments: Any) -> Any:
        state_BCL, gates = super().step(*arguments)
        return (4 * state_BCL).round() / 4, gates


def measured(model: nn.Module, wanted: tuple) -> list[dict[str, Any]]:
    """Mistakes of a model on each kind of operands."""
    task, settings, found = RECIPE.make_task(), RECIPE.answer_settings(RECIPE.updates), []
    for inputs, length, examples, seed in wanted:
        given = dict(examples=examples, inputs=inputs, seed=seed, settings=settings)
        score = evaluate(model, task, length, **given).as_dict()
        found.append({name: value for name, value in score.items() if name != "seconds"})
    return found


def one_run(setting: dict[str, Any], seed: int) -> dict[str, Any]:
    """One whole training; its averaged weights are measured every so many updates and at the end."""
    variant = setting["variant"]
    place = FOLDER / f"{variant.replace(' ', '-')}-{seed}"
    notes, curve = place / "curve.json", []
    if notes.exists():
        curve = json.loads(notes.read_text("utf-8"))
    recipe = VARIANTS[variant]
    run = start(recipe, seed=seed)
    for record in run.train(place / "checkpoint.safetensors", checkpoint_every=100):
        step = record["step"]
        due = (step >= FIRST and step % EVERY == 0) or step == recipe.updates
        if due and step not in (row["step"] for row in curve):
            curve.append({"step": step, "measured": measured(run.averaged, ON_THE_WAY)})
            write_whole(notes, json.dumps(curve).encode())
    found = {"updates": run.updates, "curve": curve, "end": measured(run.averaged, AT_THE_END)}
    if variant == "pushes":
        rounded = Rounded(run.averaged.symbols, run.averaged.maps).eval()
        rounded.load_state_dict(run.averaged.state_dict())
        found["rounded"] = measured(rounded, ROUNDED)
    return found


def main() -> None:
    given = options(seeds=2)
    record_runs(
        NAME,
        NAME,
        setting=SETTING,
        variants={name: {"variant": name} for name in VARIANTS},
        one_run=one_run,
        seeds=given.seeds,
        out=given.out,
    )


if __name__ == "__main__":
    main()
