"""On one Axes: a figure in the course's style, what can be drawn on it, and how it is shown."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ngpu_lib import require

#: Okabe & Ito's eight colours, black last: told apart by nearly everyone.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
#: Diverging and sequential maps that survive colour blindness and grey printing.
DIVERGING, SEQUENTIAL = "PuOr", "cividis"

STYLE = {
    "axes.prop_cycle": cycler(color=PALETTE[:7]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "legend.frameon": False,
    "image.cmap": SEQUENTIAL,
}


def figure(rows: int = 1, columns: int = 1, size: tuple[float, float] = (7, 3.2), **options):
    """A figure in the course's style and its Axes (one, or an array of them), as plt.subplots gives."""
    require.whole("rows", rows, 1, 100)
    require.whole("columns", columns, 1, 100)
    for inches in require.sequence("size", size, 2):
        require.number("size", inches, above=0, below=200)
    with plt.rc_context(STYLE):
        return plt.subplots(rows, columns, figsize=size, **options)


class Picture:
    """A finished figure as a PNG with alt text; Jupyter draws it as an <img alt=...>."""

    def __init__(self, png: bytes, alt: str, width: int):
        self.png, self.alt, self.width = png, alt, width

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        alt = html.escape(self.alt, quote=True)
        style = f"width:{self.width}px;max-width:100%;height:auto"
        return f'<img alt="{alt}" style="{style}" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return f"Picture({self.alt!r})"


def show(fig: Figure, alt: str) -> Picture:
    """Close a figure and return it as a Picture; make this the last expression of a cell.

    Raises:
        ValueError: no alt text, or an Axes with data but without a label on an axis that is drawn.
    """
    require.instance("fig", fig, Figure, "a figure, as plots.figure gives")
    if not isinstance(alt, str) or not alt.strip():
        got = "an empty text" if isinstance(alt, str) else repr(alt)
        raise ValueError(f"alt: got {got}; say in a sentence what the figure shows")
    for ax in fig.axes:
        drawn = ax.axison and ax.has_data() and ax.get_label() != "<colorbar>"
        if drawn and not (ax.get_xlabel() and ax.get_ylabel()) and not _shares_labels(ax):
            raise ValueError(
                f"fig: the axes titled {ax.get_title()!r} need an x label and a y label"
            )
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=120)
    plt.close(fig)
    return Picture(buffer.getvalue(), alt, int(fig.get_figwidth() * 100))


def _shares_labels(ax: Axes) -> bool:
    """Whether a missing label stands on a neighbour (shared axes label the outer ones only)."""
    siblings_x = ax.get_shared_x_axes().get_siblings(ax)
    siblings_y = ax.get_shared_y_axes().get_siblings(ax)
    x = (
        ax.get_xlabel()
        or any(other.get_xlabel() for other in siblings_x)
        or ax.figure.get_supxlabel()
    )
    y = (
        ax.get_ylabel()
        or any(other.get_ylabel() for other in siblings_y)
        or ax.figure.get_supylabel()
    )
    return bool(x and y)


def curves(
    ax: Axes,
    x,
    series: Mapping,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: str = "",
    **style,
) -> Axes:
    """One line per entry of ``series``: name -> y values, or seeds by points (see ``spread``).

    A pair of x and y values stands for itself. ``log`` names the axes that are logarithmic: "", "x",
    y" or "xy"; ``style`` goes to Axes.plot.

    Raises:
        ValueError: no series by name, values that are no numbers, or not as many as x.
    """
    require.instance("series", series, Mapping, "a mapping: name -> y values")
    require.one_of("log", log or "none", ("none", "x", "y", "xy"))
    for name, values in series.items():
        own, y = points(x, name, values)
        if y.ndim == 2:
            spread(ax, own, y, name, **style)
        else:
            ax.plot(own, y, label=name, **style)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")
    if len(series) > 1:
        ax.legend()
    return ax


def points(x, name, values) -> tuple[np.ndarray, np.ndarray]:
    """x and y of one series, (points,), or of seeds, (seeds, points); a ValueError where they do not agree."""
    own, y = values if isinstance(values, tuple) and len(values) == 2 else (x, values)
    own, y = np.asarray(own), plain(y, f"series {name!r}")
    if own.ndim != 1 or y.ndim not in (1, 2) or y.shape[-1] != len(own) or not y.size:
        raise ValueError(
            f"series {name!r}: got shape {y.shape} for x of shape {own.shape}; needs as many points"
        )
    return own, y


def spread(ax: Axes, x, runs, label: str, **options) -> Axes:
    """Runs of several seeds: each a thin line, their median a thick one. ``runs``: seeds by points."""
    middle = np.median(plain(runs), 0)
    (line,) = ax.plot(x, middle, label=f"{label} (median of {len(runs)})", **{"lw": 2.2, **options})
    for run in runs:
        ax.plot(x, run, color=line.get_color(), lw=0.7, alpha=0.5)
    return ax


def strip(ax: Axes, results: Mapping, *, rows: bool = False) -> Axes:
    """One dot per seed and a bar at the median, for each variant: name -> values by seed.

    ``rows``: variants from top to bottom, for long names, instead of from left to right.
    """
    for place, (name, values) in enumerate(results.items()):
        values = of_seeds(name, values)
        offsets = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1)
        seeds, bar = (
            (place + offsets, values),
            ([place - 0.3, place + 0.3], [np.median(values)] * 2),
        )
        first = place == 0
        ax.plot(*_turned(bar, rows), color=PALETTE[3], lw=2.5, label="median" if first else None)
        ax.plot(
            *_turned(seeds, rows),
            "o",
            color=PALETTE[0],
            alpha=0.6,
            label="a seed" if first else None,
        )
    name_places(ax, results, rows)
    return ax


def of_seeds(name, values) -> np.ndarray:
    """The values of one variant, (seeds,), or a ValueError where they are no finite numbers."""
    values = plain(values, f"results {name!r}")
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"results: got {values} for {name!r}; needs a finite number a seed")
    return values


def plain(values, name: str = "values") -> np.ndarray:
    """An array of numbers from lists, an array, or a tensor on any device; else a ValueError."""
    values = values.detach().cpu() if hasattr(values, "detach") else values
    values = list(values) if isinstance(values, (range, type({}.values()))) else values
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got {require.shown(values)}; needs numbers") from None


def _turned(pair: tuple, rows: bool) -> tuple:
    return pair[::-1] if rows else pair


def name_places(ax: Axes, names, rows: bool) -> None:
    """Names at places 0, 1, ...: from left to right, or, as ``rows``, from top to bottom."""
    if rows:
        ax.set_yticks(range(len(names)), [str(name) for name in names])
        ax.set_ylim(len(names) - 0.4, -0.6)
    else:
        ax.set_xticks(range(len(names)), [str(name) for name in names])
        ax.set_xlim(-0.6, len(names) - 0.4)


def images(pictures, titles=None, *, columns: int = 8, size: float = 1.1):
    """A figure with a grid of grey images (count, height, width), each with an optional title.

    Raises:
        ValueError: no picture, no column, or a number of titles that is not that of the pictures.
    """
    count = len(require.sequence("pictures", pictures, 0))
    require.whole("columns", columns, 1)
    if not count or columns < 1 or (titles is not None and len(titles) != count):
        named = "none" if titles is None else len(titles)
        raise ValueError(
            f"pictures: got {count} pictures, {named} titles, {columns} columns; needs at least one "
            "picture and column, and as many titles as pictures"
        )
    columns = min(columns, count)
    rows = -(-count // columns)
    fig, axes = figure(rows, columns, size=(size * columns, (size + 0.25) * rows), squeeze=False)
    for place, ax in enumerate(axes.flat):
        ax.axis("off")
        if place < count:
            ax.imshow(pictures[place], cmap="gray_r")
            ax.set_title("" if titles is None else str(titles[place]), fontsize=9)
    return fig


def matrix(
    ax: Axes,
    values,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    diverging: bool = False,
    ink: bool = False,
    limits: tuple[float, float] | None = None,
    bar: bool = True,
) -> Axes:
    """A matrix as coloured cells with a colour bar.

    ``diverging``: colours centred on 0. ``ink``: 0 paper, 1 ink, and no bar. ``limits``: the lowest and
    the highest value of the colours, otherwise those of the matrix.
    """
    colours, (low, high) = SEQUENTIAL, limits or (None, None)
    if ink:
        colours, bar, (low, high) = "gray_r", False, limits or (0, 1)
    if diverging:
        ends = limits or (float(values.min()), float(values.max()))
        high = max(*map(abs, ends), 1e-12)
        colours, low = DIVERGING, -high
    picture = ax.imshow(
        values, aspect="auto", interpolation="nearest", cmap=colours, vmin=low, vmax=high
    )
    if bar:
        ax.figure.colorbar(picture, ax=ax)
    ax.grid(False)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    return ax


def parallel(ax: Axes, values, names, *, colour, ticks=None, label: str = "value") -> Axes:
    """Parallel coordinates: a line for each row, a vertical axis for each column.

    Args:
        values: rows by columns, each already between 0 (bottom) and 1 (top). names: of the columns.
        colour: a number for each row; higher ones stand out. label: of those numbers.
        ticks: for each column a mapping of place (0..1) to the text that stands there.

    Raises:
        ValueError: no row, or numbers of rows, columns, names, colours or ticks that do not agree.
    """
    columns = len(names)
    shapes = {len(row) for row in values} | {len(names if ticks is None else ticks)}
    if shapes != {columns} or len(colour) != len(values) or not len(values):
        raise ValueError(
            f"values: got {len(values)} rows for {len(colour)} colours, and {sorted(shapes)} columns or "
            f"ticks for {columns} names; needs as many of each, and a row"
        )
    box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8}
    norm = Normalize(min(colour), max(colour))
    shade = ScalarMappable(norm, SEQUENTIAL)
    for place in sorted(range(len(values)), key=lambda place: colour[place]):
        weight = float(norm(colour[place]))
        style = {"lw": 0.7 + 1.3 * weight, "alpha": 0.25 + 0.75 * weight}
        ax.plot(range(columns), values[place], color=shade.to_rgba(colour[place]), **style)
    for column, marks in enumerate(ticks or [{}] * columns):
        ax.axvline(column, color="grey", lw=0.8)
        for height, text in marks.items():
            ax.text(column + 0.03, height, text, fontsize=9, va="center", bbox=box)
    ax.figure.colorbar(shade, ax=ax, label=label)
    ax.grid(False)
    ax.set(xticks=range(columns), xticklabels=names, xlim=(-0.1, columns - 0.5), yticks=[])
    ax.set(xlabel="setting", ylabel="from low to high")
    return ax


def target_and_yours(draw, target, yours, *, size: tuple[float, float] = (7, 3)):
    """A figure with ``draw(ax, target)`` on the left and ``draw(ax, yours)`` on the right.

    Where ``yours`` is None, or cannot be drawn, the right side says so and nothing raises.
    """
    fig, axes = figure(1, 2, size=size)
    draw(axes[0], target)
    axes[0].set_title("target")
    try:
        if yours is not None:
            draw(axes[1], yours)
        note = "yours" if yours is not None else "yours: not done yet"
    except Exception as error:  # an answer of any kind may arrive here
        axes[1].clear()
        note = f"yours: cannot be drawn ({type(error).__name__})"
    if not axes[1].has_data():
        axes[1].axis("off")
    axes[1].set_title(note)
    return fig


def compare(draw, target, yours, *, alt: str, size: tuple[float, float] = (7, 3)) -> Picture:
    """``target_and_yours`` as a finished picture, in one call."""
    if not isinstance(alt, str) or not alt.strip():
        got = "an empty text" if isinstance(alt, str) else repr(alt)
        raise ValueError(f"alt: got {got}; needs a sentence on what it shows")
    return show(target_and_yours(draw, target, yours, size=size), alt)
