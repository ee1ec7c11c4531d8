"""How long to expose, and what an exposure is worth: from an instrument's numbers and a sky to noise, and back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeGuard

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths
from ifux.grids.base import Grid
from ifux.noise import AbstractNoise, ExposureNoise, PoissonNoise, TargetSNRNoise
from ifux.sky import Curve, Sky
from ifux.sky.curve import in_vacuum
from ifux.typing import Limits, real
from ifux.units import ab_flux

Above = Annotated[float, Limits(above=0)]
Least = Annotated[float, Limits(least=0)]

BLIND = 1e-6
"""The least transmission that counts: noise stays finite where an atmosphere lets nothing through."""


def exposure_noise(
    throughput: Curve,
    sky: Sky,
    collecting_area: Above,
    time: Above,
    read_noise: Least,
    dark: Least,
    pixels: Above,
    count: Above = 1.0,
    gain: Least = 0.0,
    sky_noise: Least = 0.0,
    residual: Least = 0.0,
    full_well: float | None = None,
    filter: Curve | None = None,
    least_transmission: Annotated[float, Limits(least=0, most=1)] = 0.0,
    form: Literal["gaussian", "poisson"] = "gaussian",
    *,
    observed: AbstractWavelengths,
    element_area: float,
) -> ExposureNoise | PoissonNoise:
    """The noise of an exposure on the channels of a telescope.

    Args:
        throughput: Of telescope, spectrograph and detector.
        sky: Its light and its transmission.
        collecting_area: Of the mirror [m2].
        time: Of one exposure [s].
        read_noise: [electron/pixel].
        dark: [electron/hour/pixel].
        pixels: Of the detector for an element and a channel.
        count: Number of exposures.
        gain: [electron/count].
        sky_noise: Variance of the sky that is subtracted, over that of the sky in the element.
        residual: What subtraction leaves of the sky, rms over the sky.
        full_well: [electron/pixel].
        filter: What lets light through beside them: an edge, or a band.
        least_transmission: Of atmosphere and filter together, on the mean over a channel: one with less has no data.
        form: Of the noise: normal, with a gradient; or counted one by one.
        observed: Channels of the telescope.
        element_area: Of a spaxel or fibre [arcsec2].

    Raises:
        InputError: a table does not reach all channels.
    """
    radiance, transmission = sky.on(observed)
    noise = ExposureNoise(
        wavelengths=observed,
        throughput=throughput.on(observed),
        transmission=np.maximum(transmission, BLIND),
        sky=radiance,
        element_area=element_area,
        collecting_area=collecting_area,
        time=time,
        count=count,
        read_noise=read_noise,
        dark=dark,
        pixels=pixels,
        gain=gain,
        sky_noise=sky_noise,
        residual=residual,
        filter=None if filter is None else np.maximum(filter.on(observed), BLIND),
        least_transmission=least_transmission,
        full_well=full_well,
    )
    return noise if form == "gaussian" else PoissonNoise(noise)


def masked(observed: Grid, noise: AbstractNoise) -> Grid:
    """The channels, with gaps where too little light comes through for data."""
    blind = np.zeros(observed.size + 2, int)
    for exposure in exposures(noise):
        blind[1:-1] |= np.asarray(exposure.blind()) & ~observed.missing()
    if not blind.any():
        return observed
    edges, ends = observed.edges(), np.diff(blind)
    found = zip(edges[np.flatnonzero(ends > 0)], edges[np.flatnonzero(ends < 0)], strict=True)
    return replace(observed, gaps=(*observed.gaps, *found))


def exposures(noise: AbstractNoise) -> list[ExposureNoise]:
    """That of a noise stage, if it has one, be it inside another."""

    def exposed(node: object) -> TypeGuard[ExposureNoise]:
        return isinstance(node, ExposureNoise)

    return [node for node in jax.tree.leaves(noise, is_leaf=exposed) if exposed(node)]


def flat_throughput(value: Annotated[float, Limits(above=0, most=1)]) -> Curve:
    """The same throughput at all wavelengths."""
    return Curve.flat("throughput", value)


def table_throughput(
    wavelength: tuple[float, ...], value: tuple[float, ...], medium: Literal["air", "vacuum"] = "vacuum"
) -> Curve:
    """The throughput at some wavelengths [angstrom], and straight lines between them."""
    return Curve("throughput", in_vacuum(np.array(wavelength), medium), np.array(value))


def target_snr(
    snr: Above,
    per: Literal["channel", "angstrom"] = "channel",
    band: tuple[float, float] | None = None,
    radius: float | None = None,
    surface_brightness: float | None = None,
    *,
    observed: AbstractWavelengths,
    element_area: float,
    places: Float[np.ndarray, "place 2"],
) -> TargetSNRNoise:
    """Noise for a signal-to-noise ratio, of what and where.

    Args:
        snr: The ratio.
        per: Of one channel, or of as many as an angstrom has.
        band: Of the mean signal: first and last wavelength [angstrom], in the medium of the telescope; else all.
        radius: At which the signal is taken, as a mean over spaxels [arcsec]; else that of the brightest.
        surface_brightness: In place of the cube's signal, one as bright at all frequencies [AB mag/arcsec2].
        observed: Channels of the telescope.
        element_area: Of a spaxel or fibre [arcsec2].
        places: Of the spaxels, east and north of the galaxy's centre [arcsec].

    Raises:
        InputError: no channel lies in the band, or no spaxel at the radius, or two signals are asked for.
    """
    if radius is not None and surface_brightness is not None:
        raise InputError("a signal is taken at a radius or has a surface brightness, not both")
    share = None if band is None else inside(band, observed)
    counted = np.ones(observed.size) if share is None else share
    widths = np.diff(observed.edges())
    channels = 1.0 if per == "channel" else counted.sum() / (counted @ widths)
    ring = None if radius is None else at_radius(radius, places, element_area)
    signal = None
    if surface_brightness is not None:
        signal = element_area * ab_flux(surface_brightness, centres_in_vacuum(observed)) @ counted / counted.sum()
    return TargetSNRNoise(snr, channels, share, ring, signal)


def inside(band: tuple[float, float] | None, observed: AbstractWavelengths) -> Float[np.ndarray, " wave"]:
    """How much of each channel lies in a band [angstrom], or in all; of one in a gap nothing."""
    edges = observed.edges()
    low, high = edges[[0, -1]] if band is None else band
    share = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None) / np.diff(edges)
    share = np.where(observed.missing(), 0, share)
    if share.sum() == 0:
        raise InputError(
            f"no channel lies between {low:g} and {high:g} angstrom: they reach from {edges[0]:.1f} to {edges[-1]:.1f}"
        )
    return share


def at_radius(radius: float, places: Float[np.ndarray, "place 2"], element_area: float) -> Float[np.ndarray, " place"]:
    """Which spaxels lie within half a spaxel of a radius."""
    distance = np.abs(np.hypot(*places.T) - radius)
    ring = (distance <= element_area**0.5 / 2).astype(np.float64)
    if not ring.any():
        raise InputError(
            f"no spaxel lies {radius:g} arcsec from the centre of the galaxy: they reach to "
            f"{np.hypot(*places.T).max():.1f} arcsec"
        )
    return ring


def centres_in_vacuum(observed: AbstractWavelengths) -> Float[np.ndarray, " wave"]:
    """[angstrom]."""
    edges = observed.vacuum_edges()
    return (edges[1:] + edges[:-1]) / 2


@dataclass(frozen=True)
class Spectroscopy:
    """What an exposure makes of light that is even over an aperture."""

    wavelengths: AbstractWavelengths
    signal: Float[np.ndarray, " wave"]
    """In the aperture [1e-20 erg/s/cm2/angstrom]."""
    snr: Float[np.ndarray, " wave"]
    """Of every channel."""
    share: Float[np.ndarray, " wave"]
    """How much of a channel lies in the band that is asked about."""
    saturated: bool
    """Whether a pixel is full anywhere in the band."""

    @property
    def per_channel(self) -> float:
        """Mean over the band."""
        return float(self.snr @ self.share / self.share.sum())

    @property
    def per_angstrom(self) -> float:
        """Mean over the band."""
        return float((self.snr / np.sqrt(np.diff(self.wavelengths.edges()))) @ self.share / self.share.sum())

    def of(self, per: Literal["channel", "angstrom"]) -> float:
        """Either."""
        return self.per_channel if per == "channel" else self.per_angstrom


def spectroscopy(
    noise: AbstractNoise,
    brightness: Float[np.ndarray, " wave"],
    *,
    elements: float = 1.0,
    band: tuple[float, float] | None = None,
) -> Spectroscopy:
    """The signal-to-noise ratio of a surface brightness.

    Args:
        noise: Of the exposure.
        brightness: Above the atmosphere [1e-20 erg/s/cm2/angstrom/arcsec2].
        elements: Spaxels that are added up.
        band: About which is asked: first and last wavelength [angstrom], in the medium of the telescope; else all.

    Raises:
        InputError: no channel lies in the band.
    """
    exposure = plain(noise)
    observed = exposure.wavelengths
    share = inside(band, observed)
    flux = real(brightness) * exposure.element_area
    variance = np.asarray(exposure.variance(flux[None]), np.float64)[0]
    signal, full = np.asarray(flux, np.float64), np.asarray(exposure.saturated(flux[None]))[0]
    snr = signal / np.sqrt(variance) * elements**0.5
    return Spectroscopy(observed, elements * signal, snr, share, bool((full & (share > 0)).any()))


def plain(noise: AbstractNoise) -> ExposureNoise:
    """The exposure of a noise stage: its normal form, with the same variance.

    Raises:
        InputError: it is not that of an exposure.
    """
    if isinstance(noise, PoissonNoise):
        return noise.exposure
    if not isinstance(noise, ExposureNoise):
        raise InputError(f"the noise is {type(noise).__name__}, of no exposure: state one, with kind exposure")
    return noise


def needed(reached: Callable[[float], float], wanted: float) -> float:
    """The least number for which a growing function reaches a value, to a millionth; infinite where it never does."""
    low, high = 1e-9, 1.0
    while reached(high) < wanted:
        low, high = high, 4 * high
        if high > 1e15:
            return float("inf")
    while high / low > 1 + 1e-6:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
    return high


def with_exposures(noise: ExposureNoise, *, time: float | None = None, count: float | None = None) -> ExposureNoise:
    """The same noise in exposures of another length, or in more of them."""
    return eqx.tree_at(
        lambda n: (n.time, n.count),
        noise,
        (noise.time if time is None else real(time), noise.count if count is None else real(count)),
    )
