r"""Many devices and many hosts: particles are split, weights are summed, the cube is split.

    devices = parallel.mesh()
    particles = parallel.shard(particles, devices)    # on several hosts, each gives its own
    cube = parallel.observe(telescope, particles, devices, key=key)

Every particle is deposited on one device, every map is blurred on one device, and PSF and noise act on the whole cube:
the result depends on the number of devices by rounding alone. Align the telescope before, with the whole galaxy. From a
file, a host reads its share with `stream_galaxy(path).stars.part(jax.process_index(), jax.process_count())`.

**Communication.** With D devices, b bytes a number and kind = velocity x dust x basis, every device sends

    weights              2 (D - 1) / D  b  tall  wide  kind          summed
    blurred weights        (D - 1) / D  b  term  y  x  kind          gathered, if kinds are not more than channels
    the cube               (D - 1) / D  b  y  x  wave                gathered, if the devices divide neither wave nor x

and a map or two for the noise; 1 / D of the second line if the cube is split by x. Nothing depends on the number of
particles. The gradient sends twice as much. MUSE (100 x 100 spaxels and a margin of 24, 459 kinds, single precision)
on eight devices: 70 MB and 16 MB.

On a CPU, XLA runs a loop over particles on one core for each device: give it one device a core, before anything else,
with `jax.config.update("jax_num_cpu_devices", cores)`.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.numerics.contract import Range
from ifux.particles import AbstractEmitters, AbstractGalaxy, E
from ifux.psf.base import AbstractPSF
from ifux.scene import Scene
from ifux.spread import AbstractSpread
from ifux.telescope import Telescope, count

AXIS = "device"
G = TypeVar("G", bound=AbstractGalaxy)


def mesh(devices: Sequence | None = None) -> Mesh:
    """Devices in a row, by default all of all hosts."""
    return Mesh(np.asarray(jax.devices() if devices is None else devices), (AXIS,), axis_types=(AxisType.Auto,))


def shard(galaxy: G, mesh: Mesh) -> G:
    """Particles, or a galaxy of them and gas, split over the devices.

    On several hosts, each gives some of them, in any number, and gets all. Filled up with ones without mass, so far and
    so fast that no telescope sees them: their gradients are zero, and they stay dark in a fit.
    """
    return jax.tree.map(
        lambda found: split(found, mesh) if isinstance(found, AbstractEmitters) else found, galaxy, is_leaf=shines
    )


def shines(node: Any) -> bool:
    """Whether a node of a tree is particles or gas."""
    return isinstance(node, AbstractEmitters)


def split(emitters: E, mesh: Mesh) -> E:
    """The same of particles or of gas."""
    here = len(mesh.local_devices)
    each = int(np.max(process_allgather(np.asarray(-(-emitters.count // here)))))
    sharding = NamedSharding(mesh, P(AXIS))

    def place(leaf: Float[Array, "..."], filling: Float[Array, "..."]) -> Float[Array, "..."]:
        filled = np.concatenate([leaf, np.asarray(filling, leaf.dtype)])
        return jax.make_array_from_process_local_data(sharding, filled, (each * mesh.size, *leaf.shape[1:]))

    return jax.tree.map(place, emitters, dark(each * here - emitters.count, emitters))


def dark(count: int, like: E) -> E:
    """Emitters without mass that are off the sky or, on the line of sight, faster than light: dark.

    They have the leaves that others have.
    """
    none = jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape[1:]), leaf.dtype), like)
    place = jnp.asarray(np.tile([1e6, 0.0, 0.0], (count, 1)), like.position.dtype)
    return eqx.tree_at(lambda e: (e.position, e.velocity), none, (place, place))


@eqx.filter_jit
def weights(
    telescope: Telescope, galaxy: AbstractGalaxy, mesh: Mesh, *, block: int | None = None
) -> Float[Array, "tall wide kind"]:
    """`Telescope.weights`, whole on every device."""
    return deposited(telescope, telescope.emitters(galaxy), mesh, block=block)


def deposited(
    telescope: Telescope, emitters: tuple[AbstractEmitters | None, ...], mesh: Mesh, *, block: int | None = None
) -> Float[Array, "tall wide kind"]:
    """`Telescope.deposited`, whole on every device."""
    parts = [deposited_of(telescope, number, some, mesh, block=block) for number, some in enumerate(emitters)]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=2)


@eqx.filter_jit
def deposited_of(
    telescope: Telescope,
    number: int,
    emitters: AbstractEmitters | None,
    mesh: Mesh,
    *,
    block: int | None = None,
) -> Float[Array, "tall wide part"]:
    """`Telescope.deposited_of`, whole on every device."""
    if mesh.size == 1 or emitters is None:
        return telescope.deposited_of(number, emitters, block=block)
    if spare := -emitters.count % mesh.size:
        filling = dark(spare, emitters)
        emitters = jax.tree.map(lambda leaf, more: jnp.concatenate([leaf, more.astype(leaf.dtype)]), emitters, filling)
    arrays, rest = eqx.partition(telescope, eqx.is_array)

    def part(arrays, emitters):
        return eqx.combine(arrays, rest).deposited_of(number, emitters, block=block)[None]

    parts = jax.shard_map(part, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=P(AXIS))
    return parts(arrays, emitters).sum(axis=0)


@eqx.filter_jit
def observe(
    telescope: Telescope, galaxy: AbstractGalaxy, mesh: Mesh, *, key: PRNGKeyArray | None = None
) -> Float[Array, "y x wave"]:
    """The data cube of a galaxy [1e-20 erg/s/cm2/angstrom per spaxel]; without a key there is no noise.

    The noise is the same for any number of devices.
    """
    emitters = telescope.emitters(galaxy)
    summed, occupied = deposited(telescope, emitters, mesh), telescope.occupied(count(emitters))
    elements = contract(telescope, summed, mesh, occupied=occupied)
    return telescope.rebuild(elements if key is None else telescope.noise.sample(elements, key=key))


@eqx.filter_jit
def contract(
    telescope: Telescope,
    weights: Float[Array, "tall wide kind"],
    mesh: Mesh,
    *,
    blur: Literal["weights", "cube"] | None = None,
    occupied: int | None = None,
) -> Float[Array, "*element wave"]:
    """The noiseless elements of a population-kinematic distribution; `blur` and `occupied` as in `Telescope.observe`.

    Split over the devices by wavelength; by x, if they divide the columns, where they do not divide the channels evenly
    or a channel sees few of the terms of the PSF: split by wavelength, devices have one program, which contracts every
    channel with all terms. If they divide neither, it is whole on every device. Elements that are fibres have these in
    place of columns.
    """
    if mesh.size == 1:
        return telescope.observe(weights, telescope.templates(), blur=blur, occupied=occupied)
    _, columns = telescope.focal_plane.element_shape(telescope.spaxels.scene)
    on_weights = (blur or telescope.cheaper_to_blur) == "weights"
    local = on_weights and len(telescope.terms(weights.dtype)[1]) > 1
    axis = 1 if (local or telescope.wavelengths.size % mesh.size) and columns % mesh.size == 0 else 2
    # A split by wavelength needs all maps on every device. Left to itself, XLA may add up cubes instead.
    whole = axis == 2 and on_weights
    shared = eqx.tree_at(lambda t: t.psf, telescope, SharedPSF(telescope.psf, mesh, whole))
    elements = shared.observe(weights, telescope.templates(), blur=blur, occupied=occupied)
    return jax.lax.with_sharding_constraint(elements, NamedSharding(mesh, P(*(None,) * axis, AXIS)))


@final
class SharedPSF(AbstractPSF):
    """A point spread function whose maps are blurred on many devices, each by one of them.

    XLA does not split a Fourier transform by itself: every device would make them all.
    """

    psf: AbstractPSF
    mesh: Mesh = eqx.field(static=True)
    whole: bool = eqx.field(static=True)
    """Whether every device gets all maps back."""

    @property
    def margin(self) -> int:
        """That of the PSF."""
        return self.psf.margin

    @property
    def spread(self) -> AbstractSpread:
        """That of the PSF."""
        return self.psf.spread

    def sharpest(self) -> float:
        """That of the PSF."""
        return self.psf.sharpest()

    def radius(self, lost: float) -> float:
        """That of the PSF."""
        return self.psf.radius(lost)

    def held(self, scene: Scene) -> Float[Array, ""]:
        """That of the PSF."""
        return self.psf.held(scene)

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Those of the PSF."""
        return self.psf.term_weights(wave)

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """Those of the PSF."""
        return self.psf.seen_at

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """Those of the PSF; all terms at all wavelengths, where those are split."""
        found = self.psf.ranges(wave)
        low, high = min(one.low for one in found), max(one.high for one in found)
        return (Range(0, wave.size, low, high),) if self.whole else found

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """Every channel on its device; the last ones may be filled up with empty maps."""
        channels = maps.shape[2]
        maps = jax.lax.with_sharding_constraint(maps, NamedSharding(self.mesh, P(None, None, AXIS)))
        maps = jnp.pad(maps, ((0, 0), (0, 0), (0, -channels % self.mesh.size)))
        arrays, rest = eqx.partition((self.psf, scene), eqx.is_array)

        def part(arrays, maps):
            psf, scene = eqx.combine(arrays, rest)
            return psf.blur(maps, scene)

        specs = (P(), P(None, None, AXIS))
        parts = jax.shard_map(part, mesh=self.mesh, in_specs=specs, out_specs=P(None, None, None, AXIS))
        blurred = parts(arrays, maps)[..., :channels]
        return jax.lax.with_sharding_constraint(blurred, NamedSharding(self.mesh, P())) if self.whole else blurred
