"""Files, whole or not at all: how everything in this library is written, and how weights are read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor


def file_path(path: str | Path) -> Path:
    """A path from a text or a Path; ValueError for anything else, and for the name of a folder."""
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise ValueError(f"path: got {path!r}; needs the name of a file")
    if Path(path).is_dir():
        raise ValueError(f"path: got {path}, a folder; needs the name of a file")
    return Path(path)


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all: into a neighbour first, then moved over the old one."""
    if not isinstance(data, bytes):
        raise ValueError(f"data: got {type(data).__name__}; needs bytes")
    path = file_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_safetensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        ValueError: the file is missing, cut short or no safetensors file.
    """
    path = file_path(path)
    try:
        with safe_open(str(path), framework="pt") as stream:
            return {key: stream.get_tensor(key) for key in stream.keys()}, stream.metadata() or {}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no readable safetensors file ({error})") from None
