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
# # 05 · Gates

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **Who decides what to keep?**
#
# After this lesson you can
#
# - set the weights of a highway cell, an LSTM and a convolutional GRU by hand, so that they flip, count and walk;
# - say from a gate's bias how long a state lasts, and measure where that prediction fails;
# - find out with a linear probe what a trained net knows, and with an ablation what holds it.
#
# *Before:* lesson 04. *Time:* 100 minutes of yours.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import time

import numpy as np
from torch import nn
from torch.nn import functional as F

from ngpu_lib import checks, plots, recorded
from ngpu_lib.callbacks import ClipGradient
from ngpu_lib.cells import CGRU, GRU, LSTM, Highway, Reader, Residual, Scan, cutoff_sigmoid
from ngpu_lib.checks import lesson05 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.trace import trace_run
from ngpu_lib.train import train
from ngpu_lib.widgets import Gates

began = time.perf_counter()
torch.manual_seed(0)

# %% [markdown]
# ## 1 · Keep a share, write a share
#
# The state is 8. A gate $u = \tfrac34$ keeps three quarters of it and writes a quarter of a candidate $c = 4$: the new state is
# $\tfrac34\cdot 8 + \tfrac14\cdot 4 = 7$. If the candidate stays 4, the distance to 4 shrinks by $\tfrac34$ at every step: 4, 3, 2.25, ... So after $k$ steps a gate that always keeps
# $u$ has left $u^k$ of what was there. Added up over all steps that is $1 + u + u^2 + \dots = 1/(1-u)$, here 4: we call this sum the gate's **memory** in steps.

# %%
h, states = 8.0, [8.0]
for _ in range(12):
    h = 0.75 * h + 0.25 * 4.0
    states.append(h)
assert states[1] == 7 and states[2] - 4 == 2.25
assert np.allclose(states, [4 + 4 * 0.75**k for k in range(13)])
assert abs(sum(0.75**k for k in range(200)) - 4) < 1e-9

# %% [markdown]
# The same for three gates, from the same 8 towards the same 4:

# %% tags=["figure"]
plots.lines(
    range(13),
    {
        f"u = {u}: memory of {1 / (1 - u):.0f} steps": [4 + 4 * u**k for k in range(13)]
        for u in (0.5, 0.75, 0.97)
    },
    xlabel="time step",
    ylabel="state",
    ylim=(3.8, 8.2),
    style={"marker": "o", "ms": 4},
    alt="Three states decay from 8 towards 4: fast for u = 0.5, slowly for u = 0.97.",
)

# %% [markdown]
# **Drag them.** One cell, a pulse at steps 3 to 5. Move the *update gate* at single steps: let it write (0) while the pulse is there and
# keep (1) afterwards. How long does the pulse stay?

# %%
gates = Gates(steps=40, update=0.9)
gates

# %% [markdown]
# A cell can drive it. With u = 0 up to step 5 and 1 from then on, nothing is lost:

# %%
gates.update = [0.0 if t <= 5 else 1.0 for t in range(40)]
assert np.allclose(gates.state[5:], np.tanh(3.0))

# %% [markdown]
# ## 2 · From residual to highway: the gate
#
# Lesson 04's residual cell adds a candidate at every step, wanted or not. The highway cell (Srivastava et al. 2015) lets the net decide, element by element and
# from what it sees:
#
# $$u = \sigma(W_u x + U_u h + b_u), \quad c = \tanh(W_c x + U_c h + b_c), \quad h' = u\,h + (1-u)\,c$$
#
# | cell | new state | what carries the gradient |
# |---|---|---|
# | plain | $c$ | $U_c$ alone |
# | residual | $h + c$ | 1, always, and what $U_c$ adds |
# | highway | $u h + (1-u) c$ | $u$, chosen at each step, and what $U_c$ and $U_u$ add |
#
# (The paper writes $T$ for $1-u$. Here, in the Neural GPU and in `torch.nn.GRU`, $u = 1$ **keeps** and $u = 0$ **writes**.) As a loop, beside the library's cells:

# %%
residual, highway = Residual(2, 4), Highway(2, 4)
x_BTC = torch.randn(3, 6, 2)
h_BH = g_BH = torch.zeros(3, 4)
for t in range(6):
    h_BH = h_BH + torch.tanh(residual.from_input(x_BTC[:, t]) + residual.from_state(h_BH))
    update, candidate = (highway.from_input(x_BTC[:, t]) + highway.from_state(g_BH)).chunk(2, dim=1)
    u_BH = torch.sigmoid(update)
    g_BH = u_BH * g_BH + (1 - u_BH) * torch.tanh(candidate)
torch.testing.assert_close(h_BH, Scan(residual)(x_BTC)[1])
torch.testing.assert_close(g_BH, Scan(highway)(x_BTC)[1])

# %% [markdown]
# **Predict.** A highway cell with ordinary first weights reads noise, and its gate's bias is 3, so that $u \approx \sigma(3) = 0.95$. What share of
# the gradient is left after 40 steps: about $10^{-9}$, about 0.2, or about 1?

# %%
my_highway_share = None

# %% [markdown]
# Gradient norms by age (how many steps back a state lies), for three biases and five seeds. And once more with $U_c = 0$, so that the candidate does not see the state.


# %%
def gradient_by_age(cell, x_BTC):
    """Gradient norm by age (0 = the last state) of a random projection of the last output."""
    direction_H = torch.randn(cell.hidden)

    def projection(output):
        return (output[0][:, -1] @ direction_H).sum()

    gradient_TBH = trace_run(Scan(cell), x_BTC, objective=projection, item=None)["gradient"]
    norms = np.sqrt((gradient_TBH**2).sum(-1).mean(1))[::-1]
    return norms / norms[0]


# %%
def with_bias(cell, block, bias):
    """Set the whole bias of one stacked gate (a number, or one per unit)."""
    rows = slice(block * cell.hidden, (block + 1) * cell.hidden)
    with torch.no_grad():
        cell.from_input.bias[rows] = bias
        cell.from_state.bias[rows] = 0
    return cell


# %%
def gradient_left(bias, seed, blind=False):
    torch.manual_seed(seed)
    cell = with_bias(Highway(8, 64), 0, bias)
    if blind:
        cell.from_state.weight.data[64:] = 0  # U_c, the second of the two stacked blocks
    return gradient_by_age(cell, torch.randn(8, 40, 8))


kept, blind = (
    {b: np.array([gradient_left(b, seed, cut) for seed in range(5)]) for b in (1.0, 3.0, 5.0)}
    for cut in (False, True)
)

# %% [markdown]
# Each thin line is a seed. Dashed: $\sigma(b)^k$, the share that the gate alone would leave.

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(10, 3.6), sharey=True)
for ax, runs, title in zip(
    axes, (kept, blind), ("as it is", "candidate blind to the state"), strict=True
):
    for bias, norms in runs.items():
        plots.spread(ax, range(41), norms, f"b = {bias:g}")
        alone = (1 / (1 + np.exp(-bias))) ** np.arange(41)
        ax.plot(range(41), alone, color="black", ls="--", lw=1, alpha=0.6)
    ax.set(xlabel="age (steps back)", yscale="log", title=title)
axes[0].set_ylabel("gradient norm")
axes[1].legend(loc="lower left", fontsize=9)
share = np.median(kept[3.0][:, 40])
print(f"you: {my_highway_share}   measured: {share:.2f}")
plots.show(
    fig,
    alt="Gradient norm by age for gate biases 1, 3 and 5. As it is, the curve for b = 1 lies far above "
    "its dashed line; with a blind candidate all three follow theirs.",
)

# %% [markdown]
# At b = 5 the bias tells nearly all: every seed is within a tenth of $\sigma(5)^{40} = 0.76$. At b = 3 the curves end 1.1 to 2 times higher than the gate alone, and at b = 1 more than a hundred times: where much is
# written, the candidate carries gradient, too. The right-hand picture is the proof: blind it, and all three curves follow the gate (within a factor of 2 after 40 steps). What the gate adds to lesson 04's fixed remedies: it can
# *write* where something new has to go in.

# %%
above = {b: runs[:, 40] * (1 + np.exp(-b)) ** 40 for b, runs in kept.items()}
assert (abs(above[5.0] - 1) < 0.1).all() and (above[1.0] > 100).all()
assert (above[3.0] > 1.1).all() and (above[3.0] < 2).all() and 0.1 < share < 0.3
for b, runs in blind.items():
    ratio = runs[:, 40] * (1 + np.exp(-b)) ** 40
    assert (ratio > 0.5).all() and (ratio < 2).all()

# %% [markdown]
# ### Set by hand: a latch
#
# The input is a value and a mark (+1: take it, -1: ignore it). The gate sees the mark only, with weight -6; the candidate sees the value only.
# A perfect latch would hold tanh of the last marked value.

# %%
generator = torch.Generator().manual_seed(3)
values_T = (1.6 * torch.rand(40, generator=generator) - 0.8).tolist()
marks_T = [1.0 if t in (4, 11, 16, 27, 33) else -1.0 for t in range(40)]


def highway_unit(gate, candidate, inputs, h=0.0):
    """States of one highway unit; gate and candidate: weights of the inputs, of h and of 1."""
    states = []
    for x in inputs:
        seen = np.array([*x, h, 1.0])
        u, c = 1 / (1 + np.exp(-np.dot(gate, seen))), np.tanh(np.dot(candidate, seen))
        h = u * h + (1 - u) * c
        states.append(h)
    return np.array(states)


latch = highway_unit([0, -6, 0, 0], [1, 0, 0, 0], list(zip(values_T, marks_T, strict=True)))

# %% tags=["figure"]
fig, ax = plots.figure(size=(8, 3))
marked = [t for t in range(40) if marks_T[t] > 0]
ax.plot(values_T, ".", color="grey", label="value")
ax.plot(marked, np.take(values_T, marked), "o", color=plots.PALETTE[3], label="value with a mark")
ax.step(range(40), latch, where="post", label="state")
ax.set(xlabel="time step", ylabel="value", ylim=(-1, 1.5))
ax.legend(fontsize=9, ncols=3, loc="upper center")
plots.show(
    fig,
    alt="A staircase: the state jumps to every marked value and stays there until the next mark.",
)

# %% [markdown]
# It is no perfect latch: at a mark $\sigma(-6)$ of the old value stays, elsewhere $\sigma(6)$ is kept, and both miss by 0.0025 a step.

# %%
held, ideal = 0.0, []
for value, mark in zip(values_T, marks_T, strict=True):
    held = np.tanh(value) if mark > 0 else held
    ideal.append(held)
assert 0.001 < np.abs(latch - ideal).max() < 0.05

# %% [markdown]
# ### Exercise 5.1 · Parity with one unit (medium, 15 minutes)
#
# Is the number of ones so far odd? One highway unit can say it, after every bit. Its state starts at -1 (even) and shall be +1 after an odd number of ones: at a 0 it keeps, at a 1 it writes the opposite of what
# it holds. Write `parity_weights(gain)`: two rows of weights `(gate, candidate)`, each for `[x, h, 1]` (the bit, the state, the bias), such that the gate's sum is `gain` at a 0 and `-gain`
# at a 1, whatever h is, and the candidate's sum is `-gain` times h, whatever x is.
#
# <details><summary>Hint 1</summary>The gate's sum is a x + b h + c. What must it be at x = 0? Then c is known. And at x = 1?</details>
# <details><summary>Hint 2</summary>A weight of 0 means: does not look at it.</details>
# <details><summary>Hint 3</summary>Gate: the bias is gain, and the bit has to pull it down by twice as much. Candidate: only h counts.</details>


# %% tags=["stub"]
def parity_weights(gain):
    return ...


# %% tags=["solution"]
def parity_weights(gain):
    gate = [-2 * gain, 0, gain]
    candidate = [0, -gain, 0]
    return gate, candidate


# %%
check.parity_weights(parity_weights)

# %% tags=["instructor"]
checks.require_passed("5.1 parity_weights")

# %% [markdown]
# Your unit on 60 random bits, with a gain of 10:

# %%
bits = torch.randint(2, (60,), generator=generator).tolist()


def read_parity(gain):
    return highway_unit(*parity_weights(gain), [[bit] for bit in bits], h=-1.0)


odd = np.cumsum(bits) % 2
yours = checks.attempt(read_parity, 10.0)


# %% tags=["figure"]
def draw_parity(ax, states):
    ax.step(range(60), states, where="post")
    ax.set(xlabel="bits read", ylabel="state", ylim=(-1.2, 1.2))


plots.compare(
    draw_parity,
    2.0 * odd - 1,
    yours,
    size=(10, 2.8),
    alt="A state that jumps between -1 and +1 at every one and stays where it is at every zero.",
)

# %% [markdown]
# **Break it.** How much gain does it need? A run of zeros is the hard part, since at each of them $1-\sigma(g)$ of the *opposite* is written. With weights of gain 3, 5 and 8:


# %%
def zeros_survived(gain, longest=3000):
    """Zeros in a row until half of the state is lost."""
    start = highway_unit([-2 * gain, 0, gain], [0, -gain, 0], [[0]] * longest, h=-1.0)
    return int(np.argmax(start > -0.5))


survived = {gain: zeros_survived(gain) for gain in (3, 5, 8)}
print("zeros until half is lost:", survived)
assert survived[3] < 10 < 40 < survived[5] < 60 and 800 < survived[8] < 1200

# %% [markdown]
# Each step of gain multiplies the time by about $e$. Keep that in mind for section 5.

# %% [markdown]
# ## 3 · The GRU: a second gate, and where it stands
#
# A state one keeps is a state one also computes with. The *reset gate* decides how much of it the candidate sees (Cho et al. 2014):
#
# $$r = \sigma(W_r x + U_r h + b_r), \quad c = \tanh(W_c x + U_c\,(r\,h) + b_c), \quad h' = u\,h + (1-u)\,c$$
#
# Here $r$ multiplies **before** the matrix, as in the published paper (its third version on arXiv, 1406.1078v3) and in the Neural GPU. The paper's *first* version, and `torch.nn.GRU`, multiply **after** it,
# $r\,(U_c h + b'_c)$, so that all three products with $h$ can be one large one.
#
# | symbol | name in the code | shape |
# |---|---|---|
# | $r$, $u$, $c$ | `reset`, `update`, `candidate` | B x H each, stacked in this order |
# | $U_r, U_u, U_c$ | `cell.from_state.weight` | 3H x H |
#
# The loop with the reset after the matrix, the library's cell, and PyTorch's:

# %%
theirs, cell = nn.GRU(2, 4, batch_first=True), GRU(2, 4)
mine = [cell.from_input.weight, cell.from_state.weight, cell.from_input.bias, cell.from_state.bias]
for weight, parameter in zip(mine, theirs.parameters(), strict=True):
    weight.data.copy_(parameter.data)
h_BH = torch.zeros(3, 4)
for t in range(6):
    xr, xu, xc = cell.from_input(x_BTC[:, t]).chunk(3, dim=1)
    hr, hu, hc = cell.from_state(h_BH).chunk(3, dim=1)
    r_BH, u_BH = torch.sigmoid(xr + hr), torch.sigmoid(xu + hu)
    h_BH = u_BH * h_BH + (1 - u_BH) * torch.tanh(xc + r_BH * hc)
torch.testing.assert_close(h_BH, Scan(cell)(x_BTC)[1])
torch.testing.assert_close(h_BH, theirs(x_BTC)[1][0])

# %% [markdown]
# **Predict.** The same weights with the reset before the matrix: does the state differ? Write True or False.

# %%
my_reset_matters = None

# %%
before = GRU(2, 4, reset="before")
before.load_state_dict(cell.state_dict())
difference = (Scan(before)(x_BTC)[0] - Scan(cell)(x_BTC)[0]).abs().max().item()
print(f"you: {my_reset_matters}   largest difference after six steps: {difference:.4f}")
assert difference > 1e-3

# %% [markdown]
# It does, and loading the weights gave no error. A gate that is the same number for all units moves through any matrix; one with a number of its own for each unit
# does not move through this one (and the bias that PyTorch puts inside is multiplied, too):

# %%
h_H, U_HH = torch.randn(4), torch.randn(4, 4)
same, own = torch.tensor(0.3), torch.tensor([0.1, 0.9, 0.4, 0.6])
torch.testing.assert_close(U_HH @ (same * h_H), same * (U_HH @ h_H))
assert not torch.allclose(U_HH @ (own * h_H), own * (U_HH @ h_H), atol=1e-2)

# %% [markdown]
# ## 4 · The LSTM: keep and write apart
#
# In the GRU what is not kept is overwritten: one gate, two duties. The LSTM (Hochreiter & Schmidhuber 1997; *forget gate*: Gers et al. 2000) gives each its own gate and hides the memory $m$ behind a third:
#
# $$i, f, o = \sigma(W x + U h + b)\ \text{three times}, \quad m' = f\,m + i\,c, \quad h' = o\,\tanh(m')$$
#
# | symbol | name in the code | shape |
# |---|---|---|
# | $m$, $h$ | `memory`, `state` | B x H each |
# | $i$, $f$, $o$ | `input`, `forget`, `output` | B x H each |
#
# The forget gate is misnamed: $f = 1$ **keeps**. The loop, the library, and PyTorch:

# %%
theirs, cell = nn.LSTM(2, 4, batch_first=True), LSTM(2, 4)
mine = [cell.from_input.weight, cell.from_state.weight, cell.from_input.bias, cell.from_state.bias]
for weight, parameter in zip(mine, theirs.parameters(), strict=True):
    weight.data.copy_(parameter.data)
h_BH = m_BH = torch.zeros(3, 4)
for t in range(6):
    i, f, c, o = (cell.from_input(x_BTC[:, t]) + cell.from_state(h_BH)).chunk(4, dim=1)
    m_BH = torch.sigmoid(f) * m_BH + torch.sigmoid(i) * torch.tanh(c)
    h_BH = torch.sigmoid(o) * torch.tanh(m_BH)
for result in (Scan(cell)(x_BTC)[1], [state[0] for state in theirs(x_BTC)[1]]):
    torch.testing.assert_close((h_BH, m_BH), tuple(result))

# %% [markdown]
# ### Exercise 5.2 · An LSTM that counts (medium, 10 minutes)
#
# A highway or GRU state that starts between -1 and 1 stays there, since it is a mean of itself and a tanh. The LSTM's memory is a sum and may grow: it can *count*. Text comes in as two bits per character, x = 1 for an opening bracket and y = 1 for a
# closing one (both 0 for a letter). Write `count_weights(gain)`: three rows `(input, forget, candidate)` of weights for `[x, y, 1]`, such that the memory is the depth of the brackets: the input gate's sum is `gain` at
# both brackets and `-gain` at a letter, the forget gate's always `gain`; the candidate's is `gain` at an opening bracket, `-gain` at a closing one and 0 at a letter.
#
# <details><summary>Hint 1</summary>A letter gives [0, 0, 1]: there the sum is the bias alone.</details>
# <details><summary>Hint 2</summary>An opening bracket gives [1, 0, 1]: its weight and the bias together. No text has both bits at once.</details>
# <details><summary>Hint 3</summary>Input gate: bias -gain, and either bracket adds 2 * gain.</details>


# %% tags=["stub"]
def count_weights(gain):
    return ...


# %% tags=["solution"]
def count_weights(gain):
    write = [2 * gain, 2 * gain, -gain]
    keep = [0, 0, gain]
    candidate = [gain, -gain, 0]
    return write, keep, candidate


# %%
check.count_weights(count_weights)

# %% tags=["instructor"]
checks.require_passed("5.2 count_weights")

# %% [markdown]
# Your weights in the library's LSTM, with a gain of 20, on a text that goes 30 brackets deep:


# %%
def depth_by_lstm(text, gain=20.0):
    """Memory of a one-unit LSTM with your weights after each character."""
    cell = LSTM(2, 1)
    rows = torch.tensor([*count_weights(gain), [0.0] * 3])  # output gate: half, all the time
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.from_input.weight.copy_(rows[:, :2])
        cell.from_input.bias.copy_(rows[:, 2])
    x_BTC = torch.tensor([[[c == "(", c == ")"] for c in text]]).float()
    return trace_run(Scan(cell), x_BTC)["memory"][1:, 0]


text = "f(x(y)z)" + "(a" * 30 + ")b" * 30
depth = np.cumsum([(c == "(") - (c == ")") for c in text])
yours = checks.attempt(depth_by_lstm, text)
assert depth.max() == 30 and depth[-1] == 0


# %% tags=["figure"]
def draw_depth(ax, memory):
    ax.step(range(len(text)), memory, where="post")
    ax.set(xlabel="character", ylabel="memory")


plots.compare(
    draw_depth,
    depth,
    yours,
    size=(10, 2.8),
    alt="A count that climbs by one at each opening bracket, up to 30, and falls back to zero.",
)

# %% [markdown]
# What limits the count is the forget gate: $\sigma(20)$ is so near 1 that in 32-bit numbers it *is* 1. With $f = \sigma(5)$ the same weights, fed with opening brackets only, never count beyond $1/(1-\sigma(5)) = 149$.

# %%
assert torch.sigmoid(torch.tensor(20.0)) == 1
memory = 0.0
for _ in range(3000):
    memory = memory / (1 + np.exp(-5)) + 1
assert 149 < memory < 150

# %% [markdown]
# ## 5 · One number sets the memory, where little is written
#
# With bias $b$ and little else, a gate keeps $\sigma(b)$. Its memory, as defined in section 1, is
#
# $$\tau = \frac1{1-\sigma(b)} = 1 + e^{b}$$
#
# steps.
#
# ### Exercise 5.3 · The bias for a memory (easy, 5 minutes)
#
# Write `bias_for_memory(steps)`: the bias with which the memory is that many steps ($> 1$), as a plain number.
#
# <details><summary>Hint 1</summary>Solve tau = 1 + e^b for b.</details>
# <details><summary>Hint 2</summary>For two steps the answer is 0.</details>
# <details><summary>Hint 3</summary>The natural logarithm is <code>np.log</code>.</details>


# %% tags=["stub"]
def bias_for_memory(steps):
    return ...


# %% tags=["solution"]
def bias_for_memory(steps):
    return float(np.log(steps - 1))


# %%
check.bias_for_memory(bias_for_memory)

# %% tags=["instructor"]
checks.require_passed("5.3 bias_for_memory")

# %% [markdown]
# Measured on LSTM cells that read noise: run the cell twice, the second time with a slightly different memory $m$ at the start, and see what is left of the difference after each step (added up: its memory in steps). The input gates
# get the bias $-b$, so that they write gently; `matrices=False` sets all matrices $U$ to 0, so that no unit sees any state.


# %%
def difference_left(tau, seed, write=-1, matrices=True, steps=300):
    """What is left of a difference in m after 0..steps steps; the input gates' bias is write * b."""
    torch.manual_seed(seed)
    cell, bias = LSTM(4, 48), float(np.log(tau - 1))
    with_bias(with_bias(cell, 1, bias), 0, write * bias)  # blocks: input 0, forget 1
    if not matrices:
        cell.from_state.weight.data.zero_()
    x_BTC, m_BH = torch.randn(4, steps, 4), 0.1 * torch.randn(4, 48)
    start = torch.cat([torch.zeros(4, 48), m_BH])  # both runs in one batch
    state = (torch.zeros(8, 48), start)
    memory_TBH = trace_run(Scan(cell), torch.cat([x_BTC, x_BTC]), item=None, state=state)["memory"]
    left = np.sqrt(((memory_TBH[:, 4:] - memory_TBH[:, :4]) ** 2).sum(axis=(1, 2)))
    return left / left[0]


# %%
wanted = (3, 6, 12, 25, 50)
measured = np.array([[difference_left(tau, seed).sum() for tau in wanted] for seed in range(5)])
alone = np.array([difference_left(tau, 0, matrices=False).sum() for tau in wanted])
print(
    "wanted  ",
    *wanted,
    "\nmeasured",
    *np.median(measured, 0).round(1),
    "\nno U    ",
    *alone.round(1),
)
assert (measured / wanted > 1).all() and (measured / wanted < 1.15).all()
assert np.allclose(alone / wanted, 1, atol=0.03)

# %% [markdown]
# Every seed is within 15 % of $1 + e^b$, always above it; without the matrices it is within 3 %. Dots: five seeds. Line: $1 + e^b$. The right-hand picture asks your function for each bias.


# %% tags=["figure"]
def draw_memory(ax, biases):
    for row in measured:
        ax.plot(biases, row, "o", color=plots.PALETTE[0], ms=4, alpha=0.6)
    ax.plot(biases, wanted, color="black", ls="--", lw=1, label="1 + exp(b)")
    ax.set(xlabel="bias b", ylabel="measured memory in steps", yscale="log")
    ax.set_yticks(wanted, wanted)
    ax.minorticks_off()
    ax.legend()


yours = [checks.attempt(bias_for_memory, float(tau)) for tau in wanted]
plots.compare(
    draw_memory,
    [np.log(tau - 1) for tau in wanted],
    None if any(value is None for value in yours) else yours,
    alt="Measured memory of five LSTM cells per bias lies on the predicted curve 1 + exp(b).",
)

# %% [markdown]
# PyTorch's own first weights have $b \approx 0$, a memory of two steps: such an LSTM has to learn to remember.
#
# **Break it.** Leave the input gates at bias 0, so that they write a half at every step, and ask for a memory of 25 steps. With the matrices and without:

# %%
free, cut = (
    np.array([difference_left(25, seed, write=0, matrices=m, steps=100) for seed in range(5)])
    for m in (True, False)
)
assert (free[:, 50] > 1.5).all() and (cut[:, 50] < 0.2).all()

# %% tags=["figure"]
plots.lines(
    range(101),
    {"as it is": free, "without the matrices U": cut},
    xlabel="steps since the change",
    ylabel="difference left",
    log="y",
    ylim=(0.01, 30),
    levels={"as at the start": 1.0},
    alt="Without the matrices the difference decays; with them it grows beyond where it started. "
    + plots.ends(range(101), {"as it is": free, "without": cut}),
)

# %% [markdown]
# After 50 steps the difference is at least one and a half times what it was, with every seed, and without the matrices less than a fifth: lesson 04's factor above 1, come back through the gates. So the formula holds where little is written, and there alone
# does the bias set the memory.
#
# ### Chrono initialisation
#
# Which memory does a task need? If nobody knows, spread them (Tallec & Ollivier 2018): $b_f = \log \mathcal U[1, T-1]$, $b_i = -b_f$, so that memories are uniform between 2 and $T$ steps, and
# what is kept longer is written more gently (you just saw why).
#
# **Predict.** Take the share kept, averaged over units with memories from 2 to 100 steps, and beside it one gate with the same mean memory, 51. Which keeps more after 20 steps, "chrono" or "one"? And after 400?

# %%
my_at_20, my_at_400 = None, None

# %%
taus = np.linspace(2, 100, 9801)
ages = np.arange(1, 1001)
chrono_kept = np.array([((1 - 1 / taus) ** age).mean() for age in ages])
one_kept = (1 - 1 / taus.mean()) ** ages
crossing = int(ages[np.argmax(chrono_kept > one_kept)])
assert taus.mean() == 51 and crossing == 83 and (chrono_kept[:82] < one_kept[:82]).all()
assert chrono_kept[19] < 0.9 * one_kept[19] and chrono_kept[399] > 8 * one_kept[399]

# %% tags=["figure"]
print(
    f"you: {my_at_20}   after 20 steps chrono keeps {chrono_kept[19]:.1e}, one gate {one_kept[19]:.1e}"
)
print(
    f"you: {my_at_400}   after 400 steps chrono keeps {chrono_kept[399]:.1e}, one gate {one_kept[399]:.1e}"
)
plots.lines(
    ages,
    {"memories from 2 to 100": chrono_kept, "all 51": one_kept},
    xlabel="age (steps)",
    ylabel="share kept",
    log="xy",
    ylim=(1e-4, 1.2),
    moments={f"age {crossing}": crossing},
    alt="With equal mean memory, chrono keeps less up to an age of 82 steps and more from 83 on.",
)

# %% [markdown]
# First less, then more: the short memories are gone soon, the long ones stay, and the curves cross at 83 steps. At 400 the mixture has kept more than eight times as much. Section 7 shows
# what that buys.
#
# ## 6 · Watching a trained GRU decide
#
# The latch again, learned this time: a value and a mark (0 or 1) per step; the answer at every step is the last marked value (0 before the first). 16 units, 30 steps.


# %%
def latch_batches(step, generator, steps=30):
    x_BTC = torch.zeros(64, steps, 2)
    x_BTC[:, :, 0] = 2 * torch.rand(64, steps, generator=generator) - 1
    x_BTC[:, :, 1] = (torch.rand(64, steps, generator=generator) < 0.15).float()
    answer_BT, held_B = torch.zeros(64, steps), torch.zeros(64)
    for t in range(steps):
        held_B = torch.where(x_BTC[:, t, 1] > 0, x_BTC[:, t, 0], held_B)
        answer_BT[:, t] = held_B
    return x_BTC, answer_BT


def latch_loss(model, batch):
    return F.mse_loss(model(batch[0])[:, :, 0], batch[1])


# %% [markdown]
# **Predict.** At a mark, will the mean update gate be higher or lower than elsewhere? Write "higher" or "lower".

# %%
my_gate_at_marks = None

# %% [markdown]
# Five seeds of 250 updates each:


# %%
def learn_latch(seed, updates=250):
    torch.manual_seed(seed)
    model = Reader(Scan(GRU(2, 16)), 16, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, fused=True)
    pieces = dict(callbacks=[ClipGradient(1.0)], progress=f"seed {seed}")
    run = train(model, latch_batches, latch_loss, optimizer, updates=updates, seed=seed, **pieces)
    return model, np.mean([record["loss"] for record in run][-10:])


latches, losses = zip(*[learn_latch(seed) for seed in range(5)], strict=True)
x_BTC, answer_BT = latch_batches(0, torch.Generator().manual_seed(11))
arrays = trace_run(latches[0], x_BTC)
print("squared error at the end, by seed:", *(f"{loss:.4f}" for loss in losses))
assert max(losses) < 0.005

# %% [markdown]
# One new sequence through the net of seed 0: what came in and what it answers, and below each unit's update gate (bright: keep, dark: write).

# %% tags=["figure"]
marked = (x_BTC[0, :, 1] > 0).nonzero()[:, 0]
fig, axes = plots.figure(2, 1, size=(8.5, 5.2))
axes[0].plot(x_BTC[0, :, 0], ".", color="grey", label="value")
axes[0].plot(marked, x_BTC[0, marked, 0], "o", color=plots.PALETTE[3], label="value with a mark")
axes[0].step(range(30), arrays["answer"][:, 0], where="mid", label="answer")
axes[0].set(xlabel="time step", ylabel="value", xlim=(-0.5, 29.5), ylim=(-1.1, 1.7))
axes[0].legend(ncols=3, fontsize=9, loc="upper center")
title = "update gate: 1 keeps, 0 writes"
plots.matrix(axes[1], arrays["update"].T, xlabel="time step", ylabel="unit", title=title)
axes[1].set_yticks(range(0, 16, 5))
plots.show(
    fig,
    alt="The answer holds each marked value; at the marks the update gates of several units go dark at once.",
)

# %% [markdown]
# Not every unit takes part. The *carrier* is the unit whose state follows the answer most closely (in size of correlation). Its gate, at marks and elsewhere, for each seed:


# %%
def carrier_of(arrays, answer_BT):
    """The unit whose state is most correlated with the answer."""
    states_SH, answers_S = arrays["state"][1:].reshape(-1, 16), answer_BT.T.reshape(-1).numpy()
    return int(np.argmax([abs(np.corrcoef(states_SH[:, k], answers_S)[0, 1]) for k in range(16)]))


mark_TB = x_BTC[:, :, 1].T.numpy() > 0
at_mark, elsewhere = [], []
for model in latches:
    arrays = trace_run(model, x_BTC, item=None)
    gate_TB = arrays["update"][:, :, carrier_of(arrays, answer_BT)]
    at_mark.append(gate_TB[mark_TB].mean())
    elsewhere.append(gate_TB[~mark_TB].mean())
gate_memory = 1 / (1 - np.array(elsewhere))
assert (np.array(at_mark) < elsewhere).all() and min(at_mark) > 0.2 and (gate_memory < 8).all()

# %% tags=["figure"]
print(f"you: {my_gate_at_marks}   measured: lower, with every seed")
print("memory of the carrier's gate alone, in steps:", *gate_memory.round(1))
plots.dots(
    {"at marks": at_mark, "elsewhere": elsewhere},
    xlabel="step",
    ylabel="carrier's update gate",
    ylim=(0, 1),
)

# %% [markdown]
# Nobody told the net when to write; the loss did. But it does so by halves: at a mark the gate still keeps more than a fifth, and elsewhere it keeps so little that, alone, it would forget within eight steps, while marks are $1/0.15 \approx 7$ steps apart.
# So how long does the net hold a value, and what holds it? One mark, then 100 steps without: more than three times what it was trained on. Beside it an **ablation**: after the mark the candidate is blind, it sees no state.


# %%
def errors_after_mark(model, blind=False):
    """Squared error by steps since the one mark, over 64 sequences."""
    cell, generator = model.memory.cell, torch.Generator().manual_seed(7)
    x_BC = torch.cat([2 * torch.rand(64, 1, generator=generator) - 1, torch.ones(64, 1)], 1)
    target_B, h_BH, errors = x_BC[:, 0], cell.start(x_BC), []
    for t in range(101):
        new_BH, gates = cell(x_BC, h_BH)
        if blind and t > 0:
            from_x, from_h = cell.both(x_BC, torch.zeros_like(h_BH))
            seen_BH = torch.tanh(from_x[2] + gates["reset"] * from_h[2])
            new_BH = gates["update"] * h_BH + (1 - gates["update"]) * seen_BH
        h_BH = new_BH
        errors.append((model.answer(h_BH)[:, 0] - target_B).square().mean().item())
        x_BC = torch.cat([2 * torch.rand(64, 1, generator=generator) - 1, torch.zeros(64, 1)], 1)
    return errors


with torch.no_grad():
    errors_ST = np.array([errors_after_mark(model) for model in latches])
    blind_ST = np.array([errors_after_mark(model, blind=True) for model in latches])

# %% tags=["figure"]
plots.lines(
    range(101),
    {"as trained": errors_ST, "candidate blind": blind_ST},
    xlabel="steps since the mark",
    ylabel="mean squared error",
    log="y",
    moments={"longest in training": 29},
    levels={"always answering 0": 1 / 3},
    alt="Squared error against steps since the mark. As trained it stays small for 30 steps and then "
    "drifts upwards; with a blind candidate it comes near that of answering 0 within 30 steps.",
)

# %%
growth = errors_ST[:, 100] / errors_ST[:, 30]
print("error after 100 steps over that after 30, by seed:", *growth.round(1))
assert (errors_ST[:, 30] < 1 / 30).all() and (errors_ST[:, 100] < 1 / 3).all()
assert (growth > 1.2).all() and growth.max() > 10
assert (blind_ST[:, 30] > 2 / 9).all() and (blind_ST[:, 30] > 10 * errors_ST[:, 30]).all()

# %% [markdown]
# The surprise: the gate alone would hold for less than eight steps, and the net holds for thirty with an error below a tenth of that of giving up (always answering 0 costs 1/3). Blind the candidate, and at thirty steps the error is more than ten times as large, with every seed, and above two thirds of that of giving up: so it is not the gate that holds the value, it is the loop,
# in which the candidate writes it back, step after step.
#
# Gate and candidate together make one step, $h' = F(h)$. How much of a small change of $h$ survives it? The largest eigenvalue of the step's **Jacobian** (the matrix of the derivatives of $h'$ by $h$) says so:


# %%
def slowest_factor(model, x_BTC, step=15):
    """Largest eigenvalue, in size, of the step's Jacobian at unmarked steps; median over items."""
    cell = model.memory.cell
    with torch.no_grad():
        h_BH = Scan(cell)(x_BTC[:, :step])[1]
    quiet_BC = torch.zeros(len(h_BH), 2)
    jacobian_BHH = torch.func.vmap(torch.func.jacrev(lambda h, x: cell(x[None], h[None])[0][0]))(
        h_BH, quiet_BC
    )
    return torch.linalg.eigvals(jacobian_BHH).abs().amax(-1).median().item()


factors = np.array([slowest_factor(model, x_BTC) for model in latches])
print("gate alone:", *np.round(elsewhere, 2), "  gate and candidate:", *factors.round(3))
assert (abs(factors - 1) < 0.05).all() and max(elsewhere) < 0.9

# %% [markdown]
# Within a twentieth of 1, with every seed, where the gate alone stays below 0.9: training has tuned the loop until a change in one direction of the state hardly fades or grows. *Hardly*: with nothing to correct it the value drifts, and
# at 100 steps the error is larger with every seed, with some more than ten times. The latch you saw set by hand, with a gate further from the middle, would hold on. *Can* and *learns to* are different things, and this course will meet the difference again.
#
# ### Exercise 5.4 · A linear probe (medium, 15 minutes)
#
# What does the net know at a given moment? A **linear probe** answers: predict a quantity from the states by a linear function, and see how much of it comes out on states that the function was not fitted to. Write `probe(states_NH, wanted_N)`: fit weights *and an intercept* by least squares to
# the first half of the rows (N is even); return, for the second half, $1 - \text{mean squared error}\,/\,\text{variance of what was wanted}$. 1: all is there; 0 or less: no better than a constant.
#
# <details><summary>Hint 1</summary>A column of ones beside the states makes the intercept one weight more.</details>
# <details><summary>Hint 2</summary><code>torch.linalg.lstsq(A, B).solution</code> solves least squares; B needs two axes.</details>
# <details><summary>Hint 3</summary>The variance divides by the number of rows: <code>.var(correction=0)</code>.</details>


# %% tags=["stub"]
def probe(states_NH, wanted_N):
    return ...


# %% tags=["solution"]
def probe(states_NH, wanted_N):
    half = len(wanted_N) // 2
    seen = torch.column_stack([states_NH, torch.ones(len(wanted_N))])
    weights = torch.linalg.lstsq(seen[:half], wanted_N[:half, None]).solution.flatten()
    error_N = seen[half:] @ weights - wanted_N[half:]
    return 1 - error_N.square().mean() / wanted_N[half:].var(correction=0)


# %%
check.probe(probe)

# %% tags=["instructor"]
checks.require_passed("5.4 probe")

# %% [markdown]
# Three questions to the trained nets and to five untrained ones: do the states hold the *held* value (the right answer), the value that stands there *now*, marked or not, and the one held *before* the last mark?
#
# **Predict.** After training, does the state tell more or less about the value that stands there now than before training? Write "more" or "less".

# %%
my_value_now = None


# %%
def what_it_knows(model, x_BTC, answer_BT):
    """Probe results for the held value, the value now, and the value held before that."""
    with torch.no_grad():
        states_NH = model.memory(x_BTC)[0].reshape(-1, 16)
    mark_BT, before_BT = x_BTC[:, :, 1] > 0, torch.zeros_like(answer_BT)
    for t in range(1, before_BT.shape[1]):
        before_BT[:, t] = torch.where(mark_BT[:, t], answer_BT[:, t - 1], before_BT[:, t - 1])
    wanted = {"held": answer_BT, "now": x_BTC[:, :, 0], "held before": before_BT}
    found = [
        checks.attempt(probe, states_NH, wanted_BT.reshape(-1)) for wanted_BT in wanted.values()
    ]
    return dict(zip(wanted, found, strict=True))


def untrained(seed):
    torch.manual_seed(seed)
    return Reader(Scan(GRU(2, 16)), 16, 1)


known = {
    "untrained": [what_it_knows(untrained(seed), x_BTC, answer_BT) for seed in range(5)],
    "trained": [what_it_knows(model, x_BTC, answer_BT) for model in latches],
}


# %% tags=["figure"]
def probe_picture(known):
    """Dots by question, or a word where the probe gives no numbers yet."""
    panels = {
        kind: {name: [checks.attempt(float, row[name]) for row in rows] for name in rows[0]}
        for kind, rows in known.items()
    }
    numbers = [v for panel in panels.values() for values in panel.values() for v in values]
    if any(v is None or not np.isfinite(v) for v in numbers):
        return "probe: no numbers yet"
    print(f"you: {my_value_now}   measured: {plots.medians(panels)}")
    return plots.dots(
        panels, xlabel="what is asked for", ylabel="share explained", ylim=(-0.5, 1.1)
    )


probe_picture(known)

# %% tags=["instructor"]
found = {
    kind: {k: [float(row[k]) for row in rows] for k in rows[0]} for kind, rows in known.items()
}
assert min(found["trained"]["held"]) > 0.98 > 0.7 > max(found["untrained"]["held"])
assert min(found["untrained"]["now"]) > 0.9 and max(found["trained"]["now"]) < min(
    found["untrained"]["now"]
)
assert max(found["trained"]["held before"]) < 0.7

# %% [markdown]
# Fresh weights know best what they see at this moment. Training makes the net *forget* that: all but a hundredth or two of the held value can be read off, and less than before of the value that stands there now, with every seed. Of the value before it keeps a part that differs from seed to seed, and nobody asked it to.
#
# ## 7 · Evidence: two tasks that need a memory
#
# Both go back to tasks of Hochreiter & Schmidhuber 1997; the form is that of later papers (Arjovsky et al. 2016), cut short.
#
# - **Adding:** random numbers come in, two of them marked (one in each half); at the end, say the sum of the two. Always saying 1 costs 1/6.
# - **Copying:** three symbols out of four, then a gap of blanks, then a signal: now say the three in order. Guessing costs $\log 4$.


# %%
def adding(step, generator, gap=20, size=32):
    x_BTC = torch.zeros(size, gap, 2)
    x_BTC[:, :, 0] = torch.rand(size, gap, generator=generator)
    for low, high in ((0, gap // 2), (gap // 2, gap)):
        place_B = torch.randint(low, high, (size,), generator=generator)
        x_BTC[torch.arange(size), place_B, 1] = 1
    return x_BTC, (x_BTC[:, :, 0] * x_BTC[:, :, 1]).sum(1)


def adding_loss(model, batch):
    """Relative to always saying 1."""
    return F.mse_loss(model(batch[0])[:, -1, 0], batch[1]) * 6


# %%
def copying(step, generator, gap=20, size=32, symbols=4, count=3):
    word_BL = torch.randint(symbols, (size, count), generator=generator)
    input_BT = torch.full((size, gap + 2 * count), symbols)
    input_BT[:, :count] = word_BL
    input_BT[:, gap + count - 1] = symbols + 1
    return F.one_hot(input_BT, symbols + 2).float(), word_BL


def copying_loss(model, batch):
    """Relative to guessing."""
    return F.cross_entropy(model(batch[0])[:, -3:].transpose(1, 2), batch[1]) / np.log(4)


TASKS = {"adding": (adding, adding_loss, 2, 1), "copying": (copying, copying_loss, 6, 4)}

# %% [markdown]
# Five memories of 32 units, all of `torch.nn`. The plain net comes twice, the second time starting with an *orthogonal* matrix (lesson 04): one that turns states and keeps their length. The LSTM comes with chrono's biases, too.

# %%
MEMORIES = ("plain", "plain, orthogonal", "GRU", "LSTM", "LSTM, chrono")


def make_memory(kind, inputs, hidden=32, longest=20):
    layer = {"plain": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[kind.split(",")[0]]
    memory = layer(inputs, hidden, batch_first=True)
    if kind == "plain, orthogonal":
        nn.init.orthogonal_(memory.weight_hh_l0)
    if kind == "LSTM, chrono":
        bias_H = torch.log(torch.empty(hidden).uniform_(1, longest - 1))
        with torch.no_grad():
            memory.bias_hh_l0[: 2 * hidden] = 0
            memory.bias_ih_l0[: 2 * hidden] = torch.cat([-bias_H, bias_H])
    return memory


# %%
def last_loss(task, kind, seed, updates=300):
    """Mean relative loss of the last ten batches; stops early once that is below 5 %."""
    draw, loss, inputs, outputs = TASKS[task]
    torch.manual_seed(seed)
    model = Reader(make_memory(kind, inputs), 32, outputs)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    pieces = dict(callbacks=[ClipGradient(1.0)], progress=False)
    recent = []
    for record in train(model, draw, loss, optimizer, updates=updates, seed=seed, **pieces):
        recent = [*recent[-9:], record["loss"]]
        if len(recent) == 10 and np.mean(recent) < 0.05:
            break
    return np.mean(recent)


# %% [markdown]
# **Predict.** Three seeds of each, over 20 steps, at most 300 updates. Which memory copies best? One of the five names in `MEMORIES`.

# %%
my_best_copier = None

# %% [markdown]
# One run, live; all thirty are recorded (the command, in a checkout of the repository: `python -m course.workshop.recorded_runs.lesson05`).

# %%
live = last_loss("adding", "GRU", 0)
RUNS = recorded.load("lesson05_memories")["runs"]
results = {
    task: {kind: [run["loss"] for run in RUNS[f"{task}, {kind}"].values()] for kind in MEMORIES}
    for task in TASKS
}
print("adding, GRU, seed 0: live", round(live, 2), "recorded", results["adding"]["GRU"][0])

# %% [markdown]
# 1 is guessing; a run below 0.05 was stopped as solved.

# %% tags=["figure"]
best = min(MEMORIES, key=lambda kind: np.median(results["copying"][kind]))
print(f"you: {my_best_copier}   lowest median loss at copying: {best}")
plots.dots(
    results,
    rows=True,
    xlabel="loss / loss of guessing after 300 updates",
    ylabel="memory",
    size=(10, 3.2),
    xlim=(-0.05, 1.3),
    alt="Relative loss, a dot for each of three seeds. " + plots.medians(results),
)

# %% [markdown]
# No memory wins both. On adding, the GRU and the LSTM with chrono's biases are done with every seed, and both plain nets stay at guessing; the LSTM as it comes is behind chrono. On copying the order turns round: the plain net with the orthogonal matrix, which has no gate at all,
# is done with every seed. The plain net without that matrix is not: so the matrix does it, and not the lack of gates. A guess at why: to copy is to keep everything in order, which a rotation does with no decision; to add is to ignore nearly everything, and that is
# what gates are for. And 300 updates measure how *fast* a net learns, not what it can hold in the end.

# %%
middle = {
    task: {kind: np.median(runs) for kind, runs in found.items()} for task, found in results.items()
}
added, copied = results["adding"], results["copying"]
assert max(added["GRU"] + added["LSTM, chrono"]) < 0.2
assert min(added["plain"] + added["plain, orthogonal"]) > 0.8
assert middle["adding"]["LSTM, chrono"] < middle["adding"]["LSTM"]
assert max(copied["plain, orthogonal"]) < 0.2 < 0.3 < min(copied["plain"])
assert min(middle["copying"][kind] for kind in MEMORIES if kind != "plain, orthogonal") > 0.3

# %% [markdown]
# ## 8 · A convolution instead of the matrices
#
# One state of 32 numbers is a bucket: however long the input, it must fit. The Neural GPU gives *every input symbol its own cell* on a tape, and all cells share one GRU
# whose matrices are 3x3 convolutions (a *CGRU*), so that a cell sees its neighbours:
#
# $$u = \sigma'(U' * s + B'), \quad r = \sigma'(U'' * s + B''), \quad s' = u\,s + (1-u)\tanh\big(U * (r\,s) + B\big)$$
#
# | symbol | name in the code | shape |
# |---|---|---|
# | $s$ tape | `tape_BCWL` | B x C x W x L |
# | $U, U', U''$ | `candidate`, `update`, `reset` | C x C x 3 x 3 each |
#
# The reset stands before the convolution. And $\sigma'(x) = \operatorname{clip}(1.2\,\sigma(x) - 0.1,\ 0,\ 1)$ reaches 0 and 1 *exactly*, where a sigmoid only comes near. As a loop over
# the three convolutions, and the library's:

# %%
torch.manual_seed(0)
unit, tape_BCWL = CGRU(maps=6), torch.randn(2, 6, 4, 9)


def convolve(layer, tape_BCWL):
    return F.conv2d(tape_BCWL, layer.weight, layer.bias, padding=1)


u_BCWL = cutoff_sigmoid(convolve(unit.update, tape_BCWL))
r_BCWL = cutoff_sigmoid(convolve(unit.reset, tape_BCWL))
c_BCWL = torch.tanh(convolve(unit.candidate, r_BCWL * tape_BCWL))
torch.testing.assert_close(u_BCWL * tape_BCWL + (1 - u_BCWL) * c_BCWL, unit(tape_BCWL)[0])
assert cutoff_sigmoid(torch.tensor([-9.0, 9.0])).tolist() == [0, 1]

# %% [markdown]
# The gates' biases start at 1, where such a gate keeps 0.777. On 20-bit multiplication a 2015 Neural GPU takes 41 steps of two units each over 41 cells. Through the gates alone, $0.777^{82}$ of a gradient would be left. Measured, with fresh weights
# of 24 maps:

# %%
at_first = cutoff_sigmoid(torch.tensor(1.0)).item()


def share_after(units, seed):
    """Gradient norm at the first tape over that at the last, two CGRUs in turn."""
    torch.manual_seed(seed)
    pair, tape_BCWL = (CGRU(24), CGRU(24)), torch.zeros(4, 24, 4, 41)
    tape_BCWL[:, :, 0] = 0.5 * torch.randn(4, 24, 41)
    last = first = tape_BCWL.requires_grad_()
    for k in range(units):
        last = pair[k % 2](last)[0]
    direction = torch.randn_like(last)
    return (
        torch.autograd.grad((last * direction).sum(), first)[0].norm() / direction.norm()
    ).item()


shares = [share_after(82, seed) for seed in range(3)]
print(f"gates alone: {at_first**82:.1e}   measured:", *(f"{share:.1e}" for share in shares))
assert abs(at_first - 0.777) < 1e-3 and 1e-9 < at_first**82 < 1.2e-9
assert 1e-6 < min(shares) and max(shares) < 1e-3

# %% [markdown]
# As at b = 1 in section 2: the candidates carry far more than the gates, here at least a thousand times as much, and still less than a thousandth arrives. Lesson 08 measures the training, and lesson 09 what was done about it.
#
# ### Exercise 5.5 · A walker that leaves a trail (medium, 15 minutes)
#
# Wire a CGRU of two maps on a tape of width 1. Map 0 is a walker: a 1 in its cell, 0 elsewhere; at every step it goes one cell to the *right* and drops off the end. Map 1 is its trail: 1 in every cell where the walker is or has been (or where the
# trail was at the start). The gates are set already: write always, reset never. Write `walker_kernel(gain)`, the candidate's kernel as a tensor of shape (2, 2, 3): `kernel[to, from, place]` is what map `to` adds for map `from`, seen in its left neighbour (place 0), its own cell (1) or its right
# neighbour (2). Each entry is `gain` or 0; with a gain of 10, tanh makes any sum of them nearly 1.
#
# <details><summary>Hint 1</summary>A cell's next value depends on what it sees. Where must a cell look to learn that the walker arrives from the left?</details>
# <details><summary>Hint 2</summary>The trail's next value in a cell is 1 if it is 1 there already, or if the walker arrives at this step.</details>
# <details><summary>Hint 3</summary>Three entries are not 0: one for the walker and two for the trail. The trail looks where the walker looks.</details>


# %% tags=["stub"]
def walker_kernel(gain):
    return ...


# %% tags=["solution"]
def walker_kernel(gain):
    kernel = torch.zeros(2, 2, 3)
    kernel[0, 0, 0] = gain
    kernel[1, 0, 0] = gain
    kernel[1, 1, 1] = gain
    return kernel


# %%
def wired(tape_CL, steps=5):
    """Tapes of a CGRU with your kernel, (steps + 1, 2, L)."""
    kernel = walker_kernel(10.0)
    if kernel is ...:
        return ...
    machine, states = CGRU(maps=2), [tape_CL[None, :, None]]
    with torch.no_grad():
        for layer, bias in ((machine.update, -9), (machine.reset, 9), (machine.candidate, 0)):
            layer.weight.zero_()
            layer.bias.fill_(bias)
        machine.candidate.weight[:, :, 1] = torch.as_tensor(kernel)
        for _ in range(steps):
            states.append(machine(states[-1])[0])
    return torch.cat(states)[:, :, 0]


check.walker_kernel(wired)

# %% tags=["instructor"]
checks.require_passed("5.5 walker_kernel")

# %%
start_CL = torch.zeros(2, 12)
start_CL[0, 1] = 1
wanted = torch.zeros(10, 2, 12)
for step in range(10):
    wanted[step, 0, 1 + step] = 1
    wanted[step, 1, 2 : 2 + step] = 1
yours = checks.attempt(wired, start_CL, 9)


# %% tags=["figure"]
def draw_walker(ax, states):
    picture = states[:, 0] + 0.5 * states[:, 1]
    plots.matrix(ax, picture, xlabel="cell", ylabel="step", ink=True, limits=(0, 1.5))


plots.compare(
    draw_walker,
    wanted,
    yours,
    alt="A dark cell moves one to the right at every step and leaves a grey trail behind it.",
)

# %% [markdown]
# So a tape machine can be written down; lesson 07 writes down one that multiplies.
#
# **Predict.** The kernel reaches one cell to each side. One number on the tape is changed: how many cells to each side can the change have travelled after *one* step of the CGRU, 0, 1, 2 or 3?

# %%
my_reach = None

# %%
tape_BCWL, change_BCWL, spread = torch.randn(1, 6, 1, 41), torch.zeros(1, 6, 1, 41), []
change_BCWL[0, :, 0, 20] = 1
for _ in range(9):
    spread.append(change_BCWL.abs().amax(dim=(0, 1, 2)).detach().numpy())
    tape_BCWL, change_BCWL = torch.func.jvp(
        lambda tape: unit(tape)[0], (tape_BCWL,), (change_BCWL,)
    )

# %% [markdown]
# How much each cell changes for a small change of cell 20 (the derivative, largest over the maps; logarithm to base 10; white: exactly zero).

# %% tags=["figure"]
plots.heatmap(
    np.where(np.array(spread) > 0, np.log10(np.maximum(spread, 1e-30)), np.nan),
    xlabel="cell on the tape",
    ylabel="step",
    label="log10 of the change",
    title="how far a change has travelled",
    size=(7.5, 3.2),
    alt="A cone: the change spreads two cells to each side with every step.",
)

# %% [markdown]
# To have it exactly, whatever the weights, put `nan` (not a number) into cell 20: whatever is computed from it is `nan`, too.


# %%
def reach(step, maps, steps=8):
    """Cells to each side that can know of cell 20 after 0, 1, 2, ... steps."""
    tape_BCWL, found = torch.zeros(1, maps, 1, 41, dtype=torch.float64), []
    tape_BCWL[..., 20] = float("nan")
    for _ in range(steps + 1):
        touched = tape_BCWL.isnan().any(1)[0, 0].nonzero()
        found.append(int((touched - 20).abs().max()))
        tape_BCWL = step(tape_BCWL)
    return found


unit = unit.double()
by_cgru = reach(lambda tape: unit(tape)[0].detach(), 6)
print(f"you: {my_reach}   reach after 0, 1, 2, ... steps: {by_cgru}")
assert by_cgru == [2 * step for step in range(9)]

# %% [markdown]
# Two, not one. A plausible reason: the reset gate looks at the neighbours, and the candidate looks at what the neighbours' reset gates let through. To see whether that is the reason, move the reset behind the convolution, as in `torch.nn.GRU`.
# And as a second control the **convolutional LSTM** (Shi et al. 2015), which has no reset: each cell of the tape has a memory $m$ and shows $h$, and all gates look at $h$ at once,
#
# $$i, f, o = \sigma(U * h + B)\ \text{three times}, \quad c = \tanh(U * h + B), \quad m' = f\,m + i\,c, \quad h' = o\,\tanh(m')$$


# %%
def reset_after(tape_BCWL):
    u_BCWL, r_BCWL = (cutoff_sigmoid(convolve(g, tape_BCWL)) for g in (unit.update, unit.reset))
    c_BCWL = torch.tanh(r_BCWL * convolve(unit.candidate, tape_BCWL))
    return u_BCWL * tape_BCWL + (1 - u_BCWL) * c_BCWL


def conv_lstm_step(h_BCWL, m_BCWL, weight, bias):
    """Gates stacked as in LSTM: input, forget, candidate, output."""
    i, f, c, o = F.conv2d(h_BCWL, weight, bias, padding=1).chunk(4, dim=1)
    m_BCWL = torch.sigmoid(f) * m_BCWL + torch.sigmoid(i) * torch.tanh(c)
    return torch.sigmoid(o) * torch.tanh(m_BCWL), m_BCWL


weight, bias = torch.randn(24, 6, 3, 3).double(), torch.randn(24).double()
by_lstm = reach(lambda h: conv_lstm_step(h, torch.zeros_like(h), weight, bias)[0], 6)
assert reach(lambda tape: reset_after(tape).detach(), 6) == by_lstm == list(range(9))

# %% [markdown]
# One cell a step, both: it is the reset *before* the convolution that reaches further. With kernels that look at their own cell only, the convolutional LSTM is the LSTM of section 4 in every cell (with nothing coming in):

# %%
cell = LSTM(1, 6).double()
weight = torch.zeros(24, 6, 3, 3).double()
weight[:, :, 1, 1] = cell.from_state.weight.detach()
bias = (cell.from_state.bias + cell.from_input.bias).detach()
h_BCWL, m_BCWL = torch.randn(2, 3, 6, 2, 5).double().unbind()
cells_NC = [state.movedim(1, 3).reshape(-1, 6) for state in (h_BCWL, m_BCWL)]
(one_NC, _), _ = cell(torch.zeros(len(cells_NC[0]), 1).double(), tuple(cells_NC))
new_BCWL, _ = conv_lstm_step(h_BCWL, m_BCWL, weight, bias)
torch.testing.assert_close(new_BCWL.movedim(1, 3).reshape(-1, 6), one_NC)

# %% [markdown]
# Outside the cone nothing arrives, whatever the weights: for the two ends of L cells to speak to each other a CGRU needs at least (L - 1)/2 steps, and these two need L - 1.

# %%
print(f"all cells: {time.perf_counter() - began:.0f} s")

# %% [markdown]
# ## Recap
#
# A gate is a share between keeping and writing; where little is written its bias sets how long a state lasts, $1 + e^b$ steps, and where much is written the candidate decides with it. Highway, GRU and LSTM differ in how many such decisions they take and where the reset stands;
# a trained net keeps less at the moments when something new has to be written, by halves, and holds its value in the loop of gate and candidate. Which cell learns fastest depends on the task, and a convolution in place of the matrices makes the GRU a tape machine.

# %%
quiz(
    "A gate of a torch.nn.GRU has update 0.99 at all steps and its candidate ignores the state. What is its memory?",
    "100 steps",
    ("1 step", "In this convention u keeps: h' = u h + (1 - u) c."),
    ("Without end", "Only u = 1 is; 0.99 to the power 100 is 0.37."),
    why="1 / (1 - 0.99) = 100.",
)

# %%
quiz(
    "Weights of a torch.nn.GRU are loaded into a GRU with the reset before the matrix. What happens?",
    "It runs and answers differently",
    ("An error", "All shapes agree; nothing can notice."),
    (
        "Nothing, they are the same function",
        "The reset stands after the matrix in one and before it in the other.",
    ),
    why="A gate and a matrix do not commute, unless the gate is one number for all units.",
)

# %%
quiz(
    "What does chrono initialisation set?",
    "Forget and input biases, so that memories spread from 2 to T steps",
    ("The learning rate, by the sequence's length", "It only touches the first weights."),
    ("All forget gates to 1", "Then nothing would be forgotten; it spreads the memories instead."),
    why="b = log U[1, T - 1] for the forget gates, -b for the input gates; 1 + e^b is then uniform between 2 and T.",
)

# %% [markdown]
# **Sources.** Hochreiter & Schmidhuber 1997, *Long short-term memory* (LSTM, with stretched sigmoids where ours has tanh; adding problem). Gers, Schmidhuber & Cummins 2000 (forget gate). Cho et al. 2014, arXiv 1406.1078 (GRU; that the first version has the reset after the matrix and the third before it is also in the documentation of Keras' GRU layer). Srivastava, Greff & Schmidhuber 2015, *Highway networks*
# (departure: our layers are time steps, with an input at each). Tallec & Ollivier 2018, *Can recurrent neural networks warp time?* (chrono). Arjovsky, Shah & Bengio 2016 (both tasks as here, at long gaps; norm-preserving matrices). Shi et al. 2015, *Convolutional LSTM network* (departures: no input after the first step, no peepholes). Kaiser & Sutskever 2015 (CGRU).
# What is said of training is measured above; five seeds on small tasks are an observation, not a theorem.
#
# **Next.** A fixed state in numbers of finite precision is a finite automaton, gated or not. Lesson 06 gives the network a tape, and lesson 07 asks what cells that only see their neighbours can compute.
