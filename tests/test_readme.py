"""What the README says is true: its Python runs, and its figures come out."""

import re
import textwrap
from pathlib import Path

import equinox as eqx
import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


def snippets() -> list[str]:
    """The Python of the README, block by block."""
    return [textwrap.dedent(code) for code in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)]


@pytest.mark.slow
def test_the_python_of_the_readme_runs_and_recovers_seeing_and_inclination():
    names: dict = {}
    for code in snippets():
        small = (
            code.replace("100_000", "5_000")
            .replace("size=(100, 100)", "size=(20, 20)")
            .replace("size=3721", "size=600")
            .replace("pitch=0.2", "pitch=0.4")
            .replace("from_library(library)", "from_library(library, 1e-2)")
        )
        exec(compile(small, str(README), "exec"), names)
    assert names["cube"].shape == (20, 20, 600)
    found, errors = names["model"].values(names["fit"].parameters), names["uncertainty"].errors
    for name, truth in (("seeing", 0.8), ("inclination", 55.0)):
        assert abs(float(found[name]) - truth) < 3.5 * errors[name], name
    fwhm, inclination = (float(leaf) for leaf in names["where"](names["parameters"]))
    assert np.isclose(fwhm, 0.8, atol=0.005)
    assert np.isclose(inclination, 55.0, atol=0.1)
    assert np.isfinite(np.asarray(eqx.filter_jit(names["sharp"])(names["stars"]))).all()


def test_a_cube_takes_fifteen_lines():
    assert len([line for line in snippets()[0].splitlines() if line.strip()]) <= 15
