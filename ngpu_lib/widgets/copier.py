"""Type a word, and a Neural Turing Machine copies it letter by letter, its two heads in sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import traitlets

from ngpu_lib.widgets.base import Widget, module, plain_array

BITS, LONGEST = 8, 100


class Copier(Widget):
    """Type a word; a Neural Turing Machine reads its letters (8 bits each) and writes them down again.

    Args:
        network: the machine as ``page.page_network`` gives it: 10 inputs (8 bits, "here is a letter", "now
            answer"), 8 outputs. The page runs it.
        compute: called as compute(bits) with (n, 8) numbers 0 or 1, lowest bit first; returns the (n, 8)
            numbers the machine answers, above 0 for a 1. Python's answer is compared with the page's.
        text: the first word, 1 to 100 letters of code 0 to 255.
        rows: memory rows, 2 to 256.
        title: what a screen reader calls the explorer.

    ``explorer.copied`` is what Python's machine makes of ``explorer.text``.

    Raises:
        ValueError: a network of another kind, a word of another length or with other letters.

    Source: the copy task of Graves, Wayne & Danihelka 2014, section 4.1.
    """

    _esm = module("arrays", "networks", "machine", "asker", "copier")

    network = traitlets.Dict().tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    rows = traitlets.Int(128).tag(sync=True)
    told = traitlets.Dict().tag(sync=True)  # Python's answer, with the word it belongs to

    def __init__(
        self,
        network: Mapping,
        compute: Callable | None = None,
        *,
        text: str = "tape",
        rows: int = 128,
        title: str = "Copier",
        **options,
    ):
        if network.get("kind") != "NTM":
            raise ValueError(f"network: got kind {network.get('kind')!r}; needs 'NTM'")
        if not 2 <= rows <= 256:
            raise ValueError(f"rows: got {rows}; needs 2 to 256")
        self._compute = compute
        super().__init__(network=dict(network), rows=rows, title=title, **options)
        self.text = text

    @property
    def copied(self) -> str:
        """What Python's machine answers."""
        return self.told.get("copied", "")

    @traitlets.validate("text")
    def _valid_text(self, proposal):
        text = proposal.value
        if not 1 <= len(text) <= LONGEST or any(ord(letter) > 255 for letter in text):
            raise ValueError(f"text: got {text!r}; needs 1 to {LONGEST} letters of code 0 to 255")
        return text

    @traitlets.observe("text")
    def _answer(self, _) -> None:
        if self._compute is not None:
            with self._turn:
                text = self.text
                self.told = {"text": text, "copied": self._copy(text)}

    def _copy(self, text: str) -> str:
        bits = [[ord(letter) >> k & 1 for k in range(BITS)] for letter in text]
        answer = plain_array("compute", self._compute(bits))
        if answer.shape != (len(bits), BITS):
            raise ValueError(f"compute: got shape {answer.shape}; needs ({len(bits)}, {BITS})")
        codes = [(row > 0) @ [1 << k for k in range(BITS)] for row in answer]
        return "".join(chr(int(code)) for code in codes)
