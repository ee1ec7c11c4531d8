"""A plan says beforehand what an observation needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stages import library as made_up
from test_run import DESCRIPTION

from ifux import config, run
from ifux.plan import Plan

DEMO = str(Path(__file__).parents[1] / "configs" / "demo.json")

RUN = """
import json, sys
from ifux import config, run

def peak():
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

session = run.prepare(config.with_settings(config.load(sys.argv[1]), sys.argv[2:]))
expected = run.planned(session).peak
run.observe(session)
print(json.dumps([expected, peak()]))
"""


def measured(*words):
    """The memory that a process plans, and its own peak [byte], compiled as users do.

    An observation plans before all else, so that to do it once more costs it no memory.
    """
    command, environment = [sys.executable, "-c", RUN, *words], os.environ | {"XLA_FLAGS": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
@pytest.mark.parametrize(
    "settings",
    [[], ["telescope.psf.kind=none", "telescope.spaxels.size=[60,60]", "galaxy.count=1500000"]],
    ids=["large cube", "many particles"],
)
def test_memory_is_foreseen_within_a_fifth(settings):
    expected, found = measured(DEMO, *settings)
    assert expected == pytest.approx(found, rel=0.2)


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(run, "embedded_library", made_up)
    return lambda *settings: run.prepare(config.with_settings(DESCRIPTION, [*settings]))


@pytest.mark.slow
def test_plan_names_shapes_and_choices(session):
    report = run.planned(session()).report()
    assert "500 together" in report and "6 x 7 spaxels x 80 channels" in report
    assert "20 x 22 cells, 2 x 2 to a spaxel and 4 on every side" in report
    assert "everywhere, the PSF on the weights" in report
    few = session("telescope.psf.kind=none", "telescope.spaxels.degree=1", "galaxy.count=2", "galaxy.bulge_count=1")
    assert "in 8 spaxels that can hold light" in run.planned(few).report()


def test_plan_that_does_not_fit_says_what_would(monkeypatch):
    small = Plan((("cube", "huge"),), (("light is observed", 2 * 10**9),), 10**9, "take fewer channels", lambda: 3e12)
    assert not small.fits and small.sentence() == (
        "the observation does not fit into memory: 2.00 GB at the peak, when light is observed, of 1.00 GB; "
        "take fewer channels"
    )
    monkeypatch.setattr("ifux.plan.pace", lambda: 1e11)
    memory, time = small.report().splitlines()[-2:]
    assert memory == "memory     2.00 GB at the peak, when light is observed, of 1.00 GB"
    assert time == "time       about 30 s of computing, to a factor of three"
