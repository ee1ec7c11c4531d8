"""Pixels of the detector that tell nothing."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.noise.base import AbstractNoise
from ifux.noise.exposure import AbstractExposure
from ifux.numerics.normal import counters, open_unit, threefry
from ifux.typing import DATA, real, within

STREAM = 0xBAD
"""Makes a key of its own of that of the noise."""


@final
class BadPixelNoise(AbstractExposure):
    r"""Another noise stage, on a detector with dead pixels, on which cosmic rays fall: data there are not numbers.

    Of a voxel whose light falls on p pixels for a time t in all

    $$P_\mathrm{dead} = 1 - (1 - b)^p, \qquad P_\mathrm{hit} = 1 - e^{-r p t}$$

    with the share b of pixels that are dead and r hits that are left on a pixel in an hour, after whatever rejects
    them. Each is a function of the key and of the voxel, as noise is, and all other data are what they would be without
    them. A likelihood leaves out data that are not numbers.
    """

    noise: AbstractNoise
    time: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0) | DATA)
    """Of all exposures together [s]."""
    dead: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0, most=1) | DATA)
    """Share of the pixels of the detector."""
    cosmic_rays: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0) | DATA)
    """Hits that are left [1/hour/pixel]."""
    pixels: Float[Array, ""] = eqx.field(converter=real, default=1.0, metadata=within(above=0) | DATA)
    """Of the detector, that the light of an element in a channel falls on."""

    @property
    def can_saturate(self) -> bool:
        """As of the other stage."""
        return isinstance(self.noise, AbstractExposure) and self.noise.can_saturate

    def saturated(self, cube: Float[Array, "*place wave"]) -> Bool[Array, "*place wave"]:
        """As in the other stage."""
        if isinstance(self.noise, AbstractExposure):
            return self.noise.saturated(cube)
        return jnp.zeros(cube.shape, bool)

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """That of the other stage, of data that are numbers."""
        return self.noise.variance(cube)

    def lost(
        self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: DTypeLike
    ) -> tuple[Bool[Array, "*place wave"], Bool[Array, "*place wave"]]:
        """Which data are lost to dead pixels, and which to cosmic rays."""
        words = threefry(jax.random.bits(jax.random.fold_in(key, STREAM), (2,), jnp.uint32), *counters(shape))
        one, two = (open_unit(word, dtype) for word in words)
        dead = -jnp.expm1(self.pixels * jnp.log1p(-self.dead))
        hit = -jnp.expm1(-self.cosmic_rays / 3600 * self.pixels * self.time)
        return one < dead, two < hit

    def sample(self, cube: Float[Array, "*place wave"], *, key: PRNGKeyArray) -> Float[Array, "*place wave"]:
        """That of the other stage where nothing is lost."""
        dead, hit = self.lost(key, cube.shape, cube.dtype)
        return jnp.where(dead | hit, jnp.nan, self.noise.sample(cube, key=key))

    def log_prob(
        self,
        data: Float[Array, "*place wave"],
        cube: Float[Array, "*place wave"],
        *,
        mask: Bool[Array, "*place wave"] | None = None,
    ) -> Float[Array, ""]:
        """That of the other stage, of data that are numbers."""
        known = ~jnp.isnan(data)
        return self.noise.log_prob(data, cube, mask=known if mask is None else known & mask)
