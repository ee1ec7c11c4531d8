"""Images of point spread functions in FITS files."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.fits import opened_fits
from ifux.psf import ImagePSF, TabulatedPSF
from ifux.typing import Limits

LARGEST = 2**12
"""Pixels along an axis of an image: more are no point spread function."""
PREFERRED = ("OVERDIST", "OVERSAMP")
"""Extensions of stpsf: finer than the detector, with its distortion and blur or without."""
ANGSTROM = 1e10
"""In a metre."""


def read_psf(
    path: str | Path | Sequence[str | Path],
    extension: str = "",
    pixel: Annotated[float | None, Limits(above=0)] = None,
    wavelengths: Annotated[tuple[float, ...] | None, Limits(above=0)] = None,
    position_angle: float = 0.0,
    offset: tuple[float, float] = (0.0, 0.0),
    stretch: Annotated[float, Limits(above=0)] = 1.0,
    reach: Annotated[int, Limits(above=0)] = 24,
) -> ImagePSF | TabulatedPSF:
    """The PSF that one or several files hold, as stpsf and WebbPSF write them or anybody else.

    A file holds an image, or a cube of several wavelengths. The side of a pixel [arcsec] is given or stands in
    PIXELSCL; the observed wavelengths [angstrom] are given or stand, in metres, in WAVELEN of an image and in WAVELN00
    or WVLN0000 and so on of a cube. One image needs none: it is the PSF everywhere. Of several extensions that one is
    taken which is named, or that of stpsf which is finer than the detector and knows its distortion, or else the first.

    Raises:
        InputError: a file is missing or damaged, or does not say what is needed.
    """
    paths = [path] if isinstance(path, str | Path) else [*path]
    if not paths or not all(isinstance(one, str | Path) for one in paths):
        raise InputError(f"path: {path!r} is not the path of a FITS file, or a list of such")
    found = [plane for one in paths for plane in planes(Path(one), extension)]
    if wavelengths is not None and len(wavelengths) != len(found):
        raise InputError(f"wavelengths: there are {len(wavelengths)}, and {len(found)} images in {paths[0]}")
    lengths = [wave for _, _, wave in found] if wavelengths is None else wavelengths
    if len(found) > 1 and any(wave is None for wave in lengths):
        raise InputError(f"{paths[0]}: no header says the wavelengths of its images: give them [angstrom]")
    if pixel is None and any(scale is None for _, scale, _ in found):
        raise InputError(f"{paths[0]}: no header says the side of a pixel (PIXELSCL): give pixel [arcsec]")
    psfs = [
        ImagePSF(
            image=image,
            pixel=float(pixel or scale or math.nan),
            position_angle=position_angle,
            offset=offset,
            stretch=stretch,
            reach=reach,
        )
        for image, scale, _ in found
    ]
    if len(psfs) == 1:
        return psfs[0]
    order = np.argsort(np.asarray(lengths, np.float64))
    return TabulatedPSF(tuple(psfs[i] for i in order), tuple(float(lengths[i] or math.nan) for i in order))


def planes(path: Path, extension: str) -> list[tuple[Float[np.ndarray, "tall wide"], float | None, float | None]]:
    """The images of a file, each with the side of a pixel [arcsec] and its wavelength [angstrom], if stated."""
    with opened_fits(path) as file:
        images = {hdu.name: hdu for hdu in file if hdu.is_image and len(hdu.shape) in (2, 3)}
        if extension and extension.upper() not in images:
            raise InputError(f"{path}: extension {extension!r} is not one of its images, {[*images]}")
        if not images:
            raise InputError(f"{path} holds no image and no cube of images")
        names = [extension.upper()] if extension else [*PREFERRED, *images]
        hdu = images[next(name for name in names if name in images)]
        if max(hdu.shape) > LARGEST or not all(hdu.shape):
            raise InputError(f"{path}: an image of {hdu.shape} pixels is no point spread function: cut it")
        data, header = np.asarray(hdu.data, np.float64), hdu.header
        if not np.isfinite(data).all() or not (data.sum(axis=(-2, -1)) > 0).all():
            raise InputError(f"{path}: its images must be finite numbers with a positive sum")
        cube = data.reshape(-1, *data.shape[-2:])
        keys = [keyword(place, len(cube)) for place in range(len(cube))] if data.ndim == 3 else ["WAVELEN"]
        scale = number(header, "PIXELSCL")
        waves = [number(header, key) for key in keys]
        return [
            (image, scale, None if wave is None else wave * ANGSTROM) for image, wave in zip(cube, waves, strict=True)
        ]


def keyword(place: int, count: int) -> str:
    """Under which stpsf writes the wavelength of one of several planes."""
    return f"WAVELN{place:02d}" if count < 100 else f"WVLN{place:04d}"


def number(header: Any, key: str) -> float | None:
    """A positive number of a header, if it is there."""
    value = header.get(key)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if good else None
