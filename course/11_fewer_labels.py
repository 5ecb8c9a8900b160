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
# # 11 · Fewer labels

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **What can be learned before anybody says what it is?**
#
# Before that question has a meaning, one has to know how far a few *labelled* images go by themselves. This lesson measures it: 1,000 images of
# MNIST, six remedies, each against a network whose learning rate was tuned first. (Learning from images without labels is not in this lesson yet.)
#
# After this lesson you can
#
# 1. write AdamW's step and dropout, and say what each changes in training;
# 2. compare remedies fairly: choose settings with some seeds, measure with others, each against a tuned baseline;
# 3. say how often luck alone makes a remedy look better.
#
# *Before:* lesson 01. *Time:* 45 minutes of yours; about a minute and a half of one CPU core.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import math
import time
from functools import cache, partial
from itertools import product

import numpy as np

from ngpu_lib import checks, plots
from ngpu_lib.baselines import MLP
from ngpu_lib.callbacks import Schedule, one_cycle
from ngpu_lib.checks import lesson11 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.data import load_mnist
from ngpu_lib.images import ImageBatches, accuracy, image_loss, predict, shift_images
from ngpu_lib.train import train

began = time.perf_counter()
mnist = load_mnist()
if not mnist.is_real:
    print("The text speaks of the real MNIST; with these digits some of it is different.")

# %% [markdown]
# ## 1 · A thousand images, and a fair opponent
#
# A multilayer perceptron with 256 hidden units has 203,530 weights, and gets 1,000 images, thirty times each (300 updates of 100). It is judged by 5,000
# *held-out* training images that it never learns from; the test set stays closed, since whatever one chooses by stops being a fair measure.

# %%
few = mnist.train_images_BHW[:1000], mnist.train_labels_B[:1000]
held = min(5000, len(mnist.train_labels_B) - 1000)
judged_by = mnist.train_images_BHW[-held:], mnist.train_labels_B[-held:]


@cache
def learn(seed=0, lr=1e-3, decay=0.0, dropout=0.0, batch_norm=False, shift=0, cycle=False):
    """A network after 300 updates on 1,000 images, and its losses."""
    torch.manual_seed(seed)
    network = MLP(dropout=dropout, batch_norm=batch_norm).to(device)
    moves = partial(shift_images, most=shift) if shift else None
    batches = ImageBatches(*few, 100, moves, seed=seed)
    adam = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=decay)
    callbacks = [Schedule(one_cycle(lr, 300))] if cycle else []
    settings = {"updates": 300, "seed": seed, "callbacks": callbacks, "progress": False}
    run = train(network, batches, image_loss, adam, **settings)
    losses = [record["loss"] for record in run]
    return network, losses


# %% [markdown]
# First the opponent. A remedy that beats a badly tuned network has shown nothing: lesson 01 saw how much the learning rate alone decides.

# %%
RATES, CHOOSE, MEASURE = (1e-3, 1e-2, 1e-1), (0,), (2, 3, 4, 5)  # rates; seeds


def read(**settings):
    """Held-out accuracy in per cent of one network."""
    return 100 * accuracy(learn(**settings)[0], *judged_by)


plain = {lr: [read(seed=seed, lr=lr) for seed in CHOOSE] for lr in RATES}
by_heart = [100 * accuracy(learn(seed=0, lr=lr)[0], *few) for lr in RATES]
tuned = max(plain, key=lambda lr: np.mean(plain[lr]))
print("the 1,000 images themselves, %:", [round(x, 1) for x in by_heart])

# %% tags=["figure"]
plots.dots(
    {f"{lr:g}": values for lr, values in plain.items()},
    xlabel="learning rate",
    ylabel="held-out accuracy, %",
    title=mnist.title("no remedy, 1,000 images, one seed"),
)

# %% [markdown]
# At 0.001, Adam's usual rate, and at 0.01 the network ends up knowing its 1,000 images by heart, and yet the two read new images differently, by more than a point. A remedy
# measured against 0.001 would get that point for nothing.

# %%
assert not mnist.is_real or min(by_heart[:2]) > 99.5
assert not mnist.is_real or min(plain[1e-2]) > max(plain[1e-3]) + 1
assert not mnist.is_real or RATES[0] < tuned < RATES[-1]  # no best at the edge of what was tried

# %% [markdown]
# ## 2 · Six remedies
#
# **Predict.** Which remedy will gain most over the tuned network: "weight decay", "dropout", "batch norm", "shifted copies", "schedule" or "ensemble"?

# %%
predicted_remedy = None

# %% [markdown]
# **Weight decay** pulls every weight towards 0 by a small share in each update, so that only weights that keep paying stay large:
# $w \leftarrow (1-\alpha\lambda)\,w$, and then the optimizer's step. That is AdamW (Loshchilov and Hutter); the older way adds $\lambda w$ to the gradient, and Adam divides it
# by the gradient's size like everything else.
#
# ### Exercise 11.1 · AdamW (medium, 15 minutes)
#
# Write `adamw_step(w, g, m, v, t, lr, decay, b1, b2, eps)`, update number t counted from 1. It returns the new `w, m, v`:
#
# $$m \leftarrow \beta_1 m + (1-\beta_1) g,\quad v \leftarrow \beta_2 v + (1-\beta_2) g^2,\quad
# w \leftarrow (1 - \alpha\lambda)\,w - \alpha \frac{m/(1-\beta_1^t)}{\sqrt{v/(1-\beta_2^t)} + \epsilon}$$
#
# <details><summary>Hint 1</summary>m and v are running means that begin at 0. Update both before they are used; the decay touches neither.</details>
# <details><summary>Hint 2</summary>After one update m is only 0.1 g. Dividing by 1 - b1**t mends that. Keep the corrected values in new variables.</details>
# <details><summary>Hint 3</summary><code>m_hat = m / (1 - b1**t)</code>, the same for v, then <code>(1 - lr * decay) * w - lr * m_hat / (v_hat ** 0.5 + eps)</code>; return w and the <em>uncorrected</em> m, v.</details>


# %% tags=["stub"]
def adamw_step(w, g, m, v, t, lr=0.1, decay=0.0, b1=0.9, b2=0.999, eps=1e-8):
    return ...


# %% tags=["solution"]
def adamw_step(w, g, m, v, t, lr=0.1, decay=0.0, b1=0.9, b2=0.999, eps=1e-8):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    return (1 - lr * decay) * w - lr * m_hat / (v_hat**0.5 + eps), m, v


# %%
check.adamw_step(adamw_step)

# %% tags=["instructor"]
checks.require_passed("11.1 adamw_step")

# %% [markdown]
# Yours beside PyTorch's, in lesson 01's ravine $x^2/2 + 20\,y^2$, with a decay of 1.


# %%
def walk_of(step, steps=60):
    """The path of a rule written as a function."""
    w, m, v = torch.tensor([-4.0, 1.0]), torch.zeros(2), torch.zeros(2)
    path = [w.tolist()]
    for t in range(1, steps + 1):
        w, m, v = step(w, torch.tensor([1.0, 40.0]) * w, m, v, t, 0.3, 1.0)
        path.append(w.tolist())
    return np.array(path)


def walk_of_torch(steps=60):
    place = torch.tensor([-4.0, 1.0], requires_grad=True)
    optimizer, path = torch.optim.AdamW([place], lr=0.3, weight_decay=1.0), [place.tolist()]
    for _ in range(steps):
        place.grad = torch.tensor([1.0, 40.0]) * place.detach()
        optimizer.step()
        path.append(place.tolist())
    return np.array(path)


# %% tags=["figure"]
x, y = np.meshgrid(np.linspace(-5, 2, 80), np.linspace(-1.5, 1.5, 60))


def draw_path(ax, path):
    ax.contour(x, y, x**2 / 2 + 20 * y**2, levels=[0.5, 2, 5, 10, 20, 35], colors="lightgrey")
    ax.plot(*path.T, ".-", ms=4, lw=1, color=plots.PALETTE[0])
    ax.set(xlabel="x", ylabel="y")


plots.compare(
    draw_path,
    walk_of_torch(),
    checks.attempt(walk_of, adamw_step),
    alt="The path of PyTorch's AdamW in the ravine, and of yours.",
)

# %% [markdown]
# **Dropout** sets a random share of the hidden units to 0 in each update (Srivastava et al. 2014), so that no unit can rely on one other unit.
#
# ### Exercise 11.2 · Dropout (easy, 5 minutes)
#
# Write `dropout(hidden_BU, draws_BU, share)`. `draws_BU` are random numbers, even between 0 and 1: a unit whose draw is below `share` becomes 0. The others grow by
# such a factor that the mean over many draws stays what it was, and nothing has to change when the network is used.
#
# <details><summary>Hint 1</summary>A comparison gives True and False, and a product with them 1 and 0.</details>
# <details><summary>Hint 2</summary>Of many units a share of 1 - share is left.</details>
# <details><summary>Hint 3</summary><code>hidden_BU * (draws_BU &gt;= share)</code>, divided by what is left.</details>


# %% tags=["stub"]
def dropout(hidden_BU, draws_BU, share):
    return ...


# %% tags=["solution"]
def dropout(hidden_BU, draws_BU, share):
    return hidden_BU * (draws_BU >= share) / (1 - share)


# %%
check.dropout(dropout)

# %% tags=["instructor"]
checks.require_passed("11.2 dropout")

# %% [markdown]
# **Batch norm** shifts and scales each hidden unit to mean 0 and deviation 1 over the batch. It was made for speed, so look at the first updates of the training loss.
#
# A **learning-rate schedule** takes large steps first and small ones at the end: *one cycle* rises for a quarter of the run and falls along a cosine.
#
# **Shifted copies** (*augmentation*): a 7 moved by a pixel is a 7. Each image is moved by up to so many pixels, anew every time it comes.

# %%
rate, steps = one_cycle(1e-2, 300), range(1, 301)
first_updates = {
    name: [learn(seed=seed, lr=1e-3, batch_norm=normed)[1][:50] for seed in (0, 1, 2)]
    for name, normed in {"without": False, "with batch norm": True}.items()
}
at_20 = {name: np.mean(runs, 0)[15:25].mean() for name, runs in first_updates.items()}
print({name: round(float(loss), 2) for name, loss in at_20.items()})
assert at_20["with batch norm"] < at_20["without"] or not mnist.is_real
copies_BHW = shift_images(few[0][:1].expand(6, 28, 28), torch.Generator().manual_seed(2), most=4)

# %% tags=["figure"]
fig, axes = plots.figure(1, 3, size=(12, 3.2))
plots.curves(axes[0], range(1, 51), first_updates, xlabel="update", ylabel="training loss, nats")
axes[0].set_title(mnist.title("batch norm, rate 0.001"))
axes[0].legend()
plots.curves(
    axes[1], steps, {"one cycle": [rate(step) for step in steps]}, xlabel="update", ylabel="rate"
)
axes[1].set_title("one cycle, peak 0.01")
tiles = copies_BHW.view(2, 3, 28, 28).permute(0, 2, 1, 3).reshape(56, 84)
plots.matrix(
    axes[2], tiles, xlabel="three copies a row", ylabel="pixels", ink=True, limits=(0, 255)
)
axes[2].set_title("one image, moved by up to 4")
plots.show(
    fig,
    alt="The training loss of the first 50 updates, lower with batch norm; a learning rate that rises to 0.01 and falls to 0; six shifted copies of one digit.",
)

# %% [markdown]
# An **ensemble** asks several networks that differ only in their seed and averages their probabilities. It helps as far as they make *different* mistakes.

# %%
three_RBV = torch.stack(
    [predict(learn(seed=seed, lr=tuned)[0], judged_by[0]) for seed in (0, 1, 2)]
)
wrong_RB = three_RBV.argmax(2) != judged_by[1]
alone = [100 * (1 - wrong_B.float().mean().item()) for wrong_B in wrong_RB]
together = 100 * (three_RBV.mean(0).argmax(1) == judged_by[1]).float().mean().item()
shared = ((wrong_RB[0] & wrong_RB[1]).sum() / wrong_RB[0].sum()).item()
by_chance = wrong_RB[1].float().mean().item()
print(f"alone {[round(x, 1) for x in alone]}, together {together:.1f} %")
print(
    f"of the first's mistakes the second makes {shared:.0%}; it misreads {by_chance:.0%} of all images"
)
assert not mnist.is_real or (together > np.mean(alone) and shared > 3 * by_chance)

# %% [markdown]
# Together they read better than one on average; but their mistakes are far from independent: what the first misreads, the second misreads more than three times as often as an image at large.
#
# ## 3 · Measured fairly
#
# Every remedy is tried at every strength and every learning rate with *one seed*; the best setting is then trained with *four other seeds*,
# and so is the plain network. So no remedy is helped by a lucky choice, and none is compared with an untuned opponent. Some seventy trainings:

# %%
STRENGTHS = {
    "plain": [{}],
    "weight decay": [{"decay": 1}, {"decay": 3}],
    "dropout": [{"dropout": 0.2}, {"dropout": 0.5}],
    "batch norm": [{"batch_norm": True}],
    "shifted copies": [{"shift": 2}],
    "schedule": [{"cycle": True}],
    "shifted copies + schedule": [{"shift": 2, "cycle": True}],
}
best = {}
for name, strengths in STRENGTHS.items():
    tried = [{"lr": lr, **strength} for strength, lr in product(strengths, RATES)]
    best[name] = max(tried, key=lambda one: np.mean([read(seed=s, **one) for s in CHOOSE]))
    print(f"{name:26} {best[name]}", flush=True)

# %%
results = {name: [read(seed=s, **one) for s in MEASURE] for name, one in best.items()}


def read_three(seed):
    """An ensemble of three plain networks, each with a seed of its own."""
    members = [
        predict(learn(seed=100 * k + seed, **best["plain"])[0], judged_by[0]) for k in range(3)
    ]
    return 100 * (sum(members).argmax(1) == judged_by[1]).float().mean().item()


results["ensemble of 3"] = [read_three(seed) for seed in MEASURE]
ranking = sorted(results, key=lambda name: np.mean(results[name]))
gains = {name: np.mean(results[name]) - np.mean(results["plain"]) for name in reversed(ranking)}
print({name: f"{gain:+.2f}" for name, gain in gains.items()})

# %% tags=["figure"]
print(f"you: {predicted_remedy}")
plots.dots(
    {name: results[name] for name in reversed(ranking)},
    rows=True,
    xlabel="held-out accuracy, %",
    ylabel="remedy",
    size=(8, 3.6),
    title=mnist.title("each at its own best setting, four seeds not used to choose it"),
)
# %% [markdown]
# Read the picture before you go on: which dots overlap with those of the plain network, and which do not?
#
# ### Exercise 11.3 · Luck (medium, 10 minutes)
#
# A remedy that changes nothing beats the plain network with half of the seeds: each seed is a coin. Write `luck(values_S, baseline_S)`: the probability
# that a fair coin, thrown once a seed, wins at least as often as the remedy did. Compare seed with seed; equal accuracies are no win.
#
# <details><summary>Hint 1</summary>Count the wins first: how often is the remedy's value above the baseline's of the same seed?</details>
# <details><summary>Hint 2</summary>Of 2<sup>S</sup> ways to throw S coins, <code>math.comb(S, k)</code> have k wins.</details>
# <details><summary>Hint 3</summary>Add math.comb(S, k) for k from wins to S, both included; divide by 2**S.</details>


# %% tags=["stub"]
def luck(values_S, baseline_S):
    return ...


# %% tags=["solution"]
def luck(values_S, baseline_S):
    seeds = len(values_S)
    wins = sum(value > other for value, other in zip(values_S, baseline_S, strict=True))
    return sum(math.comb(seeds, k) for k in range(wins, seeds + 1)) / 2**seeds


# %%
check.luck(luck)

# %% tags=["instructor"]
checks.require_passed("11.3 luck")

# %% [markdown]
# Your function, applied to the remedies above.

# %%
seeds = len(results["plain"])
for name in gains:
    if name != "plain":
        print(f"{name:26} {checks.attempt(luck, results[name], results['plain'])}")
least, tried = 0.5**seeds, len(results) - 1
somebody = 1 - (1 - least) ** tried
print(
    f"{seeds} wins of {seeds} by luck: {least:.3f}; one of {tried} remedies does it: {somebody:.2f}"
)
assert least == 1 / 16 and 0.3 < somebody < 0.4

# %% [markdown]
# Four seeds are few. Among seven remedies that change nothing, one would win with all four in about a third of such tables (were their luck independent; they share one opponent, so this is
# a rough figure). A gain that is to be believed needs more seeds, or a gap that no seed bridges.
# %% [markdown]
# ## Recap
#
# Both rates learn 1,000 images by heart; what a remedy can change is how the network reads others, and there the learning rate alone is worth more than a point. So the opponent is tuned
# first, remedies are chosen with some seeds and measured with others, and a win counts for as much as a coin would need luck for it. One of the remedies knows something about digits,
# that a moved digit is the same digit; the others would do the same for pictures of anything.

# %%
quiz(
    "Why was each remedy chosen with some seeds and measured with others?",
    "The best of several settings is partly lucky, and luck does not repeat",
    ("More seeds make training better", "They make the measure better, not the training."),
    ("One seed is enough to choose with", "Perhaps; but then it has been used up for measuring."),
    why="A choice uses up the seeds it was made with, as it would use up the test set.",
)

# %%
quiz(
    "Why does AdamW shrink the weights beside the step and not through the gradient?",
    "Adam divides the gradient by its size, and would divide the decay too",
    ("It is faster", "Both cost one product a weight."),
    ("Because the decay must not depend on the learning rate", "It does: the share is lr * decay."),
    why="In Adam's gradient, a weight with large gradients would hardly decay at all.",
)

# %%
quiz(
    "Which of the remedies tells the network something about digits that 1,000 labels do not say?",
    "Shifted copies: a moved digit is the same digit",
    ("Weight decay", "It prefers small weights, for digits as for anything else."),
    ("An ensemble", "It averages what several networks found in the same images."),
    why="The others work the same on pictures of anything, or of nothing.",
)

# %% [markdown]
# **Sources.** AdamW: Loshchilov, Hutter, arXiv 1711.05101. Dropout: Srivastava et al., JMLR 15, 2014. Batch norm: Ioffe, Szegedy, arXiv 1502.03167. One cycle: Smith, Topin,
# arXiv 1708.07120. Sign test: Arbuthnot, *Philosophical Transactions* 27, 1710.
#
# **Next.** Lessons 10 and 12 are being written. Here one network was tuned by a list of settings; lesson 13 lets a class tune together.

# %%
print(f"this lesson took {time.perf_counter() - began:.0f} s")
