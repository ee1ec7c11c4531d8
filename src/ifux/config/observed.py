"""The stages of the telescope that took some data, as a description has them."""

from typing import Any

import numpy as np

from ifux.data import Data
from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, LogWavelengths, Wavelengths

NODES = 20
"""Wavelengths at which the width of lines is kept, at the most."""


def stages_of(data: Data) -> dict[str, Any]:
    """Its channels, its field, and the PSF and the width of lines where the file states them.

    Raises:
        InputError: the data are of no field.
    """
    if data.pitch is None:
        raise InputError("The data are spectra of no field: a telescope that took them cannot be told.")
    _, tall, wide = data.flux.shape
    x, y = data.pitch
    square = abs(x / y - 1) < 1e-7
    stages: dict[str, Any] = {
        "wavelengths": channels(data.wavelengths),
        "spaxels": {
            "kind": "square" if square else "rectangular", "pitch": x if square else [x, y], "size": [wide, tall],
            "position_angle": data.position_angle,
        },
    }  # fmt: skip
    if data.psf is not None:
        stages["psf"] = data.psf
    if data.resolution is not None:
        nodes = np.unique(np.linspace(0, data.wavelengths.size - 1, NODES).round().astype(int))
        stages["lsf"] = {
            "kind": "table", "wave": data.wavelengths.centres()[nodes].tolist(),
            "fwhm": data.resolution[nodes].tolist(), "includes_pixel": data.includes_pixel,
        }  # fmt: skip
    return stages


def channels(wavelengths: AbstractWavelengths) -> dict[str, Any]:
    """Those of a description."""
    common = {"medium": wavelengths.medium, "gaps": [list(gap) for gap in wavelengths.gaps]}
    if isinstance(wavelengths, Wavelengths | LogWavelengths):
        kind = "even" if isinstance(wavelengths, Wavelengths) else "log"
        return {"kind": kind, "start": wavelengths.start, "step": wavelengths.step, "size": wavelengths.size} | common
    return {"kind": "table", "edges": wavelengths.edges().tolist()} | common
