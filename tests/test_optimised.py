"""What users get is right: tests of accuracy, in a process that compiles as theirs do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = (
    "test_specification.py::test_cube_of_the_low_rank_basis_is_that_of_the_specification[Moffat]",
    "test_gradients.py::test_gradient_in_single_precision_is_that_in_double[disc and bulge]",
    "test_numerics.py::test_equal_points_in_one_place_are_all_counted[100000000-in turn]",
    "test_numerics.py::test_equal_points_in_one_place_are_all_counted[100000000-in tiles]",
    "test_numerics.py::test_tangents_keep_their_digits_too",
)


@pytest.mark.slow
def test_programs_are_right_when_they_are_optimised():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS]
    environment = os.environ | {"XLA_FLAGS": ""}
    done = subprocess.run(command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
