"""MNIST: where it comes from, what is refused, and the batches made of it."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import os
import re
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ngpu_lib import data
from ngpu_lib.data import load_mnist
from ngpu_lib.images import ImageBatches

SIZES = {"train": 50, "t10k": 20}


@pytest.fixture
def tiny_files(tmp_path, monkeypatch):
    """A folder with four small files in MNIST's format, whose checksums count as the right ones."""
    folder, checksums = tmp_path / "right", {}
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in data.FILES:
        count = SIZES[name.split("-")[0]]
        if "images" in name:
            values = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            head = struct.pack(">HBBiii", 0, 8, 3, count, 28, 28)
        else:
            values = generator.integers(0, 10, count, dtype=np.uint8)
            head = struct.pack(">HBBi", 0, 8, 1, count)
        (folder / name).write_bytes(gzip.compress(head + values.tobytes()))
        checksums[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(data, "FILES", checksums)
    monkeypatch.delenv("NGPU_DATA", raising=False)
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder. Names in ``cut`` promise their whole length and stop half way."""

    cut: frozenset[str] = frozenset()

    def do_GET(self):
        self.server.asked.append(self.path)
        path = Path(self.translate_path(self.path))
        if path.name not in self.cut:
            return super().do_GET()
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """serve(folder, cut=names) starts a local mirror; gives its server with .url and .asked."""
    servers = []

    def start(folder, cut=()):
        handler = type("CutHandler", (Handler,), {"cut": frozenset(cut)})
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
        )
        server.asked, server.url = [], f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of its own."""
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "ngpu"


def use_mirrors(monkeypatch, *urls):
    monkeypatch.setenv("NGPU_MIRRORS", " ".join(urls))


CLOSED = "http://127.0.0.1:9/"


def test_download_then_cache(tiny_files, serve, cache, monkeypatch):
    mirror = serve(tiny_files)
    use_mirrors(monkeypatch, mirror.url)
    mnist = load_mnist(progress=False)
    assert mnist.is_real and mnist.title("Digits") == "Digits"
    assert mnist.train_images_BHW.shape == (50, 28, 28)
    assert mnist.train_images_BHW.dtype == torch.uint8
    assert mnist.test_labels_B.shape == (20,) and mnist.test_labels_B.dtype == torch.int64
    assert len(mirror.asked) == 4
    use_mirrors(monkeypatch, CLOSED)  # the second time nothing is asked for
    again = load_mnist(progress=False)
    assert again.is_real and torch.equal(again.train_images_BHW, mnist.train_images_BHW)


@pytest.mark.parametrize("fault", ["altered", "truncated", "cut connection"])
def test_bad_download_is_refused_and_fetched_from_the_next_mirror(
    fault, tiny_files, serve, cache, monkeypatch, tmp_path, capsys
):
    name = "t10k-images-idx3-ubyte.gz"
    bad = tmp_path / "bad"
    bad.mkdir()
    for file in tiny_files.iterdir():
        (bad / file.name).write_bytes(file.read_bytes())
    content = bytearray((bad / name).read_bytes())
    if fault == "altered":
        content[-20] ^= 1
    if fault == "truncated":
        content = content[:-100]
    if fault != "cut connection":
        (bad / name).write_bytes(content)
    first = serve(bad, cut=[name] if fault == "cut connection" else [])
    second = serve(tiny_files)
    use_mirrors(monkeypatch, first.url, second.url)
    assert load_mnist(progress=False).is_real
    said = capsys.readouterr().out
    assert name in said and data.FILES[name] in said
    if fault == "cut connection":  # how much of it came depends on the buffers
        assert re.search(r"found [0-9a-f]{64}", said) and "no answer" not in said
    else:
        assert hashlib.sha256(content).hexdigest() in said
    assert second.asked == [f"/{name}"]
    assert hashlib.sha256((cache / name).read_bytes()).hexdigest() == data.FILES[name]


def test_damaged_cache_is_fetched_again(tiny_files, serve, cache, monkeypatch):
    mirror = serve(tiny_files)
    use_mirrors(monkeypatch, mirror.url)
    load_mnist(progress=False)
    (cache / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert load_mnist(progress=False).is_real
    assert len(mirror.asked) == 5


def test_a_mirror_that_is_away_is_asked_again(tiny_files, serve, cache, monkeypatch):
    """404 in the first round, there in the second."""
    mirror = serve(tiny_files)
    name = "train-images-idx3-ubyte.gz"
    hidden = (tiny_files / name).rename(tiny_files / "hidden")
    real_reason = data._reason

    def put_back(error):
        hidden.rename(tiny_files / name)
        return real_reason(error)

    monkeypatch.setattr(data, "_reason", put_back)
    use_mirrors(monkeypatch, mirror.url)
    assert load_mnist(progress=False).is_real
    assert mirror.asked.count(f"/{name}") == 2


def test_no_network_and_no_folder_says_so(cache, monkeypatch, capsys):
    monkeypatch.delenv("NGPU_DATA", raising=False)
    use_mirrors(monkeypatch, CLOSED, CLOSED)
    start = time.monotonic()
    mnist = load_mnist(progress=False)
    assert time.monotonic() - start < 20, "a student offline waits too long"
    said = capsys.readouterr().out
    assert "NOTICE" in said and "scikit-learn" in said and "NGPU_DATA" in said
    assert not mnist.is_real and "stand-in" in mnist.source
    assert "not MNIST" in mnist.title("Mistakes")
    assert mnist.train_images_BHW.shape == (1500, 28, 28)
    assert mnist.test_images_BHW.shape == (297, 28, 28)
    assert mnist.train_images_BHW.dtype == torch.uint8 and mnist.train_labels_B.dtype == torch.int64
    assert mnist.train_images_BHW.max() == 255
    assert set(mnist.test_labels_B.tolist()) == set(range(10))
    again = load_mnist(progress=False)
    assert torch.equal(mnist.train_labels_B, again.train_labels_B)


def test_stand_in_is_the_digits_themselves():
    """Averaging blocks leads back to (nearly) every one of scikit-learn's images, with its label."""
    from sklearn.datasets import load_digits

    mnist = data._stand_in()
    images_BHW = torch.cat([mnist.train_images_BHW, mnist.test_images_BHW]).float()
    small_BHW = torch.nn.functional.adaptive_avg_pool2d(images_BHW[:, None, 4:24, 4:24], 8)[:, 0]
    digits = load_digits()
    original_BHW = torch.from_numpy(digits.images).float() / 16 * 255
    nearest = torch.cdist(small_BHW.flatten(1), original_BHW.flatten(1)).argmin(dim=1)
    assert len(nearest.unique()) > 0.95 * 1797
    labels_B = torch.cat([mnist.train_labels_B, mnist.test_labels_B])
    assert (labels_B == torch.from_numpy(digits.target)[nearest]).float().mean() > 0.995


def test_folder_names_missing_files(tiny_files, tmp_path, monkeypatch):
    (tiny_files / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("NGPU_DATA", str(tiny_files))
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte.gz is missing") as caught:
        load_mnist()
    assert "train-images" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="train-images.* are missing"):
        load_mnist(tmp_path / "nowhere")


def test_folder_with_a_damaged_file_is_refused(tiny_files):
    name = "train-images-idx3-ubyte.gz"
    (tiny_files / name).write_bytes(b"short")
    with pytest.raises(ValueError) as caught:
        load_mnist(tiny_files)
    for word in (name, data.FILES[name], hashlib.sha256(b"short").hexdigest()):
        assert word in str(caught.value)


def test_folder_comes_before_the_mirrors(tiny_files, monkeypatch, capsys):
    monkeypatch.setenv("NGPU_DATA", str(tiny_files))
    use_mirrors(monkeypatch, CLOSED)
    assert load_mnist().is_real
    assert capsys.readouterr().out == "MNIST: 50 training and 20 test images\n"


@pytest.mark.skipif("NGPU_DATA" not in os.environ, reason="NGPU_DATA names no folder")
def test_the_real_thing():
    mnist = load_mnist()
    assert mnist.train_images_BHW.shape == (60_000, 28, 28)
    assert mnist.test_images_BHW.shape == (10_000, 28, 28)
    assert mnist.train_labels_B[:5].tolist() == [5, 0, 4, 1, 9]
    assert torch.bincount(mnist.test_labels_B).tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]


# Batches


@pytest.fixture
def images_and_labels():
    images_BHW = torch.arange(10, dtype=torch.uint8)[:, None, None].expand(10, 28, 28) * 25
    return images_BHW, torch.arange(10)


def test_batches_visit_each_image_once_an_epoch(images_and_labels):
    batches = ImageBatches(*images_and_labels, batch_size=5)
    assert batches.batches_per_epoch == 2
    epochs = []
    for first in (1, 3, 5):
        drawn = [batches(step, torch.Generator()) for step in (first, first + 1)]
        labels_B = torch.cat([labels_B for _, labels_B in drawn])
        images_BHW = torch.cat([images_BHW for images_BHW, _ in drawn])
        assert sorted(labels_B.tolist()) == list(range(10))
        torch.testing.assert_close(images_BHW[:, 3, 4], labels_B * 25 / 255)
        epochs.append(labels_B.tolist())
    assert epochs[0] != epochs[1] != epochs[2]


def test_batches_depend_on_step_and_seed_only(images_and_labels):
    one = ImageBatches(*images_and_labels, batch_size=3)
    labels = [one(step, torch.Generator())[1].tolist() for step in range(1, 10)]
    for step in (7, 2, 9):  # a resumed run starts anywhere
        fresh = ImageBatches(*images_and_labels, batch_size=3)
        assert fresh(step, torch.Generator())[1].tolist() == labels[step - 1]
    other = ImageBatches(*images_and_labels, batch_size=3, seed=1)
    assert [other(step, torch.Generator())[1].tolist() for step in range(1, 10)] != labels


def test_augmentation_uses_the_given_generator(images_and_labels):
    def dim(images_BHW, generator):
        return images_BHW * torch.rand(len(images_BHW), 1, 1, generator=generator)

    batches = ImageBatches(*images_and_labels, batch_size=4, augment=dim)
    plain_BHW, _ = ImageBatches(*images_and_labels, batch_size=4)(1, torch.Generator())
    first_BHW, _ = batches(1, torch.Generator().manual_seed(1))
    again_BHW, _ = batches(1, torch.Generator().manual_seed(1))
    assert torch.equal(first_BHW, again_BHW)
    assert (first_BHW < plain_BHW).any() and (first_BHW <= plain_BHW).all()


@pytest.mark.parametrize(
    ("change", "needs"),
    [
        ({"images_BHW": torch.zeros(10, 784, dtype=torch.uint8)}, r"images_BHW: got .*\(10, 784\)"),
        ({"images_BHW": torch.zeros(10, 28, 28)}, "images_BHW: got torch.float32"),
        ({"labels_B": torch.arange(9)}, r"labels_B: got .*\(9,\).*needs .*\(10,\)"),
        ({"labels_B": torch.arange(10.0)}, "labels_B: got torch.float32"),
        ({"labels_B": torch.arange(10) + 1}, "labels_B: got labels from 1 to 10; needs 0..9"),
        ({"labels_B": torch.arange(10) - 1}, "labels_B: got labels from -1 to 8"),
        ({"batch_size": 0}, "batch_size: got 0; needs a whole number from 1 to 10"),
        ({"batch_size": -5}, "batch_size: got -5"),
        ({"batch_size": 11}, "batch_size: got 11"),
        ({"seed": -1}, "seed: got -1"),
    ],
)
def test_bad_input_is_named(change, needs):
    good = {
        "images_BHW": torch.zeros(10, 28, 28, dtype=torch.uint8),
        "labels_B": torch.arange(10),
        "batch_size": 5,
    }
    with pytest.raises(ValueError, match=needs):
        ImageBatches(**(good | change))


def test_steps_count_from_one(images_and_labels):
    with pytest.raises(ValueError, match="step: got 0; needs a whole number >= 1"):
        ImageBatches(*images_and_labels, batch_size=5)(0, torch.Generator())


def test_import_is_light():
    """`import ngpu_lib` and its data module pull in neither scikit-learn nor pooch nor requests."""
    names = "sklearn pooch requests matplotlib"
    code = f"import sys, ngpu_lib.data; print([m for m in '{names}'.split() if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
