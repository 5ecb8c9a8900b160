"""Remedies, few labels, transfer, two heads and doubt, with lesson 11's own functions, on MNIST.

python -m course.workshop.recorded_runs.lesson11            all parts
python -m course.workshop.recorded_runs.lesson11 --part labels

Learning rates (and strengths) are chosen with seed 0; what is measured has other seeds.
"""

from __future__ import annotations

from functools import cache

from course.workshop.recorded_runs import definitions, make_parts, record_runs
from ngpu_lib import recorded
from ngpu_lib.data import load_mnist

L = definitions("11_fewer_labels")
RATES, COUNTS, HELD = (1e-3, 3e-3, 1e-2, 3e-2), L["COUNTS"], 5000
REMEDY_RATES = L["RATES"]


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
        few=(images_BHW[:1000], labels_B[:1000]),
        judged_by=(images_BHW[-HELD:], labels_B[-HELD:]),
        pool_BHW=images_BHW[:-HELD],
        pool_labels_B=labels_B[:-HELD],
    )


def read_remedy(setting: dict, seed: int) -> dict:
    """One training, or one ensemble, of the lesson's first half."""
    known = ("remedy", "images", "updates", "first_seed")
    named = {key: value for key, value in setting.items() if key not in known}
    return {"accuracy": round(L["read_members"](seed, **named), 2)}


def strengths(_: int) -> None:
    """Every remedy at every strength and rate, seed 0: what chooses the settings of `remedies`."""
    variants = {}
    for remedy, strengths in L["STRENGTHS"].items():
        for strength in strengths:
            for lr in REMEDY_RATES:
                told = " ".join(f"{key} {value}" for key, value in strength.items())
                name = ", ".join(filter(None, (remedy, told, f"lr {lr:g}")))
                variants[name] = {"remedy": remedy, "lr": lr, **strength}
    _record("strengths", {"images": 1000, "updates": 300}, variants, read_remedy, 1)


def remedies(seeds: int) -> None:
    """Every remedy at its best setting of seed 0, with other seeds."""
    tried, best = recorded.load("lesson11_strengths"), {}
    for name, setting in tried["variants"].items():
        value = tried["runs"][name]["0"]["accuracy"]
        if value > best.get(setting["remedy"], (0, None))[0]:
            best[setting["remedy"]] = value, setting
    variants = {remedy: setting for remedy, (_, setting) in best.items()}
    setting = {"images": 1000, "updates": 300, "first_seed": 1}
    _record("remedies", setting, variants, lambda s, seed: read_remedy(s, seed + 1), seeds)


#: What is compared at 100 labels: the lesson's function, and the table of its settings.
AT_100 = {"way": ("read_way", "WAYS"), "transfer": ("transfer", "COPIES"), "heads": ("help_by", "HELPS")}  # fmt: skip


def read(kind: str, name: str, seed: int, lr: float, **more) -> float:
    """Held-out accuracy in per cent of one training."""
    function, table = AT_100[kind]
    return round(L[function](seed=seed, lr=lr, **L[table][name], **more), 2)


def rates(_: int) -> None:
    """Every comparison at every rate, seed 0 and 100 labels: what chooses the rates below."""
    variants = {
        f"{kind}: {name}, lr {lr:g}": {"kind": kind, "name": name, "lr": lr}
        for kind, (_, table) in AT_100.items()
        for name in L[table]
        for lr in RATES
    }
    _record("rates", {"labels": 100, "updates": 150}, variants, lambda s, seed: {
        "accuracy": read(s["kind"], s["name"], seed, s["lr"])
    }, 1)  # fmt: skip


@cache
def chosen(kind: str, name: str) -> float:
    """The rate that was best with seed 0."""
    runs = recorded.load("lesson11_rates")["runs"]
    found = {lr: runs[f"{kind}: {name}, lr {lr:g}"]["0"]["accuracy"] for lr in RATES}
    return max(found, key=found.get)


def labels(seeds: int) -> None:
    """The curve: accuracy against labels."""
    variants = {name: {"name": name, "lr": chosen("way", name)} for name in L["WAYS"]}
    setting = {"labels": list(COUNTS), "updates": 150, "pretraining": 400, "first_seed": 1}
    _record("labels", setting, variants, lambda s, seed: {
        "accuracy": [read("way", s["name"], seed + 1, s["lr"], count=n) for n in COUNTS]
    }, seeds)  # fmt: skip


def transfer(seeds: int) -> None:
    """From digits 0-4 to 5-9, and one body with two heads."""
    variants = {
        f"{kind}: {name}": {"kind": kind, "name": name, "lr": chosen(kind, name)}
        for kind in ("transfer", "heads")
        for name in L[AT_100[kind][1]]
    }
    setting = {"labels": 100, "updates": 150, "first_seed": 1}
    _record("transfer", setting, variants, lambda s, seed: {
        "accuracy": read(s["kind"], s["name"], seed + 1, s["lr"])
    }, seeds)  # fmt: skip


def doubt(seeds: int) -> None:
    """Five ensembles of five networks each."""
    setting = {"images": 1000, "updates": 300, "members": 5, "lr": 3e-2}
    _record("doubt", setting, {"five": {}}, lambda s, seed: {
        name: round(value, 4) for name, value in L["judge_doubt"](100 + 5 * seed, s["lr"]).items()
    }, seeds)  # fmt: skip


def _record(name, setting, variants, one_run, seeds) -> None:
    record_runs(
        f"lesson11_{name}", f"lesson11 --part {name}", setting=setting, variants=variants,
        one_run=one_run, seeds=seeds,
    )  # fmt: skip


PARTS = {
    "rates": rates,
    "labels": labels,
    "transfer": transfer,
    "doubt": doubt,
    "strengths": strengths,
    "remedies": remedies,
}


def main() -> None:
    """Make the parts that are asked for."""
    make_parts(PARTS, prepare)


if __name__ == "__main__":
    main()
