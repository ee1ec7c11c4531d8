"""What a population-kinematic distribution says, spaxel by spaxel."""

from typing import Literal, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.fitting.linear.operator import CubeOperator
from ifux.kinematics.channels import VelocityChannels
from ifux.ssp import AbstractTabulatedSSP


@final
class Distribution(eqx.Module):
    """Marginals and moments of the weights of every spaxel; moments are not-a-number where there are no weights."""

    mass: Float[Array, "*spaxel"]
    """Formed mass [solar mass]."""
    velocity: Float[Array, "*spaxel"]
    """Mean velocity along the line of sight [km/s]."""
    dispersion: Float[Array, "*spaxel"]
    """Its standard deviation [km/s], without what the width of the velocity channels' splines adds."""
    age: Float[Array, "*spaxel"]
    """Mean of the decimal logarithm of the age [Gyr]."""
    metallicity: Float[Array, "*spaxel"]
    """Mean of the decimal logarithm of the metallicity [mass fraction Z]."""
    velocities: Float[Array, "*spaxel velocity"]
    """The share of every velocity node."""
    populations: Float[Array, "*spaxel metallicity age"]
    """The share of every population, over all mixtures and depths of dust."""
    nodes: Float[Array, " velocity"]
    """The velocity nodes [km/s]."""


def distribution(
    operator: CubeOperator, weights: Float[Array, "*spaxel kind"], *, by: Literal["mass", "light"] = "mass"
) -> Distribution:
    """Marginals and moments of weights, or of weights blurred by the PSF (`operator.blurred`).

    Args:
        operator: Of a telescope with velocity channels and a library whose basis are its populations.
        weights: Formed mass by spaxel and kind [solar mass], such as `Telescope.weights` gives for particles.
        by: Whether shares and moments count mass, or mean flux over the observed wavelengths.

    Raises:
        InputError: the kinds are no velocities and populations.
    """
    kinematics, ssp = operator.telescope.kinematics, operator.telescope.ssp
    tabulated = isinstance(ssp, AbstractTabulatedSSP)
    if (
        not isinstance(kinematics, VelocityChannels)
        or not tabulated
        or ssp.size % (ssp.age.size * ssp.metallicity.size)
        or operator.telescope.sources
    ):
        raise InputError(
            "distribution: the kinds must be velocity channels and populations of a grid of ages and metallicities: "
            "use VelocityChannels and GridSSP, and no sources beside the stars."
        )
    ages, metallicities = ssp.age.size, ssp.metallicity.size
    flux = jnp.broadcast_to(operator.templates.mean(axis=1), weights.shape)
    counted = weights * flux if by == "light" else weights
    grid = counted.reshape(*weights.shape[:-1], kinematics.size, -1, metallicities, ages).sum(axis=-3)
    total = grid.sum(axis=(-3, -2, -1))
    share = jnp.where(
        (total > 0)[..., None, None, None], grid / jnp.where(total > 0, total, 1)[..., None, None, None], 0
    )
    velocities, populations = share.sum(axis=(-2, -1)), share.sum(axis=-3)
    nodes = jnp.asarray(kinematics.shifts, weights.dtype)
    occupied = jnp.where(total > 0, 1.0, jnp.nan)
    mean = velocities @ nodes
    # The nodes that share a star spread by (degree + 1) / 12 spacings squared: cubic exactly, lower degrees on average.
    width = kinematics.spacing**2 * (kinematics.degree + 1) / 12
    variance = velocities @ nodes**2 - mean**2 - width
    return Distribution(
        mass=weights.sum(axis=-1),
        velocity=occupied * mean,
        dispersion=occupied * jnp.sqrt(jnp.maximum(variance, 0)),
        age=occupied * (populations.sum(axis=-2) @ jnp.log10(ssp.age)),
        metallicity=occupied * (populations.sum(axis=-1) @ jnp.log10(ssp.metallicity)),
        velocities=velocities,
        populations=populations,
        nodes=nodes,
    )
