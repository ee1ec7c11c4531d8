"""A detector's pixels in the rest frame of a moving star."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.grids import Wavelengths, refractivity
from ifux.numerics.rebin import integrate
from ifux.numerics.stencil import Stencil


def pixels_at_rest(rest: Wavelengths, wavelengths: Wavelengths, shift: Float[Array, ""]) -> Stencil:
    r"""The stencil from the spline coefficients of a rest-frame spectrum to mean flux densities in detector pixels.

    $$\lambda_\mathrm{observed} = \lambda_\mathrm{rest}\, e^{s}, \quad s = \ln(1 + z) + u$$

    holds in vacuum; either grid may be in air. The edges at zero shift are exact constants, and only their
    displacement is a traced number: single precision is enough.
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
    # Half a percent leaves room for blueshifts of up to 1500 km/s.
    widest = 1.005 * wavelengths.step / rest.step
    stencil = integrate(
        jnp.asarray(whole, jnp.int32), jnp.asarray(at_zero - whole, dtype) + displacement, rest.size, widest
    )
    return Stencil(stencil.index, stencil.weight * (rest.step / wavelengths.step), stencil.size)
