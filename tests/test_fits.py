"""A cube on disk is what other programs take it for, and says how it was made."""

import gzip
import importlib
import json
import tracemalloc
import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

import ifux.io.files.cube
from ifux.errors import InputError
from ifux.grids import LogWavelengths, TableWavelengths, Wavelengths
from ifux.io.files.cube import MISSING, UNIT, Cube, read_configuration, read_cube, versions, write_cube

# the FITS standard discourages units with two slashes, and the MUSE pipeline writes them
two_slashes = pytest.mark.filterwarnings("ignore:.*contains multiple slashes:astropy.units.UnitsWarning")

HISTORY = {
    "telescope": {
        "psf": {"kind": "moffat", "fwhm": 0.1 + 0.2, "beta": 2.8},
        "size": [9, 7],
        "trim": True,
        "dust": None,
    },
    "numbers": [1e-300, 5e-324, 1.7976931348623157e308, -0.0, 2**70, 1 / 3, 4700.15],
    "words": [
        "Å ngström's",
        "50 % & more &",
        "back\\slash \"quoted\" '' / ",
        "tab\tline\n",
        "日本",
        "\x7f",
        " " * 200,
        "",
    ],
}


@pytest.fixture
def cube():
    rng = np.random.default_rng(5)
    flux = rng.normal(size=(12, 7, 9)).astype(np.float32)
    return Cube(
        flux=flux,
        wavelengths=Wavelengths(4700.15, 1.25, 12, "air"),
        pitch=(0.2, 0.2),
        variance=flux**2 + 1,
        maps={
            "mass": (rng.random((7, 9)), "solMass", "formed mass in each spaxel"),
            "VELOCITY": (rng.random((7, 9)).astype(np.float32), "km/s", "mean velocity, receding is positive"),
            "count": (rng.integers(0, 99, (7, 9)), "", "number of particles"),
        },
        history=HISTORY,
        seed=2**40 + 1,
        title="Galáxia 1",
        notes=("the embedded library is illustrative: not for science", "a note so long that it needs more cards " * 4),
        position=(150.5, -30.25),
    )


@pytest.fixture
def path(cube, tmp_path):
    write_cube(tmp_path / "cube.fits", cube)
    return tmp_path / "cube.fits"


def test_everything_comes_back(cube, path):
    again = read_cube(path)
    for field in fields(Cube):
        before, after = getattr(cube, field.name), getattr(again, field.name)
        if field.name in ("flux", "variance"):
            assert after.dtype == np.dtype("=f4") and np.array_equal(before, after)
        elif field.name == "maps":
            assert list(before) == list(after)
            for name in before:
                assert np.array_equal(before[name][0], after[name][0]) and before[name][1:] == after[name][1:]
                assert before[name][0].dtype == after[name][0].dtype
        else:
            assert before == after, field.name


def test_configuration_comes_back_byte_for_byte(path):
    assert json.dumps(read_configuration(path)) == json.dumps(HISTORY)


@pytest.mark.parametrize("character", [" ", "'", "&", "\\", "é", "/"])
def test_record_survives_wherever_it_is_cut(cube, tmp_path, character):
    plain = Cube(cube.flux, cube.wavelengths, cube.pitch)
    for length in range(ifux.io.files.cube.PIECE + 3):
        history = {"a": "x" * length + character * 3 + "x" * 70 + character * 140}
        write_cube(tmp_path / "a.fits", replace(plain, history=history), overwrite=True)
        assert read_configuration(tmp_path / "a.fits") == history


def test_configuration_comes_back_as_text_without_ifux(path):
    """The recipe of the documentation, for a reader who has only the header."""
    header = fits.getheader(path)
    pieces = [header[key] for key in sorted(header) if key.startswith("IFUX")]
    record = json.loads("".join(piece.ljust(68) for piece in pieces))
    assert record["configuration"] == HISTORY


def test_file_keeps_to_the_standard(path):
    raw = path.read_bytes()
    assert len(raw) % 2880 == 0
    with fits.open(path) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == ["PRIMARY", "DATA", "STAT", "mass", "VELOCITY", "count"]
        assert file[0].data is None and file["DATA"].header["BITPIX"] == -32
        cards = [card.image for hdu in file for card in hdu.header.cards]
    assert not any(card.startswith("CONTINUE") for card in cards)
    assert all(len(card) % 80 == 0 for card in cards)


def test_header_speaks_to_people(path):
    header = fits.getheader(path)
    assert header["OBJECT"] == "Galaxia 1" and header["SEED"] == 2**40 + 1
    assert [header[f"PKG{place}"] for place in range(1, 6)] == [f"{name} {v}" for name, v in versions().items()]
    assert "illustrative" in str(header["COMMENT"]) and header["DATE"].startswith("20")
    assert "not an observation" in header.comments["CREATOR"]


def test_versions_are_those_that_decide_the_numbers():
    assert list(versions()) == ["ifux", "jax", "equinox", "numpy", "astropy"]
    assert versions()["numpy"] == np.__version__


@pytest.mark.parametrize("medium", ["air", "vacuum"])
def test_wavelengths_keep_their_medium(cube, tmp_path, medium):
    wavelengths = Wavelengths(3622.0, 1.0, 12, medium)
    write_cube(tmp_path / "a.fits", replace(cube, wavelengths=wavelengths))
    header = fits.getheader(tmp_path / "a.fits", "DATA")
    assert header["CTYPE3"] == {"air": "AWAV", "vacuum": "WAVE"}[medium]
    assert (header["CUNIT3"], header["CRVAL3"], header["CRPIX3"], header["CD3_3"]) == ("Angstrom", 3622.0, 1.0, 1.0)
    assert not any(key.startswith(("CDELT", "PC")) and key != "PCOUNT" for key in header)
    assert read_cube(tmp_path / "a.fits").wavelengths == wavelengths


UNEVEN = {
    "WAVE-LOG": LogWavelengths(3621.596, 1e-4 * np.log(10), 12, "vacuum"),
    "AWAV-LOG": LogWavelengths(4750.3, 2.5e-4, 12, "air"),
    "WAVE-TAB": TableWavelengths(6000 + 40 * np.arange(13.0) ** 1.37, "vacuum"),
    "AWAV-TAB": TableWavelengths([*np.linspace(4800, 4811, 12), 4990.125], "air"),
}
"""By what FITS calls them."""


@pytest.mark.parametrize("ctype", UNEVEN)
def test_uneven_channels_are_those_of_the_standard(cube, tmp_path, ctype):
    """In the eyes of astropy.wcs, which has them from WCSLIB; edges come back to the last digit."""
    grid = UNEVEN[ctype]
    write_cube(tmp_path / "a.fits", replace(cube, wavelengths=grid, pitch=(0.2, 0.3), position_angle=30.0))
    with fits.open(tmp_path / "a.fits") as file:
        file.verify("exception")
        assert ("WCS-TABLE" in file) is ctype.endswith("TAB")
        pixels = np.zeros((25, 3))
        pixels[:, 2] = np.arange(25) / 2 - 0.5
        for name in ("DATA", "STAT"):
            wcs = WCS(file[name].header, file)
            assert wcs.wcs.ctype[2] == ctype == file[name].header["CTYPE3"]
            found = wcs.wcs_pix2world(pixels, 0)[:, 2] * wcs.wcs.cunit[2].to(u.AA)
            assert found[1::2] == pytest.approx(grid.centres(), rel=1e-9)
            assert found[0::2] == pytest.approx(grid.edges(), rel=1e-9)
        assert WCS(file["mass"].header).naxis == 2
    again = read_cube(tmp_path / "a.fits")
    assert again.wavelengths == grid and again.pitch == (0.2, 0.3) and again.position_angle == 30.0
    assert list(again.maps) == list(cube.maps) and read_configuration(tmp_path / "a.fits") == HISTORY


def test_table_of_centres_that_somebody_else_wrote_is_read(cube, tmp_path):
    """The way of JWST's cubes: an entry for each centre, in micrometres. Edges are half-way, and as far at the ends."""
    centres = 0.6 + 0.01 * np.arange(12.0) ** 1.2
    write_cube(tmp_path / "a.fits", replace(cube, wavelengths=UNEVEN["WAVE-TAB"]))
    column = fits.Column("wavelength", "12D", unit="um", dim="(1,12)", array=centres.reshape(1, 12, 1))
    with fits.open(tmp_path / "a.fits", mode="update") as file:
        file["WCS-TABLE"] = fits.BinTableHDU.from_columns([column], name="WCS-TABLE", ver=1)
        for name in ("DATA", "STAT"):
            file[name].header["CUNIT3"], file[name].header["CRPIX3"] = "um", 1.0
    middle = (centres[1:] + centres[:-1]) / 2
    ends = 1.5 * centres[[0, -1]] - 0.5 * centres[[1, -2]]
    expected = 1e4 * np.array([ends[0], *middle, ends[1]])
    assert read_cube(tmp_path / "a.fits").wavelengths.edges() == pytest.approx(expected, rel=1e-12)


def test_flags_are_those_of_the_pipeline_of_muse(cube, tmp_path):
    """A gap is no number in DATA and STAT, and flagged in DQ as data that are missing."""
    grid = Wavelengths(4700.15, 1.25, 12, "air", [(4702.0, 4706.0)])
    missing = grid.missing()[:, None, None]
    flags = np.broadcast_to(np.where(missing, np.int32(MISSING), np.int32(0)), cube.flux.shape)
    flux, variance = (np.where(missing, np.nan, values).astype(np.float32) for values in (cube.flux, cube.variance))
    gapped = replace(cube, wavelengths=grid, flux=flux, variance=variance, quality=flags)
    write_cube(tmp_path / "a.fits", gapped)
    with fits.open(tmp_path / "a.fits") as file:
        assert [hdu.name for hdu in file][:4] == ["PRIMARY", "DATA", "STAT", "DQ"]
        header = file["DQ"].header
        assert (header["BITPIX"], header["HDUCLAS2"], header["CRVAL3"]) == (32, "QUALITY", 4700.15)
        assert np.array_equal(file["DQ"].data, flags)
    again = read_cube(tmp_path / "a.fits")
    assert again.wavelengths == grid and np.array_equal(again.quality, flags) and list(again.maps) == list(cube.maps)
    assert np.array_equal(again.flux, flux, equal_nan=True) and np.array_equal(again.variance, variance, equal_nan=True)
    euro3d = pytest.importorskip("mpdaf.tools.euro3D")
    assert MISSING in euro3d.DQ_PIXEL.values()


def test_world_coordinates(path):
    """North is up, east is left, and the pitch is that asked for."""
    wcs = WCS(fits.getheader(path, "DATA"))
    ra, dec, wave = wcs.wcs_pix2world([[4, 3, 0], [5, 3, 0], [4, 4, 0], [4, 3, 11]], 0).T
    assert (ra[0], dec[0]) == (pytest.approx(150.5), pytest.approx(-30.25))
    assert (ra[1] - ra[0]) * np.cos(np.radians(dec[0])) * 3600 == pytest.approx(-0.2, rel=1e-6)
    assert dec[1] == pytest.approx(dec[0]) and ra[2] == pytest.approx(ra[0])
    assert (dec[2] - dec[0]) * 3600 == pytest.approx(0.2, rel=1e-6)
    scale = wcs.wcs.cunit[2].to(u.AA)
    assert wave[[0, 3]] * scale == pytest.approx([4700.15, 4700.15 + 11 * 1.25], rel=1e-12)
    for name in ("mass", "STAT"):
        other = WCS(fits.getheader(path, name)).celestial
        assert other.wcs_pix2world([[0, 0]], 0)[0] == pytest.approx(wcs.celestial.wcs_pix2world([[0, 0]], 0)[0])


@two_slashes
def test_units_are_those_of_the_numbers(path):
    flux, variance = (u.Unit(fits.getheader(path, name)["BUNIT"]) for name in ("DATA", "STAT"))
    assert fits.getheader(path, "DATA")["BUNIT"] == UNIT
    assert flux.to(u.erg / u.s / u.cm**2 / u.AA) == pytest.approx(1e-20)
    assert variance == flux**2
    assert fits.getheader(path, "mass")["BUNIT"] == "solMass"


@two_slashes
def test_mpdaf_reads_the_cube(cube, path):
    pytest.importorskip("mpdaf")
    from mpdaf.obj import Cube as Other

    other = Other(str(path))
    assert np.array_equal(other.data.data, cube.flux) and np.array_equal(other.var.data, cube.variance)
    assert (other.wave.get_start(u.AA), other.wave.get_step(u.AA)) == (pytest.approx(4700.15), pytest.approx(1.25))
    assert other.wave.get_ctype() == "AWAV"
    assert other.unit.to(u.erg / u.s / u.cm**2 / u.AA) == pytest.approx(1e-20)
    assert other.get_step(unit_wcs=u.arcsec)[1:] == pytest.approx([0.2, 0.2])
    assert other.wcs.get_rot() == pytest.approx(0, abs=1e-9)
    assert other.primary_header["OBJECT"] == "Galaxia 1"


# spectral_cube 0.7 still imports a constant that astropy 8 is about to drop
@pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED:astropy.utils.exceptions.AstropyPendingDeprecationWarning")
@two_slashes
def test_spectral_cube_reads_the_cube(cube, path):
    spectral_cube = pytest.importorskip("spectral_cube")
    other = spectral_cube.SpectralCube.read(str(path), hdu=1)
    assert np.array_equal(other.unmasked_data[:].value, cube.flux)
    assert other.spectral_axis.to(u.AA).value == pytest.approx(cube.wavelengths.centres(), rel=1e-12)
    assert other.unit.to(u.erg / u.s / u.cm**2 / u.AA) == pytest.approx(1e-20)


@two_slashes
def test_specutils_reads_the_cube(cube, path):
    """No loader claims the layout of MUSE; the one for FITS spectra reads it when told which extension is which."""
    specutils = pytest.importorskip("specutils")
    other = specutils.Spectrum.read(
        str(path), format="wcs1d-fits", hdu="DATA", uncertainty_hdu="STAT", uncertainty_type="var"
    )
    assert np.array_equal(other.flux.value, cube.flux) and other.spectral_axis_index == 0
    assert np.array_equal(other.uncertainty.array, cube.variance)
    assert other.spectral_axis.to(u.AA).value == pytest.approx(cube.wavelengths.centres(), rel=1e-12)
    assert other.flux.unit.to(u.erg / u.s / u.cm**2 / u.AA) == pytest.approx(1e-20)


@pytest.fixture
def logarithmic(cube, tmp_path):
    """One with a gap."""
    grid = replace(UNEVEN["WAVE-LOG"], gaps=[(3625.0, 3627.0)])
    flux = np.where(grid.missing()[:, None, None], np.nan, cube.flux).astype(np.float32)
    flags = np.where(np.isnan(flux), np.int32(MISSING), np.int32(0))
    one = replace(cube, wavelengths=grid, flux=flux, variance=flux**2 + 1, quality=flags)
    write_cube(tmp_path / "log.fits", one)
    return one


@two_slashes
def test_mpdaf_reads_logarithmic_channels_and_their_gaps(logarithmic, tmp_path):
    pytest.importorskip("mpdaf")
    from mpdaf.obj import Cube as Other

    other = Other(str(tmp_path / "log.fits"))
    assert other.wave.coord(unit=u.AA) == pytest.approx(logarithmic.wavelengths.centres(), rel=1e-9)
    assert np.array_equal(other.mask, logarithmic.quality != 0)
    assert np.array_equal(other.data.data[~other.mask], logarithmic.flux[~other.mask])


@pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED:astropy.utils.exceptions.AstropyPendingDeprecationWarning")
@two_slashes
def test_spectral_cube_reads_logarithmic_channels(logarithmic, tmp_path):
    spectral_cube = pytest.importorskip("spectral_cube")
    other = spectral_cube.SpectralCube.read(str(tmp_path / "log.fits"), hdu=1)
    assert other.spectral_axis.to_value(u.AA) == pytest.approx(logarithmic.wavelengths.centres(), rel=1e-9)
    assert np.array_equal(other.unmasked_data[:].value, logarithmic.flux, equal_nan=True)


@two_slashes
def test_specutils_reads_logarithmic_channels(logarithmic, tmp_path):
    specutils = pytest.importorskip("specutils")
    given = {"format": "wcs1d-fits", "hdu": "DATA", "uncertainty_hdu": "STAT", "uncertainty_type": "var"}
    other = specutils.Spectrum.read(str(tmp_path / "log.fits"), **given)
    assert other.spectral_axis.to_value(u.AA) == pytest.approx(logarithmic.wavelengths.centres(), rel=1e-9)
    assert np.array_equal(other.flux.value, logarithmic.flux, equal_nan=True)


def as_ngist_reads(path, redshift, origin):
    """What nGIST's readData/MUSE_WFM.py takes from a file: its extensions by their place, its axis from two cards."""
    with fits.open(path) as file:
        header, data, variance = file[1].header, file[1].data, file[2].data
    wave = (header["CRVAL3"] + np.arange(data.shape[0]) * header["CD3_3"]) / (1 + redshift)
    pitch = header["CD2_2"] * 3600
    x, y = np.meshgrid(
        *((np.arange(size) - start) * pitch for size, start in zip(data.shape[:0:-1], origin, strict=True))
    )
    spectra, variances = (values.reshape(data.shape[0], -1) for values in (data, variance))
    ratio = np.nanmedian(spectra / np.sqrt(variances), axis=0)
    return wave, spectra, variances, ratio, pitch, x.ravel(), y.ravel()


def test_ngist_finds_what_it_asks_of_muse(cube, tmp_path):
    """With a gap, flags and a resolution. It takes any third extension for the variance, so there must be one."""
    grid = replace(cube.wavelengths, gaps=[(4702.0, 4706.0)])
    missing = grid.missing()[:, None, None]
    flags = np.broadcast_to(np.where(missing, np.int32(MISSING), np.int32(0)), cube.flux.shape)
    flux, variance = (np.where(missing, np.nan, values).astype(np.float32) for values in (cube.flux, cube.variance))
    one = replace(
        cube, wavelengths=grid, flux=flux, variance=variance, quality=flags, resolution=np.full(12, 2.6)
    )  # fmt: skip
    write_cube(tmp_path / "a.fits", one)
    wave, spectra, variances, ratio, pitch, x, y = as_ngist_reads(tmp_path / "a.fits", 0.01, (4, 3))
    assert wave == pytest.approx(grid.centres() / 1.01, rel=1e-12) and pitch == pytest.approx(0.2)
    assert np.array_equal(spectra, flux.reshape(12, -1), equal_nan=True)
    assert np.array_equal(variances, variance.reshape(12, -1), equal_nan=True)
    expected = np.nanmedian(flux / np.sqrt(variance), axis=0).ravel()
    assert ratio == pytest.approx(expected, rel=1e-5) and np.isfinite(ratio).all()
    assert (x[0], x[-1], y[0], y[-1]) == pytest.approx((-0.8, 0.8, -0.6, 0.6))
    with fits.open(tmp_path / "a.fits") as file:
        assert [hdu.name for hdu in file][1:5] == ["DATA", "STAT", "DQ", "LSF"]
        assert np.array_equal(file["LSF"].data, one.resolution) and file["LSF"].header["BUNIT"] == "Angstrom"
    assert np.array_equal(read_cube(tmp_path / "a.fits").resolution, one.resolution)


# --- the layout of MaNGA ----------------------------------------------------------------------------------------------

FLAGS = {(3, 2, 4): 8192, (5, 0, 0): 32, (6, 6, 8): 4096, (0, 1, 1): 8192 + 32}
"""A dead pixel, a cosmic ray, a full pixel, and two of them."""


@pytest.fixture(params=["LOG", "LIN"])
def bundle(request, cube, tmp_path):
    """A cube in that layout, with its path: a gap, and what happens to voxels."""
    gap = [(3625.0, 3627.0)]
    grids = {"LOG": replace(UNEVEN["WAVE-LOG"], gaps=gap), "LIN": Wavelengths(3622.0, 1.0, 12, "vacuum", gap)}
    grid = grids[request.param]
    flags = np.zeros(cube.flux.shape, np.int32)
    flags[grid.missing()] = MISSING
    for place, flag in FLAGS.items():
        flags[place] |= flag
    lost = (flags & (MISSING + 8192 + 32)) != 0
    flux, variance = (np.where(lost, np.nan, values).astype(np.float32) for values in (cube.flux, cube.variance))
    one = replace(
        cube, wavelengths=grid, pitch=(0.5, 0.5), flux=flux, variance=variance, quality=flags,
        resolution=np.linspace(2.4, 2.9, 12),
    )  # fmt: skip
    path = tmp_path / f"manga-0-0-{request.param}CUBE.fits.gz"
    write_cube(path, one, layout="manga")
    return one, path


def test_layout_of_manga_is_that_of_its_data_model(bundle):
    """Extensions, their order, units and types: DR17."""
    cube, path = bundle
    with fits.open(path) as file:
        file.verify("exception")
        names = [
            "PRIMARY", "FLUX", "IVAR", "MASK", "LSFPOST", "LSFPRE", "WAVE", "SPECRES", "SPECRESD", "PRESPECRES",
            "PRESPECRESD", "mass", "VELOCITY", "count",
        ]  # fmt: skip
        assert [hdu.name for hdu in file] == names
        shape = cube.flux.shape
        assert all(file[name].shape == shape for name in names[1:6]) and file["MASK"].header["BITPIX"] == 32
        assert all(file[name].shape == shape[:1] for name in names[6:11])
        header = file["FLUX"].header
        form = "-LOG" if "LOGCUBE" in path.name else ""
        assert (header["CTYPE3"], header["CUNIT3"], header["CRPIX3"]) == (f"WAVE{form}", "Angstrom", 1)
        assert header["BUNIT"] == "1E-17 erg/s/cm^2/Ang/spaxel" and header["CD1_1"] == pytest.approx(-0.5 / 3600)
        assert header["CD3_3"] == pytest.approx(np.diff(file["WAVE"].data)[0], rel=2e-4)
        wave = WCS(header).wcs_pix2world(np.stack([np.zeros(12), np.zeros(12), np.arange(12)], 1), 0)[:, 2]
        assert file["WAVE"].data == pytest.approx(1e10 * wave, rel=1e-9)
        good = np.isfinite(cube.flux)
        assert file["FLUX"].data[good] == pytest.approx(cube.flux[good] * 1e-3, rel=1e-6)
        assert file["IVAR"].data[good] == pytest.approx(1e6 / cube.variance[good], rel=1e-6)
        assert not file["FLUX"].data[~good].any() and not file["IVAR"].data[~good].any()
        mask = file["MASK"].data
        assert np.array_equal(mask & 1 != 0, ~good) and np.array_equal(mask & 1024 != 0, cube.quality != 0)
        before, after = file["LSFPRE"].data[:, 3, 4], file["LSFPOST"].data[:, 3, 4]
        assert before * np.sqrt(8 * np.log(2)) == pytest.approx(cube.resolution, rel=1e-6)
        assert after**2 - before**2 == pytest.approx(cube.wavelengths.widths() ** 2 / 12, rel=1e-4)
        power = file["WAVE"].data / np.sqrt(8 * np.log(2))
        assert file["SPECRES"].data == pytest.approx(power / after, rel=1e-6)
        assert file["PRESPECRES"].data == pytest.approx(power / before, rel=1e-6)


def test_layout_of_manga_comes_back(bundle):
    """But for what kind of bad a voxel is, of which that survey has one."""
    cube, path = bundle
    again = read_cube(path)
    for name in ("flux", "variance"):
        assert np.allclose(getattr(again, name), getattr(cube, name), rtol=3e-7, atol=0, equal_nan=True)
    assert np.array_equal(again.quality != 0, cube.quality != 0)
    assert np.array_equal(again.quality == MISSING, np.isnan(cube.flux)) and {*np.unique(again.quality)} <= {
        0,
        MISSING,
        16384,
    }
    assert again.resolution == pytest.approx(cube.resolution, rel=1e-12)
    for name in ("wavelengths", "pitch", "position", "seed", "title", "notes", "history"):
        assert getattr(again, name) == getattr(cube, name)
    assert read_configuration(path) == HISTORY and list(again.maps) == list(cube.maps)
    write_cube(path, again, layout="manga", overwrite=True)
    assert np.array_equal(read_cube(path).flux, again.flux, equal_nan=True)


def test_marvin_and_the_analysis_pipeline_find_what_they_ask_for(bundle):
    """What marvin.tools.Cube takes from a file, and what mangadap's MaNGADataCube and DRPFits do."""
    cube, path = bundle
    with fits.open(path) as file:
        header = file[1].header
        assert WCS(header).wcs.naxis == 3 and (header["NAXIS2"], header["NAXIS1"]) == cube.flux.shape[1:]
        assert len(file["WAVE"].data) == cube.wavelengths.size
        assert header["PLATEIFU"] == f"{int(header['PLATEID'])}-{int(header['IFUDSGN'])}"
        assert header["VERSDRP3"] == "v3_1_1" and header["MANGAID"] and "APOGEE" not in header["SRVYMODE"]
        # mangadap: plate, bundle and sampling from the name, arrays transposed, coordinates of the object
        plate, ifu, sampling = path.name.split("-")[1:4]
        assert (int(plate), int(ifu)) == (int(header["PLATEID"]), int(header["IFUDSGN"]))
        assert ("LOG" in sampling) == ("LOG" in header["CTYPE3"])
        primary = file[0].header
        assert primary["EBVGAL"] == 0 and primary["DRP3QUAL"] == 0
        assert (primary["OBJRA"], primary["OBJDEC"]) == cube.position == (primary["IFURA"], primary["IFUDEC"])
        flux, weight = (
            np.ma.MaskedArray(file[name].data.T, file["MASK"].data.T & 1024 != 0) for name in ("FLUX", "IVAR")
        )
        assert (
            flux.shape == cube.flux.shape[::-1]
            and (weight.compressed() > 0).all()
            and np.isfinite(flux.compressed()).all()
        )
        available = [name for name in ("LSFPRE", "PRESPECRES", "LSFPOST", "SPECRES") if name in file]
        assert available[0] == "LSFPRE" and file[available[0]].data.min() > 0
        power = file["WAVE"].data[:, None, None] / file[available[0]].data / 2.3548200450309493
        assert power[:, 0, 0] == pytest.approx(cube.wavelengths.centres() / cube.resolution, rel=1e-6)
        # the pixel scale as mangadap measures it
        corners = WCS(header).all_pix2world([[1, 1, 1], [1, 2, 1], [2, 2, 1], [2, 1, 1]], 1)
        x, y = (corners[:, 0] - corners[0, 0]) * np.cos(np.radians(corners[0, 1])), corners[:, 1]
        area = 0.5 * abs(x @ np.roll(y, 1) - y @ np.roll(x, 1))
        assert 3600 * np.sqrt(area) == pytest.approx(0.5, rel=1e-4)


def test_specutils_knows_the_layout_of_manga(bundle):
    """By its own loader, which tells the survey from the header."""
    specutils = pytest.importorskip("specutils")
    cube, path = bundle
    other = specutils.Spectrum.read(str(path))
    assert other.flux.unit.to_string().count("spaxel") == 1 and other.flux.value.max() == pytest.approx(
        np.nanmax(cube.flux) * 1e-3, rel=1e-6
    )
    assert other.spectral_axis.to_value(u.AA) == pytest.approx(cube.wavelengths.centres(), rel=1e-9)
    assert np.count_nonzero(other.mask) == np.count_nonzero(cube.quality)


def test_what_manga_cannot_hold_is_refused_before_a_file_is_there(cube, tmp_path):
    vacuum = replace(cube, wavelengths=replace(cube.wavelengths, medium="vacuum"), resolution=np.full(12, 2.5))
    for one, words in (
        (replace(vacuum, wavelengths=cube.wavelengths), "channels in vacuum that are even"),
        (replace(vacuum, wavelengths=UNEVEN["WAVE-TAB"]), "channels in vacuum that are even"),
        (replace(vacuum, variance=None), "observe with noise"),
        (replace(vacuum, resolution=None), "the cube does not state it"),
    ):
        with pytest.raises(InputError, match=words):
            write_cube(tmp_path / "a.fits", one, layout="manga")
    with pytest.raises(InputError, match="'sauron' is not one of"):
        write_cube(tmp_path / "a.fits", vacuum, layout="sauron")
    assert not [*tmp_path.iterdir()]
    write_cube(tmp_path / "a.fits", replace(vacuum, history={"layout": "manga"}))
    assert fits.getheader(tmp_path / "a.fits", "FLUX")["NAXIS"] == 3


@pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED:astropy.utils.exceptions.AstropyPendingDeprecationWarning")
# mpdaf leaves the file open that it cannot read
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@two_slashes
@pytest.mark.parametrize("program", ["mpdaf", "spectral_cube", "specutils"])
def test_programs_that_know_no_tables_refuse_them(cube, tmp_path, program):
    """None of them reads wavelengths that are not there. When one reads tables, its test is that of the others."""
    module = pytest.importorskip(program)
    write_cube(tmp_path / "a.fits", replace(cube, wavelengths=UNEVEN["WAVE-TAB"]))
    read = {
        "mpdaf": lambda path: importlib.import_module("mpdaf.obj").Cube(path),
        "spectral_cube": lambda path: module.SpectralCube.read(path, hdu=1),
        "specutils": lambda path: module.Spectrum.read(path, format="wcs1d-fits", hdu="DATA"),
    }
    with pytest.raises(ValueError, match="HDUList is required to retrieve -TAB coordinates"):
        read[program](str(tmp_path / "a.fits"))


def test_cube_without_noise_has_no_variance(cube, tmp_path):
    write_cube(tmp_path / "a.fits", replace(cube, variance=None, maps={}, seed=None, notes=()))
    with fits.open(tmp_path / "a.fits") as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "DATA"] and "SEED" not in file[0].header
    again = read_cube(tmp_path / "a.fits")
    assert again.variance is None and again.seed is None and again.maps == {} and again.notes == ()


def test_cube_in_the_layout_of_muse_is_read(cube, tmp_path):
    """A cube that ifux did not write: a reference pixel elsewhere, wavelengths in nm, no record."""
    header = fits.Header(
        {
            "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "AWAV", "CUNIT1": "deg", "CUNIT2": "deg",
            "CUNIT3": "nm", "CRVAL1": 10.0, "CRVAL2": 0.0, "CRVAL3": 475.0, "CRPIX1": 1.0, "CRPIX2": 4.0, "CRPIX3": 3.0,
            "CD1_1": -0.2 / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.2 / 3600, "CD3_3": 0.125,
            "CD1_3": 0.0, "CD2_3": 0.0, "CD3_1": 0.0, "CD3_2": 0.0, "EXTNAME": "DATA",
        }
    )  # fmt: skip
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = "NGC 1"
    fits.HDUList([primary, fits.ImageHDU(cube.flux, header)]).writeto(tmp_path / "muse.fits")
    again = read_cube(tmp_path / "muse.fits")
    assert again.wavelengths.centres() == pytest.approx(4750 + 1.25 * (np.arange(12) - 2))
    assert again.pitch == (0.2, 0.2) and again.title == "NGC 1" and again.history == {} and again.versions == {}
    assert again.position == (pytest.approx(10 - 4 * 0.2 / 3600), pytest.approx(0, abs=1e-9))
    with pytest.raises(InputError, match="does not say how it was made"):
        read_configuration(tmp_path / "muse.fits")


def test_existing_file_is_not_overwritten(cube, path):
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists"):
        write_cube(path, cube)
    assert path.read_bytes() == before
    write_cube(path, replace(cube, title="other"), overwrite=True)
    assert read_cube(path).title == "other"


@pytest.mark.parametrize("overwrite", [False, True])
def test_failure_leaves_nothing_behind(cube, tmp_path, monkeypatch, overwrite):
    target = tmp_path / "cube.fits"
    if overwrite:
        write_cube(target, cube)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    append = ifux.io.files.cube.append

    def full_disk(file, image):
        append(file, image)
        if ("EXTNAME", "STAT") in image.cards:
            raise OSError("no space left on device")

    monkeypatch.setattr(ifux.io.files.cube, "append", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_cube(target, cube, overwrite=overwrite)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_cube_is_not_held_twice(tmp_path):
    flux = np.ones((200, 250, 300), np.float32)
    flux.flags.writeable = False  # as arrays of JAX are
    cube = Cube(flux, Wavelengths(4700.0, 1.25, 200, "air"), (0.2, 0.2))
    tracemalloc.start()
    write_cube(tmp_path / "a.fits", cube)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.4 * flux.nbytes
    assert not flux.flags.writeable and np.all(flux == 1)
    assert (tmp_path / "a.fits").stat().st_size < 1.01 * flux.nbytes


def test_double_precision_is_written_single(cube, tmp_path):
    write_cube(tmp_path / "a.fits", replace(cube, flux=cube.flux.astype(np.float64)))
    assert np.array_equal(read_cube(tmp_path / "a.fits").flux, cube.flux)


@pytest.mark.parametrize("history", [{"x": float("nan")}, {"x": np.float32(1)}, {"x": {1, 2}}, {"x": "y" * 700_000}])
def test_configuration_beyond_json_or_a_header_is_refused(cube, tmp_path, history):
    with pytest.raises(InputError, match=r"JSON|too long"):
        write_cube(tmp_path / "a.fits", replace(cube, history=history))
    assert not list(tmp_path.iterdir())


def test_shapes_that_disagree_are_refused(cube):
    image = np.zeros((7, 9))
    with pytest.raises(InputError, match="12 wavelengths"):
        replace(cube, flux=cube.flux[:5], variance=None)
    for name in ("DATA", "stat", "dq", "Mass", "", "vitesse moyenne é"):
        with pytest.raises(InputError, match="Map"):
            replace(cube, maps={**cube.maps, name: (image, "", "")})
    with pytest.raises(InputError, match="holds bool"):
        replace(cube, maps={"seen": (image > 0, "", "")})
    # the import hook of the tests refuses shapes that disagree before the class itself does
    with pytest.raises((InputError, TypeError)):
        replace(cube, variance=cube.flux[:, :5])
    with pytest.raises((InputError, TypeError)):
        replace(cube, maps={"mass": (image[:3], "", "")})


def test_file_without_a_cube_is_refused(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "a.fits")
    with pytest.raises(InputError, match="no extension DATA"):
        read_cube(tmp_path / "a.fits")


@pytest.mark.parametrize(("key", "value"), [("CTYPE3", "VELO"), ("CTYPE3", "AWAV-F2W"), ("CUNIT3", "Hz")])
def test_axis_of_another_kind_is_refused(path, key, value):
    with fits.open(path, mode="update") as file:
        file["DATA"].header[key] = value
    with pytest.raises(InputError, match=f"third axis.*{value}"):
        read_cube(path)


def test_broken_record_is_named(path):
    with fits.open(path, mode="update") as file:
        file[0].header["IFUX0002"] = "scribble"
    with pytest.raises(InputError, match="IFUX0001 to IFUX"):
        read_configuration(path)


def test_writing_is_silent(cube, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_cube(tmp_path / "a.fits", cube)
        read_cube(tmp_path / "a.fits")
    assert not caught


def test_name_that_ends_in_gz_is_compressed(cube, path, tmp_path):
    packed = tmp_path / "cube.fits.gz"
    write_cube(packed, cube)
    content = gzip.decompress(packed.read_bytes())
    assert len(content) == path.stat().st_size and content.startswith(b"SIMPLE  =")
    again, plain = read_cube(packed), read_cube(path)
    assert np.array_equal(again.flux, plain.flux) and again.position == plain.position
    assert read_configuration(packed) == HISTORY
    packed.write_bytes(packed.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"cube\.fits\.gz is truncated or damaged"):
        read_configuration(packed)


@pytest.mark.parametrize("name", ["cube.h5", "cube.fits.bz2", "cube.png.gz", "cube.fits.fz"])
def test_name_that_promises_another_kind_of_file_is_refused(cube, tmp_path, name):
    with pytest.raises(InputError, match="is not written as"):
        write_cube(tmp_path / name, cube)
    assert not [*tmp_path.iterdir()]
