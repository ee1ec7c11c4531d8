"""True maps: what a perfect analysis of the cube would find."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.blocks import accumulate
from ifux.numerics.deposit import deposit
from ifux.numerics.stencil import dense
from ifux.numerics.sums import Sum
from ifux.numerics.varying import alike
from ifux.particles import Particles, Projected
from ifux.spaxels.base import AbstractSpaxels
from ifux.telescope import Telescope

UNITS = {
    "MASS": ("solMass", "formed stellar mass per spaxel"),
    "VELOCITY": ("km/s", "light-weighted mean line-of-sight velocity"),
    "DISPERSION": ("km/s", "light-weighted line-of-sight velocity dispersion"),
    "AGE": ("Gyr", "light-weighted mean age"),
    "METALLICITY": ("", "light-weighted mean metallicity, mass fraction"),
}
"""Unit, as FITS spells it, and meaning of each map."""

MOMENTS = 6
"""Sums that maps are made of."""


def true_maps(telescope: Telescope, particles: Particles, *, block: int = 8192) -> dict[str, Float[Array, "y x"]]:
    """Maps of the particles themselves on the telescope's spaxels, without PSF, dust or noise.

    Light is the mean luminosity over the library's wavelengths. Where a spaxel has none, means are NaN.
    """
    return means(telescope, moments(telescope, particles, block=block))


def drawn_on(spaxels: AbstractSpaxels) -> AbstractSpaxels:
    """The spaxels with the cells on which true maps are added up.

    Nothing makes up for splines there: in place of one above the third degree, on few cells because a PSF does make up
    for it, there are cubic ones on cells of half the side.
    """
    if spaxels.degree <= 3:
        return spaxels
    x, y = spaxels.oversampling
    return dataclasses.replace(spaxels, degree=3, oversampling=(2 * x, 2 * y))


def moments(
    telescope: Telescope, particles: Particles, *, block: int = 8192, wider: bool = False
) -> Float[Array, "tall wide moment"]:
    """What true maps are made of: mass, light, and light times velocity, its square, age and metallicity.

    On the cells of true maps, on the field; or on those of the scene, with the margin around it.
    """
    psf, spaxels = telescope.psf, telescope.spaxels if wider else drawn_on(telescope.spaxels)
    margin, spread = (telescope.margin, psf.spread) if wider else (0, psf.spread.within)
    projected = telescope.project(particles)

    def add(sums: Sum, projected: Projected) -> Sum:
        light, one = telescope.ssp.luminosity(projected), jnp.ones_like(projected.mass)
        velocity, age, metallicity = projected.velocity, projected.age, projected.metallicity
        weighted = (light * value for value in (one, velocity, velocity**2, age, metallicity))
        place = *spaxels.axes(projected, margin, spread), dense(one[:, None])
        return deposit(sums, place, jnp.stack([projected.mass, *weighted], axis=1), one)

    nothing = jnp.zeros((*spaxels.scene_shape(margin), MOMENTS), projected.mass.dtype)
    return accumulate(add, Sum.onto(alike(nothing, telescope, projected), 1), projected, block).value()


def means(telescope: Telescope, sums: Float[Array, "tall wide moment"]) -> dict[str, Float[Array, "y x"]]:
    """The maps that the moments on the field stand for."""
    sums = drawn_on(telescope.spaxels).scene.spaxels(sums)
    mass, light = sums[..., 0], sums[..., 1]
    occupied = light > 0
    velocity, square, age, metallicity = (
        jnp.where(occupied, sums[..., i] / jnp.where(occupied, light, 1), jnp.nan) for i in range(2, 6)
    )
    dispersion = jnp.sqrt(jnp.maximum(square - velocity**2, 0))
    return dict(zip(UNITS, (mass, velocity, dispersion, age, metallicity), strict=True))
