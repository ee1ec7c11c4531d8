"""The elements that a cube stands for."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.checks import warn_of
from ifux.covariance import CubeCovariance
from ifux.errors import InputError
from ifux.fitting.whitening.base import AbstractWhitening
from ifux.focal_plane.base import AbstractFocalPlane
from ifux.scene import Scene

HIGHEST = jax.lax.Precision.HIGHEST

CLEAR = 1e3
"""Rounding errors by which the weakest combination of elements that is found in a cube must rise above them."""

LEAKED = 1e-6
"""Square of an element's share in combinations that are not found, from which on it is not known."""

UNLIKE = 0.03
"""Residual of a cube that no elements make, over its noise, rms: more than rounding in any file."""


@final
class ElementWhitening(AbstractWhitening):
    r"""The spectra of the elements that a cube is made of, found again: $e = (R^T R)^{-1} R^T d$.

    A cube d = R e has fewer elements than spaxels: its covariance has no inverse, and its likelihood is that of its
    elements, exactly, where R, what spaxels take of them, has full rank. They are found band by band. The rank is
    looked at: elements that no spaxel sees, and those of which a cube tells only sums, are left out, and told; what is
    known of the others is not touched by them. Reconstruction is taken as it is: what the pipeline took for known is no
    part of a fit. Who has the spectra of the elements can fit those, to the same end with less work.
    """

    variance: Float[Array, "row place wave"]
    """Of the elements; not a number where one has no datum, or is left out."""
    covariance: CubeCovariance
    inverse: Float[Array, "band element spaxel"]
    """The pseudo-inverse of R for every band."""
    bands: tuple[tuple[int, int], ...] = eqx.field(static=True)
    """First and last channel of each."""

    @staticmethod
    def of(covariance: CubeCovariance, spaxels: Bool[np.ndarray, "y x"] | None = None) -> "ElementWhitening":
        """For cubes with a covariance. On concrete arrays.

        Args:
            covariance: Of the cube.
            spaxels: True where they count, in all channels; without it all do.

        Raises:
            InputError: the cube tells no element.
        """
        plane, scene, variance = covariance.focal_plane, covariance.scene, covariance.variance
        count, rounding = variance[..., 0].size, float(jnp.finfo(variance.dtype).eps)
        counting = np.ones(scene.shape) if spaxels is None else spaxels
        bands, inverses, known, unseen = plane.bands(covariance.wavelengths), [], [], 0
        for _, _, wave in bands:
            matrix = np.asarray(matrix_of(plane, scene, wave), np.float64).reshape(-1, count) * counting.reshape(-1, 1)
            inverse, found = inverted(matrix, CLEAR * rounding)
            inverses.append(inverse)
            known.append(found)
            unseen = max(unseen, int((~matrix.any(axis=0)).sum()))
        told = np.stack(known)
        if not told.any():
            raise InputError(
                f"ElementWhitening: a cube tells none of its {count} elements one by one: exposures that look at the "
                "same place are one."
            )
        out = int((~told).sum(axis=1).max())
        if out:
            entangled = f", {out - unseen} of which it tells only sums" if out > unseen else ""
            warn_of([
                f"the cube stands for {count - out} of {count} elements: left out are {unseen} that no spaxel sees"
                f"{entangled}"
            ])  # fmt: skip
        left = np.concatenate(
            [np.repeat(found[:, None], last - first, 1) for found, (first, last, _) in zip(told, bands, strict=True)], 1
        ).reshape(variance.shape)
        return ElementWhitening(
            jnp.where(left, variance, jnp.nan),
            covariance,
            jnp.asarray(np.stack(inverses), variance.dtype),
            tuple((first, last) for first, last, _ in bands),
        )

    def __call__(self, cube: Float[Array, "y x wave"]) -> Float[Array, "row place wave"]:
        """The elements of a cube to which all contribute."""
        flat = jnp.where(jnp.isnan(cube), 0, cube).reshape(-1, cube.shape[-1])
        found = [
            jnp.matmul(inverse, flat[:, first:last], precision=HIGHEST)
            for inverse, (first, last) in zip(self.inverse, self.bands, strict=True)
        ]
        return jnp.concatenate(found, axis=1).reshape(self.variance.shape)

    def data(self, cube: Float[Array, "y x wave"]) -> Float[Array, "row place wave"]:
        """The elements of a cube to which those contribute that have a datum.

        All of a channel are left out, and told, in which a spaxel lacks a number that elements tell.

        Raises:
            InputError: no elements make this cube.
        """
        elements, lost, partly, unlike = recovered(self, cube)
        if bool(lost.all()):
            raise InputError("ElementWhitening.data: spaxels that elements tell lack a number in every channel.")
        if bool(partly.any()):
            warn_of([f"{int(partly.sum())} channels are left out in which spaxels lack a number"])
        if not float(unlike) < UNLIKE:
            raise InputError(
                f"ElementWhitening.data: no elements make this cube, which differs from the nearest that they make by "
                f"{float(unlike):.2g} of its noise, rms: give the telescope it was made with, or take a "
                "CorrelationWhitening with a floor."
            )
        return jnp.where(lost[None, None], jnp.nan, elements)


@eqx.filter_jit
def matrix_of(plane: AbstractFocalPlane, scene: Scene, wave: float) -> Float[Array, "y x *element"]:
    """What spaxels take of the elements at a wavelength [angstrom]."""
    return plane.matrix(scene, wave)


def inverted(
    matrix: Float[np.ndarray, "spaxel element"], clear: float
) -> tuple[Float[np.ndarray, "element spaxel"], Bool[np.ndarray, " element"]]:
    """The pseudo-inverse without singular values that are smaller than a part of the largest, and which elements it
    gives back one by one.
    """
    seen, inverse = matrix.any(axis=1), np.zeros(matrix.shape[::-1])
    axes, values, combinations = np.linalg.svd(matrix[seen], full_matrices=False)
    kept = values > clear * values.max(initial=0)
    inverse[:, seen] = (combinations[kept].T / values[kept]) @ axes[:, kept].T
    return inverse, 1 - (combinations[kept] ** 2).sum(axis=0) < LEAKED


@eqx.filter_jit
def recovered(
    whitening: ElementWhitening, cube: Float[Array, "y x wave"]
) -> tuple[Float[Array, "row place wave"], Bool[Array, " wave"], Bool[Array, " wave"], Float[Array, ""]]:
    """The elements of data; the channels in which spaxels lack a number, and those of them in which others have one;
    and what no elements make, over the noise.

    A spaxel has the mean of those elements that have a datum. Times their share of the weights it is the sum over all,
    the others being zero: one inverse serves all channels of a band.
    """
    covariance = whitening.covariance
    good = ~jnp.isnan(covariance.variance)
    share = covariance.rebuild(good.astype(cube.dtype)) / covariance.rebuild(jnp.ones(good.shape, cube.dtype))
    found = whitening(cube * share)
    read = jnp.any(whitening.inverse != 0, axis=1).reshape(-1, *cube.shape[:2])
    counts = [
        jnp.broadcast_to(part[..., None], (*part.shape, last - first))
        for part, (first, last) in zip(read, whitening.bands, strict=True)
    ]
    counts = jnp.concatenate(counts, axis=-1) & (share > 0)
    known = ~jnp.isnan(cube)
    lost = jnp.any(counts & ~known, axis=(0, 1))
    partly = lost & jnp.any(counts & known, axis=(0, 1))
    residual = (cube - covariance.rebuild(jnp.where(good, found, jnp.nan))) / jnp.sqrt(covariance.diagonal())
    told = counts & ~lost[None, None]
    squares = jnp.sum(jnp.where(told, residual, 0) ** 2)
    unlike = jnp.sqrt(squares / jnp.maximum(jnp.sum(told, dtype=squares.dtype), 1))
    return jnp.where(jnp.isnan(whitening.variance), jnp.nan, found), lost, partly, unlike
