"""Libraries in the layouts of others: what their numbers mean is calculated here by hand or by astropy."""

import dataclasses
import gzip
import io
import os
import sys
import zipfile
from pathlib import Path

import equinox as eqx
import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifux import Particles, config
from ifux.errors import InputError
from ifux.grids import Wavelengths
from ifux.io import fsps_library, read_ssp
from ifux.io.files import compressed
from ifux.io.files import fits as strangers
from ifux.io.libraries import options
from ifux.library import SSPLibrary
from ifux.run import open_library
from ifux.survey.checks import Checks
from ifux.survey.made import newest

SAID = {"medium": "vacuum", "fwhm": 2.0, "imf": "Salpeter"}
WAVES = 4000.0 + 2.0 * np.arange(7)
RNG = np.random.default_rng(5)


def spectra(*shape):
    """Positive numbers that single precision holds."""
    return np.random.default_rng(1).lognormal(-8, 1, (*shape, WAVES.size)).astype(np.float32).astype(np.float64)


def write_fits(path, data, **header):
    hdu = fits.PrimaryHDU(np.asarray(data, ">f4"))
    hdu.header.update({"CRVAL1": WAVES[0], "CDELT1": 2.0, "CRPIX1": 1.0} | header)
    hdu.writeto(path)


# MILES ---------------------------------------------------------------------------------------------------------------

METALS = {"m0.25": 0.01, "p0.06": 0.0198, "p0.40": 0.04}
AGES = ("00.0300", "01.0000", "14.0000")


def miles(folder, *, series="M", imf="bi", slopes=("1.30",), ends=("iTp0.00_Ep0.00",), compress=False):
    """A folder of spectra; the fluxes in the order slope, [alpha/Fe], metallicity, age."""
    folder.mkdir()
    flux = spectra(len(slopes), len(ends), len(METALS), len(AGES))
    for i, slope in enumerate(slopes):
        for j, end in enumerate(ends):
            for k, metals in enumerate(METALS):
                for n, age in enumerate(AGES):
                    name = f"{series}{imf}{slope}Z{metals}T{age}_{end}.fits{'.gz' * compress}"
                    write_fits(folder / name, flux[i, j, k, n])
    (folder / "README.txt").write_text("MILES")
    return flux


def test_miles_folder(tmp_path):
    flux = miles(tmp_path / "a", imf="kb")
    library = read_ssp(tmp_path / "a")
    assert np.array_equal(library.flux, flux[0, 0]) and np.array_equal(library.wavelength, WAVES)
    assert np.allclose(library.metallicity, [*METALS.values()]) and np.array_equal(library.age, [0.03, 1.0, 14.0])
    assert library.medium == "air" and np.all(library.fwhm == 2.51) and library.solar_luminosity == 3.826e33
    assert library.imf == "Kroupa revised, slope 1.3" and "2015" in library.citation and "BaSTI" in library.name
    assert library.alpha is None and library.imf_slope is None
    # [M/H] = 0 of BaSTI lies between the isochrones of 0.01 and 0.0198.
    assert 0.017 < library.solar_metallicity < 0.019
    label = read_ssp(tmp_path / "a", metallicity="label", solar_metallicity=0.02)
    assert np.allclose(label.metallicity, 0.02 * 10 ** np.array([-0.25, 0.06, 0.40]))
    assert np.all(read_ssp(tmp_path / "a", fwhm=2.3).fwhm == 2.3)
    with pytest.raises(InputError, match="which mass fraction it calls"):
        read_ssp(tmp_path / "a", metallicity="label")
    with pytest.raises(InputError, match="metallicity must be one of"):
        read_ssp(tmp_path / "a", metallicity="solar")


def test_miles_folder_with_further_axes(tmp_path):
    flux = miles(tmp_path / "a", slopes=("0.30", "1.30", "3.30"), ends=("iTp0.00_Ep0.00", "iTp0.40_Ep0.40"))
    library = read_ssp(tmp_path / "a")
    assert np.array_equal(library.flux, flux) and library.imf == "bimodal"
    assert np.array_equal(library.alpha, [0.0, 0.4]) and np.array_equal(library.imf_slope, [0.3, 1.3, 3.3])
    one = miles(tmp_path / "b", series="E", imf="ch", ends=("iTp0.40", "iTp0.00"), compress=True)
    library = read_ssp(tmp_path / "b")
    assert np.array_equal(library.alpha, [0.0, 0.4]) and np.array_equal(library.flux, one[0, ::-1])


def test_resolution_of_emiles(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    for metals in ("Zm0.71", "Zp0.22"):
        for age in AGES[:2]:
            name = f"Eku1.30{metals}T{age}_iPp0.00_baseFe.fits"
            write_fits(folder / name, np.ones(2500), CRVAL1=2000.0, CDELT1=5.0)
    library = read_ssp(folder)
    # Vazdekis et al. (2016): widths in the ultraviolet, MILES in the optical, 60 km/s of dispersion in the infrared.
    sigma = 12000 * 60 / 299792.458
    for wavelength, fwhm in ((2500, 3.0), (3300, 5.0), (3545, 2.51), (8950, 2.51), (12000, 2.354820045 * sigma)):
        assert np.interp(wavelength, library.wavelength, library.fwhm) == pytest.approx(fwhm, rel=1e-9)
    assert np.array_equal(library.metallicity, [0.004, 0.03]) and "Padova00, base models" in library.name
    assert library.solar_metallicity == pytest.approx(0.019)


def test_real_miles_as_a_folder(data, tmp_path):
    """Spectra of the real grid, written as the web site names them, come back where they were."""
    with h5py.File(data("miles_ssp.h5")) as file:
        labels, age, fractions = (file[name][...] for name in ("metallicity", "age", "metallicity_Z_isochrone"))
        flux = file["flux"][:, 40:43]
        start = float(file["wavelength"][0])
    for row, label in zip(flux, labels, strict=True):
        for years, spectrum in zip(age[40:43], row, strict=True):
            sign = "m" if label < 0 else "p"
            name = f"Mkb1.30Z{sign}{abs(label):.2f}T{years:07.4f}_iTp0.00_Ep0.00.fits"
            write_fits(tmp_path / name, spectrum, CRVAL1=start, CDELT1=0.9)
    library, packed = read_ssp(tmp_path), read_ssp(data("miles_ssp.h5"))
    assert np.array_equal(library.flux, flux) and np.allclose(library.metallicity, fractions, rtol=1e-12)
    assert np.allclose(library.wavelength, packed.wavelength, rtol=1e-9) and np.allclose(library.age, age[40:43])
    assert library.solar_metallicity == pytest.approx(packed.solar_metallicity)


def spoil_missing(folder):
    (folder / "Mbi1.30Zp0.06T01.0000_iTp0.00_Ep0.00.fits").unlink()


def spoil_header(folder):
    name = folder / "Mbi1.30Zp0.40T14.0000_iTp0.00_Ep0.00.fits"
    name.unlink()
    write_fits(name, np.ones(7), CDELT1=1.8)


def spoil_stranger(folder):
    write_fits(folder / "star.fits", np.ones(7))


def spoil_mixture(folder):
    write_fits(folder / "Mbi1.30Zp0.06T01.0000_iTp0.00_baseFe.fits", np.ones(7))


def spoil_double(folder):
    write_fits(folder / "Mbi1.30Zp0.06T01.0000_iTp0.00_Ep0.00.fits.gz", np.ones(7))


def spoil_number(folder):
    name = folder / "Mbi1.30Zm0.25T01.0000_iTp0.00_Ep0.00.fits"
    name.unlink()
    write_fits(name, np.full(7, np.nan))


def spoil_label(folder):
    for path in folder.glob("*Zp0.40*"):
        path.rename(folder / path.name.replace("Zp0.40", "Zp0.41"))


def spoil_text(folder):
    (folder / "Mbi1.30Zm0.25T01.0000_iTp0.00_Ep0.00.fits").write_text("wavelength flux")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_missing, r"the one of IMF slope 1.3, \[alpha/Fe\] 0, \[M/H\] 0.06, age 1 is missing, beside Mbi"),
        (spoil_header, r"Zp0.40T14.0000_iTp0.00_Ep0.00.fits has 7 wavelengths from 4000 by 1.8"),
        (spoil_stranger, r"star\.fits is FITS without the name"),
        (spoil_mixture, r"MILES bimodal BaSTI; MILES bimodal BaSTI baseFe"),
        (spoil_double, r"are the same population"),
        (spoil_number, r"Zm0.25T01.0000_iTp0.00_Ep0.00.fits: 7 fluxes are not finite"),
        (spoil_label, r"\[M/H\] = 0.41 is not known: give metallicity=\"label\""),
        (spoil_text, r"is truncated or damaged|is not FITS"),
    ],
)
def test_spoiled_folder_is_one_sentence(tmp_path, spoil, sentence):
    miles(tmp_path / "a")
    spoil(tmp_path / "a")
    with pytest.raises(InputError, match=sentence) as caught:
        read_ssp(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_one_spectrum_is_no_library(tmp_path):
    miles(tmp_path / "a")
    with pytest.raises(InputError, match="give the folder"):
        read_ssp(tmp_path / "a" / "Mbi1.30Zp0.06T01.0000_iTp0.00_Ep0.00.fits")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is a folder, but not a library"):
        read_ssp(tmp_path / "empty")


# pyPipe3D ------------------------------------------------------------------------------------------------------------

NAMES = ("spec_ssp_1.0000Gyr_z0004.spec", "spec_ssp_10.000Myr_z0004.spec", "spec_ssp_1.0000Gyr_z02.spec",
         "spec_ssp_10.000Myr_z02.spec")  # fmt: skip
NORMS = (2e-4, 3e-2, 1e-4, 2.5e-2)


def pypipe3d(path, names=NAMES, norms=NORMS, **header):
    shapes = spectra(len(names))
    keys = {f"NAME{i}": name for i, name in enumerate(names)} | {f"NORM{i}": norm for i, norm in enumerate(norms)}
    write_fits(path, shapes, **keys, **header)
    return shapes


def test_pypipe3d(tmp_path):
    path = tmp_path / "MaStar_CB19.slog_1_5.fits.gz"
    shapes = pypipe3d(path, WAVENORM=5500.0, CRPIX1=3.0)
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    library = read_ssp(path, **SAID)
    assert np.array_equal(library.metallicity, [0.0004, 0.02]) and np.allclose(library.age, [0.01, 1.0], rtol=1e-14)
    assert np.allclose(library.wavelength, WAVES - 4.0)
    expected = [[3e-2 * shapes[1], 2e-4 * shapes[0]], [2.5e-2 * shapes[3], 1e-4 * shapes[2]]]
    assert np.allclose(library.flux, expected, rtol=1e-12)
    assert (library.medium, library.imf, library.name) == ("vacuum", "Salpeter", "MaStar_CB19.slog_1_5")
    for missing, words in (("medium", "in air or in vacuum"), ("fwhm", "resolution"), ("imf", "initial mass function")):
        with pytest.raises(InputError, match=f"does not say .*{words}: give {missing}="):
            read_ssp(path, **{key: value for key, value in SAID.items() if key != missing})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"names": (*NAMES[:3], "spec_ssp_x_z02.spec")}, "NAME3 is 'spec_ssp_x_z02.spec'"),
        ({"names": (*NAMES[:3], NAMES[0])}, "NAME0 and NAME3 are the same population"),
        ({"names": NAMES[:3], "norms": NORMS[:3]}, "the one of metallicity 0.02, age 0.01 is missing"),
        ({"norms": (1.0, 2.0, -3.0, 4.0)}, "NORM2 must be a positive number, got -3.0"),
        ({"norms": (1.0, 2.0, "x", 4.0)}, "NORM2 must be a positive number, got 'x'"),
        ({"norms": NORMS[:3]}, "NORM3 must be a positive number, got None"),
        ({"CDELT1": -2.0}, "must be positive"),
        ({"CDELT1": "two"}, "CDELT1 is 'two' and must be a number"),
        ({"CTYPE1": "WAVE-LOG"}, "wavelengths are logarithmic"),
        ({"CUNIT1": "nm"}, "are in 'nm'"),
    ],
)
def test_damaged_pypipe3d_is_one_sentence(tmp_path, changes, sentence):
    pypipe3d(tmp_path / "a.fits", **changes)
    with pytest.raises(InputError, match=sentence):
        read_ssp(tmp_path / "a.fits", **SAID)


# RUBIX ---------------------------------------------------------------------------------------------------------------


def test_bc03_of_rubix(data):
    path = data("BC03lr.h5")
    with pytest.raises(InputError, match="in air or in vacuum, nor its spectral resolution, nor its initial mass func"):
        read_ssp(path)
    library = read_ssp(path, medium="vacuum", fwhm=[[91, 2], [4000, 20], [19950, 100]], imf="Chabrier (2003)")
    with h5py.File(path) as file:
        age, flux, wavelength = (file[name][...] for name in ("age", "flux", "wavelength"))
    # log10 of years: the youngest two are one year and 126 000 years, and shine alike; the oldest has 20 Gyr.
    assert library.age[0] == pytest.approx((1 * u.yr).to_value("Gyr"))
    assert np.allclose(library.age, (10.0**age * u.yr).to_value("Gyr")) and library.age[-1] == pytest.approx(20.0)
    assert np.array_equal(library.flux, flux) and np.array_equal(flux[:, 0], flux[:, 1])
    assert np.array_equal(library.metallicity, [0.0001, 0.0004, 0.004, 0.008, 0.02, 0.05])
    assert library.fwhm[np.searchsorted(wavelength, 4000)] == pytest.approx(20, rel=0.01)
    # Old populations of solar metallicity have about 2.5 Msun/Lsun in V: 1 Lsun in V is 1.3e-4 Lsun/angstrom.
    bright = library.flux[4, np.searchsorted(library.age, 10.0), np.searchsorted(wavelength, 5500)]
    assert 1e-5 < bright < 1e-4
    # The optical part is sampled unevenly, and a telescope gets it on an even grid.
    with pytest.raises(ValueError, match="resampled"):
        library.cut(3000, 9500).pixels()
    seen, _ = library.matched(Wavelengths(4750.0, 1.25, 3000, "air"), 0.02, 500.0)
    assert seen.pixels().size == seen.wavelength.size
    middle = np.interp(seen.wavelength, wavelength, flux[4, 100])
    assert np.allclose(seen.flux[4, 100], middle, rtol=1e-12)


def rubix(path, age=(1.0, 10.0), metallicity=(0.004, 0.02), flux=None, **attributes):
    with h5py.File(path, "w") as file:
        file["age"], file["metallicity"], file["wavelength"] = np.array(age), np.array(metallicity), WAVES
        file["flux"] = spectra(len(metallicity), len(age)) if flux is None else flux


def test_rubix_ages_are_asked_for(tmp_path):
    path = tmp_path / "a.h5"
    rubix(path)
    with pytest.raises(InputError, match=r"ages from 1 to 10 are counted in: give age_unit=\.\.\., one of \['Gyr'"):
        read_ssp(path, **SAID)
    for unit, astropy in (("Gyr", u.Gyr), ("Myr", u.Myr), ("yr", u.yr)):
        found = read_ssp(path, age_unit=unit, **SAID).age
        assert np.allclose(found, (np.array([1.0, 10.0]) * astropy).to_value("Gyr"))
    assert np.allclose(read_ssp(path, age_unit="log yr", **SAID).age, [1e-8, 10.0])
    rubix(path, age=(-3.0, 1.0), metallicity=(-3.0, -2.0))
    with pytest.raises(InputError, match="what its fluxes are per: give flux_unit"):
        read_ssp(path, **SAID)
    library = read_ssp(path, flux_unit="Lsun/Hz", **SAID)
    assert np.allclose(library.age, [1e-3, 10]) and np.allclose(library.metallicity, [1e-3, 1e-2])
    per_hertz = spectra(2, 2) * u.Lsun / u.Hz
    assert np.allclose(library.flux, (per_hertz * 2.99792458e8 * u.m / u.s / (WAVES * u.AA) ** 2).to_value("Lsun/AA"))


# DSPS ----------------------------------------------------------------------------------------------------------------


def dsps(path, metallicity=(-3.0, -1.7)):
    flux = spectra(2, 3) * 1e-12
    with h5py.File(path, "w") as file:
        file["ssp_lgmet"], file["ssp_lg_age_gyr"] = np.array(metallicity), np.array([-3.0, 0.0, 1.0])
        file["ssp_wave"], file["ssp_flux"] = WAVES, flux
    return flux


def test_dsps(tmp_path):
    flux = dsps(tmp_path / "a.h5")
    library = read_ssp(tmp_path / "a.h5", **SAID)
    assert np.allclose(library.age, [0.001, 1, 10]) and np.allclose(library.metallicity, [0.001, 10**-1.7])
    nu = (flux * u.Lsun / u.Hz / u.cm**2).to(u.Lsun / u.AA / u.cm**2, equivalencies=u.spectral_density(WAVES * u.AA))
    assert np.allclose(library.flux, nu.value, rtol=1e-12)
    dsps(tmp_path / "a.h5", (-1.0, 0.2))
    with pytest.raises(InputError, match="solar_metallicity="):
        read_ssp(tmp_path / "a.h5", **SAID)
    assert np.allclose(
        read_ssp(tmp_path / "a.h5", solar_metallicity=0.0142, **SAID).metallicity, [0.00142, 0.0142 * 10**0.2]
    )


# pPXF ----------------------------------------------------------------------------------------------------------------


def ppxf(path, **changes):
    arrays = {
        "templates": spectra(2, 3).transpose(2, 1, 0),
        "masses": np.ones((3, 2)),
        "lam": WAVES,
        "ages": np.array([0.1, 1.0, 10.0]),
        "metals": np.array([-0.4, 0.0]),
        "fwhm": np.linspace(2, 3, WAVES.size),
    } | changes
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})


def test_ppxf(tmp_path):
    path = tmp_path / "spectra_emiles_9.0.npz"
    ppxf(path)
    library = read_ssp(path, medium="air", imf="Salpeter", solar_metallicity=0.019)
    assert np.array_equal(library.flux, spectra(2, 3)) and np.array_equal(library.age, [0.1, 1, 10])
    assert np.allclose(library.metallicity, 0.019 * 10 ** np.array([-0.4, 0])) and library.solar_metallicity == 0.019
    assert np.array_equal(library.fwhm, np.linspace(2, 3, WAVES.size))
    assert np.all(read_ssp(path, solar_metallicity=0.019, **SAID).fwhm == 2)
    with pytest.raises(InputError, match=r"mass fraction it calls \[M/H\] = 0: give solar_metallicity"):
        read_ssp(path, medium="air", imf="Salpeter")
    ppxf(path, fwhm=np.array(2.5))
    assert np.all(read_ssp(path, medium="air", imf="Salpeter", solar_metallicity=0.02).fwhm == 2.5)
    ppxf(path, fwhm=None)
    with pytest.raises(InputError, match="spectral resolution"):
        read_ssp(path, medium="air", imf="Salpeter", solar_metallicity=0.019)


def spoil_array(path, name, content):
    """Puts bytes in the place of an array of an archive."""
    with zipfile.ZipFile(path) as old:
        entries = {entry: old.read(entry) for entry in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry, bytes_there in entries.items():
            new.writestr(entry, content if entry == f"{name}.npy" else bytes_there)


def npy(header):
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n"), "which is no array of numbers"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 1000, 1000), }\n"), "promises the shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n") + b"123", "expected 24 bytes got 3"),
        (npy("__import__('os').system('false')\n"), "no library of pPXF"),
        (b"ages", "no library of pPXF"),
        (b"", "no library of pPXF"),
    ],
)
def test_hostile_arrays_are_refused(tmp_path, content, sentence):
    path = tmp_path / "a.npz"
    ppxf(path)
    spoil_array(path, "ages", content)
    with pytest.raises(InputError, match=sentence):
        read_ssp(path, solar_metallicity=0.019, **SAID)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "a.npz"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    ppxf(path, ages=np.array([Trap(), 1.0, 2.0], dtype=object))
    with pytest.raises(InputError, match="no array of numbers"):
        read_ssp(path, solar_metallicity=0.019, **SAID)
    assert not (tmp_path / "sprung").exists()


def test_shapes_of_ppxf_must_fit(tmp_path):
    path = tmp_path / "a.npz"
    for changes, sentence in (
        ({"templates": spectra(2)}, "templates has shape"),
        ({"metals": np.zeros(3)}, "flux has shape"),
        ({"fwhm": np.ones(3)}, "fwhm has shape"),
        ({"ages": np.array([1.0, 0.1, 10.0])}, "age must be positive and increase"),
        ({"ages": np.array([np.nan, 0.1, 10.0])}, "age of shape .3,. must be a list of finite numbers"),
        ({"lam": WAVES.astype(complex)}, "no array of numbers"),
    ):
        ppxf(path, **changes)
        with pytest.raises(InputError, match=sentence):
            read_ssp(path, medium="air", imf="x", solar_metallicity=0.019)


# Bruzual & Charlot ---------------------------------------------------------------------------------------------------

YEARS = (0.0, 1e5, 1e9)
TRACKS = {"m22": 0.0001, "m62": 0.02, "m72": 0.05}


def written(numbers, each):
    """Numbers as Fortran writes them, so many in a line; exponents of three digits lose their letter."""
    words = [f"{number:.7E}" for number in numbers]
    words = [word.replace("E-1", "-1") if word[-5:-3] == "E-" else word for word in words]
    return "\n".join(" ".join(words[i : i + each]) for i in range(0, len(words), each))


def bruzual_charlot(folder, stem="bc2003_lr_{}_chab_ssp", compress=("m62",)):
    folder.mkdir()
    flux = spectra(len(TRACKS), len(YEARS))
    flux[0, 0, 0] = 1.25e-120
    for (track, metals), rows in zip(TRACKS.items(), flux, strict=True):
        about = f"0.1 100. 1\n0.1 100. 1.35 0 0\n1. 2. 3.\nBC_CAT: Padova 1994, X=0.7, Y=0.28,Z={metals:g}, [Fe/H]\nT\n"
        text = f"{len(YEARS)} {written(YEARS, 2)}\n{about}{WAVES.size} {written(WAVES, 3)}\n"
        for row in rows:
            text += f"{WAVES.size} {written(row, 4)}\n2 {written([0.5, 0.6], 2)}\n"
        text += f"3 {written([1, 2, 3], 3)}\n"
        name = f"{stem.format(track)}.ised_ASCII"
        if track in compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_text(text)
    return flux


def test_bruzual_charlot(tmp_path):
    flux = bruzual_charlot(tmp_path / "a")
    assert "1.2500000-120" in (tmp_path / "a" / "bc2003_lr_m22_chab_ssp.ised_ASCII").read_text()
    library = read_ssp(tmp_path / "a", medium="air", fwhm=20.0)
    assert np.allclose(library.flux, flux, rtol=1e-7, atol=0) and library.flux[0, 0, 0] == 1.25e-120
    assert np.array_equal(library.metallicity, [*TRACKS.values()]) and np.allclose(library.wavelength, WAVES)
    assert np.allclose(library.age, [1e-9, 1e-4, 1.0]) and library.imf == "Chabrier (2003)"
    assert "2003" in library.citation
    with pytest.raises(InputError, match="in air or in vacuum, nor its spectral resolution: give"):
        read_ssp(tmp_path / "a")
    with pytest.raises(InputError, match="give the folder"):
        read_ssp(tmp_path / "a" / "bc2003_lr_m22_chab_ssp.ised_ASCII", **SAID)
    bruzual_charlot(tmp_path / "b", stem="mine_{}_ssp")
    with pytest.raises(InputError, match="initial mass function: give imf"):
        read_ssp(tmp_path / "b", medium="air", fwhm=20.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text[:-200], "ends before the spectra"),
        (lambda text: text[:25], "ends within its ages"),
        (lambda text: text.replace("Z=0.05", "Q=0.05"), "no line about its tracks"),
        (lambda text: text.replace("Z=0.05", "Z=0.02"), "both have Z = 0.02"),
        (lambda text: "999999999 " + text[2:], "no count of ages"),
        (lambda text: text.replace("4.0020000E+03", "4.0030000E+03"), "other ages or wavelengths"),
        (lambda text: text.replace("4.0020000E+03", "wavelength"), "could not convert"),
        (lambda text: "", "ends within its ages"),
    ],
)
def test_damaged_bruzual_charlot_is_one_sentence(tmp_path, change, sentence):
    bruzual_charlot(tmp_path / "a")
    path = tmp_path / "a" / "bc2003_lr_m72_chab_ssp.ised_ASCII"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=sentence):
        read_ssp(tmp_path / "a", **SAID)
    bruzual_charlot(tmp_path / "b")
    path.rename(tmp_path / "b" / "bc2003_hr_m72_chab_ssp.ised_ASCII")
    with pytest.raises(InputError, match="several sets of models, bc2003_hr"):
        read_ssp(tmp_path / "b", **SAID)
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match="holds no models of Bruzual & Charlot"):
        read_ssp(tmp_path / "c", format="bruzual-charlot", **SAID)


# FSPS ----------------------------------------------------------------------------------------------------------------

STUB = '''
import numpy as np
__version__ = "0.4.7"
calls = []
class StellarPopulation:
    """Stands in for python-fsps, which needs a Fortran compiler and gigabytes of data."""
    libraries = (b"mist", b"miles", b"DL07")
    zlegend = np.array([0.001, 0.02])
    ssp_ages = np.array([6.0, 9.0, 10.0])
    wavelengths = np.array([4000.0, 5000.0, 6000.0])
    resolutions = np.array([0.0, 60.0, -60.0])
    solar_metallicity = 0.0142
    def __init__(self, **parameters):
        if "nonsense" in parameters:
            raise TypeError("unexpected nonsense")
        self.parameters = parameters
    def get_spectrum(self, zmet=None, tage=0.0, peraa=False):
        assert tage == 0 and not peraa and self.parameters["sfh"] == 0 and self.parameters["zcontinuous"] == 0
        assert not self.parameters["vactoair_flag"] and not self.parameters["add_neb_emission"]
        calls.append(zmet)
        return self.wavelengths, zmet * 1e-15 * np.outer([3.0, 2.0, 1.0], self.wavelengths)
'''


@pytest.fixture
def fsps(tmp_path, monkeypatch):
    """A module in the place of python-fsps; what is tested is what is made of its numbers."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "fsps.py").write_text(STUB)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setenv("IFUX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "fsps", raising=False)
    yield tmp_path
    sys.modules.pop("fsps", None)


def test_fsps_is_computed_once(fsps):
    library = fsps_library(imf_type=1)
    per_hertz = np.array([1e-15, 2e-15])[:, None, None] * np.outer([3, 2, 1], [4000, 5000, 6000]) * u.Lsun / u.Hz
    wavelength = [4000, 5000, 6000] * u.AA
    assert np.allclose(library.flux, (per_hertz * 2.99792458e8 * u.m / u.s / wavelength**2).to_value("Lsun/AA"))
    assert np.allclose(library.age, [1e-3, 1, 10]) and np.array_equal(library.metallicity, [0.001, 0.02])
    width = 2.3548200450309493 * 60 / 299792.458
    assert np.allclose(library.fwhm, [2000, 5000 * width, 6000 * width])
    assert library.medium == "vacuum" and library.imf == "Chabrier (2003)" and library.solar_luminosity == 3.839e33
    assert library.solar_metallicity == 0.0142 and library.name == "FSPS, mist, miles"
    calls = sys.modules["fsps"].calls
    again = fsps_library(imf_type=1)
    assert calls == [1, 2] and all(
        np.array_equal(getattr(library, field.name), getattr(again, field.name))
        for field in dataclasses.fields(SSPLibrary)
    )
    assert fsps_library(imf_type=0).imf == "Salpeter (1955)" and calls == [1, 2, 1, 2]
    for path in (fsps / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:-50])
    assert np.array_equal(fsps_library(imf_type=1).flux, library.flux) and len(calls) == 6


def test_fsps_says_what_it_cannot_do(fsps):
    with pytest.raises(InputError, match=r"fixes \['sfh', 'zmet'\]: leave them out"):
        fsps_library(sfh=1, zmet=3)
    with pytest.raises(InputError, match=r"does not take .*unexpected nonsense"):
        fsps_library(nonsense=1)
    with pytest.raises(InputError, match="takes names and numbers"):
        fsps_library(imf_type=object())
    sys.modules.pop("fsps")
    (fsps / "modules" / "fsps.py").write_text("raise RuntimeError('SPS_HOME is not set')")
    with pytest.raises(InputError, match=r"does not work here \(SPS_HOME is not set\)"):
        fsps_library()


def test_without_fsps_is_one_sentence(monkeypatch):
    monkeypatch.setattr("ifux.io.libraries.fsps.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        fsps_library()


# All of them ---------------------------------------------------------------------------------------------------------


def test_options_are_checked(tmp_path):
    path = tmp_path / "a.h5"
    dsps(path)
    for changes, sentence in (
        ({"medium": "water"}, "medium must be 'air' or 'vacuum', got 'water'"),
        ({"fwhm": -1.0}, "fwhm must be a positive number"),
        ({"fwhm": True}, "fwhm must be a positive number"),
        ({"fwhm": "narrow"}, "fwhm must be a positive number"),
        ({"fwhm": [4000.0, 2.0]}, "pairs of increasing wavelength and width"),
        ({"fwhm": [[5000.0, 2.0], [4000.0, 2.0]]}, "pairs of increasing wavelength and width"),
        ({"fwhm": [[4000.0, 2.0], ["x"]]}, "pairs of increasing wavelength and width"),
        ({"fwhm": [[4000.0, np.nan]]}, "pairs of increasing wavelength and width"),
        ({"solar_luminosity": 0.0}, "solar_luminosity must be a positive number"),
        ({"age_unit": "yr"}, r"takes the options \['medium', .*not \['age_unit'\]"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_ssp(path, **SAID | changes)
    assert read_ssp(path, **SAID, solar_luminosity=3.9e33).solar_luminosity == 3.9e33
    widths = options.resolution("a", [[4004.0, 2.0], [4008.0, 4.0]], WAVES)
    assert np.allclose(widths, [2, 2, 2, 3, 4, 4, 4])


def test_a_configuration_gives_numbers(tmp_path):
    path = tmp_path / "a.h5"
    dsps(path, (-1.0, 0.2))
    given = {"kind": "file", "path": str(path), **SAID, "solar_metallicity": 0.02}
    assert open_library(given).solar_metallicity == 0.02
    assert open_library(given | {"fwhm": [[4000, 2], [5000, 3]]}).fwhm[-1] == pytest.approx(2.012)
    for changes, sentence in (
        ({"solar_metallicity": "solar"}, r'library\.solar_metallicity: "solar" is not a number'),
        ({"medium": 5}, r"library\.medium: 5 is not a name"),
        ({"fwhm": {"a": 1}}, "fwhm must be a positive number"),
    ):
        with pytest.raises(InputError, match=sentence):
            open_library(given | changes)
    bruzual_charlot(tmp_path / "b")
    folder = open_library({"kind": "file", "path": str(tmp_path / "b"), "format": "bruzual-charlot", **SAID})
    assert folder.imf == "Salpeter" and folder.flux.shape == (3, 3, 7)


def header(**cards):
    """A FITS header that says anything."""
    cards = {"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 7, "NAXIS2": 4} | cards
    cards |= {"CRVAL1": 4000.0, "CDELT1": 2.0} | {f"NAME{i}": name for i, name in enumerate(NAMES)}
    cards |= {f"NORM{i}": norm for i, norm in enumerate(NORMS)}
    text = "".join(str(fits.Card(key, value)) for key, value in cards.items()) + "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (header(NAXIS1=2**31 - 1, NAXIS2=2**20), "truncated or damaged"),
        (header(NAXIS1=-7), r"extension 0 has BITPIX = -32 and axes \[-7, 4\]"),
        (header(NAXIS=999), "truncated or damaged .*NAXIS3"),
        (header(NAXIS=0), "no extension begins at byte 2880, where something is"),
        (header(NAXIS1=1.5), "truncated or damaged"),
        (header(BITPIX=7), "truncated or damaged"),
        (header(NAXIS1=700), "extension 0 needs 11200 bytes, and 112 are left"),
        (header()[:2000], "truncated or damaged"),
        (header().replace(b"END" + b" " * 77, b"   " + b" " * 77), "truncated or damaged"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_fits_that_lies_is_one_sentence(tmp_path, content, sentence, packed):
    path = tmp_path / "a.fits"
    content = content + np.ones(28, ">f4").tobytes() if b"END" in content else content
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=sentence):
        read_ssp(path, format="pypipe3d", **SAID)


def test_bombs_do_not_go_off(tmp_path, monkeypatch):
    """A few kilobytes that unpack without end are given up at what a library may have."""
    monkeypatch.setattr("ifux.io.libraries.bruzual_charlot.TEXT", 10_000)
    monkeypatch.setattr(strangers, "MOST", 28_800)
    read = []
    monkeypatch.setattr(strangers, "exactly", lambda file, size: read.append(size) or compressed.exactly(file, size))
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(b"SIMPLE  =".ljust(5_000_000)))
    with pytest.raises(InputError, match="truncated or damaged"):
        read_ssp(tmp_path / "a.fits.gz", format="pypipe3d", **SAID)
    assert read == [28_800]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "bc_m22_chab.ised_ASCII.gz").write_bytes(gzip.compress(b"1 " * 1_000_000))
    with pytest.raises(InputError, match="unpacks to more than 10000 bytes"):
        read_ssp(tmp_path / "b", **SAID)


def test_absurd_sizes_are_refused_before_they_are_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave"):
            file[name] = np.arange(2.0)
        file.create_dataset("ssp_flux", (10**5, 10**5, 10**5), "f4", chunks=(1, 1, 1000))
    with pytest.raises(InputError, match="more than any library has"):
        read_ssp(tmp_path / "a.h5", solar_metallicity=0.02, **SAID)


def test_links_out_of_the_file_are_not_followed(tmp_path):
    dsps(tmp_path / "other.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux"):
            file[name] = h5py.ExternalLink("other.h5", name)
    with pytest.raises(InputError, match=r"is a link to the file other\.h5"):
        read_ssp(tmp_path / "a.h5", **SAID)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.npz", "a.h5", "Mbi1.30Zp0.06T01.0000_iTp0.00.fits"])
def test_text_under_a_wrong_name_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_text("wavelength flux\n4000 1\n")
    with pytest.raises(InputError, match=r"wavelength flux|give the folder"):
        read_ssp(tmp_path / name)


def corpus():
    """One good file of every format that is a file, and one folder of one spectrum, as bytes."""
    import tempfile

    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (
            ("a.fits.gz", pypipe3d),
            ("b.fits", pypipe3d),
            ("c.npz", ppxf),
            ("d.h5", dsps),
            ("e.h5", lambda path: rubix(path, age=(0.0, 9.0))),
        ):
            make(Path(folder) / name)
            made[name] = (Path(folder) / name).read_bytes()
        bruzual_charlot(Path(folder) / "f", compress=())
        made["f"] = (Path(folder) / "f" / "bc2003_lr_m22_chab_ssp.ised_ASCII").read_bytes()
    return made


CORPUS = corpus()


@pytest.mark.parametrize("name", CORPUS)
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(draw=st.data())
def test_damage_anywhere_is_a_sentence_or_a_library(tmp_path, name, draw):
    content = bytearray(CORPUS[name])
    for _ in range(draw.draw(st.integers(1, 3))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    if draw.draw(st.booleans()):
        del content[draw.draw(st.integers(0, len(content))) :]
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    path = folder / f"x_{name}.ised_ASCII" if name == "f" else folder / name
    path.write_bytes(content)
    chosen = {"solar_metallicity": 0.02} if name in ("c.npz", "d.h5") else {}
    kind = {"a": "pypipe3d", "b": "pypipe3d", "c": "ppxf", "d": "dsps", "e": "rubix", "f": "bruzual-charlot"}[name[0]]
    for options_there in ({"format": kind, **SAID, **chosen}, {}):
        try:
            library = read_ssp(folder if name == "f" else path, **options_there)
        except InputError as error:
            assert str(error)
        else:
            assert isinstance(library, SSPLibrary) and np.isfinite(library.flux).all()


def test_recognition_by_content(tmp_path):
    """Every format is found by what is in the file, under any name."""
    made = {"pypipe3d": pypipe3d, "ppxf": None, "dsps": dsps}
    pypipe3d(tmp_path / "x.fits")
    (tmp_path / "x.fits").rename(tmp_path / "pypipe3d")
    buffer = io.BytesIO()
    ppxf(buffer)
    (tmp_path / "ppxf").write_bytes(buffer.getvalue())
    dsps(tmp_path / "dsps")
    for name in made:
        assert read_ssp(tmp_path / name, **SAID, **({"solar_metallicity": 0.02} if name == "ppxf" else {})).name


def test_a_survey_knows_a_folder_of_spectra(tmp_path):
    folder = tmp_path / "a"
    bruzual_charlot(folder)
    before = newest(folder)
    os.utime(folder / "bc2003_lr_m22_chab_ssp.ised_ASCII", (before + 60,) * 2)
    assert newest(folder) == pytest.approx(before + 60, abs=1e-3)
    checks = Checks()
    description = {"kind": "file", "path": str(folder), **SAID}
    checks.library(description)
    (kept,) = checks.libraries.values()
    assert kept.flux.shape == (2, 2, WAVES.size)
    with pytest.raises(InputError, match=r"library\.path: there is no file"):
        checks.library(description | {"path": str(tmp_path / "lost")})


def test_a_telescope_sees_through_an_uneven_library(data):
    """The band of a cube made with BC03 has the luminosity of its star, by hand from the file."""
    description = config.resolved(
        {
            "galaxy": {"kind": "disc-bulge"},
            "library": {"kind": "file", "path": str(data("BC03lr.h5")), **SAID},
            "telescope": {
                "target": {"kind": "fixed", "redshift": 0.0, "distance": 10.0},
                "spaxels": {"kind": "square", "pitch": 1.0, "size": [5, 5]},
                "wavelengths": {"start": 5000.0, "step": 5.0, "size": 200, "medium": "vacuum"},
                "ssp": {"kind": "grid"},
                "kinematics": {"kind": "channels", "reach": 200.0},
            },
        }
    )
    library = open_library(description["library"])
    star = Particles(np.zeros((1, 3)), np.zeros((1, 3)), [1e6], [10 ** (10.00 - 9)], [0.02])
    cube = eqx.filter_jit(config.telescope(description["telescope"], library, star))(star)
    with h5py.File(data("BC03lr.h5")) as file:
        row = np.argmin(np.abs(file["age"][...] - 10.0))
        below, above = (file["flux"][4, i] for i in (row, row + (file["age"][row] < 10.0) * 2 - 1))
        first, second = file["age"][row], file["age"][row + (file["age"][row] < 10.0) * 2 - 1]
        share = (10.0 - first) / (second - first)
        edges = np.linspace(4997.5, 5997.5, 100_001)
        density = np.interp(edges, file["wavelength"][...], (1 - share) * below + share * above)
    light = 1e6 * np.trapezoid(density, edges) * u.Lsun.to("erg/s") / (4 * np.pi * (10 * u.Mpc).to_value("cm") ** 2)
    assert float(np.asarray(cube, np.float64).sum()) * 5.0 * 1e-20 == pytest.approx(light, rel=1e-3)
