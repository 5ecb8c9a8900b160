"""The Neural Turing Machine: a small network beside a memory it reads and writes by soft addresses.

An address is a weight for every memory row, at least 0 and summing to 1. Four pure functions make
the next one out of what the controller says; the machine below calls them in this order:

    content -> interpolate -> shift -> sharpen

Source: Graves, Wayne & Danihelka 2014, section 3. Departures are named where they happen.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import require

#: Added to a weight before its logarithm is taken: an empty weight gives no NaN.
TINY = 1e-6
#: Added to the cosine's denominator: rows much smaller than this look blank, not like any key. A
#: smaller value is as good for the answer, and ruins the gradient: it grows like 1 / SOFT.
SOFT = 1e-2

Trace = list[dict[str, Tensor]]


def content(key_BRM: Tensor, beta_BR: Tensor, memory_BNM: Tensor) -> Tensor:
    """Look at the rows that resemble the key.

        w[n] = softmax over n of beta * cosine(key, memory[n])

    Args:
        key_BRM: what each head looks for. beta_BR: key strength, >= 0; 0 looks everywhere alike.
        memory_BNM: the rows.

    Returns:
        w_BRN, >= 0, each address summing to 1.

    Source: equations 5 and 6. Departure: SOFT in the denominator, so that a row or key of zeros
    has cosine 0.

    Raises:
        ValueError: shapes that do not belong together.

    >>> content(torch.tensor([[[1., 0.]]]), torch.tensor([[50.]]), torch.eye(2)[None]).round()
    tensor([[[1., 0.]]])
    """
    require.tensor("memory_BNM", memory_BNM, "B", "N", "M", kind="float")
    items, _, row_size = memory_BNM.shape
    require.tensor("key_BRM", key_BRM, items, "R", row_size, kind="float")
    require.tensor("beta_BR", beta_BR, *key_BRM.shape[:2], kind="float")
    dot_BRN = key_BRM @ memory_BNM.transpose(1, 2)
    sizes_BRN = key_BRM.norm(dim=-1)[..., None] * memory_BNM.norm(dim=-1)[:, None]
    if bool((sizes_BRN > 1e30).any()):  # too large to go on with: only directions count then
        key_BRM, memory_BNM = (
            part / part.abs().amax(-1, keepdim=True).clamp_min(1) for part in (key_BRM, memory_BNM)
        )
        return content(key_BRM, beta_BR, memory_BNM)
    return torch.softmax(beta_BR[..., None] * dot_BRN / (sizes_BRN + SOFT), -1)


def interpolate(content_BRN: Tensor, previous_BRN: Tensor, gate_BR: Tensor) -> Tensor:
    """Jump to the content (gate 1) or stay where the head was (gate 0).

        w = gate * content + (1 - gate) * previous

    Args:
        content_BRN, previous_BRN: two addresses. gate_BR: in [0, 1].

    Returns:
        w_BRN. Source: equation 7.

    Raises:
        ValueError: shapes that do not belong together.
    """
    require.tensor("content_BRN", content_BRN, "B", "R", "N", kind="float")
    require.tensor("previous_BRN", previous_BRN, *content_BRN.shape, kind="float")
    require.tensor("gate_BR", gate_BR, *content_BRN.shape[:2], kind="float")
    return gate_BR[..., None] * content_BRN + (1 - gate_BR[..., None]) * previous_BRN


def shift(w_BRN: Tensor, shift_BRS: Tensor) -> Tensor:
    """Move the address along the rows, round the end: a circular convolution.

        w'[n] = sum over s of shift[s] * w[(n - offset(s)) mod N],   offset(s) = s - S // 2

    All weight on the last entry (S = 3: offset +1) therefore moves the head to the *next* row.

    Args:
        w_BRN: an address. shift_BRS: S odd; >= 0 and summing to 1; for S = 3 the parts that go
            to the row before, stay, and go to the row after.

    Returns:
        w_BRN, of the same sum. Source: equation 8.

    Raises:
        ValueError: shapes that do not belong together, or an even number of offsets, which has no middle.

    >>> shift(torch.tensor([[[0., 1., 0., 0.]]]), torch.tensor([[[0., 0., 1.]]]))
    tensor([[[0., 0., 1., 0.]]])
    """
    require.tensor("w_BRN", w_BRN, "B", "R", "N", kind="float")
    require.tensor("shift_BRS", shift_BRS, *w_BRN.shape[:2], "S", kind="float")
    offsets = shift_BRS.shape[-1]
    if offsets % 2 == 0:
        raise ValueError(f"shift_BRS: got {offsets} offsets; needs an odd number")
    half = offsets // 2
    moved_BRNS = torch.stack([w_BRN.roll(s - half, -1) for s in range(offsets)], -1)
    return (moved_BRNS @ shift_BRS[..., None])[..., 0]


def sharpen(w_BRN: Tensor, gamma_BR: Tensor) -> Tensor:
    """Undo the blur of a soft shift: large weights win.

        w'[n] = w[n]^gamma / sum over m of w[m]^gamma

    Computed as softmax(gamma * log(w + TINY)): the powers of small weights underflow to 0 and
    the quotient 0 / 0 is NaN, the logarithms do not.

    Args:
        w_BRN: an address. gamma_BR: >= 1 in the machine; 1 changes nothing.

    Returns:
        w_BRN, summing to 1. Source: equation 9. Departure: the logarithms, TINY inside them.

    Raises:
        ValueError: shapes that do not belong together, a negative weight, which has no logarithm, or a
            negative gamma, which would make the smallest weight win.

    >>> sharpen(torch.tensor([[[0.2, 0.6, 0.2]]]), torch.tensor([[10.]])).round()
    tensor([[[0., 1., 0.]]])
    """
    require.tensor("w_BRN", w_BRN, "B", "R", "N", kind="float")
    require.tensor("gamma_BR", gamma_BR, *w_BRN.shape[:2], kind="float")
    for name, values in (("w_BRN", w_BRN), ("gamma_BR", gamma_BR)):
        if bool((values < 0).any()):
            raise ValueError(f"{name}: got {float(values.min()):.3g}; needs at least 0")
    return torch.softmax(gamma_BR[..., None] * (w_BRN + TINY).log(), -1)


def write(memory_BNM: Tensor, w_BN: Tensor, erase_BM: Tensor, add_BM: Tensor) -> Tensor:
    """Wipe where the head points, then add.

        memory'[n] = memory[n] * (1 - w[n] * erase) + w[n] * add

    Args:
        memory_BNM: the rows. w_BN: an address. erase_BM: in [0, 1]. add_BM: anything.

    Returns:
        memory_BNM. Source: equations 3 and 4.

    Raises:
        ValueError: shapes that do not belong together.
    """
    require.tensor("memory_BNM", memory_BNM, "B", "N", "M", kind="float")
    items, rows, row_size = memory_BNM.shape
    require.tensor("w_BN", w_BN, items, rows, kind="float")
    require.tensor("erase_BM", erase_BM, items, row_size, kind="float")
    require.tensor("add_BM", add_BM, items, row_size, kind="float")
    kept_BNM = memory_BNM * (1 - w_BN[..., None] * erase_BM[:, None])
    return kept_BNM + w_BN[..., None] * add_BM[:, None]


def read(memory_BNM: Tensor, w_BRN: Tensor) -> Tensor:
    """The rows, averaged with the address as weights: read_BRM. Source: equation 2.

    Raises:
        ValueError: shapes that do not belong together.
    """
    require.tensor("memory_BNM", memory_BNM, "B", "N", "M", kind="float")
    require.tensor("w_BRN", w_BRN, memory_BNM.shape[0], "R", memory_BNM.shape[1], kind="float")
    return w_BRN @ memory_BNM


class State(NamedTuple):
    """Everything the machine carries from step to step: it goes in and comes out."""

    memory_BNM: Tensor
    w_BRN: Tensor
    read_BM: Tensor


class NTM(nn.Module):
    """A Neural Turing Machine with a feed-forward controller, one write and one read head.

    One step: the controller sees the input and what was read last; it says where both heads go
    (head 0 writes, head 1 reads), what is erased and added; then the read head reads. The
    controller has no memory of its own, so whatever lasts must go through the rows.

    The number of rows is not in the weights: a trained machine takes any memory (``rows`` of
    ``forward``).

    Args:
        inputs: channels of one input vector. outputs: channels of one answer.
        hidden: H, controller units. rows: N. row_size: M.

    Source: Graves, Wayne & Danihelka 2014; a constant first memory after Collier & Beel 2018.
    Departures: both heads start on row 0 instead of a learned place; head weights start small and
    gates near "stay" (sigmoid(-2) = 0.12); head parameters are clipped to [-20, 20]; keys and added
    vectors pass a tanh (the paper names no range for them); the answer sees the hidden units and the vector
    just read.

    >>> model = NTM(inputs=10, outputs=8)
    >>> model(torch.zeros(2, 5, 10)).shape
    torch.Size([2, 5, 8])
    """

    HEADS, OFFSETS, CLIP, BLANK = 2, 3, 20.0, 1e-6

    def __init__(
        self, inputs: int, outputs: int, hidden: int = 100, rows: int = 128, row_size: int = 20
    ):
        super().__init__()
        sizes = dict(inputs=inputs, outputs=outputs, hidden=hidden, rows=rows, row_size=row_size)
        for name, value in sizes.items():
            require.whole(name, value, 1)
        weights = hidden * (inputs + 4 * row_size + outputs + 12) + outputs * row_size
        require.affordable(", ".join(sizes), weights + rows * row_size, "weights and memory")
        self.inputs, self.outputs, self.rows, self.row_size = inputs, outputs, rows, row_size
        #: The parameters of one head, P numbers: key, beta, gate, shift, gamma.
        self.address_sizes = [row_size, 1, 1, self.OFFSETS, 1]
        numbers = self.HEADS * sum(self.address_sizes) + 2 * row_size  # and erase, add
        self.controller = nn.Linear(inputs + row_size, hidden)
        self.heads = nn.Linear(hidden, numbers)
        self.answer = nn.Linear(hidden + row_size, outputs)
        for layer in (self.controller, self.heads, self.answer):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # at first the heads hardly depend on the input, and gates say "stay"
            self.heads.weight.mul_(0.1)
            head_params_RP = self.heads.bias[: -2 * row_size].view(self.HEADS, -1)
            head_params_RP[:, row_size + 1] = -2

    def start(self, batch_size: int, rows: int | None = None) -> State:
        """A blank memory, both heads on row 0, nothing read."""
        rows = self.rows if rows is None else require.whole("rows", rows, 1)
        require.whole("batch_size", batch_size)
        require.affordable("batch_size, rows", batch_size * rows * (self.row_size + 2), "a memory")
        like = self.controller.weight
        memory_BNM = like.new_full((batch_size, rows, self.row_size), self.BLANK)
        w_BRN = like.new_zeros(batch_size, self.HEADS, rows)
        w_BRN[:, :, 0] = 1
        return State(memory_BNM, w_BRN, like.new_zeros(batch_size, self.row_size))

    def address(self, head_params_BRP: Tensor, state: State) -> tuple[Tensor, dict[str, Tensor]]:
        """Both heads' next addresses w_BRN, and their parameters, by name."""
        key, beta, gate, moves, gamma = head_params_BRP.split(self.address_sizes, -1)
        named = {
            "key": torch.tanh(key),
            "beta": F.softplus(beta[..., 0]),
            "gate": torch.sigmoid(gate[..., 0]),
            "shift": torch.softmax(moves, -1),
            "gamma": 1 + F.softplus(gamma[..., 0]),
        }
        w_BRN = content(named["key"], named["beta"], state.memory_BNM)
        w_BRN = interpolate(w_BRN, state.w_BRN, named["gate"])
        w_BRN = sharpen(shift(w_BRN, named["shift"]), named["gamma"])
        return w_BRN, named

    def step(self, input_BI: Tensor, state: State) -> tuple[Tensor, State, dict[str, Tensor]]:
        """One step: features for the answer (B, H + M), the next state, and what the heads did."""
        hidden_BH = torch.tanh(self.controller(torch.cat([input_BI, state.read_BM], -1)))
        numbers = self.heads(hidden_BH).clamp(-self.CLIP, self.CLIP)
        places = self.HEADS * sum(self.address_sizes)
        head_params_BRP = numbers[:, :places].view(-1, self.HEADS, sum(self.address_sizes))
        erase_BM, add_BM = numbers[:, places:].chunk(2, -1)
        erase_BM, add_BM = torch.sigmoid(erase_BM), torch.tanh(add_BM)
        w_BRN, named = self.address(head_params_BRP, state)
        memory_BNM = write(state.memory_BNM, w_BRN[:, 0], erase_BM, add_BM)
        read_BM = read(memory_BNM, w_BRN[:, 1:])[:, 0]
        named |= {"w": w_BRN, "erase": erase_BM, "add": add_BM, "read": read_BM}
        features = torch.cat([hidden_BH, read_BM], -1)
        return features, State(memory_BNM, w_BRN, read_BM), named

    def forward(
        self, inputs_BTI: Tensor, rows: int | None = None, trace: Trace | None = None
    ) -> Tensor:
        """logits_BTO of the answer at every step.

        Args:
            inputs_BTI: the input vectors. rows: memory rows N (default: those of the constructor).
            trace: a list that receives, for every step, a dict with ``w`` (B, R, N; head 0 writes,
                head 1 reads), ``memory`` (B, N, M) and all parameters of the heads.

        Raises:
            ValueError: inputs of another shape.
        """
        require.tensor("inputs_BTI", inputs_BTI, "B", "T", self.inputs, kind="float")
        if not inputs_BTI.shape[1]:
            raise ValueError(
                f"inputs_BTI: got shape {tuple(inputs_BTI.shape)}; needs (B, T, {self.inputs}), T >= 1"
            )
        state = self.start(inputs_BTI.shape[0], rows)
        features = []
        for input_BI in inputs_BTI.unbind(1):
            feature, state, named = self.step(input_BI, state)
            features.append(feature)
            if trace is not None:
                trace.append({**named, "memory": state.memory_BNM})
        return self.answer(torch.stack(features, 1))
