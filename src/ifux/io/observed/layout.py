"""A layout of files that hold a cube: which extension is what, and what the file leaves unsaid."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, final

import numpy as np
from jaxtyping import Bool, Float, Int

from ifux.data import Data, Reason
from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, Medium
from ifux.io.observed.axis import of_centres, wavelength_axis
from ifux.io.observed.sky import Plane, plane_of
from ifux.io.observed.units import per_spaxel

ErrorKind = Literal["variance", "sigma", "inverse variance"]
"""What an extension of errors holds."""

CHANNELS = 64
"""Converted together, in double precision."""

FAR = 30.0
"""Scatter over its stated size, or the inverse, from which on an extension holds something else than is thought."""


@final
@dataclass(frozen=True)
class Layout:
    """Where a cube, its errors and its mask are in files of one origin.

    Names of extensions are those they end in, whatever stands before: `DATA` is found as `AGN6.DATA`, too.
    """

    name: str
    recognises: Callable[[Any], bool]
    """Whether an open file is of it; only headers are read."""
    flux: str
    """Extension of the flux; empty for the primary one."""
    error: str = ""
    """Extension of the errors; empty for none."""
    error_kind: ErrorKind = "variance"
    """What it holds."""
    mask: str = ""
    """Extension of the mask; empty for none."""
    bad: int = ~0
    """Bits of it that mean that a voxel is not to be used; all of them by default."""
    foreground: int = 0
    """Bits of it that mean that a star stands in front."""
    unit: Callable[[str], str] = lambda stated: stated
    """Of the flux, from what the file states, which may be nothing or wrong."""
    medium: Medium | None = None
    """Of wavelengths where the file does not say it."""
    wavelengths: Callable[[Any], Float[np.ndarray, " wave"]] | None = None
    """Centres of the channels, where they are not in the header of the flux."""
    calibration: Callable[[Any], Float[np.ndarray, " wave"]] | None = None
    """What flux and the root of its variance are to be multiplied with."""
    absent: Callable[[Any], Bool[np.ndarray, "*voxel"]] | None = None
    """What holds no data, beside what is no number, of the open file: of the shape of the cube, or of its field."""
    facts: Callable[[Any, AbstractWavelengths], dict[str, Any]] = lambda file, wavelengths: {}
    """Fields of the data that the file states in a way of its own: the PSF, the resolution, bins."""
    notes: tuple[str, ...] = ()
    """What a careful user should know of all of them."""


def found(file: Any, name: str, axes: tuple[int, ...] = ()) -> Any:
    """The first extension whose name ends so, with so many axes if that is asked; the primary one for no name."""
    if not name:
        return file[0] if not axes or file[0].header["NAXIS"] in axes else None
    for hdu in file:
        last = hdu.name.upper().replace("_", ".").split(".")[-len(name.replace("_", ".").split(".")) :]
        if ".".join(last) == name.upper().replace("_", ".") and (not axes or hdu.header["NAXIS"] in axes):
            return hdu
    return None


def native(array: Any) -> np.ndarray:
    """In the byte order of the machine, floating-point numbers in at least single precision."""
    array = np.asarray(array)
    kind = array.dtype if array.dtype.kind != "f" else np.promote_types(array.dtype, np.float32)
    return array.astype(kind.newbyteorder("="))


def scaled(array: Any, factor: Float[np.ndarray, " wave"], form: Callable[[Any], Any] = lambda x: x) -> np.ndarray:
    """A cube times a number for each channel, after something else is done to it, in the precision that it has."""
    kind = np.float64 if np.asarray(array).dtype.itemsize > 4 else np.float32
    result = np.empty(array.shape, kind)
    with np.errstate(all="ignore"):
        for first in range(0, len(array), CHANNELS):
            piece = slice(first, first + CHANNELS)
            result[piece] = form(array[piece].astype(np.float64)) * factor[piece, None, None]
    return result


def inverse(array: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """One over it, and not a number where that is none."""
    return np.where(array > 0, 1 / array, np.nan)


FORMS: dict[str, Callable[[Any], Any]] = {"variance": lambda x: x, "sigma": np.square, "inverse variance": inverse}
"""Variances of what an extension holds, in the square of the unit that it has."""


def read_layout(file: Any, path: Any, layout: Layout, stated: dict[str, Any]) -> Data:
    """The data of an open file.

    Args:
        file: Open.
        path: Of it, for messages.
        layout: That it has.
        stated: What the user says: `unit`, `medium`, `error_kind`, `redshift`; it counts.

    Raises:
        InputError: something is missing, or cannot be.
    """
    hdu = found(file, layout.flux, (3,))
    if hdu is None:
        raise InputError(f"{path} holds no cube of layout {layout.name}: no {layout.flux or 'primary'} of three axes.")
    header = hdu.header
    medium = stated.get("medium", layout.medium)
    if layout.wavelengths is None:
        wavelengths = wavelength_axis(header, file, path, medium)
    else:
        wavelengths = of_centres(layout.wavelengths(file), medium, path)
        if wavelengths.size != header["NAXIS3"]:
            raise InputError(f"{path}: it has {wavelengths.size} wavelengths for {header['NAXIS3']} channels.")
    plane = plane_of(header, file, path)
    unit = stated.get("unit") or layout.unit(str(header.get("BUNIT", file[0].header.get("BUNIT", ""))).strip())
    if not unit:
        raise InputError(f"{path} does not say its unit: give unit, such as '1e-20 erg/s/cm2/Angstrom'.")
    factor = per_spaxel(unit, wavelengths, plane.pitch, path)
    if layout.calibration is not None:
        factor = factor * layout.calibration(file)
    flux = scaled(hdu.data, factor)
    kind = stated.get("error_kind", layout.error_kind)
    errors = found(file, layout.error, (3,)) if layout.error else None
    variance, notes = None, list(layout.notes)
    if errors is not None:
        variance = scaled(same(errors, flux.shape, path), factor**2, FORMS[kind])
    else:
        notes.append("the file has no errors")
    reasons = judged(file, path, layout, flux, variance)
    data = Data(
        **{
            "flux": flux, "wavelengths": wavelengths, "pitch": plane.pitch, "variance": variance, "reasons": reasons,
            "position": plane.position, "position_angle": plane.angle, "layout": layout.name, "unit": unit,
            "title": str(header.get("OBJECT", file[0].header.get("OBJECT", ""))).strip(),
            "redshift": stated.get("redshift", redshift_in(file[0].header, header)),
            "reddening": number_in("EBVGAL", file[0].header, header),
            "notes": tuple(notes),
            "headers": headers(file[0], hdu),
            **layout.facts(file, wavelengths),
        }
    )  # fmt: skip
    check_noise(data, kind, path, told="error_kind" in stated)
    return turned_west(data, plane)


def headers(*hdus: Any) -> tuple[tuple[tuple[str, Any, str], ...], ...]:
    """The cards of extensions, once each."""
    return tuple(
        tuple((card.keyword, card.value, card.comment) for card in hdu.header.cards) for hdu in dict.fromkeys(hdus)
    )


def same(hdu: Any, shape: tuple[int, ...], path: Any) -> np.ndarray:
    """The array of an extension that belongs to the flux."""
    if hdu.data.shape != shape:
        raise InputError(f"{path}: {hdu.name} has shape {hdu.data.shape}, the flux {shape}.")
    return hdu.data


def judged(
    file: Any, path: Any, layout: Layout, flux: Float[np.ndarray, "wave y x"], variance: np.ndarray | None
) -> np.ndarray | None:
    """Why voxels do not count; None where all do."""
    reasons = np.where(np.isfinite(flux), 0, Reason.NOT_A_NUMBER).astype(np.uint8)
    if variance is not None:
        reasons |= np.where(np.isfinite(variance) & (variance > 0), 0, Reason.NO_VARIANCE).astype(np.uint8)
    mask = found(file, layout.mask, (2, 3)) if layout.mask else None
    if mask is not None:
        bits = integers(mask, path)
        if bits.shape not in (flux.shape, flux.shape[1:]):
            raise InputError(f"{path}: {mask.name} has shape {bits.shape}, the flux {flux.shape}.")
        reasons |= np.where(bits & (layout.bad & ~layout.foreground), Reason.FLAGGED, 0).astype(np.uint8)
        reasons |= np.where(bits & layout.foreground, Reason.FOREGROUND, 0).astype(np.uint8)
    if layout.absent is not None:
        reasons |= np.where(layout.absent(file), Reason.FLAGGED, 0).astype(np.uint8)
    return reasons if reasons.any() else None


def integers(hdu: Any, path: Any) -> Int[np.ndarray, "..."]:
    """A mask as bits: whatever is no number is bad."""
    array = np.asarray(hdu.data)
    if array.dtype.kind == "f":
        return np.where(np.isfinite(array), array, 1).astype(np.int64)
    return array.astype(np.int64)


def number_in(keyword: str, *headers: Any) -> float | None:
    """A finite number of the first header that has one."""
    values = (header.get(keyword) for header in headers)
    return next((float(v) for v in values if isinstance(v, int | float) and np.isfinite(v)), None)


def redshift_in(*headers: Any) -> float | None:
    """Of the object, by the keywords of surveys; zero and below mean that it is not known."""
    found = (number_in(keyword, *headers) for keyword in ("Z_SPEC", "REDSHIFT", "NSAZ", "Z"))
    return next((value for value in found if value is not None and value > 0), None)


def check_noise(data: Data, kind: str, path: Any, *, told: bool) -> None:
    """Refuses errors that are something else than is thought, unless the user has said what they are."""
    if data.variance is None or told:
        return
    ratio = data.noise_check()
    if np.isfinite(ratio) and not 1 / FAR < ratio < FAR:
        raise InputError(
            f"{path}: the scatter along its spectra is {ratio:.3g} times what its errors say, taken for {kind}: give "
            f"error_kind, one of {[*FORMS]}."
        )


def turned_west(data: Data, plane: Plane) -> Data:
    """With x growing to the west, whatever it did in the file."""
    if not plane.mirrored:
        return data
    names = ("flux", "variance", "reasons", "bins")
    arrays = {name: None if (array := getattr(data, name)) is None else array[..., ::-1] for name in names}
    return replace(data, mirrored=True, **arrays)
