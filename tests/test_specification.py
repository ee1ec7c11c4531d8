"""The fast model equals the slow one: a cube of two thousand stars against `specification.py`.

The error of a spaxel is the largest difference anywhere in its spectrum, over the peak of that spectrum. What limits it
is where in a spaxel a star stands: the cubic spline that shares its light, made up for by the PSF on average. Velocity
nodes add nothing visible at the default spacing: their order is shown where space does not matter.
"""

from dataclasses import replace

import astropy.cosmology
import equinox as eqx
import jax
import numpy as np
import pytest
import stages
from conftest import DATA
from specification import Specification, air_to_vacuum, gaussian, moffat

from ifux import (
    CosmologicalTarget,
    FixedTarget,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    InclinedOrientation,
    LogWavelengths,
    LowRankSSP,
    MoffatPSF,
    NoDust,
    NoLSF,
    NoNoise,
    NoPSF,
    Particles,
    PolynomialLSF,
    ResolvingPowerLSF,
    ScreenDust,
    Slicer,
    SquareSpaxels,
    TableLSF,
    TableWavelengths,
    Telescope,
    VelocityChannels,
    Wavelengths,
)
from ifux.io import read_ssp

WAVELENGTHS = Wavelengths(4950.0, 1.25, 240, "air")
REDSHIFT, INCLINATION, POSITION_ANGLE, PITCH, SIZE, LSF = 0.03, 50.0, 30.0, 0.2, (16, 14), 3.0
PSFS = {
    "Gaussian": (gaussian(0.8), lambda: GaussianPSF(0.8)),
    "Moffat": (moffat(0.8, 2.8), lambda: MoffatPSF(0.8)),
}


@pytest.fixture(scope="module")
def made_up():
    """Sampled and resolved as MILES is."""
    return stages.library(Wavelengths(4740.0, 0.9, 456, "air"), 6, 9, fwhm=2.51)


@pytest.fixture(scope="module")
def library(made_up):
    """The real grid, and where it is absent the one made up."""
    miles = DATA / "miles_ssp.h5"
    return read_ssp(miles).cut(4740.0, 5150.0) if miles.exists() else made_up


@pytest.fixture(scope="module")
def stars():
    """Two thousand stars, some beyond the field and some beyond the ages and metallicities of the library."""
    rng = np.random.default_rng(0)
    count = 2000
    return {
        "position": rng.normal(size=(count, 3)) * 0.6,
        "velocity": rng.normal(size=(count, 3)) * 150,
        "mass": 10 ** rng.normal(5, 0.3, count),
        "age": 10 ** rng.uniform(-1.6, 1.2, count),
        "metallicity": 10 ** rng.uniform(-4.2, -1.3, count),
    }


def slow(library, psf, attenuation=None):
    distance = astropy.cosmology.Planck15.luminosity_distance(REDSHIFT).value
    return Specification(
        library, WAVELENGTHS, REDSHIFT, distance, INCLINATION, POSITION_ANGLE, PITCH, SIZE, psf, LSF, attenuation
    )


def fast(ssp, psf, dust, degree=3):
    return Telescope(
        WAVELENGTHS,
        CosmologicalTarget(REDSHIFT),
        InclinedOrientation(INCLINATION, POSITION_ANGLE),
        SquareSpaxels(PITCH, SIZE, degree=degree),
        VelocityChannels(),
        ssp,
        dust,
        psf,
        Slicer(),
        GaussianLSF(LSF),
        NoNoise(),
    )


@eqx.filter_jit
def observed(telescope, particles):
    return telescope(particles)


def error(cube, reference):
    """The largest difference in a spectrum over its peak, in the worst spaxel."""
    return np.max(np.abs(np.asarray(cube, np.float64) - reference).max(axis=2) / reference.max(axis=2))


def flux_error(cube, reference):
    return abs(np.asarray(cube, np.float64).sum() / reference.sum() - 1)


@pytest.fixture(scope="module")
def references(library, stars):
    return {name: slow(library, psf).cube(**stars) for name, (psf, _) in PSFS.items()}


@pytest.mark.parametrize("name", PSFS)
def test_cube_of_the_exact_grid_is_that_of_the_specification(bits, library, stars, references, name):
    cube = observed(fast(GridSSP.from_library(library), PSFS[name][1](), NoDust()), Particles(**stars))
    assert error(cube, references[name]) < 1e-3
    if name == "Gaussian":
        assert flux_error(cube, references[name]) < 1e-5
    else:
        # What lies beyond the reach of the kernel is kept within it: some of it belongs off the field.
        core = 0.8 / (2 * np.sqrt(2 ** (1 / 2.8) - 1))
        beyond = (1 + (24.5 * PITCH / core) ** 2) ** (1 - 2.8)
        assert flux_error(cube, references[name]) < beyond / 2


@pytest.mark.parametrize("name", PSFS)
def test_cube_of_the_low_rank_basis_is_that_of_the_specification(library, stars, references, name):
    cube = observed(fast(LowRankSSP.from_library(library), PSFS[name][1](), NoDust()), Particles(**stars))
    assert error(cube, references[name]) < 3e-3


def test_basis_errs_in_single_channels_by_a_few_times_its_tolerance(library):
    """The tolerance bounds the root mean square over channels, which a narrow line exceeds where it is worst."""
    tolerance = 1e-3
    ssp = LowRankSSP.from_library(library, tolerance)
    exact = np.asarray(GridSSP.from_library(library).spectra(), np.float64)
    table = np.asarray(ssp.table, np.float64).reshape(-1, ssp.size)
    difference = np.abs(table @ np.asarray(ssp.basis, np.float64) - exact)
    root = np.sqrt(np.mean(difference**2, axis=1) / np.mean(exact**2, axis=1))
    worst = difference.max(axis=1) / exact.max(axis=1)
    assert root.max() < 1.01 * tolerance
    assert worst.max() < 3 * tolerance and np.median(worst) < tolerance


def test_wings_beyond_the_kernel_are_what_a_wide_field_lacks(made_up, stars):
    """A spaxel lacks what lies beyond the reach of every star's PSF, and has its part of what is kept within instead.

    Where all is dark but for the wings of a bright middle that is most of it, and of all light very little.
    """
    some = {name: values[:500] for name, values in stars.items()}
    wide = eqx.tree_at(
        lambda t: t.spaxels, fast(GridSSP.from_library(made_up), NoPSF(), NoDust()), SquareSpaxels(PITCH, (40, 36))
    )
    cut, whole = (
        np.asarray(
            observed(eqx.tree_at(lambda t: t.psf, wide, MoffatPSF(0.8, reach=reach)), Particles(**some)), np.float64
        )
        for reach in (24, 96)
    )
    edge = 24.5 * PITCH
    core = 0.8 / (2 * np.sqrt(2 ** (1 / 2.8) - 1))
    lacking = moffat(0.8, 2.8)(edge) * PITCH**2
    kept = (1 + (edge / core) ** 2) ** (1 - 2.8) / 49**2
    light = np.asarray(
        observed(eqx.tree_at(lambda t: t.spaxels, wide, SquareSpaxels(10.0, (1, 1), degree=0)), Particles(**some))
    )
    assert error(cut, whole) > 0.1
    assert np.max(np.abs(cut - whole) / light) < lacking + kept


def test_flux_of_a_far_reaching_moffat_is_that_of_the_specification(made_up, stars):
    """What lies beyond the reach is shared evenly by ever more spaxels, so that ever less of it is on the field."""
    reference = slow(made_up, moffat(0.8, 2.8)).cube(**stars)
    ssp = LowRankSSP.from_library(made_up)
    errors = [
        flux_error(observed(fast(ssp, MoffatPSF(0.8, reach=reach), NoDust()), Particles(**stars)), reference)
        for reach in (24, 40)
    ]
    assert errors[0] > errors[1] and errors[1] < 1e-5, errors


def test_cube_behind_a_screen_is_that_of_the_specification(double, made_up, stars):
    def attenuation(air):
        """Calzetti et al. (2000), eq. 4, blueward of 6300 angstrom, for A(V) = 1.2."""
        x = 1e4 / air_to_vacuum(air)
        curve = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
        return 10 ** (-0.4 * 1.2 * curve / 4.05)

    some = {name: values[:500] for name, values in stars.items()}
    reference = slow(made_up, gaussian(0.8), attenuation).cube(**some)
    cube = observed(fast(GridSSP.from_library(made_up), GaussianPSF(0.8), ScreenDust(1.2)), Particles(**some))
    assert flux_error(cube, reference) < 1e-5
    assert error(cube, reference) < 1e-3


CHANNELS = {
    "log": (LogWavelengths(4955.0, 2.4e-4, 240, "vacuum"), 4955.0 * np.exp(2.4e-4 * (np.arange(241) - 0.5))),
    "table": (
        TableWavelengths(4952 + 290 * np.linspace(0, 1, 121) ** 1.3, "air"),
        4952 + 290 * np.linspace(0, 1, 121) ** 1.3,
    ),
}
"""Channels of one width in velocity, and such as a prism has: 0.6 to 3.1 angstrom; and their edges once more."""


@pytest.mark.parametrize("name", CHANNELS)
def test_cube_in_channels_of_any_width_is_that_of_the_specification(made_up, stars, name):
    grid, edges = CHANNELS[name]
    some = {key: values[:300] for key, values in stars.items()}
    reference = replace(slow(made_up, gaussian(0.8)), wavelengths=grid, edges=edges).cube(**some)
    telescope = replace(fast(GridSSP.from_library(made_up), GaussianPSF(0.8), NoDust()), wavelengths=grid)
    cube = observed(telescope, Particles(**some))
    assert error(cube, reference) < 1e-3
    assert flux_error(np.asarray(cube, np.float64) * grid.widths(), reference * np.diff(edges)) < 1e-5


def test_higher_splines_place_stars_better(made_up, stars):
    """Space limits the error: it falls with the degree of the spaxels' spline."""
    some = {name: values[:500] for name, values in stars.items()}
    reference = slow(made_up, gaussian(0.8)).cube(**some)
    ssp = GridSSP.from_library(made_up)
    errors = [
        error(observed(fast(ssp, GaussianPSF(0.8), NoDust(), degree), Particles(**some)), reference)
        for degree in (1, 2, 3)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2], errors


# --- velocities, where space does not matter --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moving():
    """Stars at the centre, all of them moving away or towards us."""
    rng = np.random.default_rng(3)
    count = 60
    return {
        "position": np.zeros((count, 3)),
        "velocity": np.linspace(-450, 450, count)[:, None] * [0.0, 0.0, -1.0],
        "mass": np.full(count, 1e5),
        "age": 10 ** rng.uniform(-1.2, 1.1, count),
        "metallicity": 10 ** rng.uniform(-3.5, -1.6, count),
    }


def slow_spectra(library, stars, lsf):
    specification = replace(slow(library, None), telescope_fwhm=lsf)
    arguments = zip(stars["mass"], stars["age"], stars["metallicity"], -stars["velocity"][:, 2], strict=True)
    return np.array([specification.spectrum(*argument) for argument in arguments])


@eqx.filter_jit
def each(telescope, particles):
    templates = telescope.templates()

    def one(star):
        return telescope.observe(telescope.weights(jax.tree.map(lambda leaf: leaf[None], star)), templates)[0, 0]

    return jax.lax.map(one, particles)


def fast_spectra(library, stars, kinematics, lsf):
    """The spectrum of every star alone: one spaxel that holds the whole galaxy."""
    distance = astropy.cosmology.Planck15.luminosity_distance(REDSHIFT).value
    telescope = stages.telescope(
        wavelengths=WAVELENGTHS,
        target=FixedTarget(REDSHIFT, distance),
        orientation=InclinedOrientation(0.0),
        spaxels=SquareSpaxels(10.0, (1, 1), degree=0),
        kinematics=kinematics,
        ssp=GridSSP.from_library(library),
        psf=NoPSF(),
        focal_plane=Slicer(),
        lsf=lsf,
    )
    return np.asarray(each(telescope, Particles(**stars)))


def spectrum_error(ours, reference):
    return np.max(np.abs(ours - reference).max(axis=1) / reference.max(axis=1))


@pytest.mark.parametrize(("degree", "order"), [(1, 2), (3, 4)])
def test_error_falls_at_the_promised_order_with_velocity_nodes(double, library, moving, degree, order):
    """At the library's own resolution, the hardest to shift; its pixels are 55 km/s wide.

    A pixel's mean has three derivatives with respect to the shift, the last in steps at the edges of the library's
    pixels: steps between nodes that are much smaller would show the third order.
    """
    reference = slow_spectra(library, moving, None)
    errors = [
        spectrum_error(fast_spectra(library, moving, VelocityChannels(480.0, step, degree), NoLSF()), reference)
        for step in (96.0, 48.0, 24.0)
    ]
    # Over two halvings: where the worst star stands between nodes is different at each.
    assert np.log2(errors[0] / errors[2]) / 2 == pytest.approx(order, abs=0.5), errors


def test_limit_of_many_velocity_nodes_is_the_specification(double, library, moving):
    """Six kilometres per second apart, at the library's own resolution."""
    ours = fast_spectra(library, moving, VelocityChannels(480.0, 6.0), NoLSF())
    assert spectrum_error(ours, slow_spectra(library, moving, None)) < 2e-6


def lsf_error(library, speed, kinematics):
    """Of spectra of stars that move with so many times their velocities, with a line spread function."""
    stars = library[1] | {"velocity": speed * library[1]["velocity"]}
    reference = slow_spectra(library[0], stars, LSF)
    return spectrum_error(fast_spectra(library[0], stars, kinematics, GaussianLSF(LSF)), reference)


def test_line_spread_of_a_moving_star_is_that_of_the_spectrograph(double, library, moving):
    """As good as at rest, though the library's own share in it is stretched with the spectrum.

    What is left is how a line goes on between the library's pixels: along a spline in the specification, band-limited
    in `blur_line`.
    """
    at_rest, in_motion = (lsf_error((library, moving), speed, VelocityChannels(480.0, 12.0)) for speed in (0.0, 1.0))
    assert at_rest < 1e-4 and in_motion < 1e-4


VARYING = {
    "resolving power": (lambda: ResolvingPowerLSF(1700.0), lambda wave: wave / 1700),
    "polynomial": (lambda: PolynomialLSF([2e-3, -7.0]), lambda wave: np.polyval([2e-3, -7.0], wave)),
    "table with the pixel": (
        lambda: TableLSF([4900.0, 5100.0, 5300.0], [3.6, 2.9, 3.3], includes_pixel=True),
        lambda wave: np.sqrt(
            np.interp(wave, [4900.0, 5100.0, 5300.0], [3.6, 2.9, 3.3]) ** 2 - 8 * np.log(2) * WAVELENGTHS.step**2 / 12
        ),
    ),
}


@pytest.mark.parametrize("name", VARYING)
def test_line_spread_that_varies_along_the_spectrum_is_that_of_the_specification(double, made_up, moving, name):
    """A kink of a table is rounded between the velocities at which spectra are broadened."""
    lsf, width = VARYING[name]
    few = {key: values[::6] for key, values in moving.items()}
    ours = fast_spectra(made_up, few, VelocityChannels(480.0, 12.0), lsf())
    assert spectrum_error(ours, slow_spectra(made_up, few, width)) < (1e-3 if "table" in name else 1e-4)
    assert spectrum_error(ours, slow_spectra(made_up, few, float(width(5100.0)))) > 1e-3


@pytest.mark.parametrize("velocity", [-10_000.0, 10_000.0])
def test_spectrum_at_ten_thousand_kilometres_per_second_is_that_of_the_specification(double, moving, velocity):
    """With channels where the stars are and nowhere else; a line spread function at the systemic redshift fails."""
    library = stages.library(Wavelengths(4550.0, 0.9, 900, "air"), 2, 3, fwhm=2.51)
    few = {name: values[::10] for name, values in moving.items()}
    away = few["velocity"] / 9 - np.array([0.0, 0.0, velocity])
    kinematics = VelocityChannels(24.0, 12.0, beyond=[(velocity - 60, velocity + 60)])
    assert kinematics.size < 24
    stars = few | {"velocity": away}
    reference = slow_spectra(library, stars, LSF)
    ours = fast_spectra(library, stars, kinematics, GaussianLSF(LSF))
    assert spectrum_error(ours, reference) < 1e-4
    resting = replace(library, fwhm=library.fwhm * np.exp(-np.arctanh(velocity / 299792.458)))
    assert spectrum_error(ours, slow_spectra(resting, stars, LSF)) > 3e-4
