"""All tasks by name.

>>> task = make_task("add")
>>> print(task.render(task.encode(5, 3, length=3)))
input   101+110
target  0001000
"""

from __future__ import annotations

from ngpu_lib.arithmetic import Arithmetic
from ngpu_lib.contract import PADDING, Batch, Task, Word
from ngpu_lib.names import suggest
from ngpu_lib.symbol_tasks import RULES, SymbolTask

__all__ = ["ARITHMETIC", "PADDING", "TASK_NAMES", "Batch", "Task", "Word", "make_task"]

ARITHMETIC = ("add", "multiply", "add-bcd", "multiply-bcd")
TASK_NAMES = (*RULES, *ARITHMETIC)


def make_task(name: str, base: int | None = None) -> Task:
    """The task called ``name``, over ``base`` digits or symbols.

    Raises:
        ValueError: an unknown name (with the close matches) or a base outside 2..64.

    >>> make_task("reverse", base=2).oracle((1, 1, 2))
    (2, 1, 1)
    """
    if name not in TASK_NAMES:
        raise ValueError(f"task: got {name!r}; {suggest(name, TASK_NAMES)}")
    if name in ARITHMETIC:
        decimal = name.endswith("-bcd")
        if decimal and base not in (None, 10):
            raise ValueError(f"base: got {base}; {name} is decimal")
        usual, bits = (10, 4) if decimal else (2, 1)
        return Arithmetic(name, usual if base is None else base, bits_per_digit=bits)
    if name == "parity" and base not in (None, 2):
        raise ValueError(f"base: got {base}; parity is about bits, base 2")
    return SymbolTask(name, RULES[name][1] if base is None else base)
