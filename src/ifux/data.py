"""What a telescope recorded: flux, its variance, and which of it counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntFlag
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths


class Reason(IntFlag):
    """Why a voxel does not count; several may hold at once."""

    NOT_A_NUMBER = 1
    """Its flux is not a number, or infinite."""
    NO_VARIANCE = 2
    """Its variance is zero, negative, infinite or not a number, though the file has variances."""
    FLAGGED = 4
    """The survey's own mask says that it is not to be used, or that nothing was observed there."""
    FOREGROUND = 8
    """The survey's own mask says that a star stands in front."""
    CUT = 16
    """Whoever analyses it has left it out."""


@final
@dataclass(frozen=True)
class Data:
    """An observed cube on the host, as its file has it, in our units: x grows to the west where its place is known.

    Row-stacked spectra are a field of one row, whose spaxels have no sides.
    """

    flux: Float[np.ndarray, "wave y x"]
    """Flux density [1e-20 erg/s/cm2/angstrom per spaxel]."""
    wavelengths: AbstractWavelengths
    """The wavelength axis."""
    pitch: tuple[float, float] | None
    """Sides of a spaxel along x and y [arcsec]; None where spectra are of no field."""
    variance: Float[np.ndarray, "wave y x"] | None = None
    """Variance of the noise, in the square of the unit of the flux; None where the file has none."""
    reasons: UInt8[np.ndarray, "wave y x"] | None = None
    """Why voxels do not count, as sums of `Reason`; None where all do."""
    position: tuple[float, float] | None = None
    """Right ascension and declination of the centre of the field [degree]; None where the file does not say."""
    position_angle: float = 0.0
    """Of the axis y, north through east [degree]."""
    mirrored: bool = False
    """Whether x grows to the east in the file."""
    places: Float[np.ndarray, "x 2"] | None = None
    """Of row-stacked spectra: where they were taken, to the east and north of the object [arcsec]."""
    psf: dict[str, Any] | None = None
    """The PSF that the file states, as a description of a telescope has it."""
    resolution: Float[np.ndarray, " wave"] | None = None
    """Full width at half maximum of a line that the file states, in every channel [angstrom]."""
    includes_pixel: bool = False
    """Whether that width is one after the pixel."""
    bins: Int[np.ndarray, "y x"] | None = None
    """The bin that a spaxel belongs to, zero for none; all spaxels of a bin have one spectrum."""
    redshift: float | None = None
    """Of the object, where the file states it."""
    reddening: float | None = None
    """E(B-V) of the Milky Way that the file states [mag]; it is not corrected."""
    unit: str = "1e-20 erg/s/cm2/Angstrom"
    """Of the flux in the file, in whose numbers it is written again."""
    title: str = ""
    """Name of the object."""
    layout: str = ""
    """The survey or the pipeline whose layout the file has."""
    notes: tuple[str, ...] = ()
    """What a careful user should know."""
    headers: tuple[tuple[tuple[str, Any, str], ...], ...] = field(default=(), repr=False)
    """Cards of the primary header and, where it is another, of that of the flux: keyword, value and comment."""

    def __post_init__(self):
        shape = self.flux.shape
        if len(shape) != 3 or shape[0] != self.wavelengths.size:
            raise InputError(f"Data of {self.wavelengths.size} wavelengths must have shape (wave, y, x), got {shape}.")
        for name in ("variance", "reasons"):
            if (array := getattr(self, name)) is not None and array.shape != shape:
                raise InputError(f"Data.{name} has shape {array.shape}, the flux {shape}.")
        if self.bins is not None and self.bins.shape != shape[1:]:
            raise InputError(f"Data.bins has shape {self.bins.shape}, the field {shape[1:]}.")
        if self.resolution is not None and self.resolution.shape != shape[:1]:
            raise InputError(f"Data.resolution has shape {self.resolution.shape} for {shape[0]} channels.")

    @property
    def mask(self) -> Bool[np.ndarray, "wave y x"]:
        """True where the data count."""
        return np.ones(self.flux.shape, bool) if self.reasons is None else self.reasons == 0

    def measured(
        self,
    ) -> tuple[Float[np.ndarray, "y x wave"], Float[np.ndarray, "y x wave"], Bool[np.ndarray, "y x wave"]]:
        """Flux, variance and mask as cubes of a telescope are laid out; not a number where the data do not count.

        Raises:
            InputError: the data have no variance.
        """
        if self.variance is None:
            raise InputError("The data have no variance: say what the noise is.")
        mask = np.moveaxis(self.mask, 0, -1)
        flux, variance = (np.where(mask, np.moveaxis(array, 0, -1), np.nan) for array in (self.flux, self.variance))
        return flux, variance, mask

    def counted(self) -> dict[str, float]:
        """The share of the voxels that each reason leaves out, of those that hold anywhere."""
        if self.reasons is None:
            return {}
        shares = {
            str(reason.name).lower().replace("_", " "): float((self.reasons & reason > 0).mean()) for reason in Reason
        }
        return {name: share for name, share in shares.items() if share > 0}

    def signal_to_noise(self) -> Float[np.ndarray, "y x"]:
        """Median over the channels that count of flux over the root of its variance; not a number where none does.

        Raises:
            InputError: the data have no variance.
        """
        if self.variance is None:
            raise InputError("The data have no variance: say what the noise is before asking for signal to noise.")
        counts = self.mask
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(counts, self.flux / np.sqrt(np.where(counts, self.variance, 1)), np.nan)
        dark = ~counts.any(axis=0)
        ratio[0, dark] = 0
        return np.where(dark, np.nan, np.nanmedian(ratio, axis=0))

    def noise_check(self) -> float:
        r"""How far spectra scatter from channel to channel over what their variances say: 1 for honest ones.

        That of $d_i = f_i - (f_{i-2} + f_{i+2}) / 2$, in which a continuum cancels, over the root of its variance
        $v_i + (v_{i-2} + v_{i+2}) / 4$: 1.4826 times the median of its size. Where resampling has made channels that
        far apart alike it is below one. Not a number where no such three count.

        References: Stoehr et al. (2008), ASP Conf. Ser. 394, 505 (DER_SNR).

        Raises:
            InputError: the data have no variance.
        """
        if self.variance is None:
            raise InputError("The data have no variance that could be checked.")
        counts = self.mask
        inner = counts[2:-2] & counts[4:] & counts[:-4]
        flux, variance = (np.where(counts, array, 1).astype(np.float64) for array in (self.flux, self.variance))
        apart = flux[2:-2] - (flux[4:] + flux[:-4]) / 2
        expected = variance[2:-2] + (variance[4:] + variance[:-4]) / 4
        return float(1.4826 * np.median(np.abs(apart[inner]) / np.sqrt(expected[inner]))) if inner.any() else np.nan

    def cut(
        self,
        x: tuple[int, int] | None = None,
        y: tuple[int, int] | None = None,
        wavelengths: tuple[float, float] | None = None,
        signal_to_noise: float | None = None,
    ) -> "Data":
        """A part of the data, or fewer that count.

        Args:
            x: First spaxel, and that behind the last; counted from the end where negative.
            y: The same along the other axis.
            wavelengths: Channels wholly between two wavelengths of the same medium [angstrom].
            signal_to_noise: Spaxels below it no longer count.

        Raises:
            InputError: nothing is left.
        """
        along, reach = slice(None), self.wavelengths
        if wavelengths is not None:
            low, high = wavelengths
            try:
                reach = self.wavelengths.cut(low, high)
            except ValueError as error:
                raise InputError(f"Data.cut: {error}") from error
            first = int(np.argmin(np.abs(self.wavelengths.centres() - reach.centres()[0])))
            along = slice(first, first + reach.size)
        across = slice(*(x or (None,))), slice(*(y or (None,)))
        part = self._part(along, across[1], across[0], reach)
        if part.flux.size == 0:
            raise InputError(f"Data.cut: no spaxel of {self.flux.shape[2]} x {self.flux.shape[1]} is in x {x}, y {y}.")
        if signal_to_noise is None:
            return part
        faint = ~(part.signal_to_noise() >= signal_to_noise)
        before = np.zeros(part.flux.shape, np.uint8) if part.reasons is None else part.reasons
        return replace(part, reasons=np.where(faint[None], before | np.uint8(Reason.CUT), before))

    def _part(self, along: slice, up: slice, across: slice, wavelengths: AbstractWavelengths) -> "Data":
        cubes = {
            name: None if (array := getattr(self, name)) is None else array[along, up, across]
            for name in ("variance", "reasons")
        }
        tall, wide = self.flux.shape[1:]
        position = self.position
        if position is not None and self.pitch is not None:
            middle = [
                (first + last - size) / 2 for size, (first, last, _) in
                ((wide, across.indices(wide)), (tall, up.indices(tall)))
            ]  # fmt: skip
            position = moved(position, [shift * side for shift, side in zip(middle, self.pitch, strict=True)], self)
        return replace(
            self,
            flux=self.flux[along, up, across],
            wavelengths=wavelengths,
            position=position,
            places=None if self.places is None else self.places[across],
            bins=None if self.bins is None else self.bins[up, across],
            resolution=None if self.resolution is None else self.resolution[along],
            **cubes,
        )


def moved(position: tuple[float, float], shift: Sequence[float], data: Data) -> tuple[float, float]:
    """Right ascension and declination [degree] some way along x, to the west, and y [arcsec] in the tangent plane."""
    angle = np.radians(data.position_angle)
    east = -shift[0] * np.cos(angle) + shift[1] * np.sin(angle)
    north = shift[0] * np.sin(angle) + shift[1] * np.cos(angle)
    xi, eta = np.radians(east / 3600), np.radians(north / 3600)
    ra, dec = np.radians(position)
    below = np.cos(dec) - eta * np.sin(dec)
    return (
        float(np.degrees(ra + np.arctan2(xi, below)) % 360),
        float(np.degrees(np.arctan2(np.sin(dec) + eta * np.cos(dec), np.hypot(xi, below)))),
    )
