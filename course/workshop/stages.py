"""`make test`: its stages one after the other, their seconds, and what was left out.

python -m course.workshop.stages lint test-unit ...    run these targets of the Makefile
python -m course.workshop.stages --note TEXT           a stage says what it left out
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from course.workshop.editions import ROOT

NOTES = ROOT / "build" / "left_out.jsonl"
#: What brings a missing part: a word of the reason, and the command.
BRINGS = {
    "Chromium": "playwright install --with-deps chromium, or: sudo apt-get install chromium",
    "PostgreSQL": "sudo apt-get install postgresql",
    "npm": "sudo apt-get install npm",
    "needs node": "sudo apt-get install nodejs",
    "lychee": "https://lychee.cli.rs has it for every system; with Rust: cargo install lychee",
    "NGPU_DATA": "export NGPU_DATA=FOLDER, where the four files of MNIST are",
    "extra 'site'": "pip install -e '.[site]'",
}


def note(reason: str, count: int = 1) -> None:
    """A stage leaves something out; without `make test` around it, nobody is told."""
    if path := os.environ.get("NGPU_LEFT_OUT"):
        told = {"stage": os.environ.get("NGPU_STAGE", ""), "reason": reason, "count": count}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")


def note_skipped(reports) -> None:
    """Note the tests that pytest skipped, by their reason."""
    reasons = Counter()
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        reasons[str(reason).removeprefix("Skipped: ")] += 1
    for reason, count in reasons.items():
        note(reason, count)


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(1130)
    '18:50'
    """
    return f"{int(seconds + 0.5) // 60}:{int(seconds + 0.5) % 60:02}"


def summary(times: dict[str, float], failed: str | None, wanted: list[str], notes: list) -> str:
    """The last lines of `make test`."""
    lines = ["", "seconds of each stage"]
    lines += [
        f"  {stage:16}{seconds:7.0f}{'   FAILED' if stage == failed else ''}"
        for stage, seconds in times.items()
    ]
    lines += [f"  {stage:16}      -   not reached" for stage in wanted if stage not in times]
    lines.append(
        f"  {'together':16}{sum(times.values()):7.0f}   {clock(sum(times.values()))} minutes"
    )
    if notes:
        lines.append("left out")
    for told in notes:
        what = "1 test" if told["count"] == 1 else f"{told['count']} tests"
        lines.append(f"  {told['stage']}, {what}: {' '.join(told['reason'].split())[:150]}")
        brings = [command for word, command in BRINGS.items() if word in told["reason"]]
        lines += [
            f"      brings it: {command}; then make {told['stage']}" for command in brings[:1]
        ]
    if not notes and failed is None and set(times) == set(wanted):
        lines.append("nothing was left out")
    return "\n".join(lines)


def run(stages: list[str], make: str) -> int:
    """Run the stages until one fails, and print the summary; 0, or the failed stage's status."""
    NOTES.parent.mkdir(exist_ok=True)
    NOTES.write_text("")
    times, status = {}, 0
    for stage in stages:
        begun = time.perf_counter()
        environment = os.environ | {"NGPU_LEFT_OUT": str(NOTES), "NGPU_STAGE": stage}
        command = [make, "--no-print-directory", stage]
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
        times[stage] = time.perf_counter() - begun
        if status:
            break
    notes = [json.loads(line) for line in NOTES.read_text("utf-8").splitlines()]
    print(summary(times, list(times)[-1] if status else None, stages, notes), flush=True)
    return status


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", help="targets of the Makefile")
    parser.add_argument("--make", default="make", help="the program to call")
    parser.add_argument("--note", help="what a stage leaves out")
    given = parser.parse_args()
    if given.note:
        note(given.note)
        print(f"left out: {given.note}")
    sys.exit(run(given.stages, given.make))
