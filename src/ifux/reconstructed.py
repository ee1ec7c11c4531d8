"""What a cube tells of the elements that it is made of: where they look, which cover a spaxel, how noise correlates."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from ifux.covariance import CubeCovariance
from ifux.focal_plane import AbstractFocalPlane, FibreBundle
from ifux.io.files.cube import BAD, COSMIC_RAY, DEAD, LOW_COVERAGE, MISSING, SATURATED, TELLURIC
from ifux.io.files.reconstruction import Reconstruction, bands, gaussian_width
from ifux.program_cache import kept
from ifux.telescope import Telescope

LOW = 2.0
"""Variance of equal elements in a spaxel over its median, above which MaNGA calls coverage low."""


def sky_places(telescope: Telescope) -> Float[np.ndarray, "exposure fibre #wave 2"]:
    """Where elements look, east and north of the galaxy [arcsec]: in every channel, or once for all."""
    spaxels, plane = telescope.spaxels, telescope.focal_plane
    if isinstance(plane, FibreBundle) and plane.moves_at is not None:
        looking = plane.looking(spaxels.scene, telescope.wavelengths.centres())
        places = np.moveaxis(np.asarray(looking, np.float64), 0, 2)
    else:
        places = np.asarray(plane.places(spaxels.scene), np.float64)[:, :, None, :]
    angle = np.radians(float(spaxels.position_angle))
    left, up = places[..., 0], places[..., 1]
    east, north = left * np.cos(angle) + up * np.sin(angle), up * np.cos(angle) - left * np.sin(angle)
    return np.stack([east, north], axis=-1) + np.asarray(spaxels.centre, np.float64)


def broken_of(plane: AbstractFocalPlane) -> tuple[int, ...]:
    """Elements without light."""
    return plane.broken if isinstance(plane, FibreBundle) else ()


@kept
def spread(telescope: Telescope, values: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
    """What a cube makes of numbers of its elements, all of which have data."""
    return telescope.rebuild(values)


@kept
def coverage(telescope: Telescope, ones: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
    """The variance of voxels whose elements have a variance of one."""
    return telescope.rebuild_variance(ones)


def spaxel_flags(
    telescope: Telescope, flags: Int32[np.ndarray, "*element wave"] | None, lost: Bool[np.ndarray, "y x wave"]
) -> Int32[np.ndarray, "y x wave"]:
    """Flags of voxels, of those of the elements that they are made of, and of where a cube is not a number.

    A voxel is saturated where any element with a weight is. Elements that are broken, or lost to the atmosphere, a dead
    pixel or a cosmic ray, have no weight: a voxel is lost to these where it has no other. Where few elements tell of a
    spaxel, its coverage is low.
    """
    found, plane = np.where(lost, np.int32(MISSING), np.int32(0)), telescope.focal_plane
    whole = replace(telescope, focal_plane=replace(plane, broken=())) if broken_of(plane) else telescope
    for flag in (TELLURIC, COSMIC_RAY, SATURATED, DEAD, BAD):
        if flags is not None and (hit := flags & flag != 0).any():
            touched = np.asarray(spread(whole, jnp.asarray(hit, float))) > 0
            found |= np.where(touched if flag == SATURATED else touched & lost, np.int32(flag), np.int32(0))
    channels = 1 if plane.moves_at is None else telescope.wavelengths.size
    one = np.ones((*plane.element_shape(telescope.spaxels.scene), channels))
    variance = np.asarray(coverage(telescope, jnp.asarray(one, float)))
    seen = variance[np.isfinite(variance)]
    if seen.size:
        found |= np.where(variance > LOW * np.median(seen), np.int32(LOW_COVERAGE), np.int32(0))
    return found


def reconstructions(
    telescope: Telescope, variance: Float[np.ndarray, "exposure fibre wave"]
) -> tuple[Reconstruction, ...]:
    """What the reconstruction of a bundle does to noise of this variance, and to a point source."""
    if not isinstance(telescope.focal_plane, FibreBundle):
        return ()
    covariance = CubeCovariance.of(telescope, jnp.asarray(variance))
    asked = {band: at for band, at in bands(telescope.wavelengths).items() if np.isfinite(variance[..., at[1]]).any()}
    stars = np.asarray(point_source(telescope, tuple(channel for _, channel in asked.values())), np.float64)
    found = []
    for place, (band, (wave, channel)) in enumerate(asked.items()):
        correlation = covariance.correlation(channel)
        pairs = np.stack([correlation.first, correlation.second], axis=1)
        psf = np.tensordot(np.asarray(covariance.matrix(channel)), stars[..., place], axes=2)
        width = gaussian_width(psf, telescope.spaxels.known_sides)
        found.append(Reconstruction(band, wave, channel, pairs, correlation.value, psf, width))
    return tuple(found)


@kept
def point_source(telescope: Telescope, channels: tuple[int, ...]) -> Float[Array, "exposure fibre channel"]:
    """What elements collect of a star of unit flux in the middle of the galaxy, in some channels."""
    spaxels, psf, margin = telescope.spaxels, telescope.psf, telescope.margin
    tall, wide = spaxels.scene_shape(margin)
    scene = spaxels.scene
    east, north = -spaxels.centre[:1], -spaxels.centre[1:]
    angle = jnp.deg2rad(spaxels.position_angle)
    x = 0.5 * (wide - 1) - (east * jnp.cos(angle) - north * jnp.sin(angle)) / scene.sides[0]
    y = 0.5 * (tall - 1) + (east * jnp.sin(angle) + north * jnp.cos(angle)) / scene.sides[1]
    across = psf.spread.along(x, wide, scene.sides[0], spaxels.degree)
    up = psf.spread.along(y, tall, scene.sides[1], spaxels.degree)
    star = up.outer(across).scatter(jnp.ones((1, 1), x.dtype)).reshape(tall, wide, 1)
    share, _ = telescope.terms(x.dtype)
    return jnp.einsum("tef,tc->efc", telescope.collect(star)[..., 0], share[:, np.array(channels, int)])
