"""Lesson 13: the adder by one process, and by two ranks with half of each batch.

python -m course.workshop.recorded_runs.lesson13_ranks

Some two minutes of one core. Each run is a command of its own: ``ngpu train``, or torchrun with two processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.torch import load_file

from course.workshop.recorded_runs import PACKAGE, options
from ngpu_lib import cli, recorded
from ngpu_lib.files import write_whole
from ngpu_lib.recipes import RECIPES, Phase

NAME = "lesson13_ranks"
UPDATES, SEEDS = 120, 3
#: The adder of lesson 08, small; with dropout as it is trained, and without.
SMALL = replace(RECIPES["add"], maps=24, phases=(Phase(UPDATES, (8, 12, 16)),), precision="float32")
DROPOUT = {"dropout off": 0.0, "dropout on": 0.3}


def one_run(part: str, seed: int, ranks: int, folder: Path) -> tuple[list[float], dict[str, Any]]:
    """The loss of every update, and the weights."""
    here = [sys.executable, "-m"]
    if ranks > 1:
        here += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "-m"]
    command = [*here, f"{PACKAGE}.{NAME}", "--as", part, str(seed), str(folder)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    lines = (folder / "records.jsonl").read_text().splitlines()
    losses = [float(f"{json.loads(line)['loss']:.9g}") for line in lines]
    return losses, load_file(folder / "weights.safetensors")


def main() -> None:
    if sys.argv[1:2] == ["--as"]:  # one of the processes
        part, seed, folder = sys.argv[2:]
        RECIPES["add"] = replace(SMALL, dropout=DROPOUT[part])
        sys.exit(cli.main(["train", "add", "--seed", seed, "--out", folder]))
    given = options()
    result: dict[str, Any] = {
        "command": f"python -m {PACKAGE}.{NAME}",
        "setting": f"add, {SMALL.maps} maps, {UPDATES} updates, tapes of 8, 12 and 16 cells",
    }
    for part in DROPOUT:
        result[part] = {}
        for seed in range(SEEDS):
            with TemporaryDirectory() as folder:
                one, w1 = one_run(part, seed, 1, Path(folder) / "one")
                two, w2 = one_run(part, seed, 2, Path(folder) / "two")
            apart = max((w1[name] - w2[name]).abs().max().item() for name in w1)
            result[part][str(seed)] = {
                "one process": one,
                "two ranks": two,
                "largest difference": apart,
            }
            print(part, seed, one[-1], two[-1], f"{apart:.2g}", flush=True)
            write_whole(
                given.out or recorded.FOLDER / f"{NAME}.json", (json.dumps(result) + "\n").encode()
            )


if __name__ == "__main__":
    main()
