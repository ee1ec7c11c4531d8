"""What is left of a point spread function for light that already was blurred."""

import dataclasses
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.contract import Range
from ifux.psf.base import SHARPEST, AbstractPSF
from ifux.psf.gaussian import GaussianPSF
from ifux.psf.narrow_gaussian import NarrowGaussianPSF
from ifux.psf.none import NoPSF
from ifux.scene import Scene
from ifux.spread import AbstractSpread
from ifux.typing import real, within

OF_GAUSSIAN, OF_OTHERS = 0.95, 0.5
"""How much of its FWHM can be taken out of a Gaussian, and out of the sharpest part of any other PSF. What is left of a
Moffat beyond its half is negative next to its core, and rings on the cells of a scene."""


@final
class RemainingPSF(AbstractPSF):
    r"""A PSF in front of which light was blurred by a Gaussian: both together are the PSF that is asked for.

    $$\hat P_\mathrm{left}(k) = \hat P(k)\, e^{2 \pi^2 \sigma^2 k^2}$$

    A flat sky stays flat, and a star that comes with the width of the Gaussian has the PSF. A Gaussian is one that is
    narrower, in quadrature.
    """

    psf: AbstractPSF
    """What is asked for."""
    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """Full width at half maximum of the Gaussian that is there [arcsec]."""

    @property
    def margin(self) -> int:
        """That of the PSF."""
        return self.psf.margin

    @property
    def spread(self) -> AbstractSpread:
        """That of what is left."""
        return self.left.spread

    @property
    def left(self) -> AbstractPSF:
        """The PSF; of a Gaussian, which needs no transform, what is left of it."""
        if not isinstance(self.psf, GaussianPSF | NarrowGaussianPSF):
            return self.psf
        square = jnp.maximum(self.psf.fwhm**2 - self.fwhm**2, SHARPEST**2)
        return eqx.tree_at(lambda psf: psf.fwhm, self.psf, jnp.sqrt(square))

    def sharpest(self) -> float:
        """That of the PSF: what is seen is no sharper."""
        return self.psf.sharpest()

    def radius(self, lost: float) -> float:
        """That of the PSF."""
        return self.psf.radius(lost)

    def held(self, scene: Scene) -> Float[Array, ""]:
        """That of the PSF."""
        return self.psf.held(scene)

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Those of the PSF."""
        return self.psf.term_weights(wave)

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """Those of the PSF."""
        return self.psf.seen_at

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """Those of the PSF."""
        return self.psf.ranges(wave)

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """With kernels that make up for the Gaussian as for the B-splines."""
        left = self.left
        return left.blur(maps, scene if left is not self.psf else dataclasses.replace(scene, blurred=self.fwhm))


def most_removable(psf: AbstractPSF) -> float:
    """Full width at half maximum of the widest Gaussian that can be taken out of a PSF [arcsec]. On the host.

    Where no PSF is asked for nothing has to be.
    """
    if isinstance(psf, GaussianPSF | NarrowGaussianPSF):
        return OF_GAUSSIAN * abs(float(psf.fwhm))
    return OF_OTHERS * psf.sharpest()


def remaining(psf: AbstractPSF, fwhm: float) -> AbstractPSF:
    """What is left of a PSF for light that a Gaussian of some FWHM blurred before [arcsec], or the widest removable.

    Where no PSF is asked for, light keeps the blur that it has.
    """
    return psf if isinstance(psf, NoPSF) else RemainingPSF(psf, min(fwhm, most_removable(psf)))
