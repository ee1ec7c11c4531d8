"""A bundle of fibres that is dithered, and the cube that is made of its spectra."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from ifux.focal_plane.base import AbstractFocalPlane, centres
from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.reconstruction.base import AbstractReconstruction
from ifux.focal_plane.refraction import AbstractRefraction, NoRefraction, bands, in_field, term_by_term
from ifux.focal_plane.seen import cells_across, seen_by
from ifux.grids import AbstractWavelengths
from ifux.numerics.reading import splined
from ifux.numerics.weighted import weighted_means
from ifux.scene import Scene
from ifux.typing import real, real_if_any, within


def whole(indices: Sequence[int]) -> tuple[int, ...]:
    """Whole numbers, as JSON gives them, in a form that can be compared and hashed."""
    return tuple(int(index) for index in indices)


@final
class FibreBundle(AbstractFocalPlane):
    r"""Fibres, or lenslets, each of which makes one spectrum in each of several exposures.

    An element is a fibre in an exposure. It collects what falls on its footprint: the blurred scene, read between its
    cells by the cubic spline whose integrals over the cells are theirs, is integrated over the footprint by quadrature.
    That is smooth in every number of the bundle, and no cell is in or out. In the cube a spaxel has the weighted mean
    of the surface brightness that the elements around it have seen, times its own area,

    $$F_s = \frac{A_s}{A_e} \frac{\sum_e w_{se} F_e}{\sum_e w_{se}}$$

    as the survey's reconstruction weights them. Where light is refracted, both know at every wavelength where on the
    sky an element looked; reconstruction does so band by band, and does not know of errors of pointing.
    """

    positions: Float[Array, "fibre 2"] = eqx.field(converter=real)
    """Of the fibres, east and north of the centre of the field, before it is turned [arcsec]."""
    footprint: AbstractFootprint
    """What a fibre covers."""
    reconstruction: AbstractReconstruction
    dithers: Float[Array, "exposure 2"] = eqx.field(converter=real, default=((0.0, 0.0),))
    """By which the bundle was moved in every exposure, as positions [arcsec]."""
    errors: Float[Array, "exposure 2"] | None = eqx.field(converter=real_if_any, default=None)
    """By which it was further away than reconstruction knows, as positions [arcsec]."""
    throughput: Float[Array, " fibre"] | None = eqx.field(converter=real_if_any, default=None, metadata=within(least=0))
    """Of every fibre, over what the reduction takes it for."""
    refraction: AbstractRefraction = eqx.field(default_factory=NoRefraction)
    broken: tuple[int, ...] = eqx.field(static=True, converter=whole, default=())
    """Fibres without light, counted from zero: they are left out of the cube."""
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """Cells around the field from which fibres that reach beyond it, or look beyond it, get light."""
    nodes: int = eqx.field(static=True, default=4, metadata=within(least=1))
    """Of the quadrature, along a radius or a side: two more than half a fibre has cells across are enough."""
    cells: int | None = eqx.field(static=True, default=None)
    """Along an axis, around its middle, that a fibre touches at the most; by default all."""
    near: int | None = eqx.field(static=True, default=None)
    """Elements next to a row of spaxels, among which are all that have a weight in it; by default all."""

    def __check_init__(self):
        if self.positions.ndim < 2:
            return
        if self.dithers.ndim < 2:
            raise ValueError("FibreBundle.dithers must be one exposure or more, each of an offset east and north.")
        exposures, fibres = self.dithers.shape[-2], self.positions.shape[-2]
        if self.refraction.exposures not in (1, exposures):
            given = self.refraction.exposures
            raise ValueError(f"FibreBundle.refraction is of {given} exposures, but there are {exposures} dithers.")
        for name, values, axis, count in (
            ("errors", self.errors, -2, exposures),
            ("throughput", self.throughput, -1, fibres),
        ):
            if values is not None and values.shape[axis] != count:
                raise ValueError(
                    f"FibreBundle.{name} has {values.shape[axis]} entries, but there are {exposures} dithers and "
                    f"{fibres} positions."
                )
        if wrong := [index for index in self.broken if not 0 <= index < fibres]:
            raise ValueError(f"FibreBundle.broken: {wrong[0]} is none of {fibres} fibres, counted from zero.")

    @property
    def margin(self) -> int:
        """The reach."""
        return self.reach

    @property
    def moves_at(self) -> tuple[float, ...] | None:
        """As light is refracted."""
        return self.refraction.moves_at

    def working(self) -> Float[np.ndarray, " fibre"]:
        """One for each fibre, and zero for those that are broken."""
        working = np.ones(self.positions.shape[0])
        working[[*self.broken]] = 0
        return working

    def places(self, scene: Scene) -> Float[Array, "exposure fibre 2"]:
        """Where elements are."""
        return self.dithers[:, None, :] + self.positions[None, :, :]

    def seeing(self, scene: Scene) -> Float[Array, "place 2"]:
        """Where elements get light from, at all wavelengths at which they are told, with errors of pointing."""
        errors = 0 if self.errors is None else self.errors[:, None, :]
        if self.moves_at is None:
            return (self.places(scene) + errors).reshape(-1, 2)
        return (self.looking(scene, np.asarray(self.moves_at)) + errors).reshape(-1, 2)

    def looking(self, scene: Scene, wave: Float[np.ndarray, " wave"]) -> Float[Array, "wave exposure fibre 2"]:
        """Where the light that elements collect at wavelengths [angstrom] comes from, east and north as positions."""
        moved = in_field(self.refraction.displacement(wave).astype(self.positions.dtype), scene)
        return self.places(scene)[None] - moved[:, :, None, :]

    @property
    def of_spaxels(self) -> bool:
        """They are not."""
        return False

    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene, seen_at: tuple[float, ...] | None
    ) -> Float[Array, "seen exposure fibre channel"]:
        """The integrals over the footprints."""
        splines, shape = splined(maps), self.element_shape(scene)
        throughput = jnp.asarray(self.working(), maps.dtype)
        throughput = throughput if self.throughput is None else throughput * self.throughput.astype(maps.dtype)

        def collected(
            places: Float[Array, "exposure fibre 2"], splines: Float[Array, "term tall wide channel"]
        ) -> Float[Array, "term exposure fibre channel"]:
            places = places if self.errors is None else places + self.errors[:, None, :]
            found = seen_by(self.footprint, self.nodes, places.reshape(-1, 2), splines, scene, self.cells)
            return found.reshape(-1, *shape, maps.shape[3]) * throughput[None, None, :, None]

        if self.moves_at is None or seen_at is None:
            return collected(self.places(scene), splines)
        return term_by_term(
            lambda places, seen: collected(places, seen[None])[0], self.looking(scene, np.asarray(seen_at)), splines
        )

    def rebuild(
        self, elements: Float[Array, "exposure fibre wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """The weighted means."""
        return self.combined(elements, scene, wavelengths, lambda weights: weights)

    def rebuild_variance(
        self, variance: Float[Array, "exposure fibre wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """With the squares of the weights."""
        return self.combined(variance, scene, wavelengths, jnp.square)

    def combined(
        self,
        elements: Float[Array, "exposure fibre wave"],
        scene: Scene,
        wavelengths: AbstractWavelengths,
        power: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    ) -> Float[Array, "y x wave"]:
        """The weighted means with a power of the weights and of the areas, band by band."""
        flat, found = elements.reshape(-1, elements.shape[-1]), []
        area = power(jnp.prod(scene.pitch) / self.footprint.area()).astype(flat.dtype)
        for first, last, wave in self.bands(wavelengths):
            looking = self.looking(scene, np.array([wave]))[0].reshape(-1, 2)
            weights = partial(self.weights, looking=looking, scene=scene)
            found.append(weighted_means(weights, centres(scene)[1], flat[:, first:last], power, area))
        return jnp.concatenate(found, axis=-1)

    def weights(
        self, north: Float[Array, ""], looking: Float[Array, "element 2"], scene: Scene
    ) -> tuple[Float[Array, "x near"], Int32[Array, " near"]]:
        """Of the elements next to a row of spaxels, and which they are; the weights do not sum to one."""
        east, working = centres(scene)[0], np.tile(self.working(), self.dithers.shape[0])
        count = working.size if self.near is None else min(self.near, working.size)
        _, which = jax.lax.top_k(-jnp.abs(jax.lax.stop_gradient(looking[:, 1] - north)), count)
        places = looking.at[which].get(mode="promise_in_bounds")
        across = places[None, :, 0] - east[:, None]
        up = jnp.broadcast_to(places[None, :, 1] - north, across.shape)
        weights = self.reconstruction.weights(across, up, self.footprint, scene.pitch)
        working = jnp.asarray(working, weights.dtype).at[which].get(mode="promise_in_bounds")
        weights = weights * working[None, :]
        enough = (weights > 0).sum(axis=1, keepdims=True) >= self.reconstruction.fewest
        return jnp.where(enough, weights, 0), which

    def suited_to(self, scene: Scene) -> "FibreBundle":
        """The same, told how few cells a fibre touches and how few elements are next to a row of spaxels. On the host.

        It is the same to rounding, and its work no longer grows with the field times the fibres. In a fit fibres may
        move by half a spaxel, and grow by a cell or two.
        """
        return replace(self, cells=cells_across(self.footprint, self.nodes, scene), near=self.next_to(scene, 0.5))

    def next_to(self, scene: Scene, spare: float = 0.0) -> int:
        """Elements that have a weight in a row of spaxels, at the most, or would a part of a spaxel away. On the host.

        At all wavelengths at which they are told where they look.
        """
        wave = np.asarray(self.moves_at or (1.0,))
        north = np.asarray(self.looking(scene, wave)[..., 1], np.float64).reshape(1, wave.size, -1)
        rows, pitch = np.asarray(centres(scene)[1], np.float64), np.asarray(scene.pitch, np.float64)
        within = self.reconstruction.within(self.footprint, pitch) + spare * pitch[1]
        return max(1, int((np.abs(north - rows[:, None, None]) < within).sum(axis=2).max()))

    def matrix(self, scene: Scene, wave: float) -> Float[Array, "y x exposure fibre"]:
        """What spaxels take of the elements at a wavelength [angstrom]: the cube is its product with the elements.

        Nothing where no element is near.
        """
        looking = self.looking(scene, np.array([wave]))[0]
        flat, count = looking.reshape(-1, 2), looking.shape[0] * looking.shape[1]

        def row(north: Float[Array, ""]) -> Float[Array, "x element"]:
            weights, which = self.weights(north, flat, scene)
            return jnp.zeros((weights.shape[0], count), weights.dtype).at[:, which].set(weights)

        found = jax.lax.map(row, centres(scene)[1])
        total, area = found.sum(axis=2, keepdims=True), jnp.prod(scene.pitch) / self.footprint.area()
        return (area * found / jnp.where(total > 0, total, 1)).reshape(*scene.shape, *looking.shape[:2])

    def bands(self, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
        """Of every band that is combined with the same weights its first and last channel, and its wavelength."""
        return bands(self.moves_at, wavelengths)

    def element_shape(self, scene: Scene) -> tuple[int, int]:
        """Exposures and fibres."""
        return self.dithers.shape[0], self.positions.shape[0]

    def element_area(self, scene: Scene) -> Float[Array, ""]:
        """That of the footprint."""
        return self.footprint.area()
