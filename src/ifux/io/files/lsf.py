"""Line spread functions whose width differs over the field, from maps in FITS files and in descriptions."""

from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.fits import opened_fits
from ifux.lsf import AbstractGaussianLSF, FieldLSF
from ifux.typing import Limits


def field_lsf(
    lsf: AbstractGaussianLSF,
    widths: Annotated[tuple[tuple[float, ...], ...] | None, Limits(above=0)] = None,
    path: str | None = None,
    extension: str = "",
    polynomial: tuple[tuple[float, ...], ...] | None = None,
    reach: Annotated[int, Limits(above=0)] = 8,
    nodes: Annotated[int, Limits(above=1)] = 5,
    oversampling: Annotated[int, Limits(above=0)] = 1,
    *,
    shape: tuple[int, int],
) -> FieldLSF:
    r"""A width that differs over the field.

    Args:
        lsf: The Gaussian, of the wavelength alone, where the relative width is one.
        widths: Relative width of every spaxel, row by row from the south.
        path: In its place a FITS file whose image holds it.
        extension: Of the file; by default its first image.
        polynomial: In their place coefficients $c_{ij}$ of $\sum c_{ij}\,x^i y^j$, where x and y go from -1 to 1
            between the centres of the first and of the last spaxel.
        reach: How far a blur brings light [channel].
        nodes: Widths that are mixed.
        oversampling: Parts of a channel that spectra are made in.
        shape: Of the field (y, x).

    Raises:
        InputError: none or several of the three are given, or it is no map of the field.
    """
    if sum(given is not None for given in (widths, path, polynomial)) != 1:
        raise InputError("give one of widths, path and polynomial: how wide the lines of every spaxel are")
    if polynomial is not None:
        powers = np.zeros((len(polynomial), max(map(len, polynomial), default=0)))
        for i, row in enumerate(polynomial):
            powers[i, : len(row)] = row
        y, x = (np.linspace(-1, 1, count) if count > 1 else np.zeros(1) for count in shape)
        found = np.polynomial.polynomial.polygrid2d(x, y, powers).T
    elif path is not None:
        found = image(Path(path), extension)
    elif len({len(row) for row in widths or ()}) != 1:
        raise InputError("widths must be rows of as many numbers as each other")
    else:
        found = np.asarray(widths, np.float64)
    if found.shape != shape:
        raise InputError(
            f"it has {found.shape[0]} x {found.shape[1]} widths (y, x), and the field {shape[0]} x {shape[1]}"
        )
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise InputError("every relative width must be a number above zero")
    return FieldLSF.of(lsf, found, reach=reach, nodes=nodes, oversampling=oversampling)


def image(path: Path, extension: str) -> Float[np.ndarray, "y x"]:
    """The image of a file."""
    with opened_fits(path) as file:
        images = {hdu.name: hdu for hdu in file if hdu.is_image and len(hdu.shape) == 2}
        if not images or (extension and extension.upper() not in images):
            raise InputError(f"{path}: {extension or 'an image of two axes'} is not among its images {[*images]}")
        return np.asarray(images[extension.upper() or next(iter(images))].data, np.float64)
