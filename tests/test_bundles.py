"""What fibres see is written, flagged and told as the surveys do: row-stacked spectra, cubes, correlations."""

import json
from dataclasses import replace
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.io import fits
from matplotlib.axes import Axes
from scipy.stats import ncx2

import ifux
from ifux import cli, config, instruments, run
from ifux.config.build import module
from ifux.config.cells import READ, STEEP, WIDE, suited
from ifux.covariance import Correlation
from ifux.errors import InputError
from ifux.focal_plane import Circle, hexagonal, rows
from ifux.focal_plane.seen import seen_by
from ifux.io import describe, read_cube, read_rss, write_cube, write_rss
from ifux.io.files.cube import BAD, COSMIC_RAY, DEAD, LOW_COVERAGE, MISSING, SATURATED
from ifux.io.files.reconstruction import Reconstruction
from ifux.numerics.reading import splined
from ifux.plots import portrait

SMALL = {
    "galaxy": {"kind": "disc-bulge", "count": 2000, "seed": 3},
    "library": {"kind": "embedded"},
    "telescope": {
        "instrument": "manga-19",
        "target": {"kind": "cosmological", "redshift": 0.03},
        "orientation": {"kind": "inclined", "inclination": 40.0},
        "wavelengths": {"start": 4680.0, "step": 2.0, "size": 24},
        "ssp": {"kind": "low-rank", "tolerance": 0.1},
        "kinematics": {"kind": "channels", "reach": 300.0, "spacing": 300.0},
        "noise": {"kind": "constant", "level": 30.0},
        "accept_coarse_library": True,
    },
    "seed": 5,
}
"""MaNGA's smallest bundle, on a few channels around the middle of g."""


imshow = Axes.imshow


def changed(*settings):
    return config.with_settings(SMALL, [*settings])


@pytest.fixture(scope="module")
def seen():
    """A session and its cube."""
    session = run.prepare(SMALL)
    return SimpleNamespace(session=session, cube=run.observe(session))


# --- spectra ----------------------------------------------------------------------------------------------------------


def test_cube_is_made_of_the_spectra_that_it_holds(seen):
    """And those are what the telescope exposes, with the noise of their own key."""
    telescope, cube = seen.session.telescope, seen.cube
    spectra = cube.elements
    assert spectra.flux.shape == (3, 19, 24) and spectra.area == pytest.approx(np.pi, rel=1e-6)
    expose = eqx.filter_jit(lambda telescope, stars: telescope.expose(stars, key=jax.random.key(5)))
    exposed = expose(telescope, seen.session.galaxy.stars)
    assert np.allclose(spectra.flux, exposed, rtol=1e-4, atol=1e-2)
    rebuilt = np.asarray(telescope.rebuild(jnp.asarray(spectra.flux))).transpose(2, 0, 1)
    assert np.allclose(cube.flux, rebuilt, rtol=1e-5, atol=1e-3, equal_nan=True)
    assert np.allclose(spectra.variance, 900, rtol=1e-6)


def test_fibres_stand_around_the_galaxy_and_spaxels_on_it(seen):
    """In the middle of the bundle and of spaxel n/2, as MaNGA's grid has it."""
    spectra, scene = seen.cube.elements, seen.session.telescope.spaxels
    assert spectra.places.mean(axis=(0, 1, 2)) == pytest.approx([0, 0], abs=1e-4)
    assert np.ptp(spectra.places[..., 0]) == pytest.approx(10 + 1.25, abs=1e-3)
    tall, wide = scene.shape
    east = (wide - 1) / 2 * 0.5 - wide // 2 * 0.5 + float(scene.centre[0])
    north = (tall // 2 - (tall - 1) / 2) * 0.5 + float(scene.centre[1])
    assert (east, north) == (0, 0)


def test_picture_shows_what_fibres_see_and_leaves_out_the_corners(seen, tmp_path, monkeypatch):
    """Spaxels that no fibre tells of are no numbers, and nothing else of the picture may become one."""
    drawn = []
    monkeypatch.setattr(
        Axes, "imshow", lambda axes, shown, **given: drawn.append(shown) or imshow(axes, shown, **given)
    )
    portrait(tmp_path / "cube.png", seen.cube)
    there = np.isfinite(seen.cube.flux).any(axis=0)
    assert 0.3 < there.mean() < 1 and np.array_equal(np.isfinite(drawn[0]), there)
    assert len(drawn) == 3 and all(np.isfinite(shown).mean() > 0.1 for shown in drawn)


@pytest.mark.parametrize("layout", ["muse", "manga"])
def test_spectra_come_back(seen, tmp_path, layout):
    spectra, path = seen.cube.elements, tmp_path / "manga-0-0-LINRSS.fits.gz"
    write_rss(path, spectra, layout=layout)
    again = read_rss(path)
    for name in ("flux", "variance"):
        assert np.allclose(getattr(again, name), getattr(spectra, name), rtol=3e-7, atol=0)
    assert np.allclose(again.places, spectra.places, atol=1e-12) and again.resolution == pytest.approx(
        spectra.resolution
    )
    for name in ("area", "broken", "wavelengths", "seed", "title", "notes", "history", "position", "quality"):
        assert getattr(again, name) == getattr(spectra, name), name
    with pytest.raises(InputError, match="exists already"):
        write_rss(path, spectra)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] and "FITS file" in describe(path)


def test_survey_finds_its_spectra(seen, tmp_path):
    """The data model of LOGRSS, as mangadap (spectra/manga.py) and marvin read it."""
    spectra, path = seen.cube.elements, tmp_path / "manga-0-0-LINRSS.fits"
    write_rss(path, replace(spectra, broken=(2,)), layout="manga")
    with fits.open(path) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == [
            "PRIMARY", "FLUX", "IVAR", "MASK", "LSFPOST", "LSFPRE", "WAVE", "SPECRES", "SPECRESD", "PRESPECRES",
            "PRESPECRESD", "XPOS", "YPOS", "OBSINFO",
        ]  # fmt: skip
        shape = 3 * 19, 24
        assert all(file[name].shape == shape for name in ("FLUX", "IVAR", "MASK", "LSFPRE", "XPOS", "YPOS"))
        assert len(file["OBSINFO"].data) == file[0].header["NEXP"] == 3
        assert {*file["OBSINFO"].data["MGDPOS"]} == {"N", "E", "S"}
        assert file["FLUX"].header["BUNIT"] == "1E-17 erg/s/cm^2/Ang/fiber"
        # to the west, as the pipeline of analysis negates it
        assert np.allclose(-file["XPOS"].data.reshape(3, 19, 24)[..., 0], spectra.places[:, :, 0, 0])
        good = file["IVAR"].data > 0
        dead = file["MASK"].data & (1 << 13) != 0
        assert np.array_equal(~good, dead) and np.array_equal(np.flatnonzero(dead[:19].any(axis=1)), [2])
        assert np.allclose(file["FLUX"].data[good], 1e-3 * spectra.flux.reshape(shape)[good], rtol=1e-6)
    specutils = pytest.importorskip("specutils")
    other = specutils.Spectrum.read(str(path), format="MaNGA rss")
    assert other.shape == shape and other.spectral_axis.to_value("angstrom") == pytest.approx(
        spectra.wavelengths.centres()
    )


def test_spectra_on_any_channels_come_back_with_refraction(seen, tmp_path):
    spectra = seen.cube.elements
    edges = tuple((4000.0 + np.cumsum(np.arange(25.0))).tolist())
    grid = ifux.TableWavelengths.of_edges(edges, "air")
    places = np.broadcast_to(spectra.places, (*spectra.flux.shape, 2)) + 0.1 * np.arange(24)[:, None]
    one = replace(spectra, wavelengths=grid, places=places, variance=None, resolution=None)
    write_rss(tmp_path / "a.fits", one)
    again = read_rss(tmp_path / "a.fits")
    assert np.allclose(again.places, places) and np.allclose(again.wavelengths.edges(), edges, rtol=1e-12)
    assert again.wavelengths.medium == "air" and again.variance is None and again.resolution is None


def test_other_files_are_refused(seen, tmp_path):
    write_cube(tmp_path / "cube.fits", replace(seen.cube, elements=None))
    with pytest.raises(InputError, match="holds no row-stacked spectra"):
        read_rss(tmp_path / "cube.fits")


# --- cubes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["muse", "manga"])
def test_correlations_and_point_sources_come_back(seen, tmp_path, layout):
    cube, path = seen.cube, tmp_path / "manga-0-0-LINCUBE.fits"
    write_cube(path, cube, layout=layout)
    again = read_cube(path)
    (made,), (found,) = cube.reconstructions, again.reconstructions
    assert isinstance(found, Reconstruction) and (found.band, found.wave, found.channel) == ("G", 4702.5, 11)
    assert np.array_equal(found.pairs, made.pairs) and np.array_equal(found.correlation, made.correlation)
    assert np.array_equal(found.psf, made.psf) and found.fwhm == made.fwhm
    assert list(again.maps) == list(cube.maps)
    lost = np.isnan(cube.flux)
    assert np.array_equal(again.quality & MISSING != 0, lost)
    assert np.array_equal(again.quality & LOW_COVERAGE != 0, (cube.quality & LOW_COVERAGE != 0) & ~lost)
    if layout == "manga":
        with fits.open(path) as file:
            assert file[0].header["GFWHM"] == pytest.approx(made.fwhm) and len(file["OBSINFO"].data) == 3
            mask, few = file["MASK"].data, cube.quality & LOW_COVERAGE != 0
            assert np.array_equal(mask == 2 + 1024, few & ~lost) and np.array_equal(mask == 1 + 1024, lost)


def test_correlations_are_read_as_the_analysis_pipeline_reads_them(seen, tmp_path):
    """mangadap's Covariance.from_fits: arrays of (x, y), the upper triangle, with the other half of its transpose."""
    cube, path = seen.cube, tmp_path / "manga-0-0-LINCUBE.fits"
    write_cube(path, cube, layout="manga")
    with fits.open(path) as file:
        header, data = file["GCORREL"].header, file["GCORREL"].data
        size = np.array(eval(header["COVSHAPE"]))
        wide, tall = eval(header["COVRWSHP"])
        i = np.ravel_multi_index((data["INDXI_C1"], data["INDXI_C2"]), (wide, tall))
        j = np.ravel_multi_index((data["INDXJ_C1"], data["INDXJ_C2"]), (wide, tall))
        rho = data["RHOIJ"]
        assert header["COVTYPE"].strip() == "Correlation" and header["BBINDEX"] == 11
    matrix = np.zeros(size)
    matrix[i, j] = matrix[j, i] = rho
    # MaNGA's own matrices: a Gaussian of 1.92 spaxels (Westfall et al. 2019), with the scatter of a single pair
    middle = np.ravel_multi_index((wide // 2, tall // 2), (wide, tall))
    near = [matrix[middle, middle + tall * step] for step in range(5)]
    assert near == pytest.approx(np.exp(-(np.arange(5) ** 2) / 2 / 1.92**2), abs=0.15)
    plane, scene = seen.session.telescope.focal_plane, seen.session.telescope.spaxels.scene
    weights = np.asarray(plane.matrix(scene, 4702.0), float).transpose(1, 0, 2, 3).reshape(wide * tall, -1)
    product = weights @ weights.T
    scale = np.sqrt(np.diag(product))
    expected = np.where(
        product > 0, product / np.where(scale > 0, scale, 1) / np.where(scale > 0, scale, 1)[:, None], 0
    )
    assert np.abs(matrix - expected).max() < 1e-12


def test_correlations_leave_out_what_is_lost():
    """A spaxel of two elements, one of them lost, has the noise of the other."""
    matrix = np.array([[[0.5, 0.5]], [[0.0, 1.0]]]).reshape(2, 1, 1, 2)
    both = Correlation.of(matrix, np.array([[1.0, 1.0]]))
    assert both.first.tolist() == [0, 0, 1] and both.second.tolist() == [0, 1, 1]
    assert both.value == pytest.approx([1, 0.5**0.5, 1])
    assert Correlation.of(matrix, np.array([[0.0, 3.0]])).value == pytest.approx([1, 1, 1])


def test_reconstructed_point_source_is_as_wide_as_the_survey_has_it(seen):
    """2.54 arcsec, the median of the survey (Law et al. 2016), to 10 %: seeing of 1.5 arcsec, fibres and rule."""
    (made,) = seen.cube.reconstructions
    assert made.fwhm == pytest.approx(2.54, rel=0.1) and made.psf.sum() == pytest.approx(1, abs=0.02)
    assert np.unravel_index(made.psf.argmax(), made.psf.shape) == (16, 16)


def test_lost_data_of_fibres_leave_spaxels_the_others():
    """What a dead pixel takes from a fibre, a spaxel has from its neighbours, if there are any."""
    bad = '{"kind":"bad-pixels","dead":0.2,"cosmic_rays":0.5,"time":900.0,"noise":{"kind":"constant","level":30.0}}'
    session = run.prepare(changed(f"telescope.noise={bad}"))
    cube = run.observe(session)
    spectra = cube.elements
    lost = spectra.quality & (DEAD | COSMIC_RAY) != 0
    assert 0.1 < lost.mean() < 0.4 and np.array_equal(np.isnan(spectra.flux), lost)
    assert np.array_equal(np.isnan(spectra.variance), lost)
    weights = np.asarray(session.telescope.focal_plane.matrix(session.telescope.spaxels.scene, 4700.0)) > 0
    left = np.einsum("yxef,efw->wyx", weights, ~lost)
    assert np.array_equal(np.isnan(cube.flux), left == 0) and np.array_equal(cube.quality & MISSING != 0, left == 0)
    dead = np.einsum("yxef,efw->wyx", weights, spectra.quality & DEAD != 0) > 0
    assert np.array_equal(cube.quality & DEAD != 0, dead & (left == 0))
    assert any("data have a dead pixel" in note for note in spectra.notes)
    known = left > 0
    assert (cube.variance[known] > 0).all() and np.isnan(cube.variance[~known]).all()


def test_full_pixels_are_flagged_where_they_reach(seen):
    """A spaxel is saturated if any fibre that it is made of is."""
    exposure = {"kind": "exposure", "throughput": {"kind": "flat", "value": 0.3}, "sky": {"kind": "none"}}
    plain = run.prepare(changed(f"telescope.noise={json.dumps(exposure)}")).telescope.noise
    electrons = seen.cube.elements.flux * np.asarray(plain.electrons()) + np.asarray(plain.background())
    exposure["full_well"] = float(np.quantile(electrons, 0.9) / (plain.pixels * plain.count))
    session = run.prepare(changed(f"telescope.noise={json.dumps(exposure)}"))
    assert any("telescope.noise.count" in note for note in session.notes)
    cube = run.observe(session)
    full = cube.elements.quality & SATURATED != 0
    assert 0 < full.mean() < 0.5
    weights = np.asarray(session.telescope.focal_plane.matrix(session.telescope.spaxels.scene, 4700.0)) > 0
    assert np.array_equal(cube.quality & SATURATED != 0, np.einsum("yxef,efw->wyx", weights, full) > 0)


def test_broken_fibre_is_left_out_and_told():
    cube = run.observe(run.prepare(changed("telescope.focal_plane.broken=[9]")), noiseless=True)
    assert cube.elements.broken == (9,) and not cube.elements.flux[:, 9].any() and cube.reconstructions == ()
    assert np.array_equal(
        cube.elements.quality != 0, np.broadcast_to(np.arange(19) == 9, (24, 19)).T[None].repeat(3, 0)
    )
    # all three dithers of the fibre in the middle leave a hole, and not more
    assert (cube.quality[:, 16, 16] == MISSING | BAD).all() and np.isfinite(cube.flux[:, 16, 20]).all()


# --- the command line -------------------------------------------------------------------------------------------------


def test_spectra_are_written_beside_the_cube(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    assert cli.main(["observe", "small.json", "--rss", "rows.fits", "--layout", "manga", "--quiet"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"small.json", "small.fits", "rows.fits"}
    spectra = read_rss("rows.fits")
    assert spectra.seed == 5 and spectra.history == read_cube("small.fits").history
    again = run.observe(run.prepare(spectra.history)).elements
    assert np.allclose(again.flux, spectra.flux, rtol=3e-7)
    assert cli.main(["observe", "small.json", "--rss", "rows.fits", "--out", "b.fits"]) == 2
    assert "rows.fits exists already" in capsys.readouterr().err and not (tmp_path / "b.fits").exists()
    slicer = ["--set", "telescope.instrument=manga-cube", "--out", "b.fits", "--rss", "c.fits"]
    assert cli.main(["observe", "small.json", *slicer]) == 2
    assert "argument --rss: elements are spaxels" in capsys.readouterr().err and not (tmp_path / "b.fits").exists()


def test_exposure_times_are_those_of_a_fibre(capsys):
    sky = ["--set", "telescope.noise.sky.kind=none", "--set", 'telescope.noise.throughput={"kind":"flat","value":0.25}']
    assert cli.main(["etc", "manga-19", "--magnitude", "22", "--band", "6000", "6500", *sky]) == 0
    assert "4 x 900 s in each of 3 dithers, 3.14159 arcsec2" in capsys.readouterr().out


# --- presets ----------------------------------------------------------------------------------------------------------


def test_table_tells_what_collects_the_light(capsys):
    assert cli.main(["instruments"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    for name, words in (
        ("manga", "127 fibres x 3"), ("sami-red", "61 fibres x 7"), ("lvm-b", "1801 fibres"),
        ("virus-p", "246 fibres x 6"), ("gmos-ifu-two-r400-r", "1000 lenslets"), ("muse-wfm", "slicer"),
        ("manga-cube", "reconstructed"), ("weave-lifu-blr", "547 fibres x 3"),
    ):  # fmt: skip
        assert words in lines[name], lines[name]


@pytest.mark.parametrize(("fibres", "width"), [(19, 32), (37, 42), (61, 52), (91, 62), (127, 72)])
def test_bundles_of_manga_have_the_fields_of_their_cubes(fibres, width):
    """The pipeline's rule: the extent of all positions, floored to arcsec, over the spaxel, and 10 more, made even."""
    for name in ("manga", "manga-log"):
        telescope = instruments.load(f"{name}-{fibres}")["telescope"]
        assert telescope["spaxels"]["size"] == [width, width]
        plane = telescope["focal_plane"]
        positions = hexagonal(plane["layout"]["rings"], plane["layout"]["pitch"])
        assert len(positions) == fibres
        places = (positions[None] + np.array(plane["dithers"])[:, None]).reshape(-1, 2)
        extent = np.floor(np.ptp(places, axis=0).max()) / 0.5 + 10
        assert width == 2 * np.ceil(extent / 2)
        assert np.allclose(np.linalg.norm(np.diff(plane["dithers"], axis=0), axis=1), 2.5 / 3**0.5, atol=1e-3)
    assert (
        instruments.load("manga")["telescope"]["focal_plane"]
        == instruments.load("manga-127")["telescope"]["focal_plane"]
    )


def test_fibres_of_virus_p_stand_in_their_rows():
    """The first and the last of its table."""
    layout = instruments.load("virus-p")["telescope"]["focal_plane"]["layout"]
    positions = rows(tuple(layout["counts"]), layout["pitch"], layout["spacing"])
    assert positions.shape == (246, 2)
    assert positions[0] == pytest.approx([46.43, 49.488], abs=2e-3)
    assert positions[14] == pytest.approx([50.0, 43.302], abs=2e-3)


def test_lenslets_of_gmos_fill_the_plane():
    """Every one has its neighbours at one pitch, and the area of the field is that of all of them."""
    plane = instruments.load("gmos-ifu-two-r400-r")["telescope"]["focal_plane"]
    layout = plane["layout"]
    positions = rows(tuple(layout["counts"]), layout["pitch"], layout["spacing"], layout["shift"], layout["angle"])
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    near = np.sort(distance, axis=1)[:, 1:7]
    assert np.isclose(near, 0.2, atol=1e-3).all(axis=1).sum() > 850
    assert np.ptp(positions[:, 0]) == pytest.approx(6.75, abs=0.05)


# --- cells ------------------------------------------------------------------------------------------------------------


def bundle_of(fwhm, diameter):
    return suited(
        {
            "spaxels": {"kind": "square", "pitch": 0.5, "size": [16, 16]},
            "psf": {"kind": "gaussian", "fwhm": fwhm},
            "focal_plane": {
                "kind": "fibre-bundle",
                "layout": {"kind": "table", "positions": [[0.0, 0.0]]},
                "footprint": {"kind": "circle", "diameter": diameter},
                "reconstruction": {"kind": "shepard", "sigma": 0.7, "limit": 1.6},
            },
        }
    )


@pytest.mark.parametrize(("fwhm", "diameter", "count"), [(1.4286, 2.0, 1), (1.7, 1.6, 2), (1.0, 2.7, 2), (0.6, 0.2, 5)])
def test_cells_suit_what_a_footprint_collects(fwhm, diameter, count):
    described = bundle_of(fwhm, diameter)
    assert described["spaxels"]["oversampling"] == [count, count] and suited(described) == described
    degree = described["spaxels"]["degree"]
    assert degree == (4 if fwhm == 1.4286 else 3)
    assert READ[degree] + STEEP * max(0, WIDE - diameter / fwhm) <= fwhm / 0.5 * count


def test_star_in_a_fibre_is_the_integral_of_its_light_over_a_disc(double):
    """Wherever both stand, to 1e-3 of its peak, on the coarsest cells that are chosen: a Gaussian on MaNGA's, which has
    quartic splines there, and on those of cubic ones."""
    for fwhm, error in ((1.4286, 7e-4), (1.46, 1e-3)):
        star_in_a_fibre(fwhm, 2.0, error)


def star_in_a_fibre(fwhm, diameter, error):
    """On the cells and splines that are chosen."""
    described = bundle_of(fwhm, diameter)
    degree = described["spaxels"]["degree"]
    spaxels, psf = (module(family, described[family], family) for family in ("spaxels", "psf"))
    scene, margin, random = spaxels.scene, psf.margin + 4, np.random.default_rng(0)
    wide = 16 + 2 * margin
    stars = random.uniform(-0.25, 0.25, (2, 2))
    for star in stars:
        across = psf.spread.along(0.5 * (wide - 1) - jnp.array(star[:1]) / 0.5, wide, scene.sides[0], degree)
        up = psf.spread.along(0.5 * (wide - 1) + jnp.array(star[1:]) / 0.5, wide, scene.sides[1], degree)
        light = psf.blur(up.outer(across).scatter(jnp.ones((1, 1))).reshape(wide, wide, 1), scene)[0]
        fibres = star + np.concatenate([np.zeros((1, 2)), random.uniform(-1.8, 1.8, (40, 2))])
        nodes = described["focal_plane"]["nodes"]
        found = seen_by(Circle(diameter), nodes, jnp.array(fibres), splined(light[None]), scene)[0, :, 0]
        sigma = fwhm / np.sqrt(8 * np.log(2))
        square = ((fibres - star) ** 2).sum(axis=1) / sigma**2
        expected = ncx2.cdf((diameter / 2 / sigma) ** 2, 2, np.maximum(square, 1e-12))
        assert np.abs(found - expected).max() < error * expected[0]
