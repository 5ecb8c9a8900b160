"""MNIST as plain tensors.

    mnist = load_mnist()
    mnist.train_images_BHW, mnist.train_labels_B

Where the files come from, in this order: the folder in the environment variable ``NGPU_DATA``; the
cache of an earlier download; two mirrors (or those in ``NGPU_MIRRORS``, addresses separated by
spaces). Every file is held to its SHA-256. Without network, the small digits that ship inside
scikit-learn stand in, and the output and the figure titles say so.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
#: Name of each file and its SHA-256.
FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MNIST_SOURCE = "MNIST"
STAND_IN_SOURCE = "scikit-learn digits, 8x8 resized to 28x28 (offline stand-in)"
CLASSES = 10
#: Seconds to wait for a mirror to answer, and between two pieces of a file.
TIMEOUT = (4, 20)


@dataclass(frozen=True)
class MNIST:
    """Handwritten digits with their labels, or what stands in for them.

    train_images_BHW: uint8 grey values 0..255, (60000, 28, 28). train_labels_B: int64, 0..9.
    test_images_BHW, test_labels_B: the same for the 10,000 test images. source: which data these
    are, in words.
    """

    train_images_BHW: Tensor
    train_labels_B: Tensor
    test_images_BHW: Tensor
    test_labels_B: Tensor
    source: str = MNIST_SOURCE

    @property
    def is_real(self) -> bool:
        """Whether this is MNIST itself and not the stand-in."""
        return self.source == MNIST_SOURCE

    def title(self, text: str) -> str:
        """``text`` for a figure's title, with a notice where the data are not MNIST."""
        return text if self.is_real else f"{text} [not MNIST: scikit-learn digits]"


def load_mnist(folder: str | Path | None = None, *, progress: bool = True) -> MNIST:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28 pixels each.

    Args:
        folder: where the four files lie; default: the environment variable ``NGPU_DATA``, and
            without that the cache or a download.
        progress: show a bar while downloading, and a line about where the data come from.

    Returns:
        An MNIST. Where no mirror can be reached, 1,500 + 297 images of scikit-learn's digits
        take its place; a notice is printed whatever ``progress`` says.

    Raises:
        FileNotFoundError: the folder lacks some of the files; names them.
        ValueError: a file in the folder has another checksum; names both.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits" (1998).
    """
    if folder is not None and not isinstance(folder, (str, Path)):
        raise ValueError(f"folder: got {folder!r}; needs the name of a folder")
    folder = folder or os.environ.get("NGPU_DATA")
    if folder:
        paths = _files_in(Path(folder).expanduser())
    else:
        try:
            paths = _fetch(progress)
        except ConnectionError as error:
            print(
                "NOTICE: MNIST could not be downloaded, so the 1,797 small digits of scikit-learn stand\n"
                "in for it, resized from 8x8 to 28x28. Accuracies differ from those of the real MNIST.\n"
                "With network, run this cell again; or set NGPU_DATA to a folder with the four files.\n"
                f"({error})"
            )
            return _stand_in()
    train_images, train_labels, test_images, test_labels = (_read_idx(path) for path in paths)
    if progress:
        print(f"MNIST: {len(train_images):,} training and {len(test_images):,} test images")
    return MNIST(train_images, train_labels.long(), test_images, test_labels.long())


def _files_in(folder: Path) -> list[Path]:
    """The four files of a folder, checksums verified."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"folder: got {folder} (NGPU_DATA or the argument), where {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; needs the four .gz files of MNIST"
        )
    for name, expected in FILES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise ValueError(
                f"folder: {folder / name} is damaged or another file: "
                f"expected SHA-256 {expected}, found {found}"
            )
    return [folder / name for name in FILES]


def _fetch(progress: bool) -> list[Path]:
    """The four files from the cache, or else from the first mirror that has them unaltered.

    Raises:
        ConnectionError: no mirror gave some file, in two rounds; says what each one answered.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    mirrors = os.environ.get("NGPU_MIRRORS", "").split() or MIRRORS
    return [_fetch_file(name, mirrors, pooch.os_cache("ngpu"), progress) for name in FILES]


def _fetch_file(name: str, mirrors, cache: Path, progress: bool) -> Path:
    import pooch

    problems = []
    for mirror in (*mirrors, *mirrors):  # a second round: most failures pass by themselves
        url = mirror.rstrip("/") + "/" + name
        try:
            return Path(
                pooch.retrieve(
                    url, FILES[name], name, cache, downloader=_downloader(name, progress)
                )
            )
        except (OSError, ValueError) as error:  # ValueError: the checksum; pooch's text says both
            problem = f"{url}: {_reason(error)}"
            if isinstance(error, ValueError):
                print(f"refused: {problem}")
            if problem not in problems:
                problems.append(problem)
    raise ConnectionError("\n ".join(problems))


def _downloader(name: str, progress: bool) -> Callable:
    import pooch
    import requests
    from tqdm import tqdm

    def download(url: str, output_file: str, dog: pooch.Pooch) -> None:
        with tqdm(
            desc=name,
            disable=not progress,
            file=sys.stdout,
            unit="B",
            unit_scale=True,
            delay=0.3,
            ncols=96,
            ascii=" =",
        ) as bar:
            fetch = pooch.HTTPDownloader(progressbar=bar if progress else False, timeout=TIMEOUT)
            try:
                fetch(url, output_file, dog)
            except requests.exceptions.ChunkedEncodingError:
                pass  # cut short: keep what came, so that the checksum names the fault

    return download


def _reason(error: Exception) -> str:
    """The few words of an error a learner needs."""
    text = str(error)
    if "known hash" in text:
        expected, found = text.split("expected ")[1].split(". ")[0].split(" but got ")
        return f"expected SHA-256 {expected}, found {found}"
    if hasattr(error, "response") and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    return f"no answer ({type(error).__name__})"


def _read_idx(path: Path) -> Tensor:
    """One IDX file: two zero bytes, 8 for uint8, the number of axes, their sizes, the values."""
    with gzip.open(path) as stream:
        data = stream.read()
    axes = data[3]
    sizes = np.frombuffer(data, ">i4", count=axes, offset=4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    return torch.from_numpy(values.reshape(*sizes).copy())


def _stand_in() -> MNIST:
    """scikit-learn's digits in MNIST's form: 20x20 in the middle of 28x28, always split the same."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    small_BHW = torch.from_numpy(digits.images).float() / 16
    large_BHW = F.interpolate(small_BHW[:, None], size=(20, 20), mode="bilinear")[:, 0]
    images_BHW = (F.pad(large_BHW, (4, 4, 4, 4)) * 255).round().to(torch.uint8)
    labels_B = torch.from_numpy(digits.target).long()
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(labels_B)))
    train, test = order[:1500], order[1500:]
    return MNIST(
        images_BHW[train], labels_B[train], images_BHW[test], labels_B[test], STAND_IN_SOURCE
    )
