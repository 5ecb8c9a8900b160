"""Short texts that networks learn to continue, as plain ASCII.

walrus: "The Walrus and the Carpenter", from Lewis Carroll, Through the Looking-Glass, 1871 (in the
public domain; dashes are written as hyphens).

>>> read("walrus")[:31]
'The sun was shining on the sea,'
"""

from __future__ import annotations

from pathlib import Path

from ngpu_lib.names import suggest

FOLDER = Path(__file__).parent


def read(name: str) -> str:
    """A text by its name.

    Raises:
        ValueError: no such text; names the close matches.
    """
    names = sorted(file.stem for file in FOLDER.glob("*.txt"))
    if name not in names:
        raise ValueError(f"name: got {name!r}; {suggest(name, names)}")
    return (FOLDER / f"{name}.txt").read_text(encoding="ascii")
