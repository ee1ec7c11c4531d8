"""The whole instrument: its stages, and the three products that make a cube of them."""

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.dust.base import AbstractDust
from ifux.errors import InputError
from ifux.focal_plane.base import AbstractFocalPlane
from ifux.grids import AbstractWavelengths, to_air
from ifux.kinematics.base import AbstractKinematics
from ifux.library import common_words, extreme_shifts
from ifux.lsf.base import AbstractLSF
from ifux.noise.base import AbstractNoise
from ifux.numerics import piecewise
from ifux.numerics.bands import Bands, add_bands
from ifux.numerics.blocks import accumulate
from ifux.numerics.contract import Range, contract
from ifux.numerics.deposit import deposit, joined
from ifux.numerics.order import TOGETHER, order
from ifux.numerics.stencil import Stencil
from ifux.numerics.sums import Sum
from ifux.numerics.varying import alike
from ifux.orientation.base import AbstractOrientation
from ifux.particles import (
    AbstractEmitters,
    AbstractGalaxy,
    AbstractSeen,
    Cells,
    Projected,
    Stars,
    gas_of,
    stars_of,
)
from ifux.program_cache import kept
from ifux.psf.base import AbstractPSF
from ifux.sources.base import AbstractSource, View
from ifux.spaxels.base import AbstractSpaxels
from ifux.ssp.base import AbstractSSP
from ifux.target import AbstractTarget
from ifux.typing import ready
from ifux.units import FWHM_OF_GAUSSIAN

HIGHEST = jax.lax.Precision.HIGHEST
CACHE = 2**23
"""Weights that a core keeps at hand [byte]."""
PIECE = 2**29
"""Maps that are blurred together [byte]."""
BLOCK = 2**20
"""Stars whose velocities are looked at together."""
SLACK = 0.02
"""Of a channel that may lie beyond the library: more than rounding in single precision."""


@final
class Coverage(eqx.Module):
    """The fractions of the mass of a galaxy that the telescope represents."""

    field: Float[Array, ""]
    """On the field of view, before the PSF."""
    channels: Float[Array, ""]
    """Within the velocity channels; the rest is held at their ends, its light is not lost."""
    library: Float[Array, ""]
    """Within the ages, metallicities and mixtures of the stellar library; the rest is held at its edge, not lost."""
    wavelengths: Float[Array, ""]
    """Of the channels of the detector, not of the mass: those that the library reaches at every velocity node."""
    psf: Float[Array, ""]
    """Of the light of a point source, not of the mass: what the kernel of the PSF holds at its present width."""


@final
class SourceCoverage(eqx.Module):
    """The fractions of the luminosity of a source that the telescope represents."""

    luminosity: Float[Array, ""]
    """All of it [solar luminosity]."""
    field: Float[Array, ""]
    """On the field of view, before the PSF."""
    channels: Float[Array, ""]
    """Within the velocity nodes; the rest is held at their ends, its light is not lost."""
    known: Float[Array, ""]
    """Within what is known of its light, such as a calibration; the rest is held at its ends, not lost."""


@final
class Telescope(eqx.Module):
    r"""A differentiable integral field unit.

    A particle is a place (spaxels x velocity: sparse) and a mixture (dust x basis spectra: small). The noiseless cube
    is the product of three linear maps, and no array has both a particle and a wavelength axis:

        weights   = deposit(place, mixture)       # [y x kind]     particles, no wavelengths
        templates = respond(basis spectra)        # [kind wave]    wavelengths, no particles
        cube      = observe(weights, templates)   # [y x wave]

    with kind = velocity x dust x basis. What shines beside the stars has kinds of its own, which follow those of the
    stars on the same axis: behind the weights nothing knows of it. Each of the three can be computed once and kept
    while the leaves that it depends on stay as they are.
    """

    wavelengths: AbstractWavelengths
    """Pixels along the wavelength axis, observed."""
    target: AbstractTarget
    orientation: AbstractOrientation
    spaxels: AbstractSpaxels
    kinematics: AbstractKinematics
    ssp: AbstractSSP
    dust: AbstractDust
    psf: AbstractPSF
    focal_plane: AbstractFocalPlane
    lsf: AbstractLSF
    noise: AbstractNoise
    sources: tuple[AbstractSource, ...] = ()
    """What shines beside the stars."""

    def __check_init__(self):
        redshift = self.target.redshift
        if isinstance(redshift, jax.Array) and not isinstance(redshift, Tracer) and redshift.ndim == 0:
            self.check_reached(float(redshift))
        if self.wavelengths.missing().all():
            raise InputError(
                f"Telescope: the gaps {[*self.wavelengths.gaps]} hide every channel: give them in angstrom, in the "
                "medium of the wavelengths."
            )

    def __call__(self, particles: AbstractGalaxy, *, key: PRNGKeyArray | None = None) -> Float[Array, "y x wave"]:
        """The data cube of a galaxy [1e-20 erg/s/cm2/angstrom per spaxel]; without a key there is no noise.

        Particles or a galaxy that makes them. Half precision is made single, here and below: light spans more than it
        can tell.

        Raises:
            ValueError: a telescope or a galaxy is a batch of them; `equinox.filter_vmap` maps over it.
        """
        return self.rebuild(self.expose(particles, key=key))

    def expose(self, particles: AbstractGalaxy, *, key: PRNGKeyArray | None = None) -> Float[Array, "*element wave"]:
        """The spectra of the elements of the focal plane, of which the cube is made: what data are to be compared with.

        Those of a slicer are the spaxels. Noise acts on elements; without a key there is none.
        """
        self = ready(self)
        emitters = self.emitters(particles)
        elements = self.observe(self.deposited(emitters), self.templates(), occupied=self.occupied(count(emitters)))
        return elements if key is None else self.noise.sample(elements, key=key)

    def emitters(self, galaxy: AbstractGalaxy) -> tuple[AbstractEmitters | None, ...]:
        """What shines of a galaxy: its stars, and what each of the sources finds in it, if it does."""
        stars, gas = stars_of(galaxy), gas_of(galaxy) if self.sources else None
        return stars, *(source.emitters(stars, gas) for source in self.sources)

    def project(self, particles: AbstractGalaxy) -> Projected:
        """The particles as seen on the sky."""
        self = ready(self)
        return self.target.project(self.orientation(stars_of(particles)))

    def weights(self, particles: AbstractGalaxy, *, block: int | None = None) -> Float[Array, "tall wide kind"]:
        """Formed mass per cell of the scene and kind [solar mass], on the field and the margin around it.

        The galaxy's population-kinematic distribution; of sources their luminosities [solar luminosity]. Linear in
        mass; memory follows the block, not the particles, but for a word a particle that their gradient keeps. By
        default a block fits into the cache of a CPU, or keeps an accelerator busy. More particles than a block are
        taken in the order of their spaxels, those that light the same spaxels one after the other: on a CPU only where
        the weights do not fit into the cache, and many thousand at a time.
        """
        return self.deposited(self.emitters(particles), block=block)

    def deposited(
        self, emitters: tuple[AbstractEmitters | None, ...], *, block: int | None = None
    ) -> Float[Array, "tall wide kind"]:
        """The same of what shines, as `emitters` gives it."""
        parts = [self.deposited_of(number, some, block=block) for number, some in enumerate(emitters)]
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=2)

    def deposited_of(
        self, number: int, emitters: AbstractEmitters | None, *, block: int | None = None
    ) -> Float[Array, "tall wide part"]:
        """The same of the kinds of the stars, whose number is zero, or of a source, counted from one."""
        # What is cast to vary over a mesh here has its cotangent added up over the mesh once, and not in the loop.
        self, emitters = alike((ready(self), ready(emitters)))
        processor = jax.default_backend() == "cpu"
        block = block or (4096 if processor else 262144)
        margin, velocities = self.margin, self.sources[number - 1].velocities if number else self.kinematics.size
        dtype = self.target.redshift.dtype if emitters is None else emitters.position.dtype
        nothing = jnp.zeros((*self.spaxels.scene_shape(margin), self.kinds_of[number]), dtype)
        if emitters is None:
            return nothing
        start = Sum.onto(alike(nothing, emitters), velocities)

        def add(weights: Sum, emitters: AbstractEmitters) -> Sum:
            seen, channels, mixture, amount = self.light(number, emitters)
            place = *self.spaxels.axes(seen, margin, self.psf.spread), channels
            return deposit(weights, place, mixture, amount)

        def add_in_order(weights: Sum, emitters: AbstractEmitters) -> Sum:
            seen = self.target.see(self.orientation(emitters))
            rows, columns = self.spaxels.axes(seen, margin, self.psf.spread)
            cell = rows.index[:, 0] * columns.size + columns.index[:, 0]
            taken = order(cell, rows.size * columns.size)
            emitters = jax.tree.map(
                lambda leaf: leaf.at[taken].get(mode="promise_in_bounds", unique_indices=True), emitters
            )
            return accumulate(add, weights, emitters, block)

        if emitters.count > block and (nothing.nbytes > CACHE or not processor):
            pieces = -(-emitters.count // TOGETHER) if processor else 1
            together = block * -(-emitters.count // (pieces * block))
            return accumulate(add_in_order, start, emitters, together).value()
        return accumulate(add, start, emitters, block).value()

    def light(
        self, number: int, emitters: AbstractEmitters
    ) -> tuple[AbstractSeen, Stencil, Stencil | Float[Array, "emitter basis"], Float[Array, " emitter"]]:
        """Where emitters are seen, their velocity nodes, their mixture, and how much of it there is."""
        turned: Any = self.orientation(emitters)
        if number == 0:
            projected = self.target.project(turned)
            mixture = joined(self.dust.coefficients(projected), self.ssp.coefficients(projected))
            return projected, self.kinematics.locate(projected), mixture, projected.seen_mass
        source, seen = self.sources[number - 1], self.target.see(turned)
        amount = jnp.ones_like(seen.depth) if seen.brightness is None else seen.brightness
        return seen, source.locate(seen), source.luminosities(emitters), amount

    def templates(self) -> Float[Array, "kind part"]:
        """Flux density of one solar mass of each kind, where `sampled` [1e-20 erg/s/cm2/angstrom].

        Not a number in channels that lie in a gap or that the library does not reach: see `seen`.
        """
        self = ready(self)
        rest, redshift = self.ssp.rest, self.target.redshift
        spectra = self.dust.respond(self.ssp.spectra(), rest)
        spectra = spectra.reshape(-1, rest.size) * self.target.flux_per_luminosity()
        seen = self.respond(spectra, redshift).reshape(-1, self.sampled.size)
        if self.sources:
            seen = jnp.concatenate([seen, *(source.templates(self.view) for source in self.sources)])
        return jnp.where(jnp.repeat(self.seen(), self.lsf.oversampling)[None], seen, jnp.nan)

    def respond(
        self, spectra: Float[Array, "basis rest"], redshift: Float[Array, ""]
    ) -> Float[Array, "velocity basis part"]:
        """Rest-frame spectra at the resolution of the library, as the spectrograph sees them at a redshift."""
        stretches = jnp.asarray(self.kinematics.stretches, redshift.dtype)
        redshifts = (1 + redshift) * stretches - 1
        spectra = self.lsf.broaden(spectra, self.ssp.rest, self.ssp.fwhm, redshifts, self.wavelengths)
        return self.kinematics.respond(spectra, self.ssp.rest, self.sampled, redshift)

    @property
    def view(self) -> View:
        """What stands between a source and its spectrum."""
        return View(
            self.dust,
            self.lsf,
            self.wavelengths,
            self.sampled,
            self.target.redshift,
            self.target.flux_per_luminosity(),
        )

    @property
    def sampled(self) -> AbstractWavelengths:
        """Pixels that templates have: the channels, or parts of them where the line spread function asks for it."""
        parts = self.lsf.oversampling
        return self.wavelengths if parts == 1 else self.wavelengths.divided(parts)

    def observe(
        self,
        weights: Float[Array, "tall wide kind"],
        templates: Float[Array, "kind part"],
        *,
        blur: Literal["weights", "cube"] | None = None,
        occupied: int | None = None,
    ) -> Float[Array, "*element wave"]:
        """The noiseless elements of a population-kinematic distribution, linear in it: of a slicer, the cube.

        The PSF acts on whichever has fewer maps, the weights or the cube, unless `blur` says on which. No more cells
        than `occupied`, if that is given, hold light, and only as many spaxels are computed; the rest is dark. Channels
        whose templates are not a number are so in the cube, and have no part in any gradient.
        """
        self, weights, templates = ready((self, weights, templates))
        missing = jnp.isnan(templates[0])
        templates = jnp.where(missing[None], 0, templates)
        (share, ranges), banded = self.terms(templates.dtype), self.banded()
        if occupied is not None:
            collected = self.focal_plane.sample(weights[None], self.spaxels.scene, None)[0]
            elements = contract_where_occupied(collected, templates * share.sum(axis=0)[None, :], occupied)
        elif (blur or self.cheaper_to_blur) == "weights":
            maps = in_pieces(self.collect, weights)
            spectra = share[:, None, :] * self.without(banded, templates, 0)[None, :, :]
            elements = contract(
                self.without(banded, maps, -1), jnp.where(missing[None, None], jnp.nan, spectra), ranges
            )
            elements = self.with_bands(banded, elements, maps, templates, share, missing)
            return self.lsf.broaden_elements(elements, self.wavelengths, missing)
        else:
            cube = contract(self.without(banded, weights[None], -1), self.without(banded, templates, 0)[None])
            cube = self.with_bands(banded, cube, weights[None], templates, jnp.ones_like(templates[:1]), missing)
            collected = in_pieces(self.collect, cube)
            elements = jnp.einsum("t...w,tw->...w", collected, share, precision=HIGHEST)
        return self.lsf.broaden_elements(jnp.where(missing, jnp.nan, elements), self.wavelengths, missing)

    def banded(self) -> dict[int, Bands]:
        """The sources that are dark but for bands, by their numbers, counted from one."""
        found = {number: source.bands(self.view) for number, source in enumerate(self.sources, 1)}
        return {number: bands for number, bands in found.items() if bands is not None}

    def parts(self) -> list[slice]:
        """Which kinds are those of the stars, and of every source."""
        ends = [int(end) for end in np.cumsum(self.kinds_of)]
        return [slice(*pair) for pair in pairwise([0, *ends])]

    def without(self, banded: dict[int, Bands], kinds: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
        """What is contracted everywhere: all kinds along an axis, but for those of sources that shine in bands."""
        if not banded:
            return kinds
        whole = [part for number, part in enumerate(self.parts()) if number not in banded]
        found = [jax.lax.slice_in_dim(kinds, part.start, part.stop, axis=axis) for part in whole]
        return jnp.concatenate(found, axis=axis) if found[1:] else found[0]

    def with_bands(
        self,
        banded: dict[int, Bands],
        cube: Float[Array, "*element part"],
        maps: Float[Array, "term *element kind"],
        templates: Float[Array, "kind part"],
        share: Float[Array, "term part"],
        missing: Bool[Array, " part"],
    ) -> Float[Array, "*element part"]:
        """The cube with the light of sources that shine in bands."""
        for number, bands in banded.items():
            source, part = self.sources[number - 1], self.parts()[number]
            shape = source.velocities, source.elements
            here = maps[..., part].reshape(*maps.shape[:-1], *shape)
            cube = add_bands(cube, here, templates[part].reshape(*shape, -1), share, missing, bands)
        return cube

    def collect(self, maps: Float[Array, "tall wide channel"]) -> Float[Array, "term *element channel"]:
        """What the elements collect of maps of the scene, behind the PSF: in every term of the optics."""
        scene = self.spaxels.scene
        return self.focal_plane.sample(self.psf.blur(maps, scene), scene, self.psf.seen_at or self.focal_plane.moves_at)

    def terms(self, dtype: DTypeLike) -> tuple[Float[Array, "term wave"], tuple[Range, ...]]:
        """Weight of every term of the optics in every channel, and which have one where.

        Those of the PSF; where that is one for all wavelengths and elements move with them, those of the focal plane.
        """
        wave, moved = self.sampled.centres(), self.focal_plane.moves_at
        if moved is None or self.psf.seen_at is not None:
            return self.psf.term_weights(jnp.asarray(wave, dtype)), self.psf.ranges(wave)
        nodes, straight = np.asarray(moved), jnp.zeros(len(moved) - 1, dtype)
        return piecewise.weights(jnp.asarray(wave, dtype), nodes, straight), piecewise.ranges(wave, nodes)

    def rebuild(self, elements: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The cube that the instrument's pipeline makes of the spectra of its elements."""
        return self.focal_plane.rebuild(elements, self.spaxels.scene, self.wavelengths)

    def rebuild_variance(self, variance: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The variance of every voxel of that cube, if the elements have independent noise of this one."""
        return self.focal_plane.rebuild_variance(variance, self.spaxels.scene, self.wavelengths)

    @property
    def margin(self) -> int:
        """Cells around the field from which light gets into the elements."""
        return self.psf.margin + self.focal_plane.margin

    @property
    def kinds(self) -> int:
        """Number of kinds: velocity x dust x basis, and those of the sources."""
        return sum(self.kinds_of)

    @property
    def kinds_of(self) -> tuple[int, ...]:
        """Those of the stars, and of every source."""
        return self.kinematics.size * self.dust.size * self.ssp.size, *(source.kinds for source in self.sources)

    @property
    def cheaper_to_blur(self) -> Literal["weights", "cube"]:
        """Whichever has fewer maps; the weights, where a spaxel has several cells: fewer products are made of it."""
        finer = self.spaxels.oversampling != (1, 1)
        return "weights" if finer or self.kinds <= self.sampled.size else "cube"

    def occupied(self, count: int) -> int | None:
        """`occupiable`, if that is few of all spaxels and no PSF spreads their light; None if not."""
        y, x = self.spaxels.shape
        occupiable = self.occupiable(count)
        return occupiable if self.margin == 0 and 2 * occupiable <= y * x else None

    def occupiable(self, count: int) -> int:
        """How many spaxels so many particles can light before any PSF."""
        y, x = self.spaxels.shape
        return min(count * self.psf.spread.support(self.spaxels.degree) ** 2, y * x)

    def aligned_to(self, stars: Stars) -> "Telescope":
        """This telescope, its orientation counted from the principal axes of the stars if its angles are.

        Call it once for a galaxy, on concrete arrays, before `jit` or `grad`.
        """
        return eqx.tree_at(lambda t: t.orientation, self, self.orientation.aligned_to(stars))

    def limited_to(self, speed: float) -> "Telescope":
        """This telescope with no more velocity channels than stars up to a speed along the line of sight need [km/s].

        Fewer channels are less work, in proportion. Stars that move faster are held at the last.
        """
        return eqx.tree_at(lambda t: t.kinematics, self, self.kinematics.limited_to(speed))

    def spanning(self, stars: Stars) -> "Telescope":
        """This telescope with velocity channels as far as the stars go, in the orientation that it has.

        Call it once for a galaxy, on concrete arrays, after `aligned_to`.

        Raises:
            InputError: the library does not reach the wavelengths for the fastest.
        """
        velocities = line_of_sight(self.orientation, self.target, stars)
        return dataclasses.replace(self, kinematics=self.kinematics.spanning(velocities))

    def coverage(self, particles: AbstractGalaxy) -> Coverage:
        """How much of the mass is seen: light that is lost is counted, not thrown away unseen."""
        self = ready(self)
        projected = self.project(particles)

        def fraction(weight: Float[Array, " particle"]) -> Float[Array, ""]:
            return jnp.sum(projected.mass * weight) / jnp.sum(projected.mass)

        return Coverage(
            fraction(self.spaxels.locate(projected, 0).total()),
            fraction(self.kinematics.represented(projected).astype(projected.mass.dtype)),
            fraction(self.ssp.covers(projected).astype(projected.mass.dtype)),
            self.reached().astype(projected.mass.dtype).mean(),
            self.psf.held(self.spaxels.scene),
        )

    def coverage_of(self, number: int, emitters: AbstractEmitters) -> SourceCoverage:
        """How much is seen of what shines of a source, counted from one."""
        self, source = ready(self), self.sources[number - 1]
        seen, _, _, amount = self.light(number, emitters)
        light = jnp.sum(source.luminosities(emitters), axis=1) * amount
        total = jnp.sum(light)

        def fraction(weight: Float[Array, " emitter"]) -> Float[Array, ""]:
            return jnp.sum(light * weight) / jnp.where(total > 0, total, 1)

        return SourceCoverage(
            total,
            fraction(self.spaxels.locate(seen, 0).total()),
            fraction(source.represented(seen).astype(light.dtype)),
            fraction(source.covers(emitters).astype(light.dtype)),
        )

    def signal_to_noise(self, particles: AbstractGalaxy) -> Float[Array, "y x wave"]:
        """The noiseless cube of a galaxy over the standard deviation of its noise, voxel by voxel."""
        return ready(self).noise.signal_to_noise(self(particles))

    def resolution(self) -> Float[Array, " wave"]:
        """Full width at half maximum of an unresolved line in every channel, before the pixel [angstrom].

        That of the line spread function, or of the library at this redshift where that is wider. Of one that is no
        Gaussian it is that of the Gaussian of its variance, Gauss-Hermite terms apart; of one that differs over the
        field that of the sharpest element.
        """
        self = ready(self)
        ssp, stretch = self.ssp, 1 + self.target.redshift
        wave, rest = (jnp.asarray(grid.centres(), ssp.fwhm.dtype) for grid in (self.wavelengths, ssp.rest))
        library = jnp.interp(wave / stretch, rest, ssp.fwhm) * stretch
        added = jnp.maximum(self.lsf.excess(wave, library, self.wavelengths), 0)
        return jnp.sqrt(library**2 + FWHM_OF_GAUSSIAN**2 * added)

    def check_reached(self, redshift: float | tuple[float, float]) -> None:
        """That the library reaches every channel, at a redshift or at all between two. On the host.

        Raises:
            InputError: it does not.
        """
        rest, observed, speed = self.ssp.rest, self.wavelengths, self.kinematics.span
        seen = rest.vacuum_edges()[[0, -1]] * extreme_shifts(redshift, speed)
        seen = to_air(seen) if observed.medium == "air" else seen
        edges, slack = observed.edges()[[0, -1]], SLACK * observed.widths()[[0, -1]]
        if edges[0] < seen[0] - slack[0] or edges[1] > seen[1] + slack[1]:
            raise InputError(
                f"Telescope: {common_words('the library', seen, observed, redshift, speed)}: match it to the "
                "wavelengths with `SSPLibrary.matched`, at this redshift or at a range of redshifts."
            )

    def reached(self) -> Bool[Array, " wave"]:
        """Whether the library reaches a channel from every velocity node, at the present redshift.

        A channel that it does not is not a number in the cube: never dark, and never the held edge of a spectrum.
        """
        return self.kinematics.reached(self.ssp.rest, self.wavelengths, self.target.redshift)

    def seen(self) -> Bool[Array, " wave"]:
        """Whether a channel holds a number: the library reaches it, and it lies in no gap of the detector."""
        reached, missing = self.reached(), self.wavelengths.missing()
        return reached & jnp.asarray(~missing) if missing.any() else reached


def count(emitters: tuple[AbstractEmitters | None, ...]) -> int:
    """How many places shine."""
    return sum(some.count for some in emitters if some is not None)


def line_of_sight(
    orientation: AbstractOrientation, target: AbstractTarget, emitters: Stars | Cells
) -> Iterator[Float[np.ndarray, " particle"]]:
    """Velocities along the line of sight, block by block, on the host [km/s]."""
    size = min(BLOCK, emitters.count)
    for block in emitters.blocks(size):
        yield np.asarray(receding(orientation, target, block.filled(size)))


@kept
def receding(
    orientation: AbstractOrientation, target: AbstractTarget, emitters: AbstractEmitters
) -> Float[Array, " particle"]:
    """Velocities along the line of sight [km/s]."""
    return target.see(orientation(emitters)).velocity


def contract_where_occupied(
    weights: Float[Array, "*element kind"], templates: Float[Array, "kind wave"], occupied: int
) -> Float[Array, "*element wave"]:
    """The product, in the elements whose weights are not zero; there are at most so many."""
    spaxels = weights.reshape(-1, weights.shape[-1])
    (where,) = jnp.nonzero(jnp.any(spaxels != 0, axis=1), size=occupied, fill_value=spaxels.shape[0])
    spectra = jnp.matmul(spaxels.at[where].get(mode="fill", fill_value=0), templates, precision=HIGHEST)
    cube = jnp.zeros((spaxels.shape[0], templates.shape[1]), spectra.dtype).at[where].set(spectra, mode="drop")
    return cube.reshape(*weights.shape[:-1], -1)


def in_pieces(
    function: Callable[[Float[Array, "tall wide some"]], Float[Array, "term *element some"]],
    maps: Float[Array, "tall wide channel"],
) -> Float[Array, "term *element channel"]:
    """What a function makes of maps, of some of their channels after the others where they are many and large.

    A transform takes several times the memory of the maps that it is made of.
    """
    channels = maps.shape[2]
    together = -(-channels // min(-(-maps.nbytes // PIECE), channels))
    if together == channels:
        return function(maps)
    first = np.arange(0, channels, together)
    # The last piece is as large as the others, and has some of the channels before it once more.
    begin = jnp.asarray(np.minimum(first, channels - together))
    found = jax.lax.map(lambda at: function(jax.lax.dynamic_slice_in_dim(maps, at, together, axis=2)), begin)
    joined = jnp.moveaxis(found[:-1], 0, -2)
    last = found[-1][..., int(first[-1]) - channels :]
    return jnp.concatenate([joined.reshape(*joined.shape[:-2], -1), last], axis=-1)
