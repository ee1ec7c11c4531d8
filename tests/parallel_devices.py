"""What one device sees, many see: run by `test_parallel.py` in a process with eight devices."""

from dataclasses import replace
from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stages
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from parallel_hosts import key, seen, stars
from parallel_traffic import traffic

from ifux import (
    ChromaticPSF,
    ConstantNoise,
    GaussianPSF,
    GridSSP,
    InputError,
    LowRankSSP,
    MoffatPSF,
    NoLSF,
    NoPSF,
    Observation,
    PoissonNoise,
    ScreenDust,
    SquareSpaxels,
    TargetSNRNoise,
    VelocityChannels,
    Wavelengths,
    parallel,
)
from ifux.emission import StarFormingEmission
from ifux.galaxies import StarsAndGas
from ifux.learning import Batches, Isotropic, Prior, misfit, train
from ifux.numerics import contract
from ifux.sources import EmissionLines, PointSource, PowerLaw


def observer(channels, columns, **stages_):
    return stages.telescope(
        wavelengths=Wavelengths(4836.0, 1.25, channels, "air"),
        spaxels=SquareSpaxels(0.4, (columns, 9)),
        kinematics=VelocityChannels(300.0, 100.0),
        noise=TargetSNRNoise(20.0),
        **stages_,
    )


def blurred_weights(channels=61, columns=8):
    """Fewer kinds than channels: the weights are blurred."""
    ssp = LowRankSSP.from_library(stages.library(), 1e-2)
    return observer(channels, columns, ssp=ssp, dust=ScreenDust(0.7), psf=MoffatPSF(1.2, reach=4))


def blurred_cube(channels=64, columns=7):
    """More kinds than channels: the cube is blurred."""
    ssp = GridSSP.from_library(stages.library())
    return observer(channels, columns, ssp=ssp, psf=GaussianPSF(1.2, reach=4), lsf=NoLSF())


def blurred_with_terms(channels=64, columns=8):
    """The weights are blurred with a PSF of which every channel sees some terms."""
    psf = ChromaticPSF(MoffatPSF(1.2, reach=4), -0.3, 4900.0, (4836.0, 4916.0), nodes=4)
    return eqx.tree_at(lambda t: t.psf, blurred_weights(channels, columns), psf)


def of_fibres():
    """A refracted bundle of as many fibres as no number of devices divides."""
    return eqx.tree_at(lambda t: t.focal_plane, blurred_weights(64, 8), stages.fibres())


observed = eqx.filter_jit(lambda telescope, particles: telescope(particles))
"""By one device."""
KEY = key()
ORDERS = [blurred_weights, blurred_cube]


def several(count):
    return parallel.mesh(jax.devices()[:count])


def agree(found, expected, tolerance):
    """Whether every array is the same, relative to its largest number."""
    found, expected = (jax.tree.leaves_with_path(tree) for tree in (found, expected))
    for (path, one), (_, other) in zip(found, expected, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max(), jax.tree_util.keystr(path)


seen_alone = seen(lambda telescope, particles: telescope(particles, key=KEY))
"""The cube with noise, and every gradient, by one device."""


@cache
def alone(order):
    """A telescope, particles, and what one device makes of them, in double precision."""
    telescope, particles = order(), stars()
    assert (telescope.kinds > telescope.wavelengths.size) == (order is blurred_cube)
    return telescope, particles, *seen_alone(telescope, particles)


@pytest.mark.parametrize(
    ("order", "count", "split"),
    [
        (blurred_weights, 1, (None, None, "device")),
        (blurred_weights, 2, (None, "device")),
        (blurred_weights, 8, (None, "device")),
        (blurred_cube, 3, ()),
        (blurred_cube, 8, (None, None, "device")),
    ],
)
def test_cube_with_noise_is_that_of_one_device(double, order, count, split):
    """Split by wavelength, by x, or whole, as the devices divide the channels, the columns, or neither."""
    telescope, particles, cube, _ = alone(order)
    found = parallel.observe(telescope, particles, several(count), key=KEY)
    assert found.sharding.is_equivalent_to(NamedSharding(several(count), P(*split)), 3)
    agree(found, cube, 1e-12)


@pytest.mark.parametrize(("columns", "split"), [(8, (None, "device")), (7, (None, None, "device"))])
def test_terms_that_a_channel_sees_are_those_of_one_device(double, columns, split):
    """Split by x, which leaves every device its own few; by wavelength, where it has all of them."""
    telescope, particles = blurred_with_terms(columns=columns), stars()
    found = parallel.observe(telescope, particles, several(4), key=KEY)
    assert found.sharding.is_equivalent_to(NamedSharding(several(4), P(*split)), 3)
    agree(found, eqx.filter_jit(telescope)(particles, key=KEY), 1e-12)


def test_gas_and_a_nucleus_are_those_of_one_device(double):
    """Whatever else shines, and every gradient: of cells that devices do not divide evenly, and of a single place."""
    lines = EmissionLines(StarFormingEmission(lines=("Hbeta",)), VelocityChannels(500.0, 50.0))
    nucleus = PointSource((0.1, 0.0, 0.2), continuum=PowerLaw(1e5))
    telescope = eqx.tree_at(lambda t: t.sources, blurred_weights(64, 8), (lines, nucleus))
    galaxy = StarsAndGas(stars(), stages.gas(29))
    cube, gradient = seen_alone(telescope, galaxy)
    devices = several(4)
    found, slope = seen(lambda t, g: parallel.observe(t, g, devices, key=KEY))(telescope, galaxy)
    agree(found, cube, 1e-12)
    agree(slope, gradient, 1e-10)
    assert np.abs(np.asarray(gradient[1].cells.star_formation_rate)).max() > 0
    assert np.abs(np.asarray(gradient[0].sources[1].position)).max() > 0


def test_fibres_are_those_of_one_device(double):
    """Split by wavelength, as they do not divide the fibres: with noise on elements, and a cube made of them."""
    telescope, particles, devices = of_fibres(), stars(), several(8)
    elements = parallel.contract(telescope, telescope.weights(particles), devices)
    assert elements.sharding.is_equivalent_to(NamedSharding(devices, P(None, None, "device")), 3)
    cube = np.asarray(eqx.filter_jit(telescope)(particles, key=KEY))
    found = np.asarray(parallel.observe(telescope, particles, devices, key=KEY))
    assert np.array_equal(np.isnan(found), np.isnan(cube)) and np.isfinite(cube).any()
    agree(found[np.isfinite(cube)], cube[np.isfinite(cube)], 1e-12)


def test_gradients_are_those_of_one_device(double):
    """Of a cube that is blurred; those of one of blurred weights are below, with particles filled in."""
    telescope, particles, cube, gradient = alone(blurred_cube)
    devices = several(8)
    found, slope = seen(lambda t, p: parallel.observe(t, p, devices, key=KEY))(telescope, particles)
    agree(found, cube, 1e-12)
    agree(slope, gradient, 1e-10)


@pytest.mark.parametrize("order", ORDERS)
def test_a_shard_map_of_somebody_else_needs_no_special_care(double, order):
    """With JAX's check of what varies over the mesh: two galaxies a device, cubes with noise and every gradient."""
    telescope, particles, *one = alone(order)
    other, devices = jax.tree.map(lambda leaf: 1.1 * leaf, particles), several(2)
    galaxies = stacked(particles, other)
    rest = eqx.filter(telescope, eqx.is_array, inverse=True)

    def cube(arrays, galaxy):
        return eqx.combine(arrays, rest)(jax.tree.map(lambda leaf: leaf[0], galaxy), key=KEY)[None]

    def on_two(telescope, galaxies):
        given, out = (P(), P("device")), P("device")
        return jax.shard_map(cube, mesh=devices, in_specs=given, out_specs=out)(arrays_of(telescope), galaxies)

    cubes, (by_telescope, by_galaxies) = seen(on_two)(telescope, galaxies)
    another = seen_alone(telescope, other)
    agree(cubes, jnp.stack([one[0], another[0]]), 1e-12)
    agree(by_telescope, jax.tree.map(jnp.add, one[1][0], another[1][0]), 1e-10)
    agree(by_galaxies, stacked(one[1][1], another[1][1]), 1e-10)


def stacked(*trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def arrays_of(telescope):
    return eqx.filter(telescope, eqx.is_array)


@pytest.mark.parametrize("shared", [True, False])
def test_mixtures_of_the_stars_go_with_them(double, shared):
    """[alpha/Fe] is a leaf that particles may have: filling up for the devices must give it to the dark ones too."""
    plain = stages.library()
    lines = 1 + 0.2 * np.sin(plain.wavelength / 7)
    library = replace(plain, flux=np.stack([plain.flux, plain.flux * lines]), alpha=np.array([0.0, 0.4]))
    telescope = observer(61, 8, ssp=LowRankSSP.from_library(library, 1e-2), psf=MoffatPSF(1.2, reach=4))
    some = stages.particles(11)
    some = replace(some, alpha=jnp.linspace(-0.1, 0.5, 11))
    expected = observed(telescope, some)
    devices = several(8)
    given = parallel.shard(some, devices) if shared else some
    agree(parallel.observe(telescope, given, devices), expected, 1e-12)
    assert np.abs(expected - observed(telescope, replace(some, alpha=None))).max() > 1e-3 * expected.max()


@pytest.mark.parametrize("order", ORDERS)
def test_single_precision_differs_by_rounding(order):
    fused = partial(eqx.filter_jit, compiler_options={"xla_cpu_use_fusion_emitters": True})
    telescope, particles = order(), stars()
    cube = fused(telescope)(particles, key=KEY)
    found = fused(parallel.observe)(telescope, particles, several(3), key=KEY)
    assert found.dtype == jnp.float32
    agree(found, cube, 3e-6)


def counts():
    """From a few photons to many."""
    return PoissonNoise(stages.exposure(Wavelengths(5000.0, 1.0, 16, "air"), sky=np.linspace(100, 9000, 16)))


@pytest.mark.parametrize("make", [lambda: ConstantNoise(0.3), counts], ids=["normal", "counts"])
@pytest.mark.parametrize("split", [(None, None, "device"), (None, "device")])
def test_noise_draws_the_same_numbers_on_one_device_and_on_eight(split, make):
    noise, empty = make(), jnp.zeros((5, 8, 16))
    sharding = NamedSharding(several(8), P(*split))
    drawn = jax.jit(lambda cube: noise.sample(cube, key=KEY))(jax.device_put(empty, sharding))
    assert drawn.sharding.spec == P(*split)
    assert np.array_equal(drawn, jax.jit(lambda cube: noise.sample(cube, key=KEY))(empty))


def test_particles_filled_in_stay_dark_in_a_fit(double):
    """A step along the gradient gives them no mass and moves them nowhere; the others are as before."""
    telescope, particles, cube, gradient = alone(blurred_weights)
    devices = several(8)
    shared = parallel.shard(particles, devices)
    assert shared.count == 40 and shared.mass.sharding.spec == P("device")
    agree(jax.tree.map(lambda leaf: leaf[:37], shared), particles, 0.0)
    found, slope = seen(lambda t, p: parallel.observe(t, p, devices, key=KEY))(telescope, shared)
    agree(found, cube, 1e-12)
    agree((slope[0], jax.tree.map(lambda leaf: leaf[:37], slope[1])), gradient, 1e-10)
    for leaf in jax.tree.leaves(slope[1]):
        assert np.all(np.asarray(leaf)[37:] == 0)


def test_alignment_ignores_what_is_filled_in(double):
    telescope, particles = blurred_weights(), stars()
    found = telescope.aligned_to(parallel.shard(particles, several(8))).orientation
    agree(found, telescope.aligned_to(particles).orientation, 1e-12)


def sent(function, *arguments):
    """Bytes that each of eight devices sends."""
    program = eqx.filter_jit(function).lower(*arguments).compile()
    return sum(traffic(program.compiled.as_text(), 8).values())


@pytest.mark.parametrize("order", ORDERS)
def test_communication_is_what_is_promised_for_any_number_of_particles(order):
    telescope, devices = order(64), several(8)

    def observe(t, p):
        return parallel.observe(t, p, devices)

    few, many = (sent(observe, telescope, parallel.shard(stars(count), devices)) for count in (100, 20_000))
    assert few == many
    tall, wide, kind = jax.eval_shape(telescope.weights, stars(1)).shape
    y, x = telescope.spaxels.shape
    # Kinds are filled up to a multiple of eight.
    gathered = y * x * (kind + -kind % 8) if order is blurred_weights else 0
    promised = 7 / 8 * 4 * (2 * tall * wide * kind + gathered)
    assert promised <= few <= promised + 4096


def test_communication_is_what_is_promised_for_a_cube_in_pieces(monkeypatch):
    """Where the devices divide neither channels nor columns, and the product is computed a few rows at a time."""
    monkeypatch.setattr(contract, "PIECE", 30)
    telescope, devices = blurred_weights(61, 9), several(8)
    found = sent(lambda t, p: parallel.observe(t, p, devices), telescope, parallel.shard(stars(), devices))
    tall, wide, kind = jax.eval_shape(telescope.weights, stars(1)).shape
    y, x = telescope.spaxels.shape
    promised = 7 / 8 * 4 * (2 * tall * wide * kind + y * x * (kind + -kind % 8) + y * x * 64)
    assert found <= 1.05 * promised + 4096


def exchanged(change, stage, split):
    """What is sent where a stage changes a cube that three devices share, and the bytes of a row of the cube."""
    shared = NamedSharding(several(3), split)
    cube = jax.device_put(jnp.ones((8, 9, stages.OBSERVED.size)), shared)

    def changed(stage, cube):
        return jax.lax.with_sharding_constraint(change(stage, cube), shared)

    text = eqx.filter_jit(changed).lower(stage, cube).compile().compiled.as_text()
    return sum(traffic(text, 3).values()), cube[0].nbytes


@pytest.mark.parametrize("split", [P(None, "device"), P(None, None, "device")])
@pytest.mark.parametrize("name", ["target", "target in a band", "counts"])
def test_noise_of_a_shared_cube_exchanges_a_row_at_most(name, split):
    sent, row = exchanged(lambda noise, cube: noise.sample(cube, key=KEY), stages.NOISES[name](), split)
    assert sent <= row


def test_widths_of_place_exchange_nothing_where_the_cube_is_shared_by_columns():
    def broadened(lsf, cube):
        return lsf.broaden_elements(cube, stages.OBSERVED, jnp.isnan(cube[0, 0]))

    sent, row = exchanged(broadened, stages.LSFS["of place"](), P(None, "device"))
    assert sent <= row


def test_communication_for_gradients_does_not_depend_on_the_number_of_particles():
    telescope, devices = blurred_weights(), several(8)

    @eqx.filter_grad
    def slope(arguments):
        return jnp.sum(parallel.weights(*arguments, devices) ** 2)

    few, many = (sent(slope, (telescope, parallel.shard(stars(count), devices))) for count in (100, 20_000))
    assert few == many > 0


@eqx.filter_jit
def misfit_and_slope(prior, numbers, data, mesh):
    return eqx.filter_value_and_grad(lambda numbers: misfit(prior, numbers, data, mesh=mesh))(numbers)


def test_a_batch_is_the_same_on_one_device_and_on_two(double):
    """Mocks, a misfit with its gradient, and a step of a training, for batches that are laid over the devices."""
    prior = Prior.of(
        Observation(
            observer(24, 6, ssp=LowRankSSP.from_library(stages.library(), 1e-2), psf=NoPSF(), lsf=NoLSF()), stars(5)
        ),
        inclination=(lambda o: o.telescope.orientation.inclination, Isotropic(20.0, 80.0)),
    )

    def loss(guess, batch, prior):
        return misfit(prior, batch.numbers + guess[None, :], batch.data)

    found = []
    for count in (1, 2):
        devices = several(count)
        batch = Batches(prior, 4, KEY, devices)(2)
        assert len(batch.data.sharding.device_set) == count
        trained = train(
            loss, jnp.zeros(1), lambda step, b=batch: b, prior, optimiser=optax.sgd(0.1), steps=1, mesh=devices
        )
        answers = batch.numbers + 0.2
        found.append((batch, misfit_and_slope(prior, answers, batch.data, devices), trained.network, trained.history))
    agree(found[1], found[0], 1e-10)
    with pytest.raises(InputError, match="5 mocks cannot be shared evenly by 2 devices"):
        Batches(prior, 5, KEY, several(2))(0)


def test_second_call_does_not_compile():
    telescope, devices = blurred_weights(), several(3)
    jax.block_until_ready(parallel.observe(telescope, stars(), devices, key=KEY))
    particles = jax.tree.map(lambda leaf: 1.01 * leaf, stars())
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    jax.block_until_ready(parallel.observe(telescope, particles, several(3), key=jax.random.key(4)))
    assert not [event for event in compiled if "compile" in event]
