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
# A child who has practised long multiplication on small numbers can multiply large ones. This course ends with a network that does the
# same: trained on 20-bit numbers, it multiplies 2,000-bit ones. On the way you build everything it is made of.
#
# *Before:* Python, NumPy, derivatives. *Time:* 10 minutes of yours, a few seconds of a 2-core CPU or a T4.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import os
import random
import time

from ngpu_lib import automata, checks, plots, pretrained
from ngpu_lib.checks import lesson00 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.tasks import make_task
from ngpu_lib.trace import trace_run
from ngpu_lib.widgets import ActivationViewer

# %% [markdown]
# ## What an algorithm looks like from inside
#
# Long multiplication, written the way networks in this course see it: least significant digit first, one symbol per cell, the answer in
# the same row.

# %%
task = make_task("multiply")
print(task.render(task.encode(13, 11, length=4)))
print(
    "\n13 =",
    f"{13:b}"[::-1],
    "  11 =",
    f"{11:b}"[::-1],
    "  13 x 11 =",
    f"{13 * 11:b}"[::-1],
    "(read from left: 1, 2, 4, 8, ...)",
)

# %% [markdown]
# And here is a row of cells that multiplies. Time runs downwards. Every cell sees only itself and its two neighbours, and all cells work at once.
# All digits walk to the right, the multiplication sign (the white diagonal) between the two numbers; the second number leaves a standing copy of itself
# behind, which is not drawn. Where the first number walks across that copy, carries arise, and finished digits of the product stay.

# %%
a, b, digits = 11_507_197, 14_352_863, 24
machine, trace = automata.hand_set_multiplier(), []
with torch.no_grad():
    machine(automata.multiplier_input(a, b, digits), trace=trace)
states_TCL = torch.stack([record["state"][0, :, 0] for record in trace])
maps = automata.multiplier_wiring().map

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
# ## What a learned one looks like
#
# The next row of cells was not set by anybody. It saw products of numbers of at most 20 bits, and training found its weights (lesson 09). Each cell holds 96
# numbers, called *maps*: orange is negative, violet positive. Press **Play**. The lowest line is the answer as it would be read after each step, wrong digits marked.

# %%
trained = pretrained.load("multiply")
learner, a, b = trained.model, 2741, 3001
word = task.encode(a, b, length=12)
state_TCL = trace_run(learner, torch.tensor([word]))["state"]
with torch.no_grad():
    answers_TL = learner.read(torch.tensor(state_TCL).transpose(1, 2)).argmax(-1)
viewer = ActivationViewer(
    state_TCL,
    inputs=task.text(word),
    outputs=[task.text(row) for row in answers_TL.tolist()],
    targets=task.text(task.oracle(word)),
    title=f"{a:,} x {b:,}, lowest digit first",
)
viewer

# %% [markdown]
# The same viewer, driven by a cell: four of the maps over all steps, time running downwards.

# %%
viewer.step = 12
viewer.mode = "time"
viewer.maps = [4, 53, 71, 87]
right_TL = answers_TL == torch.tensor(task.oracle(word))
for step in (0, 8, 14, 20, 26):
    print(f"step {step:2}  right: " + "".join("x" if right else "." for right in right_TL[step]))
assert right_TL[-1].all()
assert right_TL[20, :5].all() and right_TL[20, -5:].all() and not right_TL[20].all()

# %% [markdown]
# Nobody told it how, and yet there are the diagonals again: in one map the digits walk left, in another right. The surprise is the order. Pencil and paper
# finish a product from its lowest digit upwards; this network gets it right from *both ends inwards*.
#
# ## How the course works
#
# **Predict, then run.** Before a result you write down what you expect; any answer runs. It is the cheapest way to notice what you did not know. Try it:
#
# A network sees one million different 20-bit multiplication problems in training. What share of all pairs of 20-bit numbers is that?

# %%
predicted_share = None

# %%
share = 1e6 / 2**40
print(f"you: {predicted_share}   computed: {share:.7%}, one in {1 / share:,.0f}")
assert 1e6 < 1 / share < 1.2e6

# %% [markdown]
# So learning the examples by heart leads nowhere. A network that is right on new 20-bit numbers has found something better than a table; whether
# it has found *the algorithm* is tested on longer numbers.
#
# **Exercises check themselves.** Fill in the stub, run the cell below it. The check says *pass*, *not done yet*, what looks like a known mistake, or what your answer gives and what it should.
# It never stops the notebook. Hints come in three steps; open one at a time.
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


# %%
def draw_worth(ax, worth):
    ax.bar(range(1, 9), worth, color=plots.PALETTE[0])
    ax.set(xlabel="ones in a row", ylabel="worth")


yours = [checks.attempt(value, [1] * n) for n in range(1, 9)]
fig = plots.target_and_yours(
    draw_worth, [2**n - 1 for n in range(1, 9)], None if None in yours else yours
)
plots.show(
    fig, alt="Bars of height 1, 3, 7, 15 up to 255, and beside them what your function gives."
)

# %% [markdown]
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


# %%
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
speed = matrix_speed()
print(f"cores    {cores}, of which torch uses {torch.get_num_threads()}")
print(f"memory   {memory_in_gb():.1f} GB")
print(f"device   {torch.cuda.get_device_name() if device == 'cuda' else 'CPU'}")
print(f"matrices {speed:,.0f} GFLOP/s in float32 (the lessons were timed at 100 to 190)")
assert speed > 0

# %% [markdown]
# At a tenth of that the lessons still run, only ten times as long.
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
# | 09 Multiplication | What does it take to get from 20 bits to 2,000, and why is that no proof? |
# | 10-12 | attention on the same tasks; synthetic gradients; heads trained by reward |
#
# Tensors carry their axes in their names: `tape_BCWL` has batch, channels, width and length. The letters are listed in `ngpu_lib`'s own documentation:

# %%
import ngpu_lib

print(ngpu_lib.__doc__.split("So ``inputs_BL``")[0].strip())

# %% [markdown]
# ## Recap
#
# A network has learned an algorithm when it is right far beyond the examples it saw. A row of simple cells can multiply: one is set by hand above. Training can find such
# a row, too: how, and how far one may trust it, is what this course is about. Every lesson ends like this one, with a quiz.

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
        "It cannot have: it saw about one in a million of the possible problems.",
    ),
    why="New numbers of the same length and longer numbers are two different tests; the second is the hard one.",
)

# %% [markdown]
# **Sources.** Rows of cells that multiply: Atrubin, *A one-dimensional real-time iterative multiplier*, IEEE Trans. Electronic Computers EC-14, 1965. The Neural GPU: Kaiser, Sutskever, arXiv 1511.08228; trained on
# 20-bit examples and tested at 2,000 bits there, too.
#
# **Next.** First the basics, on images: lesson 01.
