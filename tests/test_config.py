"""A description becomes the modules that one would write by hand, or one sentence that says what to change."""

import inspect
import json
import re
import tempfile
from copy import deepcopy
from dataclasses import MISSING, replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from astropy import units
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from stages import OBSERVED, particles
from stages import library as made_up

import ifux
from ifux import (
    AtmosphericRefraction,
    Circle,
    CosmologicalTarget,
    DoubleGaussianPSF,
    Drizzle,
    EulerOrientation,
    FibreBundle,
    GaussianLSF,
    GridSSP,
    Hexagon,
    InclinedOrientation,
    InputError,
    LowRankSSP,
    MoffatPSF,
    NoDust,
    NoPSF,
    Particles,
    Shepard,
    Slicer,
    Soft,
    SquareSpaxels,
    TargetSNRNoise,
    Telescope,
    VelocityChannels,
    Wavelengths,
    config,
    instruments,
)
from ifux.checks import coarse_channels, coarse_library, error_between_nodes
from ifux.config.build import module, parameters
from ifux.config.document import completed
from ifux.config.table import DEFAULTS, FOLLOWS, GIVEN, KINDS
from ifux.emission import LineTable
from ifux.focal_plane import hexagonal
from ifux.io import read_galaxy, write_lines
from ifux.sky import Curve, Sky

WORKED = sorted((Path(__file__).parents[1] / "configs").glob("*.json"))
CONFIGS = [path for path in WORKED if "library" in (one := config.load(path)) and "arms" not in one["telescope"]]
"""Those of one telescope before stars."""

BASE = {
    "galaxy": {"kind": "disc-bulge", "count": 200, "seed": 3},
    "library": {"kind": "embedded"},
    "telescope": {
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "wavelengths": {"start": 4836.0, "step": 1.25, "size": 80, "medium": "air"},
        "spaxels": {"kind": "square", "pitch": 0.4, "size": [4, 3]},
        "psf": {"kind": "moffat", "fwhm": 0.9, "reach": 4},
        "lsf": {"kind": "gaussian", "fwhm": 3.0},
        "ssp": {"kind": "grid"},
    },
    "seed": 1,
}
"""A small observation that everything below changes in one place."""

FOLDER = tempfile.TemporaryDirectory(prefix="ifux-star-")
STAR = Path(FOLDER.name) / "star.fits"
"""An image, without which one kind cannot be built."""
fits.writeto(STAR, stages.star(), fits.Header({"PIXELSCL": 0.3}))

MINIMAL = {
    ("channels", "even"): {"start": 4836.0, "step": 1.25, "size": 80, "medium": "air"},
    ("channels", "log"): {"start": 4836.0, "step": 2.3e-4, "size": 80, "medium": "vacuum"},
    ("channels", "table"): {"edges": [4836.0, 4837.0, 4839.0], "medium": "air"},
    ("target", "cosmological"): {"redshift": 0.02},
    ("target", "fixed"): {"redshift": 0.02, "distance": 90.0},
    ("orientation", "inclined"): {"inclination": 60.0},
    ("spaxels", "square"): {"pitch": 0.4, "size": [4, 3]},
    ("spaxels", "rectangular"): {"pitch": [0.4, 0.8], "size": [4, 3]},
    ("emission", "tabulated"): {"path": "lines.h5"},
    ("component", "power-law"): {"luminosity": 1e5},
    ("component", "file"): {"path": "nucleus.ecsv", "fwhm": 2.0},
    ("component", "lines"): {"lines": ["Hbeta", 5008.24], "luminosity": [1e7, 2e7], "fwhm": [2000.0, 300.0]},
    ("dust", "screen"): {"depth": 0.3},
    ("psf", "gaussian"): {"fwhm": 0.9},
    ("psf", "narrow-gaussian"): {"fwhm": 0.0},
    ("psf", "moffat"): {"fwhm": 0.9},
    ("psf", "double-gaussian"): {"fwhm": 0.9, "wide_fwhm": 1.9, "share": 0.8},
    ("psf", "core-halo"): {
        "core": {"kind": "gaussian", "fwhm": 0.3},
        "halo": {"kind": "moffat", "fwhm": 1.0},
        "share": 0.4,
    },
    ("psf", "coarse-halo"): {
        "core": {"kind": "gaussian", "fwhm": 0.9},
        "halo": {"kind": "moffat", "fwhm": 3.0},
        "share": 0.5,
        "coarse": 3,
    },
    ("psf", "elliptical"): {"psf": {"kind": "moffat", "fwhm": 1.0}, "axis_ratio": 0.8},
    ("psf", "image"): {"path": str(STAR)},
    ("psf", "chromatic"): {"psf": {"kind": "moffat", "fwhm": 1.0}},
    ("psf", "chromatic-polynomial"): {"psf": {"kind": "moffat", "fwhm": 1.0}, "coefficients": [-0.2, 0.1]},
    ("psf", "chromatic-table"): {
        "psf": {"kind": "gaussian", "fwhm": 1.0},
        "wavelengths": [4800.0, 6200.0],
        "stretches": [2.5, 2.4],
    },
    ("focal_plane", "drizzled-slicer"): {"size": [4, 3], "pitch": [0.4, 0.4]},
    ("lsf", "gaussian"): {"fwhm": 3.0},
    ("lsf", "resolving-power"): {"resolving_power": 1600},
    ("lsf", "polynomial"): {"coefficients": [5.866e-8, -9.187e-4, 6.040]},
    ("lsf", "table"): {"wave": [4700, 5000], "fwhm": [3.0, 3.1]},
    ("lsf", "gauss-hermite"): {"lsf": {"kind": "gaussian", "fwhm": 3.0}},
    ("lsf", "boxcar"): {"fwhm": 6.0},
    ("lsf", "field"): {"lsf": {"kind": "gaussian", "fwhm": 3.0}, "polynomial": [[1.0, 0.02], [0.05]]},
    ("noise", "constant"): {"level": 1.0},
    ("noise", "target-snr"): {"snr": 30.0},
    ("noise", "scaled"): {"noise": {"kind": "target-snr", "snr": 30.0}, "factor": 0.5},
    ("noise", "bad-pixels"): {"noise": {"kind": "constant", "level": 0.5}, "time": 900.0},
    ("noise", "exposure"): {
        "throughput": {"kind": "flat", "value": 0.3},
        "sky": {"kind": "night"},
        "collecting_area": 48.3,
        "time": 900.0,
        "read_noise": 3.0,
        "dark": 3.0,
        "pixels": 1.0,
    },
    ("focal_plane", "aperture"): {"footprint": {"kind": "circle", "diameter": 3.0}},
    ("focal_plane", "fibre-bundle"): {
        "layout": {"kind": "hexagonal", "rings": 1, "pitch": 1.2},
        "footprint": {"kind": "circle", "diameter": 1.0},
        "reconstruction": {"kind": "shepard", "sigma": 0.4, "limit": 1.0},
    },
    ("layout", "hexagonal"): {"rings": 2, "pitch": 2.5},
    ("layout", "rectangular"): {"columns": 4, "rows": 3, "pitch": 0.5},
    ("layout", "rows"): {"counts": [4, 5], "pitch": 0.5, "spacing": 0.4},
    ("layout", "table"): {"positions": [[0.0, 0.0], [1.5, -0.5]]},
    ("footprint", "circle"): {"diameter": 2.0},
    ("footprint", "ellipse"): {"major": 2.0, "minor": 1.0},
    ("footprint", "rectangle"): {"width": 2.0, "height": 1.0},
    ("footprint", "hexagon"): {"across": 2.0},
    ("footprint", "soft"): {"footprint": {"kind": "circle", "diameter": 2.0}, "width": 0.2},
    ("reconstruction", "shepard"): {"sigma": 0.7, "limit": 1.6},
    ("refraction", "atmospheric"): {"zenith_distance": [30.0], "parallactic_angle": [10.0]},
    ("sky", "flat"): {"magnitude": 21.0},
    ("sky", "file"): {"path": "sky.fits"},
    ("throughput", "flat"): {"value": 0.3},
    ("throughput", "table"): {"wavelength": [4000.0, 6000.0], "value": [0.2, 0.3]},
    ("throughput", "file"): {"path": "throughput.ecsv", "medium": "air"},
}
"""What a kind cannot do without; a kind that is not listed needs nothing."""


BESIDES = {"observed": OBSERVED, "element_area": 0.16, "places": np.zeros((1, 2)), "shape": (3, 4)}
"""What a stage is given besides its description."""


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A sky, a throughput and lines of gas in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    nanometre = np.linspace(400, 600, 50)
    Table({"lam": nanometre, "flux": nanometre, "trans": nanometre / 1e3}).write("sky.fits")
    Table({"wavelength": nanometre * u.nm, "share": nanometre / 1e3}).write("throughput.ecsv")
    nucleus = {"wavelength": np.array([4000.0, 4001.0]) * units.AA, "luminosity": np.ones(2) * units.Lsun / units.AA}
    QTable(nucleus).write("nucleus.ecsv")
    write_lines("lines.h5", LineTable(("Hbeta",), np.ones(1), np.ones(1), np.ones(1), np.zeros((1, 1, 1, 1))))


def changed(*settings):
    return config.with_settings(BASE, [*settings])


def telescope_of(description, library=None):
    return config.telescope(config.resolved(description)["telescope"], library or made_up(), particles())


@eqx.filter_jit
def observed(telescope, stars):
    return telescope(stars)


def wide(step=4.0, size=2100):
    """A library that covers every instrument at small redshifts, at a resolution that every instrument bears."""
    return replace(made_up(Wavelengths(2600.0, step, size, "air"), 2, 3), fwhm=np.full(size, 1.5))


def by_hand(name, stars):
    """The telescopes of configs/, written out."""
    start = {"muse": Wavelengths(4700.15, 1.25, 3721, "air"), "manga": Wavelengths(3622.0, 1.0, 6732, "vacuum")}
    muse = {"psf": MoffatPSF(0.8, 2.8, 25), "lsf": GaussianLSF(2.65)}
    fibres = ifux.focal_plane.hexagonal(6, 2.5) + np.array([-0.25, 0.25])
    dithers = ((-0.4167, -0.7217), (0.8333, 0.0), (-0.4167, 0.7217))
    plane = FibreBundle(fibres, Circle(2.0), Shepard(0.7, 1.6), dithers, reach=1, nodes=4)
    field = SquareSpaxels(0.5, (72, 72), centre=(0.25, -0.25), degree=4)
    manga = {"psf": DoubleGaussianPSF(1.4286, 2.8571, 0.6923, 8), "lsf": GaussianLSF(3.68), "spaxels": field}
    manga["focal_plane"] = plane.suited_to(field.scene)
    hundred, more = (SquareSpaxels(0.2, (n, n), degree=5) for n in (100, 150))
    instrument, redshift, tilt, snr, stages = {
        "demo": ("muse", 0.05, InclinedOrientation(55.0, 30.0), 60.0, muse | {"spaxels": hundred}),
        "tng-muse": ("muse", 0.29772, InclinedOrientation(60.0, 40.0), 50.0, muse | {"spaxels": more}),
        "tng-manga": ("manga", 0.29772, InclinedOrientation(60.0, 40.0), 50.0, manga),
    }[name]
    tilt = tilt.aligned_to(stars)
    speed = float(np.abs(tilt(stars).velocity[:, 2]).max())
    # The narrowest line is that in the last channel, where pixels of the library, 4 angstrom wide, are coarser still.
    pixel, last = start[instrument].step, start[instrument].centres()[-1]
    fwhm = max(float(stages["lsf"].fwhm), 4 * (1 + redshift))
    spacing = np.floor(np.sqrt(fwhm**2 / (8 * np.log(2)) + pixel**2 / 12) / last * 299792.458 / 2)
    channels = VelocityChannels(float(2 * spacing * np.ceil((1.001 * speed + 0.1) / (2 * spacing))), float(spacing))
    library, observed = wide().matched(start[instrument], redshift, channels.span)
    return Telescope(
        wavelengths=observed,
        target=CosmologicalTarget(redshift),
        orientation=tilt,
        noise=TargetSNRNoise(snr),
        ssp=LowRankSSP.from_library(library),
        kinematics=channels,
        dust=NoDust(),
        **({"focal_plane": Slicer()} | stages),
    )


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_worked_observation_is_the_telescope_built_by_hand(path):
    stars = particles()
    built = config.telescope(config.resolved(config.load(path))["telescope"], wide(), stars)
    assert eqx.tree_equal(built, by_hand(path.stem, stars), typematch=True)


@pytest.mark.parametrize("simulation", ["IllustrisTNG", "EAGLE"])
def test_no_star_of_a_real_galaxy_is_too_fast(data, simulation):
    """Though some move at more than 600 km/s; and the reach that a header holds makes the same channels again."""
    stars = read_galaxy(data(f"snapshots/SimSpin_example_{simulation}.hdf5")).stars
    description = config.resolved(config.load(CONFIGS[0].parent / "tng-muse.json"))["telescope"]
    telescope = config.telescope(description, wide(), stars)
    channels = telescope.kinematics
    speed = float(np.abs(telescope.project(stars).velocity).max())
    assert speed > 600 and channels.size < VelocityChannels(float(100 * np.ceil(speed / 100)), channels.spacing).size
    assert float(telescope.coverage(stars).channels) == 1
    kept = description["kinematics"] | {"reach": channels.reach, "beyond": [[*pair] for pair in channels.beyond]}
    again = config.telescope({**description, "kinematics": kept}, wide(), stars)
    assert eqx.tree_equal(again.kinematics, channels)
    usual = config.telescope({**description, "kinematics": {"kind": "channels", "reach": 600.0}}, wide(), stars)
    assert 1e-3 < 1 - float(usual.coverage(stars).channels) < 0.02


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_resolving_twice_changes_nothing(path):
    given = config.load(path)
    before = deepcopy(given)
    once = config.resolved(given)
    assert given == before
    assert "instrument" not in once["telescope"]
    assert json.dumps(config.resolved(once)) == json.dumps(once)
    assert json.loads(json.dumps(once)) == once


def test_every_instrument_makes_a_telescope():
    for name in instruments.names():
        telescope = {"instrument": name, "target": {"kind": "cosmological", "redshift": 0.05}}
        stages, observed = config.parts(config.resolved({**BASE, "telescope": telescope})["telescope"])
        preset = instruments.load(name)["telescope"]
        assert observed == module("channels", preset["wavelengths"], "wavelengths")
        assert stages["spaxels"].size == tuple(preset["spaxels"]["size"])
        assert eqx.tree_equal(stages["lsf"], module("lsf", preset["lsf"], "lsf"))


def test_instrument_is_overlaid_key_by_key_and_replaced_kind_by_kind():
    telescope = {
        "instrument": "MUSE WFM",
        "target": {"kind": "cosmological", "redshift": 0.1},
        "spaxels": {"size": [9, 8]},
        "psf": {"fwhm": 0.6},
        "lsf": {"kind": "none"},
        "noise": {"kind": "constant", "level": 2.0},
    }
    result = config.resolved({**BASE, "telescope": telescope})["telescope"]
    spaxels = {"kind": "square", "pitch": 0.2, "size": [9, 8], "centre": [0.0, 0.0], "position_angle": 0.0}
    assert result["spaxels"] == spaxels | {"degree": 3, "oversampling": [2, 2]}
    assert result["psf"] == {"kind": "moffat", "fwhm": 0.6, "beta": 2.8, "reach": 38}
    assert result["lsf"] == {"kind": "none"} and result["noise"] == {"kind": "constant", "level": 2.0}
    assert result["wavelengths"] == instruments.load("muse-wfm")["telescope"]["wavelengths"]
    assert result["orientation"] == DEFAULTS["orientation"] | {"position_angle": 0.0, "azimuth": 0.0}
    assert result["trim"] is False and result["accept_coarse_library"] is False
    with pytest.raises(InputError, match=r"telescope\.psf\.beta: GaussianPSF takes \['fwhm', 'reach'\]"):
        config.parts(
            config.resolved({**BASE, "telescope": telescope | {"psf": {"kind": "gaussian", "beta": 3}}})["telescope"]
        )


@pytest.mark.parametrize(
    ("settings", "fwhm"),
    [
        (["telescope.ssp.kind=low-rank"], 3.0),
        (["telescope.ssp.kind=grid"], 3.0),
        (['telescope.lsf={"kind": "gaussian", "fwhm": 3.118, "includes_pixel": true}'], 3.0),
        (['telescope.lsf={"kind": "resolving-power", "resolving_power": 1500}'], 4935.4 / 1500),
        (["telescope.lsf.kind=none"], 2.55),
        (["telescope.lsf.fwhm=1.0"], 2.55),
        (["telescope.lsf.fwhm=9"], 9.0),
    ],
)
def test_velocity_nodes_are_as_near_as_the_narrowest_line_needs(settings, fwhm):
    """Half a standard deviation of it as it is recorded, and at most 50 km/s, where the description says nothing."""
    resolved = config.resolved(changed(*settings))
    assert config.resolved(resolved) == resolved and "spacing" not in resolved["telescope"]["kinematics"]
    sigma = np.sqrt(fwhm**2 / (8 * np.log(2)) + 1.25**2 / 12) / 4935 * 299792.458
    assert telescope_of(changed(*settings)).kinematics.spacing == min(50, np.floor(sigma / 2))
    given = telescope_of(changed(*settings, "telescope.kinematics.spacing=25"))
    assert given.kinematics.spacing == 25


def test_defaults_are_not_shared_between_descriptions():
    config.resolved(BASE)["telescope"]["orientation"]["inclination"] = 90.0
    assert config.resolved(BASE)["telescope"]["orientation"]["inclination"] == 0.0


def with_gas(description):
    return config.galaxy_model({"kind": "disc-bulge", "count": 50, "gas": {"count": 30, **description}})


OF_A_CUBE = {("ssp", "mixed"), ("source", "cube")}
"""Kinds that a finished cube brings with it, in `test_source_cube.py`."""


@pytest.mark.parametrize(
    ("family", "kind"),
    [(family, kind) for family in KINDS for kind in KINDS[family] if (family, kind) not in OF_A_CUBE],
)
def test_every_kind_is_built_from_its_shortest_description(family, kind, tables):
    if family == "model":
        built = config.galaxy_model({"kind": kind, "count": 50})
        assert built.particles().count == 50
    elif family == "gas":
        built = with_gas({"kind": kind})
        assert (built.particles().count, built.gas().count) == (50, 30)
    elif family == "ssp":
        built = telescope_of(changed(f"telescope.ssp.kind={kind}")).ssp
        assert built.rest.medium == "air"
    else:
        built = module(family, {"kind": kind, **MINIMAL.get((family, kind), {})}, family, BESIDES)
    if family == "layout":
        assert built.ndim == 2 and built.shape[1] == 2
    elif not isinstance(built, Sky | Curve):
        assert isinstance(built, eqx.Module)
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(built))


@pytest.mark.parametrize(
    ("family", "kind"),
    [(family, kind) for family in KINDS for kind in KINDS[family] if (family, kind) not in OF_A_CUBE],
)
def test_every_kind_is_the_same_with_every_default_written_out(family, kind, tables):
    """No default is beyond the limits of its own class, and none means another thing when it is said."""
    shortest = {"kind": kind, **MINIMAL.get((family, kind), {})}
    whole = completed(family, shortest)
    assert completed(family, whole) == whole and json.loads(json.dumps(whole)) == whole
    known = parameters(KINDS[family][kind])
    said = {key for key, argument in known.items() if argument.default not in (None, MISSING)}
    assert said - whole.keys() == FOLLOWS.get(family, set()) & said
    if family == "model":
        one, other = (config.galaxy_model({**given, "count": 50}) for given in (shortest, whole))
    elif family == "gas":
        one, other = map(with_gas, (shortest, whole))
    elif family == "ssp":
        settings = [f"telescope.ssp={json.dumps(given)}" for given in (shortest, whole)]
        one, other = (telescope_of(changed(setting)).ssp for setting in settings)
    else:
        one, other = (module(family, given, family, BESIDES) for given in (shortest, whole))
    if family in ("sky", "throughput"):
        one, other = one.on(OBSERVED), other.on(OBSERVED)
    assert eqx.tree_equal(one, other, typematch=True)


def test_resolved_description_says_every_default_but_those_that_follow():
    """That and the spacing follow where they are not given, and `prepare` writes them."""
    telescope = config.resolved(changed("telescope.target.kind=cosmological", "telescope.target.redshift=0.02"))
    assert telescope["scheme"] == config.SCHEME
    stages = telescope["telescope"]
    assert stages["kinematics"] == {"kind": "channels", "degree": 3}
    assert stages["target"]["cosmology"]["neutrino_mass"] == 0.06
    assert stages["psf"] == {"kind": "moffat", "fwhm": 0.9, "reach": 4, "beta": 2.8}
    assert telescope["galaxy"]["disc_scale"] == 3.0 and telescope["galaxy"]["count"] == 200
    gas = config.resolved(changed("galaxy.gas.mass=2e9"))["galaxy"]["gas"]
    assert gas["kind"] == "disc" and (gas["mass"], gas["scale"], gas["count"]) == (2e9, 4.0, 100_000)


@pytest.mark.parametrize(("family", "kind"), [key for key in MINIMAL if MINIMAL[key]])
def test_nothing_in_a_shortest_description_can_be_missing(family, kind):
    for key in MINIMAL[family, kind]:
        rest = {name: value for name, value in MINIMAL[family, kind].items() if name != key}
        alone = parameters(KINDS[family][kind])[key].needed
        sentence = rf"\.{key}: \w+ needs it, and it is missing$" if alone else ": give one of "
        with pytest.raises(InputError, match=rf"^telescope\.{family}{sentence}"):
            module(family, {"kind": kind, **rest}, f"telescope.{family}", BESIDES)


@pytest.mark.parametrize("kind", [kind for kinds in KINDS.values() for kind in kinds.values()])
def test_every_argument_of_every_kind_has_a_type_that_is_checked(kind):
    for name, argument in parameters(kind).items():
        wanted = argument.type
        checkable = wanted in (int, float, bool, str) or hasattr(wanted, "dims") or hasattr(wanted, "__args__")
        assert checkable or argument.is_stage(name), f"{kind.__qualname__}.{name}: {wanted}"
    assert not GIVEN & set(parameters(kind)) and set(parameters(kind)) <= set(inspect.signature(kind).parameters)


def test_bundle_of_a_description_is_that_built_by_hand():
    """Through JSON and back, with every stage inside it."""
    dithers, air = [[0.0, 0.0], [0.5, 0.3]], {"zenith_distance": [30, 35], "parallactic_angle": [10, 20]}
    described = {
        "kind": "fibre-bundle",
        "layout": {"kind": "hexagonal", "rings": 1, "pitch": 1.2},
        "footprint": {"kind": "soft", "footprint": {"kind": "hexagon", "across": 1.1}, "width": 0.1},
        "reconstruction": {"kind": "drizzle", "drop": 0.8},
        "dithers": dithers,
        "throughput": [1.0, 0.9, 1.0, 1.0, 1.0, 1.0, 1.1],
        "refraction": {"kind": "atmospheric", **air, "wavelengths": [4800, 5000]},
        "broken": [3],
    }
    resolved = config.resolved(changed(f"telescope.focal_plane={json.dumps(described)}"))
    again = config.resolved(json.loads(json.dumps(resolved)))
    assert again == resolved
    expected = FibreBundle(
        hexagonal(1, 1.2), Soft(Hexagon(1.1), 0.1), Drizzle(0.8), dithers, None, described["throughput"],
        AtmosphericRefraction(*air.values(), wavelengths=(4800.0, 5000.0)), [3], reach=12, nodes=7,
    )  # fmt: skip
    telescope = telescope_of(resolved)
    expected = expected.suited_to(telescope.spaxels.scene)
    assert eqx.tree_equal(telescope.focal_plane, expected, typematch=True)
    assert telescope.focal_plane.element_shape(telescope.spaxels.scene) == (2, 7)
    stars = particles(4)
    assert observed(telescope, stars).shape == (3, 4, 80)


def test_layouts_are_the_rules_of_their_surveys():
    """Rings of a hexagon: every neighbour is a pitch away, and there are six of them but in the last ring."""
    for rings, count in ((0, 1), (2, 19), (5, 91), (10, 331)):
        places = hexagonal(rings, 2.5)
        assert places.shape == (count, 2) and np.allclose(places.mean(axis=0), 0, atol=1e-12)
        if rings:
            apart = np.linalg.norm(places[:, None] - places, axis=-1) + 1e9 * np.eye(count)
            assert (
                np.allclose(apart.min(axis=1), 2.5)
                and (np.isclose(apart, 2.5).sum(axis=1) == 6).sum() == count - 6 * rings
            )
            assert np.linalg.norm(places, axis=1).max() == pytest.approx(2.5 * rings)
    turned = hexagonal(1, 2.0, 90.0)
    assert np.isclose(np.linalg.norm(turned - [0.0, 2.0], axis=1).min(), 0, atol=1e-12)


def test_stage_within_a_stage():
    dust = {"kind": "screen", "depth": 0.5, "curve": {"kind": "cardelli", "rv": 3.3}}
    built = module("dust", dust, "telescope.dust")
    assert type(built.curve).__name__ == "CardelliCurve" and float(built.curve.rv) == pytest.approx(3.3)
    target = module("target", {"kind": "cosmological", "redshift": 0.1, "cosmology": {"hubble": 70}}, "t")
    assert float(target.cosmology.hubble) == 70


def test_orientation_is_counted_from_the_galaxy_only_where_it_has_to_do_with_it():
    aligned = telescope_of(changed("telescope.orientation.inclination=30")).orientation
    assert not np.allclose(aligned.axes, np.eye(3))
    euler = telescope_of(changed('telescope.orientation={"kind": "euler", "alpha": 20}')).orientation
    assert eqx.tree_equal(euler, EulerOrientation(20.0))


PRESETS = len(instruments.names())
MOFFAT = 'telescope.psf={"kind": "moffat", "fwhm": %s}'
DUST = 'telescope.dust={"kind": "screen", "depth": 1, "curve": %s}'
BUNDLE = (
    'telescope.focal_plane={"kind": "fibre-bundle", "layout": {"kind": "hexagonal", "rings": 1, "pitch": 1.2}, '
    '"footprint": {"kind": "circle", "diameter": 1.0}, "reconstruction": {"kind": "drizzle"}, %s}'
)
COSMOS = 'telescope.target={"kind": "cosmological", "redshift": %s}'
WRONG = {
    # names
    "telescope.psf.kind=gausian": "telescope.psf.kind: 'gausian' is not one of ['none', 'gaussian', "
    "'narrow-gaussian', 'double-gaussian', 'moffat', 'core-halo', 'coarse-halo', 'elliptical', 'image', 'chromatic', "
    "'chromatic-polynomial', 'chromatic-table']; did you mean 'gaussian'?",
    'telescope.psf={"kind": "chromatic", "psf": {"kind": "none"}}': "telescope.psf: ",
    'telescope.noise={"kind": "scaled", "noise": {"kind": "none"}, "factor": 2}': "telescope.noise: ",
    'telescope.lsf={"kind": "gauss-hermite", "lsf": {"kind": "none"}}': "telescope.lsf: ",
    'telescope.lsf={"kind": "gauss-hermite", "lsf": {"kind": "table", "wave": [5], "fwhm": [1]}}': "telescope.lsf.lsf",
    'telescope.lsf={"kind": "table", "wave": [5000, 4000], "fwhm": [1, 1]}': "telescope.lsf: TableLSF.wave must be two",
    'telescope.lsf={"kind": "polynomial", "coefficients": 3}': "telescope.lsf.coefficients: 3 is not a list of some",
    'telescope.lsf={"kind": "gaussian", "fwhm": 3, "includes_pixel": 1}': "telescope.lsf.includes_pixel: 1 is not true",
    'telescope.noise={"kind": "scaled", "noise": {"kind": "constant", "level": 1}, "factor": 0}': (
        "telescope.noise.factor: "
    ),
    'telescope.psf={"kind": "chromatic", "psf": {"kind": "moffat", "fwhm": 1}, "band": [5000]}': "telescope.psf.band: ",
    "telescope.psf.kind=5": "telescope.psf.kind: 5 is not one of ['none',",
    "telescope.psf=moffat": 'telescope.psf: "moffat" must be like {"kind": ...} with a kind of [\'none\',',
    "telescope.psf.sigma=1": "telescope.psf.sigma: MoffatPSF takes ['beta', 'fwhm', 'reach']",
    "telescope.psf.fwmh=1": "telescope.psf.fwmh: MoffatPSF takes ['beta', 'fwhm', 'reach']; did you mean 'fwhm'?",
    'telescope.psf={"kind": "none", "fwhm": 1}': "telescope.psf.fwhm: NoPSF takes no keys: choose another kind",
    'telescope.psf={"kind": "moffat"}': "telescope.psf.fwhm: MoffatPSF needs it, and it is missing",
    "telescope.colour=1": "telescope.colour: a telescope takes [",
    "colour=1": "configuration.colour: a configuration takes ['compute', 'galaxy', 'layout', 'library', 'scheme', "
    "'seed', 'telescope']",
    "telescope.ssp.library=x": "telescope.ssp.library: GridSSP takes ['alpha', 'imf_slope']",
    "telescope.orientation.axes=[[1]]": "telescope.orientation.axes: InclinedOrientation takes ['azimuth', ",
    "telescope.instrument=muse": f"telescope.instrument: 'muse' is none of the {PRESETS} that `ifux instruments` lists",
    "telescope.instrument=5": "telescope.instrument: 5 is not a name",
    'telescope.instrument=""': f"telescope.instrument: '' is none of the {PRESETS} that",
    DUST % '{"kind": "cardeli"}': "telescope.dust.curve.kind: 'cardeli' is not one of ['calzetti', 'cardelli']; did "
    "you mean 'cardelli'?",
    DUST % '"calzetti"': 'telescope.dust.curve: "calzetti" must be like {"kind": ...}',
    COSMOS % '0.1, "cosmology": {"H0": 70}': "telescope.target.cosmology.H0: FlatLambdaCDM takes ['hubble',",
    # types
    MOFFAT % '"wide"': 'telescope.psf.fwhm: "wide" is not a number',
    MOFFAT % "true": "telescope.psf.fwhm: true is not a number",
    MOFFAT % "null": "telescope.psf.fwhm: null is not a number",
    MOFFAT % "[1, 2]": "telescope.psf.fwhm: [1, 2] is not a number",
    MOFFAT % "[[1], [2]]": "telescope.psf.fwhm: [[1], [2]] is not a number",
    MOFFAT % '{"arcsec": 1}': 'telescope.psf.fwhm: {"arcsec": 1} is not a number',
    "telescope.psf.reach=2.5": "telescope.psf.reach: 2.5 is not a whole number",
    "telescope.psf.reach=true": "telescope.psf.reach: true is not a whole number",
    "telescope.spaxels.size=4": "telescope.spaxels.size: 4 is not a list of 2 numbers",
    "telescope.spaxels.size=[4]": "telescope.spaxels.size: [4] is not a list of 2 numbers",
    "telescope.spaxels.size=[4, 4, 4]": "telescope.spaxels.size: [4, 4, 4] is not a list of 2 numbers",
    "telescope.spaxels.size=[4.5, 4]": "telescope.spaxels.size: 4.5 is not a whole number",
    'telescope.spaxels.size=["a", 4]': 'telescope.spaxels.size: "a" is not a whole number',
    "telescope.spaxels.size=[[1], 4]": "telescope.spaxels.size: [1] is not a whole number",
    "telescope.spaxels.centre=5": "telescope.spaxels.centre: 5 is not a list of 2 numbers",
    "telescope.spaxels.centre=[1]": "telescope.spaxels.centre: [1] is not a list of 2 numbers",
    'telescope.spaxels.centre=[1, "a"]': 'telescope.spaxels.centre: "a" is not a number',
    "telescope.spaxels.degree=cubic": 'telescope.spaxels.degree: "cubic" is not one of [0, 1, 2, 3, 4, 5]',
    "telescope.spaxels.degree=true": "telescope.spaxels.degree: true is not one of [0, 1, 2, 3, 4, 5]",
    "telescope.trim=1": "telescope.trim: 1 is not true or false",
    "telescope.accept_coarse_library=yes": 'telescope.accept_coarse_library: "yes" is not true or false',
    "telescope.wavelengths=5000": 'telescope.wavelengths: 5000 must be like {"kind": ...} with a kind of [\'even\',',
    "telescope.wavelengths.medium=water": "telescope.wavelengths.medium: \"water\" is not one of ['air', 'vacuum']",
    "telescope.wavelengths.start=null": "telescope.wavelengths.start: null is not a number",
    "telescope.wavelengths.size=3.5": "telescope.wavelengths.size: 3.5 is not a whole number",
    'telescope.wavelengths={"kind": "logs"}': (
        "telescope.wavelengths.kind: 'logs' is not one of ['even', 'log', 'table']; did you mean 'log'?"
    ),
    'telescope.wavelengths={"kind": "log", "start": 4836, "step": 1.25, "size": 80, "medium": "air"}': (
        "telescope.wavelengths: LogWavelengths: 80 pixels of 1.25 in the natural logarithm reach further than any"
    ),
    'telescope.wavelengths={"kind": "table", "edges": [5000, 5002, 5001], "medium": "air"}': (
        "telescope.wavelengths: TableWavelengths needs edges that increase, got 5002.0 before 5001.0"
    ),
    'telescope.wavelengths={"kind": "table", "edges": [5000, "b"], "medium": "air"}': (
        'telescope.wavelengths.edges: "b" is not a number'
    ),
    'telescope.wavelengths={"kind": "table", "edges": [5000], "medium": "air"}': (
        "telescope.wavelengths: TableWavelengths needs two edges or more, got 1"
    ),
    "telescope.wavelengths.gaps=[[4900, 4850]]": (
        "telescope.wavelengths: Wavelengths.gaps must hold ranges of a lower and a higher wavelength"
    ),
    "telescope.wavelengths.gaps=[4850, 4900]": "telescope.wavelengths.gaps: 4850 is not a list of 2 numbers",
    "telescope.wavelengths.end=9": "telescope.wavelengths.end: Wavelengths takes ['gaps', 'medium', 'size', 'start',",
    # ranges
    MOFFAT % "-1": "telescope.psf.fwhm: -1 is not greater than zero",
    MOFFAT % "NaN": "telescope.psf.fwhm: NaN is not finite in single precision",
    MOFFAT % "1e999": "telescope.psf.fwhm: Infinity is not finite in single precision",
    MOFFAT % "1e99": "telescope.psf.fwhm: 1e+99 is not finite in single precision",
    MOFFAT % ("1" + 400 * "0"): "telescope.psf.fwhm: 1000000000",
    MOFFAT % "1e-99": "telescope.psf.fwhm: 1e-99 is zero in single precision",
    "telescope.psf.beta=1": "telescope.psf.beta: 1 is not greater than one",
    "telescope.psf.reach=0": "telescope.psf.reach: 0 is not greater than zero",
    "telescope.spaxels.pitch=0": "telescope.spaxels.pitch: 0 is not greater than zero",
    "telescope.spaxels.size=[0, 4]": "telescope.spaxels.size: 0 is not greater than zero",
    "telescope.wavelengths.step=-1": "telescope.wavelengths.step: -1 is not greater than zero",
    "telescope.wavelengths.size=0": "telescope.wavelengths.size: 0 is not greater than zero",
    "telescope.kinematics.beyond=[700,900]": "telescope.kinematics.beyond: 700 is not a list of 2 numbers",
    "telescope.kinematics.beyond=[[900,700]]": "telescope.kinematics: VelocityChannels.beyond must hold ranges",
    "telescope.kinematics.reach=3e5": "telescope.kinematics: VelocityChannels needs 0 < spacing <= reach < 100000 km/s",
    "telescope.kinematics.degree=2": "telescope.kinematics: VelocityChannels.degree must be 0, 1 or 3, got 2",
    'telescope.ssp={"kind": "low-rank", "tolerance": 2}': "telescope.ssp.tolerance: 2 is greater than one",
    'telescope.dust={"kind": "screen", "depth": -1}': "telescope.dust.depth: -1 is below zero",
    'telescope.noise={"kind": "target-snr", "snr": 0}': "telescope.noise.snr: 0 is not greater than zero",
    COSMOS % "0": "telescope.target.redshift: 0 is not greater than zero; a fixed target takes any redshift, and a",
    COSMOS % "1e-40": "telescope.target.redshift: 1e-40 is zero in single precision",
    COSMOS % "1e-37": "telescope.target: at redshift 1e-37 it is at",
    COSMOS % "-0.1": "telescope.target.redshift: -0.1 is not greater than zero",
    "telescope.target.redshift=-1": "telescope.target.redshift: -1 is not greater than -1",
    "telescope.target.distance=1e-30": "telescope.target: at redshift 0.02 it is at a luminosity distance of 1e-30 Mpc",
    "telescope.orientation.inclination=1e300": "telescope.orientation.inclination: 1e+300 is not finite",
    # bundles
    BUNDLE % '"layout": {"kind": "hexagon"}': (
        "telescope.focal_plane.layout.kind: 'hexagon' is not one of ['hexagonal', 'rectangular', 'rows', 'table'];"
    ),
    BUNDLE % '"layout": {"kind": "table", "positions": [[0, 0], [1]]}': (
        "telescope.focal_plane.layout.positions: [1] is not a list of 2 numbers"
    ),
    BUNDLE % '"layout": {"kind": "table", "positions": []}': "telescope.focal_plane.layout: table needs a fibre",
    BUNDLE % '"layout": {"kind": "hexagonal", "rings": -1, "pitch": 2}': "telescope.focal_plane.layout.rings: -1 is",
    BUNDLE % '"layout": {"kind": "hexagonal", "rings": 1, "pitch": 0}': (
        "telescope.focal_plane.layout.pitch: 0 is not greater than zero"
    ),
    BUNDLE % '"footprint": {"kind": "circle", "diameter": -2}': (
        "telescope.focal_plane.footprint.diameter: -2 is not greater than zero"
    ),
    BUNDLE % '"footprint": {"kind": "circle", "radius": 2}': (
        "telescope.focal_plane.footprint.radius: Circle takes ['diameter']"
    ),
    BUNDLE % '"footprint": {"kind": "soft", "footprint": {"kind": "circle", "diameter": 2}, "width": -1}': (
        "telescope.focal_plane.footprint.width: -1 is below zero"
    ),
    BUNDLE % '"reconstruction": {"kind": "shepard", "sigma": 0.7}': (
        "telescope.focal_plane.reconstruction.limit: Shepard needs it, and it is missing"
    ),
    BUNDLE % '"dithers": [[0, 0, 0]]': "telescope.focal_plane.dithers: [0, 0, 0] is not a list of 2 numbers",
    BUNDLE % '"dithers": []': "telescope.focal_plane: FibreBundle.dithers must be one exposure or more",
    BUNDLE % '"errors": [[0, 0], [0, 0]]': (
        "telescope.focal_plane: FibreBundle.errors has 2 entries, but there are 1 dithers and 7 positions."
    ),
    BUNDLE % '"throughput": [1, 1]': (
        "telescope.focal_plane: FibreBundle.throughput has 2 entries, but there are 1 dithers and 7 positions."
    ),
    BUNDLE % '"throughput": [-1, 1, 1, 1, 1, 1, 1]': "telescope.focal_plane: FibreBundle.throughput: [",
    BUNDLE % '"broken": [7]': "telescope.focal_plane: FibreBundle.broken: 7 is none of 7 fibres, counted from zero.",
    BUNDLE % '"broken": [0.5]': "telescope.focal_plane.broken: 0.5 is not a whole number",
    BUNDLE % '"reach": 0': "telescope.focal_plane.reach: 0 is not greater than zero",
    BUNDLE % '"refraction": {"kind": "atmospheric", "zenith_distance": [30], "parallactic_angle": [1, 2]}': (
        "telescope.focal_plane.refraction: AtmosphericRefraction.zenith_distance and parallactic_angle have shapes"
    ),
    BUNDLE % '"refraction": {"kind": "atmospheric", "zenith_distance": [30, 40], "parallactic_angle": [1, 2]}': (
        "telescope.focal_plane: FibreBundle.refraction is of 2 exposures, but there are 1 dithers"
    ),
    BUNDLE % '"refraction": {"kind": "atmospheric", "zenith_distance": [85], "parallactic_angle": [1]}': (
        "telescope.focal_plane.refraction.zenith_distance: 85 is greater than 80"
    ),
    # what no machine holds
    "telescope.spaxels.size=[100000, 100000]": "telescope: it needs at least",
    "telescope.spaxels.size=[10000000000, 10000000000]": "telescope: it needs at least",
    "telescope.psf.reach=1000000": "telescope: it needs at least",
    "telescope.kinematics.spacing=1e-9": "telescope: it needs at least",
    "telescope.wavelengths.size=1000000000000": "telescope: it needs at least",
    # sections
    "galaxy=5": "configuration.galaxy: 5 holds no keys; a configuration has ['scheme', 'galaxy', 'library', ",
    "library=null": "configuration.library: null holds no keys",
    "telescope=muse": 'configuration.telescope: "muse" holds no keys',
    "galaxy.kind=spiral": "galaxy.kind: 'spiral' is not one of ['file', 'disc-bulge', 'cube']",
    "galaxy.kind=[]": "galaxy.kind: [] is not one of",
    "library.kind=miles": "library.kind: 'miles' is not one of ['embedded', 'file', 'stored', 'galaxy']",
    'library={"kind": "file"}': "library.path: a library from a file needs the path of the file",
    'galaxy={"kind": "file", "path": 5}': "galaxy.path: a galaxy from a file needs the path of the file",
    "seed=-1": "seed: -1 is not between 0 and 4294967295",
    "seed=4294967296": "seed: 4294967296 is not between 0 and 4294967295",
    "seed=99999999999999999999": "seed: 99999999999999999999 is not between 0 and",
    "seed=1.5": "seed: 1.5 is not a whole number",
    "seed=true": "seed: true is not a whole number",
    "seed=today": 'seed: "today" is not a whole number',
    "compute=fast": 'configuration.compute: "fast" must be like {"contract": "weights"}',
    "compute.contract=lit": "compute.contract: \"lit\" is not one of ['automatic', 'weights', 'cube', 'occupied']",
    "compute.chunk=0": "compute.chunk: 0 is not greater than zero",
    "compute.block=1.5": "compute.block: 1.5 is not a whole number",
    "compute.blocks=1": "compute.blocks: the computation takes ['block', 'chunk', 'contract']; did you mean 'block'?",
}  # fmt: skip


@pytest.mark.parametrize("setting", WRONG)
def test_what_cannot_be_used_is_named_with_its_path_and_what_would_do(setting):
    with pytest.raises(InputError, match="^" + re.escape(WRONG[setting])) as caught:
        config.parts(config.resolved(changed(setting))["telescope"])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("galaxy.count=1", "galaxy.count: 1 particles are no galaxy"),
        ("galaxy.count=2.5", "galaxy.count: 2.5 is not a whole number"),
        ("galaxy.count=100000000000000", "galaxy.count: it needs at least 20000000 GB"),
        ("galaxy.seed=-1", "galaxy.seed: -1 is not between 0 and 4294967295"),
        ("galaxy.seed=99999999999999999999", "galaxy.seed: 99999999999999999999 is not between"),
        ("galaxy.colour=1", "galaxy.colour: DiscBulge takes ['age_scatter',"),
        ("galaxy.uniform=1", "galaxy.uniform: DiscBulge takes ['age_scatter',"),
        ("galaxy.disc_scal=1", "did you mean 'disc_scale'?"),
        ("galaxy.mass=heavy", 'galaxy.mass: "heavy" is not a number'),
        ("galaxy.mass=1e60", "galaxy.mass: 1e+60 is not finite in single precision"),
        ("galaxy.bulge_fraction=1.5", "galaxy.bulge_fraction: 1.5 is greater than one"),
        ("galaxy.bulge_count=500", "galaxy: DiscBulge.bulge_count must leave particles to both disc and bulge"),
        ("galaxy.gas=1", 'galaxy.gas: 1 must be like {"count": 50000}'),
        ("galaxy.gas.count=0", "galaxy.gas.count: 0 cells are no gas"),
        ("galaxy.gas.kind=halo", "galaxy.gas.kind: 'halo' is not one of ['disc']"),
        ("galaxy.gas.rotation_speed=100", "galaxy.gas.rotation_speed: GasDisc takes ['count', 'dispersion',"),
        ("galaxy.gas.mass=0", "galaxy.gas.mass: 0 is not greater than zero"),
        ("galaxy.gas.star_formation_rate=-1", "galaxy.gas.star_formation_rate: -1 is below zero"),
        ("galaxy.gas.count=100000000000000", "galaxy.gas.count: it needs at least 20000000 GB"),
    ],
)
def test_parametric_galaxy_that_cannot_be_made_is_one_sentence(setting, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        config.galaxy_model(changed(setting)["galaxy"])


@pytest.mark.parametrize("section", ["galaxy", "library", "telescope"])
def test_missing_section_is_named(section):
    rest = {key: value for key, value in BASE.items() if key != section}
    with pytest.raises(InputError, match=rf"^configuration\.{section}: it is missing; a configuration has"):
        config.resolved(rest)


@pytest.mark.parametrize("family", ["target", "spaxels", "wavelengths"])
def test_missing_stage_is_named(family):
    telescope = {key: value for key, value in BASE["telescope"].items() if key != family}
    with pytest.raises(InputError, match=rf"^telescope\.{family}: it is missing; give it.* or an instrument$"):
        config.resolved({**BASE, "telescope": telescope})


def test_seed_is_zero_where_none_is_given():
    assert config.resolved({key: value for key, value in BASE.items() if key != "seed"})["seed"] == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not JSON: Expecting value in line 1, column 1"),
        (b'{"galaxy": {},\n "seed" 1}', "is not JSON: Expecting ':' delimiter in line 2, column 9"),
        (
            b"[1, 2]",
            "must hold a JSON object with ['scheme', 'galaxy', 'library', 'telescope', ",
        ),
        (b"5", "must hold a JSON object"),
        (b'{"galaxy": "\xe9t\xe9"}', "is not JSON: it is no text in UTF-8"),
        (b"\xff\xfe{\x00}\x00", "is not JSON: it is no text in UTF-8"),
        (b"[" * 200_000, "cannot be read as a configuration: "),
        (b'{"seed": 1' + 5000 * b"0" + b"}", "cannot be read as a configuration: "),
        (b'{"seed": 1, "library": {}, "seed": 2}', "the key 'seed' stands twice in one object"),
    ],
)
def test_file_that_is_no_configuration_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        config.load(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_missing_file_and_folder_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"absent\.json cannot be read as a configuration: No such file"):
        config.load(tmp_path / "absent.json")
    with pytest.raises(InputError, match="cannot be read as a configuration: Is a directory"):
        config.load(tmp_path)


def test_byte_order_mark_of_other_editors_is_passed_over(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(BASE).encode())
    assert config.load(tmp_path / "a.json") == BASE


def test_paths_are_relative_to_the_configuration(tmp_path):
    description = {
        "galaxy": {"kind": "file", "path": "data/galaxy.hdf5"},
        "library": {"kind": "file", "path": "/far/away.h5"},
    }
    (tmp_path / "a.json").write_text(json.dumps(description))
    loaded = config.load(tmp_path / "a.json")
    assert loaded["galaxy"]["path"] == str(tmp_path / "data" / "galaxy.hdf5")
    assert loaded["library"]["path"] == "/far/away.h5"


def test_setting_changes_one_key_and_nothing_else():
    before = deepcopy(BASE)
    result = changed("telescope.psf.fwhm=0.8", "seed=7", "telescope.instrument=muse-wfm", "telescope.trim=true")
    assert before == BASE
    assert result["telescope"]["psf"] == {"kind": "moffat", "fwhm": 0.8, "reach": 4}
    assert (result["seed"], result["telescope"]["instrument"], result["telescope"]["trim"]) == (7, "muse-wfm", True)
    assert changed("telescope.noise.snr=5")["telescope"]["noise"] == {"snr": 5}
    assert changed("galaxy.path=a=b")["galaxy"]["path"] == "a=b"


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("telescope.psf.fwhm", "--set telescope.psf.fwhm: a setting is like telescope.psf.fwhm=0.8"),
        ("=5", "--set =5: a setting is like"),
        ("a..b=5", "--set a..b=5: a setting is like"),
        (".seed=5", "--set .seed=5: a setting is like"),
        ("seed.x=3", "--set seed.x=3: seed is 1, which has no keys"),
        ("telescope.psf.fwhm.value=3", "--set telescope.psf.fwhm.value=3: fwhm is 0.9, which has no keys"),
    ],
)
def test_setting_that_is_none_is_one_sentence(setting, sentence):
    with pytest.raises(InputError, match="^" + re.escape(sentence)):
        changed(setting)


# the library and the wavelengths


def test_library_too_short_is_an_error_with_both_ranges_and_the_remedy():
    with pytest.raises(InputError) as caught:
        telescope_of(changed("telescope.wavelengths.size=300"))
    message = str(caught.value)
    assert message.startswith("telescope.wavelengths: the library 'made up' covers 48")
    assert "the telescope observes 4835.4 to 5210.4" in message and '"trim": true' in message
    assert "at redshift 0.0200" in message and "\n" not in message


def test_library_with_nothing_in_common_is_an_error():
    for setting in ("telescope.target.redshift=1.0", "telescope.wavelengths.start=9000"):
        for trim in ("false", "true"):
            with pytest.raises(InputError, match="they have nothing in common; take another library or redshift"):
                telescope_of(changed(setting, f"telescope.trim={trim}"))


@pytest.mark.parametrize("medium", ["air", "vacuum"])
def test_trim_observes_the_common_range(medium):
    settings = ["telescope.wavelengths.start=4500", "telescope.wavelengths.size=600", "telescope.trim=true"]
    settings += [f"telescope.wavelengths.medium={medium}", "telescope.kinematics.reach=600"]
    settings += ["telescope.kinematics.spacing=50"]
    telescope = telescope_of(changed(*settings))
    edges = telescope.wavelengths.edges()
    assert telescope.wavelengths.medium == medium
    # on the grid that was asked for
    assert (telescope.wavelengths.start - 4500) / 1.25 % 1 == pytest.approx(0, abs=1e-9)
    # the library reaches from 4699.5 to 4939.5 in the rest frame; the fastest spectrum is one of 850 km/s
    inner = np.array([4699.5 * 1.02 * (1 + 850 / 299792), 4939.5 * 1.02 * (1 - 850 / 299792)])
    inner = inner + (np.array([1.36, 1.43]) if medium == "vacuum" else 0)
    assert np.all(edges[[0, -1]] == pytest.approx(inner, abs=1.3))
    assert edges[0] > inner[0] - 0.05 and edges[-1] < inner[1] + 0.05


@pytest.mark.parametrize("velocity", [-599.0, -300.0, 0.0, 300.0, 599.0])
def test_no_channel_of_a_trimmed_cube_knows_where_the_library_ends(double, velocity):
    """A star at the reach of the channels has the spectrum that a longer library gives it, to the last channel."""
    long = made_up(Wavelengths(4300.0, 1.0, 1100, "air"))
    settings = [
        "telescope.wavelengths.start=4500",
        "telescope.wavelengths.size=600",
        "telescope.orientation.kind=euler",
        "telescope.kinematics.reach=600",
        "telescope.kinematics.spacing=50",
    ]
    given = config.resolved(changed(*settings, "telescope.trim=true", "telescope.psf.kind=none"))
    star = particles(1)
    star = eqx.tree_at(lambda p: (p.position, p.velocity), star, (0 * star.position, star.velocity * 0 + velocity))
    short = config.telescope(given["telescope"], long.cut(4700, 4940), star)
    longer, _ = long.matched(short.wavelengths, 0.02, 850.0)
    reference = eqx.tree_at(lambda t: t.ssp, short, GridSSP.from_library(longer), is_leaf=lambda x: x is short.ssp)
    spectrum, truth = (observed(telescope, star).sum((0, 1)) for telescope in (short, reference))
    assert short.wavelengths.size > 150 and np.all(truth > 0)
    np.testing.assert_allclose(spectrum, truth, rtol=1e-5)


def test_library_in_vacuum_for_a_telescope_in_air_is_shifted_and_never_mixed():
    """The same stars, catalogued in air and in vacuum, make the same cube."""
    from ifux.grids import to_vacuum

    air = made_up(Wavelengths(4600.0, 0.5, 900, "air"), fwhm=4.0)
    vacuum = replace(air, wavelength=to_vacuum(air.wavelength), medium="vacuum").resampled(0.5)
    description = config.resolved(changed("telescope.lsf.kind=none", "telescope.psf.kind=none"))["telescope"]
    stars = particles()
    one, other = (observed(config.telescope(description, library, stars), stars) for library in (air, vacuum))
    assert np.max(np.abs(one - other)) < 2e-3 * np.max(one)


def test_coarse_library_is_an_error_with_the_range_and_the_best_width():
    telescope = telescope_of(changed("telescope.lsf.fwhm=2.0"))
    sentence = coarse_library(telescope)
    # the library has 2.5 angstrom at rest, 2.55 at this redshift
    assert "from 4836 to 4935 angstrom" in sentence and "2.550 angstrom" in sentence
    assert coarse_library(telescope_of(changed("telescope.lsf.fwhm=2.56"))) is None
    assert coarse_library(telescope_of(changed("telescope.lsf.kind=none"))) is None


def test_resolution_of_the_library_is_judged_where_it_is_observed():
    """A library that is coarse only outside of the telescope's range will do."""
    library = made_up()
    fwhm = np.where(library.wavelength < 4730, 9.0, 2.5)
    assert coarse_library(telescope_of(BASE, replace(library, fwhm=fwhm))) is None
    fwhm = np.where(library.wavelength > 4800, 9.0, 2.5)
    assert "from 4897 to 4935" in coarse_library(telescope_of(BASE, replace(library, fwhm=fwhm)))


def test_error_between_velocity_nodes_is_that_of_a_star_there(double):
    """Against a telescope whose nodes are twenty times as near; of cubic splines, it falls with the fourth power."""
    errors, seen = {}, eqx.filter_jit(lambda telescope, star: telescope(star).sum((0, 1)))
    for spacing in (80, 40, 4):
        settings = ["telescope.psf.kind=none", "telescope.orientation.kind=euler", "telescope.kinematics.reach=240"]
        telescope = telescope_of(changed(*settings, f"telescope.kinematics.spacing={spacing}"))
        errors[spacing] = telescope, float(error_between_nodes(telescope))
    assert errors[80][1] / errors[40][1] == pytest.approx(16, rel=0.3)
    (coarse, promised), (fine, _) = errors[80], errors[4]
    nodes = np.array(np.meshgrid(fine.ssp.metallicity, fine.ssp.age)).reshape(2, -1).T
    found = []
    for metallicity, age in nodes:
        velocity = np.array([[0.0, 0.0, 40.0]])
        star = Particles(0 * velocity, velocity, np.ones(1), np.full(1, age), np.full(1, metallicity))
        spectrum, truth = (seen(telescope, star) for telescope in (coarse, fine))
        found.append(float(jnp.max(jnp.abs(spectrum - truth)) / truth.max()))
    assert max(found) == pytest.approx(promised, rel=0.01)


def test_velocity_nodes_too_far_apart_for_the_lines_are_noted():
    assert coarse_channels(telescope_of(changed())) is None
    sentence = coarse_channels(telescope_of(changed("telescope.kinematics.spacing=150")))
    assert "150 km/s apart, is wrong by up to" in sentence and "lower telescope.kinematics.spacing" in sentence


def test_another_kind_drops_the_keys_of_the_old_one():
    assert isinstance(telescope_of(changed("telescope.psf.kind=none")).psf, NoPSF)
    result = changed("telescope.psf.kind=gaussian", "telescope.psf.fwhm=0.7")
    assert result["telescope"]["psf"] == {"kind": "gaussian", "fwhm": 0.7}
    assert changed("telescope.psf.kind=moffat")["telescope"]["psf"] == BASE["telescope"]["psf"]
