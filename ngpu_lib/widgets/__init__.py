"""Widgets: arrays in, moving pictures out.

``ActivationViewer`` shows the states of a run; five explorers answer a few controls with one picture.
Each is a small Python class (what is shown) and one plain JavaScript file (how it is drawn). The
JavaScript lives in the page, so whatever needs no model works on a static page too.
"""

from ngpu_lib.widgets.explorers import Addressing, Carries, DrawDigit, Gates, GradientFlow
from ngpu_lib.widgets.viewer import ActivationViewer, quantise

__all__ = [
    "ActivationViewer",
    "Addressing",
    "Carries",
    "DrawDigit",
    "Gates",
    "GradientFlow",
    "quantise",
]
