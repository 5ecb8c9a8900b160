"""What lesson 06 shows over several seeds, with the lesson's own functions: 8 to 30 seconds of a core a run.

python -m course.workshop.recorded_runs.lesson06 --part copy
"""

from __future__ import annotations

import argparse

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


#: File: what makes one run, seeds, setting, variants.
PARTS = {
    "copy": (copy, 10, {}, {"the recipe": {}}),
    "without": (copy, 5, {}, {"no 'here is a vector'": {"flag": False}, "128 rows in training": {"rows": 128}}),
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
