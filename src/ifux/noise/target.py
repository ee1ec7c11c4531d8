"""Noise for a wanted signal-to-noise ratio."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.noise.base import AbstractGaussianNoise
from ifux.typing import real, within

FAINTEST = 1e-7
"""The level of noise of a dark cube [1e-20 erg/s/cm2/angstrom]; single precision holds the slope of any likelihood."""


@final
class TargetSNRNoise(AbstractGaussianNoise):
    """The same noise in every voxel, at the level that gives the brightest spaxel a signal-to-noise ratio per channel.

    The signal of a spaxel is its mean over the wavelengths that the library reaches. A cube that is dark everywhere has
    no ratio: its noise is at a level that no light is as faint as, and the likelihood of any data is finite, with its
    gradient.
    """

    snr: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Signal-to-noise ratio per channel in the brightest spaxel."""

    def variance(self, cube: Float[Array, "y x wave"]) -> Float[Array, "y x wave"]:
        """The squared ratio of the brightest mean and the signal-to-noise ratio."""
        # Only the brightest spaxel has a gradient. A CPU leaves numbers out of a sum ten times slower than it adds all.
        known = jax.lax.stop_gradient(cube)
        mean = known.mean(axis=2)
        mean = jax.lax.cond(jnp.isnan(mean[0, 0]), lambda: jnp.nanmean(known, axis=2), lambda: mean)
        brightest = cube.reshape(-1, cube.shape[2])[jnp.argmax(mean)]
        level = jnp.nanmean(brightest) / self.snr
        return jnp.full_like(cube, jnp.where(level > FAINTEST, level, FAINTEST) ** 2)
