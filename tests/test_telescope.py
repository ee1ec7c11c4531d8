"""The whole instrument: where light goes, how much of it there is, and what may be done to the tree."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stages
from scipy.interpolate import RegularGridInterpolator

from ifux import (
    ConstantNoise,
    EulerOrientation,
    FixedTarget,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    InclinedOrientation,
    InputError,
    LowRankSSP,
    MoffatPSF,
    NoLSF,
    NoPSF,
    Observation,
    Particles,
    SquareSpaxels,
    TargetSNRNoise,
    VelocityChannels,
    Wavelengths,
)
from ifux import telescope as module
from ifux.fitting import chi_squared
from ifux.typing import real


@eqx.filter_jit
def observed(telescope, particles):
    return telescope(particles)


@eqx.filter_jit
def deposited(telescope, particles, block=8192):
    return telescope.weights(particles, block=block)


@eqx.filter_jit
def responded(telescope):
    return telescope.templates()


@eqx.filter_jit
def seen(telescope, weights, templates, **how):
    return telescope.observe(weights, templates, **how)


@eqx.filter_jit
def covered(telescope, particles):
    return telescope.coverage(particles)


def upright(**given):
    """A telescope that sees the axes of the snapshot as (east, north, away), at one arcsecond per kiloparsec."""
    target = FixedTarget(0.02, 1.02**2 * 180 * 3.6 / np.pi)
    return stages.telescope(
        **{"target": target, "orientation": EulerOrientation(), "spaxels": SquareSpaxels(0.4, (9, 7))} | given
    )


def stars(*descriptions):
    """Stars at places (east, north) [arcsec] on the sky of an upright telescope; as many as three, for one program."""
    ordinary = {"east": 0.0, "north": 0.0, "velocity": 0.0, "mass": 1e5, "age": 1.0, "metallicity": 0.01}
    rows = [ordinary | description for description in descriptions]
    rows += [ordinary | {"mass": 0.0}] * (3 - len(rows))
    east, north, velocity, mass, age, metallicity = (np.array([row[name] for row in rows]) for name in ordinary)
    zero = np.zeros(3)
    return Particles(
        np.stack([east, north, zero], axis=1), np.stack([zero, zero, velocity], axis=1), mass, age, metallicity
    )


def star(**description):
    """One star."""
    return stars(description)


def close(one, two, tolerance):
    """Whether two arrays agree, in units of the largest number of the second."""
    return np.abs(np.asarray(one) - np.asarray(two)).max() <= tolerance * np.abs(np.asarray(two)).max()


# --- one program ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_compiled_cube_is_the_one_computed_step_by_step():
    telescope, particles = stages.telescope(psf=MoffatPSF(1.2, reach=4)), stages.particles(20)
    # Sums of a few thousand terms in single precision, in another order.
    assert close(observed(telescope, particles), telescope(particles), 1e-5)


@pytest.mark.slow
def test_new_values_do_not_compile_the_program_again():
    traces = []

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(observation, data):
        traces.append(1)
        return jnp.mean((observation() - data) ** 2)

    observation = Observation(stages.telescope(ssp=LowRankSSP.from_library(stages.library(), 1e-2)), stages.particles())
    data = jnp.zeros((8, 9, stages.OBSERVED.size))
    before, gradient = loss(observation, data)
    moved = jax.tree.map(lambda leaf: leaf * 1.001 if eqx.is_inexact_array(leaf) else leaf, observation)
    after, _ = loss(moved, data)
    assert len(traces) == 1 and float(before) != float(after)

    optimiser = optax.adam(1e-4)

    @eqx.filter_jit
    def stepped(observation, gradient, state):
        # optax relies on promotion.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(gradient, state, eqx.filter(observation, eqx.is_inexact_array))
        return eqx.apply_updates(observation, updates), state

    state = optimiser.init(eqx.filter(observation, eqx.is_inexact_array))
    for _ in range(2):
        observation, state = stepped(observation, gradient, state)
        value, gradient = loss(observation, data)
    assert len(traces) == 1 and np.isfinite(value)


def test_another_orientation_of_the_same_galaxy_in_one_map(double):
    particles = stages.particles()
    inclinations, angles = real([0.0, 40.0, 80.0]), real([10.0, 50.0, 200.0])

    @eqx.filter_jit
    def all_at_once(telescope, orientations, particles):
        def one(orientation):
            return eqx.tree_at(lambda t: t.orientation, telescope, orientation)(particles)

        return eqx.filter_vmap(one)(orientations)

    orientations = eqx.filter_vmap(lambda i, a: InclinedOrientation(i, a))(inclinations, angles)
    together = all_at_once(stages.telescope(), orientations, particles)
    for cube, i, angle in zip(together, inclinations, angles, strict=True):
        alone = observed(stages.telescope(orientation=InclinedOrientation(i, angle)), particles)
        assert close(cube, alone, 1e-12)


def test_several_galaxies_in_one_map(double):
    galaxies = [stages.particles(30, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *galaxies)
    together = eqx.filter_jit(eqx.filter_vmap(lambda t, g: t(g), in_axes=(None, 0)))(stages.telescope(), stacked)
    for cube, galaxy in zip(together, galaxies, strict=True):
        assert close(cube, observed(stages.telescope(), galaxy), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("count", [40, 100])
def test_order_of_particles_and_blocks_do_not_matter(double, monkeypatch, count):
    """Weights and gradients, whether particles are put in order or not, in one piece or in several, filled up or not.

    And all in order, as an accelerator takes them.
    """
    observation = Observation(stages.telescope(), stages.particles(count))
    heavy = float(observation.galaxy.mass.max())

    def found():
        def loss(observation):
            weights = observation.telescope.weights(observation.galaxy, block=8)
            return jnp.sum(
                jnp.sin(jnp.arange(weights.size, dtype=float).reshape(weights.shape) + weights / heavy)
            ), weights

        return eqx.filter_jit(eqx.filter_value_and_grad(loss, has_aux=True))(observation)

    as_they_come = found()
    (_, weights), _ = as_they_come
    assert weights.nbytes < module.CACHE
    monkeypatch.setattr(module, "CACHE", 0)
    monkeypatch.setattr(module, "TOGETHER", 48)
    in_pieces = found()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for changed in (in_pieces, found()):
        for ours, theirs in zip(jax.tree.leaves(changed), jax.tree.leaves(as_they_come), strict=True):
            assert close(ours, theirs, 1e-10)


def test_any_stage_can_be_replaced():
    telescope, particles = stages.telescope(), stages.particles()
    replaced = eqx.tree_at(lambda t: (t.psf, t.lsf), telescope, (MoffatPSF(1.0, reach=6), GaussianLSF(4.0)))
    built = stages.telescope(psf=MoffatPSF(1.0, reach=6), lsf=GaussianLSF(4.0))
    assert np.array_equal(observed(replaced, particles), observed(built, particles))


def test_noise_comes_with_a_key_and_never_without():
    telescope, particles = stages.telescope(noise=ConstantNoise(0.3)), stages.particles()
    observation, key = Observation(telescope, particles), jax.random.key(5)
    clean = observed(telescope, particles)
    noisy = eqx.filter_jit(lambda o, key: o(key=key))(observation, key)
    assert close(noisy, telescope.noise.sample(clean, key=key), 1e-5)
    assert np.std(noisy - clean) == pytest.approx(0.3, rel=0.05)


# --- where light goes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("east", "north"), [(0.0, 0.0), (0.8, 0.0), (0.0, 0.8), (-1.2, 0.4)])
def test_star_lands_at_its_spaxel(bits, east, north):
    """Pixel index x grows to the west and y to the north; an odd field has a spaxel at its centre."""
    telescope = upright()
    image = np.asarray(observed(telescope, star(east=east, north=north))).sum(axis=2)
    y, x = np.unravel_index(image.argmax(), image.shape)
    assert (x, y) == (4 - round(east / 0.4), 3 + round(north / 0.4))
    # Symmetric about that spaxel.
    assert image[y, x - 1] == pytest.approx(image[y, x + 1], rel=1e-4)
    assert image[y - 1, x] == pytest.approx(image[y + 1, x], rel=1e-4)


def test_field_can_be_centred_elsewhere(bits):
    centred = upright()
    moved = upright(spaxels=SquareSpaxels(0.4, (9, 7), centre=(0.3, -0.2)))
    assert close(
        observed(moved, star(east=0.4, north=0.1)),
        observed(centred, star(east=0.1, north=0.3)),
        1e-5 if bits == 32 else 1e-11,
    )


def test_star_off_the_field_is_lost_and_counted(bits):
    telescope = upright()
    two = stars({"mass": 3e5}, {"east": 20.0})
    assert close(observed(telescope, two), observed(telescope, star(mass=3e5)), 1e-6)
    coverage = covered(telescope, two)
    assert float(coverage.field) == pytest.approx(0.75, rel=1e-6)
    assert float(coverage.channels) == pytest.approx(1, rel=1e-6)
    assert float(coverage.library) == 1


def test_star_beyond_the_channels_is_held_at_their_end_and_counted(bits):
    """Its light is kept; the reach is 500 km/s."""
    two = stars({"mass": 3e5}, {"velocity": 900.0})
    assert close(observed(upright(), two), observed(upright(), stars({"mass": 3e5}, {"velocity": 500.0})), 1e-5)
    coverage = covered(upright(), two)
    assert float(coverage.channels) == pytest.approx(0.75, rel=1e-6)
    assert float(coverage.field) == pytest.approx(1, rel=1e-6)


def test_star_off_the_library_is_held_at_its_edge_and_counted(bits):
    two = stars({"age": 12.0, "mass": 3e5}, {"age": 13.5, "mass": 1e5})
    coverage = covered(upright(), two)
    # The nodes of the library are rounded as the ages are.
    assert float(coverage.library) in (pytest.approx(0.75), pytest.approx(0.0))
    assert close(observed(upright(), two), observed(upright(), star(age=12.0, mass=4e5)), 1e-5)


def beyond_the_library(wavelengths=stages.OBSERVED, redshift=stages.REDSHIFT, **given):
    """A telescope that has other wavelengths, or stands at another redshift, than its library was matched to."""
    return eqx.tree_at(
        lambda t: (t.wavelengths, t.target.redshift),
        upright(**given),
        (wavelengths, real(redshift)),
        is_leaf=lambda leaf: isinstance(leaf, Wavelengths),
    )


def test_channels_that_the_library_does_not_reach_are_counted(bits):
    everything = covered(upright(), star())
    assert float(everything.wavelengths) == 1
    wide = Wavelengths(stages.OBSERVED.start, 2.5, 120, "air")
    half = covered(beyond_the_library(wide), star())
    # The library ends, seen from the fastest node towards us, at 1.02 (4939.5 A) exp(-u).
    span = float(upright().kinematics.span)
    end = 1.02 * 4939.5 * np.exp(-np.arctanh(span / 299792.458))
    assert float(half.wavelengths) == pytest.approx(np.mean(wide.edges()[1:] < end), abs=2 / 120)


@pytest.mark.parametrize("way", ["few stars", "weights", "cube"])
def test_channels_that_the_library_does_not_reach_are_no_numbers(way):
    """Neither dark nor a held edge, in every spaxel; all others are what a longer library makes of them.

    At a redshift 0.015 higher than that it was matched to, the library's blue end lies at 4864 angstrom.
    """
    long = stages.library(Wavelengths(4600.0, 1.0, 340, "air"))
    narrow = NoPSF() if way == "few stars" else GaussianPSF(1.2, reach=3)
    cubes = []
    for library in (long.cut(4700.0, 4940.0), long):
        ssp = GridSSP.from_library(library)
        telescope = beyond_the_library(redshift=0.035, ssp=ssp, psf=narrow, lsf=NoLSF())
        weights, templates = deposited(telescope, star(velocity=-300.0)), responded(telescope)
        how = {"occupied": 16} if way == "few stars" else {"blur": way}
        cubes.append(np.asarray(seen(telescope, weights, templates, **how)))
    missing = stages.OBSERVED.edges()[:-1] < 4699.5 * 1.035 * np.exp(np.arctanh(750 / 299792.458))
    assert 10 < missing.sum() < 40
    assert np.isnan(cubes[0][..., missing]).all() and np.isfinite(cubes[1]).all()
    assert close(cubes[0][..., ~missing], cubes[1][..., ~missing], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("blur", "name"), [("weights", "Gaussian"), ("cube", "chromatic")])
def test_channels_without_a_number_leave_gradients_alone(double, name, blur):
    """The gradient of a loss with these channels masked is that of a telescope that has not got them."""
    ssp = GridSSP.from_library(stages.library(metallicities=2, ages=2))
    telescope = beyond_the_library(redshift=0.035, ssp=ssp, psf=stages.PSFS[name](), noise=TargetSNRNoise(20.0))
    reached = np.asarray(telescope.reached())
    first = int(np.argmax(reached))
    short = Wavelengths(stages.OBSERVED.start + 1.25 * first, 1.25, stages.OBSERVED.size - first, "air")
    alone = eqx.tree_at(lambda t: t.wavelengths, telescope, short, is_leaf=lambda leaf: isinstance(leaf, Wavelengths))
    assert 10 < first < 40 and reached[first:].all() and not reached[:first].any()
    particles = stages.particles(20, spread=0.1)
    data = np.zeros((7, 9, stages.OBSERVED.size))

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(observation, data, mask):
        telescope = observation.telescope
        cube = telescope.observe(telescope.weights(observation.galaxy), telescope.templates(), blur=blur)
        noise = telescope.noise
        return chi_squared(data, cube, noise.variance(cube), mask) - noise.log_prob(data, cube, mask=mask)

    mask = jnp.broadcast_to(jnp.asarray(reached)[None, None], data.shape)
    value, slope = loss(Observation(telescope, particles), jnp.asarray(data), mask)
    expected, gradient = loss(Observation(alone, particles), jnp.asarray(data[..., first:]), mask[..., first:])
    assert float(value) == pytest.approx(float(expected), rel=1e-10)
    for ours, theirs in zip(jax.tree.leaves(slope), jax.tree.leaves(gradient), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-8, atol=1e-9 * float(jnp.abs(theirs).max(initial=0)))


def test_noise_is_drawn_beside_channels_without_a_number():
    telescope = beyond_the_library(redshift=0.035, noise=TargetSNRNoise(20.0))
    cube = eqx.filter_jit(telescope)(star(), key=jax.random.key(0))
    assert np.array_equal(np.isfinite(cube).all(axis=(0, 1)), telescope.reached())


def test_telescope_that_its_library_does_not_reach_is_refused():
    """From concrete numbers; those of a traced one are not asked."""
    with pytest.raises(
        InputError, match=r"library covers 48\d\d\.\d to 50\d\d\.\d angstrom \(air\) at redshift 0\.0350"
    ):
        upright(target=FixedTarget(0.035, 90.0))
    with pytest.raises(InputError, match=r"speeds up to 5\d\d\d km/s, the telescope observes 4835\.4 to 4985\.4"):
        upright(kinematics=VelocityChannels(5000.0))

    def reached(redshift):
        return upright(target=FixedTarget(redshift, 90.0)).reached().all()

    assert np.array_equal(jax.jit(jax.vmap(reached))(real([0.02, 0.035])), [True, False])


def test_library_is_matched_to_a_range_of_redshifts(bits):
    """Every channel is reached at every redshift of the range, and refused beyond what the library has."""
    long = stages.library(Wavelengths(4500.0, 1.0, 700, "air"))
    library, wavelengths = long.matched(stages.OBSERVED, (0.01, 0.05), 800.0)
    assert wavelengths == stages.OBSERVED
    telescope = upright(ssp=GridSSP.from_library(library))
    for redshift in (0.01, 0.02, 0.05):
        moved = eqx.tree_at(lambda t: t.target.redshift, telescope, real(redshift))
        assert moved.reached().all()
    for redshift in (0.0, 0.065):
        assert not eqx.tree_at(lambda t: t.target.redshift, telescope, real(redshift)).reached().all()
    alone, _ = long.matched(stages.OBSERVED, 0.02, 800.0)
    both, _ = long.matched(stages.OBSERVED, (0.02, 0.02), 800.0)
    assert np.array_equal(alone.wavelength, both.wavelength)
    with pytest.raises(InputError, match=r"at redshifts 0\.0200 to 0\.2000 for speeds up to 800 km/s"):
        long.matched(stages.OBSERVED, (0.02, 0.2), 800.0)
    with pytest.raises(ValueError, match="two numbers in their order"):
        long.matched(stages.OBSERVED, (0.05, 0.02), 800.0)


def test_stars_of_any_speed_have_channels(double):
    """As far as the stars go: no mass is out of the channels, and the light is that of a star of the same velocity."""
    long = GridSSP.from_library(stages.library(Wavelengths(4400.0, 1.0, 800, "air"), 2, 3))
    telescope, fast = upright(ssp=long), stars({"velocity": 1040.0}, {"velocity": -7000.0}, {"velocity": 100.0})
    spanning = telescope.spanning(fast)
    assert spanning.kinematics.size < 25 and telescope.kinematics.size == 23
    assert float(covered(telescope, fast).channels) == pytest.approx(1 / 3)
    assert float(covered(spanning, fast).channels) == 1
    wide = telescope.spanning(stars({"velocity": 7050.0})).kinematics
    assert wide.beyond == ((7000.0, 7100.0),)
    alone = upright(ssp=long, kinematics=VelocityChannels(7300.0))
    cube, expected = observed(spanning, fast), observed(alone, fast)
    assert close(cube, expected, 1e-3)
    with pytest.raises(InputError, match="speeds up to 73"):
        upright().spanning(fast)


def test_light_from_beyond_the_rim_scatters_in(bits):
    """As much as the PSF sends there: the field is a window on a wider sky."""
    outside = star(east=2.4)
    small, large = (upright(spaxels=SquareSpaxels(0.4, size)) for size in ((9, 7), (21, 7)))
    inside = np.asarray(observed(small, outside))
    assert np.all(inside.sum(axis=2)[:, 0] > 0)
    assert close(inside, np.asarray(observed(large, outside))[:, 6:-6], 1e-4 if bits == 32 else 1e-10)
    # Nothing wraps around to the other side, half a dozen sigma further.
    assert inside[:, -1].max() < 1e-5 * inside[:, 0].max()


# --- how much light there is ------------------------------------------------------------------------------------------


def glowing():
    """A library that shines between 4760 and 4880 angstrom alone: all of its light is on the detector."""
    library = stages.library()
    window = np.exp(-(((library.wavelength - 4820) / 40) ** 8))
    return eqx.tree_at(lambda ssp: ssp.flux, GridSSP.from_library(library), real(library.flux * window))


def test_cube_holds_the_luminosity_of_the_stars(bits):
    """The sum over the band times 4 pi D^2 is the sum over the stars, computed by scipy."""
    particles = stages.particles(spread=0.15)
    telescope = stages.telescope(ssp=glowing(), spaxels=SquareSpaxels(0.4, (23, 23)), lsf=GaussianLSF(3.2))
    cube = np.asarray(observed(telescope, particles), np.float64)
    parsec = 3.0856775814913673e18
    received = cube.sum() * 1e-20 * stages.OBSERVED.step * 4 * np.pi * (90e6 * parsec) ** 2
    library = stages.library()
    total = np.asarray(glowing().flux, np.float64).sum(axis=2) * 1.0
    grid = RegularGridInterpolator((np.log(library.metallicity), np.log(library.age)), total)
    metallicity = np.clip(
        np.asarray(particles.metallicity, np.float64), library.metallicity[0], library.metallicity[-1]
    )
    age = np.clip(np.asarray(particles.age, np.float64), library.age[0], library.age[-1])
    stars = np.sum(np.asarray(particles.mass, np.float64) * grid(np.log(np.stack([metallicity, age], axis=1))))
    assert received / 3.828e33 == pytest.approx(stars, rel=1e-5 if bits == 32 else 1e-7)


@pytest.mark.parametrize("name", stages.SSPS)
def test_light_is_in_proportion_to_mass(double, name):
    telescope, particles = stages.telescope(ssp=stages.SSPS[name]()), stages.particles()
    heavier = eqx.tree_at(lambda p: p.mass, particles, 3 * particles.mass)
    assert close(deposited(telescope, heavier), 3 * deposited(telescope, particles), 1e-13)


@pytest.mark.parametrize("name", stages.SSPS)
def test_no_stars_make_a_dark_cube(name):
    none = jax.tree.map(lambda leaf: leaf[:0], stages.particles(3))
    telescope = stages.telescope(ssp=stages.SSPS[name]())
    cube, gradient = eqx.filter_jit(eqx.filter_value_and_grad(lambda p: jnp.sum(telescope(p))))(none)
    assert cube == 0 and all(leaf.size == 0 for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("spaxels", stages.SPAXELS)
def test_weights_hold_the_mass_of_the_stars(bits, spaxels):
    telescope = stages.telescope(spaxels=stages.SPAXELS[spaxels]())
    particles = stages.particles(spread=0.1)
    total = np.asarray(deposited(telescope, particles), np.float64).sum()
    assert total == pytest.approx(np.asarray(particles.mass, np.float64).sum(), rel=2e-6 if bits == 32 else 1e-12)


@pytest.mark.parametrize("block", [1, 7, 20, 59, 60, 61])
def test_blocks_of_stars_change_nothing(double, block):
    telescope = stages.telescope(psf=NoPSF(), ssp=LowRankSSP.from_library(stages.library(), 1e-2))
    particles = stages.particles(60)
    assert close(deposited(telescope, particles, block), deposited(telescope, particles), 1e-13)


def test_order_of_the_stars_changes_nothing(double):
    particles = stages.particles(60)
    shuffled = jax.tree.map(lambda leaf: leaf[np.random.default_rng(0).permutation(60)], particles)
    assert close(observed(stages.telescope(), shuffled), observed(stages.telescope(), particles), 1e-12)


# --- a linear operator ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [40, 200], ids=["fewer kinds than channels", "more kinds than channels"])
def test_observing_is_linear_and_has_its_adjoint(double, kinds):
    rng = np.random.default_rng(1)
    telescope = stages.telescope()
    tall, wide = telescope.spaxels.scene_shape(telescope.psf.margin)
    one, two = (real(rng.normal(size=(tall, wide, kinds))) for _ in range(2))
    templates = real(rng.normal(size=(kinds, stages.OBSERVED.size)))
    data = real(rng.normal(size=(8, 9, stages.OBSERVED.size)))
    both = seen(telescope, 2 * one - 3 * two, templates)
    assert close(both, 2 * seen(telescope, one, templates) - 3 * seen(telescope, two, templates), 1e-12)

    @eqx.filter_jit
    def adjoint(telescope, data, templates):
        transpose = jax.linear_transpose(lambda weights: telescope.observe(weights, templates), one)
        return transpose(data)[0]

    left, right = jnp.vdot(seen(telescope, one, templates), data), jnp.vdot(one, adjoint(telescope, data, templates))
    assert float(left) == pytest.approx(float(right), rel=1e-10)


@pytest.mark.parametrize("name", ["Gaussian", "Moffat"])
def test_blurring_the_weights_or_the_cube_is_the_same(double, name):
    """Kinds without mass make the weights the larger of the two: the PSF then acts on the cube."""
    telescope = stages.telescope(psf=stages.PSFS[name](), ssp=LowRankSSP.from_library(stages.library(), 1e-1))
    weights, templates = deposited(telescope, stages.particles()), responded(telescope)
    few, many = templates.shape[0], stages.OBSERVED.size + 1
    assert few <= stages.OBSERVED.size < many
    padded = jnp.pad(weights, ((0, 0), (0, 0), (0, many - few))), jnp.pad(templates, ((0, many - few), (0, 0)))
    assert close(seen(telescope, *padded), seen(telescope, weights, templates), 1e-12)


def test_low_rank_cube_is_that_of_the_grid(double):
    particles = stages.particles()
    grid, low = (
        observed(stages.telescope(ssp=ssp), particles)
        for ssp in (GridSSP.from_library(stages.library()), LowRankSSP.from_library(stages.library(), 1e-6))
    )
    # The worst pixel of a spectrum whose root mean square error is 1e-6.
    assert close(low, grid, 1e-5)


def test_halves_of_the_model_can_be_kept(double):
    """An orientation leaves the templates alone, an attenuation the weights."""
    one = stages.telescope()
    turned = eqx.tree_at(lambda t: t.orientation.inclination, one, real(10.0))
    blurred = eqx.tree_at(lambda t: t.lsf.fwhm, one, real(4.0))
    particles = stages.particles()
    assert np.array_equal(responded(turned), responded(one))
    assert np.array_equal(deposited(blurred, particles), deposited(one, particles))
    assert close(seen(one, deposited(one, particles), responded(one)), observed(one, particles), 1e-13)


def test_aligned_telescope_counts_its_angles_from_the_galaxy():
    particles = stages.particles()
    telescope = stages.telescope().aligned_to(particles)
    assert np.allclose(telescope.orientation.axes @ telescope.orientation.axes.T, np.eye(3), atol=1e-6)
    assert not np.allclose(telescope.orientation.axes, np.eye(3), atol=1e-2)
    assert eqx.tree_equal(telescope.psf, stages.telescope().psf)


def test_wide_psf_does_not_change_the_shape_of_the_cube():
    for psf in (NoPSF(), GaussianPSF(1.2, reach=3), MoffatPSF(1.2, reach=9)):
        cube = jax.eval_shape(stages.telescope(psf=psf), stages.particles())
        assert cube.shape == (8, 9, stages.OBSERVED.size)


def test_few_particles_light_few_spaxels_and_the_cube_is_the_same(double):
    """Where nothing spreads the light, only spaxels that can hold it are computed."""
    telescope = stages.telescope(psf=NoPSF(), spaxels=SquareSpaxels(0.3, (20, 18), degree=1))
    stars = stages.particles(30)
    assert telescope.occupied(30) == 120 and telescope.occupied(60) is None and stages.telescope().occupied(1) is None

    def loss(everywhere, stars):
        weights, templates = telescope.weights(stars), telescope.templates()
        cube = telescope.observe(weights, templates) if everywhere else telescope(stars)
        return jnp.sum(jnp.sin(cube / 1e3)), cube

    (_, expected), slope = eqx.filter_jit(eqx.filter_value_and_grad(lambda s: loss(True, s), has_aux=True))(stars)
    (_, cube), gradient = eqx.filter_jit(eqx.filter_value_and_grad(lambda s: loss(False, s), has_aux=True))(stars)
    assert np.allclose(cube, expected, rtol=0, atol=1e-13 * float(expected.max()))
    for ours, theirs in zip(jax.tree.leaves(gradient), jax.tree.leaves(slope), strict=True):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-12 * float(jnp.abs(theirs).max()))


@pytest.mark.slow
def test_channels_no_wider_than_the_stars_need_see_the_same(double):
    telescope, stars = stages.telescope(), stages.particles(50)
    speed = float(jnp.abs(telescope.project(stars).velocity).max())
    narrow = telescope.limited_to(speed)
    assert narrow.kinematics.size < telescope.kinematics.size
    cube, same = observed(telescope, stars), observed(narrow, stars)
    # the spline through fewer nodes is natural nearer by: its coefficients differ by 0.27 to the power of the margin
    assert np.allclose(same, cube, rtol=0, atol=1e-4 * float(cube.max()))
    assert float(covered(narrow, stars).channels) == pytest.approx(1)
