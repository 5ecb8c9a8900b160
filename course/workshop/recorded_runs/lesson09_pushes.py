"""What pushes buy the multiplier: whole trainings from nothing, with them, with noise alone, and with neither.

python -m course.workshop.recorded_runs.lesson09_pushes --seeds 1

An hour of one core for a run with pushes, half as long for one without; its measurements take ten minutes
more. Resumable: a run goes on from its checkpoint in runs/lesson09_pushes, and keeps what was measured.
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
from ngpu_lib.recipes import RECIPES, Recipe, start

NAME = "lesson09_pushes"
RECIPE = RECIPES["multiply-pushed"]
FOLDER = Path("runs") / NAME
#: What is measured on the way and at the end: kind of operands, bits, examples, seed (at the end that of the cards).
ON_THE_WAY = (("stretches", 60, 500, 5), ("random", 200, 24, 5))
AT_THE_END = (("stretches", 60, 1000, 1), ("carries", 200, 100, 1))
AT_THE_END += (("random", 800, 8, 1), ("random", 2000, 8, 1))
EVERY, FIRST = 200, 1800
SETTING = {
    "recipe": asdict(RECIPE),
    "on the way": ON_THE_WAY,
    "at the end": AT_THE_END,
}
#: What each does to the phases in which the full recipe pushes.
VARIANTS = {
    "pushes": {},
    "noise alone": {"push": 0.0},
    "neither": {"push": 0.0, "state_noise": 0.0},
}


def recipe_of(changes: dict[str, float]) -> Recipe:
    """The recipe with these changes in every phase that pushes."""
    phases = [replace(phase, **changes) if phase.push else phase for phase in RECIPE.phases]
    return replace(RECIPE, phases=tuple(phases))


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
    run = start(recipe_of(VARIANTS[variant]), seed=seed)
    for record in run.train(place / "checkpoint.safetensors", checkpoint_every=100):
        step = record["step"]
        due = (step >= FIRST and step % EVERY == 0) or step == RECIPE.updates
        if due and step not in (row["step"] for row in curve):
            curve.append({"step": step, "measured": measured(run.averaged, ON_THE_WAY)})
            write_whole(notes, json.dumps(curve).encode())
    end = measured(run.averaged, AT_THE_END)
    return {"updates": run.updates, "curve": curve, "end": end}


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
