"""Recurrent cells, one step each, by their equations: from the plain RNN to the convolutional GRU.

    RNN        h' = c                                c = tanh(W x + U h + b)
    Residual   h' = h + c
    Highway    h' = u h + (1 - u) c                  u = sigmoid(...): keep, or write
    GRU        h' = u h + (1 - u) c(r h)             r = sigmoid(...): what the candidate sees
    LSTM       m' = f m + i c,   h' = o tanh(m')     keep and write apart; memory and output apart
    CGRU       the GRU with convolutions for matrices, on a tape

State goes in and comes out. ``Scan`` runs a cell over a sequence and can stand in for
``torch.nn.RNN(batch_first=True)``; ``Reader`` puts a linear answer behind either.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import require

State = Tensor | tuple[Tensor, Tensor]
Values = dict[str, Tensor]
NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu, "linear": lambda x: x}


class Cell(nn.Module):
    """What the cells share: one matrix for the input and one for the state, all gates stacked.

    The order of the stacked gates, both bias vectors and the first weights, uniform in
    +-1/sqrt(H), are those of ``torch.nn``, so weights can be copied across.

    Args:
        inputs: C, numbers per time step, >= 1.
        hidden: H, numbers in the state, >= 1.

    Raises:
        ValueError: a size below 1, or (at a call) an input or state of another shape.
    """

    blocks = 1

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        require.whole("inputs", inputs, 1)
        require.whole("hidden", hidden, 1)
        weights = self.blocks * hidden * (inputs + hidden)
        require.affordable("inputs, hidden", weights, "weights")
        self.inputs, self.hidden = inputs, hidden
        self.from_input = nn.Linear(inputs, self.blocks * hidden)
        self.from_state = nn.Linear(hidden, self.blocks * hidden)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5)

    def start(self, x_BC: Tensor, requires_grad: bool = False) -> State:
        """The state before the first input: zeros, (B, H)."""
        require.tensor("x_BC", x_BC, "B", self.inputs, kind="float")
        return x_BC.new_zeros(x_BC.shape[0], self.hidden, requires_grad=requires_grad)

    def both(self, x_BC: Tensor, h_BH: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """W x + b and U h + b', each split into one (B, H) block per gate."""
        require.tensor("x_BC", x_BC, "B", self.inputs, kind="float")
        require.tensor("h_BH", h_BH, x_BC.shape[0], self.hidden, kind="float")
        from_x, from_h = self.from_input(x_BC), self.from_state(h_BH)
        return from_x.chunk(self.blocks, 1), from_h.chunk(self.blocks, 1)


class RNN(Cell):
    """The plain recurrent cell overwrites its whole state: h' = f(W x + U h + b).

    Args:
        inputs, hidden: C and H. nonlinearity: "tanh", "relu" or "linear" (f is the identity).

    Source: Elman 1990. ``torch.nn.RNN`` computes the same for "tanh" and "relu".

    >>> cell = RNN(inputs=2, hidden=3)
    >>> x_BC = torch.zeros(1, 2)
    >>> cell(x_BC, cell.start(x_BC))[0].shape
    torch.Size([1, 3])
    """

    def __init__(self, inputs: int, hidden: int, nonlinearity: str = "tanh"):
        require.one_of("nonlinearity", nonlinearity, tuple(NONLINEARITIES))
        super().__init__(inputs, hidden)
        self.nonlinearity = nonlinearity

    def propose(self, x_BC: Tensor, h_BH: Tensor) -> Tensor:
        """The candidate c, (B, H)."""
        (from_x,), (from_h,) = self.both(x_BC, h_BH)
        return NONLINEARITIES[self.nonlinearity](from_x + from_h)

    def forward(self, x_BC: Tensor, h_BH: Tensor) -> tuple[Tensor, Values]:
        """The next state (B, H); a plain cell has no gates to report."""
        return self.propose(x_BC, h_BH), {}


class Residual(RNN):
    """The residual cell adds to its state instead of overwriting it: h' = h + f(W x + U h + b).

    Source: He et al. 2015, equation 1. Departures: the block's layers are time steps, and there is no
    ReLU behind the sum.
    """

    def forward(self, x_BC: Tensor, h_BH: Tensor) -> tuple[Tensor, Values]:
        """The next state (B, H), and the ``candidate`` that was added."""
        candidate = self.propose(x_BC, h_BH)
        return h_BH + candidate, {"candidate": candidate}


class Highway(Cell):
    """The highway cell asks, element by element, whether to keep or to write.

        u = sigmoid(W_u x + U_u h + b_u),   c = tanh(W_c x + U_c h + b_c)
        h' = u h + (1 - u) c

    u = 1 keeps. Source: Srivastava, Greff & Schmidhuber 2015, equation 3, u being their carry gate
    1 - T; departure: the layers are time steps and every step sees an input.
    """

    blocks = 2

    def forward(self, x_BC: Tensor, h_BH: Tensor) -> tuple[Tensor, Values]:
        """The next state (B, H), and ``update`` in (0, 1) and ``candidate`` in (-1, 1)."""
        (update_x, candidate_x), (update_h, candidate_h) = self.both(x_BC, h_BH)
        update = torch.sigmoid(update_x + update_h)
        candidate = torch.tanh(candidate_x + candidate_h)
        new_BH = update * h_BH + (1 - update) * candidate
        return new_BH, {"update": update, "candidate": candidate}


class GRU(Cell):
    """The gated recurrent unit: a highway cell whose candidate sees a part of the state only.

        r = sigmoid(W_r x + U_r h + b_r),   u = sigmoid(W_u x + U_u h + b_u)
        c = tanh(W_c x + b_c + r (U_c h + b'_c))     reset "after" the matrix, as torch.nn.GRU
        c = tanh(W_c x + b_c + U_c (r h) + b'_c)     reset "before" it, as the paper and the CGRU
        h' = u h + (1 - u) c

    Source: Cho et al. 2014, equations 5-8 ("before"; their z is our u).
    """

    blocks = 3

    def __init__(self, inputs: int, hidden: int, reset: str = "after"):
        require.one_of("reset", reset, ("after", "before"))
        super().__init__(inputs, hidden)
        self.reset = reset

    def forward(self, x_BC: Tensor, h_BH: Tensor) -> tuple[Tensor, Values]:
        """The next state (B, H), and ``reset``, ``update`` in (0, 1), ``candidate`` in (-1, 1)."""
        (reset_x, update_x, candidate_x), (reset_h, update_h, candidate_h) = self.both(x_BC, h_BH)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        if self.reset == "after":
            seen = reset * candidate_h
        else:
            weight, bias = self.from_state.weight, self.from_state.bias
            seen = F.linear(reset * h_BH, weight[2 * self.hidden :], bias[2 * self.hidden :])
        candidate = torch.tanh(candidate_x + seen)
        new_BH = update * h_BH + (1 - update) * candidate
        return new_BH, {"reset": reset, "update": update, "candidate": candidate}


class LSTM(Cell):
    """Long short-term memory: a memory m behind gates, and an output h that shows a part of it.

        i, f, o = sigmoid(W x + U h + b)   (three times),   c = tanh(W_c x + U_c h + b_c)
        m' = f m + i c,   h' = o tanh(m')

    The state is the pair (h, m), each (B, H).

    Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000
    and without peepholes, as ``torch.nn.LSTM``. Departure from 1997: tanh for stretched sigmoids.
    """

    blocks = 4

    def start(self, x_BC: Tensor, requires_grad: bool = False) -> State:
        """Output and memory before the first input: zeros, (B, H) each."""
        h_BH = super().start(x_BC, requires_grad)
        return h_BH, super().start(x_BC, requires_grad)

    def forward(self, x_BC: Tensor, state: State) -> tuple[State, Values]:
        """The next (h, m), and ``input``, ``forget``, ``output`` in (0, 1) and ``candidate``."""
        if not isinstance(state, tuple) or len(state) != 2:
            raise ValueError(f"state: got {require.shown(state)}; needs the pair (h_BH, memory_BH)")
        h_BH, memory_BH = state
        require.tensor("x_BC", x_BC, "B", self.inputs, kind="float")
        require.tensor("memory_BH", memory_BH, x_BC.shape[0], self.hidden, kind="float")
        from_x, from_h = self.both(x_BC, h_BH)
        sums = [a + b for a, b in zip(from_x, from_h, strict=True)]
        write, forget, show = (torch.sigmoid(sums[k]) for k in (0, 1, 3))
        candidate = torch.tanh(sums[2])
        memory_BH = forget * memory_BH + write * candidate
        h_BH = show * torch.tanh(memory_BH)
        gates = {"input": write, "forget": forget, "output": show, "candidate": candidate}
        return (h_BH, memory_BH), gates


class Scan(nn.Module):
    """Run a cell along a sequence: the state after x_1 goes in with x_2, and so on.

    Called as ``torch.nn.RNN(batch_first=True)`` is: ``states_BTH, last = Scan(cell)(x_BTC)``.

    >>> Scan(RNN(2, 3))(torch.zeros(1, 5, 2))[0].shape
    torch.Size([1, 5, 3])
    """

    def __init__(self, cell: Cell):
        super().__init__()
        self.cell = require.instance("cell", cell, Cell, "a cell, such as GRU(2, 3)")

    def forward(
        self, x_BTC: Tensor, state: State | None = None, trace: list[Values] | None = None
    ) -> tuple[Tensor, State]:
        """States of all steps, (B, T, H), and the last state.

        Args:
            x_BTC: the sequence, T >= 1. state: the state before it (default zeros).
            trace: a list that receives, for t = 0..T, a dict with ``state`` (B, H), for an LSTM
                ``memory`` (B, H), and from t = 1 on the gates of the step that made them.

        Raises:
            ValueError: the sequence is not (B, T, C) with T >= 1.
        """
        require.tensor("x_BTC", x_BTC, "B", "T", "C", kind="float")
        if x_BTC.shape[1] == 0:
            raise ValueError(f"x_BTC: got shape {tuple(x_BTC.shape)}; needs (B, T, C), T >= 1")
        if state is None:
            traced = trace is not None and torch.is_grad_enabled()
            state = self.cell.start(x_BTC[:, 0], requires_grad=traced)
        states, gates = [], {}
        for t in range(x_BTC.shape[1] + 1):
            if t > 0:
                state, gates = self.cell(x_BTC[:, t - 1], state)
            parts = state if isinstance(state, tuple) else (state,)
            if trace is not None:
                trace.append({**dict(zip(("state", "memory"), parts, strict=False)), **gates})
            states.append(parts[0])
        return torch.stack(states[1:], 1), state


class Reader(nn.Module):
    """A recurrent net with a linear answer at every step: (B, T, C) to (B, T, outputs).

    Args:
        memory: a ``Scan``, or ``torch.nn.RNN``, ``GRU`` or ``LSTM`` with ``batch_first=True``.
        hidden: H of that memory. outputs: numbers answered per step.
    """

    def __init__(self, memory: nn.Module, hidden: int, outputs: int):
        super().__init__()
        require.whole("hidden", hidden, 1)
        require.affordable(
            "hidden, outputs", hidden * require.whole("outputs", outputs, 1), "weights"
        )
        self.memory = require.module("memory", memory)
        self.answer = nn.Linear(hidden, outputs)

    def forward(self, x_BTC: Tensor, trace: list[Values] | None = None) -> Tensor:
        """The answers at every step; ``trace`` as in Scan (which alone can fill it)."""
        options = {} if trace is None else {"trace": trace}
        return self.answer(self.memory(x_BTC, **options)[0])


def cutoff_sigmoid(x: Tensor) -> Tensor:
    """clip(1.2 sigmoid(x) - 0.1, 0, 1): a gate that can close fully.

    Source: Kaiser & Sutskever 2015, the gate cutoff among their training techniques.
    """
    return (1.2 * torch.sigmoid(require.tensor("x", x, kind="float")) - 0.1).clamp(0, 1)


class CGRU(nn.Module):
    """A convolutional gated recurrent unit on a tape of shape (B, C, W, L).

        u = cutoff_sigmoid(U' * s + B'),  r = cutoff_sigmoid(U'' * s + B'')
        s' = u s + (1 - u) tanh(U * (r s) + B)

    The reset gate multiplies *before* the convolution; ``torch.nn.GRU`` does so after the matrix.
    The gate biases start at 1, so the first gates keep most of the state.

    Source: Kaiser & Sutskever 2015, equation in section 2, with the cut-off gates that they train with.
    """

    def __init__(self, maps: int):
        super().__init__()
        require.affordable("maps", 27 * require.whole("maps", maps, 1) ** 2, "weights")
        self.maps = maps
        self.update = nn.Conv2d(maps, maps, 3, padding=1)
        self.reset = nn.Conv2d(maps, maps, 3, padding=1)
        self.candidate = nn.Conv2d(maps, maps, 3, padding=1)
        for layer, bias in [(self.update, 1.0), (self.reset, 1.0), (self.candidate, 0.0)]:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.constant_(layer.bias, bias)

    def forward(self, tape_BCWL: Tensor, dropout: float = 0.0) -> tuple[Tensor, dict[str, Tensor]]:
        """The next tape, and the gates by name; ``dropout`` (0..1) of the candidate's values are zeroed."""
        require.tensor("tape_BCWL", tape_BCWL, "B", self.maps, "W", "L", kind="float")
        require.number("dropout", dropout, 0, below=1)
        # Both gates in one convolution: a seventh off a small net's step.
        weight = torch.cat([self.update.weight, self.reset.weight])
        bias = torch.cat([self.update.bias, self.reset.bias])
        update, reset = cutoff_sigmoid(F.conv2d(tape_BCWL, weight, bias, padding=1)).chunk(2, 1)
        candidate = torch.tanh(self.candidate(reset * tape_BCWL))
        candidate = F.dropout(candidate, dropout)
        new_BCWL = update * tape_BCWL + (1 - update) * candidate
        return new_BCWL, {"update": update, "reset": reset, "candidate": candidate}
