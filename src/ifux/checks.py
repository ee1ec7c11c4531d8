"""What a careful observer looks at before trusting a cube. On concrete values: nothing here can be traced."""

import dataclasses
import math
import os
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ifux.emission.base import AbstractEmission
from ifux.errors import of_arm
from ifux.focal_plane import Aperture, FibreBundle
from ifux.focal_plane.seen import SPARE, cells_across, cells_beyond
from ifux.grids import AbstractWavelengths
from ifux.library import AbstractLibrary
from ifux.lsf import FieldLSF
from ifux.lsf.base import AbstractLSF
from ifux.numerics.stencil import Degree, Stencil
from ifux.observation import Observation
from ifux.orientation.base import AbstractOrientation
from ifux.particles import AbstractEmitters, Cells, Gas, Particles, Stars, particles_of
from ifux.program_cache import kept
from ifux.sources import EmissionLines, PointSource, TabulatedContinuum
from ifux.spectrograph import Spectrograph
from ifux.spread import GaussianSpread
from ifux.target import AbstractTarget
from ifux.telescope import BLOCK, HIGHEST, Telescope, line_of_sight
from ifux.typing import real
from ifux.units import FWHM_OF_GAUSSIAN, SPEED_OF_LIGHT

NEGLIGIBLE = 1e-3
"""A fraction of the mass that is not worth a word."""

VISIBLE = 0.02
"""An error of a single star's spectrum, over its peak, that is worth one. Those of many stars average out."""

REACHED = 4.0
"""Standard deviations of a blur that its kernel must hold: a Gaussian has 6e-5 of its light beyond."""

ROUNDING = 1e-6
"""Of a number in single precision, and room for it."""

BROAD = 0.01
"""A fraction of a point source's light that is."""

UNRESOLVED = 0.01
"""An error of the image of a star, over its peak, that is."""

NARROW = 0.3
"""A FWHM below which a PSF is told to be narrow [spaxel]."""

SEEN = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.75, 5.05)
"""Cells to the FWHM of a PSF,"""

WRONG: dict[Degree, tuple[tuple[float, ...], tuple[float, ...]]] = {
    3: ((0.75, 0.25, 0.1, 0.036, 0.014, 6e-3, 2e-3, 5e-4), (0.5, 0.25, 0.05, 0.012, 6e-3, 3e-3, 1e-3, 4e-4)),
    4: ((0.65, 0.2, 0.065, 0.022, 7e-3, 2.1e-3, 5e-4, 7e-5), (0.5, 0.25, 0.04, 9e-3, 3e-3, 1.2e-3, 3.5e-4, 7e-5)),
    5: ((0.6, 0.2, 0.06, 0.016, 5e-3, 1.3e-3, 2.2e-4, 2e-5), (0.5, 0.25, 0.045, 0.01, 2e-3, 5.5e-4, 1.3e-4, 2e-5)),
}
"""and the largest error of a lone star over its peak, by the degree of splines, where one cell is a spaxel and where
several are: measured with Gaussians, anywhere in a spaxel."""

FAR = 5
"""Standard deviations from its centre within which a line has all its light but for 6e-7."""


def coarse_library(telescope: Telescope) -> str | None:
    """Where the library's resolution is worse than the telescope's, in a sentence; None where it is not."""
    excess, best = (np.asarray(found, np.float64) for found in resolution_of(telescope))
    observed = telescope.ssp.rest.centres() * (1 + float(telescope.target.redshift))
    edges = telescope.wavelengths.edges()
    coarse = (excess < 0) & (observed > edges[0]) & (observed < edges[-1])
    if not coarse.any():
        return None
    return (
        f"the library is coarser than the telescope's line spread function from {observed[coarse][0]:.0f} to "
        f"{observed[coarse][-1]:.0f} angstrom: the best FWHM it allows there at this redshift is "
        f"{best[coarse].max():.3f} angstrom"
    )


@kept
def resolution_of(telescope: Telescope) -> tuple[Float[Array, " rest"], Float[Array, " rest"]]:
    """Variance of lines that the library leaves to the telescope, and the least FWHM that it allows, all observed."""
    ssp, stretch = telescope.ssp, 1 + telescope.target.redshift
    fwhm, wave = ssp.fwhm * stretch, jnp.asarray(ssp.rest.centres(), ssp.fwhm.dtype) * stretch
    return telescope.lsf.excess(wave, fwhm, telescope.wavelengths), telescope.lsf.best(
        wave, fwhm, telescope.wavelengths
    )


def held_widths(telescope: Telescope) -> str | None:
    """That channels lie beyond the wavelengths at which the resolution is known, in a sentence; None if none do."""
    (low, high), edges = telescope.lsf.range, telescope.wavelengths.edges()
    if low <= edges[0] and edges[-1] <= high:
        return None
    return (
        f"the width of the line spread function is known from {low:.0f} to {high:.0f} angstrom, and the telescope "
        f"observes {edges[0]:.0f} to {edges[-1]:.0f}: beyond its ends it is held"
    )


def cut_blur(telescope: Telescope) -> str | None:
    """What a line spread function of place does not mix as well as was asked, in a sentence; None where all is well."""
    lsf = telescope.lsf
    if not isinstance(lsf, FieldLSF):
        return None
    (low, high), widths = lsf.spread, np.asarray(lsf.widths, np.float64)
    if widths.min() < low * (1 - ROUNDING) or widths.max() > high * (1 + ROUNDING):
        return (
            f"relative widths of lines reach from {widths.min():.3g} to {widths.max():.3g}, and those that the line "
            f"spread function mixes from {low:.3g} to {high:.3g}: raise telescope.lsf.spread"
        )
    if lsf.reach >= REACHED * (sigma := float(lsf.farthest(telescope.wavelengths))):
        return None
    return (
        f"the broadest blur of the line spread function has a standard deviation of {sigma:.1f} channels, and is cut "
        f"{lsf.reach} from its centre; raise telescope.lsf.reach"
    )


def uneven_lines(telescope: Telescope) -> str | None:
    """That a cube states the resolution of some of its spaxels, in a sentence; None where it is that of all."""
    if not isinstance(telescope.lsf, FieldLSF):
        return None
    widths = np.asarray(telescope.lsf.widths, np.float64)
    return (
        f"lines are up to {widths.max() / widths.min():.3g} times as wide in some spaxels as in others: the resolution "
        "that the cube states is that of the sharpest"
    )


def unseen_width(telescope: Telescope, below: float = math.inf) -> str | None:
    """What a PSF that is narrow against the spaxels does to a star, in a sentence; None where nothing is to be said.

    Of a FWHM below some spaxels: a lone star shows what the light of many averages out.
    """
    psf, spaxels = telescope.psf, telescope.spaxels
    sides, width = np.asarray(spaxels.known_sides), psf.sharpest()
    if isinstance(psf.spread, GaussianSpread):
        across = float(psf.spread.fwhm) / sides.max()
        if across == 0:
            return "the PSF has no width: all light of a star is in the spaxel that holds it, its place has no gradient"
        if across >= NARROW:
            return None
        return (
            f"the PSF is {across:.2g} of a spaxel wide and integrated over the spaxels, to 1e-3 of the peak: a star "
            "has a gradient by its place only so near to the edge of a spaxel"
        )
    if spaxels.degree == 0 or not math.isfinite(width) or width >= below * sides.max():
        return None
    counts = zip(sides, spaxels.oversampling, strict=True)
    error = max(unseen(width / side, count, spaxels.degree) for side, count in counts)
    if error < (UNRESOLVED if width >= NARROW * sides.max() else NEGLIGIBLE):
        return None
    across, up = spaxels.oversampling
    return (
        f"the PSF is {width / sides.max():.2g} of a spaxel wide, with {across} x {up} cells to a spaxel: a star in the "
        f"worst place is wrong by up to {error:.1%} of its peak; raise telescope.spaxels.oversampling, or take the PSF "
        "for a narrow-gaussian"
    )


def unseen(across: float, cells: int, degree: Degree = 3) -> float:
    """Largest error of a lone star over its peak, for a FWHM [spaxel], cells to a spaxel and a degree from 3 on."""
    return float(np.exp(np.interp(across * cells, SEEN, np.log(WRONG[degree if degree > 3 else 3][min(cells, 2) - 1]))))


def line_widths(
    lsf: AbstractLSF, library: AbstractLibrary, wavelengths: AbstractWavelengths, redshift: float
) -> tuple[float, float]:
    """Standard deviations of the narrowest and of the broadest line that a telescope records [km/s].

    Library and pixel are in them; the narrowest that is no Gaussian has that of the Gaussian that is as hard to
    interpolate. At a redshift, and where the library reaches the wavelengths if it does anywhere.
    """
    stretch, wave = 1 + redshift, wavelengths.centres()
    reached = (wave > library.wavelength[0] * stretch) & (wave < library.wavelength[-1] * stretch)
    wave = wave[reached] if reached.any() else wave
    # A line that the library does not resolve is as broad as its pixel.
    resolution = np.maximum(library.fwhm, np.gradient(library.wavelength))
    fwhm = np.interp(wave / stretch, library.wavelength, resolution) * stretch
    found = recorded(lsf, real(wave), real(fwhm), wavelengths)
    narrowest, excess = (np.asarray(of, np.float64) for of in found)
    pixel = np.interp(wave, wavelengths.centres(), wavelengths.widths())
    broadest = np.sqrt(np.maximum(excess, 0) + (fwhm / FWHM_OF_GAUSSIAN) ** 2 + pixel**2 / 12)
    return float((narrowest / wave).min() * SPEED_OF_LIGHT), float((broadest / wave).max() * SPEED_OF_LIGHT)


def in_range(emission: AbstractEmission, wavelengths: AbstractWavelengths, redshift: float, speed: float) -> list[bool]:
    """Whether lines of emitters up to a speed [km/s] may lie in the channels."""
    low, high = wavelengths.vacuum_edges()[[0, -1]] / (1 + redshift) * (1 + np.array([-1, 1]) * speed / SPEED_OF_LIGHT)
    return [bool(low < line.wavelength < high) for line in emission.lines]


def lines_recorded(
    emission: AbstractEmission, redshift: float, lsf: AbstractLSF, wavelengths: AbstractWavelengths
) -> tuple[float, int]:
    """Standard deviation of the narrowest line in the channels [km/s], and how far the broadest reaches [pixel].

    Without the motions of emitters; of channels in which there is none, as if there were in all.
    """
    edges = wavelengths.edges()
    wave = np.array([line.wavelength for line in emission.lines]) * (1 + redshift)
    there = (wave > edges[0]) & (wave < edges[-1])
    own = np.sqrt(np.asarray(emission.variances(), np.float64)) / SPEED_OF_LIGHT
    wave, own = (wave[there], own[there]) if there.any() else (wavelengths.centres(), np.full(wavelengths.size, 1e-5))
    fwhm, pixel = FWHM_OF_GAUSSIAN * own * wave, np.interp(wave, wavelengths.centres(), wavelengths.widths())
    narrowest, excess = (np.asarray(of, np.float64) for of in recorded(lsf, real(wave), real(fwhm), wavelengths))
    broadest = np.sqrt(np.maximum(excess, 0) + (own * wave) ** 2)
    return float((narrowest / wave).min() * SPEED_OF_LIGHT), math.ceil(FAR * (broadest / pixel).max()) + 1


@kept
def recorded(
    lsf: AbstractLSF, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
) -> tuple[Float[Array, " wave"], Float[Array, " wave"]]:
    """The narrowest line that is recorded of a library's, and the variance that is added to it."""
    return lsf.narrowest(wave, fwhm, wavelengths), lsf.excess(wave, fwhm, wavelengths)


def coarse_channels(telescope: Telescope) -> str | None:
    """That the velocity nodes are too far apart for the lines, in a sentence; None where they are not."""
    error = float(error_between_nodes(telescope.limited_to(telescope.kinematics.spacing)))
    if not error >= VISIBLE:
        return None
    return (
        f"the spectrum of a star whose velocity lies half-way between two nodes, {telescope.kinematics.spacing:g} km/s "
        f"apart, is wrong by up to {error:.0%} of its peak: lower telescope.kinematics.spacing"
    )


@kept
def error_between_nodes(telescope: Telescope) -> Float[Array, ""]:
    """The largest error of a spectrum half-way between two velocity nodes, over its peak, of all in the library.

    A star that recedes is one at rest at a higher redshift, where it lies on a node.
    """
    ssp, kinematics, redshift = telescope.ssp, telescope.kinematics, telescope.target.redshift
    populations = ssp.populations()
    shift = kinematics.spacing / 2 / SPEED_OF_LIGHT

    def seen(of: tuple[Float[Array, ""], Float[Array, ""]]) -> Float[Array, "population wave"]:
        velocity, redshift = of
        stars = dataclasses.replace(populations, velocity=populations.velocity + velocity)
        place, mixture = kinematics.locate(stars), ssp.coefficients(stars)
        nodes = telescope.respond(ssp.spectra(), redshift)
        basis = jnp.einsum("n,nbw->bw", place.weight[0], nodes[place.index[0]], precision=HIGHEST)
        return mixture.gather(basis) if isinstance(mixture, Stencil) else jnp.matmul(mixture, basis, precision=HIGHEST)

    velocities = jnp.asarray([SPEED_OF_LIGHT * math.tanh(shift), 0.0], redshift.dtype)
    found, truth = jax.lax.map(seen, (velocities, jnp.stack([redshift, (1 + redshift) * math.exp(shift) - 1])))
    return jnp.max(jnp.abs(found - truth).max(axis=1) / truth.max(axis=1))


@dataclass(frozen=True)
class Sight:
    """What a telescope sees of a galaxy."""

    field: float
    """Fraction of the mass on the field of view."""
    channels: float
    """Fraction of the mass within the velocity channels; the rest is held at their ends."""
    library: float
    """Fraction of the mass within the grid of the library."""
    wavelengths: float
    """Fraction of the detector's channels that the library reaches at every velocity."""
    psf: float
    """Fraction of a point source's light that the kernel of the PSF holds."""
    fastest: float
    """Largest speed along the line of sight [km/s]."""


def sight(found: Mapping[str, Float[Array, ""]]) -> Sight:
    """What `see` returned, on the host."""
    return Sight(**{name: float(value) for name, value in found.items()})


def look(telescope: Telescope, stars: Stars) -> Sight:
    """A first look at all stars, block by block."""
    size, found = min(BLOCK, stars.count), []
    for block in stars.blocks(size):
        found.append((float(np.asarray(block.mass, np.float64).sum()), sight(see(telescope, block.filled(size)))))
    total = sum(mass for mass, _ in found) or 1.0
    field, channels, library = (
        sum(mass * getattr(seen, name) for mass, seen in found) / total for name in ("field", "channels", "library")
    )
    any_of = found[0][1]
    top = min(max(seen.fastest for _, seen in found), SPEED_OF_LIGHT)
    return Sight(field, channels, library, any_of.wavelengths, any_of.psf, top)


@kept
def see(telescope: Telescope, particles: Particles) -> dict[str, Float[Array, ""]]:
    """What is represented of some stars, and the largest speed along the line of sight, by the names of `Sight`."""
    fractions, fastest = telescope.coverage(particles), jnp.abs(telescope.project(particles).velocity).max()
    return {field.name: getattr(fractions, field.name) for field in fields(fractions)} | {"fastest": fastest}


def fastest(orientation: AbstractOrientation, target: AbstractTarget, stars: Stars) -> float:
    """The largest speed along the line of sight [km/s]."""
    speeds = [float(np.abs(block).max()) for block in line_of_sight(orientation, target, stars)]
    return min(max(speeds), SPEED_OF_LIGHT)


def lost_light(sight: Sight) -> list[str]:
    """What the telescope does not represent, one sentence for each reason that matters."""
    findings = []
    if (lost := 1 - sight.field) > NEGLIGIBLE:
        findings.append(f"{lost:.1%} of the formed mass lies outside the field of view")
    if (lost := 1 - sight.library) > NEGLIGIBLE:
        findings.append(
            f"{lost:.1%} of the formed mass lies outside the library's grid of ages and metallicities: held at its edge"
        )
    return findings + outgrown(sight)


def lost_lines(telescope: Telescope, number: int, stream: Stars | Cells) -> list[str]:
    """What the telescope does not represent of a source, counted from one, one sentence for each reason."""
    size, found = min(BLOCK, stream.count), []
    for block in stream.blocks(size):
        found.append(jax.tree.map(float, see_source(telescope, number, block.filled(size))))
    total = sum(one["luminosity"] for one in found)
    if not total > 0:
        return []
    lost = {
        name: 1 - sum(one["luminosity"] * one[name] for one in found) / total for name in ("field", "channels", "known")
    }
    name = telescope.sources[number - 1].name
    sentences = {
        "field": f"of the light of {name} lies outside the field of view",
        "channels": f"of the light of {name} moves too fast for its velocity channels, and is held at the last: raise "
        "telescope.gas_kinematics.reach",
        "known": f"of the light of {name} lies beyond the metallicities that its calibration holds for: held at its "
        "ends",
    }
    return [f"{lost[name]:.1%} {words}" for name, words in sentences.items() if lost[name] > NEGLIGIBLE]


def short_table(telescope: Telescope) -> str | None:
    """Whether the spectrum of a nucleus ends within the telescope's wavelengths; None if none does."""
    redshift = float(telescope.target.redshift)
    for source in telescope.sources:
        if isinstance(source, PointSource) and isinstance(table := source.continuum, TabulatedContinuum):
            shift = (1 + redshift) * np.exp(np.arctanh(float(source.velocity) / SPEED_OF_LIGHT)) - 1
            reached = table.kinematics.reached(table.rest, telescope.wavelengths, real(shift))
            if dark := int((~np.asarray(reached)).sum()):
                return (
                    f"the spectrum of the nucleus reaches from {table.rest.centres()[0]:.6g} to "
                    f"{table.rest.centres()[-1]:.6g} angstrom at rest: it is dark in {dark} of the "
                    f"{telescope.wavelengths.size} channels, which lie beyond"
                )
    return None


@kept
def see_source(telescope: Telescope, number: int, emitters: AbstractEmitters) -> dict[str, Float[Array, ""]]:
    """What is represented of some of a source, by the names of `SourceCoverage`."""
    found = telescope.coverage_of(number, emitters)
    return {field.name: getattr(found, field.name) for field in fields(found)}


def outgrown(sight: Sight) -> list[str]:
    """Which limits of the telescope itself the numbers have left, one sentence each."""
    findings = []
    if (lost := 1 - sight.channels) > NEGLIGIBLE:
        findings.append(
            f"{lost:.1%} of the formed mass moves too fast for the velocity channels: its light is kept, at the "
            f"velocity of the last, and its own has no gradient; the fastest star has {sight.fastest:.0f} km/s "
            "along the line of sight; raise telescope.kinematics.reach"
        )
    if (lost := 1 - sight.wavelengths) > 0:
        findings.append(
            f"{lost:.1%} of the detector's channels lie where the library ends at this redshift: they are not numbers; "
            "match it to a range of redshifts, or mask them"
        )
    if (lost := 1 - sight.psf) > BROAD:
        findings.append(
            f"{lost:.1%} of a point source's light belongs beyond the kernel of the PSF, and is spread evenly within "
            "it; raise telescope.psf.reach"
        )
    return findings


def shortcomings(model: Any) -> list[str]:
    """Which limits of a telescope its numbers, as they are now, have left, one sentence each.

    A number that is free, or drawn from a prior, may leave what the telescope was made for: the redshift its library,
    the width of the PSF its kernel, the velocities their channels. Gradients do not tell. Ask at the start of a fit,
    and at its end. What is true of some arms of a spectrograph only says of which.

    Args:
        model: An `Observation`; or a `Telescope` or `Spectrograph`, of which all is told that has to do with no
            galaxy. Of other models nothing is known, nor of one whose numbers are traced.
    """
    if not isinstance(model, Observation | Telescope | Spectrograph):
        return []
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(model)):
        return []
    seeing = model.telescope if isinstance(model, Observation) else model
    stars = particles_of(model.galaxy) if isinstance(model, Observation) else None
    if isinstance(seeing, Telescope):
        return of_telescope(seeing, stars)
    return of_arms({name: of_telescope(seeing[name], stars) for name in seeing.arms})


def of_arms(found: Mapping[str, Collection[str]]) -> list[str]:
    """What is said of the arms of a spectrograph, each once; what is true of some only says of which."""
    sentences = dict.fromkeys(sentence for told in found.values() for sentence in told)
    told = []
    for sentence in sentences:
        names = [name for name in found if sentence in found[name]]
        told += [sentence] if len(names) == len(found) else [sentence + of_arm(name) for name in names]
    return told


def of_telescope(telescope: Telescope, stars: Stars | None) -> list[str]:
    """The shortcomings of one telescope before some stars, or before none."""
    if stars is None:
        reached, held = instrument(telescope)
        found = outgrown(Sight(1.0, 1.0, 1.0, float(reached), float(held), 0.0))
    else:
        found = outgrown(look(telescope, stars))
    return [*found, *filter(None, [unseen_width(telescope, NARROW), *moved_fibres(telescope), *cut_lines(telescope)])]


def cut_lines(telescope: Telescope) -> list[str]:
    """That lines reach further than they are made for, a sentence for each source."""
    redshift, found = float(telescope.target.redshift), []
    for source in telescope.sources:
        if isinstance(source, EmissionLines):
            _, needed = lines_recorded(source.emission, redshift, telescope.lsf, telescope.wavelengths)
            if needed > source.reach:
                found.append(
                    f"lines of gas are {needed} pixels wide on either side, and are cut at {source.reach}: raise the "
                    "reach of EmissionLines"
                )
    return found


def moved_fibres(telescope: Telescope) -> list[str]:
    """What the fibres of a bundle, or an aperture, have outgrown of what they were told, one sentence each."""
    plane, spaxels = telescope.focal_plane, telescope.spaxels
    if not isinstance(plane, Aperture | FibreBundle):
        return []
    scene, found = spaxels.scene, []
    if (needed := cells_beyond(plane.footprint, plane.seeing(scene), scene, spaxels.size) + 1) > plane.reach:
        found.append(
            f"elements collect light from up to {needed} cells around the field, and get it from {plane.reach}: raise "
            "telescope.focal_plane.reach"
        )
    if not isinstance(plane, FibreBundle):
        return found
    across = cells_across(plane.footprint, plane.nodes, scene) - SPARE
    if plane.cells is not None and across > plane.cells:
        found.append(
            f"a fibre touches up to {across} cells along an axis, and is read from {plane.cells}: raise "
            "telescope.focal_plane.cells"
        )
    if plane.near is not None and (near := plane.next_to(scene)) > plane.near:
        found.append(
            f"up to {near} elements have a weight in a row of spaxels, and {plane.near} of them are taken: raise "
            "telescope.focal_plane.near"
        )
    return found


@eqx.filter_jit
def instrument(telescope: Telescope) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of the channels what the library reaches, and of a point source what the kernel of the PSF holds."""
    scene = telescope.spaxels.scene
    return telescope.reached().astype(scene.sides.dtype).mean(), telescope.psf.held(scene)


def warn_of(sentences: Collection[str], told: Collection[str] = ()) -> list[str]:
    """Warns with sentences, but for those that were told before; all of them."""
    for sentence in sentences:
        if sentence not in told:
            warnings.warn(sentence, stacklevel=3)
    return [*sentences]


def dark_gas(emission: AbstractEmission, gas: Cells | None) -> str | None:
    """That no line of the gas of a galaxy shines, in a sentence; None where one does, or lines are those of stars.

    Of gas in a file no more is read than up to the first that shines.
    """
    if emission.of_stars or not emission.size:
        return None
    if gas is None or not gas.count:
        return "the galaxy has no gas: there are no emission lines"
    size, forming = min(BLOCK, gas.count), 0
    for block in gas.blocks(size):
        if brightest(emission, block.filled(size)) > 0:
            return None
        forming += int(np.sum(np.asarray(block.star_formation_rate) > 0))
    how = f"though {forming} of them form stars" if forming else "none of them forms stars"
    return f"nothing shines in the {gas.count} cells of gas, {how}: there are no emission lines"


@kept
def brightest(emission: AbstractEmission, gas: Gas) -> Float[Array, ""]:
    """The largest luminosity of an element in a cell [solar luminosity]."""
    return jnp.max(jnp.abs(emission.coefficients(gas)))


def out_of_sight(target: AbstractTarget) -> str | None:
    """Why a target cannot be observed, in a sentence; None where it can."""
    flux, scale, distance = (float(value) for value in seen_from_here(target))
    if 0 < flux < np.inf and 0 < scale < np.inf:
        return None
    return (
        f"at redshift {float(target.redshift):g} it is at a luminosity distance of "
        f"{distance:g} Mpc, where light and size are not finite numbers; "
        'give another redshift, or {"kind": "fixed"} with a distance in Mpc'
    )


@kept
def seen_from_here(target: AbstractTarget) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Flux of one solar luminosity, apparent size of a length, luminosity distance."""
    return target.flux_per_luminosity(), target.arcsec_per_kpc(), target.luminosity_distance()


def voxels(stages: Mapping[str, Any], wavelengths: AbstractWavelengths, *, basis: int = 1) -> int:
    """Numbers that an observation holds at the very least: weights and cube twice, templates and axes once.

    And what elements that are no spaxels collect, and their spectra.
    """
    tall, wide = stages["spaxels"].scene_shape(stages["psf"].margin + stages["focal_plane"].margin)
    kinds = stages["kinematics"].size * stages["dust"].size * basis
    (y, x), plane = stages["spaxels"].shape, stages["focal_plane"]
    elements = 0 if plane.of_spaxels else math.prod(plane.element_shape(stages["spaxels"].scene))
    return 2 * tall * wide * kinds + elements * kinds + (elements + 2 * y * x + kinds + 20) * wavelengths.size


def beyond_memory(numbers: int) -> str | None:
    """Why so many numbers in single precision cannot be held, in a sentence; None where they can."""
    there = memory()
    if there is None or 4 * numbers <= there:
        return None
    return (
        f"it needs at least {4 * numbers // 10**9} GB of memory and there are {there // 10**9}; take fewer particles, "
        "spaxels, channels or velocity nodes, a lower rank, or a PSF of shorter reach"
    )


def memory() -> int | None:
    """Memory of the device, or of the machine [byte]; None where the system does not tell."""
    try:
        limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
        return limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except AttributeError:
        return None


def beyond_counting(telescope: Telescope) -> str | None:
    """Why the weights cannot be counted in 32 bits, in a sentence; None where they can."""
    tall, wide = telescope.spaxels.scene_shape(telescope.margin)
    if tall * wide * telescope.kinds < 2**31:
        return None
    none = np.zeros(1, np.float32)
    try:
        eqx.filter_eval_shape(
            telescope.weights, Particles(none[:, None] * np.ones(3), none[:, None] * np.ones(3), none, none, none)
        )
    except ValueError as error:
        return str(error)
    return None
