"""The covariance of the noise of a cube, as a matrix that is never formed."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.covariance.correlation import LEAST, Correlation
from ifux.focal_plane.base import AbstractFocalPlane
from ifux.grids import AbstractWavelengths
from ifux.noise.base import root
from ifux.numerics.normal import standard_normal
from ifux.scene import Scene
from ifux.telescope import Telescope

HIGHEST = jax.lax.Precision.HIGHEST


@final
class CubeCovariance(eqx.Module):
    r"""The covariance between the spaxels of a cube that is made of elements with independent noise.

    $$C = R\,\mathrm{diag}(\sigma_e^2)\,R^T$$

    in every channel, with what spaxels take of the elements, R, and their variance. Channels are independent. Its
    product with a cube is a cube that is made of what every element has in that one: nothing is as large as spaxels x
    spaxels. A matrix of fewer elements than spaxels has no inverse: `ifux.fitting.ElementWhitening` is for fits.
    """

    focal_plane: AbstractFocalPlane
    scene: Scene
    wavelengths: AbstractWavelengths
    variance: Float[Array, "*element wave"]
    """Of the elements [1e-40 (erg/s/cm2/angstrom)2]; not a number where one has no datum."""

    def __check_init__(self):
        elements = (*self.focal_plane.element_shape(self.scene), self.wavelengths.size)
        if self.variance.shape[-3:] != elements:
            raise ValueError(f"CubeCovariance.variance has shape {self.variance.shape}, but elements have {elements}.")

    @staticmethod
    def of(telescope: Telescope, variance: Float[Array, "*element wave"]) -> "CubeCovariance":
        """That of the cubes of a telescope whose elements have a variance, as its noise stage gives it for them."""
        return CubeCovariance(telescope.focal_plane, telescope.spaxels.scene, telescope.wavelengths, variance)

    def rebuild(self, elements: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The cube of the spectra of elements."""
        return self.focal_plane.rebuild(elements, self.scene, self.wavelengths)

    def diagonal(self) -> Float[Array, "y x wave"]:
        """The variance of every voxel: STAT. Not a number in spaxels that no element tells of."""
        return self.focal_plane.rebuild_variance(self.variance, self.scene, self.wavelengths)

    def matvec(self, cube: Float[Array, "y x wave"]) -> Float[Array, "y x wave"]:
        """Its product with a cube; zero in spaxels that no element tells of, whatever the cube has there."""
        rebuilt, back = jax.vjp(self.rebuild, self.variance)
        (seen,) = back(jnp.where(jnp.isnan(rebuilt), 0, cube))
        product = self.rebuild(self.variance * seen)
        return jnp.where(jnp.isnan(product), 0, product)

    def sqrt(self, numbers: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The product of its square root with a number for each element: standard normal ones make noise of it."""
        return self.rebuild(root(self.variance) * numbers)

    def sample(self, *, key: PRNGKeyArray) -> Float[Array, "y x wave"]:
        """Noise with this covariance, without a mean. Not a number in spaxels that no element tells of."""
        return self.sqrt(standard_normal(key, self.variance.shape, self.variance.dtype))

    def matrix(self, channel: int) -> Float[Array, "y x *element"]:
        """What spaxels take of the elements in a channel: of those only that have a datum there."""
        ((_, _, wave),) = (band for band in self.focal_plane.bands(self.wavelengths) if band[0] <= channel < band[1])
        taken, good = self.focal_plane.matrix(self.scene, wave), ~jnp.isnan(self.variance[..., channel])
        present = taken * good.astype(taken.dtype)[None, None]
        whole, left = (part.sum(axis=(2, 3), keepdims=True) for part in (taken, present))
        return jnp.where(left > 0, present * (whole / jnp.where(left > 0, left, 1)), 0)

    def at(self, channel: int) -> Float[Array, "spaxel spaxel"]:
        """The whole of it in a channel, for spaxels row by row; zero for those that no element tells of."""
        variance = self.variance[..., channel].reshape(-1)
        matrix = self.matrix(channel).reshape(-1, variance.size).astype(variance.dtype)
        return jnp.matmul(matrix * jnp.where(jnp.isnan(variance), 0, variance)[None], matrix.T, precision=HIGHEST)

    def correlation(self, channel: int, least: float = LEAST) -> Correlation:
        """The correlation between spaxels in a channel, where it is greater than the least. On the host."""
        variance = np.asarray(self.variance[..., channel])
        return Correlation.of(np.asarray(taken(self, channel)), np.where(np.isnan(variance), 0, variance), least)


@eqx.filter_jit
def taken(covariance: CubeCovariance, channel: int) -> Float[Array, "y x *element"]:
    """What spaxels take of the elements in a channel."""
    return covariance.matrix(channel)
