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
# # 14 · By reward alone

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **What if the head must jump, and nobody says where?**
#
# The heads of lesson 06 were soft: a little of every row, so that gradients could pass. A real head stands on one cell and moves by one, and that choice has no slope. Here a network
# drives such a head. It is never shown a right answer; it is told only, after each symbol it writes, whether that one was right.
#
# After this lesson you can
#
# 1. say why back-propagation stops at a hard choice, and estimate a gradient that goes around it;
# 2. correct a table of values step by step, and replace the table by a network;
# 3. find out why an agent loops, and tell learning from a lucky guess.
#
# *Before:* lessons 01 and 06. *Time:* 75 minutes of yours.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# This lesson needs Gymnasium, the usual interface between worlds and those who learn in them. Where it is missing, the next cell fetches it.

# %%
import importlib.util

if importlib.util.find_spec("gymnasium") is None:
    # %pip install -q gymnasium
    pass

# %%
import bisect
import random
import time

import numpy as np
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from ngpu_lib import checks, plots, pretrained, recorded, widgets
from ngpu_lib.checks import lesson14 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.environments import Memory, TapeWorld
from ngpu_lib.recipes import RECIPES

began = time.perf_counter()

# %% [markdown]
# ## 1 · A tape, a head, and a reward
#
# The head sees one cell. An *action* says two things: what to write next, a symbol or nothing, and where to move. A right symbol brings a *reward* of 1, the first wrong one ends the
# *episode*, and that is all the world ever says.

# %%
world = TapeWorld("copy", length=4, base=2, render_mode="ansi")
seen, _ = world.reset(options={"word": [1, 0, 0, 1]})
right = world.moves.index("right")
pictures = [world.render()]
for symbol in (1, 0, 1):
    seen, reward, ended, _, _ = world.step(world.action(right, symbol))
    pictures.append(f"{world.render()}\nreward   {reward:g}" + (", the end" if ended else ""))

# %% tags=["figure"]
print("\n\n".join(pictures))

# %%
assert ended and reward == 0 and world.written == [1, 0, 1]

# %% [markdown]
# Two moves times two symbols or nothing: six actions, and three things to see, 0, 1 and the blank. Copying takes no memory at all: write what you see, move right. *Who* knows that? Drive the head
# yourself, with the arrow keys and the digits.

# %%
drive = widgets.TapeDrive([[1, 0, 0, 1]], [1, 0, 0, 1], title="Copy by hand")
drive

# %% [markdown]
# ## 2 · Where back-propagation stops
#
# An agent scores its six actions and takes the best. Raise one score a little: nothing changes, until suddenly another action is best. The reward is a staircase in the scores, flat
# almost everywhere; its slope is 0 where it has one, and back-propagation has nothing to carry.

# %%
wanted = world.action(right, 1)  # on a 1: write 1, move right
pays_A = torch.zeros(6)
pays_A[[1, wanted]] = 1.0  # writing 1 pays, whatever the move
scores_A = torch.tensor([0.3, 0.1, -0.2, 0.4, 0.0, 0.2], requires_grad=True)
hard = pays_A[scores_A.argmax()]
with torch.no_grad():
    nudged = [pays_A[(scores_A + 1e-3 * way).argmax()] - hard for way in torch.eye(6)]
assert not hard.requires_grad and not any(nudged)

# %% [markdown]
# A way around it: do not take the best action, draw one. An agent's **policy** gives each action a probability, $\pi(a) = \mathrm{softmax}(\text{scores})_a$, and what it may expect, $J = \sum_a \pi(a)\, r(a)$,
# is smooth. Its gradient is an average over what the agent does anyway, and asks nothing of the world but rewards (Williams 1992, who called it REINFORCE):
#
# $$\nabla J = \sum_a r(a)\,\nabla \pi(a) = \sum_a \pi(a)\, r(a)\,\nabla \log \pi(a) = \mathbb{E}\left[\,r\,\nabla\log\pi\,\right].$$
#
# | symbol | meaning | shape |
# |---|---|---|
# | $a$, $r(a)$ | an action and what it is paid | numbers |
# | $\pi(a)$ | its probability | (A,), sums to 1 |
# | $\nabla\log\pi(a)$ | of the scores: a 1 at $a$, less $\pi$ | (A,) |

# %%
policy_A = scores_A.softmax(0)
expected = (policy_A * pays_A).sum()
(exact_A,) = torch.autograd.grad(expected, scores_A)

drawn_N = torch.multinomial(
    policy_A.detach(), 50_000, replacement=True, generator=torch.Generator().manual_seed(0)
)
slopes_NA = F.one_hot(drawn_N, 6) - policy_A.detach()
guesses_NA = pays_A[drawn_N, None] * slopes_NA
estimate_A, error_A = guesses_NA.mean(0), guesses_NA.std(0) / len(drawn_N) ** 0.5
print("exact   ", [round(x, 3) for x in exact_A.tolist()])
print("estimate", [round(x, 3) for x in estimate_A.tolist()])
assert ((estimate_A - exact_A).abs() < 5 * error_A).all()
assert (guesses_NA - exact_A).norm(dim=1).mean() > 2 * exact_A.norm()

# %% [markdown]
# The identity is exact; the estimate is noisy: a single draw is off, on average, by more than twice the gradient's own size. Section 5 makes it calmer.
#
# Rewards may come late. What an action is to be credited with is everything that comes after it, later rewards counting a little less: the **return** $G_t = r_t + \gamma\, G_{t+1}$, with a *discount*
# $0 \le \gamma \le 1$.
#
# ### Exercise 14.1 · The return (easy, 8 minutes)
#
# Write `returns(rewards, gamma)`: the list of $G_t$ for every step of an episode, $G = 0$ after its end.


# %% tags=["stub"]
def returns(rewards, gamma):
    return ...


# %% tags=["solution"]
def returns(rewards, gamma):
    found, later = [], 0.0
    for reward in reversed(rewards):
        later = reward + gamma * later
        found.append(later)
    return found[::-1]


# %%
check.returns(returns)

# %% tags=["instructor"]
checks.require_passed("14.1 returns")

# %% [markdown]
# <details><summary>Hint 1</summary>The last return is the last reward. Which one can be found next?</details>
#
# <details><summary>Hint 2</summary>Go through the rewards from the end, keeping one number.</details>
#
# <details><summary>Hint 3</summary><code>later = reward + gamma * later</code>, and turn the list around at the end.</details>
#
# ## 3 · A table of values
#
# Another way needs no gradient. Keep one number for each thing seen and each action: **Q-values**, the return to be expected from there. After every step, correct one of them towards what was just paid plus
# what the next cell promises (**Q-learning**, Watkins 1989):
#
# $$Q(s,a) \leftarrow Q(s,a) + \alpha\,\bigl(r + \gamma \max_{a'} Q(s',a') - Q(s,a)\bigr);\qquad \text{at the end of an episode } Q(s', \cdot) = 0.$$
#
# ### Exercise 14.2 · One update (medium, 10 minutes)
#
# Write `q_update(row, action, reward, next_row, over, rate, gamma)`. `row` and `next_row` are the lists of Q-values of what was seen before and after; `over` says that the episode has ended. Return the new row, and leave
# the old one as it is.


# %% tags=["stub"]
def q_update(row, action, reward, next_row, over, rate, gamma):
    return ...


# %% tags=["solution"]
def q_update(row, action, reward, next_row, over, rate, gamma):
    target = reward if over else reward + gamma * max(next_row)
    new = list(row)
    new[action] += rate * (target - new[action])
    return new


# %%
check.q_update(q_update)

# %% tags=["instructor"]
checks.require_passed("14.2 q_update")

# %% [markdown]
# <details><summary>Hint 1</summary>Only one number of the row changes.</details>
#
# <details><summary>Hint 2</summary>First the target: what was paid, and, unless the episode is over, the discounted best of the next row.</details>
#
# <details><summary>Hint 3</summary><code>new[action] += rate * (target - new[action])</code> in a copy of the row.</details>
#
# The whole method is a walk. With a small chance the agent *explores*, taking any action; else it takes the best it knows.


# %%
def begin_anew(world, grow, done):
    """What is seen first in a new episode; its words are longer the more is done, from grow[0] to grow[1]."""
    if grow:
        low, high = grow
        world.unwrapped.set_length((low, high - int((1 - done) * (high - low + 0.99))))
    return world.reset()[0]


# %%
def q_learn(world, steps, seed=0, gamma=0.9, rate=0.1, explore=0.3, grow=None, watch=lambda *_: 0):
    """A table of Q-values, learned in so many steps; `grow` says how the words grow, if they do."""
    rng, actions = random.Random(seed), int(world.action_space.n)
    table = [
        [1e-6 * rng.random() for _ in range(actions)] for _ in range(world.observation_space.n)
    ]
    seen, _ = world.reset(seed=seed)
    for step in range(steps):
        row, left = (
            table[seen],
            1 - step / steps,
        )  # less exploring and smaller corrections with time
        curious = rng.random() < explore * left
        action = rng.randrange(actions) if curious else row.index(max(row))
        then, reward, over, cut, _ = world.step(action)
        target = reward if over else reward + gamma * max(table[then])
        row[action] += rate * left * (target - row[action])
        watch(step, seen, action, target, table)
        seen = begin_anew(world, grow, 1 - left) if over or cut else then
    return table


# %%
def share_right(world, choose, length, words=20, seed=99):
    """The share of words of a length that an agent gets right to the end, taking choose(seen)."""
    world.unwrapped.set_length(length)
    world.reset(seed=seed)
    right = 0
    for _ in range(words):
        seen, over, cut = world.reset()[0], False, False
        while not (over or cut):
            seen, reward, over, cut, _ = world.step(choose(seen))
        right += over and reward == 1
    return right / words


def best_of(table):
    """The agent that takes the best action of a table."""
    return lambda seen: table[seen].index(max(table[seen]))


# %% [markdown]
# **Predict.** How many steps will it take to copy words of 40 symbols, when the words it learns from have 4?

# %%
my_steps = None

# %%
MARKS = (100, 500, 2000, 6000)
diary, tables = [], {}


def write_diary(step, seen, action, target, table):
    diary.append((seen, action, target, table[seen][action]))
    if step + 1 in MARKS:
        tables[step + 1] = np.array(table)


copier = q_learn(TapeWorld("copy", 4), 6000, explore=0.5, watch=write_diary)
first_paid = next(k for k, (_, _, target, _) in enumerate(diary) if target > 0.5)
copied = {n: share_right(TapeWorld("copy"), best_of(copier), n) for n in (4, 40)}
print(f"whole words right: {copied}; you: {my_steps} steps")

# %% tags=["figure"]
names = [f"{move} {what}" for move in ("left", "right") for what in ("0", "1", "-")]
print(f"the first updates that were paid anything, from step {first_paid + 1}:")
for seen, action, target, value in diary[first_paid : first_paid + 6]:
    print(f"  saw {'01.'[seen]}, took {names[action]:7}: towards {target:.2f}, now Q = {value:.3f}")

# %% tags=["figure"]
plots.heatmap(
    {f"after {n} steps": tables[n] for n in MARKS},
    xlabel="action: left 0 1 -, right 0 1 -",
    ylabel="seen: 0, 1, blank",
    xticks=range(6),
    yticks=range(3),
    size=(11, 2.4),
    alt="The table of values after 100, 500, 2000 and 6000 steps: in the end two entries are largest, right 0 on a 0 and right 1 on a 1.",
)

# %%
assert copied == {4: 1.0, 40: 1.0}
assert np.array(copier)[:2].argmax(1).tolist() == [world.action(right, 0), world.action(right, 1)]

# %% [markdown]
# Every update is one line like those above, and nothing else was learned by. The values spread backwards: first a write that is paid has a value, then a cell from which one comes to such a cell. Trained on four symbols, the table copies
# forty: a table of what is *seen* knows no length. With fewer steps it depends on luck. Five seeds:


# %%
def seeds_copied(steps, seeds=5):
    """The shares of words of 40 symbols copied, by seed."""
    tables = [q_learn(TapeWorld("copy", 4), steps, seed, explore=0.5) for seed in range(seeds)]
    return [share_right(TapeWorld("copy"), best_of(table), 40) for table in tables]


by_steps = {steps: seeds_copied(steps) for steps in (500, 2000, 6000)}
print("words of 40 right:", by_steps)

# %%
assert min(by_steps[2000]) == 0 and max(by_steps[2000]) == 1 and by_steps[6000] == [1.0] * 5
failed = q_learn(TapeWorld("copy", 4), 2000, seed=by_steps[2000].index(0), explore=0.5)
taken = [best_of(failed)(symbol) for symbol in (0, 1)]
assert any(action == world.action(0, symbol) for symbol, action in enumerate(taken))
assert set(by_steps[2000]) == {0, 1}

# %% [markdown]
# After 2,000 steps a seed copies every word or none. In the one that fails a single entry decides: to write the right symbol and step back still looks better than to step on.
#
# ## 4 · A network in place of the table
#
# A table has a row for everything that can be seen. Let the head see *pictures*: the symbols 0 to 4, each time another handwritten digit of 8 by 8 pixels. Hardly a picture comes twice. A network takes the table's place, a picture
# in and 12 values out: a *deep Q-network* (Mnih et al. 2015). Three things make it learn:
#
# - the loss is the squared correction, with the target held fixed;
# - **replay**: steps are kept, and each update draws 32 of them from the last 5,000, so that neighbours in time do not pull together;
# - a **target network**, a copy that is renewed every 100 updates, says what the next cell promises: the target does not run away from its own correction.


# %%
def load_pictures():
    """Pixels of all digits 0 to 4 and of the blank, and where each digit's pictures are: to learn, held out."""
    digits = load_digits(n_class=5)
    pixels_N = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16
    places = [np.flatnonzero(digits.target == k) for k in range(5)]
    blank = torch.zeros(1, 64)
    return torch.cat([pixels_N, blank]), [p[:140] for p in places], [p[140:] for p in places]


pixels_N, by_digit, held_out = load_pictures()


def picture(symbol, rng, which):
    """A row of `pixels_N` that shows a symbol; the last is the blank's."""
    return int(rng.choice(which[symbol])) if symbol < len(which) else -1


# %% [markdown]
# The labels choose which picture the tape shows, and the network never sees them.


# %%
def q_loss(online, target, batch, gamma=0.5):
    """The mean squared correction over a batch of steps."""
    seen_B, action_B, reward_B, then_B, over_B = map(torch.tensor, zip(*batch, strict=True))
    with torch.no_grad():
        ahead_B = target(pixels_N[then_B]).max(1).values
        wanted_B = reward_B + gamma * ahead_B * (~over_B)
    value_B = online(pixels_N[seen_B]).gather(1, action_B[:, None])[:, 0]
    return F.mse_loss(value_B, wanted_B)


# %%
def q_networks(seed, symbols):
    """A network of 64 hidden units, its target network, and what lowers its loss."""
    torch.manual_seed(seed)
    online, target = (
        nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2 * symbols + 2)) for _ in "ab"
    )
    return online, target, torch.optim.Adam(online.parameters(), 2e-3, fused=True)


# %%
def deep_q(seed, steps=6000, replay=5000, renew=100, symbols=5):
    """A network that learns to copy pictures by reward, and how many digits it reads on the way."""
    online, target, adam = q_networks(seed, symbols)
    rng, draws, kept, read = random.Random(seed), np.random.default_rng(seed), [], []
    world = TapeWorld("copy", 5, base=symbols)
    seen = picture(world.reset(seed=seed)[0], draws, by_digit)
    for step in range(steps):
        curious = rng.random() < max(0.1, 1 - 2 * step / steps)
        action = rng.randrange(2 * symbols + 2) if curious else best_by(online, seen)
        symbol, reward, over, cut, _ = world.step(action)
        then = picture(symbol, draws, by_digit)
        kept[step % replay : step % replay + 1] = [(seen, action, reward, then, over)]
        descend(adam, q_loss(online, target, rng.choices(kept, k=32)))
        if step % renew == 0:
            target.load_state_dict(online.state_dict())
        seen = picture(world.reset()[0], draws, by_digit) if over or cut else then
        if (step + 1) % 500 == 0:
            read.append(digits_read(online))
            print(f"\rstep {step + 1}: {read[-1]:.0%} read", end="")
    return online, read


# %%
def best_by(network, seen):
    """The action of the largest value."""
    with torch.no_grad():
        return int(network(pixels_N[seen]).argmax())


def digits_read(network):
    """The share of held-out pictures at which it writes the right digit and moves right."""
    right = []
    for digit, places in enumerate(held_out):
        action_N = network(pixels_N[places]).argmax(1)
        right += (action_N == 6 + digit).tolist()
    return sum(right) / len(right)


def descend(optimizer, loss):
    """One update."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %% [markdown]
# **Predict.** Every paid step says "that was a 7, and you said 7". What share of held-out digits will it read after 6,000 steps?

# %%
my_share_read = None

# %%
_, read = deep_q(0, steps=6000)

# %%
NETWORK = recorded.load("lesson14_network")
WAYS = {
    "replay and target": {},
    "no replay": {"replay": 1},
    "no target network": {"renew": 1},
}
read_at_end = {name: [run["read"][-1] for run in NETWORK["runs"][name].values()] for name in WAYS}
print(
    f"live {read[-1]:.1%}, recorded {read_at_end['replay and target'][0]:.1%}; you: {my_share_read}"
)

# %% tags=["figure"]
plots.dots(
    read_at_end,
    ylabel="held-out digits read, moving on",
    xlabel=f"{NETWORK['setting']['steps']:,} steps of copying pictures",
    ylim=(0, 1.02),
    title="deep Q-network, five seeds",
)

# %%
assert min(min(values) for values in read_at_end.values()) > 0.6
middle = {name: np.median(values) for name, values in read_at_end.items()}
assert middle["no replay"] > middle["replay and target"] > middle["no target network"] - 0.1

# %% [markdown]
# By reward alone it has learned to read: with every seed more than six held-out digits of ten are written rightly, and left for the next one. (A guess among the twelve actions is right once in twelve.) **The surprise:** the two
# helpers that its inventors needed do not help here. Without replay the median is even higher, though not with every seed, and no learning rate was tuned for any of the three. Why, we can only guess: this tape's pictures come in random order anyway, and a target of one step's reward and a halved rest hardly runs away. A remedy for another
# world's illness has to be tried again in one's own.
#
# ## 5 · A gradient of one's own actions
#
# Back to section 2, now over whole episodes. A table of scores, one row for each thing seen, is the policy. An action is made likelier by as much as came after it: the weight of its
# $\nabla\log\pi$ is its return $G_t$. But 3 may be much or little. What an average action is paid here, $b(s)$, a **baseline**, may be taken away:
#
# $$\nabla J = \mathbb{E}\Bigl[\sum_t (G_t - b(s_t))\,\nabla \log \pi(a_t \mid s_t)\Bigr]\quad\text{for every } b,\quad\text{since}\quad \sum_a \pi(a)\,\nabla\log\pi(a) = \nabla \sum_a \pi(a) = 0.$$
#
# (With a discount below 1 and every step counted alike this is not quite the gradient of the discounted return. It is what is mostly done.)
#
# ### Exercise 14.3 · The policy gradient's weight (medium, 12 minutes)
#
# Write `policy_gradient(chances_BA, actions_B, returns_B, baseline_B)`: for each of B steps the gradient in its row of A scores, (B, A): the weight, times a 1 at the action less the chances.


# %% tags=["stub"]
def policy_gradient(chances_BA, actions_B, returns_B, baseline_B):
    return ...


# %% tags=["solution"]
def policy_gradient(chances_BA, actions_B, returns_B, baseline_B):
    slopes_BA = -chances_BA
    slopes_BA[np.arange(len(actions_B)), actions_B] += 1
    return slopes_BA * (returns_B - baseline_B)[:, None]


# %%
check.policy_gradient(policy_gradient)

# %% tags=["instructor"]
checks.require_passed("14.3 policy_gradient")

# %% [markdown]
# <details><summary>Hint 1</summary>The weight of a step is one number: what came after it, less what usually comes.</details>
#
# <details><summary>Hint 2</summary>The slope of log softmax in the scores is a one-hot row less the chances.</details>
#
# <details><summary>Hint 3</summary><code>np.eye(A)[actions_B] - chances_BA</code>, times the weights as a column.</details>
#
# Played and learned by the library's own version of the three exercises:


# %%
def play(world, sums, rng):
    """One episode with actions drawn from a policy's summed chances: what was seen, done and paid."""
    seen, over, cut, path = world.reset()[0], False, False, []
    while not (over or cut):
        action = min(bisect.bisect(sums[seen], rng.random()), len(sums[seen]) - 1)
        then, reward, over, cut, _ = world.step(action)
        path.append((seen, action, reward))
        seen = then
    return path


def softmax(scores):
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


# %%
def gradient_of(paths, chances, baseline, gamma=0.9):
    """The gradient in the table of scores, mean of episodes, and each step's thing seen and return."""
    seen, actions = (np.array([step[k] for path in paths for step in path]) for k in (0, 1))
    paid = [[reward for _, _, reward in path] for path in paths]
    returned = np.concatenate([check.returns.reference(rewards, gamma) for rewards in paid])
    slopes = check.policy_gradient.reference(chances[seen], actions, returned, baseline[seen])
    gradient = np.zeros_like(chances)
    np.add.at(gradient, seen, slopes / len(paths))
    return gradient, seen, returned


# %%
def reinforce(world, episodes, seed=0, rate=1.0, with_baseline=True, batch=20, grow=None):
    """A table of scores learned by its own actions, and the paid symbols of each batch's mean episode."""
    rng, paid = random.Random(seed), []
    scores = np.zeros((world.observation_space.n, world.action_space.n))
    baseline = np.zeros(len(scores))
    world.reset(seed=seed)
    for first in range(0, episodes, batch):
        if grow:
            low, high = grow
            world.unwrapped.set_length((low, low + (high - low + 1) * first // episodes))
        chances = softmax(scores)
        sums = chances.cumsum(1).tolist()
        paths = [play(world, sums, rng) for _ in range(batch)]
        gradient, seen, returned = gradient_of(paths, chances, baseline)
        scores += rate * gradient
        if with_baseline:
            for s in set(seen.tolist()):
                baseline[s] += 0.2 * (returned[seen == s].mean() - baseline[s])
        paid.append(sum(reward for path in paths for *_, reward in path) / batch)
    return scores, paid


# %% [markdown]
# How much calmer is the estimate? The same half-learned policy, one gradient per episode, with and without the baseline: the sum of the variances of its entries.

# %%
half, _ = reinforce(TapeWorld("copy", 4), 200, seed=0)
chances = softmax(half)
sums, rng, four = chances.cumsum(1).tolist(), random.Random(1), TapeWorld("copy", 4)
four.reset(seed=1)
episodes = [play(four, sums, rng) for _ in range(3000)]
seen_N, returned_N = gradient_of(episodes, chances, np.zeros(3))[1:]
usual = np.array([returned_N[seen_N == s].mean() if (seen_N == s).any() else 0 for s in range(3)])
noise = {
    name: np.var([gradient_of([path], chances, b)[0] for path in episodes], axis=0).sum()
    for name, b in (("without", np.zeros(3)), ("with", usual))
}
print(f"variance without baseline {noise['without']:.2f}, with {noise['with']:.2f}")

# %%
curves = {
    name: np.array(
        [reinforce(TapeWorld("copy", 4), 1000, seed, with_baseline=on)[1] for seed in range(5)]
    )
    for name, on in (("with baseline", True), ("without", False))
}
gradient_copied = [
    share_right(
        TapeWorld("copy"), best_of(reinforce(TapeWorld("copy", 4), 1000, s)[0].tolist()), 40
    )
    for s in range(5)
]
print("words of 40 right, five seeds:", gradient_copied)

# %% tags=["figure"]
plots.lines(
    np.arange(1, 51) * 20,
    curves,
    xlabel="episodes",
    ylabel="symbols paid, of 4",
    title="copy by policy gradient, five seeds",
    legend="lower right",
    alt="Symbols paid for by episodes, each seed a thin line: all seeds come close to 4 with and without the baseline.",
)

# %%
ratio = noise["without"] / noise["with"]
assert ratio > 1.3
assert gradient_copied == [1.0] * 5
sooner = {name: (np.median(values, 0) > 3.5).argmax() for name, values in curves.items()}
assert all(values[:, -10:].mean() > 3.8 for values in curves.values())
assert sooner["with baseline"] >= sooner["without"]

# %% [markdown]
# The baseline takes a good part of the noise away, and the gradient's average stays as it is. On this easy task both learn, in a thousand episodes, with all five seeds, and the calmer one no sooner: here other things than noise decide.
#
# ## 6 · Tasks that need a memory
#
# To reverse a word, walk to its end first, and write on the way back. On a 1, in the middle: write or walk? What is *seen* does not say; the agent has to remember something. We give it a memory, of three kinds:
#
# | memory | what it holds |
# |---|---|
# | end | the end of the tape it met last: none, left or right |
# | note | one bit that the agent writes to itself with each action, and reads in the next step |
# | move, seen | its last move, and the symbol of the step before |
#
# The first is our own idea: whoever chooses it has solved half of the task. The second leaves everything to the agent. With a memory the table is a finite automaton that drives a head (lesson 06).
#
# **Predict.** With which memory will it learn to reverse with more of five seeds: with the end, or with a note of its own?

# %%
my_memory = None

# %%
CASES = {
    "reverse, end": {"task": "reverse", "keeps": ["end"]},
    "reverse, end, growing": {"task": "reverse", "keeps": ["end"], "grow": [2, 4]},
    "reverse, end, 2 symbols": {"task": "reverse", "keeps": ["end"], "base": 2},
    "reverse, note": {"task": "reverse", "keeps": [], "notes": 2},
    "repeat, end": {"task": "repeat", "keeps": ["end"]},
    "repeat, end, growing": {"task": "repeat", "keeps": ["end"], "grow": [2, 4]},
    "sum, move, seen, note": {"task": "sum", "keeps": ["move", "seen"], "notes": 2, "base": 2},
}
LONG = 40


# %%
def new_world(task, keeps, notes=1, base=5, lengths=(2, 4)):
    """A tape and its agent's memory."""
    return Memory(TapeWorld(task, lengths, base), keeps, notes)


def learn_case(seed, steps=300_000, episodes=60_000, method="table", grow=None, **case):
    """The shares of whole words right at 4 and at 40 symbols, and the steps in the world."""
    world, other = new_world(**case), new_world(**case)
    if method == "table":
        table = q_learn(world, steps, seed, grow=grow)
    else:
        table = reinforce(world, episodes, seed, rate=5.0, grow=grow)[0].tolist()
    return {
        "right": [share_right(other, best_of(table), n) for n in (4, LONG)],
        "table": np.argmax(table, 1).tolist(),
    }


# %% [markdown]
# One of them live, with one seed, in a few seconds; all of them, by both methods and with five seeds each, are recorded (`python -m course.workshop.recorded_runs.lesson14`: about six minutes of one core).

# %%
print("reversing with the end in memory ...")
reversing = learn_case(0, **CASES["reverse, end"])
TASKS = recorded.load("lesson14_tasks")
at_length = {
    f"{title}, {length} symbols": {
        name: [run["right"][k] for run in TASKS["runs"][f"{method}: {name}"].values()]
        for name in CASES
    }
    for method, title in (("table", "Q-learning"), ("gradient", "policy gradient"))
    for k, length in enumerate((4, LONG))
}
print("live:", reversing["right"], "· you:", my_memory)

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(11, 3.6), sharey=True)
for ax, title in zip(axes, ("Q-learning", "policy gradient"), strict=True):
    plots.strip(ax, at_length[f"{title}, {LONG} symbols"], rows=True)
    ax.set(
        xlabel=f"whole words of {LONG} symbols right",
        ylabel="task, memory",
        title=title,
        xlim=(-0.05, 1.05),
    )
plots.show(
    fig,
    alt="Share of whole words of 40 symbols right, one dot per seed. Q-learning: "
    + plots.medians(at_length[f"Q-learning, {LONG} symbols"])
    + " By policy gradient all seeds of all tasks are at 0.",
)


# %%
def solved(method, name):
    """How many of five seeds get every word of 40 symbols right."""
    return sum(run["right"][1] == 1 for run in TASKS["runs"][f"{method}: {name}"].values())


count = {name: solved("table", name) for name in CASES}
print("seeds that are right on all words of 40, of 5:", count)
assert count["reverse, end"] == count["reverse, end, growing"] == 5
assert count["reverse, note"] == count["sum, move, seen, note"] == 0
assert 0 < count["reverse, end, 2 symbols"] < 5
assert 0 < count["repeat, end"] < 5 and 0 < count["repeat, end, growing"] < 5
assert not any(solved("gradient", name) for name in CASES)

# %% [markdown]
# What learns, learns exactly: trained on 2 to 4 symbols and right on every word of 40, ten times as long. And what fails, fails wholly. With the end in memory, the table reverses with every seed, and repeats with some; whether the words grow
# (the curriculum of lesson 08) decides nothing here. With a note of its own it never reverses: to find out what a note is good for, it would have to write it, heed it and be paid for it, all by chance. Sums fail with every seed, and the policy
# gradient fails at all of these tasks: it learned to copy, where a table row can be improved by itself. With two symbols in place of five, reversing is learned with some seeds only. Our guess: of two symbols every other guess is right, so that writing at once pays a little, and soon.
#
# ## 7 · Why does it loop?
#
# A table that is nearly right can fail in a way of its own: it neither errs nor ends. Here is a table that reverses, set by hand, with *one* wrong entry. An agent that takes the best of a table does the same thing in the same place; so
# once column, memory and what is written have all come before, it will go round for ever.

# %%
world = Memory(TapeWorld("reverse", base=2), ["end"])
table = {}
for end in range(3):
    for symbol in range(3):
        back = end == 2
        table[3 * end + symbol] = world.tape.action(0 if back else 1, symbol if back else None)
spoilt = {**table, 3 * 2 + 1: world.tape.action(1)}


def path_of(world, table, word):
    """The places (column, end met, how much is written) of an episode, and whether it was cut off."""
    seen, _ = world.reset(options={"word": word})
    places, over, cut = [], False, False
    while not (over or cut):
        places.append((world.tape.column, world.kept["end"], len(world.tape.written)))
        seen, _, over, cut, _ = world.step(table[seen])
    return places, cut


# %%
paths = {word: path_of(world, spoilt, word) for word in ((0, 0, 0), (1, 1, 0), (0, 0, 1))}
for word, (places, cut) in paths.items():
    print(word, "cut off" if cut else "ended", "after", len(places), "steps:", places[:7], "...")

# %%
assert not path_of(world, table, (0, 0, 1))[1] and [cut for _, cut in paths.values()] == [0, 0, 1]

# %% [markdown]
# ### Exercise 14.4 · Find the loop (medium, 12 minutes)
#
# Write `find_loop(path)` for a list of places: `(first, steps)`, where `first` is the earliest step whose place comes again, and `steps` how many steps it takes until then. If no place comes twice: `None`. Read off the loop which entry
# of the table is wrong.


# %% tags=["stub"]
def find_loop(path):
    return ...


# %% tags=["solution"]
def find_loop(path):
    met = {}
    for step, place in enumerate(path):
        if place in met:
            return met[place], step - met[place]
        met[place] = step
    return None


# %%
check.find_loop(find_loop)

# %% tags=["instructor"]
checks.require_passed("14.4 find_loop")

# %% [markdown]
# <details><summary>Hint 1</summary>Keep the step at which each place was met first.</details>
#
# <details><summary>Hint 2</summary>A dictionary from places to steps; before a place goes in, ask whether it is there.</details>
#
# <details><summary>Hint 3</summary><code>if place in met: return met[place], step - met[place]</code>.</details>
#
# The wrong entry is the one that answers, at one of the loop's places, with the move away from the goal: on a 1, after the right end, the head goes right again, meets the blank, turns back, and sees the same 1. (A 1 further left sends it back onto a symbol that is written already: an error, and so an end.)

# %%
first, steps = check.find_loop.reference(paths[(0, 0, 1)][0])
loop = paths[(0, 0, 1)][0][first : first + steps]
assert steps == 2 and {column for column, *_ in loop} == {2, 3}
assert {end for _, end, _ in loop} == {2} and {k for *_, k in loop} == {0}

# %% [markdown]
# ## 8 · The same task, three ways
#
# Copying, by soft addresses (lesson 06), by local rules (lesson 08) and by reward. The numbers are those of the recordings, of the shipped weights' card and of section 3; the words differ: 8 bits a row there, 8 and here 2 symbols.

# %%
SOFT = recorded.load("lesson06_copy")["runs"]["the recipe"].values()
LOCAL, CARD = RECIPES["copy"], pretrained.load("copy").card
per_update = [
    (phase.per_update or len(phase.bins)) * LOCAL.batch_size
    for phase in LOCAL.phases
    for _ in range(phase.updates)
]
soft_updates = np.median([run["updates"] for run in SOFT])  # of 64 sequences each
words_read = sum(per_update[: CARD["updates"]])
needed = {
    "soft addresses": (
        f"{soft_updates * 64:,.0f} sequences",
        "every bit",
        f"{soft_updates:,.0f}",
    ),
    "local rules": (f"{words_read:,} words", "every symbol", f"{CARD['updates']:,}"),
    "reward": (f"{len(diary):,} steps", "none: right or wrong", f"{len(diary):,}"),
}

# %% tags=["figure"]
print(f"{'way':16}{'seen':20}{'told':24}updates")
for way, (examples, told, updates) in needed.items():
    print(f"{way:16}{examples:20}{told:24}{updates}")

# %% [markdown]
# Reward needed the most updates, though each changed only one of 18 numbers, and no right answer was shown. Nor is this a race: the words, the lengths and the sizes of what is learned differ. The hard head copies by a rule of two table rows;
# soft addresses and local rules had to learn where to look, with thousands of weights. Lesson 08's recipe learns to reverse as it learns to copy; our table needed a memory that we chose. And this world paid symbol by symbol. Paid only for whole words, a first success would have to be luck: for a word of n symbols
# an agent that draws among six actions copies it at once with a chance of $6^{-n}$.

# %%
chance_of_luck = 6.0**-4
assert chance_of_luck < 1 / 1000
assert soft_updates < CARD["updates"] < len(diary) and np.size(copier) == 18
for card in map(pretrained.load, ("copy", "reverse")):  # both are right at 400 symbols
    assert card.card["measured"][1]["sequence_accuracy"] == 1

# %% [markdown]
# > **What this is the seed of.** Mnih et al. (2015) let one architecture play 49 Atari games from pixels: a convolutional network for our one hidden layer, 50 million frames for each game, a replay of a million frames. Policy gradients
# > with baselines, learned networks there, had a part in playing Go (Silver et al. 2016); a data centre's air was regulated by an agent after a few hours of exploring (Lazic et al. 2018). What those had and this lesson has not: frames and computers by the million
# > and by the rack, simulators, play against oneself and planning by search in the games; in the data centre a learned *model* of the world, by which it plans, and limits that keep exploring safe. What they share with it: somebody chose what is paid, and that is what is learned.
#
# ## Recap
#
# A hard choice has no slope; the average over drawn choices has one, and it can be estimated from rewards alone. A table of values learns by correcting each number towards what was paid and what the next cell promises, and a network can stand in for it.
# Copying was easy, and what needs a memory was not: there it mattered more what the agent could remember than how it was taught.

# %%
quiz(
    "Why does back-propagation find nothing at an argmax?",
    "A small change of the scores changes no choice",
    ("The reward is unknown", "Even a known reward depends on the scores in steps."),
    ("The scores are too large", "Their size does not matter."),
    why="Flat almost everywhere, and a jump elsewhere: the slope is 0 or there is none.",
)

# %%
quiz(
    "A baseline is taken from every return. What changes?",
    "The noise of the gradient, not its average",
    ("Its average, not its noise", "The chances sum to 1, so a constant weight averages to 0."),
    ("Neither", "Returns nearer to 0 make smaller, calmer products."),
    why="The score function has mean 0, so any number that does not depend on the action is free.",
)

# %%
quiz(
    "What is the target of a Q-update at the end of an episode?",
    "The reward alone",
    ("The reward and the next row's best", "There is no next step to be paid for."),
    ("Zero", "The last reward has still been paid."),
    why="Nothing follows the end; whoever adds the next word's first value there mixes two episodes.",
)

# %% [markdown]
# **Sources.** Hard heads by reward: Zaremba, Sutskever, arXiv 1505.00521; interfaces, copy, reverse, sums and Q-learning: Zaremba, Mikolov, Joulin, Fergus, arXiv 1511.07275, where right outputs were shown to the network and only the moves were
# learned by reward. REINFORCE: Williams, *Machine Learning* 8, 1992. Q-learning: Watkins, thesis, Cambridge, 1989. Deep Q-network: Mnih et al., *Nature* 518, 2015. Go: Silver et al., *Nature* 529, 2016. A data centre: Lazic et al., NeurIPS 2018. Penalties for wrong symbols, which `TapeWorld` knows and the lesson leaves at 0, are those of OpenAI Gym's algorithmic tasks.
#
# **Next.** Lesson 09 shows how far the local rules go. And write a world of your own: `TapeWorld` takes fewer than 200 lines.

# %%
print(f"this lesson took {time.perf_counter() - began:.0f} s")
