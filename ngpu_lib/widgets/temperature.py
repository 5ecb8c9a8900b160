"""How bold a network continues a text: the next symbol's chances, and whole continuations, by temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import Widget, module, plain_array


class Temperature(Widget):
    """The chances of the next symbol by temperature, and what the network writes at it.

        p(symbol) = softmax(logits / temperature);   temperature 0: all on the likeliest

    The chances are computed in the page; the continuations were made before, so it works without a kernel.

    Args:
        logits: V scores of the next symbol. symbols: V texts.
        prompt: what stands before. continuations: temperature -> text; the slider stops at these.
        temperature: one of them. title: what a screen reader calls the explorer.

    ``explorer.chances`` are the shown chances, computed in Python.

    Raises:
        ValueError: scores that are no row of finite numbers, or not one symbol each; no continuation, a
            negative temperature, or one that has none.
    """

    _esm = module("temperature")

    logits = traitlets.List(traitlets.Float()).tag(sync=True)
    symbols = traitlets.List(traitlets.Unicode()).tag(sync=True)
    prompt = traitlets.Unicode("").tag(sync=True)
    temperatures = traitlets.List(traitlets.Float()).tag(sync=True)
    texts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    temperature = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self,
        logits,
        symbols: Sequence[str],
        prompt: str,
        continuations: Mapping[float, str],
        *,
        temperature: float | None = None,
        title: str = "Temperature",
        **options,
    ):
        array = plain_array("logits", logits)
        if array.ndim != 1 or not array.size or not np.isfinite(array).all():
            raise ValueError(f"logits: got shape {array.shape}; needs one row of finite numbers")
        if len(symbols) != len(array):
            raise ValueError(f"symbols: got {len(symbols)}; needs {len(array)}, one a score")
        stops = sorted(continuations)
        if not stops or stops[0] < 0:
            raise ValueError(f"continuations: got temperatures {stops}; needs one or more, >= 0")
        super().__init__(
            logits=array.tolist(),
            symbols=[str(symbol) for symbol in symbols],
            prompt=prompt,
            temperatures=[float(stop) for stop in stops],
            texts=[continuations[stop] for stop in stops],
            title=title,
            **options,
        )
        self.temperature = stops[0] if temperature is None else temperature

    @property
    def chances(self) -> np.ndarray:
        """The chances of the next symbol at the shown temperature."""
        logits = np.array(self.logits)
        if self.temperature == 0:
            return np.eye(len(logits))[logits.argmax()]
        powers = np.exp((logits - logits.max()) / self.temperature)
        return powers / powers.sum()

    @traitlets.validate("temperature")
    def _valid_temperature(self, proposal):
        if proposal.value not in self.temperatures:
            raise ValueError(f"temperature: got {proposal.value}; needs one of {self.temperatures}")
        return proposal.value
