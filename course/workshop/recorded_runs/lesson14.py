"""Tapes learned by reward, with lesson 14's own functions: tasks with a memory, and the deep Q-network.

python -m course.workshop.recorded_runs.lesson14            both parts
python -m course.workshop.recorded_runs.lesson14 --part tasks
"""

from __future__ import annotations

from course.workshop.recorded_runs import definitions, make_parts, record_runs

L = definitions("14_by_reward")


def tasks(seeds: int) -> None:
    """Every task and memory of the lesson's CASES, by a table of values and by policy gradient."""
    record_runs(
        "lesson14_tasks",
        "lesson14 --part tasks",
        setting={"steps": 300_000, "episodes": 40_000},
        variants={
            f"{method}: {name}": {"method": method, **case}
            for method in ("table", "gradient")
            for name, case in L["CASES"].items()
        },
        one_run=lambda setting, seed: L["learn_case"](seed, **setting),
        seeds=seeds,
    )


def network(seeds: int) -> None:
    """The deep Q-network on pictures, with and without its two helpers."""
    L["pixels_N"], L["by_digit"], L["held_out"] = L["load_pictures"]()

    def one_run(setting: dict, seed: int) -> dict:
        read = L["deep_q"](seed, **setting)[1]
        return {"read": [round(share, 4) for share in read]}

    record_runs(
        "lesson14_network",
        "lesson14 --part network",
        setting={"steps": 6000},
        variants=L["WAYS"],
        one_run=one_run,
        seeds=seeds,
    )


PARTS = {"tasks": tasks, "network": network}


def main() -> None:
    """Make the parts that are asked for."""
    make_parts(PARTS)


if __name__ == "__main__":
    main()
