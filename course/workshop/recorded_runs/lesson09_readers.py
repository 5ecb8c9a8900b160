"""Linear readers of the multiplier's cells: which input digit passes here? Seconds of one core.

python -m course.workshop.recorded_runs.lesson09_readers

One reader for each way a digit may go (left, right, or staying): the same 96 weights and a constant for
every cell and every step, fitted by least squares to +1 and -1 where the digit that would be there is 1 or 0.
Fitted and used only where news from the separator, one cell a step, has not arrived yet or has arrived at most
LATE steps ago: behind that front the two numbers meet, and no such reader is right. Tried on fresh numbers of
other lengths: which share of the readings is right, by how many steps late. Behind the front one more reader finds the
digit that a column has come to so far, wherever a product of two digits has just arrived (lesson 09 says where).
"""

from __future__ import annotations

import json

import torch

from course.workshop.recorded_runs import PACKAGE, definitions, options
from ngpu_lib import pretrained, recorded
from ngpu_lib.files import write_whole

NAME = "lesson09_readers"
#: How far a digit moves in a step.
MOVES = {"left": -1, "stays": 0, "right": 1}
FITTED_ON, TRIED_ON = {12: 60, 20: 40}, {8: 40, 16: 30, 40: 10}
LATE, RIDGE = range(-1, 5), 0.1


def states_and_targets(trained, bits: int, examples: int, seed: int) -> dict:
    """States (B, T, L, C + 1), a constant the last; each reader's targets (B, T, L), 0 for none; steps late (T, L)."""
    batch = trained.task.sample(examples, bits, torch.Generator().manual_seed(seed))
    trace: list[dict] = []
    with torch.no_grad():
        trained.model(batch.inputs_BL, trace=trace, **trained.settings)
    state_BTLC = torch.stack([record["state"] for record in trace], 1).permute(0, 1, 3, 2)
    size, steps, length, _ = state_BTLC.shape
    ones = torch.ones(size, steps, length, 1)
    cell_L, step_T1 = torch.arange(length), torch.arange(steps)[:, None]
    found = {
        "states": torch.cat([state_BTLC, ones], -1).double(),
        "late": step_T1 - (cell_L - bits).abs()[None],
    }
    sign_BL = (batch.inputs_BL == 2).double() - (batch.inputs_BL == 1).double()
    for name, move in MOVES.items():
        source_TL = cell_L[None] - move * step_T1
        there_TL = (source_TL >= 0) & (source_TL < length)
        found[name] = sign_BL[:, source_TL.clamp(0, length - 1)] * there_TL
    return found


def rows(data: dict, name: str, where_TL: torch.Tensor):
    """A reader's states and targets in a part of space and time, where there is something to read."""
    target = data[name][:, where_TL].flatten()
    states = data["states"][:, where_TL].flatten(0, 1)
    return states[target != 0], target[target != 0]


def column_reader(trained) -> tuple[torch.Tensor, dict[int, float]]:
    """The reader of a column's digit, fitted on 12-bit products, and its shares of right readings by length."""
    lesson = definitions("09_multiplication")
    where, found = {}, {}
    for bits, pairs in ((12, 200), (8, 60), (16, 40), (40, 10)):
        pairs = lesson["some_pairs"](bits, pairs, seed=bits)
        states = lesson["states_of"](trained, pairs, bits)
        at, digits = lesson["expected"](pairs, bits, len(states) - 1)["digit of the column"]
        where[bits] = states[at].reshape(-1, states.shape[-1]), digits[at].ravel()
    weights = lesson["fit"](*where.pop(12))
    for bits, (states, digits) in where.items():
        found[bits] = round(float(((lesson["read"](weights, states) > 0) == digits).mean()), 4)
    return torch.tensor(weights), found


def until(tried: list[dict], name: str) -> int:
    """The last step, counted from the front's arrival, at which every reading so far was right, at all lengths."""
    wrong = [row["late"] for row in tried if row["reader"] == name and row["right"] < 1]
    return min(wrong, default=max(LATE) + 1) - 1


def main() -> None:
    given = options()
    trained = pretrained.load("multiply")
    width, readers, tried = trained.model.maps + 1, {}, []
    fitted = [states_and_targets(trained, *pair, seed=0) for pair in FITTED_ON.items()]
    for name in MOVES:
        square, side = RIDGE * torch.eye(width).double(), 0.0
        for data in fitted:
            states, target = rows(data, name, data["late"] <= 0)
            square, side = square + states.T @ states, side + states.T @ target
        readers[name] = torch.linalg.solve(square, side)
    for bits, examples in TRIED_ON.items():
        data = states_and_targets(trained, bits, examples, seed=1)
        for name, weights in readers.items():
            for late in LATE:
                where = data["late"] == late
                states, target = rows(data, name, where)
                if len(target):
                    right = float(((states @ weights).sign() == target).double().mean())
                    tried.append(dict(bits=bits, reader=name, late=late, right=round(right, 4)))
        print([row for row in tried if row["bits"] == bits])
    column, column_right = column_reader(trained)
    print(column_right)
    result = {
        "command": f"python -m {PACKAGE}.lesson09_readers",
        "weights": "multiply",
        "readers": [
            {
                "name": name,
                "move": move,
                "until": until(tried, name),
                "weights": [round(float(w), 5) for w in readers[name]],
            }
            for name, move in MOVES.items()
        ],
        "tried": tried,
        "column": {
            "name": "column",
            "move": 0,
            "until": None,
            "kind": 6,
            "weights": [round(float(w), 5) for w in column],
        },
        "column tried": column_right,
    }
    write_whole(given.out or recorded.FOLDER / f"{NAME}.json", json.dumps(result).encode())


if __name__ == "__main__":
    main()
