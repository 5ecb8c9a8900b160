"""The command line, ``ngpu train | evaluate | card | sweep | submit | collect``: the functions the lessons call."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from ngpu_lib import pretrained, ranks, require
from ngpu_lib.arithmetic import Arithmetic
from ngpu_lib.evaluate import Score, evaluate
from ngpu_lib.names import suggest
from ngpu_lib.recipes import RECIPES, start
from ngpu_lib.tasks import TASK_NAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for bad input, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        if options.threads is not None:
            torch.set_num_threads(require.whole("threads", options.threads, 1, 1024))
        return options.command(options)
    except (ValueError, FloatingPointError, ModuleNotFoundError, OSError) as error:
        print(f"ngpu: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ngpu: interrupted; the last checkpoint is intact", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="ngpu", description="Train and evaluate Neural GPUs.")
    commands = top.add_subparsers(
        required=True, metavar="train | evaluate | card | sweep | submit | collect"
    )

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

    five = commands.add_parser("collect", help="what a class handed in: printed, --csv, --html")
    five.add_argument("files", nargs="+", help="hand-ins, or folders with them")
    five.add_argument("--csv", type=Path, metavar="FILE", help="write a sheet")
    five.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    five.set_defaults(command=collect_command, threads=None)

    six = commands.add_parser("submit", help="seeds of a recipe as jobs of a SLURM array")
    six.add_argument("task", help=f"one of {', '.join(RECIPES)}")
    six.add_argument("--seeds", default="0-4", help="one job each: 0-9 or 0,3,5")
    six.add_argument("--updates", type=int, help="stop after this many updates (default: all)")
    six.add_argument("--out", type=Path, default=Path("runs"), help="folder of runs and logs")
    six.add_argument("--minutes", type=int, default=60, help="of one job")
    six.add_argument("--cores", type=int, default=2, help="of one job")
    six.add_argument("--partition", help="of the cluster, if it has several")
    six.add_argument("--place", default="slurm", help="slurm, or local: here, all at once")
    six.set_defaults(command=submit_command, threads=None)

    for command in (one, two, three, four):
        command.add_argument("--threads", type=int, help="CPU threads (default: half the cores)")
        command.add_argument("--device", default="cpu", help="cpu or cuda")
    return top


def train_command(options: argparse.Namespace) -> int:
    """``ngpu train``: checkpoints, a record a line, and at the end the averaged weights."""
    with ranks.join(options.device) as together:
        return _train(options, together)


def _train(options: argparse.Namespace, together: ranks.Ranks | None) -> int:
    """Train alone (``together`` is None) or as one of several ranks, of which the first writes."""
    wished = {name: getattr(options, name) for name in ("maps", "dropout", "precision")}
    changes = {name: value for name, value in wished.items() if value is not None}
    device = options.device if together is None else together.device
    run = start(options.task, seed=options.seed, device=device, **changes)
    folder = options.out or Path("runs") / f"{options.task}-seed{options.seed}"
    checkpoint = folder / "checkpoint.safetensors"
    writes = together is None or together.writes
    if options.restart and writes:
        checkpoint.unlink(missing_ok=True)
    if together is not None:
        together.wait()  # nobody reads what the first is about to forget
    updates = {} if options.updates is None else {"updates": options.updates}
    records = []
    try:
        for record in run.train(checkpoint, together, **updates):
            if writes:
                records.append({key: value for key, value in record.items()})
            if record["step"] % 100 == 0:
                _append(folder / "records.jsonl", records)
    finally:
        _append(folder / "records.jsonl", records)
    if not writes:
        return 0
    place = folder / "weights.safetensors"
    weights = pretrained.store_run(place, run)
    print(f"averaged weights in {weights}, their card beside them", file=sys.stderr)
    if weights != place:
        print(f"{place} stays: measured as its card was, these have no more right", file=sys.stderr)
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
        try:
            card[key] = json.loads(value) if value[:1] in "[{0123456789" else value
        except ValueError as error:
            raise ValueError(f"set: got {fact!r}; needs KEY=VALUE ({error})") from None
    wanted = [figure_of(text) for text in options.figures or []] or [
        (old["length"], old["inputs"], old["examples"]) for old in card.get("measured", [])
    ]
    if not wanted:
        raise ValueError(
            "figures: got none, and the card has none; needs LENGTH:INPUTS:EXAMPLES ..."
        )
    card["task"] = trained.task.name
    card["measured"] = []
    for length, inputs, examples in wanted:
        score = _measure(trained, length, inputs, examples, card.get("test_seed", 1))
        card["measured"].append(score.as_dict())
    path, name = pretrained.locate(options.weights), trained.task.name
    which = "" if path.stem == name else f" --weights {options.weights}"
    card["reproduce"] = (
        f"ngpu evaluate {name}{which} --length LENGTH --examples EXAMPLES --inputs INPUTS "
        f"--seed {card.get('test_seed', 1)}"
    )
    pretrained.write_card(path, card)
    print(f"card in {path.with_suffix('.json')}", file=sys.stderr)
    return 0


def sweep_command(options: argparse.Namespace) -> int:
    """``ngpu sweep``: see sweep/command.py."""
    from ngpu_lib.sweep import command

    return command.run(options)


def submit_command(options: argparse.Namespace) -> int:
    """``ngpu submit``: the numbers of the jobs; where they run here, their end is waited for."""
    from ngpu_lib import cluster
    from ngpu_lib.sweep.command import numbers

    seeds = numbers(options.seeds)
    more = [] if options.updates is None else [f"--updates={options.updates}"]
    names = ("minutes", "cores", "partition", "place")
    wished = {name: getattr(options, name) for name in names}
    jobs = cluster.submit(options.task, seeds, folder=options.out, more=more, **wished)
    for seed, job in zip(seeds, jobs, strict=True):
        print(f"seed {seed}: job {job.job_id}, log {job.paths.stderr}")
    if options.place == "local":
        cluster.wait(jobs, seeds)
    return 0


def collect_command(options: argparse.Namespace) -> int:
    """``ngpu collect``: the class on stdout, and as files where asked for."""
    from ngpu_lib import collect

    found = collect.read_all(options.files)
    try:
        for path, write in ((options.csv, collect.write_csv), (options.html, collect.write_html)):
            if path is not None:
                try:
                    write(found, path)
                except OSError as error:
                    raise ValueError(f"{path}: cannot be written ({error.strerror})") from None
                print(f"wrote {path}", file=sys.stderr)
    finally:  # whoever reads may stop early (`| head`): the files are there by then
        print(collect.as_text(found))
    return 0


def figure_of(text: str) -> tuple[int, str, int]:
    """Length, inputs and examples of a figure to measure.

    >>> figure_of("20:carries:100")
    (20, 'carries', 100)
    """
    parts = text.split(":")
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[2].isdecimal()):
        raise ValueError(
            f"figures: got {text!r}; needs LENGTH:INPUTS:EXAMPLES, such as 20:random:100"
        )
    return int(parts[0]), parts[1], int(parts[2])


if __name__ == "__main__":
    sys.exit(main())
