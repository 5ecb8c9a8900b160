"""Threads: half of what is granted, never over what the user set, and settled before torch loads."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest

from ngpu_lib import threads
from tests.conftest import ROOT

NAMES = (*threads.COUNTS, *threads.WAITS, "CPU_LIMIT")


@pytest.mark.parametrize(
    ("granted", "count"),
    [(0.1, 1), (0.5, 1), (1, 1), (1.5, 1), (2, 1), (3.5, 1), (4, 2), (7, 3), (8, 4), (64, 32)],
)
def test_half_of_the_granted_cores_and_at_least_one(granted, count):
    added = threads.defaults({}, granted)
    assert added == {"OMP_NUM_THREADS": str(count), "OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize(
    ("user", "added"),
    [
        ({"OMP_NUM_THREADS": "8"}, {"OMP_WAIT_POLICY"}),
        ({"MKL_NUM_THREADS": "8"}, {"OMP_WAIT_POLICY"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_NUM_THREADS"}),
        ({"GOMP_SPINCOUNT": "1000"}, {"OMP_NUM_THREADS"}),
        ({"KMP_BLOCKTIME": "0"}, {"OMP_NUM_THREADS"}),
        ({"OMP_NUM_THREADS": "8", "OMP_WAIT_POLICY": "ACTIVE"}, set()),
        ({"OMP_NUM_THREADS": ""}, {"OMP_NUM_THREADS", "OMP_WAIT_POLICY"}),
    ],
)
def test_what_the_user_set_stays(user, added):
    assert set(threads.defaults(user, 1)) == added


@pytest.mark.parametrize(
    ("text", "limit"),
    [("0.5", 0.5), ("2", 2), ("2.0", 2), ("", math.inf), ("none", math.inf), ("0", math.inf),
     ("-1", math.inf), ("nan", math.inf)],
)  # fmt: skip
def test_cpu_limit_of_binder_and_jupyterhub(text, limit):
    assert threads.cpu_limit({"CPU_LIMIT": text}) == limit
    assert threads.cpu_limit({}) == math.inf


@pytest.mark.parametrize(
    ("files", "own", "quota"),
    [
        ({}, "0::/", math.inf),
        ({"cpu.max": "max 100000\n"}, "0::/", math.inf),
        ({"cpu.max": "150000 100000\n"}, "0::/", 1.5),
        # A service's own group, and a tighter one above it.
        ({"a/b/cpu.max": "400000 100000", "a/cpu.max": "50000 100000"}, "0::/a/b", 0.5),
        ({"other/cpu.max": "50000 100000"}, "0::/a", math.inf),
        # Inside a container the path can be the host's, and the container's group lies at the root.
        ({"cpu.max": "200000 100000"}, "0::/kubepods/pod1/container", 2),
        # Version 1.
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "3:cpu,cpuacct:/", math.inf),
        ({"cpu/d/cpu.cfs_quota_us": "70000", "cpu/d/cpu.cfs_period_us": "100000"}, "3:cpuacct,cpu:/d", 0.7),
        ({"cpu.max": "rubbish"}, "rubbish", math.inf),
        ({"cpu.max": "1 0"}, "0::/", math.inf),
    ],
)  # fmt: skip
def test_quota_of_the_control_group(tmp_path, files, own, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)
    assert threads.cgroup_quota(tmp_path, tmp_path / "own") == quota
    assert threads.cgroup_quota(tmp_path / "nowhere", tmp_path / "nothing") == math.inf


def fresh(code: str, **environment: str) -> str:
    """What ``code`` prints in a new interpreter whose environment says nothing of threads but this."""
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    run = subprocess.run(
        [sys.executable, "-c", code],
        **{"env": clean | environment, "cwd": ROOT, "text": True, "capture_output": True},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


SHOW = "import os, sys, ngpu_lib; print('torch' in sys.modules, *map(os.environ.get, {!r})); "
SHOW = SHOW.format(["OMP_NUM_THREADS", "OMP_WAIT_POLICY"])


def test_settled_by_the_first_import_and_before_torch():
    count = str(max(1, int(min(threads.cores(), threads.cgroup_quota()) / 2)))
    assert fresh(SHOW) == f"False {count} PASSIVE"
    assert fresh(SHOW, CPU_LIMIT="0.7") == "False 1 PASSIVE"
    assert fresh(SHOW, OMP_NUM_THREADS="3") == "False 3 PASSIVE"
    assert fresh(SHOW, OMP_WAIT_POLICY="ACTIVE", CPU_LIMIT="1") == "False 1 ACTIVE"


def test_torch_takes_the_number():
    ask = "import ngpu_lib, torch; print(torch.get_num_threads())"
    assert fresh(ask, CPU_LIMIT="1") == "1"
    without = fresh("import torch; print(torch.get_num_threads())", OMP_NUM_THREADS="2")
    assert fresh(ask, OMP_NUM_THREADS="2", CPU_LIMIT="1") == without
    command = "import ngpu_lib.cli, torch; print(torch.get_num_threads())"
    assert fresh(command, CPU_LIMIT="1") == "1"


def test_nothing_is_said_once_torch_is_loaded():
    """The variables would mislead: torch has read them, and the user may have set its threads."""
    late = "import torch; torch.set_num_threads(2); import os, ngpu_lib; "
    late += "print(torch.get_num_threads(), os.environ.get('OMP_NUM_THREADS'))"
    assert fresh(late) == "2 None"
