"""Lesson 09's mistakes, term by term: long products both ways round, and mistakes per billion cell-steps.

python -m course.workshop.recorded_runs.lesson09_mistakes

Some four minutes of one core. Resumable: the file is written after every product and every rate.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch

from course.workshop.recorded_runs import PACKAGE, options
from ngpu_lib import pretrained, recorded
from ngpu_lib.evaluate import evaluate, signed_terms
from ngpu_lib.files import write_whole

NAME = "lesson09_mistakes"
#: Bits of the operands -> how many pairs, each multiplied as a b and as b a.
PAIRS = {400: 6, 800: 4}
SHARES_OF_ONES = (0.5, 0.8)  # the chance of a 1 in both operands; every other pair
#: (weights, bits, kind of operands) -> examples
RATES = [
    (name, bits, kind, examples)
    for name, bits, examples in (("multiply", 20, 4000), ("add", 20, 4000))
    for kind in ("random", "carries", "symmetric", "biased")
]


def operands(bits: int, number: int) -> tuple[float, int, int]:
    """The share of ones and the two operands of pair ``number``."""
    share = SHARES_OF_ONES[number % 2]
    rng = random.Random(1000 * bits + number)
    a, b = (sum((rng.random() < share) << k for k in range(bits)) for _ in range(2))
    return share, a, b


def one_product(trained: pretrained.Trained, a: int, b: int, bits: int) -> dict:
    """What is wrong with one product: its signed terms and how many bits differ."""
    task = trained.task
    batch = task.batch([task.encode(a, b, bits)])
    found = task.value(trained.answers(batch)[0].tolist())
    if found is None:
        return {"terms": None, "wrong_bits": None}
    return {"terms": signed_terms(found - a * b), "wrong_bits": (found ^ (a * b)).bit_count()}


def main() -> None:
    given = options()
    out: Path = given.out or recorded.FOLDER / f"{NAME}.json"
    torch.set_num_threads(1)
    result = {"command": f"python -m {PACKAGE}.lesson09_mistakes", "pairs": [], "rates": []}
    if out.exists():
        result = json.loads(out.read_text("utf-8"))

    def keep(part: str, entry: dict) -> None:
        result[part].append(entry)
        write_whole(out, (json.dumps(result) + "\n").encode())
        print(entry, flush=True)

    trained = {name: pretrained.load(name) for name in ("multiply", "add")}
    result["weights_sha256"] = {name: t.card["weights_sha256"] for name, t in trained.items()}
    done = {(row["bits"], row["number"]) for row in result["pairs"]}
    for bits, count in PAIRS.items():
        for number in range(count):
            if (bits, number) not in done:
                share, a, b = operands(bits, number)
                both = {
                    "a b": one_product(trained["multiply"], a, b, bits),
                    "b a": one_product(trained["multiply"], b, a, bits),
                }
                about = {"bits": bits, "number": number, "share_of_ones": share}
                keep("pairs", about | {"a": f"{a:x}", "b": f"{b:x}"} | both)
    done = {(row["weights"], row["length"], row["inputs"]) for row in result["rates"]}
    for name, bits, kind, examples in RATES:
        if (name, bits, kind) not in done:
            t = trained[name]
            score = evaluate(
                t.model, t.task, bits, examples=examples, inputs=kind, seed=17, settings=t.settings
            )
            keep("rates", {"weights": name, **score.as_dict()})


if __name__ == "__main__":
    main()
