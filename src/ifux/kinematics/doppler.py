"""A detector's pixels in the rest frame of a moving star."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths, refractivity
from ifux.numerics.rebin import integrate
from ifux.numerics.stencil import Stencil


def pixels_at_rest(
    rest: Wavelengths, wavelengths: AbstractWavelengths, shift: Float[Array, ""], fastest: float
) -> Stencil:
    r"""The stencil from the spline coefficients of a rest-frame spectrum to mean flux densities in detector pixels.

    $$\lambda_\mathrm{observed} = \lambda_\mathrm{rest}\, e^{s}, \quad s = \ln(1 + z) + u$$

    holds in vacuum; either grid may be in air. `fastest` bounds |u|, and with it the support of the stencil, which is
    that of the widest pixel.
    """
    whole, part = edges_at_rest(rest, wavelengths, shift)
    widths = wavelengths.widths()
    # A thousandth leaves room for the step between air and vacuum.
    widest = 1.001 * math.exp(fastest) * widths.max() / rest.step
    stencil = integrate(jnp.asarray(whole, jnp.int32), part, rest.size, widest)
    per_angstrom = jnp.asarray(rest.step / widths, stencil.weight.dtype)
    return Stencil(stencil.index, stencil.weight * per_angstrom[:, None], stencil.size)


def reached_at_rest(
    rest: Wavelengths, wavelengths: AbstractWavelengths, shift: Float[Array, ""]
) -> Bool[Array, " wave"]:
    """Whether each detector pixel lies on the rest-frame grid, but for a fiftieth of its width."""
    whole, part = edges_at_rest(rest, wavelengths, shift)
    place = jnp.asarray(whole, part.dtype) + part
    slack = jnp.asarray(0.02 * wavelengths.widths() / rest.step, part.dtype)
    return (place[:-1] > -slack) & (place[1:] < rest.size + slack)


def edges_at_rest(
    rest: Wavelengths, wavelengths: AbstractWavelengths, shift: Float[Array, ""]
) -> tuple[np.ndarray, Float[Array, " edge"]]:
    """Edges of detector pixels on the rest-frame grid, in units of its pixels: a whole number and the rest.

    The edges at zero shift are exact constants, and only their displacement is a traced number: single precision is
    enough.
    """
    edges = wavelengths.vacuum_edges()
    at_zero = (edges - rest.edges()[0]) / rest.step
    whole = at_zero.astype(int)
    dtype = shift.dtype
    vacuum = jnp.asarray(edges, dtype)
    shrink = jnp.expm1(-shift)
    into_air = 0.0
    if rest.medium == "air":
        n = refractivity(vacuum * (1 + shrink))
        into_air = n / (1 + n)
    displacement = vacuum / rest.step * (shrink - (1 + shrink) * into_air)
    return whole, jnp.asarray(at_zero - whole, dtype) + displacement
