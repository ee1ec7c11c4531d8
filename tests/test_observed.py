"""Cubes of other people: the same physical numbers, whatever layout they are in."""

import dataclasses
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import observed_files as files
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import ifux
from ifux import Data, GaussianPSF, InputError, MoffatPSF, Reason, TableLSF, Wavelengths, binned, dereddened, real
from ifux.galaxies import DiscBulge
from ifux.io import describe, read_observation, write_observation

CASES = {
    "muse": (files.muse, {}, "air"),
    "mpdaf": (files.mpdaf, {}, "air"),
    "logcube": (lambda truth: files.manga(truth, True), {}, "vacuum"),
    "lincube": (lambda truth: files.manga(truth, False), {}, "vacuum"),
    "sami": (files.sami, {}, "air"),
    "califa": (files.califa, {}, "air"),
    "kcwi": (files.kcwi, {}, "vacuum"),
    "jwst": (lambda truth: files.jwst(truth, False), {}, "vacuum"),
    "jwst bands": (lambda truth: files.jwst(truth, True), {}, "vacuum"),
    "kmos": (files.kmos, {"extension": "AGN6", "unit": "1e-20 erg/s/cm2/Angstrom"}, "vacuum"),
    "eris": (files.eris, {}, "vacuum"),
    "sinfoni": (files.sinfoni, {}, "vacuum"),
    "weave": (files.weave, {}, "air"),
    "plain": (
        files.plain,
        {"flux": "CUBE", "error": "WEIGHT", "error_kind": "inverse variance", "mask": "BROKEN"},
        "vacuum",
    ),
}
"""How each file is made, what must be said of it, and the medium that it is in."""
UNTURNED = ("sami", "califa")
"""Those whose files have no angle."""
LAYOUTS = {"mpdaf": "muse", "logcube": "manga", "lincube": "manga", "jwst bands": "jwst"}


def made(tmp_path, name, **changes):
    make, stated, medium = CASES[name]
    truth = files.truth(**({"angle": 0.0} if name in UNTURNED else {}) | changes)
    path = tmp_path / "cube.fits"
    with warnings.catch_warnings(action="ignore"):
        make(truth).writeto(path)
    return path, stated, truth, medium


@pytest.mark.parametrize("name", CASES)
def test_every_layout_gives_the_same_numbers(tmp_path, name):
    path, stated, truth, medium = made(tmp_path, name)
    data = read_observation(path, **stated)
    assert data.layout == LAYOUTS.get(name, name)
    assert np.array_equal(data.mask, truth.good)
    assert np.allclose(data.flux[data.mask], truth.flux[truth.good], rtol=3e-7)
    if data.variance is not None:
        assert np.allclose(data.variance[data.mask], truth.variance[truth.good], rtol=3e-6)
    else:
        assert name == "sinfoni" and "the file has no errors" in data.notes
    assert data.pitch == pytest.approx(truth.pitch, rel=1e-6)
    assert data.position == pytest.approx(truth.position, abs=1e-9)
    assert data.position_angle == pytest.approx(truth.angle, abs=1e-5)
    assert data.wavelengths.medium == medium and not data.mirrored


@pytest.mark.parametrize("name", CASES)
def test_wavelengths_are_those_of_astropy(tmp_path, name):
    """To 1e-6 of themselves; of MaNGA, whose header is only near, those of its table."""
    path, stated, _, _ = made(tmp_path, name)
    found = read_observation(path, **stated).wavelengths.centres()
    if name.endswith("cube"):
        assert np.allclose(found, files.manga_centres(name == "logcube"), rtol=1e-9)
        return
    with fits.open(path) as file, warnings.catch_warnings(action="ignore"):
        header = next(hdu.header for hdu in file[::-1] if hdu.is_image and hdu.header.get("CRVAL3") is not None)
        header = header.copy()
        header["CTYPE3"] = header.get("CTYPE3", "AWAV")
        header["CUNIT3"] = header["CUNIT3"].replace("MICRON", "um")
        pixels = np.zeros((files.WAVE, 3))
        pixels[:, 2] = np.arange(files.WAVE)
        world = WCS(header, file)
        expected = world.wcs_pix2world(pixels, 0)[:, 2] * world.wcs.cunit[2].to("angstrom")
    assert np.allclose(found, expected, rtol=1e-6)
    assert np.allclose(np.diff(found), np.diff(expected), rtol=1e-4)


@pytest.mark.parametrize("form", ["CD", "PC"])
@pytest.mark.parametrize("angle", [0.0, 30.0, -110.0, 180.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_pixel_is_where_astropy_has_it(tmp_path, form, angle, mirrored):
    """To 1e-3 of a spaxel, with x turned to the west; far from the equator, where meridians converge."""
    truth = files.truth(angle=angle, position=(10.0, 70.0))
    axes = [*files.sky(truth, form, mirrored), *files.spectral(truth, form="CD" if form == "CD" else "CDELT")]
    axes = [card for card in axes if card != ("CDELT3", 1.0)]
    # the reference is not in the middle of the field
    axes = [("CRPIX1", 20.0) if card[0] == "CRPIX1" else card for card in axes]
    path = tmp_path / "cube.fits"
    unit = "10**(-20)*erg/s/cm**2/Angstrom"
    fits.HDUList([
        files.primary(), files.image("DATA", truth.flux, axes, unit), files.image("STAT", truth.variance)
    ]).writeto(path)  # fmt: skip
    data = read_observation(path)
    assert data.mirrored == mirrored
    y, x = np.mgrid[: files.TALL, : files.WIDE]
    with fits.open(path) as file:
        sky = WCS(file["DATA"].header).celestial.pixel_to_world(x, y)
    if mirrored:
        sky = sky[:, ::-1]
    assert np.allclose(data.flux, truth.flux[..., ::-1] if mirrored else truth.flux, rtol=1e-12)
    assert np.abs(apart(data, sky)).max() < 1e-3


def apart(data: Data, sky):
    """Of places on the sky from where the data have their pixels [spaxel]."""
    from astropy.coordinates import SkyCoord

    centre = SkyCoord(*data.position, unit="deg")
    east, north = (offset.arcsec for offset in centre.spherical_offsets_to(sky))
    cos, sin = np.cos(np.radians(data.position_angle)), np.sin(np.radians(data.position_angle))
    tall, wide = data.flux.shape[1:]
    y, x = np.mgrid[:tall, :wide]
    right = (-east * cos + north * sin) / data.pitch[0] - (x - (wide - 1) / 2)
    up = (east * sin + north * cos) / data.pitch[1] - (y - (tall - 1) / 2)
    return np.stack([right, up])


def test_part_of_a_field_keeps_its_place(tmp_path):
    path, _, _, _ = made(tmp_path, "muse", position=(10.0, 70.0))
    whole = read_observation(path)
    part = whole.cut(x=(1, -1), y=(2, 5), wavelengths=(5010.0, 5020.0))
    assert part.flux.shape == (7, 3, 2) and part.wavelengths.centres()[0] == pytest.approx(5011.25)
    assert np.array_equal(part.flux, whole.flux[9:16, 2:5, 1:3])
    assert np.array_equal(part.mask, whole.mask[9:16, 2:5, 1:3])
    with fits.open(path) as file:
        y, x = np.mgrid[2:5, 1:3]
        sky = WCS(file["DATA"].header).celestial.pixel_to_world(x, y)
    assert np.abs(apart(part, sky)).max() < 1e-3
    with pytest.raises(InputError, match=r"Data\.cut: no spaxel of 4 x 5 is in x \(3, 3\)"):
        whole.cut(x=(3, 3))
    with pytest.raises(InputError, match=r"Data\.cut: No pixel between 4999\.38 and 5049\.38 angstrom"):
        whole.cut(wavelengths=(100.0, 200.0))


def test_faint_spaxels_no_longer_count(tmp_path):
    path, _, truth, _ = made(tmp_path, "muse")
    data = read_observation(path)
    ratio = data.signal_to_noise()
    expected = [np.median((truth.flux / np.sqrt(truth.variance))[truth.good[:, 2, x], 2, x]) for x in range(files.WIDE)]
    assert np.allclose(ratio[2], expected, rtol=1e-5) and np.isnan(ratio[0, 0])
    limit = float(np.nanmedian(ratio))
    cut = data.cut(signal_to_noise=limit)
    assert np.array_equal(cut.mask.any(axis=0), ratio >= limit)
    assert cut.counted()["cut"] == pytest.approx((~(ratio >= limit)).mean())


def test_what_surveys_state_beside_the_flux_is_read(tmp_path):
    for name, expected in {
        "muse": {"psf": {"kind": "moffat", "fwhm": 0.9 - 2e-5 * 5025, "beta": 2.8}, "title": "galaxy"},
        "sami": {"psf": {"kind": "moffat", "fwhm": 2.1, "beta": 2.5}, "redshift": 0.05},
        "logcube": {"psf": {"kind": "gaussian", "fwhm": 2.5}, "reddening": 0.03, "includes_pixel": False},
    }.items():
        (tmp_path / name).mkdir()
        path, stated, _, _ = made(tmp_path / name, name)
        data = read_observation(path, **stated)
        assert {key: getattr(data, key) for key in expected} == expected
    assert np.allclose(data.resolution, files.manga_centres(True) / 2000, rtol=1e-4)
    assert np.array_equal(read_observation(tmp_path / "sami" / "cube.fits").bins, np.arange(20).reshape(5, 4))


def test_spectra_in_rows_fill_their_field(tmp_path):
    truth = files.truth(pitch=(0.8, 0.8))
    truth.good[:] = np.random.default_rng(2).uniform(size=truth.good.shape[1:]) > 0.2
    path = tmp_path / "cube.fits"
    files.sauron(truth).writeto(path)
    data = read_observation(path)
    assert data.layout == "sauron" and np.array_equal(data.mask, truth.good)
    assert np.allclose(data.flux[data.mask], truth.flux[truth.good], rtol=1e-6)


def test_row_stacked_spectra_have_places(tmp_path):
    truth, wave = files.truth(), files.manga_centres(True)
    flux, variance, good = (array.reshape(files.WAVE, -1).T for array in (truth.flux, truth.variance, truth.good))
    places = np.random.default_rng(4).normal(size=(20, 2))
    ivar = np.where(good, 1e6 / variance, 0)
    path = tmp_path / "rss.fits"
    fits.HDUList([
        files.primary(), files.image("FLUX", flux * 1e-3, unit="1E-17 erg/s/cm^2/Ang/fiber"),
        files.image("IVAR", ivar), files.image("MASK", np.where(good, 0, 1 << 30).astype(np.int32)),
        files.image("WAVE", wave), files.image("XPOS", -np.tile(places[:, :1], files.WAVE)),
        files.image("YPOS", np.tile(places[:, 1:], files.WAVE)),
    ]).writeto(path)  # fmt: skip
    data = read_observation(path)
    assert data.layout == "manga-rss" and data.pitch is None and data.flux.shape == (files.WAVE, 1, 20)
    assert np.array_equal(data.mask[:, 0].T, good) and np.allclose(data.places, places)
    assert np.allclose(data.flux[:, 0].T[good], flux[good], rtol=1e-6)
    assert np.allclose(data.variance[:, 0].T[good], variance[good], rtol=1e-6)


def test_bad_variances_do_not_count(tmp_path):
    """Zero, negative, infinite, not a number: each is named, and no number is made of it."""
    truth = files.truth()
    truth.good[:] = True
    truth.variance[3:7, 1, 1] = [0, -1, np.inf, np.nan]
    truth.flux[9, 2, 2] = np.inf
    path = tmp_path / "cube.fits"
    files.mpdaf(truth).writeto(path)
    data = read_observation(path)
    assert np.argwhere(data.reasons == Reason.NO_VARIANCE).tolist() == [[w, 1, 1] for w in (3, 4, 5, 6)]
    assert np.argwhere(data.reasons == Reason.NOT_A_NUMBER).tolist() == [[9, 2, 2]]
    assert data.counted() == {"not a number": 1 / 800, "no variance": 4 / 800}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file["DATA"].header.update(BUNIT="mag"), "its unit, 'mag', is no"),
        (lambda file: file["DATA"].header.update(BUNIT="furlong"), "its unit, 'furlong', is none that astropy knows"),
        (lambda file: file["DATA"].header.update(CTYPE3="FREQ"), "its third axis is 'FREQ', and no wavelength"),
        (lambda file: file["DATA"].header.update(CUNIT3="parsec"), "its wavelengths are in 'PARSEC'"),
        (lambda file: file["DATA"].header.update(CD3_3=-1.25), "its wavelengths must be two or more that increase"),
        (lambda file: file["DATA"].header.remove("CRVAL3"), "its third axis has no CRVAL3"),
        (lambda file: file["DATA"].header.update(CD1_1=0.0, CD2_1=0.0), "spaxels of 0 x 0.4 arcsec are none"),
        (lambda file: file["DATA"].header.update(CD1_2=0.0), "the axes of its field are not at right angles"),
        (lambda file: file["STAT"].data.__imul__(np.float32(1e-8)), "the scatter along its spectra is"),
        (lambda file: file.__setitem__("STAT", files.image("STAT", np.ones((3, 5, 4)))), r"STAT has shape \(3, 5, 4\)"),
    ],
)
def test_what_cannot_be_known_is_asked_for(tmp_path, change, sentence):
    file = files.muse(files.truth())
    change(file)
    path = tmp_path / "cube.fits"
    with warnings.catch_warnings(action="ignore"):
        file.writeto(path, output_verify="ignore")
    with pytest.raises(InputError, match=sentence) as caught:
        read_observation(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "stated", "sentence"),
    [
        ("kmos", {}, "does not say its unit: give unit, such as '1e-20 erg/s/cm2/Angstrom'"),
        ("kmos", {"extension": "AGN7"}, "no extension begins with 'AGN7'"),
        ("plain", {"error": "NONE"}, "has no extension 'NONE'"),
        ("muse", {"flux": "DATA"}, r"a cube of layout muse takes the options \['unit', 'medium', "),
        ("muse", {"medium": "water"}, r"medium: 'water' is not one of \['air', 'vacuum'\]"),
        ("muse", {"error_kind": "ivar"}, "error_kind: 'ivar' is not one of"),
        ("muse", {"redshift": "z"}, "redshift: 'z' is not a number above -1"),
        ("muse", {"format": "hst"}, "'hst' is no layout of observed cubes: ifux knows ifux, rewritten, manga,"),
        ("muse", {"format": "manga"}, "holds no cube of layout manga: no FLUX of three axes"),
    ],
)
def test_options_are_checked(tmp_path, name, stated, sentence):
    path, _, _, _ = made(tmp_path, name)
    with pytest.raises(InputError, match=sentence):
        read_observation(path, **stated)


def test_what_is_stated_counts(tmp_path):
    path, _, truth, _ = made(tmp_path, "muse")
    data = read_observation(path, unit="1e-17 erg/s/cm2/Angstrom", error_kind="variance", redshift=0.1)
    assert np.allclose(data.flux[data.mask], 1e3 * truth.flux[truth.good], rtol=1e-6) and data.redshift == 0.1
    assert np.allclose(data.variance[data.mask], 1e6 * truth.variance[truth.good], rtol=1e-6)


@pytest.mark.parametrize("name", ["muse", "sami", "jwst bands", "lincube"])
def test_mutations_end_in_a_sentence_or_in_data(tmp_path, name):
    """One byte changed, in the headers or anywhere."""
    path, stated, _, _ = made(tmp_path, name)
    content, random = path.read_bytes(), np.random.default_rng(3)
    headers = [place for place in range(len(content)) if content[place : place + 1].isalnum()]
    for _ in range(60):
        changed = bytearray(content)
        place = int(random.choice(headers[:4000])) if random.uniform() < 0.8 else int(random.integers(len(content)))
        changed[place] = int(random.integers(32, 127))
        path.write_bytes(changed)
        try:
            data = read_observation(path, **stated)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(data.flux[data.mask]).all()
            assert data.variance is None or (data.variance[data.mask] > 0).all()


# --- other programs and real files ------------------------------------------------------------------------------------


def test_mpdaf_reads_the_same(tmp_path):
    mpdaf = pytest.importorskip("mpdaf.obj", reason="mpdaf is not installed")
    path, _, _, _ = made(tmp_path, "mpdaf")
    with warnings.catch_warnings(action="ignore"):
        theirs = mpdaf.Cube(str(path))
    ours = read_observation(path)
    assert np.array_equal(~np.ma.getmaskarray(theirs.data), ours.mask)
    assert np.allclose(theirs.data.compressed(), ours.flux[ours.mask], rtol=1e-6)
    assert np.allclose(theirs.var.compressed(), ours.variance[ours.mask], rtol=1e-6)
    assert np.allclose(theirs.wave.coord(), ours.wavelengths.centres(), rtol=1e-9)


def test_specutils_reads_the_same(tmp_path):
    specutils = pytest.importorskip("specutils", reason="specutils is not installed")
    path, _, _, _ = made(tmp_path, "logcube")
    with warnings.catch_warnings(action="ignore"):
        theirs = specutils.Spectrum.read(path, format="MaNGA cube")
    ours = read_observation(path)
    assert np.allclose(theirs.spectral_axis.to_value("angstrom"), ours.wavelengths.centres(), rtol=1e-6)
    flux = theirs.flux.value * 1e3
    flux = np.moveaxis(flux, flux.shape.index(files.WAVE), 0)
    flux = flux if flux.shape == ours.flux.shape else np.swapaxes(flux, 1, 2)
    assert np.allclose(flux[ours.mask], ours.flux[ours.mask], rtol=1e-6)


REAL = {
    "muse_abell478_hbeta_mgb.fits": ({}, "muse", (520, 20, 20), 1.02),
    "sami_209807_sectors_blue.fits.gz": ({}, "sami", (476, 50, 50), 0.88),
    "gmos_ngc3081.fits": ({"medium": "air", "error_kind": "variance"}, "plain", (1800, 8, 6), 0.35),
    "manga_test_spectra.fits.gz": ({}, "manga-spectra", (4563, 1, 8), 1.2),
    "products/califa_ngc2691_rss.fits": ({}, "califa-rows", (1901, 1, 3), None),
}
"""What must be said of real files, their layout and shape, and their noise over what they state."""


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read(data, name):
    stated, layout, shape, noise = REAL[name]
    found = read_observation(data(f"real/{name}"), **stated)
    assert found.layout == layout and found.flux.shape == shape
    if noise is not None:
        assert found.noise_check() == pytest.approx(noise, abs=0.1)
    assert np.isfinite(found.flux[found.mask]).all() and (found.variance[found.mask] > 0).all()
    with pytest.raises(InputError) if layout == "plain" else warnings.catch_warnings():
        read_observation(data(f"real/{name}"))


def test_error_that_is_a_variance_is_found_out(data):
    """GMOS's ERR would be 1e16 times too small, taken for a standard deviation."""
    with pytest.raises(InputError, match=r"the scatter along its spectra is .* taken for sigma: give error_kind"):
        read_observation(data("real/gmos_ngc3081.fits"), medium="air")


def test_spaxels_of_a_real_bin_share_a_spectrum(data):
    found = read_observation(data("real/sami_209807_sectors_blue.fits.gz"))
    assert found.redshift == pytest.approx(0.05386, abs=1e-5)
    binned = [number for number in np.unique(found.bins) if number]
    assert len(binned) == 39
    for number in binned:
        spectra = found.flux[:, found.bins == number]
        assert np.array_equal(spectra, np.broadcast_to(spectra[:, :1], spectra.shape), equal_nan=True)


# --- written again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["muse", "sami", "logcube", "jwst bands", "kcwi", "plain"])
def test_data_written_again_are_the_same(tmp_path, name):
    path, stated, _, _ = made(tmp_path, name)
    data = read_observation(path, **stated)
    write_observation(tmp_path / "again.fits.gz", data)
    again = read_observation(tmp_path / "again.fits.gz")
    for field in dataclasses.fields(Data):
        one, other = getattr(data, field.name), getattr(again, field.name)
        if field.name == "headers":
            assert {card[:2] for card in one[0] if card[0] in ("INSTRUME", "MANGAID", "Z_SPEC", "TELESCOP")} <= {
                card[:2] for card in other[0]
            }
        elif isinstance(one, np.ndarray):
            assert np.allclose(one, other, rtol=3e-7, equal_nan=True), field.name
        elif field.name in ("pitch", "position", "position_angle"):
            assert one == pytest.approx(other, rel=1e-9, abs=1e-7)
        elif field.name == "wavelengths":
            assert type(one) is type(other) and np.allclose(one.edges(), other.edges(), rtol=1e-12)
        else:
            assert one == other, field.name
    with fits.open(tmp_path / "again.fits.gz") as file:
        text = repr(file[0].header) + repr(file["DATA"].header)
        assert "simulat" not in text and "read and written again by ifux" in text
        assert file["DATA"].header["BUNIT"] == data.unit
    with pytest.raises(InputError, match="exists already"):
        write_observation(tmp_path / "again.fits.gz", data)


def test_mirrored_field_is_mirrored_again(tmp_path):
    truth = files.truth()
    axes = [*files.sky(truth, "CD", mirrored=True), *files.spectral(truth)]
    path = tmp_path / "cube.fits"
    fits.HDUList([
        files.primary(), files.image("DATA", truth.flux, axes), files.image("STAT", truth.variance)
    ]).writeto(path)  # fmt: skip
    data = read_observation(path)
    write_observation(tmp_path / "again.fits", data.cut(x=(1, 4)))
    with fits.open(path) as file, fits.open(tmp_path / "again.fits") as again:
        # x is counted from the west in the data, from the east in the file
        assert np.allclose(again["DATA"].data, file["DATA"].data[..., :3], rtol=1e-12)
        one, other = (WCS(hdu["DATA"].header).celestial.pixel_to_world([0, 2], [1, 4]) for hdu in (file, again))
    assert one.separation(other).arcsec.max() < 1e-6


def test_mpdaf_reads_what_is_written_again(tmp_path):
    mpdaf = pytest.importorskip("mpdaf.obj", reason="mpdaf is not installed")
    path, _, truth, _ = made(tmp_path, "muse")
    write_observation(tmp_path / "again.fits", read_observation(path))
    with warnings.catch_warnings(action="ignore"):
        theirs = mpdaf.Cube(str(tmp_path / "again.fits"))
    assert np.allclose(theirs.data.data[truth.good], truth.flux[truth.good], rtol=1e-6)
    assert np.allclose(theirs.var.data[truth.good], truth.variance[truth.good], rtol=1e-6)
    assert np.allclose(theirs.wave.coord(), truth.centres, rtol=1e-9)


# --- the telescope that took them -------------------------------------------------------------------------------------

GAUSSIAN = {"psf": {"kind": "gaussian", "fwhm": 1.2}, "lsf": {"kind": "gaussian", "fwhm": 4.0}}


@pytest.mark.parametrize("name", ["muse", "sami", "lincube", "plain"])
def test_telescope_of_data_has_their_pixels(tmp_path, name):
    path, stated, _, _ = made(tmp_path, name)
    data = read_observation(path, **stated)
    telescope = ifux.telescope_of(data, redshift=0.02, **GAUSSIAN)
    assert np.allclose(telescope.wavelengths.edges(), data.wavelengths.edges(), rtol=1e-9)
    assert telescope.spaxels.shape == data.flux.shape[1:]
    assert np.allclose(telescope.spaxels.sides, data.pitch, rtol=1e-6)
    assert float(telescope.spaxels.position_angle) == pytest.approx(data.position_angle, abs=1e-5)
    assert float(telescope.target.redshift) == pytest.approx(0.02)
    flux, variance, mask = data.measured()
    assert np.array_equal(telescope.noise.variance(real(flux)), real(variance), equal_nan=True)
    assert flux.shape == (files.TALL, files.WIDE, files.WAVE) and np.array_equal(np.isfinite(flux), mask)


def test_telescope_of_data_takes_what_the_file_states(tmp_path):
    path, _, _, _ = made(tmp_path, "sami")
    data = read_observation(path)
    telescope = ifux.telescope_of(data, lsf=GAUSSIAN["lsf"])
    assert isinstance(telescope.psf, MoffatPSF) and float(telescope.psf.fwhm) == pytest.approx(2.1)
    assert float(telescope.target.redshift) == pytest.approx(0.05)
    with pytest.raises(InputError, match=r"telescope_of: the data do not state their width of lines: give lsf\."):
        ifux.telescope_of(data)
    with pytest.raises(InputError, match=r"telescope_of: the data do not state their redshift"):
        ifux.telescope_of(dataclasses.replace(data, redshift=None), **GAUSSIAN)
    (tmp_path / "manga").mkdir()
    path, _, _, _ = made(tmp_path / "manga", "logcube")
    telescope = ifux.telescope_of(read_observation(path), redshift=0.02)
    assert isinstance(telescope.psf, GaussianPSF) and isinstance(telescope.lsf, TableLSF)
    wave = real(files.manga_centres(True))
    assert np.allclose(telescope.lsf.width(wave), wave / 2000, rtol=1e-4)


def test_model_of_real_data_is_one_subtraction_away(data):
    """A made galaxy on the very grid of a MUSE file; the likelihood leaves out what is masked, and has a gradient."""
    found = read_observation(data("real/muse_abell478_hbeta_mgb.fits"), redshift=0.0858)
    found = found.cut(wavelengths=(5300.0, 5500.0))
    telescope = ifux.telescope_of(found, **GAUSSIAN)
    flux, _, mask = found.measured()
    galaxy = DiscBulge.sample(200, key=jax.random.key(1), mass=1e11)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def misfit(telescope):
        cube = telescope(galaxy)
        return -telescope.noise.log_prob(real(flux), cube, mask=jnp.asarray(mask))

    value, slope = misfit(telescope)
    assert telescope(galaxy).shape == flux.shape
    assert np.isfinite(value) and np.isfinite(slope.psf.fwhm) and float(slope.psf.fwhm) != 0


def test_summary_of_a_cube_says_what_is_missing(tmp_path):
    path, _, _, _ = made(tmp_path, "muse")
    text = describe(path)
    for words in (
        "observed cube, layout muse: galaxy", "4 x 5 spaxels of 0.5 x 0.4 arcsec", "5000 to 5048.75 angstrom in air",
        "signal to noise of a channel", "% of the voxels do not count", "what their variances say",
        "not stated: redshift, width of lines",
    ):  # fmt: skip
        assert words in text, words
    (tmp_path / "kmos").mkdir()
    path, stated, _, _ = made(tmp_path / "kmos", "kmos")
    assert "does not say its unit: give unit" in describe(path)
    assert "layout kmos" in describe(path, **stated)


# --- bins, and the dust in front --------------------------------------------------------------------------------------


def test_bins_are_means_of_what_counts(tmp_path):
    """Against a loop; and the same of a model, whose derivative is the transpose."""
    path, _, truth, _ = made(tmp_path, "muse")
    data = read_observation(path)
    bins = np.array([[0, 1, 1, 7], [0, 1, 1, 7], [3, 3, 3, 7], [3, 3, 3, 0], [0, 0, 0, 0]])
    means, binning = binned(data, bins, correlation=1.62)
    assert means.flux.shape == (files.WAVE, 1, 3) and means.places.shape == (3, 2)
    for place, number in enumerate((1, 3, 7)):
        for wave in (0, 17):
            chosen = (bins == number) & truth.good[wave]
            n = chosen.sum()
            assert means.flux[wave, 0, place] == pytest.approx(truth.flux[wave][chosen].mean(), rel=1e-6)
            expected = truth.variance[wave][chosen].sum() / n**2 * (1 + 1.62 * np.log10(n)) ** 2
            assert means.variance[wave, 0, place] == pytest.approx(expected, rel=1e-5)
    flux, _, _ = data.measured()
    assert np.allclose(binning(real(flux)).T, means.flux[:, 0], rtol=1e-5)
    cube, seen = (real(np.random.default_rng(6).normal(size=shape)) for shape in (flux.shape, (3, files.WAVE)))
    back = jax.grad(lambda cube: jnp.vdot(seen, binning(cube)))(cube)
    assert float(jnp.vdot(back, cube)) == pytest.approx(float(jnp.vdot(seen, binning(cube))), rel=1e-4)
    # two spaxels up, one to the left of the centre of the field
    right, up = -1.0 * 0.5, 0.0
    angle = np.radians(30.0)
    assert means.places[1] == pytest.approx(
        [(up + 0.2) * np.sin(angle) - (right + 0.25) * np.cos(angle), 0.2 * np.cos(angle) - 0.25 * np.sin(angle)]
    )
    with pytest.raises(InputError, match="binned: no spaxel is in a bin"):
        binned(data, np.zeros((5, 4), int))
    with pytest.raises(InputError, match=r"binned: the map of bins has shape \(2, 2\)"):
        binned(data, np.ones((2, 2), int))


def test_correlated_noise_of_bins_is_that_of_draws():
    """Independent noise averages out as one over the number: 4000 draws, in units of what is expected of them."""
    random = np.random.default_rng(0)
    draws = random.normal(size=(4000, 3, 4)) * 2.0
    wavelengths = Wavelengths(5000.0, 1.0, 4000, "air")
    data = Data(draws, wavelengths, (0.5, 0.5), np.full(draws.shape, 4.0))
    means, _ = binned(data, np.array([[1, 1, 1, 2]] * 3))
    scatter = (means.flux[:, 0] ** 2 / means.variance[:, 0]).mean(axis=0)
    assert np.abs(scatter - 1).max() < 4 * np.sqrt(2 / 4000)


def test_dust_in_front_is_taken_away_as_the_law_says(tmp_path):
    """A(V) = 3.1 E(B-V) at 5494.5 angstrom, where the curve is one; a published ratio at another wavelength."""
    pytest.importorskip("dust_extinction", reason="dust_extinction is not installed")
    path, _, _, _ = made(tmp_path, "logcube")
    data = read_observation(path)
    clear = dereddened(data)
    assert clear.reddening == 0 and "E(B-V) = 0.03, F99" in clear.notes[-1]
    ratio = clear.flux[data.mask] / data.flux[data.mask]
    assert np.allclose(clear.variance[data.mask] / data.variance[data.mask], ratio**2, rtol=1e-5)
    # A(5000 angstrom) / E(B-V) of Fitzpatrick (1999), R_V = 3.1: 3.47 in his table 3, at 4861 angstrom 3.59
    assert np.median(ratio) == pytest.approx(10 ** (0.4 * 0.03 * 3.47), rel=1e-3)
    with pytest.raises(InputError, match="dereddened: the data do not state their reddening"):
        dereddened(dataclasses.replace(data, reddening=None))
    with pytest.raises(InputError, match=r"dereddened: law: 'Calzetti' is not one of \['CCM89'"):
        dereddened(data, law="Calzetti")


def test_dust_that_a_survey_states_is_of_the_same_form(data):
    """SAMI's own factors for each channel, which are not applied, are those of the law for one E(B-V), to 1e-3."""
    pytest.importorskip("dust_extinction", reason="dust_extinction is not installed")
    path = data("real/sami_209807_sectors_blue.fits.gz")
    found = read_observation(path)
    with fits.open(path) as file:
        stated = np.asarray(file["DUST"].data, float)
    flat = dataclasses.replace(found, flux=np.ones((stated.size, 1, 1)), variance=None, reasons=None, bins=None)
    one = dereddened(flat, 0.1, "CCM89").flux[:, 0, 0]
    share = np.log(stated).mean() / np.log(one).mean()
    assert 0.1 * share < 0.2
    assert np.allclose(one**share, stated, rtol=1e-3)
