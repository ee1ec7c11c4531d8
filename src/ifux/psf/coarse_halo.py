"""A point spread function with a halo so wide that larger cells show it."""

import dataclasses
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.contract import Range
from ifux.numerics.convolve import blur_plane
from ifux.numerics.lattice import OVERLAP, SIDE, Lattice, refined
from ifux.numerics.stencil import window
from ifux.psf.base import AbstractKernelPSF, AbstractPSF, check_profile, held, radius_of_two, sharpened
from ifux.scene import Scene
from ifux.spread import AbstractSpread, FramedSpread
from ifux.typing import real, within

TOUCHED = 4
"""Cells that a cubic spline touches."""


@final
class CoarseHaloPSF(AbstractPSF):
    r"""A core on a halo, $P = s\,P_\mathrm{core} + (1 - s)\,P_\mathrm{halo}$, as `CoreHaloPSF` has them, on two grids.

    What is deposited on the cells of the scene is brought to a lattice of cells that are `coarse` times larger, by
    cubic B-splines, convolved there with the halo, and brought back by the spline through the result. What lies further
    from the field than the core reaches is deposited on that lattice in the first place: memory and time are those of
    the core alone and a little more. The error is 3e-3 of the halo's peak for five large cells to its FWHM, and 8e-3
    for four: a description takes as many as leave half a thousandth of the peak of both.
    """

    core: AbstractKernelPSF
    """Its profile alone; its reach is counted in cells of the scene."""
    halo: AbstractKernelPSF
    """Its profile alone; its reach is counted in large cells."""
    share: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0, most=1))
    """Of the light that is in the core."""
    coarse: int = eqx.field(static=True, metadata=within(least=2))
    """Cells of the scene to the side of a large one."""

    def __check_init__(self):
        check_profile("CoarseHaloPSF.core", self.core)
        check_profile("CoarseHaloPSF.halo", self.halo)

    @property
    def near(self) -> int:
        """Cells around the field that are no larger: where the core takes light from a star that touches such alone."""
        return self.core.margin + TOUCHED

    @property
    def ring(self) -> int:
        """Large cells around these."""
        return OVERLAP + max(SIDE, self.halo.margin + SIDE - self.near // self.coarse)

    @property
    def margin(self) -> int:
        """Both sorts of cells."""
        return self.near + self.ring

    @property
    def spread(self) -> AbstractSpread:
        """B-splines, on either sort of cells."""
        return FramedSpread(self.ring, self.coarse)

    def sharpest(self) -> float:
        """That of the sharper part: the sum is no narrower."""
        return min(self.core.sharpest(), self.halo.sharpest())

    def radius(self, lost: float) -> float:
        """Where both have lost that much together."""
        return radius_of_two((self.core, self.halo), float(self.share), lost)

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """One term at all wavelengths."""
        return jnp.ones_like(wave)[None]

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """The term, at all wavelengths."""
        return (Range(0, wave.size, 0, 1),)

    def enlarged(self, scene: Scene) -> Scene:
        """The large cells."""
        return dataclasses.replace(scene, sides=scene.sides * self.coarse)

    def held(self, scene: Scene) -> Float[Array, ""]:
        """What both kernels hold, before the rest is spread evenly within them."""
        core = held(self.core.brightness, self.core.margin, scene)
        halo = held(self.halo.brightness, self.halo.margin, self.enlarged(scene))
        return self.share * core + (1 - self.share) * halo

    def halo_kernel(self, scene: Scene) -> Float[Array, "v u"]:
        """That of the halo, on large cells; its sum is one.

        It makes up for the B-splines with which light came to the large cells, for the spline that goes through what it
        makes of them, and for the size of the cells over which it is integrated.
        """

        def response(frequency: Float[np.ndarray, " frequency"]) -> Float[np.ndarray, " frequency"]:
            size = window(frequency, 0) / window(frequency / self.coarse, 0)
            through = (2 + np.cos(2 * np.pi * frequency)) / 3
            return window(frequency, 3) * through * size

        return sharpened(self.halo.brightness, self.halo.margin, self.enlarged(scene), response)

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The sum of both convolutions."""
        tall, wide, channels = maps.shape
        ring = self.ring + TOUCHED
        core = blur_plane(maps[ring : tall - ring, ring : wide - ring], self.core.kernel(scene)[None])
        rows, columns = (Lattice(size - 2 * self.ring, self.ring, self.coarse) for size in (tall, wide))
        light = rows.gathered(maps.reshape(1, tall, wide * channels), scene.degree).reshape(rows.size, wide, channels)
        light = self.around_field(columns.gathered(light, scene.degree), rows, columns)
        halo = blur_plane(light, self.halo_kernel(scene)[None])[0]
        down, across, _ = halo.shape
        halo = refined(halo.reshape(1, down, across * channels), self.coarse).reshape(-1, across, channels)
        halo = self.on_field(refined(self.on_field(halo, rows, 0), self.coarse), columns, 1) / self.coarse**2
        return self.share * core + (1 - self.share) * halo[None]

    def blocks(self, lattice: Lattice) -> tuple[int, int]:
        """The first and the last large cell behind the field, of those behind small ones."""
        return self.near // self.coarse, (lattice.fine - self.near - 1) // self.coarse

    def around_field(
        self, light: Float[Array, "up across channel"], rows: Lattice, columns: Lattice
    ) -> Float[Array, "v u channel"]:
        """Those large cells that the kernel of the halo needs for the spline on the field."""
        reach = SIDE + self.halo.margin
        (top, bottom), (left, right) = self.blocks(rows), self.blocks(columns)
        up = slice(rows.before + top - reach, rows.before + bottom + reach + 1)
        return light[up, columns.before + left - reach : columns.before + right + reach + 1]

    def on_field(self, light: Float[Array, "up across channel"], lattice: Lattice, axis: int) -> Float[Array, "..."]:
        """The cells of the field along an axis, of all those in front of large ones."""
        first = self.near - self.blocks(lattice)[0] * self.coarse
        count = lattice.fine - 2 * self.near
        return light[first : first + count] if axis == 0 else light[:, first : first + count]
