"""Speed as tables: `make bench`, or `make bench ONLY="data widgets"`. Nothing here is a test.

A section is a file ``tests/benchmarks/NAME.py`` with a function ``tables()`` that yields ``Table``s;
a new file is picked up by itself. Each section runs in a process of its own, so that none warms
another up or leaves memory behind.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Table:
    """A titled table. ``rows`` hold texts and numbers; ``note`` says how it was measured."""

    title: str
    columns: list[str]
    rows: list[list] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        """GitHub's Markdown, aligned."""
        body = [[_text(value) for value in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.columns, *body, strict=True)]
        lines = [
            "| " + " | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) + " |"
            for row in (self.columns, *body)
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.note] if self.note else [])])


def _text(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def machine() -> str:
    """The machine in a line: figures mean little without it."""
    import torch

    model = next(
        (
            line.split(":")[1].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if "model name" in line
        ),
        platform.processor() or platform.machine(),
    )
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {gpu}, {load} · "
        f"{platform.system()} · Python {platform.python_version()} · torch {torch.__version__}"
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def main() -> int:
    """Run the named sections, or all; returns how many failed."""
    known = sorted(path.stem for path in (HERE / "benchmarks").glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help=f"sections: {', '.join(known)}")
    parser.add_argument("--here", help=argparse.SUPPRESS)  # run one section in this process
    arguments = parser.parse_args()
    if arguments.here:
        section = importlib.import_module(f"tests.benchmarks.{arguments.here}")
        for table in section.tables():
            print(f"\n{table}", flush=True)
        return 0
    for name in arguments.only:
        if name not in known:
            parser.error(f"got {name!r}; needs one of {', '.join(known)}")
    print(machine(), flush=True)
    command = [sys.executable, "-m", "tests.bench", "--here"]
    runs = [subprocess.run([*command, name], cwd=HERE.parent) for name in arguments.only or known]
    return sum(run.returncode != 0 for run in runs)


if __name__ == "__main__":
    sys.exit(main())
