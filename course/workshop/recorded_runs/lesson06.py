"""What lesson 06 shows over several seeds, with the lesson's own functions: 8 to 30 seconds of a core a run.

python -m course.workshop.recorded_runs.lesson06 --part copy
"""

from __future__ import annotations

import argparse

import torch

from course.workshop.recorded_runs import definitions, record_runs

L = definitions("06_ntm")


def copy(setting: dict, seed: int) -> dict:
    """One run of the recipe, and what it copies beyond its lengths."""
    options = {k: setting[k] for k in ("rows", "flag") if k in setting}
    model, losses, seconds = L["train_copier"](seed, **options)
    tested = L["OnRows"](model, 128, options.get("flag", True))
    right = {n: L["share_right"](tested, n, 8) for n in (20, 40, 80, 120)}
    zero = {
        name: L["share_right"](tested, 20, 8, zero=name == "a zero vector")
        for name in ("a zero vector", "none")
    }
    return {
        "updates": len(losses),
        "seconds": round(seconds, 1),
        "no_errors_1_to_20": L["no_errors"](tested),
        "right": right,
        "at 20 with": zero,
        "sequences": list(right.values()),
    }


def gru(setting: dict, seed: int) -> dict:
    """The GRU of section 1: the shares of bit sequences copied, at lengths 1 to 16."""
    marks = setting["marks"]
    right = L["gru_curve"](setting["hidden"], seed, marks)
    return {"right": {mark: part for mark, part in zip(map(str, marks), right, strict=True)}}


SIZES = L["SIZES"]


def repeat(setting: dict, seed: int) -> dict:
    """One training on repeat copy: right answers by length and rounds, and both heads' rows on one sequence."""
    model, losses = L["train_repeater"](seed, setting["updates"])
    right = L["repeats_right"]
    heads, length, times = [], 4, 3
    with torch.no_grad():
        inputs_BTI, _ = L["repeat_copy"](L["random_bits"](1, length, 1), times)
        model(inputs_BTI, rows=256, trace=heads)
    return {
        "loss": [round(sum(losses[k : k + 50]) / 50, 5) for k in range(0, len(losses), 50)],
        "right": [[right(model, length, times) for times in SIZES] for length in SIZES],
        "heads": [part["w"][0].argmax(-1).tolist() for part in heads],
        "sequences": [right(model, 5, 5), right(model, 10, 5), right(model, 5, 10)],
    }


#: File: what makes one run, seeds, setting, variants.
PARTS = {
    "copy": (copy, 10, {}, {"the recipe": {}}),
    "without": (copy, 5, {}, {"no 'here is a vector'": {"flag": False}, "128 rows in training": {"rows": 128}}),
    "gru": (gru, 3, {"hidden": 16, "marks": [600, 3000]}, {"16 units": {}}),
    "repeat": (repeat, 1, {"updates": 2000}, {"1 to 5 vectors, 1 to 5 times": {}}),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append")
    for part in parser.parse_args().part or PARTS:
        one_run, seeds, setting, variants = PARTS[part]
        record_runs(
            f"lesson06_{part}", f"lesson06 --part {part}",
            setting=setting, variants=variants, one_run=one_run, seeds=seeds,
        )  # fmt: skip


if __name__ == "__main__":
    main()
