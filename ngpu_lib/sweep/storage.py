"""Where a study lies: a file, a database, a proxy before one; and what is done while it is away."""

from __future__ import annotations

import os
import secrets
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Seconds that a worker waits for a database that is away, restarted for instance, before it gives up.
PATIENCE = 120.0


def load_optuna():
    """Optuna, quiet; the one line that installs it where it is missing."""
    try:
        import optuna
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "tuning needs Optuna, which is not installed here: pip install optuna", name="optuna"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def open_storage(optuna, where: str):
    """Optuna's storage for an address; arguments and errors are those of ``open_study``."""
    if "://" not in where:
        path = Path(where).expanduser()
        if path.is_dir():
            raise ValueError(f"study: got {where}, a folder; needs a file or postgresql://...")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size and b'"op_code"' not in path.read_bytes()[:200]:
            raise ValueError(f"study: {where} is no study's file; needs one, or a new name")
        journal = optuna.storages.journal
        lock = journal.JournalFileOpenLock(str(path)) if os.name == "nt" else None
        try:
            return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path), lock))
        except (ValueError, KeyError, TypeError, AssertionError, UnicodeDecodeError) as error:
            raise ValueError(f"study: {where} is no study's file ({error})") from None
    scheme, rest = where.split("://", 1)
    if scheme == "grpc":
        return _proxy(optuna, rest)
    if scheme not in ("postgresql", "postgres"):
        raise ValueError(f"study: got {scheme}://...; needs a file or postgresql://...")
    import sqlalchemy.exc

    for attempt in range(5):
        try:
            return optuna.storages.RDBStorage(
                f"postgresql+psycopg://{rest}", engine_kwargs={"pool_pre_ping": True}
            )
        except (ImportError, sqlalchemy.exc.ArgumentError) as error:
            raise ValueError(f"study: {error}; needs pip install 'psycopg[binary]'") from None
        except sqlalchemy.exc.OperationalError as error:
            host = rest.rpartition("@")[2]
            raise ValueError(f"study: no PostgreSQL at {host} ({error.orig})") from None
        except sqlalchemy.exc.DBAPIError:  # another worker makes the tables at this moment
            if attempt == 4:
                raise
            time.sleep(0.5 + attempt)


def _proxy(optuna, rest: str):
    """Optuna's gRPC proxy: many workers, few connections to the database behind it."""
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"study: got grpc://{rest}; needs grpc://host:port")
    try:
        storage = optuna.storages.GrpcStorageProxy(host=host, port=int(port))
        storage.wait_server_ready(timeout=10)
    except ImportError:
        raise ValueError("study: grpc://... needs pip install grpcio protobuf") from None
    except Exception as error:  # of a library that is imported only here
        raise ValueError(f"study: no proxy at {rest} ({type(error).__name__})") from None
    return storage


def patiently(action: Callable[[], Any]) -> Any:
    """Do something with the study, again and again while its database is away.

    Whatever is done so may be done twice: a trial that was asked for and never heard of again counts as
    lost after a while, and of two trials with one seed the later gives way.
    """
    import sqlalchemy.exc

    optuna, end = load_optuna(), time.monotonic() + PATIENCE
    away = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DBAPIError)
    while True:
        try:
            return action()
        except away as error:
            if time.monotonic() > end:
                text = f"study: its database has not answered for {PATIENCE:.0f} s"
                raise ValueError(text) from error
            time.sleep(0.1 + secrets.randbelow(400) / 1000)
