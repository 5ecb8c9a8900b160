"""What the workshop's parts share: the browser and npm look-ups, what a cell shows, `make test`'s last lines."""

from __future__ import annotations

import datetime
import json
import os
import stat
import subprocess
import sys

import pytest

from course.workshop import browser, collect, npm, stages
from tests.conftest import ROOT


@pytest.fixture
def look_up(monkeypatch):
    """chromium_path with nothing remembered, and nothing installed."""
    monkeypatch.setattr(browser, "_playwrights_own", lambda: None)
    monkeypatch.delenv("NGPU_BROWSER", raising=False)
    monkeypatch.setenv("PATH", os.devnull)
    browser.chromium_path.cache_clear()
    yield browser.chromium_path
    browser.chromium_path.cache_clear()


@pytest.mark.skipif(os.name == "nt", reason="programs have other names there")
def test_the_browser_is_the_named_then_the_installed_then_playwrights(
    look_up, tmp_path, monkeypatch
):
    def program(name):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        look_up.cache_clear()
        return str(path)

    assert look_up() is None
    own = program("own")
    monkeypatch.setattr(browser, "_playwrights_own", lambda: own)
    assert look_up() == own
    installed = program("google-chrome")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look_up() == installed
    named = program("named")
    monkeypatch.setenv("NGPU_BROWSER", named)
    assert look_up() == named
    monkeypatch.setenv("NGPU_BROWSER", "nowhere")
    look_up.cache_clear()
    with pytest.raises(ValueError, match="NGPU_BROWSER: got 'nowhere'; needs a program"):
        look_up()


def test_a_missing_browser_is_fetched_once_and_quietly(look_up, monkeypatch):
    asked = []
    monkeypatch.setattr(browser.subprocess, "run", lambda command, **_: asked.append(command[1:]))
    assert browser.install() is None
    assert asked == [["-m", "playwright", "install", "chromium"]]


def test_without_npm_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(OSError, match="npm is not installed; nothing@1 comes from it"):
        npm.package("nothing@1", "a.js", kept=tmp_path)
    (tmp_path / "nothing@1").mkdir()
    (tmp_path / "nothing@1/a.js").write_text("")
    assert npm.package("nothing@1", "a.js", kept=tmp_path) == tmp_path / "nothing@1"


def message(kind: str, **content) -> dict:
    header = {"msg_type": kind, "date": datetime.datetime.now(datetime.UTC)}
    return {"msg_type": kind, "header": header, "content": content}


def shown(*messages) -> list:
    screen, displays = collect.Screen(), {}
    for one in messages:
        screen.take(one, displays)
    return screen.shown(7)


def test_streams_stay_where_they_are_and_lines_are_written_over():
    data = message("display_data", data={"text/plain": "x"}, metadata={})
    found = shown(
        message("stream", name="stdout", text="1 %\r"),
        message("stream", name="stdout", text="2 %\rdone\n"),
        data,
        message("stream", name="stdout", text="after\n"),
    )
    assert [o.get("text", o.output_type) for o in found] == ["done\n", "display_data", "after\n"]


def test_what_is_cleared_or_updated_is_gone():
    wait = message("clear_output", wait=True)
    text = [message("stream", name="stdout", text=t) for t in "ab"]
    assert [o.text for o in shown(text[0], wait, text[1])] == ["b"]
    assert [o.text for o in shown(text[0], wait)] == ["a"]
    at = {"transient": {"display_id": "d"}, "metadata": {}}
    first, second = ({"data": {"text/plain": t}} | at for t in "ab")
    found = shown(message("display_data", **first), message("update_display_data", **second))
    assert [o.data for o in found] == [{"text/plain": "b"}]
    result = message("execute_result", data={}, metadata={}, execution_count=1)
    assert shown(result)[0].execution_count == 7


def test_the_summary_says_what_was_left_out_and_what_brings_it():
    notes = [
        {"stage": "test-unit", "count": 3, "reason": "needs PostgreSQL's initdb and pg_ctl"},
        {"stage": "test-unit", "count": 1, "reason": "no CUDA device"},
    ]
    text = stages.summary({"lint": 2.4, "test-unit": 1127.8}, None, ["lint", "test-unit"], notes)
    assert "lint                  2\n" in text and "18:50 minutes" in text
    assert "3 tests: needs PostgreSQL" in text and "apt-get install postgresql; then make" in text
    assert text.endswith("test-unit, 1 test: no CUDA device")
    failed = stages.summary({"lint": 2.4}, "lint", ["lint", "test-site"], [])
    assert "FAILED" in failed and "test-site             -   not reached" in failed
    assert stages.summary({"lint": 2.4}, None, ["lint"], []).endswith("nothing was left out")


def test_stages_stop_at_the_first_failure_and_hand_its_status_on(tmp_path, monkeypatch, capsys):
    make = tmp_path / "make"
    note = (
        "import os, pathlib, sys; from course.workshop import stages; stages.note('needs npm', 2)"
    )
    make.write_text(f'#!/bin/sh\n[ "$2" = bad ] && exit 3\nexec {sys.executable} -c "{note}"\n')
    make.chmod(0o755)
    monkeypatch.setattr(stages, "NOTES", tmp_path / "build" / "left_out.jsonl")
    assert stages.run(["good", "bad", "later"], str(make)) == 3
    printed = capsys.readouterr().out
    assert "good, 2 tests: needs npm" in printed and "then make good" in printed
    assert "later" in printed.split("bad")[1] and "not reached" in printed
    (told,) = map(json.loads, (tmp_path / "build/left_out.jsonl").read_text().splitlines())
    assert told == {"stage": "good", "reason": "needs npm", "count": 2}


def test_a_cached_function_is_kept_by_value(tmp_path):
    """In another kernel there is no function of that name: what is kept has to bring it along."""
    kept = tmp_path / "kept.pkl"
    make = (
        "from functools import cache; from pathlib import Path; from course.workshop import recorder\n"
        "@cache\n"
        "def twice(x): return 2 * x\n"
        f"assert recorder.keep(Path({str(kept)!r}), {{'twice': twice}}) == ['twice']"
    )
    read = f"from ngpu_lib import live; live.load({str(kept)!r}, globals()); assert twice(21) == 42"
    for program in (make, read):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
