"""More noise, or less."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.noise.base import AbstractGaussianNoise
from ifux.typing import real, within


@final
class ScaledNoise(AbstractGaussianNoise):
    """Another noise stage, with a multiple of its variance: half, say, for twice the exposure under the same sky."""

    noise: AbstractGaussianNoise
    factor: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Of the variance."""

    def __check_init__(self):
        if not isinstance(self.noise, AbstractGaussianNoise):
            raise ValueError(
                f"ScaledNoise.noise must be normal noise with a variance to scale, got {type(self.noise).__name__}."
            )

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """That of the other stage, times the factor."""
        return self.factor * self.noise.variance(cube)
