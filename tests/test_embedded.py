"""The embedded library behaves as stellar populations do."""

import h5py
import numpy as np
import pytest

from ifux.embedded import build
from ifux.embedded.imf import mass_below, stars_below
from ifux.embedded.main_sequence import MainSequence
from ifux.units import SOLAR_METALLICITY

HDELTA = (4041.6, 4081.5), (4083.5, 4122.25), (4128.5, 4161.0)
HBETA = (4827.875, 4847.875), (4847.875, 4876.625), (4876.625, 4891.625)
MGB = (5117.7, 5142.7), (5160.125, 5192.625), (5191.375, 5206.375)
TIO2 = (6066.625, 6141.625), (6189.625, 6272.125), (6372.625, 6415.125)
"""Continuum, band and continuum of Lick indices [angstrom]: Worthey & Ottaviani (1997), Trager et al. (1998)."""


@pytest.fixture(scope="module")
def library():
    return build()


def solar(library):
    return int(np.argmin(np.abs(library.metallicity - SOLAR_METALLICITY)))


def spectrum(library, metallicity, age):
    """Interpolated in log age at the nearest metallicity."""
    row = library.flux[np.argmin(np.abs(np.log(library.metallicity / metallicity)))]
    place = np.interp(np.log(age), np.log(library.age), np.arange(library.age.size))
    cell = min(int(place), library.age.size - 2)
    return row[cell] + (place - cell) * (row[cell + 1] - row[cell])


def mean(wavelength, flux, low, high):
    return flux[..., (wavelength >= low) & (wavelength <= high)].mean(axis=-1)


def equivalent_width(wavelength, flux, blue, band, red):
    """[angstrom], positive in absorption."""
    left, right = mean(wavelength, flux, *blue), mean(wavelength, flux, *red)
    inside = (wavelength >= band[0]) & (wavelength <= band[1])
    along = (wavelength[inside] - np.mean(blue)) / (np.mean(red) - np.mean(blue))
    level = left[..., None] + (right - left)[..., None] * along
    return np.sum(1 - flux[..., inside] / level, axis=-1) * (wavelength[1] - wavelength[0])


def break_at_4000(wavelength, flux):
    """Dn4000 of Balogh et al. (1999)."""
    per_frequency = flux * wavelength**2
    return mean(wavelength, per_frequency, 4000, 4100) / mean(wavelength, per_frequency, 3850, 3950)


def test_library_reaches_what_it_promises(library):
    assert library.wavelength[0] <= 3000 and library.wavelength[-1] >= 10500
    assert library.age[0] == pytest.approx(0.003) and library.age[-1] == pytest.approx(14)
    assert library.metallicity[0] == 0.0001 and library.metallicity[-1] == 0.04
    assert np.all(library.fwhm <= 2.0)
    assert library.medium == "air"
    assert library.pixels().size == library.wavelength.size


def test_light_is_positive_everywhere(library):
    assert np.all(np.isfinite(library.flux)) and np.all(library.flux > 0)


def test_library_is_labelled_illustrative(library):
    assert library.illustrative


def test_library_is_the_same_every_time(library):
    assert np.array_equal(build().flux, library.flux)


def test_initial_masses_add_up_to_one():
    mass = np.geomspace(0.1, 100, 20001)
    assert mass_below(mass)[-1] == pytest.approx(1)
    middle = np.sqrt(mass[1:] * mass[:-1])
    assert np.sum(middle * np.diff(stars_below(mass))) == pytest.approx(1, rel=1e-4)


def test_sun_has_the_luminosity_and_radius_of_the_sun():
    one = np.array([1.0])
    sequence = MainSequence(SOLAR_METALLICITY)
    luminosity, radius = sequence.state(one, 4.57 / sequence.lifetime(one))
    assert abs(luminosity[0]) < 0.05 and abs(radius[0]) < 0.03


def test_populations_fade(library):
    bright = mean(library.wavelength, library.flux, 5450, 5550)
    assert np.all(np.diff(bright[:, library.age > 0.02], axis=1) < 0)


def test_mass_to_light_follows_miles(library, data):
    with h5py.File(data("miles_ssp.h5")) as file:
        wavelength, age = file["wavelength"][:], file["age"][:]
        flux = file["flux"][int(np.argmin(np.abs(file["metallicity_Z_isochrone"][:] - SOLAR_METALLICITY)))]
    used = (age >= 0.1) & (age <= 13)
    ours = np.array([spectrum(library, SOLAR_METALLICITY, one) for one in age[used]])
    ratio = mean(wavelength, flux[used], 5450, 5550) / mean(library.wavelength, ours, 5450, 5550)
    assert np.max(np.abs(np.log10(ratio))) < 0.25


def test_break_rises_with_age(library):
    ages = [0.1, 0.3, 1.0, 3.0, 10.0]
    for metallicity in (0.004, SOLAR_METALLICITY, 0.04):
        rows = np.array([spectrum(library, metallicity, age) for age in ages])
        assert np.all(np.diff(break_at_4000(library.wavelength, rows)) > 0)


def test_break_rises_with_metallicity(library):
    for age in (1.0, 3.0, 10.0):
        rows = np.array([spectrum(library, metallicity, age) for metallicity in (0.0001, 0.001, 0.004, 0.0198, 0.04)])
        assert np.all(np.diff(break_at_4000(library.wavelength, rows)) > 0)


@pytest.mark.parametrize("index", [HDELTA, HBETA], ids=["Hdelta", "Hbeta"])
def test_balmer_lines_are_strongest_at_a_few_hundred_million_years(library, index):
    widths = equivalent_width(library.wavelength, library.flux[solar(library)], *index)
    assert 0.1 < library.age[np.argmax(widths)] < 1.0


def test_magnesium_rises_with_metallicity(library):
    for age in (1.0, 3.0, 10.0, 13.0):
        rows = np.array([spectrum(library, metallicity, age) for metallicity in (0.0001, 0.001, 0.004, 0.0198, 0.04)])
        assert np.all(np.diff(equivalent_width(library.wavelength, rows, *MGB)) > 0)


def test_old_rich_populations_show_titanium_oxide(library):
    old, young = (spectrum(library, 0.04, age) for age in (12.0, 0.5))
    poor = spectrum(library, 0.001, 12.0)
    widths = [equivalent_width(library.wavelength, one, *TIO2) for one in (old, young, poor)]
    assert widths[0] > 2.0 and widths[0] > 2 * max(widths[1:])


def test_calcium_triplet_is_there(library):
    old = spectrum(library, SOLAR_METALLICITY, 10.0)
    for centre in (8498.02, 8542.09, 8662.14):
        width = equivalent_width(
            library.wavelength, old, (centre - 25, centre - 15), (centre - 10, centre + 10), (centre + 15, centre + 25)
        )
        assert width > 0.5


@pytest.mark.parametrize(
    ("age", "centre"),
    [(0.3, 4861.33), (0.3, 4340.47), (0.3, 6562.80), (10.0, 3933.66), (10.0, 5889.95), (10.0, 8542.09)],
    ids=["Hbeta", "Hgamma", "Halpha", "Ca K", "Na D2", "Ca triplet"],
)
def test_lines_stand_at_their_wavelengths_in_air(library, age, centre):
    flux = spectrum(library, SOLAR_METALLICITY, age)
    near = np.abs(library.wavelength - centre) < 2.5
    wavelength, depth = library.wavelength[near], flux[near].max() - flux[near]
    parabola = np.polynomial.Polynomial.fit(wavelength - centre, depth, 2).convert().coef
    assert abs(-parabola[1] / (2 * parabola[2])) < 0.3
