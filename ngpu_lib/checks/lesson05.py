"""Lesson 05, gates: the checks. A gate near 1 keeps. Weights set by hand are scaled by a gain."""

from __future__ import annotations

import math

import torch

from ngpu_lib.checks import Check

_generator = torch.Generator().manual_seed(5)


def _draw(*shape):
    return torch.randn(*shape, generator=_generator)


parity_weights = Check(
    "5.1 parity_weights",
    reference=lambda gain: ([-2 * gain, 0.0, gain], [0.0, -gain, 0.0]),
    cases=[(1.0,), (20.0,), (2.5,)],
    mistakes=[
        (
            lambda gain: ([2 * gain, 0.0, -gain], [0.0, -gain, 0.0]),
            "It keeps at a 1 and flips at a 0: in this course a gate near 1 keeps.",
        ),
        (
            lambda gain: ([-2 * gain, 0.0, gain], [0.0, gain, 0.0]),
            "At a 1 it writes what stood there already; to flip it, turn the sign of h.",
        ),
        (
            lambda gain: ([-gain, 0.0, gain], [0.0, -gain, 0.0]),
            "At a 1 the gate's sum is 0, so half is kept and half written: that cancels.",
        ),
        (
            lambda gain: ([-gain, 0.0, 0.0], [0.0, -gain, 0.0]),
            "Without a bias the gate's sum is 0 at a 0: half is kept and half written.",
        ),
        (
            lambda gain: ([-2 * gain, 0.0, gain], [-gain, 0.0, 0.0]),
            "The candidate looks at the bit; whether to go up or down depends on the state.",
        ),
        (
            lambda gain: ([0.0, -gain, 0.0], [-2 * gain, 0.0, gain]),
            "The order is (gate, candidate); these two are swapped.",
        ),
    ],
)


count_weights = Check(
    "5.2 count_weights",
    reference=lambda gain: (
        [2 * gain, 2 * gain, -gain],
        [0.0, 0.0, gain],
        [gain, -gain, 0.0],
    ),
    cases=[(1.0,), (20.0,), (2.5,)],
    mistakes=[
        (
            lambda gain: ([2 * gain, 2 * gain, -gain], [0.0, 0.0, -gain], [gain, -gain, 0.0]),
            "The forget gate is near 0 and forgets everything; f = 1 keeps.",
        ),
        (
            lambda gain: (
                [2 * gain, 2 * gain, -gain],
                [-2 * gain, -2 * gain, gain],
                [gain, -gain, 0.0],
            ),
            "With f = 1 - i the old count is lost at each bracket, as in a GRU: keep always.",
        ),
        (
            lambda gain: ([gain, gain, 0.0], [0.0, 0.0, gain], [gain, -gain, 0.0]),
            "At a letter the input gate's sum is 0, half a share is written: it has to be -gain.",
        ),
        (
            lambda gain: ([2 * gain, 2 * gain, -gain], [0.0, 0.0, gain], [gain, gain, 0.0]),
            "Both brackets count up; a closing one has to write -1.",
        ),
        (
            lambda gain: ([2 * gain, 2 * gain, -gain], [0.0, 0.0, gain], [-gain, gain, 0.0]),
            "An opening bracket counts down and a closing one up: turn the candidate's signs.",
        ),
        (
            lambda gain: ([0.0, 0.0, gain], [2 * gain, 2 * gain, -gain], [gain, -gain, 0.0]),
            "The order is (input, forget, candidate); the two gates are swapped.",
        ),
    ],
)


bias_for_memory = Check(
    "5.3 bias_for_memory",
    reference=lambda steps: math.log(steps - 1),
    cases=[(2.0,), (5.0,), (10.0,), (1000.0,), (1.25,)],
    mistakes=[
        (
            lambda steps: math.log(steps),
            "Close for long memories, but 1 / (1 - sigmoid(b)) is 1 + e^b: one step is there anyway.",
        ),
        (
            lambda steps: -math.log(steps - 1),
            "The sign is turned: a large positive bias keeps.",
        ),
        (
            lambda steps: 1 - 1 / steps,
            "That is the gate's value; the bias is what the sigmoid turns into it.",
        ),
        (
            lambda steps: steps - 1,
            "That is e^b; the bias is its logarithm.",
        ),
        (
            lambda steps: math.log10(steps - 1),
            "That is the logarithm to base 10; e^b needs the natural one.",
        ),
    ],
)


def _probe(states_NH, wanted_N, *, intercept=True, fit="first", score="second", share="variance"):
    half = len(wanted_N) // 2
    rows = {"first": slice(0, half), "second": slice(half, None), "all": slice(None)}
    ones = torch.ones(len(wanted_N), 1 if intercept else 0)
    seen, wanted_N = torch.cat([states_NH, ones], 1).double(), wanted_N.double()
    weights = torch.linalg.lstsq(seen[rows[fit]], wanted_N[rows[fit], None]).solution[:, 0]
    said_N, right_N = seen[rows[score]] @ weights, wanted_N[rows[score]]
    error = (said_N - right_N).square().mean()
    if share == "square":
        return torch.corrcoef(torch.stack([said_N, right_N]))[0, 1] ** 2
    if share == "error":
        return error / right_N.var(correction=0)
    return 1 - error / (right_N.square().mean() if share == "zero" else right_N.var(correction=0))


def _probe_case(rows, units):
    states_NH = _draw(rows, units)
    return states_NH, states_NH @ _draw(units) + 0.7 * _draw(rows) + 2


probe = Check(
    "5.4 probe",
    reference=_probe,
    cases=[_probe_case(40, 3), _probe_case(12, 2)],
    mistakes=[
        (
            lambda *case: _probe(*case, intercept=False),
            "There is no intercept: join a column of ones to the states.",
        ),
        (
            lambda *case: _probe(*case, score="first"),
            "It is scored on the rows it was fitted to; use the second half.",
        ),
        (
            lambda *case: _probe(*case, fit="all"),
            "It was fitted to all rows, those of the test among them.",
        ),
        (
            lambda *case: _probe(*case, share="error"),
            "That is the share left unexplained; 1 minus it is wanted.",
        ),
        (
            lambda *case: _probe(*case, share="square"),
            "That is the squared correlation, which forgives a wrong scale and a wrong mean.",
        ),
        (
            lambda *case: _probe(*case, share="zero"),
            "You compare with always answering 0; the variance compares with answering the mean.",
        ),
    ],
)


def _walk(tape_CL, *, read=-1, trail_reads=-1, keeps_trail=True, stays=False, swapped=False):
    """States of five steps; ``read``: where the walker comes from, -1 being the left neighbour."""

    def neighbour(row_L, place):
        moved_L = torch.zeros_like(row_L)
        left = row_L[: len(row_L) - abs(place)]
        if place == 0:
            return row_L
        if place < 0:
            moved_L[1:] = left
        else:
            moved_L[:-1] = row_L[1:]
        return moved_L

    walker_L, trail_L = tape_CL.flip(0) if swapped else tape_CL
    states = [tape_CL]
    for _ in range(5):
        new_L = neighbour(walker_L, read)
        new_L = torch.maximum(new_L, walker_L) if stays else new_L
        seen_L = neighbour(walker_L, trail_reads)
        trail_L = torch.maximum(seen_L, trail_L) if keeps_trail else seen_L
        walker_L = new_L
        pair = [trail_L, walker_L] if swapped else [walker_L, trail_L]
        states.append(torch.stack(pair))
    return torch.stack(states)


def _tape(length, walkers, trail=()):
    tape_CL = torch.zeros(2, length)
    tape_CL[0, list(walkers)] = 1
    tape_CL[1, list(trail)] = 1
    return tape_CL


walker_kernel = Check(
    "5.5 walker_kernel",
    reference=_walk,
    cases=[(_tape(9, (1,)),), (_tape(8, (0, 3), (6,)),), (_tape(5, (4,), (0,)),)],
    tolerance=0.01,
    mistakes=[
        (
            lambda tape_CL: _walk(tape_CL, read=1, trail_reads=1),
            "It walks to the left: who should step to the right reads the left neighbour, place 0.",
        ),
        (
            lambda tape_CL: _walk(tape_CL, keeps_trail=False),
            "The trail forgets: map 1 has to read itself, too.",
        ),
        (
            lambda tape_CL: _walk(tape_CL, trail_reads=0),
            "The trail is a step late: it reads where the walker was, not where it arrives.",
        ),
        (
            lambda tape_CL: _walk(tape_CL, stays=True),
            "The walker never leaves its cell: map 0 reads itself as well.",
        ),
        (
            lambda tape_CL: _walk(tape_CL, swapped=True),
            "The maps are swapped: kernel[to, from, place], map 0 the walker, map 1 the trail.",
        ),
        (
            lambda tape_CL: _walk(tape_CL, read=0, trail_reads=0),
            "Nothing moves: place 1 is the cell itself, place 0 its left neighbour.",
        ),
    ],
)
