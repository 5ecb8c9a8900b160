"""Arrays in, pictures out: labelled axes, colour-blind-safe colours, alt text.

``lines``, ``dots``, ``bars`` and ``heatmap`` are a whole picture in one call (``pictures``). For any
other: ``figure``, then ``curves``, ``spread``, ``strip``, ``matrix`` or ``parallel`` on its Axes, then
``show`` (``axes``).
"""

from ngpu_lib.plots.axes import (
    DIVERGING,
    PALETTE,
    SEQUENTIAL,
    STYLE,
    Picture,
    compare,
    curves,
    figure,
    images,
    matrix,
    parallel,
    show,
    spread,
    strip,
    target_and_yours,
)
from ngpu_lib.plots.pictures import bars, dots, ends, heatmap, lines, medians

__all__ = [
    "DIVERGING",
    "PALETTE",
    "SEQUENTIAL",
    "STYLE",
    "Picture",
    "bars",
    "compare",
    "curves",
    "dots",
    "ends",
    "figure",
    "heatmap",
    "images",
    "lines",
    "matrix",
    "medians",
    "parallel",
    "show",
    "spread",
    "strip",
    "target_and_yours",
]
