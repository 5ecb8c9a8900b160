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
# # 03 · Parity

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **How deep must a network be to count?**
#
# Is the number of ones odd? The simplest question about a word that depends on *every* bit of it. You will answer it
# with gates, with ReLUs and with two states; watch networks learn it, fail at it, and fail silently; and find out how
# few bits a trained network needs in its weights to keep counting.
#
# You will be able to
#
# 1. build parity from AND and OR, from threshold gates and from folds, and count the gates at a given depth;
# 2. tell a network that has found the rule from one that has memorised, and say what makes some rules hard to find;
# 3. read a finite automaton out of a trained network, and turn the network into threshold gates.
#
# *Before:* lessons 01 and 02. *Time:* 60 minutes of yours, about 70 seconds of a 2-core CPU (a T4 is no faster: the
# networks are tiny).

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).

# %%
import itertools
import math
from collections import Counter

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from ngpu_lib import checks, plots
from ngpu_lib.callbacks import ClipGradient
from ngpu_lib.cells import Reader
from ngpu_lib.checks import lesson03 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.quantise import fake_quantise, round_to_grid
from ngpu_lib.train import train

SEEDS = range(5)
torch.manual_seed(0)

# %% [markdown]
# ## 1 · By hand: a walk between two rooms
#
# Walk through the word 1 0 1 1. A one takes you through the door into the other room, a zero leaves you where you are.
# Start in the room "even".

# %%
room = 0
for bit in (1, 0, 1, 1):
    room = room ^ bit
    print(f"read {bit}: now in the {'odd' if room else 'even'} room")
assert room == 1 == sum((1, 0, 1, 1)) % 2


# %% [markdown]
# Who walks like this, through finitely many rooms and once along the word, is a *finite automaton*. It takes n steps for n
# bits. A feed-forward network has a fixed number of layers: it must do better than walk.
# All words of n bits, for the exact checks below:


# %%
def all_words(n):
    """words_BL: every word of n bits, as a float array (2**n, n)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def parity(words_BL):
    return words_BL.sum(-1) % 2


print(all_words(3).astype(int).tolist(), "->", parity(all_words(3)).astype(int).tolist())

# %% [markdown]
# ## 2 · Circuits
#
# **The idea.** A circuit is a network of gates without loops. Its *depth* is the longest way from an input to the
# output (a NOT at an input is free), its *size* the number of gates.
#
# $$\text{AC}^0:\ \text{AND, OR}\qquad \text{TC}^0:\ \text{also}\ [\,w\cdot x\ge\theta\,]\qquad\text{constant depth, size polynomial in } n$$
#
# | symbol | meaning |
# |---|---|
# | $n$ | number of input bits |
# | $[\,w\cdot x\ge\theta\,]$ | *threshold gate*: 1 when the weighted sum reaches θ; gates of all kinds may have any number of inputs |
#
# So *AC⁰* is what AND and OR can do in constant depth with polynomially many gates, and *TC⁰* what can be done with threshold gates.
#
# One network has one input size. To speak of "parity" one needs a *family*, a circuit for every n. It is *uniform*
# when a short program writes circuit n: every function below that takes n is such a program. Without that condition
# a family can even decide an undecidable set of lengths, by having the answers built in (theorem).
#
# Depth 2 from AND and OR: one AND for each odd word, and an OR over them.


# %%
def parity_by_or_of_ands(words_BL):
    n = words_BL.shape[1]
    odd_words = all_words(n)[parity(all_words(n)) == 1]
    ands = (words_BL[:, None] == odd_words).all(2)  # 2**(n-1) gates
    return ands.any(1)  # one gate


for n in range(1, 9):
    assert (parity_by_or_of_ands(all_words(n)) == parity(all_words(n))).all()

# %% [markdown]
# Exact, and hopeless: $2^{n-1}+1$ gates. And no other OR of ANDs is smaller (theorem): an AND that leaves out one
# bit says yes to two words that differ in that bit only, so one of them is even. Hence each AND accepts a single
# word.
#
# With more layers, cut the word into blocks, take the parity of each block, then the parity of those. Depth 3 for n
# = 9: three blocks of three. A block has parity p when it *differs* from every word of parity 1 - p, an AND of ORs;
# the ANDs merge with those of the layer above.


# %%
def parity_in_depth_3(words_BL, side=3):
    short = all_words(side)
    blocks = words_BL.reshape(len(words_BL), side, 1, side)
    ors = (blocks != short).any(3)  # (B, block, word): "this block is not that word"
    ands = []
    for outer in short[parity(short) == 1]:  # an odd pattern of block parities
        needed = [ors[:, block, parity(short) != outer[block]] for block in range(side)]
        ands.append(np.concatenate(needed, 1).all(1))
    return np.any(ands, 0), ors[0].size + len(ands) + 1


answer, gates_used = parity_in_depth_3(all_words(9))
assert (answer == parity(all_words(9))).all()
print(f"depth 3 at n = 9: {gates_used} gates instead of {2**8 + 1}")


# %% [markdown]
# Blocks within blocks give any depth d, with $b=n^{1/(d-1)}$ bits a block. The number of gates, checked against the
# two circuits above:


# %%
def and_or_gates(n, depth):
    """Gates of the block construction at this depth."""
    b = math.ceil(n ** (1 / (depth - 1)) - 1e-9)
    return 1 + 2 ** (b - 1) + sum(b**level * 2**b for level in range(1, depth - 1))


assert and_or_gates(9, 3) == gates_used and and_or_gates(8, 2) == 2**7 + 1

# %% [markdown]
# **Predict.** How many AND and OR gates does parity of 64 bits take at depth 4?

# %%
my_gates = None

# %% [markdown]
# Every extra layer takes a root in the exponent:

# %%
for depth in (2, 3, 4, 7):
    print(f"depth {depth}: {and_or_gates(64, depth):.3g} gates for 64 bits")
print("you said", my_gates, "at depth 4")
assert and_or_gates(64, 4) == 329 and and_or_gates(64, 2) > 9e18

# %% [markdown]
# Still, at constant depth the number grows faster than every polynomial, and not for want of cleverness (theorem:
# Furst, Saxe & Sipser 1981, Ajtai 1983; Håstad 1986: depth d needs $2^{\Omega(n^{1/(d-1)})}$ gates). Parity is not
# in AC⁰.
#
# And every layer counts: for each d there are functions that take few gates of AND and OR at depth d + 1 and
# exponentially many at depth d (theorem: Håstad 1986; more than polynomially many: Sipser 1983). For the gates of the next section little of
# this is proved. With polynomially many gates and no weight above a polynomial, depth 3 can do what depth 2 cannot (theorem: Hajnal et al. 1993);
# nobody knows a function for which polynomially many gates are enough at some constant depth, but not at depth 3.
#
# ## 3 · Gates that count
#
# A threshold gate sees *how many*. Layer one asks n questions, "at least k ones?"; layer two adds up the answers with
# alternating signs.
#
# $$h_k=\Big[\sum_i x_i\ge k\Big],\quad k=1..n,\qquad y=\Big[\sum_{k=1}^{n}(-1)^{k+1}h_k\ge1\Big]$$
#
# For 1 0 1 1, three ones: h = 1 1 1 0 and 1 - 1 + 1 - 0 = 1.
#
# ### Exercise 3.1 · Parity with n + 1 threshold gates (medium, 8 minutes)
#
# `threshold_parity(bits)` takes a list of 0s and 1s and returns 0 or 1, computed as above, from sums and comparisons:
# no `%`, no `^`, no `&`, no `//`.
#
# <details><summary>Hint 1</summary>First the list of all h: for k from 1 to n, whether the sum is at least k.</details>
# <details><summary>Hint 2</summary>The sign of gate k is <code>(-1) ** (k + 1)</code>.</details>
# <details><summary>Hint 3</summary>With <code>n = len(bits)</code>: <code>int(sum((-1) ** (k + 1) * (sum(bits) &gt;= k) for k in range(1, n + 1)) &gt;= 1)</code></details>


# %% tags=["stub"]
def threshold_parity(bits):
    return ...


# %% tags=["solution"]
def threshold_parity(bits):
    h = [sum(bits) > k for k in range(len(bits))]  # more than k: at least k + 1
    return int(sum(h[::2]) - sum(h[1::2]) >= 1)


# %%
check.threshold_parity(threshold_parity)

# %% tags=["instructor"]
checks.require_passed("3.1 threshold_parity")

# %% [markdown]
# Lesson 01's networks are made of ReLUs. A sum of shifted ReLUs is a polyline, and a polyline can zigzag. With s
# the number of ones,
#
# $$y=\mathrm{relu}(s)+2\sum_{k=1}^{n-1}(-1)^k\,\mathrm{relu}(s-k)$$
#
# turns at every whole number: one layer, n units. As an actual network of the kind lesson 01 trained, its weights
# set by hand:


# %%
def wide_relu_net(n):
    first, second = nn.Linear(n, n), nn.Linear(n, 1)
    with torch.no_grad():
        first.weight.fill_(1)  # every unit sees s
        first.bias.copy_(-torch.arange(float(n)))
        second.weight.copy_(2 * (-1.0) ** torch.arange(n))
        second.weight[0, 0] = 1
        second.bias.zero_()
    return nn.Sequential(first, nn.ReLU(), second)


# %%
print(
    wide_relu_net(4)(torch.tensor([[1.0, 0, 1, 1], [1, 0, 1, 0]])).tolist(), "<- 1 0 1 1, 1 0 1 0"
)

# %% [markdown]
# The third way is a piece of paper. Mark the numbers 0..16 along it and fold it in the middle: 9 lands on 7, 10 on
# 6; an odd number lands on an odd one. Four folds leave 0 and 1. One fold is one ReLU beside the running total:
#
# $$s\leftarrow s-2\,\mathrm{relu}(s-2^{k-1}),\qquad k=\lceil\log_2 n\rceil,\dots,1$$
#
# ### Exercise 3.2 · Fold (medium, 8 minutes)
#
# `fold(total, steps)` takes an array of totals between 0 and 2**steps and folds it `steps` times, widest range first.
# Use `np.maximum(..., 0)` as the ReLU, and no `%`: a total may lie between two whole numbers, too.
#
# <details><summary>Hint 1</summary>A loop over k; each pass replaces <code>total</code>.</details>
# <details><summary>Hint 2</summary>Widest first: <code>for k in range(steps, 0, -1)</code>.</details>
# <details><summary>Hint 3</summary><code>total = total - 2 * np.maximum(total - 2 ** (k - 1), 0)</code></details>


# %% tags=["stub"]
def fold(total, steps):
    return ...


# %% tags=["solution"]
def fold(total, steps):
    for k in range(steps, 0, -1):
        total = total - 2 * np.maximum(total - 2 ** (k - 1), 0)
    return total


# %%
check.fold(fold)

# %% tags=["instructor"]
checks.require_passed("3.2 fold")

# %% [markdown]
# The target after each fold, and beside it yours:

# %% tags=["figure"]
totals = np.linspace(0, 16, 321)
stages, folded = {}, totals
for k in (4, 3, 2, 1):
    folded = folded - 2 * np.maximum(folded - 2 ** (k - 1), 0)
    stages[f"after {5 - k} fold{'s' * (k < 4)}"] = folded


def draw(ax, series):
    plots.curves(ax, totals, series, xlabel="number of ones", ylabel="folded value")
    ax.set(ylim=(-0.3, 11.5))


yours = checks.attempt(fold, totals, 4)
plots.compare(
    draw,
    stages,
    None if yours is None else {"after 4 folds": yours},
    size=(9, 3.2),
    alt="A zigzag that halves its height with every fold; after four folds it swings between 0 and 1.",
)

# %% [markdown]
# All three constructions on all $2^n$ words, up to 12 bits (`check.….reference` is the right function):

# %%
for n in range(1, 13):
    words_BL = all_words(n)
    steps = max(1, math.ceil(math.log2(n)))
    gates_B = [check.threshold_parity.reference(word) for word in words_BL.astype(int).tolist()]
    relus_B = wide_relu_net(n)(torch.tensor(words_BL).float())[:, 0].tolist()
    folds_B = check.fold.reference(words_BL.sum(1), steps)
    for answers_B in (gates_B, relus_B, folds_B):
        assert np.array_equal(answers_B, parity(words_BL)), n
print("threshold gates, one wide ReLU layer and folds: parity of every word of 1 to 12 bits")

# %% [markdown]
# **Depth against width in one picture**, at 64 bits. The dashed line is what any threshold circuit of that
# depth needs (theorem: Impagliazzo, Paturi & Saks 1997): $(n/2)^{1/(2(d-1))}$. The tree takes the parity of pairs, of
# pairs of pairs, and so on: each pair costs six gates in two layers, parity and its opposite, the last one three. A
# fold costs two units, one for the total and one for the crease.

# %%
n, depths = 64, np.array([2, 3, 4, 7])
gates_needed = {
    "AND, OR: blocks": (depths, [and_or_gates(n, d) for d in depths]),
    "AND, OR: tree of pairs": ([2 * 6], [6 * (n - 1) - 3]),
    "thresholds, or one wide ReLU layer": ([2], [n + 1]),
    "ReLU: folds": ([7], [2 * 6 + 1]),
    "thresholds: lower bound": (depths, (n / 2) ** (1 / (2 * (depths - 1)))),
}
assert and_or_gates(n, 2) / (n + 1) > 1e17

# %% tags=["figure"]
fig, ax = plots.figure(size=(8, 4))
for (name, (x, y)), form in zip(gates_needed.items(), ("o-", "s", "^", "D", "k--"), strict=True):
    ax.plot(x, y, form, ms=8, label=name)
ax.set(yscale="log", xlabel="depth (layers of gates)", ylabel="gates or units for 64 bits")
ax.legend(loc="upper right", fontsize=9)
plots.show(
    fig,
    alt="Gates against depth for parity of 64 bits: AND-OR falls from 10^19 at depth 2; threshold and ReLU stay below 100.",
)

# %% [markdown]
# More than seventeen orders of magnitude lie between two circuits of depth 2: what a gate can *see* matters more than how many
# there are. Two layers of thresholds or ReLUs can do parity. Whether training finds them is another question.
#
# ## 4 · What a network learns from a part of the table
#
# An MLP with one hidden layer of 128 units, where section 3 needs n. It sees 1,000 different rows of the table
# (three quarters of it where the table is smaller) and is then asked for others.


# %%
def mlp(n):
    return nn.Sequential(nn.Linear(n, 128), nn.ReLU(), nn.Linear(128, 1))


def signs(rows_B, n):
    """The bits of row numbers as -1 and +1, and their parity."""
    bits_BL = (rows_B[:, None] >> torch.arange(n)) & 1
    return 2.0 * bits_BL - 1, (bits_BL.sum(1) % 2).float()


def fit(model, batches, loss, lr, **settings):
    """Train with Adam; the record of each update, as it comes."""
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    return train(model, batches, loss, optimizer, progress=False, **settings)


# %% [markdown]
# Training on the rows seen, testing on rows not seen:


# %%
@torch.no_grad()
def share_right(model, x_BL, odd_B):
    return ((model(x_BL)[:, 0] > 0) == (odd_B > 0.5)).float().mean().item()


def seen_and_unseen(n, seed):
    torch.manual_seed(seed)
    rows_B = torch.randperm(2**n)
    count = min(1000, 2**n * 3 // 4)
    x_BL, odd_B = signs(rows_B[: count + 1000], n)
    model = mlp(n)
    batches = lambda step, generator: torch.randint(count, (128,), generator=generator)
    loss = lambda model, rows_B: F.binary_cross_entropy_with_logits(
        model(x_BL[rows_B])[:, 0], odd_B[rows_B]
    )
    for _ in fit(model, batches, loss, 0.01, updates=600, seed=seed):
        pass
    seen, unseen = slice(count), slice(count, None)
    return share_right(model, x_BL[seen], odd_B[seen]), share_right(
        model, x_BL[unseen], odd_B[unseen]
    )


# %% [markdown]
# **Predict.** Accuracy on *unseen* rows: for 10 bits, where 768 of 1,024 rows were seen, and for 20 bits, where
# 1,000 of 1,048,576 were.

# %%
my_10, my_20 = None, None

# %% [markdown]
# Six lengths, five seeds (about ten seconds; a line as each length is done):

# %%
SIZES = (8, 10, 12, 14, 16, 20)
table = {}
for n in SIZES:
    table[n] = []
    print(f"{n:2} bits: share of unseen rows right", end="")
    for seed in SEEDS:
        table[n].append(seen_and_unseen(n, seed))
        print(f" {table[n][-1][1]:.2f}", end="")
    print()
print("you said", my_10, "at 10 bits and", my_20, "at 20")

# %% [markdown]
# The picture, one dot a seed:

# %% tags=["figure"]
plots.dots(
    {
        "rows it has seen": {n: [seen for seen, _ in table[n]] for n in SIZES},
        "rows it has not seen": {n: [unseen for _, unseen in table[n]] for n in SIZES},
    },
    xlabel="bits n (192 rows seen at 8, 768 at 10, else 1,000)",
    ylabel="accuracy",
    ylim=(0.4, 1.03),
    levels={"a coin": 0.5},
    size=(10, 3.4),
)

# %% [markdown]
# Two surprises. At 8 and 10 bits the network gets nearly all of the rows it never saw: it has not memorised, it has
# found the rule, although every neighbour of an unseen row has the opposite answer. And at 16 and 20 bits it gets
# nearly every training row right and is a coin on all others: from the training accuracy alone you cannot tell the
# two apart.

# %%
for n, low, high in ((8, 0.9, 1.0), (10, 0.9, 1.0), (16, 0.4, 0.6), (20, 0.4, 0.6)):
    assert all(seen > 0.97 for seen, _ in table[n]), n
    assert low <= np.median([unseen for _, unseen in table[n]]) <= high, n

# %% [markdown]
# ## 5 · Parity among distractors
#
# Now the data is endless, but only k of 16 bits count and the network is not told which. There are
# $\binom{16}{k}$ candidates. How many updates of 128 fresh words until it is right 95 times in 100?


# %%
def secret_loss(k):
    """The loss where the first k bits count, and the share of the batch that is right."""

    def loss(model, x_BL):
        logits_B, target_B = model(x_BL)[:, 0], (x_BL[:, :k].prod(1) > 0).float()
        right = ((logits_B > 0) == (target_B > 0.5)).float().mean().item()
        return F.binary_cross_entropy_with_logits(logits_B, target_B), {"right": right}

    return loss


def updates_needed(k, seed, n=16, most=3000):
    torch.manual_seed(seed)
    fresh = lambda step, generator: 2.0 * torch.randint(2, (128, n), generator=generator) - 1
    average = 0.5
    for record in fit(mlp(n), fresh, secret_loss(k), 0.003, updates=most, seed=seed):
        average += 0.05 * (record["right"] - average)
        if average > 0.95:
            return record["step"]
    return most


# %% [markdown]
# Five seeds (about seven seconds, a line for each k); 3,000 means "not within 3,000".

# %%
KS = (1, 2, 3, 4, 5, 6, 8)
needed = {}
for k in KS:
    needed[k] = []
    print(f"k = {k}: {math.comb(16, k):6} candidates, updates needed", end="")
    for seed in SEEDS:
        needed[k].append(updates_needed(k, seed))
        print(f" {needed[k][-1]:,}", end="")
    print()

# %% [markdown]
# **Why.** Write a word as signs $x_i=\pm1$; parity over a secret set S is then the product
# $\chi_S(x)=\prod_{i\in S}x_i$. The $2^n$ functions $\chi_S$ are called *characters*. They are orthonormal: the mean of
# $\chi_S\chi_T$ over all words is 1 for S = T and 0 otherwise. The gradient of the loss (cross-entropy, with two
# classes) for a network f is, with $\mathbb{E}_x$ for the mean over all words,
#
# $$\tfrac12\,\mathbb{E}_x[\tanh(f/2)\,\nabla f]\;-\;\tfrac12\,g_S,\qquad g_S=\mathbb{E}_x[\chi_S(x)\,\nabla f(x)].$$
#
# The secret enters through $g_S$ alone, the *signal*. And for orthonormal functions the squares of such averages add up
# to the mean square (*Parseval's theorem*):
#
# $$\sum_{S}\lVert g_S\rVert^2=\mathbb{E}_x\lVert\nabla f(x)\rVert^2 .$$
#
# One fixed budget, shared by all $2^n$ secrets. It can be computed exactly for n = 10: the gradients of f on all 1,024
# words, before any training, times all 1,024 characters.

# %%
torch.manual_seed(0)
n = 10
model = mlp(n)
words_BL, _ = signs(torch.arange(2**n), n)
value = lambda weights, word: functional_call(model, weights, word[None])[0, 0]
per_word = vmap(grad(value), (None, 0))(dict(model.named_parameters()), words_BL)
gradient_BP = torch.cat([part.detach().flatten(1) for part in per_word.values()], 1)

# %% [markdown]
# Row S of `chi_SB` is the parity over the bits that are set in S:

# %%
member_SL = (torch.arange(2**n)[:, None] >> torch.arange(n)) & 1
chi_SB = 1.0 - 2.0 * ((member_SL.float() @ (words_BL < 0).float().T) % 2)
signal_S = (chi_SB @ gradient_BP / 2**n).square().sum(1)
budget = gradient_BP.square().sum(1).mean()
assert torch.allclose(signal_S.sum(), budget, rtol=1e-3)
print(f"sum over all secrets {signal_S.sum():.4f}, budget {budget:.4f}")

# %% [markdown]
# How the budget is shared out among the sizes of secrets:

# %%
sizes_S = member_SL.sum(1)
of_one = [signal_S[sizes_S == k].median().item() for k in range(11)]
of_all = [signal_S[sizes_S == k].sum().item() for k in range(11)]
assert of_one[5] < of_one[2] / 100 and min(of_one[6:]) > of_one[5] / 2
assert of_all[10] < of_all[5] / 50 and of_all[4:] == sorted(of_all[4:], reverse=True)

# %% tags=["figure"]
plots.lines(
    range(1, 11),
    {"all secrets of the size": of_all[1:], "one of them (median)": of_one[1:]},
    log="y",
    style={"marker": "o"},
    xlabel="bits that count, k (of 10)",
    ylabel="squared gradient before training",
    alt="All secrets of a size together: the signal falls from k = 4 on, to the end. One secret: it falls from 1 to 0.0004 at k = 5 and stays there.",
)

# %% [markdown]
# What all secrets of a size get together falls to the end (with a step up at k = 4; its reason comes below). What *one* of them
# gets stops falling half-way, at k = 5: the $\binom{10}{k}$ secrets that share it become fewer again from there on.
#
# Back to the 16 bits that were trained on. The signal of the very secrets of the training, before its first update:
# the squared gradient in both weight matrices, over all 65,536 words. Three starts; and, as a control, the same starts
# with the hidden units' biases set to 0.


# %%
@torch.no_grad()
def signals(seed, biases, n=16):
    """Signal of the secrets 'the first k bits', k = 1..8, and the noise of a batch of 128 words."""
    torch.manual_seed(seed)
    first, _, last = mlp(n)
    first.bias *= biases
    x_BL, _ = signs(torch.arange(2**n), n)
    h_BU = first(x_BL).relu()
    on_BU = (h_BU > 0) * last.weight[0]
    chi_KB = x_BL.cumprod(1)[:, :8].T  # row k - 1: the product of the first k signs
    in_first = (chi_KB[:, None] * x_BL.T).flatten(0, 1) @ on_BU / 2**n
    in_last_KU = chi_KB @ h_BU / 2**n
    signal_K = in_first.square().view(8, -1).sum(1) + in_last_KU.square().sum(1)
    noise = (n * on_BU.square().sum(1) + h_BU.square().sum(1)).mean() / 128
    return signal_K.tolist(), noise.item()


# %%
signal_SK, noise_S = map(np.array, zip(*[signals(seed, 1) for seed in range(3)], strict=True))
no_bias_SK = np.array([signals(seed, 0)[0] for seed in range(3)])
print("signal, k = 1..8:", [f"{v:.0e}" for v in np.median(signal_SK, 0)], f"noise {noise_S[0]:.2f}")

# %% tags=["figure"]
plots.lines(
    range(1, 9),
    {"signal": signal_SK, "signal, biases 0": np.maximum(no_bias_SK, 1e-9)},
    log="y",
    ylim=(3e-8, 3),
    levels={"noise of 128 words": np.median(noise_S)},
    xlabel="bits that count, k (of 16)",
    ylabel="squared gradient before training",
    legend="right",
    size=(9, 3.4),
    alt="The signal falls from 0.7 at k = 1 by five orders of magnitude to k = 7, in steps of two; without biases it is zero at 3, 5, 7.",
)

# %% tags=["figure"]
plots.dots(
    needed,
    yscale="log",
    levels={"not within 3,000": 3000},
    xlabel="bits that count, k (of 16)",
    ylabel="updates to 95 % right",
)

# %% [markdown]
# From k = 1 to 8 the signal falls by five orders of magnitude, in stairs of two, while the noise stays. The control says
# where the stairs come from. Without biases a hidden unit's slope is 0 or 1, with z and -z on different sides: a
# constant plus an odd function. Products of an even number of signs have no share in an odd function, and so secrets of
# 3, 5, 7 bits send the weights no signal at all. With biases they send about what the next larger size sends, within a factor of three.
#
# The number of updates rises with k as the signal falls, and it has the same stairs: 3 and 4 bits take about as long as each other, and so
# do 5 and 6. How bad can it get? Take a learner that asks only for averages
# $\mathbb{E}_x[\chi_S(x)\,q(x)]$ with $|q|\le1$ and gets each up to an error τ (a *statistical-query* learner). By Parseval's
# theorem at most $1/\tau^2$ secrets have an average above τ. For all others "0" is a fair answer, and it tells the learner no more than that. So
# it takes about $\tau^2$ questions for each candidate at least (theorem: Kearns 1998, Blum et al. 1994; for gradients:
# Shalev-Shwartz, Shamir & Shammah 2017).

# %%
assert np.median(signal_SK[:, 0]) > 1e5 * np.median(signal_SK[:, 7])
assert no_bias_SK[:, [2, 4, 6]].max() < 1e-9 < 1e-7 < signal_SK.min()
stair_K = np.median(signal_SK, 0)  # k = 3 beside 4, 5 beside 6, 7 beside 8
assert all(1 / 3 < stair_K[k] / stair_K[k + 1] < 3 for k in (2, 4, 6))
typical = {k: np.median(runs) for k, runs in needed.items()}
assert (
    typical[8] > 10 * typical[2] and typical[5] > 1.5 * typical[4] and typical[3] > 1.5 * typical[2]
)
assert all(0.6 < typical[k] / typical[k + 1] < 1.6 for k in (3, 5))

# %% [markdown]
# The problem itself is easy. With *exact* arithmetic, 64 examples and Gaussian elimination modulo 2 find the secret:


# %%
def secret_of(bits_BL, odd_B):
    """The bits that count: solve bits @ secret = odd, modulo 2."""
    rows = np.column_stack([bits_BL, odd_B]).astype(int)
    for place in range(bits_BL.shape[1]):
        pivot = place + rows[place:, place].argmax()
        rows[[place, pivot]] = rows[[pivot, place]]
        others = rows[:, place] == 1
        others[place] = False
        rows[others] ^= rows[place]
    return rows[: bits_BL.shape[1], -1]


secret = np.array([1] * 8 + [0] * 8)
bits_BL = np.random.default_rng(0).integers(0, 2, (64, 16))
assert np.array_equal(secret_of(bits_BL, bits_BL @ secret % 2), secret)

# %% [markdown]
# ## 6 · A reader
#
# Back to the walk. A *recurrent* network applies the same layer once per symbol and carries a state h:
#
# $$h_t=\tanh(W x_t+U h_{t-1}+b),\qquad \text{odd}=[\,v\cdot h_T+c>0\,]$$
#
# | symbol | shape | meaning |
# |---|---|---|
# | $x_t$ | (1,) | the bit at step t, as -1 or +1 |
# | $h_t$ | (H,) = (8,) | the state after step t = 1..T; $h_0=0$ |
# | $U$ | (H, H) | state to state, the same at every step |
#
# In the library it is a `Reader`: a memory (here PyTorch's plain recurrent network) and a linear answer at every step.


# %%
def new_reader():
    return Reader(nn.RNN(1, 8, batch_first=True), hidden=8, outputs=1)


def last_answer(reader, bits_BT):
    """v h_T + c: the reader answers at every step, and only the last answer counts."""
    return reader((2 * bits_BT - 1)[..., None])[:, -1, 0]


# %% [markdown]
# The same as a plain loop that keeps every state. Instead of tanh, `fire` may make the state from what a unit sums up
# (section 9 needs that).


# %%
def read(reader, bits_BT, fire=torch.tanh, state_BH=None):
    """All states (B, T + 1, H), the first one zero unless it is given."""
    rnn = reader.memory
    if state_BH is None:
        state_BH = torch.zeros(len(bits_BT), rnn.hidden_size)
    states = [state_BH]
    for x_B1 in (2 * bits_BT - 1).T[..., None]:
        sum_BH = F.linear(x_B1, rnn.weight_ih_l0, rnn.bias_ih_l0)
        sum_BH = sum_BH + F.linear(state_BH, rnn.weight_hh_l0, rnn.bias_hh_l0)
        state_BH = fire(sum_BH)
        states.append(state_BH)
    return torch.stack(states, 1)


# %%
torch.manual_seed(0)
reader, bits_BT = new_reader(), torch.randint(2, (4, 6)).float()
loop_B = reader.answer(read(reader, bits_BT)[:, -1])[:, 0]
assert torch.allclose(loop_B, last_answer(reader, bits_BT), atol=1e-6)
print("plain loop and nn.RNN agree")


# %% [markdown]
# It is trained on words of 1 to 10 bits and told nothing but the final answer. (A gradient longer than 1 is shortened to 1;
# why, lesson 04 says.)


# %%
def words(step, generator):
    length = int(torch.randint(1, 11, (), generator=generator))
    return torch.randint(2, (64, length), generator=generator).float()


def parity_loss(reader, bits_BT):
    return F.binary_cross_entropy_with_logits(last_answer(reader, bits_BT), bits_BT.sum(1) % 2)


def train_reader(seed, updates=1000):
    torch.manual_seed(seed)
    settings = {"updates": updates, "seed": seed, "callbacks": [ClipGradient(1)]}
    reader = new_reader()
    run = [record["loss"] for record in fit(reader, words, parity_loss, 0.01, **settings)]
    print(f"seed {seed}: loss {np.mean(run[:25]):.2f} at first, {np.mean(run[-25:]):.4f} at last")
    return reader, run


# %% [markdown]
# **Predict.** Trained on at most 10 bits: how often is it right on words of 100 bits? Of 1,000?

# %%
my_100, my_1000 = None, None

# %% [markdown]
# Five seeds (about five seconds):

# %%
readers, losses = zip(*[train_reader(seed) for seed in SEEDS], strict=True)

# %%
READ_LENGTHS = (5, 10, 20, 50, 100, 300, 1000)


@torch.no_grad()
def reads(reader, length, count=300):
    generator = torch.Generator().manual_seed(length)
    bits_BT = torch.randint(2, (count, length), generator=generator).float()
    said_B = last_answer(reader, bits_BT) > 0
    return (said_B == (bits_BT.sum(1) % 2 > 0)).float().mean().item()


far = np.array([[reads(reader, length) for length in READ_LENGTHS] for reader in readers])
print("100 bits, by seed:", far[:, 4].round(3), " 1,000 bits:", far[:, 6].round(3))
print("you said", my_100, "and", my_1000)

# %% [markdown]
# How it was learned, and how far it carries:

# %% tags=["figure"]
smooth = np.array([np.convolve(run, np.ones(25) / 25, "valid") for run in losses])
plots.lines(
    range(25, 25 + smooth.shape[1]),
    {f"seed {seed}": smooth[seed] for seed in SEEDS},
    xlabel="update",
    ylabel="loss (nats, mean of 25)",
    levels={"ln 2": math.log(2)},
    legend="right",
    size=(9, 3.2),
    alt="Losses of five seeds stay near 0.69 and then fall, each at another time.",
)

# %% tags=["figure"]
plots.lines(
    READ_LENGTHS,
    {"accuracy": far},
    log="x",
    xticks=READ_LENGTHS,
    ylim=(0.4, 1.04),
    xlabel="bits in the word",
    ylabel="accuracy",
    spans={"lengths in training": (5, 10)},
    levels={"a coin": 0.5},
    legend="lower left",
    alt=f"Accuracy of five seeds against length: at 1,000 bits {plots.medians({'readers': far[:, 6]})}.",
)

# %% [markdown]
# The loss begins near ln 2, knowing nothing, and falls at another time for every seed. The surprise is what happens to
# those that have fallen: they are right *far* beyond the lengths of their training. The next section looks for the
# reason in their states.

# %%
at_100 = READ_LENGTHS.index(100)
good = [seed for seed in SEEDS if far[seed][at_100] > 0.99]
print(f"{len(good)} of {len(readers)} seeds are right at ten times the length: {good}")
assert len(good) >= 3 and all(np.mean(run[:25]) > 0.6 for run in losses)

# %% [markdown]
# ## 7 · The automaton inside
#
# Take a reader that works, let it read, and look at its states: 8 numbers each, drawn along their two main
# directions. The first ten steps are left out: there the start at zero still shows.

# %%
best = max(good, key=lambda seed: far[seed][-1])
reader = readers[best]
bits_BT = torch.randint(2, (20, 100), generator=torch.Generator().manual_seed(7)).float()
with torch.no_grad():
    states_BTH = read(reader, bits_BT)[:, 11:]
odd_BT, bit_BT = (bits_BT.cumsum(1) % 2)[:, 10:], bits_BT[:, 10:]
flat = states_BTH.reshape(-1, 8).numpy()
plane = (flat - flat.mean(0)) @ np.linalg.svd(flat - flat.mean(0), full_matrices=False)[2][:2].T

# %% [markdown]
# 1,800 states, coloured by what the reader should know:

# %% tags=["figure"]
fig, ax = plots.figure(size=(6, 4))
for odd, bit, colour, marker in ((0, 0, 0, "o"), (0, 1, 0, "^"), (1, 0, 1, "o"), (1, 1, 1, "^")):
    rows = ((odd_BT == odd) & (bit_BT == bit)).flatten().numpy()
    name = f"{'odd' if odd else 'even'} so far, last bit {bit}"
    ax.scatter(
        *plane[rows].T, s=22, marker=marker, color=plots.PALETTE[colour], alpha=0.5, label=name
    )
ax.set(xlabel="first principal direction", ylabel="second principal direction")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plots.show(
    fig,
    alt="The reader's states along two principal directions: a few tight groups, each of one parity.",
)

# %% [markdown]
# Eight real numbers, and a handful of tight groups. What keeps them tight? Push the state by 0.1 in a random direction,
# in the middle of 200 words, and read on beside an undisturbed copy:


# %%
@torch.no_grad()
def after_a_push(reader, bits_BT, size=0.1):
    """Median distance of pushed and undisturbed states, at the push and after each of ten bits."""
    start_BH = read(reader, bits_BT[:, :50])[:, -1]
    push_BH = torch.randn(start_BH.shape, generator=torch.Generator().manual_seed(0))
    push_BH *= size / push_BH.norm(dim=1, keepdim=True)
    pushed, other = (
        read(reader, bits_BT[:, 50:60], state_BH=h) for h in (start_BH + push_BH, start_BH)
    )
    return (pushed - other).norm(dim=2).median(0).values.tolist()


test_BT = torch.randint(2, (200, 100), generator=torch.Generator().manual_seed(3)).float()
for seed in good:
    distances = after_a_push(readers[seed], test_BT)
    print(f"seed {seed}, distance at the push and after 1, 2, 3, 10 bits:", end=" ")
    print([f"{distances[t]:.4f}" for t in (0, 1, 2, 3, 10)])
    assert distances[10] < distances[0] / 10

# %% [markdown]
# Errors die out while it reads, in every seed that works: they cannot add up over 1,000 steps. Now sort the states into eight groups by k-means (eight
# centres, each in the middle of the states nearest to it), which knows nothing of parity, and count which group follows which:

# %%
groups = KMeans(8, n_init=3, random_state=0).fit(flat)
label_BT = groups.labels_.reshape(20, 90)
count = np.zeros((8, 2, 8), int)
np.add.at(
    count,
    (label_BT[:, :-1].ravel(), bit_BT[:, 1:].int().numpy().ravel(), label_BT[:, 1:].ravel()),
    1,
)
follows = count.argmax(2)
assert all(len(odd_BT.flatten()[groups.labels_ == g].unique()) == 1 for g in range(8))
print(f"moves that agree with the table: {count.max(2).sum() / count.sum():.3f}")


# %% [markdown]
# Eight groups may be more than needed. *Minimise* (Moore 1956): begin with "same answer, same class", then split
# a class when two of its members lead to different classes, until nothing changes.


# %%
def minimise(follows, answers):
    classes = list(answers)
    while True:
        signature = [
            (classes[g], *(classes[after] for after in follows[g])) for g in range(len(follows))
        ]
        names = {s: i for i, s in enumerate(dict.fromkeys(signature))}
        finer = [names[s] for s in signature]
        if len(set(finer)) == len(set(classes)):
            return finer
        classes = finer


with torch.no_grad():
    answers = (
        (reader.answer(torch.tensor(groups.cluster_centers_).float())[:, 0] > 0).int().tolist()
    )
classes = minimise(follows, answers)
print("eight groups ->", len(set(classes)), "states; group answers", answers)

# %% [markdown]
# Two states remain: the two rooms of section 1, found in the numbers of a trained network. In a picture, from state
# and bit to state:

# %%
machine = {(answers[g], bit): answers[follows[g][bit]] for g in range(8) for bit in (0, 1)}
print(machine)
assert len(set(classes)) == 2
assert machine == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}

# %% [markdown]
# ### Exercise 3.3 · Read a machine out of a walk (medium, 10 minutes)
#
# `automaton(states, bits)` gets a list of T + 1 states (0 or 1) and the T bits read between them. It returns a 2x2
# array: row = state before, column = bit, entry = the state that followed most often (0 for a pair that never
# occurs).
#
# <details><summary>Hint 1</summary>Count in an array of shape (2, 2, 2): before, bit, after.</details>
# <details><summary>Hint 2</summary>After <code>bits[t]</code> the state goes from <code>states[t]</code> to <code>states[t + 1]</code>.</details>
# <details><summary>Hint 3</summary><code>count.argmax(2)</code> is the table.</details>


# %% tags=["stub"]
def automaton(states, bits):
    return ...


# %% tags=["solution"]
def automaton(states, bits):
    count = Counter(zip(states, bits, states[1:], strict=False))
    usual = lambda before, bit: int(count[before, bit, 1] > count[before, bit, 0])
    return [[usual(before, bit) for bit in (0, 1)] for before in (0, 1)]


# %%
check.automaton(automaton)

# %% tags=["instructor"]
checks.require_passed("3.3 automaton")

# %% [markdown]
# The reference and your function, on every seed's own answers while it reads. Seeds that failed at 100 bits are shown
# too; `[[0, 1], [1, 0]]` is parity.

# %%
for seed, each in enumerate(readers):
    with torch.no_grad():
        said = (each.answer(read(each, bits_BT[:1]))[0, :, 0] > 0).int().tolist()
    walk = [0, *said[1:]], bits_BT[0].int().tolist()
    table = check.automaton.reference(*walk).tolist()
    yours = checks.attempt(automaton, *walk)
    print(
        f"seed {seed}: {table}   yours:",
        "not done yet" if yours is None else " ".join(str(yours).split()),
    )
    assert seed not in good or table == [[0, 1], [1, 0]]

# %% [markdown]
# ## 8 · Addition is parity with a door that sticks
#
# Addition, least significant digit first, is a walk between two rooms as well: "carry" and "no carry". It reads two
# bits a step and writes one.
#
# ### Exercise 3.4 · One step of addition (easy, 5 minutes)
#
# `add_step(carry, a, b)` returns the pair (digit to write, carry to keep), all 0 or 1.
#
# <details><summary>Hint 1</summary>Three bits add up to a number from 0 to 3.</details>
# <details><summary>Hint 2</summary>The digit is its remainder modulo 2.</details>
# <details><summary>Hint 3</summary><code>return (a + b + carry) % 2, (a + b + carry) // 2</code></details>


# %% tags=["stub"]
def add_step(carry, a, b):
    return ...


# %% tags=["solution"]
def add_step(carry, a, b):
    carry, digit = divmod(a + b + carry, 2)
    return digit, carry


# %%
check.add_step(add_step)

# %% tags=["instructor"]
checks.require_passed("3.4 add_step")


# %% [markdown]
# Two states add numbers of any length. All pairs of 6-bit numbers, and one sum of 300 digits:


# %%
def add(a, b, digits):
    carry, total = 0, 0
    for place in range(digits):
        digit, carry = check.add_step.reference(carry, a >> place & 1, b >> place & 1)
        total |= digit << place
    return total


assert all(add(a, b, 7) == a + b for a in range(64) for b in range(64))
assert add(2**299 - 1, 3**188, 300) == 2**299 - 1 + 3**188

# %% [markdown]
# Two facts about the same function, from two sides. *Most significant digit first* no finite number of states is
# enough: 0111 + 0000 and 0111 + 0001 begin alike and differ in the first digit of the sum, and the run of ones can
# be as long as you like (theorem). And a *circuit* needs no walk at all. A carry reaches place i when some place j
# below generates one and all places between pass it on: an OR of ANDs, in constant depth, so addition is in AC⁰
# while parity is not.


# %%
def carries_at_once(a, b, digits):
    generate, passes = a & b, a ^ b
    bit = lambda word, place: word >> place & 1
    return [
        any(bit(generate, j) and all(bit(passes, m) for m in range(j + 1, i)) for j in range(i))
        for i in range(digits)
    ]


for a, b in itertools.product(range(64), repeat=2):
    at_once = carries_at_once(a, b, 7)
    assert all((a ^ b ^ (a + b)) >> i & 1 == at_once[i] for i in range(7))
print(0b0111 + 0b0000 >> 3, 0b0111 + 0b0001 >> 3, "<- first digits of two sums that begin alike")

# %% [markdown]
# ## 9 · How many bits does a weight need?
#
# Two states are one bit of memory. The reader carries it in 8 numbers of 32 bits and computes with 32-bit weights.
# *Quantise*: allow only $2^b-1$ evenly spaced numbers, from -m to m.
#
# $$q(w)=\delta\cdot\mathrm{round}(w/\delta),\qquad \delta=\frac{\max|w|}{2^{b-1}-1}$$
#
# ### Exercise 3.5 · Quantise a tensor (medium, 8 minutes)
#
# `quantised(values, bits)` returns the tensor rounded to this grid, with one δ for the whole tensor.
#
# <details><summary>Hint 1</summary>First δ: the largest absolute value over the number of steps on each side.</details>
# <details><summary>Hint 2</summary>Divide by δ, round with <code>torch.round</code>, multiply by δ.</details>
# <details><summary>Hint 3</summary><code>delta = values.abs().max() / (2 ** (bits - 1) - 1)</code></details>


# %% tags=["stub"]
def quantised(values, bits):
    return ...


# %% tags=["solution"]
def quantised(values, bits):
    delta = values.abs().max() / (2 ** (bits - 1) - 1)
    return torch.round(values / delta) * delta


# %%
check.quantised(quantised)

# %% tags=["instructor"]
checks.require_passed("3.5 quantised")

# %% [markdown]
# The library's version rounds a whole model, and equals the formula:

# %%
coarse = fake_quantise(reader, 4)
weight_HH = reader.memory.weight_hh_l0.detach()
coarse_HH = coarse.memory.weight_hh_l0.detach()
assert torch.allclose(coarse_HH, check.quantised.reference(weight_HH, 4), atol=1e-6)

# %% tags=["figure"]
plots.heatmap(
    {"trained": weight_HH, "4 bits: 15 values at most": coarse_HH},
    diverging=True,
    label="weight",
    xlabel="state before",
    ylabel="state after",
    alt="The 8 by 8 recurrent weights before and after rounding to 4 bits: hardly to be told apart.",
)

# %% [markdown]
# **Predict.** The least number of bits per weight with which a reader still gets 100-bit words right? And the least
# for its *state*, rounded after every step, with the weights exact?

# %%
my_weight_bits, my_state_bits = None, None

# %% [markdown]
# Every working seed, weights alone, states alone, and both:


# %%
def rounding_to(bits):
    """tanh, rounded to a grid of this many bits."""
    return lambda sum_BH: round_to_grid(torch.tanh(sum_BH), bits, limit=1.0)


@torch.no_grad()
def says_odd(reader, fire=torch.tanh):
    """The reader's answers on 200 words of 100 bits."""
    return reader.answer(read(reader, test_BT, fire)[:, -1])[:, 0] > 0


def coarse_accuracy(reader, weight_bits=None, state_bits=None):
    model = reader if weight_bits is None else fake_quantise(reader, weight_bits)
    said_B = says_odd(model, rounding_to(state_bits) if state_bits else torch.tanh)
    return (said_B == (test_BT.sum(1) % 2 > 0)).float().mean().item()


# %%
BITS = (2, 3, 4, 5, 6, 8)
tries = {
    "weights": lambda r, b: coarse_accuracy(r, weight_bits=b),
    "states": lambda r, b: coarse_accuracy(r, state_bits=b),
    "both": lambda r, b: coarse_accuracy(r, weight_bits=b, state_bits=b),
}
rounding = {
    name: np.array([[trial(readers[seed], b) for b in BITS] for seed in good])
    for name, trial in tries.items()
}

# %% [markdown]
# One thin line a seed:

# %% tags=["figure"]
plots.lines(
    BITS,
    {name: {"seeds that work": runs} for name, runs in rounding.items()},
    xlabel="bits per number",
    ylabel="accuracy on 100-bit words",
    ylim=(0.4, 1.04),
    legend="lower right",
    levels={"a coin": 0.5},
    alt="Accuracy against bits for rounded weights, rounded states and both: all right from 5 bits on, a coin at 2 bits of weight.",
)

# %% [markdown]
# Where each seed breaks: the least number of bits from which on it stays right.


# %%
def bits_needed(row):
    """The least of BITS from which on all accuracies exceed 0.99; None where the last does not."""
    wrong = [k for k, accuracy in enumerate(row) if accuracy <= 0.99]
    first = wrong[-1] + 1 if wrong else 0
    return BITS[first] if first < len(BITS) else None


least = {name: [bits_needed(row) for row in runs] for name, runs in rounding.items()}
print("bits needed, by seed:", least)
print("you said", my_weight_bits, "for weights and", my_state_bits, "for states")
assert max(b or 99 for b in least["weights"]) <= 5
assert max(b or 99 for b in least["states"]) <= 3

# %% [markdown]
# At most five bits a weight and three a state do what 32 did, in every seed that works: 3 bits are the seven numbers
# -1, -2/3, ..., 1. The surprise is how little the *state* needs, although it is rounded a hundred times on the way. In
# section 7 a push of 0.1 died out within ten bits; rounding is a small push at every step.
#
# ### A rounded network is a circuit of threshold gates
#
# Rounded to q steps on each side of zero, a unit is a staircase, and a stair is a threshold gate:
#
# $$\tfrac1q\,\mathrm{round}(q\tanh z)=\tfrac1q\Big(\sum_{j=1}^{2q}[\,z\ge\theta_j\,]-q\Big)$$
#
# ### Exercise 3.6 · Where the stairs are (medium, 8 minutes)
#
# `stairs(q)` returns the list of the 2q numbers $\theta_1<\dots<\theta_{2q}$ that make this equation true for every z
# (but for the θ themselves, where rounding may go either way).
#
# <details><summary>Hint 1</summary>Rounding goes up where q tanh(z) is half-way between two whole numbers.</details>
# <details><summary>Hint 2</summary>The half-way points run from -q + 1/2 to q - 1/2. Which z belongs to each? <code>math.atanh</code> undoes tanh.</details>
# <details><summary>Hint 3</summary><code>[math.atanh((j - 0.5) / q) for j in range(-q + 1, q + 1)]</code></details>


# %% tags=["stub"]
def stairs(q):
    return ...


# %% tags=["solution"]
def stairs(q):
    return [math.atanh((j - 0.5) / q) for j in range(-q + 1, q + 1)]


# %%
check.stairs(stairs)

# %% tags=["instructor"]
checks.require_passed("3.6 stairs")

# %% [markdown]
# Target and yours, for q = 3, over the smooth unit:

# %% tags=["figure"]
z = np.linspace(-2.5, 2.5, 1001)


def draw(ax, theta):
    level = ((z[:, None] >= np.asarray(theta, float)).sum(1) - 3) / 3
    series = {"tanh z": np.tanh(z), "six threshold gates": level}
    plots.curves(ax, z, series, xlabel="what the unit sums up, z", ylabel="state")


plots.compare(
    draw,
    check.stairs.reference(3),
    checks.attempt(stairs, 3),
    size=(9, 3.2),
    alt="A staircase of six stairs follows tanh from -1 to 1, never further away than a sixth.",
)

# %% [markdown]
# Now every tanh of the readers is taken out and threshold gates are put in:


# %%
def gates(q):
    """Fire by 2q threshold gates a unit, in place of tanh."""
    theta_J = torch.tensor(check.stairs.reference(q))
    return lambda sum_BH: ((sum_BH[..., None] >= theta_J).sum(-1) - q) / q


for seed in good:
    for q, bits in ((3, 3), (7, 4)):
        said_B = says_odd(readers[seed], gates(q))
        assert torch.equal(said_B, says_odd(readers[seed], rounding_to(bits)))
        assert (said_B == (test_BT.sum(1) % 2 > 0)).float().mean() > 0.99
print(f"100 bits x 8 units x 6 gates, and one to answer: {100 * 8 * 6 + 1:,} threshold gates")

# %% [markdown]
# The reader, unrolled over 100 bits, is a circuit of threshold gates with 101 layers. The same turns a smooth network of
# *constant* depth into a circuit of constant depth: with polynomially many units, no weight above a polynomial, and answers
# that keep a distance (one over a polynomial) from the boundary, it is in TC⁰ (theorem: Maass, Schnitger & Sontag 1991). What TC⁰ cannot do, no
# such network can do, however it is trained.
#
# This is the picture behind the theory of the next lessons: a network with finitely many state values is a finite
# automaton (theorem), and no amount of training will make it multiply numbers of any length while reading them once.
#
# ## 10 · Theorem, observation, open
#
# | statement | status |
# |---|---|
# | Parity is not in AC⁰; an OR of ANDs needs $2^{n-1}$ ANDs | theorem |
# | AC⁰: at each depth there are small circuits that need exponential size one layer flatter (Håstad 1986) | theorem |
# | TC⁰: depth 3 beats depth 2, where no weight exceeds a polynomial in n (Hajnal et al. 1993) | theorem |
# | TC⁰: does anything in it need more than depth 3, at polynomial size? | open |
# | Smooth networks of constant depth, with weights and margins as in section 9, are in TC⁰ | theorem |
# | Parity is in TC⁰, depth 2, n + 1 gates; threshold circuits of depth d need $(n/2)^{1/(2(d-1))}$ gates | theorem |
# | Addition is in AC⁰; multiplication is in TC⁰ (depth 3: Siu & Roychowdhury 1994), not in AC⁰ | theorem |
# | A recurrent net with finitely many states that reads once is a finite automaton; it cannot multiply | theorem |
# | Summed over all secrets the signal is a fixed budget: on average a secret gets the $2^n$-th part | theorem |
# | An MLP fits 1,000 rows of 20-bit parity and is a coin elsewhere; a reader of 8 units generalises 10x | observation, 5 seeds, the settings above |
# | A few bits per weight are enough for the trained reader | observation |
# | Is TC⁰ smaller than NC¹ (gates of two inputs, logarithmic depth), or even than P (polynomial time)? | open |
# | Which functions does gradient descent learn from an unfavourable start, and when does it find the short program? | open |
#
# ## Recap
#
# Depth 2 is enough to count when a gate can see a sum, and exponentially too little when it sees only AND and OR. A
# small network that is *fed everything at once* learns parity for a few bits, and for many it memorises without a
# sign of it; a network that *reads* needs one bit of state and carries on for any length. What can be represented,
# what can be learned, and with how many bits are three questions with three answers.

# %%
quiz(
    "Training accuracy 100 % on 1,000 rows of 20-bit parity. What do you know about other rows?",
    "nothing",
    ("about 100 %", "Section 4 measured it: a coin."),
    ("less than 50 %", "It is a coin, not systematically wrong."),
    why="Memorising and knowing the rule look the same on the rows that were seen.",
)

# %%
quiz(
    "Which of these is in AC⁰?",
    "addition",
    ("parity", "Not in AC⁰ (Furst, Saxe & Sipser; Ajtai)."),
    ("multiplication", "Parity reduces to it, so it is not."),
    why="Carry-lookahead: an OR of ANDs for every carry, in constant depth.",
)

# %%
quiz(
    "Parity of 1,000 bits with folds: how many folds?",
    "10",
    ("1,000", "That is the walk, or the units of the one wide layer."),
    ("500", "Each fold halves the range."),
    why="2 to the 10th is 1,024, the first power of two that is at least 1,000.",
)

# %%
assert math.ceil(math.log2(1000)) == 10 and check.fold.reference(
    np.array([1000.0, 999.0]), 10
).tolist() == [0, 1]

# %% [markdown]
# **Sources.** Furst, Saxe & Sipser 1984 (a first version 1981), *Parity, circuits, and the polynomial-time hierarchy*; Ajtai 1983, *Σ¹₁-formulae on finite
# structures*; Håstad 1986, *Almost optimal lower bounds for small depth circuits*; Kearns 1998 (a first version 1993), *Efficient noise-tolerant learning from statistical queries*; Blum et al. 1994, *Weakly learning DNF and
# characterizing statistical query learning using Fourier analysis*; Sipser 1983, *Borel sets and circuit complexity*; Hajnal, Maass, Pudlák,
# Szegedy & Turán 1993, *Threshold circuits of bounded depth*; Maass, Schnitger & Sontag 1991, *On the computational power
# of sigmoid versus Boolean threshold circuits*; Impagliazzo, Paturi & Saks 1997, *Size-depth tradeoffs for threshold
# circuits*; Hofmeister, Hohberg & Köhling 1991
# and Siu & Roychowdhury 1994 (multiplication); Shalev-Shwartz, Shamir & Shammah 2017, *Failures of gradient-based
# deep learning*; Barak et al. 2022, *Hidden progress in deep learning* (parity among distractors); Moore 1956
# (minimisation). The folding network is in the spirit of Telgarsky 2016, *Benefits of depth in neural networks*.
#
# **Next.** The reader learned from words of 1 to 10 bits. What if the bit that matters lies 40 steps back? Lesson 04 follows the gradient backwards through time.
