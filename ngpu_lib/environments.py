"""Tapes and a grid to be worked by reward alone: copy, reverse, repeat and sum, for Gymnasium.

A head sees one cell. In each step it may write one symbol of the answer, and then it moves. A right
symbol brings a reward of 1, the first wrong one ends the episode, and nothing else is ever said:

>>> world = TapeWorld("copy", length=3)
>>> world.reset(options={"word": [1, 0, 1]})
(1, {'position': (0, 0), 'written': ()})
>>> right = world.moves.index("right")
>>> world.step(world.action(right, 1))
(0, 1.0, False, False, {'position': (0, 1), 'written': (1,)})
>>> world.step(world.action(right, 1))
(1, 0.0, True, False, {'position': (0, 2), 'written': (1, 1)})

``gymnasium.make("ngpu/Copy-v0", length=3)`` gives the same; so do ``Reverse``, ``Repeat`` and ``Sum``.
This module needs Gymnasium (the extra ``reward``); nothing else in the library imports it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import gymnasium
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from ngpu_lib import require

Row = tuple[int, ...]


def _sum(a: Row, b: Row, base: int) -> Row:
    """The digits of a + b, lowest first, one more than either has."""
    digits, carry = [], 0
    for pair in zip(reversed(a), reversed(b), strict=True):
        carry, digit = divmod(sum(pair) + carry, base)
        digits.append(digit)
    return (*digits, carry)


#: By task: how many rows it has, and the answer to them in the order in which it is to be written.
TASKS: dict[str, tuple[int, Callable[..., Row]]] = {
    "copy": (1, lambda word, base: word),
    "reverse": (1, lambda word, base: word[::-1]),
    "repeat": (1, lambda word, base: word * 2),
    "sum": (2, _sum),
}
MOVES = ("left", "right", "up", "down")
STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


class TapeWorld(gymnasium.Env):
    """A head on a tape (on two rows for sums) that writes an answer symbol by symbol.

        observation = row * (base + 1) + symbol under the head; the symbol ``base`` is the blank
        action      = move * (base + 1) + symbol to write;      writing the blank writes nothing

    One blank cell stands at each end of a row; a move beyond it, or beyond the rows, changes nothing.
    The head begins on the first symbol of the word, for sums on the lowest digit of the first number,
    which stands on the right as on paper. Sums are written from their lowest digit, n + 1 digits.

    Args:
        task: copy, reverse, repeat (the word twice) or sum.
        length: symbols of a word, n >= 1, or a pair (least, most) to draw n from, each as likely.
        base: number of symbols, 2 to 10.
        penalty: what a wrong symbol costs beside the rest of the episode, >= 0.
        render_mode: None, or "ansi": ``render()`` gives the world as text.

    An episode is *terminated* by a wrong symbol or the answer's last one, and *truncated* after
    8 (n + 2) steps. ``reset(options={"word": ...})`` sets the word (for sums two rows of digits).

    Raises:
        ValueError: a task, length, base, word or action that there is not.
        gymnasium.error.ResetNeeded: a step before the first reset or after an episode's end.

    Source: after Zaremba, Mikolov, Joulin, Fergus, arXiv 1511.07275 (a head on a tape or a grid, tasks), and OpenAI
    Gym's algorithmic tasks (rewards for right symbols, a penalty of 0.5). Departures: one action in place
    of three outputs; what is written is learned by reward as well; running out of steps costs nothing.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}

    def __init__(
        self,
        task: str = "copy",
        length: int | tuple[int, int] = 4,
        base: int = 2,
        penalty: float = 0.0,
        render_mode: str | None = None,
    ):
        require.one_of("task", task, tuple(TASKS))
        if render_mode is not None:
            require.one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.task, self.base = task, require.whole("base", base, 2, 10)
        self.penalty = float(require.number("penalty", penalty, 0))
        self.render_mode = render_mode
        self.rows, self._rule = TASKS[task]
        self.moves = MOVES[: 2 * self.rows]
        self.lengths = (0, 0)
        self.set_length(length)
        self.observation_space = spaces.Discrete(self.rows * (base + 1))
        self.action_space = spaces.Discrete(len(self.moves) * (base + 1))
        self.over = True
        self.grid: tuple[Row, ...] = ()

    def set_length(self, length: int | tuple[int, int]) -> None:
        """Draw words of other lengths from the next reset on: a curriculum's one handle."""
        pair = length if isinstance(length, (tuple, list)) else (length, length)
        if len(pair) != 2:
            raise ValueError(f"length: got {length!r}; needs a whole number or (least, most)")
        least = require.whole("length", pair[0], 1)
        self.lengths = least, require.whole("length", pair[1], least)

    def action(self, move: int, symbol: int | None = None) -> int:
        """The number of an action: a move by its place in ``moves``, and a symbol or None."""
        require.whole("move", move, 0, len(self.moves) - 1)
        written = self.base if symbol is None else require.whole("symbol", symbol, 0, self.base)
        return move * (self.base + 1) + written

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """A new word and the head at its start: the first observation, and where things stand."""
        super().reset(seed=seed)
        options = options or {}
        for name in options:
            require.one_of("options", name, ("word",))
        if "word" in options:
            self.grid = self._checked(options["word"])
        else:
            low, high = self.lengths
            n = low if low == high else int(self.np_random.integers(low, high + 1))
            drawn = self.np_random.integers(0, self.base, (self.rows, n)).tolist()
            self.grid = tuple(map(tuple, drawn))
        self.n = len(self.grid[0])
        self.target = self._rule(*self.grid, self.base)
        self.row, self.column = 0, self.n - 1 if self.task == "sum" else 0
        self.written: list[int] = []
        self.time, self.limit, self.over = 0, 8 * (self.n + 2), False
        return self._observe(), self._info()

    def step(self, action: int):
        """Write, then move: observation, reward, terminated, truncated, and where things stand."""
        if self.over:
            raise ResetNeeded("step: the episode is over; needs reset() first")
        if type(action) is not int or not 0 <= action < self.action_space.n:
            action = require.whole("action", action, 0, int(self.action_space.n) - 1)
        move, symbol = divmod(action, self.base + 1)
        reward, terminated = 0.0, False
        if symbol < self.base:
            right = self.target[len(self.written)] == symbol
            self.written.append(symbol)
            reward = 1.0 if right else 0.0 - self.penalty
            terminated = not right or len(self.written) == len(self.target)
        down, along = STEPS[self.moves[move]]
        self.row = min(max(self.row + down, 0), self.rows - 1)
        self.column = min(max(self.column + along, -1), self.n)
        self.time += 1
        truncated = not terminated and self.time >= self.limit
        self.over = terminated or truncated
        return self._observe(), reward, terminated, truncated, self._info()

    def render(self) -> str | None:
        """The rows, the head under its cell, and what is written; None without a render mode."""
        if self.render_mode is None:
            return None
        if not self.grid:
            raise ResetNeeded("render: nothing to show yet; needs reset() first")
        lines = []
        for number, row in enumerate(self.grid):
            lines.append("tape     . " + " ".join(map(str, row)) + " .")
            if number == self.row:
                lines.append(" " * (11 + 2 * self.column) + "^")
        return "\n".join([*lines, "written  " + " ".join(map(str, self.written))]).rstrip()

    def _observe(self) -> int:
        inside = 0 <= self.column < self.n
        symbol = self.grid[self.row][self.column] if inside else self.base
        return self.row * (self.base + 1) + symbol

    def _info(self) -> dict:
        return {"position": (self.row, self.column), "written": tuple(self.written)}

    def _checked(self, word: Sequence) -> tuple[Row, ...]:
        """The rows of a word that was given, as numbers."""
        rows = [word] if self.rows == 1 else require.sequence("word", word, 2)
        rows = [require.sequence("word", row) for row in rows]
        if len(rows) != self.rows or len({len(row) for row in rows}) != 1:
            raise ValueError(
                f"word: got {require.shown(word)}; needs {self.rows} equally long rows"
            )
        return tuple(
            tuple(require.whole("word", symbol, 0, self.base - 1) for symbol in row) for row in rows
        )


#: What a memory may keep: "end" (the end of the row met last: none, left or right), "move" (the last one),
#: "seen" (the symbol of the step before).
KEPT = ("end", "move", "seen")


class Memory(gymnasium.Wrapper):
    """A tape whose agent remembers: what it is told to keep, and a note that it writes to itself.

        observation = (...(note * n1 + first kept) * n2 + ...) * (what the tape shows) + observation
        action      = next note * (what the tape takes) + action;     the first note is 0

    With it a table of choices is a finite automaton that drives a head.

    Args:
        env: a ``TapeWorld``, wrapped or not.
        keeps: names from ``KEPT``, in the order of the observation.
        notes: how many different notes there are, at least 1 (none).

    Raises:
        ValueError: another world, a name that there is not, fewer than one note, or a bad action.

    >>> Memory(TapeWorld("reverse"), ["end"], notes=2)
    <Memory<TapeWorld instance>: 18 observations, 12 actions>
    """

    def __init__(self, env: gymnasium.Env, keeps: Sequence[str] = ("end",), notes: int = 1):
        require.instance("env", env, gymnasium.Env, "a Gymnasium environment")
        self.tape = require.instance("env", env.unwrapped, TapeWorld, "a TapeWorld")
        super().__init__(env)
        self.keeps = tuple(
            require.one_of("keeps", name, KEPT) for name in require.sequence("keeps", keeps, 0)
        )
        self.notes = require.whole("notes", notes, 1)
        self.sizes = {"end": 3, "move": len(self.tape.moves), "seen": self.tape.base + 1}
        self.shown, self.taken = int(env.observation_space.n), int(env.action_space.n)
        kept = math.prod(self.sizes[name] for name in self.keeps)
        self.observation_space = spaces.Discrete(self.notes * kept * self.shown)
        self.action_space = spaces.Discrete(self.notes * self.taken)

    def __repr__(self) -> str:
        counts = f"{self.observation_space.n} observations, {self.action_space.n} actions"
        return f"<Memory{self.env}: {counts}>"

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """As the tape's reset, with the note 0 and nothing met yet."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.note, self.symbol = 0, observation % (self.tape.base + 1)
        self.kept = {"end": 0, "move": 0, "seen": self.tape.base}
        return self._observe(observation), info

    def step(self, action: int):
        """The tape's step, and what is remembered of it."""
        if type(action) is not int or not 0 <= action < self.action_space.n:
            action = require.whole("action", action, 0, int(self.action_space.n) - 1)
        self.note, action = divmod(action, self.taken)
        observation, *outcome, info = self.env.step(action)
        self.kept["move"] = action // (self.tape.base + 1)
        self.kept["seen"] = self.symbol
        self.symbol = observation % (self.tape.base + 1)
        if self.symbol == self.tape.base:
            self.kept["end"] = 1 if self.tape.column < 0 else 2
        return (self._observe(observation), *outcome, info)

    def _observe(self, observation: int) -> int:
        place = self.note
        for name in self.keeps:
            place = place * self.sizes[name] + self.kept[name]
        return place * self.shown + observation


for _task in TASKS:
    gymnasium.register(
        id=f"ngpu/{_task.title()}-v0",
        entry_point="ngpu_lib.environments:TapeWorld",
        kwargs={"task": _task},
    )
