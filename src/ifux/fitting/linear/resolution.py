"""How much of a population-kinematic distribution a cube can know, whatever the solver."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.fitting.linear.newton import SPAXELS, along_kinds, along_sky
from ifux.fitting.linear.operator import CubeOperator
from ifux.fitting.linear.penalty import Penalty
from ifux.fitting.linear.solver import posed, precise


@dataclass(frozen=True)
class Resolution:
    """The singular values of the operator, divided by the noise: a product of those of a spaxel and of the sky.

    A mode of a singular value s changes the cube by s standard deviations, all voxels together, for an amplitude of
    one even share of the light of the brightest spaxel. Below the root of the penalty on the size it is not known.
    Positive weights are known better than that: the numbers are those of the linear problem without the constraint.
    """

    spaxel: Float[np.ndarray, " mode"]
    """Of the kinds of one spaxel with the mean noise and no PSF, falling."""
    kinds: Float[np.ndarray, "kind mode"]
    """The modes that belong to them, of unit length, counted in light."""
    sky: Float[np.ndarray, " map"]
    """Of the PSF, falling: one is a pattern that it leaves as it is, in spaxels of the mean noise."""
    known: float
    """Effective number of modes: the sum of s^2 / (s^2 + penalty on the size) over all of them."""


def resolution(
    operator: CubeOperator,
    data: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    *,
    penalty: Penalty | None = None,
) -> Resolution:
    """The singular values of the linear problem, as if the inverse variance were a product of a map and a spectrum.

    Raises:
        InputError: as `solve`, or the field is too large to decompose its PSF.
    """
    if (spaxels := operator.shape[0] * operator.shape[1]) > SPAXELS:
        raise InputError(
            f"resolution: {spaxels} spaxels with the margin of the PSF are too many to decompose it, {SPAXELS} are "
            "the most: look at a smaller field, or at a PSF of smaller reach."
        )
    with jax.enable_x64(True):
        operator, data, variance = jax.tree.map(precise, (operator, data, variance))
        problem = posed(operator, data, variance, Penalty() if penalty is None else penalty)
        strength, kinds = along_kinds(operator, problem.light, problem.inverse)
        mean = float(problem.inverse.mean())
        sky, _ = along_sky(operator, problem.inverse)
    curvature = sky[:, None] ** 2 * strength[None, :]
    return Resolution(
        spaxel=np.sqrt(mean * strength),
        kinds=kinds,
        sky=sky / np.sqrt(mean),
        known=float(np.sum(curvature / (curvature + problem.penalty.size))),
    )
