"""Hand-ins: what a notebook keeps and writes, and what a class's files may hold without doing harm."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient

from ngpu_lib import checks, cli, collect
from ngpu_lib.checks import Verdict, progress
from ngpu_lib.checks.handin import HandIn
from ngpu_lib.checks.progress import Progress, simple
from tests.conftest import ROOT

LESSON = """
from ngpu_lib import checks
from ngpu_lib.checks import lesson00 as check
from ngpu_lib.checks.quiz import quiz
---
my_share = 3
---
print(f"you: {my_share}   computed: {0.105:.3f}")
---
print("again:", my_nothing := None, my_share)
---
check.value(lambda digits: ...)
check.value(sum)
check.value(check.value.reference)
check.value(sum)
---
q = quiz("Why?", "this", ("that", "no"), why="so")
before = q.chosen
q.answer("that")
q.answer("this")
---
panel = checks.hand_in("00")
said = panel.said
panel.wish = {"what": "write", "name": "x" * 200, "count": 1}
error = panel.error
panel.wish = {"what": "write", "name": "Ada", "count": 2}
print([before, said, error, panel.said])
"""


def in_a_kernel(source, folder) -> str:
    """What a notebook's last cell prints."""
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in source.split("---\n")]
    book = nbformat.v4.new_notebook(cells=cells)
    environment = {k: v for k, v in os.environ.items() if k != "NGPU_PROGRESS"}
    NotebookClient(book, timeout=60, kernel_name="python3").execute(
        cwd=str(folder), env=environment
    )
    return "".join(o["text"] for o in book.cells[-1].outputs if o.get("name") == "stdout")


def test_a_notebook_keeps_what_was_done_and_finds_it_again(tmp_path):
    before, said, error, told = eval(in_a_kernel(LESSON, tmp_path))
    assert before == said.partition("S")[0] == "" and "name: got 200 characters" in error
    assert "1 of 2 exercises solved, 1 predictions, 1 quiz questions. Nothing was sent" in told
    (path,) = tmp_path.glob("hand-in-00-*.json")
    given = collect.parse(path.read_bytes())
    assert (given.lesson, given.name) == ("00", "Ada")
    entry = given.checks["0.1 value"]
    assert (entry["tries"], entry["passed"], list(entry["mistakes"].values())) == (2, True, [1])
    assert given.checks["0.2 settled"] == {"tries": 0, "passed": False, "mistakes": {}}
    assert given.predictions["my_share"]["guess"] == 3
    assert "again:" in given.predictions["my_share"]["shown"]
    assert given.quiz == {"Why?": {"chosen": ["that", "this"], "right": "this"}}
    again, said, _, _ = eval(in_a_kernel(LESSON, tmp_path))  # tomorrow
    assert again == "this" and said.startswith("So far: 1 of 2 exercises solved")
    (same,) = tmp_path.glob("hand-in-00-*.json")
    assert same == path and collect.parse(same.read_bytes()).checks["0.1 value"]["tries"] == 2
    cleared = in_a_kernel(
        "from ngpu_lib import checks\npanel = checks.hand_in('00')\npanel.wish = {'what': 'clear'}\n"
        "print(panel.said, checks.progress.of('00').data['quiz'])",
        tmp_path,
    )
    assert "Cleared" in cleared and cleared.endswith("{}\n")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # what was handed in stays


def test_outside_a_notebook_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    progress.note_verdict(Verdict("0.1 value", "pass", ""))
    assert list(tmp_path.iterdir()) == [] and progress.of("00").path is None


def test_a_damaged_record_is_set_aside(tmp_path, capsys):
    for number, text in enumerate(('{"who": 1', "[]", '{"checks": {"a": 1}}', "\udcff")):
        path = tmp_path / "progress-05.json"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        kept = Progress("05", tmp_path)
        kept.chose("?", "a", "a")
        assert "is kept as progress-05.damaged-" in capsys.readouterr().err
        assert len(list(tmp_path.glob("*.damaged-*"))) == number + 1
        assert Progress("05", tmp_path).chosen("?") == "a"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_disk_and_a_read_only_home(tmp_path, monkeypatch, capsys, code):
    """One clear line, once; nothing is lost while the kernel lives."""

    def refuses(path, data):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(progress, "write_whole", refuses)
    kept = Progress("05", tmp_path)
    kept.tried("5.1 parity_weights", "pass", "")
    kept.chose("?", "a", "a")
    said = capsys.readouterr().err
    assert said.count("cannot write progress-05.json") == 1 and os.strerror(code) in said
    monkeypatch.setitem(progress._kept, ("05", None), kept)
    assert checks.report(lesson="05", folder=tmp_path) is None
    told = capsys.readouterr().out
    assert os.strerror(code) in told and json.loads(told.partition("instead:\n")[2])
    panel = HandIn("05")
    panel.write("Ada")
    assert "Use Save in the browser instead" in panel.said and panel.report["name"] == "Ada"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [3, None, "x" * 101])
def test_names_that_are_none(name):
    with pytest.raises(ValueError, match="name: got"):
        checks.report(name, lesson="05")


@pytest.mark.parametrize("lesson", ["5", 5, None, "../5", "055"])
def test_lessons_that_are_none(lesson):
    with pytest.raises(ValueError, match="lesson: got"):
        checks.report(lesson=lesson)


def test_predictions_become_plain(tmp_path):
    class Odd:
        def __str__(self):
            raise RuntimeError

    assert simple(10**5000).startswith(("1000", "an object"))
    assert simple(Odd()) == "an object of type Odd"
    assert simple([1, [2], "x"]) == [1, None, "x"] and simple(len) is None
    assert simple(float("nan")) == "nan" and len(simple("<img>" * 1000)) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="learners are forked processes")
def test_real_notebooks_are_handed_in(tmp_path):
    """Lesson 00 as it is given out, with all right, all wrong and nothing; the same from kernels as from forks."""
    command = [sys.executable, "-m", "tests.classroom", str(tmp_path), "--lesson", "00"]
    command += ["--learners", "3", "--kernels", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "hand-ins from none" in done.stdout, done.stdout + done.stderr
    given = [collect.parse(path.read_bytes()) for path in tmp_path.iterdir()]
    by_passed = {sum(e["passed"] for e in g.checks.values()): g for g in given if g.quiz}
    (empty,) = (g for g in given if not g.quiz)
    assert len(given) == 3 and by_passed.keys() == {0, 2} and empty.predictions == {}
    assert all(entry["tries"] == 0 for entry in empty.checks.values())
    assert all(len(entry["mistakes"]) == 1 for entry in by_passed[0].checks.values())
    for passed, one in by_passed.items():
        assert "computed: 0.10" in one.predictions["my_share"]["shown"]
        right = {entry["chosen"] == [entry["right"]] for entry in one.quiz.values()}
        assert right == {passed == 2}


def handin(number=0, **change) -> dict:
    """A hand-in as a notebook writes it."""
    entry = {"name": "5.1 parity_weights", "tries": 2, "passed": True, "mistakes": {"A slip.": 1}}
    made = {
        **{"format": "ngpu hand-in", "format_version": 1, "self_reported": True, "lesson": "05"},
        **{"library": "0.1.0", "made": "2026-11-21T10:00:00+00:00", "who": f"{number:032x}"},
        **{"name": f"Learner {number}", "checks": [entry]},
        "predictions": [{"name": "my_x", "guess": number, "shown": f"you: {number} measured: 2.5"}],
        "quiz": [{"question": "Why?", "chosen": ["this"], "right": "this"}],
    }
    return made | change


HOSTILE = {
    "empty": b"",
    "cut short": json.dumps(handin()).encode()[:200],
    "binary": bytes(range(256)),
    "another JSON": b'{"a": 1}',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "huge": b'{"format": "' + b"x" * 300_000,
    "digits": b'{"format": ' + b"9" * 100_000 + b"}",
    "next version": json.dumps(handin(format_version=2)).encode(),
    "no number": json.dumps(handin(checks=[{"name": "5.1 a", "tries": float("nan")}])).encode(),
    "no lesson": json.dumps(handin(lesson="../../etc")).encode(),
    "many": json.dumps(handin(quiz=[{"question": f"{k}", "chosen": ["a"]} for k in range(101)])),
    "markup in a check": json.dumps(handin(checks=[{"name": "<img src=x onerror=alert(1)>"}])),
    "formula as prediction": json.dumps(handin(predictions=[{"name": "=cmd", "guess": 1}])),
    "a name that is none": json.dumps(handin(name=["x"])),
    "negative tries": json.dumps(
        handin(checks=[{"name": "5.1 a", "tries": -1, "passed": True, "mistakes": {}}])
    ),
    "an entry twice": json.dumps(handin(predictions=handin()["predictions"] * 2)),
    "infinite": json.dumps(handin()).replace('"guess": 0', '"guess": 1e999'),
}


def write(path, data) -> None:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def test_hostile_files_are_refused_by_name(tmp_path):
    for name, data in HOSTILE.items():
        write(tmp_path / f"{name}.json", data)
    os.symlink("/dev/zero", tmp_path / "zero.json")
    os.symlink("nowhere", tmp_path / "dangling.json")
    os.mkfifo(tmp_path / "pipe.json")
    write(tmp_path / "good.json", json.dumps(handin()))
    found = collect.read_all([tmp_path, tmp_path / "missing.json"])
    assert len(found.outcomes) == len(HOSTILE) + 5
    assert found.count("taken") == 1 and found.count("refused") == len(HOSTILE) + 4
    for _, outcome, reason in found.outcomes:
        assert (outcome == "taken") == (reason == "") and "\n" not in reason and len(reason) < 120
    told = dict((os.path.basename(file), why) for file, _, why in found.outcomes)
    assert (
        "update the older" in told["next version.json"] and told["missing.json"] == "no such file"
    )


EVIL = [
    "<img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1",
    "-1",
    "\t=1",
    "$x^",
    "a\x1b[2J\u202eb",
]


def test_markup_and_formulas_are_text(tmp_path, capsys):
    for number, text in enumerate(EVIL):
        given = handin(number, name=text)
        given["checks"][0]["mistakes"] = {text: 1}
        given["predictions"][0] |= {"guess": text, "shown": text}
        given["quiz"] = [{"question": text, "chosen": [text], "right": text}]
        write(tmp_path / f"{number}.json", json.dumps(given))
    sheet, page = tmp_path / "class.csv", tmp_path / "class.html"
    assert cli.main(["collect", str(tmp_path), "--csv", str(sheet), "--html", str(page)]) == 0
    told = capsys.readouterr().out
    assert f"{len(EVIL)} files: {len(EVIL)} taken" in told and "Self-reported" in told
    assert "\x1b" not in told and "\u202e" not in told
    text = page.read_text()
    assert "<img src=x" not in text and "&lt;img src=x" in text and "Self-reported" in text
    assert not re.search(
        r"<script|\bon\w+=[^&]*>|https?://", text.replace("onerror=alert(1)&gt;", "")
    )
    rows = list(csv.reader(sheet.open(encoding="utf-8-sig")))
    assert len({len(row) for row in rows}) == 1 and len(rows) == 1 + 4 * len(EVIL)
    for row in rows:
        assert not any(cell[:1] in "=+-@\t" for cell in row if cell), row


def test_the_same_again_and_a_later_one(tmp_path):
    late = "2026-11-22T10:00:00+00:00"
    for name, given in {
        "a": handin(1), "b": handin(1), "c": handin(1, made=late), "d": handin(1, name="Ben"),
        "e": handin(2, library="0.2.0"),
    }.items():  # fmt: skip
        write(tmp_path / f"{name}.json", json.dumps(given))
    found = collect.read_all([tmp_path, tmp_path / "a.json"])
    assert [outcome for _, outcome, _ in found.outcomes] == [
        *["older", "the same again", "taken", "taken", "taken"]
    ]
    assert [h.made for h in found.handins if h.name == "Learner 1"] == [late]
    assert "4 with 0.1.0" not in found.remarks[0] and "1 with 0.2.0" in found.remarks[0]
    assert "under several names: Ben, Learner 1" in found.remarks[1]


def test_files_of_one_cleaned_name_stay_apart(tmp_path):
    for name in ("a\x01.json", "a\x02.json"):
        write(tmp_path / name, "{")
    assert len(collect.read_all([tmp_path]).outcomes) == 2


def test_nothing_to_collect_is_said(tmp_path, capsys):
    assert cli.main(["collect", str(tmp_path)]) == 2
    assert "no *.json file" in capsys.readouterr().err
    write(tmp_path / "a.json", json.dumps(handin()))
    assert cli.main(["collect", str(tmp_path), "--csv", "/dev/full/x"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_files_are_written_before_the_first_line_is_read(tmp_path):
    """`ngpu collect ... | head` closes the pipe; the sheet and the page are there all the same."""
    path = tmp_path / "class.csv"
    (tmp_path / "a.json").write_bytes(json.dumps(handin()).encode())
    command = [sys.executable, "-m", "ngpu_lib.cli", "collect", str(tmp_path / "a.json")]
    with subprocess.Popen(
        [*command, "--csv", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdout.close()
    assert path.stat().st_size > 0


def test_a_class_is_counted(tmp_path):
    for number in range(10):
        given = handin(number)
        given["checks"][0] |= {"passed": number < 6, "tries": 1 + number % 2}
        given["quiz"][0]["chosen"] = ["that", "this"] if number < 3 else ["this"]
        write(tmp_path / f"{number}.json", json.dumps(given))
    found = collect.read_all([tmp_path])
    (lesson,) = collect.lessons(found.handins)
    exercise = lesson.exercises["5.1 parity_weights"]
    assert (exercise.solved, exercise.tried, exercise.usual_tries) == (6, 10, 1.5)
    assert exercise.mistakes == {"A slip.": 10}
    assert sorted(lesson.predictions["my_x"].numbers) == list(range(10))
    assert lesson.predictions["my_x"].usual == 2.5
    assert lesson.questions["Why?"].first == {"this": 7, "that": 3}
    assert "solved 6, tried 10" in collect.as_text(found)
    assert len(collect.pictures(lesson)) == 2


def test_ten_thousand_files_in_seconds_none_lost(tmp_path):
    """The figure stands in BENCHMARKS; here only that all are accounted for."""
    good = [json.dumps(handin(number)).encode() for number in range(2000)]
    bad = [data if isinstance(data, bytes) else data.encode() for data in HOSTILE.values()]
    for number in range(10_000):
        path, kind = tmp_path / f"{number:05}.json", number % 5
        path.write_bytes(bad[number // 5 % len(bad)] if kind == 4 else good[number % 2000])
    begun = time.process_time()
    found = collect.read_all([tmp_path])
    text = collect.as_text(found)
    assert len(found.outcomes) == 10_000 and found.count("refused") == 2000
    assert found.count("taken") + found.count("the same again") == 8000
    assert (
        found.count("taken")
        == len(found.handins)
        == len({n % 2000 for n in range(10_000) if n % 5 != 4})
    )
    assert "10,000 files" in text and time.process_time() - begun < 60
