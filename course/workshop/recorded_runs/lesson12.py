"""Few bits, few weights, one for many: the runs of lesson 12, with its own functions, on MNIST and parity.

python -m course.workshop.recorded_runs.lesson12            all parts
python -m course.workshop.recorded_runs.lesson12 --part digits
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from course.workshop.recorded_runs import definitions, make_parts, record_runs
from ngpu_lib import pretrained
from ngpu_lib.data import load_mnist

L = definitions("12_small")
HELD = 5000


def prepare() -> None:
    """The lesson's images, under the lesson's names.

    Raises:
        ValueError: MNIST is not there.
    """
    mnist = load_mnist()
    if not mnist.is_real:
        raise ValueError("NGPU_DATA: MNIST cannot be read; needs the real images")
    images_BHW, labels_B = mnist.train_images_BHW, mnist.train_labels_B
    L.update(
        device="cpu",
        torch=torch,
        judged_by=(images_BHW[-HELD:], labels_B[-HELD:]),
        pool=(images_BHW[:-HELD], labels_B[:-HELD]),
    )


def rounded(values: dict, digits: int = 2) -> dict:
    """The same numbers, shorter."""
    return {name: round(value, digits) for name, value in values.items()}


def digits(seeds: int) -> None:
    """The conv net in 1 to 5 bits, afterwards and in training; then activations too."""
    setting = {"updates": 200, "batch": 64, "lr": 1e-2}
    _record("digits", setting, {"32": {}, **{str(b): {"bits": b} for b in (1, 2, 3, 4, 5)}}, lambda s, seed: (
        rounded(L["ways_of_rounding"](seed, s["bits"])) if "bits" in s
        else rounded({"exact": L["share_read"](L["read_digits"](seed))})
    ), seeds)  # fmt: skip


def activations(seeds: int) -> None:
    """The conv net with weights and activations of 1 to 4 bits."""
    setting = {"updates": 200, "batch": 64, "lr": 1e-2, "range": [0, 4]}
    variants = {str(b): {"bits": b} for b in (1, 2, 3)}
    _record("activations", setting, variants, lambda s, seed: (
        rounded(L["activations_too"](seed, s["bits"]))
    ), seeds)  # fmt: skip


def parity(seeds: int) -> None:
    """Lesson 03's reader: weights of 1 to 5 bits, states exact and of 2 bits."""
    setting = {"updates": 1000, "batch": 64, "lr": 0.01, "length": 100}
    variants = {f"{b}": {"bits": b} for b in (1, 2, 3, 4, 5)}
    variants |= {f"{b}, states 2": {"bits": b, "state_bits": 2} for b in (2, 3)}
    _record("parity", setting, variants, lambda s, seed: rounded(
        L["parity_in_bits"](seed, s["bits"], s.get("state_bits")), 4
    ), seeds)  # fmt: skip


def thin(seeds: int) -> None:
    """The conv net with a share of its weights, four ways."""
    setting = {"updates": 100, "rounds": [1, 5], "lr": 5e-3}
    variants = {f"{share}": {"share": share} for share in (0.1, 0.05, 0.02)}
    _record("thin", setting, variants, lambda s, seed: (
        rounded(L["thinned"](seed, s["share"]))
    ), seeds)  # fmt: skip


def patience(seeds: int) -> None:
    """One weight in fifty with five times the updates, at once and in rounds."""
    setting = {"updates": 500, "rounds": [1, 5], "lr": 5e-3}
    _record("patience", setting, {"0.02": {"share": 0.02}}, lambda s, seed: (
        rounded(L["patient"](seed, s["share"]))
    ), min(seeds, 3))  # fmt: skip


def maps(seeds: int) -> None:
    """The conv net with a share of its maps, cut and built."""
    setting = {"updates": 100, "from_the_start": 300, "lr": [5e-3, 1e-2]}
    variants = {f"{share}": {"share": share} for share in (0.5, 0.25)}
    _record("maps", setting, variants, lambda s, seed: (
        rounded(L["fewer_maps_of"](seed, s["share"]))
    ), seeds)  # fmt: skip


def tickets(seeds: int) -> None:
    """Winning tickets of a small MLP and two random kinds, in four rounds."""
    setting = {"updates": 300, "lr": 5e-3, "keep": 0.4, "rounds": 4}
    _record("tickets", setting, {"mlp": {}}, lambda s, seed: {
        name: [round(value, 2) for value in values] for name, values in L["lottery"](seed).items()
    }, seeds)  # fmt: skip


def distil(seeds: int) -> None:
    """An ensemble of five on 1,000 labels, and its pupils."""
    setting = {"updates": 300, "lr": 1e-2, "members": 5, "labels": 1000}
    _record("distil", setting, {"mlp": {}}, lambda s, seed: rounded(L["distil"](seed)), seeds)


def multiplier(seeds: int) -> None:
    """The shipped multiplier with a share of its weights, before and after 40 updates."""
    card = pretrained.load("multiply").card
    setting = {"updates": 40, "lr": 1e-3, "products": 100, "weights": card["weights_sha256"]}
    variants = {f"{share}": {"share": share} for share in (0.2, 0.1)}
    _record("multiplier", setting, variants, lambda s, seed: (
        rounded(L["thin_multiplier"](seed, s["share"]))
    ), min(seeds, 3))  # fmt: skip


def speed(_: int) -> None:
    """Processor time of one core, with the processor's name; needs onnx and onnxruntime."""
    torch.set_num_threads(1)
    _record("speed", {"cores": 1}, {"speed": {}}, lambda s, seed: {
        "processor": processor(),
        "layers": {
            name: {way: round(us, 1) for way, us in times.items()}
            for name, times in L["time_layers"]((1024, 4096)).items()
        },
        "reader": elsewhere(),
        "megabytes": {way: memory(way) for way in ("float32", "int8")},
    }, 1)  # fmt: skip


LOADED = """
import sys, torch, torch.ao.nn.quantized.dynamic
pages = lambda: int(open("/proc/self/statm").read().split()[1])
before = pages()
layer = torch.load(sys.argv[1], weights_only=False)
layer(torch.rand(1, 4096))
print((pages() - before) * 4096 / 1e6)
"""


def memory(way: str) -> float:
    """By how many megabytes a fresh process grows that loads and asks a layer of 4,096 by 4,096."""
    layer = torch.nn.Linear(4096, 4096)
    layer = layer if way == "float32" else L["int8_layer"](layer)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "layer"
        torch.save(layer, path)
        command = [sys.executable, "-W", "ignore", "-c", LOADED, path]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def elsewhere() -> dict:
    """The digit reader by ONNX Runtime."""
    import onnxruntime.quantization

    L["onnxruntime"] = onnxruntime
    found = L["run_elsewhere"](L["read_digits"](0), L["judged_by"][0][:500].float() / 255)
    return found | {"microseconds": rounded(found["microseconds"], 1)}


def processor() -> str:
    """What the processor is called, and which of the products for small integers it has."""
    text = Path("/proc/cpuinfo").read_text("utf-8")
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    has = [flag for flag in ("avx2", "avx512_vnni", "amx_int8") if flag in fields["flags"].split()]
    return f"{fields['model name']} ({', '.join(has)})"


def _record(name, setting, variants, one_run, seeds) -> None:
    record_runs(
        f"lesson12_{name}", f"lesson12 --part {name}", setting=setting, variants=variants,
        one_run=one_run, seeds=seeds,
    )  # fmt: skip


PARTS = {
    "digits": digits,
    "activations": activations,
    "parity": parity,
    "thin": thin,
    "patience": patience,
    "maps": maps,
    "tickets": tickets,
    "distil": distil,
    "multiplier": multiplier,
    "speed": speed,
}


def main() -> None:
    """Make the parts that are asked for."""
    make_parts(PARTS, prepare)


if __name__ == "__main__":
    main()
