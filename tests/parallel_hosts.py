"""One of several processes that observe a galaxy together: run by `test_parallel.py`.

    python parallel_hosts.py ADDRESS PROCESSES PROCESS GALAXY SEEN

Each has two devices and reads its share of the particles from the file; the first writes what they all see.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import stages
from jax.experimental.multihost_utils import process_allgather

from ifux import MoffatPSF, Particles, TargetSNRNoise, parallel
from ifux.io import stream_galaxy

COUNT = 37
"""Particles, which the processes cannot share evenly."""


def key():
    """That of the noise."""
    return jax.random.key(3)


def telescope():
    return stages.telescope(psf=MoffatPSF(1.2, reach=4), noise=TargetSNRNoise(20.0))


def stars(count=COUNT):
    """Particles in the precision of the day."""
    return Particles(*jax.tree.leaves(stages.particles(count)))


def seen(observe):
    """A cube, or several, and the gradient of a number made of them, with respect to every array."""

    def scalar(arguments):
        cube = observe(*arguments)
        shape = cube.shape[-3:]
        projection = jnp.sin(jnp.arange(np.prod(shape), dtype=cube.dtype)).reshape(shape)
        return jnp.einsum("yxw,...yxw->", projection, cube), cube

    def cube_and_slope(*arguments):
        (_, cube), slope = eqx.filter_value_and_grad(scalar, has_aux=True)(arguments)
        return cube, slope

    return eqx.filter_jit(cube_and_slope)


def main(address: str, processes: int, process: int, galaxy: str, file: str) -> None:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", 2)
    jax.distributed.initialize(address, processes, process, coordinator_bind_address=address, initialization_timeout=60)
    devices = parallel.mesh()
    assert devices.size == 2 * processes
    own = stream_galaxy(galaxy).stars.part(process, processes)
    particles = parallel.shard(next(own.blocks(own.count)), devices)
    aligned = telescope().aligned_to(process_allgather(particles, tiled=True))
    found = seen(lambda t, p: parallel.observe(t, p, devices, key=key()))(aligned, particles)
    cube, (of_telescope, of_particles), mass = process_allgather((*found, particles.mass), tiled=True)
    of_particles = jax.tree.map(lambda leaf: leaf[mass > 0], of_particles)
    if process == 0:
        np.savez(file, *jax.tree.leaves((cube, of_telescope, of_particles)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
