"""True maps: what a perfect analysis of the cube would find."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.blocks import accumulate
from ifux.particles import Particles, Projected
from ifux.telescope import Telescope

UNITS = {
    "MASS": ("solMass", "formed stellar mass per spaxel"),
    "VELOCITY": ("km/s", "light-weighted mean line-of-sight velocity"),
    "DISPERSION": ("km/s", "light-weighted line-of-sight velocity dispersion"),
    "AGE": ("Gyr", "light-weighted mean age"),
    "METALLICITY": ("", "light-weighted mean metallicity, mass fraction"),
}
"""Unit, as FITS spells it, and meaning of each map."""


def true_maps(telescope: Telescope, particles: Particles, *, block: int = 8192) -> dict[str, Float[Array, "y x"]]:
    """Maps of the particles themselves on the telescope's spaxels, without PSF, dust or noise.

    Light is the mean luminosity over the library's wavelengths. Where a spaxel has none, means are NaN.
    """
    projected = telescope.project(particles)

    def add(sums: Float[Array, "place moment"], projected: Projected) -> Float[Array, "place moment"]:
        light = telescope.ssp.luminosity(projected)
        moments = [
            jnp.ones_like(light),
            projected.velocity,
            projected.velocity**2,
            projected.age,
            projected.metallicity,
        ]
        rows = jnp.stack([projected.mass, *(light * moment for moment in moments)], axis=1)
        return sums + telescope.spaxels.locate(projected, 0).scatter(rows)

    y, x = telescope.spaxels.shape(0)
    sums = accumulate(add, jnp.zeros((y * x, 6), projected.mass.dtype), projected, block).reshape(y, x, 6)
    mass, light = sums[..., 0], sums[..., 1]
    lit = light > 0
    velocity, square, age, metallicity = (
        jnp.where(lit, sums[..., i] / jnp.where(lit, light, 1), jnp.nan) for i in range(2, 6)
    )
    dispersion = jnp.sqrt(jnp.maximum(square - velocity**2, 0))
    return dict(zip(UNITS, (mass, velocity, dispersion, age, metallicity), strict=True))
