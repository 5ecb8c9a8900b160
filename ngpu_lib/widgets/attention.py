"""Where every symbol of a word looks, by layer and head."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import Widget, in_range, module, plain_array

#: How many weights one explorer puts into the page (a byte each).
MOST_WEIGHTS = 3_000_000


class AttentionMaps(Widget):
    """Where every symbol of a word looks: choose layer and head, move the query with the arrow keys.

    All weights lie in the page, a byte each (right to 1/510), so it works without a kernel.

    Args:
        weights: (layers, heads, L, L), row = query, column = key; each row sums to 1, or is 0 where the
            query may look nowhere. A list of (1, R, L, L), as a model's trace holds it, will do.
        symbols: L texts, what stands at each position.
        layer, head, query: what is shown first.
        title: what a screen reader calls the explorer.

    ``explorer.row`` is the shown query's weights.

    Raises:
        ValueError: weights of another shape, negative ones or rows that sum to something else; a number
            of symbols that is not L.
    """

    _esm = module("attention")

    data = traitlets.Unicode("").tag(sync=True)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)
    symbols = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        weights,
        symbols: Sequence[str],
        *,
        layer: int = 0,
        head: int = 0,
        query: int = 0,
        title: str = "Attention maps",
        **options,
    ):
        if isinstance(weights, list | tuple):
            weights = [plain_array("weights", part) for part in weights]
            weights = [part[0] if part.ndim == 4 and len(part) == 1 else part for part in weights]
        array = plain_array("weights", weights)
        if array.ndim != 4 or array.shape[2] != array.shape[3] or not array.size:
            raise ValueError(f"weights: got shape {array.shape}; needs (layers, heads, L, L)")
        if array.size > MOST_WEIGHTS:
            raise ValueError(f"weights: got {array.size:,}; a page takes {MOST_WEIGHTS:,}")
        sums = array.sum(-1)
        if not (array.min() >= 0 and np.all((abs(sums - 1) < 1e-3) | (sums == 0))):
            raise ValueError("weights: a row is negative or sums to neither 1 nor 0; needs shares")
        if len(symbols) != array.shape[2]:
            raise ValueError(f"symbols: got {len(symbols)}; needs {array.shape[2]}, one a position")
        self._weights = array
        codes = np.rint(255 * array).astype(np.uint8)
        super().__init__(
            data=base64.b64encode(codes.tobytes()).decode(),
            shape=list(array.shape[:3]),
            symbols=[str(symbol) for symbol in symbols],
            title=title,
            **options,
        )
        self.layer, self.head, self.query = layer, head, query

    @property
    def row(self) -> np.ndarray:
        """The weights that the shown query gives to every position."""
        return self._weights[self.layer, self.head, self.query]

    @traitlets.validate("layer", "head", "query")
    def _valid_index(self, proposal):
        name = proposal.trait.name
        count = self.shape[("layer", "head", "query").index(name)]
        return in_range(name, proposal.value, 0, count - 1)
