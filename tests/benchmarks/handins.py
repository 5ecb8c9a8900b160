"""Ten thousand hand-ins, a fifth of them damaged or hostile: read, counted, written."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ngpu_lib import collect
from tests.bench import Table
from tests.test_handin import HOSTILE, handin


def tables() -> Iterator[Table]:
    """Seconds of each step."""
    table = Table(
        "10,000 hand-ins",
        ["step", "seconds"],
        note="2,000 of the files are refused, each with its reason.",
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "class"
        folder.mkdir()
        bad = [data if isinstance(data, bytes) else data.encode() for data in HOSTILE.values()]
        for number in range(10_000):
            good = json.dumps(handin(number)).encode()
            data = bad[number // 5 % len(bad)] if number % 5 == 4 else good
            (folder / f"{number:05}.json").write_bytes(data)
        begun = time.perf_counter()
        found = collect.read_all([folder])
        assert (found.count("taken"), found.count("refused")) == (8000, 2000)
        table.rows.append(["read and checked", time.perf_counter() - begun])
        for step, write in (
            ("counted and printed", lambda: collect.as_text(found)),
            ("--csv", lambda: collect.write_csv(found, Path(name) / "class.csv")),
            (
                "--html, with its pictures",
                lambda: collect.write_html(found, Path(name) / "class.html"),
            ),
        ):
            begun = time.perf_counter()
            write()
            table.rows.append([step, time.perf_counter() - begun])
    yield table
