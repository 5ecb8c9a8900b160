"""The pieces of Neural GPU training, the recipes that name them, evaluation, weights and the command line."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from ngpu_lib import cli, pretrained
from ngpu_lib.callbacks import AverageWeights, DrawTogether, GradientNoise, SaturationWeight
from ngpu_lib.evaluate import evaluate
from ngpu_lib.losses import SequenceLoss
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.optimizers import ClippedAdamax
from ngpu_lib.recipes import ALL, RECIPES, BinnedBatches, Phase, Recipe, start
from ngpu_lib.tasks import make_task

TINY = Recipe(
    "copy",
    (Phase(6, (4, 6)), Phase(6, (4, 6, 8), per_update=2, state_noise=0.1, lr_factor=0.5)),
    base=2,
    maps=6,
    batch_size=3,
    shorter=0.5,
)


def reference_adamax(values, gradients, lr, clip):
    """ClippedAdamax by its equations, number by number."""
    w, m, v = list(values), [0.0] * len(values), [0.0] * len(values)
    for t, row in enumerate(gradients, start=1):
        beta2 = 1 - max(5e-4, 0.01 * 2 ** (-t / 2000))
        for k, g in enumerate(row):
            if clip:
                g = max(-(1.2 * v[k] + 1e-4), min(1.2 * v[k] + 1e-4, g))
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = max(beta2 * v[k], abs(g))
            w[k] -= lr * m[k] / (v[k] + 1e-8)
    return w


@pytest.mark.parametrize("clip", [True, False])
def test_adamax_follows_its_equations(clip):
    torch.manual_seed(0)
    gradients = torch.randn(30, 5, dtype=torch.float64) * 0.01
    parameter = nn.Parameter(torch.ones(5, dtype=torch.float64))
    optimizer = ClippedAdamax([parameter], lr=0.01, clip=clip)
    for row in gradients:
        parameter.grad = row.clone()
        optimizer.step()
    wanted = reference_adamax([1.0] * 5, gradients.tolist(), 0.01, clip)
    assert parameter.tolist() == pytest.approx(wanted, rel=1e-9)
    with pytest.raises(ValueError, match="lr"):
        ClippedAdamax([parameter], lr=0)


def test_saturation_weight_fades_with_the_loss():
    piece = SaturationWeight(start=1e-3, every=2)
    model = nn.Linear(1, 1)
    piece.before_update(1, model, torch.optim.SGD(model.parameters(), lr=0.01))
    for step in (1, 2):
        piece.after_update(step, model, {"cross_entropy": 0.5, "saturation": 10.0})
    assert piece.weight == pytest.approx(1e-3 * 0.01 * 0.05)
    other = SaturationWeight()
    other.load_state_dict(piece.state_dict())
    assert other.weight == piece.weight
    assert piece.counts
    piece.weight = piece.LEAST
    piece.after_update(3, model, {"cross_entropy": 0.5})  # and asks for no cost any more
    assert not piece.counts and piece.weight == piece.LEAST


def test_a_faded_saturation_cost_is_left_out_and_changes_no_gradient():
    torch.manual_seed(0)
    task, weight = make_task("add"), SaturationWeight()
    model = DiagonalNeuralGPU(task.vocabulary, 6)
    with torch.no_grad():  # far beyond its end stops, so that the cost is there
        for parameter in model.parameters():
            parameter.mul_(4)
    batch = task.sample(4, 5, torch.Generator().manual_seed(0))
    found = {}
    for size in (1e-3, 1.01 * weight.LEAST, weight.LEAST):
        weight.weight = size
        loss, metrics = SequenceLoss(saturation=weight)(model, batch)
        found[size] = torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]
        )
        assert ("saturation" in metrics) == (size > weight.LEAST)
        assert metrics.get("saturation", 1) > 0.1
    strong, weak, none = found.values()
    assert not torch.allclose(strong, none, rtol=1e-4, atol=1e-9)
    assert torch.allclose(weak, none, rtol=1e-6, atol=1e-12)


def test_average_and_gradient_noise():
    model = nn.Linear(2, 1)
    average = AverageWeights(model, decay=0.5)
    first = model.weight.detach().clone()
    average.after_update(1, model, {})
    with torch.no_grad():
        model.weight += 1
    average.after_update(2, model, {})
    torch.testing.assert_close(average.model.weight, first + 0.5)
    model.weight.grad = torch.zeros(1, 2)
    model.bias.grad = None
    GradientNoise(0.1).after_backward(1, model)
    assert model.weight.grad.abs().min() > 0 and model.bias.grad is None
    many = nn.Linear(1000, 100)
    many.weight.grad = torch.zeros(100, 1000)
    GradientNoise(0.3).after_backward(9, many)
    assert many.weight.grad.var().item() == pytest.approx(0.3 / 10**0.55, rel=0.05)
    for call, name in [
        (lambda: AverageWeights(model, 1.0), "decay"),
        (lambda: GradientNoise(-1), "scale"),
    ]:
        with pytest.raises(ValueError, match=name):
            call()


def test_drawing_together_grows_the_pull_and_ends_in_one_set():
    torch.manual_seed(0)
    model = NeuralGPU(3, maps=4, width=2, relaxation=3)
    piece = DrawTogether(pull=0.05, every=1, passed=0.2)
    distances = [model.relaxation_distance().item()]
    for step in range(1, 6):
        piece.after_update(step, model, {"loss": 0.1})
        distances.append(model.relaxation_distance().item())
    assert distances == sorted(distances, reverse=True)
    assert piece.unified and distances[-1] < 1e-12


def test_bins_follow_the_phases():
    bins = BinnedBatches(TINY)
    generator = torch.Generator().manual_seed(0)
    first = bins(1, generator)
    assert [batch.inputs_BL.shape for batch in first] == [(3, 4), (3, 6)]
    later = bins(7, generator)
    assert len(later) == 2 and all(batch.inputs_BL.shape[0] == 3 for batch in later)
    lengths = torch.cat([bins(1, generator)[1].valid_BL.sum(1) for _ in range(20)])
    assert set(lengths.tolist()) == {3, 4, 5, 6}
    assert [TINY.settings(step)["noise"] for step in (6, 7, 99)] == [0, 0.1, 0.1]


def test_flop_of_an_update_is_the_known_one():
    recipe = Recipe("multiply", (Phase(10, ALL),))
    assert recipe.flop(10) == pytest.approx(10 * 98.9e9, rel=1e-3)


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_train_on_at_most_41_symbols(name):
    recipe = RECIPES[name]
    assert name.startswith(recipe.task)
    for phase in recipe.phases:
        assert max(phase.bins) <= 41
    run = start(name, maps=6, phases=(Phase(1, (8,)),))
    (record,) = run.train(progress=False)
    assert set(record) > {"step", "loss", "cross_entropy", "symbol_accuracy", "sequence_accuracy"}


def test_a_run_continues_bit_for_bit(tmp_path):
    whole = start(TINY, seed=3)
    list(whole.train(progress=False))
    half = start(TINY, seed=3)
    list(half.train(tmp_path / "c.safetensors", updates=7, progress=False))
    torch.rand(5)  # whatever happens in between
    rest = start(TINY, seed=3)
    records = list(rest.train(tmp_path / "c.safetensors", progress=False))
    assert [record["step"] for record in records] == [8, 9, 10, 11, 12]
    for a, b in [(whole.model, rest.model), (whole.averaged, rest.averaged)]:
        for x, y in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.equal(x, y)


def test_a_checkpoint_of_another_recipe_is_refused_and_kept(tmp_path):
    path = tmp_path / "c.safetensors"
    list(start(TINY, seed=3).train(path, updates=2, progress=False))
    before = path.read_bytes()
    for other in (start(TINY, seed=4), start(TINY, seed=3, dropout=0.5), start(TINY, 3, maps=9)):
        with pytest.raises(ValueError, match="another recipe"):
            list(other.train(path, progress=False))
    assert path.read_bytes() == before


@pytest.mark.parametrize("piece", ["saturation", "gradient_noise", "clip"])
def test_every_piece_can_be_switched(piece):
    for value in {"saturation": (0, 1e-3), "gradient_noise": (0, 0.1)}.get(piece, (False, True)):
        run = start(dataclasses.replace(TINY, phases=(Phase(2, (4,)),), **{piece: value}))
        assert len(list(run.train(progress=False))) == 2


def test_live_learning_of_copy():
    """Copy of short words is learnt within seconds, and generalises beyond what was seen."""
    recipe = Recipe("copy", (Phase(120, (4, 6, 8)),), base=2, maps=24, batch_size=16)
    run = start(recipe, seed=0)
    records = list(run.train(progress=False))
    assert records[-1]["cross_entropy"] < 0.25 * records[0]["cross_entropy"]


# Evaluation, weights, command line.


class Oracle(nn.Module):
    """A model that is always right, but for one symbol of every ``spoil``-th word."""

    def __init__(self, task, spoil=0):
        super().__init__()
        self.task, self.spoil, self.count = task, spoil, 0
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, inputs_BL, valid_BL):
        targets = torch.tensor([self.task.oracle(tuple(w.tolist())) for w in inputs_BL])
        for row in targets:
            self.count += 1
            if self.spoil and self.count % self.spoil == 0:
                row[-1] = (row[-1] + 1) % self.task.vocabulary
        return nn.functional.one_hot(targets, self.task.vocabulary).float()


def test_evaluation_counts_symbols_and_whole_words():
    task = make_task("add")
    score = evaluate(Oracle(task), task, 4, examples=30)
    assert (score.symbol_accuracy, score.sequence_accuracy) == (1, 1)
    seen = []
    score = evaluate(
        Oracle(task, spoil=5), task, 4, examples=30, on_progress=lambda *p: seen.append(p)
    )
    assert score.sequence_accuracy == pytest.approx(0.8)
    assert score.symbol_accuracy == pytest.approx(1 - 0.2 / 9)
    assert seen[-1] == (30, 24)


def test_evaluation_is_chunked_without_changing_the_words(monkeypatch):
    task = make_task("reverse", 3)
    model = DiagonalNeuralGPU(task.vocabulary, 6)
    whole = evaluate(model, task, 5, examples=40)
    monkeypatch.setattr("ngpu_lib.evaluate.ROWS_AT_ONCE", {"cpu": 17})
    parts = evaluate(model, task, 5, examples=40)
    assert (whole.symbol_accuracy, whole.sequence_accuracy) == (
        parts.symbol_accuracy,
        parts.sequence_accuracy,
    )
    assert model.training


def test_evaluation_refuses_nonsense():
    task = make_task("copy")
    with pytest.raises(ValueError, match="examples"):
        evaluate(Oracle(task), task, 4, examples=0)
    with pytest.raises(ValueError, match="9"):
        evaluate(DiagonalNeuralGPU(4, 6), task, 4)
    with pytest.raises(ValueError, match="length"):
        evaluate(Oracle(task), task, 0)


def test_weights_there_and_back(tmp_path):
    model = DiagonalNeuralGPU(10, 9)
    path = tmp_path / "sort.safetensors"
    pretrained.store(path, model, "sort", {"extra_steps": 3}, base=9, seed=5)
    trained = pretrained.load(path)
    assert trained.task.base == 9 and trained.card["seed"] == 5
    assert trained.settings == {"extra_steps": 3}
    words = torch.randint(1, 10, (2, 6))
    assert torch.equal(trained.model(words), model.eval()(words))


def test_damaged_or_unknown_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    pretrained.store(path, DiagonalNeuralGPU(4, 6), "add", {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="no readable safetensors"):
        pretrained.load(path)
    with pytest.raises(ValueError, match="did you mean multiply"):
        pretrained.load("multiplly")


def run_cli(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_train_then_evaluate_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(RECIPES, "copy", dataclasses.replace(TINY, base=0))
    folder = tmp_path / "copy"
    status, out, err = run_cli(capsys, "train", "copy", "--out", folder, "--updates", 4)
    assert status == 0 and out == "" and "averaged weights" in err
    status, out, err = run_cli(capsys, "train", "copy", "--out", folder)
    steps = [json.loads(line)["step"] for line in (folder / "records.jsonl").open()]
    assert status == 0 and steps == list(range(1, 13))
    weights = folder / "weights.safetensors"
    status, out, err = run_cli(
        capsys, "evaluate", "copy", "--weights", weights, "--length", 5, "--examples", 3
    )
    score = json.loads(out)
    assert status == 0 and list(score)[:7] == [
        "task", "length", "inputs", "examples", "symbol_accuracy", "sequence_accuracy", "seconds"
    ]  # fmt: skip
    assert (score["task"], score["length"], score["examples"]) == ("copy", 5, 3)
    status, out, err = run_cli(
        capsys, "card", weights, "--figures", "4:random:5", "--set", "seed=0"
    )
    card = json.loads(weights.with_suffix(".json").read_text())
    assert status == 0 and card["seed"] == 0 and card["measured"][0]["length"] == 4
    perfect = [{**row, "sequence_accuracy": 1.0} for row in card["measured"]]
    pretrained.write_card(weights, {**card, "measured": perfect})
    another = ("train", "copy", "--out", folder, "--restart", "--seed", 1)
    status, out, err = run_cli(capsys, *another)
    assert status == 0 and "weights-seed1-12.safetensors" in err and f"{weights} stays" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "multiplication", "--length", "3"], ["multiply"]),
        (["evaluate", "parity", "--length", "3"], ["parity", "no file"]),
        (["train", "multipl"], ["did you mean multiply"]),
        (["evaluate", "copy", "--weights", "no/such/file", "--length", "3"], ["no/such/file"]),
    ],
)
def test_command_line_errors_are_one_clear_line(arguments, words, capsys):
    status, out, err = run_cli(capsys, *arguments)
    assert status == 2 and out == "" and err.count("\n") == 1
    for word in words:
        assert word in err
