"""An image slicer whose exposures are dithered, and the cube onto which they are drizzled."""

from collections.abc import Callable, Sequence
from typing import Annotated, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from ifux.focal_plane.base import AbstractFocalPlane
from ifux.focal_plane.fibre_bundle import whole
from ifux.focal_plane.refraction import AbstractRefraction, NoRefraction, bands, in_field, term_by_term
from ifux.grids import AbstractWavelengths
from ifux.numerics.intervals import integrals, overlaps
from ifux.numerics.separable import Separable
from ifux.scene import Scene
from ifux.typing import Limits, real, real_if_any, within

COLUMNS, ROWS = np.array([1, 1, -1, -1]), np.array([1, -1, -1, 1])
"""Which way along an axis of the field columns and rows of the slicer go after none, one, two and three quarter turns;
after one and three columns go along y, and rows along x."""

LEAST = 1e-3
"""Drops of which a spaxel must hold as much to have a value: more than rounding gives to one beside them."""

Pairs = tuple[tuple[float, float], ...]
Parts = list[tuple[Int[np.ndarray, "..."], Separable]]
"""Exposures that are turned alike, and what they have to do with a field."""
Along = Callable[[Float[Array, "..."], Float[Array, ""], int], Float[Array, "..."]]


def pair(size: Sequence[int]) -> tuple[int, int]:
    """Two whole numbers, as JSON gives them, in a form that can be compared and hashed."""
    x, y = whole(size)
    return x, y


def whole_if_any(given: Sequence[int] | None) -> tuple[int, ...] | None:
    """The same for as many as there are exposures, which may be absent."""
    return None if given is None else whole(given)


@final
class DrizzledSlicer(AbstractFocalPlane):
    r"""Pixels that slices and a detector make on the sky, in each of several exposures, drizzled onto the spaxels.

    An element is such a pixel in an exposure: as wide as a slice, and as long as a pixel of the detector along it. It
    collects what falls on this rectangle: the blurred scene, taken for the cubic spline whose integrals over its cells
    are theirs, is integrated exactly, one axis after the other. To make the cube every element shrinks to a drop, whose
    light goes to the spaxels on which it falls. A spaxel has the weighted mean of the surface brightness that elements
    have seen, times its own area,

    $$F_s = \frac{A_s}{A_e} \frac{\sum_e w_{se} F_e}{\sum_e w_{se}}, \quad
    w_{se} = \mathrm{overlap}_x(s, e)\,\mathrm{overlap}_y(s, e).$$

    The noise of neighbours is alike therefore, and that of many spaxels together greater than their variances tell: for
    elements as large as spaxels and a drop $d$ by $1 / (1 - d / 3)$ in two dimensions, if there are many dithers.
    MUSE's pipeline takes drops of 0.8 along the sky and along the wavelength (its `pixfrac`). Elements have spectra on
    the channels of the cube: that a pipeline drizzles along the wavelength as well, and makes the noise of channels
    alike, is left out. Where light is refracted, reconstruction knows of it band by band; it does not know of errors of
    pointing.

    References: Fruchter & Hook (2002), PASP 114, 144; Weilbacher et al. (2020), A&A 641, A28 (MUSE); Law et al. (2023),
    AJ 166, 45 (JWST).
    """

    size: tuple[int, int] = eqx.field(static=True, converter=pair, metadata=within(least=1))
    """Number of elements along x and y: of columns and rows."""
    pitch: Float[Array, "2"] = eqx.field(converter=real, metadata=within(above=0))
    """Sides of an element along x and y, before the slicer is turned [arcsec]."""
    drop: Float[Array, "2"] = eqx.field(converter=real, default=(1.0, 1.0), metadata=within(above=0))
    """Sides of a drop over those of the element, in the same order."""
    dithers: Float[Array, "exposure 2"] = eqx.field(converter=real, default=((0.0, 0.0),))
    """East and north by which the slicer was moved in every exposure, before the field is turned [arcsec]."""
    errors: Float[Array, "exposure 2"] | None = eqx.field(converter=real_if_any, default=None)
    """By which it was further away than reconstruction knows [arcsec]."""
    quarter_turns: tuple[int, ...] | None = eqx.field(static=True, converter=whole_if_any, default=None)
    """By how many times 90 degrees it was turned about its centre in every exposure, north through east; none."""
    refraction: AbstractRefraction = eqx.field(default_factory=NoRefraction)
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """Cells around the field from which elements that reach beyond it get light."""

    def __check_init__(self):
        if self.dithers.ndim < 2:
            return
        exposures = self.dithers.shape[-2]
        given = {"errors": None if self.errors is None else self.errors.shape[-2]}
        given["quarter_turns"] = None if self.quarter_turns is None else len(self.quarter_turns)
        for name, count in given.items():
            if count not in (None, exposures):
                raise ValueError(f"DrizzledSlicer.{name} has {count} entries, but there are {exposures} dithers.")

    @property
    def margin(self) -> int:
        """The reach."""
        return self.reach

    @property
    def moves_at(self) -> tuple[float, ...] | None:
        """As light is refracted."""
        return self.refraction.moves_at

    @property
    def of_spaxels(self) -> bool:
        """They are made of elements."""
        return False

    @property
    def grid(self) -> tuple[int, int, int]:
        """Exposures, rows and columns."""
        columns, rows = self.size
        return self.dithers.shape[0], rows, columns

    def turns(self) -> Int[np.ndarray, " exposure"]:
        """Quarter turns, from none to three."""
        return np.zeros(self.dithers.shape[0], int) if self.quarter_turns is None else np.array(self.quarter_turns) % 4

    def looking(self, scene: Scene, wave: Float[np.ndarray, " wave"]) -> Float[Array, "wave exposure 2"]:
        """Where light comes from that falls on the middle of the slicer at wavelengths [angstrom], as dithers."""
        return self.dithers[None] - in_field(self.refraction.displacement(wave).astype(self.dithers.dtype), scene)

    def separable(
        self,
        looking: Float[Array, "exposure 2"],
        sides: Float[Array, "2"],
        shape: tuple[int, int],
        along: Along,
        drop: Float[Array, "2"],
    ) -> Parts:
        """Exposures that are turned alike, and what a function makes of their rectangles along the axes of a field.

        Args:
            looking: Where the middle of the slicer is in every exposure [arcsec].
            sides: Of a cell of the field along x and y [arcsec],
            shape: and how many there are (y, x).
            along: From the middle of intervals and their width, in cells, and the number of cells to a matrix.
            drop: Sides of the rectangles over those of an element.
        """
        columns, rows = (np.arange(count) - (count - 1) / 2 for count in self.size)
        middle = [sign * looking[:, axis] / sides[axis] + (shape[1 - axis] - 1) / 2 for axis, sign in ((0, -1), (1, 1))]
        found = []
        for turned in (False, True):
            alike = np.flatnonzero(self.turns() % 2 == turned)
            if not alike.size:
                continue
            matrices = []
            for own, (steps, sign) in enumerate(((columns, COLUMNS), (rows, ROWS))):
                axis = 1 - own if turned else own
                away = jnp.asarray(sign[self.turns()[alike]][:, None] * steps, looking.dtype)
                pitch = self.pitch[own] / sides[axis]
                at = middle[axis][alike, None] + away * pitch
                matrices.append(along(at, drop[own] * pitch, shape[1 - axis]))
            found.append((alike, Separable(matrices[1], matrices[0], turned)))
        return found

    def bands(self, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
        """Of every band that is combined with the same weights its first and last channel, and its wavelength."""
        return bands(self.moves_at, wavelengths)

    def drops(self, scene: Scene, wave: float) -> Parts:
        """What share of the drops falls on the spaxels, at a wavelength [angstrom]."""
        looking = self.looking(scene, np.array([wave]))[0]
        return self.separable(looking, scene.pitch, scene.shape, overlaps, self.drop)

    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene, seen_at: tuple[float, ...] | None
    ) -> Float[Array, "seen exposure pixel channel"]:
        """The integrals over the rectangles."""
        _, tall, wide, _ = maps.shape

        def collected(
            looking: Float[Array, "exposure 2"], seen: Float[Array, "*term tall wide channel"]
        ) -> Float[Array, "*term exposure pixel channel"]:
            looking = looking if self.errors is None else looking + self.errors
            drop = jnp.ones(2, looking.dtype)
            found = gathered(self.separable(looking, scene.sides, (tall, wide), integrals, drop), seen)
            return found.reshape(*found.shape[:-3], -1, found.shape[-1])

        if self.moves_at is None or seen_at is None:
            return collected(self.dithers, maps)
        return term_by_term(collected, self.looking(scene, np.asarray(seen_at)), maps)

    def rebuild(
        self, elements: Float[Array, "exposure pixel wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """The weighted means."""
        return self.combined(elements, scene, wavelengths, lambda weights: weights)

    def rebuild_variance(
        self, variance: Float[Array, "exposure pixel wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """With the squares of the weights."""
        return self.combined(variance, scene, wavelengths, jnp.square)

    def combined(
        self,
        elements: Float[Array, "exposure pixel wave"],
        scene: Scene,
        wavelengths: AbstractWavelengths,
        power: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    ) -> Float[Array, "y x wave"]:
        """The weighted means with a power of the weights and of the areas, band by band.

        An element that is not a number in a channel has no weight there. Where none has any the mean is not a number,
        and has no part in a gradient.
        """
        grids = elements.reshape(*self.grid, -1)
        good = ~jnp.isnan(grids)
        missing, values = ~good.any(axis=(0, 1, 2)), jnp.where(good, grids, 0)
        found = []
        for first, last, wave in self.bands(wavelengths):
            drops = self.drops(scene, wave)
            total = totals(drops, good[..., first:last] | missing[None, None, None, first:last], values.dtype)
            summed = scattered([(alike, part.raised(power)) for alike, part in drops], values[..., first:last])
            seen = (total > LEAST) & ~missing[None, None, first:last]
            found.append(jnp.where(seen, summed / power(jnp.where(seen, total, 1)), jnp.nan))
        return power(self.spaxel_over_element(scene)).astype(values.dtype) * jnp.concatenate(found, axis=-1)

    def matrix(self, scene: Scene, wave: float) -> Float[Array, "y x exposure pixel"]:
        """What spaxels take of the elements at a wavelength [angstrom]: the cube is its product with the elements.

        Nothing where no element is near.
        """
        drops = self.drops(scene, wave)
        found = in_order(drops, [part.dense() for _, part in drops], axis=2).reshape(*scene.shape, self.grid[0], -1)
        total = found.sum(axis=(2, 3), keepdims=True)
        return jnp.where(total > LEAST, self.spaxel_over_element(scene) * found / jnp.where(total > LEAST, total, 1), 0)

    def spaxel_over_element(self, scene: Scene) -> Float[Array, ""]:
        """The area of one over that of the other."""
        return jnp.prod(scene.pitch / self.pitch)

    def element_shape(self, scene: Scene) -> tuple[int, int]:
        """Exposures and pixels, row by row."""
        exposures, rows, columns = self.grid
        return exposures, rows * columns

    def element_area(self, scene: Scene) -> Float[Array, ""]:
        """Of a rectangle."""
        return jnp.prod(self.pitch)

    def places(self, scene: Scene) -> Float[Array, "exposure pixel 2"]:
        """The centres of the rectangles."""
        columns, rows = (np.arange(count) - (count - 1) / 2 for count in self.size)
        north, west = np.meshgrid(rows, columns, indexing="ij")
        own = jnp.asarray(np.stack([-west.ravel(), north.ravel()], axis=-1), self.pitch.dtype) * self.pitch[None]
        east, north = own[:, 0], own[:, 1]
        turned = jnp.stack([own, jnp.stack([north, -east], axis=-1), -own, jnp.stack([-north, east], axis=-1)])
        return self.dithers[:, None, :] + turned[self.turns()]


def gathered(
    parts: Parts, maps: Float[Array, "*term y x channel"]
) -> Float[Array, "*term exposure row column channel"]:
    """Maps as all exposures see them."""
    return in_order(parts, [part.gather(maps) for _, part in parts], axis=maps.ndim - 3)


def scattered(parts: Parts, grids: Float[Array, "exposure row column channel"]) -> Float[Array, "y x channel"]:
    """The sum over all exposures on the field."""
    first, *others = (part.scatter(grids[alike]) for alike, part in parts)
    return sum(others, start=first)


def in_order(parts: Parts, found: list[Float[Array, "..."]], axis: int) -> Float[Array, "..."]:
    """What there is for the exposures of each part, in the order of the exposures along an axis."""
    if len(parts) == 1:
        return found[0]
    order = np.argsort(np.concatenate([alike for alike, _ in parts]))
    return jnp.take(jnp.concatenate(found, axis=axis), order, axis=axis)


def totals(
    parts: Parts,
    good: Bool[Array, "exposure row column channel"],
    dtype: DTypeLike,
) -> Float[Array, "y x channel"]:
    """The sum of the weights in every voxel; the same in all channels where all elements are good."""
    every = scattered(parts, jnp.ones((*good.shape[:3], 1), dtype))
    shape = *every.shape[:2], good.shape[3]
    return jax.lax.cond(
        good.all(), lambda: jnp.broadcast_to(every, shape), lambda: scattered(parts, good.astype(dtype))
    )


def drizzled_slicer(
    size: Annotated[tuple[int, int], Limits(least=1)],
    pitch: Annotated[tuple[float, float], Limits(above=0)],
    drop: Annotated[tuple[float, float], Limits(above=0)] = (1.0, 1.0),
    dithers: Pairs | None = None,
    errors: Pairs | None = None,
    quarter_turns: tuple[int, ...] | None = None,
    refraction: AbstractRefraction | None = None,
    reach: Annotated[int, Limits(above=0)] = 8,
) -> DrizzledSlicer:
    """The slicer; without dithers there is one exposure. For the arguments see `DrizzledSlicer`."""
    return DrizzledSlicer(
        size,
        pitch,
        drop,
        ((0.0, 0.0),) if dithers is None else dithers,
        errors,
        quarter_turns,
        NoRefraction() if refraction is None else refraction,
        reach,
    )
