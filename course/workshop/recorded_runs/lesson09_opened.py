"""Lesson 09, the opened machine: when mistakes begin, dialects of one product, all products of small numbers.

python -m course.workshop.recorded_runs.lesson09_opened

Some 15 minutes of one core without the last part (``--bits 10``: twenty minutes, every product of two 10-bit
numbers by the second multiplier). Resumable: the file is written after every product, pair, or sixteen rows
of the table.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course.workshop.recorded_runs import PACKAGE, definitions, options
from ngpu_lib import pretrained, recorded
from ngpu_lib.evaluate import signed_terms
from ngpu_lib.files import write_whole
from ngpu_lib.losses import answers

NAME = "lesson09_opened"
#: The five ways to ask for one product: which factors are doubled, and whether they are swapped.
DIALECTS = {
    "a·b": (1, 1, 0),
    "b·a": (1, 1, 1),
    "2a·b": (2, 1, 0),
    "a·2b": (1, 2, 0),
    "2b·a": (1, 2, 1),
}
PAIRS, BITS, SHARE_OF_ONES = 60, 200, 0.9
#: Operands that need a carry through half the tape in the last moment, and some long ones drawn at random.
LATE_BITS = (14, 20, 40, 100)


def ask(trained: pretrained.Trained, a: int, b: int, bits: int, extra_steps: int = 8) -> int | None:
    """The network's product of two numbers written with ``bits`` bits."""
    batch = trained.task.batch([trained.task.encode(a, b, bits)])
    return trained.task.value(answers(trained.model, batch, extra_steps=extra_steps)[0].tolist())


def off(found: int | None, a: int, b: int) -> list | None:
    """Signed terms of an answer minus the truth; None for an answer that is no number."""
    return None if found is None else [list(term) for term in signed_terms(found - a * b)]


def readings(trained: pretrained.Trained, reader, a: int, b: int, bits: int) -> torch.Tensor:
    """The reader's digit of every column after every step, (T + 1, L) True or False."""
    inputs_BL = torch.tensor([trained.task.encode(a, b, bits)])
    model, valid_BL = trained.model, torch.ones_like(inputs_BL, dtype=torch.bool)
    with torch.no_grad():
        state, _ = model.embed(inputs_BL, valid_BL, 0.0)
        read = [reader(state.numpy())]
        for _ in range(inputs_BL.shape[1] + trained.settings["extra_steps"]):
            state, _ = model.step(state, valid_BL, 0.0, 0.0)
            read.append(reader(state.numpy()))
    return torch.tensor(np.array(read))[:, 0]


def settles(read_TL: torch.Tensor, place: int, bits: int) -> int:
    """The step from which the reading of a column stays what it is in the end.

    A column is read from its first product on, at every other step, when one has just arrived there.
    """
    steps = range(bits + 2 + place - 2 * min(place, bits - 1), len(read_TL), 2)
    last = bool(read_TL[steps[-1], place])
    return max((t + 2 for t in steps if bool(read_TL[t, place]) != last), default=steps[0])


def slips(trained: pretrained.Trained, asked: list, keep, done: set) -> None:
    """Wrong products of ``lesson09_mistakes`` and of the first pairs asked, and late carries, step by step."""
    lesson = definitions("09_multiplication")
    reader = lesson["digit_reader"](trained, 10)
    known = [
        (pair["bits"], int(pair[x], 16), int(pair[y], 16))
        for pair in recorded.load("lesson09_mistakes")["pairs"]
        for x, y, way in (("a", "b", "a b"), ("b", "a", "b a"))
        if pair[way]["terms"] and pair["bits"] <= 400
    ]
    known += [
        (BITS, int(row[x], 16), int(row[y], 16))
        for row in asked[:20]
        for x, y, way in (("a", "b", "a·b"), ("b", "a", "b·a"))
        if row["terms"][way]
    ]
    late = [(n, *pair) for n in LATE_BITS for pair in ((2**n - 1, 2 ** (n - 1) + 1),)]
    late += [(n, b, a) for n, a, b in late]
    for bits, a, b in late + known:
        if (bits, f"{a:x}", f"{b:x}") in done:
            continue
        read_TL = readings(trained, reader, a, b, bits)
        terms = off(ask(trained, a, b, bits), a, b)
        if not terms:
            continue
        more = off(ask(trained, a, b, bits, extra_steps=bits), a, b)
        steps = [settles(read_TL, k, bits) for _, k in terms]
        keep(
            "wrong",
            dict(bits=bits, a=f"{a:x}", b=f"{b:x}", terms=terms, steps=steps, with_more_steps=more),
        )


def dialects(trained: pretrained.Trained, keep, done: set) -> None:
    """One pair of numbers after the other, asked for in every dialect: signed terms of each answer."""
    for number in range(PAIRS):
        if number in done:
            continue
        rng = random.Random(f"dialects {number}")
        a, b = (sum((rng.random() < SHARE_OF_ONES) << k for k in range(BITS)) for _ in range(2))
        found = {}
        for name, (first, second, swapped) in DIALECTS.items():
            x, y = (second * b, first * a) if swapped else (first * a, second * b)
            answer = ask(trained, x, y, BITS + (first * second > 1))
            found[name] = None if answer is None else off(answer // (first * second), a, b)
        keep("dialects", {"number": number, "a": f"{a:x}", "b": f"{b:x}", "terms": found})


def every_product(trained: pretrained.Trained, bits: int, table: dict[str, Any], save) -> None:
    """All products of two ``bits``-bit numbers: how many were tried, and which were wrong."""
    size = 2**bits
    for a in range(table["rows"], size):
        for first in range(0, size, 64):  # as many as a processor's cache holds
            batch = trained.task.batch(
                [trained.task.encode(a, b, bits) for b in range(first, min(first + 64, size))]
            )
            wrong_B = (trained.answers(batch) != batch.targets_BL).any(1)
            table["wrong"] += [[a, first + int(k)] for k in wrong_B.nonzero()[:, 0]]
        table["rows"] = a + 1
        if a % 16 == 15:
            save()
            print(f"{bits} bits: {a + 1} of {size} rows, {len(table['wrong'])} wrong", flush=True)


def main() -> None:
    given = options(bits=0)
    out: Path = given.out or recorded.FOLDER / f"{NAME}.json"
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "command": f"python -m {PACKAGE}.{NAME}",
        "wrong": [],
        "dialects": [],
        "all": {},
    }
    if out.exists():
        result = json.loads(out.read_text("utf-8"))
    trained = pretrained.load("multiply")
    result |= {
        "weights_sha256": trained.card["weights_sha256"],
        "bits": BITS,
        "share_of_ones": SHARE_OF_ONES,
    }

    def save() -> None:
        write_whole(out, (json.dumps(result) + "\n").encode())

    def keep(part: str, entry: dict) -> None:
        result[part].append(entry)
        save()
        print(str(entry)[-300:], flush=True)

    if given.bits == 0:
        dialects(trained, keep, {row["number"] for row in result["dialects"]})
        slips(
            trained,
            result["dialects"],
            keep,
            {(row["bits"], row["a"], row["b"]) for row in result["wrong"]},
        )
    if given.bits:
        second = pretrained.load("multiply-pushed")
        fresh = {"weights_sha256": second.card["weights_sha256"], "rows": 0, "wrong": []}
        every_product(second, given.bits, result["all"].setdefault(str(given.bits), fresh), save)


if __name__ == "__main__":
    main()
