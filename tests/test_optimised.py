"""What users get is right: the tests of accuracy, in a process that optimises its programs as theirs do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_optimised_cube_is_that_of_the_specification():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "accuracy.py"]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, env=os.environ | {"XLA_FLAGS": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
