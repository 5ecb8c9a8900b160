"""Draw a digit, and read what each classifier makes of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import AskingWidget, module, plain_array

SIDE = 28


class DrawDigit(AskingWidget):
    """Draw a digit and read what each classifier makes of it, while drawing.

    Args:
        classifiers: one or two by name; each takes a (28, 28) float32 array in [0, 1] (0 paper, 1 ink)
            and returns ten probabilities.
        image: what is drawn at first, (28, 28) in [0, 1]; default an empty sheet.
        examples: digits to start from, (count, 28, 28). Their answers are computed once, so that they
            work on a page without a kernel too.
        title: what a screen reader calls the explorer.
        networks: the networks behind the classifiers, in their order, as ``page.page_network`` gives them:
            then the page computes the answers too, with a kernel and without.

    ``explorer.image = digits[0]`` draws from a cell, ``explorer.answers`` holds the probabilities.

    Raises:
        ValueError: an image of another shape or range, no classifier, or more than two, or answers
            that are not ten probabilities.
    """

    _esm = module("arrays", "networks", "machine", "digit")

    pixels = traitlets.Unicode("").tag(sync=True)  # 28 * 28 bytes, row by row, in base64
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    answers = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    examples = traitlets.List(traitlets.Dict()).tag(sync=True)
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)
    told = traitlets.Dict().tag(sync=True)  # Python's answers, with the pixels they belong to

    def __init__(
        self,
        classifiers: Mapping[str, Callable],
        image=None,
        *,
        examples: Sequence = (),
        title: str = "Draw a digit",
        networks: Sequence[Mapping] = (),
        **options,
    ):
        if not 1 <= len(classifiers) <= 2:
            raise ValueError(f"classifiers: got {len(classifiers)}; needs one or two")
        if networks and len(networks) != len(classifiers):
            raise ValueError(
                f"networks: got {len(networks)}; needs {len(classifiers)}, one a classifier"
            )
        options |= {"networks": [dict(network) for network in networks]}
        self._classifiers = dict(classifiers)
        pixels = _encode("image", np.zeros((SIDE, SIDE)) if image is None else image)
        shown = [_encode("examples", example) for example in examples]
        super().__init__(names=[str(name) for name in classifiers], title=title, **options)
        self.examples = [{"pixels": text, "answers": self._classify(text)} for text in shown]
        self.pixels = pixels

    @property
    def image(self) -> np.ndarray:
        """What is drawn, (28, 28) float32 in [0, 1]."""
        return _decode(self.pixels)

    @image.setter
    def image(self, values) -> None:
        self.pixels = _encode("image", values)

    @traitlets.observe("pixels")
    def _answer(self, _) -> None:
        with self._answering():
            pixels = self.pixels
            self.answers = self._classify(pixels)
            self.told = {"pixels": pixels, "answers": self.answers}

    def _classify(self, pixels: str) -> list[list[float]]:
        image = _decode(pixels)
        return [_probabilities(name, f(image.copy())) for name, f in self._classifiers.items()]


def _encode(name: str, image) -> str:
    array = plain_array(name, image)
    if array.shape != (SIDE, SIDE):
        raise ValueError(f"{name}: got shape {array.shape}; needs ({SIDE}, {SIDE})")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"{name}: got {array.min():g} to {array.max():g}; needs values in [0, 1]")
    return base64.b64encode(np.rint(array * 255).astype(np.uint8).tobytes()).decode()


def _decode(pixels: str) -> np.ndarray:
    codes = np.frombuffer(base64.b64decode(pixels), np.uint8)
    if codes.size != SIDE * SIDE:
        raise ValueError(f"pixels: got {codes.size} bytes; needs {SIDE * SIDE}")
    return codes.reshape(SIDE, SIDE).astype(np.float32) / 255


def _probabilities(name: str, answer) -> list[float]:
    array = plain_array(name, answer).ravel()
    if array.size != 10 or not np.all(array >= 0) or not abs(array.sum() - 1) < 1e-3:
        raise ValueError(
            f"{name}: got {array.round(3).tolist()}; needs ten probabilities that sum to 1"
        )
    return array.tolist()
