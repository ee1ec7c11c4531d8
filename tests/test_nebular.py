"""One source of ionisation a description: lines of gas beside a library that has them would count twice."""

from dataclasses import replace

import numpy as np
import pytest
from stages import library as made_up

from ifux import InputError, Wavelengths, run
from ifux.emission import LINES
from ifux.io import embedded_library, read_ssp
from ifux.nebular import nebular_library


def young(width=0.0, medium="air"):
    """A made-up library of three ages, the first with H-beta of an equivalent width [angstrom] in emission."""
    plain = made_up(Wavelengths(4700.0, 1.0, 400, medium))
    age = np.array([0.003, *plain.age[1:]])
    line = LINES["Hbeta"].wavelength / (1.00028 if medium == "air" else 1)
    profile = np.exp(-0.5 * ((plain.wavelength - line) / 2.0) ** 2) / (2.0 * np.sqrt(2 * np.pi))
    flux = plain.flux.copy()
    flux[:, 0] *= 1 + width * profile
    return replace(plain, age=age, flux=flux, name="young")


@pytest.mark.parametrize("medium", ["air", "vacuum"])
def test_lines_of_nebulae_in_a_library_are_found(medium):
    assert nebular_library(young(0.0, medium)) is None
    assert nebular_library(young(5.0, medium)) is None
    found = nebular_library(young(150.0, medium))
    assert "the stellar library 'young' has the lines of nebulae in it already (Hbeta of 1" in found
    old = replace(young(150.0, medium), age=young().age + 0.02)
    assert nebular_library(old) is None


def test_stars_alone_have_none(data):
    """Neither the embedded library nor MILES nor BC03, whose youngest populations are of 0.1 Myr."""
    assert nebular_library(embedded_library()) is None
    assert nebular_library(read_ssp(data("miles_ssp.h5"))) is None
    bruzual = read_ssp(data("BC03lr.h5"), medium="vacuum", fwhm=20.0, imf="Chabrier", citation="BC03")
    assert bruzual.age[0] < 0.01 and nebular_library(bruzual) is None


def test_description_with_both_is_refused(monkeypatch):
    monkeypatch.setattr(run, "embedded_library", lambda: replace(young(150.0), illustrative=True))
    described = {
        "galaxy": {"kind": "disc-bulge", "count": 200, "seed": 3, "gas": {"count": 100}},
        "library": {"kind": "embedded"},
        "telescope": {
            "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
            "wavelengths": {"start": 4900.0, "step": 1.25, "size": 80, "medium": "air"},
            "spaxels": {"kind": "square", "pitch": 2.0, "size": [4, 3]},
            "psf": {"kind": "gaussian", "fwhm": 3.0},
            "emission": {"kind": "star-forming"},
        },
    }
    with pytest.raises(InputError, match=r"telescope\.emission: the stellar library 'young' has the lines of nebulae"):
        run.prepare(described)
