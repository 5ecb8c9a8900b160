"""The bit 40 steps back, given time: lesson 04's own training, over seeds; some ten seconds of a core a run.

python -m course.workshop.recorded_runs.lesson04 --seeds 5
"""

from __future__ import annotations

from course.workshop.recorded_runs import definitions, options, record_runs

L = definitions("04_vanishing_gradients")
L["device"] = "cpu"  # the lesson sets it in its set-up cell
SETTING = {"kind": L["DEFAULT"], "gap": 40, "noise": 0.3, "updates": 1000}
VARIANTS = {
    "noise": {},
    "no noise": {"noise": 0.0},
}


def one_run(setting: dict, seed: int) -> dict:
    """The share of right answers along one training, every ten updates."""
    right = L["learn"](seed=seed, **setting)
    return {"right": [round(float(share), 3) for share in right]}


def main() -> None:
    given = options(seeds=5)
    record_runs(
        "lesson04_gap", "lesson04", setting=SETTING, variants=VARIANTS, one_run=one_run,
        seeds=given.seeds, out=given.out,
    )  # fmt: skip


if __name__ == "__main__":
    main()
