# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **Can a neural network learn an algorithm, and not only examples of what it does?**
#
# A child who has practised long multiplication on small numbers can multiply large ones. Here is a network that was trained on products of numbers
# of at most 20 bits. How far does it get?
#
# *Before:* Python, NumPy, derivatives. *Time:* 15 minutes of yours, a few seconds of a 2-core CPU or a T4.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %% tags=["figure"]
import os
import random
import time

import numpy as np

from ngpu_lib import automata, checks, plots, pretrained
from ngpu_lib.checks import lesson00 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.recipes import RECIPES
from ngpu_lib.tasks import make_task
from ngpu_lib.widgets import ActivationViewer

# %%
task, trained = make_task("multiply"), pretrained.load("multiply")
word = task.encode(2741, 3001, length=12)
trace = trained.trace(word)
viewer = ActivationViewer(
    trace,
    title="2,741 x 3,001, lowest digit first",
    maps=[4, 53, 71, 87],
    network=trained.page(),
    retrace=trained.trace,
    word=word,
    at_least=12,
)
viewer.mode = "time"
viewer

# %% [markdown]
# That is the trained network at work, 33 steps from top to bottom. It is a row of cells; each sees only itself and its two neighbours, and all work at once. A cell
# holds 96 numbers, called *maps*: orange is negative, violet positive, and you see four of them. Nobody told it how to multiply, and yet digits walk: in one map to the left, in another to the right.
#
# Press **step** and then **Play** to see all cells at one moment. The lowest line is the answer as it would be read after each step, wrong digits marked.
#
# You will be able to
#
# 1. read a number written lowest digit first, and say what a row of digits is worth;
# 2. measure after which step each digit of the network's answer is settled, and in which order they are;
# 3. say which test tells a table of examples from an algorithm, and what the network shown here makes of that test.
#
# ## How far does it get?
#
# Every trained network of this course comes with a *card*: how it was trained, and how it did on fresh examples. A product counts only if *every* digit is right.

# %%
card = trained.card
right = {row["length"]: row for row in card["measured"] if row["inputs"] == "random"}
assert card["trained_on"] == "operands of at most 20 bits" and right[20]["sequence_accuracy"] == 1
for bits, row in right.items():
    whole = round(row["sequence_accuracy"] * row["examples"])
    wrong = round((1 - row["symbol_accuracy"]) * row["examples"] * task.positions(bits))
    print(
        f"{bits:5} bits: {whole} of {row['examples']} products right, {wrong} digits wrong in all"
    )

# %% [markdown]
# Right on every new product of the length it was trained on; nearly always right at ten times that length; and at a hundred times, fewer than one wrong digit in a thousand, which are
# enough to spoil most of the products. (A second network, trained against the worst small change of each of its states, has 100 of 100 products of 2,000 bits right; two of ten trainings of that kind make no mistake there.)
# Is that long multiplication, or something that resembles it? Lesson 09 trains this network, hunts its mistakes and asks what one may conclude.

# %%
assert right[200]["sequence_accuracy"] >= 0.9
assert right[2000]["symbol_accuracy"] > 0.999 and right[2000]["sequence_accuracy"] < 0.5
second = pretrained.load("multiply-pushed").card["measured"]
(far,) = (row for row in second if row["length"] == 2000)
assert (round(far["sequence_accuracy"] * far["examples"]), far["examples"]) == (100, 100)

# %% [markdown]
# ## What an algorithm looks like from inside
#
# Long multiplication, written the way networks in this course see it: least significant digit first, one symbol per cell, the answer in
# the same row.

# %%
print(task.render(task.encode(13, 11, length=4)))

# %% [markdown]
# 13 is `1011` here (1 + 4 + 8: the places are worth 1, 2, 4, 8, ...), 11 is `1101`, and their product, 143, is `11110001`.
#
# Next, another row of cells that multiplies. Again time runs downwards, and every cell sees only itself and its two neighbours.
# All digits walk to the right, the multiplication sign (the white diagonal) between the two numbers; the second number leaves a standing copy of itself
# behind, which is not drawn. Where the first number walks across that copy, carries arise, and finished digits of the product stay.

# %%
assert [f"{k:b}"[::-1] for k in (13, 11, 13 * 11)] == ["1011", "1101", "11110001"]
a, b, digits = 11_507_197, 14_352_863, 24
machine, steps = automata.hand_set_multiplier(), []
with torch.no_grad():
    machine(automata.multiplier_input(a, b, digits), trace=steps)
states_TCL = torch.stack([record["state"][0, :, 0] for record in steps])
maps = automata.multiplier_wiring().map

# %% tags=["figure"]
fig, ax = plots.figure(size=(7, 5.4))
for name, colour, label in (
    ("walker", "#d9d9d9", "a walking 0"),
    ("a", plots.PALETTE[5], "a walking 1"),
    ("carry", plots.PALETTE[3], "a carry"),
    ("product", "black", "a 1 of the product"),
):
    step, cell = torch.nonzero(states_TCL[:, maps[name]] > 0.5, as_tuple=True)
    ax.scatter(cell, step, s=9, marker="s", color=colour, label=label)
ax.set(xlabel="cell", ylabel="step", title=f"{a:,} x {b:,} = {a * b:,}")
ax.invert_yaxis()
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
plots.show(
    fig,
    alt="A space-time diagram. Diagonals of walking digits cross the picture from upper left to lower right, carries speckle the lower half, and vertical lines of finished product digits remain.",
)

# %% [markdown]
# This one's weights were set by hand; you will do that in lesson 07. Is it right? Ask Python.

# %%
draw = random.Random(0)
for digits in (4, 24, 100):
    a, b = draw.getrandbits(digits), draw.getrandbits(digits)
    assert automata.multiply(machine, a, b, digits) == a * b
print("4, 24 and 100 digits: right")

# %% [markdown]
# ## How the course works
#
# **Predict, then run.** Before a result you write down what you expect; any answer runs. It is the cheapest way to notice what you did not know. Try it:
# in the whole of its training, of how many problems in a million (all pairs of two 20-bit numbers) did the network see the answer?
#
# **Predict.**

# %%
my_share = None

# %%
recipe = RECIPES["multiply"]
cells = task.positions(20)  # a problem of 20 bits takes so many cells
updates = sum(phase.updates for phase in recipe.phases if cells in phase.bins)
seen, pairs = updates * recipe.batch_size, 2**20 * 2**20
print(f"you: {my_share}   computed: {1e6 * seen / pairs:.3f}: {seen:,} of {pairs:,} pairs")
assert all(phase.per_update == 0 for phase in recipe.phases) and 9e6 < pairs / seen < 1e7

# %% [markdown]
# About one pair in nine and a half million. Learning examples by heart leads nowhere: a network that is right on new 20-bit numbers has found something better than a table. Whether
# it has found *the algorithm* is tested on longer numbers.
#
# **Exercises check themselves.** Fill in the stub, run the cell below it. The check says *pass*, *not done yet*, what looks like a known mistake, or what your answer gives and what it should.
# It never stops the notebook. Hints come in three steps; open one at a time.
#
# **Tomorrow** everything is there again: on your own machine or a hub, tries, predictions and quiz choices lie in `progress-00.json` beside the notebook. Binder forgets; two buttons in
# its toolbar save the notebook to your browser's storage and bring it back. On Colab, choose *File, Save a copy in Drive*; on Kaggle, *Save version*. The panel at the end of each lesson clears what
# is kept, or writes it into a file for a course that wants it handed in; nothing is sent.
#
# ### Exercise 0.1 · What a row of digits is worth (easy, 3 minutes)
#
# Write `value(digits)`: the number whose binary digits are given, least significant first. `[1, 0, 1, 1]` is 1 + 4 + 8 = 13.
#
# <details><summary>Hint 1</summary>Digit k (counted from 0) is worth 2 to the power k.</details>
# <details><summary>Hint 2</summary><code>enumerate(digits)</code> gives each digit with its place.</details>
# <details><summary>Hint 3</summary>Sum <code>digit * 2**place</code> over all pairs.</details>


# %% tags=["stub"]
def value(digits):
    return ...


# %% tags=["solution"]
def value(digits):
    return sum(digit * 2**place for place, digit in enumerate(digits))


# %%
check.value(value)

# %% tags=["instructor"]
checks.require_passed("0.1 value")

# %% [markdown]
# The worth of the first n ones in a row, as it should be and by your function.


# %% tags=["figure"]
def worths(function):
    return [float(function([1] * n)) for n in range(1, 9)]


def draw_worth(ax, worth):
    ax.bar(range(1, 9), worth, color=plots.PALETTE[0])
    ax.set(xlabel="ones in a row", ylabel="worth")


plots.compare(
    draw_worth,
    [2**n - 1 for n in range(1, 9)],
    checks.attempt(worths, value),
    alt="Bars of height 1, 3, 7, 15 up to 255, and beside them what your function gives.",
)

# %% [markdown]
# ### Exercise 0.2 · When is a digit settled? (medium, 6 minutes)
#
# In which order does the trained network find the digits of a product? `right_TL` has a row for every step (the start included) and a column for every digit of the answer: True where
# that digit, read after that step, is right. Write `settled(right_TL)`: for each digit the first step *from which on* it stays right to the end; for one that is wrong at the end, the number of rows.
# A digit that happens to be right once and is wrong later is not settled yet.
#
# <details><summary>Hint 1</summary>Look at one column from its end. How far back is it right without a break?</details>
# <details><summary>Hint 2</summary><code>np.array(right_TL).T</code> and <code>zip(*right_TL)</code> both give the columns, one after the other.</details>
# <details><summary>Hint 3</summary>Start at <code>step = len(column)</code>, and as long as <code>step > 0 and column[step - 1]</code>, go back by one.</details>


# %% tags=["stub"]
def settled(right_TL):
    return ...


# %% tags=["solution"]
def settled(right_TL):
    result = []
    for column in np.array(right_TL).T:
        step = len(column)
        while step > 0 and column[step - 1]:
            step -= 1
        result.append(step)
    return result


# %%
check.settled(settled)

# %% tags=["instructor"]
checks.require_passed("0.2 settled")

# %% [markdown]
# Six products of two 12-bit numbers, 2,741 x 3,001 first (`check.settled.reference` is the right function, so the target does not wait for your answer):


# %%
def settling(function, words):
    """Words by digits: after how many steps each digit of the answer is settled."""
    rows = []
    for one in words:
        right_TL = trained.trace(one).symbols_TL == np.array(task.oracle(one))
        rows.append([float(step) for step in function(right_TL.tolist())])
    return np.array(rows)


draw = random.Random(0)
operands = [[draw.randrange(2048, 4096) for _ in "ab"] for _ in range(5)]
words = [word] + [task.encode(a, b, length=12) for a, b in operands]
target_NL = settling(check.settled.reference, words)
yours_NL = checks.attempt(settling, settled, words)


# %% tags=["figure"]
def draw_settled(ax, steps_NL):
    for row in steps_NL:
        ax.plot(row, lw=0.7, color=plots.PALETTE[0], alpha=0.6)
    ax.plot(np.mean(steps_NL, 0), lw=2.5, color=plots.PALETTE[1], label="mean of six")
    ax.set(xlabel="digit of the product, lowest first", ylabel="settled after step", ylim=(34, -1))
    ax.legend()


plots.compare(
    draw_settled,
    target_NL,
    yours_NL,
    size=(9, 3.4),
    alt="For each digit of six products the step after which it stays right: early at both ends, latest in the middle. Beside it the same by your function.",
)

# %%
ends, middle = target_NL[:, [0, 1, 2, 3, 4, -5, -4, -3, -2, -1]], target_NL[:, 10:15]
assert (ends.mean(1) < middle.mean(1)).all() and target_NL.max() <= 33
print(
    "settled after, in the mean:",
    ends.mean().round(1),
    "at the ends,",
    middle.mean().round(1),
    "between",
)

# %% [markdown]
# The surprise is the order. Pencil and paper finish a product from its lowest digit upwards; this network settles it from *both ends inwards*.
#
# ## This machine
#
# Every lesson runs from top to bottom on two CPU cores and 1 GB of memory, in at most three minutes. What takes longer is recorded or comes as trained weights.


# %%
def memory_in_gb():
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (AttributeError, ValueError, OSError):  # Windows does not say
        return float("nan")


def matrix_speed(size=1024, repeats=5):
    """GFLOP/s of a float32 matrix product, the best of some; it takes 2 size^3 operations."""
    x, best = torch.rand(size, size, device=device), float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        (x @ x).sum().item()  # .item() waits for a GPU to finish
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best / 1e9


# %% tags=["figure"]
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
speed = matrix_speed()
print(f"cores    {cores}, of which torch uses {torch.get_num_threads()}")
print(f"memory   {memory_in_gb():.1f} GB")
print(f"device   {torch.cuda.get_device_name() if device == 'cuda' else 'CPU'}")
print(f"matrices {speed:,.0f} GFLOP/s in float32 (the lessons were written on 100 to 190)")
assert speed > 0

# %% [markdown]
# With a tenth of that the lessons still run, and take longer.
#
# ## What is coming
#
# | lesson | its question |
# |---|---|
# | 01 MNIST | How can a program learn to read handwriting when nobody can write down the rule? |
# | 02 Sequences | What is the next bit, and could a network know? |
# | 03 Parity | How deep must a network be to count? |
# | 04 Vanishing gradients | Why does a network forget how it got here? |
# | 05 Gates | Who decides what to keep? |
# | 06 The Neural Turing Machine | What if the network had a tape? |
# | 07 Local rules | Can cells that see only their neighbours compute anything? |
# | 08 The Neural GPU | Can a row of cells learn an algorithm from examples alone? |
# | 09 Multiplication | Twenty bits in: does it multiply numbers of two thousand? |
# | from 10 on | other ways to the same end: attention, fewer labels, rewards, many machines |
#
# Tensors carry their axes in their names: `tape_BCWL` has batch, channels, width and length. The letters are listed in `ngpu_lib`'s own documentation:

# %% tags=["figure"]
import ngpu_lib

print(ngpu_lib.__doc__.split("So ``inputs_BL``")[0].strip())

# %% [markdown]
# ## Recap
#
# A network that is right far beyond the examples it saw has more than a table. A row of simple cells *can* multiply: one is set by hand above. Training found a row that is always right
# in its test at the length it was trained on and slips now and then on longer numbers. How such a row is found, and how far one may trust it, is what this course is about. Every lesson ends like this one, with a quiz.

# %%
quiz(
    "A network is right on all 20-bit products in a test of 1,000. What does that show?",
    "It generalises to new numbers of the length it was trained on",
    (
        "It has learned long multiplication",
        "Perhaps. Longer numbers and chosen hard cases have to show it; lesson 09 does that.",
    ),
    (
        "It has learned its examples by heart",
        "It cannot have: of all problems of that length, it saw about one in nine and a half million.",
    ),
    why="New numbers of the same length and longer numbers are two different tests; the second is the hard one.",
)

# %% [markdown]
# **Sources.** Rows of cells that multiply: Atrubin, *A one-dimensional real-time iterative multiplier*, IEEE Trans. Electronic Computers EC-14, 1965. The Neural GPU: Kaiser, Sutskever, arXiv 1511.08228; trained on
# 20-bit examples and tested at 2,000 bits there, too.
#
# **Next.** First the basics, on images: lesson 01.
