"""An image slicer."""

import math
from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.focal_plane.base import AbstractFocalPlane, centres
from ifux.grids import AbstractWavelengths
from ifux.scene import Scene


@final
class Slicer(AbstractFocalPlane):
    """Spaxels that tile the field: each is an element, and collects all light that falls on it.

    So do lenslets without gaps. That the pixels of slices are resampled to spaxels, and the noise of neighbours is then
    alike, is left out here: see `DrizzledSlicer`.
    """

    @property
    def margin(self) -> int:
        """None: spaxels see their own cells."""
        return 0

    @property
    def moves_at(self) -> tuple[float, ...] | None:
        """Spaxels stay where they are."""
        return None

    @property
    def of_spaxels(self) -> bool:
        """They are."""
        return True

    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene, seen_at: tuple[float, ...] | None
    ) -> Float[Array, "seen *element channel"]:
        """The sums over the cells of every spaxel."""
        return scene.spaxels(maps)

    def rebuild(
        self, elements: Float[Array, "*element wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """The elements are the spaxels."""
        return elements

    def rebuild_variance(
        self, variance: Float[Array, "*element wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """That of the elements."""
        return variance

    def bands(self, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
        """One."""
        return [(0, wavelengths.size, float(wavelengths.centres()[0]))]

    def matrix(self, scene: Scene, wave: float) -> Float[Array, "y x *element"]:
        """Each takes its own."""
        spaxels = math.prod(scene.shape)
        return jnp.eye(spaxels, dtype=scene.sides.dtype).reshape(*scene.shape, *scene.shape)

    def element_shape(self, scene: Scene) -> tuple[int, int]:
        """Rows and columns."""
        return scene.shape

    def element_area(self, scene: Scene) -> Float[Array, ""]:
        """Of a spaxel."""
        return jnp.prod(scene.pitch)

    def places(self, scene: Scene) -> Float[Array, "*element 2"]:
        """The centres of the spaxels."""
        east, north = centres(scene)
        return jnp.stack(jnp.broadcast_arrays(east[None, :], north[:, None]), axis=-1)
