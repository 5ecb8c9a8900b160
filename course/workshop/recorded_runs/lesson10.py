"""What lesson 10 shows over several seeds, with the lesson's own functions: some 20 seconds of a core a run.

python -m course.workshop.recorded_runs.lesson10 --seeds 5
"""

from __future__ import annotations

import time

import torch

from course.workshop.recorded_runs import definitions, options, record_runs
from ngpu_lib.evaluate import evaluate
from ngpu_lib.recipes import Phase, Recipe, start

L = definitions("10_attention")
BOTH = "coupled, random offset"
#: Tape lengths of two numbers of 2 to 8 digits; fewer do not fill a bin.
BINS = (5, 7, 9, 11, 13, 15, 17)
VARIANTS = {
    **{told: {"told": told} for told in L["TOLD"]},
    "one layer in a loop": {"told": BOTH, "layers": 1, "looped": 3, "updates": 1000},
    "Neural GPU": {"maps": 36, "updates": 400},
}


def one_transformer(setting: dict, seed: int) -> dict:
    """Train one as the lesson does; whole sums right by length, random and with long carries."""
    shape = {name: setting[name] for name in ("updates", "layers", "looped")}
    begin = time.process_time()
    model, records = L["learn"](setting["told"], seed, **shape)
    seconds = time.process_time() - begin
    right = {
        name: [round(L["share_right"](model, n, name == "carries", 100), 4) for n in L["LENGTHS"]]
        for name in ("random", "carries")
    }
    losses = [round(record["loss"], 4) for record in records[49::50]]
    return {"sequences": right["random"], **right, "losses": losses, "seconds": round(seconds, 1)}


def one_neural_gpu(setting: dict, seed: int) -> dict:
    """Lesson 08's adder, on as short sums."""
    recipe = Recipe(
        "add", (Phase(setting["updates"], BINS),), maps=setting["maps"], average_decay=0.97
    )
    begin = time.process_time()
    run = start(recipe, seed=seed)
    losses = [round(record["loss"], 4) for record in run.train(progress=False)][49::50]
    seconds = time.process_time() - begin
    task = recipe.make_task()
    right = {
        kind: [
            round(
                evaluate(
                    run.averaged, task, n, examples=100, inputs=kind, seed=1
                ).sequence_accuracy,
                4,
            )
            for n in L["LENGTHS"]
        ]
        for kind in ("random", "carries")
    }
    return {"sequences": right["random"], **right, "losses": losses, "seconds": round(seconds, 1)}


def one_run(setting: dict, seed: int) -> dict:
    torch.set_num_threads(1)
    return (one_neural_gpu if "maps" in setting else one_transformer)(setting, seed)


def main() -> None:
    given = options(updates=L["UPDATES"])
    setting = {
        "updates": given.updates, "rate": L["RATE"], "batch_size": L["BATCH"], "layers": 2, "looped": 0,
    }  # fmt: skip
    record_runs(
        "lesson10_sums", "lesson10", setting=setting, variants=VARIANTS, one_run=one_run,
        seeds=given.seeds, out=given.out, lengths=L["LENGTHS"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
