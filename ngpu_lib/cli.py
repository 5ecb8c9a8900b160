"""The command line, ``ngpu train | evaluate | card | sweep``: the same functions the lessons call."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from ngpu_lib import pretrained, sweep
from ngpu_lib.arithmetic import Arithmetic
from ngpu_lib.data import load_mnist
from ngpu_lib.evaluate import Score, evaluate
from ngpu_lib.names import suggest
from ngpu_lib.recipes import RECIPES, start
from ngpu_lib.tasks import TASK_NAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for bad input, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        return options.command(options)
    except (ValueError, FloatingPointError, ModuleNotFoundError) as error:
        print(f"ngpu: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ngpu: interrupted; the last checkpoint is intact", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="ngpu", description="Train and evaluate Neural GPUs.")
    commands = top.add_subparsers(required=True, metavar="train | evaluate | card | sweep")

    one = commands.add_parser("train", help="train a task; continues where a checkpoint is")
    one.add_argument("task", help=f"one of {', '.join(RECIPES)}")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--updates", type=int, help="stop after this many updates (default: all)")
    one.add_argument("--maps", type=int, help="maps C of the state")
    one.add_argument("--dropout", type=float, help="fraction that recurrent dropout sets to zero")
    one.add_argument("--precision", choices=["float32", "bfloat16"])
    one.add_argument("--out", type=Path, help="folder (default: runs/TASK-seedN)")
    one.add_argument("--restart", action="store_true", help="forget an earlier checkpoint")
    one.set_defaults(command=train_command)

    two = commands.add_parser("evaluate", help="measure weights; prints one JSON line")
    two.add_argument("task", help=f"one of {', '.join(TASK_NAMES)}")
    two.add_argument("--weights", help="shipped weights by name, or a file (default: the task's)")
    two.add_argument("--length", type=int, required=True, help="digits of one operand, or symbols")
    two.add_argument("--examples", type=int, default=100)
    two.add_argument("--inputs", default="random", help=f"one of {', '.join(Arithmetic.kinds)}")
    two.add_argument("--seed", type=int, default=0, help="seed of the examples")
    two.set_defaults(command=evaluate_command)

    three = commands.add_parser("card", help="measure all figures of a weights file's card anew")
    three.add_argument("weights", help="shipped weights by name, or a file")
    three.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="facts")
    three.add_argument(
        "--figures",
        nargs="+",
        metavar="LENGTH:INPUTS:EXAMPLES",
        help="what to measure (default: what the card has)",
    )
    three.set_defaults(command=card_command)

    four = commands.add_parser(
        "sweep", help="tune, or run many seeds, with any number of processes on one study"
    )
    four.add_argument("task", help=f"mnist, or one of {', '.join(RECIPES)}")
    four.add_argument(
        "--study", help="file, or postgresql://... (default: runs/sweep-TASK.journal)"
    )
    four.add_argument("--trials", type=int, default=0, help="trials of this process (mnist)")
    four.add_argument("--seeds", help="seeds, each run once in all: 0-9 or 0,3,5 (recipes)")
    four.add_argument("--learner", default="", help="name or number: whose trials, and which part")
    four.add_argument("--updates", type=int, help="updates of one trial (default: 300, or all)")
    four.add_argument("--maps", type=int, help="maps C of the state (recipes)")
    four.add_argument("--lengths", type=int, nargs="+", default=[], help="lengths to evaluate at")
    four.add_argument("--examples", type=int, default=100, help="examples at each length")
    four.add_argument("--out", type=Path, default=Path("runs"), help="folder of the checkpoints")
    four.add_argument("--merge", nargs="+", default=[], metavar="FILE", help="add exported trials")
    four.add_argument("--export", type=Path, metavar="FILE", help="write all finished trials")
    four.set_defaults(command=sweep_command)

    for command in (one, two, three, four):
        command.add_argument("--threads", type=int, help="CPU threads (default: half the cores)")
        command.add_argument("--device", default="cpu", help="cpu or cuda")
    return top


def train_command(options: argparse.Namespace) -> int:
    """``ngpu train``: checkpoints, a record a line, and at the end the averaged weights."""
    wished = {name: getattr(options, name) for name in ("maps", "dropout", "precision")}
    changes = {name: value for name, value in wished.items() if value is not None}
    run = start(options.task, seed=options.seed, device=options.device, **changes)
    folder = options.out or Path("runs") / f"{options.task}-seed{options.seed}"
    checkpoint = folder / "checkpoint.safetensors"
    if options.restart:
        checkpoint.unlink(missing_ok=True)
    updates = {} if options.updates is None else {"updates": options.updates}
    records = []
    try:
        for record in run.train(checkpoint, **updates):
            records.append({key: value for key, value in record.items()})
            if record["step"] % 100 == 0:
                _append(folder / "records.jsonl", records)
    finally:
        _append(folder / "records.jsonl", records)
    weights = folder / "weights.safetensors"
    pretrained.store_run(weights, run)
    print(f"averaged weights in {weights}, their card beside them", file=sys.stderr)
    return 0


def _append(path: Path, records: list[dict]) -> None:
    """Add records to a JSON-lines file and forget them; records made twice by a resumed run stay."""
    if records:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            stream.writelines(json.dumps(record) + "\n" for record in records)
        records.clear()


def _measure(
    trained: pretrained.Trained, length: int, inputs: str, examples: int, seed: int
) -> Score:
    """One evaluation with a progress line on stderr."""
    with tqdm(total=examples, unit=" words", desc=f"{inputs} {length}", file=sys.stderr) as line:

        def show(done: int, right: int) -> None:
            line.set_postfix_str(f"{right} right", refresh=False)
            line.update(done - line.n)

        return evaluate(
            trained.model,
            trained.task,
            length,
            examples=examples,
            inputs=inputs,
            seed=seed,
            settings=trained.settings,
            on_progress=show,
        )


def evaluate_command(options: argparse.Namespace) -> int:
    """``ngpu evaluate``: one JSON line on stdout."""
    if options.task not in TASK_NAMES:
        raise ValueError(f"task: got {options.task!r}; {suggest(options.task, TASK_NAMES)}")
    trained = pretrained.load(options.weights or options.task, options.device)
    if trained.task.name != options.task:
        raise ValueError(f"weights: they are for {trained.task.name}, not for {options.task}")
    score = _measure(trained, options.length, options.inputs, options.examples, options.seed)
    print(json.dumps(score.as_dict()))
    return 0


def card_command(options: argparse.Namespace) -> int:
    """``ngpu card``: measure everything a card states and write the card again."""
    trained = pretrained.load(options.weights, options.device)
    card = dict(trained.card)
    for fact in options.facts:
        key, _, value = fact.partition("=")
        card[key] = json.loads(value) if value[:1] in "[{0123456789" else value
    wanted = [figure.split(":") for figure in options.figures or []] or [
        (old["length"], old["inputs"], old["examples"]) for old in card.get("measured", [])
    ]
    if not wanted:
        raise ValueError(
            "figures: got none, and the card has none; needs LENGTH:INPUTS:EXAMPLES ..."
        )
    card["task"] = trained.task.name
    card["measured"] = []
    for length, inputs, examples in wanted:
        score = _measure(trained, int(length), inputs, int(examples), card.get("test_seed", 1))
        card["measured"].append(score.as_dict())
    card["reproduce"] = (
        f"ngpu evaluate {trained.task.name} --length LENGTH --examples EXAMPLES --inputs INPUTS "
        f"--seed {card.get('test_seed', 1)}"
    )
    path = pretrained.locate(options.weights)
    pretrained.write_card(path, card)
    print(f"card in {path.with_suffix('.json')}", file=sys.stderr)
    return 0


def sweep_command(options: argparse.Namespace) -> int:
    """``ngpu sweep``: merge, run, export; the table goes to stderr, one JSON line to stdout."""
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
        setting = sweep.mnist_setting(mnist, options.updates or 300)
        space = sweep.MNIST_SPACE
    else:
        changes = {"maps": options.maps} if options.maps else {}
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
        with _sweep_progress(study, options.trials) as report:
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
        with _sweep_progress(study, len(seeds)) as report:
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
def _sweep_progress(study, count: int) -> Iterator[Callable[[dict], None]]:
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
        found |= set(range(int(first), int(last or first) + 1))
    if not found or len(found) > 10_000:
        raise ValueError(f"seeds: got {text!r}, {len(found)} seeds; needs 1 to 10,000")
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main())
