"""Noise for a wanted signal-to-noise ratio."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.noise.base import AbstractGaussianNoise
from ifux.typing import DATA, real, real_if_any, within

FAINTEST = 1e-7
"""The level of noise of a dark cube [1e-20 erg/s/cm2/angstrom]; single precision holds the slope of any likelihood."""
HIGHEST = jax.lax.Precision.HIGHEST


@final
class TargetSNRNoise(AbstractGaussianNoise):
    r"""The same noise in every voxel, at the level that gives a signal its ratio to the noise: $\sigma = S\sqrt{n}/R$.

    S is the signal of a spaxel, its mean over the wavelengths that the library reaches, and R its ratio to the noise of
    n channels together: by default the brightest spaxel's, of one channel. A cube that is dark everywhere has no ratio:
    its noise is at a level that no light is as faint as, and the likelihood of any data is finite, with its gradient.
    """

    snr: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Signal-to-noise ratio."""
    channels: Float[Array, ""] = eqx.field(converter=real, default=1.0, metadata=within(above=0) | DATA)
    """Channels that the ratio is of, together: as many as an angstrom has for a ratio per angstrom."""
    band: Float[Array, " wave"] | None = eqx.field(converter=real_if_any, default=None, metadata=within(least=0) | DATA)
    """How much each channel counts in the mean; without it all count alike."""
    places: Float[Array, " place"] | None = eqx.field(
        converter=real_if_any, default=None, metadata=within(least=0) | DATA
    )
    """How much each spaxel counts in the signal, row by row; without it the brightest alone counts."""
    signal: Float[Array, ""] | None = eqx.field(converter=real_if_any, default=None, metadata=within(above=0) | DATA)
    """A signal of its own, whatever the cube's [1e-20 erg/s/cm2/angstrom]."""

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """The squared level."""
        signal = self.seen(jnp.atleast_2d(cube)) if self.signal is None else self.signal
        level = signal * jnp.sqrt(self.channels) / self.snr
        return jnp.full_like(cube, jnp.where(level > FAINTEST, level, FAINTEST) ** 2)

    def seen(self, cube: Float[Array, "*place wave"]) -> Float[Array, ""]:
        """The mean of the spectrum of the spaxels that count, over the channels that do. Only those have a gradient.

        The places keep their axes: to put those of a cube into one, devices that share it would have to exchange it.
        """
        if self.places is None:
            brightness = self.brightness(jax.lax.stop_gradient(cube))
            spectrum = cube
            for index in jnp.unravel_index(jnp.argmax(brightness), brightness.shape):
                spectrum = jax.lax.dynamic_index_in_dim(spectrum, index, keepdims=False)
        else:
            places = self.places.reshape(cube.shape[:-1])
            spectrum = jnp.tensordot(places, cube, places.ndim, precision=HIGHEST) / jnp.sum(places)
        if self.band is None:
            return jnp.nanmean(spectrum)
        reached = ~jnp.isnan(spectrum)
        band = jnp.where(reached, self.band, 0)
        return jnp.sum(band * jnp.where(reached, spectrum, 0)) / jnp.sum(band)

    def brightness(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place"]:
        """Of each spaxel, in proportion to the mean."""
        if self.band is not None:
            reached = ~jnp.isnan(cube)
            return jnp.einsum("...w,w->...", jnp.where(reached, cube, 0), self.band, precision=HIGHEST)
        # A CPU leaves numbers out of a sum ten times slower than it adds all, and would need another cube for it.
        mean = cube.mean(axis=-1)
        rows = jnp.where(jnp.isnan(mean).any(), mean.shape[0], 0)
        return jax.lax.fori_loop(0, rows, lambda row, mean: mean.at[row].set(jnp.nanmean(cube[row], axis=-1)), mean)
