"""Attention, read downward: one look, several heads, a layer, then the encoder and the decoder.

Every position asks a question (query), carries a label (key) and holds something (value); what it takes
home is the mean of all values, weighted by how well their labels fit its question.

In this file H is the size of one head, H = C / R, and U counts hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ngpu_lib import require

#: Row numbers of a batch of words, (B, L) symbols to (B, L) whole numbers from 0.
Places = Callable[[Tensor], Tensor]


def attend(
    q_BRLH: Tensor, k_BRLH: Tensor, v_BRLH: Tensor, seen: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Every query takes the mean of the values, weighted by how well their keys fit it.

        w = softmax(q k^T / sqrt(H)),   result = w v

    Args:
        q_BRLH, k_BRLH, v_BRLH: queries, keys and values; there may be more keys than queries.
        seen: True where a query (rows) may look at a key (columns), any shape that broadcasts to
            (B, R, L, L); None: everywhere. A query that may look nowhere takes home zero.

    Returns:
        what every query takes home, (B, R, L, H), and the weights, (B, R, L, L), in 0..1.

    Raises:
        ValueError: keys and values of different numbers, or queries and keys of different sizes.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), equation 1.
    """
    for name, part in (("q_BRLH", q_BRLH), ("k_BRLH", k_BRLH), ("v_BRLH", v_BRLH)):
        require.tensor(name, part, kind="float")
    if (
        min(q_BRLH.ndim, k_BRLH.ndim, v_BRLH.ndim) < 2
        or q_BRLH.shape[-1] != k_BRLH.shape[-1]
        or k_BRLH.shape[-2] != v_BRLH.shape[-2]
    ):
        got = ", ".join(str(tuple(part.shape)) for part in (q_BRLH, k_BRLH, v_BRLH))
        raise ValueError(f"q, k, v: got {got}; needs q and k of one size, one value a key")
    fit_BRLL = q_BRLH @ k_BRLH.transpose(-1, -2) / math.sqrt(q_BRLH.shape[-1])
    if seen is not None:
        fit_BRLL = fit_BRLL.masked_fill(~seen, -torch.inf)
    w_BRLL = fit_BRLL.softmax(-1)
    if seen is not None:
        w_BRLL = w_BRLL.masked_fill(~seen, 0.0)  # a row without any key: 0 in place of 0 / 0
    return w_BRLL @ v_BRLH, w_BRLL


class SelfAttention(nn.Module):
    """Several heads look at once, each with questions of its own, and their findings are mixed.

        head_r = attend(x Q_r, x K_r, x V_r),   y = [head_1 ... head_R] O

    Args:
        maps: C. heads: R, which must divide C.

    Raises:
        ValueError: heads that do not divide the maps.

    Source: Vaswani et al. 2017, section 3.2.2; checked against torch.nn.MultiheadAttention.
    """

    def __init__(self, maps: int, heads: int):
        super().__init__()
        require.whole("maps", maps, 1, 10_000)
        if maps % require.whole("heads", heads, 1):
            raise ValueError(f"heads: got {heads}; needs a number that divides maps, {maps}")
        self.heads = heads
        self.project = nn.Linear(maps, 3 * maps)  # queries, keys and values in one product
        self.mix = nn.Linear(maps, maps)

    def forward(self, x_BLC: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What every position takes home, (B, L, C), and the weights of every head, (B, R, L, L)."""
        require.tensor("x_BLC", x_BLC, "B", "L", self.mix.in_features, kind="float")
        parts = self.project(x_BLC).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        found_BRLH, w_BRLL = attend(q, k, v, seen)
        return self.mix(found_BRLH.transpose(1, 2).flatten(2)), w_BRLL


class Layer(nn.Module):
    """Look around, then think alone; each adds to what is there already.

        x <- x + attention(norm(x)),   x <- x + W2 relu(W1 norm(x))

    Args:
        maps: C. heads: R. hidden: U, of the second part.

    Source: Vaswani et al. 2017, sections 3.1 and 3.3. Departure: the norms stand before the parts, not
    behind the sums (Xiong et al. 2020, arXiv 2002.04745, who train so without a warm-up).
    """

    def __init__(self, maps: int, heads: int, hidden: int):
        super().__init__()
        self.attention = SelfAttention(maps, heads)
        require.whole("hidden", hidden, 1, 100_000)
        self.norm1, self.norm2 = nn.LayerNorm(maps), nn.LayerNorm(maps)
        self.alone = nn.Sequential(nn.Linear(maps, hidden), nn.ReLU(), nn.Linear(hidden, maps))

    def forward(self, x_BLC: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The positions' new contents, (B, L, C), and the weights, (B, R, L, L)."""
        found_BLC, w_BRLL = self.attention(self.norm1(x_BLC), seen)
        x_BLC = x_BLC + found_BLC
        return x_BLC + self.alone(self.norm2(x_BLC)), w_BRLL


def along(inputs_BL: Tensor) -> Tensor:
    """Positions counted along the row: 0, 1, 2, ..."""
    require.tensor("inputs_BL", inputs_BL, "B", "L")
    return torch.arange(inputs_BL.shape[1], device=inputs_BL.device).expand_as(inputs_BL)


def sinusoids(count: int, maps: int) -> Tensor:
    """Waves of many lengths: row p holds sin and cos of p / 10000^(2 i / C), (count, C) in -1..1.

    Source: Vaswani et al. 2017, section 3.5.
    """
    require.affordable(
        "count", require.whole("count", count) * require.whole("maps", maps, 1), "waves"
    )
    lengths = 10_000 ** (torch.arange(0, maps, 2) / maps)
    angles = torch.arange(count)[:, None] / lengths
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :maps]


class Positions(nn.Module):
    """A vector for every place, to be added to the symbol that stands there.

    Args:
        maps: C. code: "none", "learned" (a table) or "sinusoidal". places: gives every symbol the
            row of the table that it gets (default: counted along the word).
        offset: in training, each word starts at a random row, so that every row is trained; in eval mode
            it starts at row 0. rows: of the table; no place may be beyond.

    Raises:
        ValueError: an unknown code, or fewer than one row.

    Source: one place shared by the digits that belong together, and a random first place in training:
    McLeish et al. 2024 (arXiv 2405.17399), Cho et al. 2024 (arXiv 2405.20671). In both the digits of the
    answer are places of their own; here ``places`` decides.
    """

    CODES = ("none", "learned", "sinusoidal")

    def __init__(
        self,
        maps: int,
        code: str = "learned",
        *,
        places: Places = along,
        offset: bool = False,
        rows: int = 96,
    ):
        super().__init__()
        require.one_of("code", code, self.CODES)
        require.function("places", places)
        size = require.whole("rows", rows, 1) * require.whole("maps", maps, 1)
        require.affordable("rows, maps", size, "a table")
        self.code, self.places, self.offset = code, places, offset
        table_LC = torch.randn(rows, maps) if code == "learned" else sinusoids(rows, maps)
        self.table_LC = nn.Parameter(table_LC, requires_grad=code == "learned")

    def forward(self, inputs_BL: Tensor) -> Tensor:
        """The code of every place, (B, L) symbols to (B, L, C).

        Raises:
            ValueError: a place beyond the table.
        """
        if self.code == "none":
            return self.table_LC.new_zeros(*inputs_BL.shape, self.table_LC.shape[1])
        place_BL, rows = self.places(inputs_BL), len(self.table_LC)
        free = rows - 1 - int(place_BL.max())
        if free < 0:
            raise ValueError(f"inputs_BL: got place {rows - 1 - free}; the table has {rows} rows")
        if self.offset and self.training:
            start_B1 = torch.randint(free + 1, (len(inputs_BL), 1), device=inputs_BL.device)
            place_BL = place_BL + start_B1
        return self.table_LC[place_BL]


class Encoder(nn.Module):
    """A Transformer that answers at every position: symbols in, layers of attention, symbols out.

        x = E[symbol] + P[place];   x <- layer(x) for every layer;   logits = norm(x) W + b

    Args:
        symbols: V. maps: C. heads: R. layers: how many, each with weights of its own.
        positions: makes the vectors of the places (default: a learned table).
        looped: run the layers again and again, once for every ``looped`` positions, the input added anew
            each time (0: once).

    Raises:
        ValueError: no symbol, no layer, or heads that do not divide the maps.

    Source: Vaswani et al. 2017; loops: Dehghani et al. 2018 (arXiv 1807.03819), with codes of their own for
    each turn, left out here; more turns for longer inputs: Fan et al. 2024 (arXiv 2409.15647).

    >>> Encoder(symbols=4)(torch.ones(2, 7, dtype=torch.int64)).shape
    torch.Size([2, 7, 4])
    """

    causal = False

    def __init__(
        self,
        symbols: int,
        maps: int = 64,
        heads: int = 4,
        layers: int = 2,
        *,
        positions: Positions | None = None,
        looped: int = 0,
    ):
        super().__init__()
        require.whole("symbols", symbols, 1, 10**6)
        require.whole("layers", layers, 1, 1000)
        require.whole("looped", looped)
        require.whole("maps", maps, 1, 10_000)
        self.symbols, self.looped = symbols, looped
        self.embed = nn.Embedding(symbols, maps)
        self.positions = positions or Positions(maps)
        self.layers = nn.ModuleList(Layer(maps, heads, 4 * maps) for _ in range(layers))
        self.norm = nn.LayerNorm(maps)
        self.read = nn.Linear(maps, symbols)

    def forward(
        self,
        inputs_BL: Tensor,
        valid_BL: Tensor | None = None,
        *,
        seen_BLL: Tensor | None = None,
        trace: list[Tensor] | None = None,
    ) -> Tensor:
        """The logits of every symbol at every position: (B, L) to (B, L, V).

        Args:
            inputs_BL: symbol numbers. valid_BL: False where there is no symbol; nobody looks there.
            seen_BLL: False where a query (rows) shall not look at a key (columns); also (L, L).
            trace: a list that receives the weights (B, R, L, L) of every layer that is run.
        """
        require.tensor("inputs_BL", inputs_BL, "B", "L", kind="whole")
        if (
            inputs_BL.numel()
            and not 0 <= int(inputs_BL.min()) <= int(inputs_BL.max()) < self.symbols
        ):
            got = f"{int(inputs_BL.min())}..{int(inputs_BL.max())}"
            raise ValueError(
                f"inputs_BL: got symbols {got}; this model knows 0..{self.symbols - 1}"
            )
        if valid_BL is not None:
            require.tensor("valid_BL", valid_BL, *inputs_BL.shape)
        length = inputs_BL.shape[1]
        seen = None if valid_BL is None else valid_BL[:, None, None, :]
        if self.causal:
            before_LL = torch.ones(length, length, dtype=torch.bool, device=inputs_BL.device).tril()
            seen = before_LL if seen is None else seen & before_LL
        if seen_BLL is not None:
            allowed = seen_BLL[None] if seen_BLL.ndim == 2 else seen_BLL
            seen = allowed[:, None] if seen is None else seen & allowed[:, None]
        input_BLC = self.embed(inputs_BL) + self.positions(inputs_BL)
        x_BLC = input_BLC
        for turn in range(max(1, length // self.looped) if self.looped else 1):
            x_BLC = x_BLC + input_BLC if turn else x_BLC
            for layer in self.layers:
                x_BLC, w_BRLL = layer(x_BLC, seen)
                if trace is not None:
                    trace.append(w_BRLL.detach())
        return self.read(self.norm(x_BLC))


class Decoder(Encoder):
    """An encoder in which no position sees what comes after it: it can be asked for the next symbol.

    The logits at position l score symbol l + 1. Source: the decoder of Vaswani et al. 2017 without an
    encoder to look at, as Liu et al. 2018 (arXiv 1801.10198).
    """

    causal = True


@torch.no_grad()
def generate(
    model: Decoder,
    prompt_BL: Tensor,
    count: int,
    *,
    temperature: float = 0.0,
    window: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue words symbol by symbol: ask for the next, append it, ask again.

        p(next) = softmax(logits / temperature);   temperature 0: the likeliest

    Args:
        prompt_BL: at least one symbol each. count: symbols to append.
        temperature: >= 0. window: how many of the latest symbols the model is shown; None: all.
        generator: where the draws come from.

    Returns:
        prompt and continuation, (B, L + count).

    Raises:
        ValueError: an empty prompt, a negative count or temperature, or a window below 1.
    """
    require.instance("model", model, Decoder, "a Decoder")
    require.tensor("prompt_BL", prompt_BL, "B", "L", kind="whole")
    if prompt_BL.shape[1] < 1:
        raise ValueError(f"prompt_BL: got shape {tuple(prompt_BL.shape)}; needs (B, L), L >= 1")
    require.whole("count", count, 0, 10**6)
    require.number("temperature", temperature, 0)
    if window is not None:
        require.whole("window", window, 1)
    was_training = model.training
    model.eval()
    words_BL = prompt_BL
    for _ in range(count):
        logits_BV = model(words_BL if window is None else words_BL[:, -window:])[:, -1]
        if temperature == 0:
            next_B1 = logits_BV.argmax(-1, keepdim=True)
        else:
            p_BV = (logits_BV / temperature).softmax(-1)
            next_B1 = torch.multinomial(p_BV, 1, generator=generator)
        words_BL = torch.cat([words_BL, next_B1], 1)
    model.train(was_training)
    return words_BL
