"""A lesson shows its idea: short open cells, and pictures folded (see course/workshop/shape.py)."""

from __future__ import annotations

import pytest

from course.workshop import shape
from course.workshop.editions import lessons


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_lesson_shows_the_idea(path):
    """No open cell above 20 lines, a median of at most 8, at most 15 % of the lines draw or print."""
    faults = shape.shape(path).faults()
    assert not faults, "\n".join(["fold with tags=['figure'], or shorten:", *faults])


@pytest.mark.parametrize(
    ("source", "lines", "drawn"),
    [
        ("x = 1\n\ny = 2\n", 2, 0),
        ("print(x)\nx = f(\n    1,\n)", 4, 1),
        ("fig, ax = plots.figure()\nax.plot(x)\nplots.show(fig, alt='A curve')", 3, 3),
        ("axes[0, 1].plot(\n    x,\n)", 3, 3),
        ("figures = 3\naxis_of = x.max(axis=0)", 2, 0),
        ("for ax, y in zip(axes, ys):\n    ax.plot(y)", 2, 2),
        ("for y in ys:\n    total += y\n    print(total)", 3, 1),
        ("if x:\n    print(1)\nelse:\n    y = 2", 4, 1),
        ("def picture(x):\n    '''One.'''\n    panel.imshow(x)", 3, 3),
        ("def f(x):\n    return x + 1", 2, 0),
        ("curves(a, b)\nrun(a)", 2, 1),
        ("%pip install x\nx = 1  # %\n", 2, 0),
    ],
)
def test_lines_that_draw_are_counted(source, lines, drawn):
    cell = shape.measure(source, {"curves"})
    assert (cell.lines, cell.drawn) == (lines, drawn)


def test_what_is_folded_or_an_instructors_is_not_counted(tmp_path):
    tags = ("figure", "setup", "solution", "instructor", "stub")
    before = '# %% tags=["stub"]\ny = ...'
    cells = [f'# %% tags=["{tag}"]\n' + "x = 1\n" * k for k, tag in enumerate(tags, start=1)]
    path = tmp_path / "50_made_up.py"
    path.write_text("\n\n".join([cells[0], cells[1], before, *cells[2:]]) + "\n")
    assert [cell.lines for cell in shape.shape(path).cells] == [1, 5]


def test_offenders_are_named():
    long = shape.Cell("train(model)", 21, 0)
    drawn = shape.Cell("fig, ax = plots.figure()", 9, 9)
    found = shape.Shape("50_made_up", [long, drawn]).faults()
    assert found[0] == "50_made_up: 21 lines, at most 20: train(model)"
    assert found[1] == "50_made_up: a median of 15 lines, at most 8"
    assert "30% of the open lines draw" in found[2] and "fig, ax = plots.figure()" in found[3]


def test_names_taken_from_plots_draw():
    assert shape.from_plots(["from ngpu_lib.plots import curves, show as look", "%time x"]) == {
        "curves",
        "look",
    }
