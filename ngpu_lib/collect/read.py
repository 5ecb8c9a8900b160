"""Hand-ins from files: each is taken, or refused with the reason; none is lost in silence."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ngpu_lib.checks.progress import FORMAT, PREDICTION, VERSION

MOST_BYTES, MOST_ENTRIES, LONGEST = 256_000, 100, 400
TAKEN, SAME, OLDER, REFUSED = "taken", "the same again", "older", "refused"


@dataclass(frozen=True)
class HandIn:
    """One hand-in, checked; texts hold no control characters and are at most 400 long."""

    lesson: str
    library: str
    made: str
    who: str
    name: str
    checks: dict[str, dict[str, Any]]
    predictions: dict[str, dict[str, Any]]
    quiz: dict[str, dict[str, Any]]
    digest: str
    source: str = ""


@dataclass
class Collected:
    """The hand-ins of a class, and for every file what became of it and why."""

    handins: list[HandIn] = field(default_factory=list)
    outcomes: list[tuple[str, str, str]] = field(default_factory=list)  # file, outcome, reason
    remarks: list[str] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many files had an outcome: "taken", "the same again", "older" or "refused"."""
        return sum(found == outcome for _, found, _ in self.outcomes)


def clean(value: Any, longest: int = LONGEST) -> str:
    """Text without control, direction and private characters, cut to a length.

    >>> clean("a\\x1b[31m\\u202eb", 6)
    'a�[31m'
    """
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} where text is needed")
    value = value[:longest]
    return "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in value)


def parse(data: bytes) -> HandIn:
    """A hand-in from a file's bytes.

    Raises:
        ValueError: it is none; says in a few words why.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES // 1000} kB; a hand-in has a few")
    try:
        given = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("no text in UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"no JSON, or cut short ({clean(str(error), 60)})") from None
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise ValueError("JSON, and no hand-in of this course")
    version = given.get("format_version")
    if version != VERSION or isinstance(version, bool):
        got = clean(str(version), 20)
        raise ValueError(f"format {got}, this ngpu reads {VERSION}: update the older of the two")
    lesson = given.get("lesson")
    if not isinstance(lesson, str) or not re.fullmatch("[0-9]{2}", lesson):
        raise ValueError("no lesson's number")
    return HandIn(
        lesson=lesson,
        library=clean(given.get("library"), 30),
        made=clean(given.get("made"), 30),
        who=clean(given.get("who"), 40),
        name=clean(given.get("name"), 100).strip(),
        checks={
            name: _check(entry)
            for name, entry in _named(given, "checks", "name", r"\d{1,2}\.\d{1,2} \w{1,60}")
        },
        predictions={
            name: {"guess": _guess(entry.get("guess")), "shown": clean(entry.get("shown"))}
            for name, entry in _named(given, "predictions", "name", PREDICTION.pattern)
        },
        quiz={
            name: {"chosen": _choices(entry.get("chosen")), "right": clean(entry.get("right", ""))}
            for name, entry in _named(given, "quiz", "question", r"[\s\S]{1,400}")
        },
        digest=hashlib.sha256(data).hexdigest(),
    )


def _no_number(text: str):
    raise ValueError(f"{text} is no number")


def _named(given: dict, part: str, key: str, pattern: str) -> Iterable[tuple[str, dict]]:
    """The entries of a list by name."""
    entries = given.get(part)
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise ValueError(f"{part}: needs a list of at most {MOST_ENTRIES}")
    seen = set()
    for entry in entries:
        name = entry.get(key) if isinstance(entry, dict) else None
        if not isinstance(name, str) or len(name) > LONGEST or not re.fullmatch(pattern, name):
            raise ValueError(f"{part}: an entry without a proper {key}")
        if name in seen:
            raise ValueError(f"{part}: an entry twice")
        seen.add(name)
        yield clean(name), entry


def _check(entry: dict) -> dict[str, Any]:
    tries, passed, mistakes = entry.get("tries"), entry.get("passed"), entry.get("mistakes")
    if not isinstance(passed, bool) or not _count(tries) or not isinstance(mistakes, dict):
        raise ValueError("checks: needs passed, tries and mistakes")
    if len(mistakes) > MOST_ENTRIES or not all(map(_count, mistakes.values())):
        raise ValueError("checks: mistakes need counts")
    return {
        "tries": tries,
        "passed": passed,
        "mistakes": {clean(k): n for k, n in mistakes.items()},
    }


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6


def _guess(value: Any) -> Any:
    """A number or a text; of a list its texts."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        if not -1e15 < value < 1e15:
            raise ValueError("predictions: a number out of all bounds")
        return value
    if isinstance(value, list):
        if len(value) > MOST_ENTRIES or any(isinstance(part, (list, dict)) for part in value):
            raise ValueError("predictions: a list of lists, or a long one")
        return ", ".join(str(_guess(part)) for part in value)[:LONGEST]
    return clean(value)


def _choices(value: Any) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_ENTRIES:
        raise ValueError("quiz: needs the answers chosen")
    return [clean(part) for part in value]


def files(paths: Sequence[str | Path]) -> list[Path]:
    """The files named, and those called *.json in the folders named, each once, in order."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        inside = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        found |= dict.fromkeys(each for each in inside if not each.is_dir())
    return list(found)


def _read(path: Path) -> HandIn:
    try:
        if not path.is_file():
            raise ValueError("no such file" if not path.exists() else "no regular file")
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    return parse(data)


def read_all(paths: Sequence[str | Path]) -> Collected:
    """Every hand-in of a class once: of several by the same learner for a lesson, the latest.

    Args:
        paths: files, and folders to look for *.json in.

    Returns:
        A Collected with an outcome for every file.

    Raises:
        ValueError: no file at all.
    """
    found, latest, digests = Collected(), {}, {}
    chosen = files(paths)
    if not chosen:
        raise ValueError("hand-ins: got no *.json file; needs files, or folders with them")
    outcomes: list[tuple[str, str]] = []
    for number, path in enumerate(chosen):
        name = clean(str(path))
        try:
            handin = replace(_read(path), source=name)
        except ValueError as error:
            outcomes.append((REFUSED, str(error)))
            continue
        if (first := digests.setdefault(handin.digest, number)) != number:
            outcomes.append((SAME, f"as {clean(str(chosen[first]))}"))
            continue
        outcomes.append((TAKEN, ""))
        key = (handin.lesson, handin.who, handin.name)
        if key in latest:
            before = latest[key]
            (old, _), (new, handin) = sorted(
                [before, (number, handin)], key=lambda pair: pair[1].made
            )
            outcomes[old], number = (OLDER, f"than {handin.source}"), new
        latest[key] = (number, handin)
    found.handins = [handin for _, handin in latest.values()]
    found.outcomes = [
        (clean(str(path)), *outcome) for path, outcome in zip(chosen, outcomes, strict=True)
    ]
    found.remarks = _remarks(found.handins)
    return found


def _remarks(handins: list[HandIn]) -> list[str]:
    """What a teacher may want to look at."""
    remarks, versions, named = [], {}, {}
    for handin in handins:
        versions.setdefault(handin.library, []).append(handin)
        named.setdefault((handin.lesson, handin.who), set()).add(handin.name)
    if len(versions) > 1:
        counts = ", ".join(f"{len(some)} with {text}" for text, some in sorted(versions.items()))
        remarks.append(f"several versions of the course: {counts}")
    for (lesson, _), names in sorted(named.items()):
        if len(names) > 1:
            shown = ", ".join(sorted(name or "(no name)" for name in names)[:5])
            remarks.append(f"lesson {lesson}: one notebook's record under several names: {shown}")
    return remarks
