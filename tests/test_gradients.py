"""Every number in a telescope and in a galaxy has the gradient that finite differences find.

`differences.py` says how they are found, and of what; `benchmarks/gradients.py` makes a table of the errors.
"""

import re
from collections import Counter
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from differences import (
    ANGLES,
    APART,
    VARIANTS,
    compared,
    dealt,
    family,
    in_single,
    moved,
    named,
    setting,
    single,
    slope_in_single,
)

from ifux import (
    ConstantNoise,
    EulerOrientation,
    FieldLSF,
    GaussHermiteLSF,
    Observation,
    Particles,
    PoissonNoise,
    SquareSpaxels,
    TargetSNRNoise,
    Wavelengths,
)
from ifux.typing import real

MEMBERS = [*dealt()]


def test_every_member_of_every_family_is_in_a_variant():
    for base, members in stages.FAMILIES.items():
        apart = {*stages.CUBES.get(base, ()), *APART.get(base, ())}
        assert {hand[base] for hand in dealt().values()} | apart == set(members), base


OTHERS = ["disc and bulge", "finished cube", "gas and a nucleus"]
INSTRUMENTS = ["muse-wfm", "manga-cube", "sami-red-cube"]
"""Of seeing with wings, of seeing without, and the one with the narrowest lines: others have the same stages."""
TESTED = [*MEMBERS, *INSTRUMENTS, "mixtures, particles", "mixtures, stage", *OTHERS]
"""Every leaf, and every instrument that differs; `benchmarks/gradients.py` takes all of them."""


@pytest.mark.slow
@pytest.mark.parametrize("variant", TESTED)
def test_gradient_of_every_leaf_is_that_of_finite_differences(double, variant):
    wrong = [str(one) for one in compared(VARIANTS[variant](), alone=1) if not one.agrees]
    assert not wrong, "\n" + "\n".join(wrong)


VELOCITIES = (".velocity", "dispersion", "rotation_speed", "turnover_radius")
NARROW = ("lsf.fwhm", "ssp.fwhm", "inclination")


@pytest.mark.slow
@pytest.mark.parametrize("variant", TESTED)
def test_gradient_in_single_precision_is_that_in_double(double, variant):
    """Relative to the largest number of a leaf: some hundred roundings for each of a few thousand terms.

    A gradient by velocity, and by what sets velocities, is the difference between spectra of neighbouring channels,
    which differ by some per cent: 3e-3. The widths of an instrument's own narrow lines, and the inclination, are
    allowed three times the worst of them in `benchmarks/gradients.md`, 1.7e-4, and so are angles where spaxels are the
    nearest, where they move nothing but velocities (behind seven lenslets 5.2e-4 is left, and twice as much allowed),
    the inclination and the width under a Gauss-Hermite series, whose terms are derivatives up to the fourth, and the
    numbers of a noise, by which a likelihood changes as squares of residuals differ from what is expected of them. A
    line spread function of place acts on a cube: the slopes of its widths are second differences of neighbouring
    voxels, each of them rounded, which differ by a thousandth where velocities blur the lines: 3e-3. What fibres and
    apertures collect does not depend on how large the spaxels are, but for what the cells of the scene leave of errors:
    the slope of a likelihood by their sides is what cancels in a sum.
    """
    observation = VARIANTS[variant]()
    angles = () if observation.telescope.spaxels.degree else ANGLES
    sharp = ("inclination",) if isinstance(observation.telescope.lsf, GaussHermiteLSF) else ()
    for name, error in in_single(observation).items():
        narrow = (variant in INSTRUMENTS and name.endswith(NARROW)) or name.endswith((*angles, *sharp, "lsf.lsf.fwhm"))
        narrow |= ".noise." in name
        fibres = not observation.telescope.focal_plane.of_spaxels
        cancels = fibres and name.endswith(("spaxels.pitch", "spaxels.sides"))
        of_place = isinstance(observation.telescope.lsf, FieldLSF) and ".lsf." in name
        rough = of_place or cancels or name.endswith(VELOCITIES)
        few = fibres and name.endswith(angles)
        allowed = 3e-3 if rough else 1e-3 if few else 5e-4 if narrow else 2e-4
        assert error <= allowed, name


@pytest.mark.slow
def test_table_of_errors_has_every_leaf_and_every_variant():
    text = (Path(__file__).parents[1] / "benchmarks" / "gradients.md").read_text("utf-8")
    rows = {name: int(count) for name, count in re.findall(r"^\| `(\S+)` \| (\d+) \|", text, re.MULTILINE)}
    leaves = {variant: set(named(made())) for variant, made in VARIANTS.items()}
    assert rows == Counter(name for names in leaves.values() for name in names)
    assert set(rows) == set().union(*(leaves[variant] for variant in TESTED))
    for variant, hand in dealt().items():
        words = [f"{family(base)} {name}" for base, name in hand.items() if base not in stages.INSIDE]
        assert f"- {variant}: {', '.join(words)}." in text


# --- a star on its way across the spaxels -----------------------------------------------------------------------------


def projection():
    return real(np.random.default_rng(4).normal(size=(8, 9, stages.OBSERVED.size)))


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


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_slopes_across_borders_and_centres_add_up_to_the_change_of_light(double, degree):
    """Between kinks the cube is a polynomial in the place, and Gauss's quadrature of its slope is exact."""
    kinks = np.array([2.7, 3.0, 3.5, 4.0, 4.5, 5.0, 5.2])
    nodes, shares = np.polynomial.legendre.leggauss(3)
    half, middle = np.diff(kinks) / 2, (kinks[1:] + kinks[:-1]) / 2
    places = np.concatenate([(middle[:, None] + half[:, None] * nodes).reshape(-1), kinks[[0, -1]]])
    light, slopes = (np.asarray(values) for values in along(crossing(degree), real(places), projection()))
    change = np.sum(half[:, None] * shares * slopes[:-2].reshape(-1, 3))
    assert change == pytest.approx(light[-1] - light[-2], abs=1e-10 * np.abs(light).max())


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
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


@pytest.mark.slow
@pytest.mark.parametrize("variant", MEMBERS)
def test_gradients_are_finite_for_stars_at_the_edge_of_everything(double, variant):
    """In single precision, by the program of the test above."""
    telescope = VARIANTS[variant]().telescope
    scale, pitch = float(telescope.target.arcsec_per_kpc()), float(telescope.spaxels.sides.min())
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
    # As many as in the other tests.
    columns = np.array((3 * stars)[:24]).T
    zeros = np.zeros(24)
    centre = np.asarray(telescope.spaxels.centre)
    rotation = np.asarray(telescope.orientation.rotation())
    place = np.stack([columns[0] * pitch + centre[0], columns[1] * pitch + centre[1], zeros], axis=1) / scale
    motion = np.stack([zeros, zeros, columns[2]], axis=1)
    observation = Observation(telescope, Particles(place @ rotation, motion @ rotation, *columns[3:]))
    data, projections = setting(observation)
    with jax.enable_x64(False):
        gradient, size = slope_in_single(single(observation), single(data), single(projections))
    assert np.isfinite(size) and size > 0
    for name, leaf in named(gradient).items():
        assert leaf.dtype == np.float32 and np.all(np.isfinite(leaf)), name


# --- the likelihood ---------------------------------------------------------------------------------------------------


def unit(leaf, entry, step):
    """A step in one number of a leaf."""
    return step * np.equal(np.indices(leaf.shape).T, entry).all(axis=-1).T


@pytest.mark.parametrize(
    "noise",
    [
        lambda: ConstantNoise(0.3),
        lambda: TargetSNRNoise(20.0),
        lambda: stages.exposure(Wavelengths(5000.0, 2.0, 5, "air"), filter=np.linspace(0.5, 0.9, 5)),
        lambda: PoissonNoise(stages.exposure(Wavelengths(5000.0, 2.0, 5, "air"))),
    ],
    ids=["constant", "target", "exposure", "counts"],
)
def test_likelihood_has_the_gradient_of_finite_differences(double, noise):
    rng = np.random.default_rng(5)
    cube = real(rng.uniform(1, 2, (3, 4, 5)))
    data = cube + 0.3 * real(rng.normal(size=cube.shape))

    @eqx.filter_jit
    def likelihood(tree):
        noise, cube = tree
        return noise.log_prob(data, cube)

    gradient, values = named(eqx.filter_jit(eqx.filter_grad(likelihood))((noise(), cube))), named((noise(), cube))
    for name, leaf in gradient.items():
        for entry in {0: [()], 1: [(0,), (3,)]}.get(leaf.ndim, [(0, 0, 0), (1, 2, 3), (2, 3, 4)]):
            wide, narrow = (
                float(
                    likelihood(moved((noise(), cube), name, unit(leaf, entry, h)))
                    - likelihood(moved((noise(), cube), name, unit(leaf, entry, -h)))
                )
                / (2 * h)
                for h in (2e-3 * float(values[name][entry]), 1e-3 * float(values[name][entry]))
            )
            assert (4 * narrow - wide) / 3 == pytest.approx(float(leaf[entry]), rel=1e-6), name
