"""Cubes that this package made, as if a telescope had."""

from typing import Any

import numpy as np

from ifux.data import Data, Reason
from ifux.io.files.cube import USELESS, read_cube
from ifux.io.observed.layout import headers


def recognises(file: Any) -> bool:
    """With the record of how they were made."""
    return "IFUX0001" in file[0].header


def read_own(file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """A cube of ours; its target's redshift is that of the object.

    Raises:
        InputError: it is damaged.
    """
    cube = read_cube(path)
    reasons = np.where(np.isfinite(cube.flux), 0, Reason.NOT_A_NUMBER).astype(np.uint8)
    if cube.variance is not None:
        there = np.isfinite(cube.variance) & (cube.variance > 0)
        reasons |= np.where(there, 0, Reason.NO_VARIANCE).astype(np.uint8)
    if cube.quality is not None:
        reasons |= np.where(cube.quality & USELESS, Reason.FLAGGED, 0).astype(np.uint8)
    target = cube.history.get("telescope", {}).get("target", {})
    return Data(
        flux=cube.flux, wavelengths=cube.wavelengths, pitch=cube.pitch, variance=cube.variance,
        reasons=reasons if reasons.any() else None, position=cube.position, position_angle=cube.position_angle,
        psf=cube.history.get("telescope", {}).get("psf"), resolution=cube.resolution,
        redshift=stated.get("redshift", target.get("redshift")), title=cube.title, layout="ifux",
        notes=("it was simulated", *cube.notes), headers=headers(file[0], file["FLUX" if "FLUX" in file else "DATA"]),
    )  # fmt: skip
