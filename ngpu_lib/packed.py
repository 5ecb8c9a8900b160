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
``DiagonalNeuralGPU`` in neural_gpu.py is the truth; tests hold this file to it. It serves that class
and no other (see ``serves``): whatever changes a step runs the plain way, by losses.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import require
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, check_inputs, check_settings, hard_tanh
from ngpu_lib.packing import Packed
from ngpu_lib.push import Push

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}

#: What this file computes by hand: the methods of the readable class, and the kind of each layer.
_METHODS = ("embed", "shift", "step", "unroll", "forward", "readout")
_WRITTEN_FOR = {name: vars(DiagonalNeuralGPU)[name] for name in _METHODS}
_LAYERS = {"write": nn.Linear, "read": nn.Linear}
_LAYERS |= dict.fromkeys(("reset", "update", "candidate"), nn.Conv1d)


def serves(model: nn.Module) -> bool:
    """Whether the packed path computes what this model computes.

    It does for ``DiagonalNeuralGPU`` itself: not for a subclass, nor once a method or a layer has been
    changed or a hook added, nor in half precision.
    """
    layers = getattr(model, "_modules", {})
    return (
        type(model) is DiagonalNeuralGPU
        and all(vars(DiagonalNeuralGPU)[name] is code for name, code in _WRITTEN_FOR.items())
        and not vars(model).keys() & _WRITTEN_FOR
        and {name: type(layer) for name, layer in layers.items()} == _LAYERS
        and all(p.dtype in (torch.float32, torch.float64) for p in model.parameters())
        and not any(
            part._forward_hooks or part._forward_pre_hooks or part._backward_hooks
            for part in model.modules()
        )
    )


class Kernel:
    """The weight of a convolution with kernel 3, laid out once an update for all its steps.

    weight: (3, C, D), for the row before, at and after. In float32 three products are added up in
    place, without a copy of the rows. In ``low`` precision the three rows lie side by side as one
    strided matrix, so that the sum over them stays inside the product.
    """

    def __init__(self, weight: Tensor, bias: Tensor, low: torch.dtype | None):
        self.weight, self.bias, self.low = weight, bias, low
        self.turned = weight.flip(0).transpose(1, 2).contiguous()
        if low is not None:
            self.weight, self.turned = weight.to(low), self.turned.to(low)
        self.gradient = torch.zeros_like(weight)
        self.bias_gradient = torch.zeros_like(bias)

    def apply(self, x: Tensor) -> Tensor:
        """weight[0] on the row before, weight[1] on the row, weight[2] on the row after, plus bias."""
        return self._product(x, self.weight).add_(self.bias)

    def backward(self, x: Tensor, d_out: Tensor, noting: bool = False) -> Tensor:
        """The gradient in x; those in weight and bias are added up inside (not where only ``noting``)."""
        if noting:
            return self._product(d_out, self.turned)
        self.bias_gradient += d_out.sum(0)
        if self.low is not None and x.shape[0] > 2:
            product = _beside(x.to(self.low)).t() @ d_out[1:-1].to(self.low)
            self.gradient.view(-1, d_out.shape[1]).add_(product)
        else:
            self.gradient[1].addmm_(x.t(), d_out)
            self.gradient[0].addmm_(x[:-1].t(), d_out[1:])
            self.gradient[2].addmm_(x[1:].t(), d_out[:-1])
        return self._product(d_out, self.turned)

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        rows, maps = x.shape
        out = x.new_empty(rows, weight.shape[2])
        if self.low is not None and rows > 2:
            out[1:-1] = _beside(x.to(self.low)) @ weight.view(3 * maps, -1)
            out[0], out[-1] = 0, 0
            return out
        weight = weight.to(x.dtype)
        torch.mm(x, weight[1], out=out)
        out[1:].addmm_(x[:-1], weight[0])
        out[:-1].addmm_(x[1:], weight[2])
        return out


def _beside(x: Tensor) -> Tensor:
    """(rows - 2, 3 C): each inner row with its two neighbours beside it, without a copy."""
    return x.as_strided((x.shape[0] - 2, 3 * x.shape[1]), (x.shape[1], 1))


def shift_rows(x: Tensor, third: int, direction: int = 1) -> Tensor:
    """The diagonal gate's move on rows; ``direction`` -1 moves back (its transpose)."""
    out = torch.empty_like(x)
    first, second = (slice(0, third), slice(third, 2 * third))[::direction]
    out[:-1, first], out[-1, first] = x[1:, first], 0
    out[1:, second], out[0, second] = x[:-1, second], 0
    out[:, 2 * third :] = x[:, 2 * third :]
    return out


def dropout_mask(x: Tensor, dropout: float) -> Tensor:
    """0 or 1 / (1 - dropout) for every element. Eight decisions come from one 64-bit draw, so
    1 - ``dropout`` is rounded to n / 256, n >= 1."""
    threshold = max(1, round((1 - dropout) * 256))
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
    words.random_(-(2**63), None)
    chosen = (words.view(torch.uint8)[: x.numel()] < threshold).view(x.shape)
    return chosen.to(x.dtype).mul_(256 / threshold)


class _Unroll(torch.autograd.Function):
    """All steps of the machine on packed rows; returns the last states and the saturation cost."""

    @staticmethod
    def forward(ctx, state, gate_w, gate_b, cand_w, cand_b, packed, settings, low, save):
        extra_steps, dropout, noise, push, costs = settings
        pushed = push is not None and push.known
        maps = state.shape[1]
        third = maps // 3
        # The hard sigmoid is clip(x / 2 + 1 / 2); its slope and height go into the weights, once an update.
        gate_kernel = Kernel(gate_w / 2, gate_b / 2 + 0.5, low)
        cand_kernel = Kernel(cand_w, cand_b, low)
        last = torch.empty_like(state)
        cost = state.new_zeros(())
        saved = []
        for step in range(packed.groups[0][2] + extra_steps):
            rows = packed.running(step, extra_steps)
            last[rows : state.shape[0]] = state[rows:]
            state = state[:rows]
            gates = gate_kernel.apply(state)
            if costs:
                cost += 2 * packed.cost_weight[:rows, 0] @ overshoot(gates, 0.05, 0.95)
            gates.clamp_(0, 1)
            reset, update = gates[:, :maps], gates[:, maps:]
            candidate = cand_kernel.apply(reset * state)
            if costs:
                cost += packed.cost_weight[:rows, 0] @ overshoot(candidate)
            candidate.clamp_(-1, 1)
            mask = dropout_mask(candidate, dropout) if dropout else None
            dropped = candidate if mask is None else candidate * mask
            moved = shift_rows(state, third).sub_(dropped)
            new = torch.addcmul(dropped, update, moved)
            if noise > 0:
                new.add_(torch.randn_like(new), alpha=noise)
            if pushed:
                new.add_(push.of(step, new))
            inside = new.abs() <= 1 if pushed else None
            if noise > 0 or pushed:
                new.clamp_(-1, 1)
            new.mul_(packed.valid[:rows])
            if save:
                saved.append((state, gates, candidate, mask, moved, new, inside))
            state = new
        last[: state.shape[0]] = state
        ctx.saved, ctx.kernels = saved, (gate_kernel, cand_kernel)
        ctx.packed, ctx.noise, ctx.push, ctx.costs = packed, noise, None if pushed else push, costs
        return last, cost

    @staticmethod
    def backward(ctx, d_last, d_cost):
        packed = ctx.packed
        if ctx.kernels is None:
            raise RuntimeError(
                "a second backward through the packed path: the first one has used up what the steps "
                "saved. Compute the loss again, or let the plain model do it."
            )
        (gate_kernel, cand_kernel), ctx.kernels = ctx.kernels, None
        maps = d_last.shape[1]
        third = maps // 3
        hard_backward = torch.ops.aten.hardtanh_backward
        noting = ctx.push is not None
        d_state = d_last[:0]
        while ctx.saved:
            state, gates, candidate, mask, moved, new, inside = ctx.saved.pop()
            rows = state.shape[0]
            if d_state.shape[0] < rows:  # items whose last step this was join in
                d_state = torch.cat([d_state, d_last[d_state.shape[0] : rows]])
            d_new = d_state.mul_(packed.valid[:rows])
            if noting:
                ctx.push.note(len(ctx.saved), d_new)
            if inside is not None:
                d_new.mul_(inside)
            elif ctx.noise > 0:
                d_new = hard_backward(d_new, new, -1, 1)
            reset, update = gates[:, :maps], gates[:, maps:]
            d_gates = torch.empty_like(gates)
            torch.mul(d_new, moved, out=d_gates[:, maps:])
            d_moved = d_new * update
            d_candidate = d_new.sub_(d_moved)
            if mask is not None:
                d_candidate.mul_(mask)
            d_candidate = hard_backward(d_candidate, candidate, -1, 1)
            if ctx.costs:
                pull = packed.cost_weight[:rows] * d_cost
                d_candidate.addcmul_(beyond(candidate, -0.9, 0.9), pull)
            d_inner = cand_kernel.backward(reset * state, d_candidate, noting)
            torch.mul(d_inner, state, out=d_gates[:, :maps])
            d_state = shift_rows(d_moved, third, -1).addcmul_(d_inner, reset)
            d_gates = hard_backward(d_gates, gates, 0, 1)
            if ctx.costs:
                d_gates.addcmul_(beyond(gates, 0.05, 0.95), pull, value=2)
            d_state += gate_kernel.backward(state, d_gates, noting)
        d_state = torch.cat([d_state, d_last[d_state.shape[0] :]])
        gradients = [gate_kernel.gradient / 2, gate_kernel.bias_gradient / 2]
        gradients += [cand_kernel.gradient, cand_kernel.bias_gradient]
        return d_state, *([None] * 4 if noting else gradients), None, None, None, None


def overshoot(x: Tensor, low: float = -0.9, high: float = 0.9) -> Tensor:
    """How far each row lies outside [low, high], summed: its saturation cost. (abs is slow on a CPU, clamp fast.)"""
    above, below = (x - high).clamp_min_(0), (x - low).clamp_max_(0)
    return above.sub_(below).sum(1)


def beyond(x: Tensor, low: float, high: float) -> Tensor:
    """-1 below ``low``, 1 above ``high``, 0 between: the slope of the saturation cost.

    A gate that has reached its end stop shows where its preactivation lies, so the clipped values do.
    """
    inside = x.clamp(low, high)
    return torch.sub(x, inside, out=inside).sign_()


def unroll(
    model: DiagonalNeuralGPU,
    packed: Packed,
    *,
    precision: str = "float32",
    extra_steps: int = 0,
    dropout: float = 0.0,
    noise: float = 0.0,
    push: Push | None = None,
    costs: bool = True,
) -> tuple[Tensor, Tensor]:
    """Run every item for as many steps as its tape is long, and ``extra_steps`` more.

    The settings are those of ``DiagonalNeuralGPU.unroll``. costs: whether the saturation cost is wanted.

    Returns:
        The logits, (rows, V), and the mean saturation cost of the batches, a scalar (0 where it is not
        wanted, and without gradients). Gradients can be taken once.

    Raises:
        ValueError: a model that this path does not serve, an unknown precision, impossible settings.
        RuntimeError: a second backward.
    """
    if not serves(model):
        raise ValueError(
            f"model: got {type(model).__name__}, changed or in half precision; the packed path serves "
            "DiagonalNeuralGPU as it is written (losses.py runs any model)"
        )
    require.one_of("precision", precision, tuple(PRECISIONS))
    require.instance("packed", packed, Packed, "what pack gives")
    dtype = model.write.weight.dtype
    if packed.valid.dtype != dtype:
        raise ValueError(
            f"packed: got {packed.valid.dtype}; a model in {dtype} needs pack(..., {dtype})"
        )
    check_settings(extra_steps=extra_steps, dropout=dropout, noise=noise, push=push)
    check_inputs(packed.symbols[None], None, model.symbols)
    preactivation = F.embedding(packed.symbols, model.write.weight.t()) + model.write.bias
    state = hard_tanh(preactivation)
    if dropout:
        state = state * dropout_mask(state, dropout)
    state = state * packed.valid
    gate_w = torch.cat([model.reset.weight, model.update.weight]).permute(2, 1, 0).contiguous()
    gate_b = torch.cat([model.reset.bias, model.update.bias])
    cand_w = model.candidate.weight.permute(2, 1, 0).contiguous()
    save = torch.is_grad_enabled()
    costs = costs and save
    last, cost = _Unroll.apply(
        state, gate_w, gate_b, cand_w, model.candidate.bias,
        packed, (extra_steps, dropout, noise, push, costs), PRECISIONS[precision], save,
    )  # fmt: skip
    if costs:
        first = overshoot(preactivation)
        lengths = torch.cat(
            [first.new_zeros(1)]
            + [
                first.new_full((items * (length + 1),), length)
                for _, items, length in packed.groups
            ]
        )
        cost = cost + (packed.cost_weight[:, 0] * lengths) @ first
    return F.linear(last, model.read.weight, model.read.bias), cost
