"""The ablation of lesson 09, one run per variant and seed: `python -m ngpu_lib.recorded.make_lesson09`.

Addition on 2 to 6 digits with a small diagonal model, one piece left out at a time. Resumable: runs that the
JSON file already holds are not made again, and it is written whole after every run. About 15 seconds
of one core per run.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from ngpu_lib import fast
from ngpu_lib.evaluate import evaluate
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.recipes import Phase, Recipe, start
from ngpu_lib.train import write_whole

OUT = Path(__file__).parent / "lesson09_ablation.json"
BINS = (5, 7, 9, 13)
SETTING = {
    "task": "add", "maps": 36, "keep": 0.9, "saturation": 1e-3, "clip": True, "average": 0.97,
    "updates": [300, 100], "noise": 0.06, "rates": [1.0, 0.4], "diagonal": True,
}  # fmt: skip
VARIANTS = {
    "all pieces": {},
    "no state noise": {"noise": 0.0},
    "no dropout": {"keep": 1.0},
    "no clipping": {"clip": False},
    "no saturation cost": {"saturation": 0.0},
    "no diagonal gates": {"diagonal": False},
}
DIGITS = (6, 10, 20, 40)
VOTES = (6, 10)  # digits at which the answers themselves are kept, to let seeds vote
MARGIN = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2)  # state noise while answering, at 10 digits


class StillGates(DiagonalNeuralGPU):
    """The same model whose kept part does not move: ordinary gates."""

    def shift(self, state_BCL):
        return state_BCL


def slow_loss(run):
    """TapeLoss on the readable class, one bin after the other; for models the fast path does not know."""

    def loss(model, batches):
        weight = run.loss.weight.weight if run.loss.weight else 0.0
        total = entropy = cost = whole = 0.0
        right = []
        for batch in batches:
            state_BCL, overshoot = model.unroll(batch.inputs_BL, batch.live_BL)
            logits_BLV = model.read(state_BCL.transpose(1, 2))
            scored = batch.scored_BL
            value = F.cross_entropy(logits_BLV[scored], batch.targets_BL[scored])
            right_BL = (logits_BLV.argmax(-1) == batch.targets_BL) | ~scored
            total = total + (value + weight * overshoot) / len(batches)
            entropy += value.item() / len(batches)
            cost += overshoot.item() / len(batches)
            whole += right_BL.all(1).float().mean().item() / len(batches)
            right.append(right_BL[scored].float())
        return total, {
            "cross_entropy": entropy, "saturation": cost,
            "symbol_accuracy": torch.cat(right).mean().item(), "sequence_accuracy": whole,
        }  # fmt: skip

    return loss


@torch.no_grad()
def answers_under_noise(model, batch, noise):
    """Answers while Gaussian noise disturbs the state after every step; no dropout."""
    torch.manual_seed(0)
    keep, model.keep, model.noise = model.keep, 1.0, noise
    model.train()
    logits, _ = fast.unroll(model, packed := fast.pack([batch]))
    model.eval()
    model.keep, model.noise = keep, 0.0
    return packed.unpack(logits.argmax(-1))[0]


def make_run(setting, seed):
    """A run of the recipe, with ordinary gates where the setting says so."""
    noises = (0.0, setting["noise"])
    phases = tuple(
        Phase(updates, BINS, noise=noise, rate=rate)
        for updates, noise, rate in zip(setting["updates"], noises, setting["rates"], strict=True)
    )
    recipe = Recipe(
        setting["task"], phases, maps=setting["maps"], keep=setting["keep"],
        saturation=setting["saturation"], clip=setting["clip"], average=setting["average"],
    )  # fmt: skip
    run = start(recipe, seed=seed)
    if not setting["diagonal"]:
        run.model.__class__ = run.averager.model.__class__ = StillGates
        return replace(run, loss=slow_loss(run))
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
    if not setting["diagonal"]:
        model = Readable(model)
    scores = [evaluate(model, task, digits, examples=64, seed=1) for digits in DIGITS]
    result = {
        "curve": curve,
        "symbols": [round(s.symbol_accuracy, 5) for s in scores],
        "sequences": [round(s.sequence_accuracy, 4) for s in scores],
        "training_seconds": round(training, 1),
    }
    if setting["diagonal"]:
        fresh = task.sample(100, 10, torch.Generator().manual_seed(2))
        found = [answers_under_noise(model, fresh, noise) for noise in MARGIN]
        result["margin"] = [(f == fresh.targets_BL).all(1).float().mean().item() for f in found]
        result["answers"] = {}
        for digits in VOTES:
            words = task.sample(100, digits, torch.Generator().manual_seed(3))
            found_BL = fast.predict(model, words)
            result["answers"][str(digits)] = [
                f"{task.value(row) or 0:x}" for row in found_BL.tolist()
            ]
    return result


class Readable(torch.nn.Module):
    """A model behind its forward pass, so that evaluation takes no fast path."""

    def __init__(self, model):
        super().__init__()
        self.model, self.symbols = model, model.symbols

    def forward(self, inputs_BL, live_BL):
        return self.model(inputs_BL, live_BL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, nargs=2, default=SETTING["updates"])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    setting = SETTING | {"updates": list(options.updates)}
    result = {
        "command": "python -m ngpu_lib.recorded.make_lesson09", "setting": setting, "bins": list(BINS),
        "variants": VARIANTS, "digits": list(DIGITS), "margin": list(MARGIN), "runs": {},
    }  # fmt: skip
    if options.out.exists():
        old = json.loads(options.out.read_text())
        if old["setting"] != setting:
            raise SystemExit(
                f"{options.out} holds runs of another setting; delete it or name another"
            )
        result["runs"] = old["runs"]
    for seed in range(options.seeds):
        for name, changes in VARIANTS.items():
            runs = result["runs"].setdefault(name, {})
            if str(seed) not in runs:
                runs[str(seed)] = run = one_run(setting | changes, seed)
                write_whole(options.out, (json.dumps(result) + "\n").encode())
                print(
                    f"{name}, seed {seed}: {run['sequences']} in {run['training_seconds']} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
