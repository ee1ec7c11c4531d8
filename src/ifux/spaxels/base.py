"""What the spaxels do: they say where light lands."""

from abc import abstractmethod
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree, Stencil
from ifux.particles import AbstractSeen
from ifux.scene import Scene
from ifux.spread import AbstractSpread, SplineSpread
from ifux.typing import AbstractLimited


def pair(size: Sequence[int]) -> tuple[int, int]:
    """Two numbers, as JSON gives them, in a form that can be compared and hashed."""
    x, y = size
    return x, y


class AbstractSpaxels(AbstractLimited):
    """A rectangular field of spatial pixels, and the cells of the scene behind them.

    The pixel index x grows to the west, y to the north; a position angle turns the field about its centre.

    B-splines share a particle between neighbouring cells, so that its place has a true gradient. The PSF makes up for
    their mean width; what is left depends on where in a cell a source stands, and averages out over many. For a PSF of
    four cells FWHM it is at most 7, 0.7, 0.3, 0.13 and 0.08 per cent of the peak of a single particle for degrees 1 to
    5. It falls with the fourth power of the cells to the FWHM for degree 3, with the sixth for 5, and is less yet where
    several cells are added up to a spaxel. A higher degree needs fewer cells, which are what a blur costs, and a
    particle that touches more. Degree 0 puts a particle into the nearest cell as other codes do: its place then has
    *no* gradient.
    """

    size: eqx.AbstractVar[tuple[int, int]]
    """Number of spaxels along x and y."""
    centre: eqx.AbstractVar[Float[Array, "2"]]
    """Where the field is centred, to the (east, north) of the galaxy [arcsec]."""
    position_angle: eqx.AbstractVar[Float[Array, ""]]
    """Of the axis y, north through east [degree]."""
    oversampling: eqx.AbstractVar[tuple[int, int]]
    """Cells of the scene to a spaxel along x and y."""
    degree: eqx.AbstractVar[Degree]
    """Degree of the B-spline that spreads a point of light over cells: the PSF makes up for its width."""

    def __check_init__(self):
        if self.degree not in (0, 1, 2, 3, 4, 5):
            raise ValueError(f"{type(self).__name__}.degree must be a whole number from 0 to 5, got {self.degree}.")

    @property
    @abstractmethod
    def sides(self) -> Float[Array, "2"]:
        """Of a spaxel along x and y [arcsec]."""

    @property
    @abstractmethod
    def known_sides(self) -> tuple[float, float]:
        """The same on the host, with the fewest digits that tell them: 0.2 for what a description calls so."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of spaxels (y, x)."""
        return self.size[1], self.size[0]

    @property
    def scene(self) -> Scene:
        """The cells."""
        cells = jnp.asarray(self.oversampling, self.sides.dtype)
        return Scene(self.sides / cells, self.position_angle, self.oversampling, self.degree, self.shape)

    def scene_shape(self, margin: int) -> tuple[int, int]:
        """Number of cells (y, x) of the field, with a margin of cells on every side."""
        return self.size[1] * self.oversampling[1] + 2 * margin, self.size[0] * self.oversampling[0] + 2 * margin

    def axes(self, seen: AbstractSeen, margin: int, spread: AbstractSpread | None = None) -> tuple[Stencil, Stencil]:
        """The rows and the columns of cells that each particle touches, with a margin of cells on every side.

        B-splines along each axis, where the PSF asks for nothing else.
        """
        spread = SplineSpread() if spread is None else spread
        scene, (tall, wide) = self.scene, self.scene_shape(margin)
        east, north = seen.sky[:, 0] - self.centre[0], seen.sky[:, 1] - self.centre[1]
        cos, sin = jnp.cos(jnp.deg2rad(self.position_angle)), jnp.sin(jnp.deg2rad(self.position_angle))
        x = 0.5 * (wide - 1) - (east * cos - north * sin) / scene.sides[0]
        y = 0.5 * (tall - 1) + (east * sin + north * cos) / scene.sides[1]
        across = spread.along(x, wide, scene.sides[0], self.degree)
        return spread.along(y, tall, scene.sides[1], self.degree), across

    def locate(self, seen: AbstractSeen, margin: int, spread: AbstractSpread | None = None) -> Stencil:
        """The cells that each particle touches, on the field widened by a margin of cells on every side."""
        rows, columns = self.axes(seen, margin, spread)
        return rows.outer(columns)
