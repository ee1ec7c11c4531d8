"""Lines as a detector records them: what the spectrograph makes of each, integrated over pixels."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from ifux.grids import refractivity
from ifux.sources.base import View
from ifux.units import SPEED_OF_LIGHT


def in_pixels(
    view: View,
    wave: Float[np.ndarray, " line"],
    shift: Float[Array, "node line"],
    variance: Float[Array, " line"],
    first: Int32[Array, " line"],
    size: int,
) -> Float[Array, "node line part"]:
    """Share of lines in each of some sampled pixels, over its width [1/angstrom].

    Wavelengths are differences from those that the lines have at rest, which are exact: single precision is enough.

    Args:
        view: What stands between.
        wave: At rest in vacuum [angstrom].
        shift: Logarithm of observed over rest wavelength, at nodes of velocity.
        variance: Of the velocities within a line [km^2/s^2].
        first: The first pixel of each line.
        size: Number of pixels.
    """
    dtype = view.redshift.dtype
    rest = jnp.asarray(wave, dtype)
    moved = rest[None, :] * jnp.expm1(shift)
    edges, pixel = view.sampled.vacuum_edges(), first[:, None] + jnp.arange(size + 1, dtype=jnp.int32)[None]
    coarse, fine = two_parts(edges, dtype)
    coarse_rest, fine_rest = two_parts(wave, dtype)
    apart = (coarse[pixel] - coarse_rest[:, None]) + (fine[pixel] - fine_rest[:, None])
    offsets, centre = apart[None, :, :] - moved[:, :, None], rest[None, :] + moved
    if view.sampled.medium == "air":
        slower = 1 + refractivity(centre)
        offsets, centre = offsets / slower[:, :, None], centre / slower
    below = view.lsf.below(offsets, centre, (variance / SPEED_OF_LIGHT**2)[None, :] * centre**2, view.wavelengths)
    return jnp.diff(below, axis=2) / jnp.asarray(view.sampled.widths(), dtype)[pixel[None, :, :-1]]


def two_parts(numbers: Float[np.ndarray, " number"], dtype) -> tuple[Float[Array, " number"], Float[Array, " number"]]:
    """Numbers of double precision as the sum of two of a lower one."""
    coarse = np.asarray(numbers, dtype)
    return jnp.asarray(coarse), jnp.asarray(numbers - coarse, dtype)
