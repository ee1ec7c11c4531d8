"""Lines as a spectrograph records them: their width, their shape, and how near velocity nodes must be for them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.interpolate
import scipy.optimize
import scipy.special
import scipy.stats
import stages
from astropy.io import fits
from jax.flatten_util import ravel_pytree
from specification import Specification, gaussian

from ifux import (
    BoxcarLSF,
    FieldLSF,
    FixedTarget,
    GaussHermiteLSF,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    InputError,
    LogWavelengths,
    NoLSF,
    NoPSF,
    PolynomialLSF,
    ResolvingPowerLSF,
    SquareSpaxels,
    SSPLibrary,
    TableLSF,
    TableWavelengths,
    VelocityChannels,
    Wavelengths,
)
from ifux.checks import coarse_library, cut_blur, error_between_nodes, held_widths, line_widths
from ifux.config.build import module
from ifux.influence.apertures import spectrum
from ifux.numerics.convolve import blur_derivatives, blur_line, boxcar
from ifux.typing import real

FWHM = np.sqrt(8 * np.log(2))
LIGHT = 299792.458
MUSE = Wavelengths(4700.0, 1.25, 3700, "air")
PLACES = (4800.0, 7000.0, 9250.0)
BACON = (5.866e-8, -9.187e-4, 6.040)
"""FWHM of MUSE in the Ultra Deep Field: Bacon et al. (2017)."""


def lines(fwhm=1.5, places=PLACES, step=0.5, low=4640.0, high=9420.0):
    """A library of emission lines on nothing, three pixels wide, one a population, at `places` at rest."""
    wavelength = np.arange(low, high, step)
    share = [scipy.stats.norm.pdf(wavelength, place, fwhm / FWHM) for place in places]
    return SSPLibrary(
        name="lines",
        metallicity=np.array([0.01, 0.02]),
        age=np.arange(1.0, len(places) + 1),
        wavelength=wavelength,
        flux=np.stack([share, share]),
        fwhm=np.full(wavelength.size, fwhm),
        medium="air",
        imf="none",
        citation="nobody",
    )


def spectrograph(lsf, library, kinematics, wavelengths=MUSE):
    """A small telescope that records the lines of a library."""
    return stages.telescope(
        wavelengths=wavelengths,
        target=FixedTarget(0.001, 90.0),
        kinematics=kinematics,
        ssp=GridSSP.from_library(library),
        psf=NoPSF(),
        lsf=lsf,
    )


@eqx.filter_jit
def recorded(telescope, redshift):
    """Every line at rest, as the detector has it."""
    nodes = telescope.respond(telescope.ssp.spectra(), redshift)
    return nodes[telescope.kinematics.size // 2, : len(PLACES)]


def gaussian_fwhm(line, centres):
    """That of the Gaussian that fits the recorded numbers best, as an observer measures it [angstrom]."""
    peak = line.argmax()
    near = slice(max(peak - 12, 0), peak + 13)
    x, y = centres[near] - centres[peak], line[near] / line[peak]

    def profile(x, height, centre, sigma):
        return height * np.exp(-0.5 * ((x - centre) / sigma) ** 2)

    return FWHM * abs(scipy.optimize.curve_fit(profile, x, y, (1, 0, 1.2))[0][2])


WIDTHS = {
    "constant": (lambda measured: GaussianLSF(2.65, measured), lambda wave: np.full_like(wave, 2.65)),
    "resolving power": (lambda measured: ResolvingPowerLSF(2400.0, measured), lambda wave: wave / 2400),
    "polynomial": (
        lambda measured: PolynomialLSF(BACON, includes_pixel=measured),
        lambda wave: np.polyval(BACON, wave),
    ),
    "table": (
        lambda measured: TableLSF([5000.0, 7000.0, 9000.0], [3.0, 2.4, 2.8], measured),
        lambda wave: np.interp(wave, [5000.0, 7000.0, 9000.0], [3.0, 2.4, 2.8]),
    ),
}


@pytest.mark.parametrize("measured", [False, True], ids=["before the pixel", "with the pixel"])
@pytest.mark.parametrize("name", WIDTHS)
def test_recorded_line_has_the_width_that_was_asked_for(bits, name, measured):
    """At three wavelengths, anywhere in a pixel. A Gaussian that is fitted to one with a pixel in it is not quite it.

    Before the pixel, the recorded width has that of the pixel on top, in quadrature: 2.65 is measured as 2.78. A width
    that changes along a line is that of where the light arrives: it keeps the light to some 1e-5.
    """
    lsf, widths = WIDTHS[name]
    seen = recorded(spectrograph(lsf(measured), lines(), VelocityChannels(9.0, 9.0, degree=0)), real(0.0003))
    places = np.array(PLACES) * 1.0003
    for line, asked in zip(np.asarray(seen, np.float64), widths(places), strict=True):
        pixel = 0 if measured else 8 * np.log(2) * 1.25**2 / 12
        assert gaussian_fwhm(line, MUSE.centres()) == pytest.approx(np.sqrt(asked**2 + pixel), rel=1e-2)
        assert line.sum() * MUSE.step == pytest.approx(1, abs=1e-4)


RECORDED = {
    "before the pixel": (lambda: GaussianLSF(2.65), 2.65, 0.0),
    "with the pixel": (lambda: GaussianLSF(2.65, True), np.sqrt(2.65**2 - 8 * np.log(2) * 1.25**2 / 12), 0.0),
    "of the library": (NoLSF, 2.2 * 1.001, 0.0),
    "finer than the library": (lambda: GaussianLSF(1.0), 2.2 * 1.001, 0.0),
    "table": (lambda: TableLSF([4700.0, 9400.0], [2.38, 3.32]), 2.4, 2e-4),
}


@pytest.mark.parametrize("name", RECORDED)
def test_resolution_that_a_telescope_tells_is_that_of_a_line(double, name):
    """Before the pixel, from the line as it is recorded; that of the library where it is the coarser one."""
    make, width, slope = RECORDED[name]
    telescope = spectrograph(make(), lines(2.2), VelocityChannels(9.0, 9.0, degree=0))
    told, wave = np.asarray(telescope.resolution()), MUSE.centres()
    assert told == pytest.approx(width + slope * (wave - 4800), rel=1e-6)
    for line, place in zip(np.asarray(recorded(telescope, real(0.001))), np.array(PLACES) * 1.001, strict=True):
        before = np.sqrt(gaussian_fwhm(line, wave) ** 2 - 8 * np.log(2) * 1.25**2 / 12)
        assert before == pytest.approx(np.interp(place, wave, told), rel=1.5e-2)


# --- shapes -----------------------------------------------------------------------------------------------------------

PIXEL = Wavelengths(5000.0, 0.2, 2, "air")
"""Of a detector, whose width alone counts."""


@eqx.filter_jit
def blurred(lsf, library, count=1):
    """The first lines of a library at rest, as the optics make them."""
    seen = lsf.broaden(library.spectra()[:count], library.rest, library.fwhm, jnp.zeros(1), PIXEL)[0]
    return seen[0] if count == 1 else seen


def narrow(fwhm=1.0, centre=5000.0):
    return lines(fwhm, [centre, 5001.0], 0.2, 4900.0, 5100.0)


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize(("h3", "h4"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (-0.05, -0.08), (0.1, 0.15)])
def test_gauss_hermite_line_is_that_of_the_paper(double, h3, h4, measured):
    """van der Marel & Franx (1993), eqs. 5 and 9, scaled to keep the light; the library's part is Gaussian.

    With the pixel in the width it is the recorded line that has the shape: here what is left when the pixel is taken
    out of the Gaussian, in the moments.
    """
    lsf, library = GaussHermiteLSF(GaussianLSF(4.0, measured), h3, h4), narrow()
    line, x = np.asarray(blurred(lsf, GridSSP.from_library(library))), library.wavelength - 5000.0
    sigma, norm = 4.0 / FWHM, 1 + np.sqrt(6) / 4 * h4
    y = x / sigma
    if not measured:
        shape = np.polynomial.hermite.hermval(y, [1, 0, 0, h3 / np.sqrt(2**3 * 6), h4 / np.sqrt(2**4 * 24)])
        expected = np.exp(-0.5 * y**2) / (np.sqrt(2 * np.pi) * sigma * norm) * shape
        assert np.abs(line - expected).max() < 1e-6 * expected.max()
    step, pixel = 0.2, 0.2**2 / 12
    total = line.sum() * step
    mean = (line * x).sum() * step
    second = (line * x**2).sum() * step
    assert total == pytest.approx(1, abs=1e-9)
    assert mean == pytest.approx(np.sqrt(3) * h3 * sigma / norm, abs=1e-6)
    variance = sigma**2 * (1 + np.sqrt(24) * h4 / norm) - (pixel if measured else 0)
    assert second == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize(("width", "fwhm"), [(10.0, 0.6), (6.0, 1.5)])
def test_boxcar_line_is_a_flat_top_with_the_sides_of_the_library(double, width, fwhm):
    """A Gaussian over the slit that is left; its variance is that of the slit asked for."""
    library, sigma = narrow(fwhm), fwhm / FWHM
    line, x = np.asarray(blurred(BoxcarLSF(width), GridSSP.from_library(library))), library.wavelength - 5000.0
    left = np.sqrt(width**2 - 12 * sigma**2)
    expected = np.diff(scipy.special.ndtr((x + np.array([[-left / 2], [left / 2]])) / sigma), axis=0)[0] / left
    # The narrower line of three pixels has a little beyond the highest frequency of its pixels.
    assert np.abs(line - expected).max() < 1e-5 * expected.max()
    assert (line * x**2).sum() * 0.2 == pytest.approx(width**2 / 12, rel=1e-5)
    if width > 12 * fwhm:
        falling = slice(line.size // 2, None)
        half = np.interp(0.5, (line / line[line.size // 2])[falling][::-1], x[falling][::-1])
        assert 2 * half == pytest.approx(width, rel=0.01)


def test_width_that_varies_threefold_is_that_of_every_place(double):
    """From 6 to 18 angstrom, with a library of 2: every line is right to a thousandth of its peak."""
    library = lines(2.0, [5000.0, 7000.0, 9000.0], 1.0, 4000.0, 10_000.0)
    lsf = PolynomialLSF([2e-3, -2.0])
    seen = np.asarray(blurred(lsf, GridSSP.from_library(library), 3))
    for line, centre in zip(seen, (5000.0, 7000.0, 9000.0), strict=True):
        # The width changes along the line itself: it is that of the place where the light arrives.
        sigma = (2e-3 * library.wavelength - 2.0) / FWHM
        expected = np.exp(-0.5 * ((library.wavelength - centre) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
        assert np.abs(line - expected).max() < 1e-3 * expected.max()


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_line_blur_of_a_derivative_is_the_derivative_of_the_blur(double, derivative):
    x, variance = np.arange(200.0) - 100, 9.0
    line = np.exp(-0.5 * x**2 / 4)
    ((blurred,),) = blur_derivatives(real(line[None]), jnp.full(200, variance), (derivative,))
    total = 4 + variance
    he = np.polynomial.hermite_e.hermeval(x / np.sqrt(total), [0] * derivative + [1])
    expected = (-1) ** derivative * he * np.exp(-0.5 * x**2 / total) * 2 / total ** (0.5 + derivative / 2)
    assert np.allclose(blurred, expected, rtol=0, atol=1e-10)


def test_boxcar_blur_is_smooth_down_to_no_width(bits):
    """Its gradient by the variance there is that of a Gaussian: half of the second derivative."""
    x = np.arange(120.0) - 60
    line = real(np.exp(-0.5 * x**2 / 4)[None])

    def gradient(response):
        return jax.jvp(lambda v: blur_line(line, v, response=response), (jnp.zeros(120),), (jnp.ones(120),))

    value, slope = gradient(boxcar)
    expected = 0.5 * (x**2 / 16 - 1 / 4) * np.exp(-0.5 * x**2 / 4)
    assert np.allclose(value, line, rtol=0, atol=1e-5 if bits == 32 else 1e-9)
    assert np.allclose(slope[0], expected, rtol=0, atol=1e-4 if bits == 32 else 1e-6)


# --- lines of gas -----------------------------------------------------------------------------------------------------

GAS = {
    "none": NoLSF,
    "Gaussian": lambda: GaussianLSF(3.0),
    "Gaussian, as recorded": lambda: GaussianLSF(3.0, includes_pixel=True),
    "resolving power": lambda: ResolvingPowerLSF(1800.0),
    "polynomial": lambda: PolynomialLSF(BACON),
    "table": lambda: TableLSF([4700.0, 5500.0], [3.0, 2.0]),
    "skew": lambda: GaussHermiteLSF(GaussianLSF(3.0), 0.1, 0.0),
    "peaked, as recorded": lambda: GaussHermiteLSF(GaussianLSF(3.0, includes_pixel=True), 0.05, 0.1),
    "boxcar": lambda: BoxcarLSF(6.0),
    "of place": lambda: FieldLSF.of(GaussianLSF(3.0), [1.0, 1.2]),
}
"""Every member, with what a width may have in it."""

DETECTOR = Wavelengths(4980.0, 0.75, 54, "air")
"""Its edges are what they are in single precision too."""


def below(lsf, edges, centre, variance):
    """Share of a line below edges."""
    return lsf.below(edges - centre[..., None], centre, variance, DETECTOR)


@eqx.filter_jit
def in_pixels(lsf, edges, centre, variance):
    """Light of a line between edges."""
    return jnp.diff(below(lsf, edges, centre, variance))


@pytest.mark.parametrize("name", ["Gaussian, as recorded", "table", "peaked, as recorded", "boxcar", "of place"])
def test_line_of_gas_is_what_the_instrument_makes_of_a_line_of_a_library(double, name):
    """Without the library's width: what `broaden` makes of a line that it takes for as broad as the library is.

    A width that changes with wavelength is here that of the centre of the line.
    """
    lsf, library = GAS[name](), narrow()
    expected = eqx.filter_jit(
        lambda lsf, made: lsf.broaden(made.spectra(), made.rest, made.fwhm, jnp.zeros(1), DETECTOR)
    )(lsf, GridSSP.from_library(library))[0, 0]
    # The sides of a boxcar are the library's, and what is left of it is narrower: here they are the line's own.
    own = (1.0 / FWHM) ** 2 if name == "boxcar" else 0.0
    lsf = BoxcarLSF(np.sqrt(6.0**2 - 12 * own)) if name == "boxcar" else lsf
    low, high = (np.asarray(library.wavelength + side) for side in (-1e-3, 1e-3))
    found = np.asarray(below(lsf, real(np.stack([low, high])), real([5000.0] * 2), real([own] * 2)))
    density = (found[1] - found[0]) / 2e-3
    tolerance = 2e-3 if name == "table" else 2e-5
    assert np.abs(density - expected).max() < tolerance * expected.max()


@pytest.mark.parametrize("name", GAS)
def test_line_of_gas_is_the_convolution_of_its_own_width_with_the_instrument(bits, name):
    """By a sum over shifted lines of no width of their own; all of its light is in the pixels, at the centre of it."""
    lsf, edges = GAS[name](), DETECTOR.edges()
    centre, sigma = 5000.25, 0.9
    found = np.asarray(in_pixels(lsf, real(edges), real(centre), real(sigma**2)), np.float64)
    steps = np.arange(-346, 347) / 64
    shares = np.exp(-0.5 * (steps / sigma) ** 2)
    shares /= shares.sum()
    if name == "none":
        expected = np.diff(scipy.special.ndtr((edges - centre) / sigma))
    else:
        # Shifted edges in place of lines, whose widths are all that at the centre.
        still = eqx.filter_jit(eqx.filter_vmap(in_pixels, in_axes=(None, 0, None, None)))(
            lsf, real(edges - steps[:, None]), real(centre), real(0.0)
        )
        expected = shares @ np.asarray(still, np.float64)
    # The sides of a boxcar of its own are steeper than the steps of the sum.
    tolerance = 1e-5 if name == "boxcar" else 3e-6 if bits == 32 else 1e-7
    assert np.abs(found - expected).max() < tolerance * expected.max()
    assert found.sum() == pytest.approx(1, abs=1e-6 if bits == 32 else 1e-9)


@pytest.mark.parametrize("name", GAS)
def test_gradients_of_a_line_of_gas_are_finite_differences_also_far_from_it(bits, name):
    """By its centre, its own variance and every number of the instrument."""
    lsf, edges = GAS[name](), real([-4000.0, 4990.0, 4998.0, 5000.0, 5001.5, 5009.0, 2e4])
    weights = real(np.random.default_rng(3).normal(size=6))

    @eqx.filter_jit
    def total(tree):
        lsf, centre, variance = tree
        return jnp.sum(weights * in_pixels(lsf, edges, centre, variance))

    tree = (lsf, real(5000.2), real(0.4))
    slopes, _ = ravel_pytree(eqx.filter_grad(total)(tree))
    assert np.isfinite(slopes).all()
    narrow = eqx.filter_grad(total)((lsf, real(5000.2), real(0.0)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(narrow))
    if bits == 32:
        return
    arrays, static = eqx.partition(tree, eqx.is_array)
    at, rebuilt = ravel_pytree(arrays)
    for place, slope in enumerate(np.asarray(slopes)):
        step = 3e-7 * abs(float(at[place])) or 1e-6
        high, low = (float(total(eqx.combine(rebuilt(at.at[place].add(by)), static))) for by in (step, -step))
        assert slope == pytest.approx((high - low) / (2 * step), rel=1e-5, abs=1e-6)


def test_lines_of_gas_keep_their_shape_side_by_side_and_a_line_of_no_width_is_in_one_pixel(double):
    """Many lines and velocities at once; one in which nothing moves is in its pixel, and gives it all its light."""
    edges, centres = DETECTOR.edges(), np.array([[4990.0, 5000.0], [4995.25, 5010.0]])
    share = eqx.filter_jit(below)
    for name in ("table", "boxcar"):
        many = share(GAS[name](), real(np.tile(edges, (2, 2, 1))), real(centres), real(np.full((2, 2), 0.3)))
        one = share(GAS[name](), real(edges), real(centres[1, 0]), real(0.3))
        assert np.allclose(many[1, 0], one, rtol=0, atol=1e-14)
    still = np.asarray(in_pixels(NoLSF(), real(edges), real(5000.1), real(0.0)))
    assert np.flatnonzero(still).tolist() == [27] and still[27] == 1


# --- of place ---------------------------------------------------------------------------------------------------------

PIXELS = Wavelengths(6000.0, 1.25, 200, "air")


def recorded_gaussian(centre, fwhm, wavelengths=PIXELS):
    """A line of unit light, of a width before the pixel (where its light arrives), as flux density in pixels."""
    edges, sigma = wavelengths.edges() - centre, fwhm / FWHM
    return (scipy.special.ndtr(edges[1:] / sigma) - scipy.special.ndtr(edges[:-1] / sigma)) / wavelengths.widths()


@eqx.filter_jit
def in_elements(lsf, spectra, missing=None, wavelengths=PIXELS):
    missing = jnp.zeros(wavelengths.size, bool) if missing is None else missing
    return lsf.broaden_elements(spectra, wavelengths, missing)


@pytest.mark.parametrize(
    ("fwhm", "most", "nodes", "parts"),
    [(2.8, 1.2, 3, 1), (2.8, 2.0, 5, 1), (5.0, 2.0, 5, 1), (1.4, 2.0, 5, 2), (1.25, 2.0, 5, 3), (0.95, 2.0, 5, 3)],
)
def test_line_of_every_element_has_its_own_width(bits, fwhm, most, nodes, parts):
    """To a thousandth of its peak, anywhere in a pixel, for a width that varies with wavelength too; light is kept.

    From 2.2 pixels on, and with parts of pixels from as many parts: a line of one pixel's width with three.
    """
    widths, parted = np.geomspace(1.0, most, 30), PIXELS.divided(parts)
    lsf = FieldLSF(PolynomialLSF([1e-4 * fwhm, fwhm], 6125.0), widths, (1.0, most), 12, nodes, parts)

    def line(centre, width, wavelengths):
        return recorded_gaussian(centre, width * fwhm * (1 + 1e-4 * (wavelengths.centres() - 6125)), wavelengths)

    for centre in (6050.0, 6125.3, 6190.6):
        spectra = np.tile(line(centre, widths[0], parted), (30, 1))
        seen = np.asarray(in_elements(lsf, real(spectra), jnp.zeros(parted.size, bool)), np.float64)
        # A width that varies within a pixel is that of its parts.
        expected = np.stack([line(centre, width, parted).reshape(-1, parts).mean(axis=1) for width in widths])
        assert (np.abs(seen - expected).max(axis=1) / expected.max(axis=1)).max() < 1e-3
        assert np.allclose(seen.sum(axis=1) * PIXELS.step, 1, rtol=0, atol=1e-3)
    same = FieldLSF(lsf.lsf, np.full(30, 1.0), (1.0, 1.1), nodes=nodes, oversampling=parts)
    whole, none = spectra.reshape(30, -1, parts).mean(axis=2), jnp.zeros(parted.size, bool)
    assert np.allclose(in_elements(same, real(spectra), none), whole, rtol=0, atol=1e-6 * whole.max())


def test_parts_of_channels_add_up_to_channels_and_a_part_in_a_gap_takes_its_channel(double):
    """Whatever the channels: and what a telescope makes of parts is what it makes of channels, where these suffice."""
    for given in (PIXELS, LogWavelengths(5000.0, 3e-4, 40, "vacuum"), TableWavelengths((4e3, 5e3, 5.1e3, 6e3), "air")):
        assert np.allclose(given.divided(3).edges()[::3], given.edges(), rtol=1e-13)
    maps = np.linspace(1.0, 1.3, 12).reshape(3, 4)
    given = {"spaxels": SquareSpaxels(0.6, (4, 3)), "kinematics": VelocityChannels(400.0, 100.0)}
    gaps = dataclasses.replace(stages.OBSERVED, gaps=((4900.3, 4901.0),))
    stars, cubes = stages.particles(10), []
    for parts in (1, 2):
        lsf = FieldLSF.of(GaussianLSF(3.4), maps, oversampling=parts)
        telescope = stages.telescope(wavelengths=gaps, lsf=lsf, psf=GaussianPSF(1.2, reach=2), **given)
        assert telescope.sampled.size == parts * gaps.size
        cubes.append(np.asarray(eqx.filter_jit(telescope)(stars)))
    one, two = cubes
    assert np.array_equal(np.isnan(one), np.broadcast_to(gaps.missing(), one.shape))
    assert np.array_equal(np.isnan(two), np.isnan(one))
    assert np.nanmax(np.abs(one - two)[..., 10:-10]) < 1e-3 * np.nanmax(one)


def test_straight_lines_stay_and_nothing_comes_in_from_gaps_and_ends(double):
    lsf, rng = FieldLSF.of(GaussianLSF(3.0), [1.0, 1.5]), np.random.default_rng(1)
    slope = np.stack([np.arange(200.0), 7 - 0.1 * np.arange(200.0)])
    missing = np.zeros(200, bool)
    missing[90:97] = True
    seen = in_elements(lsf, jnp.where(missing, jnp.nan, real(slope)), jnp.asarray(missing))
    assert np.array_equal(np.isnan(seen), np.broadcast_to(missing, (2, 200)))
    assert np.allclose(seen[:, ~missing], slope[:, ~missing], rtol=0, atol=1e-12)
    spectra = real(rng.normal(size=(2, 200)))
    gradient = jax.grad(lambda s: jnp.nansum(in_elements(lsf, s, jnp.asarray(missing)) ** 2))(
        jnp.where(missing, jnp.nan, spectra)
    )
    assert not gradient[:, missing].any() and np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("wavelengths", "parts"), [(stages.OBSERVED, 1), (Wavelengths(4836.0, 3.06, 49, "air"), 3)], ids=["fine", "coarse"]
)
def test_cube_of_widths_that_differ_is_that_of_the_specification(double, wavelengths, parts):
    """Spaxel by spaxel that of a telescope with the width of the spaxel everywhere, with the PSF and its own pixels.

    With parts of channels also where the sharpest line is as wide as a channel.
    """
    maps = np.ones((6, 7))
    maps[2:4, 1:5], maps[0] = 1.25, 0.9
    stars, library = stages.particles(10), stages.library()
    telescope = stages.telescope(
        spaxels=SquareSpaxels(0.4, (7, 6), oversampling=(2, 2)),
        kinematics=VelocityChannels(500.0, 25.0),
        psf=GaussianPSF(1.2, reach=14),
        wavelengths=wavelengths,
        lsf=FieldLSF.of(GaussianLSF(3.4), maps, oversampling=parts),
    )
    cube = np.asarray(eqx.filter_jit(telescope)(stars))
    inside = slice(8, -8)
    for width in np.unique(maps):
        truth = Specification(
            library, wavelengths, stages.REDSHIFT, 90.0, 50.0, 30.0, 0.4, (7, 6), gaussian(1.2), 3.4 * width
        ).cube(*(np.asarray(leaf) for leaf in jax.tree.leaves(stars)))
        error = np.abs(cube - truth)[maps == width] / truth.max()
        assert error[:, inside].max() < 1e-3
        # Within the reach of the ends a line that is cut is not blurred by what is not there.
        assert error.max() < 5e-3


def test_widths_of_place_do_not_multiply_the_terms_of_the_psf():
    """As many products of the size of a cube or more, forward and backward, as with one width for all.

    But for those over the few widths that are mixed, one for every tap of the blur.
    """
    stars = stages.particles(5)
    plain = stages.telescope(psf=stages.PSFS["chromatic"]())
    varied = eqx.tree_at(lambda t: t.lsf, plain, FieldLSF.of(plain.lsf, np.linspace(0.95, 1.2, 72).reshape(8, 9)))

    def products(telescope):
        arrays, rest = eqx.partition(telescope, eqx.is_array)
        weights, templates = (jax.ShapeDtypeStruct(*made) for made in shapes)

        def loss(arrays, weights, templates):
            return jnp.sum(eqx.combine(arrays, rest).observe(weights, templates) ** 2)

        program = jax.make_jaxpr(jax.grad(loss, argnums=(1, 2)))(arrays, weights, templates)
        return [
            equation.outvars[0].aval.size for equation in equations(program.jaxpr)
            if equation.primitive.name == "dot_general" and equation.outvars[0].aval.size >= 8 * 9 * 120
            and added_up(equation) > 4
        ]  # fmt: skip

    made = plain.weights(stars), plain.templates()
    shapes = [(one.shape, one.dtype) for one in made]
    assert sorted(products(varied)) == sorted(products(plain))


def added_up(equation):
    """How many products a number of a product of matrices is the sum of."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    return np.prod([equation.invars[0].aval.shape[axis] for axis in contracted])


def equations(jaxpr):
    """All of a program, those inside of others too."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for inner in jax.tree.leaves(value, is_leaf=lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr")):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from equations(inner)


def test_library_is_taken_out_of_the_sharpest_and_nodes_follow_it():
    lsf = FieldLSF.of(GaussianLSF(3.0), [[0.8, 1.5]])
    assert "best FWHM" in (coarse_library(stages.telescope(spaxels=SquareSpaxels(0.4, (2, 1)), lsf=lsf)) or "")
    wide = FieldLSF.of(GaussianLSF(3.0), [[1.0, 1.5]])
    assert coarse_library(stages.telescope(spaxels=SquareSpaxels(0.4, (2, 1)), lsf=wide)) is None
    library = stages.library()
    narrow, _ = line_widths(GaussianLSF(2.7 * 0.995), library, stages.OBSERVED, stages.REDSHIFT)
    found, _ = line_widths(FieldLSF.of(GaussianLSF(3.0), [[0.9, 1.5]]), library, stages.OBSERVED, stages.REDSHIFT)
    assert found == pytest.approx(narrow, rel=1e-6)
    assert cut_blur(stages.telescope(lsf=wide)) is None and cut_blur(stages.telescope()) is None
    sentence = cut_blur(stages.telescope(lsf=FieldLSF.of(GaussianLSF(3.0), [[1.0, 4.0]])))
    assert "has a standard deviation of 4.0 channels, and is cut 8 from its centre" in sentence
    left = eqx.tree_at(lambda lsf: lsf.widths, wide, real([[0.9, 1.5]]))
    sentence = cut_blur(stages.telescope(lsf=left))
    assert "reach from 0.9 to 1.5, and those that the line spread function mixes from 0.995 to 1.51" in sentence


def test_influence_on_a_spectrum_says_that_it_makes_no_cube():
    telescope = stages.telescope(lsf=stages.LSFS["of place"]())
    with pytest.raises(InputError, match=r"telescope\.lsf: a FieldLSF acts on a cube, and none is made here"):
        spectrum(telescope, stages.particles(3), jnp.ones((8, 9)))


def test_map_of_widths_is_given_in_numbers_as_a_polynomial_or_in_a_file(tmp_path):
    """Of the shape of the field, counted from the south."""
    described = {"kind": "field", "lsf": {"kind": "resolving-power", "resolving_power": 1500.0}}
    given = {"shape": (2, 3)}
    rows = [[1.0, 1.1, 1.2], [0.9, 1.0, 1.1]]
    assert np.allclose(module("lsf", described | {"widths": rows}, "lsf", given).widths, rows)
    fits.PrimaryHDU(np.asarray(rows)).writeto(tmp_path / "widths.fits")
    filed = module("lsf", described | {"path": str(tmp_path / "widths.fits"), "nodes": 3}, "lsf", given)
    assert np.allclose(filed.widths, rows) and filed.nodes == 3 and isinstance(filed.lsf, ResolvingPowerLSF)
    polynomial = module("lsf", described | {"polynomial": [[1.0, -0.05], [0.1]]}, "lsf", given)
    assert np.allclose(polynomial.widths, [[0.95, 1.05, 1.15], [0.85, 0.95, 1.05]])
    for wrong, sentence in (
        ({}, "lsf: give one of widths, path and polynomial"),
        ({"widths": [[1.0]]}, r"lsf: it has 1 x 1 widths \(y, x\), and the field 2 x 3"),
        ({"widths": [[1.0, 1.0], [1.0]]}, "rows of as many numbers"),
        ({"widths": [[1.0, -1.0, 1.0]] * 2}, "widths: .* is not greater than zero"),
        ({"polynomial": [[0.0, 1.0]]}, "every relative width must be a number above zero"),
        ({"path": str(tmp_path / "widths.fits"), "extension": "x"}, "'?x'? is not among its images"),
    ):
        with pytest.raises(InputError, match=sentence):
            module("lsf", described | wrong, "lsf", given)
    with pytest.raises(ValueError, match=r"FieldLSF\.spread must be a width and a greater one, got \(1\.0, 1\.0\)"):
        FieldLSF(GaussianLSF(3.2), rows, (1.0, 1.0))
    with pytest.raises(ValueError, match=r"FieldLSF\.widths has shape \(2, 3\), but the elements .* have \(8, 9\)"):
        eqx.filter_eval_shape(stages.telescope(lsf=FieldLSF.of(GaussianLSF(3.2), rows)), stages.particles(3))


# --- polynomials and tables -------------------------------------------------------------------------------------------


def test_polynomial_of_muse_is_that_of_the_paper(bits):
    """3.0 angstrom at 4750, 2.5 at 7000, 2.6 at 9300, whatever it is counted from."""
    lsf = PolynomialLSF(BACON)
    wave = np.array([4750.0, 7000.0, 9300.0])
    expected = np.polyval(BACON, wave)
    assert np.allclose(expected, [3.0, 2.48, 2.57], atol=0.005)
    for same in (lsf, lsf.about(7000.0, 1000.0), lsf.about(7000.0, 1000.0).about(0.0, 1e4)):
        assert np.allclose(same.width(real(wave)), expected, rtol=1e-5 if bits == 32 else 1e-12)
    microns = PolynomialLSF([5.866, -9.187, 6.040], scale=1e4)
    assert np.allclose(microns.width(real(wave)), expected, rtol=1e-5)
    back = lsf.about(7000.0, 1000.0).about(0.0, 1.0)
    assert np.allclose(back.coefficients, BACON, rtol=1e-4 if bits == 32 else 1e-11)


def test_polynomial_about_the_middle_of_the_band_is_found_by_a_plain_optimiser():
    """In single precision, from a constant: the coefficients are all in angstrom, and of one size."""
    wave = real(np.linspace(4750.0, 9300.0, 60))
    truth = PolynomialLSF(BACON).width(wave)
    lsf, optimiser = PolynomialLSF([0.0, 0.0, 3.5], 7000.0, 2000.0), optax.adam(0.05)

    @eqx.filter_jit
    def step(lsf, state):
        gradient = eqx.filter_grad(lambda lsf: jnp.mean((lsf.width(wave) - truth) ** 2))(lsf)
        update, state = optimiser.update(gradient, state)
        return eqx.apply_updates(lsf, update), state

    with jax.numpy_dtype_promotion("standard"):
        state = optimiser.init(eqx.filter(lsf, eqx.is_inexact_array))
        for _ in range(400):
            lsf, state = step(lsf, state)
    assert np.allclose(lsf.width(wave), truth, rtol=0, atol=1e-3)
    assert np.allclose(lsf.about(0.0, 1.0).coefficients, BACON, rtol=1e-2)


def test_table_is_held_at_its_ends_and_says_so():
    lsf = TableLSF([4800.0, 4900.0], [3.0, 4.0])
    assert np.allclose(lsf.width(real([4000.0, 4850.0, 9000.0])), [3.0, 3.5, 4.0])
    sentence = held_widths(stages.telescope(lsf=lsf))
    assert "is known from 4800 to 4900 angstrom, and the telescope observes 4835 to 4985" in sentence
    assert held_widths(stages.telescope(lsf=TableLSF([4800.0, 5000.0], [3.0, 4.0]))) is None
    assert held_widths(stages.telescope()) is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: TableLSF([5e3, 5e3], [2.0, 3.0]), r"TableLSF\.wave must be two wavelengths or more that increase"),
        (lambda: TableLSF([5000.0], [2.0]), r"TableLSF\.wave must be two wavelengths or more"),
        (lambda: TableLSF([5e3, 6e3], [2.0]), r"TableLSF\.fwhm must hold a width for each of the 2 wavelengths, got 1"),
        (lambda: TableLSF([5000.0, 6000.0], [2.0, 0.0]), r"TableLSF\.fwhm: \[2\. 0\.\] is not greater than zero"),
        (lambda: ResolvingPowerLSF(0.0), r"ResolvingPowerLSF\.resolving_power: 0\.0 is not greater than zero"),
        (lambda: PolynomialLSF([]), r"PolynomialLSF\.coefficients must be at least one number"),
        (lambda: BoxcarLSF(-1.0), r"BoxcarLSF\.fwhm: -1\.0 is not greater than zero"),
    ],
)  # fmt: skip
def test_widths_without_sense_are_refused_in_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


# --- the library's own part -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lsf", "best"),
    [
        (GaussianLSF(2.0), 2.55),
        (GaussianLSF(2.6, includes_pixel=True), np.sqrt(2.55**2 + 8 * np.log(2) * 1.25**2 / 12)),
        (ResolvingPowerLSF(2500.0), 2.55),
        (PolynomialLSF([0.0]), 2.55),
        (PolynomialLSF([-3.0]), 2.55),
        (TableLSF([4700.0, 5000.0], [2.0, 2.2]), 2.55),
        (GaussHermiteLSF(GaussianLSF(2.0), 0.1, 0.1), 2.55),
        (BoxcarLSF(3.0), 2.55 * np.sqrt(12 / (8 * np.log(2)))),
    ],
)
def test_coarse_library_says_how_good_each_can_be(lsf, best):
    """2.5 angstrom at rest, 2.55 at this redshift. What is said to be possible is possible."""
    telescope = stages.telescope(lsf=lsf)
    sentence = coarse_library(telescope)
    assert "from 4836 to 4985 angstrom" in sentence and f"at this redshift is {best:.3f} angstrom" in sentence
    if isinstance(lsf, GaussianLSF | BoxcarLSF):
        assert coarse_library(eqx.tree_at(lambda t: t.lsf.fwhm, telescope, real(best + 1e-3))) is None


# --- how near velocity nodes must be ----------------------------------------------------------------------------------

SHAPES = {
    "none": NoLSF,
    "Gaussian": lambda: GaussianLSF(3.0),
    "Gaussian, as recorded": lambda: GaussianLSF(3.0, includes_pixel=True),
    "resolving power": lambda: ResolvingPowerLSF(2500.0),
    "polynomial": lambda: PolynomialLSF(BACON),
    "table": lambda: TableLSF([4700.0, 7000.0, 9400.0], [3.0, 2.5, 4.0]),
    "skew": lambda: GaussHermiteLSF(GaussianLSF(3.0), 0.1, 0.0),
    "peaked": lambda: GaussHermiteLSF(GaussianLSF(3.0), 0.05, 0.1),
    "flat": lambda: GaussHermiteLSF(GaussianLSF(3.0), 0.0, -0.1),
    "boxcar": lambda: BoxcarLSF(9.0),
}


@pytest.mark.parametrize(
    ("name", "pixel"),
    [*((name, 1.25) for name in SHAPES), ("Gaussian", 0.8), ("Gaussian", 2.5)],
)
def test_line_half_way_between_nodes_is_right_to_a_thousandth_of_its_peak(double, name, pixel):
    """Of emission lines from blue to red, with nodes as far apart as the narrowest of them bears."""
    library, lsf, wavelengths = lines(), SHAPES[name](), Wavelengths(4700.0, pixel, int(4650 / pixel), "air")
    narrowest, _ = line_widths(lsf, library, wavelengths, 0.001)
    kinematics = VelocityChannels().resolving(narrowest).limited_to(0.0)
    error = float(error_between_nodes(spectrograph(lsf, library, kinematics, wavelengths)))
    assert 1e-4 < error < 1e-3, (kinematics.spacing, error)


def test_spacing_follows_the_narrowest_line():
    """Figures of the docstring: the error of a Gaussian line between the nodes of a cubic spline."""
    channels = VelocityChannels()
    assert [channels.resolving(sigma).spacing for sigma in (37.9, 46.0, 200.0, 5.0, 0.5)] == [18, 23, 50, 2.5, 0.25]
    assert VelocityChannels(degree=1).resolving(10.0).spacing == 50
    for ratio, error in ((0.4, 2.4e-4), (0.5, 6.6e-4), (0.545, 1e-3), (0.7, 3.3e-3), (1.0, 2.0e-2), (2.0, 0.27)):
        nodes = np.arange(-30, 31) * ratio
        found = 0.0
        for phase in np.linspace(0, 1, 11):
            spline = scipy.interpolate.CubicSpline(nodes + phase * ratio, np.exp(-0.5 * (nodes + phase * ratio) ** 2))
            x = np.linspace(-5, 5, 2001)
            found = max(found, np.abs(spline(x) - np.exp(-0.5 * x**2)).max())
        assert found == pytest.approx(error, rel=0.06)
