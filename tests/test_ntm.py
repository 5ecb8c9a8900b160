"""The Neural Turing Machine against a slow oracle in nested Python loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ngpu_lib import ntm

sizes = st.tuples(*[st.integers(1, high) for high in (3, 2, 9, 5)])  # B, R, N, M
seeds = st.integers(0, 10**6)
quick = settings(max_examples=60, deadline=None)


def draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def address(*shape, seed):
    return (2 * draw(*shape, seed=seed)).softmax(-1)


def oracle_content(key, beta, memory):
    scores = []
    for row in memory:
        dot = sum(a * b for a, b in zip(key, row, strict=True))
        length = math.sqrt(sum(a * a for a in key)) * math.sqrt(sum(b * b for b in row))
        scores.append(beta * dot / (length + ntm.SOFT))
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [power / sum(powers) for power in powers]


def oracle_shift(w, shares):
    size, half, moved = len(w), len(shares) // 2, [0.0] * len(w)
    for source in range(size):  # push the weight on, instead of fetching it
        for place, share in enumerate(shares):
            moved[(source + place - half) % size] += share * w[source]
    return moved


def oracle_sharpen(w, gamma):
    powers = [(x + ntm.TINY) ** gamma for x in w]
    return [power / sum(powers) for power in powers]


def oracle_write(memory, w, erase, add):
    return [
        [old * (1 - weight * e) + weight * a for old, e, a in zip(row, erase, add, strict=True)]
        for row, weight in zip(memory, w, strict=True)
    ]


def close(got, wanted):
    assert torch.allclose(got, torch.tensor(wanted, dtype=got.dtype), atol=1e-9), (got, wanted)


@given(sizes, seeds, st.floats(0, 30))
@quick
def test_content_equals_the_loops_and_is_an_address(shape, seed, beta):
    B, R, N, M = shape
    key_BRM, memory_BNM = draw(B, R, M, seed=seed), draw(B, N, M, seed=seed + 1)
    beta_BR = torch.full((B, R), beta, dtype=torch.float64)
    w_BRN = ntm.content(key_BRM, beta_BR, memory_BNM)
    assert w_BRN.shape == (B, R, N) and bool((w_BRN >= 0).all())
    assert torch.allclose(w_BRN.sum(-1), torch.ones(B, R, dtype=torch.float64))
    for b in range(B):
        for r in range(R):
            close(w_BRN[b, r], oracle_content(key_BRM[b, r].tolist(), beta, memory_BNM[b].tolist()))


@given(sizes, seeds)
@quick
def test_content_does_not_care_about_the_order_of_rows(shape, seed):
    B, R, N, M = shape
    key_BRM, memory_BNM = draw(B, R, M, seed=seed), draw(B, N, M, seed=seed + 1)
    beta_BR, order = torch.full((B, R), 4.0, dtype=torch.float64), torch.randperm(N)
    w_BRN = ntm.content(key_BRM, beta_BR, memory_BNM)
    assert torch.allclose(ntm.content(key_BRM, beta_BR, memory_BNM[:, order]), w_BRN[..., order])


@given(sizes, seeds, st.floats(0, 1))
@quick
def test_interpolation_lies_between(shape, seed, gate):
    B, R, N, _ = shape
    one, two = address(B, R, N, seed=seed), address(B, R, N, seed=seed + 1)
    w_BRN = ntm.interpolate(one, two, torch.full((B, R), gate, dtype=torch.float64))
    for b in range(B):
        for r in range(R):
            pairs = zip(one[b, r].tolist(), two[b, r].tolist(), strict=True)
            close(w_BRN[b, r], [gate * x + (1 - gate) * y for x, y in pairs])


@given(sizes, seeds, st.sampled_from([1, 3, 5]))
@quick
def test_shift_equals_the_loops_and_keeps_the_sum(shape, seed, offsets):
    B, R, N, _ = shape
    w_BRN, shift_BRS = address(B, R, N, seed=seed), address(B, R, offsets, seed=seed + 1)
    moved_BRN = ntm.shift(w_BRN, shift_BRS)
    assert torch.allclose(moved_BRN.sum(-1), w_BRN.sum(-1))
    for b in range(B):
        for r in range(R):
            close(moved_BRN[b, r], oracle_shift(w_BRN[b, r].tolist(), shift_BRS[b, r].tolist()))


@pytest.mark.parametrize(
    "row, offset, lands", [(1, 0, 0), (1, 1, 1), (1, 2, 2), (0, 0, 4), (4, 2, 0)]
)
def test_both_shift_directions_by_hand(row, offset, lands):
    w_BRN, shift_BRS = torch.eye(5)[row][None, None], torch.eye(3)[offset][None, None]
    assert ntm.shift(w_BRN, shift_BRS)[0, 0].tolist() == torch.eye(5)[lands].tolist()


@given(sizes, seeds, st.floats(1, 40))
@quick
def test_sharpen_equals_the_loops_and_never_loses_its_largest_row(shape, seed, gamma):
    B, R, N, _ = shape
    w_BRN = address(B, R, N, seed=seed)
    sharp_BRN = ntm.sharpen(w_BRN, torch.full((B, R), gamma, dtype=torch.float64))
    assert bool((sharp_BRN.amax(-1) >= w_BRN.amax(-1) - 1e-4).all())
    for b in range(B):
        for r in range(R):
            close(sharp_BRN[b, r], oracle_sharpen(w_BRN[b, r].tolist(), gamma))


@pytest.mark.parametrize("rows", [1, 128, 4096])
def test_sharpening_a_broad_address_strongly_gives_numbers(rows):
    w_BRN = torch.full((1, 1, rows), 1 / rows, requires_grad=True)
    sharp_BRN = ntm.sharpen(w_BRN, torch.tensor([[50.0]]))
    sharp_BRN[..., 0].sum().backward()
    assert sharp_BRN.isfinite().all() and w_BRN.grad.isfinite().all()


@given(sizes, seeds)
@quick
def test_write_and_read_equal_the_loops(shape, seed):
    B, R, N, M = shape
    memory_BNM, w_BN = draw(B, N, M, seed=seed), address(B, N, seed=seed + 1)
    erase_BM, add_BM = draw(B, M, seed=seed + 2).sigmoid(), draw(B, M, seed=seed + 3)
    new_BNM = ntm.write(memory_BNM, w_BN, erase_BM, add_BM)
    w_BRN = address(B, R, N, seed=seed + 4)
    read_BRM = ntm.read(new_BNM, w_BRN)
    for b in range(B):
        wanted = oracle_write(*(x[b].tolist() for x in (memory_BNM, w_BN, erase_BM, add_BM)))
        close(new_BNM[b], wanted)
        for r in range(R):
            weights = w_BRN[b, r].tolist()
            close(
                read_BRM[b, r],
                [sum(w * row[m] for w, row in zip(weights, wanted, strict=True)) for m in range(M)],
            )


def test_a_machine_without_content_jumps_is_moved_by_its_shift_alone():
    w_BRN = torch.eye(6)[2][None, None]
    for step in range(1, 9):
        w_BRN = ntm.sharpen(ntm.shift(w_BRN, torch.eye(3)[2][None, None]), torch.ones(1, 1))
        assert int(w_BRN.argmax()) == (2 + step) % 6


def test_state_goes_in_and_comes_out():
    """Two halves of a sequence, with the state handed over, equal the whole."""
    torch.manual_seed(0)
    model, inputs_BTI = ntm.NTM(3, 2, hidden=8, rows=5, row_size=4), torch.rand(2, 6, 3)
    whole, state, parts = model(inputs_BTI), model.start(2), []
    for t in range(6):
        features, state, _ = model.step(inputs_BTI[:, t], ntm.State(*state))
        parts.append(model.answer(features))
    assert torch.allclose(whole, torch.stack(parts, 1), atol=1e-6)


def test_every_parameter_gets_a_finite_gradient_even_on_a_long_blank_input():
    torch.manual_seed(0)
    model = ntm.NTM(3, 2, hidden=16, rows=20, row_size=4)
    model(torch.cat([torch.rand(2, 60, 3), torch.zeros(2, 60, 3)], 1)).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_trace_and_another_number_of_rows():
    model, trace = ntm.NTM(3, 2, hidden=8, rows=5, row_size=4), []
    assert model(torch.rand(2, 4, 3), rows=9, trace=trace).shape == (2, 4, 2)
    assert len(trace) == 4
    assert trace[0]["w"].shape == (2, 2, 9) and trace[0]["memory"].shape == (2, 9, 4)
    assert torch.allclose(
        torch.stack([record["w"] for record in trace]).sum(-1), torch.ones(4, 2, 2)
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ntm.NTM(0, 2), "inputs: got 0"),
        (lambda: ntm.NTM(3, 2, rows=0), "rows: got 0"),
        (lambda: ntm.NTM(3, 2)(torch.zeros(2, 3)), "inputs_BTI"),
        (lambda: ntm.NTM(3, 2)(torch.zeros(2, 0, 3)), "inputs_BTI"),
        (lambda: ntm.NTM(3, 2).start(1, rows=0), "rows: got 0"),
        (lambda: ntm.shift(torch.ones(1, 1, 4), torch.ones(1, 1, 2)), "shift_BRS: got 2"),
        (lambda: ntm.sharpen(torch.ones(1, 1, 4), -torch.ones(1, 1)), "gamma_BR: got -1"),
        (
            lambda: ntm.content(torch.ones(1, 1, 3), torch.ones(1, 1), torch.ones(1, 4, 2)),
            "key_BRM: got shape",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
