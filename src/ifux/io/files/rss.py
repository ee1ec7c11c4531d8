"""Row-stacked spectra in FITS files: those of the elements of a focal plane, one to a row, exposure after exposure.

| extension | content |
|---|---|
| primary | no data; date, object, seed, versions, and the record |
| DATA | flux density of a fibre [row, wave] |
| STAT | its variance, where there is noise |
| DQ | what is wrong with it, where something can be: flags of Euro3D, zero is good |
| LSF | full width at half maximum of a line before the pixel, in every channel [angstrom] |
| WAVE | the middle of every channel [angstrom] |
| WCS-TABLE | the edges of the channels, where they are even neither in wavelength nor in its logarithm |
| FIBERS | a row for each: EXPOSURE and FIBER, counted from one, EAST and NORTH of the galaxy [arcsec], GOOD |
| EAST, NORTH | the same in every channel, where light is refracted [row, wave] |

The other layout is that of MaNGA's LOGRSS, see `ifux.io.files.manga`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from jaxtyping import Int32

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, TableWavelengths
from ifux.io.files import manga
from ifux.io.files.cube import BAD, COSMIC_RAY, DEAD, LAYOUTS, MISSING, SATURATED, SQUARED, UNIT, USELESS, check_name
from ifux.io.files.fits import opened_fits
from ifux.io.files.images import append, created, table, whole
from ifux.io.files.record import primary, printable, recorded
from ifux.io.files.spectra import Spectra
from ifux.io.files.spectral import COLUMN, MEDIA, TABLE, spectral_axis, spectral_cards, spectral_table
from ifux.io.files.writing import replacing

ROWS = {"CTYPE3": "CTYPE1", "CUNIT3": "CUNIT1", "CRVAL3": "CRVAL1", "CRPIX3": "CRPIX1", "CD3_3": "CD1_1"} | {
    "PS3_0": "PS1_0", "PS3_1": "PS1_1", "PV3_1": "PV1_1", "PV3_2": "PV1_2", "PV3_3": "PV1_3",
}  # fmt: skip
"""Cards of the third axis of a cube, and those of the first axis of rows."""


def write_rss(path: str | Path, spectra: Spectra, *, layout: str | None = None, overwrite: bool = False) -> None:
    """Writes a FITS file, or none: it appears under its name once it is whole, compressed where that ends in .gz.

    Args:
        path: Of the file.
        spectra: What is written.
        layout: `muse`, as cubes are laid out, or `manga`, as LOGRSS; by default that of the configuration, or the
            former.
        overwrite: Replace a file that exists.

    Raises:
        InputError: the file exists, or the spectra cannot be laid out so.
    """
    layout = layout or spectra.history.get("layout", "muse")
    if layout not in LAYOUTS:
        raise InputError(f"layout: {layout!r} is not one of {[*LAYOUTS]}")
    check_name(path)
    header, axes = primary(record_of(spectra)), axis_cards(spectra.wavelengths)
    if layout == "manga":
        if sentence := manga.unfit(spectra.wavelengths, noisy=spectra.variance is not None):
            raise InputError(sentence)
        if spectra.resolution is None:
            raise InputError(
                "the layout of MaNGA holds the resolution of every channel, and the spectra do not state it"
            )
        own = {"BUNIT": manga.FIBRE, "MASKNAME": "MANGA_DRP2PIXMASK", "NEXP": spectra.flux.shape[0]}
        cards = manga.survey_cards(printable(spectra.title), spectra.position)
        survey = [*(card for card in cards if card[0] not in own), *own.items()]
        header.extend(survey)
        pages, behind = manga.stacked(spectra, mask_of(spectra), survey, axes), manga.exposures(spectra)
    else:
        pages, behind = images(spectra, axes), fibres(spectra)
    with replacing(path, overwrite=overwrite) as temporary, created(temporary) as file:
        file.write(header.tostring().encode("ascii"))
        for image in pages:
            append(file, image)
        file.write(spectral_table(spectra.wavelengths))
        file.write(behind)


def images(spectra: Spectra, axes: list[tuple]) -> list:
    """Those of the layout of cubes."""
    size, found = spectra.wavelengths.size, []
    for name, array, unit, dtype in (
        ("DATA", spectra.flux, UNIT, "float32"),
        ("STAT", spectra.variance, SQUARED, "float32"),
        ("DQ", spectra.quality, "", "int32"),
    ):
        if array is not None:
            cards = [("EXTNAME", name), *([("BUNIT", unit)] if unit else []), *axes]
            found.append(whole(cards, array.reshape(-1, size), dtype))
    if spectra.resolution is not None:
        words = "full width at half maximum of a line in every channel, before the pixel"
        cards = [("EXTNAME", "LSF"), ("BUNIT", "Angstrom"), ("COMMENT", words)]
        found.append(whole(cards, spectra.resolution, "float64"))
    found.append(whole([("EXTNAME", "WAVE"), ("BUNIT", "Angstrom")], spectra.wavelengths.centres(), "float64"))
    if spectra.places.shape[2] > 1:
        for axis, name in enumerate(("EAST", "NORTH")):
            place = spectra.places[..., axis].reshape(-1, size)
            found.append(whole([("EXTNAME", name), ("BUNIT", "arcsec"), *axes], place, "float64"))
    return found


def fibres(spectra: Spectra) -> bytes:
    """The table of rows; where light is refracted, with the mean of their places."""
    exposures, count, _ = spectra.flux.shape
    middle = spectra.places.mean(axis=2).reshape(-1, 2)
    good = np.isin(np.arange(count), spectra.broken, invert=True)
    columns = [
        fits.Column("EXPOSURE", "J", array=np.repeat(np.arange(1, exposures + 1), count)),
        fits.Column("FIBER", "J", array=np.tile(np.arange(1, count + 1), exposures)),
        fits.Column("EAST", "D", unit="arcsec", array=middle[:, 0]),
        fits.Column("NORTH", "D", unit="arcsec", array=middle[:, 1]),
        fits.Column("GOOD", "L", array=np.tile(good, exposures)),
    ]
    return table("FIBERS", columns, [("AREA", spectra.area, "of a fibre [arcsec2]")])


def axis_cards(wavelengths: AbstractWavelengths) -> list[tuple]:
    """Those of wavelengths along a row, and of rows."""
    along = [(ROWS[card[0]], *card[1:]) for card in spectral_cards(wavelengths) if card[0] in ROWS]
    across = [("CTYPE2", "FIBER"), ("CRVAL2", 1.0), ("CRPIX2", 1.0), ("CD2_2", 1.0), ("CD1_2", 0.0), ("CD2_1", 0.0)]
    return [*along, *across]


def mask_of(spectra: Spectra) -> Int32[np.ndarray, "row wave"]:
    """The bits of MaNGA for the flags of Euro3D."""
    size = spectra.wavelengths.size
    quality = np.zeros(spectra.flux.shape, np.int32) if spectra.quality is None else np.asarray(spectra.quality)
    mask = np.zeros(quality.shape, np.int32)
    for flags, bits in (
        (MISSING, manga.NODATA), (DEAD | SATURATED | BAD, manga.BADPIX), (COSMIC_RAY, manga.COSMIC),
        (USELESS, manga.REJECT),
    ):  # fmt: skip
        mask |= np.where(quality & flags != 0, np.int32(bits), np.int32(0))
    mask[:, [*spectra.broken]] |= np.int32(manga.DEADFIBER | manga.REJECT)
    return mask.reshape(-1, size)


def record_of(spectra: Spectra) -> dict[str, Any]:
    """What the arrays do not hold."""
    exposures, count, _ = spectra.flux.shape
    return {
        "configuration": spectra.history,
        "seed": spectra.seed,
        "versions": spectra.versions,
        "title": spectra.title,
        "notes": list(spectra.notes),
        "rss": {"exposures": exposures, "fibres": count, "area": spectra.area, "broken": [*spectra.broken]},
        "position": [*spectra.position],
    } | ({"gaps": spectra.wavelengths.gaps} if spectra.wavelengths.gaps else {})


def read_rss(path: str | Path) -> Spectra:
    """The spectra that `write_rss` wrote, in either layout.

    Of MaNGA's layout, fluxes that hold no data come back as not a number, and one kind of bad.

    Raises:
        InputError: it is another file, or a damaged one.
    """
    with opened_fits(path) as file:
        name = next((name for name in ("DATA", "FLUX") if name in file and file[name].header["NAXIS"] == 2), None)
        if name is None or "IFUX0001" not in file[0].header:
            raise InputError(
                f"{path} holds no row-stacked spectra that ifux wrote: it has no record and DATA, or FLUX."
            )
        record, header = recorded(file[0].header, path), file[name].header
        if "rss" not in record:
            raise InputError(f"{path} is damaged: its record does not say how many fibres there are.")
        stack, size = record["rss"], header["NAXIS1"]
        shape = stack["exposures"], stack["fibres"], size
        arrays = (arrays_of_muse if name == "DATA" else arrays_of_manga)(file, stack)
        wavelengths = replace(axis_of(header, file, path), gaps=record.get("gaps", ()))
        return Spectra(
            flux=arrays["flux"].reshape(shape),
            **{
                key: arrays[key] if arrays[key] is None else arrays[key].reshape(shape)
                for key in ("variance", "quality")
            },
            wavelengths=wavelengths,
            places=arrays["places"].reshape(*shape[:2], -1, 2),
            area=stack["area"],
            broken=tuple(stack["broken"]),
            resolution=arrays["resolution"],
            history=record["configuration"],
            seed=record.get("seed"),
            versions=record.get("versions", {}),
            title=record.get("title", ""),
            notes=tuple(record.get("notes", ())),
            position=tuple(record["position"]),
        )


def axis_of(header: Any, file: Any, path: str | Path) -> AbstractWavelengths:
    """The wavelengths along a row."""
    if TABLE in file:
        edges = np.asarray(file[TABLE].data[COLUMN], np.float64).ravel()
        return TableWavelengths.of_edges(tuple(edges.tolist()), MEDIA[str(header["CTYPE1"])[:4]])
    along = {third: header[first] for third, first in ROWS.items() if first in header}
    return spectral_axis(along | {"NAXIS3": header["NAXIS1"]}, file, path)


def arrays_of_muse(file: Any, stack: dict) -> dict[str, Any]:
    """The arrays of the layout of cubes."""
    rows = file["FIBERS"].data
    if "EAST" in file:
        places = np.stack([np.asarray(file[name].data, np.float64) for name in ("EAST", "NORTH")], axis=-1)
    else:
        places = np.stack([np.asarray(rows[name], np.float64) for name in ("EAST", "NORTH")], axis=-1)[:, None]
    return {
        "flux": file["DATA"].data.astype(np.float32),
        "variance": file["STAT"].data.astype(np.float32) if "STAT" in file else None,
        "quality": file["DQ"].data.astype(np.int32) if "DQ" in file else None,
        "resolution": file["LSF"].data.astype(float) if "LSF" in file else None,
        "places": places,
    }


def arrays_of_manga(file: Any, stack: dict) -> dict[str, Any]:
    """The arrays of the layout of MaNGA."""
    flux, weight, mask = (np.asarray(file[name].data) for name in ("FLUX", "IVAR", "MASK"))
    scale, known = manga.SCALE * manga.AREA / stack["area"], weight > 0
    bad = np.where(mask & manga.NODATA != 0, np.int32(MISSING), np.where(mask != 0, np.int32(BAD), np.int32(0)))
    places = np.stack([-np.asarray(file["XPOS"].data), np.asarray(file["YPOS"].data)], axis=-1)
    return {
        "flux": np.where(known, flux / scale, np.nan).astype(np.float32),
        "variance": np.where(known, 1 / (scale**2 * np.where(known, weight, 1)), np.nan).astype(np.float32),
        "quality": bad if bad.any() else None,
        "resolution": np.asarray(file["WAVE"].data / file["PRESPECRES"].data, np.float64),
        "places": places,
    }
