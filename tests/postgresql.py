"""A PostgreSQL server of our own on a free port, and how to restart it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDS = "needs PostgreSQL's initdb and pg_ctl (Debian: apt-get install postgresql)"


def tools() -> Path | None:
    """The folder with initdb and pg_ctl."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return Path(found).resolve().parent if found else (folders[-1] if folders else None)


@contextmanager
def server() -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a server, and a function that restarts it at once, cutting every connection."""
    programs, folder = tools(), Path(tempfile.mkdtemp(prefix="ngpu-pg-"))
    assert programs is not None, NEEDS
    as_user = {}
    if os.getuid() == 0:  # the server refuses to run as root
        as_user = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, **as_user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"

    def tool(name, *arguments):
        command = [programs / name, "-D", folder / "data", *arguments]
        log = (folder / "log").open("a")  # a pipe would stay open as long as the server
        done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, timeout=120, **as_user)
        assert done.returncode == 0, (folder / "log").read_text()

    def restart() -> None:
        tool("pg_ctl", "-m", "fast", "-w", "-o", options, "restart")

    (folder / "password").write_text("secret\n")
    (folder / "password").chmod(0o644)
    try:
        tool("initdb", "-U", "class", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}")
        tool("pg_ctl", "-w", "-o", options, "start")
        yield f"postgresql://class:secret@127.0.0.1:{port}/postgres", restart
    finally:
        tool("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)
