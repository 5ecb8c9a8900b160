"""Five memories on two tasks, over seeds, with lesson 05's own functions: some five seconds of a core a run.

python -m course.workshop.recorded_runs.lesson05 --seeds 3
"""

from __future__ import annotations

from course.workshop.recorded_runs import definitions, options, record_runs

L = definitions("05_gates")
SETTING = {"updates": 300, "gap": 20, "hidden": 32}
VARIANTS = {
    f"{task}, {kind}": {"task": task, "kind": kind} for task in L["TASKS"] for kind in L["MEMORIES"]
}


def one_run(setting: dict, seed: int) -> dict:
    """Train one memory; its loss relative to guessing."""
    loss = float(L["last_loss"](setting["task"], setting["kind"], seed, setting["updates"]))
    return {"loss": round(loss, 4)}


def main() -> None:
    given = options(seeds=3)
    record_runs(
        "lesson05_memories", "lesson05", setting=SETTING, variants=VARIANTS, one_run=one_run,
        seeds=given.seeds, out=given.out,
    )  # fmt: skip


if __name__ == "__main__":
    main()
