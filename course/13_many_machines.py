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
# # 13 · Many machines

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **What can be learned without waiting?**
#
# Six settings with five values each are 15,625 trainings. Nobody tries them all, and nobody has to try alone: here a class tunes one network together, each learner a part, on as
# many machines as there are learners. (One training spread over several machines is not in this lesson yet.)
#
# After this lesson you can
#
# 1. set up a search: what is tuned, between which ends, and in which measure it is drawn;
# 2. share a search among learners and put their trials together;
# 3. say how much of a search's best result is luck, and measure it.
#
# *Before:* lessons 01 and 11. *Time:* 30 minutes of yours.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import time
from functools import partial

import numpy as np
from IPython.display import Markdown

from ngpu_lib import checks, plots, recorded, sweep
from ngpu_lib.checks import lesson13 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.data import load_mnist

began = time.perf_counter()
mnist = load_mnist()
if not mnist.is_real:
    print("The recorded trials are those of the real MNIST; yours here cannot join them.")

# %% [markdown]
# ## 1 · A space, and a part for each
#
# Tuned is lesson 11's network: 1,000 images, 300 updates, judged by held-out images. Your name deals you one optimizer at one depth, and the other four
# settings are yours to tune.
#
# | setting | between | |
# |---|---|---|
# | optimizer | SGD, momentum, RMSProp, Adam, AdaMax | dealt out |
# | layers | 1, 2, 3 hidden layers | dealt out |
# | lr | 0.0001 and 1 | tuned, in its logarithm |
# | units | 32 and 512 a layer | tuned, in its logarithm |
# | dropout | 0 and 0.6 | tuned |
# | shift | copies moved by up to 0 to 3 pixels | tuned |

# %%
learner = "Ada"  # your name, or the number you were given
part = sweep.part_of(learner)
print(f"{learner} tunes {part['optimizer']} with {part['layers']} hidden layer(s)")
assert len({tuple(sweep.part_of(number).values()) for number in range(15)}) == 15

# %% [markdown]
# ### Exercise 13.1 · In its logarithm (easy, 5 minutes)
#
# A learning rate between 0.0001 and 1, drawn evenly in the number itself, is above 0.1 nine times out of ten. Write `even_in_log(draw, low, high)`: it turns a number
# between 0 and 1 into one between low and high, such that each *factor* of ten is as likely as the next. (0 gives low, 1 gives high.)
#
# <details><summary>Hint 1</summary>Half way between 0.0001 and 1 there should be 0.01.</details>
# <details><summary>Hint 2</summary>From low to high it is a factor of high / low. How much of that factor at a draw of one half?</details>
# <details><summary>Hint 3</summary>Its root: <code>(high / low) ** draw</code> is the part of the way.</details>


# %% tags=["stub"]
def even_in_log(draw, low, high):
    return ...


# %% tags=["solution"]
def even_in_log(draw, low, high):
    return low * (high / low) ** draw


# %%
check.even_in_log(even_in_log)

# %% tags=["instructor"]
checks.require_passed("13.1 even_in_log")

# %% [markdown]
# A thousand draws, by the power of ten that they lie in.


# %%
def powers(draw_one):
    """How many of 1,000 draws lie in each power of ten from 0.0001 to 1."""
    draws = [draw_one(float(u), 1e-4, 1.0) for u in np.random.default_rng(0).random(1000)]
    return np.histogram(np.log10(draws), bins=[-4, -3, -2, -1, 0.001])[0]


# %% tags=["figure"]
evenly = powers(lambda u, low, high: low + (high - low) * u)
series = {"evenly in the number": evenly, "yours": checks.attempt(powers, even_in_log)}
names = ("below 0.001", "to 0.01", "to 0.1", "to 1")
shown = {
    name: dict(zip(names, map(int, counts), strict=True))
    for name, counts in series.items()
    if counts is not None
}
plots.bars(
    shown,
    numbers="%d",
    xlabel="learning rate",
    ylabel="draws of 1,000",
    alt="Draws by power of ten. "
    + "; ".join(f"{name}: {counts}" for name, counts in shown.items()),
)

# %% [markdown]
# ## 2 · Ninety trials
#
# A *trial* is one training with some values of the six. Fifteen learners, called 0 to 14, ran six each. Their rows came together without a server: everybody exports
# a file, and the files are merged.

# %%
class_rows = recorded.load("lesson13_class")
best = sweep.leaderboard(class_rows, 12)
learners = {row["learner"] for row in class_rows}
assert len(class_rows) == 90 and len(learners) == 15
Markdown(sweep.table(best[:6]))

# %% [markdown]
# Now you. Optuna proposes the values: it splits the finished trials of your part, yours and the class's, into the better and the worse, and tries what is frequent among the better
# and rare among the worse (a *tree-structured Parzen estimator*).

# %%
try:
    study = sweep.open_study(None, "mnist", sweep.mnist_setting(mnist))
    if mnist.is_real:  # trials on other digits cannot be compared
        sweep.merge(study, sweep.MNIST_SPACE, class_rows)
    trial = partial(sweep.mnist_trial, mnist=mnist, device=device)
    settings = {"trials": 3, "fixed": part, "learner": learner, "seed": 0}
    mine = sweep.search(study, sweep.MNIST_SPACE, trial, **settings)
except ModuleNotFoundError as error:
    mine = []  # Colab has no Optuna; the class's trials are there all the same
    print(f"{error} (in a notebook %pip ...), then run this cell again")
Markdown(sweep.table(mine))

# %% [markdown]
# All trials by learning rate; *value* is the accuracy in per cent.

# %% tags=["figure"]
together = class_rows + (mine if mnist.is_real else [])
by_optimizer = {}
for row in together:
    x, y = by_optimizer.setdefault(row["params"]["optimizer"], ([], []))
    x.append(row["params"]["lr"])
    y.append(row["value"])
plots.lines(
    None,
    by_optimizer,
    log="x",
    style={"ls": "", "marker": "o", "alpha": 0.7},
    xlabel="learning rate",
    ylabel="held-out accuracy, %",
    legend="right",
    title=f"{len(together)} trials on MNIST: 1,000 images, 300 updates",
    alt="Accuracy against learning rate, a dot a trial. Best of each optimizer: "
    + "; ".join(
        f"{k} {max(y):.1f} at {x[int(np.argmax(y))]:.2g}" for k, (x, y) in by_optimizer.items()
    ),
)

# %% [markdown]
# Lesson 01's valleys again. At each optimizer's best trial the rate is another; among the twelve best trials of all, dropout hardly has a place of its own:

# %%
found_lr = {}
for name in sweep.MNIST_SPACE["optimizer"].values:
    own = [row for row in class_rows if row["params"]["optimizer"] == name]
    found_lr[name] = sweep.leaderboard(own, 1)[0]["params"]["lr"]
dropouts = [row["params"]["dropout"] for row in best]
print({name: float(f"{lr:.2g}") for name, lr in found_lr.items()})
print(f"dropout of the twelve best: from {min(dropouts):.2f} to {max(dropouts):.2f}")
assert found_lr["SGD"] > 10 * found_lr["Adam"]
assert max(dropouts) > 0.4 and min(dropouts) < 0.1

# %% [markdown]
# ## 3 · The winner's curse
#
# **Predict.** The class's best trial is the best of 90, all with seed 0. Trained again with three other seeds, will it read "more", "about the same" or "less"?

# %%
predicted_again = None

# %% [markdown]
# ### Exercise 13.2 · The winner again (medium, 10 minutes)
#
# Write `winner_again(values_TS)`: for T trials, each a row of S values, one a seed. The search saw the *first* column only. Return two numbers: the value that chose the winner, and
# the mean of the winner's other values. (Of equal winners, take the first.)
#
# <details><summary>Hint 1</summary>Which row has the largest first value?</details>
# <details><summary>Hint 2</summary><code>max(values_TS, key=...)</code> finds a row by something of it.</details>
# <details><summary>Hint 3</summary><code>best = max(values_TS, key=lambda row: row[0])</code>; then its first value, and the mean of <code>best[1:]</code>.</details>


# %% tags=["stub"]
def winner_again(values_TS):
    return ...


# %% tags=["solution"]
def winner_again(values_TS):
    best = max(values_TS, key=lambda row: row[0])
    return best[0], sum(best[1:]) / len(best[1:])


# %%
check.winner_again(winner_again)

# %% tags=["instructor"]
checks.require_passed("13.2 winner_again")

# %% [markdown]
# First a class in which every trial is equally good: 90 trials of the same network, true value 92, and seeds that scatter by 0.4 points. A thousand such classes,
# by your function and by the reference:


# %%
def equal_classes(rule, count=1000):
    """The winner's value and its value again, mean over classes of 90 equal trials."""
    draws = np.random.default_rng(0).normal(92, 0.4, (count, 90, 4))
    return np.mean([rule(values_TS.tolist()) for values_TS in draws], 0)


chosen, again = equal_classes(check.winner_again.reference)
print(f"yours: {checks.attempt(equal_classes, winner_again)}")
print(f"the winner reads {chosen:.2f}, and with other seeds {again:.2f}")
assert chosen > 92.8 and abs(again - 92) < 0.05

# %% [markdown]
# A point of nothing but luck. Now the class's own three best, with seed 0 as in the search and with three seeds the search has not seen.

# %%
values_TS = []
for row in best[:3]:
    values_TS.append(
        [sweep.mnist_trial(row["params"], mnist, seed=s, device=device)["value"] for s in range(4)]
    )
    text = ", ".join(f"{value:.1f}" for value in values_TS[-1][1:])
    print(f"recorded {row['value']:.1f} %; now {values_TS[-1][0]:.1f} %; other seeds {text} %")
print(f"you: {predicted_again}")
winner = best[0]["value"]
assert not mnist.is_real or winner > np.mean(values_TS[0][1:]) + 0.5

# %% tags=["figure"]
plots.dots(
    {f"trial {place}": values[1:] for place, values in enumerate(values_TS, start=1)},
    xlabel="the search's three best trials",
    ylabel="held-out accuracy, %",
    levels={"the winner's value in the search": winner},
    title=mnist.title("with seeds the search has not seen"),
)

# %% [markdown]
# Less, by more than half a point. Among 90 trials the best is good *and* lucky, and the luck does not come back: the *winner's curse*. Choose by a search, then measure anew with seeds
# the search has not seen.
#
# ## 4 · With your class
#
# All work on one study while it grows: `ngpu sweep mnist --learner Ada --trials 20 --study STUDY`, where STUDY is a file on a shared disk or a PostgreSQL
# database. A process that is killed loses its running trial and nothing else. Without a server, everybody exports a file, and `--merge` puts them together. The course's README
# says how to start each.
#
# ## Recap
#
# A search is a space, a measure to draw in, and a rule that proposes the next trial. A trial depends on nothing but its settings, so fifteen learners need no common clock and wait for
# nobody; what a proposal knows of the others' trials may be a little old. What comes out on top is partly luck, and only new seeds tell how much.

# %%
quiz(
    "Why are learning rates drawn evenly in their logarithm?",
    "What matters about them is the factor from one to the next",
    ("They would be negative otherwise", "All numbers between 0.0001 and 1 are positive."),
    ("It makes small rates more frequent, and small is safe", "A rate too small learns nothing."),
    why="Lesson 01's valleys were drawn over factors, and only so do all rules fit into one picture.",
)

# %%
quiz(
    "A search of 1,000 trials instead of 90: what happens to the winner's luck?",
    "It grows: the best of more draws lies further out",
    ("It averages out", "A mean does; a maximum does not."),
    ("Nothing", "In a class of equal trials the winner's value grows with their number."),
    why="The more one tries, the more the best value promises too much.",
)

# %% [markdown]
# **Sources.** Tree-structured Parzen estimator: Bergstra et al., *Algorithms for hyper-parameter optimization*, 2011. Optuna: Akiba et al., arXiv 1907.10902. Winner's curse:
# Capen, Clapp, Campbell, *Journal of Petroleum Technology* 23, 1971.
#
# **Next.** This is the last lesson so far.

# %%
print(f"this lesson took {time.perf_counter() - began:.0f} s")
