"""The diagonal Neural GPU, fast: every item of every length in one matrix, gradients by hand.

Three ideas, each exact:

1. Packing. The tapes of all items lie one below the other as rows of one (rows, C) matrix, a zero
   row between two of them, longest first. A convolution with kernel 3 is then three matrix products
   of that matrix with itself moved by one row, whatever lengths the items have.
2. Dropping. An item of length L is done after L steps. Being sorted, the items that still run are
   always a prefix of the rows: 41 sequential steps serve nine length bins that take 217 one by one.
3. One fused step. Both gates come from one product, and the backward pass is written out, so that
   nothing is computed or stored twice.

``precision="bfloat16"`` does the matrix products in bfloat16 and everything else in float32.
``DiagonalNeuralGPU`` in neural_gpu.py is the truth; tests hold this file to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ngpu_lib.neural_gpu import DiagonalNeuralGPU, hard_tanh, saturation
from ngpu_lib.tasks import Batch

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Packed:
    """Batches of several lengths as rows. Row 0 and the row behind each item are gaps.

    symbols, targets: (rows,) symbol numbers. live: (rows, 1), 1 where a cell exists. scored: (rows,)
    weight of the row in the mean loss. share: (rows, 1), weight in the saturation cost. groups:
    (first row, items, length) per batch, longest first. order: place of each group in the input.
    """

    symbols: Tensor
    targets: Tensor
    live: Tensor
    scored: Tensor
    share: Tensor
    groups: tuple[tuple[int, int, int], ...]
    order: tuple[int, ...]

    def running(self, step: int) -> int:
        """How many leading rows are still at work in a step (counted from 0)."""
        return 1 + sum(items * (length + 1) for _, items, length in self.groups if length > step)

    def unpack(self, rows: Tensor) -> list[Tensor]:
        """Rows back to one (B, L, ...) tensor per batch, in the order they came in."""
        parts: list[Tensor] = [rows] * len(self.groups)
        for (first, items, length), place in zip(self.groups, self.order, strict=True):
            block = rows[first : first + items * (length + 1)]
            parts[place] = block.reshape(items, length + 1, *rows.shape[1:])[:, :length]
        return parts


def pack(batches: Sequence[Batch]) -> Packed:
    """Lay batches (B, L), of any lengths, out as rows, longest first."""
    if not batches:
        raise ValueError("batches: got none; needs at least one")
    order = sorted(range(len(batches)), key=lambda k: -batches[k].inputs_BL.shape[1])
    device = batches[0].inputs_BL.device
    columns: list[list[Tensor]] = [[torch.zeros(1, device=device)] for _ in range(5)]
    groups, first = [], 1
    for place in order:
        batch = batches[place]
        items, length = batch.inputs_BL.shape
        live = batch.live_BL.float()
        scored = batch.scored_BL.float()
        parts = [
            batch.inputs_BL,
            batch.targets_BL,
            live,
            scored / (scored.sum() * len(batches)),
            live / (length**2 * items * len(batches)),
        ]
        for column, part in zip(columns, parts, strict=True):
            column.append(F.pad(part, (0, 1)).flatten())
        groups.append((first, items, length))
        first += items * (length + 1)
    symbols, targets, live, scored, share = (torch.cat(column) for column in columns)
    rows = (symbols.long(), targets.long(), live[:, None], scored, share[:, None])
    return Packed(*rows, tuple(groups), tuple(order))


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, low: torch.dtype | None) -> Tensor:
    """Convolution with kernel 3 over the rows of x. weight: (3, C, D), for the row before, at, after.

    In float32 three products are added up in place, without a copy of x. In ``low`` precision the
    three rows lie side by side as one strided matrix, so that the sum stays inside the product.
    """
    rows, maps = x.shape
    out = x.new_empty(rows, weight.shape[2])
    if low is not None and rows > 2:
        beside = x.to(low).contiguous().as_strided((rows - 2, 3 * maps), (maps, 1))
        out[1:-1] = beside @ weight.reshape(3 * maps, -1).to(low)
        out[0].zero_(), out[-1].zero_()
        return out if bias is None else out.add_(bias)
    if bias is None:
        torch.mm(x, weight[1], out=out)
    else:
        torch.addmm(bias, x, weight[1], out=out)
    out[1:].addmm_(x[:-1], weight[0])
    out[:-1].addmm_(x[1:], weight[2])
    return out


def convolve_backward(
    x: Tensor, weight: Tensor, d_out: Tensor, d_weight: Tensor, low: torch.dtype | None
) -> Tensor:
    """The gradient in x; the gradient in the weight is added to ``d_weight`` in place."""
    turned = weight.flip(0).transpose(1, 2).contiguous()
    d_x = convolve(d_out, turned, None, low)
    if low is not None and x.shape[0] > 2:
        beside = x.to(low).contiguous().as_strided((x.shape[0] - 2, 3 * x.shape[1]), (x.shape[1], 1))
        d_weight.view(-1, d_out.shape[1]).add_(beside.t() @ d_out[1:-1].to(low))
    else:
        d_weight[1].addmm_(x.t(), d_out)
        d_weight[0].addmm_(x[:-1].t(), d_out[1:])
        d_weight[2].addmm_(x[1:].t(), d_out[:-1])
    return d_x


def shift_rows(x: Tensor, third: int, direction: int = 1) -> Tensor:
    """The diagonal gate's move on rows; ``direction`` -1 moves back (its transpose)."""
    out = torch.empty_like(x)
    first, second = (slice(0, third), slice(third, 2 * third))[::direction]
    out[:-1, first], out[-1, first] = x[1:, first], 0
    out[1:, second], out[0, second] = x[:-1, second], 0
    out[:, 2 * third :] = x[:, 2 * third :]
    return out


def kept(x: Tensor, keep: float) -> Tensor:
    """A dropout mask, uint8. Eight decisions from one 64-bit draw: ``keep`` is rounded to n / 256."""
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
    words.random_(-(2**63), None)
    return (words.view(torch.uint8)[: x.numel()] < round(keep * 256)).view(x.shape).view(torch.uint8)


class _Unroll(torch.autograd.Function):
    """All steps of the machine on packed rows; returns the last states and the saturation cost."""

    @staticmethod
    def forward(ctx, state, gate_w, gate_b, cand_w, cand_b, packed, keep, noise, low, save):
        maps = state.shape[1]
        third = maps // 3
        scale = 256 / round(keep * 256)
        last = torch.zeros_like(state)
        cost = state.new_zeros(())
        steps, saved = packed.groups[0][2], []
        for step in range(steps):
            rows = packed.running(step)
            if rows < state.shape[0]:
                last[rows : state.shape[0]] = state[rows:]
                state = state[:rows]
            live, share = packed.live[:rows], packed.share[:rows, 0]
            gates = convolve(state, gate_w, gate_b, low)
            if save:
                cost += share @ saturation(gates).sum(1)
            gates.mul_(0.5).add_(0.5).clamp_(0, 1)
            reset, update = gates[:, :maps], gates[:, maps:]
            candidate = convolve(reset * state, cand_w, cand_b, low)
            if save:
                cost += share @ saturation(candidate).sum(1)
            candidate.clamp_(-1, 1)
            mask = kept(candidate, keep) if keep < 1 else None
            dropped = candidate if mask is None else candidate * mask * scale
            new = torch.addcmul(dropped, update, shift_rows(state, third) - dropped)
            if noise > 0:
                new.add_(torch.randn_like(new), alpha=noise).clamp_(-1, 1)
            new.mul_(live)
            if save:
                saved.append((state, gates, candidate, mask))
            state = new
        last[: state.shape[0]] = state
        ctx.saved = saved
        ctx.weights = (gate_w, cand_w)
        ctx.settings = (packed, scale, noise, low, last)
        return last, cost

    @staticmethod
    def backward(ctx, d_last, d_cost):
        gate_w, cand_w = ctx.weights
        packed, scale, noise, low, last = ctx.settings
        maps = cand_w.shape[1]
        third = maps // 3
        d_gate_w, d_cand_w = torch.zeros_like(gate_w), torch.zeros_like(cand_w)
        d_gate_b, d_cand_b = gate_w.new_zeros(2 * maps), cand_w.new_zeros(maps)
        d_state, after = d_last[:0], last
        for state, gates, candidate, mask in reversed(ctx.saved):
            rows = state.shape[0]
            if d_state.shape[0] < rows:  # items whose last step this was join in
                new_after = last[:rows].clone()
                new_after[: d_state.shape[0]] = after[: d_state.shape[0]]
                after = new_after
                d_state = torch.cat([d_state, d_last[d_state.shape[0] : rows]])
            live = packed.live[:rows]
            d_new = d_state * live
            if noise > 0:
                d_new.mul_(after.abs() < 1)
            pull = packed.share[:rows] * d_cost
            reset, update = gates[:, :maps], gates[:, maps:]
            dropped = candidate if mask is None else candidate * mask * scale
            d_gates = torch.empty_like(gates)
            torch.mul(d_new, shift_rows(state, third) - dropped, out=d_gates[:, maps:])
            kept_part = d_new * update
            d_candidate = d_new - kept_part
            if mask is not None:
                d_candidate.mul_(mask).mul_(scale)
            size = candidate.abs()
            d_candidate.mul_(size < 1)
            d_candidate.addcmul_(candidate.sign().mul_(size > 0.9), pull)
            d_inner = convolve_backward(reset * state, cand_w, d_candidate, d_cand_w, low)
            d_cand_b += d_candidate.sum(0)
            torch.mul(d_inner, state, out=d_gates[:, :maps])
            d_state = shift_rows(kept_part, third, -1).addcmul_(d_inner, reset)
            centred = gates * 2 - 1
            size = centred.abs()
            d_gates.mul_((size < 1) * 0.5)
            d_gates.addcmul_(centred.sign_().mul_(size > 0.9), pull)
            d_state += convolve_backward(state, gate_w, d_gates, d_gate_w, low)
            d_gate_b += d_gates.sum(0)
            after = state
        d_state = torch.cat([d_state, d_last[d_state.shape[0] :]])
        ctx.saved = None
        return d_state, d_gate_w, d_gate_b, d_cand_w, d_cand_b, None, None, None, None, None


def unroll(
    model: DiagonalNeuralGPU, packed: Packed, precision: str = "float32"
) -> tuple[Tensor, Tensor]:
    """Run every item for as many steps as its tape is long.

    Returns:
        The logits, (rows, V), and the mean saturation cost of the batches, a scalar (0 without
        gradients, where nobody needs it).

    Raises:
        ValueError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: got {precision!r}; needs one of {', '.join(PRECISIONS)}")
    keep = model.keep if model.training else 1.0
    noise = model.noise if model.training else 0.0
    preactivation = F.embedding(packed.symbols, model.write.weight.t()) + model.write.bias
    state = hard_tanh(preactivation)
    if keep < 1:
        state = state * kept(state, keep) * (256 / round(keep * 256))
    state = state * packed.live
    gate_w = torch.cat([model.reset.weight, model.update.weight]).permute(2, 1, 0).contiguous()
    gate_b = torch.cat([model.reset.bias, model.update.bias])
    cand_w = model.candidate.weight.permute(2, 1, 0).contiguous()
    save = torch.is_grad_enabled()
    last, cost = _Unroll.apply(
        state, gate_w, gate_b, cand_w, model.candidate.bias,
        packed, keep, noise, PRECISIONS[precision], save,
    )  # fmt: skip
    if save:
        first = saturation(preactivation).sum(1)
        lengths = torch.cat(
            [first.new_zeros(1)]
            + [first.new_full((items * (length + 1),), length) for _, items, length in packed.groups]
        )
        cost = cost + (packed.share[:, 0] * lengths) @ first
    return F.linear(last, model.read.weight, model.read.bias), cost


@torch.no_grad()
def predict(model: DiagonalNeuralGPU, batch: Batch) -> Tensor:
    """The answers (B, L), symbol numbers, to one batch."""
    packed = pack([batch])
    logits, _ = unroll(model, packed)
    return packed.unpack(logits.argmax(-1))[0]
