"""The ablation of lesson 08, one run per variant and seed: `python -m ngpu_lib.recorded.make_lesson08`.

Resumable: runs that the JSON file already holds are not made again, and it is written whole after every
run. About 15 seconds of one core per run.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from ngpu_lib.evaluate import evaluate
from ngpu_lib.neural_gpu import NeuralGPU
from ngpu_lib.optimizers import Curriculum, DrawTogether, GradientNoise
from ngpu_lib.tasks import make_task
from ngpu_lib.train import ClipGradient, seed_for, train, write_whole

OUT = Path(__file__).parent / "lesson08_ablation.json"
SETTING = {
    "task": "duplicate", "base": 2, "maps": 16, "width": 2, "batch_size": 32, "first": 1, "last": 8,
    "updates": 300, "learning_rate": 0.005, "keep": 0.95, "gradient_noise": 0.01, "mixed": 0.2,
    "relaxation": 1,
}  # fmt: skip
VARIANTS = {
    "curriculum, dropout, gradient noise": {},
    "no curriculum": {"mixed": 1.0},
    "no dropout": {"keep": 1.0},
    "no gradient noise": {"gradient_noise": 0.0},
    "with relaxation": {"relaxation": 3},
}
LENGTHS = (8, 16, 32)


def sequence_loss(model, batch):
    """Mean cross-entropy per scored symbol, and the share of whole sequences that are right."""
    logits_BLV = model(batch.inputs_BL, batch.live_BL)
    loss = F.cross_entropy(logits_BLV[batch.scored_BL], batch.targets_BL[batch.scored_BL])
    right_BL = (logits_BLV.argmax(-1) == batch.targets_BL) | ~batch.scored_BL
    return loss, {"sequence_accuracy": right_BL.all(1).float().mean().item()}


def one_run(setting: dict, seed: int) -> dict:
    """Train one model; its curve (every tenth update) and its scores by length."""
    begin = time.process_time()
    task = make_task(setting["task"], setting["base"])
    torch.manual_seed(seed_for(seed, 0))
    model = NeuralGPU(
        task.vocabulary, setting["maps"], setting["width"],
        keep=setting["keep"], relaxation=setting["relaxation"],
    )  # fmt: skip
    batches = Curriculum(
        task, setting["first"], setting["last"],
        batch_size=setting["batch_size"], mixed=setting["mixed"],
    )  # fmt: skip
    extras = [ClipGradient(1.0), batches]
    if setting["gradient_noise"]:
        extras.insert(1, GradientNoise(setting["gradient_noise"]))
    if setting["relaxation"] > 1:
        extras.append(DrawTogether(pull=0.005, every=20))
    optimizer = torch.optim.Adam(model.parameters(), lr=setting["learning_rate"], eps=1e-4)
    curve, exam = [], torch.Generator()
    last = setting["last"]

    def score(model):
        fresh = task.sample(64, last, exam.manual_seed(7))
        right = (model(fresh.inputs_BL).argmax(-1) == fresh.targets_BL).all(1)
        return {"at_last": right.float().mean().item()}

    for record in train(
        model, batches, sequence_loss, optimizer, updates=setting["updates"], seed=seed,
        extras=extras, evaluate=score, evaluate_every=20, progress=False,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=SETTING["updates"])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    setting = SETTING | {"updates": options.updates}
    result = {
        "command": "python -m ngpu_lib.recorded.make_lesson08",
        "setting": setting, "variants": VARIANTS, "lengths": LENGTHS, "runs": {},
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
                print(f"{name}, seed {seed}: {run['sequences']} in {run['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
