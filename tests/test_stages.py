"""The laws of each family, for every stage that it has."""

import dataclasses
import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
import specutils.utils.wcs_utils as specutils_air
import stages
from specification import air_to_vacuum, gaussian, moffat, vacuum_to_air

import ifux
from ifux import (
    CalzettiCurve,
    CardelliCurve,
    ChromaticPSF,
    ConstantNoise,
    FixedTarget,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    LowRankSSP,
    MoffatPSF,
    NoLSF,
    NoNoise,
    Projected,
    ScaledNoise,
    ScreenDust,
    Slicer,
    SquareSpaxels,
    TargetSNRNoise,
    VelocityChannels,
    Wavelengths,
)
from ifux.grids import refractivity, to_air, to_vacuum
from ifux.spread import FramedSpread
from ifux.typing import real

LIGHT = 299792.458


def projected(count=200, seed=0, **given):
    """Stars on the small field, on the channels and, mostly, on the library."""
    rng = np.random.default_rng(seed)
    columns = {
        "sky": rng.uniform(-1.0, 1.0, (count, 2)),
        "depth": rng.normal(size=count),
        "velocity": rng.uniform(-350, 350, count),
        "mass": 10 ** rng.normal(5, 0.3, count),
        "age": 10 ** rng.uniform(-0.9, 1.0, count),
        "metallicity": 10 ** rng.uniform(-3.2, -1.6, count),
    }
    return Projected(**{name: real(value) for name, value in (columns | given).items()})


def rounding(bits, single=1e-6, double=1e-13):
    """A tolerance for sums of a few terms."""
    return single if bits == 32 else double


# --- every family -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", stages.FAMILIES)
def test_every_stage_is_in_the_list(family):
    """A stage that is not in `stages.py` is a stage that no law was tried on."""
    base = getattr(ifux, family)
    exported = [thing for thing in vars(ifux).values() if inspect.isclass(thing) and issubclass(thing, base)]
    concrete = {thing for thing in exported if not thing.__name__.startswith("Abstract")}
    assert concrete == {type(make()) for make in stages.FAMILIES[family].values()}


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, members in stages.FAMILIES.items() for name in members]
)
def test_every_number_is_an_array_of_the_default_precision_or_static(bits, family, name):
    """No Python float is left as a leaf, and none is weakly typed: it would compile the program again."""
    for leaf in jax.tree.leaves(stages.FAMILIES[family][name]()):
        assert isinstance(leaf, jax.Array) and not leaf.weak_type
        assert leaf.dtype == (jnp.float32 if bits == 32 else jnp.float64)


# --- spaxels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", stages.SPAXELS)
@pytest.mark.parametrize("margin", [0, 5])
def test_spaxels_share_a_star_without_loss(bits, name, margin):
    spaxels = stages.SPAXELS[name]()
    stencil = eqx.filter_jit(lambda s, p: s.locate(p, margin))(spaxels, projected(1, sky=np.zeros((1, 2))))
    (wide, tall), (x, y) = spaxels.size, spaxels.oversampling
    assert stencil.size == (x * wide + 2 * margin) * (y * tall + 2 * margin)
    assert np.asarray(stencil.total()) == pytest.approx(1, abs=rounding(bits))


@pytest.mark.parametrize("name", stages.SPAXELS)
def test_mean_place_of_the_light_is_that_of_the_star(double, name):
    spaxels, stars = stages.SPAXELS[name](), projected(50)
    stencil = eqx.filter_jit(lambda s, p: s.locate(p, 3))(spaxels, stars)
    tall, wide = spaxels.scene_shape(3)
    y, x = np.divmod(np.asarray(stencil.index), wide)
    weight = np.asarray(stencil.weight)
    across, up = np.asarray(spaxels.sides) / spaxels.oversampling
    right, above = ((weight * x).sum(1) - 0.5 * (wide - 1)) * across, ((weight * y).sum(1) - 0.5 * (tall - 1)) * up
    angle = np.radians(float(spaxels.position_angle))
    east = -right * np.cos(angle) + above * np.sin(angle) + float(spaxels.centre[0])
    north = right * np.sin(angle) + above * np.cos(angle) + float(spaxels.centre[1])
    off = np.abs(np.column_stack([east, north]) - np.asarray(stars.sky))
    assert off.max() <= (0.2 if spaxels.degree == 0 else 1e-13)


# --- point spread functions -------------------------------------------------------------------------------------------


@eqx.filter_jit
def blurred(psf, maps, scene):
    return psf.blur(maps, scene)


@eqx.filter_jit
def kernel(psf, scene):
    return psf.kernel(scene)


def even(spread, size, degree):
    """What an even sky has in the cells of an axis, of which some may be larger."""
    if not isinstance(spread, FramedSpread):
        return jnp.ones(size)
    places = np.arange(-200, size + 200, 1 / 16) + 1 / 32
    return spread.along(real(places), size, real(0.4), degree).scatter(jnp.full((places.size, 1), 1 / 16))[:, 0]


@pytest.mark.parametrize("name", stages.PSFS)
@pytest.mark.parametrize("degree", [1, 3, 5])
def test_flat_sky_stays_flat(bits, name, degree):
    psf = stages.PSFS[name]()
    up, across = (even(psf.spread, size + 2 * psf.margin, degree) for size in (8, 9))
    sky = (up[:, None] * across[None, :])[:, :, None] * jnp.ones(2)[None, None]
    terms = blurred(psf, sky, stages.cells(0.4, degree))
    share = psf.term_weights(real(np.linspace(4800, 5000, 2)))
    assert terms.shape[1:] == (8, 9, 2) and share.shape == (terms.shape[0], 2)
    assert np.allclose(share.sum(axis=0), 1, rtol=0, atol=rounding(bits))
    # A star on large cells is there to a hundred-thousandth of what its halo is on small ones, whose splines are taken
    # out to their second moment.
    tolerance = (2e-5 if degree == 5 else 1e-5) if isinstance(psf.spread, FramedSpread) else rounding(bits, 5e-6)
    assert np.allclose((terms * share[:, None, None, :]).sum(axis=0), 1, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["Gaussian", "Moffat"])
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
def test_kernel_moves_light_and_makes_none(bits, name, degree):
    psf = stages.PSFS[name]()
    grid = np.asarray(kernel(psf, stages.cells(0.4, degree)), np.float64)
    assert grid.shape == (2 * psf.reach + 1, 2 * psf.reach + 1)
    assert grid.sum() == pytest.approx(1, abs=rounding(bits, 2e-6))
    for mirrored in (grid[::-1], grid[:, ::-1], grid.T):
        assert np.allclose(grid, mirrored, rtol=0, atol=rounding(bits, 1e-7, 1e-15))


@pytest.mark.parametrize("degree", [0, 1, 3, 5])
@pytest.mark.parametrize("pitch", [0.2, 0.4])
def test_gaussian_psf_is_integrated_over_spaxels(bits, pitch, degree):
    """What the spline blurs back is the difference of error functions at the edges of the spaxels."""
    reach = 16
    sigma = 1.2 / np.sqrt(8 * np.log(2))
    edges = (np.arange(-reach, reach + 2) - 0.5) * pitch / sigma / np.sqrt(2)
    inside = np.diff(scipy.special.erf(edges)) / 2
    grid = np.asarray(kernel(GaussianPSF(1.2, reach), stages.cells(pitch, degree)), np.float64)
    window = np.sinc(np.fft.fftfreq(2 * reach + 1)) ** (degree + 1)
    blurred = np.fft.ifft2(np.fft.fft2(grid) * np.outer(window, window)).real
    # A Gaussian of one and a quarter spaxels has light left at the Nyquist frequency: its kernel rings, and is cut.
    nyquist = np.exp(-0.5 * (np.pi * sigma / pitch) ** 2)
    tolerance = (1e-7 if bits == 32 else 1e-9) + nyquist / reach**2
    assert np.abs(blurred - np.outer(inside, inside)).max() < tolerance


def test_moffat_psf_encloses_its_analytic_energy(double):
    """1 - [1 + (r/a)^2]^(1 - beta) within a radius, its rim shared by area."""
    fwhm, beta, pitch, reach = 1.2, 2.8, 0.2, 60
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    # The deconvolved kernel of a nearest spaxel is the profile at its centre.
    grid = np.asarray(kernel(MoffatPSF(fwhm, beta, reach), stages.cells(pitch, 0)))
    fine = (np.arange(20) - 9.5) / 20
    for radius in (1.0, 2.0, 4.0):
        x = (np.arange(-reach, reach + 1)[:, None] + fine).reshape(-1) * pitch
        inside = (np.hypot(x[:, None], x[None, :]) < radius).reshape(2 * reach + 1, 20, -1, 20).mean(axis=(1, 3))
        expected = 1 - (1 + (radius / core) ** 2) ** (1 - beta)
        # Sharing the spaxels on the rim by area blurs it: pitch^2 / 24 times the Laplacian, by Gauss's theorem.
        u = (radius / core) ** 2
        slope = -2 * beta * radius / core**2 * (beta - 1) / (np.pi * core**2) * (1 + u) ** (-beta - 1)
        blurred = expected + pitch**2 / 24 * 2 * np.pi * radius * slope
        # Of the light, 2e-4 lies beyond the kernel; the rim is drawn with twenty points a spaxel.
        assert np.sum(grid * inside) == pytest.approx(blurred, abs=4e-4), radius


@pytest.mark.parametrize("fwhm", [0.1, 0.8, 3.0, 12.0])
def test_kernel_holds_the_light_within_its_reach(bits, fwhm):
    """All of a seeing of a few spaxels; of one that outgrows the kernel what a square of that size cuts out."""
    pitch, reach = 0.2, 10
    edge = (reach + 0.5) * pitch
    sigma = fwhm / np.sqrt(8 * np.log(2))
    expected = scipy.special.erf(edge / sigma / np.sqrt(2)) ** 2
    assert float(GaussianPSF(fwhm, reach).held(stages.cells(pitch))) == pytest.approx(expected, abs=2e-5)
    core = fwhm / (2 * np.sqrt(2 ** (1 / 2.8) - 1))
    inner, outer = (1 - (1 + (radius / core) ** 2) ** (1 - 2.8) for radius in (edge, np.sqrt(2) * edge))
    found = float(MoffatPSF(fwhm, 2.8, reach).held(stages.cells(pitch)))
    assert inner - 1e-6 <= found <= min(outer, 1) + 1e-5
    band = (4000.0, 8000.0)
    redder = ChromaticPSF(MoffatPSF(fwhm, 2.8, reach), 0.5, 4000.0, band)
    assert float(redder.held(stages.cells(pitch))) == pytest.approx(
        float(MoffatPSF(fwhm * np.sqrt(2), 2.8, reach).held(stages.cells(pitch))), abs=1e-6
    )
    assert float(ifux.NoPSF().held(stages.cells(pitch))) == 1


@pytest.mark.parametrize("name", ["Gaussian", "Moffat"])
def test_psf_has_the_width_that_was_asked_for(double, name):
    """Half of the maximum at half of the FWHM, on spaxels small enough to see it."""
    psf = {"Gaussian": GaussianPSF(1.2, reach=60), "Moffat": MoffatPSF(1.2, 2.8, reach=60)}[name]
    ray = np.asarray(kernel(psf, stages.cells(0.1, 0)))[60, 60:]
    half = np.interp(-ray[0] / 2, -ray, np.arange(61)) * 0.1
    # Linear between a dozen samples over the FWHM.
    assert 2 * half == pytest.approx(1.2, rel=5e-3)


def test_chromatic_psf_is_as_wide_at_every_wavelength_as_the_power_law_says(double):
    psf = ChromaticPSF(MoffatPSF(0.8, 2.8, reach=20), -0.3, 5000.0)
    wave = np.linspace(4650, 9400, 7)
    point = jnp.zeros((41, 41, 1)).at[20, 20, 0].set(1.0)
    grown = jnp.pad(point, ((20, 20), (20, 20), (0, 0)))
    images = jnp.einsum("tyx,tw->wyx", blurred(psf, grown, stages.cells(0.2, 0))[..., 0], psf.term_weights(real(wave)))
    for image, wavelength in zip(images, wave, strict=True):
        alone = MoffatPSF(0.8 * (wavelength / 5000) ** -0.3, 2.8, reach=20)
        expected = blurred(alone, grown, stages.cells(0.2, 0))[0, ..., 0]
        assert np.abs(image - expected).max() < 2e-4 * expected.max()


@eqx.filter_jit
def point_sources(spaxels, psf, stars):
    """One image for every star."""
    count = stars.mass.size
    located = spaxels.locate(stars, psf.margin, psf.spread)
    maps = located.scatter(jnp.eye(count)).reshape(*spaxels.scene_shape(psf.margin), count)
    return jnp.moveaxis(Slicer().sample(psf.blur(maps, spaxels.scene), spaxels.scene, None)[0], 2, 0)


PITCH, FIELD = 0.3, 37
"""Four spaxels over the FWHM, and a field that holds all of the Gaussian."""

PLACES = np.concatenate(
    [[[0, 0], [0.5, 0.5], [0.5, 0], [0.25, 0.25]], np.random.default_rng(0).uniform(-0.5, 0.5, (8, 2))]
)
"""Where in a spaxel a star stands, to the (east, north) of its centre [spaxel]: the extremes, and anywhere."""

DEPARTURES = {
    "Gaussian": {1: 0.065, 2: 0.005, 3: 0.0016, 4: 3.2e-4, 5: 1.3e-4},
    "Moffat": {1: 0.075, 2: 0.0075, 3: 0.0035, 4: 0.0014, 5: 9e-4},
}
"""Largest difference from the PSF in units of its peak, measured: what is left of the spline of each degree."""


@pytest.mark.parametrize("name", DEPARTURES)
@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_point_source_has_its_psf_wherever_in_a_spaxel_it_stands(double, name, degree):
    psf = {"Gaussian": GaussianPSF(1.2, reach=16), "Moffat": MoffatPSF(1.2, 2.8, reach=40)}[name]
    profile = {"Gaussian": gaussian(1.2), "Moffat": moffat(1.2, 2.8)}[name]
    spaxels = SquareSpaxels(PITCH, (FIELD, FIELD), degree=degree)
    images = np.asarray(point_sources(spaxels, psf, projected(12, sky=PLACES * PITCH)))
    offsets = np.arange(FIELD) - (FIELD - 1) / 2
    nodes, shares = np.polynomial.legendre.leggauss(6)
    for image, (east, north) in zip(images, PLACES, strict=True):
        x = (offsets[:, None] + nodes / 2 + east) * PITCH
        y = (offsets[:, None] + nodes / 2 - north) * PITCH
        radius = np.hypot(y[:, :, None, None], x[None, None])
        expected = np.einsum("yaxb,a,b->yx", profile(radius), shares / 2, shares / 2) * PITCH**2
        assert np.abs(image - expected).max() < DEPARTURES[name][degree] * expected.max(), (east, north)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_point_source_has_its_centroid_and_width(double, degree):
    """Splines keep the mean place. From degree 2 on they keep the second moment too, and with it the FWHM.

    That of a linear spline is t (1 - t) where it is made up for as 1/6, its mean.
    """
    spaxels = SquareSpaxels(PITCH, (FIELD, FIELD), degree=degree)
    images = np.asarray(point_sources(spaxels, GaussianPSF(1.2, reach=15), projected(12, sky=PLACES * PITCH)))
    x = (FIELD - 1) / 2 - np.arange(FIELD)
    expected = (1.2 / PITCH) ** 2 / (8 * np.log(2)) + 1 / 12
    for image, (east, north) in zip(images, PLACES, strict=True):
        assert image.sum() == pytest.approx(1, abs=1e-12)
        for axis, place in ((image.sum(axis=0), east), (image.sum(axis=1)[::-1], north)):
            assert axis @ x == pytest.approx(place, abs=1e-9)
            t = abs(place)
            linear = t * (1 - t) - 1 / 6 if degree == 1 else 0
            assert axis @ (x - place) ** 2 == pytest.approx(expected + linear, abs=1e-6)


# --- line spread functions --------------------------------------------------------------------------------------------

FINE = Wavelengths(4900.0, 0.5, 300, "vacuum")


PIXELS = Wavelengths(4900.0, 1.25, 2, "vacuum")
"""Of the detector, whose width alone counts."""


@eqx.filter_jit
def broadened(lsf, spectra, rest, fwhm, redshift):
    return lsf.broaden(spectra, rest, fwhm, redshift[None], PIXELS)[0]


def line(centre, sigma):
    """A line that is integrated over pixels."""
    edges = (FINE.edges() - centre) / sigma / np.sqrt(2)
    return np.diff(scipy.special.erf(edges)) / 2 / FINE.step


@pytest.mark.parametrize("redshift", [0.0, 0.1])
def test_line_gets_the_width_that_was_asked_for(bits, redshift):
    """In the observed frame the line has the telescope's FWHM, of which the library had a part."""
    library, telescope = 1.5, 3.5
    sigma = np.sqrt((library / np.sqrt(8 * np.log(2))) ** 2)
    wide = broadened(
        GaussianLSF(telescope),
        real(line(4970.0, sigma)[None]),
        FINE,
        jnp.full(300, library, real(0).dtype),
        real(redshift),
    )
    wide, centres = np.asarray(wide[0], np.float64), FINE.centres()
    assert wide.sum() * FINE.step == pytest.approx(1, abs=1e-5)
    mean = (wide * centres).sum() / wide.sum()
    variance = (wide * (centres - mean) ** 2).sum() / wide.sum() - FINE.step**2 / 12
    assert mean == pytest.approx(4970.0, abs=1e-3)
    fwhm = np.sqrt(8 * np.log(2) * variance) * (1 + redshift)
    assert fwhm == pytest.approx(telescope, rel=1e-3 if bits == 32 else 1e-6)


def test_line_shape_is_gaussian(double):
    sigma = 1.5 / np.sqrt(8 * np.log(2))
    wide = broadened(GaussianLSF(3.5), real(line(4970.0, sigma)[None]), FINE, jnp.full(300, 1.5), real(0.0))
    assert np.allclose(wide[0], line(4970.0, sigma * 3.5 / 1.5), rtol=0, atol=1e-5 * np.max(wide))


@pytest.mark.parametrize("name", stages.LSFS)
def test_broadening_keeps_flat_spectra_and_adds_in_quadrature(bits, name):
    lsf = stages.LSFS[name]()
    fwhm = real(np.linspace(2.0, 2.6, 300))
    flat = broadened(lsf, jnp.ones((2, 300)), FINE, fwhm, real(0.02))
    assert np.allclose(flat, 1, rtol=0, atol=rounding(bits, 5e-6, 1e-10))
    wave = 1.02 * FINE.centres()
    excess = np.asarray(lsf.excess(real(wave), 1.02 * fwhm, PIXELS))
    # In units of the variance of a Gaussian whose FWHM is one.
    squares = {
        "Gaussian": 3.2**2,
        "resolving power": (wave / 1500) ** 2,
        "polynomial": np.polyval([5.866e-8, -9.187e-4, 6.540], wave) ** 2 - 8 * np.log(2) * 1.25**2 / 12,
        "table": np.interp(wave, [4700.0, 4907.3, 5000.0], [3.5, 3.0, 3.2]) ** 2,
        "Gauss-Hermite": 3.2**2,
        "boxcar": 8 * np.log(2) * 7.0**2 / 12,
        "of place": (1.01 * 0.995 * wave / 1500) ** 2,
    }
    library = (1.02 * np.asarray(fwhm, np.float64)) ** 2
    expected = (squares[name] - library) / (8 * np.log(2)) if name != "none" else 0
    assert np.allclose(excess, expected, rtol=0, atol=rounding(bits, 5e-6))


def test_spectra_pass_unchanged_where_nothing_is_to_be_added(bits):
    spectra = real(np.random.default_rng(0).normal(size=(2, 300)))
    fwhm = jnp.full(300, 2.5, spectra.dtype)
    assert np.array_equal(broadened(NoLSF(), spectra, FINE, fwhm, real(0.0)), spectra)
    coarse = broadened(GaussianLSF(2.0), spectra, FINE, fwhm, real(0.0))
    assert np.allclose(coarse, spectra, rtol=0, atol=rounding(bits, 5e-6, 1e-8))
    assert np.all(np.asarray(GaussianLSF(2.0).excess(real(FINE.centres()), fwhm, PIXELS)) < 0)


# --- kinematics -------------------------------------------------------------------------------------------------------


@eqx.filter_jit
def shifted(kinematics, spectra, stars, rest, wavelengths, redshift):
    """Spectra of single stars, all of the first basis spectrum, without a line spread function."""
    terms = jnp.broadcast_to(spectra, (kinematics.stretches.size, *spectra.shape))
    responses = kinematics.respond(terms, rest, wavelengths, redshift)
    return kinematics.locate(stars).gather(responses[:, 0, :])


def centroids(spectra, wavelengths):
    centres = wavelengths.centres()
    return (spectra * centres).sum(axis=1) / spectra.sum(axis=1)


@pytest.mark.parametrize("rest_medium", ["air", "vacuum"])
@pytest.mark.parametrize("medium", ["air", "vacuum"])
def test_line_at_rest_is_seen_where_doppler_puts_it(bits, rest_medium, medium):
    """Observed = rest (1 + z) sqrt((1 + v/c) / (1 - v/c)) in vacuum; air through its refractive index."""
    rest = Wavelengths(4900.0, 0.5, 300, rest_medium)
    wavelengths = Wavelengths(5165.0, 0.5, 240, medium)
    redshift = 0.05
    # A node of the channels each, so that the place of the line is not interpolated.
    velocity = LIGHT * np.tanh(np.array([-8, -1, 0, 3, 8]) * 50.0 / LIGHT)
    stars = projected(5, velocity=velocity)
    spectra = shifted(
        VelocityChannels(400.0, 50.0), real(line(4870.0 + 103.0, 1.5)[None]), stars, rest, wavelengths, real(redshift)
    )
    spectra = np.asarray(spectra, np.float64)
    in_vacuum = air_to_vacuum(np.array([4973.0])) if rest_medium == "air" else np.array([4973.0])
    expected = in_vacuum * (1 + redshift) * np.sqrt((1 + velocity / LIGHT) / (1 - velocity / LIGHT))
    expected = vacuum_to_air(expected) if medium == "air" else expected
    # A thousandth of a pixel: 0.03 km/s. The refractive index is one number over the line in the expectation.
    assert np.abs(centroids(spectra, wavelengths) - expected).max() < 5e-4
    assert np.allclose(spectra.sum(axis=1) * wavelengths.step, 1, rtol=0, atol=5e-6 if bits == 32 else 1e-7)


@pytest.mark.parametrize("name", stages.KINEMATICS)
def test_moving_light_is_neither_made_nor_lost(bits, name):
    """A line on the detector holds its energy whatever its velocity: stretched, it is thinned."""
    wavelengths = Wavelengths(4955.0, 0.9, 240, "vacuum")
    stars = projected(60)
    spectra = shifted(stages.KINEMATICS[name](), real(line(4970.0, 1.5)[None]), stars, FINE, wavelengths, real(0.02))
    total = np.asarray(spectra, np.float64).sum(axis=1) * wavelengths.step
    assert np.allclose(total, 1, rtol=0, atol=5e-6 if bits == 32 else 1e-7)


@pytest.mark.parametrize("name", [name for name in stages.KINEMATICS if "nearest" not in name])
def test_line_between_nodes_is_seen_at_its_velocity(double, name):
    """Its mean wavelength is that of the star: exact for a spline in the shift but for the curvature of exp(u)."""
    wavelengths = Wavelengths(4955.0, 0.9, 240, "vacuum")
    stars = projected(60)
    spectra = np.asarray(
        shifted(stages.KINEMATICS[name](), real(line(4970.0, 1.5)[None]), stars, FINE, wavelengths, real(0.02))
    )
    velocity = np.asarray(stars.velocity)
    expected = 4970.0 * 1.02 * np.sqrt((1 + velocity / LIGHT) / (1 - velocity / LIGHT))
    measured = (centroids(spectra, wavelengths) / expected - 1) * LIGHT
    assert np.abs(measured).max() < 0.01  # km/s


@pytest.mark.parametrize(("degree", "order"), [(1, 2), (3, 4)])
def test_error_in_velocity_falls_at_the_promised_order(double, degree, order):
    """For a line that the nodes resolve: its sigma is 360 km/s."""
    wavelengths = Wavelengths(4955.0, 0.9, 240, "vacuum")
    stars = projected(101, velocity=np.linspace(-240, 240, 101))
    arguments = real(line(4970.0, 6.0)[None]), stars, FINE, wavelengths, real(0.02)
    exact = np.asarray(shifted(VelocityChannels(300.0, 6.25), *arguments))
    errors = [
        np.abs(np.asarray(shifted(VelocityChannels(300.0, step, degree), *arguments)) - exact).max()
        for step in (100.0, 50.0)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3), errors


def test_nodes_are_even_in_the_doppler_shift(double):
    """To rounding, at any speed that channels can have: the mean node of a star is artanh(v / c)."""
    for reach in (1495.0, 10_000.0, 90_000.0):
        velocity = np.linspace(-0.997 * reach, 0.997 * reach, 201)
        stencil = VelocityChannels(reach, 13.0).locate(projected(201, velocity=velocity))
        half = stencil.size // 2
        mean = np.sum(np.asarray(stencil.weight) * (np.asarray(stencil.index) - half), axis=1)
        assert np.allclose(mean, np.arctanh(velocity / LIGHT) * LIGHT / 13.0, rtol=1e-12, atol=1e-12)


def mean_node(stencil):
    """The mean of the nodes that each point touches."""
    return np.sum(np.asarray(stencil.weight, np.float64) * np.asarray(stencil.index), axis=1)


@pytest.mark.parametrize("name", stages.KINEMATICS)
def test_stars_beyond_the_reach_keep_their_light_at_its_end(bits, name):
    """At the reach itself they are where they would have been; and what is faster than light is dark."""
    kinematics = stages.KINEMATICS[name]()
    stars = projected(8, velocity=np.array([-4e5, -2.9e5, -401.0, -400.0, 400.0, 401.0, 2.9e5, 4e5]))
    stencil = kinematics.locate(stars)
    assert np.allclose(stencil.total(), [0, 1, 1, 1, 1, 1, 1, 0], rtol=0, atol=rounding(bits))
    ends = np.repeat([kinematics.padding, kinematics.size - 1 - kinematics.padding], 3)
    assert np.allclose(mean_node(stencil)[1:-1], ends, rtol=0, atol=1e-3)
    assert np.array_equal(kinematics.represented(stars), [False, False, False, True, True, False, False, False])


@pytest.mark.parametrize("name", [name for name in stages.KINEMATICS if "nearest" not in name])
def test_velocity_beyond_the_reach_has_no_gradient_and_the_light_has(double, name):
    kinematics = stages.KINEMATICS[name]()
    rows = real(np.random.default_rng(0).normal(size=kinematics.size))

    def light(velocity):
        return kinematics.locate(projected(4, velocity=velocity)).gather(rows)

    velocity = real([-1e4, -390.0, 390.0, 1e4])
    slope = jax.jacfwd(light)(velocity)
    assert np.all(np.diag(slope)[[0, 3]] == 0) and np.all(np.diag(slope)[1:3] != 0)
    assert np.all(light(velocity) != 0)


@pytest.mark.parametrize("name", stages.KINEMATICS)
def test_channels_in_ranges_are_those_of_one_long_row(double, name):
    """Where few stars are fast, most nodes are left out, and nothing changes for those that are represented."""
    degree = stages.KINEMATICS[name]().degree
    sparse = VelocityChannels(400.0, 50.0, degree, beyond=[(2900.0, 3100.0), (-1500.0, -1400.0)])
    whole = VelocityChannels(3300.0, 50.0, degree)
    velocity = np.concatenate([np.linspace(-400, 400, 9), np.linspace(2900, 3100, 5), [-1500.0, -1437.0, -1400.0]])
    arguments = real(line(4970.0, 2.0)[None]), projected(17, velocity=velocity), FINE
    wavelengths = Wavelengths(4955.0, 0.9, 240, "vacuum")
    one, other = (np.asarray(shifted(k, *arguments, wavelengths, real(0.02))) for k in (sparse, whole))
    # the spline through fewer nodes is natural nearer by: its coefficients differ by 0.27 to the power of the margin
    assert np.abs(one - other).max() < 1e-3 * other.max()
    assert sparse.size < 0.35 * whole.size and np.all(sparse.represented(arguments[1]))
    between = projected(4, velocity=np.array([1700.0, 1600.0, -910.0, -890.0]))
    ends = projected(4, velocity=np.array([2900.0, 400.0, -1400.0, -400.0]))
    assert np.allclose(mean_node(sparse.locate(between)), mean_node(sparse.locate(ends)), rtol=0, atol=0.01)
    assert not np.any(sparse.represented(between))


def test_channels_span_the_velocities_of_the_stars():
    usual = VelocityChannels()
    rng = np.random.default_rng(0)
    slow = rng.normal(size=1000) * 100
    assert usual.spanning([slow]) == usual.limited_to(np.abs(slow).max())
    assert usual.spanning([np.array([599.0])]).reach == usual.spanning([np.array([-530.0])]).reach == 600
    # a lone star has a range of its own, on its side
    alone = usual.spanning([slow, np.array([1040.0])])
    assert alone.reach <= 500 and alone.beyond == ((1000.0, 1100.0),)
    # a hot group reaches as far as it goes without a gap, in one row
    hot = usual.spanning([np.linspace(-1730, 1650, 300)])
    assert hot.reach == 1700 and hot.beyond == ((-1800.0, -1700.0),) and hot.runs == ((-36, 34),)
    far = usual.spanning([np.array([10_030.0, -9_950.0, 4_050.0, 4_110.0, 0.0])])
    assert far.reach == 100 and far.beyond == ((-10_000.0, -9_900.0), (4_000.0, 4_200.0), (10_000.0, 10_100.0))
    for channels in (alone, hot, far):
        assert dataclasses.replace(channels) == channels and hash(channels) == hash(dataclasses.replace(channels))


def test_ranges_that_touch_are_one():
    joined = VelocityChannels(600.0, 50.0, beyond=[(700.0, 900.0), (850.0, 1000.0)])
    assert joined.runs == ((-12, 20),) and joined.size == 35


def test_channels_that_make_no_sense_are_refused():
    for arguments in ((100.0, 0.0), (100.0, 200.0), (3e5, 50.0)):
        with pytest.raises(ValueError, match="0 < spacing <= reach < 100000"):
            VelocityChannels(*arguments)
    for pair in ((900.0, 800.0), (0.0, 2e5)):
        with pytest.raises(ValueError, match="ranges of a lower and a higher velocity"):
            VelocityChannels(beyond=[pair])
    with pytest.raises(ValueError, match="must be 0, 1 or 3, got 2"):
        VelocityChannels(degree=2)


# --- air and vacuum ---------------------------------------------------------------------------------------------------


def test_refraction_agrees_with_other_codes():
    """specutils' own formulae: Ciddor as we use it, Morton and Edlen to what they differ among each other."""
    vacuum = np.linspace(3500.0, 10000.0, 40)
    quantity = vacuum * specutils_air.u.AA
    for method, tolerance in (("Ciddor1996", 1e-9), ("Morton2000", 2e-8), ("Edlen1953", 5e-8)):
        theirs = specutils_air.vac_to_air(quantity, method=method).value
        assert np.abs(to_air(vacuum) / theirs - 1).max() < tolerance, method


def test_air_and_back_is_the_identity():
    air = np.linspace(2500.0, 25000.0, 100)
    assert np.abs(to_air(to_vacuum(air)) / air - 1).max() < 1e-13
    assert refractivity(5500.0) == pytest.approx(2.78e-4, rel=2e-3)


# --- dust -------------------------------------------------------------------------------------------------------------


def ratio(curve, vacuum):
    return np.asarray(eqx.filter_jit(lambda c, w: c.ratio(w))(curve, real(vacuum)), np.float64)


def test_calzetti_curve_has_its_published_values(bits):
    """k' in their units, eq. 4: 4.05 in V and one magnitude of reddening between B and V."""
    bands = np.array([4400.0, 5500.0])
    k = 4.05 * ratio(CalzettiCurve(), bands)
    assert k[1] == pytest.approx(4.05, abs=0.02)
    # E(B-V) of the curve itself is a few per cent off one, in the paper as here.
    assert k[0] - k[1] == pytest.approx(1.0, abs=0.07)
    # Far ultraviolet and K band, as computed by hand from the paper: 2.659 (-2.156 + 1.509 x - ...) + 4.05.
    x = 1e4 / np.array([1500.0, 22000.0])
    expected = (
        2.659 * (-2.156 + 1.509 * x[0] - 0.198 * x[0] ** 2 + 0.011 * x[0] ** 3) + 4.05,
        2.659 * (-1.857 + 1.040 * x[1]) + 4.05,
    )
    assert 4.05 * ratio(CalzettiCurve(), np.array([1500.0, 22000.0])) == pytest.approx(expected, rel=1e-5)


def test_cardelli_curve_has_its_published_values(bits):
    """R(V) = 3.1: table 3 of the paper in U, V, R, I, J, H, K at the wavenumbers it gives, and other codes' numbers.

    Its B band, 1.337, is not on the paper's own curve: that has A(B) - A(V) = E(B-V), so 1 + 1/R(V).
    """
    wavenumber = np.array([2.78, 1.82, 1.43, 1.11, 0.80, 0.63, 0.46])
    table = [1.569, 1.000, 0.751, 0.479, 0.282, 0.190, 0.114]
    assert ratio(CardelliCurve(), 1e4 / wavenumber) == pytest.approx(table, abs=0.0025)
    assert ratio(CardelliCurve(), 1e4 / np.array([2.27])) == pytest.approx(1 + 1 / 3.1, abs=1e-4)
    # `extinction.ccm89` and DustExtinction.jl, as their manuals print them.
    known = [1.4645557, 1.1222469, 0.59748901]
    assert ratio(CardelliCurve(), np.array([4000.0, 5000.0, 8000.0])) == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize("name", stages.CURVES)
def test_attenuation_falls_with_wavelength_without_a_step(double, name):
    wavelength = np.linspace(3100.0, 20000.0, 2000)
    values = ratio(stages.CURVES[name](), wavelength)
    assert values.min() > 0
    # The infrared and optical branches of either curve meet to half a per cent.
    steps = np.diff(values)
    assert steps.max() < 0.005
    assert np.interp(5500.0, wavelength, values) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", stages.CURVES)
def test_screen_dims_by_its_depth_in_magnitudes(bits, name):
    rest = Wavelengths(5400.0, 100.0, 3, "vacuum")
    curve = stages.CURVES[name]()
    screen = eqx.filter_jit(lambda d, s: d.respond(s, rest))
    dimmed = np.asarray(screen(ScreenDust(2.5, curve), jnp.ones((1, 3))), np.float64)[0, 0]
    assert -2.5 * np.log10(dimmed) == pytest.approx(2.5 * ratio(curve, rest.centres()), rel=1e-5)
    assert dimmed[1] == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("name", stages.DUSTS)
def test_every_star_is_behind_its_dust(bits, name):
    dust, stars = stages.DUSTS[name](), projected(5)
    spectra = real(np.random.default_rng(0).uniform(1, 2, (3, stages.REST.size)))
    coefficients, responses = dust.coefficients(stars), dust.respond(spectra, stages.REST)
    assert coefficients.shape == (5, dust.size) and responses.shape == (dust.size, 3, stages.REST.size)
    through = np.einsum("pd,dbw->pbw", coefficients, responses) / np.asarray(spectra)
    assert np.all(through > 0) and np.all(through <= 1 + 1e-6)
    assert (np.all(through == 1)) == (name == "none")


def test_curve_is_read_in_vacuum():
    """A screen before a library in air is that before the same library in vacuum."""
    air = Wavelengths(5000.0, 1.0, 100, "air")
    centre = to_vacuum(air.centres())
    dimmed = np.asarray(ScreenDust(1.0).respond(jnp.ones((1, 100)), air), np.float64)[0, 0]
    assert dimmed == pytest.approx(10 ** (-0.4 * ratio(CalzettiCurve(), centre)), rel=1e-6)


# --- stellar populations ----------------------------------------------------------------------------------------------


@eqx.filter_jit
def spectra_of(ssp, stars):
    coefficients = ssp.coefficients(stars)
    if isinstance(coefficients, jax.Array):
        return coefficients @ ssp.spectra()
    return coefficients.gather(ssp.spectra())


def nodes(library):
    """One star at each node of a library."""
    metallicity, age = np.meshgrid(library.metallicity, library.age, indexing="ij")
    return projected(metallicity.size, age=age.reshape(-1), metallicity=metallicity.reshape(-1))


@pytest.mark.parametrize("name", stages.SSPS)
def test_population_at_a_node_is_that_of_the_library(bits, name):
    library = stages.library()
    found = np.asarray(spectra_of(stages.SSPS[name](), nodes(library)), np.float64)
    expected = library.flux.reshape(-1, stages.REST.size)
    error = np.sqrt(np.mean((found - expected) ** 2, axis=1) / np.mean(expected**2, axis=1))
    assert error.max() < (1e-3 if name == "low rank" else rounding(bits, 2e-6))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_low_rank_basis_keeps_its_tolerance(double, tolerance):
    library = stages.library()
    ssp = LowRankSSP.from_library(library, tolerance)
    found, expected = np.asarray(spectra_of(ssp, nodes(library))), library.flux.reshape(-1, stages.REST.size)
    error = np.sqrt(np.mean((found - expected) ** 2, axis=1) / np.mean(expected**2, axis=1))
    assert error.max() <= tolerance * (1 + 1e-9)
    assert ssp.basis.shape[0] < 12


def test_population_between_nodes_is_bilinear_in_the_logarithms(double):
    library, stars = stages.library(), projected(30)
    from scipy.interpolate import RegularGridInterpolator

    grid = RegularGridInterpolator((np.log(library.metallicity), np.log(library.age)), library.flux)
    expected = grid(np.log(np.column_stack([stars.metallicity, stars.age])))
    assert np.allclose(spectra_of(GridSSP.from_library(library), stars), expected, rtol=1e-12)


@pytest.mark.parametrize("name", stages.SSPS)
def test_population_off_the_grid_is_held_and_counted(bits, name):
    ssp, library = stages.SSPS[name](), stages.library()
    low, high = (library.metallicity[0], library.metallicity[-1]), (library.age[0], library.age[-1])
    outside = projected(4, metallicity=np.array([0.0, 1e-6, 0.5, 0.01]), age=np.array([0.0, 1e-9, 100.0, 14.0]))
    held = projected(
        4, metallicity=np.array([low[0], low[0], low[1], 0.01]), age=np.array([high[0], high[0], high[1], high[1]])
    )
    assert np.allclose(spectra_of(ssp, outside), spectra_of(ssp, held), rtol=rounding(bits, 1e-5), atol=0)
    assert not np.any(ssp.covers(outside))
    assert np.all(ssp.covers(projected(50, age=np.full(50, 1.0), metallicity=np.full(50, 0.01))))


@pytest.mark.parametrize("name", stages.SSPS)
def test_luminosity_is_the_mean_of_the_spectrum(bits, name):
    ssp, stars = stages.SSPS[name](), projected(20)
    expected = np.asarray(spectra_of(ssp, stars), np.float64).mean(axis=1) * np.asarray(stars.mass, np.float64)
    assert np.allclose(ssp.luminosity(stars), expected, rtol=rounding(bits, 2e-5, 1e-12))


def test_library_counted_in_other_suns_gives_the_same_light(double):
    from dataclasses import replace

    library = stages.library()
    other = replace(library, flux=library.flux * 2, solar_luminosity=library.solar_luminosity / 2)
    for make in (GridSSP.from_library, LowRankSSP.from_library):
        stars = projected(5)
        assert np.allclose(spectra_of(make(other), stars), spectra_of(make(library), stars), rtol=1e-9)


@pytest.mark.parametrize("speed", [100.0, 1400.0])
@pytest.mark.parametrize("medium", ["air", "vacuum"])
def test_library_that_is_matched_reaches_all_that_is_seen(speed, medium):
    """Stars at the largest speeds find the library below every pixel of the detector, and 0.6 per cent beyond."""
    library = stages.library(Wavelengths(4000.0, 1.0, 2000, "air"))
    wavelengths = Wavelengths(4900.0, 1.25, 400, medium)
    matched, same = library.matched(wavelengths, 0.05, speed)
    assert same == wavelengths
    edges = to_vacuum(wavelengths.edges()) if medium == "air" else wavelengths.edges()
    doppler = 1.05 * np.sqrt((1 + speed / LIGHT) / (1 - speed / LIGHT))
    blue, red = edges[0] / doppler, edges[-1] * doppler / 1.05**2
    ends = to_vacuum(matched.wavelength[[0, -1]] + [-0.5, 0.5])
    assert ends[0] <= blue * (1 - 0.0055) and ends[1] >= red * (1 + 0.0055)


# --- noise ------------------------------------------------------------------------------------------------------------


def scene():
    """A cube with a bright and a faint half."""
    cube = np.full((20, 20, stages.OBSERVED.size), 1.0)
    cube[:10] = 4.0
    return real(cube)


def draw(noise, seed, cube):
    return noise.sample(cube, key=jax.random.key(seed))


@pytest.mark.parametrize("name", stages.NOISES)
def test_variance_that_is_written_is_the_variance_that_was_drawn(name):
    noise, cube = stages.NOISES[name](), scene()
    residual = np.asarray(draw(noise, 1, cube) - cube, np.float64)
    variance = np.asarray(noise.variance(cube), np.float64)
    for half in (slice(0, 10), slice(10, 20)):
        drawn, known = residual[half], np.isfinite(residual[half])
        count, expected = known.sum(), variance[half][known].mean()
        # Four standard errors of a mean and of a variance of so many numbers.
        assert abs(drawn[known].mean()) <= 4 * np.sqrt(expected / count)
        assert drawn[known].var() == pytest.approx(expected, rel=4 * np.sqrt(2 / count), abs=1e-12)


NORMAL = [name for name in stages.NOISES if name not in ("none", "counts")]


@pytest.mark.parametrize("name", NORMAL)
def test_noise_is_normal(name):
    noise, cube = stages.NOISES[name](), scene()
    standard = np.asarray((draw(noise, 2, cube) - cube) / jnp.sqrt(noise.variance(cube))).reshape(-1)
    standard = standard[np.isfinite(standard)]
    assert scipy.stats.kstest(standard, "norm").pvalue > 1e-3


@pytest.mark.parametrize("name", stages.NOISES)
def test_same_key_same_noise(bits, name):
    noise, cube = stages.NOISES[name](), scene()
    one = draw(noise, 3, cube)
    assert one.shape == cube.shape and one.dtype == cube.dtype
    assert np.array_equal(one, draw(noise, 3, cube), equal_nan=True)
    assert np.array_equal(one, draw(noise, 4, cube)) == (name == "none")


@pytest.mark.parametrize("name", NORMAL)
def test_likelihood_is_that_of_scipy(double, name):
    noise, cube = stages.NOISES[name](), scene()
    data = draw(noise, 5, cube)
    expected = np.nansum(scipy.stats.norm.logpdf(data, cube, np.sqrt(noise.variance(cube))))
    assert float(noise.log_prob(data, cube)) == pytest.approx(expected, rel=1e-12)


def test_likelihood_without_noise_is_an_error():
    with pytest.raises(ValueError, match="NoNoise has no likelihood"):
        NoNoise().log_prob(scene(), scene())


def test_noise_is_at_the_level_that_was_asked_for():
    cube = scene()
    assert np.allclose(ConstantNoise(0.3).variance(cube), 0.09)
    assert np.allclose(ScaledNoise(ConstantNoise(0.3), 0.25).variance(cube), 0.15**2)
    residual = np.asarray(draw(TargetSNRNoise(20.0), 6, cube) - cube)
    assert 4.0 / residual.std() == pytest.approx(20.0, rel=0.02)


# --- shapes that cannot be --------------------------------------------------------------------------------------------


def test_stages_that_cannot_be_are_refused():
    for make in (
        lambda: GaussianPSF(1.0, reach=0),
        lambda: MoffatPSF(1.0, reach=0),
        lambda: SquareSpaxels(0.2, (0, 3)),
        lambda: SquareSpaxels(0.2, (3, 3), degree=6),
        lambda: Wavelengths(5000.0, -1.0, 10, "air"),
        lambda: Wavelengths(5000.0, 1.0, 10, "water"),
        lambda: GridSSP([0.01], [1.0, 2.0], np.ones((1, 2, 5)), np.ones(5), Wavelengths(5000.0, 1.0, 6, "air")),
    ):
        with pytest.raises(Exception, match=r"must be|is not|have lengths|not a valid|type"):
            make()


def test_target_of_a_fixed_distance_takes_both_numbers():
    with pytest.raises(TypeError):
        FixedTarget(0.1)
