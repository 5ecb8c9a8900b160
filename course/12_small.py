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
# # 12 · Small

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **How few bits, how few weights, how few joules?**
#
# A weight takes 32 bits because processors are built that way, and a network has as many as somebody once wrote down. How much of that does it need? Bits are taken away first, after training and
# in training; then weights; then whole networks, five of which teach one. At the end a balance: what does it buy in bytes and in time, measured?
#
# After this lesson you can
#
# 1. train with weights of one to five bits, and say what of the gain is due to training and what to a better grid;
# 2. thin a network by size and by structure, against controls thinned at random and built small;
# 3. measure what it buys, on disk and in time, and name what was only counted.
#
# *Before:* lessons 01, 03, 09 and 11. *Time:* 90 minutes of yours. With scikit-learn's small digits in place of MNIST everything here runs as well; what was recorded stays MNIST's. One section wants
# more packages (`pip install "ngpu-lib[small]"`) and says what it leaves out without them.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import copy
import logging
import time
import warnings
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.torch import load_file, save_file
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

# %% [markdown]
# From the library, what the lessons before have built:

# %%
from ngpu_lib import checks, plots, pretrained, recorded
from ngpu_lib.baselines import MLP, ConvNet
from ngpu_lib.callbacks import ClipGradient, Schedule, one_cycle
from ngpu_lib.cells import Reader
from ngpu_lib.checks import lesson12 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.data import load_mnist
from ngpu_lib.images import ImageBatches, accuracy, image_loss, predict
from ngpu_lib.losses import SequenceLoss, answers
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.page import page_network
from ngpu_lib.quantise import fake_quantise, pack, round_to_grid, straight_through, unpack
from ngpu_lib.train import train
from ngpu_lib.widgets import DrawDigit

# %% [markdown]
# The images, and those that judge:

# %%
began = time.process_time()
mnist = load_mnist()
if not mnist.is_real:
    print("The text speaks of the real MNIST; with these digits some of it is different.")
held = min(5000, len(mnist.train_labels_B) // 4)
judged_by = mnist.train_images_BHW[-held:], mnist.train_labels_B[-held:]
pool = mnist.train_images_BHW[:-held], mnist.train_labels_B[:-held]

# %% [markdown]
# ## 1 · Eight weights in three bytes
#
# Lesson 03 quantised: b bits are $2^b-1$ evenly spaced numbers, 0 among them. Eight weights by hand, in three bits:

# %%
row = torch.tensor([0.9, -0.31, 0.16, 0.02, -0.55, 0.4, -0.1, 0.74])
step = row.abs().max() / 3
numbers = (row / step).round().int()  # -3 .. 3
for weight, number in zip(row.tolist(), numbers.tolist(), strict=True):
    print(f"{weight:5.2f} -> {number:2d} steps of {step:.2f} -> {number * step:5.2f}")
assert torch.allclose(numbers * step, round_to_grid(row, 3))

# %% [markdown]
# Rounded or not, PyTorch keeps them as 32-bit numbers, and nothing is saved yet. To save something the bits have to be *packed*: number + 3 lies from 0 to 6, three bits, one after the other without a gap.
# Eight times three bits are three bytes in place of 32.
#
# ### Exercise 12.1 · Pack (medium, 12 minutes)
#
# Write `packed(codes, bits)`: whole numbers of `bits` bits each, as a list of bytes (0 to 255). All bits stand in one row, the lowest bit of the first number first; each eight of them
# make a byte, the first of the eight the lowest. What is missing in the last byte is 0.
#
# <details><summary>Hint 1</summary>Make the row of bits first, over all numbers; cut it into eights afterwards.</details>
# <details><summary>Hint 2</summary>Bit j of a number is <code>code &gt;&gt; j &amp; 1</code>; a byte is the sum of bit &lt;&lt; j over its eight bits.</details>
# <details><summary>Hint 3</summary><code>row = [code &gt;&gt; j &amp; 1 for code in codes for j in range(bits)]</code>, then for each k in range(0, len(row), 8) the sum over <code>enumerate(row[k:k + 8])</code>.</details>


# %% tags=["stub"]
def packed(codes, bits):
    return ...


# %% tags=["solution"]
def packed(codes, bits):
    row = [code >> j & 1 for code in codes for j in range(bits)]
    return [sum(bit << j for j, bit in enumerate(row[k : k + 8])) for k in range(0, len(row), 8)]


# %%
check.packed(packed)

# %% tags=["instructor"]
checks.require_passed("12.1 packed")

# %% [markdown]
# The eight weights, and the library's version of it, which also unpacks:

# %%
codes = numbers + 3
print("yours:", checks.attempt(packed, codes.tolist(), 3), " library:", pack(codes, 3).tolist())
assert pack(codes, 3).tolist() == check.packed.reference(codes.tolist(), 3)
assert len(pack(codes, 3)) == 3 and torch.equal(unpack(pack(codes, 3), 3, 8), codes.long())

# %% [markdown]
# One grid serves the whole tensor, so its largest weight decides for all.
#
# ### Exercise 12.2 · The spoiler (medium, 8 minutes)
#
# All weights of a tensor lie between -1 and 1. One more is added, of size x, and the largest ends the grid. Write `spoiler(bits)`: the size x beyond which *every* other weight is rounded to 0, whatever it was.
#
# <details><summary>Hint 1</summary>A weight becomes 0 when it is smaller than half a step.</details>
# <details><summary>Hint 2</summary>The step is x over the steps on each side of zero, of which there are 2**(bits - 1) - 1.</details>
# <details><summary>Hint 3</summary>Half a step is 1: solve x / (2 * (2**(bits - 1) - 1)) = 1.</details>


# %% tags=["stub"]
def spoiler(bits):
    return ...


# %% tags=["solution"]
def spoiler(bits):
    return 2 * (2 ** (bits - 1) - 1)


# %%
check.spoiler(spoiler)

# %% tags=["instructor"]
checks.require_passed("12.2 spoiler")

# %% [markdown]
# So the grid should not end at the largest weight at any price. Of ten ends, take the one with the least squared error: what lies beyond is clipped.
#
# A single bit has no 0: it is a sign, times the mean size of the tensor (Rastegari et al. 2016, who take a mean for each filter).


# %%
def best_limit(values, bits):
    """The end of the grid with the least squared error, of ten."""
    top = values.abs().max().item()
    error = lambda limit: (round_to_grid(values, bits, limit) - values).square().sum().item()
    return min((top * k / 10 for k in range(1, 11)), key=error)


def on_grid(values, bits, limit=best_limit):
    """Values of so many bits; one bit is a sign and a mean size."""
    if bits == 1:
        return values.sign() * values.abs().mean()
    return round_to_grid(values, bits, limit and limit(values, bits))


# %% [markdown]
# Two hundred weights of size at most 1, and one just beyond the spoiler:

# %%
spoilt = torch.cat([torch.linspace(-1, 1, 200), torch.tensor([1.01 * check.spoiler.reference(3)])])
ends = {"largest": round_to_grid(spoilt, 3), "least error": on_grid(spoilt, 3)}
print({name: f"{int((seen == 0).sum())} of 201 are 0" for name, seen in ends.items()})
assert (ends["largest"][:-1] == 0).all() and (ends["least error"][:-1] == 0).sum() < 100

# %% [markdown]
# ## 2 · A digit reader, rounded afterwards
#
# Lesson 01's `ConvNet`, 200 updates of 64 images: not a quarter of MNIST's training images are seen in that time. 5,000 of them it never sees; by these it is judged. Rounded are its matrices and kernels. What is left,
# biases and batch norms, is one number in eighty.


# %%
def weights_of(network):
    """The matrices and kernels by name: nearly all numbers of a network."""
    return {name: weight for name, weight in network.named_parameters() if weight.ndim > 1}


def rounded(network, bits, limit=best_limit):
    """A copy whose weights have so many bits each."""
    coarse = copy.deepcopy(network)
    with torch.no_grad():
        for weight in weights_of(coarse).values():
            weight.copy_(on_grid(weight, bits, limit))
    return coarse


# %% [markdown]
# Training, as in the lessons before:


# %%
def fit(
    network, images_BHW, labels_B, seed=0, loss=image_loss, updates=200, lr=1e-2, after=None, **more
):
    """Train on one cycle of the learning rate; `after(network)` runs after every update."""
    batches = ImageBatches(images_BHW, labels_B, 64, seed=seed)
    adam = torch.optim.Adam(network.parameters(), fused=True)
    callbacks = [Schedule(one_cycle(lr, updates))]
    settings = {"updates": updates, "seed": seed, "callbacks": callbacks, "progress": False} | more
    for _ in train(network, batches, loss, adam, **settings):
        if after:
            after(network)
    return network.eval()


# %%
@cache
def read_digits(seed, bits=None, activation_bits=None):
    """A trained conv net; with `bits` its weights had no more of them in any update."""
    torch.manual_seed(seed)
    network = short(ConvNet(), activation_bits).to(device)
    told = f"reader in {bits or 32} bits, seed {seed}"
    return fit(network, *pool, seed, loss_in(bits) if bits else image_loss, progress=told)


def share_read(network):
    """Held-out accuracy in per cent."""
    return 100 * accuracy(network, *judged_by)


# %% [markdown]
# (`short` and `loss_in` come in section 3; without bits they do nothing.)


# %%
class ShortReLU(nn.Module):
    """ReLU on 2**bits levels from 0 to 4."""

    def __init__(self, bits):
        super().__init__()
        self.bits = bits

    def forward(self, x):
        return straight_through(x.clamp(0, 4), self.bits + 1, 4.0)


def short(network, bits):
    """The network with ReLUs of so many bits, in place; None changes nothing."""
    for k, layer in enumerate(network.layers if bits else ()):
        if isinstance(layer, nn.ReLU):
            network.layers[k] = ShortReLU(bits)
    return network


# %%
def few_bits(values, bits):
    """Values on their grid, with a gradient as if nothing had been rounded."""
    return values + (on_grid(values.detach(), bits) - values).detach()


def loss_in(bits):
    """The loss of the rounded network; what is trained are the weights behind it."""

    def loss(network, batch):
        coarse = {name: few_bits(weight, bits) for name, weight in weights_of(network).items()}
        return image_loss(lambda images: functional_call(network, coarse, (images,)), batch)

    return loss


# %% [markdown]
# **Predict.** From 98.8 %: what does it read when every weight has three bits? Two? One?

# %%
my_three_bits, my_two_bits, my_one_bit = None, None, None

# %%
exact = read_digits(0)
whole = weights_of(exact)
share_rounded = sum(w.numel() for w in whole.values()) / sum(w.numel() for w in exact.parameters())
print(f"exact {share_read(exact):.1f} %, {share_rounded:.1%} of its numbers are rounded")
print(f"you: {my_three_bits}, {my_two_bits}, {my_one_bit}; with the grid's end at the")
by_end = {}
for name, limit in {"largest weight": None, "least error": best_limit}.items():
    by_end[name] = {bits: share_read(rounded(exact, bits, limit)) for bits in (1, 2, 3, 4, 5)}
    print(f"  {name}:", {bits: f"{value:.1f}" for bits, value in by_end[name].items()})
assert share_rounded > 79 / 80
two = by_end["least error"][2], by_end["largest weight"][2]
assert not mnist.is_real or (two[0] > 80 > two[1] and two[0] > two[1] + 10)

# %% [markdown]
# Two bits with the usual grid ruin the network; two bits with another end of the grid leave it most of what it reads. Nothing was trained for that: the network is the same, and the numbers on its grid are three in both cases.
#
# There is a second cause, and it is no fault of the weights either. A batch norm keeps the mean and deviation of each map, counted in training. Rounded weights make *other* maps, and the old counts no longer fit. So count anew,
# with 1,000 images and no label:


# %%
def recount(network):
    """A copy whose batch norms count their means and deviations anew, on images without labels."""
    network = copy.deepcopy(network).train()
    for norm in network.layers:
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches
    with torch.no_grad():
        for images_BHW in pool[0][:1000].split(100):
            network(images_BHW.to(device).float() / 255)
    return network.eval()


# %%
again = {bits: share_read(recount(rounded(exact, bits))) for bits in (1, 2, 3)}
print("batch norm recounted:", {bits: f"{value:.1f}" for bits, value in again.items()})
assert not mnist.is_real or again[1] > by_end["least error"][1] + 5

# %% [markdown]
# A single bit a weight, never trained for it, and well over nine digits in ten are read right. That is the opponent for what follows.
#
# ## 3 · Straight through
#
# **The idea.** Round in every update, and let training get used to it. But a rounded weight is flat: a small change changes nothing, so its gradient is 0. Keep the exact weight *behind* the rounded one (Courbariaux et al. 2015). The network sees
# the rounded, the gradient goes *straight through* to the exact (Bengio et al. 2013, who do so for the outputs of random binary units):
#
# $$\hat w=q(w),\qquad w\leftarrow w-\alpha\,\frac{\partial \mathcal L}{\partial\hat w}$$
#
# | symbol | meaning |
# |---|---|
# | $w$, $\hat w$ | the *hidden weight*, 32 bits, and what the network sees of it |
# | $q$ | rounding to the grid |
#
# This gradient is not the derivative of anything. It works because w adds up many updates, each far smaller than a step of the grid. As a plain loop, with one weight that should become 0.3 on a grid of whole tenths:

# %%
w, seen = 0.0, []
for _ in range(20):
    w_hat = round(w, 1)
    w = w - 0.05 * 2 * (w_hat - 0.3)  # the slope at the rounded weight
    seen.append(w_hat)
print(seen, f"behind it {w:.2f}")
assert seen[0] == 0 and seen[-1] == 0.3

# %% [markdown]
# ### Exercise 12.3 · Straight through (medium, 12 minutes)
#
# Write `straight_through_yours(values, bits, limit)`: the values clipped to ±limit and rounded to the nearest of $2^b-1$ numbers from -limit to limit; and the gradient of the result in the values is 1, everywhere.
#
# <details><summary>Hint 1</summary>Rounding first: step = limit / (2**(bits - 1) - 1), clamp, divide, round, multiply.</details>
# <details><summary>Hint 2</summary><code>x.detach()</code> has the value of x and no gradient. Which sum has the value of the rounded, and the gradient of the values?</details>
# <details><summary>Hint 3</summary><code>values + (coarse - values).detach()</code></details>


# %% tags=["stub"]
def straight_through_yours(values, bits, limit):
    return ...


# %% tags=["solution"]
def straight_through_yours(values, bits, limit):
    step = limit / (2 ** (bits - 1) - 1)
    coarse = torch.round(values.clamp(-limit, limit) / step) * step
    return values + (coarse - values).detach()


# %%
check.straight_through(straight_through_yours)

# %% tags=["instructor"]
checks.require_passed("12.3 straight_through")

# %% [markdown]
# The library's version gives the same, in value and in gradient; below the staircase and, dashed, what the gradient takes it for.

# %%
values = torch.linspace(-1.5, 1.5, 301, requires_grad=True)
outputs = straight_through(values, 3, 1.0)
(slope,) = torch.autograd.grad(outputs.sum(), values)
assert torch.allclose(outputs, check.straight_through.reference(values, 3, 1.0), atol=1e-6)
assert (slope == 1).all()

# %% tags=["figure"]
x = values.detach().numpy()


def draw(ax, rounded_values):
    plots.curves(
        ax, x, {"rounded": rounded_values}, xlabel="hidden weight", ylabel="what the network sees"
    )
    ax.plot(x, x, "k--", lw=1)


plots.compare(
    draw,
    outputs,
    checks.attempt(straight_through_yours, values.detach(), 3, 1.0),
    alt="A staircase of seven numbers from -1 to 1, and the straight line that the gradient follows; the target and yours.",
)

# %% [markdown]
# `loss_in(bits)` above does this to all weights of a network at once. Two bits, live, beside an honest shortcut: without hidden weights, rounding the weights themselves after every update.

# %%
coarse_reader = rounded(read_digits(0, 2), 2)
torch.manual_seed(0)
forgetful = rounded(ConvNet().to(device), 2, None)
begin = {name: w.detach().clone() for name, w in weights_of(forgetful).items()}
top = {name: w.abs().max().item() for name, w in begin.items()}


@torch.no_grad()
def round_for_good(network):
    for name, w in weights_of(network).items():
        w.copy_(round_to_grid(w, 2, top[name]))


forgetful = fit(forgetful, *pool, updates=100, after=round_for_good)
moved = sum(int((w != begin[name]).sum()) for name, w in weights_of(forgetful).items())

# %%
two_bits = {"in training": share_read(coarse_reader), "afterwards, recounted": again[2]}
print({name: f"{value:.1f} %" for name, value in two_bits.items()})
print(
    f"without hidden weights {moved} of {sum(w.numel() for w in begin.values())} weights have moved"
)
assert all(len(w.unique()) <= 3 for w in weights_of(coarse_reader).values())
assert moved < 300

# %% [markdown]
# **What happened.** Without hidden weights hardly any of 29,000 weights moves: an update is smaller than half a step, and rounding undoes it. With them two bits read nearly what 32 do.
#
# **Evidence over seeds, one to five bits.** Four ways, all recorded (`python -m course.workshop.recorded_runs.lesson12 --part digits`).


# %%
def ways_of_rounding(seed, bits):
    """Held-out accuracy in per cent, four ways to so many bits."""
    exact = read_digits(seed)
    afterwards = rounded(exact, bits)
    return {
        "afterwards, largest weight ends the grid": share_read(rounded(exact, bits, None)),
        "afterwards, least error ends it": share_read(afterwards),
        "the same, batch norm recounted": share_read(recount(afterwards)),
        "in training": share_read(rounded(read_digits(seed, bits), bits)),
    }


# %%
def by_bits(name):
    """A recording as way -> seeds by bits, and its bits."""
    runs = recorded.load(f"lesson12_{name}")["runs"]
    bits = [key for key in runs if key.isdigit() and int(key) < 32]
    ways, seeds = list(runs[bits[0]]["0"]), list(runs[bits[-1]])
    found = {way: np.array([[runs[b][s][way] for b in bits] for s in seeds]) for way in ways}
    return found, [int(b) for b in bits]


digits, BITS = by_bits("digits")
exact_S = np.array(
    [run["exact"] for run in recorded.load("lesson12_digits")["runs"]["32"].values()]
)

# %% tags=["figure"]
plots.lines(
    BITS,
    {way: 100 - values for way, values in digits.items()},
    log="y",
    xlabel="bits per weight",
    ylabel="held-out images misread, %",
    levels={"32 bits": 100 - np.median(exact_S)},
    xticks=BITS,
    yticks=(1, 2, 5, 10, 20, 50, 90),
    size=(9, 4.4),
    alt="Images misread against bits per weight, by seed. Medians of the accuracy in two bits: "
    + plots.medians({way: values[:, 1] for way, values in digits.items()}),
)

# %%
largest_end, least_error, recounted, in_training = digits.values()
assert (largest_end[:, 1] < 60).all() and (recounted[:, 1] > 97.5).all()
assert (in_training[:, 0] > recounted[:, 0] + 1).all()
assert (0 < in_training[:, 1] - recounted[:, 1]).all()
assert (in_training[:, 1] - recounted[:, 1] < 1).all()
assert (abs(np.median(in_training - recounted, 0)[2:]) < 0.3).all()
assert (in_training[:, 1:] > np.median(exact_S) - 0.7).all()

# %% [markdown]
# Three things to see. From three bits on all is well, and training with few bits gains nothing that a good grid and new counts do not. With two bits the usual way ruins the network with every seed, and the grid's end and the counts bring
# nearly all of it back; training adds less than a point. **With one bit training pays:** more than a point with every seed, 98 % with nothing but signs. Whoever compares training with the first line alone would report that it gains
# forty points and more. As in lesson 11, the opponent decides.
#
# **Activations too.** What the layers hand on can be rounded as well: ReLU on $2^b$ levels from 0 to 4, with the same trick. Weights *and* activations of one to three bits, recorded (`--part activations`):


# %%
def activations_too(seed, bits):
    """Held-out accuracy in per cent with weights and activations of so many bits."""
    afterwards = short(rounded(read_digits(seed), bits), bits)
    return {
        "afterwards": share_read(afterwards),
        "the same, batch norm recounted": share_read(recount(afterwards)),
        "in training": share_read(rounded(read_digits(seed, bits, bits), bits)),
    }


# %%
both, FEW = by_bits("activations")

# %% tags=["figure"]
plots.lines(
    FEW,
    {way: 100 - values for way, values in both.items()},
    log="y",
    xlabel="bits per weight and per activation",
    ylabel="held-out images misread, %",
    levels={"32 bits": 100 - np.median(exact_S)},
    xticks=FEW,
    yticks=(1, 2, 5, 10, 20, 50, 90),
    alt="Accuracy with weights and activations of few bits. Medians in two bits: "
    + plots.medians({way: values[:, 1] for way, values in both.items()}),
)

# %%
afterwards, recounted, in_training = both.values()
assert (in_training[:, 0] > recounted[:, 0] + 10).all() and (recounted[:, 0] < 85).all()
assert (in_training[:, 0] > 95).all() and (in_training[:, 1] > recounted[:, 1]).all()
assert (in_training[:, 2] > np.median(exact_S) - 1).all()

# %% [markdown]
# Now training pays, and much: with one bit in everything, a rounded network reads fewer than 85 images in a hundred even with new counts, and a trained one more than 95. A rounded activation is wrong in another way at every image, and no new count mends that. Then the products are of signs and of zeros and fours alone.
#
# ### See it: the same pen, two readers
#
# The exact reader beside the one rounded afterwards to two bits, the largest weight ending its grid. Draw, or begin with a digit.


# %%
def asked(network):
    """A network as the explorer asks it."""

    @torch.no_grad()
    def chances(image_HW):
        return network(torch.tensor(image_HW)[None].to(device)).softmax(1)[0].cpu().numpy()

    return chances


ruined = rounded(exact, 2, None)
pair = {"32 bits": exact, "2 bits afterwards": ruined}
networks = [
    page_network(copy.deepcopy(net).cpu(), name=n, rounding="float16") for n, net in pair.items()
]
starts_BHW = mnist.test_images_BHW[:6].float() / 255
explorer = DrawDigit(
    {name: asked(net) for name, net in pair.items()},
    starts_BHW[0],
    examples=starts_BHW,
    networks=networks,
)
explorer

# %% [markdown]
# ## 4 · Parity in few bits
#
# Lesson 03 rounded its reader afterwards: eight units that walk through a word and say at its end whether the number of ones is odd. The lecture claims that three to five bits are enough in training. The
# reader again, by its equations, so that weights and states can be rounded on the way:


# %%
def read(reader, bits_BT, weight_bits=None, state_bits=None):
    """What lesson 03's reader answers, (B,); more than 0 is odd. Rounded, where bits are given."""
    w = dict(reader.named_parameters())
    if weight_bits:
        w |= {name: few_bits(weight, weight_bits) for name, weight in weights_of(reader).items()}
    state_BH = torch.zeros(len(bits_BT), 8)
    for x_B1 in (2 * bits_BT - 1).T[..., None]:
        sum_BH = F.linear(x_B1, w["memory.weight_ih_l0"], w["memory.bias_ih_l0"])
        sum_BH = sum_BH + F.linear(state_BH, w["memory.weight_hh_l0"], w["memory.bias_hh_l0"])
        state_BH = torch.tanh(sum_BH)
        if state_bits:
            state_BH = straight_through(state_BH, state_bits, 1.0)
    return F.linear(state_BH, w["answer.weight"], w["answer.bias"])[:, 0]


# %%
def words(step, generator):
    """64 words of 1 to 10 bits."""
    length = int(torch.randint(1, 11, (), generator=generator))
    return torch.randint(2, (64, length), generator=generator).float()


@cache
def learn_parity(seed, weight_bits=None, state_bits=None):
    """Lesson 03's reader; with bits it never had more of them in training."""
    torch.manual_seed(seed)
    reader = Reader(nn.RNN(1, 8, batch_first=True), hidden=8, outputs=1)
    loss = lambda reader, bits_BT: F.binary_cross_entropy_with_logits(
        read(reader, bits_BT, weight_bits, state_bits), bits_BT.sum(1) % 2
    )
    adam, told = torch.optim.Adam(reader.parameters(), 0.01, fused=True), f"parity, seed {seed}"
    settings = {"updates": 1000, "seed": seed, "callbacks": [ClipGradient(1)], "progress": told}
    for _ in train(reader, words, loss, adam, **settings):
        pass
    return reader


# %%
@torch.no_grad()
def right_far(reader, *bits, length=100):
    """The share of 300 words of 100 bits that is right."""
    bits_BT = torch.randint(2, (300, length), generator=torch.Generator().manual_seed(1)).float()
    odd_B = bits_BT.sum(1) % 2 > 0
    return ((read(reader, bits_BT, *bits) > 0) == odd_B).float().mean().item()


def parity_in_bits(seed, bits, state_bits=None):
    """The share of 100-bit words that is right: rounded afterwards, and in training."""
    return {
        "afterwards": right_far(learn_parity(seed), bits, state_bits),
        "in training": right_far(learn_parity(seed, bits, state_bits), bits, state_bits),
    }


# %% [markdown]
# **Predict.** With how many bits a weight do all seeds learn it in training?

# %%
my_parity_bits = None

# %% [markdown]
# Three bits live (some eight seconds for two trainings); the rest recorded (`--part parity`).

# %%
live = parity_in_bits(0, 3)
print("three bits, live:", {way: f"{share:.0%}" for way, share in live.items()})
parity, PARITY_BITS = by_bits("parity")
states_too = recorded.load("lesson12_parity")["runs"]["3, states 2"].values()
states_too = {way: np.array([run[way] for run in states_too]) for way in parity}
print(f"you: {my_parity_bits}")

# %% tags=["figure"]
plots.dots(
    {
        f"{way}": {f"{b}": values[:, k] for k, b in enumerate(PARITY_BITS)}
        for way, values in parity.items()
    },
    xlabel="bits per weight",
    ylabel="100-bit words right",
    ylim=(0.35, 1.05),
    levels={"a coin": 0.5},
    legend="lower right",
)

# %%
afterwards, in_training = parity["afterwards"], parity["in training"]
knows = {way: int((values[:, 2] > 0.99).sum()) for way, values in parity.items()}
print("of", len(afterwards), "seeds know parity in three bits:", knows)
assert (afterwards[:, 3:] > 0.99).all() and (in_training[:, 3:] > 0.99).all()
assert (afterwards[:, :2] < 0.95).all() and (in_training[:, :2] < 0.95).all()
assert 0 < knows["in training"] < knows["afterwards"] < len(afterwards)

# %% [markdown]
# With four bits and with five every seed knows parity, either way; with one or two, none does. Three bits are the border, and there training with few bits does *not* help: fewer seeds find parity that way than keep it when a trained reader is rounded. So of
# "three to five bits" four and five are sure, and three is luck. A guess why learning takes more than knowing: on the way a network has to pass through others that are neither here nor there, and a coarse grid has few of them.
#
# ## 5 · The multiplier, weights and state together
#
# Lesson 09 rounded the multiplier's weights, then its state, each by itself. Together? One class for the state:


# %%
class Rounded(DiagonalNeuralGPU):
    """A Neural GPU whose state is rounded after every step."""

    bits = 2

    def step(self, *arguments):
        state_BCL, gates = super().step(*arguments)
        return round_to_grid(state_BCL, self.bits, limit=1.0), gates


def right_products(model, batch, settings):
    """The share of whole products that are right."""
    return (answers(model, batch, **settings) == batch.targets_BL).all(1).float().mean().item()


# %%
trained = pretrained.load("multiply")
sixteen = trained.task.sample(16, 20, torch.Generator().manual_seed(5))
WEIGHT_BITS, STATE_BITS = (3, 4, 5, 6, 8), (2, 3, 4, 6)
machine = Rounded(trained.model.symbols, trained.model.maps).eval()
right = np.zeros((len(STATE_BITS), len(WEIGHT_BITS)))
for k, bits in enumerate(WEIGHT_BITS):
    machine.load_state_dict(fake_quantise(trained.model, bits).state_dict())
    for j, machine.bits in enumerate(STATE_BITS):
        right[j, k] = right_products(machine, sixteen, trained.settings)
weights_alone = right_products(fake_quantise(trained.model, 8), sixteen, trained.settings)

# %% tags=["figure"]
fig, ax = plots.figure(size=(6, 3))
plots.matrix(ax, right, xlabel="bits per weight", ylabel="bits per state value", limits=(0, 1))
for j, k in np.ndindex(right.shape):
    dark = right[j, k] < 0.6
    ax.text(
        k, j, f"{right[j, k]:.0%}", ha="center", va="center", color="white" if dark else "black"
    )
ax.set(xticks=range(len(WEIGHT_BITS)), xticklabels=WEIGHT_BITS)
ax.set(yticks=range(len(STATE_BITS)), yticklabels=STATE_BITS)
ax.set_title("whole 20-bit products right, of 16")
plots.show(
    fig,
    alt="Share of whole products right by bits of weights and state: "
    + "; ".join(
        f"state {b}: {[round(float(x), 2) for x in r]}"
        for b, r in zip(STATE_BITS, right, strict=True)
    ),
)

# %%
assert right[-1, -1] >= weights_alone - 0.1 and right[-1, -1] > 0.8
assert right[:, -1].mean() >= right[:, 0].mean() and right[-1].mean() >= right[0].mean()

# %% [markdown]
# The corner says what the sides could not: with eight bits a weight and six a state value it multiplies as well as with the weights alone rounded, so the two do not eat each other's margin. And the sides are not alike: with the weights that were
# shipped when this was written, three levels of state did nearly as well as exact ones, while three-bit weights ruined most products whatever the state. The state is nearly digital (lesson 09 trained it under noise); its weights are not, and nobody asked them to be.
#
# ## 6 · Fewer weights
#
# *Pruning* sets weights to 0 for good: the smallest first, since they seem to matter least (LeCun et al. 1990 asked how much each really matters; Han et al. 2015 took the size).
#
# ### Exercise 12.4 · The largest (medium, 12 minutes)
#
# Write `largest(weights, share)`: for a list of tensors a list of masks, True for the given share of weights with the largest size, over *all* tensors together.
#
# <details><summary>Hint 1</summary>All sizes in one row: <code>torch.cat([w.abs().flatten() for w in weights])</code>.</details>
# <details><summary>Hint 2</summary><code>sizes.topk(count).values[-1]</code> is the smallest of the count largest.</details>
# <details><summary>Hint 3</summary>With that number as <code>least</code>: <code>[w.abs() &gt;= least for w in weights]</code>.</details>


# %% tags=["stub"]
def largest(weights, share):
    return ...


# %% tags=["solution"]
def largest(weights, share):
    sizes = torch.cat([w.abs().flatten() for w in weights])
    least = sizes.topk(round(share * len(sizes))).values[-1]
    return [w.abs() >= least for w in weights]


# %%
check.largest(largest)

# %% tags=["instructor"]
checks.require_passed("12.4 largest")

# %% [markdown]
# At once or step by step: `thin_out` thins in so many rounds and spreads the same 100 updates over them. The control keeps weights *at random*.


# %%
def keep_masks(network, share, at_random=False):
    """By name, which weights stay: the largest of the network, or any."""
    weights = weights_of(network)
    sizes = [torch.rand_like(w) if at_random else w.detach() for w in weights.values()]
    return dict(zip(weights, check.largest.reference(sizes, share), strict=True))


@torch.no_grad()
def hold(network, masks):
    """Set to 0 what does not stay."""
    for name, weight in weights_of(network).items():
        weight.mul_(masks[name])


# %%
def thin_out(network, share, seed=0, rounds=1, updates=100, at_random=False):
    """A copy with a share of its weights, thinned in rounds; the updates are spread over them."""
    network = copy.deepcopy(network)
    torch.manual_seed(seed)
    for k in range(1, rounds + 1):
        masks = keep_masks(network, share ** (k / rounds), at_random)
        hold(network, masks)
        after, each = partial(hold, masks=masks), updates // rounds
        if each:
            fit(network, *pool, seed + 10 * k, updates=each, lr=5e-3, after=after)
    return network.eval()


# %%
def thinned(seed, share):
    """Held-out accuracy in per cent of the conv net with a share of its weights."""
    exact, updates = read_digits(seed), 100
    return {
        "at random, retrained": share_read(thin_out(exact, share, seed, at_random=True)),
        "largest, not retrained": share_read(thin_out(exact, share, seed, updates=0)),
        "largest, retrained": share_read(thin_out(exact, share, seed, updates=updates)),
        "largest, in five rounds": share_read(thin_out(exact, share, seed, 5, updates)),
    }


def patient(seed, share):
    """The same with five times the updates: at once, and in five rounds of 100."""
    exact = read_digits(seed)
    return {
        "at once, 500 updates": share_read(thin_out(exact, share, seed, 1, 500)),
        "five rounds of 100": share_read(thin_out(exact, share, seed, 5, 500)),
    }


# %% [markdown]
# **Predict.** How many weights in a hundred can the digit reader lose, retrained, and still read 98 %?

# %%
my_lost = None

# %% [markdown]
# One in ten kept, live; three shares recorded with several seeds (`--part thin`).

# %%
thin = thin_out(exact, 0.1)
left = sum(int((w != 0).sum()) for w in weights_of(thin).values())
kept_of = {name: float((w != 0).float().mean()) for name, w in weights_of(thin).items()}
print(f"{left} weights read {share_read(thin):.1f} %; left of each layer:")
print({name: f"{share:.0%}" for name, share in kept_of.items()})

# %%
SHARES = ("0.1", "0.05", "0.02")
THIN = recorded.load("lesson12_thin")["runs"]
thinned_SN = {
    way: np.array([[run[way] for run in THIN[share].values()] for share in SHARES]).T
    for way in THIN[SHARES[0]]["0"]
}

# %% tags=["figure"]
plots.lines(
    [100 * float(share) for share in SHARES],
    thinned_SN,
    log="x",
    xlabel="weights kept, %",
    ylabel="held-out accuracy, %",
    xticks=[100 * float(share) for share in SHARES],
    levels={"all weights": np.median(exact_S)},
    legend="lower right",
    size=(8, 4),
    alt="Accuracy against the share of weights kept. Medians at one in twenty: "
    + plots.medians({way: values[:, 1] for way, values in thinned_SN.items()}),
)

# %%
at_random, not_retrained, at_once, in_rounds = thinned_SN.values()
assert (at_once > at_random + 3).all() and (at_once > not_retrained + 20).all()
assert (at_once[:, 0] > np.median(exact_S) - 1.2).all() and (not_retrained[:, 0] < 66).all()
assert (in_rounds < at_once - 1).all()

# %% [markdown]
# One weight in ten is enough for what all of them read, within about a point, *if* the largest stay and are trained on. Without training the same weights read fewer than two thirds of the images, and a tenth chosen by lot reads at least three points less after the same training.
#
# And step by step? With the same 100 updates it is worse, at every share: only twenty of them come after the last cut. Is that all? Five times the updates, one weight in fifty (`--part patience`):

# %%
PATIENCE = recorded.load("lesson12_patience")["runs"]["0.02"].values()
patience = {
    name: [run[name] for run in PATIENCE] for name in ("at once, 500 updates", "five rounds of 100")
}

# %% tags=["figure"]
plots.dots(
    patience,
    rows=True,
    xlabel="held-out accuracy, %",
    ylabel="way",
    size=(8, 2),
    title="one weight in fifty",
)

# %%
long_at_once, long_rounds = (np.array(values) for values in patience.values())
same_after_the_cut = at_once[: len(long_rounds), 2]
assert (long_at_once > long_rounds + 5).all() and (long_at_once > same_after_the_cut + 5).all()
assert (long_rounds < same_after_the_cut + 5).all() and long_rounds.min() < 50

# %% [markdown]
# Rounds of a hundred updates read no more than *one* cut with a hundred updates after it (the figure before), and with one seed far less; five hundred after one cut read far more. So here it counts how long the weights that stay are trained after the last cut, and that they were
# chosen in rounds buys nothing. (Han et al. recommend rounds; theirs are long, and the network is large.)
#
# ### By structure
#
# Zeros scattered over a kernel are multiplied like other numbers. What is smaller is a network with fewer maps. Taking a map out changes two layers: the one that makes it and the one that reads it.
#
# ### Exercise 12.5 · Fewer maps (medium, 10 minutes)
#
# Write `fewer_maps(first_CBKK, bias_C, second_DCKK, kept)`. The first layer makes C maps, with one bias each, and the second makes D of them; `kept` lists the maps that stay. Return the three tensors of the smaller pair.
#
# <details><summary>Hint 1</summary>A tensor indexed with a list, <code>t[[0, 2]]</code>, keeps these rows.</details>
# <details><summary>Hint 2</summary>In the second layer C is the second axis: <code>t[:, [0, 2]]</code>.</details>
# <details><summary>Hint 3</summary><code>first_CBKK[kept], bias_C[kept], second_DCKK[:, kept]</code></details>


# %% tags=["stub"]
def fewer_maps(first_CBKK, bias_C, second_DCKK, kept):
    return ...


# %% tags=["solution"]
def fewer_maps(first_CBKK, bias_C, second_DCKK, kept):
    return first_CBKK[kept], bias_C[kept], second_DCKK[:, kept]


# %%
check.fewer_maps(fewer_maps)

# %% tags=["instructor"]
checks.require_passed("12.5 fewer_maps")

# %% [markdown]
# The whole network, three layers with their batch norms, and the last matrix:


# %%
def without_maps(network, share):
    """A smaller ConvNet of the maps with the largest kernels, the same share in each layer."""
    layers = network.layers
    convs, norms = layers[0::4][:3], layers[2::4]
    sizes = [conv.weight.detach().abs().sum((1, 2, 3)) for conv in convs]
    kept = [size.topk(round(share * len(size))).indices.sort().values for size in sizes]
    small = ConvNet([len(maps) for maps in kept]).to(device)
    state, before = small.state_dict(), torch.arange(1)
    for k, (conv, norm, maps) in enumerate(zip(convs, norms, kept, strict=True)):
        state[f"layers.{4 * k}.weight"] = conv.weight[maps][:, before]
        state[f"layers.{4 * k}.bias"] = conv.bias[maps]
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"layers.{4 * k + 2}.{name}"] = getattr(norm, name)[maps]
        before = maps
    last = layers[-1].weight.unflatten(1, (-1, 9))[:, before].flatten(1)
    state["layers.13.weight"], state["layers.13.bias"] = last, layers[-1].bias
    small.load_state_dict(state)
    return small.eval()


# %%
def fewer_maps_of(seed, share):
    """Held-out accuracy in per cent with a share of the maps of every layer."""
    cut = without_maps(read_digits(seed), share)
    torch.manual_seed(seed)
    maps = [layer.out_channels for layer in cut.layers if isinstance(layer, nn.Conv2d)]
    return {
        "maps taken out": share_read(cut),
        "maps taken out, retrained": share_read(fit(cut, *pool, seed + 10, updates=100, lr=5e-3)),
        "as small from the start": share_read(fit(ConvNet(maps), *pool, seed, updates=300)),
    }


# %% [markdown]
# Half and a quarter of the maps, several seeds (`--part maps`). The fair opponent: a network *built* that small, with as many updates as both trainings together.

# %%
MAPS = recorded.load("lesson12_maps")["runs"]
by_maps = {
    f"{float(share):.0%} of the maps": {
        way: [run[way] for run in runs.values()] for way in runs["0"]
    }
    for share, runs in MAPS.items()
}
half = without_maps(exact, 0.5)
numbers_of = {
    name: sum(w.numel() for w in net.parameters())
    for name, net in {"all": exact, "half": half}.items()
}
print("numbers in the network:", numbers_of)
assert 3 < numbers_of["all"] / numbers_of["half"] < 4

# %% tags=["figure"]
trained_maps = {
    share: {w: v for w, v in part.items() if w != "maps taken out"}
    for share, part in by_maps.items()
}
print("without retraining:", {share: part["maps taken out"] for share, part in by_maps.items()})
plots.dots(trained_maps, rows=True, xlabel="held-out accuracy, %", ylabel="way", size=(11, 2.2))

# %%
halves, quarters = ({way: np.array(v) for way, v in part.items()} for part in by_maps.values())
built, cut = "as small from the start", "maps taken out, retrained"
assert (halves["maps taken out"] < 80).all() and (halves[cut] > 98).all()
assert abs(np.median(halves[cut] - halves[built])) < 0.4
assert (quarters[built] > quarters[cut] + 0.2).all()

# %% [markdown]
# Cut to half of its maps and retrained, the network reads about as much as one that was half as wide from the start, with as many updates in all; cut to a quarter it reads *less*, with every seed. (Liu et al. 2019 report the like for large networks.) So
# cutting maps is of use when the large network is already there. Who has to train anyway may train the small one.
#
# ## 7 · Winning tickets
#
# If one weight in forty is enough, why train the others? Frankle and Carbin (2019) conjecture that inside a network that has been set up by chance lies a small one that would have learned as well alone, from its own start, a *winning ticket*. To
# find it: train, keep the largest, put what is kept back to where it *began*, train again; in rounds. Two controls: the same mask with another start, and the same start with any mask of as many weights per layer.


# %%
def new_mlp(seed):
    torch.manual_seed(seed)
    return MLP((784, 100, 10)).to(device)


def draw_ticket(start, masks, seed):
    """Held-out accuracy in per cent of a thinned start after its own 300 updates."""
    network = copy.deepcopy(start)
    hold(network, masks)
    after = partial(hold, masks=masks)
    fit(network, *pool, seed, updates=300, lr=5e-3, after=after)
    return share_read(network), network


# %%
def lottery(seed, rounds=4, keep=0.4):
    """Accuracy in per cent of winning tickets and of two kinds of random ones, round by round."""
    start, other = new_mlp(seed), new_mlp(seed + 100)
    right, network = draw_ticket(start, keep_masks(start, 1.0), seed)
    found = {name: [right] for name in ("winning", "new start", "any mask")}
    for k in range(1, rounds + 1):
        masks = keep_masks(network, keep**k)
        shuffled = {name: shuffle(mask) for name, mask in masks.items()}
        right, network = draw_ticket(start, masks, seed)
        found["winning"].append(right)
        found["new start"].append(draw_ticket(other, masks, seed)[0])
        found["any mask"].append(draw_ticket(start, shuffled, seed)[0])
    return found


def shuffle(mask):
    """As many of a layer's weights stay, but any of them."""
    return mask.flatten()[torch.randperm(mask.numel())].view(mask.shape)


# %% [markdown]
# **Predict.** What makes a ticket win: its mask, its start, or both together?

# %%
my_ticket = None

# %%
TICKETS = recorded.load("lesson12_tickets")["runs"]["mlp"].values()
tickets = {
    name: np.array([run[name] for run in TICKETS]) for name in ("winning", "new start", "any mask")
}
KEPT = [100 * 0.4**k for k in range(tickets["winning"].shape[1])]
print(f"you: {my_ticket}")

# %% tags=["figure"]
plots.lines(
    KEPT,
    tickets,
    log="x",
    xlabel="weights kept, %",
    ylabel="held-out accuracy, %",
    xticks=[100, 40, 16, 6.4, 2.6],
    legend="lower right",
    size=(8, 4),
    alt="Accuracy against weights kept, by seed. Medians at the last round: "
    + plots.medians({name: values[:, -1] for name, values in tickets.items()}),
)

# %%
winning, new_start, any_mask = tickets.values()
assert (winning[:, 1:3] > winning[:, :1] - 0.25).all()
assert (winning[:, 1:] > new_start[:, 1:] + 0.5).all()
assert (new_start[:, 3:] > any_mask[:, 3:] + 1).all()
assert (new_start[:, -1] - any_mask[:, -1] > winning[:, -1] - new_start[:, -1]).all()

# %% [markdown]
# Both together. At one weight in six the tickets read what the whole network does, within a quarter of a point, with every seed. Give the same mask another start, and it falls behind from the first round on; give the same start any mask, and at the end it falls much
# further. At one in forty the mask is worth more than the start. What this does not say: to find the ticket, the whole network had to be trained first, four times; and with larger networks and learning rates the start matters less
# (Frankle et al. 2020 put the weights back to those of an early update; Liu et al. 2019 find a new start as good).
#
# ### How far can the multiplier be thinned?
#
# It never saw pruning. The largest weights alone, without any retraining, on 32 products of 20 bits:

# %%
thirty_two = trained.task.sample(32, 20, torch.Generator().manual_seed(6))
LEFT = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.1)
multiplies = []
for share in LEFT:
    model = copy.deepcopy(trained.model)
    hold(model, keep_masks(model, share))
    multiplies.append(right_products(model, thirty_two, trained.settings))
enough = min(share for share, right in zip(LEFT, multiplies, strict=True) if right > 0.9)
print(f"at least nine in ten whole products right down to {enough:.0%} of the weights")
assert multiplies[0] > 0.9 and enough <= 0.8 and multiplies[-1] < 0.5


# %% [markdown]
# And with 40 short updates afterwards, three seeds recorded of the weights that were shipped then (`--part multiplier`):


# %%
def thin_multiplier(seed, share, updates=40):
    """The shipped multiplier with its largest weights alone: whole 20-bit products, before and after."""
    trained = pretrained.load("multiply")
    model, task = copy.deepcopy(trained.model), trained.task
    batch = task.sample(100, 20, torch.Generator().manual_seed(1000 + seed))
    masks = keep_masks(model, share)
    hold(model, masks)
    at_once = right_products(model, batch, trained.settings)
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loss = SequenceLoss(**trained.settings)
    draw = lambda step, generator: [task.sample(12, bits, generator) for bits in (8, 20)]
    for _ in train(model, draw, loss, adam, updates=updates, seed=seed, progress=False):
        hold(model, masks)
    return {"at once": at_once, "retrained": right_products(model, batch, trained.settings)}


# %%
MULTIPLIER = recorded.load("lesson12_multiplier")["runs"]
retrained = {
    way: {
        f"{float(share):.0%}": [run[way] for run in runs.values()]
        for share, runs in MULTIPLIER.items()
    }
    for way in ("at once", "retrained")
}

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(11, 3.4), sharey=True)
plots.curves(
    axes[0],
    [100 * share for share in LEFT],
    {"whole products": multiplies},
    xlabel="weights kept, %",
    ylabel="whole products right",
    title="shipped multiplier, thinned at once",
    marker="o",
)
for k, (way, by_share) in enumerate(retrained.items()):
    for share, values in by_share.items():
        axes[1].plot(
            [share] * len(values), values, "o^"[k], color=plots.PALETTE[k], ms=8, alpha=0.7
        )
    axes[1].plot([], [], "o^"[k], color=plots.PALETTE[k], label=way)
axes[1].set(xlabel="weights kept", title="before and after 40 updates, three seeds")
axes[1].legend()
plots.show(
    fig,
    alt="Whole products right against weights kept: a plateau and a cliff. With retraining: "
    + plots.medians(retrained["retrained"]),
)

# %%
assert max(retrained["at once"]["20%"]) < 0.05 and min(retrained["retrained"]["20%"]) > 0.5
assert max(retrained["retrained"]["10%"]) < 0.1

# %% [markdown]
# A plateau and a cliff again, as in lesson 09's noise: it multiplies without a mistake on these with a good part of its weights gone, and a little further it knows no product at all. Forty updates bring more than half of the products back at one weight in five, and none at one in ten. So just beyond the cliff the rule is
# not lost but bent; how far patience would carry is open, and so is whether *maps* can be taken out, since the diagonal gates move them in thirds.
#
# ## 8 · Five networks teach one
#
# Lesson 11's ensemble reads better than one network, at five times the price. *Distilling* hands its knowledge to one (Hinton et al. 2015): a new network learns the ensemble's probabilities in place of labels. A teacher needs no labels to
# teach, so any images will do.
#
# ### Exercise 12.6 · Soft labels (medium, 10 minutes)
#
# Write `soft_loss_yours(logits_BV, chances_BV)`: the mean over the images of $-\sum_v p_v \ln q_v$, with the teacher's chances p and q the softmax of the logits. It has to be finite for logits of any size.
#
# <details><summary>Hint 1</summary>ln q is <code>logits_BV.log_softmax(1)</code>; the softmax first and the logarithm then can give minus infinity.</details>
# <details><summary>Hint 2</summary>Sum over the digits (axis 1), mean over the images.</details>
# <details><summary>Hint 3</summary><code>-(chances_BV * logits_BV.log_softmax(1)).sum(1).mean()</code></details>


# %% tags=["stub"]
def soft_loss_yours(logits_BV, chances_BV):
    return ...


# %% tags=["solution"]
def soft_loss_yours(logits_BV, chances_BV):
    return -(chances_BV * logits_BV.log_softmax(1)).sum(1).mean()


# %%
check.soft_loss(soft_loss_yours)

# %% tags=["instructor"]
checks.require_passed("12.6 soft_loss")

# %% [markdown]
# PyTorch's cross-entropy takes probabilities as well, and gives the same. The training, as before:


# %%
def soft_loss(network, batch):
    """The surprise of a network at a teacher's chances."""
    images_BHW, chances_BV = batch
    return check.soft_loss.reference(network(images_BHW), chances_BV)


def learn_chances(images_BHW, chances_BV, seed, hidden=256, updates=300, lr=1e-2):
    """A new MLP that learns chances in place of labels."""
    torch.manual_seed(seed)
    network = MLP((784, hidden, 10)).to(device)

    def batches(step, generator):
        some = torch.randint(len(images_BHW), (100,), generator=generator)
        return [images_BHW[some].float() / 255, chances_BV[some]]

    adam = torch.optim.Adam(network.parameters(), fused=True)
    schedule = Schedule(one_cycle(lr, updates))
    settings = {"updates": updates, "seed": seed, "callbacks": [schedule], "progress": False}
    for _ in train(network, batches, soft_loss, adam, **settings):
        pass
    return network.eval()


# %%
logits_BV, chances_BV = torch.randn(4, 10), torch.randn(4, 10).softmax(1)
mine = check.soft_loss.reference(logits_BV, chances_BV)
assert torch.allclose(mine, F.cross_entropy(logits_BV, chances_BV), atol=1e-6)

# %% [markdown]
# Teachers know 1,000 labels. Their pupils have the same size as one teacher, and never see a label.


# %%
def distil(seed, members=5):
    """Held-out accuracy in per cent: an ensemble on 1,000 labels, and single networks taught by it."""
    few = pool[0][:1000], F.one_hot(pool[1][:1000], 10).float()
    many = pool[0][1000:21000]
    team = [learn_chances(*few, 100 * seed + k) for k in range(members)]
    on = {"few": few[0], "many": many, "held": judged_by[0]}
    told = {
        name: torch.stack([predict(one, images) for one in team]) for name, images in on.items()
    }
    mean = {name: chances_RBV.mean(0) for name, chances_RBV in told.items()}
    hard = F.one_hot(mean["many"].argmax(1), 10).float()
    lessons = {
        "taught by it, the same 1,000 images": (few[0], mean["few"]),
        "taught by it, 20,000 other images": (many, mean["many"]),
        "the same, its first choices alone": (many, hard),
        "the same, taught by one member": (many, told["many"][0]),
    }
    found = {name: share_read(learn_chances(*lesson, seed)) for name, lesson in lessons.items()}
    together = 100 * (mean["held"].argmax(1) == judged_by[1]).float().mean().item()
    return {"one, 1,000 labels": share_read(team[0]), "five together": together, **found}


# %% [markdown]
# **Predict.** Of the ensemble's gain over one network, what share does one pupil keep: with the same 1,000 images, and with 20,000 others?

# %%
my_share_few, my_share_many = None, None

# %%
TAUGHT = recorded.load("lesson12_distil")["runs"]["mlp"].values()
taught = {name: np.array([run[name] for run in TAUGHT]) for name in next(iter(TAUGHT))}
gain = taught["five together"] - taught["one, 1,000 labels"]
kept_share = {
    name: np.mean(values - taught["one, 1,000 labels"]) / np.mean(gain)
    for name, values in taught.items()
    if "," in name
}
print({name: f"{share:.0%}" for name, share in kept_share.items()})
print(f"you: {my_share_few}, {my_share_many}")

# %% tags=["figure"]
plots.dots(
    taught,
    rows=True,
    xlabel="held-out accuracy, %",
    ylabel="reader",
    size=(9, 3.4),
    title="MNIST, 1,000 labels, each dot a seed (--part distil)",
)

# %%
one, five, few_images, many_images, first_choices, one_member = taught.values()
assert (five > one).all() and (many_images > five).all()
assert (many_images > few_images).all() and (many_images > one_member + 0.1).all()
assert (one_member > one).all() and (first_choices > many_images).all()

# %% [markdown]
# The pupil reads *more than its teachers together*, with every seed. Two controls say where it comes from. Taught by a single member it also reads more than that member: the other images alone are worth something, even with one's own
# mistakes as answers. The ensemble's answers are worth more than one member's. But the famous part, the fine shades of the probabilities, is not what pays here: with every seed its first choices alone teach more. (Hinton et al. divide the logits by a temperature above 1, which brings the shades out; ours is 1.) And the other images matter:
# taught on the 1,000 that every member has learned from, the pupil reads less.
#
# ## 9 · What it buys
#
# ### Bytes, measured
#
# The two-bit reader as a file: codes packed, a step per tensor, and everything else as it was. What is read back has to give the same answers.


# %%
def save_packed(network, bits, path):
    """A rounded network's file: its codes packed, and the size of a step for each tensor."""
    tensors = {name: part.contiguous() for name, part in network.state_dict().items()}
    for name, weight in weights_of(network).items():
        levels = weight.detach().abs().unique()
        step = levels[levels > 1e-12].min()
        codes = (weight.detach() / step).round().long() + 2 ** (bits - 1) - 1
        tensors[name], tensors[f"{name}.step"] = pack(codes.cpu(), bits), step[None].clone()
    save_file(tensors, path)


def load_packed(network, bits, path):
    """Fill a network from such a file."""
    tensors = load_file(path)
    for name, weight in weights_of(network).items():
        codes = unpack(tensors[name], bits, weight.numel()) - 2 ** (bits - 1) + 1
        tensors[name] = (codes * tensors.pop(f"{name}.step")).view(weight.shape)
    network.load_state_dict(tensors)
    return network.eval()


# %%
with TemporaryDirectory() as folder:
    whole_file, small_file = Path(folder) / "whole", Path(folder) / "small"
    save_file({name: part.contiguous() for name, part in exact.state_dict().items()}, whole_file)
    save_packed(coarse_reader, 2, small_file)
    read_back = load_packed(ConvNet(), 2, small_file).to(device)
    size = {"32 bits": whole_file.stat().st_size, "2 bits": small_file.stat().st_size}
same = predict(read_back, judged_by[0]).argmax(1) == predict(coarse_reader, judged_by[0]).argmax(1)
print(
    f"{size}, {size['32 bits'] / size['2 bits']:.1f} times; answers the same: {same.float().mean():.2%}"
)
assert 8 < size["32 bits"] / size["2 bits"] < 16 and same.float().mean() > 0.999

# %% [markdown]
# Not sixteen times: names, biases and batch norms have kept their 32 bits, and in a small network they are most of what is left.
#
# ### Time, measured
#
# Bytes are for the disk. Will it be *faster*? Only if the processor multiplies eight-bit numbers, and somebody wrote that. PyTorch has such a matrix product; a layer of 1,024 by 1,024, one image and 64 at once, in
# processor time (`quantize_dynamic` rounds the weights once and the activations at each call):


# %%
def microseconds(work, times=30):
    """Processor time of one call."""
    work()
    begin = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begin) / times * 1e6


def int8_layer(layer):
    """The layer with int8 weights, by PyTorch; None where it cannot."""
    try:
        from torch.ao.quantization import quantize_dynamic

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is moving to a package of its own
            return quantize_dynamic(nn.Sequential(layer), {nn.Linear}, dtype=torch.qint8)
    except (ImportError, RuntimeError) as error:
        print("left out, no int8 product here:", error)
        return None


# %%
@torch.no_grad()
def time_layers(sides=(1024,)):
    """Microseconds of a square layer: float32 and int8, by size and images at once."""
    found = {}
    for side in sides:
        layer = nn.Linear(side, side)
        ways = {"float32": layer, "int8": int8_layer(layer)}
        for images in (1, 64):
            x = torch.rand(images, side)
            found[f"{side}, {images} at once"] = {
                name: microseconds(partial(way, x)) for name, way in ways.items() if way
            }
    return found


# %%
SPEED = recorded.load("lesson12_speed")["runs"]["speed"]["0"]
live = time_layers()
for name, by_way in live.items():
    print(
        f"{name}: here { ({way: round(us) for way, us in by_way.items()}) } µs, recorded {SPEED['layers'][name]}"
    )
print("recorded on:", SPEED["processor"])

# %% [markdown]
# Here the figures are your machine's, and nothing is claimed of them; the recorded ones are one core's of the processor named. Recorded beside them is the memory: by how much a fresh process grows that loads a layer of 4,096 by 4,096 and asks it once.

# %%
print("megabytes:", SPEED["megabytes"])
assert 2.5 < SPEED["megabytes"]["float32"] / SPEED["megabytes"]["int8"] < 4.5

# %% [markdown]
# A quarter of the weights' bytes, and some that every layer needs for its work.
#
# ### The digit reader elsewhere
#
# *ONNX* is a file format for networks that other programs run; ONNX Runtime is one of them. The reader goes there as it is (float32), and once more with int8 weights. Without the two packages this is left out.

# %%
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import onnxruntime.quantization
    quiet = lambda record: "pre-processing" not in record.getMessage()  # advice for larger networks
    logging.getLogger().addFilter(quiet)
except ImportError:
    onnxruntime = None
    print("left out: the export and its comparison. To run it: pip install onnx onnxruntime")


# %%
def export(network, path):
    """Write a network as ONNX, for any number of images."""
    axes = {"images": {0: "B"}, "logits": {0: "B"}}
    names = {"input_names": ["images"], "output_names": ["logits"], "dynamic_axes": axes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a shape is asked while it is traced
        torch.onnx.export(network, (torch.zeros(1, 28, 28),), str(path), dynamo=False, **names)


def session(path):
    """ONNX Runtime on one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


# %%
def run_elsewhere(network, images_BHW):
    """The largest difference of logits, microseconds an image, and bytes, by ONNX Runtime."""
    int8 = onnxruntime.quantization
    with TemporaryDirectory() as folder, torch.no_grad():
        path, path_8 = Path(folder) / "reader.onnx", Path(folder) / "reader8.onnx"
        export(network, path)
        int8.quantize_dynamic(path, path_8, weight_type=int8.QuantType.QUInt8)
        x = {"images": images_BHW.numpy()}
        runs = {"float32": session(path), "int8": session(path_8)}
        mine = network(images_BHW).numpy()
        theirs = {name: run.run(None, x)[0] for name, run in runs.items()}
        time_of = {n: microseconds(partial(run.run, None, x), 5) for n, run in runs.items()}
        time_of["PyTorch"] = microseconds(partial(network, images_BHW), 5)
        return {
            "off by": float(np.abs(theirs["float32"] - mine).max()),
            "same digit in int8": float((theirs["int8"].argmax(1) == mine.argmax(1)).mean()),
            "microseconds": {n: us / len(images_BHW) for n, us in time_of.items()},
            "bytes": {"float32": path.stat().st_size, "int8": path_8.stat().st_size},
        }


# %%
if onnxruntime:
    here = run_elsewhere(copy.deepcopy(exact).cpu(), judged_by[0][:200].float() / 255)
    print(f"off by {here['off by']:.1e}; the same digit in int8: {here['same digit in int8']:.1%}")
    print({name: f"{us:.0f} µs" for name, us in here["microseconds"].items()}, here["bytes"])
    assert here["off by"] < 1e-4 and here["same digit in int8"] > 0.9
    assert here["bytes"]["int8"] < here["bytes"]["float32"] / 2

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(11, 3))
for ax, found, title in (
    (axes[0], SPEED["layers"], "one matrix product (PyTorch)"),
    (axes[1], {"digit reader, an image": SPEED["reader"]["microseconds"]}, "the conv net"),
):
    names = list(found)
    for k, way in enumerate(("float32", "int8", "PyTorch")):
        times = [found[name].get(way) for name in names]
        if any(times):
            label = {"PyTorch": "PyTorch, float32"}.get(way, way)
            ax.plot(times, names, "os^"[k], ms=9, label=label)
    ax.set(xlabel="µs of one core", ylabel="work", title=title)
    ax.set_xscale("log" if len(names) > 1 else "linear")
    if len(names) == 1:
        ax.set(xlim=(0, 1.1 * max(found[names[0]].values())))
    ax.legend(fontsize=9)
plots.show(
    fig,
    alt=f"Processor time, recorded. Layers: {SPEED['layers']}. Reader: {SPEED['reader']['microseconds']}.",
)

# %%
layers, reader = SPEED["layers"], SPEED["reader"]
assert all(by_way["float32"] > 2 * by_way["int8"] for by_way in layers.values())
assert reader["microseconds"]["int8"] > 2 * reader["microseconds"]["float32"]
assert reader["microseconds"]["float32"] < reader["microseconds"]["PyTorch"]
assert reader["off by"] < 1e-4 and reader["bytes"]["int8"] < 0.4 * reader["bytes"]["float32"]

# %% [markdown]
# Both at once: the matrix product is more than twice as fast in int8, at every size, and the digit reader is more than twice as *slow*. Its file is a third, its answers are the same. The processor is the same, too. What differs is the program. Our guess: this runtime
# has a fast convolution for float32, and for int8 of this kind it rounds every picture at every call and takes a slow one. Changing the runtime without a bit less (ONNX Runtime in float32 for PyTorch) bought more than eight bits did. Few bits are an offer to the hardware; whether it is taken has to be measured.
#
# ### Joules, counted and not measured
#
# What a processor draws cannot be read on most machines that run this lesson, so here we count, with a table of 2014 for chips of 45 nanometres (Horowitz; picojoules): a product of two 32-bit floats 3.7 and its addition 0.9, of two 8-bit integers
# 0.2 and 0.03; 32 bits from memory outside the chip 640 and more (640 as Han et al. 2015 quote it; Horowitz has 1,300 to 2,600 for 64 bits).

# %%
PICOJOULES = {"float32": 3.7 + 0.9, "int8": 0.2 + 0.03, "32 bits from memory": 640}
places = [784, 196, 49, 1]  # where each layer's weights are used, once an image
products = sum(w.numel() * n for w, n in zip(whole.values(), places, strict=True))
count = sum(w.numel() for w in whole.values())
energy = {
    f"{name}, weights of {bits} bits": (products * PICOJOULES[name], count * bits / 32 * 640)
    for name, bits in (("float32", 32), ("int8", 8), ("int8", 2))
}
for name, (compute, fetch) in energy.items():
    print(
        f"{name}: products {compute / 1e6:.2f}, weights once from memory {fetch / 1e6:.2f} microjoules"
    )
assert products > 30 * count and PICOJOULES["32 bits from memory"] > 100 * PICOJOULES["float32"]
assert energy["float32, weights of 32 bits"][1] > energy["float32, weights of 32 bits"][0]

# %% [markdown]
# A weight that comes from memory costs more than a hundred products. The reader uses each of its weights 40 times an image on average, and still fetching them once would cost more than all its products: *that* is what few bits
# save, in this table. Real chips cache, batch and wait; a figure for your machine needs a meter.
#
# ## Recap
#
# Of what rounding breaks, most is a bad grid and outdated counts; training with hidden weights and a gradient straight through mends what is left, which matters at one bit and for activations. Most weights can go if the largest stay and are trained
# on; a small network from the start is the opponent to beat, and sometimes it is not beaten. Bytes fall with the bits; time falls only where a processor has a product for them, and somebody has written it.

# %%
quiz(
    "Why does straight-through training keep a 32-bit weight behind each rounded one?",
    "Updates are smaller than a step of the grid, and add up there",
    ("So that the network can use it afterwards", "Afterwards only the rounded one is kept."),
    ("To make the gradient exact", "The gradient is not the derivative of anything."),
    why="Without it, rounding undoes nearly every update: section 3 counted the weights that moved.",
)

# %%
quiz(
    "A network rounded to two bits reads 43 %. What do you try first?",
    "Another end of the grid, then counting the batch norms anew",
    ("Training it again with hidden weights", "It may help; but cheaper causes come first."),
    ("Three bits", "That hides the cause: the grid was bad."),
    why="Both cost seconds and no label, and on our reader they bring back most of what was lost.",
)

# %%
quiz(
    "95 % of a kernel's weights are 0. Is the convolution faster?",
    "Not by itself: zeros are multiplied like other numbers",
    ("Twenty times", "Only where the program skips zeros, and looking for them costs time."),
    ("Yes, the file is smaller", "Smaller on disk says nothing about the product."),
    why="Whole maps that are taken out make smaller tensors; scattered zeros do not.",
)

# %%
quiz(
    "A pupil never saw a label and reads better than its teacher's single members. How?",
    "The members' average knows more than one of them, and answers for any image",
    ("It has more weights", "It has as many as one member."),
    ("It was trained longer", "As long; the control taught by one member was too."),
    why="What is handed on are the ensemble's answers on images that nobody labelled.",
)

# %% [markdown]
# **Sources.** Straight through: Bengio, Léonard, Courville, arXiv 1308.3432; for weights: Courbariaux, Bengio, David, arXiv 1511.00363. One bit with a scale: Rastegari et al., arXiv 1603.05279. Grids and integer products: Jacob et al., arXiv 1712.05877. Pruning: LeCun, Denker, Solla, *Optimal brain
# damage*, 1990; Han et al., arXiv 1506.02626. Winning tickets: Frankle, Carbin, arXiv 1803.03635; built small instead: Liu et al., arXiv 1810.05270; an early update in place of the start: Frankle et al., arXiv 1912.05671. Distilling: Hinton, Vinyals, Dean, arXiv 1503.02531. Picojoules: Horowitz, *Computing's energy problem*, ISSCC 2014.
#
# **Next.** Here one network was made small; lesson 13 lets many machines train and search together.

# %%
print(f"this lesson took {time.process_time() - began:.0f} s of processor time")
