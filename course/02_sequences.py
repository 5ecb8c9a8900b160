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
# # 02 · Sequences

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **What is the next bit, and could a network know?**
#
# A sequence has a thousand continuations, and yet you expect one. The first half of this lesson makes that
# expectation a number. The second half gives a convolutional network a sequence task a child solves at once, computes
# beforehand at which accuracy the network will get stuck, and measures it.
#
# You will be able to
#
# 1. turn "the shortest rule" into a probability for the next term, and say what a compressor and a network cannot see;
# 2. compute the best accuracy of a convolution on a task about position before training, from what its cells see;
# 3. choose a position code for a task, and predict at which lengths it fails.
#
# *Before:* lesson 01. *Time:* 60 minutes of yours, about 80 seconds of one CPU core (a T4 is no faster: the
# networks are tiny).

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).

# %%
import itertools
import math
import zlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ngpu_lib import checks, plots
from ngpu_lib.callbacks import ClipGradient, Schedule
from ngpu_lib.checks import lesson02 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.tasks import make_task
from ngpu_lib.train import train

SEEDS = range(5)
torch.manual_seed(0)

# %% [markdown]
# ## 1 · Which continuation?
#
# 0, 1, 0, ... what comes next? Below are four rules that begin like this, each a program of a few symbols. None is
# wrong.

# %%
rules = {
    "n % 2": lambda n: n % 2,
    "n % 3 % 2": lambda n: n % 3 % 2,
    "n * (n % 2)": lambda n: n * (n % 2),
    "n**2 * (n % 2)": lambda n: n**2 * (n % 2),
}
for text, rule in rules.items():
    print(f"{text:16}", *(f"{rule(n):3}" for n in range(6)), " ...")
    assert [rule(n) for n in range(3)] == [0, 1, 0]

# %% [markdown]
# **The idea.** Prefer the shortest program. The *Kolmogorov complexity* K(x) of a word x is the length of the
# shortest program that prints it. Solomonoff turned the preference into a prediction: every program that fits what
# was seen so far votes for its next term, and each further bit of its length halves its vote.
#
# $$P(\text{next}=t)=\frac{\sum_{p\ \text{fits, says}\ t}2^{-|p|}}{\sum_{p\ \text{fits}}2^{-|p|}}$$
#
# | symbol | meaning |
# |---|---|
# | $p$, $\lvert p\rvert$ | a program, and its length in bits |
# | $t$ | a possible next term |
#
# Our programs are words over eight symbols, so 3 bits a symbol: `n 1 2 3` push a number, `+ * % ^` replace the top two
# by their sum, product, remainder, power. `n2%` is n % 2. *All* programs of up to seven symbols fit into memory:


# %%
def apply(op, a, b):
    """a op b, or None where there is no sensible whole number."""
    if op == "+":
        return a + b
    if op == "*":
        return a * b
    if op == "%":
        return a % b if b > 0 else None
    return a**b if 0 <= b <= 8 and abs(a) <= 100 else None


# %% [markdown]
# A program of size s is two smaller ones and an operator. Each is kept with its values at n = 0..5.


# %%
def all_programs(longest, terms=6):
    by_size = {1: [("n", tuple(range(terms)))] + [(c, (int(c),) * terms) for c in "123"]}
    for size in range(3, longest + 1, 2):
        by_size[size] = []
        for left in range(1, size - 1, 2):
            for (p, a), (q, b), op in itertools.product(
                by_size[left], by_size[size - 1 - left], "+*%^"
            ):
                values = tuple(map(apply, op * terms, a, b))
                if None not in values:
                    by_size[size].append((p + q + op, values))
    return [entry for entries in by_size.values() for entry in entries]


programs = all_programs(7)
print(len(programs), "programs; the first:", programs[:3])


# %% [markdown]
# Those that fit a beginning, each with the term it says next:


# %%
def fits(beginning):
    k = len(beginning)
    return [(program, values[k]) for program, values in programs if values[:k] == tuple(beginning)]


print(len(fits([0, 1, 0])), "programs print 0 1 0; the shortest:", fits([0, 1, 0])[:4])

# %% [markdown]
# **Predict.** After 0, 1, 0: how much of the vote goes to 1? Any number runs.

# %%
my_vote_for_1 = None  # between 0 and 1

# %% [markdown]
# ### Exercise 2.1 · The vote (easy, 5 minutes)
#
# `vote(fits)` gets pairs (program, next term) and returns a dict from term to P(term). A program of s symbols weighs
# $8^{-s}$.
#
# <details><summary>Hint 1</summary>Walk over the pairs once and add weights in a dict: <code>votes.get(term, 0)</code>.</details>
# <details><summary>Hint 2</summary>The weight of one pair is <code>8.0 ** -len(program)</code>.</details>
# <details><summary>Hint 3</summary>Divide every weight by the sum of all weights, first or at the end.</details>


# %% tags=["stub"]
def vote(fits):
    return ...


# %% tags=["solution"]
def vote(fits):
    total = sum(8.0 ** -len(program) for program, _ in fits)
    votes = {}
    for program, term in fits:
        votes[term] = votes.get(term, 0.0) + 8.0 ** -len(program) / total
    return votes


# %%
check.vote(vote)

# %% tags=["instructor"]
checks.require_passed("2.1 vote")

# %% [markdown]
# The vote after 0, 1, 0 (`check.vote.reference` is the right function, so the picture does not wait for your answer):

# %%
ballot = check.vote.reference(fits([0, 1, 0]))
assert 0.9 < ballot[1] < 0.95
print(f"you: {my_vote_for_1}   the vote for 1: {ballot[1]:.3f}")

# %% tags=["figure"]
top = sorted(ballot, key=ballot.get, reverse=True)[:6]
shortest = {term: min((p for p, t in fits([0, 1, 0]) if t == term), key=len) for term in top}
fig, ax = plots.figure(size=(7, 3))
ax.plot([ballot[term] for term in top], [f"{term}   ({shortest[term]})" for term in top], "o", ms=9)
ax.invert_yaxis()
ax.set(xscale="log", xlabel="share of the vote", ylabel="next term (shortest program)")
plots.show(
    fig,
    alt="Dots on a log scale: the vote for the next term; 1 gets 92 percent, 3 gets 5, 0 gets 2.",
)

# %% [markdown]
# The short alternation gets nine tenths. The surprise: a fourth term *changes* the order of the others entirely,
# because programs that disagree are thrown out and never come back. **Break it**: after 0, 1, 0, 0 the favourite
# program of before is dead.

# %%
after = check.vote.reference(fits([0, 1, 0, 0]))
for term in sorted(after, key=after.get, reverse=True):
    best = min((p for p, t in fits([0, 1, 0, 0]) if t == term), key=len)
    print(f"next {term}: {after[term]:.3f}   e.g. {best}")
assert max(after, key=after.get) == 1

# %% [markdown]
# ## 2 · Compressed length, and what it cannot see
#
# Nobody can compute K(x): a program that did would decide which programs halt (theorem). A compressor gives an *upper
# bound*. Four words of 8,000 bits, each printed by a Python expression; its length bounds K from above, too, up to a
# constant that depends on the language.

# %%
expressions = {
    "alternating": "'01'*4000",
    "squares marked": "''.join('01'[math.isqrt(i)**2==i]for i in range(8000))",
    "root of 2": "bin(math.isqrt(2<<15998))[-8000:]",
    "seeded coin": "''.join(map(str,np.random.RandomState(0).randint(2,size=8000)))",
}
words = {name: eval(text) for name, text in expressions.items()}
packed = {name: int(word, 2).to_bytes(1000, "big") for name, word in words.items()}
zipped = {name: len(zlib.compress(data, 9)) for name, data in packed.items()}
for name, word in words.items():
    print(
        f"{name:15} {word[:24]}...  program {len(expressions[name]):2} bytes, zlib {zipped[name]:4} bytes"
    )

assert zipped["alternating"] < 30 and min(zipped["root of 2"], zipped["seeded coin"]) >= 1000

# %% [markdown]
# The two measures side by side, against the 1,000 bytes of the words themselves:

# %% tags=["figure"]
fig, ax = plots.figure(size=(7.5, 2.6))
ax.plot([len(text) for text in expressions.values()], list(words), "o", label="Python expression")
ax.plot(list(zipped.values()), list(words), "D", label="zlib, level 9")
ax.axvline(1000, color="black", lw=1, ls="--", label="the word itself")
ax.invert_yaxis()
ax.set(xscale="log", xlabel="bytes", ylabel="word of 8,000 bits")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plots.show(
    fig,
    alt="Dots: zlib shrinks the alternating word and the marked squares, but not root 2 and the coin.",
)

# %% [markdown]
# The surprise: the digits of $\sqrt2$ come from a program of 33 characters and zlib finds *nothing*.
# So "it looks random" is a statement about the looker.
#
# Most words really are incompressible (theorem, by counting). There are $2^0+\dots+2^{n-c-1}<2^{n-c}$ programs shorter
# than n - c bits and $2^n$ words, so fewer than one word in $2^c$ can be shortened by more than c bits.

# %%
n, c = 64, 10
shorter = sum(2**k for k in range(n - c))
print(
    f"words of {n} bits that can shrink by more than {c} bits: fewer than 1 in {2**n / shorter:.0f}"
)
assert shorter < 2 ** (n - c) and len(expressions["root of 2"]) == 33

# %% [markdown]
# **What a practical machine can find.** A network is a looker, too. This one has 128 hidden units, sees 16 bits and says
# the next; it is trained on the first 6,000 bits of each word and tested on the last 2,000.


# %%
def looker(word, seed, window=16, updates=200):
    """The share of bits it says right: of those it was trained on, and of the others."""
    torch.manual_seed(seed)
    slices_BL = torch.tensor([float(bit) for bit in word]).unfold(0, window + 1, 1)
    seen_BL, next_B = 2 * slices_BL[:, :-1] - 1, slices_BL[:, -1]
    model = nn.Sequential(nn.Linear(window, 128), nn.ReLU(), nn.Linear(128, 1))
    batches = lambda step, generator: torch.randint(6000, (256,), generator=generator)
    loss = lambda model, rows_B: F.binary_cross_entropy_with_logits(
        model(seen_BL[rows_B])[:, 0], next_B[rows_B]
    )
    adam = torch.optim.Adam(model.parameters(), 0.01, fused=True)
    for _ in train(model, batches, loss, adam, updates=updates, seed=seed, progress=False):
        pass
    with torch.no_grad():
        right_B = ((model(seen_BL)[:, 0] > 0) == (next_B > 0.5)).float()
    return right_B[:6000].mean().item(), right_B[6000:].mean().item()


# %% [markdown]
# **Predict.** Which share of the last 2,000 bits of the root of 2 will it say right? And of the marked squares, where one bit in a hundred is a 1?

# %%
my_root, my_squares = None, None

# %% [markdown]
# Four words, three seeds (about three seconds):

# %%
looked = {}
for name, word in words.items():
    looked[name] = [looker(word, seed) for seed in range(3)]
    print(f"{name:15} (bits trained on, other bits):", np.round(looked[name], 3).tolist())
always_0 = words["squares marked"][6016:].count("0") / 1984
print("you:", my_root, my_squares, f"  always saying 0 on the squares: {always_0:.3f}")

# %% [markdown]
# It finds the alternation and nothing else. On the squares it is no better than "always 0", though 54 characters
# print them all. On root 2 and on the coin it is a coin itself where it has not been trained. The surprise: where it *has* been, it is better than
# a coin, on both. It has found patterns in noise, and they do not hold.

# %%
other = {name: np.array(runs)[:, 1] for name, runs in looked.items()}
assert min(other["alternating"]) == 1 and len(expressions["squares marked"]) == 54
assert max(other["squares marked"]) <= always_0 + 1e-6
for name in ("root of 2", "seeded coin"):
    assert np.abs(other[name] - 0.5).max() < 0.05
    assert min(trained_on for trained_on, _ in looked[name]) > 0.54

# %% [markdown]
# And what do you find? Each row of this puzzle has two words and a third; one rule makes the third from the two.

# %%
puzzle = """1000 1101 11010000    0100 1101 01101000    1100 1100 10010000    1010 0110 01111000
1100 1010 11110000    1110 1110 10001100    1001 0000 00000000    1111 1111 10000111"""
rows = [
    [[*map(int, word)] for word in row.split()]
    for row in puzzle.replace("\n", "    ").split("    ")
]
for first, second, third_word in rows:
    print(*first, "  ", *second, "  ->  ", *third_word)

# %% [markdown]
# ### Exercise 2.2 · The rule behind the rows (medium, 10 minutes)
#
# `third(first, second)` gets two lists of bits, of any lengths, and returns the list of bits that stands third. It has as many bits as both together.
#
# <details><summary>Hint 1</summary>Begin with the rows whose first word holds a single 1. What does 1000 do to the second word, and what does 0100 do?</details>
# <details><summary>Hint 2</summary>The words are numbers, written as in lesson 00. Which numbers are 1100 and 1010, and which is 11110000?</details>
# <details><summary>Hint 3</summary>Digit k of a word is worth <code>2**k</code>. From a number back to its digits: <code>number &gt;&gt; k &amp; 1</code> for k = 0, 1, ...</details>


# %% tags=["stub"]
def third(first, second):
    return ...


# %% tags=["solution"]
def third(first, second):
    value = lambda word: sum(bit << place for place, bit in enumerate(word))
    product = value(first) * value(second)
    return [product >> place & 1 for place in range(len(first) + len(second))]


# %%
check.third(third)

# %% tags=["instructor"]
checks.require_passed("2.2 third")

# %% [markdown]
# Your rule on the rows above:

# %%
for first, second, third_word in rows:
    assert check.third.reference(first, second) == third_word
    print(*first, "  ", *second, "  yours:", checks.attempt(third, first, second))

# %% [markdown]
# What made it findable? Where patterns lie depends on how things are *written*. The same 20,000 products (so that was the rule), once from the high end and once from the low
# end: which digits of the product can be told from the *first four* digits of both numbers? Count how often the most
# frequent digit is the right one, among products whose factors begin alike.


# %%
def told_by_beginnings(pairs, place, low_end, bits=10, seen=4):
    """Share of products whose digit ``place`` is the usual one for the first ``seen`` digits."""
    written = lambda k, size: f"{k:0{size}b}"[:: -1 if low_end else 1]
    groups = {}
    for a, b in pairs:
        key = written(a, bits)[:seen], written(b, bits)[:seen]
        groups.setdefault(key, []).append(written(a * b, 2 * bits)[place])
    usual = [max(digits.count("0"), digits.count("1")) for digits in groups.values()]
    return sum(usual) / len(pairs)


draw = np.random.default_rng(0)
pairs = draw.integers(512, 1024, (20_000, 2)).tolist()
told = {
    name: [told_by_beginnings(pairs, place, name == "low end") for place in range(8)]
    for name in ("low end", "high end")
}

# %% tags=["figure"]
plots.lines(
    range(8),
    told,
    style={"marker": "o"},
    xlabel="digit of the product, from the end it is written from",
    ylabel="told right by four digits",
    ylim=(0.45, 1.03),
    levels={"a coin": 0.5},
    alt="From the low end the first four digits are certain and the rest near a coin; from the high end none is certain. "
    + plots.ends(range(8), told),
)

# %% [markdown]
# From the low end the first k digits of both numbers settle the first k digits of the product (theorem: the product
# modulo $2^k$ needs no more). From the high end not one digit is certain: a carry may arrive from
# far below. So which end a word begins with decides what a reader of its beginning can find; this course begins with the low end.

# %%
assert told["low end"][:4] == [1.0] * 4 and max(told["low end"][4:]) < 1
assert max(told["high end"]) < 0.97 and told["high end"][0] > 0.9

# %% [markdown]
# ## 3 · From a generator to a tensor
#
# From here on one task: **repeat-even**. Every odd position (counted from 0) shows again the bit before it.

# %%
task = make_task("repeat-even")
print(task.render(tuple(bit + 1 for bit in (1, 0, 0, 1, 0, 1, 1, 1))))


# %% [markdown]
# Its data is endless, so it comes from a Python *generator*: a function that hands out one pair and waits.


# %%
def words_forever(length, generator):
    while True:
        bits = torch.randint(2, (length,), generator=generator).tolist()
        yield bits, [bits[place - place % 2] for place in range(length)]


stream = words_forever(8, torch.Generator().manual_seed(1))
for bits, answer in itertools.islice(stream, 3):
    print(*bits, " -> ", *answer)


# %% [markdown]
# For training the same thing is drawn as one tensor; the two must agree, and both must agree with the library's
# oracle (there digit k is symbol k + 1, because 0 is padding).


# %%
def draw_words(count, length, generator):
    """bits_BL and their answers_BL, both int64."""
    bits_BL = torch.randint(2, (count, length), generator=generator)
    place_L = torch.arange(length)
    return bits_BL, bits_BL[:, place_L - place_L % 2]


bits_BL, answers_BL = draw_words(1, 9, torch.Generator().manual_seed(5))
assert [bits_BL[0].tolist(), answers_BL[0].tolist()] == list(
    next(words_forever(9, torch.Generator().manual_seed(5)))
)
batch = task.sample(64, 9, torch.Generator().manual_seed(2))
place_L = torch.arange(9)
assert torch.equal(batch.targets_BL, batch.inputs_BL[:, place_L - place_L % 2])

# %% [markdown]
# A network multiplies, so a symbol must become a vector. Symbol 2 is not "twice symbol 1": a *one-hot* vector keeps
# them apart. And a one-hot vector times a matrix picks one row, which is all an *embedding* is.
#
# $$\mathrm{onehot}(x)\,E=E_{x}$$
#
# | symbol | shape | meaning |
# |---|---|---|
# | $x$ | (B, L) | symbol numbers |
# | onehot(x) | (B, L, V) | one 1 in each row |
# | $E$ | (V, C) | one row of C numbers per symbol, learned |

# %%
E_VC = torch.randn(10, 4, requires_grad=True)
symbols_BL = torch.tensor([[3, 1, 4, 1, 5]])
slow_BLC = F.one_hot(symbols_BL, 10).float() @ E_VC
fast_BLC = F.embedding(symbols_BL, E_VC)
assert torch.equal(slow_BLC, fast_BLC)
upstream_BLC = torch.randn(1, 5, 4)
slow_grad = torch.autograd.grad(slow_BLC, E_VC, upstream_BLC)[0]
fast_grad = torch.autograd.grad(fast_BLC, E_VC, upstream_BLC)[0]
assert torch.allclose(slow_grad, fast_grad)
print("rows of E that get a gradient:", (fast_grad != 0).any(1).nonzero()[:, 0].tolist())

# %% [markdown]
# Same values, same gradients: only the rows that were looked up learn. Remember that when positions get vectors.
#
# ### Exercise 2.3 · One-hot (easy, 5 minutes)
#
# `one_hot(symbols_BL, count)` returns a float tensor (B, count, L), channels on axis 1 as a PyTorch convolution wants
# them. Without `F.one_hot`.
#
# <details><summary>Hint 1</summary>Compare every symbol with every number 0..count-1 at once, by broadcasting.</details>
# <details><summary>Hint 2</summary><code>symbols_BL[:, None, :]</code> has shape (B, 1, L); <code>torch.arange(count)[:, None]</code> has shape (count, 1).</details>
# <details><summary>Hint 3</summary><code>(a == b).float()</code></details>


# %% tags=["stub"]
def one_hot(symbols_BL, count):
    return ...


# %% tags=["solution"]
def one_hot(symbols_BL, count):
    return (symbols_BL[:, None, :] == torch.arange(count)[:, None]).float()


# %%
check.one_hot(one_hot)

# %% tags=["instructor"]
checks.require_passed("2.3 one_hot")

# %% [markdown]
# ## 4 · A convolution that cannot count
#
# A convolution of width 3: the new vector of a cell is one linear map of itself and its two neighbours,
#
# $$y_{p}=b+\sum_{k=-1}^{1}W_k\,x_{p+k},\qquad x_{-1}=x_{L}=0\ \text{(zero padding)}$$
#
# | symbol | shape | meaning |
# |---|---|---|
# | $x_p$ | (V,) | one-hot vector at position p |
# | $W_k$ | (C, V) | the weights, the same at every position |
# | $y_p$ | (C,) | C numbers for position p |
#
# The lecture writes it as a 2-D convolution with a 3x1 kernel over an image that is L high and 1 wide; the Neural GPU
# will make use of that second axis. Zeros beyond the ends are called *zero padding*. The plain loop, next to `Conv2d`:

# %%
conv = nn.Conv2d(10, 4, kernel_size=(3, 1), padding=(1, 0))
hot_VL = F.one_hot(torch.tensor([1, 0, 0, 1, 1]), 10).T.float()
padded_VL = F.pad(hot_VL, (1, 1))
by_hand_CL = torch.empty(4, 5)
for p in range(5):
    by_hand_CL[:, p] = conv.bias
    for k in range(3):
        by_hand_CL[:, p] += conv.weight[:, :, k, 0] @ padded_VL[:, p + k]
assert torch.allclose(by_hand_CL, conv(hot_VL[None, :, :, None])[0, :, :, 0], atol=1e-6)
print("the loop and Conv2d agree on", tuple(by_hand_CL.shape), "numbers")


# %% [markdown]
# The lecture has *one* such layer, ReLU and a dense output of ten classes, one per decimal digit, though the data only
# ever has the digits 0 and 1; it reports that training stops at 77-80 %. Here are `radius` such layers, so that the
# window's size can be changed, and the output is a 1x1 convolution: the same small dense layer at every cell.


# %%
class ConvNet(nn.Module):
    """Convolutions of width 3 with ReLU and a 1x1 output; an answer depends on cells at most `radius` away.

    The lecture's image lies on its side here (1 high, L wide): the same network, which a CPU runs faster so.
    """

    def __init__(self, radius, padding="zeros", maps=32):
        super().__init__()
        layers = []
        for place in range(radius):
            wide = 10 if place == 0 else maps
            layers += [
                nn.Conv2d(wide, maps, (1, 3), padding=(0, 1), padding_mode=padding),
                nn.ReLU(),
            ]
        self.net = nn.Sequential(*layers, nn.Conv2d(maps, 10, 1))

    def forward(self, bits_BL):
        hot_BVL = F.one_hot(bits_BL, 10).float().transpose(1, 2)
        return self.net(hot_BVL[:, :, None])[:, :, 0]  # logits_BVL


# %% [markdown]
# Training is the course's one loop. `length` gives the length of the words of an update; the learning rate
# falls linearly over the second half, and a gradient longer than 1 is shortened to 1 (why: lesson 04).


# %%
def fit(model, length, *, updates, batch=64, rate=0.01, seed=0, name=""):
    """Train on repeat-even words of `length(generator)` positions."""
    source = lambda step, generator: draw_words(batch, length(generator), generator)
    loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])
    falling = lambda step: rate * min(1, 2 * (1 - step / (updates + 1)))
    run = train(
        *(model, source, loss, torch.optim.Adam(model.parameters(), rate, fused=True)),
        **{"updates": updates, "seed": seed, "progress": name or False},
        callbacks=[ClipGradient(1), Schedule(falling)],
    )
    return [record["loss"] for record in run]


# %%
def right_BL(model, length, count=4096):
    """Where the model is right, on fresh words."""
    bits_BL, answers_BL = draw_words(count, length, torch.Generator().manual_seed(1234))
    with torch.no_grad():
        return (model(bits_BL).argmax(1) == answers_BL).float()


# %% [markdown]
# **Predict.** Three layers, words of 32 bits, as much training as it wants. At which accuracy does it end?

# %%
my_accuracy = None  # for a radius of 3 and 32 positions

# %% [markdown]
# Five seeds (about eight seconds):

# %%
lecture = []
for seed in SEEDS:
    torch.manual_seed(seed)
    model = ConvNet(radius=3)
    losses = fit(model, lambda generator: 32, updates=500, seed=seed, name=f"seed {seed}")
    lecture.append((losses, right_BL(model, 32).mean(0)))
final = [by_place.mean().item() for _, by_place in lecture]
print("you:", my_accuracy, "  accuracy by seed:", [round(value, 3) for value in final])
assert all(abs(value - 0.797) < 0.012 for value in final)

# %% [markdown]
# A plateau at about 0.8, whichever seed. Where are the mistakes?

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(10, 3.3))
axes[0].plot(
    range(1, 501), np.array([losses for losses, _ in lecture]).T, lw=0.8, color=plots.PALETTE[0]
)
axes[0].axhline(math.log(10), color="black", ls=":", lw=1)
axes[0].text(500, math.log(10), "guessing among ten classes", ha="right", va="bottom", fontsize=9)
axes[0].set(
    xlabel="update", ylabel="cross-entropy (nats)", title="Five seeds, one plateau", ylim=(0, 2.6)
)
by_even_cells = sorted(SEEDS, key=lambda seed: lecture[seed][1][4:28:2].mean())
for seed, colour in ((by_even_cells[0], 0), (by_even_cells[-1], 1)):
    axes[1].plot(
        lecture[seed][1], "o-", ms=4, lw=1, color=plots.PALETTE[colour], label=f"seed {seed}"
    )
axes[1].set(xlabel="position", ylabel="accuracy", title="Where it is right", ylim=(0.4, 1.04))
axes[1].legend(loc="lower center", ncols=2)
plots.show(
    fig,
    alt="Left: loss of five seeds falls to the same plateau. Right: accuracy by position is 1 near both ends and lower inside.",
)

# %% [markdown]
# Three cells at each end are nearly always right. Between them runs a zigzag about 3/4: what a network gains at odd cells it
# loses at even ones. Each seed settles for its own mixture (drawn are the two most different), and the mean of two neighbours is 3/4 in all.
#
# The lecture's 77-80 % is what the formula below gives for windows of this size: a guess at its cause, since its lengths
# are not known to us. The eight unused classes are gone after a few updates: the loss falls through $\ln 10$ at once, and the probability
# of the digits 2 to 9 is now tiny. That is not the difficulty.

# %%
probs_BVL = model(draw_words(64, 32, torch.Generator().manual_seed(3))[0]).softmax(1)
unused = probs_BVL[:, 2:].sum(1).max().item()
print(f"largest probability given to the digits 2-9 together: {unused:.1e}")
edges = [by_place[[0, 1, 2, 29, 30, 31]].min().item() for _, by_place in lecture]
print("accuracy of the worst cell near an edge, by seed:", [round(value, 3) for value in edges])
inside_SL = np.array([by_place[3:29].numpy() for _, by_place in lecture])
even_S, odd_S = inside_SL[:, 1::2].mean(1), inside_SL[:, ::2].mean(1)
print("inside, even cells:", even_S.round(3), " odd cells:", odd_S.round(3))
assert unused < 0.01 and min(edges) > 0.8
assert np.abs((even_S + odd_S) / 2 - 0.75).max() < 0.01

# %% [markdown]
# **Why.** Inside the word a cell sees bits and no position: the window looks the same around an even and around an
# odd cell. At an even cell the answer is the bit itself, at an odd one the bit before. Half the time the two agree
# and the network is right; otherwise it has a coin's chance: $\tfrac12+\tfrac12\cdot\tfrac12=\tfrac34$. Near an
# edge the zeros beyond it show up in the window, and they say where the cell stands. Within R of the left edge or,
# the length being fixed, of the right one, the network can know everything:
#
# $$\text{accuracy}(n,R)=\tfrac34+\tfrac14\min\!\left(1,\tfrac{2R}{n}\right)$$
#
# Is that argument right? Count instead of arguing: go through all words of 10 bits and write down, for every cell, the
# window it sees (None beyond an edge) and the answer wanted there.


# %%
def seen_and_wanted(n, radius, circular=False):
    """Pairs (window, answer), one for each cell of each word of n bits."""
    pairs = []
    for word in itertools.product((0, 1), repeat=n):
        for p in range(n):
            places = range(p - radius, p + radius + 1)
            if circular:
                window = tuple(word[q % n] for q in places)
            else:
                window = tuple(word[q] if 0 <= q < n else None for q in places)
            pairs.append((window, word[p - p % 2]))
    return pairs


# %% [markdown]
# ### Exercise 2.4 · The ceiling (medium, 8 minutes)
#
# `ceiling(pairs)` gets such pairs (answers are 0 or 1) and returns the highest accuracy of *any* network whose answer depends on
# the window alone, however it is built or trained.
#
# <details><summary>Hint 1</summary>Cells with equal windows get the same answer. Which one is best for all cells with one window?</details>
# <details><summary>Hint 2</summary>Collect the answers wanted for each window: <code>answers.setdefault(window, []).append(answer)</code>.</details>
# <details><summary>Hint 3</summary>For each window the network is right as often as the more frequent answer occurs; add this up over the windows and divide by the number of pairs.</details>


# %% tags=["stub"]
def ceiling(pairs):
    return ...


# %% tags=["solution"]
def ceiling(pairs):
    answers = {}
    for window, answer in pairs:
        answers.setdefault(window, []).append(answer)
    right = sum(max(wanted.count(0), wanted.count(1)) for wanted in answers.values())
    return right / len(pairs)


# %%
check.ceiling(ceiling)

# %% tags=["instructor"]
checks.require_passed("2.4 ceiling")

# %% [markdown]
# The count, by the right function and by yours, against the formula:

# %%
for radius in (1, 2, 3):
    pairs = seen_and_wanted(10, radius)
    counted, yours = check.ceiling.reference(pairs), checks.attempt(ceiling, pairs)
    print(f"R = {radius}: counted {counted}, yours", yours)
    assert math.isclose(counted, 0.75 + 0.25 * 2 * radius / 10)
assert check.ceiling.reference(seen_and_wanted(10, 3, circular=True)) == 0.75


# %% [markdown]
# Now the formula against training, for words of 16 positions, where the edges weigh more (about twelve seconds):


# %%
def accuracies(radius, tests, length=None, updates=400, **options):
    result = []
    print(f"radius {radius}:", end="")
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = ConvNet(radius, **options)
        fit(model, length or (lambda generator: tests[0]), updates=updates, seed=seed)
        result.append(sum(right_BL(model, n).mean().item() for n in tests) / len(tests))
        print(f" {result[-1]:.3f}", end="")
    print()
    return result


short = {radius: accuracies(radius, [16]) for radius in (1, 2, 3)}
for radius, values in short.items():
    assert all(abs(value - (0.75 + 0.25 * 2 * radius / 16)) < 0.012 for value in values)

# %% [markdown]
# If the edges explain the plateau, taking them away must take away exactly that share. *Circular padding* joins the
# two ends.
#
# **Predict.** The accuracy with circular padding, three layers, 16 positions. And with zero padding and two layers,
# but training words of every length from 5 to 16, odd and even, tested on lengths 15 and 16 in equal parts?

# %%
my_circular, my_mixed = None, None

# %% [markdown]
# Both, over five seeds (about seven seconds):

# %%
circular = accuracies(3, [16], padding="circular", updates=200)
any_length = lambda generator: 5 + int(torch.randint(12, (), generator=generator))
mixed = accuracies(2, [15, 16], length=any_length)
print("circular: you", my_circular, "  measured", np.round(circular, 3))
print("mixed lengths: you", my_mixed, "  measured", np.round(mixed, 3))

# %% [markdown]
# Prediction and measurement in one picture:

# %%
both_lengths = ((2 + 7 + 6 / 2) / 15 + (2 + 7 + 7 / 2) / 16) / 2
assert all(abs(value - 0.75) < 0.01 for value in circular)
assert all(abs(value - both_lengths) < 0.012 for value in mixed)

# %% tags=["figure"]
fig, ax = plots.figure(size=(7.5, 3.6))
shown = [(f"zeros, R = {r}", 0.75 + 0.25 * r / 8, short[r]) for r in short]
shown += [("circular, R = 3", 0.75, circular)]
shown += [("zeros, R = 2,\nmixed lengths", both_lengths, mixed)]
for place, (_, predicted, values) in enumerate(shown):
    ax.hlines(
        predicted,
        place - 0.3,
        place + 0.3,
        color="black",
        lw=2,
        label="predicted" if place == 0 else None,
    )
    offsets = place + np.linspace(-0.2, 0.2, len(values))
    ax.plot(
        offsets,
        values,
        "o",
        color=plots.PALETTE[1],
        label="measured, one dot a seed" if place == 0 else None,
    )
ax.set_xticks(range(len(shown)), [name for name, _, _ in shown], fontsize=9)
ax.set(xlabel="network and training", ylabel="accuracy", ylim=(0.73, 0.88))
ax.legend()
plots.show(
    fig,
    alt="Black lines (predicted accuracy) and dots (five seeds) agree for five settings of padding and training.",
)

# %% [markdown]
# The surprise is the last column. With lengths odd and even alike, the right edge still says *how far* it is, but no
# longer whether the cell is even, so only the left edge helps. There 2 cells are sure; of the others the even ones are
# right when a cell repeats its own bit, and half of the odd ones: (2 + 7 + 6/2)/15 and (2 + 7 + 7/2)/16. (Repeating
# one's own bit is worth it now, because an odd word has one even cell more.)
#
# For circular padding there is more than a measurement (theorem): such a network is *shift-equivariant*, f(shift x)
# = shift f(x), with any weights and any depth. The task is not. Over *all* words of 12 bits, a shifted word sits
# beside every word, so no weights whatever exceed 3/4, trained or not:

# %%
every_BL = (torch.arange(2**12)[:, None] >> torch.arange(12)) & 1
best = []
for seed in SEEDS:
    torch.manual_seed(seed)
    model = ConvNet(radius=3, padding="circular")
    shifted = model(every_BL.roll(1, 1))
    assert torch.allclose(shifted, model(every_BL).roll(1, 2), atol=1e-5)
    untrained = (
        (model(every_BL).argmax(1) == every_BL[:, torch.arange(12) // 2 * 2]).float().mean().item()
    )
    fit(model, lambda generator: 12, updates=150, seed=seed)
    best.append(
        (model(every_BL).argmax(1) == every_BL[:, torch.arange(12) // 2 * 2]).float().mean().item()
    )
    print(f"seed {seed}, all 4,096 words: untrained {untrained:.4f}, trained {best[-1]:.4f}")
    assert untrained <= 0.75 and best[-1] <= 0.75

# %% [markdown]
# Most seeds reach exactly 0.75, and none a single cell more.

# %%
assert best.count(0.75) >= 3

# %% [markdown]
# ## 5 · Telling a cell where it is
#
# If position is what is missing, give it: append a vector $e_p$ to the one-hot vector of position p.
#
# | code | $e_p$ | size |
# |---|---|---|
# | learned | a row of a trained table, one per position | 16 |
# | number | p / n | 1 |
# | raw number | p | 1 |
# | waves | $\sin(p/10000^{2k/16})$, $\cos(p/10000^{2k/16})$, k = 0..7 (Vaswani et al. 2017) | 16 |
#
# And a fifth way, with no position at all: a *recurrent* network reads from left to right and can keep the phase
# itself.

# %%
ROWS = 256


def number(n):
    return (torch.arange(n) / n)[:, None]


def raw_number(n):
    return torch.arange(n)[:, None].float()


def waves(n):
    angle = torch.arange(n)[:, None] / 10000 ** (torch.arange(8) * 2 / 16)
    return torch.cat([angle.sin(), angle.cos()], 1)


# %% [markdown]
# One network for all four: a convolution of width 3, written out (a cell and its two neighbours side by side, through one
# linear map), and two of width 1. `roll` joins the ends, so that the code is its only source of position.


# %%
class PositionNet(nn.Module):
    """One-hot bits and a position code through a circular convolution of width 3 and two of width 1."""

    def __init__(self, code, size, maps=32):
        super().__init__()
        self.code = code or nn.Embedding(ROWS, size)
        layers = nn.Linear(3 * (10 + size), maps), nn.Linear(maps, maps), nn.Linear(maps, 10)
        self.net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])

    def forward(self, bits_BL):
        count, n = bits_BL.shape
        code_LC = self.code.weight[:n] if isinstance(self.code, nn.Embedding) else self.code(n)
        hot_BLV = F.one_hot(bits_BL, 10).float()
        cell_BLC = torch.cat([hot_BLV, code_LC.expand(count, -1, -1)], 2)
        around_BLC = torch.cat([cell_BLC.roll(1, 1), cell_BLC, cell_BLC.roll(-1, 1)], 2)
        return self.net(around_BLC).transpose(1, 2)


# %% [markdown]
# The recurrent reader is a GRU (lesson 05 takes it apart) with a linear map at every position:


# %%
class BitReader(nn.Module):
    """A GRU from left to right; it sees no position and nothing to its right."""

    def __init__(self, hidden=16):
        super().__init__()
        self.rnn = nn.GRU(10, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 10)

    def forward(self, bits_BL):
        states_BLH, _ = self.rnn(F.one_hot(bits_BL, 10).float())
        return self.out(states_BLH).transpose(1, 2)


# %% [markdown]
# All are trained on words of 1 to 20 bits and then asked for words of up to 160.
#
# **Predict.** Write beside each the accuracy you expect at 160 positions, eight times the longest word in training.

# %%
my_learned, my_number, my_raw, my_waves, my_recurrent = None, None, None, None, None

# %% [markdown]
# Five networks, five seeds each (about 25 seconds; a line for each network):

# %%
makers = {
    "learned": lambda: PositionNet(None, 16),
    "number": lambda: PositionNet(number, 1),
    "raw number": lambda: PositionNet(raw_number, 1),
    "waves": lambda: PositionNet(waves, 16),
    "recurrent": BitReader,
}
LENGTHS = (5, 10, 15, 20, 24, 30, 40, 80, 160)


def by_length(make, seed, name=""):
    torch.manual_seed(seed)
    model = make()
    fit(
        model,
        lambda generator: 1 + int(torch.randint(20, (), generator=generator)),
        updates=600,
        batch=32,
        seed=seed,
        name=name,
    )
    return [right_BL(model, length, count=512).mean().item() for length in LENGTHS]


# %%
far = {}
for name, make in makers.items():
    far[name] = [by_length(make, seed, f"{name}, seed {seed}") for seed in SEEDS]
    at_160 = [round(run[-1], 2) for run in far[name]]
    print(f"{name:13} at 160 positions, by seed: {at_160}")
print("you:", my_learned, my_number, my_raw, my_waves, my_recurrent)

# %% [markdown]
# Every seed is a thin line; failures stay in.

# %% tags=["figure"]
fig, axes = plots.figure(1, 5, size=(13, 3.1), sharey=True)
known = [0.75 + 0.25 * min(1, 20 / length) for length in LENGTHS]
for ax, (name, runs), colour in zip(axes, far.items(), plots.PALETTE, strict=False):
    plots.spread(ax, LENGTHS, runs, "seeds", color=colour)
    ax.axvspan(5, 20, color="black", alpha=0.07)
    ax.set(xscale="log", title=name, xlabel="positions")
    ax.set_xticks([5, 10, 20, 40, 80, 160], ["5", "10", "20", "40", "80", "160"], fontsize=9)
    ax.minorticks_off()
axes[0].plot(LENGTHS, known, "k--", lw=1.3, label="0.75 + 0.25·min(1, 20/n)")
axes[0].legend(loc="lower left", fontsize=8)
axes[0].set(ylabel="accuracy", ylim=(0.6, 1.03))
plots.show(
    fig,
    alt="Accuracy against length for four position codes and a recurrent reader; grey marks trained lengths. At 160 positions: "
    + plots.medians({name: [run[-1] for run in runs] for name, runs in far.items()}),
)

# %% [markdown]
# Five behaviours.
#
# - **Learned** vectors solve the task and fall off a cliff at position 20: a row that was never looked up never got a
#   gradient (section 3), so it holds the noise it was initialised with. The first 20 cells stay right, the rest are at
#   3/4 on average over seeds: the dashed line, predicted before.
# - The **number** p/n hardly helps even inside the trained range. "Even" as a function of p/n is a comb with n teeth,
#   another comb at every n.
# - The **raw number** p means the same at every length, and so helps more on short words. Its comb has more teeth the longer the
#   word; at 20 positions little is left, and at 160, with numbers it never saw, nothing. (That teeth are what it lacks is a guess.
#   Lesson 03 builds such a comb from ReLUs: a unit for each turn.)
# - **Waves** help most seeds more than p/n helps any at 20 positions, the others hardly, and none far beyond; their fastest wave has period 2π = 6.28, the task 2.
# - The **recurrent** reader keeps the phase in its state. One bit of memory is enough at any length, where training finds it.

# %%
at_20, at_160 = LENGTHS.index(20), LENGTHS.index(160)
value = {name: np.array(runs) for name, runs in far.items()}
assert value["learned"][:, : at_20 + 1].min() > 0.97
assert np.abs(value["learned"].mean(0) - known)[at_20:].max() < 0.05
assert value["number"][:, at_20].max() < 0.85
middle = {name: np.median(runs, 0) for name, runs in value.items()}
assert middle["raw number"][0] > middle["number"][0] > 0.75
assert middle["raw number"][at_20] < 0.85 and value["raw number"][:, at_160].max() < 0.8
assert middle["waves"][at_20] > value["number"][:, at_20].max()
assert value["waves"][:, at_20].min() < 0.8 and value["waves"][:, at_160].max() < 0.8
assert (value["recurrent"][:, at_160] > 0.99).sum() >= 3

# %% [markdown]
# ### Exercise 2.5 · A clock (medium, 5 minutes)
#
# `clock(n)` returns a float tensor of n numbers, a position code of size 1 with which the convolution can solve the
# task at *every* length: +1 at even positions, -1 at odd ones.
#
# <details><summary>Hint 1</summary>Which wave has period 2?</details>
# <details><summary>Hint 2</summary>Either a cosine of π·p, or arithmetic with <code>p % 2</code>.</details>
# <details><summary>Hint 3</summary><code>1 - 2 * (torch.arange(n) % 2)</code>, as floats.</details>


# %% tags=["stub"]
def clock(n):
    return ...


# %% tags=["solution"]
def clock(n):
    return 1 - 2 * (torch.arange(n) % 2).float()


# %%
check.clock(clock)

# %% tags=["instructor"]
checks.require_passed("2.5 clock")

# %% [markdown]
# The target beside yours, and what a network makes of the target:


# %% tags=["figure"]
def draw_code(ax, values_L):
    ax.step(range(24), [float(v) for v in values_L], where="mid")
    ax.set(xlabel="position", ylabel="code", ylim=(-1.3, 1.3))


plots.compare(
    draw_code,
    check.clock.reference(24),
    checks.attempt(clock, 24),
    size=(9, 2.4),
    alt="Two step curves: the target alternates between plus and minus one; beside it the learner's.",
)

# %%
for seed in SEEDS:
    run = by_length(lambda: PositionNet(lambda n: check.clock.reference(n)[:, None], 1), seed)
    print(f"seed {seed}: accuracy {min(run)} or more at all lengths up to {LENGTHS[-1]}")
    assert min(run) == 1.0

# %% [markdown]
# With the right clock every seed is right at every length. But *we* chose the period. Knowing which code a task
# needs is knowing the algorithm; the Neural GPU gets no clock and must build its own.
#
# ## Recap
#
# A prediction is a vote of programs, weighted by their length; compressors bound that length and miss most of it, and what a
# practical machine can find depends on how things are written. A
# convolution is shift-equivariant, so it is stuck at 3/4 on repeat-even except near an edge, by an amount one can
# compute beforehand. Position codes repair this inside the lengths they were trained on; a state that travels goes
# further, where training finds it.

# %%
quiz(
    "A circular convolutional net of 50 layers, trained for a week on repeat-even. Its accuracy?",
    "0.75",
    ("close to 1", "Depth widens the window, but the window still has no position in it."),
    ("0.75 + 0.25·100/n", "That needs edges; circular padding has none."),
    why="It is shift-equivariant with any weights, so even and odd cells with equal windows get equal answers.",
)

# %%
quiz(
    "Zero padding, R = 2, all words 40 long. Where is the network sure to be right?",
    "in the first two and the last two cells",
    ("everywhere", "36 cells see no edge."),
    (
        "only in the first two cells",
        "The length is always 40, so the right edge tells the phase, too.",
    ),
    why="Four cells of 40: accuracy 0.75 + 0.25·4/40 = 0.775.",
)

# %%
assert 0.75 + 0.25 * min(1, 2 * 2 / 40) == 0.775
quiz(
    "zlib leaves a word of 1,000 bytes at 1,000 bytes. What follows about K?",
    "only that zlib found no pattern",
    (
        "K is about 8,000 bits",
        "The digits of root 2 are a counterexample: 33 characters print them.",
    ),
    (
        "the word is random",
        "Random in Kolmogorov's sense means K near 8,000 bits: a property of the word, and zlib cannot show it. Root 2 has K below 300, for programs in Python.",
    ),
    why="A compressor gives an upper bound. Nothing computable gives K itself.",
)

# %% [markdown]
# **Sources.** Kolmogorov complexity and the vote of programs: Solomonoff, *A formal theory of inductive inference*
# (1964; there all programs vote, here the short ones of a small language); Li & Vitányi, *An Introduction to Kolmogorov Complexity and Its
# Applications*. Waves as positions: Vaswani et al. 2017, section 3.5 (there added to the embedding, here appended). Zero padding that reveals position: Islam, Jia & Bruce 2020, *How much position information
# do convolutional neural networks encode?* The repeat-even task and the 3x1 network are the lecture's.
#
# **Next.** The reader needed one bit of memory. How deep must a network *without* memory be to count modulo 2?
# Lesson 03.
