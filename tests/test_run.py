"""A configuration makes a cube, and the cube makes it again."""

import json
from contextlib import contextmanager
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest
from stages import library as made_up

from ifux import InputError, LogWavelengths, SquareSpaxels, Wavelengths, config, run
from ifux.io import write_galaxy, write_ssp
from ifux.io.files.cube import MISSING, read_configuration, read_cube, write_cube
from ifux.io.inspect import describe
from ifux.plots import portrait
from ifux.programs import expose

DESCRIPTION = {
    "galaxy": {"kind": "disc-bulge", "count": 500, "seed": 3},
    "library": {"kind": "embedded"},
    "telescope": {
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "orientation": {"kind": "inclined", "inclination": 50.0, "position_angle": 30.0},
        "wavelengths": {"start": 4836.0, "step": 1.25, "size": 80, "medium": "air"},
        "spaxels": {"kind": "square", "pitch": 2.0, "size": [7, 6]},
        "psf": {"kind": "gaussian", "fwhm": 3.0, "reach": 4},
        "lsf": {"kind": "gaussian", "fwhm": 3.0},
        "noise": {"kind": "target-snr", "snr": 20.0},
        "ssp": {"kind": "grid"},
    },
    "seed": 7,
}


@pytest.fixture(autouse=True)
def small_library(monkeypatch):
    """A made-up library stands in for the embedded one."""
    monkeypatch.setattr(run, "embedded_library", lambda: replace(made_up(), illustrative=True))


def observed(*settings, **options):
    return run.observe(run.prepare(config.with_settings(DESCRIPTION, [*settings])), **options)


@pytest.mark.slow
def test_same_configuration_and_seed_make_the_same_cube_bit_for_bit(bits):
    one, other = observed(), observed()
    assert one.flux.dtype == np.dtype(f"float{bits}")
    assert np.array_equal(one.flux, other.flux) and np.array_equal(one.variance, other.variance)
    for name in one.maps:
        assert np.array_equal(one.maps[name][0], other.maps[name][0], equal_nan=True)


def test_another_seed_makes_other_noise_and_the_same_galaxy():
    one, other = observed(), observed("seed=8")
    assert not np.array_equal(one.flux, other.flux) and np.array_equal(one.variance, other.variance)
    assert (one.seed, other.seed) == (7, 8)
    assert np.array_equal(observed(noiseless=True).flux, observed("seed=8", noiseless=True).flux)
    pull = (one.flux - other.flux) / np.sqrt(2 * one.variance)
    assert np.std(pull) == pytest.approx(1, abs=5 / np.sqrt(2 * pull.size))


def test_every_seed_that_is_accepted_has_noise_of_its_own():
    last, bits = 2**32 - 1, {}
    for seed in (0, 1, 2**31 - 1, 2**31, last):
        config.resolved({**DESCRIPTION, "seed": seed})
        bits[seed] = tuple(jax.random.key_data(jax.random.key(seed)).tolist())
    assert len(set(bits.values())) == len(bits)
    with pytest.raises(InputError, match="seed"):
        config.resolved({**DESCRIPTION, "seed": last + 1})


def test_cube_makes_itself_again_from_its_header(tmp_path):
    first = observed()
    write_cube(tmp_path / "cube.fits", first)
    again = run.observe(run.prepare(read_configuration(tmp_path / "cube.fits")))
    assert np.array_equal(first.flux, again.flux) and np.array_equal(first.variance, again.variance)
    assert json.dumps(first.history) == json.dumps(again.history) and first.notes == again.notes
    stored = read_cube(tmp_path / "cube.fits")
    assert stored.seed == 7 and np.array_equal(stored.flux, again.flux)


def test_gap_in_logarithmic_channels_is_no_number_and_flagged(tmp_path):
    channels = {"kind": "log", "start": 4838.0, "step": 2.5e-4, "size": 80, "medium": "vacuum"}
    cube = observed(f"telescope.wavelengths={json.dumps({**channels, 'gaps': [[4860.0, 4870.0]]})}")
    missing = cube.wavelengths.missing()
    assert cube.wavelengths == LogWavelengths(4838.0, 2.5e-4, 80, "vacuum", [(4860.0, 4870.0)]) and missing.sum() == 9
    for values in (cube.flux, cube.variance):
        assert np.isnan(values[missing]).all() and np.isfinite(values[~missing]).all()
    assert np.array_equal(cube.quality, np.broadcast_to(missing[:, None, None] * MISSING, cube.flux.shape))
    write_cube(tmp_path / "cube.fits", cube)
    assert read_configuration(tmp_path / "cube.fits")["telescope"]["wavelengths"]["gaps"] == [[4860.0, 4870.0]]
    assert read_cube(tmp_path / "cube.fits").wavelengths == cube.wavelengths
    assert "in channels of 1.21 to 1.234 angstrom" in describe(tmp_path / "cube.fits")
    portrait(tmp_path / "cube.png", cube)


VACUUM = 'telescope.wavelengths={"kind": "log", "start": 4838.0, "step": 2.5e-4, "size": 60, "medium": "vacuum"}'


def test_layout_is_part_of_the_configuration(tmp_path):
    """The cube is the same in either, says so, and makes itself again."""
    muse, manga = observed(VACUUM), observed(VACUUM, "layout=manga")
    assert np.array_equal(muse.flux, manga.flux) and np.all(np.abs(manga.resolution - 3) < 1e-3)
    for name, cube in (("muse", muse), ("manga", manga)):
        write_cube(tmp_path / f"{name}.fits", cube)
        assert read_configuration(tmp_path / f"{name}.fits")["layout"] == name
    again = read_cube(tmp_path / "manga.fits")
    assert again.quality is None and np.allclose(again.flux, manga.flux, rtol=3e-7, atol=0)
    assert np.array_equal(run.observe(run.prepare(again.history)).flux, manga.flux)
    assert "FLUX: 60 x 6 x 7 1E-17 erg/s/cm^2/Ang/spaxel" in describe(tmp_path / "manga.fits")


@pytest.mark.parametrize(
    ("settings", "options", "sentence"),
    [
        (["layout=manga"], {}, "layout: the layout of MaNGA holds channels in vacuum"),
        (["layout=manga", VACUUM], {"noiseless": True}, "layout: the layout of MaNGA holds the inverse of a variance"),
        (["layout=sauron"], {}, "layout: 'sauron' is not one of"),
    ],
)
def test_layout_that_cannot_be_is_refused_before_the_work(settings, options, sentence):
    with pytest.raises(InputError, match=sentence):
        observed(*settings, **options)


def test_galaxies_of_other_numbers_of_stars_are_exposed_by_one_program(monkeypatch):
    """With a PSF every spaxel can hold light: nothing that follows the deposit depends on the number."""
    seen = []

    def exposed(telescope, weights, *given):
        seen.append(given)
        return expose(telescope, weights, *given)

    monkeypatch.setattr(run, "expose", exposed)
    for count in (500, 430):
        observed(f"galaxy.count={count}", "telescope.kinematics.reach=600", noiseless=True)
    assert seen[0] == seen[1]


def test_lines_that_differ_over_the_field_are_noted():
    widths = [[1.0, 1.5, 1, 1, 1, 1, 1]] * 6
    field = {"kind": "field", "lsf": {"kind": "gaussian", "fwhm": 4.0}, "widths": widths}
    session = run.prepare(config.with_settings(DESCRIPTION, [f"telescope.lsf={json.dumps(field)}"]))
    assert any("up to 1.5 times as wide in some spaxels" in note for note in session.notes)
    cube = run.observe(session, noiseless=True)
    np.testing.assert_allclose(cube.resolution, 0.995 * 4.0, rtol=1e-5)


def test_noiseless_cube_makes_itself_again_without_noise(tmp_path):
    first = observed(noiseless=True)
    assert first.variance is None and first.seed is None
    write_cube(tmp_path / "cube.fits", first)
    again = run.observe(run.prepare(read_configuration(tmp_path / "cube.fits")))
    assert again.variance is None and np.array_equal(first.flux, again.flux)


def test_noise_that_is_none_has_no_variance_either():
    cube = observed("telescope.noise.kind=none")
    assert cube.variance is None and cube.seed is None
    assert np.array_equal(cube.flux, observed(noiseless=True).flux)


@pytest.mark.parametrize("noise", ['{"kind": "constant", "level": 0.5}', '{"kind": "target-snr", "snr": 20}'])
def test_variance_is_that_of_the_noise_that_was_drawn(noise):
    noisy = observed(f"telescope.noise={noise}", "telescope.spaxels.size=[20,20]")
    quiet = observed("telescope.spaxels.size=[20,20]", noiseless=True).flux
    pull = (noisy.flux - quiet) / np.sqrt(noisy.variance)
    assert pull.mean() == pytest.approx(0, abs=5 / np.sqrt(pull.size))
    assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(2 * pull.size))


def test_chunks_add_up_to_one_block(double):
    whole = observed(noiseless=True)
    steps = []

    @contextmanager
    def report(step, parts=1):
        yield lambda: steps.append((step, parts))

    parts = observed("compute.chunk=64", noiseless=True, report=report)
    np.testing.assert_allclose(parts.flux, whole.flux, rtol=1e-12, atol=1e-12 * whole.flux.max())
    assert steps == [("observing", 8)] * 8  # 500 stars in chunks of 64


@pytest.mark.parametrize("setting", ["contract=weights", "contract=cube", "block=7"])
def test_choices_change_the_cube_by_rounding_alone(setting, double):
    free, forced = observed(noiseless=True), observed(f"compute.{setting}", noiseless=True)
    np.testing.assert_allclose(forced.flux, free.flux, rtol=1e-10, atol=1e-10 * free.flux.max())
    key, value = setting.split("=")
    assert str(forced.history["compute"][key]) == value


@pytest.mark.slow
def test_dark_spaxels_are_left_out_on_demand(double):
    free = observed("telescope.psf.kind=none", "compute.contract=cube", noiseless=True)
    forced = observed("telescope.psf.kind=none", "compute.contract=occupied", noiseless=True)
    np.testing.assert_allclose(forced.flux, free.flux, rtol=1e-10, atol=1e-10 * free.flux.max())
    with pytest.raises(InputError, match="'occupied' leaves out dark spaxels, but the PSF"):
        observed("compute.contract=occupied")


def test_what_does_not_fit_is_refused_before_it_is_begun(monkeypatch):
    session = run.prepare(DESCRIPTION)
    monkeypatch.setattr("ifux.plan.memory", lambda: 10**6)
    monkeypatch.setattr(run, "added", lambda *arguments: pytest.fail("it was begun"))
    with pytest.raises(InputError, match=r"does not fit into memory: .* GB at the peak, .*; take "):
        run.observe(session)


def test_the_cube_is_that_of_the_telescope(double):
    session = run.prepare(DESCRIPTION)
    cube = run.observe(session)
    direct = eqx.filter_jit(session.telescope)(session.galaxy.stars, key=jax.random.key(7))
    np.testing.assert_allclose(cube.flux.transpose(1, 2, 0), direct, rtol=1e-10, atol=1e-10 * cube.flux.max())
    assert cube.pitch == (2.0, 2.0) and cube.wavelengths == session.telescope.wavelengths
    assert list(cube.maps) == ["MASS", "VELOCITY", "DISPERSION", "AGE", "METALLICITY"]


def test_notes_say_what_a_careful_user_should_know():
    notes = observed("telescope.spaxels.size=[3,3]").notes
    assert any("'made up' is illustrative" in note for note in notes)
    assert any("of the formed mass lies outside the field of view" in note for note in notes)
    assert len(set(notes)) == len(notes)


def test_stars_too_fast_for_the_channels_are_counted():
    notes = observed("telescope.kinematics.reach=100", "galaxy.rotation_speed=300").notes
    (note,) = (note for note in notes if "moves too fast" in note)
    assert "raise telescope.kinematics.reach" in note and "km/s along the line of sight" in note


def test_cube_of_a_galaxy_with_a_fast_star_makes_itself_again(tmp_path, monkeypatch):
    """Its channels stand where its stars are, and the header says where."""
    parametric = run.open_galaxy

    def with_outlier(*arguments):
        galaxy = parametric(*arguments)
        velocity = np.array(galaxy.stars.velocity)
        velocity[7] = [1900.0, 1900.0, 1900.0]
        return replace(galaxy, stars=replace(galaxy.stars, velocity=velocity))

    monkeypatch.setattr(run, "open_galaxy", with_outlier)
    monkeypatch.setattr(run, "embedded_library", lambda: made_up(Wavelengths(4600.0, 1.0, 440, "air")))
    first = observed(noiseless=True)
    kept = first.history["telescope"]["kinematics"]
    assert kept["reach"] <= 600 and len(kept["beyond"]) == 1 and not any("too fast" in note for note in first.notes)
    write_cube(tmp_path / "cube.fits", first)
    again = run.observe(run.prepare(read_configuration(tmp_path / "cube.fits")))
    assert np.array_equal(first.flux, again.flux) and json.dumps(first.history) == json.dumps(again.history)
    few = run.planned(run.prepare(config.with_settings(DESCRIPTION, []))).report()
    assert f"velocities to {kept['reach']:g} km/s and " in few and f", {kept['spacing']:g} km/s apart, x" in few


def test_library_too_short_for_a_fast_star_says_what_would_do(monkeypatch):
    parametric = run.open_galaxy

    def with_outlier(*arguments):
        galaxy = parametric(*arguments)
        return replace(galaxy, stars=replace(galaxy.stars, velocity=20 * galaxy.stars.velocity))

    monkeypatch.setattr(run, "open_galaxy", with_outlier)
    with pytest.raises(InputError, match=r"or hold faster stars at 600 km/s, with telescope\.kinematics\.reach=600$"):
        run.prepare(DESCRIPTION)
    assert "moves too fast" in " ".join(observed("telescope.kinematics.reach=600").notes)


def test_velocity_nodes_too_far_apart_are_noted():
    words = "half-way between two nodes, 150 km/s apart"
    assert not any("two nodes" in note for note in observed().notes)
    assert any(words in note for note in observed("telescope.kinematics.spacing=150").notes)


def test_coarse_library_is_refused_and_with_the_choice_made_it_is_noted(double):
    with pytest.raises(
        InputError, match=r"^telescope\.lsf: the library is coarser.*4836 to 4935 angstrom.*2\.550 angst"
    ):
        run.prepare(config.with_settings(DESCRIPTION, ["telescope.lsf.fwhm=2.0"]))
    accepted = observed("telescope.lsf.fwhm=2.0", "telescope.accept_coarse_library=true", noiseless=True)
    assert any("the library is coarser" in note for note in accepted.notes)
    # what is accepted is the library's own resolution
    assert np.allclose(accepted.flux, observed("telescope.lsf.kind=none", noiseless=True).flux, rtol=1e-5)


def test_configuration_is_checked_before_any_file_is_opened(monkeypatch):
    monkeypatch.setattr(run, "open_galaxy", lambda *_: pytest.fail("opened the galaxy"))
    for setting in ("telescope.psf.fwhm=-1", "telescope.ssp.tolerance=1", "telescope.wavelengths.step=0", "seed=-1"):
        with pytest.raises(InputError):
            run.prepare(config.with_settings(DESCRIPTION, [setting]))


def test_galaxy_and_library_come_from_files(tmp_path):
    galaxy = run.prepare(DESCRIPTION).galaxy
    write_galaxy(tmp_path / "galaxy.hdf5", galaxy)
    write_ssp(tmp_path / "library.hdf5", made_up())
    files = [
        f'galaxy={{"kind": "file", "path": "{tmp_path}/galaxy.hdf5"}}',
        f'library={{"kind": "file", "path": "{tmp_path}/library.hdf5"}}',
    ]
    assert np.allclose(observed(*files).flux, observed().flux, rtol=1e-4, atol=1e-5)
    fewer = run.prepare(config.with_settings(DESCRIPTION, [*files, "galaxy.radius=2.0"])).galaxy
    assert 0 < fewer.stars.count < galaxy.stars.count and float(np.linalg.norm(fewer.stars.position, axis=1).max()) <= 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (['galaxy={"kind": "file", "path": "absent.hdf5"}'], "galaxy: absent.hdf5 does not exist"),
        (['library={"kind": "file", "path": "absent.h5"}'], "library: absent.h5 does not exist"),
        (['library={"kind": "file", "path": "absent.h5", "format": "milez"}'], "library.format: 'milez' is not one of"),
        (['library={"kind": "file", "path": "absent.h5", "format": 5}'], "library.format: 5 is not a name"),
        (['library={"kind": "file", "path": "x", "metallicity": [5]}'], "library.metallicity: [5] is not a name"),
        (['galaxy={"kind": "file", "path": "x", "format": "tng"}'], "galaxy.format: 'tng' is not one of"),
        (['galaxy={"kind": "file", "path": "x", "colour": 5}'], "galaxy.colour: a galaxy from a file takes ['ages',"),
        (["library.colour=5"], "library.colour: the embedded library takes no keys"),
    ],
)
def test_input_that_cannot_be_used_is_named_with_its_section(settings, sentence):
    with pytest.raises(InputError) as caught:
        run.prepare(config.with_settings(DESCRIPTION, settings))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("options", [{"radius": -1.0}, {"centre": [1.0, 2.0]}, {"radius": float("nan")}])
def test_option_of_a_galaxy_file_that_cannot_be_used_is_one_sentence(tmp_path, options):
    write_galaxy(tmp_path / "galaxy.hdf5", run.prepare(DESCRIPTION).galaxy)
    galaxy = {"kind": "file", "path": str(tmp_path / "galaxy.hdf5"), **options}
    with pytest.raises(InputError, match=r"^galaxy: .*(radius|centre)"):
        run.prepare({**DESCRIPTION, "galaxy": galaxy})


def test_more_weights_than_can_be_counted_are_one_sentence():
    session = run.prepare(DESCRIPTION)
    huge = eqx.tree_at(lambda t: t.spaxels, session.telescope, SquareSpaxels(2.0, (4000, 4000)))
    assert "more than 32 bits can count" in run.beyond_counting(huge)
    assert run.beyond_counting(session.telescope) is None


def test_numbers_that_overflow_are_no_cube():
    with pytest.raises(InputError, match="not finite: a number in the configuration is too extreme"):
        observed("galaxy.mass=3e38", "telescope.target.distance=0.09", "telescope.spaxels.pitch=2000")


def test_parametric_galaxy_stands_where_the_telescope_looks():
    assert run.prepare(DESCRIPTION).galaxy.redshift == pytest.approx(0.02)


def test_galaxy_outside_the_field_makes_an_empty_cube_and_says_so():
    cube = observed("telescope.spaxels.centre=[500,500]", "telescope.noise.kind=none")
    assert not cube.flux.any() and np.isnan(cube.maps["VELOCITY"][0]).all()
    assert "100.0% of the formed mass lies outside the field of view" in cube.notes
