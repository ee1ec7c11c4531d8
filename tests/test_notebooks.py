"""The notebooks run from top to bottom, on small sizes, and are kept without outputs.

A notebook says in its metadata what a test replaces: `"ifux": {"smaller": {"particles = 9_000": "particles = 90"}}`.
Its assertions, if it has any, must hold on both sizes.
"""

import json
import re
from pathlib import Path

import matplotlib
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    notebook, names = json.loads(path.read_text("utf-8")), {}
    smaller = notebook["metadata"]["ifux"]["smaller"]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"])
            for full in [full for full in smaller if full in code]:
                code = code.replace(full, smaller[full])
            exec(compile(code, str(path), "exec"), names)
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_made_smaller_where_it_says_so(path):
    notebook = json.loads(path.read_text("utf-8"))
    code = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert all(full in code for full in notebook["metadata"]["ifux"]["smaller"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def pictures(text):
    """Names of the pictures that Markdown shows."""
    return set(re.findall(r"!\[[^\]]*\]\(([^)\s]+\.png)\)", text))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_picture_of_a_notebook_lies_beside_it(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    shown = pictures("".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))
    assert not [name for name in shown if not (path.parent / name).is_file()]


def test_every_picture_is_shown():
    folder = NOTEBOOKS[0].parent
    shown = set().union(*(pictures(path.read_text("utf-8")) for path in NOTEBOOKS))
    readme = pictures((folder.parent / "README.md").read_text("utf-8"))
    shown |= {name.removeprefix("notebooks/") for name in readme}
    assert {path.name for path in folder.glob("*.png")} <= shown
