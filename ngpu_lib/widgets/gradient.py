"""How large the gradient is at every layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import AskingWidget, in_range, module, plain_array


class GradientFlow(AskingWidget):
    """How large the gradient is at every layer, for a weight scale, depth, nonlinearity, skip or no skip.

    Args:
        measure: called as measure(scale=, depth=, nonlinearity=, residual=); returns the sizes to draw,
            an array or several by name, the loss's end last. All positive numbers, drawn on a
            logarithmic axis; zeros, NaN and infinity are counted and named instead.
        scale: first weight scale, 0.1 to 3. depth: first depth, 1 to ``deepest``.
        nonlinearity: one of ``nonlinearities``. residual: whether each layer adds its input.
        xlabel, ylabel, title: what stands on the axes and is read to those who do not see them.

    Raises:
        ValueError: a setting out of its range, or a measurement that is not a row of numbers.
    """

    _esm = module("gradient")

    scale = traitlets.Float(1.0).tag(sync=True)
    depth = traitlets.Int(20).tag(sync=True)
    nonlinearity = traitlets.Unicode("tanh").tag(sync=True)
    residual = traitlets.Bool(False).tag(sync=True)
    nonlinearities = traitlets.List(traitlets.Unicode()).tag(sync=True)
    deepest = traitlets.Int(100).tag(sync=True)
    curves = traitlets.List(traitlets.Dict()).tag(sync=True)
    xlabel = traitlets.Unicode("").tag(sync=True)
    ylabel = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        measure: Callable,
        *,
        scale: float = 1.0,
        depth: int = 20,
        nonlinearity: str = "tanh",
        residual: bool = False,
        nonlinearities: Sequence[str] = ("linear", "tanh", "relu"),
        deepest: int = 100,
        xlabel: str = "layer, 0 = input",
        ylabel: str = "gradient norm",
        title: str = "Gradient flow",
        **options,
    ):
        self._measure = None
        super().__init__(
            nonlinearities=list(nonlinearities),
            deepest=deepest,
            scale=scale,
            depth=depth,
            nonlinearity=nonlinearity,
            residual=residual,
            xlabel=xlabel,
            ylabel=ylabel,
            title=title,
            **options,
        )
        self._measure = measure
        self._answer(None)

    @traitlets.validate("scale")
    def _valid_scale(self, proposal):
        return in_range("scale", proposal.value, 0.1, 3)

    @traitlets.validate("depth")
    def _valid_depth(self, proposal):
        return in_range("depth", proposal.value, 1, self.deepest)

    @traitlets.validate("nonlinearity")
    def _valid_nonlinearity(self, proposal):
        if proposal.value not in self.nonlinearities:
            known = ", ".join(self.nonlinearities)
            raise ValueError(f"nonlinearity: got {proposal.value!r}; needs one of {known}")
        return proposal.value

    @traitlets.observe("scale", "depth", "nonlinearity", "residual")
    def _answer(self, _) -> None:
        if self._measure is not None:
            with self._answering():
                self.curves = self._curves()

    def _curves(self) -> list[dict]:
        found = self._measure(
            scale=self.scale,
            depth=self.depth,
            nonlinearity=self.nonlinearity,
            residual=self.residual,
        )
        found = found if isinstance(found, Mapping) else {"gradient norm": found}
        curves = []
        for name, values in found.items():
            values = plain_array(str(name), values)
            if values.ndim != 1 or values.size == 0:
                raise ValueError(f"{name}: got shape {values.shape}; needs one row of numbers")
            drawable = np.isfinite(values) & (values > 0)
            logs = [
                float(np.log10(v)) if ok else None for v, ok in zip(values, drawable, strict=True)
            ]
            curves.append({"name": str(name), "log10": logs})
        return curves
