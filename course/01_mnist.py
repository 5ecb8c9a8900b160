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
# # 01 · MNIST

# %% [markdown] tags=["launch"]
# Launch badges

# %% [markdown]
# **How can a program learn to read handwriting when nobody can write down the rule?**
#
# You will write a network's forward and backward pass with plain tensor operations, compare five ways of making
# an update, see why many layers train worse than few, and end with a small convolutional network that reads 99 % of
# the digits it has never seen, and with the mistakes it makes on yours.
#
# After this lesson you can
#
# 1. write the forward pass, the loss and the backward pass of a network with one hidden layer, and test them against autograd;
# 2. compare two optimizers fairly, each at its own learning rate, and say from the gradients of an untrained network whether it can learn;
# 3. say what a convolution shares, what it does not, and predict which changed digits it will misread.
#
# *Before:* Python and NumPy; what a derivative is. *Time:* 75 minutes of yours; about a minute and a half of one CPU core
# for all cells.

# %% tags=["setup"]
# Set-up, the same in every lesson (generated).
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
import time
from functools import partial

import numpy as np
from torch import nn
from torch.nn import functional as F

from ngpu_lib import checks, plots
from ngpu_lib.baselines import MLP, ConvNet
from ngpu_lib.callbacks import Schedule, one_cycle
from ngpu_lib.checks import lesson01 as check
from ngpu_lib.checks.quiz import quiz
from ngpu_lib.data import load_mnist
from ngpu_lib.images import ImageBatches, accuracy, image_loss, predict, shift_images
from ngpu_lib.page import page_network
from ngpu_lib.train import train
from ngpu_lib.widgets import DrawDigit

began = time.perf_counter()
torch.manual_seed(0)
mnist = load_mnist()
if not mnist.is_real:
    print("The text speaks of the real MNIST; with these digits some of it is different.")

# %% [markdown]
# ## 1 · One digit, by hand
#
# MNIST has 60,000 *training images* to learn from and 10,000 *test images* that nothing is trained on, each with its *label* 0 to 9.
# An image is a table of numbers: 0 is white paper, 255 black ink. On the right the same digit, every 4x4 square
# averaged, with the numbers written in.

# %%
digit_HW = mnist.train_images_BHW[1].float()
small_HW = F.avg_pool2d(digit_HW[None, None], 4)[0, 0]

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(7.5, 3.6))
for ax, picture_HW in zip(axes, (digit_HW, small_HW), strict=True):
    plots.matrix(ax, picture_HW, xlabel="column", ylabel="row", ink=True, limits=(0, 255))
for row, column in np.ndindex(7, 7):
    value = int(small_HW[row, column])
    place = {"ha": "center", "va": "center", "color": "white" if value > 127 else "black"}
    axes[1].text(column, row, value, **place)
axes[0].set_title(mnist.title(f"28 x 28 pixels, label {int(mnist.train_labels_B[1])}"))
axes[1].set_title("averaged to 7 x 7")
plots.show(
    fig, alt="A handwritten digit as grey pixels, and the same digit as a 7 by 7 table of numbers."
)

# %% [markdown]
# The simplest reader there is: average all training images of one class, and compare. With 0 and 1 alone, the *template*
# is the mean 0 minus the mean 1. Multiply it with an image pixel by pixel and add up; the sum decides.

# %%
train_BP, labels_B = mnist.train_images_BHW.flatten(1), mnist.train_labels_B
means_VP = torch.stack([train_BP[labels_B == digit].float().mean(0) / 255 for digit in range(10)])
template_P = means_VP[0] - means_VP[1]
middle = (means_VP[0] + means_VP[1]) @ template_P / 2  # half way between the two means
image_P = train_BP[1] / 255
score = float(image_P @ template_P - middle)

# %% tags=["figure"]
parts = {"image": image_P, "template": template_P, "image x template": image_P * template_P}
plots.heatmap(
    {name: part_P.view(28, 28) for name, part_P in parts.items()},
    xlabel="column",
    ylabel="row",
    label="violet for a 0, orange against",
    diverging=True,
    size=(9, 3),
    alt=f"An image, the template 0 minus 1, and their product, which adds up to a score of {score:.1f}.",
)

# %% [markdown]
# A positive sum says 0, a negative one says 1. The same idea with ten templates, one per class, reads more than half of all
# test images. Nothing has been trained so far: this is the figure to beat.

# %%
test_BP = mnist.test_images_BHW.flatten(1).float() / 255
zero_or_one = mnist.test_labels_B < 2
says_zero = test_BP[zero_or_one] @ template_P > middle
pair_right = (says_zero == (mnist.test_labels_B[zero_or_one] == 0)).float().mean().item()
guesses_B = torch.cdist(test_BP, means_VP).argmin(1)
template_right = (guesses_B == mnist.test_labels_B).float().mean().item()
print(f"score {score:+.1f}; 0 or 1: {pair_right:.1%} right; ten templates: {template_right:.1%}")
assert pair_right > 0.95 and template_right > 0.5

# %% [markdown]
# ### A template that corrects itself
#
# Rosenblatt's *perceptron* (1958; the rule below is that of his book, 1962) needs no means. It looks at one image after the other, and when it is wrong, it adds the
# image to its template, or takes it away: $w \leftarrow w + y\,x$, with $y = +1$ for one class and $-1$ for the other.


# %%
def perceptron(items_BP, signs_B, rounds):
    """A template and a threshold, and the mistakes made in each round."""
    w_P, b, mistakes = torch.zeros(items_BP.shape[1]), torch.zeros(()), []
    for _ in range(rounds):
        mistakes.append(0)
        for x_P, sign in zip(items_BP, signs_B, strict=True):
            if sign * (x_P @ w_P + b) <= 0:
                w_P, b = w_P + sign * x_P, b + sign
                mistakes[-1] += 1
    return w_P, b, mistakes


def pair(images_BP, labels_B, one, other):
    """The images of two digits, and +1 or -1 for each."""
    chosen_B = (labels_B == one) | (labels_B == other)
    return images_BP[chosen_B], torch.where(labels_B[chosen_B] == one, 1.0, -1.0)


# %%
items_BP, signs_B = pair(train_BP[:10_000] / 255, labels_B[:10_000], 3, 5)
w_P, b, _ = perceptron(items_BP, signs_B, rounds=1)
unseen_BP, truth_B = pair(test_BP, mnist.test_labels_B, 3, 5)
difference_P = means_VP[3] - means_VP[5]
threshold = (means_VP[3] + means_VP[5]) @ difference_P / 2
learned = ((unseen_BP @ w_P + b).sign() == truth_B).float().mean().item()
averaged = ((unseen_BP @ difference_P - threshold).sign() == truth_B).float().mean().item()
print(f"3 or 5, test images: averaged template {averaged:.1%}, learned template {learned:.1%}")
assert len(items_BP) < 2000
assert learned > averaged + 0.03 or not mnist.is_real

# %% [markdown]
# One look at fewer than 2,000 images, and the learned template reads better than the mean of all. And yet there are four
# points that no template can tell apart, however long it learns: *XOR*, one or the other but not both (Minsky and Papert, 1969).

# %%
corners_BP = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
for name, wanted in {"or": (0, 1, 1, 1), "and": (0, 0, 0, 1), "xor": (0, 1, 1, 0)}.items():
    *_, mistakes = perceptron(corners_BP, 2 * torch.tensor(wanted) - 1, rounds=50)
    print(f"{name:4} mistakes in rounds 1 to 12: {mistakes[:12]}, in round 50: {mistakes[-1]}")
    assert (mistakes[-1] == 0) == (name != "xor")

# %% [markdown]
# A proof in one line: XOR needs $b \le 0$, $w_1 + b > 0$, $w_2 + b > 0$ and $w_1 + w_2 + b \le 0$. The two in the middle add up to
# $w_1 + w_2 + 2b > 0$, the outer two to $w_1 + w_2 + 2b \le 0$.
#
# ### Exercise 1.1 · Two templates and a third (easy, 5 minutes)
#
# With two templates in between it works. Set the weights of $\;h_u = \max(0,\; x_1 W_{1u} + x_2 W_{2u} + b_u)\;$ for two
# *hidden units* $u$, and of $\;y = h_1 v_1 + h_2 v_2 + c$, so that $y$ is 1 for XOR and 0 else. There is more than one way.
#
# <details><summary>Hint 1</summary>Let one unit count the ones: 0, 1, 1, 2. What is wrong with that as an answer?</details>
# <details><summary>Hint 2</summary>Only the 2 should be a 0. The other unit must answer to (1, 1) alone: which threshold does that?</details>
# <details><summary>Hint 3</summary><code>W_PU</code> all ones; <code>b_U</code> so that the second unit is max(0, x1 + x2 - 1); then take it away twice.</details>

# %% tags=["stub"]
W_PU = ...  # 2 x 2: a row for each input, a column for each unit
b_U = ...
v_U = ...
c = ...

# %% tags=["solution"]
W_PU = [[1, 1], [1, 1]]
b_U = [0, -1]
v_U = [1, -2]
c = 0


# %%
def answers_of(*weights):
    """What the weights answer at the four corners."""
    if any(part is ... for part in weights):
        return ...
    W_PU, b_U, v_U, c = (torch.as_tensor(part).double() for part in weights)
    return (corners_BP.double() @ W_PU + b_U).clamp(min=0) @ v_U + c


check.xor(lambda: answers_of(W_PU, b_U, v_U, c))

# %% tags=["instructor"]
checks.require_passed("1.1 xor")

# %% [markdown]
# You have *set* the templates in between. The perceptron's rule cannot learn them: it does not say which of the two was wrong. Section 3 finds a rule that does.
#
# ## 2 · The axes of a tensor
#
# A *batch*, images that are handled together, has four axes. The lecture writes them **[batch, height, width, channels]**; PyTorch's layers
# expect **[batch, channels, height, width]**. Grey images have one channel. In this course a tensor's name ends in the
# letters of its axes, so that a wrong order can be read.
#
# | letter | axis | here |
# |---|---|---|
# | B | the images of a batch | 100-256 |
# | H, W | height, width of an image | 28, 28 |
# | C | channels (maps) | 1, or 3 for colour |
# | P | pixels of a flattened image, H x W | 784 |
# | U | units of a hidden layer | 64-256 |
# | V | classes | 10 |

# %%
images_BHW = mnist.train_images_BHW[:6].float() / 255
lecture_BHWC = images_BHW[:, :, :, None]
torch_BCHW = images_BHW[:, None]
last_BCHW = torch.rand(6, 3, 28, 28).to(memory_format=torch.channels_last)
print("lecture", tuple(lecture_BHWC.shape), " PyTorch", tuple(torch_BCHW.shape))
print("channels_last: shape", tuple(last_BCHW.shape), "but strides", last_BCHW.stride())
assert last_BCHW.stride()[1] == 1

# %% [markdown]
# The second line is the compromise: PyTorch's order of *axes*, the lecture's order *in memory* (the stride of the
# channel axis is 1). The networks of section 6 keep their maps that way.
#
# ### Exercise 1.2 · Channels first (easy, 5 minutes)
#
# Write `to_channels_first(images_BHWC)`: a batch in the lecture's order goes in, the same pictures in PyTorch's order
# come out.
#
# <details><summary>Hint 1</summary>Which axis of the input becomes axis 1 of the output?</details>
# <details><summary>Hint 2</summary>Two operations give the right shape; one scrambles the picture. Look for the one that moves axes.</details>
# <details><summary>Hint 3</summary><code>images.permute(...)</code> takes the old position of each new axis: batch 0, channels 3, ...</details>


# %% tags=["stub"]
def to_channels_first(images_BHWC):
    return ...


# %% tags=["solution"]
def to_channels_first(images_BHWC):
    return images_BHWC.permute(0, 3, 1, 2)


# %%
check.to_channels_first(to_channels_first)

# %% tags=["instructor"]
checks.require_passed("1.2 to_channels_first")

# %% [markdown]
# Three digits, one in each colour channel, go through your function; the first channel of the result is drawn.

# %% tags=["figure"]
colour_BHWC = mnist.train_images_BHW[:3].permute(1, 2, 0)[None].float()


def first_channel(ax, pictures_BCHW):
    plots.matrix(ax, pictures_BCHW[0][0], xlabel="column", ylabel="row", ink=True, limits=(0, 255))


plots.compare(
    first_channel,
    colour_BHWC.permute(0, 3, 1, 2),
    checks.attempt(to_channels_first, colour_BHWC),
    alt="Left, the digit in the first colour channel; right, what your function makes of it.",
)

# %% [markdown]
# ## 3 · One hidden layer, by hand
#
# A template per class is stiff: one 7 for all sevens. A hidden layer looks for U smaller patterns first, and decides
# from what it found:
#
# $$h = \max(0,\; x W_1 + b_1), \qquad z = h W_2 + b_2, \qquad p_v = \frac{e^{z_v}}{\sum_{v'} e^{z_{v'}}}$$
#
# The *ReLU*, $\max(0, \cdot)$, cuts off what is negative. The *softmax* on the right turns ten scores, the *logits* $z$, into ten
# probabilities. The *loss*, here the *cross-entropy*, is the mean surprise at the right label $y$: $\;\ell = -\frac1B\sum_b \log p_{b,\,y_b}$.
#
# | symbol | name in the code | shape |
# |---|---|---|
# | $x$ pixels | `images_BP` | B x 784 |
# | $W_1, b_1$ | `W1_PU`, `b1_U` | 784 x 128, 128 |
# | $h$ hidden units | `hidden_BU` | B x 128 |
# | $W_2, b_2$ | `W2_UV`, `b2_V` | 128 x 10, 10 |
# | $z$ logits, $p$ probabilities | `logits_BV` | B x 10 |


# %%
def start(units=128, seed=0):
    """Weights whose products neither grow nor shrink: standard deviation sqrt(2 / inputs)."""
    draw = torch.Generator().manual_seed(seed)
    return {
        "W1_PU": torch.randn(784, units, generator=draw) * (2 / 784) ** 0.5,
        "b1_U": torch.zeros(units),
        "W2_UV": torch.randn(units, 10, generator=draw) * (2 / units) ** 0.5,
        "b2_V": torch.zeros(10),
    }


# %% [markdown]
# Forward, in two lines, and the loss in one.


# %%
def forward(weights, images_BP):
    hidden_BU = (images_BP @ weights["W1_PU"] + weights["b1_U"]).clamp(min=0)
    return hidden_BU, hidden_BU @ weights["W2_UV"] + weights["b2_V"]


def loss_of(logits_BV, labels_B):
    log_p_BV = logits_BV - logits_BV.logsumexp(1, keepdim=True)
    return -log_p_BV[range(len(labels_B)), labels_B].mean()


# %% [markdown]
# **Predict.** A network that knows nothing gives each of ten classes about the same probability. What is its loss before the first
# update? Write a number.

# %%
predicted_first_loss = None

# %%
images_BP, labels_B = train_BP[:100] / 255, mnist.train_labels_B[:100]
first_losses = [
    loss_of(forward(start(seed=seed), images_BP)[1], labels_B).item() for seed in range(10)
]
print(f"you: {predicted_first_loss}   -log(1/10) = {np.log(10):.2f}")
print("ten random starts: " + ", ".join(f"{loss:.2f}" for loss in first_losses))
assert abs(np.mean(first_losses) - np.log(10)) < 0.5 and np.mean(first_losses) > np.log(10)

# %% [markdown]
# On average a little more than log 10: random weights already have opinions, and wrong opinions cost more than none.
#
# ### Exercise 1.3 · The loss (medium, 10 minutes)
#
# Write `cross_entropy(logits_BV, labels_B)`: the mean of $-\log p$ of the right class, without calling PyTorch's loss functions.
# It must survive logits of 1,000.
#
# <details><summary>Hint 1</summary>log p = z - log(sum of exp z). Only one of the ten log p counts in each row.</details>
# <details><summary>Hint 2</summary>exp(1000) is infinite. Adding a number to a whole row of logits changes no probability; so subtract the row's largest first.</details>
# <details><summary>Hint 3</summary><code>logits_BV[torch.arange(B), labels_B]</code> picks the right class in each row; <code>torch.logsumexp(logits_BV, 1)</code> is the stable logarithm of the sum.</details>


# %% tags=["stub"]
def cross_entropy(logits_BV, labels_B):
    return ...


# %% tags=["solution"]
def cross_entropy(logits_BV, labels_B):
    right_B = logits_BV[torch.arange(len(labels_B)), labels_B]
    return (logits_BV.logsumexp(1) - right_B).mean()


# %%
check.cross_entropy(cross_entropy)

# %% tags=["instructor"]
checks.require_passed("1.3 cross_entropy")

# %% [markdown]
# The loss while the right logit moves and nine others stay at 0: nearly a straight line for the wrong, nearly 0
# for the right. So a confident mistake costs in proportion to its confidence.

# %% tags=["figure"]
logits = torch.linspace(-1000, 1000, 81)
rows_BV, zero = F.pad(logits[:, None], (0, 9)), torch.tensor([0])
yours = [checks.attempt(cross_entropy, row_V[None], zero) for row_V in rows_BV]
yours = None if None in yours else [checks.attempt(float, loss) for loss in yours]


def draw_loss(ax, losses):
    plots.curves(ax, logits, {"loss": losses}, xlabel="logit of the right class", ylabel="loss")


target = [float(F.cross_entropy(row_V[None], zero)) for row_V in rows_BV]
slopes = np.diff(target) / np.diff(logits)
assert np.allclose(slopes[:39], -1, atol=1e-3) and np.allclose(slopes[41:], 0, atol=1e-3)
plots.compare(
    draw_loss,
    target,
    yours,
    alt="The loss falls in a straight line to 0 where the right logit overtakes the others.",
)

# %% [markdown]
# ### Backward: the chain rule, line by line
#
# Each line of `backward` undoes a line of `forward`. The first is the surprise: the whole of softmax, logarithm and mean has the
# gradient **probability minus truth**, over B.


# %%
def backward(weights, images_BP, hidden_BU, logits_BV, labels_B):
    truth_BV = F.one_hot(labels_B, 10)
    dlogits_BV = (logits_BV.softmax(1) - truth_BV) / len(labels_B)
    passed_BU = hidden_BU > 0  # the ReLU lets through what was positive
    dhidden_BU = (dlogits_BV @ weights["W2_UV"].T) * passed_BU
    return {
        "W1_PU": images_BP.T @ dhidden_BU,
        "b1_U": dhidden_BU.sum(0),
        "W2_UV": hidden_BU.T @ dlogits_BV,
        "b2_V": dlogits_BV.sum(0),
    }


# %% [markdown]
# *Autograd* records the operations of `forward` and applies the same rule. Both must agree.

# %%
weights = {name: value.requires_grad_() for name, value in start().items()}
hidden_BU, logits_BV = forward(weights, images_BP)
loss_of(logits_BV, labels_B).backward()
with torch.no_grad():
    by_hand = backward(weights, images_BP, hidden_BU, logits_BV, labels_B)
for name, gradient in by_hand.items():
    gap = (gradient - weights[name].grad).abs().max().item()
    print(f"{name:6} largest difference {gap:.1e}")
    assert gap < 1e-6

# %% [markdown]
# ### The plain loop: forward, loss, backward, update, repeat


# %%
def train_by_hand(lr, updates, record=None):
    weights = start()
    batches = ImageBatches(mnist.train_images_BHW, mnist.train_labels_B, batch_size=100)
    losses = []
    for step in range(1, updates + 1):
        images_BHW, labels_B = batches(step, None)
        images_BP = images_BHW.flatten(1)
        hidden_BU, logits_BV = forward(weights, images_BP)
        losses.append(loss_of(logits_BV, labels_B).item())
        gradients = backward(weights, images_BP, hidden_BU, logits_BV, labels_B)
        for name in weights:
            weights[name] = weights[name] - lr * gradients[name]
    return weights, losses


def read_by_hand(weights):
    _, logits_BV = forward(weights, test_BP)
    return (logits_BV.argmax(1) == mnist.test_labels_B).float().mean().item()


# %%
updates = 600  # one epoch of the real MNIST: each image once
weights, losses = train_by_hand(lr=0.3, updates=updates)
by_hand_right = read_by_hand(weights)
print(f"test accuracy {by_hand_right:.1%}; ten templates had {template_right:.1%}")
assert by_hand_right > template_right
assert by_hand_right > 0.94 or not mnist.is_real

# %% [markdown]
# Every image seen once (one *epoch*), and a hidden layer of 128 units reads the test images far better than ten templates. On the right, how
# training changed the weights of the eight units that changed most: ink here speaks for it (violet), ink there against (orange).

# %% tags=["figure"]
fig, axes = plots.figure(1, 2, size=(9, 3.2))
plots.curves(
    *(axes[0], range(1, updates + 1), {"by hand": losses}),
    xlabel="update",
    ylabel="loss of the batch, nats",
    log="y",
)
axes[0].axhline(np.log(10), color="grey", ls="--", lw=1, label="knows nothing: log 10")
axes[0].legend()
learned_UP = (weights["W1_PU"] - start()["W1_PU"]).T
strongest = learned_UP.norm(dim=1).argsort(descending=True)[:8]
tiles = learned_UP[strongest].view(2, 4, 28, 28).permute(0, 2, 1, 3).reshape(56, 112)
plots.matrix(
    *(axes[1], tiles),
    xlabel="four units in a row",
    ylabel="two rows",
    title="what training wrote into 8 hidden units",
    diverging=True,
)
axes[1].set(xticks=[28, 56, 84], yticks=[28], xticklabels=[], yticklabels=[])
axes[1].grid(True, color="black", alpha=0.6, lw=1)
told = plots.ends([1, updates], {"the loss": [losses[0], np.mean(losses[-20:])]})
plots.show(
    fig, alt=f"{told}. Beside it what eight hidden units learned: strokes, for and against ink."
)

# %% [markdown]
# ### The library's version
#
# `MLP`, the *multilayer perceptron*, is the same network, `train` the same loop. From the same weights, on the same batches, it takes
# the same path.

# %%
model, begin = MLP((784, 128, 10)), start()
with torch.no_grad():
    for layer, weight, bias in ((0, "W1_PU", "b1_U"), (-1, "W2_UV", "b2_V")):
        model.layers[layer].weight.copy_(begin[weight].T)
        model.layers[layer].bias.copy_(begin[bias])
batches = ImageBatches(mnist.train_images_BHW, mnist.train_labels_B, batch_size=100)
sgd = torch.optim.SGD(model.parameters(), lr=0.3)
records = list(train(model, batches, image_loss, sgd, updates=100, progress=False))
gap = max(abs(record["loss"] - loss) for record, loss in zip(records, losses, strict=False))
print(f"largest difference of the loss in 100 updates: {gap:.1e}")
assert gap < 1e-3

# %% [markdown]
# **Break it.** One number was chosen by trying, `lr`, the *learning rate*: how far an update goes for its gradient. Ten and a hundred times less, ten and a hundred times more:

# %%
rates = (0.003, 0.03, 0.3, 3.0, 30.0)
curves = {f"lr {lr:g}": train_by_hand(lr, updates=150)[1] for lr in rates}
finals = {name: np.nan_to_num(np.mean(curve[-20:]), nan=np.inf) for name, curve in curves.items()}
print({name: round(float(loss), 2) for name, loss in finals.items()})
assert min(finals, key=finals.get) == "lr 0.3" or not mnist.is_real

# %% tags=["figure"]
smooth = {
    name: np.convolve(np.nan_to_num(curve, nan=1e3).clip(max=1e3), np.ones(10) / 10, "valid")
    for name, curve in curves.items()
}
plots.lines(
    range(10, 151),
    smooth,
    xlabel="update",
    ylabel="loss (mean of 10, cut at 1,000)",
    log="y",
    levels={"log 10": np.log(10)},
    legend="right",
    title=mnist.title("one number decides"),
    alt="Loss against updates for five learning rates: " + plots.ends(range(10, 151), smooth) + ".",
)

# %% [markdown]
# ### Exercise 1.4 · A path around the layers (medium, 10 minutes)
#
# In lesson 05 layers get a bypass: $y = x + \max(0,\, x W_1)\, W_2$. Write `residual_backward(x_BU, w1_UU, w2_UU, dy_BU)`: from the
# gradient of the loss in $y$, give its gradient in $x$. (The slope of the ReLU at exactly 0 counts as 0.)
#
# <details><summary>Hint 1</summary>x influences y along two paths. The gradients of two paths add.</details>
# <details><summary>Hint 2</summary>Walk the longer path backwards: W2, then ReLU, then W1. <code>backward</code> above has the first two.</details>
# <details><summary>Hint 3</summary>Through W2: <code>dy_BU @ w2_UU.T</code>. Through the ReLU: keep it where <code>x_BU @ w1_UU &gt; 0</code>. Through W1: <code>@ w1_UU.T</code>. Then add the short path.</details>


# %% tags=["stub"]
def residual_backward(x_BU, w1_UU, w2_UU, dy_BU):
    return ...


# %% tags=["solution"]
def residual_backward(x_BU, w1_UU, w2_UU, dy_BU):
    dh_BU = (dy_BU @ w2_UU.T) * (x_BU @ w1_UU > 0)
    return dy_BU + dh_BU @ w1_UU.T


# %%
check.residual_backward(residual_backward)

# %% tags=["instructor"]
checks.require_passed("1.4 residual_backward")

# %% [markdown]
# Autograd's gradient, and yours, as coloured cells.

# %% tags=["figure"]
draw = torch.Generator().manual_seed(1)
x_BU, w1_UU, w2_UU, dy_BU = (torch.randn(6, 6, generator=draw) for _ in range(4))
x_BU.requires_grad_()
(x_BU + (x_BU @ w1_UU).relu() @ w2_UU).backward(dy_BU)


def cells(ax, values_BU):
    values_BU = np.asarray(values_BU)
    plots.matrix(ax, values_BU, xlabel="unit", ylabel="item of the batch", diverging=True)


plots.compare(
    cells,
    x_BU.grad,
    checks.attempt(residual_backward, x_BU.detach(), w1_UU, w2_UU, dy_BU),
    alt="The gradient in x for six items and six units, by autograd and by your function.",
)

# %% [markdown]
# ## 4 · Five ways to make an update
#
# The gradient says which way is downhill *here*. What to do with it is the *optimizer's* business. In a narrow ravine the
# gradient points mostly at the other wall.
#
# | rule | memory | update of a weight $w$ with gradient $g$ and learning rate $\alpha$ |
# |---|---|---|
# | SGD | | $w \leftarrow w - \alpha g$ |
# | momentum | $m \leftarrow 0.9\,m + g$ | $w \leftarrow w - \alpha m$ |
# | RMSProp | $v \leftarrow 0.99\,v + 0.01\,g^2$ | $w \leftarrow w - \alpha g / \sqrt v$ |
# | Adam | $m \leftarrow 0.9\,m + 0.1\,g$, $v \leftarrow 0.999\,v + 0.001\,g^2$, both corrected for starting at 0 | $w \leftarrow w - \alpha\,\hat m / \sqrt{\hat v}$ |
# | AdaMax | $m$ as Adam; $v \leftarrow \max(0.999\,v, \lvert g\rvert)$ | $w \leftarrow w - \alpha\,\hat m / v$ |
#
# The last three divide by the gradient's usual size, each weight by its own: they step a *distance*, however steep it is. (The constants are
# PyTorch's; Hinton's lecture has 0.9 and 0.1 for RMSProp. A tiny number that keeps the last three from dividing by 0 is left out.)

# %%
OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "RMSProp": torch.optim.RMSprop,
    "Adam": torch.optim.Adam,
    "AdaMax": torch.optim.Adamax,
}


def walk(make, lr, steps=60, steep=1.0):
    """The path of an optimizer down the ravine f(x, y) = steep (x^2 / 2 + 20 y^2)."""
    place = torch.tensor([-4.0, 1.0], requires_grad=True)
    optimizer, path = make([place], lr=lr), [place.tolist()]
    for _ in range(steps):
        place.grad = steep * torch.tensor([1.0, 40.0]) * place.detach()
        optimizer.step()
        path.append(place.tolist())
    return np.array(path)


# %%
ravine_rates = {"SGD": 0.045, "momentum": 0.02, "RMSProp": 0.1, "Adam": 0.3, "AdaMax": 0.3}
paths = {name: walk(make, ravine_rates[name]) for name, make in OPTIMIZERS.items()}
for name, path in paths.items():
    steeper = walk(OPTIMIZERS[name], ravine_rates[name], steps=20, steep=100.0)
    same = np.allclose(steeper, path[:21], atol=1e-3)
    print(f"{name}: in a ravine 100 times as steep {'the same path' if same else 'another path'}")
    assert same == (name in ("RMSProp", "Adam", "AdaMax"))

# %% tags=["figure"]
fig, axes = plots.figure(1, 5, size=(12, 2.9), sharey=True)
x, y = np.meshgrid(np.linspace(-5, 2, 80), np.linspace(-1.5, 1.5, 60))
for ax, (name, path) in zip(axes, paths.items(), strict=True):
    ax.contour(x, y, x**2 / 2 + 20 * y**2, levels=[0.5, 2, 5, 10, 20, 35], colors="lightgrey")
    ax.plot(*path.T, ".-", ms=4, lw=1, color=plots.PALETTE[0])
    ax.plot(0, 0, "*", ms=12, color=plots.PALETTE[3])
    ax.set(xlabel="x", title=f"{name}, lr {ravine_rates[name]}")
axes[0].set_ylabel("y")
plots.show(
    fig,
    alt="Paths of five optimizers in a ravine, towards a star at the bottom. SGD jumps from wall to wall, momentum swings, RMSProp goes down the wall and then straight, Adam and AdaMax overshoot a little and return.",
)

# %% [markdown]
# The first three rules are one line each; they must land where PyTorch's do. (Adam's you write in lesson 11.)


# %%
def by_rule(name, lr, steps=60):
    w, m, v = torch.tensor([-4.0, 1.0]), torch.zeros(2), torch.zeros(2)
    for _ in range(steps):
        g = torch.tensor([1.0, 40.0]) * w
        m, v = 0.9 * m + g, 0.99 * v + 0.01 * g**2
        w = w - lr * {"SGD": g, "momentum": m, "RMSProp": g / (v.sqrt() + 1e-8)}[name]
    return w.numpy()


for name in ("SGD", "momentum", "RMSProp"):
    assert np.allclose(by_rule(name, ravine_rates[name]), paths[name][-1], atol=1e-4)

# %% [markdown]
# **Predict.** Now MNIST, 150 updates, each rule with six learning rates, a factor of ten apart. At its best rate, whose loss is lowest:
# "SGD", "momentum", "RMSProp", "Adam" or "AdaMax"?

# %%
predicted_winner = None


# %%
count = min(5000, len(mnist.train_labels_B) - 1000)  # held out, to compare by
kept = mnist.train_images_BHW[:-count], mnist.train_labels_B[:-count]
held = mnist.train_images_BHW[-count:], mnist.train_labels_B[-count:]


def fit(model, lr=1e-3, updates=150, make=torch.optim.Adam, seed=0):
    """Train quietly; the losses, which end where they are no number any more."""
    few = ImageBatches(*kept, 100, seed=seed)
    settings = {"updates": updates, "seed": seed, "progress": False}
    losses = []
    try:
        for record in train(model, few, image_loss, make(model.parameters(), lr=lr), **settings):
            losses.append(record["loss"])
    except FloatingPointError:  # too large a learning rate
        losses.append(np.inf)
    return np.array(losses)


def seeded(make_model, seed):
    torch.manual_seed(seed)
    return make_model().to(device)


# %%
RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
one_hidden = partial(MLP, (784, 128, 10))
end_loss = {}
for name, make in OPTIMIZERS.items():
    ends = [fit(seeded(one_hidden, 0), lr, make=make)[-30:].mean() for lr in RATES]
    end_loss[name] = np.clip(ends, None, 30)
    print(f"{name:9} best {min(ends):.3f} at {RATES[int(np.argmin(ends))]:g}", flush=True)

# %% [markdown]
# The last 30 losses of each run, averaged, and two more seeds of each rule at its best rate.

# %%
best_rate = {name: RATES[int(np.argmin(ends))] for name, ends in end_loss.items()}
at_best = {
    name: [end_loss[name].min()]
    + [
        fit(seeded(one_hidden, seed), best_rate[name], make=make, seed=seed)[-30:].mean()
        for seed in (1, 2)
    ]
    for name, make in OPTIMIZERS.items()
}
print(f"you: {predicted_winner}   three seeds: {plots.medians(at_best)}")

# %% tags=["figure"]
plots.lines(
    RATES,
    end_loss,
    xlabel="learning rate",
    ylabel="loss after 150 updates, nats (cut at 30)",
    log="xy",
    style={"marker": "o", "ms": 4},
    levels={"log 10": np.log(10)},
    legend="right",
    title=mnist.title("each rule has its own valley"),
    alt="Loss after 150 updates against the learning rate. Three seeds at each rule's best rate: "
    + plots.medians(at_best),
)

# %% [markdown]
# At its best rate every rule works; what differs is the *place* of the valley. Which rule is best at one common rate?

# %%
crowned = {lr: min(end_loss, key=lambda name: end_loss[name][k]) for k, lr in enumerate(RATES)}
print(crowned)
dividing = max(best_rate[name] for name in ("RMSProp", "Adam", "AdaMax"))
assert all(RATES[0] < lr < RATES[-1] for lr in best_rate.values()) or not mnist.is_real
assert best_rate["SGD"] >= 10 * dividing or not mnist.is_real
assert (crowned[1.0] == "SGD" != crowned[1e-4]) or not mnist.is_real
assert end_loss["SGD"][RATES.index(1.0)] < end_loss["Adam"][RATES.index(1.0)] or not mnist.is_real
assert max(map(max, at_best.values())) < 0.25 * np.log(10) or not mnist.is_real

# %% [markdown]
# Whichever the rate suits: SGD at 1, another at 0.0001. SGD's best rate is at least ten times that of each rule that divides by the gradient's size, and no
# best rate lies at the edge of what was tried; if one did, the comparison would have to go on beyond it. At their best rates all fifteen runs end below a quarter of
# what guessing costs.

# %% [markdown]
# ## 5 · Non-linearities, and more layers
#
# Without a non-linearity two layers are one: $(xW_1)W_2 = x(W_1W_2)$. Which function stands between them decides how much of the gradient
# gets back through it.

# %%
x_B = torch.linspace(-5, 5, 201)
functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "ReLU": torch.relu}
slopes = {name: torch.func.vmap(torch.func.grad(f))(x_B) for name, f in functions.items()}
largest = {name: slope.max().item() for name, slope in slopes.items()}
print(largest)
assert np.allclose(list(largest.values()), (0.25, 1, 1), atol=1e-3)

# %% tags=["figure"]
values = {name: f(x_B).clamp(max=2) for name, f in functions.items()}
plots.lines(
    x_B,
    {"the function (cut at 2)": values, "its slope": slopes},
    xlabel="x",
    ylabel="f(x), f'(x)",
    size=(9, 3),
    alt="Sigmoid, tanh and ReLU and their slopes. The sigmoid's slope is at most a quarter, tanh reaches 1 at 0, ReLU's is 0 or 1.",
)

# %% [markdown]
# The sigmoid lets at most a quarter through, at each layer. With one hidden layer that only costs time:

# %%
SEEDS = (0, 1, 2)
one_layer, last = {}, {}
for name, f in {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}.items():
    networks = [seeded(partial(one_hidden, activation=f), seed) for seed in SEEDS]
    one_layer[name] = [fit(x, seed=seed) for seed, x in zip(SEEDS, networks, strict=True)]
    last[name] = np.mean(one_layer[name], 0)[-20:].mean()
    print(f"{name}: loss {last[name]:.2f} after 150 updates", flush=True)
assert last["sigmoid"] > 1.5 * max(last["tanh"], last["ReLU"])

# %% tags=["figure"]
smooth = {
    name: [np.convolve(run, np.ones(10) / 10, "valid") for run in runs]
    for name, runs in one_layer.items()
}
plots.lines(
    range(10, 151),
    smooth,
    xlabel="update",
    ylabel="loss (mean of 10), nats",
    log="y",
    title=mnist.title("one hidden layer, Adam 0.001, three seeds"),
    alt="Loss of one-hidden-layer networks, three seeds each: "
    + plots.ends(range(10, 151), smooth),
)

# %% [markdown]
# **Predict.** Same training (150 updates), but 16 hidden layers of 64 units instead of one, with ReLU and PyTorch's default weights. Will
# the accuracy be "higher", "about the same" or "lower"?

# %%
predicted_depth = None


# %% [markdown]
# First, before any training: the size of the gradient at each layer. *He's start* draws weights of standard deviation
# $\sqrt{2/\text{inputs}}$, since ReLU throws half away. *Batch norm* shifts and scales each hidden unit to mean 0 and deviation 1 over the batch
# (and then by a scale and a shift that are learned; at first they change nothing).


# %%
def deep(seed, depth=16, activation=nn.ReLU, he=False, batch_norm=False):
    """A network with hidden layers of 64 units, untrained."""
    torch.manual_seed(seed)
    network = MLP((784, *[64] * depth, 10), activation=activation, batch_norm=batch_norm)
    for layer in network.modules():
        if he and isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return network


def gradient_sizes(network):
    """The norm of the loss's gradient in each layer's weights, first layer first."""
    image_loss(network, batches(1, None)).backward()
    return [x.weight.grad.norm().item() for x in network.modules() if isinstance(x, nn.Linear)]


# %%
KINDS = {
    "sigmoid, default": {"activation": nn.Sigmoid},
    "ReLU, default": {},
    "ReLU, He": {"he": True},
    "ReLU, He + batch norm": {"he": True, "batch_norm": True},
}
sizes = {
    name: np.array([gradient_sizes(deep(seed, **kind)) for seed in range(5)])
    for name, kind in KINDS.items()
}

# %% tags=["figure"]
plots.lines(
    range(1, 18),
    sizes,
    xlabel="layer (1 reads the pixels)",
    ylabel="norm of the gradient",
    log="y",
    legend="right",
    title="what arrives at each layer, before training, five seeds",
    alt="Gradient norm by layer, logarithmic, five seeds each: " + plots.ends(range(1, 18), sizes),
)

# %% [markdown]
# Between the hidden layers each curve is close to a straight line: every layer multiplies the gradient by the same factor. Theory for wide layers gives
# it from the weights' variance and the slope's mean square: PyTorch's default weights have variance $1/(3U)$, so sigmoids pass on
# $\frac14\sqrt{1/3}$ and ReLUs, open half of the time, $\sqrt{1/6}$; He's variance $2/U$ makes it 1; batch norm errs
# the other way: ReLU leaves a variance of $(\pi-1)/2\pi$, batch norm divides by its root, and so the factor is $\sqrt{\pi/(\pi-1)}$
# (that such gradients grow exponentially with the layers is a theorem: Yang et al. 2019).

# %%
THEORY = dict(zip(KINDS, (0.25 / 3**0.5, 6**-0.5, 1.0, (np.pi / (np.pi - 1)) ** 0.5), strict=True))
for name, runs in sizes.items():
    factors = (runs[:, 1] / runs[:, 14]) ** (1 / 13)
    print(
        f"{name:22} a factor of {factors.mean():.2f} per layer; theory {THEORY[name]:.2f}; in 16: {factors.mean() ** 16:.0e}"
    )
    assert np.allclose(factors, THEORY[name], rtol=0.15)

# %% [markdown]
# A factor of 0.44 per layer is harmless once and leaves two millionths after sixteen. Now train the three with ReLU: 150 updates at Adam's usual rate
# of 0.001, three seeds, read on 5,000 training images that are *held out*, never trained on, to choose by; the test images shall judge what is chosen.

# %%
reads, loss_left = {}, {}
for name in [name for name in KINDS if "ReLU" in name]:
    for depth in (1, 16):
        kind = f"{depth}, {name[6:]}"
        trained = [deep(seed, depth, **KINDS[name]).to(device) for seed in SEEDS]
        ends = [fit(x, seed=seed)[-20:] for seed, x in zip(SEEDS, trained, strict=True)]
        loss_left[kind] = [losses.mean() for losses in ends]
        reads[kind] = [100 * accuracy(network, *held) for network in trained]
        print(f"{name}, {depth}: {plots.medians({'': reads[kind]})}", flush=True)
print(f"you: {predicted_depth}")

# %% tags=["figure"]
plots.dots(
    reads,
    rows=True,
    xlabel="held-out accuracy, %",
    ylabel="hidden layers, first weights",
    xlim=(0, 100),
    title=mnist.title("150 updates, three seeds"),
)

# %% [markdown]
# The surprise: a deeper network can represent everything a shallow one can, and still reads worse. It is the *training* that fails. The *control*, the same with only the suspect changed, is in the picture: He's start
# changes nothing but the first weights, and repairs most of it. Batch norm on top reads worse again at sixteen layers, where its gradients grow towards the first: more care is not
# always better. Lesson 04 takes this apart, over time instead of depth.

# %%
middle_of = {name: np.median(values) for name, values in reads.items()}
assert middle_of["16, default"] < middle_of["1, default"]
print("training loss at the end:", plots.medians(loss_left))
assert not mnist.is_real or min(loss_left["16, default"]) > 3 * max(loss_left["1, default"])
assert not mnist.is_real or (
    middle_of["16, He"] > middle_of["16, He + batch norm"] > middle_of["16, default"]
)

# %% [markdown]
# ## 6 · A network that looks everywhere
#
# A *convolution* multiplies a small kernel with every place of the image and writes the sums into a map: **the same weights everywhere**. (In mathematics the kernel is
# turned round first; networks learn their kernels and need not.) By hand, at one place, with a kernel that looks for an edge with ink on its right:

# %%
image_HW = mnist.train_images_BHW[1].float() / 255
kernel_KK = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
patch_KK = image_HW[15:18, 5:8]
print(patch_KK.numpy().round(2), f"\nsum of patch x kernel: {(patch_KK * kernel_KK).sum():.2f}")

# %% [markdown]
# ### Exercise 1.5 · Everywhere (medium, 10 minutes)
#
# Write `convolve(image_HW, kernel_KK)` with loops: at each place where the kernel fits into the image, the sum of the products. An H x W image and a K x K kernel
# give (H - K + 1) x (W - K + 1) sums.
#
# <details><summary>Hint 1</summary>The cell above does one place: rows 15 to 17, columns 5 to 7.</details>
# <details><summary>Hint 2</summary>Place (i, j) uses rows i to i + K and columns j to j + K, ends excluded.</details>
# <details><summary>Hint 3</summary>Start with <code>torch.empty(H - K + 1, W - K + 1)</code> and set <code>out[i, j] = (image_HW[i:i+K, j:j+K] * kernel_KK).sum()</code> in two loops.</details>


# %% tags=["stub"]
def convolve(image_HW, kernel_KK):
    return ...


# %% tags=["solution"]
def convolve(image_HW, kernel_KK):
    (height, width), size = image_HW.shape, len(kernel_KK)
    map_HW = torch.empty(height - size + 1, width - size + 1)
    for i, j in np.ndindex(*map_HW.shape):
        map_HW[i, j] = (image_HW[i : i + size, j : j + size] * kernel_KK).sum()
    return map_HW


# %%
check.convolve(convolve)

# %% tags=["instructor"]
checks.require_passed("1.5 convolve")

# %% [markdown]
# The library's version of the whole map, and yours.

# %% tags=["figure"]
edges_HW = F.conv2d(image_HW[None, None], kernel_KK[None, None])[0, 0]


def draw_map(ax, map_HW):
    plots.matrix(ax, np.asarray(map_HW), xlabel="column", ylabel="row", diverging=True)


plots.compare(
    draw_map,
    edges_HW,
    checks.attempt(convolve, image_HW, kernel_KK),
    alt="Edges of the digit: one sign at left edges of strokes, the other at right edges; beside it your map.",
)

# %% [markdown]
# `ConvNet` stacks three such layers, with 16, 32 and 64 maps; after each, *max pooling* keeps the largest of every 2x2 square, so that a
# 3x3 kernel of the next layer covers twice as much of the image. At the end all places of all maps go into one ordinary layer.
#
# **Predict.** How many times as many weights has the MLP with one hidden layer of 256 units?

# %%
predicted_weights = None

# %%
conv_net, x_BCHW = ConvNet(), torch.zeros(1, 1, 28, 28)
for layer in conv_net.layers:
    count, before = sum(p.numel() for p in layer.parameters()), tuple(x_BCHW.shape[1:])
    x_BCHW = layer(x_BCHW)
    if count:
        print(
            f"{type(layer).__name__:12} {str(before):14} -> {str(tuple(x_BCHW.shape[1:])):14} {count:7,} weights"
        )
weights_of = {type(x).__name__: sum(p.numel() for p in x.parameters()) for x in (MLP(), conv_net)}
print(
    f"you: {predicted_weights}   {weights_of}, {weights_of['MLP'] / weights_of['ConvNet']:.1f} times"
)
assert weights_of == {"MLP": 203_530, "ConvNet": 29_290}

# %% [markdown]
# Seven times as many. The first kernels are used at 28 x 28 = 784 places, the second at 196, the third at 49; the weights of
# the last layer at one.
#
# ## 7 · Evidence: all images
#
# Both networks, with images moved by up to one pixel, and a learning rate that rises and falls once (*one cycle*; lesson 11 looks at
# both; `fused=True` lets Adam move all weights in one call). Nothing in this lesson was chosen by the test images; now they judge both networks.

# %%
RECIPES = {  # network, batch size, highest learning rate, epochs
    "MLP": (MLP, 128, 3e-3, 5),
    "ConvNet": (ConvNet, 256, 1e-2, 2),
}


def full_run(name, seed):
    make, batch_size, peak, epochs = RECIPES[name]
    network, images = seeded(make, seed), (mnist.train_images_BHW, mnist.train_labels_B)
    moved = ImageBatches(*images, batch_size, shift_images, seed=seed)
    updates = moved.batches_per_epoch * epochs * (1 if mnist.is_real else 20)
    rate = Schedule(one_cycle(peak, updates))
    adam = torch.optim.Adam(network.parameters(), fused=True)
    settings = {"callbacks": [rate], "progress": f"{name}, seed {seed}"}
    for _ in train(network, moved, image_loss, adam, updates=updates, seed=seed, **settings):
        pass
    return network


# %%
trained = {name: [full_run(name, seed) for seed in (0,)] for name in RECIPES}

# %%
test = mnist.test_images_BHW, mnist.test_labels_B
wrong = {name: [100 - 100 * accuracy(x, *test) for x in runs] for name, runs in trained.items()}
print("wrong test images, %:", plots.medians(wrong))

# %%
assert max(wrong["MLP"]) <= (2 if mnist.is_real else 10)
assert max(wrong["ConvNet"]) <= (1 if mnist.is_real else 10)
assert np.mean(wrong["ConvNet"]) < np.mean(wrong["MLP"]) / 2 or not mnist.is_real

# %% [markdown]
# One run each here; three seeds of each, in the course's BENCHMARKS.md, made 1.6 to 1.7 and 0.6 to 0.7 % mistakes. Errors say more than accuracies: the ConvNet reads at least 99 % and makes *less than half the mistakes* of the MLP, with a seventh of the weights.

# %% tags=["figure"]
errors = {
    "ten templates": [100 - 100 * template_right],
    "by hand, 1 epoch": [100 - 100 * by_hand_right],
    **{name: wrong[name] for name in ("MLP", "ConvNet")},
}
fig, ax = plots.figure(size=(7, 3))
for reader_name, shares in errors.items():
    ax.plot([reader_name] * len(shares), shares, "o", ms=10, color=plots.PALETTE[0])
    ax.annotate(
        f"{shares[0]:.1f} %", (reader_name, shares[0]), (10, -4), textcoords="offset points"
    )
ax.set(yscale="log", ylim=(0.4, 40), xlim=(-0.4, 3.6), yticks=(0.5, 1, 2, 5, 10, 20))
ax.set(yticklabels=("0.5", "1", "2", "5", "10", "20"), ylabel="wrong test images, %")
ax.set(xlabel="reader", title=mnist.title("from templates to a convolutional network"))
plots.show(fig, alt="Wrong test images in per cent: " + plots.medians(errors))

# %% [markdown]
# ### The mistakes it makes
#
# The ConvNet's sixteen worst answers: those that gave the right label the least probability. Cover the titles: what would you have said?

# %%
probabilities_BV = predict(trained["ConvNet"][0], mnist.test_images_BHW)
confidence_B, guess_B = probabilities_BV.max(1)
worst = probabilities_BV.gather(1, mnist.test_labels_B[:, None])[:, 0].argsort()[:16].tolist()
misread = torch.nonzero(guess_B != mnist.test_labels_B)[:, 0]
print(f"{len(misread)} of {len(guess_B):,} test images are read wrongly")

# %% tags=["figure"]
titles = [f"{mnist.test_labels_B[i]}, read {guess_B[i]} ({confidence_B[i]:.0%})" for i in worst]
fig = plots.images(mnist.test_images_BHW[worst], titles, columns=8, size=1.25)
plots.show(fig, alt="The worst-read test digits: " + "; ".join(titles))

# %% [markdown]
# Which pairs are confused? The diagonal is left out; rows are what was written, columns what was read.

# %%
confusion_VV = torch.zeros(10, 10)
for label, guess in zip(mnist.test_labels_B[misread], guess_B[misread], strict=True):
    confusion_VV[label, guess] += 1

# %% tags=["figure"]
row, column = divmod(int(confusion_VV.argmax()), 10)
plots.heatmap(
    confusion_VV,
    xlabel="read as",
    ylabel="written",
    label="images",
    size=(5, 4),
    xticks=range(10),
    yticks=range(10),
    title=mnist.title("mistakes"),
    alt=f"A 10 by 10 table of {len(misread)} mistakes; the largest entry: {row} read as {column}, {int(confusion_VV.max())} times.",
)

# %% [markdown]
# **Break it.** Kernels that are the same at all places should make the ConvNet immune to a moved digit. Move the first 1,000 test digits
# to the right and see.


# %%
def move_right(images, pixels):
    """What crosses the edge is gone; white comes in."""
    return F.pad(images, (pixels, 0))[..., :28]


MOVES, sample = (0, 1, 2, 3, 4, 6, 8), [part[:1000] for part in test]
moved = {
    name: np.array(
        [[100 * accuracy(x, move_right(sample[0], k), sample[1]) for k in MOVES] for x in runs]
    )
    for name, runs in trained.items()
}

# %% [markdown]
# It is not immune. Do the kernels fail, or what comes behind them? A control: the same trained kernels, frozen, and a new last layer that gets
# only each map's mean over all places, so that it cannot know where anything is.


# %%
@torch.no_grad()
def map_means(network, images_BHW):
    """Each map's mean over all places, behind the last convolution: (B, C)."""
    parts = (images_BHW.to(device).float() / 255).split(500)
    return torch.cat([network.layers[:-2](part[:, None]).mean((2, 3)) for part in parts])


def without_places(network, updates=400):
    """A last layer that reads the means, trained on 10,000 images."""
    features_BC, labels_B = map_means(network.eval(), kept[0][:10_000]), kept[1][:10_000].to(device)
    last = seeded(partial(nn.Linear, features_BC.shape[1], 10), 0)
    adam = torch.optim.Adam(last.parameters(), lr=0.03, fused=True)
    for _ in range(updates):
        adam.zero_grad()
        F.cross_entropy(last(features_BC), labels_B).backward()
        adam.step()
    return last


# %%
moved["same kernels, no places"] = []
for network in trained["ConvNet"]:
    last = without_places(network)
    guesses = [last(map_means(network, move_right(sample[0], k))).argmax(1).cpu() for k in MOVES]
    shares = [100 * (guess_B == sample[1]).float().mean().item() for guess_B in guesses]
    moved["same kernels, no places"].append(shares)
    print("a last layer without places is trained", flush=True)
for name, runs in moved.items():
    print(f"{name}: {dict(zip(MOVES, np.mean(runs, 0).round().tolist(), strict=True))}")

# %% tags=["figure"]
plots.lines(
    MOVES,
    {name: np.mean(runs, 0) for name, runs in moved.items()},
    xlabel="pixels moved to the right",
    ylabel="test accuracy, %",
    xticks=MOVES,
    legend="right",
    spans={"moves in training": (0, 1)},
    title=mnist.title("trained on digits moved by at most 1"),
    alt="Accuracy against the distance moved: "
    + plots.ends(MOVES, {name: np.mean(runs, 0) for name, runs in moved.items()}),
)

# %% [markdown]
# The kernels are not what fails. Behind them a last layer that cannot know where anything is reads a little less while the digits stand in the middle, and loses less than half
# as many points at 8 pixels (where parts of some digits have left the image). The ConvNet's own last layer has a weight for every place of every map, and has never seen ink
# so far to the right. In lesson 08 *all* layers share their weights over places.

# %%
mean = {name: dict(zip(MOVES, np.mean(runs, 0), strict=True)) for name, runs in moved.items()}
fall = {name: values[0] - values[8] for name, values in mean.items()}
print("lost at 8 pixels, in points:", {name: round(float(value)) for name, value in fall.items()})
assert not mnist.is_real or mean["ConvNet"][4] > mean["MLP"][4] + 5
assert not mnist.is_real or fall["ConvNet"] > 20
assert not mnist.is_real or fall["same kernels, no places"] < fall["ConvNet"] / 2
assert not mnist.is_real or mean["same kernels, no places"][0] < mean["ConvNet"][0]

# %% [markdown]
# ### Your own hand
#
# Draw with the mouse, a finger, or arrows and space; both networks answer while you draw. Or start from a test digit and push it towards an edge. Where do
# they begin to disagree? What do they call something that is no digit?


# %%
def reader(network):
    """Ten probabilities for an image (28, 28) with values 0..1."""
    return lambda image_HW: predict(network, torch.tensor(image_HW * 255).round().byte()[None])[0]


starts_BHW = mnist.test_images_BHW[:6].float() / 255
classifiers = {name: reader(trained[name][0]) for name in ("MLP", "ConvNet")}
networks = [
    page_network(trained[name][0], name=name, rounding=rounding)
    for name, rounding in (("MLP", "int8"), ("ConvNet", "float16"))
]  # rounded, so that the page stays light; the explorer says how far its answers are from Python's
explorer = DrawDigit(classifiers, starts_BHW[0], examples=starts_BHW, networks=networks)
explorer

# %% [markdown]
# A cell can push, too: the same digit, three pixels to the right at each step.

# %%
for pixels in (0, 3, 6, 9):
    explorer.image = move_right(starts_BHW[0], pixels)
    answers = {
        n: f"{np.argmax(p)} ({max(p):.0%})"
        for n, p in zip(explorer.names, explorer.answers, strict=True)
    }
    print(f"{pixels} pixels: {answers}")
assert np.allclose(explorer.image, move_right(starts_BHW[0], 9))
assert np.allclose(explorer.answers[1], reader(trained["ConvNet"][0])(explorer.image), atol=1e-5)

# %% [markdown]
# ## Recap
#
# A network is a few matrix products with a non-linearity between them; the chain rule, read backwards line by line, tells every weight how to move.
# Depth, first weights and learning rate decide whether the training works at all, and a comparison is fair only when each candidate has a rate of its own.
# Kernels that are the same at all places read better with a seventh of the weights. What is shared over places, and what is not, is the thread of this course.

# %%
quiz(
    "Why does the gradient of softmax and logarithm together come out as probability minus truth?",
    "log p is z minus log-sum-exp z, and the derivative of log-sum-exp is p",
    (
        "Because probabilities add up to 1",
        "They do, but a different loss (the squared error, say) on the same probabilities has another gradient.",
    ),
    (
        "It is an approximation that holds near the optimum",
        "It is exact everywhere; autograd agreed to six decimals, at random weights.",
    ),
    why="The truth comes from the first term, the probability from the second, the minus sign of the loss turns both round.",
)

# %%
quiz(
    "Default weights, ReLU, 16 layers: why does it train worse than one layer?",
    "The gradient shrinks by a factor at every layer before it reaches the first",
    ("It has too few weights", "It has more than the network with one layer of 64."),
    (
        "It overfits",
        "Then the training loss would be low; after 150 updates it is more than three times that of one layer.",
    ),
    why="Section 5 measured 0.44 per layer before training. The control: He's start changes the size of the first weights and nothing else, and repairs it.",
)

# %%
quiz(
    "SGD at 0.001 reads worse than Adam at 0.001. What follows about the two?",
    "Nothing: each has its own valley, and SGD's lies elsewhere",
    ("Adam is the better optimizer", "At a rate of 1 it is the other way round (section 4)."),
    ("SGD needs more updates", "At a rate of its own it needs no more than Adam did here."),
    why="Compare each at its best rate, over several seeds, and look whether the best lies at the edge of what was tried.",
)

# %%
quiz(
    "A convolution's weights are shared over places. Why does the ConvNet still fail on digits moved by 8 pixels?",
    "Its last layer has separate weights for separate places",
    (
        "Max pooling destroys the position",
        "The control pools just as much, and it is the one that holds out longer.",
    ),
    (
        "Convolutions see only 3x3 pixels",
        "Each does, but three of them with pooling see most of the image.",
    ),
    why="The control, whose last layer cannot tell places apart, is the evidence: it differs in nothing else.",
)

# %% [markdown]
# **Sources.** Perceptron: Rosenblatt, *Psychological Review* 65, 1958, and *Principles of Neurodynamics*, 1962; its limits: Minsky, Papert, *Perceptrons*, 1969. MNIST and LeNet: LeCun, Bottou, Bengio, Haffner,
# *Gradient-based learning applied to document recognition*, 1998. Back-propagation: Rumelhart, Hinton, Williams, *Nature* 323, 1986. RMSProp: Tieleman, Hinton,
# Coursera lecture 6.5, 2012. Adam, AdaMax: Kingma, Ba, arXiv 1412.6980. He's start: He, Zhang, Ren, Sun, arXiv 1502.01852. Batch norm: Ioffe, Szegedy,
# arXiv 1502.03167; its gradients in deep networks: Yang et al., arXiv 1902.08129, and for the factor Luther 2020, *Why batch norm causes exploding gradients*.
# One cycle: Smith, Topin, arXiv 1708.07120.
#
# **Next.** An image has a fixed size. What if the input is a sequence of any length, and the answer a *program*? Lesson 02. (What helps when only
# 1,000 images have labels: lesson 11. Fifteen learners who tune together: lesson 13.)

# %%
print(f"this lesson took {time.perf_counter() - began:.0f} s")
