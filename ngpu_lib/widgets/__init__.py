"""Widgets: arrays in, moving pictures out.

``ActivationViewer`` shows the states of a run; ten explorers answer a few controls with one picture.
Each is a small Python class (what is shown) and the plain JavaScript file of the same name (how it is
drawn). The JavaScript lives in the page, so whatever needs no model works on a static page too.
"""

from ngpu_lib.widgets.addressing import Addressing
from ngpu_lib.widgets.attention import AttentionMaps
from ngpu_lib.widgets.carries import Carries
from ngpu_lib.widgets.copier import Copier
from ngpu_lib.widgets.digit import DrawDigit
from ngpu_lib.widgets.gates import Gates
from ngpu_lib.widgets.gradient import GradientFlow
from ngpu_lib.widgets.space_time import SpaceTime
from ngpu_lib.widgets.tape_drive import TapeDrive
from ngpu_lib.widgets.temperature import Temperature
from ngpu_lib.widgets.viewer import ActivationViewer

__all__ = [
    "ActivationViewer",
    "Addressing",
    "AttentionMaps",
    "Carries",
    "Copier",
    "DrawDigit",
    "Gates",
    "GradientFlow",
    "SpaceTime",
    "TapeDrive",
    "Temperature",
]
