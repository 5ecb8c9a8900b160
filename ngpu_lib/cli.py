"""The command line, ``ngpu train | evaluate | card``: the same functions the lessons call."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from ngpu_lib import pretrained
from ngpu_lib.evaluate import Score, evaluate
from ngpu_lib.recipes import RECIPES, start
from ngpu_lib.tasks import TASK_NAMES, Arithmetic, suggest
from ngpu_lib.train import write_whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for bad input, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        return options.command(options)
    except (ValueError, FloatingPointError) as error:
        print(f"ngpu: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ngpu: interrupted; the last checkpoint is intact", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="ngpu", description="Train and evaluate Neural GPUs.")
    commands = top.add_subparsers(required=True, metavar="train | evaluate | card")

    one = commands.add_parser("train", help="train a task; continues where a checkpoint is")
    one.add_argument("task", help=f"one of {', '.join(RECIPES)}")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--updates", type=int, help="stop after this many updates (default: all)")
    one.add_argument("--maps", type=int, help="maps C of the state")
    one.add_argument("--keep", type=float, help="share that recurrent dropout keeps")
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

    for command in (one, two, three):
        command.add_argument("--threads", type=int, help="CPU threads (default: all)")
        command.add_argument("--device", default="cpu", help="cpu or cuda")
    return top


def train_command(options: argparse.Namespace) -> int:
    """``ngpu train``: checkpoints, a record a line, and at the end the averaged weights."""
    wished = {name: getattr(options, name) for name in ("maps", "keep", "precision")}
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
    pretrained.store(weights, run.averaged, run.recipe.task, run.recipe.base)
    print(f"averaged weights in {weights}", file=sys.stderr)
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
    path = pretrained.locate(options.weights).with_suffix(".json")
    write_whole(path, (json.dumps(card, indent=1) + "\n").encode())
    print(f"card in {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
