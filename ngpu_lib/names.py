"""What an error message says about a name nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def suggest(name: str, known: Sequence[str]) -> str:
    """The end of an error message for an unknown name: the close matches, or all names."""
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"needs one of {', '.join(known)}"
