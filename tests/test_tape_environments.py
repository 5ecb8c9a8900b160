"""Tapes worked by reward: Gymnasium's own checks, an independent oracle, the page's rule, and bad input."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import warnings
from pathlib import Path

import gymnasium
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import ngpu_lib.widgets
from ngpu_lib.environments import TASKS, Memory, TapeWorld
from ngpu_lib.tasks import make_task
from ngpu_lib.widgets import TapeDrive


def program(task: str, rows) -> list[tuple[str, int | None]]:
    """What a clerk does with pencil and paper: moves and symbols, written apart from the rule."""
    word, n = rows[0], len(rows[0])
    forth = [("right", None)] * n
    if task == "copy":
        return [("right", s) for s in word]
    if task == "reverse":
        return [*forth, ("left", None), *(("left", s) for s in reversed(word))]
    if task == "repeat":
        once = [("right", s) for s in word]
        return [*once, *[("left", None)] * (n + 1), ("right", None), *once]
    base, steps, carry = 10, [], 0
    for a, b in zip(reversed(rows[0]), reversed(rows[1]), strict=True):
        steps += [("down", None), ("up", None), ("left", (a + b + carry) % base)]
        carry = (a + b + carry) // base
    return [*steps, ("left", carry)]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.filterwarnings("error")
def test_gymnasium_finds_no_fault(task):
    world = gymnasium.make(f"ngpu/{task.title()}-v0", length=(1, 5), render_mode="ansi")
    check_env(world.unwrapped)
    assert world.unwrapped.task == task


def test_gymnasium_finds_no_fault_in_a_memory():
    for keeps, notes in ((["end"], 1), (["move", "seen"], 2), ([], 3)):
        world = Memory(TapeWorld("sum", length=(1, 3)), keeps, notes)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*different from the unwrapped version.*")
            warnings.filterwarnings("ignore", message=".*not.*registered|.*spec.*")
            check_env(world, skip_render_check=True)


@pytest.mark.parametrize("task", TASKS)
def test_a_clerks_program_is_paid_for_every_symbol(task):
    world = TapeWorld(task, length=(1, 7), base=10)
    for seed in range(20):
        world.reset(seed=seed)
        paid = []
        for move, symbol in program(task, world.grid):
            _, reward, over, cut, info = world.step(world.action(world.moves.index(move), symbol))
            paid += [reward] if symbol is not None else []
            assert not cut and (symbol is not None or reward == 0)
        assert over and paid == [1.0] * len(world.target) and info["written"] == world.target


@pytest.mark.parametrize("task", ["copy", "reverse"])
def test_answers_are_those_of_the_courses_tasks(task):
    world, oracle = TapeWorld(task, 6, base=8), make_task(task, 8)
    for seed in range(10):
        world.reset(seed=seed)
        word = tuple(symbol + 1 for symbol in world.grid[0])
        assert tuple(symbol + 1 for symbol in world.target) == oracle.oracle(word)


def test_sums_and_repeats_by_other_means():
    world = TapeWorld("sum", 9, base=10)
    for seed in range(10):
        world.reset(seed=seed)
        a, b = (int("".join(map(str, row))) for row in world.grid)
        assert int("".join(map(str, reversed(world.target)))) == a + b
    world = TapeWorld("repeat", 3)
    world.reset(options={"word": (1, 0, 0)})
    assert world.target == (1, 0, 0, 1, 0, 0)


def test_a_wrong_symbol_ends_and_may_cost():
    for penalty in (0.0, 0.5):
        world = TapeWorld("copy", penalty=penalty)
        world.reset(options={"word": [1, 0]})
        assert world.step(world.action(1, 0))[1:4] == (-penalty, True, False)


def test_an_idle_head_is_cut_off_and_stays_on_the_tape():
    world = TapeWorld("reverse", 3)
    for move, column in ((0, -1), (1, 3)):
        world.reset(seed=0)
        for step in range(8 * 5):
            seen, reward, over, cut, info = world.step(world.action(move))
            assert not over and cut == (step == 8 * 5 - 1) and reward == 0
        assert info["position"] == (0, column) and seen == world.base


def test_what_is_drawn():
    world = TapeWorld("sum", base=10, render_mode="ansi")
    world.reset(options={"word": [[1, 2], [0, 9]]})
    world.step(world.action(3, 1))
    expected = "tape     . 1 2 .\ntape     . 0 9 .\n             ^\nwritten  1"
    assert world.render() == expected
    assert TapeWorld("sum").render() is None


def test_a_memory_keeps_what_it_says():
    world = Memory(TapeWorld("reverse", base=3), ["end", "move", "seen"], notes=2)
    shown, (moves, seen) = 4, (2, 4)

    def parts(observation):
        rest, symbol = divmod(observation, shown)
        rest, before = divmod(rest, seen)
        rest, move = divmod(rest, moves)
        return (*divmod(rest, 3), move, before, symbol)  # note, end, move, seen, now

    first, _ = world.reset(options={"word": [2, 1]})
    assert parts(first) == (0, 0, 0, 3, 2)
    taken = world.tape.action_space.n
    met = [world.step(note * taken + move * 4 + 3)[0] for note, move in ((1, 1), (0, 1), (1, 0))]
    assert [parts(o) for o in met] == [(1, 0, 1, 2, 1), (0, 2, 1, 1, 3), (1, 2, 0, 3, 1)]
    world.reset(options={"word": [2, 1]})
    assert parts(world.step(0 * 4 + 3)[0]) == (0, 1, 0, 2, 3)


def test_the_same_seed_gives_the_same_words():
    words = []
    for _ in range(2):
        world = TapeWorld("copy", length=(2, 9), base=10)
        world.reset(seed=5)
        words.append([world.reset() and world.grid for _ in range(5)])
    assert words[0] == words[1] and len({len(grid[0]) for grid in words[0]}) > 1


def test_the_pages_rule_is_pythons():
    """Random walks through every task, in Node and here."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node: the page's rule is compared with Python's")
    rng, runs = random.Random(0), []
    for task in TASKS:
        for base in (2, 5):
            world = TapeWorld(task, length=(1, 4), base=base)
            for seed in range(25):
                seen, _ = world.reset(seed=seed)
                column, states = world.column, []
                while not world.over:
                    move = rng.randrange(len(world.moves))
                    ahead = world.target[len(world.written)]
                    symbol = rng.choice([base, base, ahead, ahead, rng.randrange(base)])
                    symbol = symbol if seed % 4 else base  # an idle head is cut off
                    seen, reward, over, cut, _ = world.step(world.action(move, symbol))
                    state = [world.row, world.column, seen, reward, over, cut]
                    states.append([move, symbol, *state])
                run = {"grid": world.grid, "target": world.target, "base": base}
                runs.append({**run, "column": column, "states": states})
    source = (Path(ngpu_lib.widgets.__file__).parent / "tape_drive.js").read_text("utf-8")
    code = (
        source.split("function render")[0]
        + """
        const runs = JSON.parse(require("fs").readFileSync(0, "utf8"));
        console.log(JSON.stringify(runs.map(({ grid, target, base, column, states }) => {
          const world = tapeWorld(grid, target, base, column);
          let state = world.start();
          return states.map(([move, symbol]) => {
            state = world.step(state, [move, symbol]);
            return [move, symbol, state.row, state.column, world.seen(state), state.reward, state.over, state.cut];
          });
        })));"""
    )
    done = subprocess.run(
        [node, "-e", code], input=json.dumps(runs), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for run, found in zip(runs, json.loads(done.stdout), strict=True):
        assert found == run["states"]
    assert {state[-1] for run in runs for state in run["states"]} == {True, False}


def test_bad_input_is_refused():
    world = TapeWorld("copy")
    cases = {
        "task: got 'cpy'": lambda: TapeWorld("cpy"),
        "length: got 0": lambda: TapeWorld(length=0),
        "length: got 2": lambda: TapeWorld(length=(3, 2)),
        "length: got (1, 2, 3)": lambda: TapeWorld(length=(1, 2, 3)),
        "base: got 11": lambda: TapeWorld(base=11),
        "penalty: got -1": lambda: TapeWorld(penalty=-1),
        "render_mode: got 'human'": lambda: TapeWorld(render_mode="human"),
        "word: got 2": lambda: world.reset(options={"word": [2]}),
        "word: got []": lambda: world.reset(options={"word": []}),
        "word: got [[1, 0], [1]]": lambda: TapeWorld("sum").reset(options={"word": [[1, 0], [1]]}),
        "options: got 'words'": lambda: world.reset(options={"words": [1]}),
        "move: got 2": lambda: world.action(2),
        "symbol: got 3": lambda: world.action(0, 3),
        "env: got 3": lambda: Memory(3),
        "keeps: got 'ends'": lambda: Memory(world, ["ends"]),
        "notes: got 0": lambda: Memory(world, notes=0),
    }
    for message, call in cases.items():
        with pytest.raises(ValueError, match="needs|did you mean") as error:
            call()
        assert message in str(error.value), (message, str(error.value))


@pytest.mark.parametrize("make", [lambda: TapeWorld(), lambda: Memory(TapeWorld(), notes=2)])
def test_bad_actions_and_a_step_after_the_end_are_refused(make):
    world = make()
    with pytest.raises(ResetNeeded, match="needs reset"):
        world.step(0)
    world.reset(options={"word": [1, 1]})
    for action in (-1, int(world.action_space.n), 1.0, True, "left", None):
        with pytest.raises(ValueError, match="action: got"):
            world.step(action)
    assert world.step(0)[2]  # a 0 on a 1: wrong, the end
    with pytest.raises(ResetNeeded, match="the episode is over"):
        world.step(0)
    world.reset()
    world.step(world.action_space.sample())  # NumPy's numbers are numbers


def test_nothing_is_drawn_before_a_reset():
    with pytest.raises(ResetNeeded, match="nothing to show"):
        TapeWorld(render_mode="ansi").render()


def test_the_explorer_holds_one_word():
    drive = TapeDrive([[1, 0, 1]], [1, 0, 1])
    drive.actions = [[1, 1], [1, 2]]
    for bad in ([[2, 0]], [[0, 3]], [[1]]):
        with pytest.raises(ValueError, match="actions: got"):
            drive.actions = bad
    assert drive.actions == [[1, 1], [1, 2]]
    for message, call in {
        "grid: got 2": lambda: TapeDrive([[2]], [1]),
        "grid: got [[1], [1, 0]]": lambda: TapeDrive([[1], [1, 0]], [1]),
        "grid: got []": lambda: TapeDrive([], [1]),
        "target: got []": lambda: TapeDrive([[1]], []),
        "base: got 1": lambda: TapeDrive([[0]], [0], base=1),
        "column: got 1": lambda: TapeDrive([[1]], [1], column=1),
    }.items():
        with pytest.raises(ValueError) as error:
            call()
        assert message in str(error.value)
