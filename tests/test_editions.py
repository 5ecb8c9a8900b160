"""Both editions follow from the sources, byte for byte, and the student's keeps no solution."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from course.workshop import editions as maker
from tests.conftest import ROOT

LESSONS = maker.lessons()


def notebook(path, name):
    return json.loads(maker.edition(path, name, maker.settings()))


def sources(cells, tag=None):
    return [
        "".join(cell["source"])
        for cell in cells
        if tag is None or tag in cell["metadata"].get("tags", [])
    ]


def test_files_are_in_step_with_their_sources():
    """`make notebooks` would change nothing: neither a notebook nor the README's links."""
    differing = [
        str(path.relative_to(ROOT))
        for path, text in maker.wanted().items()
        if not path.exists() or path.read_bytes() != text.encode()
    ]
    assert differing == [], "run `make notebooks`"
    assert maker.stale() == [], "run `make notebooks`"


def test_generation_is_the_same_every_time(tmp_path):
    for folder in ("course", "."):
        (tmp_path / folder).mkdir(exist_ok=True)
    for path in [*LESSONS, *(ROOT / f for f in ("pyproject.toml", "README.md", "CITATION.cff"))]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    maker.main(tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path in tmp_path.rglob("*.ipynb"):
        path.unlink()
    gone = tmp_path / "course" / "student" / "77_gone.ipynb"
    gone.parent.mkdir(exist_ok=True)
    gone.write_text("{}")
    maker.main(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first
    assert not gone.exists()
    assert len(list(tmp_path.rglob("*.ipynb"))) == 2 * len(LESSONS)


def test_a_fork_changes_one_line(tmp_path):
    (tmp_path / "course").mkdir()
    for path in [
        *LESSONS[:1],
        *(ROOT / f for f in ("pyproject.toml", "README.md", "CITATION.cff")),
    ]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    old = maker.settings()["repository"]
    project = tmp_path / "pyproject.toml"
    text = project.read_text()
    assert text.count(old) == 1
    project.write_text(text.replace(old, "somebody/fork"))
    maker.main(tmp_path)
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".py"]
    assert len(made) == 3 + 2 * len(LESSONS[:1])
    for path in made:
        assert old not in path.read_text(), f"{path.name} still names {old}"
    assert "somebody/fork" in (tmp_path / "README.md").read_text()


def test_no_tracked_file_but_the_setting_and_what_follows_from_it_names_the_repository():
    old = maker.settings()["repository"]
    listed = subprocess.run(
        ["git", "-C", ROOT, "grep", "-l", "-I", "-F", old], capture_output=True, text=True
    )
    if listed.returncode > 1:
        pytest.skip("not a git checkout")
    allowed = {"pyproject.toml", "README.md", "CITATION.cff"}
    others = [f for f in listed.stdout.split() if not f.endswith(".ipynb") and f not in allowed]
    assert others == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", maker.EDITIONS)
def test_notebook_is_clean(path, name):
    made = notebook(path, name)
    ids = [cell["id"] for cell in made["cells"]]
    assert len(set(ids)) == len(ids)
    assert made["metadata"]["kernelspec"]["name"] == "python3"
    headings = 0
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            headings += bool(re.search(r"^#{1,3} ", "".join(cell["source"]), re.M))
        else:
            assert cell["outputs"] == [] and cell["execution_count"] is None
            folded = bool({"solution", "setup", "figure"} & set(cell["metadata"].get("tags", [])))
            folded |= headings == 1  # a first screen is for the question and its picture
            assert ("cellView" in cell["metadata"]) == folded
            if folded:
                assert cell["metadata"]["jupyter"] == {"source_hidden": True}
                assert cell["metadata"]["cellView"] == "form"
    (setup,) = sources(made["cells"], "setup")
    assert "google.colab" in setup and "--no-deps" in setup
    (launch,) = sources(made["cells"], "launch")
    for url in re.findall(r"\]\((https://\S+?ipynb)\)", launch):
        assert url.endswith(f"course/{name}/{path.stem}.ipynb")
    assert all(text in launch for text in ("Open in Colab", "Open in Kaggle", "Launch on Binder"))
    assert launch.count(f"/v{maker.settings()['version']}") == 3, "a link names no release"
    assert "".join(made["cells"][-1]["source"]).endswith(f'checks.hand_in("{path.stem[:2]}")')


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_student_edition_has_stubs_and_hints_but_no_solutions(path):
    cells = maker.read_lesson(path)
    student, instructor = (notebook(path, name)["cells"] for name in maker.EDITIONS)
    stubs, solutions = sources(cells, "stub"), sources(cells, "solution")
    assert len(stubs) == len(solutions)
    assert set(stubs) <= set(sources(student)) and not set(stubs) & set(sources(instructor))
    assert set(solutions) <= set(sources(instructor))
    assert not set(solutions + sources(cells, "instructor")) & set(sources(student))
    for stub, solution in zip(stubs, solutions, strict=True):
        assert stub != solution and "..." in stub
    hints = sum("<details" in source for source in sources(cells))
    assert hints == sum("<details" in source for source in sources(student))


def test_setup_cell_is_the_same_in_every_lesson():
    cells = {
        sources(notebook(path, name)["cells"], "setup")[0]
        for path in LESSONS
        for name in maker.EDITIONS
    }
    assert len(cells) <= 1


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_head_says_what_one_core_was_measured_to_need(path):
    figures = maker.measured().get(path.stem)
    (head,) = (text for text in sources(notebook(path, "student")["cells"]) if "*Time:*" in text)
    if figures is None:  # `NGPU_LESSONS=10 make bench ONLY=lessons`, then `make notebooks`
        assert "of one CPU core, measured" not in head
        return
    told = f"minutes of yours; {maker.minutes(figures['seconds'])} of one CPU core, measured"
    assert told in head and figures["seconds"] <= 180


def test_the_page_of_benchmarks_has_the_measured_table():
    text = (ROOT / "BENCHMARKS.md").read_text().split("\n## Lessons\n")[1].split("\n## ")[0]
    rows = [re.split(r" *\| *", line) for line in re.findall(r"^\| (\d\d_.*) \|$", text, re.M)]
    names = ("memory_mb", "first_picture", "seconds")
    told = {
        stem: {name: float(value) for name, value in zip(names, values, strict=True) if value}
        for stem, *values in rows
    }
    assert told == maker.measured()


def test_a_time_written_by_hand_gives_way():
    old = (
        "*Time:* 60 minutes of yours, about two\nminutes of a core (a GPU is no faster). 9 minutes"
    )
    new = "*Time:* 60 minutes of yours; 1 min 5 s of one CPU core, measured (a GPU is no faster). 9 minutes"
    assert maker.with_time(old, {"seconds": 65}) == new == maker.with_time(new, {"seconds": 65})
    assert maker.with_time(old, None) == old and maker.minutes(59.6) == "1 min 0 s"


def write(tmp_path, *cells):
    path = tmp_path / "50_made_up.py"
    path.write_text("\n\n".join(cells) + "\n")
    return path


def test_a_misspelt_tag_is_named(tmp_path):
    path = write(tmp_path, "# %%\nx = 1", '# %% tags=["solutin"]\nx = 2')
    with pytest.raises(ValueError, match="cell 2: got the tag 'solutin'; did you mean solution"):
        maker.read_lesson(path)


def test_an_unreadable_head_is_named(tmp_path):
    path = write(tmp_path, '# %% tags=["launch"] [markdown]\n# here')
    with pytest.raises(ValueError, match="cell 1: cannot read .*needs the kind before the tags"):
        maker.read_lesson(path)


def test_a_solution_needs_its_stub(tmp_path):
    path = write(
        tmp_path, '# %% tags=["stub"]\nx = ...', "# %%\ny = 1", '# %% tags=["solution"]\nx = 2'
    )
    with pytest.raises(ValueError, match="cell 3: a solution needs its stub"):
        maker.read_lesson(path)


def test_a_figure_is_folded_in_both_editions(tmp_path):
    path = write(tmp_path, '# %% tags=["figure"]\nax.plot(x)', "# %%\nx = 1")
    for name in maker.EDITIONS:
        figure, other, *_ = notebook(path, name)["cells"]  # at the end: the panel to hand in
        assert figure["metadata"]["jupyter"] == {"source_hidden": True}
        assert figure["metadata"]["cellView"] == "form" and other["metadata"] == {}
    path = write(tmp_path, '# %% [markdown] tags=["figure"]\n# a picture')
    with pytest.raises(ValueError, match="cell 1: got figure on text; needs a code cell"):
        maker.read_lesson(path)


def test_code_before_the_first_section_is_folded(tmp_path):
    text = "# %% [markdown]\n# # "
    path = write(tmp_path, f"{text}00 · Title", "# %%\nviewer", f"{text}# 1 · First", "# %%\nx = 1")
    for name in maker.EDITIONS:
        _, viewer, _, later, *_ = notebook(path, name)["cells"]
        assert viewer["metadata"]["jupyter"] == {"source_hidden": True}
        assert later["metadata"] == {}


def test_equal_cells_get_different_ids(tmp_path):
    path = write(tmp_path, "# %%\nx = 1", "# %%\nx = 1", "# %% [markdown]\n# x = 1")
    ids = [cell["id"] for cell in notebook(path, "student")["cells"]]
    assert len(set(ids)) == 3 + 2  # the panel to hand in, and its text
    # and another edition, or a cell before, changes none of them
    later = write(
        tmp_path, "# %%\nnew = 1", "# %%\nx = 1", "# %%\nx = 1", "# %% [markdown]\n# x = 1"
    )
    assert [cell["id"] for cell in notebook(later, "instructor")["cells"]][1:] == ids
