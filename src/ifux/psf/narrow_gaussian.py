"""A Gaussian point spread function that is narrower than a spaxel, or has no width at all."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jaxtyping import Array, Float

from ifux.numerics.contract import Range
from ifux.numerics.stencil import REACH
from ifux.psf.base import AbstractPSF
from ifux.scene import Scene
from ifux.spread import AbstractSpread, GaussianSpread
from ifux.typing import real, within


@final
class NarrowGaussianPSF(AbstractPSF):
    """A Gaussian that is integrated over the cells as light is deposited, up to a FWHM of one cell.

    Exact where a kernel on cells would need many of them to a spaxel: to 1e-3 of the peak for a FWHM of a cell,
    wherever in it a star stands, and to rounding from two thirds of a cell down. It costs no kernel, and a star no more
    than with any other PSF. A star has a gradient with respect to its place as far as its light reaches over the edge
    of a cell: the narrower the PSF, the fewer have one.

    A FWHM of zero is hard binning: all light of a star goes to the cell that holds it, those on an edge to the upper
    one, and neither its place nor the width has a gradient.
    """

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """Full width at half maximum [arcsec]."""

    @property
    def margin(self) -> int:
        """No kernel moves light."""
        return 0

    @property
    def spread(self) -> AbstractSpread:
        """The Gaussian; the sign of the width is of no account."""
        return GaussianSpread(jnp.abs(self.fwhm))

    def sharpest(self) -> float:
        """Infinite: there is no width that cells would have to show."""
        return math.inf

    def radius(self, lost: float) -> float:
        r"""Where $\exp(-r^2 / 2\sigma^2)$ is the share."""
        return abs(float(self.fwhm)) * math.sqrt(math.log(1 / lost) / (4 * math.log(2)))

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """One term at all wavelengths."""
        return jnp.ones_like(wave)[None]

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """One for all."""
        return None

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """The term, at all wavelengths."""
        return (Range(0, wave.size, 0, 1),)

    def held(self, scene: Scene) -> Float[Array, ""]:
        """What lies no further than one and a half cells from a star, along either axis."""
        width = jnp.maximum(jnp.abs(self.fwhm) / scene.sides, jnp.finfo(scene.sides.dtype).tiny)
        return jnp.prod(erf(REACH * 2 * math.sqrt(math.log(2)) / width))

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The maps themselves: the light was spread as it was deposited."""
        return maps[None]
