"""Every number in a telescope and in a galaxy has the gradient that finite differences find.

The scalar is a random projection of the cube. Differences are central, with two steps and Richardson's extrapolation
of them; what they cannot know is the rounding of the scalar over the step.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import (
    CalzettiCurve,
    CardelliCurve,
    ChromaticPSF,
    ConstantNoise,
    CosmologicalTarget,
    EulerOrientation,
    FixedTarget,
    GaussianPSF,
    GridSSP,
    InclinedOrientation,
    LowRankSSP,
    MoffatPSF,
    Observation,
    Particles,
    ScreenDust,
    SquareSpaxels,
    TargetSNRNoise,
    VelocityChannels,
)
from ifux.typing import real

VARIANTS = {
    "cubic": lambda: stages.telescope(
        target=FixedTarget(0.02, 90.0),
        orientation=InclinedOrientation(50.0, 30.0),
        spaxels=SquareSpaxels(0.4, (9, 8), (0.1, -0.05), degree=3),
        kinematics=VelocityChannels(400.0, 50.0, degree=3),
        dust=ScreenDust(0.7, CalzettiCurve()),
        psf=GaussianPSF(1.2, reach=7),
    ),
    "quadratic": lambda: stages.telescope(
        target=CosmologicalTarget(0.02),
        orientation=EulerOrientation(20.0, 50.0, 70.0),
        spaxels=SquareSpaxels(0.4, (9, 8), (0.1, -0.05), degree=2),
        kinematics=VelocityChannels(400.0, 50.0, degree=3),
        ssp=LowRankSSP.from_library(stages.library(), 1e-2),
        dust=ScreenDust(0.7, CardelliCurve()),
        psf=ChromaticPSF(MoffatPSF(1.2, 2.8, reach=9), -0.3, 4900.0, band=(4800.0, 5000.0), terms=2),
    ),
    "linear": lambda: stages.telescope(
        target=FixedTarget(0.02, 90.0),
        orientation=InclinedOrientation(50.0, 30.0),
        spaxels=SquareSpaxels(0.4, (9, 8), (0.1, -0.05), degree=1),
        kinematics=VelocityChannels(400.0, 50.0, degree=1),
        ssp=GridSSP.from_library(stages.library()),
        psf=GaussianPSF(1.2, reach=7),
    ),
}

STEPS = {
    "redshift": 1e-6,  # half a hundredth of a pixel of the library
    "distance": 0.05,
    "hubble": 0.05,
    "matter": 2e-3,
    "temperature": 0.02,
    "inclination": 0.02,
    "position_angle": 0.02,
    "alpha": 0.02,
    "beta": 0.02,
    "gamma": 0.02,
    "pitch": 5e-4,
    "centre": 2e-3,
    "depth": 1e-2,
    "rv": 1e-2,
    "fwhm": 2e-3,
    "flux": 1e-5,
    "table": 1e-2,
    "basis": 1e-2,
    "position": 1e-3,
    "velocity": 0.5,
    "mass": 1e3,
}
"""Steps that are small against what the cube is smooth over; for other leaves a thousandth of their value."""

CONSTANT = ("axes",)
"""Leaves whose gradient is stopped on purpose."""


def generic(telescope, count=24, outside=2, seed=3):
    """Stars that stand away from every kink: nodes and half-way between them in place, velocity, age, metallicity."""
    rng = np.random.default_rng(seed)

    def between(low, high, size=count):
        fraction = rng.uniform(0.1, 0.4, size) + 0.5 * rng.integers(0, 2, size)
        return rng.integers(low, high, size) + fraction

    spaxels = telescope.spaxels
    wide, tall = spaxels.size
    x, y = between(0, wide - 1), between(0, tall - 1)
    # Some that stand off the field, within reach of the PSF.
    x[:outside] -= wide - 1
    pitch, centre = float(spaxels.pitch), np.asarray(spaxels.centre)
    east, north = (0.5 * (wide - 1) - x) * pitch + centre[0], (y - 0.5 * (tall - 1)) * pitch + centre[1]
    scale = float(telescope.target.arcsec_per_kpc())
    place = np.stack([east / scale, north / scale, rng.normal(size=count)], axis=1)
    motion = np.stack([*rng.normal(size=(2, count)) * 100, between(-6, 6) * 50.0], axis=1)

    def on_grid(nodes):
        nodes = np.log(np.asarray(nodes, np.float64))
        return np.exp(np.interp(between(0, nodes.size - 1), np.arange(nodes.size), nodes))

    age, metallicity = on_grid(telescope.ssp.age), on_grid(telescope.ssp.metallicity)
    age[-1], metallicity[-2] = 20.0, 1e-5
    rotation = np.asarray(telescope.orientation.rotation(), np.float64)
    return Particles(place @ rotation, motion @ rotation, 10 ** rng.normal(5, 0.2, count), age, metallicity)


def scalar(observation, projection):
    cube = observation()
    return jnp.vdot(projection, cube), jnp.vdot(jnp.abs(projection), jnp.abs(cube))


value = eqx.filter_jit(scalar)
slope = eqx.filter_jit(eqx.filter_grad(scalar, has_aux=True))


def projection():
    return real(np.random.default_rng(4).normal(size=(8, 9, stages.OBSERVED.size)))


def named(tree):
    """Leaves by name: `telescope.psf.fwhm`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def changed(tree, name, entry, step):
    """The tree with one number in one leaf changed."""

    def change(path, leaf):
        if jax.tree_util.keystr(path, simple=True, separator=".") != name:
            return leaf
        array = np.array(leaf)
        array[entry] += step
        return jnp.asarray(array)

    return jax.tree_util.tree_map_with_path(change, tree)


def difference(observation, name, entry, step, weights):
    ends = [value(changed(observation, name, entry, sign * step), weights)[0] for sign in (1, -1)]
    return float(ends[0] - ends[1]) / (2 * step)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_of_every_leaf_is_that_of_finite_differences(double, variant):
    telescope = VARIANTS[variant]()
    observation, weights = Observation(telescope, generic(telescope)), projection()
    gradient, size = slope(observation, weights)
    gradients, values = named(gradient), named(observation)
    assert gradients.keys() == values.keys()
    wrong = []
    for name, leaf in gradients.items():
        exact = np.asarray(leaf)
        assert np.all(np.isfinite(exact)), name
        if name.endswith(CONSTANT):
            assert np.all(exact == 0), name
            continue
        # Of an array, the three numbers that matter most.
        for flat in np.argsort(-np.abs(exact).reshape(-1))[:3]:
            entry = np.unravel_index(flat, exact.shape)
            step = STEPS.get(name.split(".")[-1], 1e-3 * abs(float(values[name][entry])))
            if name == "telescope.psf.beta":
                step = 5e-3
            wide, narrow = (difference(observation, name, entry, h, weights) for h in (step, step / 2))
            richardson = (4 * narrow - wide) / 3
            rounding = 10 * np.finfo(np.float64).eps * float(size) / step
            error = abs(richardson - exact[entry])
            converges = (
                abs(narrow - exact[entry]) <= 0.3 * abs(wide - exact[entry]) + 1e-9 * abs(exact[entry]) + rounding
            )
            if not (error <= 1e-6 * abs(exact[entry]) + rounding and converges):
                wrong.append(
                    f"{name}{[int(i) for i in entry]}: gradient {exact[entry]:.10g}, "
                    f"differences {wide:.10g}, {narrow:.10g}, extrapolated {richardson:.10g}, rounding {rounding:.1g}"
                )
    assert not wrong, "\n" + "\n".join(wrong)


def single(tree):
    """The same tree in single precision."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.asarray(leaf, np.float32)) if eqx.is_inexact_array(leaf) else leaf, tree
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_in_single_precision_is_that_in_double(variant):
    """Relative to the largest number of a leaf: some hundred roundings for each of a few thousand terms.

    A velocity's gradient is the difference between spectra of neighbouring channels, which differ by some per cent.
    """
    with jax.enable_x64(True):
        telescope = VARIANTS[variant]()
        observation, weights = Observation(telescope, generic(telescope)), projection()
        double = named(slope(observation, weights)[0])
    gradients = named(slope(single(observation), single(weights))[0])
    for name, leaf in double.items():
        assert gradients[name].dtype == jnp.float32
        expected, found = np.asarray(leaf), np.asarray(gradients[name], np.float64)
        tolerance = 3e-3 if name == "galaxy.velocity" else 2e-4
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max(), name


# --- a star on its way across the spaxels -----------------------------------------------------------------------------


@eqx.filter_jit
def along(telescope, places, weights):
    """The scalar and its slope for one star at several pixel indices x, half-way between rows."""
    templates = telescope.templates()

    def light(x):
        east = (0.5 * (telescope.spaxels.size[0] - 1) - x) * telescope.spaxels.pitch / telescope.target.arcsec_per_kpc()
        one = jnp.ones_like(x)
        place = jnp.stack([east, 0.1 * one, 0 * one])[None]
        star = Particles(place, 0 * place, 1e5 * one[None], one[None], 0.01 * one[None])
        return jnp.vdot(weights, telescope.observe(telescope.weights(star), templates))

    return jax.lax.map(jax.value_and_grad(light), places)


def crossing(degree):
    return stages.telescope(orientation=EulerOrientation(), spaxels=SquareSpaxels(0.4, (9, 8), degree=degree))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_slopes_across_borders_and_centres_add_up_to_the_change_of_light(double, degree):
    """Between kinks the cube is a polynomial in the place, and Gauss's quadrature of its slope is exact."""
    kinks = np.array([2.7, 3.0, 3.5, 4.0, 4.5, 5.0, 5.2])
    nodes, shares = np.polynomial.legendre.leggauss(3)
    half, middle = np.diff(kinks) / 2, (kinks[1:] + kinks[:-1]) / 2
    places = np.concatenate([(middle[:, None] + half[:, None] * nodes).reshape(-1), kinks[[0, -1]]])
    light, slopes = (np.asarray(values) for values in along(crossing(degree), real(places), projection()))
    change = np.sum(half[:, None] * shares * slopes[:-2].reshape(-1, 3))
    assert change == pytest.approx(light[-1] - light[-2], abs=1e-10 * np.abs(light).max())


@pytest.mark.parametrize("degree", [2, 3])
def test_slope_is_continuous_across_borders_and_centres(double, degree):
    kinks = np.array([3.0, 3.5, 4.0])
    step = 1e-6
    light, slopes = along(crossing(degree), real(np.concatenate([kinks - step, kinks, kinks + step])), projection())
    before, on, after = np.asarray(slopes).reshape(3, 3)
    # The second derivative of a quadratic spline is at most two of its own units.
    assert np.allclose(before, on, rtol=0, atol=20 * step * np.abs(slopes).max())
    assert np.allclose(after, on, rtol=0, atol=20 * step * np.abs(slopes).max())
    differences = (np.asarray(light)[6:] - np.asarray(light)[:3]) / (2 * step)
    assert np.allclose(on, differences, rtol=0, atol=20 * step * np.abs(slopes).max())


def test_nearest_spaxel_has_no_slope(double):
    _, slopes = along(crossing(0), real([3.1, 3.4, 3.5, 4.2]), projection())
    assert np.all(np.asarray(slopes) == 0)


# --- awkward stars ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_finite_for_stars_at_the_edge_of_everything(bits, variant):
    telescope = VARIANTS[variant]()
    scale, pitch = float(telescope.target.arcsec_per_kpc()), float(telescope.spaxels.pitch)
    age, metallicity = np.asarray(telescope.ssp.age), np.asarray(telescope.ssp.metallicity)
    stars = [
        # east and north in spaxels, velocity, mass, age, metallicity
        (0.0, 0.5, 0.0, 1e5, age[1], metallicity[1]),  # on the nodes of every grid
        (0.5, 1.0, 50.0, 1e5, age[0], metallicity[0]),
        (1.0, 1.0, -100.0, 1e5, age[-1], metallicity[-1]),
        (0.1, 0.1, 10.0, 1e5, 0.0, 0.01),  # newborn
        (0.1, 0.2, 10.0, 1e5, 1.0, 0.0),  # of hydrogen and helium
        (0.2, 0.1, 10.0, 0.0, 0.0, 0.0),  # nothing
        (4.5, 4.0, 400.0, 1e5, 20.0, 0.1),  # at the corner and at the end of the channels
        (16.0, 0.0, 1e4, 1e5, 1.0, 0.01),  # beyond all of them
        (1e6, -1e6, -2.9e5, 1e5, 1.0, 0.01),  # far beyond
    ]
    # As many as in the other tests: the program is the same.
    columns = np.array((3 * stars)[:24]).T
    zeros = np.zeros(24)
    centre = np.asarray(telescope.spaxels.centre)
    rotation = np.asarray(telescope.orientation.rotation())
    place = np.stack([columns[0] * pitch + centre[0], columns[1] * pitch + centre[1], zeros], axis=1) / scale
    motion = np.stack([zeros, zeros, columns[2]], axis=1)
    observation = Observation(telescope, Particles(place @ rotation, motion @ rotation, *columns[3:]))
    gradient, size = slope(observation, projection())
    assert np.isfinite(size) and size > 0
    for name, leaf in named(gradient).items():
        assert np.all(np.isfinite(leaf)), name


# --- the likelihood ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noise", [lambda: ConstantNoise(0.3), lambda: TargetSNRNoise(20.0)], ids=["constant", "target"]
)
def test_likelihood_has_the_gradient_of_finite_differences(double, noise):
    rng = np.random.default_rng(5)
    cube = real(rng.uniform(1, 2, (3, 4, 5)))
    data = cube + 0.3 * real(rng.normal(size=cube.shape))

    @eqx.filter_jit
    def likelihood(tree):
        noise, cube = tree
        return noise.log_prob(data, cube)

    gradient = named(eqx.filter_jit(eqx.filter_grad(likelihood))((noise(), cube)))
    for name, leaf in gradient.items():
        for entry in [()] if leaf.ndim == 0 else [(0, 0, 0), (1, 2, 3), (2, 3, 4)]:
            wide, narrow = (
                float(
                    likelihood(changed((noise(), cube), name, entry, h))
                    - likelihood(changed((noise(), cube), name, entry, -h))
                )
                / (2 * h)
                for h in (2e-4, 1e-4)
            )
            assert (4 * narrow - wide) / 3 == pytest.approx(float(leaf[entry]), rel=1e-6), name
