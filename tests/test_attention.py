"""Attention against a slow oracle in nested loops and against torch.nn's own modules."""

import base64
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ngpu_lib import texts
from ngpu_lib.attention import (
    Decoder,
    Encoder,
    Layer,
    Positions,
    SelfAttention,
    along,
    attend,
    generate,
    sinusoids,
)
from ngpu_lib.widgets import AttentionMaps, Temperature


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def oracle_attend(queries, keys, values, seen):
    """One item, one head, in plain Python."""
    found, weights = [], []
    for query, allowed in zip(queries, seen, strict=True):
        powers = []
        for key, look in zip(keys, allowed, strict=True):
            fit = sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query))
            powers.append(math.exp(fit) if look else 0.0)
        shares = [power / sum(powers) if sum(powers) else 0.0 for power in powers]
        weights.append(shares)
        size = len(values[0])
        found.append(
            [sum(w * v[h] for w, v in zip(shares, values, strict=True)) for h in range(size)]
        )
    return found, weights


@given(st.tuples(*[st.integers(1, 5)] * 4), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_attend_is_the_nested_loops(sizes, seed):
    queries, keys, size, width = sizes
    q, k, v = draw(queries, size, seed=seed), draw(keys, size, seed=seed + 1), draw(keys, width)
    seen = draw(queries, keys, seed=seed + 2) > -0.5
    found, weights = attend(q[None, None], k[None, None], v[None, None], seen)
    wanted = oracle_attend(q.tolist(), k.tolist(), v.tolist(), seen.tolist())
    for got, right in zip((found, weights), wanted, strict=True):
        torch.testing.assert_close(got[0, 0], torch.tensor(right, dtype=got.dtype))


def copied(maps, heads):
    """Our attention and torch's, with the same weights."""
    ours = SelfAttention(maps, heads).double()
    theirs = nn.MultiheadAttention(maps, heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.project.weight)
        theirs.in_proj_bias.copy_(ours.project.bias)
        theirs.out_proj.weight.copy_(ours.mix.weight)
        theirs.out_proj.bias.copy_(ours.mix.bias)
    return ours, theirs


@pytest.mark.parametrize(("maps", "heads"), [(8, 1), (12, 3), (16, 4)])
@pytest.mark.parametrize("causal", [False, True])
def test_several_heads_are_multihead_attention(maps, heads, causal):
    torch.manual_seed(maps)
    ours, theirs = copied(maps, heads)
    x_BLC = draw(3, 7, maps).requires_grad_()
    seen = torch.ones(7, 7, dtype=torch.bool).tril() if causal else None
    found, weights = ours(x_BLC, seen)
    hidden = None if seen is None else ~seen
    wanted, wanted_weights = theirs(
        x_BLC, x_BLC, x_BLC, attn_mask=hidden, average_attn_weights=False
    )
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(weights, wanted_weights)
    gradient, wanted_gradient = (
        torch.autograd.grad(y.sin().sum(), x_BLC)[0] for y in (found, wanted)
    )
    torch.testing.assert_close(gradient, wanted_gradient)


def test_nobody_looks_at_padding():
    torch.manual_seed(1)
    ours, theirs = copied(8, 2)
    x_BLC, valid_BL = draw(2, 6, 8), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    wanted, _ = theirs(x_BLC, x_BLC, x_BLC, key_padding_mask=~valid_BL)
    found, weights = ours(x_BLC, valid_BL[:, None, None, :])
    torch.testing.assert_close(found, wanted)
    assert weights[1, :, :, 4:].max() == 0


def test_a_layer_is_torchs_with_norms_first():
    torch.manual_seed(2)
    ours = Layer(12, 3, 20).double()
    theirs = nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64
    )
    _, theirs.self_attn = copied(12, 3)
    names = {"norm1": "norm1", "norm2": "norm2", "alone.0": "linear1", "alone.2": "linear2"}
    for mine, other in names.items():
        theirs.get_submodule(other).load_state_dict(ours.get_submodule(mine).state_dict())
    ours.attention.project.load_state_dict(
        {"weight": theirs.self_attn.in_proj_weight, "bias": theirs.self_attn.in_proj_bias}
    )
    ours.attention.mix.load_state_dict(theirs.self_attn.out_proj.state_dict())
    x_BLC = draw(2, 5, 12)
    torch.testing.assert_close(ours(x_BLC)[0], theirs(x_BLC))


def test_without_positions_an_encoder_does_not_know_the_order():
    torch.manual_seed(0)
    model = Encoder(6, maps=16, positions=Positions(16, "none")).double().eval()
    word_BL = torch.tensor([[1, 2, 3, 4, 5, 0, 2]])
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    torch.testing.assert_close(model(word_BL)[:, order], model(word_BL[:, order]))
    told = Encoder(6, maps=16).double().eval()
    assert not torch.allclose(told(word_BL)[:, order], told(word_BL[:, order]))


def test_a_decoder_never_sees_what_comes():
    model = Decoder(6, maps=16, heads=2).eval()
    word_BL = torch.tensor([[1, 2, 3, 4, 5]])
    changed_BL = torch.tensor([[1, 2, 3, 0, 1]])
    trace = []
    one, other = model(word_BL, trace=trace), model(changed_BL)
    assert torch.equal(one[:, :3], other[:, :3]) and not torch.equal(one[:, 3:], other[:, 3:])
    assert len(trace) == 2 and trace[0].shape == (1, 2, 5, 5)
    assert trace[0].triu(1).max() == 0 and torch.allclose(trace[1].sum(-1), torch.ones(1, 2, 5))


@pytest.mark.parametrize(("length", "turns"), [(9, 3), (11, 3), (2, 1)])
def test_a_looped_encoder_runs_once_for_three_positions(length, turns):
    model, trace = Encoder(6, maps=16, layers=1, looped=3), []
    model(torch.ones(2, length, dtype=torch.int64), trace=trace)
    assert len(trace) == turns


def test_a_look_can_be_forbidden():
    model, trace = Decoder(6, maps=16, heads=2).eval(), []
    seen_LL = torch.ones(5, 5, dtype=torch.bool)
    seen_LL[4, 1] = False
    word_BL = torch.tensor([[1, 2, 3, 4, 5], [0, 1, 1, 2, 2]])
    given = model(word_BL, seen_BLL=seen_LL, trace=trace)
    assert trace[0][:, :, 4, 1].max() == 0 and trace[0].triu(1).max() == 0
    assert torch.equal(given, model(word_BL, seen_BLL=seen_LL.expand(2, 5, 5)))
    assert torch.equal(given[:, :4], model(word_BL)[:, :4])


def test_positions():
    word_BL = torch.ones(3, 5, dtype=torch.int64)
    assert along(word_BL).tolist() == [[0, 1, 2, 3, 4]] * 3
    assert Positions(8, "none")(word_BL).abs().max() == 0
    learned = Positions(8, rows=9)
    assert torch.equal(learned(word_BL)[0], learned.table_LC[:5])
    assert [p.requires_grad for p in Positions(8, "sinusoidal").parameters()] == [False]
    shifted = Positions(8, rows=9, offset=True)
    starts = {
        tuple((shifted.table_LC == row).all(1).nonzero()[0].item() for row in word)
        for word in shifted(word_BL.repeat(60, 1))
    }
    assert starts == {tuple(range(s, s + 5)) for s in range(5)}  # every start that leaves room
    assert torch.equal(shifted.eval()(word_BL)[0], shifted.table_LC[:5])
    waves = sinusoids(50, 6)
    wanted = [f(17 / 10_000 ** (i / 6)) for i in (0, 2, 4) for f in (math.sin, math.cos)]
    torch.testing.assert_close(waves[17], torch.tensor(wanted))


def test_generate_asks_for_one_symbol_after_the_other():
    torch.manual_seed(3)
    model = Decoder(5, maps=16, heads=2)
    prompt_BL = torch.tensor([[1, 2], [3, 3]])
    words_BL = generate(model, prompt_BL, 6)
    assert words_BL.shape == (2, 8) and torch.equal(words_BL[:, :2], prompt_BL) and model.training
    model.eval()
    with torch.no_grad():  # greedy: what it says with everything before it in view
        assert torch.equal(model(words_BL).argmax(-1)[:, 1:-1], words_BL[:, 2:])
    hot = [
        generate(model, prompt_BL, 6, temperature=5, generator=torch.Generator().manual_seed(s))
        for s in (0, 0, 1)
    ]
    assert torch.equal(hot[0], hot[1]) and not torch.equal(hot[0], hot[2])
    cold = generate(model, prompt_BL, 6, temperature=1e-4)
    assert torch.equal(cold, words_BL)
    assert generate(model, prompt_BL, 9, window=3).shape == (2, 11)


def test_frequencies_are_the_softmax_of_the_logits():
    torch.manual_seed(0)
    model = Decoder(3, maps=8, heads=1).eval()
    prompt_BL = torch.zeros(4000, 1, dtype=torch.int64)
    draws = generate(model, prompt_BL, 1, temperature=2, generator=torch.Generator())[:, 1]
    wanted = (model(prompt_BL[:1])[0, 0] / 2).softmax(-1).detach()
    assert (draws.bincount(minlength=3) / 4000 - wanted).abs().max() < 0.04


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: attend(draw(1, 1, 2, 3), draw(1, 1, 2, 4), draw(1, 1, 2, 3)), ["q, k, v", "one size"]),
        (lambda: SelfAttention(10, 3), ["heads: got 3", "divides maps, 10"]),
        (lambda: Positions(8, "leaned"), ["code: got 'leaned'", "learned"]),
        (lambda: Positions(8, rows=0), ["rows: got 0"]),
        (lambda: Positions(8, rows=4)(torch.ones(1, 6, dtype=torch.int64)), ["place 5", "4 rows"]),
        (lambda: Encoder(0), ["symbols: got 0"]),
        (lambda: Encoder(3, looped=-1), ["looped: got -1"]),
        (lambda: generate(Decoder(3), torch.zeros(2, 0, dtype=torch.int64), 1), ["prompt_BL", "(2, 0)"]),
        (lambda: generate(Decoder(3), torch.zeros(2, 1, dtype=torch.int64), -1), ["count", "-1"]),
        (
            lambda: generate(Decoder(3), torch.zeros(2, 1, dtype=torch.int64), 1, temperature=math.nan),
            ["temperature", "nan"],
        ),
        (lambda: texts.read("walrsu"), ["walrsu", "walrus"]),
        (lambda: AttentionMaps(np.ones((2, 3)), "ab"), ["weights: got shape (2, 3)"]),
        (lambda: AttentionMaps(np.ones((1, 1, 2, 2)), "ab"), ["shares"]),
        (lambda: AttentionMaps(np.eye(2)[None, None], "abc"), ["symbols: got 3", "needs 2"]),
        (lambda: AttentionMaps(np.eye(2)[None, None], "ab", query=2), ["query: got 2"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert all(word in str(error.value) for word in words), error.value


def test_the_explorer_holds_the_weights():
    model, trace = Decoder(5, maps=16, heads=4), []
    model(torch.tensor([[0, 1, 2, 1]]), trace=trace)
    explorer = AttentionMaps(trace, "abcd", layer=1, head=2, query=3)
    assert explorer.shape == [2, 4, 4]
    assert np.allclose(explorer.row, trace[1][0, 2, 3].numpy())
    codes = np.frombuffer(base64.b64decode(explorer.data), np.uint8).reshape(2, 4, 4, 4)
    assert np.abs(codes[1, 2, 3] / 255 - explorer.row).max() <= 1 / 510
    explorer.query = 0
    assert explorer.row.tolist() == [1, 0, 0, 0]


def test_the_text_is_all_there():
    text = texts.read("walrus")
    assert text.isascii() and len(text.split("\n\n")) == 18
    assert all(len(stanza.strip().split("\n")) == 6 for stanza in text.split("\n\n"))


def test_temperature_explorer():
    explorer = Temperature([1.0, 3.0, 2.0], "abc", "x", {0: "aa", 1: "bb", 2.5: "cc"})
    assert explorer.chances.tolist() == [0, 1, 0] and explorer.texts == ["aa", "bb", "cc"]
    explorer.temperature = 2.5
    wanted = torch.tensor([1.0, 3.0, 2.0]).div(2.5).softmax(-1)
    assert np.allclose(explorer.chances, wanted)
    for words, call in {
        "temperature: got 0.7": lambda: setattr(explorer, "temperature", 0.7),
        "symbols: got 2; needs 3": lambda: Temperature([1, 2, 3], "ab", "", {0: ""}),
        "logits: got shape": lambda: Temperature([[1]], "a", "", {0: ""}),
        "continuations: got temperatures": lambda: Temperature([1], "a", "", {}),
    }.items():
        with pytest.raises(ValueError, match=words):
            call()
