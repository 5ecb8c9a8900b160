"""Two Neural GPUs: the model of 2015 and the one with diagonal gates of 2017.

Both write the input on a tape, apply one convolutional gated step as often as the tape is long, and
read the answer off the same cells.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import require
from ngpu_lib.cells import CGRU
from ngpu_lib.push import Push

Trace = list[dict[str, Tensor]]
#: Steps of one run; more is a slip, and would hang.
MOST_STEPS = 10**6


def hard_sigmoid(x: Tensor) -> Tensor:
    """clip(x / 2 + 1/2, 0, 1): exactly 0 or 1 outside (-1, 1). Source: Freivalds & Liepins 2017."""
    return (require.tensor("x", x, kind="float") / 2 + 0.5).clamp(0, 1)


def hard_tanh(x: Tensor) -> Tensor:
    """clip(x, -1, 1): exactly -1 or 1 outside (-1, 1). Source: Freivalds & Liepins 2017."""
    return require.tensor("x", x, kind="float").clamp(-1, 1)


def check_inputs(inputs_BL: Tensor, valid_BL: Tensor | None, symbols: int) -> None:
    """Raise ValueError for inputs that a tape model cannot take."""
    require.tensor("inputs_BL", inputs_BL, "B", "L", kind="whole")
    if inputs_BL.shape[1] == 0:
        raise ValueError(f"inputs_BL: got shape {tuple(inputs_BL.shape)}; needs (B, L) with L >= 1")
    if inputs_BL.numel() and not inputs_BL.is_meta:
        low, high = int(inputs_BL.min()), int(inputs_BL.max())
        if not 0 <= low <= high < symbols:
            raise ValueError(
                f"inputs_BL: got symbols {low}..{high}; this model knows 0..{symbols - 1}"
            )
    if valid_BL is not None:
        require.tensor("valid_BL", valid_BL, *inputs_BL.shape)


def check_settings(
    *,
    steps: int | None = None,
    extra_steps: int = 0,
    dropout: float = 0.0,
    noise: float = 0.0,
    push: Push | None = None,
) -> None:
    """Raise ValueError for settings with which no run is possible; see DiagonalNeuralGPU.unroll."""
    for name, value in (("steps", steps), ("extra_steps", extra_steps)):
        if value is not None or name == "extra_steps":
            require.whole(name, require.whole(name, value), high=MOST_STEPS)
    if steps is not None and extra_steps:
        raise ValueError(
            f"extra_steps: got {extra_steps} beside steps {steps}; needs one of the two"
        )
    require.number("dropout", dropout, 0, below=1)
    require.number("noise", noise, 0)
    if push is not None:
        require.instance("push", push, Push, "a Push, or None")


class DiagonalNeuralGPU(nn.Module):
    """The improved Neural GPU: one gated step, kernel 3, whose kept part also moves sideways.

    One step on the state s of C maps by L cells (``*`` a convolution with kernel 3):

        r = hard_sigmoid(W_r * s + b_r)         reset, b_r = 0.5 at first
        u = hard_sigmoid(W_u * s + b_u)         update, b_u = 0.7 at first
        c = dropout(hard_tanh(W_c * (r s) + b_c))
        s' = u shift(s) + (1 - u) c

    ``shift`` moves the first C // 3 maps one cell towards the start, the next C // 3 maps one cell
    towards the end and leaves the rest (the diagonal gate).

    A model is its weights. How many steps it runs, with how much dropout and noise, belongs to a run
    and is said at every call (see ``unroll``).

    Args:
        symbols: V, the vocabulary size, padding included.
        maps: C, the number of maps.

    Source: Freivalds & Liepins 2017, by their code. Departures: the state noise (this course's own), the
    extra steps, and a saturation cost of the cells that exist, where theirs counts the padding too.

    >>> model = DiagonalNeuralGPU(symbols=4, maps=6)
    >>> model(torch.tensor([[1, 2, 3, 1, 2]])).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, symbols: int, maps: int = 96):
        super().__init__()
        require.whole("symbols", symbols, 2)
        require.whole("maps", maps, 3)  # one per direction
        require.affordable("symbols, maps", maps * (9 * maps + 2 * symbols), "weights")
        self.symbols, self.maps = symbols, maps
        self.write = nn.Linear(symbols, maps)
        self.reset = nn.Conv1d(maps, maps, 3, padding=1)
        self.update = nn.Conv1d(maps, maps, 3, padding=1)
        self.candidate = nn.Conv1d(maps, maps, 3, padding=1)
        self.read = nn.Linear(maps, symbols)
        for layer, bias in [
            (self.write, 0.0),
            (self.reset, 0.5),
            (self.update, 0.7),
            (self.candidate, 0.0),
            (self.read, 0.0),
        ]:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.constant_(layer.bias, bias)

    def embed(
        self, inputs_BL: Tensor, valid_BL: Tensor, dropout: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The first state, (B, C, L), and the preactivations it came from (for the saturation cost)."""
        check_inputs(inputs_BL, valid_BL, self.symbols)
        symbols_BLV = F.one_hot(inputs_BL, self.symbols).to(self.write.weight.dtype)
        preactivation_BCL = self.write(symbols_BLV).transpose(1, 2)
        state_BCL = F.dropout(hard_tanh(preactivation_BCL), dropout)
        return state_BCL * valid_BL[:, None], preactivation_BCL

    def shift(self, state_BCL: Tensor) -> Tensor:
        """Move a third of the maps one cell towards the start, a third towards the end."""
        require.tensor("state_BCL", state_BCL, "B", self.maps, "L", kind="float")
        third = self.maps // 3
        to_start, to_end, still = state_BCL.split([third, third, self.maps - 2 * third], dim=1)
        return torch.cat(
            [F.pad(to_start[..., 1:], (0, 1)), F.pad(to_end[..., :-1], (1, 0)), still], 1
        )

    def step(
        self,
        state_BCL: Tensor,
        valid_BL: Tensor,
        dropout: float = 0.0,
        noise: float = 0.0,
        pushed_BCL: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One gated step: the next state, and the step's gates and preactivations by name."""
        require.tensor("state_BCL", state_BCL, "B", self.maps, "L", kind="float")
        require.tensor("valid_BL", valid_BL, len(state_BCL), state_BCL.shape[2])
        check_settings(dropout=dropout, noise=noise)
        reset_pre = self.reset(state_BCL)
        update_pre = self.update(state_BCL)
        reset, update = hard_sigmoid(reset_pre), hard_sigmoid(update_pre)
        candidate_pre = self.candidate(reset * state_BCL)
        candidate = F.dropout(hard_tanh(candidate_pre), dropout)
        new_BCL = update * self.shift(state_BCL) + (1 - update) * candidate
        if noise > 0:
            new_BCL = new_BCL + noise * torch.randn_like(new_BCL)
        if pushed_BCL is not None:
            new_BCL = new_BCL + pushed_BCL
        if noise > 0 or pushed_BCL is not None:
            new_BCL = hard_tanh(new_BCL)
        new_BCL = new_BCL * valid_BL[:, None]
        gates = {"reset": reset, "update": update, "candidate": candidate}
        preactivations = [reset_pre, update_pre, candidate_pre]
        return new_BCL, {**gates, "preactivations": torch.stack(preactivations)}

    def unroll(
        self,
        inputs_BL: Tensor,
        valid_BL: Tensor | None = None,
        *,
        steps: int | None = None,
        extra_steps: int = 0,
        dropout: float = 0.0,
        noise: float = 0.0,
        push: Push | None = None,
        trace: Trace | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run the machine; return the last state (B, C, L) and the saturation cost (a scalar).

        Args:
            inputs_BL: symbol numbers. valid_BL: which cells exist (default all).
            steps: how many steps T. Default: as many as cells, and ``extra_steps`` more, >= 0
                (a carry that starts late needs a few).
            dropout: fraction of the candidate's values set to zero, 0 <= dropout < 1.
            noise: standard deviation of Gaussian noise added to the state after every step, >= 0;
                the sum is clipped to [-1, 1]. It teaches the state to stay on clean levels.
            push: notes in this run's backward pass where each state is weakest, or, once it knows,
                pushes it there.
            trace: a list that receives, for t = 0..T, a dict with ``state`` (B, C, L) and, from
                t = 1 on, ``reset``, ``update`` and ``candidate`` of the step that made it.

        The cost is the sum of relu(|preactivation| - 0.9) over all gates, steps, maps and valid cells
        (the input layer counted L times) divided by L^2 B: a gate should just reach its end stop.
        """
        check_inputs(inputs_BL, valid_BL, self.symbols)
        check_settings(
            steps=steps, extra_steps=extra_steps, dropout=dropout, noise=noise, push=push
        )
        valid_BL = torch.ones_like(inputs_BL, dtype=torch.bool) if valid_BL is None else valid_BL
        pushing = push is not None and push.known
        size, length = inputs_BL.shape
        steps = length + extra_steps if steps is None else steps
        state_BCL, preactivation_BCL = self.embed(inputs_BL, valid_BL, dropout)
        overshoot = length * (saturation(preactivation_BCL) * valid_BL[:, None]).sum()
        if trace is not None:
            trace.append({"state": state_BCL})
        for t in range(steps):
            pushed = [push.of(t, state_BCL)] if pushing else []
            state_BCL, gates = self.step(state_BCL, valid_BL, dropout, noise, *pushed)
            if push is not None and not pushing and state_BCL.requires_grad:
                state_BCL.register_hook(partial(push.note, t))
            overshoot = overshoot + (saturation(gates["preactivations"]) * valid_BL[:, None]).sum()
            if trace is not None:
                named = {name: gates[name] for name in ("reset", "update", "candidate")}
                trace.append({"state": state_BCL, **named})
        return state_BCL, overshoot / (length**2 * size)

    def forward(self, inputs_BL: Tensor, valid_BL: Tensor | None = None, **settings) -> Tensor:
        """logits_BLV: the score of every symbol at every cell after the last step (see unroll)."""
        state_BCL, _ = self.unroll(inputs_BL, valid_BL, **settings)
        return self.readout(state_BCL)

    def readout(self, state_BCL: Tensor) -> Tensor:
        """logits_BLV of a state, of any step: what would be answered if the run ended here."""
        require.tensor("state_BCL", state_BCL, "B", self.maps, "L", kind="float")
        return self.read(state_BCL.transpose(1, 2))


def saturation(preactivation: Tensor) -> Tensor:
    """relu(|x| - 0.9), element by element. Source: Freivalds & Liepins 2017."""
    return F.relu(require.tensor("preactivation", preactivation, kind="float").abs() - 0.9)


class NeuralGPU(nn.Module):
    """The Neural GPU of 2015: a tape of W x L cells, ``layers`` gated units a step, L steps.

    Symbols are written into row 0 of the tape, the other rows start at zero; after L steps row 0 is
    read. With ``relaxation`` = k there are k sets of unit weights, used in turn (step t uses set
    t mod k); ``relaxation_distance`` says how far apart they are, ``draw_together`` brings them closer.

    Args:
        symbols: V. maps: C. width: W. layers: gated units a step. relaxation: number of parameter sets.

    Source: Kaiser & Sutskever 2015. Departures: dropout (an argument of the run) falls on the candidate
    only, as in the 2017 model, so that a kept value stays exact; theirs falls on the whole state. Their
    code has one more map of each cell behind the embedding.

    >>> model = NeuralGPU(symbols=4, maps=8)
    >>> model(torch.tensor([[1, 2, 3, 1, 2]])).shape
    torch.Size([1, 5, 4])
    """

    def __init__(
        self,
        symbols: int,
        maps: int = 24,
        width: int = 4,
        layers: int = 2,
        relaxation: int = 1,
    ):
        super().__init__()
        sizes = dict(maps=maps, width=width, layers=layers, relaxation=relaxation)
        for name, value in sizes.items():
            require.whole(name, value, 1)
        require.whole("symbols", symbols, 2)
        weights = 27 * maps**2 * layers * relaxation + 2 * symbols * maps
        require.affordable("symbols, maps, layers, relaxation", weights, "weights")
        require.affordable("width", maps * width, "a column")
        self.symbols, self.maps, self.width = symbols, maps, width
        self.write = nn.Embedding(symbols, maps)
        self.sets = nn.ModuleList(
            nn.ModuleList(CGRU(maps) for _ in range(layers)) for _ in range(relaxation)
        )
        self.read = nn.Linear(maps, symbols)

    def embed(self, inputs_BL: Tensor, valid_BL: Tensor) -> Tensor:
        """The first tape, (B, C, W, L): symbols in row 0, zeros elsewhere and behind the word."""
        check_inputs(inputs_BL, valid_BL, self.symbols)
        row_BCL = torch.tanh(self.write(inputs_BL)).transpose(1, 2) * valid_BL[:, None]
        return F.pad(row_BCL[:, :, None], (0, 0, 0, self.width - 1))

    def forward(
        self,
        inputs_BL: Tensor,
        valid_BL: Tensor | None = None,
        *,
        steps: int | None = None,
        dropout: float = 0.0,
        trace: Trace | None = None,
    ) -> Tensor:
        """logits_BLV after ``steps`` steps (default L); ``trace`` receives state and last unit's gates.

        ``dropout`` is the fraction of every candidate's values set to zero, 0 <= dropout < 1.
        """
        check_inputs(inputs_BL, valid_BL, self.symbols)
        check_settings(steps=steps, dropout=dropout)
        valid_BL = torch.ones_like(inputs_BL, dtype=torch.bool) if valid_BL is None else valid_BL
        steps = inputs_BL.shape[1] if steps is None else steps
        tape_BCWL = self.embed(inputs_BL, valid_BL)
        if trace is not None:
            trace.append({"state": tape_BCWL})
        for t in range(steps):
            for unit in self.sets[t % len(self.sets)]:
                tape_BCWL, gates = unit(tape_BCWL, dropout)
                tape_BCWL = tape_BCWL * valid_BL[:, None, None]
            if trace is not None:
                trace.append({"state": tape_BCWL, **gates})
        return self.readout(tape_BCWL)

    def readout(self, tape_BCWL: Tensor) -> Tensor:
        """logits_BLV of a tape, of any step: row 0 is read."""
        require.tensor("tape_BCWL", tape_BCWL, "B", self.maps, "W", "L", kind="float")
        return self.read(tape_BCWL[:, :, 0].transpose(1, 2))

    def _stacks(self):
        """Parameters that belong together: one tuple of k tensors per shared parameter."""
        return zip(*(parameters.parameters() for parameters in self.sets), strict=True)

    def relaxation_distance(self) -> Tensor:
        """Mean squared distance of each parameter set from their average (0 for one set)."""
        total, count = 0.0, 0
        for stack in self._stacks():
            stacked = torch.stack(list(stack))
            total = total + (stacked - stacked.mean(0)).square().sum()
            count += stacked.numel()
        return total / count

    @torch.no_grad()
    def draw_together(self, pull: float) -> None:
        """Move every parameter set ``pull`` (0..1) of its way to the sets' average; 1 makes them one."""
        require.number("pull", pull, 0, 1)
        for stack in self._stacks():
            mean = torch.stack(list(stack)).mean(0)
            for parameter in stack:
                parameter.lerp_(mean, pull)
