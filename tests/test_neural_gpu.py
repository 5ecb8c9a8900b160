"""The two Neural GPUs against plain step-by-step references, and the fast path against both."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ngpu_lib import packed, packing
from ngpu_lib.cells import CGRU, cutoff_sigmoid
from ngpu_lib.losses import answers
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.tasks import Batch, make_task


def wild(model, scale=1.7):
    """Larger weights than at the start, so that gates do reach their end stops."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    return model


def batches(task, lengths=(5, 9, 8), size=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        task.sample(size, task.length_for(n) - (n > 5), generator, positions=n) for n in lengths
    ]


def reference_diagonal(model, symbols):
    """One word through the equations, cell by cell and map by map, in numpy."""
    p = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    maps, cells = model.maps, len(symbols)
    state = np.zeros((cells, maps))
    for i, symbol in enumerate(symbols):
        state[i] = np.clip(p["write.weight"][:, symbol] + p["write.bias"], -1, 1)

    def convolve(name, s):
        out = np.zeros((cells, maps))
        for i in range(cells):
            for k in (-1, 0, 1):
                if 0 <= i + k < cells:
                    out[i] += p[f"{name}.weight"][:, :, k + 1] @ s[i + k]
            out[i] += p[f"{name}.bias"]
        return out

    third = maps // 3
    for _ in range(cells):
        reset = np.clip(convolve("reset", state) / 2 + 0.5, 0, 1)
        update = np.clip(convolve("update", state) / 2 + 0.5, 0, 1)
        candidate = np.clip(convolve("candidate", reset * state), -1, 1)
        moved = np.zeros_like(state)
        for i in range(cells):
            for m in range(maps):
                source = i + 1 if m < third else i - 1 if m < 2 * third else i
                moved[i, m] = state[source, m] if 0 <= source < cells else 0
        state = update * moved + (1 - update) * candidate
    return state @ p["read.weight"].T + p["read.bias"]


def test_diagonal_model_follows_its_equations():
    torch.manual_seed(0)
    model = wild(DiagonalNeuralGPU(4, maps=7)).double().eval()
    word = [1, 2, 3, 1, 2, 2]
    logits = model(torch.tensor([word]))[0].detach().numpy()
    np.testing.assert_allclose(logits, reference_diagonal(model, word), atol=1e-10)


def reference_2015(model, symbols):
    """The 2015 model on one word, with explicit loops over tape cells."""
    p = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    maps, width, cells = model.maps, model.width, len(symbols)
    tape = np.zeros((maps, width, cells))
    for i, symbol in enumerate(symbols):
        tape[:, 0, i] = np.tanh(p["write.weight"][symbol])

    def convolve(prefix, s):
        out = np.zeros_like(s)
        for w in range(width):
            for i in range(cells):
                for a in (-1, 0, 1):
                    for b in (-1, 0, 1):
                        if 0 <= w + a < width and 0 <= i + b < cells:
                            kernel = p[f"{prefix}.weight"][:, :, a + 1, b + 1]
                            out[:, w, i] += kernel @ s[:, w + a, i + b]
        return out + p[f"{prefix}.bias"][:, None, None]

    def cutoff(x):
        return np.clip(1.2 / (1 + np.exp(-x)) - 0.1, 0, 1)

    for t in range(cells):
        for layer in range(len(model.sets[0])):
            unit = f"sets.{t % len(model.sets)}.{layer}"
            update, reset = (
                cutoff(convolve(f"{unit}.update", tape)),
                cutoff(convolve(f"{unit}.reset", tape)),
            )
            candidate = np.tanh(convolve(f"{unit}.candidate", reset * tape))
            tape = update * tape + (1 - update) * candidate
    return tape[:, 0].T @ p["read.weight"].T + p["read.bias"]


@pytest.mark.parametrize("relaxation", [1, 3])
def test_2015_model_follows_its_equations(relaxation):
    torch.manual_seed(1)
    model = wild(NeuralGPU(4, maps=5, width=3, relaxation=relaxation)).double().eval()
    word = [1, 2, 3, 1, 2]
    logits = model(torch.tensor([word]))[0].detach().numpy()
    np.testing.assert_allclose(logits, reference_2015(model, word), atol=1e-10)


def test_published_parameter_counts():
    model = NeuralGPU(4, maps=24)
    recurrent = sum(p.numel() for p in model.sets.parameters())
    assert recurrent == 31_248  # Kaiser & Sutskever 2015: w = 4, m = 24
    maps = 96
    gates = sum(
        p.numel()
        for layer in (lambda m: (m.reset, m.update, m.candidate))(DiagonalNeuralGPU(4, maps))
        for p in layer.parameters()
    )
    assert gates == 9 * maps**2 + 3 * maps


def test_gates_close_fully_and_leak_as_computed_at_the_start():
    assert cutoff_sigmoid(torch.tensor([-9.0, 9.0])).tolist() == [0, 1]
    keep = cutoff_sigmoid(torch.tensor(1.0)).item()
    assert keep == pytest.approx(0.777, abs=1e-3)
    assert CGRU(4).update.bias.tolist() == [1, 1, 1, 1]


def test_a_padded_word_equals_the_word_alone_with_as_many_steps():
    torch.manual_seed(0)
    task = make_task("multiply")
    batch = task.sample(3, 4, torch.Generator().manual_seed(0), positions=14)
    for model in (DiagonalNeuralGPU(4, 9), NeuralGPU(4, 6)):
        model = wild(model).eval()
        padded = model(batch.inputs_BL, batch.valid_BL)
        alone = model(batch.inputs_BL[:, :9], steps=14)
        torch.testing.assert_close(padded[:, :9], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", [DiagonalNeuralGPU(4, 6), NeuralGPU(4, 6)])
def test_trace_has_every_step_and_changes_nothing(model):
    model.eval()
    words = torch.tensor([[1, 2, 3, 1, 2]])
    trace = []
    assert torch.equal(model(words, trace=trace), model(words))
    assert len(trace) == 6 and set(trace[0]) == {"state"}
    assert set(trace[1]) == {"state", "reset", "update", "candidate"}
    read = trace[-1]["state"] if trace[-1]["state"].ndim == 3 else trace[-1]["state"][:, :, 0]
    assert torch.equal(model.read(read.transpose(1, 2)), model(words))


def test_drawing_together_ends_in_one_set():
    model = NeuralGPU(4, maps=4, relaxation=6)
    far = model.relaxation_distance().item()
    model.draw_together(0.5)
    assert 0 < model.relaxation_distance().item() == pytest.approx(far / 4, rel=1e-4)
    model.draw_together(1.0)
    assert model.relaxation_distance().item() < 1e-14


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: DiagonalNeuralGPU(4, maps=2), "maps"),
        (lambda: DiagonalNeuralGPU(1), "symbols"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.tensor([[1]]), dropout=1), "dropout"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.tensor([[1]]), noise=-1), "noise"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.tensor([[1]]), noise=float("nan")), "noise"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.tensor([[1]]), extra_steps=-2), "extra_steps"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.tensor([[1]]), steps=2, extra_steps=2), "extra_s"),
        (lambda: NeuralGPU(4, width=0), "width"),
        (lambda: NeuralGPU(4, 6)(torch.tensor([[1]]), dropout=1.5), "dropout"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.tensor([[1, 9]])), "1..9"),
        (lambda: DiagonalNeuralGPU(4, 6)(torch.zeros(2, 0, dtype=torch.int64)), "inputs_BL"),
        (lambda: NeuralGPU(4, 6)(torch.tensor([1, 2])), "inputs_BL"),
        (lambda: NeuralGPU(4, 6)(torch.tensor([[1]]), torch.ones(1, 2).bool()), "valid_BL"),
        (lambda: NeuralGPU(4, 6)(torch.tensor([[1]]), steps=-1), "steps"),
        (lambda: packing.pack([]), "batches"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(ValueError, match=word):
        call()


# The packed path.


def plain_loss(model, parts, weight, **settings):
    """Mean loss over batches with the readable class, one batch after the other."""
    total = 0
    for batch in parts:
        state_BCL, cost = model.unroll(batch.inputs_BL, batch.valid_BL, **settings)
        logits = model.readout(state_BCL)
        counted = batch.loss_mask_BL
        entropy = F.cross_entropy(logits[counted], batch.targets_BL[counted])
        total = total + (entropy + weight * cost) / len(parts)
    return total


def packed_loss(model, parts, weight, **settings):
    rows = packing.pack(parts, model.write.weight.dtype)
    logits, cost = packed.unroll(model, rows, **settings)
    entropy = F.cross_entropy(logits, rows.targets, reduction="none") @ rows.loss_weight
    return entropy + weight * cost


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 2e-4)], ids=["f64", "f32"]
)
@pytest.mark.parametrize("extra_steps", [0, 3])
def test_packed_path_gives_the_same_loss_and_gradients(dtype, tolerance, extra_steps):
    torch.manual_seed(0)
    task = make_task("multiply")
    model = wild(DiagonalNeuralGPU(4, maps=12)).to(dtype)
    results = []
    for loss in (plain_loss, packed_loss):
        model.zero_grad()
        value = loss(model, batches(task), 0.3, extra_steps=extra_steps)
        value.backward()
        results.append([value.detach()] + [p.grad.clone() for p in model.parameters()])
    for plain, quick in zip(*results, strict=True):
        torch.testing.assert_close(quick, plain, atol=tolerance, rtol=tolerance)


def test_packed_path_gives_the_same_logits_in_every_batch_and_order():
    torch.manual_seed(0)
    task = make_task("duplicate")
    model = wild(DiagonalNeuralGPU(task.vocabulary, maps=12)).eval()
    parts = batches(task, (4, 12, 8, 12))
    rows = packing.pack(parts)
    with torch.no_grad():
        logits, _ = packed.unroll(model, rows)
    for batch, part in zip(parts, rows.unpack(logits), strict=True):
        torch.testing.assert_close(
            part, model(batch.inputs_BL, batch.valid_BL), atol=1e-4, rtol=1e-4
        )
        assert torch.equal(answers(model, batch), part.argmax(-1))


def test_packed_gradients_with_dropout_and_noise_match_finite_differences():
    """With the random draws held fixed by seeding, the loss is a plain function of the weights."""
    task = make_task("multiply")
    torch.manual_seed(0)
    model = DiagonalNeuralGPU(4, maps=6).double()
    parts = batches(task, (5, 7), size=2)

    def loss():
        torch.manual_seed(7)
        return packed_loss(model, parts, 0.01, dropout=0.2, noise=0.05)

    model.zero_grad()
    loss().backward()
    for parameter in (model.reset.weight, model.update.bias, model.candidate.weight):
        direction = torch.randn(
            parameter.shape, generator=torch.Generator().manual_seed(1)
        ).double()
        slope = (parameter.grad * direction).sum().item()
        step, original = 1e-6, parameter.data
        parameter.data = original + step * direction
        above = loss().item()
        parameter.data = original - step * direction
        below = loss().item()
        parameter.data = original
        assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_bfloat16_is_close():
    torch.manual_seed(0)
    task = make_task("multiply")
    model = DiagonalNeuralGPU(4, maps=24)
    values, gradients = [], []
    for precision in ("float32", "bfloat16"):
        model.zero_grad()
        value = packed_loss(model, batches(task), 1e-3, precision=precision)
        value.backward()
        values.append(value.item())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert values[1] == pytest.approx(values[0], rel=0.02)
    assert F.cosine_similarity(*gradients, dim=0).item() > 0.99
    with pytest.raises(ValueError, match="precision"):
        packed.unroll(model, packing.pack(batches(task)), precision="float8")


def test_dropout_keeps_its_fraction_and_the_mean():
    torch.manual_seed(0)
    mask = packed.dropout_mask(torch.zeros(1001, 97), 0.1)
    assert mask.unique().tolist() == pytest.approx([0, 256 / 230])
    assert (mask > 0).float().mean().item() == pytest.approx(230 / 256, abs=0.005)
    assert mask.mean().item() == pytest.approx(1, abs=0.005)


def test_packing_drops_the_finished():
    rows = packing.pack(batches(make_task("copy"), (3, 7), size=2))
    assert rows.groups == ((1, 2, 7), (17, 2, 3))
    assert [rows.running(step) for step in range(8)] == [25] * 3 + [17] * 4 + [1]
    assert isinstance(batches(make_task("copy"), (3,))[0].to("cpu"), Batch)
