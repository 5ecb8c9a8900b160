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
# You will build the GRU and the LSTM one gate at a time, set a memory's length with one number, read a trained net's mind at
# the moment it decides to write, and find a task on which the simplest net beats both.
#
# *Before:* lesson 04. *Time:* 75 minutes of yours; about two minutes of a 2-core CPU for all cells (estimated: the same on
# a T4, since small steps one after the other gain nothing there).

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import time

import numpy as np
from torch import nn
from torch.nn import functional as F

from ngpu_lib import checks, plots
from ngpu_lib.cells import CGRU, GRU, LSTM, Highway, Reader, Residual, Scan, cutoff_sigmoid
from ngpu_lib.checks import lesson05 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.trace import trace_run
from ngpu_lib.train import ClipGradient, train
from ngpu_lib.widgets import Gates

began = time.perf_counter()
torch.manual_seed(0)

# %% [markdown]
# ## 1 · Keep a share, write a share
#
# The state is 8. A gate $u = \tfrac34$ keeps three quarters of it and writes a quarter of a candidate $c = 4$: the new state is
# $\tfrac34\cdot 8 + \tfrac14\cdot 4 = 7$. If the candidate stays 4, the distance to 4 shrinks by $\tfrac34$ at every step: 4, 3, 2.25, ... So a gate that keeps
# $u$ forgets like $u^k$, and its memory lasts about $1 + u + u^2 + \dots = 1/(1-u)$ steps: here 4.

# %%
h, states = 8.0, [8.0]
for _ in range(12):
    h = 0.75 * h + 0.25 * 4.0
    states.append(h)
assert states[1] == 7 and states[2] - 4 == 2.25
assert abs(sum(0.75**k for k in range(200)) - 4) < 1e-9

# %% [markdown]
# The same for three gates, from the same 8 towards the same 4:

# %%
fig, ax = plots.figure(size=(6.5, 3))
for u, marker in ((0.5, "o"), (0.75, "s"), (0.97, "^")):
    ax.plot(
        range(13),
        [4 + 4 * u**k for k in range(13)],
        marker=marker,
        ms=4,
        label=f"u = {u}, lasts {1 / (1 - u):.0f} steps",
    )
ax.set(xlabel="time step", ylabel="state", ylim=(3.8, 8.2))
ax.legend()
assert np.allclose(states, [4 + 4 * 0.75**k for k in range(13)])
plots.show(fig, alt="Three states decay from 8 towards 4: fast for u = 0.5, slowly for u = 0.97.")

# %% [markdown]
# **Drag them.** One cell, a pulse at steps 3 to 5. Move the update gate at single steps: close it while the pulse is there, open
# it (towards 1) afterwards. How long does the pulse stay?

# %%
gates = Gates(steps=40, update=0.9)
gates

# %% [markdown]
# A cell can drive it. With u = 0 during the pulse and 1 from then on, nothing is ever lost:

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
# | residual | $h + c$ | 1, always |
# | highway | $u h + (1-u) c$ | $u$, chosen at each step |
#
# (The paper writes $T$ for $1-u$. Here, in the Neural GPU and in `torch.nn.GRU`, $u = 1$ **keeps**.) As a loop, beside the library's cells:

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
# the gradient is left after 40 steps: about $10^{-9}$ as in the plain cell, about 0.1, or about 1?

# %%
my_highway_share = None

# %% [markdown]
# Gradient norms by age as in lesson 04, for three biases and five seeds. Dashed: $\sigma(b)^k$.


# %%
def gradient_by_age(cell, x_BTC, name="gradient", **options):
    """Gradient norm by age (0 = the last state) of a random projection of the last output."""
    direction_H = torch.randn(cell.hidden)

    def projection(output):
        return (output[0][:, -1] @ direction_H).sum()

    arrays = trace_run(Scan(cell), x_BTC, objective=projection, item=None, **options)
    norms = np.sqrt((arrays[name] ** 2).sum(-1).mean(1))[::-1]
    return norms / norms[0]


def with_bias(cell, block, bias):
    """Set the whole bias of one stacked gate (a number, or one per unit)."""
    rows = slice(block * cell.hidden, (block + 1) * cell.hidden)
    with torch.no_grad():
        cell.from_input.bias[rows] = bias
        cell.from_state.bias[rows] = 0
    return cell


# %%
kept = {}
for bias in (1.0, 3.0, 5.0):
    runs = []
    for seed in range(5):
        torch.manual_seed(seed)
        runs.append(gradient_by_age(with_bias(Highway(8, 64), 0, bias), torch.randn(8, 40, 8)))
    kept[bias] = np.array(runs)

# %% [markdown]
# Each thin line is a seed.

# %%
fig, ax = plots.figure(size=(7, 3.4))
for bias, runs in kept.items():
    plots.spread(ax, range(41), runs, f"b = {bias:g}")
    ax.plot(
        range(41),
        (1 / (1 + np.exp(-bias))) ** np.arange(41),
        color="black",
        ls="--",
        lw=1,
        alpha=0.6,
    )
ax.set(xlabel="age (steps back)", ylabel="gradient norm", yscale="log")
ax.legend(loc="lower left")
share = np.median(kept[3.0][:, 40])
print(
    f"you: {my_highway_share}   measured: {share:.2f}   sigmoid(3)^40 = {(1 / (1 + np.exp(-3.0))) ** 40:.2f}"
)
plots.show(
    fig,
    alt="Gradient norm by age for gate biases 1, 3 and 5; each stays near the power of its gate's value.",
)

# %% [markdown]
# One bias moves the decay from below 1 % to above 50 %; the curves lie above the dashed lines, most of all at b = 1, since the candidate, where much is written, carries some gradient, too. What the gate adds to lesson 04's fixed remedies: it can *close* where something
# new has to be written.

# %%
assert 0.05 < share < 0.5 and (kept[1.0][:, 40] < 0.01).all() and (kept[5.0][:, 40] > 0.5).all()

# %% [markdown]
# ### Exercise 5.1 · One highway step (easy, 5 minutes)
#
# Write `highway_step(x, h, W_u, W_c)` for one item: `x` (C), `h` (H), and matrices H x (C+H) that act on $[x, h]$ put end to end; no biases. Return the new state.
#
# <details><summary>Hint 1</summary>Both the gate and the candidate see the same vector: x and h joined.</details>
# <details><summary>Hint 2</summary>The gate goes through the sigmoid, the candidate through tanh. Which of h and c is multiplied by u?</details>
# <details><summary>Hint 3</summary><code>seen = torch.cat([x, h])</code>, then <code>u * h + (1 - u) * c</code>.</details>


# %% tags=["stub"]
def highway_step(x, h, W_u, W_c):
    return ...


# %% tags=["solution"]
def highway_step(x, h, W_u, W_c):
    seen = torch.cat([x, h])
    u, c = torch.sigmoid(W_u @ seen), torch.tanh(W_c @ seen)
    return u * h + (1 - u) * c


# %%
check.highway_step(highway_step)

# %% tags=["instructor"]
checks.require_passed("5.1 highway_step")

# %% [markdown]
# Your step as a *latch*, set by hand. The input is a value and a mark (+1: take it, -1: ignore it). The gate sees the mark only, with weight -6;
# the candidate sees the value only. The target is what a perfect latch would hold: tanh of the last marked value.

# %%
generator = torch.Generator().manual_seed(3)
values_T = 1.6 * torch.rand(40, generator=generator) - 0.8
marks_T = torch.full((40,), -1.0)
marks_T[[4, 11, 16, 27, 33]] = 1.0
W_u, W_c = torch.tensor([[0.0, -6.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])


def latch(step):
    h, states = torch.zeros(1), []
    for value, mark in zip(values_T, marks_T, strict=True):
        h = step(torch.stack([value, mark]), h, W_u, W_c)
        states.append(float(h))
    return states


# %%
def draw_latch(ax, states):
    ax.plot(values_T, ".", color="grey", label="value")
    marked = (marks_T > 0).nonzero()[:, 0]
    ax.plot(marked, values_T[marked], "o", color=plots.PALETTE[3], label="value with a mark")
    ax.step(range(40), states, where="post", color=plots.PALETTE[0], label="state")
    ax.set(xlabel="time step", ylabel="value", ylim=(-1, 1.5))
    ax.legend(fontsize=8, ncols=3, loc="upper center")


held, ideal = 0.0, []
for value, mark in zip(values_T, marks_T, strict=True):
    held = float(torch.tanh(value)) if mark > 0 else held
    ideal.append(held)
fig = plots.target_and_yours(draw_latch, ideal, checks.attempt(latch, highway_step), size=(10, 3.2))
plots.show(
    fig,
    alt="A staircase: the state jumps to every marked value and stays there until the next mark.",
)

# %% [markdown]
# ## 3 · The GRU: a second gate, and where it stands
#
# A state one keeps is a state one also computes with. The *reset* gate decides how much of it the candidate sees (Cho et al. 2014):
#
# $$r = \sigma(W_r x + U_r h + b_r), \quad c = \tanh(W_c x + U_c\,(r\,h) + b_c), \quad h' = u\,h + (1-u)\,c$$
#
# That is the *paper's* GRU, and the Neural GPU's: $r$ multiplies **before** the matrix. `torch.nn.GRU` multiplies **after** it, $r\,(U_c h + b'_c)$, since then all three
# products with $h$ are one large one.
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
# It does: weights trained one way cannot be loaded the other way, and no error would tell you. Only a gate that is the same number for all units moves through the matrix freely
# (without the bias that PyTorch puts inside):

# %%
h_H, U_HH = torch.randn(4), torch.randn(4, 4)
same, own = torch.tensor(0.3), torch.tensor([0.1, 0.9, 0.4, 0.6])
torch.testing.assert_close(U_HH @ (same * h_H), same * (U_HH @ h_H))
assert not torch.allclose(U_HH @ (own * h_H), own * (U_HH @ h_H), atol=1e-2)

# %% [markdown]
# ### Exercise 5.2 · One GRU step, the paper's way (medium, 10 minutes)
#
# Write `gru_step(x, h, W_r, W_u, W_c)` for one item, the reset **before** the matrix; matrices act on $[x, h]$ (for the candidate on $[x, r h]$); no biases.
#
# <details><summary>Hint 1</summary>Start from your highway step. A second gate is computed just as the first is.</details>
# <details><summary>Hint 2</summary>The reset gate touches h in one place only: in what the candidate sees. What is kept is h itself.</details>
# <details><summary>Hint 3</summary><code>c = torch.tanh(W_c @ torch.cat([x, r * h]))</code></details>


# %% tags=["stub"]
def gru_step(x, h, W_r, W_u, W_c):
    return ...


# %% tags=["solution"]
def gru_step(x, h, W_r, W_u, W_c):
    seen = torch.cat([x, h])
    r, u = torch.sigmoid(W_r @ seen), torch.sigmoid(W_u @ seen)
    c = torch.tanh(W_c @ torch.cat([x, r * h]))
    return u * h + (1 - u) * c


# %%
check.gru_step(gru_step)

# %% tags=["instructor"]
checks.require_passed("5.2 gru_step")

# %% [markdown]
# ## 4 · The LSTM: keep and write apart
#
# In the GRU what is not kept is overwritten: one gate, two duties. The LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000) gives each its own gate and hides the memory $m$ behind a third:
#
# $$i, f, o = \sigma(W x + U h + b)\ \text{three times}, \quad m' = f\,m + i\,c, \quad h' = o\,\tanh(m')$$
#
# | symbol | name in the code | shape |
# |---|---|---|
# | $m$, $h$ | `memory`, `state` | B x H each |
# | $i$, $f$, $o$ | `input`, `forget`, `output` | B x H each |
#
# The forget gate is misnamed: $f = 1$ **keeps**. Its memory may grow beyond 1, so an LSTM can count. The loop, the library, and PyTorch:

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
# ### Exercise 5.3 · One LSTM step (medium, 10 minutes)
#
# Write `lstm_step(x, h, m, W_i, W_f, W_o, W_c)`; matrices act on $[x, h]$; no biases. Return the pair `(h, m)` after the step.
#
# <details><summary>Hint 1</summary>Three gates and a candidate, all from the same joined vector.</details>
# <details><summary>Hint 2</summary>First the new memory, then the output: it shows a share of tanh of the new memory.</details>
# <details><summary>Hint 3</summary><code>m = f * m + i * torch.tanh(W_c @ seen)</code>, then <code>return o * torch.tanh(m), m</code></details>


# %% tags=["stub"]
def lstm_step(x, h, m, W_i, W_f, W_o, W_c):
    return ...


# %% tags=["solution"]
def lstm_step(x, h, m, W_i, W_f, W_o, W_c):
    seen = torch.cat([x, h])
    i, f, o = (torch.sigmoid(W @ seen) for W in (W_i, W_f, W_o))
    m = f * m + i * torch.tanh(W_c @ seen)
    return o * torch.tanh(m), m


# %%
check.lstm_step(lstm_step)

# %% tags=["instructor"]
checks.require_passed("5.3 lstm_step")

# %% [markdown]
# Your two steps at work on one unit with weights set by hand: a mark opens the GRU's gate as in the latch, and the LSTM (keep always, write at marks) *counts* marks.


# %%
def on_value_and_mark(value, mark):
    """A gate's weights on (value, mark, state) that ignore the state."""
    return torch.tensor([[value, mark, 0.0]])


def run_both(gru, lstm):
    h, o, m, rows = torch.zeros(1), torch.zeros(1), torch.zeros(1), []
    always, at_marks = on_value_and_mark(8.0, 0.0), on_value_and_mark(0.0, 6.0)
    for value, mark in zip(values_T, marks_T, strict=True):
        h = gru(torch.stack([value, mark]), h, on_value_and_mark(0.0, 0.0), W_u, W_c)
        one_and_mark = torch.tensor([1.0, float(mark)])  # the constant 1 stands in for biases
        o, m = lstm(one_and_mark, o, m, at_marks, always, always, always)
        rows.append((float(h), float(m)))
    return np.array(rows)


# %%
def draw_both(ax, rows):
    ax.step(range(40), rows[:, 0], where="post", label="GRU: last marked value")
    ax.step(
        range(40),
        rows[:, 1],
        where="post",
        label="LSTM memory: marks so far",
        color=plots.PALETTE[3],
    )
    ax.set(xlabel="time step", ylabel="state")
    ax.legend(fontsize=8)


target = np.stack([ideal, (marks_T > 0).cumsum(0)], axis=1)
fig = plots.target_and_yours(
    draw_both, target, checks.attempt(run_both, gru_step, lstm_step), size=(9, 3)
)
plots.show(
    fig,
    alt="The GRU's state holds the last marked value; the LSTM's memory climbs by one at every mark.",
)

# %% [markdown]
# ## 5 · One number sets the memory
#
# With bias $b$ and little else, a gate keeps $\sigma(b)$. Its memory lasts
#
# $$\tau = \frac1{1-\sigma(b)} = 1 + e^{b}$$
#
# steps. PyTorch's default is $b \approx 0$: two steps. So an LSTM out of the box forgets at once, and first has to learn to remember.
#
# ### Exercise 5.4 · The bias for a memory (easy, 5 minutes)
#
# Write `bias_for_memory(steps)`: the bias with which the memory lasts that many steps ($> 1$), as a plain number.
#
# <details><summary>Hint 1</summary>Solve tau = 1 + e^b for b.</details>
# <details><summary>Hint 2</summary>For two steps the answer is 0.</details>
# <details><summary>Hint 3</summary><code>math.log(steps - 1)</code>, or <code>float(np.log(steps - 1))</code></details>


# %% tags=["stub"]
def bias_for_memory(steps):
    return ...


# %% tags=["solution"]
def bias_for_memory(steps):
    return float(np.log(steps - 1))


# %%
check.bias_for_memory(bias_for_memory)

# %% tags=["instructor"]
checks.require_passed("5.4 bias_for_memory")

# %% [markdown]
# Measured on LSTM cells with ordinary weights that read noise: run the cell twice, the second time with a slightly different memory at the start, and add up
# over all steps what is left of the difference. The input gates get the bias $-b$, so that they write gently.


# %%
def measured_memory(tau, seed, input_sign=-1, steps=300):
    torch.manual_seed(seed)
    bias = float(np.log(tau - 1))
    cell = with_bias(
        with_bias(LSTM(4, 48), 1, bias), 0, input_sign * bias
    )  # blocks: input 0, forget 1
    x_BTC, zero_BH, other_BH = (
        torch.randn(4, steps, 4),
        torch.zeros(4, 48),
        0.1 * torch.randn(4, 48),
    )
    first, second = (
        trace_run(Scan(cell), x_BTC, item=None, state=(zero_BH, m)) for m in (zero_BH, other_BH)
    )
    left = np.sqrt(((second["memory"] - first["memory"]) ** 2).sum(axis=(1, 2)))
    return (left / left[0]).sum()


wanted = (3, 6, 12, 25, 50)
measured = np.array([[measured_memory(tau, seed) for tau in wanted] for seed in range(5)])
print("wanted  ", *wanted, "\nmeasured", *np.median(measured, 0).round(1))
assert np.allclose(measured / wanted, 1, atol=0.12)

# %% [markdown]
# Dots: five seeds. Line: $1 + e^b$. If your function passes, the right-hand picture asks it for each bias.


# %%
def draw_memory(ax, biases):
    for row in measured:
        ax.plot(biases, row, "o", color=plots.PALETTE[0], ms=4, alpha=0.6)
    ax.plot(biases, wanted, color="black", ls="--", lw=1, label="wanted: 1 + exp(b)")
    ax.set(
        xlabel="bias b",
        ylabel="measured memory in steps",
        yscale="log",
        yticks=wanted,
        yticklabels=wanted,
    )
    ax.minorticks_off()
    ax.legend()


yours = [checks.attempt(bias_for_memory, float(tau)) for tau in wanted]
fig = plots.target_and_yours(
    draw_memory, [np.log(tau - 1) for tau in wanted], None if None in yours else yours
)
plots.show(
    fig, alt="Measured memory of five LSTM cells per bias lies on the predicted curve 1 + exp(b)."
)

# %% [markdown]
# **Break it.** Leave the input gates at bias 0, as nearly everyone does. Then the memory writes as strongly as it keeps, its output feeds back through the matrices, and the difference does not fade: it *grows*.

# %%
forget_only = np.array(
    [[measured_memory(tau, seed, input_sign=0) for tau in (6, 25)] for seed in range(5)]
)
print(
    "wanted 6: measured",
    *forget_only[:, 0].round(1),
    "  wanted 25: measured",
    *forget_only[:, 1].round(0),
)
assert (forget_only[:, 0] > 7).all() and (forget_only[:, 1] > 100).all()

# %% [markdown]
# That is no long memory but chaos: lesson 04's factor above 1, come back through the gates. The formula holds where little is written.
#
# ### Chrono initialisation
#
# Which memory does a task need? If nobody knows, spread them (Tallec & Ollivier 2018): $b_f = \log \mathcal U[1, T-1]$, $b_i = -b_f$, so that memories are uniform between 2 and $T$ steps, and
# what is kept longer is written more gently (you just saw why).
#
# **Predict.** Averaged over its units, how does the share kept fall with age: as fast as one gate of the same mean memory, faster, or more slowly?

# %%
my_chrono_decay = None


# %%
def chrono(hidden, longest):
    """Forget biases whose memories are uniform between 2 and ``longest`` steps."""
    return torch.log(torch.empty(hidden).uniform_(1, longest - 1))


ages = np.unique(np.geomspace(1, 1000, 40).astype(int))
keep = {
    "chrono, T = 100": torch.sigmoid(chrono(10_000, 100)).numpy(),
    "all units tau = 51": np.full(1, 1 - 1 / 51),
}
shares = {name: [(f**age).mean() for age in ages] for name, f in keep.items()}
fig, ax = plots.figure(size=(6.5, 3.2))
plots.curves(ax, ages, shares, xlabel="age (steps)", ylabel="share kept", log="xy")
ax.set_ylim(1e-4, 1.2)
at_400 = {name: (f**400).mean() for name, f in keep.items()}
print(
    f"you: {my_chrono_decay}   kept after 400 steps:",
    *(f"{name}: {share:.1e}" for name, share in at_400.items()),
)
plots.show(
    fig,
    alt="With equal mean memory, chrono keeps less at short ages and far more at ages beyond 200.",
)

# %%
taus = 1 / (1 - keep["chrono, T = 100"])
assert 2 <= taus.min() and taus.max() <= 100.1 and abs(taus.mean() - 51) < 1
assert at_400["chrono, T = 100"] > 5 * at_400["all units tau = 51"]

# %% [markdown]
# Same mean memory, another law: a mixture of exponentials falls more slowly than one exponential with the mixture's mean; it is no power law either, since no unit outlasts T. Section 7 shows
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


# %%
def learn_latch(seed, updates=250):
    torch.manual_seed(seed)
    model = Reader(Scan(GRU(2, 16)), 16, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    run = train(
        model,
        latch_batches,
        latch_loss,
        optimiser,
        updates=updates,
        seed=seed,
        extras=[ClipGradient(1.0)],
        progress=False,
    )
    return model, [record["loss"] for record in run]


latches = [learn_latch(seed) for seed in range(5)]
print(
    "squared error at the end, by seed:",
    " ".join(f"{np.mean(losses[-10:]):.4f}" for _, losses in latches),
)

# %% [markdown]
# One new sequence through the net of seed 0: what came in and what it answers, and below each unit's update gate (bright: keep, dark: write).

# %%
x_BTC, answer_BT = latch_batches(0, torch.Generator().manual_seed(11))
arrays = trace_run(latches[0][0], x_BTC)
marked = x_BTC[0, :, 1] > 0
fig, axes = plots.figure(2, 1, size=(8.5, 5.2))
axes[0].plot(x_BTC[0, :, 0], ".", color="grey", label="value")
axes[0].plot(
    marked.nonzero()[:, 0],
    x_BTC[0, marked, 0],
    "o",
    color=plots.PALETTE[3],
    label="value with a mark",
)
axes[0].step(range(30), arrays["answer"][:, 0], where="mid", label="answer")
axes[0].set(xlabel="time step", ylabel="value", xlim=(-0.5, 29.5), ylim=(-1.1, 1.7))
axes[0].legend(ncols=3, fontsize=9, loc="upper center")
plots.matrix(
    axes[1],
    arrays["update"].T,
    xlabel="time step",
    ylabel="unit",
    title="update gate: 1 keeps, 0 writes",
)
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
for model, _ in latches:
    arrays = trace_run(model, x_BTC, item=None)
    gate_TB = arrays["update"][:, :, carrier_of(arrays, answer_BT)]
    at_mark.append(gate_TB[mark_TB].mean())
    elsewhere.append(gate_TB[~mark_TB].mean())
print(
    "carrier's gate at marks, by seed:",
    *np.round(at_mark, 2),
    "  elsewhere:",
    *np.round(elsewhere, 2),
)
print(f"you: {my_gate_at_marks}   measured: lower, with every seed")
assert (np.array(at_mark) < elsewhere).all()

# %% [markdown]
# Nobody told the net when to write; the loss did. But look at the second row of numbers: a gate that keeps so little would, alone, forget within a few steps (its memory is printed below), while marks are $1/0.15 \approx 7$ steps apart.
# So how long does the net hold a value? One mark, then 100 steps without: more than three times what it was trained on.

# %%
x_long = torch.zeros(64, 101, 2)
x_long[:, :, 0] = 2 * torch.rand(64, 101, generator=torch.Generator().manual_seed(7)) - 1
x_long[:, 0, 1] = 1
with torch.no_grad():
    errors_ST = np.array(
        [
            (model(x_long)[:, :, 0] - x_long[:, :1, 0]).square().mean(0).numpy()
            for model, _ in latches
        ]
    )
gate_memory = 1 / (1 - np.array(elsewhere))
print(
    "a gate alone would hold for",
    *gate_memory.round(1),
    "steps; squared error after 30 and 100 steps:",
    *errors_ST[:, [30, 100]].round(3),
)

# %%
fig, ax = plots.figure(size=(7, 3.2))
plots.spread(ax, range(101), errors_ST, "five seeds")
ax.axvline(29, color="grey", ls=":", label="longest in training")
ax.axhline(1 / 3, color="grey", ls="--", lw=1, label="always answering 0")
ax.set(xlabel="steps since the mark", ylabel="mean squared error", yscale="log")
ax.legend(fontsize=9)
plots.show(
    fig,
    alt="Squared error against steps since the mark: it grows slowly and stays far below that of answering 0 for dozens of steps.",
)

# %% [markdown]
# The surprise: a gate alone would hold for four to six steps, and the net holds for thirty with an error below a twentieth of giving up. So the memory is not in the gate alone: the candidate writes
# the held value back, step after step, and gate and candidate keep it together. That loop was tuned for the lengths seen in training, and beyond them it drifts: at 100 steps the error is larger with every seed, with some a hundred times.
# The latch you set by hand would hold on. *Can* and *learns to* are different things, and this course will meet the difference again.

# %%
assert (
    (gate_memory < 8).all()
    and (errors_ST[:, 30] < 1 / 60).all()
    and (errors_ST[:, 100] > errors_ST[:, 30]).all()
)
assert (errors_ST[:, 100] < 1 / 3).all() and (errors_ST[:, 100] / errors_ST[:, 1]).max() > 100

# %% [markdown]
#
# ## 7 · Evidence: two tasks that need a memory
#
# Both are from Hochreiter & Schmidhuber's paper, in their later standard form.
#
# - **Adding:** random numbers come in, two of them marked (one in each half); at the end, say the sum of the two. Always saying 1 costs 1/6.
# - **Copying:** three symbols out of four, then a gap of blanks, then a signal: now say the three in order. Guessing costs $\log 4$.


# %%
def adding(gap):
    def draw(step, generator, size=32):
        x_BTC = torch.zeros(size, gap, 2)
        x_BTC[:, :, 0] = torch.rand(size, gap, generator=generator)
        for low, high in ((0, gap // 2), (gap // 2, gap)):
            place_B = torch.randint(low, high, (size,), generator=generator)
            x_BTC[torch.arange(size), place_B, 1] = 1
        return x_BTC, (x_BTC[:, :, 0] * x_BTC[:, :, 1]).sum(1)

    def loss(model, batch):
        return F.mse_loss(model(batch[0])[:, -1, 0], batch[1])

    return draw, loss, 2, 1, 1 / 6


# %%
def copying(gap, symbols=4, count=3):
    def draw(step, generator, size=32):
        word_BL = torch.randint(symbols, (size, count), generator=generator)
        input_BT = torch.full((size, gap + 2 * count), symbols)
        input_BT[:, :count] = word_BL
        input_BT[:, gap + count - 1] = symbols + 1
        return F.one_hot(input_BT, symbols + 2).float(), word_BL

    def loss(model, batch):
        return F.cross_entropy(model(batch[0])[:, -count:].transpose(1, 2), batch[1])

    return draw, loss, symbols + 2, symbols, np.log(symbols)


# %% [markdown]
# Four memories of 32 units, all PyTorch's fused ones (equal to ours, as asserted above, and faster):


# %%
def make_memory(kind, inputs, gap, hidden=32):
    if kind == "plain, orthogonal":
        memory = nn.RNN(inputs, hidden, batch_first=True)
        nn.init.orthogonal_(memory.weight_hh_l0)
    elif kind == "GRU":
        memory = nn.GRU(inputs, hidden, batch_first=True)
    else:
        memory = nn.LSTM(inputs, hidden, batch_first=True)
    if kind == "LSTM, chrono":
        bias = chrono(hidden, gap)
        with torch.no_grad():
            memory.bias_hh_l0[: 2 * hidden] = 0
            memory.bias_ih_l0[: 2 * hidden] = torch.cat([-bias, bias])
    return memory


# %%
def relative_loss(task, kind, gap, seed, updates=300):
    """Loss of the last ten batches over the loss of guessing; stops early once below 5 %."""
    draw, loss, inputs, outputs, guess = task(gap)
    torch.manual_seed(seed)
    model = Reader(make_memory(kind, inputs, gap), 32, outputs).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    recent = []
    for record in train(
        model,
        draw,
        loss,
        optimiser,
        updates=updates,
        seed=seed,
        extras=[ClipGradient(1.0)],
        progress=False,
    ):
        recent = [*recent[-9:], record["loss"] / guess]
        if len(recent) == 10 and max(recent) < 0.05:
            break
    return np.mean(recent)


# %% [markdown]
# **Predict.** Which memory copies best over a gap of 20? One of the four names below.

# %%
MEMORIES = ("plain, orthogonal", "GRU", "LSTM", "LSTM, chrono")
TASKS = {"adding": (adding, (10, 20, 40)), "copying": (copying, (5, 10, 20))}
my_best_copier = None


# %%
def run_task(name):
    """Relative losses of all runs of one task: (task, memory) -> seeds x gaps."""
    task, gaps = TASKS[name]
    started, runs = time.perf_counter(), {}
    for kind in MEMORIES:
        runs[name, kind] = np.array(
            [[relative_loss(task, kind, gap, seed) for gap in gaps] for seed in range(5)]
        )
    print(
        f"{name}: {len(MEMORIES) * len(gaps) * 5} runs of at most 300 updates in {time.perf_counter() - started:.0f} s"
    )
    return runs


results = run_task("adding")

# %% [markdown]
# The same sixty runs for copying:

# %%
results |= run_task("copying")

# %% [markdown]
# Every run is a thin line from gap to gap, the median a thick one. 1 is guessing; below 0.05 a run was stopped as solved.

# %%
fig, axes = plots.figure(2, 4, size=(11, 5.2), sharey=True, sharex="row")
for row, (name, (_, gaps)) in enumerate(TASKS.items()):
    for column, kind in enumerate(MEMORIES):
        ax = axes[row, column]
        plots.spread(
            ax, gaps, results[name, kind], kind, color=plots.PALETTE[column], marker="o", ms=4
        )
        ax.set(title=f"{name}: {kind}", xlabel="gap", yscale="log", xticks=gaps, ylim=(0.01, 2))
        ax.axhline(1, color="grey", ls="--", lw=1)
        ax.title.set_fontsize(9.5)
for ax in axes[:, 0]:
    ax.set_ylabel("loss / loss of guessing")
plots.show(
    fig, alt="Loss relative to guessing by gap, four memories, adding and copying, five seeds each."
)

# %%
for (name, kind), runs in results.items():
    print(
        f"{name:8s} {kind:18s} gaps {TASKS[name][1]}  median {np.round(np.median(runs, 0), 2)}  longest gap by seed {np.round(runs[:, 2], 2)}"
    )

# %% [markdown]
# No cell wins. On adding, the GRU is done at every gap with every seed, the plain net fails from 20 on, and the LSTM needs its biases: at a gap of 20 chrono learns where the default mostly does not, at 40 it learns with some seeds only.
# On copying the order turns round: the plain orthogonal net, which has no gate at all, beats every gated one. A plausible reason (an observation, no theorem): to copy is to keep everything in order, and a rotation does that with no decision; to add is to ignore nearly everything, and that is
# what gates are for. And 300 updates measure how *fast* a net learns, not what it can hold in the end.

# %%
median = {key: np.median(runs, axis=0) for key, runs in results.items()}
print(
    f"you: {my_best_copier}   lowest median loss: {min(MEMORIES, key=lambda kind: median['copying', kind][2])}"
)
assert (results["adding", "GRU"] < 0.1).all() and (
    median["adding", "plain, orthogonal"][1:] > 0.8
).all()
assert median["adding", "LSTM, chrono"][1] < 0.25 < 0.6 < median["adding", "LSTM"][1]
assert (
    median["copying", "plain, orthogonal"][2]
    < 0.2
    < 0.4
    < min(median["copying", kind][2] for kind in MEMORIES[1:])
)

# %% [markdown]
# ## 8 · A convolution instead of the matrices
#
# One state of 32 numbers is a bucket: however long the input, it must fit. The Neural GPU gives *every input symbol its own cell* on a tape, and all cells share one GRU
# whose matrices are 3x3 convolutions, so that a cell sees its neighbours:
#
# $$u = \sigma'(U' * s + B'), \quad r = \sigma'(U'' * s + B''), \quad s' = u\,s + (1-u)\tanh\big(U * (r\,s) + B\big)$$
#
# | symbol | name in the code | shape |
# |---|---|---|
# | $s$ tape | `tape_BCWL` | B x C x W x L |
# | $U, U', U''$ | `candidate`, `update`, `reset` | C x C x 3 x 3 each |
#
# The reset stands before the convolution, as in your `gru_step`. And $\sigma'(x) = \operatorname{clip}(1.2\,\sigma(x) - 0.1,\ 0,\ 1)$ closes *fully*, where a sigmoid only comes near. As a loop over
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

# %% [markdown]
# With kernels that look at their own cell only, it is a GRU in every cell. And the gates' biases start at 1:

# %%
at_first = cutoff_sigmoid(torch.tensor(1.0)).item()
print(
    f"a gate keeps {at_first:.3f} at first; after 41 steps of two units {at_first**82:.1e} is left"
)
assert abs(at_first - 0.777) < 1e-3 and 1e-9 < at_first**82 < 1.2e-9
assert cutoff_sigmoid(torch.tensor([-9.0, 9.0])).tolist() == [0, 1]

# %% [markdown]
# So on 20-bit multiplication (41 cells, 41 steps, two units a step) a 2015 Neural GPU starts with about a billionth of its gradient through the gates: this lesson's numbers say that training will be hard, and
# lesson 09 what was done about it.
#
# **Predict.** The kernel reaches one cell to each side. One number on the tape is changed: how many cells to each side has the change travelled after *one* step, 0, 1, 2 or 3?

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
touched = [int(np.abs(np.flatnonzero(row > 0) - 20).max()) for row in spread]

# %% [markdown]
# How much each cell changes for a small change of cell 20 (the derivative, largest over the maps; logarithm to base 10; white: exactly zero).

# %%
fig, ax = plots.figure(size=(7.5, 3.2))
picture = np.where(np.array(spread) > 0, np.log10(np.maximum(spread, 1e-30)), np.nan)
plots.matrix(
    ax,
    picture,
    xlabel="cell on the tape",
    ylabel="step",
    title="how far a change has travelled (log10 of its size)",
)
print(f"you: {my_reach}   measured reach after 0, 1, 2, ... steps: {touched}")
plots.show(fig, alt="A cone: the change spreads two cells to each side with every step.")

# %% [markdown]
# Two, not one: the reset gate looks at the neighbours, and the candidate looks at what the neighbours' reset gates let through. Outside the cone the derivative is exactly zero: no training can make
# L cells speak to each other in fewer than about L/2 steps.

# %%
assert touched == [2 * step for step in range(9)]
print(f"all cells: {time.perf_counter() - began:.0f} s")

# %% [markdown]
# ## Recap
#
# A gate is a share between keeping and writing, and its bias alone sets how long a state lasts: $1 + e^b$ steps. Highway, GRU and LSTM differ in how many such decisions they take and where the reset stands;
# a trained net closes its gates exactly where something new has to be written. Which cell is best depends on the task, and a convolution in place of the matrices makes the GRU a tape machine.

# %%
quiz(
    "A GRU of torch.nn has update gate 0.99 at all steps. How long does its state last?",
    "About 100 steps",
    ("About 1 step", "In this convention u keeps: h' = u h + (1 - u) c."),
    ("For ever", "Only u = 1 does; 0.99 to the power 100 is 0.37."),
    why="1 / (1 - 0.99) = 100.",
)

# %%
quiz(
    "Weights of a torch.nn.GRU are loaded into the paper's GRU. What happens?",
    "It runs and answers differently",
    ("An error", "All shapes agree; nothing can notice."),
    (
        "Nothing, they are the same function",
        "The reset stands after the matrix in one and before it in the other.",
    ),
    why="The reset gate and a matrix do not commute, unless the gate is one number for all units.",
)

# %%
quiz(
    "What does chrono initialisation set?",
    "Forget biases, so that memories spread from 2 to T steps",
    ("The learning rate, by the sequence's length", "It only touches the first weights."),
    ("All forget gates to 1", "Then nothing would be forgotten; it spreads the memories instead."),
    why="b = log U[1, T - 1], and 1 + e^b is then uniform between 2 and T.",
)

# %% [markdown]
# **Sources.** Hochreiter & Schmidhuber 1997, *Long short-term memory* (LSTM, adding problem). Gers, Schmidhuber & Cummins 2000 (forget gate). Cho et al. 2014 (GRU; reset before the matrix). Srivastava, Greff & Schmidhuber 2015, *Highway networks*
# (departure: our layers are time steps, with an input at each). Tallec & Ollivier 2018, *Can recurrent neural networks warp time?* (chrono). Arjovsky, Shah & Bengio 2016 (copy memory at long gaps; norm-preserving matrices). Kaiser & Sutskever 2015 (CGRU).
# All accuracies here are measured above; five seeds on small tasks are an observation, not a theorem.
#
# **Next.** A fixed state is a finite automaton, gated or not. Lesson 06 gives the network a tape, and lesson 07 asks what cells that only see their neighbours can compute.
