"""From Python as from JSON: a telescope by name, and a cube with the command's care."""

import json

import equinox as eqx
import jax
import numpy as np
import pytest

import ifux
from ifux import InputError, config, run
from ifux.checks import line_widths
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library

SMALL = {
    "redshift": 0.02,
    "spaxels": {"size": [6, 5], "pitch": 2.0},
    "wavelengths": {"start": 5000.0, "step": 4.0, "size": 30, "medium": "air"},
    "psf": {"fwhm": 6.0, "reach": 3},
    "lsf": {"fwhm": 10.0},
}
"""What is small of MUSE."""


def model():
    """A galaxy of few stars."""
    return DiscBulge.sample(400, key=jax.random.key(0))


def test_cube_is_that_of_the_command(tmp_path):
    """Flux, variance, maps and notes of a description, from three lines of Python."""
    noise = {"kind": "target-snr", "snr": 30.0}
    small = {key: value for key, value in SMALL.items() if key != "redshift"}
    described = {
        "galaxy": {"kind": "disc-bulge", "count": 400, "seed": 0},
        "library": {"kind": "embedded"},
        "seed": 3,
        "telescope": {
            "instrument": "muse-wfm", "target": {"kind": "cosmological", "redshift": 0.02}, "noise": noise,
            "orientation": {"kind": "inclined", "inclination": 60.0}, **small,
        },
    }  # fmt: skip
    expected = run.observe(run.prepare(described))
    telescope = ifux.instrument("MUSE WFM", **SMALL, noise=noise, orientation=ifux.InclinedOrientation(60.0))
    cube = ifux.observe(telescope, model(), seed=3)
    # A basis of more of the library, with room for faster stars, is another one of the same tolerance.
    assert np.abs(cube.flux - expected.flux).max() < 1e-4 * expected.flux.max()
    assert np.allclose(cube.variance, expected.variance, rtol=1e-4)
    assert cube.pitch == expected.pitch == (2.0, 2.0) and cube.wavelengths == expected.wavelengths
    assert np.allclose(cube.maps["VELOCITY"][0], expected.maps["VELOCITY"][0], equal_nan=True, atol=0.5)
    lost = [note for note in expected.notes if "outside the field" in note]
    assert lost and {*lost} <= {*cube.notes} and cube.seed == 3
    ifux.io.write_cube(tmp_path / "cube.fits", cube)
    assert ifux.io.read_cube(tmp_path / "cube.fits").history == {}


def test_stages_that_nobody_names_are_those_of_a_configuration():
    """And a stage of one's own takes the place of the preset's, with as many cells as it needs."""
    telescope = ifux.instrument("muse-wfm", **SMALL | {"psf": ifux.GaussianPSF(2.5, reach=6)})
    assert isinstance(telescope.noise, ifux.NoNoise) and isinstance(telescope.dust, ifux.NoDust)
    assert isinstance(telescope.focal_plane, ifux.Slicer) and telescope.kinematics == ifux.VelocityChannels()
    assert telescope.psf.reach == 6 and telescope.spaxels.oversampling == (3, 3)
    assert float(telescope.target.redshift) == pytest.approx(0.02)
    # Stars of 1400 km/s are not yet in the channels, but in the library that was kept for them.
    fast = eqx.tree_at(
        lambda s: s.velocity, ifux.Particles(*[np.ones((3, 3))] * 2, *[np.ones(3)] * 3), np.full((3, 3), 800.0)
    )
    assert telescope.spanning(fast).kinematics.runs[0][0] < -14


def test_velocity_nodes_are_as_near_as_those_of_a_configuration():
    """As the narrowest line needs, but with the usual reach."""
    fine = {"start": 5000.0, "step": 1.0, "size": 30, "medium": "air"}
    sharp = ifux.instrument("muse-wfm", **SMALL | {"wavelengths": fine, "lsf": {"fwhm": 3.0}})
    narrowest, _ = line_widths(sharp.lsf, embedded_library(), sharp.wavelengths, 0.02)
    assert sharp.kinematics == ifux.VelocityChannels().resolving(narrowest)
    assert sharp.kinematics.spacing < 50 and sharp.kinematics.reach == 600


def test_channels_that_an_exposure_does_not_see_are_gaps():
    """Be its noise described or a stage of one's own."""
    edge = {"kind": "table", "wavelength": [4900.0, 5050.0, 5051.0, 5200.0], "value": [0.1, 0.1, 1.0, 1.0]}
    noise = {"kind": "exposure", "filter": edge, "least_transmission": 0.5}
    described = ifux.instrument("muse-wfm", **SMALL, noise=noise)
    assert described.wavelengths.missing().tolist() == [True] * 13 + [False] * 17
    own = ifux.instrument("muse-wfm", **SMALL, noise=described.noise)
    assert own.wavelengths == described.wavelengths


def test_instrument_of_ones_own_is_like_another(tmp_path):
    """In one line, from Python, and from a configuration beside it."""
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"name": "Mine", "like": "muse-wfm", "telescope": {"psf": {"fwhm": 0.6}}}))
    loaded, built_in = ifux.instruments.load(str(mine)), ifux.instruments.load("muse-wfm")
    assert loaded["name"] == "Mine" and loaded["citation"] == built_in["citation"]
    assert loaded["telescope"] == built_in["telescope"] | {"psf": built_in["telescope"]["psf"] | {"fwhm": 0.6}}
    path = tmp_path / "configuration.json"
    telescope = {"instrument": "mine.json", "target": {"kind": "cosmological", "redshift": 0.02}}
    path.write_text(
        json.dumps({"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "embedded"}, "telescope": telescope})
    )
    assert config.resolved(config.load(path))["telescope"]["psf"]["fwhm"] == 0.6


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold a JSON object with a telescope"),
        ('{"like": "muse-wmf"}', r"'muse-wmf' is none of .* did you mean 'muse-wfm'"),
    ],
)
def test_instrument_that_is_none_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(InputError, match=f"^instrument: .*{sentence}"):
        ifux.instruments.load(str(tmp_path / "mine.json"))
    with pytest.raises(InputError, match=r"mine\.json cannot be read"):
        ifux.instruments.load("nowhere/mine.json")


def test_what_cannot_be_used_is_one_sentence():
    with pytest.raises(InputError, match=r"instrument\.spaxel: an instrument takes .*; did you mean 'spaxels'"):
        ifux.instrument("muse-wfm", redshift=0.02, spaxel={"size": [4, 4]})
    with pytest.raises(InputError, match=r"telescope\.psf\.sigma: MoffatPSF takes"):
        ifux.instrument("muse-wfm", **SMALL | {"psf": {"sigma": 2.0}})
    with pytest.raises(InputError, match="covers"):
        ifux.instrument("muse-wfm", **SMALL | {"redshift": 30.0})
    telescope = ifux.instrument("muse-wfm", **SMALL | {"lsf": {"fwhm": 0.5}})
    with pytest.raises(InputError, match="the library is coarser than the telescope"):
        ifux.observe(telescope, model())
