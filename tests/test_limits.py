"""Numbers that make no sense are refused where they are known; where they are traced, limits are smooth and finite."""

import dataclasses
import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from jaxtyping import Array, Float

from ifux import (
    AbstractGaussianNoise,
    ChromaticPSF,
    ConstantNoise,
    CosmologicalTarget,
    EulerOrientation,
    FixedTarget,
    FlatLambdaCDM,
    GaussianPSF,
    InputError,
    LowRankSSP,
    MoffatPSF,
    NoPSF,
    ScaledNoise,
    SquareSpaxels,
    TargetSNRNoise,
    Wavelengths,
)
from ifux.config.build import module, parameters
from ifux.config.table import KINDS
from ifux.galaxies import DiscBulge
from ifux.particles import Particles
from ifux.typing import Limits, real

KEY = jax.random.key(0)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MoffatPSF(-1.0), r"^MoffatPSF\.fwhm: -1\.0 is not greater than zero\.$"),
        (lambda: GaussianPSF(0.0), r"GaussianPSF\.fwhm: 0\.0 is not greater than zero"),
        (lambda: GaussianPSF(float("nan")), r"GaussianPSF\.fwhm: nan is not a number"),
        (lambda: GaussianPSF([1.0, -2.0]), r"GaussianPSF\.fwhm: \[ 1\. -2\.\] is not greater than zero"),
        (lambda: MoffatPSF(1.0, 1.0), r"MoffatPSF\.beta: 1\.0 is not greater than one"),
        (lambda: MoffatPSF(1.0, reach=0), r"MoffatPSF\.reach: 0 is not greater than zero"),
        (lambda: ChromaticPSF(MoffatPSF(1.0), terms=1), r"ChromaticPSF\.terms must be none or at least two, got 1"),
        (
            lambda: CosmologicalTarget(0.0),
            r"redshift: 0\.0 is not greater than zero; a fixed target takes any",
        ),
        (lambda: FixedTarget(0.1, 0.0), r"FixedTarget\.distance: 0\.0 is not greater than zero"),
        (lambda: FixedTarget(-1.0, 1.0), r"FixedTarget\.redshift: -1\.0 is not greater than -1"),
        (lambda: FlatLambdaCDM(matter=1.2), r"FlatLambdaCDM\.matter: 1\.2\d* is greater than one"),
        (lambda: SquareSpaxels(0.2, (3, 0)), r"SquareSpaxels\.size: \(3, 0\) is not greater than zero"),
        (lambda: Wavelengths(5000.0, 0.0, 3, "air"), r"Wavelengths\.step: 0\.0 is not greater than zero"),
        (lambda: ConstantNoise(0.0), r"ConstantNoise\.level: 0\.0 is not greater than zero"),
        (lambda: ScaledNoise(ConstantNoise(1.0), -1.0), r"ScaledNoise\.factor: -1\.0 is not greater than zero"),
        (
            lambda: DiscBulge.sample(8, key=KEY, bulge_fraction=1.5),
            r"bulge_fraction: 1\.5 is greater than one",
        ),
        (lambda: dataclasses.replace(MoffatPSF(1.0), fwhm=-1.0), r"MoffatPSF\.fwhm: -1\.0"),
    ],
)
def test_number_without_sense_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [EulerOrientation, FixedTarget])
def test_limits_are_those_of_the_class_and_of_no_namesake(kind):
    """A Moffat's beta is above one, an angle of that name is any; M31 approaches."""
    if kind is EulerOrientation:
        built = module("orientation", {"kind": "euler", "beta": 0, "alpha": -400}, "telescope.orientation")
        assert eqx.tree_equal(built, EulerOrientation(-400.0, 0.0))
    else:
        built = module("target", {"kind": "fixed", "redshift": -0.001, "distance": 0.78}, "telescope.target")
        assert eqx.tree_equal(built, FixedTarget(-0.001, 0.78))


@pytest.mark.parametrize("kind", [kind for kinds in KINDS.values() for kind in kinds.values()])
def test_numbers_that_must_be_sizes_say_so(kind):
    """Whatever is a width, a level or a count of something has a lower limit, which nobody forgot."""
    sizes = {"fwhm", "pitch", "distance", "level", "snr", "rv", "hubble", "spacing", "reach", "tolerance", "factor"}
    for name, argument in parameters(kind).items():
        if name in sizes or name.endswith(("_scale", "_height", "_age", "mass", "depth")):
            assert (argument.limits.above, argument.limits.least) != (None, None), name


def test_tolerance_of_a_basis_is_limited_as_an_argument():
    assert parameters(LowRankSSP.from_library)["tolerance"].limits == Limits(above=0, most=1)
    with pytest.raises(InputError, match=r"ssp\.tolerance: 0 is not greater than zero"):
        module("ssp", {"kind": "low-rank", "tolerance": 0}, "ssp")


def test_tracer_is_not_asked_for_its_value():
    widths = real([0.5, -1.0])
    psfs = eqx.filter_vmap(GaussianPSF)(widths)
    assert np.array_equal(psfs.fwhm, widths)
    assert float(jax.jit(lambda width: GaussianPSF(width).fwhm)(-1.0)) == -1
    assert float(jax.grad(lambda width: GaussianPSF(width).fwhm)(0.0)) == 1


# --- a width of zero --------------------------------------------------------------------------------------------------

PITCH = 0.4


def with_width(psf, width):
    """A PSF whose width went there without a constructor, as in a fit."""
    inner = "psf" if isinstance(psf, ChromaticPSF) else None
    where = (lambda p: p.psf.fwhm) if inner else (lambda p: p.fwhm)
    return eqx.tree_at(where, psf, real(width))


NARROW = {
    "Gaussian": lambda: GaussianPSF(1.0, reach=5),
    "Moffat": lambda: MoffatPSF(1.0, 2.8, reach=5),
    "steep Moffat": lambda: MoffatPSF(1.0, 10.0, reach=5),
    "chromatic": lambda: ChromaticPSF(MoffatPSF(1.0, 2.8, reach=5), -0.3, 4900.0, band=(4800.0, 5000.0), terms=2),
}


@eqx.filter_jit
def image(psf, width):
    """What becomes of a spot of light, and how it changes with the width."""
    sky = jnp.zeros((15, 15, 1), width.dtype).at[6:9, 6:9, 0].set(1)

    def blurred(width):
        return with_width(psf, width).blur(sky, stages.cells(PITCH)).sum(axis=0)

    return jax.jvp(blurred, (width,), (jnp.ones_like(width),))


@pytest.mark.parametrize("name", NARROW)
def test_width_of_zero_is_the_limit_of_small_ones(bits, name):
    psf = NARROW[name]()
    point, slope = image(psf, real(0.0))
    assert np.isfinite(point).all() and not np.any(slope)
    for width in (1e-30, 1e-10, 1e-6, 1e-3 * PITCH):
        near, change = image(psf, real(width))
        assert np.abs(near - point).max() < 1e-5 * np.abs(point).max(), width
        assert np.isfinite(change).all() and np.abs(change).max() < 1e-2, width


@pytest.mark.parametrize("reach", [8, 24])
def test_kernel_of_no_width_makes_up_for_the_spline_and_does_nothing_else(double, reach):
    """What the spline blurs back is a point, up to the ringing of a sharp cut at the Nyquist frequency."""
    grid = np.asarray(with_width(GaussianPSF(1.0, reach), 0.0).kernel(stages.cells(PITCH, 1)))
    window = np.sinc(np.fft.fftfreq(2 * reach + 1)) ** 2
    blurred = np.fft.ifft2(np.fft.fft2(grid) * np.outer(window, window)).real
    point = np.zeros_like(blurred)
    point[reach, reach] = 1
    assert np.abs(blurred - point).max() < 1 / reach**2


@pytest.mark.parametrize("name", NARROW)
def test_sign_of_a_width_is_of_no_account(double, name):
    there, here = (image(NARROW[name](), real(width)) for width in (-1.0, 1.0))
    assert np.array_equal(there[0], here[0]) and np.array_equal(there[1], -here[1])


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("width", [0.3, 0.6, 2.0])
def test_derivative_by_a_narrow_width_is_true(double, name, width):
    psf, step = NARROW[name](), 1e-5
    slope = image(psf, real(width))[1]
    difference = (image(psf, real(width + step))[0] - image(psf, real(width - step))[0]) / (2 * step)
    assert np.abs(slope - difference).max() < 1e-6 * np.abs(difference).max() + 1e-9


def test_telescope_without_seeing_has_a_finite_cube_and_gradient():
    telescope, stars = stages.telescope(psf=GaussianPSF(1.2, reach=4)), stages.particles(20)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def square(width):
        return jnp.sum(eqx.tree_at(lambda t: t.psf.fwhm, telescope, width)(stars) ** 2)

    point, _ = square(real(0.0))
    for width in (0.0, 1e-10, 1e-4):
        value, slope = square(real(width))
        assert np.isfinite(slope) and abs(slope) < 1e-2 * value
        assert float(value) == pytest.approx(float(point), rel=1e-5)


# --- a dark cube ------------------------------------------------------------------------------------------------------


class PhotonNoise(AbstractGaussianNoise):
    """As many photons as there is light."""

    gain: Float[Array, ""] = eqx.field(converter=real)

    def variance(self, cube: Float[Array, "y x wave"]) -> Float[Array, "y x wave"]:
        """The light itself."""
        return self.gain * cube


@pytest.mark.parametrize("noise", [TargetSNRNoise(20.0), ScaledNoise(TargetSNRNoise(20.0), 0.5)])
def test_dark_cube_has_a_likelihood_and_finite_gradients(bits, noise):
    dark, data = real(np.zeros((3, 4, 5))), real(np.full((3, 4, 5), 300.0))
    noise = jax.tree.map(real, noise)

    def drawn(noise, cube):
        return jnp.sum(noise.sample(cube, key=KEY))

    def likelihood(noise, cube):
        return noise.log_prob(data, cube)

    assert np.abs(noise.sample(dark, key=KEY)).max() < 1e-6
    for function in (drawn, likelihood):
        value, slopes = eqx.filter_value_and_grad(lambda pair, f=function: f(*pair))((noise, dark))
        assert np.isfinite(value) and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    # more light is more likely
    assert np.all(jax.grad(lambda cube: likelihood(noise, cube))(dark) > 0)


def test_voxels_without_noise_have_finite_gradients(bits):
    noise, cube = PhotonNoise(0.5), real(np.arange(24.0).reshape(2, 3, 4))
    slopes = eqx.filter_grad(lambda pair: jnp.sum(pair[0].sample(pair[1], key=KEY)))((noise, cube))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert float(slopes[1][0, 0, 0]) == 1
    # beside the dark voxel, the noise has its slope
    assert not np.allclose(slopes[1][0, 0, 1:], 1)


def test_galaxy_outside_of_the_field_ends_no_training():
    """One of a batch is predicted beyond the edge: the loss of all is finite, and so is its gradient."""
    telescope = stages.telescope(noise=TargetSNRNoise(20.0))
    stars = stages.particles(20)
    data = eqx.filter_jit(telescope)(stars, key=KEY)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def misfit(shift, telescope, stars, data):
        moved = eqx.tree_at(lambda p: p.position, stars, stars.position + shift)
        cube = telescope(moved)
        drawn = telescope.noise.sample(cube, key=KEY)
        chi_squared = jnp.mean((data - cube) ** 2 / telescope.noise.variance(cube))
        return 0.5 * jnp.log(chi_squared) + 1e-30 * (telescope.noise.log_prob(data, cube) + drawn.sum())

    for shift in (0.1, 500.0):
        value, slope = misfit(real(shift), telescope, stars, data)
        assert np.isfinite(value) and np.isfinite(slope) and (slope == 0) == (shift == 500)


# --- a batch, a galaxy, half precision --------------------------------------------------------------------------------


def several(tree, count=2):
    """A batch of the same."""
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * count), tree)


@pytest.mark.parametrize("call", [lambda t, p: t(p), lambda t, p: t.weights(p), lambda t, p: t.project(p)])
def test_forgotten_vmap_is_named(call):
    telescope, stars = stages.telescope(), stages.particles(10)
    galaxy = DiscBulge.sample(8, key=KEY)
    for one, other in ((telescope, several(stars)), (several(telescope), stars), (telescope, several(galaxy))):
        with pytest.raises(ValueError, match=r"has shape \(2.* equinox\.filter_vmap") as caught:
            call(one, other)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^DiscBulge\.uniform has shape \(2, 8, 4\) where one model has particle 4: "):
        several(galaxy).particles()
    with pytest.raises(ValueError, match=r"^Particles\.position has shape \(2, 10, 3\) where one model has "):
        call(telescope, several(stars))


def test_templates_of_several_telescopes_are_named_too():
    with pytest.raises(ValueError, match=r"has shape \(2,\) where one model has no axis"):
        several(stages.telescope(ssp=LowRankSSP.from_library(stages.library()))).templates()


def test_galaxy_is_taken_where_particles_are_wanted():
    telescope, galaxy = stages.telescope(), DiscBulge.sample(12, key=KEY, disc_scale=0.3, bulge_scale=0.1)
    cube = eqx.filter_jit(telescope)
    found, expected = cube(galaxy), cube(galaxy.particles())
    assert np.abs(found - expected).max() < 1e-5 * expected.max()
    from ifux.galaxy import Galaxy
    from ifux.particles import stars_of

    with pytest.raises(ValueError, match="observes Particles or a model that makes them, and no Galaxy"):
        inspect.unwrap(stars_of)(Galaxy(galaxy.particles(), 0.1))


def halved(tree, dtype):
    """All its numbers in half precision."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, tree)


def test_half_precision_is_made_single():
    telescope, stars = stages.telescope(psf=NoPSF()), stages.particles(20)
    cube = eqx.filter_jit(lambda t, p: t(p))
    for one, other in ((telescope, halved(stars, jnp.bfloat16)), (halved(telescope, jnp.float16), stars)):
        found, again = cube(one, other), cube(*halved((one, other), jnp.float32))
        assert found.dtype == jnp.float32 and np.isfinite(found).all()
        assert np.abs(found - again).max() < 1e-5 * again.max()
    parts = jax.eval_shape(lambda: (telescope.weights(halved(stars, jnp.bfloat16)), telescope.templates()))
    halves = (jax.ShapeDtypeStruct(part.shape, jnp.bfloat16) for part in parts)
    assert parts[0].dtype == jax.eval_shape(lambda w, t: telescope.observe(w, t), *halves).dtype == jnp.float32


def test_particles_of_half_precision_are_made_single_as_they_enter():
    stars = Particles(*(np.ones((4, 3), np.float16),) * 2, *(np.ones(4, np.float16),) * 3)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(stars))
