"""Figures: labels, alt text, colours that can be told apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ngpu_lib import plots


def labelled():
    fig, ax = plots.figure()
    ax.plot([0, 1], [1, 0])
    ax.set(xlabel="x", ylabel="y")
    return fig, ax


def test_show_gives_a_png_with_alt_text_and_closes_the_figure():
    fig, _ = labelled()
    picture = plots.show(fig, alt='Falls from 1 to 0 & "stops"')
    assert picture.png.startswith(b"\x89PNG")
    page = picture._repr_html_()
    assert 'alt="Falls from 1 to 0 &amp; &quot;stops&quot;"' in page and "max-width:100%" in page
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "  "])
def test_show_refuses_an_empty_alt_text(alt):
    with pytest.raises(ValueError, match="alt: got an empty text"):
        plots.show(labelled()[0], alt=alt)


def test_show_refuses_unlabelled_axes_and_names_them():
    fig, axes = plots.figure(1, 2)
    for ax in axes:
        ax.plot([0, 1])
    axes[0].set(xlabel="x", ylabel="y")
    axes[1].set(title="second", xlabel="x")
    with pytest.raises(ValueError, match="'second' need an x label and a y label"):
        plots.show(fig, alt="two curves")


def test_show_accepts_shared_labels_hidden_axes_and_colour_bars():
    fig, axes = plots.figure(2, 2, sharex=True, sharey=True)
    for ax in axes.flat:
        ax.plot([0, 1])
    axes[1, 0].set(xlabel="x", ylabel="y")
    assert plots.show(fig, alt="four curves").png
    fig, axes = plots.figure(1, 2)
    plots.matrix(axes[0], np.eye(3), xlabel="x", ylabel="y")
    axes[1].imshow(np.eye(3))
    axes[1].axis("off")
    assert plots.show(fig, alt="a matrix, and a picture without axes").png


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def seen_by(colour, kind):
    """A colour as seen without red or green cones (Vienot, Brettel & Mollon 1999), linear RGB."""
    linear = np.array(
        [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    )
    matrices = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    return np.array(matrices[kind]) @ linear


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_the_first_colours_stay_apart_for_colour_blind_eyes(kind):
    seen = [seen_by(colour, kind) for colour in plots.PALETTE[:5]]
    gaps = [np.abs(a - b).max() for k, a in enumerate(seen) for b in seen[:k]]
    assert min(gaps) > 0.05
    ordinary_red_green = np.abs(seen_by("#d62728", kind) - seen_by("#2ca02c", kind))
    assert ordinary_red_green.max() < 1  # the simulation merges what it should bring closer


def test_curves_axes_and_legend():
    _, ax = plots.figure()
    plots.curves(
        ax, [1, 2], {"a": [1, 10], "b": ([1, 3], [2, 20])}, xlabel="x", ylabel="y", log="xy"
    )
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert list(ax.lines[1].get_xdata()) == [1, 3]
    assert ax.lines[0].get_color() != ax.lines[1].get_color()
    plt.close("all")


def test_spread_draws_each_seed_and_the_median():
    _, ax = plots.figure()
    plots.spread(ax, [0, 1], [[1, 5], [3, 4], [2, 9]], "runs")
    median, *seeds = ax.lines
    assert list(median.get_ydata()) == [2, 5] and median.get_label() == "runs (median of 3)"
    assert len(seeds) == 3 and {line.get_color() for line in seeds} == {median.get_color()}
    plt.close("all")


def test_images_grid():
    fig = plots.images(np.zeros((5, 4, 4)), "abcde", columns=3)
    assert len(fig.axes) == 6 and sum(ax.has_data() for ax in fig.axes) == 5
    assert plots.show(fig, alt="five empty pictures").png


@pytest.mark.parametrize(("count", "columns"), [(0, 8), (3, 0)])
def test_images_refuses_an_empty_grid(count, columns):
    with pytest.raises(ValueError, match="got"):
        plots.images(np.zeros((count, 4, 4)), columns=columns)


def test_diverging_matrix_is_centred_on_zero():
    _, ax = plots.figure()
    plots.matrix(ax, np.array([[-1.0, 4.0]]), xlabel="x", ylabel="y", diverging=True)
    assert ax.images[0].get_clim() == (-4, 4)
    plots.matrix(ax, np.zeros((2, 2)), xlabel="x", ylabel="y", diverging=True)
    plt.close("all")


def draw(ax, values):
    plots.matrix(ax, np.asarray(values, dtype=float), xlabel="x", ylabel="y")


@pytest.mark.parametrize(
    ("yours", "title"),
    [
        (np.eye(3), "yours"),
        (None, "yours: not done yet"),
        ("words", "yours: cannot be drawn (ValueError)"),
        (np.zeros(3), "yours: cannot be drawn (TypeError)"),
    ],
)
def test_target_and_yours_copes_with_any_answer(yours, title):
    fig = plots.target_and_yours(draw, np.eye(3), yours)
    assert [ax.get_title() for ax in fig.axes[:2]] == ["target", title]
    assert plots.show(fig, alt="the target, and an answer").png


@pytest.mark.parametrize("name", ["plots", "checks"])
def test_pictures_and_checks_never_import_a_model(name):
    """Imports run one way: what draws and judges takes arrays."""
    import ngpu_lib

    root = Path(ngpu_lib.__file__).parent
    files = (
        [root / f"{name}.py"]
        if (root / f"{name}.py").exists()
        else list((root / name).glob("*.py"))
    )
    forbidden = {"baselines", "cells", "ntm", "neural_gpu", "fast", "train", "tasks", "recipes"}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ngpu_lib"):
                parts = {*node.module.split("."), *(alias.name for alias in node.names)}
                assert not parts & forbidden, f"{file.name}: {ast.unparse(node)}"


def test_importing_plots_does_not_load_torch():
    code = "import sys, ngpu_lib.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
