"""No array has both a particle and a wavelength axis, forward or backward: the traced program says so.

Every size on the particle side is a multiple of a prime of its own, and so is every size on the wavelength side; axes
that were joined or padded keep the primes of what they were made of.
"""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import GridSSP, LowRankSSP, Observation, Particles, Wavelengths
from ifux.fitting import Positive, Real, free, information
from ifux.numerics.convolve import fast_length

PARTICLES, BLOCK = 5 * 61, 61
"""Five blocks of a prime number of particles."""
WAVE, REST = 101, 227
"""Prime numbers of detector pixels and of rest-frame pixels."""


def subprograms(equation):
    """The programs inside an equation: loops, branches, calls, recomputed blocks."""
    for value in equation.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, jax.extend.core.ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, jax.extend.core.Jaxpr):
                yield part


def shapes(program):
    """Shapes of all values of a program and of the programs inside it."""
    for variable in (*program.invars, *program.constvars, *program.outvars):
        yield getattr(variable.aval, "shape", ())
    for equation in program.eqns:
        for variable in (*equation.invars, *equation.outvars):
            yield getattr(variable.aval, "shape", ())
        for inner in subprograms(equation):
            yield from shapes(inner)


def of_particles(length: int) -> bool:
    """Particles, blocks of them, or either joined with a support."""
    return length > 0 and length % BLOCK == 0


def of_wavelengths(length: int) -> bool:
    """Detector or rest-frame pixels or edges, or those that a convolution pads and transforms."""
    padded = fast_length(3 * REST - 2)
    known = {WAVE + 1, REST + 1, REST + 28, 3 * REST - 2, padded, padded // 2 + 1}
    return length > 0 and (length % WAVE == 0 or length % REST == 0 or length in known)


def offenders(program) -> set[tuple[int, ...]]:
    """Shapes with an axis of particles and an axis of wavelengths."""
    return {shape for shape in shapes(program) if any(map(of_particles, shape)) and any(map(of_wavelengths, shape))}


def small_observation(ssp):
    """An observation with the telling sizes."""
    library = stages.library(Wavelengths(4730.0, 1.0, REST, "air"))
    telescope = stages.telescope(ssp=ssp(library), wavelengths=Wavelengths(4880.0, 1.25, WAVE, "air"))
    return Observation(telescope, stages.particles(PARTICLES))


def observe(observation, data, block):
    """A loss over the cube, with the particles in blocks."""
    telescope = observation.telescope
    weights = telescope.weights(observation.galaxy.particles(), block=block)
    return jnp.mean((telescope.observe(weights, telescope.templates()) - data) ** 2)


@pytest.mark.parametrize("ssp", [GridSSP.from_library, LowRankSSP.from_library], ids=["exact grid", "low rank"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("block", [BLOCK, PARTICLES], ids=["blocks", "one block"])
def test_no_value_has_a_particle_and_a_wavelength_axis(ssp, direction, block):
    observation = small_observation(ssp)
    data = jnp.zeros((*observation.telescope.spaxels.shape, WAVE))
    arrays, static = eqx.partition(observation, eqx.is_inexact_array)

    def function(arrays):
        return observe(eqx.combine(arrays, static), data, block)

    program = jax.make_jaxpr(function if direction == "forward" else jax.grad(function))(arrays).jaxpr
    seen = set(shapes(program))
    assert any(block in shape for shape in seen) and any(WAVE in shape for shape in seen)
    assert any(REST in shape for shape in seen)
    assert offenders(program) == set()


def test_the_test_catches_a_spectrum_for_every_particle():
    observation = small_observation(GridSSP.from_library)

    def naive(particles: Particles):
        telescope = observation.telescope
        stencil = telescope.ssp.coefficients(telescope.project(particles))
        return (stencil.gather(telescope.ssp.spectra()) * particles.mass[:, None]).sum()

    arrays = observation.galaxy
    assert offenders(jax.make_jaxpr(naive)(arrays).jaxpr)
    assert offenders(jax.make_jaxpr(jax.grad(naive))(arrays).jaxpr)


def test_the_telling_sizes_cannot_be_mistaken():
    assert not any(of_wavelengths(BLOCK * factor) for factor in range(1, 100))
    assert not any(of_particles(length) for length in (WAVE, WAVE + 1, REST, REST + 1, REST + 28, 3 * REST - 2))
    assert np.gcd.reduce([BLOCK, WAVE]) == np.gcd.reduce([BLOCK, REST]) == 1


def jacobians(program, parameters, voxels) -> set[tuple[int, ...]]:
    """Shapes that hold, along an axis for the parameters, the derivative of every voxel, however it is laid out."""
    large = parameters * voxels
    return {
        shape for shape in shapes(program) if parameters in shape and 0 not in shape and np.prod(shape) % large == 0
    }


def test_information_never_holds_the_derivative_of_every_voxel_by_every_parameter():
    """Seventeen numbers, a prime that no other axis has: fifteen masses, the seeing and a redshift."""
    observation = small_observation(LowRankSSP.from_library)
    observation = eqx.tree_at(lambda o: o.galaxy, observation, stages.particles(15))
    parameters, model = free(
        observation,
        mass=(lambda o: o.galaxy.mass, Positive()),
        seeing=(lambda o: o.telescope.psf.fwhm, Positive()),
        redshift=(lambda o: o.telescope.target.redshift, Real(1e-4)),
    )
    wide = (*observation.telescope.spaxels.shape, WAVE)

    def predict(observation):
        return observation()

    arrays, static = eqx.partition((model, parameters, jnp.ones(wide)), eqx.is_array)

    def function(arrays):
        model, parameters, variance = eqx.combine(arrays, static)
        return information(model, parameters, predict, variance)

    def whole(arrays):
        model, parameters, _ = eqx.combine(arrays, static)
        flat, restore = jax.flatten_util.ravel_pytree(parameters)
        return jax.jacfwd(lambda flat: predict(model(restore(flat))))(flat)

    voxels = int(np.prod(wide))
    program = jax.make_jaxpr(function)(arrays).jaxpr
    assert wide in set(shapes(program)) and (17, 17) in set(shapes(program))
    assert jacobians(program, 17, voxels) == set()
    assert jacobians(jax.make_jaxpr(whole)(arrays).jaxpr, 17, voxels)
