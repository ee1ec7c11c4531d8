"""No point spread function."""

import math
from typing import final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.contract import Range
from ifux.psf.base import AbstractPSF
from ifux.scene import Scene
from ifux.spread import AbstractSpread, SplineSpread


@final
class NoPSF(AbstractPSF):
    """Perfect seeing. The spaxels' own B-spline remains, and nothing makes up for it."""

    @property
    def margin(self) -> int:
        """Light stays where it lands."""
        return 0

    @property
    def spread(self) -> AbstractSpread:
        """B-splines: nothing makes up for them."""
        return SplineSpread()

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """One term at all wavelengths."""
        return jnp.ones_like(wave)[None]

    def sharpest(self) -> float:
        """Infinite: there is no width that cells would have to show."""
        return math.inf

    def radius(self, lost: float) -> float:
        """None."""
        return 0.0

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """One for all."""
        return None

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """The term, at all wavelengths."""
        return (Range(0, wave.size, 0, 1),)

    def held(self, scene: Scene) -> Float[Array, ""]:
        """All of it."""
        return jnp.ones_like(scene.position_angle)

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The maps themselves."""
        return maps[None]
