"""The wavelength axis of other people's cubes: steps or a table, in air or in vacuum, in any unit of length.

What a file may lack is its unit (thousands are angstrom) and its medium, for which a layout or an option stands in.
"""

from typing import Any

import numpy as np
from astropy.wcs import WCS
from jaxtyping import Float

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, LogWavelengths, Medium, TableWavelengths, Wavelengths
from ifux.io.files.spectral import MEDIA

LENGTHS = {
    "ANGSTROM": 1.0, "ANGSTROMS": 1.0, "ANG": 1.0, "A": 1.0, "NM": 10.0, "NANOMETER": 10.0,
    "UM": 1e4, "MICRON": 1e4, "MICRONS": 1e4, "MICROMETER": 1e4, "M": 1e10, "METER": 1e10,
}  # fmt: skip
"""Units of length as they are spelled, in capitals [angstrom]."""

EVEN = 1e-4
"""Of a channel: how far channels that are called even may lie from even ones."""

UNEVEN = 0.1
"""Of a channel: how far its width may be from that of its neighbours before it is taken for half-way between."""

LEAST = 500.0
"""A wavelength without a unit is one in angstrom from here on."""


def wavelength_axis(header: Any, file: Any, path: Any, medium: Medium | None = None) -> AbstractWavelengths:
    """The channels of a cube, from the header of its flux and, where they are in a table, from the file that holds it.

    Args:
        header: Of the flux.
        file: The open file.
        path: Of it, for messages.
        medium: Counts where the header does not say it.

    Raises:
        InputError: the axis is no wavelength, is not told, or its medium is not.
    """
    ctype = str(header.get("CTYPE3", "")).strip().upper()
    size, form = header["NAXIS3"], ctype[4:].strip("-")
    if ctype[:4] in ("FREQ", "VRAD", "VOPT", "VELO", "ENER", "WAVN"):
        raise InputError(f"{path}: its third axis is {ctype!r}, and no wavelength.")
    scale = unit_of(header, path)
    pixel = np.arange(1, size + 1) - header.get("CRPIX3", 1.0)
    step = header.get("CD3_3", header.get("CDELT3", 0.0) * header.get("PC3_3", 1.0))
    if form == "TAB":
        plane = WCS(header, file, fix=False)
        places = np.ones((size, plane.naxis))
        places[:, 2] = np.arange(1, size + 1)
        # astropy turns lengths into metres, but not those of tables
        centres = np.asarray(plane.wcs_pix2world(places, 1))[:, 2] * LENGTHS[str(plane.wcs.cunit[2]).upper()]
    elif not step or "CRVAL3" not in header:
        raise InputError(f"{path}: its third axis has no CRVAL3, or no step in CD3_3 or CDELT3.")
    elif form == "LOG":
        centres = header["CRVAL3"] * np.exp(pixel * step / header["CRVAL3"]) * scale
    elif header.get("DC-FLAG", 0) == 1:
        centres = 10.0 ** (header["CRVAL3"] + pixel * step) * scale
    else:
        centres = (header["CRVAL3"] + pixel * step) * scale
    return of_centres(centres, MEDIA.get(ctype[:4]) or medium, path)


def unit_of(header: Any, path: Any) -> float:
    """Of the third axis [angstrom]."""
    unit = str(header.get("CUNIT3", "")).strip().upper()
    if unit in LENGTHS:
        return LENGTHS[unit]
    if unit:
        raise InputError(f"{path}: its wavelengths are in {unit!r}, which is not one of {sorted(LENGTHS)}.")
    first = header.get("CRVAL3", 0.0)
    if first < LEAST and header.get("DC-FLAG", 0) != 1 and "CRVAL3" in header:
        raise InputError(f"{path}: its wavelengths, from {first:.6g} on, have no unit (CUNIT3): they cannot be read.")
    return 1.0


def of_centres(centres: Float[np.ndarray, " wave"], medium: Medium | None, path: Any) -> AbstractWavelengths:
    """Channels around centres [angstrom]: even ones, even ones of the logarithm, or of edges half-way between.

    Raises:
        InputError: they do not increase, or it is not known whether they are in air.
    """
    if medium is None:
        raise InputError(f"{path} does not say whether its wavelengths are in air: give medium, 'air' or 'vacuum'.")
    centres = np.asarray(centres, np.float64)
    if centres.size < 2 or not np.all(np.diff(centres) > 0) or centres[0] <= 0 or not np.isfinite(centres[-1]):
        raise InputError(f"{path}: its wavelengths must be two or more that increase, above zero.")
    count = np.arange(centres.size)
    step = float((centres[-1] - centres[0]) / (centres.size - 1))
    if np.abs(centres - centres[0] - step * count).max() < EVEN * step:
        return Wavelengths(start=float(centres[0]), step=step, size=centres.size, medium=medium)
    relative = float(np.log(centres[-1] / centres[0]) / (centres.size - 1))
    if np.abs(np.log(centres / centres[0]) - relative * count).max() < EVEN * relative:
        return LogWavelengths(start=float(centres[0]), step=relative, size=centres.size, medium=medium)
    return TableWavelengths.of_edges(tuple(edges_around(centres).tolist()), medium)


def edges_around(centres: Float[np.ndarray, " wave"]) -> Float[np.ndarray, " edge"]:
    """Edges half-way between which the centres lie, where widths change slowly; else edges half-way between centres.

    The former are known but for a number that is added to every other one and taken from the rest: it is that with
    which they are smoothest.
    """
    edges = np.zeros(centres.size + 1)
    for number, centre in enumerate(centres):
        edges[number + 1] = 2 * centre - edges[number]
    sign = (-1.0) ** np.arange(edges.size)
    rough, other = np.diff(edges, 2), np.diff(sign, 2)
    edges -= sign * (rough @ other) / (other @ other)
    if np.all(np.abs(np.diff(edges) / np.gradient(centres) - 1) < UNEVEN):
        return edges
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
