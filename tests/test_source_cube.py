"""A finished cube as the galaxy: through PSF, plane, LSF and noise like any other."""

import json
import math
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from astropy.io import fits
from scipy.special import erf

from ifux import (
    BasisLibrary,
    FixedTarget,
    GaussianPSF,
    InputError,
    LogWavelengths,
    LowRankSSP,
    MixedSpectra,
    MoffatPSF,
    NoLSF,
    NoPSF,
    Particles,
    RestingKinematics,
    SourceCube,
    SquareSpaxels,
    TableWavelengths,
    VelocityChannels,
    Wavelengths,
    config,
    parallel,
    real,
    run,
)
from ifux.cli import main
from ifux.grids import to_vacuum
from ifux.io import read_cube, read_source_cube, write_cube
from ifux.io.files.cube import Cube
from ifux.numerics.compress import compress
from ifux.source_cube import at_rest
from ifux.units import FWHM_OF_GAUSSIAN

FINE = Wavelengths(4815.0, 0.5, 400, "air")
"""Channels of a finished cube: finer and more than those of the small telescope."""
PITCH, SIZE = 0.1, 90
"""Of its cells [arcsec]."""
SPLINE = np.sqrt(8 * np.log(2) * 3 / 12) * PITCH
"""FWHM of what a cubic B-spline on its cells does to a star beyond the cell itself [arcsec]."""

PSFS = {"Gaussian": lambda: GaussianPSF(1.2, reach=8), "Moffat": lambda: MoffatPSF(1.2, 2.8, reach=12)}


@eqx.filter_jit
def seen(telescope, stars):
    return telescope(stars)


def cells_of(flux, wavelengths=FINE, **given):
    """The cube of a flux, in the frame of the small telescope."""
    frame = {"name": "made up", "redshift": stages.REDSHIFT, "distance": 90.0, "sides": (PITCH, PITCH)}
    return SourceCube.of_flux(np.asarray(flux), wavelengths, **frame | given)


def before(cube, **stages_given):
    """The small telescope, before a cube."""
    telescope = stages.telescope(
        orientation=stages.EulerOrientation(), kinematics=RestingKinematics(),
        ssp=MixedSpectra.from_library(cube.library), **stages_given,
    )  # fmt: skip
    return cube.before(telescope)


@pytest.fixture(scope="module")
def finished():
    """Stars, and the cube that a telescope of fine cells and channels without PSF, LSF and noise makes of them."""
    stars = stages.particles()
    fine = stages.telescope(
        psf=NoPSF(), lsf=NoLSF(), wavelengths=FINE, spaxels=SquareSpaxels(PITCH, (SIZE, SIZE)),
        kinematics=VelocityChannels(500.0, 50.0),
    )  # fmt: skip
    return stars, np.asarray(seen(fine, stars), np.float64), np.asarray(fine.resolution(), np.float64)


# --- end to end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Gaussian", "Moffat"])
def test_finished_cube_of_a_galaxy_is_observed_as_the_galaxy(finished, name):
    """To 1e-3 of the peak in every voxel: place, PSF, redshift, LSF and flux are those of the stars themselves."""
    (stars, flux, resolution), psf = finished, PSFS[name]()
    cube = cells_of(flux, psf_fwhm=SPLINE, fwhm=resolution, tolerance=1e-4)
    direct = np.asarray(seen(stages.telescope(psf=psf), stars), np.float64)
    found = np.asarray(seen(before(cube, psf=psf), cube.galaxy().stars), np.float64)
    assert np.abs(found - direct).max() < 1e-3 * direct.max()


def test_finished_cube_is_as_bright_and_as_large_elsewhere_as_its_galaxy(finished):
    """Twice as far away at another redshift, as stars are: dimming, angular size and stretching are the telescope's."""
    stars, flux, resolution = finished
    cube = cells_of(flux, psf_fwhm=SPLINE, fwhm=resolution, tolerance=1e-4)
    there = {"target": FixedTarget(0.022, 60.0)}
    direct = np.asarray(seen(stages.telescope(**there), stars), np.float64)
    found = np.asarray(seen(before(cube, **there), cube.galaxy().stars), np.float64)
    assert np.abs(found - direct).max() < 1e-3 * direct.max()


def test_flux_is_kept(double):
    """To 1e-9 in every cell and to 1e-5 in the cube, whatever the tolerance and the points that it is drawn with.

    In a channel of ten pixels to 5e-4: a pixel of the cube is a part of its resolution.
    """
    rng, x = np.random.default_rng(3), np.linspace(-1, 1, 12)
    profile = np.exp(-4 * (x[:, None] ** 2 + x[None, :] ** 2))
    wave = FINE.centres()
    lines = [np.exp(-0.5 * ((wave - centre) / 4) ** 2) for centre in rng.uniform(4852, 4972, 20)]
    flux = profile[:, :, None] * (1 + np.einsum("yxl,lw->yxw", rng.uniform(size=(12, 12, 20)), lines))
    cube = cells_of(flux, tolerance=0.05)
    assert cube.library.flux.shape[0] < 20
    spectra = cube.mass[:, None] * (cube.mixture @ cube.library.flux)
    luminosity = spectra.sum(axis=1) * np.diff(cube.library.wavelength).mean()
    assert np.allclose(luminosity / luminosity.sum(), flux.sum(axis=2).ravel() / flux.sum(), rtol=1e-9)
    coarse = Wavelengths(float(wave[20] + 2.25), 5.0, 34, "air")
    expected = flux.sum(axis=(0, 1))[20 : 20 + 340].reshape(34, 10).mean(axis=1)
    wide = {"wavelengths": coarse, "spaxels": SquareSpaxels(0.3, (24, 24)), "lsf": NoLSF()}
    for points in (1, 2):
        drawn = replace(cube, points=points)
        found = np.asarray(seen(before(drawn, psf=GaussianPSF(0.9, reach=9), **wide), drawn.galaxy().stars))
        assert found.sum() == pytest.approx(expected.sum(), rel=1e-5)
        assert np.allclose(found.sum(axis=(0, 1)), expected, rtol=5e-4)


# --- the sky ----------------------------------------------------------------------------------------------------------


@eqx.filter_jit
def picture(telescope, stars):
    """The image in the first basis spectrum, behind the PSF."""
    return jnp.abs(telescope.collect(telescope.weights(stars))[0, :, :, 0])


def flat_spectrum(image, pitch, **given):
    """A cube of an image, with one spectrum."""
    return cells_of(np.asarray(image)[:, :, None] * np.ones(FINE.size), sides=(pitch, pitch), **given)


@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("pitch", [0.13, 0.27, 0.33, 0.4, 0.47])
def test_flat_sky_is_flat(double, degree, pitch):
    """To 1e-4, cells finer or coarser than those of the telescope, behind a PSF of no more than three of these."""
    count = 2 * int(7.5 / pitch) + 1
    cube = flat_spectrum(np.ones((count, count)), pitch).drawn_for(FixedTarget(stages.REDSHIFT, 90.0), 0.4)
    spaxels = SquareSpaxels(0.4, (9, 8), degree=degree, position_angle=10.0)
    image = np.asarray(picture(before(cube, spaxels=spaxels), cube.galaxy().stars))
    assert np.ptp(image) < 1e-4 * image.mean()


@pytest.mark.parametrize("name", ["Gaussian", "Moffat"])
@pytest.mark.parametrize(("pitch", "width"), [(0.1, 0.5), (0.25, 0.55)])
def test_star_in_a_cube_has_the_psf_of_the_telescope(double, name, pitch, width):
    """To 1e-3 of its peak, as a star on its own has it: what the PSF and the cells of the cube blurred is taken off."""
    psf, east, north, sigma = PSFS[name](), 0.13, -0.21, width / np.sqrt(8 * np.log(2))
    edges = (np.arange(61) - 30) * pitch
    along = [np.diff(erf((edges - at) / sigma / np.sqrt(2))) / 2 for at in (north, -east)]
    cube = flat_spectrum(np.outer(*along), pitch, psf_fwhm=width)
    spaxels = SquareSpaxels(0.3, (13, 13), degree=5)
    kpc = 1 / float(FixedTarget(stages.REDSHIFT, 90.0).arcsec_per_kpc())
    one = np.ones(1)
    star = Particles(
        [[east * kpc, north * kpc, 0.0]], np.zeros((1, 3)), one, one, one, mixture=cube.mixture[:1] * 0 + 1
    )
    alone = eqx.tree_at(lambda t: t.psf, before(cube, spaxels=spaxels), psf)
    found, expected = (
        np.asarray(picture(telescope, stars))
        for telescope, stars in ((before(cube, spaxels=spaxels, psf=psf), cube.galaxy().stars), (alone, star))
    )
    assert np.abs(found / found.sum() - expected / expected.sum()).max() < 1e-3 * expected.max() / expected.sum()


def test_star_anywhere_in_a_cell_has_the_psf_on_average(double):
    """A cube without a PSF holds a star in one cell: its light is a square's, and its variance is taken off."""
    image = np.zeros((41, 41))
    image[20, 20] = 1
    cube = flat_spectrum(image, 0.3)
    telescope = before(cube, spaxels=SquareSpaxels(0.3, (25, 25), degree=5), psf=GaussianPSF(1.2, reach=13))
    assert float(telescope.psf.left.fwhm) == pytest.approx(np.sqrt(1.2**2 - 8 * np.log(2) * 0.3**2 / 12), rel=1e-6)
    x = 0.3 * (np.arange(25) - 12)
    found = np.asarray(picture(telescope, cube.galaxy().stars)).sum(axis=0)
    anywhere = (found @ x**2) / found.sum() + 0.3**2 / 12
    # Both the point's place in its cell and the cell of the telescope add the variance of a square.
    assert anywhere == pytest.approx(1.2**2 / (8 * np.log(2)) + 0.3**2 / 12, rel=1e-4)


@pytest.mark.parametrize(("share", "error"), [(4, 2.5e-4), (3, 8e-4)])
def test_square_is_as_much_lower_than_a_gaussian_as_is_said(share, error):
    """In the middle of a point's image, of a side that is a share of the FWHM, at one and the same variance."""
    side = FWHM_OF_GAUSSIAN / share
    rest = math.sqrt(1 - side**2 / 12)
    peak = math.erf(side / 2 / rest / math.sqrt(2)) / side
    assert 1 - peak**2 * 2 * math.pi == pytest.approx(error, rel=0.05)


def test_cube_that_is_too_coarse_says_so():
    cube = flat_spectrum(np.ones((5, 5)), 0.3, psf_fwhm=1.3)
    telescope = stages.telescope()
    assert "no more than 1.14 can be taken out" in str(cube.coarser_than(telescope))
    assert cells_of(np.ones((5, 5, FINE.size))).coarser_than(telescope) is None
    assert cube.coarser_than(stages.telescope(psf=NoPSF())) is None


def test_gradients_by_distance_and_psf_are_those_of_finite_differences(finished, double):
    _, flux, resolution = finished
    cube = cells_of(flux[::2, ::2], sides=(2 * PITCH, 2 * PITCH), psf_fwhm=SPLINE, fwhm=resolution, tolerance=1e-2)
    telescope, points = before(cube), cube.galaxy().stars
    target = real(np.random.default_rng(0).normal(size=(8, 9, stages.OBSERVED.size)))

    @eqx.filter_jit
    def loss(numbers):
        one = eqx.tree_at(lambda t: (t.target.distance, t.psf.psf.fwhm, t.psf.fwhm), telescope, tuple(numbers))
        return jnp.vdot(one(points), target) / 1e3

    at = real([90.0, 1.2, float(telescope.psf.fwhm)])
    slope = np.asarray(jax.jit(jax.grad(loss))(at))
    for i, step in enumerate(1e-4 * np.eye(3) * np.asarray(at)):
        assert slope[i] == pytest.approx(float(loss(at + step) - loss(at - step)) / (2 * step[i]), rel=1e-5)


# --- spectra ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wavelengths",
    [
        Wavelengths(4800.0, 0.8, 300, "air"), LogWavelengths(4800.0, 2e-4, 250, "vacuum"),
        TableWavelengths(4800.0 + 240 * np.linspace(0, 1, 301) ** 1.2, "air"),
    ],
    ids=["even in air", "logarithmic", "table"],
)  # fmt: skip
def test_spectra_at_rest_keep_their_light_and_lines_their_place(wavelengths):
    edges, sigma = wavelengths.vacuum_edges(), 2.2
    spectra = np.array([np.diff(erf((edges - line) / sigma / np.sqrt(2))) / 2 for line in (4860.0, 4950.0)])
    found, rest = at_rest(spectra / wavelengths.widths(), wavelengths, 0.03)
    assert np.allclose(found.sum(axis=1) * rest.step * 1.03, 1, rtol=0, atol=1e-12)
    wave = to_vacuum(rest.centres()) if rest.medium == "air" else rest.centres()
    mean = (found @ wave) * rest.step * 1.03
    variance = np.sum(found * (wave - mean[:, None]) ** 2, axis=1) * rest.step * 1.03
    assert np.allclose(mean * 1.03, [4860.0, 4950.0], rtol=0, atol=1e-4)
    assert np.allclose(variance * 1.03**2, sigma**2 + (rest.step * 1.03) ** 2 / 12, rtol=3e-3)


def test_compression_keeps_its_tolerance_and_all_sums():
    rng = np.random.default_rng(0)
    rows = rng.lognormal(sigma=2, size=(300, 1)) * (1 + rng.uniform(size=(300, 30)) @ rng.normal(size=(30, 200)) / 9)
    widths = rng.uniform(1, 2, 200)
    for tolerance in (0.1, 0.01, 1e-3):
        found = compress(rows, widths, tolerance)
        again = found.coefficients @ found.vectors
        error = np.sqrt(np.mean((again - rows) ** 2, axis=1) / np.mean(rows**2, axis=1))
        size = np.sqrt(np.mean(rows**2, axis=1))
        assert size[error <= tolerance].sum() >= 0.95 * size.sum() and error.max() == pytest.approx(
            found.worst, abs=1e-7
        )
        assert np.allclose(again.sum(axis=0), rows.sum(axis=0), rtol=0, atol=1e-10 * np.abs(rows.sum(axis=0)).max())
        assert np.allclose(again @ widths, rows @ widths, rtol=1e-10)
        assert found.vectors.shape[0] <= 32


def test_particles_that_mix_spectra_themselves_are_those_of_the_library(double):
    """With the mixtures that a low-rank basis gives stars, they are these stars; at rest, channels change nothing."""
    ssp = LowRankSSP.from_library(stages.library(), 1e-3)
    stars = stages.particles()
    stars = eqx.tree_at(lambda s: s.velocity, stars, jnp.zeros_like(stars.velocity))
    telescope = stages.telescope(ssp=ssp)
    coefficients = ssp.coefficients(telescope.project(stars))
    own = eqx.tree_at(lambda s: s.mixture, stars, coefficients, is_leaf=lambda leaf: leaf is None)
    mixed = stages.telescope(ssp=MixedSpectra(ssp.basis, ssp.fwhm, ssp.rest), kinematics=RestingKinematics())
    expected = np.asarray(seen(telescope, stars))
    assert np.abs(np.asarray(seen(mixed, own)) - expected).max() < 1e-6 * expected.max()
    with pytest.raises(ValueError, match="these have no mixture"):
        mixed.weights(stars)
    padded = own.filled(64)
    assert padded.mixture.shape == (64, ssp.size) and not np.any(np.asarray(padded.mixture)[60:])
    assert [block.mixture.shape[0] for block in own.blocks(25)] == [25, 25, 10]
    assert parallel.dark(3, own).mixture.shape == (3, ssp.size)
    assert len(jax.tree.leaves(stars)) == 5


# --- files ------------------------------------------------------------------------------------------------------------


def skirt(path, unit, image, centres, sides=(0.2, "arcsec"), **cards):
    """A file as SKIRT lays it out."""
    primary = fits.PrimaryHDU(image.astype(np.float32))
    header = {"ORIGIN": "SKIRT simulation", "BUNIT": unit, "CTYPE1": " ", "CTYPE2": " ", "CUNIT3": "micron"}
    for axis in (1, 2):
        header |= {f"CRPIX{axis}": 2.0, f"CRVAL{axis}": 0.0, f"CDELT{axis}": sides[0], f"CUNIT{axis}": sides[1]}
    primary.header.update(header | cards)
    points = fits.Column("GRID_POINTS", "E16.9", unit="micron", array=centres / 1e4, ascii=True)
    table = fits.TableHDU.from_columns([points], name="Z-axis coordinate values")
    fits.HDUList([primary, table]).writeto(path)
    return str(path)


def test_skirt_is_read_in_all_its_units(tmp_path):
    """Surface brightness by wavelength, by frequency and times either, on the sky in arcsec and in parsec."""
    wave = 4000.0 * 1.0004 ** np.arange(200)
    density = 1e-18 * (1 + np.sin(wave / 90) ** 2)[:, None, None] * np.array([[1.0, 2.0], [0.5, 4.0], [3.0, 0.0]])
    # W/m2/micron/arcsec2 is 0.1 erg/s/cm2/angstrom/arcsec2; F_nu = F_lambda lambda^2 / c, one sr is 4.25e10 arcsec2.
    arcsec2 = (3600 * 180 / np.pi) ** 2
    jansky = density * 1e6 * (wave * 1e-10)[:, None, None] ** 2 / 299792458.0 * 1e26
    parsec = 0.2 / (3600 * 180 / np.pi) * 10e6
    frame = {"REDSHIFT": 0.0, "DISTLUMI": 10.0, "DISTANGD": 10.0, "DISTUNIT": "Mpc"}
    written = [
        skirt(tmp_path / "1.fits", "W/m2/micron/arcsec2", density, wave, **frame),
        skirt(tmp_path / "2.fits", "MJy/sr", jansky * arcsec2 / 1e6, wave, **frame),
        skirt(tmp_path / "3.fits", "W/m2/arcsec2", density * (wave / 1e4)[:, None, None], wave, **frame),
        skirt(tmp_path / "4.fits", "W/m2/micron/arcsec2", density, wave, (parsec, "pc"), **frame),
        skirt(tmp_path / "5.fits", "W/m2/micron", density * 0.04, wave, **frame),
    ]
    per_area = density * 0.1 / 1e-20 * 0.04
    expected = per_area.reshape(200, -1).T @ (wave * (1.0004**0.5 - 1.0004**-0.5))
    for path in written:
        cube = read_source_cube(path, tolerance=1e-4)
        assert cube.dark == 1 and cube.redshift == 0 and cube.library.medium == "vacuum"
        light = cube.mass * (cube.mixture @ cube.library.flux).sum(axis=1) * np.diff(cube.library.wavelength).mean()
        flux = light * 3.828e33 / (4 * np.pi * (10 * 3.0856775814913673e24) ** 2) / 1e-20
        assert np.allclose(flux, expected[expected > 0], rtol=1e-5)
        side = 0.2 / (3600 * 180 / np.pi) * 10e3
        assert cube.sides == pytest.approx((side, side), rel=1e-6)
        # the first cell lies to the south and, x growing to the west, in the east
        assert cube.place[0] == pytest.approx([side / 2, -side], rel=1e-6)
    cut = read_source_cube(written[0], seen=(4050.0, 4200.0))
    assert cut.library.wavelength[0] > 4045 and cut.library.wavelength[-1] < 4205


def test_what_a_file_does_not_say_is_asked_for(tmp_path):
    wave, image = 4000.0 + np.arange(20.0), np.ones((20, 2, 3))
    plain = skirt(tmp_path / "a.fits", "W/m2/micron/arcsec2", image, wave)
    with pytest.raises(InputError, match="give redshift, zero for those at rest"):
        read_source_cube(plain)
    with pytest.raises(InputError, match="give distance, in Mpc"):
        read_source_cube(plain, redshift=0.0)
    with pytest.raises(InputError, match="nothing from 9000"):
        read_source_cube(plain, redshift=0.0, distance=1.0, seen=(9000.0, 9900.0))
    with pytest.raises(InputError, match="not both"):
        read_source_cube(plain, redshift=0.0, distance=1.0, fwhm=2.0, resolving_power=1000.0)
    far = read_source_cube(plain, redshift=0.05)
    assert far.sides[0] == pytest.approx(
        0.2 * 1.0098, rel=2e-4
    )  # astropy, Planck15: 1.0098 kpc to the arcsec at z = 0.05
    assert any("give fwhm" in note for note in far.notes) and any("give psf_fwhm" in note for note in far.notes)
    for unit, match in (("furlong", "none that astropy knows"), ("kg", "no flux density")):
        with pytest.raises(InputError, match=match):
            read_source_cube(skirt(tmp_path / f"{unit}.fits", unit, image, wave), redshift=0.0, distance=1.0)
    with pytest.raises(InputError, match="holds no light"):
        read_source_cube(skirt(tmp_path / "b.fits", "MJy/sr", 0 * image, wave), redshift=0.0, distance=1.0)
    image[3, 0, 0], image[5, 1, 1] = np.nan, -2.0
    cube = read_source_cube(skirt(tmp_path / "c.fits", "MJy/sr", image, wave), redshift=0.0, distance=1.0)
    assert any("1 of 120 voxels" in note and "not numbers" in note for note in cube.notes)
    assert any("1 of 120 voxels" in note and "negative" in note for note in cube.notes)
    fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "flat.fits")
    with pytest.raises(InputError, match="no image with three axes"):
        read_source_cube(str(tmp_path / "flat.fits"))


def test_worked_description_of_a_cube_is_muse_before_resting_spectra():
    resolved = config.resolved(config.load(Path(__file__).parents[1] / "configs" / "cube-muse.json"))
    telescope = resolved["telescope"]
    assert config.resolved(resolved) == resolved and resolved["library"] == {"kind": "galaxy"}
    assert resolved["galaxy"]["tolerance"] == 1e-3 and resolved["galaxy"]["accept_coarse"] is False
    assert telescope["orientation"] == {"kind": "euler", "alpha": 0.0, "beta": 0.0, "gamma": 0.0}
    rest = np.arange(4400.0, 9300.0, 1.0)
    basis = BasisLibrary(name="made up", wavelength=rest, flux=np.ones((2, rest.size)), fwhm=0 * rest + 2, medium="air")
    built = config.telescope(telescope, basis)
    assert built.kinematics == RestingKinematics() and isinstance(built.ssp, MixedSpectra) and built.ssp.size == 2


def test_description_of_a_cube_makes_an_observation(finished, tmp_path, capsys):
    """As `ifux observe` does, and once more from the record in its header."""
    _, flux, resolution = finished
    made = Cube(
        np.moveaxis(flux, -1, 0).astype(np.float32), FINE, (PITCH, PITCH), resolution=resolution, position_angle=20.0
    )
    write_cube(tmp_path / "galaxy.fits", made)
    target = {"kind": "fixed", "redshift": stages.REDSHIFT, "distance": 90.0}
    description = {
        "galaxy": {"kind": "cube", "path": "galaxy.fits", "redshift": 0.02, "distance": 90.0, "psf_fwhm": SPLINE},
        "telescope": {
            "target": target, "spaxels": {"kind": "square", "pitch": 0.4, "size": [9, 8], "oversampling": [1, 1]},
            "wavelengths": {"start": 4850.0, "step": 1.25, "size": 90, "medium": "air"},
            "psf": {"kind": "gaussian", "fwhm": 1.2}, "lsf": {"kind": "gaussian", "fwhm": 3.2},
        },
    }  # fmt: skip
    (tmp_path / "cube.json").write_text(json.dumps(description))
    assert main(["observe", str(tmp_path / "cube.json"), "--out", str(tmp_path / "seen.fits")]) == 0
    observed = read_cube(tmp_path / "seen.fits")
    assert any("compressed" in note for note in observed.notes) and not observed.history["telescope"]["ssp"].keys() - {
        "kind"
    }
    session = run.prepare(observed.history)
    assert session.configuration == observed.history
    assert np.array_equal(run.observe(session).flux, observed.flux)
    assert np.isnan(observed.maps["AGE"][0]).all() and not np.any(observed.maps["VELOCITY"][0] > 0)
    galaxy, telescope = description["galaxy"], description["telescope"]
    for wrong, match in (
        ({"library": {"kind": "embedded"}}, "spectra of its own"),
        ({"telescope": telescope | {"ssp": {"kind": "grid"}}}, "telescope.ssp: before a galaxy of kind 'cube'"),
        ({"telescope": telescope | {"orientation": {"kind": "inclined", "inclination": 9.0}}}, "without beta"),
        ({"galaxy": galaxy | {"path": str(tmp_path / "galaxy.fits"), "psf_fwhm": 1.3}}, '"accept_coarse": true'),
        ({"galaxy": galaxy | {"colour": 1}}, "galaxy.colour"),
        ({"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "galaxy"}}, "for a galaxy of kind 'cube'"),
    ):
        with pytest.raises(InputError, match=match):
            run.prepare(description | wrong)
