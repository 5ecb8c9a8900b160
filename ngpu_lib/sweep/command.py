"""``ngpu sweep``: merge, run, export; the table goes to stderr, one JSON line to stdout."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial

from tqdm import tqdm

from ngpu_lib import sweep
from ngpu_lib.data import load_mnist


def run(options: argparse.Namespace) -> int:
    """One call of the command, with its options as ngpu_lib.cli has read them; the exit status."""
    tuning = options.task == "mnist"
    misplaced = {"seeds": options.seeds, "maps": options.maps} if tuning else {}
    misplaced |= {} if tuning else {"trials": options.trials}
    for name, value in misplaced.items():
        if value:
            needs = "--trials" if tuning else "--seeds, or ngpu sweep mnist"
            raise ValueError(f"{name}: got {value}; {options.task} has none, it needs {needs}")
    if tuning:
        with redirect_stdout(sys.stderr):  # stdout is for the result alone
            mnist = load_mnist(progress=False)
        setting = sweep.mnist_setting(mnist, 300 if options.updates is None else options.updates)
        space = sweep.MNIST_SPACE
    else:
        changes = {} if options.maps is None else {"maps": options.maps}
        setting = sweep.recipe_setting(
            options.task,
            updates=options.updates,
            lengths=options.lengths,
            examples=options.examples,
            **changes,
        )
        space = sweep.SEED_SPACE
    study = sweep.open_study(
        options.study or f"runs/sweep-{options.task}.journal", options.task, setting
    )
    for path in options.merge:
        new, known = sweep.merge(study, space, sweep.read(path), source=path)
        print(f"{path}: {new} trials added, {known} known already", file=sys.stderr)
    if tuning:
        fixed = sweep.part_of(options.learner) if options.learner else {}
        if fixed:
            print(f"{options.learner} tunes the part {fixed}", file=sys.stderr)
        with _progress(study, options.trials) as report:
            new = sweep.search(
                study,
                space,
                partial(
                    sweep.mnist_trial,
                    mnist=mnist,
                    updates=setting["updates"],
                    device=options.device,
                ),
                trials=options.trials,
                fixed=fixed,
                learner=options.learner,
                report=report,
            )
    else:
        seeds = numbers(options.seeds) if options.seeds else []
        new = []
        with _progress(study, len(seeds)) as report:
            if seeds:
                trial = partial(
                    sweep.recipe_trial,
                    task=options.task,
                    setting=setting,
                    folder=options.out,
                    device=options.device,
                )
                new = sweep.search_seeds(
                    study, trial, seeds, learner=options.learner, report=report
                )
    found = sweep.rows(study)
    result = {"task": options.task, "finished": len(found), "new": len(new)}
    if tuning:
        shown = sweep.leaderboard(found)
    else:
        shown = sorted(found, key=lambda row: row["params"]["seed"])
        done = {row["params"]["seed"] for row in found}
        result["unfinished"] = [seed for seed in seeds if seed not in done]
        if result["unfinished"]:
            print(
                f"seeds {result['unfinished']} are being run by others; what they lose, the same "
                f"command does again {sweep.GRACE:.0f} s later",
                file=sys.stderr,
            )
    if options.export:
        result["exported"] = sweep.export(study, options.export)
    print(sweep.table(shown), file=sys.stderr)
    print(json.dumps({**result, "best": (sweep.leaderboard(found, 1) or [None])[0]}))
    return 0


@contextmanager
def _progress(study, count: int) -> Iterator[Callable[[dict], None]]:
    """A progress line with the best value so far, whoever found it."""
    best = max((row["value"] for row in sweep.rows(study)), default=float("-inf"))
    with tqdm(total=count, unit=" trials", file=sys.stderr, disable=not count) as line:

        def report(row: dict) -> None:
            nonlocal best
            best = max(best, study.best_value, row["value"])
            line.set_postfix_str(f"last {row['value']:.4g}, best {best:.4g}", refresh=False)
            line.update()

        yield report


def numbers(text: str) -> list[int]:
    """The whole numbers that a text like "0-9" or "0,3,5" names.

    Raises:
        ValueError: another text.

    >>> numbers("0-3,7")
    [0, 1, 2, 3, 7]
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
            raise ValueError(f"seeds: got {text!r}; needs numbers like 0-9 or 0,3,5")
        some = range(int(first), int(last or first) + 1)
        found |= set(some[:10_001])
    if not found or len(found) > 10_000:
        raise ValueError(f"seeds: got {text!r}, {len(found)} seeds; needs 1 to 10,000")
    return sorted(found)
