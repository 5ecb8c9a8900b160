"""A whole picture in one call, alt text included: lines, dots, bars, heatmap.

All of them take these options beside their own:

    xlabel, ylabel, alt     demanded: a word and its unit; a sentence on what the picture shows
    title, size             above it; (width, height) in inches
    levels                  name -> y of a dashed line across, such as {"guessing": 0.5}
    moments                 name -> x of a dotted line up
    spans                   name -> (from, to) on x of a grey band, such as {"in training": (1, 20)}
    legend                  where matplotlib puts it, or "right": beside the picture
    anything else           goes to Axes.set, such as ylim=(0, 1) or xticks=[8, 16, 32]

Panels side by side, on one scale: a mapping panel -> values in place of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from ngpu_lib import require
from ngpu_lib.plots.axes import (
    Picture,
    curves,
    figure,
    matrix,
    name_places,
    of_seeds,
    plain,
    points,
    show,
    strip,
)


def lines(x, series: Mapping, *, log: str = "", style: Mapping | None = None, **options) -> Picture:
    """Curves: name -> y values, or a pair of x and y values, or seeds by points (see ``curves``).

    ``log``: the logarithmic axes, "x", "y" or "xy". ``style``: for Axes.plot, such as {"marker": "o"}.

    Raises:
        ValueError: no label, no alt text, or nothing to draw (so do all these pictures).

    >>> lines([1, 2], {"loss": [2.3, 0.4]}, xlabel="update", ylabel="loss", alt="It falls.")
    Picture('It falls.')
    """

    def draw(ax, part):
        curves(
            ax, x, part, xlabel=ax.get_xlabel(), ylabel=ax.get_ylabel(), log=log, **(style or {})
        )

    return _picture(draw, _panels(series), **options)


def dots(
    results: Mapping,
    *,
    xlabel: str = "",
    ylabel: str = "",
    alt: str = "",
    rows: bool = False,
    **options,
) -> Picture:
    """One dot per seed by variant, and a bar at the median: variant -> values by seed.

    ``rows``: variants from top to bottom, for long names; ``xlabel`` then names the values.
    ``alt``: otherwise the ``medians`` in words.

    >>> dots({"plain": [0.5, 0.7, 0.6]}, xlabel="training", ylabel="share right")
    Picture('share right by training: plain 0.6 (0.5 to 0.7).')
    """
    value, variant = (xlabel, ylabel) if rows else (ylabel, xlabel)
    alt = alt or f"{value} by {variant}: {medians(results)}."
    options |= {"xlabel": xlabel, "ylabel": ylabel, "alt": alt}
    return _picture(lambda ax, part: strip(ax, part, rows=rows), _panels(results), **options)


def bars(values: Mapping, *, rows: bool = False, numbers: str = "", **options) -> Picture:
    """Bars: name -> height, or series -> that, for bars side by side in groups.

    ``rows``: names from top to bottom, for long ones; ``xlabel`` then names the heights. ``numbers``:
    a format, such as "%.2f", for the number at each bar.

    >>> found = {"GRU": {8: 0.9, 16: 0.1}, "NTM": {8: 1, 16: 1}}
    >>> bars(found, xlabel="length", ylabel="share right", alt="The NTM is right at both lengths.")
    Picture('The NTM is right at both lengths.')
    """
    series = _panels(values)
    names = list(dict.fromkeys(name for part in series.values() for name in part))
    thick = 0.8 / max(1, len(series))

    def draw(ax, _):
        for place, (label, part) in enumerate(series.items()):
            where = [names.index(name) + (place + 0.5) * thick - 0.4 for name in part]
            heights = plain(list(part.values()), f"values {label!r}")
            drawn = (ax.barh if rows else ax.bar)(where, heights, thick, label=label or None)
            if numbers:
                ax.bar_label(drawn, fmt=numbers, fontsize=9, padding=2)
        name_places(ax, names, rows)

    return _picture(draw, {"": names}, **options)


def heatmap(
    values,
    *,
    label: str = "",
    diverging: bool = False,
    ink: bool = False,
    limits: tuple[float, float] | None = None,
    **options,
) -> Picture:
    """A matrix as coloured cells, or several (name -> matrix) on one colour scale.

    ``label`` stands at the colour bar; ``diverging``, ``ink`` and ``limits``: see ``matrix``.

    >>> heatmap([[0, 1], [1, 0]], xlabel="cell", ylabel="step", alt="A 1 swaps places.", ink=True)
    Picture('A 1 swaps places.')
    """
    panels = values if isinstance(values, Mapping) else {"": values}
    panels = {name: plain(part) for name, part in panels.items()}
    if not panels or any(part.ndim != 2 or not part.size for part in panels.values()):
        got = [part.shape for part in panels.values()]
        raise ValueError(f"values: got shapes {got}; needs matrices, rows by columns")
    if limits is None and not ink:
        every = np.concatenate([part.ravel() for part in panels.values()])
        limits = (float(np.nanmin(every)), float(np.nanmax(every)))

    def draw(ax, part):
        style = {"diverging": diverging, "ink": ink, "limits": limits, "bar": False}
        matrix(ax, part, xlabel=ax.get_xlabel(), ylabel=ax.get_ylabel(), **style)
        everywhere = ax.figure.axes
        if ax is everywhere[-1] and not ink:
            ax.figure.colorbar(ax.images[0], ax=everywhere, label=label)

    same_rows = len({len(part) for part in panels.values()}) == 1
    return _picture(draw, panels, sharey=same_rows, **options)


def medians(results: Mapping) -> str:
    """Values by seed in words for an alt text: each variant's median, lowest and highest value.

    >>> medians({"plain": [91.2, 92.0, 91.7], "decay": [93.1]})
    'plain 91.7 (91.2 to 92), decay 93.1'
    """
    if _is_nested(results):
        return "; ".join(f"{name}: {medians(part)}" for name, part in results.items())
    parts = []
    for name, values in results.items():
        low, middle, high = np.quantile(of_seeds(name, values), (0, 0.5, 1))
        around = f" ({low:.3g} to {high:.3g})" if low < high else ""
        parts.append(f"{' '.join(str(name).split())} {middle:.3g}{around}")
    return ", ".join(parts)


def ends(x, series: Mapping) -> str:
    """Curves in words for an alt text: where each begins and ends; of seeds, their median.

    >>> ends([1, 200], {"SGD": [2.3, 0.5], "Adam": [2.3, 0.2]})
    'SGD from 2.3 at 1 to 0.5 at 200, Adam from 2.3 at 1 to 0.2 at 200'
    """
    if _is_nested(series):
        return "; ".join(f"{name}: {ends(x, part)}" for name, part in series.items())
    parts = []
    for name, values in series.items():
        own, y = points(x, name, values)
        y = np.median(np.atleast_2d(y), 0)
        parts.append(f"{name} from {y[0]:.3g} at {own[0]:g} to {y[-1]:.3g} at {own[-1]:g}")
    return ", ".join(parts)


def _is_nested(values: Mapping) -> bool:
    return bool(values) and all(isinstance(part, Mapping) for part in values.values())


def _panels(values: Mapping) -> Mapping:
    """Panels by name, or the one there is under no name."""
    require.instance("values", values, Mapping, "a mapping: name -> values")
    return values if _is_nested(values) else {"": values}


def _picture(
    draw: Callable,
    panels: Mapping,
    *,
    xlabel: str = "",
    ylabel: str = "",
    alt: str = "",
    title: str = "",
    size: tuple[float, float] | None = None,
    levels: Mapping | None = None,
    moments: Mapping | None = None,
    spans: Mapping | None = None,
    legend: str = "best",
    sharey: bool = True,
    **set_axes,
) -> Picture:
    """``draw(ax, values)`` for each panel, with all that the pictures have in common."""
    for name, text in (("xlabel", xlabel), ("ylabel", ylabel), ("alt", alt)):
        if not isinstance(text, str) or not text.strip():
            needs = "a sentence on what it shows" if name == "alt" else "a word and its unit"
            got = "an empty text" if isinstance(text, str) else repr(text)
            raise ValueError(f"{name}: got {got}; needs {needs}")
    count = len(panels)
    if not count or not all(len(part) for part in panels.values()):
        raise ValueError("values: got none; needs at least one, in each panel")
    size = size or ((7, 3.2) if count == 1 else (min(11, 1.5 + 3.2 * count), 3.2))
    fig, axes = figure(1, count, size=size, squeeze=False, sharey=sharey)
    if count > 1 and title:
        fig.suptitle(title)
    shown: list[str] = []
    for ax, (name, part) in zip(axes[0], panels.items(), strict=True):
        ax.set(xlabel=xlabel, ylabel=ylabel if ax is axes[0, 0] else "")
        draw(ax, part)
        ax.set_title(name or (title if count == 1 else ""))
        for text, y in (levels or {}).items():
            ax.axhline(y, color="black", ls="--", lw=1, label=text)
        for text, place in (moments or {}).items():
            ax.axvline(place, color="black", ls=":", lw=1, label=text)
        for text, (low, high) in (spans or {}).items():
            ax.axvspan(low, high, color="black", alpha=0.08, lw=0, label=text)
        ax.set(**set_axes)
        _plain_ticks(ax, set_axes)
        texts = ax.get_legend_handles_labels()[1]
        if len(texts) > 1 and texts != shown:
            outside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
            ax.legend(fontsize=9, **(outside if legend == "right" else {"loc": legend}))
        elif ax.get_legend():
            ax.get_legend().remove()
        shown = texts
    return show(fig, alt)


def _plain_ticks(ax: Axes, set_axes: Mapping) -> None:
    """Ticks that were asked for stand alone on a logarithmic axis, as plain numbers."""
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        places = set_axes.get(f"{name}ticks")
        if places is not None and axis.get_scale() == "log":
            axis.set_minor_locator(NullLocator())
            axis.set_ticks(places, set_axes.get(f"{name}ticklabels", [f"{v:g}" for v in places]))
