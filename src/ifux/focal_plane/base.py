"""What a focal plane does: its elements collect the light behind the PSF, each into one spectrum."""

from abc import abstractmethod

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.grids import AbstractWavelengths
from ifux.scene import Scene
from ifux.typing import AbstractLimited


class AbstractFocalPlane(AbstractLimited):
    """Elements that collect light, and the spaxels that are made of them. Noise acts on elements.

    Both are linear, and the same for every map: where that is cheaper, weights are collected and not spectra.
    """

    @property
    @abstractmethod
    def margin(self) -> int:
        """How far beyond the field of spaxels the elements need the scene [cell]."""

    @property
    @abstractmethod
    def moves_at(self) -> tuple[float, ...] | None:
        """Wavelengths between which elements look elsewhere [angstrom, observed]; none where they look at one place."""

    @property
    @abstractmethod
    def of_spaxels(self) -> bool:
        """Whether elements are the spaxels of the cube."""

    @abstractmethod
    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene, seen_at: tuple[float, ...] | None
    ) -> Float[Array, "seen *element channel"]:
        """What the elements collect of maps of the scene and the margin around it.

        Each map is collected where the elements look at its wavelength [angstrom, observed]. One map may be given for
        several of them; without wavelengths elements do not move.
        """

    @abstractmethod
    def rebuild(
        self, elements: Float[Array, "*element wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """The cube that is made of the spectra of the elements. Spaxels that no element tells of are not a number."""

    @abstractmethod
    def rebuild_variance(
        self, variance: Float[Array, "*element wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """The variance of every voxel of that cube, if the elements have independent noise of this one."""

    @abstractmethod
    def bands(self, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
        """Of every band that is combined with the same weights its first and last channel, and its wavelength."""

    @abstractmethod
    def matrix(self, scene: Scene, wave: float) -> Float[Array, "y x *element"]:
        """What spaxels take of the elements at a wavelength [angstrom]: the cube is its product with the elements.

        Nothing where no element is near.
        """

    @abstractmethod
    def element_shape(self, scene: Scene) -> tuple[int, int]:
        """The axes of the elements: rows and columns of spaxels, or exposures and fibres."""

    @abstractmethod
    def element_area(self, scene: Scene) -> Float[Array, ""]:
        """Of an element on the sky [arcsec2]."""

    @abstractmethod
    def places(self, scene: Scene) -> Float[Array, "*element 2"]:
        """Where elements look, east and north of the centre of the field, before it is turned [arcsec]."""


def centres(scene: Scene) -> tuple[Float[Array, " x"], Float[Array, " y"]]:
    """Of columns and rows of spaxels, east and north of the centre of the field, before it is turned [arcsec]."""
    (tall, wide), pitch = scene.shape, scene.pitch
    east, north = (wide - 1) / 2 - np.arange(wide), np.arange(tall) - (tall - 1) / 2
    return jnp.asarray(east, pitch.dtype) * pitch[0], jnp.asarray(north, pitch.dtype) * pitch[1]
