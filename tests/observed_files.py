"""Small cubes as surveys and pipelines write them, from their data models: one truth, many files."""

from dataclasses import dataclass

import numpy as np
from astropy.io import fits

WAVE, TALL, WIDE = 40, 5, 4


@dataclass
class Truth:
    """What all of them hold, in our units: x to the west."""

    flux: np.ndarray
    variance: np.ndarray
    good: np.ndarray
    """Where nothing is wrong."""
    start: float = 5000.0
    step: float = 1.25
    pitch: tuple[float, float] = (0.5, 0.4)
    angle: float = 30.0
    position: tuple[float, float] = (150.0, 40.0)

    @property
    def centres(self):
        return self.start + self.step * np.arange(WAVE)


def truth(**changes) -> Truth:
    random = np.random.default_rng(8)
    flux = 500 + 100 * np.sin(np.arange(WAVE) / 9)[:, None, None] + 30 * random.normal(size=(WAVE, TALL, WIDE))
    variance = 900 * random.uniform(0.9, 1.1, flux.shape)
    good = random.uniform(size=flux.shape) > 0.1
    good[:, 0, 0] = False
    return Truth(flux, variance, good, **changes)


def sky(truth: Truth, form="CD", mirrored=False) -> list[tuple]:
    """The cards of the two axes on the sky, and nothing of the third."""
    cos, sin = np.cos(np.radians(truth.angle)), np.sin(np.radians(truth.angle))
    x, y = (side / 3600 for side in truth.pitch)
    matrix = np.array([[-x * cos, y * sin], [x * sin, y * cos]])
    if mirrored:
        matrix[:, 0] *= -1
    cards = [
        ("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CUNIT1", "deg"), ("CUNIT2", "deg"),
        ("CRVAL1", truth.position[0]), ("CRVAL2", truth.position[1]),
        ("CRPIX1", (WIDE + 1) / 2), ("CRPIX2", (TALL + 1) / 2),
    ]  # fmt: skip
    if form == "CD":
        return cards + [(f"CD{i + 1}_{j + 1}", matrix[i, j]) for i in (0, 1) for j in (0, 1)]
    if form == "PC":
        return [
            *cards, ("CDELT1", x), ("CDELT2", y), ("CDELT3", 1.0),
            *((f"PC{i + 1}_{j + 1}", matrix[i, j] / (x, y)[i]) for i in (0, 1) for j in (0, 1)),
        ]  # fmt: skip
    assert truth.angle == 0
    return [*cards, ("CDELT1", matrix[0, 0]), ("CDELT2", matrix[1, 1])]


def spectral(truth: Truth, ctype="AWAV", unit="Angstrom", scale=1.0, form="CD") -> list[tuple]:
    """The cards of an even third axis."""
    keyword = "CD3_3" if form == "CD" else "CDELT3"
    return [
        ("CTYPE3", ctype), ("CUNIT3", unit), ("CRVAL3", truth.start * scale), ("CRPIX3", 1.0),
        (keyword, truth.step * scale),
    ]  # fmt: skip


def image(name: str, array, cards=(), unit: str = "") -> fits.ImageHDU:
    hdu = fits.ImageHDU(array, name=name)
    hdu.header.extend([*cards, *([("BUNIT", unit)] if unit else [])])
    return hdu


def primary(array=None, cards=()) -> fits.PrimaryHDU:
    hdu = fits.PrimaryHDU(array)
    hdu.header.extend([*cards])
    return hdu


def nan(array, good):
    return np.where(good, array, np.nan)


def muse(truth: Truth) -> fits.HDUList:
    """As the pipeline writes it, with the wrong unit of variance of real files and Euro3D's flags."""
    axes = [*sky(truth), ("CDELT1", 1.0), ("CDELT2", 1.0), *spectral(truth)]
    unit = "10**(-20)*erg/s/cm**2/Angstrom"
    return fits.HDUList([
        primary(cards=[("INSTRUME", "MUSE"), ("OBJECT", "galaxy"), ("FSF00FWA", 0.9), ("FSF00FWB", -2e-5),
                       ("FSF00BET", 2.8)]),
        image("DATA", truth.flux.astype(np.float32), axes, unit),
        image("STAT", truth.variance.astype(np.float32), axes, "10**(-20)*erg/s/cm**2/Angstrom**2"),
        image("DQ", np.where(truth.good, 0, 1 << 30).astype(np.int32)),
    ])  # fmt: skip


def mpdaf(truth: Truth) -> fits.HDUList:
    """As MPDAF does: not a number where the data are bad, and no flags."""
    axes = [*sky(truth), *spectral(truth)]
    return fits.HDUList([
        primary(cards=[("INSTRUME", "MUSE")]),
        image("DATA", nan(truth.flux, truth.good), axes, "10**-20 Angstrom-1 cm-2 erg s-1"),
        image("STAT", nan(truth.variance, truth.good), axes, "10**-40 Angstrom-2 cm-4 erg2 s-2"),
    ])  # fmt: skip


def manga(truth: Truth, log: bool) -> fits.HDUList:
    """LOGCUBE or LINCUBE: the inverse of variances, bits, wavelengths in a table that counts."""
    bits = np.where(truth.good, 2, 1024 + 1).astype(np.int32)
    ivar = np.where(truth.good, 1 / (truth.variance * 1e-6), 0)
    wave = manga_centres(log)
    axes = [*sky(truth, "CD"), ("CTYPE3", "WAVE-LOG"), ("CUNIT3", "Angstrom"), ("CRVAL3", wave[0]), ("CRPIX3", 1.0),
            ("CD3_3", 5000 * 1e-4 * np.log(10))]  # fmt: skip
    width = np.broadcast_to((wave / 2000 / 2.3548)[:, None, None], truth.flux.shape)
    return fits.HDUList([
        primary(cards=[("EBVGAL", 0.03), ("MANGAID", "1-1")]),
        image("FLUX", truth.flux * 1e-3, [*axes, ("RFWHM", 2.5)], "1E-17 erg/s/cm^2/Ang/spaxel"),
        image("IVAR", ivar, axes), image("MASK", bits, axes), image("LSFPOST", 1.1 * width), image("LSFPRE", width),
        image("WAVE", wave),
    ])  # fmt: skip


def manga_centres(log: bool) -> np.ndarray:
    return 5000 * 10 ** (1e-4 * np.arange(WAVE)) if log else 5000 + 1.0 * np.arange(WAVE)


def sami(truth: Truth) -> fits.HDUList:
    axes = [*sky(truth, "CDELT"), *spectral(truth, form="CDELT")]
    more = [("INSTRUME", "AAOMEGA-SAMI"), ("Z_SPEC", 0.05), ("PSFFWHM", 2.1), ("PSFALPHA", 2.0), ("PSFBETA", 2.5)]
    unit = [("BUNIT", "10**(-16) erg /s /cm**2 /angstrom /pixel")]
    return fits.HDUList([
        primary(nan(truth.flux * 1e-4, truth.good), [*axes, *more, *unit]),
        image("VARIANCE", nan(truth.variance * 1e-8, truth.good)), image("BIN_MASK", np.arange(20).reshape(TALL, WIDE)),
    ])  # fmt: skip


def califa(truth: Truth) -> fits.HDUList:
    """Errors are standard deviations, and 1e10 where there are none."""
    axes = [*sky(truth, "CDELT"), *spectral(truth, ctype="WAVE", form="CDELT")]
    axes = [card for card in axes if card[0] != "CTYPE3"]
    wrong = np.zeros(truth.good.shape, np.uint8)
    wrong[:3] = ~truth.good[:3]
    return fits.HDUList([
        primary((truth.flux * 1e-4).astype(np.float32), [*axes, ("INSTRUME", "PMAS"), ("OBJECT", "NGC")]),
        image("ERROR", np.where(truth.good, np.sqrt(truth.variance) * 1e-4, 1e10)), image("ERRWEIGHT", truth.flux),
        image("BADPIX", wrong), image("FIBCOVER", truth.flux),
    ])  # fmt: skip


def kcwi(truth: Truth) -> fits.HDUList:
    """The unit is the inverse of what is written, padding is zero with a flag."""
    axes = [*sky(truth, "CD"), *spectral(truth, ctype="WAVE")]
    unit = ("BUNIT", "1e+16 erg / (Angstrom cm2 s)")
    return fits.HDUList([
        primary(np.where(truth.good, truth.flux * 1e-4, 0), [*axes, unit, ("INSTRUME", "KCWI")]),
        image("UNCERT", np.where(truth.good, np.sqrt(truth.variance) * 1e-4, 1.0)),
        image("MASK", np.zeros(truth.good.shape, np.uint8)),
        image("FLAGS", np.where(truth.good, 0, 4).astype(np.uint8)),
    ])  # fmt: skip


def jwst(truth: Truth, table: bool) -> fits.HDUList:
    """Surface brightness by frequency in micrometres, or in a table; its numbers are those of a formula."""
    centres = 1e4 + 10.0 * np.arange(WAVE) ** (1.01 if table else 1.0)
    steradian = truth.pitch[0] * truth.pitch[1] * (np.pi / 648000) ** 2
    # F_nu = F_lambda lambda^2 / c: 1 Jy is 1e-23 erg/s/cm2/Hz
    janskys = truth.flux * 1e-20 * (centres**2 / 2.99792458e18)[:, None, None] / 1e-23
    factor = 1e-6 / steradian
    third = [("CTYPE3", "WAVE"), ("CUNIT3", "um"), ("CRVAL3", 1.0), ("CRPIX3", 1.0), ("CDELT3", 1e-3)]
    more = []
    if table:
        third = [("CTYPE3", "WAVE-TAB"), ("CUNIT3", "um"), ("CRVAL3", 1.0), ("CRPIX3", 1.0), ("CDELT3", 1.0),
                 ("PS3_0", "WCS-TABLE"), ("PS3_1", "wavelength"), ("PV3_1", 1), ("PV3_2", 1), ("PV3_3", 1)]  # fmt: skip
        column = fits.Column("wavelength", f"{WAVE}D", unit="um", dim=f"(1,{WAVE})",
                             array=(centres / 1e4).reshape(1, WAVE, 1))  # fmt: skip
        more = [fits.BinTableHDU.from_columns([column], name="WCS-TABLE")]
    axes = [card for card in sky(truth, "PC") if card[0] != "CDELT3"] + third
    sigma = np.sqrt(truth.variance) / truth.flux * janskys
    return fits.HDUList([
        primary(cards=[("TELESCOP", "JWST"), ("INSTRUME", "NIRSPEC")]),
        image("SCI", janskys * factor, axes, "MJy/sr"), image("ERR", sigma * factor, unit="MJy/sr"),
        image("DQ", np.where(truth.good, 4, 1).astype(np.uint32)), image("WMAP", np.ones(truth.good.shape)), *more,
    ])  # fmt: skip


def kmos(truth: Truth) -> fits.HDUList:
    """Several arms, whose names end alike, and no unit."""
    axes = [*sky(truth), *spectral(truth, "WAVE", "um", 1e-4), ("CDELT3", truth.step * 1e-4)]
    other = truth.flux + 1
    arrays = nan(truth.flux, truth.good), nan(np.sqrt(truth.variance), truth.good)
    return fits.HDUList([
        primary(cards=[("INSTRUME", "KMOS")]),
        image("AGN5.DATA", other, axes), image("AGN5.NOISE", np.sqrt(truth.variance)),
        image("AGN6.DATA", arrays[0], axes), image("AGN6.NOISE", arrays[1]),
    ])  # fmt: skip


def eris(truth: Truth) -> fits.HDUList:
    axes = [*sky(truth), *spectral(truth, "WAVE", "nm", 0.1)]
    return fits.HDUList([
        primary(cards=[("INSTRUME", "ERIS")]), image("DATA", truth.flux, axes, "1e-20 erg/s/cm2/A"),
        image("ERR", np.sqrt(truth.variance)), image("DQ", np.where(truth.good, 0, 1).astype(np.int32)),
    ])  # fmt: skip


def sinfoni(truth: Truth) -> fits.HDUList:
    """No errors at all."""
    axes = [*sky(truth), *spectral(truth, "WAVE", "MICRON", 1e-4)]
    return fits.HDUList([
        primary(nan(truth.flux * 1e-20 * 1e-3 * 1e4, truth.good),
                [*axes, ("INSTRUME", "SINFONI"), ("BUNIT", "W m-2 um-1")]),
    ])  # fmt: skip


def weave(truth: Truth) -> fits.HDUList:
    """Counts and what turns them into flux; in the file of the red arm."""
    axes = [*sky(truth), *spectral(truth, "AWAV")]
    response = np.linspace(1e-18, 2e-18, WAVE)
    counts = truth.flux * 1e-20 / response[:, None, None]
    ivar = np.where(truth.good, response[:, None, None] ** 2 / (truth.variance * 1e-40), 0)
    return fits.HDUList([
        primary(cards=[("OBJECT", "galaxy")]), image("RED_DATA", counts, axes), image("RED_IVAR", ivar),
        image("RED_DATA_NOSS", counts + 1, axes), image("RED_IVAR_NOSS", ivar), image("RED_SENSFUNC", response),
    ])  # fmt: skip


def sauron(truth: Truth) -> fits.HDUList:
    """Spectra in rows, in another order than that of the field."""
    order = np.random.default_rng(1).permutation(np.flatnonzero(truth.good.all(axis=0)))
    y, x = np.unravel_index(order, (TALL, WIDE))
    spectra = truth.flux[:, y, x].T
    cards = [("CRVAL1", truth.start), ("CDELT1", truth.step), ("CRPIX1", 1.0), ("BUNIT", "1e-20 erg/s/cm2/Angstrom")]
    columns = [fits.Column("A", "E", array=0.8 * (x - 1.0)), fits.Column("D", "E", array=0.8 * (y - 2.0))]
    return fits.HDUList([
        primary(spectra, cards), image("STATS", np.zeros((3, 3))),
        fits.BinTableHDU.from_columns(columns, name="POSITIONS"),
    ])  # fmt: skip


def plain(truth: Truth) -> fits.HDUList:
    """A surface brightness, with the names of extensions of nobody."""
    axes = [*sky(truth), *spectral(truth, "WAVE", "m", 1e-10)]
    area = truth.pitch[0] * truth.pitch[1]
    return fits.HDUList([
        primary(), image("CUBE", truth.flux / area * 1e-20, axes, "erg/cm2/s/A/arcsec2"),
        image("WEIGHT", np.where(truth.good, area**2 / (truth.variance * 1e-40), 0)),
        image("BROKEN", (~truth.good).astype(np.int16)),
    ])  # fmt: skip
