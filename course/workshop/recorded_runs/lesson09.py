"""The ablation of lesson 09, about 15 seconds of one core per run.

python -m course.workshop.recorded_runs.lesson09
python -m course.workshop.recorded_runs.lesson09 --optimizers 1

Addition on 2 to 6 digits with a small diagonal model: one piece left out at a time (without noise the
phases and learning rates stay as they are), and AdaMax and Adam at several learning rates each.
"""

from __future__ import annotations

import time

import torch

from course.workshop.recorded_runs import options, record_runs
from ngpu_lib.evaluate import evaluate
from ngpu_lib.losses import answers
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.recipes import Phase, Recipe, start

NAME, NAME_OPTIMIZERS = "lesson09_ablation", "lesson09_optimizers"
BINS = (5, 7, 9, 13)
SETTING = {
    "task": "add", "maps": 36, "dropout": 0.1, "saturation": 1e-3, "clip": True, "average_decay": 0.97,
    "updates": [300, 100], "state_noise": 0.06, "lr_factors": [1.0, 0.4], "diagonal": True,
    "optimizer": "ClippedAdamax", "lr": 0.01 * 48 / 36,
}  # fmt: skip
VARIANTS = {
    "all pieces": {},
    "no state noise": {"state_noise": 0.0},
    "no clipping": {"clip": False},
    "no saturation cost": {"saturation": 0.0},
    "no diagonal gates": {"diagonal": False},
    "no dropout": {"dropout": 0.0},
}
#: Both optimizers at rates a factor of about three apart, to either side of the best; nothing else changes.
OPTIMIZERS = {
    "AdaMax, rate 0.013": {},
    **{f"AdaMax, rate {lr:g}": {"lr": lr} for lr in (0.004, 0.04, 0.12)},
    **{
        f"Adam, rate {lr:g}": {"optimizer": "Adam", "lr": lr}
        for lr in (0.001, 0.003, 0.01, 0.03, 0.1)
    },
}
DIGITS = (6, 10)
VOTES = (6, 10)  # digits at which the answers themselves are kept, to let seeds vote
MARGIN = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2)  # state noise while answering, at 6 digits


class StillGates(DiagonalNeuralGPU):
    """The same model whose kept part does not move: ordinary gates."""

    def shift(self, state_BCL):
        return state_BCL


def make_run(setting, seed):
    """A run of the recipe, with ordinary gates or another optimizer where the setting says so."""
    noises = (0.0, setting["state_noise"])
    phases = tuple(
        Phase(updates, BINS, state_noise=noise, lr_factor=factor)
        for updates, noise, factor in zip(
            setting["updates"], noises, setting["lr_factors"], strict=True
        )
    )
    recipe = Recipe(
        setting["task"], phases, maps=setting["maps"], dropout=setting["dropout"],
        saturation=setting["saturation"], clip=setting["clip"],
        average_decay=setting["average_decay"], lr=setting["lr"],
    )  # fmt: skip
    kind = DiagonalNeuralGPU if setting["diagonal"] else StillGates
    run = start(recipe, seed=seed, make_model=kind)
    if setting["optimizer"] == "Adam":
        run.optimizer = torch.optim.Adam(run.model.parameters(), lr=setting["lr"])
    return run


def one_run(setting: dict, seed: int) -> dict:
    """Train one model; its curve (means of 20 updates), scores by digits, margin and answers."""
    begin = time.process_time()
    run = make_run(setting, seed)
    curve, recent = [], []
    for record in run.train(progress=False):
        recent.append((record["cross_entropy"], record["sequence_accuracy"]))
        if record["step"] % 20 == 0:
            curve.append(
                [record["step"], *(round(sum(c) / 20, 4) for c in zip(*recent, strict=True))]
            )
            recent = []
    training = time.process_time() - begin
    task, model = run.recipe.make_task(), run.averaged
    scores = [evaluate(model, task, digits, examples=64, seed=1) for digits in DIGITS]
    result = {
        "curve": curve,
        "symbols": [round(s.symbol_accuracy, 5) for s in scores],
        "sequences": [round(s.sequence_accuracy, 4) for s in scores],
        "training_seconds": round(training, 1),
    }
    fresh = task.sample(100, DIGITS[0], torch.Generator().manual_seed(2))
    result["margin"] = []
    for noise in MARGIN:
        torch.manual_seed(0)
        right_B = (answers(model, fresh, noise=noise) == fresh.targets_BL).all(1)
        result["margin"].append(round(right_B.float().mean().item(), 2))
    result["answers"] = {}
    for digits in VOTES:
        words = task.sample(100, digits, torch.Generator().manual_seed(3))
        found_BL = answers(model, words)
        result["answers"][str(digits)] = [f"{task.value(row) or 0:x}" for row in found_BL.tolist()]
    return result


def optimizer_run(setting: dict, seed: int) -> dict:
    """One run of which only the learning is kept."""
    run = one_run(setting, seed)
    return {name: run[name] for name in ("curve", "symbols", "sequences", "training_seconds")}


def main() -> None:
    given = options(updates=SETTING["updates"], optimizers=0)
    setting = SETTING | {"updates": list(given.updates)}
    common = {"setting": setting, "seeds": given.seeds, "out": given.out}
    if given.optimizers:
        record_runs(
            NAME_OPTIMIZERS, "lesson09 --optimizers 1", variants=OPTIMIZERS, one_run=optimizer_run,
            bins=BINS, digits=DIGITS, **common,
        )  # fmt: skip
    else:
        record_runs(
            NAME, "lesson09", variants=VARIANTS, one_run=one_run, bins=BINS, digits=DIGITS,
            margin=MARGIN, **common,
        )  # fmt: skip


if __name__ == "__main__":
    main()
