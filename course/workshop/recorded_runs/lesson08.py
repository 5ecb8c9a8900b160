"""The runs of lesson 08: its ablation, where symbols go (words, sums), and the machines of 2015 and 2017, over seeds.

python -m course.workshop.recorded_runs.lesson08 --seeds 3
python -m course.workshop.recorded_runs.lesson08_machines --seeds 10

Half a minute of one core per run.
"""

from __future__ import annotations

import time

import torch

from course.workshop.recorded_runs import options, record_runs
from ngpu_lib.callbacks import (
    ClipGradient,
    Curriculum,
    DrawTogether,
    GradientNoise,
)
from ngpu_lib.evaluate import evaluate
from ngpu_lib.losses import SequenceLoss, answers
from ngpu_lib.neural_gpu import NeuralGPU
from ngpu_lib.recipes import Phase, Recipe, start
from ngpu_lib.tasks import make_task
from ngpu_lib.trace import whereabouts
from ngpu_lib.train import seed_for, train

SETTING = {
    "task": "duplicate", "base": 2, "maps": 16, "width": 2, "batch_size": 32, "first": 1, "last": 8,
    "updates": 300, "lr": 0.005, "dropout": 0.05, "gradient_noise": 0.0, "mixed": 0.2,
    "relaxation": 1,
}  # fmt: skip
VARIANTS = {
    "curriculum and dropout": {},
    "no curriculum": {"mixed": 1.0},
    "no dropout": {"dropout": 0.0},
    "with gradient noise": {"gradient_noise": 0.01},
    "with relaxation": {"relaxation": 3},
}
LENGTHS = (8, 16, 32)


def one_run(setting: dict, seed: int) -> dict:
    """Train one model; its curve (every tenth update) and its scores by length."""
    begin = time.process_time()
    task = make_task(setting["task"], setting["base"])
    torch.manual_seed(seed_for(seed, 0))
    model = NeuralGPU(
        task.vocabulary, setting["maps"], setting["width"], relaxation=setting["relaxation"]
    )  # fmt: skip
    batches = Curriculum(
        task, setting["first"], setting["last"],
        batch_size=setting["batch_size"], mixed=setting["mixed"],
    )  # fmt: skip
    callbacks = [ClipGradient(1.0), batches]
    if setting["gradient_noise"]:
        callbacks.insert(1, GradientNoise(setting["gradient_noise"]))
    if setting["relaxation"] > 1:
        callbacks.append(DrawTogether(pull=0.005, every=20))
    optimizer = torch.optim.Adam(model.parameters(), lr=setting["lr"], eps=1e-4)
    curve, exam = [], torch.Generator()
    last = setting["last"]

    def score(model):
        fresh = task.sample(64, last, exam.manual_seed(7))
        right = (answers(model, fresh) == fresh.targets_BL).all(1)
        return {"at_last": right.float().mean().item()}

    for record in train(
        model, batches, SequenceLoss(dropout=setting["dropout"]), optimizer, updates=setting["updates"], seed=seed,
        callbacks=callbacks, evaluate=score, evaluate_every=20, progress=False,
    ):  # fmt: skip
        if "at_last" in record:
            curve.append(
                [record["step"], round(record["loss"], 4), record["longest"], record["at_last"]]
            )
    distance = model.relaxation_distance() if setting["relaxation"] > 1 else torch.zeros(())
    model.draw_together(1.0)
    scores = [evaluate(model, task, length, examples=100, seed=1) for length in LENGTHS]
    return {
        "curve": curve,
        "columns": ["update", "loss", "longest", "whole sequences right at the last length"],
        "symbols": [round(s.symbol_accuracy, 4) for s in scores],
        "sequences": [round(s.sequence_accuracy, 4) for s in scores],
        "distance": distance.item(),
        "seconds": round(time.process_time() - begin, 1),
    }


JOURNEYS = {
    "reverse": {"task": "reverse", "last": 10},
    "duplicate": {"task": "duplicate", "last": 8},
}


def one_journey(setting: dict, seed: int) -> dict:
    """Train as lesson 08 does, then ask every cell at every step for every symbol."""
    task = make_task(setting["task"], 2)
    torch.manual_seed(seed)
    model = NeuralGPU(task.vocabulary, maps=16, width=2)
    words = Curriculum(task, first=2, last=setting["last"])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, eps=1e-4)
    list(train(
        model, words, SequenceLoss(dropout=0.05), optimizer, updates=setting["updates"], seed=seed,
        callbacks=[ClipGradient(1.0), words], progress=False,
    ))  # fmt: skip
    lengths = [setting["last"] * k for k in (1, 2, 4)]
    scores = [evaluate(model, task, n, examples=100, seed=1) for n in lengths]
    return {
        "lengths": lengths,
        "sequences": [s.sequence_accuracy for s in scores],
        "known": percent(whereabouts(model, task, setting["last"])),
    }


#: The recipe that lesson 08 trains live; what its running averages answer is asked.
SUMS = {"bins": [5, 7, 9, 13], "maps": 36, "average_decay": 0.97, "updates": 400, "digits": 6}


def one_adder(setting: dict, seed: int) -> dict:
    """Train as lesson 08 does live, then ask every cell at every step for every digit."""
    phase = Phase(setting["updates"], tuple(setting["bins"]))
    recipe = Recipe(
        "add", (phase,), maps=setting["maps"], average_decay=setting["average_decay"]
    )  # fmt: skip
    run, task = start(recipe, seed=seed), recipe.make_task()
    list(run.train(progress=False))
    score = evaluate(run.averaged, task, setting["digits"], examples=100, seed=1)
    return {
        "sequences": score.sequence_accuracy,
        "known": percent(whereabouts(run.averaged, task, setting["digits"])),
    }


def percent(known_TLI) -> list:
    """Shares as whole per cent, which is enough for a picture."""
    return (100 * known_TLI).round().astype(int).tolist()


def record_sums(seeds: int) -> None:
    """Where the digits of two numbers go in the adder that lesson 08 trains."""
    record_runs(
        "lesson08_sums", "lesson08", setting=SUMS, variants={"add": {}}, one_run=one_adder, seeds=seeds,
    )  # fmt: skip


def main() -> None:
    given = options(seeds=3, updates=SETTING["updates"])
    setting = SETTING | {"updates": given.updates}
    record_runs(
        "lesson08_journeys", "lesson08", setting={"updates": given.updates}, variants=JOURNEYS,
        one_run=one_journey, seeds=given.seeds,
    )  # fmt: skip
    record_sums(given.seeds)
    record_runs(
        "lesson08_ablation", "lesson08", setting=setting, variants=VARIANTS, one_run=one_run,
        seeds=given.seeds, lengths=LENGTHS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
