"""Seeds of a recipe as the jobs of one SLURM array, by submitit (the extra ``cluster``).

    ngpu submit multiply --seeds 0-9 --minutes 600

Each job is ``ngpu train TASK --seed N``. The same command again goes on from the checkpoints that are there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ngpu_lib import require
from ngpu_lib.recipes import RECIPES

#: Where the jobs run: on a cluster, or all at once on this machine, to try it.
PLACES = ("slurm", "local")


def submit(
    task: str,
    seeds: Sequence[int],
    *,
    folder: str | Path = "runs",
    minutes: int = 60,
    cores: int = 2,
    partition: str | None = None,
    place: str = "slurm",
    more: Sequence[str] = (),
) -> list[Any]:
    """Submit the training of every seed; the jobs of submitit, in the seeds' order.

    Args:
        task: a recipe. seeds: one job each, at most 1,000. folder: TASK-seedN for each run, and jobs
            for what the jobs say. minutes, cores: of one job. partition: of the cluster, if it has
            several. place: "slurm" or "local". more: further words for ``ngpu train``.

    Raises:
        ValueError: an argument. ModuleNotFoundError: submitit is not installed. OSError: no SLURM here.
    """
    require.one_of("task", task, tuple(RECIPES))
    require.one_of("place", place, PLACES)
    if len(require.sequence("seeds", seeds)) > 1000:
        raise ValueError(f"seeds: got {len(seeds)}; needs at most 1,000 jobs in one array")
    for seed in seeds:
        require.whole("seeds", seed)
    require.whole("minutes", minutes, 1)
    require.whole("cores", cores, 1, 1024)
    try:
        import submitit
    except ModuleNotFoundError:
        raise ModuleNotFoundError('submit needs submitit: pip install -e ".[cluster]"') from None
    folder = Path(folder).absolute()
    try:
        executor = submitit.AutoExecutor(folder / "jobs", cluster=place)
    except RuntimeError:
        raise OSError(
            "place: got 'slurm', and there is no srun here; needs a cluster's login node, or --place local"
        ) from None
    executor.update_parameters(name=f"ngpu-{task}", timeout_min=minutes, cpus_per_task=cores)
    if partition is not None:
        executor.update_parameters(slurm_partition=partition)
    train = [sys.executable, "-m", "ngpu_lib.cli", "train", task, *more]
    job = submitit.helpers.CommandFunction(train)
    outs = [folder / f"{task}-seed{seed}" for seed in seeds]
    words = [[f"--seed={seed}" for seed in seeds], [f"--out={out}" for out in outs]]
    return executor.map_array(job, *words)


def wait(jobs: Sequence[Any], seeds: Sequence[int]) -> None:
    """Wait for the end of all jobs.

    Raises:
        ChildProcessError: some have failed; names their seeds, what the first said last, and its log.
    """
    failed = [(seed, job) for seed, job in zip(seeds, jobs, strict=True) if job.exception()]
    if failed:
        seed, job = failed[0]
        said = [line for line in (job.stderr() or "").splitlines() if line.startswith("ngpu: ")]
        reason = f": {said[-1][6:]}" if said else ""
        raise ChildProcessError(
            f"seeds {[seed for seed, _ in failed]} of {len(jobs)} have failed; seed {seed}{reason} "
            f"({job.paths.stderr})"
        )
