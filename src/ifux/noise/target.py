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
        signal = self.seen(cube.reshape(-1, cube.shape[-1])) if self.signal is None else self.signal
        level = signal * jnp.sqrt(self.channels) / self.snr
        return jnp.full_like(cube, jnp.where(level > FAINTEST, level, FAINTEST) ** 2)

    def seen(self, spectra: Float[Array, "place wave"]) -> Float[Array, ""]:
        """The mean of the spectrum of the spaxels that count, over the channels that do. Only those have a gradient."""
        if self.places is None:
            spectrum = spectra[jnp.argmax(self.brightness(jax.lax.stop_gradient(spectra)))]
        else:
            total = jnp.einsum("p,pw->w", self.places, spectra, precision=HIGHEST)
            spectrum = total / jnp.sum(self.places)
        if self.band is None:
            return jnp.nanmean(spectrum)
        reached = ~jnp.isnan(spectrum)
        band = jnp.where(reached, self.band, 0)
        return jnp.sum(band * jnp.where(reached, spectrum, 0)) / jnp.sum(band)

    def brightness(self, spectra: Float[Array, "place wave"]) -> Float[Array, " place"]:
        """Of each spaxel, in proportion to the mean."""
        if self.band is not None:
            reached = ~jnp.isnan(spectra[0])
            return jnp.einsum("pw,w->p", jnp.where(reached[None], spectra, 0), self.band, precision=HIGHEST)
        # A CPU leaves numbers out of a sum ten times slower than it adds all.
        mean = spectra.mean(axis=1)
        return jax.lax.cond(jnp.isnan(mean[0]), lambda: jnp.nanmean(spectra, axis=1), lambda: mean)
