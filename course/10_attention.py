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
# # 10 · Attention

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **If every cell sees every other, does it still need an algorithm?**
#
# A Neural GPU's cell sees its two neighbours, and a carry has to walk. Here every position looks at every other at once, and a carry could jump.
# You build such a look by hand, meet it again as the address of lesson 06 and as a memory of outer products, and train a small Transformer to add.
# How far it then adds turns out to depend less on what it sees than on what it was *told*.
#
# **After this lesson you can**
# 1. compute one look by hand and say what the scale, the mask and the heads do in it;
# 2. say what a network is told by each way of numbering positions, and test which way carries over to longer sums;
# 3. let a network continue a text or a sum symbol by symbol, at a temperature, and count what that costs.
#
# *Before:* lesson 06 (soft addresses), lesson 08 (sums on a tape). *Time:* 70 minutes of yours, a minute and a half of one core (no GPU needed).

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).

# %%
import math
import time

import numpy as np
import torch
from torch import nn

from ngpu_lib import checks, ntm, plots, pretrained, recorded, texts, widgets
from ngpu_lib.attention import Decoder, Encoder, Positions, SelfAttention, along, attend, generate
from ngpu_lib.callbacks import ClipGradient, Schedule, one_cycle
from ngpu_lib.checks import lesson10 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.contract import Batch
from ngpu_lib.evaluate import evaluate
from ngpu_lib.losses import SequenceLoss
from ngpu_lib.train import train

torch.manual_seed(0)

# %% [markdown]
# ## 1 · One look
#
# By hand, on six symbols. Every letter of *pepper* asks: where do I stand? Its **query** is the letter it is; the key of every position is the letter
# found there; where the two agree, the fit is 4, elsewhere 0. The fits of one query become shares that sum to 1, by a softmax. What it takes home is
# the mean of the values, here the places 0 to 5, weighted by the shares.


# %%
def shares(fits):
    powers = [math.exp(fit) for fit in fits]
    return [power / sum(powers) for power in powers]


word = "pepper"
rows = [shares([4.0 * (asked == held) for held in word]) for asked in word]
home = [sum(share * place for place, share in enumerate(row)) for row in rows]
print({f"{word[k]} at {k}": round(home[k], 2) for k in range(6)})
assert home[0] == home[2] == home[3] and home[1] == home[4]

# %% tags=["figure"]
plots.heatmap(
    np.array(rows),
    xlabel="key: pepper",
    ylabel="query: pepper",
    label="share",
    limits=(0, 1),
    size=(4.6, 3.4),
    xticks=range(6),
    xticklabels=word,
    yticks=range(6),
    yticklabels=word,
    alt="Six by six shares. Each p looks at the three p's, about a third each; each e at the two e's, about one half each; r at itself, with share "
    f"{rows[5][5]:.2f}.",
)

# %% [markdown]
# The p's stand at 0, 2 and 3, on average at 5/3, and all three take home nearly that; equal letters cannot take home different things, since they ask the
# same question. A fit of 4 leaves a little for the others; a larger one would leave less.
#
# **The idea.** Every position makes a query, a key and a value out of what it holds, by three matrices that are learned. Its query is compared with all
# keys, the fits become shares, and it takes home the mean of the values by these shares. Nothing in it is local, and nothing depends on how many positions there are.
#
# $$w = \mathrm{softmax}\!\left(\frac{q\,k^\top}{\sqrt H}\right), \qquad y = w\,v$$
#
# | symbol | meaning | shape |
# |---|---|---|
# | $q, k$ | queries and keys, H numbers each | (L, H) |
# | $v$ | values | (L, H) |
# | $w$ | shares: row = who asks, column = who is asked | (L, L) |
# | mask | who may look at whom; a forbidden fit is $-\infty$ | (L, L) |
#
# ### Exercise 10.1 · one look (medium, 15 minutes)
# `look(q_LH, k_LH, v_LH, seen_LL)`: what every query takes home, (L, H). `seen_LL[i, j]` is True where query i may look at key j. There may be fewer queries than keys.
#
# <details><summary>Hint 1</summary>All fits at once: q_LH @ k_LH.T, divided by the root of H = q_LH.shape[1].</details>
# <details><summary>Hint 2</summary>A fit of minus infinity becomes a share of exactly 0: fits.masked_fill(~seen_LL, -torch.inf).</details>
# <details><summary>Hint 3</summary>The softmax over the last axis gives the shares; shares @ v_LH is the result.</details>


# %% tags=["stub"]
def look(q_LH, k_LH, v_LH, seen_LL):
    return ...


# %% tags=["solution"]
def look(q_LH, k_LH, v_LH, seen_LL):
    fits_LL = q_LH @ k_LH.T / math.sqrt(q_LH.shape[1])
    return fits_LL.masked_fill(~seen_LL, -torch.inf).softmax(1) @ v_LH


# %%
check.look(look)

# %% tags=["instructor"]
checks.require_passed("10.1 one look")

# %% [markdown]
# The library's `attend` does the same for whole batches and several heads (`ngpu_lib/attention.py`, read downward). By hand and by the library:

# %%
letters_LH = 4.0 * torch.eye(26)[[ord(letter) - ord("a") for letter in word]]
places_LH = torch.arange(6.0)[:, None]
keys_LH = letters_LH * math.sqrt(26) / 4  # so that equal letters fit by 4
found, _ = attend(letters_LH[None, None], keys_LH[None, None], places_LH[None, None])
assert torch.allclose(found[0, 0, :, 0], torch.tensor(home), atol=1e-5)

# %% [markdown]
# **Why the root of H?** A fit is a sum of H products. For random queries and keys its standard deviation is $\sqrt H$, so wide heads would look
# at one position almost alone from the first update on. The largest share among 16 random keys, with and without the division:

# %%
SIZES, draws = (1, 4, 16, 64, 256, 1024), torch.Generator().manual_seed(0)


def largest_share(size, divide):
    q_BH, k_BLH = (
        torch.randn(200, 1, size, generator=draws),
        torch.randn(200, 16, size, generator=draws),
    )
    fits_BL = (q_BH * k_BLH).sum(-1)
    return (fits_BL / (math.sqrt(size) if divide else 1)).softmax(-1).amax(-1).mean().item()


largest = {name: [largest_share(size, name == "divided by the root of H") for size in SIZES]
           for name in ("divided by the root of H", "as it is")}  # fmt: skip
assert largest["as it is"][-1] > 0.9 and max(largest["divided by the root of H"][2:]) < 0.35

# %% tags=["figure"]
plots.lines(
    SIZES,
    largest,
    log="x",
    xlabel="size of a head, H",
    ylabel="largest share, mean of 200 draws",
    ylim=(0, 1.03),
    xticks=SIZES,
    style={"marker": "o"},
    levels={"all 16 alike": 1 / 16},
    size=(7, 3.2),
    alt="Largest share among 16 random keys by the size of a head: " + plots.ends(SIZES, largest),
)

# %% [markdown]
# ### The same thing as a soft address
# Lesson 06's head found a memory row by its *content*: softmax of β times the cosine between key and row. With rows of length 1 the cosine is the product, and β does what the
# root of H does here, only the other way. So the look-up of a Neural Turing Machine *is* one look: the rows are keys and values at once.

# %%
memory_NM = nn.functional.normalize(torch.randn(8, 5, generator=draws), dim=-1)
key_M, beta = nn.functional.normalize(torch.randn(5, generator=draws), dim=-1), 7.0
address = ntm.content(key_M[None, None], torch.tensor([[beta]]), memory_NM[None])
query_M = key_M * beta * math.sqrt(5) / (1 + ntm.SOFT)  # SOFT stands in the library's cosine
read, w = attend(query_M[None, None, None], memory_NM[None, None], memory_NM[None, None])
assert torch.allclose(w[0, 0], address[0], atol=1e-6)
assert torch.allclose(read[0, 0], address[0] @ memory_NM, atol=1e-6)

# %% [markdown]
# What the machine of lesson 06 has beyond that is the tape: it *shifts*, a place at a time, and it writes. A look has no next row.
#
# ### The same thing as fast weights
# Leave out the softmax, and let every position look back only. The sum of values weighted by raw fits, $y_l = \sum_{j \le l} v_j\,(k_j \cdot q_l)$, can be taken in
# another order: $y_l = M_l\,q_l$ with $M_l = M_{l-1} + v_l k_l^\top$. A matrix of weights that each position changes: *fast* weights (Schmidhuber 1992), and linear attention
# (Katharopoulos et al. 2020; they first make q and k positive and divide by the sum of the fits). Schlag et al. (2021) showed that the two are one. The matrix does not grow with the word.
#
# ### Exercise 10.2 · a memory of outer products (medium, 15 minutes)
# `fast_weights(q_LH, k_LH, v_LH)`: for every position write its value under its key into the memory (`torch.outer`), then read with its query. Return the (L, values) results. Keys and values may
# have different sizes.
#
# <details><summary>Hint 1</summary>The memory starts as zeros, (size of a value, size of a key).</details>
# <details><summary>Hint 2</summary>torch.outer(v, k) @ q is v times (k · q).</details>
# <details><summary>Hint 3</summary>for q, k, v in zip(q_LH, k_LH, v_LH, strict=True): write, read, append; torch.stack at the end.</details>


# %% tags=["stub"]
def fast_weights(q_LH, k_LH, v_LH):
    return ...


# %% tags=["solution"]
def fast_weights(q_LH, k_LH, v_LH):
    memory, found = torch.zeros(v_LH.shape[1], k_LH.shape[1]), []
    for place in range(len(q_LH)):
        memory = memory + torch.outer(v_LH[place], k_LH[place])
        found.append(memory @ q_LH[place])
    return torch.stack(found)


# %%
check.fast_weights(fast_weights)

# %% tags=["instructor"]
checks.require_passed("10.2 a memory of outer products")

# %% [markdown]
# Step by step and all at once give the same numbers:


# %%
def linear_attention(q_LH, k_LH, v_LH):
    return (q_LH @ k_LH.T).tril() @ v_LH


q_LH, k_LH, v_LH = torch.randn(3, 50, 16, generator=draws).double()
by_memory = check.fast_weights.reference(q_LH, k_LH, v_LH)
assert torch.allclose(linear_attention(q_LH, k_LH, v_LH), by_memory)

# %% [markdown]
# ### Predict 1 · how much does it hold
# n pairs are written, each a random key of 16 numbers and a value of 16 signs, into 16 x 16 fast weights; then each key asks for its value.
#
# **Predict.** Fast weights or softmax: how many of 64 pairs' signs come back right, 0 to 1, for each?

# %%
my_fast, my_softmax = None, None


# %%
def recalled(pairs, softmax):
    """The share of signs that come back right, mean of 20 draws."""
    right = []
    for _ in range(20):
        k_LH = nn.functional.normalize(torch.randn(pairs, 16, generator=draws), dim=-1)
        v_LH = torch.randn(pairs, 16, generator=draws).sign()
        fits_LL = k_LH @ k_LH.T
        found_LH = ((30 * fits_LL).softmax(-1) if softmax else fits_LL) @ v_LH
        right.append((found_LH.sign() == v_LH).float().mean().item())
    return np.mean(right)


PAIRS = (2, 4, 8, 16, 32, 64)
recall = {
    name: [recalled(n, name == "softmax") for n in PAIRS] for name in ("fast weights", "softmax")
}
print(
    f"64 pairs: {recall['fast weights'][-1]:.2f} and {recall['softmax'][-1]:.2f}; you: {my_fast} and {my_softmax}"
)
assert recall["fast weights"][0] > 0.98 and recall["fast weights"][-1] < 0.75
assert min(recall["softmax"]) > 0.98

# %% tags=["figure"]
plots.lines(
    PAIRS,
    recall,
    log="x",
    xlabel="pairs written",
    ylabel="signs right",
    xticks=PAIRS,
    ylim=(0.45, 1.03),
    style={"marker": "o"},
    levels={"guessing": 0.5},
    size=(7, 3.2),
    alt="Share of signs that come back right, by the number of pairs: " + plots.ends(PAIRS, recall),
)

# %% [markdown]
# **What happened.** Keys that are not at right angles read each other's values, and among 16 numbers no more than 16 keys can be at right angles. The softmax silences
# what fits less, at the price of keeping every pair: it holds more because it *is* more. A fixed memory is a finite automaton again (lesson 06); one that grows with
# the word is not.
#
# ## 2 · Heads, layers, and an order that nobody sees
#
# **Several heads.** Each position asks R questions at once, in R smaller spaces, and a last matrix mixes what they bring home. The library's `SelfAttention` against PyTorch's own:

# %%
ours, theirs = SelfAttention(maps=64, heads=4), nn.MultiheadAttention(64, 4, batch_first=True)
theirs.load_state_dict({
    "in_proj_weight": ours.project.weight, "in_proj_bias": ours.project.bias,
    "out_proj.weight": ours.mix.weight, "out_proj.bias": ours.mix.bias,
})  # fmt: skip
x_BLC = torch.randn(2, 10, 64, generator=draws)
before_LL = torch.ones(10, 10, dtype=torch.bool).tril()  # look back only
found, w_BRLL = ours(x_BLC, before_LL)
wanted, w_wanted = theirs(x_BLC, x_BLC, x_BLC, attn_mask=~before_LL, average_attn_weights=False)
assert torch.allclose(found, wanted, atol=1e-5) and torch.allclose(w_BRLL, w_wanted, atol=1e-6)
print("shares of", tuple(w_BRLL.shape), "agree: batch, heads, queries, keys")

# %% [markdown]
# **A layer** looks around, then every position thinks alone (a perceptron of one hidden layer), and each of the two *adds* to what is there: the residual connection of lesson 05, with lesson 04's layer norm
# before each part. A stack of layers that answers at every position is an **encoder**; where every position looks back only, it can be asked for the *next* symbol, and is called a **decoder**. That mask is all the difference here. (The decoder of 2017 looks at an encoder as well.)
#
# Who looks at everything equally has no idea of order. Move the symbols, and the answers move with them:

# %%
blind = Encoder(symbols=4, positions=Positions(64, "none")).eval()
word_BL = torch.tensor([[0, 1, 2, 1, 0, 3, 1]])
order = torch.randperm(7, generator=draws)
with torch.no_grad():
    assert torch.allclose(blind(word_BL)[:, order], blind(word_BL[:, order]), atol=1e-5)

# %% [markdown]
# ### Exercise 10.3 · two sums it cannot tell apart (easy, 10 minutes)
# So there are sums that `blind` must answer alike whatever its weights, as far as the *set* of its answers goes, although their results differ. Find two: texts such as `"01+10"`, two binary
# numbers of one length each, lowest digit first. Put them into `my_pair = ("...", "...")`.
#
# <details><summary>Hint 1</summary>Both need the same symbols, equally often, in another order.</details>
# <details><summary>Hint 2</summary>A digit that moves to another place changes the result.</details>
# <details><summary>Hint 3</summary>10+00 is 1 + 0. What if the 1 stood one place further?</details>

# %% tags=["stub"]
my_pair = ...

# %% tags=["solution"]
my_pair = ("10+00", "01+00")


# %%
def about(pair):
    if pair is ... or pair is None:
        return pair
    halves = [text.split("+") for text in pair]
    fits = len(pair) == 2 and all(
        len(half) == 2
        and len(half[0]) == len(half[1])
        and set("".join(half)) <= set("01")
        and half[0]
        for half in halves
    )
    if not fits:
        return {"two sums": False, "the same symbols": False, "the same result": False}
    results = [int(a[::-1], 2) + int(b[::-1], 2) for a, b in halves]
    same = sorted(pair[0]) == sorted(pair[1])
    return {"two sums": True, "the same symbols": same, "the same result": results[0] == results[1]}


check.blind_pair(lambda: about(my_pair))

# %% tags=["instructor"]
checks.require_passed("10.3 two sums it cannot tell apart")

# %% [markdown]
# ## 3 · Sums, and what a network is told about places
#
# So each symbol gets a second vector, for its place, added to its own. Which number a place gets, and which vector a number gets, is told to the network. The task: binary sums, lowest digit first, written as one word.
# The network is an encoder. From `=` on each position says the digit that comes next; the digits themselves are hidden behind `?`. All are answered at once: nothing follows anything else but its two layers.

# %%
SYMBOLS, LENGTHS = "01+=?", (8, 12, 16, 24, 40)
UPDATES, RATE, BATCH, TEXT_UPDATES = 1600, 0.002, 32, 400


def write(a_B, b_B, digits):
    """The words a+b=sum, lowest digit first, (B, 3 digits + 3)."""
    bits = lambda number_B, count: number_B[:, None] >> torch.arange(count) & 1
    sign = lambda symbol: torch.full((len(a_B), 1), SYMBOLS.index(symbol))
    parts = bits(a_B, digits), sign("+"), bits(b_B, digits), sign("="), bits(a_B + b_B, digits + 1)
    return torch.cat(parts, 1)


# %% [markdown]
# Batches of them; the last digits + 1 answers are marked:


# %%
def sums(size, digits, generator, carries=False, shown=False):
    """Sums as a batch; ``carries``: one carry runs to the top, or just fails to start."""
    a_B, b_B = torch.randint(2**digits, (2, size), generator=generator)
    if carries:
        a_B = a_B.clamp(min=1)
        b_B = 2**digits - a_B - torch.randint(2, (size,), generator=generator)
    words_BL = write(a_B, b_B, digits)
    inputs_BL, targets_BL = words_BL[:, :-1].clone(), words_BL[:, 1:]
    if not shown:  # the digits of the sum are asked for
        inputs_BL[:, -digits:] = SYMBOLS.index("?")
    marked_BL = torch.zeros_like(inputs_BL, dtype=torch.bool)
    marked_BL[:, -digits - 1 :] = True
    return Batch(inputs_BL, targets_BL, marked_BL, torch.ones_like(marked_BL))


# %% [markdown]
# One instance, what the network sees of it, and what it must say from `=` on:

# %%
text_of = lambda word_L: "".join(SYMBOLS[symbol] for symbol in word_L)
one = write(torch.tensor([11]), torch.tensor([6]), 4)[0].tolist()
print(
    text_of(one), "  11 + 6 = 17;  seen:", text_of(one[:10]) + "????", " said:", text_of(one[10:])
)
assert text_of(one) == "1101+0110=10001"

# %% [markdown]
# ### Exercise 10.4 · numbers for digits (easy, 10 minutes)
# The digits of one place belong together. `number_digits(word)`, a text: the digits of a number get 1, 2, 3, ... from the lowest on, anew after `+`, which has 0. From `=` on, each symbol gets the number of the digit that
# has to be *said* after it: `=` gets 1, the first digit of the sum 2. Return a list.
#
# <details><summary>Hint 1</summary>Walk along the word with a counter.</details>
# <details><summary>Hint 2</summary>At + the counter goes to 0, at = to 1; at a digit it grows by 1.</details>
# <details><summary>Hint 3</summary>Append the counter after changing it, in all three cases.</details>


# %% tags=["stub"]
def number_digits(word):
    return ...


# %% tags=["solution"]
def number_digits(word):
    numbers, place = [], 0
    for symbol in word:
        place = {"+": 0, "=": 1}.get(symbol, place + 1)
        numbers.append(place)
    return numbers


# %%
check.number_digits(number_digits)

# %% tags=["instructor"]
checks.require_passed("10.4 numbers for digits")

# %% [markdown]
# The same for a batch, and six ways of telling. Coupled: the digits of one place share a vector. Random offset: in training each word starts at a random row of the table, so that
# rows which only long sums need are trained as well. Both together are the Abacus embeddings of McLeish et al. 2024 and, found at the same time, the position coupling of Cho et al. 2024.


# %%
def by_digit(inputs_BL):
    """Digits counted from 1, anew after ``+``; from ``=`` on, the number of the digit to be said."""
    place_BL = along(inputs_BL)
    plus_BL, equal_BL = (inputs_BL == SYMBOLS.index(sign) for sign in "+=")
    start_BL = torch.where(plus_BL, place_BL, -1) + torch.where(equal_BL, place_BL, 0)
    return place_BL - start_BL.cummax(1).values


TOLD = {
    "none": {"code": "none"},
    "learned": {"rows": 128},
    "sinusoidal": {"code": "sinusoidal", "rows": 128},
    "random offset": {"rows": 128, "offset": True},
    "coupled": {"rows": 48, "places": by_digit},
    "coupled, random offset": {"rows": 48, "places": by_digit, "offset": True},
}
assert by_digit(torch.tensor([one])).tolist()[0] == check.number_digits.reference(text_of(one))

# %% [markdown]
# | told | the third digit of a, of b, and who says the sum's third (8 digits) | what that says |
# |---|---|---|
# | none | nothing | no order at all |
# | learned, sinusoidal | 2, 11 and 19 | where in the word; which belong together is for the network to find |
# | random offset | the same three, moved by one random number | where, but for the start; differences last |
# | coupled | 3, 3 and 3 | which digits belong together |
# | coupled, random offset | one number three times, another in each word | which digits belong together; the start does not matter |

# %% [markdown]
# Two layers, 64 maps, four heads; sums of 1 to 8 digits, 32 an update. A sum counts as right when every digit is.


# %%
def learn(
    told, seed=0, updates=UPDATES, kind=Encoder, layers=2, looped=0, digits=(1, 8), progress=False
):
    torch.manual_seed(seed)
    positions = Positions(64, **TOLD[told])
    model = kind(len(SYMBOLS), layers=layers, positions=positions, looped=looped)
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], fused=True)

    def draw(step, generator):
        count = int(torch.randint(digits[0], digits[1] + 1, (), generator=generator))
        return sums(BATCH, count, generator, shown=kind is Decoder)

    callbacks = [ClipGradient(1.0), Schedule(one_cycle(RATE, updates))]
    options = dict(updates=updates, seed=seed, callbacks=callbacks, progress=progress)
    records = list(train(model, draw, SequenceLoss(), adam, **options))
    return model.eval(), records


@torch.no_grad()
def share_right(model, digits, carries=False, size=200, **options):
    """The share of sums of which every digit is right."""
    batch = sums(size, digits, torch.Generator().manual_seed(1), carries, type(model) is Decoder)
    wrong_BL = model(batch.inputs_BL, **options).argmax(-1) != batch.targets_BL
    return (~(wrong_BL & batch.loss_mask_BL).any(1)).float().mean().item()


# %% [markdown]
# ### Predict 2 · twice as long
# **Predict.** The encoder that is told places coupled and with a random offset learns sums of at most 8 digits. Which share of *whole* sums of 8 digits will it get right, 0 to 1? Of 16?

# %%
my_8, my_16 = None, None

# %%
began = time.process_time()
adder, records = learn("coupled, random offset", progress="learning to add")
reach = {n: share_right(adder, n) for n in LENGTHS}
print(f"{time.process_time() - began:.0f} s;", {n: f"{share:.0%}" for n, share in reach.items()})
print(f"8 digits: {reach[8]:.2f}, you:", my_8, f"· 16 digits: {reach[16]:.2f}, you:", my_16)
assert reach[8] > 0.5 > reach[24] and reach[8] > reach[12] > reach[16]

# %% [markdown]
# One seed is one seed. Recorded, with `learn` above (`python -m course.workshop.recorded_runs.lesson10 --seeds 5`; half a minute of one core a run, and it goes on where it stopped). As many seeds as are recorded:

# %%
lesson10_sums = recorded.load("lesson10_sums")
runs = {name: list(found.values()) for name, found in lesson10_sums["runs"].items()}
random_SN = {name: np.array([run["random"] for run in found]) for name, found in runs.items()}
carries_SN = {name: np.array([run["carries"] for run in found]) for name, found in runs.items()}
print({name: f"{len(found)} seeds" for name, found in runs.items()})

# %% tags=["figure"]
plots.lines(
    LENGTHS,
    {name: random_SN[name] for name in TOLD if name in random_SN},
    xlabel="digits of each number",
    ylabel="whole sums right",
    ylim=(-0.03, 1.03),
    xticks=LENGTHS,
    spans={"in training": (1, 8)},
    style={"marker": "o", "ms": 3},
    legend="right",
    size=(9, 3.6),
    alt="Share of whole random sums right by length, each seed thin and the median thick, for each way of telling places; medians: "
    + plots.ends(LENGTHS, {name: random_SN[name] for name in TOLD if name in random_SN}),
)

# %% [markdown]
# **What happened.** Which digits meet: being told *that* decides whether it learns at all here. Told places along the word, no run above gets even a tenth of the sums of 8 digits right. (After these 1,600 updates; that more would not do is not
# shown. Without any place it could not, whatever the updates: section 2.) That the start does not matter: being told *that* decides how far it carries over. Without the offset, sums of 12 digits are lost: their last places read rows of the
# table that no training has touched. With it, rows 1 to 47 have all been a place in training, and some sums of 12 digits come out right, fewer of 16. At 40 there is nothing left, and every seed has a share of its own.

# %%
both_SN, coupled_SN = random_SN["coupled, random offset"], random_SN["coupled"]
along_word = [random_SN[name] for name in ("learned", "sinusoidal", "random offset")]
assert max(found_SN.max() for found_SN in along_word) < 0.1
assert both_SN[:, 0].min() > 0.4 and coupled_SN[:, 0].min() > 0.3
assert coupled_SN[:, 1].max() < 0.05 < both_SN[:, 1].min() and both_SN[:, 4].max() < 0.05

# %% [markdown]
# ### Who else adds
# Random sums flatter: a carry that runs far is rare among them. So the same network on sums in which one carry runs from the lowest 1 of a to the top, or just fails to start; and beside it two that take more than two steps. One layer in a loop:
# its weights are used again as often as there are digits (1,000 updates, since each costs more). And lesson 08's Neural GPU (400 updates of all lengths at once). Nobody has seen a sum of more than 8 digits.

# %% tags=["figure"]
BESIDE = {
    "two layers": "coupled, random offset",
    "one layer in a loop": "one layer in a loop",
    "Neural GPU": "Neural GPU",
}
plots.lines(
    LENGTHS,
    {
        kind: {shown: found[name] for shown, name in BESIDE.items() if name in found}
        for kind, found in (("random sums", random_SN), ("long carries", carries_SN))
    },
    xlabel="digits of each number",
    ylabel="whole sums right",
    ylim=(-0.03, 1.03),
    xticks=LENGTHS,
    style={"marker": "o", "ms": 3},
    legend="upper right",
    size=(10, 3.6),
    alt="Two panels, share of whole sums right by length, each seed and the median. Random sums: "
    + plots.ends(
        LENGTHS, {shown: random_SN[name] for shown, name in BESIDE.items() if name in random_SN}
    )
    + ". Long carries: "
    + plots.ends(
        LENGTHS, {shown: carries_SN[name] for shown, name in BESIDE.items() if name in carries_SN}
    ),
)

# %% [markdown]
# **What happened.** With long carries and 16 digits or more, two layers get about half of the sums right at best, as guessing whether the carry has started would. The Neural GPU repeats a local step as often as there are cells. With two of five seeds
# that carries over, to most sums of 16 digits and more, though nobody told it which digits meet; with three it is lost at 16. The looped layer gets half of the sums of 8 digits at best. A loop makes an algorithm possible, it does not make one.

# %% tags=["figure"]
for shown, name in BESIDE.items():
    for kind, found in (("random sums", random_SN), ("long carries", carries_SN)):
        print(f"{shown:20s} {kind:12s}", np.median(found[name], 0) if name in found else "-")

# %%
assert carries_SN["coupled, random offset"][:, 2:].max() < 0.65
local_S = np.sort(random_SN["Neural GPU"][:, 2])  # 16 digits
assert len(local_S) == 5 and local_S[3] > 0.8 > 0.05 > local_S[2]
assert random_SN["one layer in a loop"].max() < 0.6

# %% [markdown]
# And the shipped adder of lesson 09, trained on up to 20 bits and far longer, on 100 sums of each kind at each of these lengths:

# %%
shipped = pretrained.load("add")
for kind in ("random", "carries"):
    options = dict(inputs=kind, seed=1, settings=shipped.settings)
    scores = [
        evaluate(shipped.model, shipped.task, n, **options).sequence_accuracy for n in LENGTHS
    ]
    print(kind, scores)
    assert min(scores) == 1

# %% [markdown]
# What each was told, and what it had to find by itself:
#
# | who | told | had to find |
# |---|---|---|
# | learned or sinusoidal places | where in the word each symbol stands | which digits meet, what to do with carries |
# | coupled, random offset | which digits meet, and that the start does not matter | what is next to what, carries in two layers |
# | one layer in a loop | the same, and how often to run | a step that carries |
# | Neural GPU | that news travels from neighbour to neighbour, and how often to run | that digits must meet, how they travel, carries |

# %% [markdown]
# ### Where it looks
# One sum in the network you trained, all its shares. The query is who asks: from `=` on, each position is about to say a digit. Up and down keys move it, left and right change the head, page up and page down the layer.

# %%
seen = sums(1, 8, torch.Generator().manual_seed(5))
trace = []
with torch.no_grad():
    adder(seen.inputs_BL, trace=trace)
explorer = widgets.AttentionMaps(
    trace, text_of(seen.inputs_BL[0]), query=20, title="Where the adder looks"
)
explorer

# %% [markdown]
# From a cell: the three places that the shown query looks at most, with the numbers of their digits.

# %%
top = explorer.row.argsort()[::-1][:3]
numbers_L = by_digit(seen.inputs_BL)[0]
print("the query says digit", int(numbers_L[explorer.query]), "and looks at:")
print([(int(k), f"digit {int(numbers_L[k])}", f"{explorer.row[k]:.2f}") for k in top])

# %% [markdown]
# ### Predict 3 · how far back must it look
# A picture of shares is no proof of use. An intervention is: forbid looks, in both layers and to everybody, and see what breaks. A query of digit n may look at digits n - back to n only; with back = 0 at its own place alone.
#
# **Predict.** How many places back does it need, to get as many sums of 8 digits right as with all looks allowed?

# %%
my_back = None


# %%
@torch.no_grad()
def right_within(model, back, ahead=0):
    """The share of sums of 8 digits right when nobody may look farther."""
    batch = sums(500, 8, torch.Generator().manual_seed(3))
    number_BL = by_digit(batch.inputs_BL)
    away_BLL = number_BL[:, None, :] - number_BL[:, :, None]  # key's digit minus query's
    seen_BLL = (away_BLL >= -back) & (away_BLL <= ahead)
    wrong_BL = model(batch.inputs_BL, seen_BLL=seen_BLL).argmax(-1) != batch.targets_BL
    return (~(wrong_BL & batch.loss_mask_BL).any(1)).float().mean().item()


within = {back: right_within(adder, back) for back in range(9)}
everything = right_within(adder, 9, 9)
print(
    {back: f"{share:.2f}" for back, share in within.items()},
    f"all: {everything:.2f}; you: {my_back}",
)
assert within[0] < 0.1 < within[1] < within[4] and within[8] > 0.9 * everything

# %% tags=["figure"]
plots.lines(
    range(9),
    {"looks from its own place down to n places back": list(within.values())},
    xlabel="places back, n",
    ylabel="whole sums of 8 digits right",
    ylim=(-0.03, 1.03),
    style={"marker": "o"},
    levels={"all looks allowed": everything},
    size=(7, 3.2),
    alt="Share of sums of 8 digits right by how far back everybody may look: "
    + ", ".join(f"{back}: {share:.2f}" for back, share in within.items())
    + f"; with all looks allowed {everything:.2f}.",
)

# %% [markdown]
# **What happened.** Its own place alone is worth nothing: no digit but the lowest can be had without a carry. One place back helps, and so does every next one or nearly: it does not hand a carry on from place to place, it looks
# for it where it may have started. (In the two layers a look of n places reaches 2n.) And looks *ahead*, to higher digits, are not needed: without any of them, and with all looks back, it gets at least nine tenths of what it gets with all.
# %% [markdown]
# ## 4 · Symbol by symbol
#
# So far all digits were answered at once. A **decoder** is asked for the next symbol only: no position sees what comes after it, and in training it is asked at all positions of a known word together. In use it has only
# what it said itself. *Generation* is a loop: ask for the next symbol, append it, ask again. Here is one that has learned from sums of 3 digits and nothing else, with places counted along the word:

# %%
speaker, _ = learn(
    "learned", kind=Decoder, digits=(3, 3), updates=500, progress="learning to speak"
)
question = write(torch.tensor([5]), torch.tensor([6]), 3)[:, :8]
for count in range(5):
    print(text_of(generate(speaker, question, count)[0]))

# %% [markdown]
# In training it had the *right* digits before each one; in use it has its own. For whole sums both ways of counting agree exactly: up to the first mistake its own digits are the right ones.


# %%
@torch.no_grad()
def say_sums(model, digits, size):
    """The share of whole sums right when the model reads what it said."""
    batch = sums(size, digits, torch.Generator().manual_seed(1), shown=True)
    words_BL = torch.cat([batch.inputs_BL, batch.targets_BL[:, -1:]], 1)
    said_BL = generate(model, words_BL[:, : -digits - 1], digits + 1)
    return (said_BL == words_BL).all(1).float().mean().item()


said, given, longer = say_sums(speaker, 3, 200), share_right(speaker, 3), share_right(speaker, 4)
print(
    f"3 digits, its own before each: {said:.3f}, the right ones: {given:.3f}; 4 digits: {longer:.3f}"
)
assert said == given > longer and longer < 0.2

# %% [markdown]
# The loop runs once for every digit, and each turn can rest on the digit before. It was told places along the word; in sums of 4 digits most symbols stand elsewhere, and they are lost on it.
#
# The same loop continues a text. Eighteen stanzas of Lewis Carroll (1871), character by character; three stanzas are held out.

# %%
poem = texts.read("walrus")
letters = sorted(set(poem))
codes_N = torch.tensor([letters.index(letter) for letter in poem])
known_N, held_N = (
    codes_N[: poem.index("It seems a shame") - 1],
    codes_N[poem.index("It seems a shame") - 1 :],
)
WINDOW = 48


def excerpts(of_N, size, generator):
    starts_B1 = torch.randint(len(of_N) - WINDOW, (size, 1), generator=generator)
    rows_BL = of_N[starts_B1 + torch.arange(WINDOW + 1)]
    everywhere = torch.ones(size, WINDOW, dtype=torch.bool)
    return Batch(rows_BL[:, :-1], rows_BL[:, 1:], everywhere, everywhere)


# %%
torch.manual_seed(0)
writer = Decoder(len(letters), positions=Positions(64, rows=WINDOW))
adam = torch.optim.Adam(writer.parameters(), fused=True)
draw = lambda step, generator: excerpts(known_N, 32, generator)
options = dict(
    updates=TEXT_UPDATES, callbacks=[ClipGradient(1.0), Schedule(one_cycle(3e-3, TEXT_UPDATES))]
)
lines = list(train(writer, draw, SequenceLoss(), adam, progress="learning to write", **options))
writer.eval()

# %% [markdown]
# What it has learned, in bits a character (a uniform guess among all characters would need the first number):

# %%
with torch.no_grad():
    bits = {
        name: SequenceLoss()(writer, excerpts(part_N, 200, torch.Generator().manual_seed(2)))[
            0
        ].item()
        / math.log(2)
        for name, part_N in (("seen stanzas", known_N), ("held-out stanzas", held_N))
    }
print(
    f"uniform {math.log2(len(letters)):.2f},",
    {name: round(value, 2) for name, value in bits.items()},
)
assert bits["seen stanzas"] + 0.5 < bits["held-out stanzas"] < math.log2(len(letters))

# %% [markdown]
# It knows the stanzas it saw far better than the others: three thousand characters are little, and a good part of what it writes is learned by heart.
#
# ### Exercise 10.5 · the next symbol (medium, 15 minutes)
# Always taking the likeliest symbol is *greedy*. To *sample*, divide the logits by a **temperature**, take the softmax, and draw. `choose(logits, temperature, u)`: `logits` is a list, `u` a random number in [0, 1).
# Lay the chances end to end from 0 to 1, symbol 0 first; return the number of the symbol in whose stretch u lies; where one stretch ends, the next has begun. Temperature 0 stands for the likeliest.
#
# <details><summary>Hint 1</summary>Subtract max(logits) first; it changes no chance, and no power overflows.</details>
# <details><summary>Hint 2</summary>Walk along the symbols and take each chance off u; stop where u falls below 0.</details>
# <details><summary>Hint 3</summary>torch.softmax(torch.tensor(logits) / temperature, 0).cumsum(0) has the ends of the stretches; count those that are at most u.</details>


# %% tags=["stub"]
def choose(logits, temperature, u):
    return ...


# %% tags=["solution"]
def choose(logits, temperature, u):
    if temperature == 0:
        return logits.index(max(logits))
    chances = torch.softmax(torch.tensor(logits) / temperature, 0)
    return (chances.cumsum(0) <= u).sum()


# %%
check.choose(choose)

# %% tags=["instructor"]
checks.require_passed("10.5 the next symbol")

# %% [markdown]
# Move the slider: cold repeats what is safe, hot forgets to spell. (The continuations were drawn just now, one at each stop of the slider; the chances of the next symbol are computed in the page.)

# %%
prompt = '"The time has come,"'
prompt_BL = torch.tensor([[letters.index(letter) for letter in prompt]])
with torch.no_grad():
    next_V = writer(prompt_BL)[0, -1]


def continued(temperature):
    dice = torch.Generator().manual_seed(0)
    said_BL = generate(
        writer, prompt_BL, 120, temperature=temperature, window=WINDOW, generator=dice
    )
    return "".join(letters[code] for code in said_BL[0, len(prompt) :])


stops = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3)
thermostat = widgets.Temperature(next_V, letters, prompt, {t: continued(t) for t in stops})
thermostat

# %% [markdown]
# From a cell, as your exercise would choose it (u = 0.7), at two temperatures:

# %%
for temperature in (0.5, 2.0):
    chosen = checks.attempt(lambda t: letters[choose(next_V.tolist(), t, 0.7)], temperature)
    print(temperature, "yours:", repr(chosen), " likeliest:", repr(letters[int(next_V.argmax())]))

# %% [markdown]
# ## 5 · What it costs
#
# A look compares every position with every other: n² pairs in each layer. A local step looks at three cells from each of n: 3n pairs. But a carry can jump in the first and must walk in the second, and
# n local steps make 3n² pairs. What differs is how many steps must *wait* for each other.

# %%
for n in (17, 161, 1601):
    print(f"{n:5d} positions: a layer of attention {n * n:9,} pairs, 1 step to wait for;"
          f" n local steps {3 * n * n:9,} pairs, {n:,} to wait for")  # fmt: skip

# %% [markdown]
# Timed, as a ratio: how much longer does it take when the word is twice as long? A layer of our `attend` at 1,024 and 2,048 positions, and one local step (a convolution over three cells) at 64 times as many.


# %%
def seconds_of(action, repeats=5):
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return min(took)


def looked(n):
    x_RLH = torch.randn(1, 4, n, 16)
    return seconds_of(lambda: attend(x_RLH, x_RLH, x_RLH))


def stepped(n):
    cells, local = torch.randn(1, 64, n), nn.Conv1d(64, 64, 3, padding=1).requires_grad_(False)
    return seconds_of(lambda: local(cells))


ratios = {
    "attention": looked(2048) / looked(1024),
    "one local step": stepped(2048 * 64) / stepped(1024 * 64),
}
print({name: round(ratio, 1) for name, ratio in ratios.items()}, "by counting: 4 and 2")

# %% [markdown]
# And a decoder that speaks looks anew at every turn. Our `generate` computes all positions again for every symbol: for n symbols, $1^2 + 2^2 + \dots + n^2 \approx n^3/3$ pairs. Who keeps the keys and values of what was said
# (a *cache*) needs $1 + 2 + \dots + n \approx n^2/2$, and memory that grows with the word; fast weights would need n writes into a matrix that does not.

# %%
n = 1000
anew, kept = sum(k * k for k in range(1, n + 1)), sum(range(1, n + 1))
assert abs(anew / (n**3 / 3) - 1) < 0.01 and abs(kept / (n**2 / 2) - 1) < 0.01
print(f"{n} symbols: {anew:,} pairs anew, {kept:,} with a cache")
# %% [markdown]
# ## Recap
# A look is a mean of values, weighted by how well their keys fit a query: a soft address, and without its softmax a memory of outer products. It knows no order. What it is told about places decided here whether it learned
# from short sums, and how far that carried over: which digits meet, and that the start does not matter. Seeing everything did not replace an algorithm: two layers added what they had seen and a little more, while the adder of lesson 09, which
# sees three cells and repeats one step, got every sum tried here right. Symbol by symbol, one network continues verse as another does a sum.
#
# *Sources.* Vaswani et al. 2017 (arXiv 1706.03762): the Transformer, scaled look, heads, sinusoids. Schmidhuber 1992 (Neural Computation 4): fast weights; Katharopoulos et al. 2020
# (arXiv 2006.16236): linear attention; Schlag et al. 2021 (arXiv 2102.11174): that they are one. McLeish et al. 2024 (arXiv 2405.17399): Abacus embeddings; Cho et al. 2024 (arXiv 2405.20671): position coupling; Fan et al. 2024 (arXiv 2409.15647): more loops for
# longer inputs. Their networks are larger and trained far longer: 20 to 100 digits and 30 to 200 in decimal. The text: Lewis Carroll, *Through the Looking-Glass*, 1871. The interventions are this course's own.

# %%
quiz(
    "All positions may look everywhere, and none is told its place. The symbols of a word are shuffled. What happens to the answers?",
    "They are shuffled in the same way",
    ("They stay where they are", "An answer belongs to the symbol that asked, and that has moved."),
    ("They become random", "Each symbol sees the same others, equally often, as before."),
    why="Queries, keys and values depend on the symbol alone, and a sum over all positions does not know their order.",
)

# %%
quiz(
    "A trained decoder has learned rows 1 to 8 of a table of places, and is given a sum of 16 digits. What does it read at place 12?",
    "A row that no training has touched",
    ("A mean of the rows it knows", "A table has no in-between: each row is learned by itself."),
    ("Row 8, the last one it knows", "Nothing maps place 12 to row 8; it reads row 12."),
    why="That is what random offsets are for: each row is the start of some word in training.",
)

# %%
quiz(
    "The temperature is doubled. What happens to the ratio of the chances of two symbols, one of them 100 times as likely as the other?",
    "It becomes 10",
    ("It becomes 50", "The logits are halved, so the ratio's logarithm is: a root, not a half."),
    ("It stays 100", "That is so only if both logits are equal to begin with."),
    why="The ratio is exp of the difference of the logits; half the difference is the root of the ratio.",
)

# %% [markdown]
# **Next:** every network so far was told the right answer for each example. Lesson 11: what can be learned before anybody says what it is?
