"""Shared by all tests: one torch thread beside other workers, and what becomes of browser tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from course.workshop import stages
from course.workshop.browser import WANTED, chromium_path

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("NGPU_PROGRESS", "off")  # a test is no learner: kernels keep nothing

if os.environ.get("OMP_NUM_THREADS") == "1":
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Whatever a module takes from tests/browser.py, its tests that use a browser are marked so."""
    for item in items:
        if {"browser", "lab", "chromium", "visit"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


def pytest_runtest_setup(item):
    """Without Chromium a browser test is skipped; under CI it fails, so that none is lost unseen."""
    if item.get_closest_marker("browser") and chromium_path() is None:
        pytest.fail(WANTED) if os.environ.get("CI") else pytest.skip(WANTED)


def pytest_terminal_summary(terminalreporter):
    """`make test` says at its end what was left out."""
    stages.note_skipped(terminalreporter.stats.get("skipped", []))
