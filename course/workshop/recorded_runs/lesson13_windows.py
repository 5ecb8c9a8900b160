"""Lesson 13: a GRU that learns from windows of two steps, with and without a guess at their edge.

python -m course.workshop.recorded_runs.lesson13_windows --seeds 5

Some five minutes of one core; the functions are the lesson's own.
"""

from __future__ import annotations

from course.workshop.recorded_runs import definitions, options, record_runs

NAME = "lesson13_windows"
VARIANTS = {
    f"{delay} steps ago, {words}": {"delay": delay, "guessing": guessing}
    for delay in (3, 4)
    for words, guessing in (("no guess", False), ("with a guess", True))
}


def main() -> None:
    given = options()
    recall = definitions("13_many_machines")["recall"]

    def one_run(setting, seed):
        return {"shares": recall(seed, setting["delay"], setting["guessing"])}

    record_runs(
        NAME,
        NAME,
        setting={"updates": 4000, "window": 2, "units": 48},
        variants=VARIANTS,
        one_run=one_run,
        seeds=given.seeds,
        out=given.out,
    )


if __name__ == "__main__":
    main()
