"""A bundle of fibres that is dithered, and the cube that is made of its spectra."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.base import AbstractFocalPlane, centres
from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.reconstruction.base import AbstractReconstruction
from ifux.focal_plane.refraction import AbstractRefraction, NoRefraction
from ifux.focal_plane.seen import shares_of_cells
from ifux.grids import AbstractWavelengths
from ifux.numerics.weighted import weighted_means
from ifux.scene import Scene
from ifux.typing import real, real_if_any, within

HIGHEST = jax.lax.Precision.HIGHEST


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

    def __check_init__(self):
        if self.positions.ndim < 2:
            return
        exposures, fibres = self.dithers.shape[-2], self.positions.shape[-2]
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

    def looking(self, scene: Scene, wave: Float[np.ndarray, " wave"]) -> Float[Array, "wave exposure fibre 2"]:
        """Where the light that elements collect at wavelengths [angstrom] comes from, east and north as positions."""
        moved = self.refraction.displacement(wave).astype(self.positions.dtype)
        sin, cos = jnp.sin(jnp.deg2rad(scene.position_angle)), jnp.cos(jnp.deg2rad(scene.position_angle))
        east, north = moved[..., 0], moved[..., 1]
        in_field = jnp.stack([east * cos - north * sin, north * cos + east * sin], axis=-1)
        return self.places(scene)[None] - in_field[:, :, None, :]

    @property
    def of_spaxels(self) -> bool:
        """They are not."""
        return False

    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene, seen_at: tuple[float, ...] | None
    ) -> Float[Array, "seen exposure fibre channel"]:
        """The integrals over the footprints."""
        _, tall, wide, _ = maps.shape
        throughput = jnp.asarray(self.working(), maps.dtype)
        throughput = throughput if self.throughput is None else throughput * self.throughput.astype(maps.dtype)

        def shares(places: Float[Array, "exposure fibre 2"]) -> Float[Array, "exposure fibre tall wide"]:
            places = places if self.errors is None else places + self.errors[:, None, :]
            found = shares_of_cells(self.footprint, self.nodes, places, scene, (tall, wide))
            return found.astype(maps.dtype) * throughput[None, :, None, None]

        if self.moves_at is None or seen_at is None:
            return jnp.einsum("efyx,tyxc->tefc", shares(self.places(scene)), maps, precision=HIGHEST)

        def collected(
            places: Float[Array, "exposure fibre 2"], seen: Float[Array, "tall wide channel"]
        ) -> Float[Array, "exposure fibre channel"]:
            return jnp.einsum("efyx,yxc->efc", shares(places), seen, precision=HIGHEST)

        looking = self.looking(scene, np.asarray(seen_at))
        if maps.shape[0] == 1:
            return jax.lax.map(lambda places: collected(places, maps[0]), looking)
        return jax.lax.map(lambda one: collected(*one), (looking, maps))

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
    ) -> Float[Array, "x element"]:
        """Of the elements, in the spaxels of a row; they do not sum to one."""
        east, _ = centres(scene)
        across = looking[None, :, 0] - east[:, None]
        up = jnp.broadcast_to(looking[None, :, 1] - north, across.shape)
        weights = self.reconstruction.weights(across, up, self.footprint, scene.pitch)
        working = np.tile(self.working(), self.dithers.shape[0])
        return weights * jnp.asarray(working, weights.dtype)[None, :]

    def matrix(self, scene: Scene, wave: float) -> Float[Array, "y x exposure fibre"]:
        """What spaxels take of the elements at a wavelength [angstrom]: the cube is its product with the elements.

        Nothing where no element is near.
        """
        looking = self.looking(scene, np.array([wave]))[0]
        weights = partial(self.weights, looking=looking.reshape(-1, 2), scene=scene)
        found = jax.lax.map(weights, centres(scene)[1])
        total, area = found.sum(axis=2, keepdims=True), jnp.prod(scene.pitch) / self.footprint.area()
        return (area * found / jnp.where(total > 0, total, 1)).reshape(*scene.shape, *looking.shape[:2])

    def bands(self, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
        """Of every band that is combined with the same weights its first and last channel, and its wavelength."""
        wave = wavelengths.centres()
        if self.moves_at is None:
            return [(0, wave.size, float(wave[0]))]
        nodes = np.asarray(self.moves_at)
        ends = np.searchsorted(wave, (nodes[1:] + nodes[:-1]) / 2).tolist()
        return [
            (first, last, float(node))
            for first, last, node in zip([0, *ends], [*ends, wave.size], nodes, strict=True)
            if last > first
        ]

    def element_shape(self, scene: Scene) -> tuple[int, int]:
        """Exposures and fibres."""
        return self.dithers.shape[0], self.positions.shape[0]

    def element_area(self, scene: Scene) -> Float[Array, ""]:
        """That of the footprint."""
        return self.footprint.area()
