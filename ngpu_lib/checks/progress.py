"""What was tried, answered and predicted in a lesson: kept beside its notebook, handed in on request.

While a notebook runs, every check, quiz and prediction is noted here, and written to
``progress-NN.json`` in the notebook's folder, so that it is there again tomorrow. ``report`` makes of it one small
file to hand in. Nothing is sent anywhere, and no name stands in it unless it is given.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ngpu_lib.files import write_whole

FORMAT, VERSION = "ngpu hand-in", 1
#: Names of predictions, as lessons write them.
PREDICTION = re.compile(r"(?:my|predicted|prediction)_\w+")
LONGEST_NAME, LONGEST_TEXT, MOST_PARTS = 100, 200, 20


class Progress:
    """What one learner did in one lesson; ``data`` is what the file holds."""

    def __init__(self, lesson: str, folder: Path | None = None):
        self.lesson, self.troubled = lesson, False
        self.path = None if folder is None else folder / f"progress-{lesson}.json"
        self.data: dict[str, Any] = self._empty()
        if self.path is not None:
            self._load()

    @staticmethod
    def _empty() -> dict[str, Any]:
        return {"who": uuid.uuid4().hex, "checks": {}, "predictions": {}, "quiz": {}}

    def _load(self) -> None:
        """Take up what an earlier session kept; a damaged file is set aside, never overwritten."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
            parts = [found[name] for name in ("checks", "predictions", "quiz")]
            if not all(isinstance(part, dict) for part in (found, *parts)):
                raise ValueError("other contents")
            kept = found["checks"].values()
            if not all(
                isinstance(k["tries"], int) and isinstance(k["mistakes"], dict) for k in kept
            ):
                raise ValueError("other contents")
            if not all(isinstance(entry["chosen"], list) for entry in found["quiz"].values()):
                raise ValueError("other contents")
            self.data = self._empty() | found
        except FileNotFoundError:
            return
        except OSError as error:
            self._say(f"cannot read {self.path.name} ({error.strerror}); this session begins anew")
            self.path = None
        except (ValueError, KeyError, TypeError, RecursionError):
            aside = self.path.with_suffix(f".damaged-{uuid.uuid4().hex[:6]}")
            with suppress(OSError):
                self.path.rename(aside)
            self._say(f"{self.path.name} was damaged; it is kept as {aside.name}")

    def save(self) -> None:
        """Write the file; where that fails, say so once and keep everything in memory."""
        if self.path is None:
            return
        try:
            write_whole(self.path, json.dumps(self.data, indent=1).encode())
            self.troubled = False
        except OSError as error:
            if not self.troubled:
                self._say(
                    f"cannot write {self.path.name} ({error.strerror}); your answers are kept until "
                    "this kernel ends"
                )
            self.troubled = True

    @staticmethod
    def _say(text: str) -> None:
        print(f"progress: {text}", file=sys.stderr)

    def clear(self) -> None:
        """Forget everything, the file included."""
        self.data = self._empty()
        if self.path is not None:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                self._say(f"cannot remove {self.path.name} ({error.strerror})")

    def tried(self, name: str, status: str, message: str) -> None:
        """Note one verdict. Tries are counted up to the first pass; a stub is no try."""
        kept = self.data["checks"].setdefault(name, {"tries": 0, "passed": False, "mistakes": {}})
        if kept.get("passed"):
            return
        kept["tries"] += 1
        kept["passed"] = status == "pass"
        if status == "known mistake":
            kept["mistakes"][message] = kept["mistakes"].get(message, 0) + 1
        self.save()

    def predicted(self, name: str, guess: Any, shown: str) -> None:
        """Note a prediction with the line that was printed of it and of what was measured."""
        self.data["predictions"][name] = {"guess": guess, "shown": shown}
        self.save()

    def chose(self, question: str, answer: str, right: str) -> None:
        """Note a button that was pressed; all of a question are kept, in order."""
        pressed = self.data["quiz"].setdefault(question, {"chosen": [], "right": right})["chosen"]
        if pressed[-1:] != [answer] and len(pressed) < 50:
            pressed.append(answer)
            self.save()

    def chosen(self, question: str) -> str:
        """The button that was pressed last, or ""."""
        return (self.data["quiz"].get(question, {}).get("chosen") or [""])[-1]


_kept: dict[tuple[str, Path | None], Progress] = {}


def kernel():
    """IPython's shell where a notebook's kernel runs and ``NGPU_PROGRESS`` is not "off", else None."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    wanted = os.environ.get("NGPU_PROGRESS", "") != "off"
    return shell if wanted and getattr(shell, "kernel", None) is not None else None


def of(lesson: str) -> Progress:
    """What is known of a lesson ("05"): from its file where a notebook runs, else of this process."""
    folder = Path.cwd() if kernel() is not None else None
    if (lesson, folder) not in _kept:
        _kept[lesson, folder] = Progress(lesson, folder)
    return _kept[lesson, folder]


def this_lesson() -> str | None:
    """The number of the lesson whose checks this notebook has imported, or None."""
    shell = kernel()
    values = [] if shell is None else list(shell.user_ns.values())
    names = {v.__name__ for v in values if type(v) is type(sys)}
    found = [name[-2:] for name in names if re.fullmatch(r"ngpu_lib\.checks\.lesson\d\d", name)]
    return found[0] if len(found) == 1 else None


def note_verdict(verdict) -> None:
    """Called by every check: the lesson is the number before the dot of its name."""
    number = verdict.name.partition(".")[0]
    if number.isdecimal() and verdict.status != "not done yet":
        of(f"{int(number):02}").tried(verdict.name, verdict.status, verdict.message)


def simple(value: Any) -> Any:
    """A prediction as plain numbers and short text; None where there is none.

    >>> simple(...), simple((1, 2.5)), simple(float("inf")), simple("x" * 300)[-3:]
    (None, [1, 2.5], 'inf', '...')
    """
    if value is None or value is ... or callable(value):
        return None
    if hasattr(value, "tolist") and getattr(value, "size", None) is not None:
        count = value.numel() if hasattr(value, "numel") else value.size
        value = value.tolist() if count <= MOST_PARTS else repr(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and -1e15 < value < 1e15:
        return value
    if isinstance(value, (list, tuple, set)) and len(value) <= MOST_PARTS:
        return [None if isinstance(part, (list, tuple, set)) else simple(part) for part in value]
    with suppress(Exception):  # a learner's own object, or a number of a million digits
        text = str(value)
        return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 3] + "..."
    return f"an object of type {type(value).__name__}"


def printed_predictions(source: str) -> list[str]:
    """The predictions that a cell prints.

    >>> printed_predictions('print(f"you: {my_share}   measured: {share:.2f}")')
    ['my_share']
    """
    with suppress(SyntaxError, ValueError, RecursionError):
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        calls = [
            node
            for node in ast.walk(ast.parse("\n".join(lines)))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
        ]
        names = [node.id for call in calls for node in ast.walk(call) if isinstance(node, ast.Name)]
        return [name for name in dict.fromkeys(names) if PREDICTION.fullmatch(name)]
    return []


class _Tee:
    """Standard output that remembers what goes through it."""

    def __init__(self, stream):
        self.stream, self.text = stream, ""

    def write(self, text: str) -> int:
        self.text = (self.text + text)[:4000]
        return self.stream.write(text)

    def __getattr__(self, name: str):
        return getattr(self.stream, name)


class Watch:
    """Listens while cells run: what a cell prints of a prediction is noted beside it."""

    def __init__(self, shell):
        self.shell, self.tee = shell, None
        shell.events.register("pre_run_cell", self.before)
        shell.events.register("post_run_cell", self.after)

    def before(self, info) -> None:
        if printed_predictions(info.raw_cell or "") and kernel() is not None:
            self.tee = sys.stdout = _Tee(sys.stdout)

    def after(self, result) -> None:
        if self.tee is None:
            return
        tee, self.tee = self.tee, None
        if sys.stdout is tee:
            sys.stdout = tee.stream
        lesson = this_lesson()
        for name in printed_predictions(result.info.raw_cell or "") if lesson else []:
            guess = simple(self.shell.user_ns.get(name))
            if guess is not None:
                lines = tee.text.splitlines()
                own = [line for line in lines if "you" in line] or lines[-1:]
                of(lesson).predicted(name, guess, simple(" ".join(own)))


def report(name: str = "", *, lesson: str | None = None, folder: str | Path = ".") -> Path | None:
    """Write what is known of a lesson as one small file to hand in; nothing is sent anywhere.

    Args:
        name: whose it is, at most 100 characters; without it the file names nobody.
        lesson: its number, such as "05"; default: that of this notebook.
        folder: where to write.

    Returns:
        The file, ``hand-in-05-....json``; None where it could not be written, which is said, with
        what to copy instead.

    Raises:
        ValueError: a name that is no text or too long, or no lesson.
    """
    text = as_text(name, lesson)
    given = json.loads(text)
    path = Path(folder) / f"hand-in-{given['lesson']}-{given['who'][:8]}.json"
    try:
        write_whole(path, text.encode())
    except OSError as error:
        print(f"report: cannot write {path} ({error.strerror}). Copy this instead:\n{text}")
        return None
    print(f"{path}: {summary(given)}. Nothing was sent; hand it in as your course asks.")
    return path


def as_text(name: str = "", lesson: str | None = None) -> str:
    """The hand-in as JSON; arguments and errors are those of ``report``."""
    from importlib import import_module

    import ngpu_lib

    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        got = f"{len(name)} characters" if isinstance(name, str) else repr(name)
        raise ValueError(f"name: got {got[:60]}; needs text of at most {LONGEST_NAME} characters")
    lesson = this_lesson() if lesson is None else lesson
    if not isinstance(lesson, str) or not re.fullmatch(r"\d\d", lesson):
        raise ValueError(f'lesson: got {lesson!r}; needs its number as text, such as "05"')
    kept = of(lesson).data
    exercises = {}
    with suppress(ModuleNotFoundError):
        made = vars(import_module(f"ngpu_lib.checks.lesson{lesson}")).values()
        exercises = {each.name: {} for each in made if type(each).__name__ == "Check"}
    checks = [
        {"name": key, "tries": 0, "passed": False, "mistakes": {}} | found
        for key, found in sorted((exercises | kept["checks"]).items())
    ]
    return json.dumps(
        {
            "format": FORMAT,
            "format_version": VERSION,
            "self_reported": True,
            "lesson": lesson,
            "library": ngpu_lib.__version__,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": kept["who"],
            "name": name.strip(),
            "checks": checks,
            "predictions": [{"name": k, **found} for k, found in kept["predictions"].items()],
            "quiz": [{"question": k, **found} for k, found in kept["quiz"].items()],
        },
        indent=1,
    )


def summary(given: dict[str, Any]) -> str:
    """What a hand-in holds, in one line."""
    passed = sum(check["passed"] for check in given["checks"])
    return (
        f"{passed} of {len(given['checks'])} exercises solved, {len(given['predictions'])} predictions, "
        f"{len(given['quiz'])} quiz questions"
    )


if (_shell := kernel()) is not None:
    Watch(_shell)
