"""The layouts of cubes that surveys and pipelines publish, one row each.

References: MaNGA: Law et al. (2016), AJ 152, 83, and the data model of DR17; SAMI: Croom et al. (2021), MNRAS 505, 991;
CALIFA: Sanchez et al. (2016), A&A 594, A36; MUSE: Weilbacher et al. (2020), A&A 641, A28; KCWI: kcwidrp 1.1
(primitives MakeCube, FluxCalibrate, WavelengthCorrections); NIRSpec and MIRI: the pages of the JWST pipeline on s3d
products; KMOS, SINFONI, ERIS: ESO's pipelines; WEAVE: as pycasso2 reads it.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool

from ifux.grids import AbstractWavelengths
from ifux.io.files.manga import DONOTUSE
from ifux.io.observed.layout import Layout, found, number_in
from ifux.units import FWHM_OF_GAUSSIAN

FORESTAR = 1 << 3
"""Bit of MaNGA's mask: a star in front."""
DO_NOT_USE, NON_SCIENCE = 1, 1 << 9
"""Bits of the data quality of JWST."""
MASKED = 1e9
"""CALIFA's errors of masked voxels are 1e10."""


def has(file: Any, *names: str) -> bool:
    """Whether extensions end in all of these names."""
    return all(found(file, name) is not None for name in names)


def instrument(file: Any) -> str:
    """As the first headers say, in capitals."""
    return " ".join(str(hdu.header.get("INSTRUME", "")) for hdu in file[:2]).upper()


def in_primary(file: Any) -> bool:
    """Whether the primary array is a cube."""
    return file[0].header["NAXIS"] == 3


def mpdaf_psf(file: Any, wavelengths: AbstractWavelengths) -> dict[str, Any]:
    """The Moffat that MPDAF writes, in the middle of the range: its width is linear in the wavelength."""
    slope, width, beta = (number_in(f"FSF00{name}", file[0].header) for name in ("FWB", "FWA", "BET"))
    if width is None or beta is None:
        return {}
    fwhm = width + (slope or 0.0) * float(wavelengths.centres()[wavelengths.size // 2])
    return {"psf": {"kind": "moffat", "fwhm": fwhm, "beta": beta}} if fwhm > 0 and beta > 1 else {}


def manga_facts(file: Any, wavelengths: AbstractWavelengths) -> dict[str, Any]:
    """The width of lines, before the pixel where that is there, and of the reconstructed PSF in the middle band."""
    facts: dict[str, Any] = {}
    for name, after in (("LSFPRE", False), ("PREDISP", False), ("PRESPECRES", False), ("LSFPOST", True),
                        ("DISP", True), ("SPECRES", True)):  # fmt: skip
        hdu = found(file, name)
        if hdu is None or hdu.data.shape[0] != wavelengths.size:
            continue
        width = hdu.data.astype(np.float64)
        if width.ndim == 3:
            there = np.isfinite(width) & (width > 0)
            width = FWHM_OF_GAUSSIAN * np.array(
                [np.median(one[good]) if good.any() else np.nan for one, good in zip(width, there, strict=True)]
            )
        else:
            width = np.where(width > 0, wavelengths.centres() / np.where(width > 0, width, 1), np.nan)
        if np.isfinite(width).any():
            good = np.isfinite(width)
            facts |= {"resolution": np.interp(wavelengths.centres(), wavelengths.centres()[good], width[good])}
            facts |= {"includes_pixel": after}
            break
    widths = [number_in(f"{band}FWHM", found(file, "FLUX").header, file[0].header) for band in "RGIZ"]
    fwhm = next((one for one in widths if one is not None and one > 0), None)
    return facts | ({"psf": {"kind": "gaussian", "fwhm": fwhm}} if fwhm else {})


def sami_facts(file: Any, wavelengths: AbstractWavelengths) -> dict[str, Any]:
    """The Moffat of the reference star, and the bins."""
    fwhm, beta = (number_in(f"PSF{name}", file[0].header) for name in ("FWHM", "BETA"))
    facts: dict[str, Any] = {"psf": {"kind": "moffat", "fwhm": fwhm, "beta": beta}} if fwhm and beta else {}
    bins = found(file, "BIN_MASK")
    return facts if bins is None else facts | {"bins": bins.data.astype(np.int64)}


def califa_masked(file: Any) -> Bool[np.ndarray, "wave y x"]:
    """Errors that stand for none."""
    return np.asarray(found(file, "ERROR").data) >= MASKED


def outside_slices(file: Any) -> Bool[np.ndarray, "*voxel"]:
    """Flags of KCWI's pipeline, which are set in the padding, too."""
    flags = found(file, "FLAGS")
    return np.zeros(1, bool) if flags is None else np.asarray(flags.data) != 0


def unseen(file: Any) -> Bool[np.ndarray, "*voxel"]:
    """Where no exposure of JWST has weight."""
    weight = found(file, "WMAP", (3,))
    return np.zeros(1, bool) if weight is None else ~(np.asarray(weight.data) > 0)


def kcwi_unit(stated: str) -> str:
    """Its pipeline multiplies by 1e16 and states that number: it means the inverse."""
    return stated.replace("1e+16", "1e-16").replace("1e16", "1e-16")


def else_in(unit: str) -> Any:
    """What is stated, or else a unit."""
    return lambda stated: stated or unit


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "manga",
            lambda file: has(file, "FLUX", "IVAR", "MASK", "WAVE") and found(file, "FLUX", (3,)) is not None,
            flux="FLUX", error="IVAR", error_kind="inverse variance", mask="MASK", bad=DONOTUSE, foreground=FORESTAR,
            unit=else_in("1e-17 erg/s/cm2/Angstrom"), medium="vacuum",
            wavelengths=lambda file: np.asarray(found(file, "WAVE").data, np.float64).ravel(), facts=manga_facts,
        ),
        Layout(
            "jwst",
            lambda file: has(file, "SCI", "ERR", "DQ") and (
                "JWST" in str(file[0].header.get("TELESCOP", "")).upper() or has(file, "WMAP")
            ),
            flux="SCI", error="ERR", error_kind="sigma", mask="DQ", bad=DO_NOT_USE | NON_SCIENCE,
            unit=else_in("MJy/sr"), medium="vacuum", absent=unseen,
        ),
        Layout(
            "kcwi",
            lambda file: in_primary(file) and has(file, "UNCERT"),
            flux="", error="UNCERT", error_kind="sigma", mask="MASK", unit=kcwi_unit, absent=outside_slices,
        ),
        Layout(
            "weave",
            lambda file: has(file, "DATA", "IVAR", "SENSFUNC"),
            flux="DATA", error="IVAR", error_kind="inverse variance",
            unit=lambda stated: "erg/s/cm2/Angstrom", medium="air",
            calibration=lambda file: np.asarray(found(file, "SENSFUNC").data, np.float64).ravel(),
            notes=("its sensitivity function is taken for one from counts to erg/s/cm2/Angstrom",),
        ),
        Layout(
            "eris",
            lambda file: "ERIS" in instrument(file) and has(file, "DATA", "ERR"),
            flux="DATA", error="ERR", error_kind="sigma", mask="DQ", medium="vacuum",
        ),
        Layout(
            "kmos",
            lambda file: "KMOS" in instrument(file) or has(file, "DATA", "NOISE"),
            flux="DATA", error="NOISE", error_kind="sigma", medium="vacuum",
        ),
        Layout(
            "muse",
            lambda file: found(file, "DATA", (3,)) is not None and (has(file, "STAT") or "MUSE" in instrument(file)),
            flux="DATA", error="STAT", mask="DQ", unit=else_in("1e-20 erg/s/cm2/Angstrom"), medium="air",
            facts=mpdaf_psf,
        ),
        Layout(
            "sami",
            lambda file: in_primary(file) and has(file, "VARIANCE"),
            flux="", error="VARIANCE", unit=else_in("1e-16 erg/s/cm2/Angstrom"), medium="air", facts=sami_facts,
            notes=("the dust of the Milky Way is not corrected",),
        ),
        Layout(
            "califa",
            lambda file: in_primary(file) and has(file, "ERROR", "BADPIX"),
            flux="", error="ERROR", error_kind="sigma", mask="BADPIX", unit=else_in("1e-16 erg/s/cm2/Angstrom"),
            medium="air", absent=califa_masked,
        ),
        Layout(
            "sinfoni",
            lambda file: in_primary(file) and any(name in instrument(file) for name in ("SINFONI", "SPIFFI")),
            flux="", medium="vacuum",
        ),
    )
}  # fmt: skip
"""By name, in the order in which they are tried."""
