"""FITS cubes that say how they were made and can be made again, laid out as the MUSE pipeline lays them out.

`ifux.io.files.manga` is the other layout.

| extension | content |
|---|---|
| primary | no data; date, object, seed, versions, and the record |
| DATA | flux density [wave, y, x] |
| STAT | its variance, where there is noise |
| DQ | what is wrong with it, where a channel is in a gap or the detector can be full: flags of Euro3D, zero is good |
| LSF | full width at half maximum of a line before the pixel, in every channel [angstrom] |
| WCS-TABLE | the edges of the channels, where they are even neither in wavelength nor in its logarithm |
| others | one map [y, x] each, under its own name |

How it was made stands in the primary header: see `ifux.io.files.record`. A cube that was reconstructed has the
extensions of `ifux.io.files.reconstruction`, too.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths
from ifux.io.files import manga, reconstruction
from ifux.io.files.fits import opened_fits
from ifux.io.files.images import BITS, Extension, append, created, whole
from ifux.io.files.reconstruction import Reconstruction
from ifux.io.files.record import PIECE, primary, printable, recorded, versions
from ifux.io.files.spectra import Spectra
from ifux.io.files.spectral import TABLE, spectral_axis, spectral_cards, spectral_table
from ifux.io.files.writing import promised, replacing

UNIT = "10**(-20)*erg/s/cm**2/Angstrom"
"""Of the flux density, in the spelling of the MUSE pipeline."""

TELLURIC, COSMIC_RAY, LOW_COVERAGE, SATURATED, DEAD, BAD = 1, 32, 64, 4096, 8192, 16384
"""Flags of Euro3D, as in the MUSE pipeline (muse_quality.h): the atmosphere lets too little through, a cosmic ray, low
efficiency (here of a spaxel that few elements tell of), a full pixel of the detector, a dead one, anything else that is
wrong.

References: Kissler-Patig et al. (2004), Astronomische Nachrichten 325, 159 (Euro3D).
"""

SQUARED = "10**(-40)*erg**2/s**2/cm**4/Angstrom**2"
"""Of the variance. The pipeline puts the former in brackets and squares it, which astropy does not parse."""

MISSING = 1 << 30
"""The flag of a voxel without data: bit 31 of Euro3D, which the MUSE pipeline sets where a cube is not a number."""

OWN = ("DATA", "STAT", "DQ", "LSF", TABLE)
"""Names of extensions that are no map."""

LAYOUTS = ("muse", "manga")
"""Whose extensions, units and flags a file has."""

USELESS = TELLURIC | COSMIC_RAY | LOW_COVERAGE | SATURATED | DEAD | BAD | MISSING
"""Flags of data that are not to be used."""


@dataclass(frozen=True)
class Cube:
    """A data cube on the host, and how it was made."""

    flux: Float[np.ndarray, "wave y x"]
    """Flux density [1e-20 erg/s/cm2/angstrom per spaxel]; written in single precision."""
    wavelengths: AbstractWavelengths
    """The wavelength axis."""
    pitch: tuple[float, float]
    """Sides of a spaxel along x and y [arcsec]."""
    variance: Float[np.ndarray, "wave y x"] | None = None
    """Variance of the noise in the flux, in the square of its unit; none where no noise was added."""
    maps: dict[str, tuple[Shaped[np.ndarray, "y x"], str, str]] = field(default_factory=dict)
    """Named images, each with its unit (as FITS spells it) and a comment."""
    history: dict = field(default_factory=dict)
    """The whole configuration: names, numbers, lists and dictionaries of them, as JSON has them."""
    seed: int | None = None
    """What the noise was drawn with."""
    versions: dict[str, str] = field(default_factory=versions)
    """Versions of the packages that made the cube."""
    title: str = ""
    """Name of the object."""
    notes: tuple[str, ...] = ()
    """What a careful user should know."""
    position: tuple[float, float] = (180.0, 0.0)
    """Right ascension and declination of the centre of the field [degree]. A simulated galaxy stands nowhere: here
    right ascension does not wrap, and a degree of it is a degree."""
    position_angle: float = 0.0
    """Of the axis y, north through east [degree]."""
    quality: Shaped[np.ndarray, "wave y x"] | None = None
    """What is wrong with the flux, as flags of Euro3D in 32 bits; none where nothing can be."""
    resolution: Float[np.ndarray, " wave"] | None = None
    """Full width at half maximum of a line before the pixel, in every channel [angstrom], where it is known."""
    reconstructions: tuple[Reconstruction, ...] = ()
    """What its reconstruction does to noise and to a point source, at some wavelengths; nothing for a slicer."""
    elements: Spectra | None = None
    """The spectra that it was made of, where elements are no spaxels: `write_rss` writes them to their own file."""

    def __post_init__(self):
        if self.flux.ndim != 3 or self.flux.shape[0] != self.wavelengths.size:
            raise InputError(
                f"A cube of {self.wavelengths.size} wavelengths must have shape (wave, y, x), got {self.flux.shape}."
            )
        if self.variance is not None and self.variance.shape != self.flux.shape:
            raise InputError(f"The variance has shape {self.variance.shape}, the flux {self.flux.shape}.")
        if self.quality is not None and (self.quality.shape, self.quality.dtype) != (self.flux.shape, np.int32):
            raise InputError(f"The quality has shape {self.quality.shape}, the flux {self.flux.shape}, in 32 bits.")
        if self.resolution is not None and self.resolution.shape != self.flux.shape[:1]:
            raise InputError(f"The resolution has shape {self.resolution.shape}, the flux {self.flux.shape}.")
        for name, (image, _, _) in self.maps.items():
            if image.shape != self.flux.shape[1:]:
                raise InputError(f"Map {name!r} has shape {image.shape}, the field of the cube {self.flux.shape[1:]}.")
            if image.dtype.name not in BITS:
                raise InputError(f"Map {name!r} holds {image.dtype}, but FITS can hold {', '.join(BITS)}.")
            if not (name and name.isascii() and name.isprintable() and len(name) <= PIECE):
                raise InputError(f"Map {name!r} needs a short name in ASCII.")
        made = [f"{one.band}{kind}" for one in self.reconstructions for kind in ("PSF", "CORREL")]
        taken = ["PRIMARY", *OWN, *made, *(name.upper() for name in self.maps)]
        if len(set(taken)) < len(taken):
            raise InputError(
                f"Maps need names of their own, whatever their case, and not {', '.join(OWN)}: {[*self.maps]}."
            )


def write_cube(path: str | Path, cube: Cube, *, layout: str | None = None, overwrite: bool = False) -> None:
    """Writes a FITS file, or none: it appears under its name once it is whole, compressed where that ends in .gz.

    Arrays are turned big-endian 16 MiB at a time, so that the cube is never held twice.

    Args:
        path: Of the file.
        cube: What is written.
        layout: `muse` or `manga`; by default that of the configuration, or MUSE's.
        overwrite: Replace a file that exists.

    Raises:
        InputError: the file exists, or the cube cannot be laid out so.
    """
    layout = layout or cube.history.get("layout", "muse")
    if layout not in LAYOUTS:
        raise InputError(f"layout: {layout!r} is not one of {[*LAYOUTS]}")
    header = primary(_record_of(cube))
    check_name(path)
    celestial = _celestial(cube)
    plane = [*celestial, *spectral_cards(cube.wavelengths)]
    if layout == "manga":
        survey = manga.survey_cards(printable(cube.title), cube.position) + reconstruction.widths(cube.reconstructions)
        images = _of_manga(cube, survey, plane)
        header.extend(survey)
    else:
        images = _of_muse(cube, plane)
    with replacing(path, overwrite=overwrite) as temporary, created(temporary) as file:
        file.write(header.tostring().encode("ascii"))
        for image in images:
            append(file, image)
        if layout == "manga" and cube.elements is not None:
            file.write(manga.exposures(cube.elements))
        for image in reconstruction.images(cube.reconstructions, celestial):
            append(file, image)
        file.write(reconstruction.tables(cube.reconstructions))
        file.write(spectral_table(cube.wavelengths))
        for name, (image, unit, comment) in cube.maps.items():
            cards = [("EXTNAME", name), ("BUNIT", printable(unit)), *celestial, ("COMMENT", printable(comment))]
            append(file, whole(cards, image, image.dtype.name))


def _of_muse(cube: Cube, plane: list[tuple]) -> Iterator[Extension]:
    yield whole([*_image("DATA", UNIT), *plane], cube.flux, "float32")
    if cube.variance is not None:
        yield whole([*_image("STAT", SQUARED), *plane], cube.variance, "float32")
    if cube.quality is not None:
        yield whole([*_image("DQ", ""), *plane], cube.quality, "int32")
    if cube.resolution is not None:
        words = "full width at half maximum of a line in every channel, before the pixel"
        cards = [("EXTNAME", "LSF"), ("BUNIT", "Angstrom"), ("COMMENT", words)]
        yield whole(cards, cube.resolution, "float64")


def _of_manga(cube: Cube, survey: list[tuple], plane: list[tuple]) -> Iterator[Extension]:
    if sentence := manga.unfit(cube.wavelengths, noisy=cube.variance is not None):
        raise InputError(sentence)
    if cube.resolution is None or cube.variance is None:
        raise InputError("the layout of MaNGA holds the resolution of every channel, and the cube does not state it")
    quality = np.broadcast_to(np.int32(0), cube.flux.shape) if cube.quality is None else cube.quality
    return manga.extensions(
        cube.flux,
        cube.variance,
        lambda start, stop: quality[start:stop] & MISSING != 0,
        lambda start, stop: quality[start:stop] & USELESS != 0,
        lambda start, stop: quality[start:stop] & LOW_COVERAGE != 0,
        cube.wavelengths,
        cube.resolution,
        survey,
        plane,
    )


def check_name(path: str | Path) -> None:
    """Says before any work is done that a name promises another kind of file, with an `InputError`."""
    path = Path(path)
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    if inner.suffix[1:2].isalpha():
        promised(inner, (".fits", ".fit", ".fts"), "a cube")


def read_cube(path: str | Path) -> Cube:
    """A cube that `write_cube` wrote, or another of the same layout, which then has no history."""
    with opened_fits(path) as file:
        name = _name(file, path)
        header = file[name].header
        record = recorded(file[0].header, path) if "IFUX0001" in file[0].header else {}
        wavelengths, (pitch, position, angle) = spectral_axis(header, file, path), sky_plane(header, file)
        comments, made = record.get("maps", {}), reconstruction.read(file)
        others = {f"{one.band}{reconstruction.PSF}" for one in made}
        shape = file[name].shape
        maps = {
            hdu.header["EXTNAME"]: (
                hdu.data.astype(hdu.data.dtype.newbyteorder("=")),
                *comments.get(hdu.header["EXTNAME"], (hdu.header.get("BUNIT", ""), "")),
            )
            for hdu in file[1:]
            if hdu.is_image and hdu.shape == shape[1:] and hdu.name and hdu.name not in others
        }
        return Cube(
            **(_arrays_of_muse if name == "DATA" else _arrays_of_manga)(file),
            wavelengths=replace(wavelengths, gaps=record.get("gaps", ())),
            pitch=pitch,
            maps=maps,
            history=record.get("configuration", {}),
            seed=record.get("seed"),
            versions=record.get("versions", {}),
            title=record.get("title", file[0].header.get("OBJECT", "")),
            notes=tuple(record.get("notes", ())),
            position=position,
            position_angle=angle,
            reconstructions=made,
        )


def _name(file: Any, path: str | Path) -> str:
    for name in ("DATA", "FLUX"):
        if name in file and file[name].header["NAXIS"] == 3:
            return name
    raise InputError(f"{path} holds no cube: it has no extension DATA, or FLUX, with three axes.")


def _arrays_of_muse(file: Any) -> dict[str, Any]:
    shape = file["DATA"].shape
    return {
        "flux": file["DATA"].data.astype(np.float32),
        "variance": file["STAT"].data.astype(np.float32) if "STAT" in file else None,
        "quality": file["DQ"].data.astype(np.int32) if "DQ" in file and file["DQ"].shape == shape else None,
        "resolution": file["LSF"].data.astype(float) if "LSF" in file and file["LSF"].shape == shape[:1] else None,
    }


def _arrays_of_manga(file: Any) -> dict[str, Any]:
    found = manga.arrays(file)
    kind = np.where(found.sparse, np.int32(LOW_COVERAGE), np.int32(BAD))
    quality = np.where(found.lost, np.int32(MISSING), np.where(found.unusable, kind, np.int32(0)))
    return {
        "flux": found.flux,
        "variance": found.variance,
        "quality": quality if quality.any() else None,
        "resolution": found.fwhm,
    }


def read_configuration(path: str | Path) -> dict:
    """The configuration that made a cube, or row-stacked spectra; arrays are not read.

    Raises:
        InputError: the file says nothing of it, or is damaged or cut off, be it in another place.
    """
    with opened_fits(path) as file:
        if "IFUX0001" not in file[0].header:
            raise InputError(f"{path} does not say how it was made: its header has no record of ifux.")
        record = recorded(file[0].header, path)
        if "rss" not in record:
            header = file[_name(file, path)].header
            spectral_axis(header, file, path)
            sky_plane(header, file)
        return record["configuration"]


def _record_of(cube: Cube) -> dict[str, Any]:
    return {
        "configuration": cube.history,
        "seed": cube.seed,
        "versions": cube.versions,
        "title": cube.title,
        "notes": list(cube.notes),
        "maps": {name: [unit, comment] for name, (_, unit, comment) in cube.maps.items()},
    } | ({"gaps": cube.wavelengths.gaps} if cube.wavelengths.gaps else {})


def _image(name: str, unit: str) -> list[tuple]:
    roles = {
        "DATA": [("HDUCLAS2", "DATA"), ("ERRDATA", "STAT")],
        "STAT": [("HDUCLAS2", "ERROR"), ("HDUCLAS3", "MSE"), ("SCIDATA", "DATA")],
        "DQ": [("HDUCLAS2", "QUALITY"), ("HDUCLAS3", "FLAG32BIT"), ("SCIDATA", "DATA"), ("ERRDATA", "STAT")],
    }
    standard = [("HDUCLASS", "ESO"), ("HDUDOC", "DICD"), ("HDUVERS", "DICD version 6"), ("HDUCLAS1", "IMAGE")]
    return [("EXTNAME", name), *standard, *roles[name], *([("BUNIT", unit)] if unit else [])]


def _celestial(cube: Cube) -> list[tuple]:
    (_, tall, wide), (x, y) = cube.flux.shape, (side / 3600 for side in cube.pitch)
    angle = math.radians(cube.position_angle)
    cos, sin = math.cos(angle), math.sin(angle)
    return [
        ("CTYPE1", "RA---TAN"), ("CUNIT1", "deg"), ("CRVAL1", cube.position[0]), ("CRPIX1", (wide + 1) / 2),
        ("CTYPE2", "DEC--TAN"), ("CUNIT2", "deg"), ("CRVAL2", cube.position[1]), ("CRPIX2", (tall + 1) / 2),
        ("CD1_1", -x * cos, "x grows to the west"), ("CD1_2", y * sin),
        ("CD2_1", x * sin), ("CD2_2", y * cos), ("RADESYS", "ICRS"),
    ]  # fmt: skip


def sky_plane(header: Any, file: Any) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Sides of a spaxel [arcsec], right ascension and declination of the centre of the field, its angle [degree]."""
    from astropy.wcs import WCS

    plane = WCS(header, file, naxis=2, fix=False)
    centre = plane.wcs_pix2world([[(header["NAXIS1"] + 1) / 2, (header["NAXIS2"] + 1) / 2]], 1)[0]
    matrix = plane.pixel_scale_matrix
    # twelve digits undo the rounding of arcsec to degree and back
    x, y = (float(f"{3600 * math.hypot(*side):.12g}") for side in matrix.T)
    if not (0 < x < math.inf and 0 < y < math.inf and np.isfinite(centre).all()):
        raise ValueError(f"spaxels of {x} x {y} arcsec at {centre} degree are none")
    if np.linalg.det(matrix) > 0:
        raise ValueError("its field is mirrored: x grows to the east")
    angle = round(math.degrees(math.atan2(matrix[0, 1], matrix[1, 1])), 9) + 0.0
    return (x, y), (round(float(centre[0]), 12), round(float(centre[1]), 12)), angle
