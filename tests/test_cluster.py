"""Seeds as jobs: by submitit's local executor, and by README's line for sbatch, with a stand-in for sbatch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ngpu_lib import cli, cluster
from tests.conftest import ROOT

#: What sbatch makes of --array and --wrap: the command once for every number, which is in the environment.
SBATCH = """#!{python}
import os, subprocess, sys
assert len(sys.argv) == 4 and sys.argv[1].startswith("--array=") and sys.argv[2] == "--wrap", sys.argv
first, last = map(int, sys.argv[1].removeprefix("--array=").split("-"))
tasks = [subprocess.Popen(["sh", "-c", sys.argv[3]], env=os.environ | {{"SLURM_ARRAY_TASK_ID": str(k)}})
         for k in range(first, last + 1)]
sys.exit(max(task.wait() for task in tasks))
"""


def test_submit_trains_every_seed_in_a_job_of_its_own(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = ["submit", "copy", "--seeds", "0,3", "--updates", "1", "--place", "local"]
    assert cli.main([*command, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"seed (\d+): job \d+", said) == ["0", "3"]
    for seed in (0, 3):
        (line,) = (tmp_path / f"copy-seed{seed}" / "records.jsonl").read_text().splitlines()
        assert json.loads(line)["step"] == 1
        assert (tmp_path / f"copy-seed{seed}" / "weights.safetensors").exists()


def test_a_job_that_fails_is_named_with_what_it_said(tmp_path, capsys):
    command = ["submit", "copy", "--seeds", "7", "--updates=-1", "--place", "local"]
    assert cli.main([*command, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "ngpu: seeds [7] of 1 have failed; seed 7: updates: got -1" in said
    assert Path(re.search(r"\((\S+\.err)\)", said)[1]).exists()


@pytest.mark.skipif(os.name == "nt", reason="SLURM is not for Windows")
def test_without_slurm_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["submit", "copy", "--out", str(tmp_path)]) == 2
    assert (
        "place: got 'slurm', and there is no srun here; needs a cluster" in capsys.readouterr().err
    )


def test_without_submitit_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert cli.main(["submit", "copy", "--out", str(tmp_path)]) == 2
    assert 'pip install -e ".[cluster]"' in capsys.readouterr().err


def test_the_array_that_slurm_is_asked_for(tmp_path, monkeypatch):
    """One array of as many tasks as seeds, with the time, the cores and the partition that were asked for."""
    asked = tmp_path / "asked"
    for name, text in (("srun", "exit 0"), ("sbatch", f'cat "$1" > {asked}; echo job 71')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    jobs = cluster.submit("copy", [4, 5, 6], folder=tmp_path, minutes=90, partition="long")
    assert [job.job_id for job in jobs] == ["71_0", "71_1", "71_2"]
    script = asked.read_text()
    for option in ("array=0-2%", "time=90", "cpus-per-task=2", "partition=long"):
        assert f"#SBATCH --{option}" in script, script


@pytest.mark.skipif(os.name == "nt", reason="SLURM is not for Windows")
def test_the_line_for_sbatch_in_readme_runs_every_seed_once(tmp_path):
    line = re.search(r"`(sbatch --array=[^`]+)`", (ROOT / "README.md").read_text())[1]
    study = tmp_path / "class.journal"
    small = f"copy --updates 1 --maps 6 --out {tmp_path / 'runs'}"
    for old, new in (("multiply", small), ("0-9", "0-1"), ("STUDY", str(study))):
        assert old in line
        line = line.replace(old, new)
    (tmp_path / "sbatch").write_text(SBATCH.format(python=sys.executable))
    (tmp_path / "sbatch").chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run(["bash", "-c", line], env=environment, check=True, cwd=tmp_path, timeout=300)
    export = ["ngpu", "sweep", *small.split(), "--study", str(study)]
    done = subprocess.run(
        export, env=environment, check=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["finished"] == 2
    assert {p.name for p in (tmp_path / "runs").iterdir() if p.is_dir()}
