r"""Few parameters fitted to every voxel of a cube, with their errors: the method of Levenberg and Marquardt.

$$(F + \mu\,\mathrm{diag}\,F)\,\delta = J^T \Sigma^{-1} (d - m), \qquad F = J^T \Sigma^{-1} J$$

with the cube m, its derivatives J by the free numbers, the variances of the data, and a damping that falls when a step
keeps its promise and rises when it does not. Parameters of any size are treated alike, and the last F is the Fisher
matrix.

References: Levenberg (1944), Quarterly of Applied Mathematics 2, 164; Marquardt (1963), Journal of the SIAM 11, 431;
Madsen, Nielsen & Tingleff (2004), Methods for Non-Linear Least Squares Problems (the damping).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float
from tqdm import tqdm

from ifux.errors import InputError
from ifux.fitting.fisher import Uncertainty, bound
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.losses import pulls
from ifux.fitting.minimise import Fit


def least_squares(
    predict: Callable[[Any], Float[Array, "y x wave"]],
    model: Freed,
    parameters: Parameters,
    data: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
    *,
    steps: int = 50,
    tolerance: float = 1e-3,
    reach: float = 1.0,
    progress: bool = False,
) -> tuple[Fit, Uncertainty]:
    """The parameters of the smallest chi squared near the start, and how well they are known.

    For telescopes and galaxies of a few parameters it needs a tenth of the steps of `minimise`. It holds one derivative
    of the cube for each free number: twenty of MUSE's 100 x 100 spaxels need 3 GB in single precision.

    Args:
        predict: Makes the noiseless cube of the model that parameters stand for. Give the same function again, and
            nothing is compiled again.
        model: As `free` returns it.
        parameters: Where to begin.
        data: The cube.
        variance: Of its noise.
        mask: True where the data count.
        steps: At most.
        tolerance: The loop ends when the next step promises to lower half of chi squared by less. At a thousandth, no
            combination of parameters is further from the minimum than a twentieth of its standard deviation.
        reach: How far a free number may go in one step: a number that the cube hardly tells before the others are right
            is not thrown out of its range. One is a factor of e for `Positive` and a unit of its scale for `Real`.
        progress: Whether to show a line with the loss, which is half of chi squared.

    Raises:
        InputError: chi squared is not a finite number at the start, or the cube does not depend on a parameter.
    """
    flat, restore = ravel_pytree(parameters)
    now, history, reason = np.asarray(flat, np.float64), [], None
    damping, raising = 1e-2, 2.0

    def free_numbers(numbers: np.ndarray) -> Parameters:
        return restore(jnp.asarray(numbers, flat.dtype))

    value, slope, information = surroundings(predict, model, free_numbers(now), data, variance, mask)
    if not np.isfinite(value):
        raise InputError(f"least_squares: the loss is {value} at the start: look at the model and the data there.")
    with tqdm(total=steps, disable=not progress, desc="fitting") as bar:
        while reason is None:
            history.append(value)
            bar.set_postfix_str(f"loss {value:.8g}", refresh=False)
            bar.update()
            step = np.clip(np.linalg.solve(information + damping * scale(information), slope), -reach, reach)
            promise = step @ slope - 0.5 * step @ information @ step
            if 0 <= promise < tolerance:
                reason = f"the loss would fall by {promise:.1g} only"
                break
            there = now + step
            gain = (value - loss_at(predict, model, free_numbers(there), data, variance, mask)) / promise
            if promise > 0 and gain > 0:
                now = there
                value, slope, information = surroundings(predict, model, free_numbers(now), data, variance, mask)
                damping, raising = damping * max(1 / 3, 1 - (2 * min(gain, 1) - 1) ** 3), 2.0
            else:
                damping, raising = damping * raising, 2 * raising
            if damping > 1e12:
                reason = "no step lowers the loss any more"
            elif len(history) >= steps:
                reason = f"the limit of {steps} steps"
    found = free_numbers(now)
    return Fit(found, value, np.array(history), reason), bound(model, found, information)


def scale(information: Float[np.ndarray, "parameter parameter"]) -> Float[np.ndarray, "parameter parameter"]:
    """What the damping is counted in; a little more than nothing for a parameter that leaves the cube as it is."""
    size = np.diag(information)
    return np.diag(np.maximum(size, 1e-30 + 1e-12 * size.max()))


def loss_at(predict, model, parameters, data, variance, mask) -> float:
    """Half of chi squared, added up in double precision; infinite where the model has no value."""
    value = float(np.asarray(rows(predict, model, parameters, data, variance, mask), np.float64).sum())
    return value if np.isfinite(value) else np.inf


@eqx.filter_jit
def rows(predict, model, parameters, data, variance, mask) -> Float[Array, "y x"]:
    """Half of chi squared of every spaxel."""
    return 0.5 * jnp.sum(pulls(data, predict(model(parameters)), variance, mask) ** 2, axis=2)


def surroundings(predict, model, parameters, data, variance, mask) -> tuple[float, np.ndarray, np.ndarray]:
    """Half of chi squared, its downward slope, and the Fisher matrix, added up in double precision."""
    found = linearised(predict, model, parameters, data, variance, mask)
    value, slope, information = (np.asarray(leaf, np.float64).sum(axis=0) for leaf in found)
    return float(value), slope, information


@eqx.filter_jit
def linearised(
    predict, model, parameters, data, variance, mask
) -> tuple[Float[Array, " y"], Float[Array, "y parameter"], Float[Array, "y parameter parameter"]]:
    """Half of chi squared of every row, its slope, and the products of the derivatives of the pulls."""
    flat, restore = ravel_pytree(parameters)

    def pull(flat: Float[Array, " parameter"]) -> Float[Array, "y x wave"]:
        return pulls(data, predict(model(restore(flat))), variance, mask)

    residual, forward = jax.linearize(pull, flat)
    columns = jax.lax.map(forward, jnp.eye(flat.size, dtype=flat.dtype))
    slope = -jnp.einsum("pyxw,yxw->yp", columns, residual, precision=jax.lax.Precision.HIGHEST)
    information = jnp.einsum("pyxw,qyxw->ypq", columns, columns, precision=jax.lax.Precision.HIGHEST)
    return 0.5 * jnp.sum(residual**2, axis=(1, 2)), slope, information
