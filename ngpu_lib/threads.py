"""How many threads PyTorch starts with, settled before it is loaded: half of the cores granted.

Two virtual cores are commonly one real one, and a second notebook shall find the other half free: on
two cores with something else running, one thread took 0.4 s for an update of the multiplier, two took
5 to 11 s, and two that wait passively 0.7 to 1.5 s.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

#: Whoever has set one of these has decided about threads, or about waiting.
COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
WAITS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def cpu_limit(environment: Mapping[str, str]) -> float:
    """Cores that Binder or JupyterHub grants, in ``CPU_LIMIT``; infinite where it says nothing usable.

    >>> cpu_limit({"CPU_LIMIT": "0.5"}), cpu_limit({"CPU_LIMIT": "none"})
    (0.5, inf)
    """
    try:
        limit = float(environment.get("CPU_LIMIT", "inf"))
    except ValueError:
        return math.inf
    return limit if limit > 0 else math.inf


def cgroup_quota(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float:
    """Cores' worth of time that Linux grants this process's control group; infinite without a quota.

    Args:
        root: where the groups are mounted, version 2 (cpu.max) or 1 (cpu/cpu.cfs_quota_us).
        own: the file that names this process's group; every group above it limits as well.
    """
    limits = [math.inf]
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        lines = []
    mine = {line[2] for line in lines if len(line) == 3 and {"", "cpu"} & set(line[1].split(","))}
    groups = {"/"} | {str(each) for path in mine for each in (Path(path), *Path(path).parents)}
    for group in groups:
        place = root / group.strip("/")
        older = root / "cpu" / group.strip("/")
        for files in (
            [place / "cpu.max"],
            [older / "cpu.cfs_quota_us", older / "cpu.cfs_period_us"],
        ):
            try:
                quota, period = " ".join(file.read_text() for file in files).split()
                limits.append(int(quota) / int(period))
            except (
                OSError,
                ValueError,
                ZeroDivisionError,
            ):  # not there, "max", or nothing sensible
                continue
    return min(limit for limit in limits if limit > 0)


def cores() -> int:
    """Cores that the operating system lets this process run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def defaults(environment: Mapping[str, str], granted: float) -> dict[str, str]:
    """The variables to add to ``environment`` where ``granted`` cores may be used.

    What the environment says already stays; a passive wait keeps idle threads from holding a core
    that another process needs.

    >>> defaults({}, granted=8)
    {'OMP_NUM_THREADS': '4', 'OMP_WAIT_POLICY': 'PASSIVE'}
    >>> defaults({"OMP_NUM_THREADS": "6"}, granted=0.5)
    {'OMP_WAIT_POLICY': 'PASSIVE'}
    """
    if not granted > 0:
        raise ValueError(f"granted: got {granted!r}; needs more than 0")
    added = {}
    if not any(environment.get(name) for name in COUNTS):
        added["OMP_NUM_THREADS"] = str(max(1, int(min(granted, 1024) / 2)))
    if not any(environment.get(name) for name in WAITS):
        added["OMP_WAIT_POLICY"] = "PASSIVE"
    return added


def settle(environment: MutableMapping[str, str] | None = None) -> None:
    """Put the defaults into the environment, once; where torch is loaded already it is too late."""
    environment = os.environ if environment is None else environment
    if "torch" not in sys.modules:
        granted = min(cores(), cpu_limit(environment), cgroup_quota())
        environment.update(defaults(environment, granted))
