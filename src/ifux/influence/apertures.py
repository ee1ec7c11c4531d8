"""Where is measured: the light of some spaxels, behind the PSF."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.lsf import FieldLSF
from ifux.maps import moments
from ifux.particles import Particles
from ifux.spaxels.base import AbstractSpaxels
from ifux.telescope import Telescope

HIGHEST = jax.lax.Precision.HIGHEST


def offsets(spaxels: AbstractSpaxels) -> tuple[Float[Array, "y x"], Float[Array, "y x"]]:
    """Centres of the spaxels to the east and the north of the centre of the field [arcsec]."""
    (wide, tall), sides, angle = spaxels.size, spaxels.sides, jnp.deg2rad(spaxels.position_angle)
    x = jnp.asarray((wide - 1) / 2 - np.arange(wide), sides.dtype)[None, :] * sides[0]
    y = jnp.asarray(np.arange(tall) - (tall - 1) / 2, sides.dtype)[:, None] * sides[1]
    return x * jnp.cos(angle) + y * jnp.sin(angle), y * jnp.cos(angle) - x * jnp.sin(angle)


def aperture(spaxels: AbstractSpaxels, radius: float, east: float = 0.0, north: float = 0.0) -> Float[Array, "y x"]:
    """One for the spaxels whose centres lie within a circle, zero for others [arcsec, from the centre of the field].

    Raises:
        InputError: there are none.
    """
    found = [jax.lax.stop_gradient(offset) for offset in offsets(spaxels)]
    inside = (found[0] - east) ** 2 + (found[1] - north) ** 2 <= radius**2
    if not bool(inside.any()):
        raise InputError(
            f"aperture: no spaxel lies within {radius:g} arcsec of ({east:g}, {north:g}); the spaxels are "
            f"{float(spaxels.sides[0]):g} arcsec wide, take a larger radius."
        )
    return inside.astype(found[0].dtype)


def check_aperture(name: str, aperture: Float[Array, "y x"], telescope: Telescope) -> None:
    """It is of the telescope's field."""
    if aperture.shape != telescope.spaxels.shape:
        raise InputError(
            f"{name}: the aperture has {aperture.shape} spaxels (y, x), the telescope {telescope.spaxels.shape}: "
            "make it of the telescope's spaxels."
        )


def spectrum(telescope: Telescope, particles: Particles, aperture: Float[Array, "y x"]) -> Float[Array, " wave"]:
    """The noiseless spectrum of an aperture [1e-20 erg/s/cm2/angstrom].

    The aperture is looked at back through the PSF: one map is blurred, and no cube is made. As in a cube, channels
    whose templates are not a number are none, and have no part in any gradient. Of a bundle of fibres, which differ
    with the wavelength in what they have of an aperture, the cube is made.

    Raises:
        InputError: the elements of the telescope have line spread functions of their own, which only a cube shows.
    """
    if not telescope.focal_plane.of_spaxels:
        return in_cube(telescope(particles), aperture)
    if isinstance(telescope.lsf, FieldLSF):
        raise InputError(
            "telescope.lsf: a FieldLSF acts on a cube, and none is made here: take the Gaussian in it, which is the "
            "same over the aperture."
        )
    share = telescope.terms(aperture.dtype)[0]
    sky = (*telescope.spaxels.scene_shape(telescope.margin), 1)
    back = jax.linear_transpose(telescope.collect, jax.ShapeDtypeStruct(sky, aperture.dtype))
    terms = jnp.eye(share.shape[0], dtype=aperture.dtype)[:, :, None, None, None] * aperture[None, None, :, :, None]
    seen = jax.vmap(lambda term: back(term)[0][..., 0])(terms)
    kinds = jnp.einsum("tyx,yxk->tk", seen, telescope.weights(particles), precision=HIGHEST)
    templates = telescope.templates()
    missing = jnp.isnan(templates[0])
    flux = jnp.einsum("tk,kw,tw->w", kinds, jnp.where(missing[None], 0, templates), share, precision=HIGHEST)
    return jnp.where(missing, jnp.nan, flux)


def in_cube(cube: Float[Array, "y x wave"], aperture: Float[Array, "y x"]) -> Float[Array, " wave"]:
    """The spectrum of an aperture of a cube; voxels that no element tells of are dark."""
    known = ~jnp.isnan(cube)
    flux = jnp.einsum("yx,yxw->w", aperture, jnp.where(known, cube, 0), precision=HIGHEST)
    return jnp.where(known.any(axis=(0, 1)), flux, jnp.nan)


def seen_moments(telescope: Telescope, particles: Particles) -> Float[Array, "y x moment"]:
    """Light, and light times velocity and its square, behind the PSF, averaged over the wavelengths of the telescope.

    Light is the mean luminosity over the library's wavelengths, without dust. Fibres make spaxels as they do in the
    middle of the wavelengths.
    """
    collected = telescope.collect(moments(telescope, particles, wider=True)[..., 1:4])
    share = telescope.terms(collected.dtype)[0].mean(axis=1)
    seen = jnp.einsum("t,tyxm->yxm", share, collected, precision=HIGHEST)
    if telescope.focal_plane.of_spaxels:
        return seen
    middle = float(telescope.wavelengths.centres()[telescope.wavelengths.size // 2])
    matrix = telescope.focal_plane.matrix(telescope.spaxels.scene, middle).astype(seen.dtype)
    return jnp.einsum("yxef,efm->yxm", matrix, seen, precision=HIGHEST)
