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

    files = [*(Path(ngpu_lib.__file__).parent / name).glob("*.py")]
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ngpu_lib"):
                parts = {*node.module.split(".")[1:2]}
                if node.module == "ngpu_lib":
                    parts = {alias.name for alias in node.names}
                models = {"automata", "baselines", "cells", "ntm", "neural_gpu", "packed"}
                others = {"arithmetic", "tasks", "train", "losses", "recipes"}
                assert not parts & (models | others), f"{file.name}: {ast.unparse(node)}"


# A whole picture in one call.

LABELS = {"xlabel": "x", "ylabel": "y"}
CALLS = {
    "lines": lambda **options: plots.lines([1, 2], {"a": [1, 2]}, **options),
    "dots": lambda **options: plots.dots({"a": [1.0, 2.0]}, **options),
    "bars": lambda **options: plots.bars({"a": 1, "b": 2}, **options),
    "heatmap": lambda **options: plots.heatmap([[0, 1], [1, 0]], **options),
}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are shown, still open to be looked at."""
    figures = []
    honest = plots.show

    def keep(fig, alt):
        figures.append(fig)
        return honest(fig, alt)

    monkeypatch.setattr("ngpu_lib.plots.pictures.show", keep)
    return figures


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_demands_its_labels_and_alt_text_and_leaves_no_figure_behind(name):
    call = CALLS[name]
    picture = call(**LABELS, alt="What it shows.")
    assert picture.png.startswith(b"\x89PNG") and picture.alt == "What it shows."
    with pytest.raises(ValueError, match="xlabel: got an empty text"):
        call(ylabel="y", alt="text")
    with pytest.raises(ValueError, match="ylabel: got an empty text"):
        call(xlabel="x", ylabel="  ", alt="text")
    if name != "dots":
        with pytest.raises(ValueError, match="alt: got an empty text"):
            call(**LABELS)
    assert plt.get_fignums() == []


def test_lines_have_marks_a_legend_and_axes_as_asked(drawn):
    series = {"a": [1, 10], "b": ([1, 4], [2, 3]), "c": [[1, 2], [3, 4], [5, 9]]}
    marks = {"levels": {"guessing": 5}, "moments": {"end": 3}, "spans": {"in training": (1, 2)}}
    plots.lines([1, 2], series, **LABELS, alt="x", log="x", xticks=[1, 2, 4], ylim=(0, 9), **marks)
    (ax,) = drawn[0].axes
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b", "c (median of 3)", "guessing", "end", "in training"]
    assert list(ax.lines[1].get_xdata()) == [1, 4] and list(ax.lines[2].get_ydata()) == [3, 4]
    assert ax.get_xscale() == "log" and ax.get_ylim() == (0, 9)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "4"]
    assert len(ax.get_xticks(minor=True)) == 0
    plots.lines([1, 2], {"a": [1, 2]}, **LABELS, alt="x")
    assert drawn[1].axes[0].get_legend() is None


def test_panels_stand_side_by_side_on_one_scale(drawn):
    plots.lines(
        [1, 2], {"GRU": {"a": [1, 2]}, "RNN": {"a": [1, 50]}}, **LABELS, alt="x", title="both"
    )
    left, right = drawn[0].axes
    assert [left.get_title(), right.get_title()] == ["GRU", "RNN"]
    assert left.get_ylim() == right.get_ylim() and right.get_ylabel() == ""
    assert drawn[0].get_suptitle() == "both"


@pytest.mark.parametrize("rows", [False, True])
def test_dots_are_one_a_seed_with_a_bar_at_the_median(drawn, rows):
    results = {"plain": [0.1, 0.9, 0.5], "with decay": [0.7]}
    picture = plots.dots(results, xlabel="variant", ylabel="right", rows=rows)
    value, variant = ("variant", "right") if rows else ("right", "variant")
    words = "plain 0.5 (0.1 to 0.9), with decay 0.7"
    assert picture.alt == f"{value} by {variant}: {words}."
    (ax,) = drawn[0].axes
    read = [list(line.get_xdata() if rows else line.get_ydata()) for line in ax.lines]
    assert read == [[0.5, 0.5], [0.1, 0.9, 0.5], [0.7, 0.7], [0.7]]
    ticks = ax.get_yticklabels() if rows else ax.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == list(results)
    if rows:  # the first stands on top, in every panel
        assert ax.get_ylim() == (1.6, -0.6)
        plots.dots({"8": results, "16": results}, **LABELS, rows=True)
        assert {each.get_ylim() for each in drawn[1].axes} == {(1.6, -0.6)}


@pytest.mark.parametrize("values", [[], [0.5, float("nan")], [[0.5]]])
def test_dots_refuse_what_is_no_number_a_seed(values):
    with pytest.raises(ValueError, match="results: got .* for 'b'; needs a finite number a seed"):
        plots.dots({"a": [1.0], "b": values}, **LABELS)
    assert plt.get_fignums() == []


def test_bars_stand_in_groups(drawn):
    found = {"GRU": {8: 0.9, 16: 0.1}, "NTM": {16: 1.0}}
    plots.bars(found, **LABELS, alt="x", numbers="%.1f")
    (ax,) = drawn[0].axes
    heights = [[bar.get_height() for bar in group] for group in ax.containers]
    middles = [[bar.get_x() + bar.get_width() / 2 for bar in group] for group in ax.containers]
    assert heights == [[0.9, 0.1], [1.0]]
    np.testing.assert_allclose(middles[0] + middles[1], [-0.2, 0.8, 1.2])
    assert [text.get_text() for text in ax.texts] == ["0.9", "0.1", "1.0"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["8", "16"]
    plots.bars({"a": 3}, **LABELS, alt="x", rows=True)
    assert drawn[1].axes[0].patches[0].get_width() == 3


def test_heatmaps_share_one_colour_scale(drawn):
    plots.heatmap({"u": [[0, 2]], "r": [[1, 5]]}, **LABELS, alt="x", label="gate")
    left, right, bar = drawn[0].axes
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0, 5)
    assert bar.get_ylabel() == "gate"
    plots.heatmap([[0.25, 0.5]], **LABELS, alt="x", ink=True)
    assert len(drawn[1].axes) == 1 and drawn[1].axes[0].images[0].get_clim() == (0, 1)
    plots.heatmap([[-1, 3]], **LABELS, alt="x", diverging=True)
    assert drawn[2].axes[0].images[0].get_clim() == (-3, 3)
    for wrong in ([1, 2], {}, np.zeros((0, 3))):
        with pytest.raises(ValueError, match="values: got shapes"):
            plots.heatmap(wrong, **LABELS, alt="x")


def test_nothing_to_draw_is_refused():
    for empty in ({}, {"panel": {}}):
        for call in (plots.bars, plots.dots, lambda values, **o: plots.lines([1], values, **o)):
            with pytest.raises(ValueError, match="values: got none"):
                call(empty, **LABELS, alt="x")


def test_words_for_alt_texts():
    results = {"plain": [91.2, 92.0, 91.7], "weight\ndecay": [93.1]}
    words = "plain 91.7 (91.2 to 92), weight decay 93.1"
    assert plots.medians(results) == words
    assert plots.medians({"8": results, "16": results}) == f"8: {words}; 16: {words}"
    runs = {"SGD": [[3, 1], [5, 2], [4, 9]], "Adam": ([0, 10], [3, 0.25])}
    assert (
        plots.ends([1, 200], runs) == "SGD from 4 at 1 to 2 at 200, Adam from 3 at 0 to 0.25 at 10"
    )


def test_compare_is_target_and_yours_in_one_call():
    picture = plots.compare(draw, np.eye(3), None, alt="The target; yours is not done yet.")
    assert picture.png and picture.alt.startswith("The target")
    with pytest.raises(ValueError, match="alt: got an empty text"):
        plots.compare(draw, np.eye(3), None, alt="")
    assert plt.get_fignums() == []


def test_importing_plots_does_not_load_torch():
    code = "import sys, ngpu_lib.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
