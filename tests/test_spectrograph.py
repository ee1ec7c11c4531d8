"""Several arms: one galaxy, one deposit, and cubes that are those of the arms alone."""

import dataclasses
import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from specification import Specification, gaussian
from test_config import wide
from test_scene import primitives

import ifux
from ifux import (
    ChromaticPSF,
    ConstantNoise,
    GaussianLSF,
    GaussianPSF,
    InputError,
    NarrowGaussianPSF,
    ResolvingPowerLSF,
    Spectrograph,
    SquareSpaxels,
    TargetSNRNoise,
    Wavelengths,
    config,
    run,
)
from ifux.cli import main
from ifux.fitting import (
    Normal,
    chi_squared,
    fisher,
    forecast,
    free,
    importance,
    information,
    least_squares,
    longer,
)
from ifux.galaxies import DiscBulge
from ifux.learning import ArmsEncoder, Batches, GaussianHead, Posterior, Prior, misfit, refine, squares, surprise
from ifux.survey import worker
from ifux.survey.observing import observations

BLUE, RED = Wavelengths(4836.0, 1.25, 70, "air"), Wavelengths(4890.0, 0.8, 110, "air")
"""They overlap."""


def telescopes(**changes):
    """Two arms of the small telescope, in which nothing is alike that may differ."""
    blue = stages.telescope(wavelengths=BLUE, noise=ConstantNoise(0.3), **changes)
    psf = ChromaticPSF(GaussianPSF(1.1, reach=5), -0.3, 4900.0, stages.BAND, terms=3)
    noise = TargetSNRNoise(20.0)
    red = dataclasses.replace(blue, wavelengths=RED, psf=psf, lsf=ResolvingPowerLSF(1700.0), noise=noise)
    return {"blue": blue, "red": red}


def spectrograph(**changes):
    return Spectrograph.of(telescopes(**changes))


@eqx.filter_jit
def seen(instrument, stars, key=None):
    return instrument(stars, key=key)


def test_cube_of_an_arm_is_that_of_its_telescope_alone(bits):
    """On a scene that is wider than the arm's own; a leaf is held once, and an arm is a telescope."""
    alone, stars = telescopes(), stages.particles()
    joint = spectrograph()
    cubes = seen(joint, stars)
    assert [*cubes] == ["blue", "red"] and cubes["red"].shape == (8, 9, 110)
    for name, telescope in alone.items():
        expected = seen(telescope, stars)
        assert jnp.abs(cubes[name] - expected).max() < (1e-5 if bits == 32 else 1e-13) * expected.max()
        assert eqx.tree_equal(joint[name], telescope)
    counted = sum(leaf.size for leaf in jax.tree.leaves(joint))
    twice = sum(leaf.size for leaf in jax.tree.leaves([alone["blue"].ssp, alone["blue"].target]))
    assert counted < sum(leaf.size for leaf in jax.tree.leaves(alone)) - twice


def test_cubes_are_those_of_the_specification(double):
    """With cells and velocity nodes fine enough for both arms."""
    fine = {
        "spaxels": SquareSpaxels(0.4, (9, 8), oversampling=(2, 2)),
        "kinematics": ifux.VelocityChannels(500.0, 30.0),
        "psf": GaussianPSF(1.2, reach=14),
    }
    alone, stars = telescopes(**fine), stages.particles(12)
    alone["red"] = dataclasses.replace(alone["red"], psf=GaussianPSF(1.0, reach=11))
    cubes = seen(Spectrograph.of(alone), stars)
    for name, psf, fwhm in (("blue", gaussian(1.2), 3.2), ("red", gaussian(1.0), lambda wave: wave / 1700.0)):
        truth = Specification(
            stages.library(), alone[name].wavelengths, stages.REDSHIFT, 90.0, 50.0, 30.0, 0.4, (9, 8), psf, fwhm
        ).cube(*(np.asarray(leaf) for leaf in jax.tree.leaves(stars)))
        assert np.abs(np.asarray(cubes[name]) - truth).max() < 1e-3 * truth.max()


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_particles_are_deposited_once_for_every_field_of_view(direction):
    """The traced program has one deposit less than those of the arms together; none less where the pointing differs."""
    alone, stars = telescopes(), stages.particles(8)
    apart = dict(alone) | {
        "red": eqx.tree_at(lambda t: t.spaxels.centre, alone["red"], alone["red"].spaxels.centre + 1)
    }

    def scatters(instrument, seen=lambda instrument, stars: instrument(stars)):
        arrays, rest = eqx.partition((instrument, stars), eqx.is_array)

        def loss(arrays):
            return sum(jnp.sum(cube**2) for cube in jax.tree.leaves(seen(*eqx.combine(arrays, rest))))

        program = jax.make_jaxpr(loss if direction == "forward" else jax.grad(loss))(arrays)
        return sum(name.startswith("scatter") for name in primitives(program.jaxpr))

    blue, red = (scatters(telescope) for telescope in alone.values())
    deposit = scatters(alone["blue"], lambda telescope, stars: telescope.weights(stars))
    assert deposit > 0
    assert scatters(Spectrograph.of(alone)) == blue + red - deposit
    assert scatters(Spectrograph.of(apart)) == blue + red


def test_arms_that_point_elsewhere_are_deposited_apart(double):
    """And those with other spaxels."""
    alone, stars = telescopes(), stages.particles()
    red = dataclasses.replace(alone["red"], spaxels=SquareSpaxels(0.5, (6, 7), (0.2, -0.1)))
    alone |= {"red": red, "green": dataclasses.replace(red, wavelengths=BLUE)}
    joint = Spectrograph.of(alone)
    assert joint.together() == [("blue",), ("green", "red")] and len(joint.spaxels) == 2
    cubes = seen(joint, stars)
    for name, telescope in alone.items():
        expected = seen(telescope, stars)
        assert jnp.abs(cubes[name] - expected).max() < 1e-13 * expected.max()


def test_arm_whose_psf_is_in_the_deposit_is_deposited_apart(double):
    alone, stars = telescopes(), stages.particles()
    alone |= {"red": dataclasses.replace(alone["red"], psf=NarrowGaussianPSF(0.3))}
    joint = Spectrograph.of(alone)
    assert joint.together() == [("blue",), ("red",)] and len(joint.spaxels) == 1
    cubes = seen(joint, stars)
    for name, telescope in alone.items():
        expected = seen(telescope, stars)
        assert jnp.abs(cubes[name] - expected).max() < 1e-13 * expected.max()


def test_likelihood_is_the_sum_of_the_arms_and_its_gradient_that_of_theirs(double):
    """By what they share, and by what each has; the data of one arm alone have no say in another."""
    alone, stars = telescopes(), stages.particles(20)
    joint = spectrograph()
    data = seen(joint, stars, jax.random.key(3))
    mask = {"red": jnp.asarray(np.random.default_rng(0).uniform(size=data["red"].shape) < 0.8)}

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def together(both, data, mask):
        spectrograph, stars = both
        return spectrograph.log_prob(data, stars, mask=mask)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def one(both, data, mask):
        telescope, stars = both
        return telescope.noise.log_prob(data, telescope.expose(stars), mask=mask)

    value, (slope, by_stars) = together((joint, stars), data, mask)
    values, slopes = {}, {}
    for name, telescope in alone.items():
        values[name], slopes[name] = one((telescope, stars), data[name], mask.get(name))
    assert float(value) == pytest.approx(float(sum(values.values())), rel=1e-12)

    def close(found, expected):
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert jnp.abs(x - y).max() <= 1e-9 * jnp.abs(y).max() + 1e-12

    summed = jax.tree.map(jnp.add, *(by for _, by in slopes.values()))
    close(by_stars, summed)
    for family in ("target", "orientation", "ssp", "dust", "kinematics"):
        parts = [getattr(by, family) for by, _ in slopes.values()]
        close(getattr(slope, family), jax.tree.map(jnp.add, *parts))
    close(slope.spaxels[0], jax.tree.map(jnp.add, *(by.spaxels for by, _ in slopes.values())))
    for name, (by, _) in slopes.items():
        for family in ("psf", "lsf", "noise", "focal_plane"):
            close(getattr(slope.arms[name], family), getattr(by, family))
    value, (slope, _) = together((joint, stars), {"blue": data["blue"]}, None)
    assert float(value) == pytest.approx(float(values["blue"]), rel=1e-12)
    assert all(not leaf.any() for leaf in jax.tree.leaves(slope.arms["red"]))


def test_noise_of_an_arm_is_its_own():
    """The same key makes no two arms alike, nor does an arm depend on which others there are."""
    telescope = stages.telescope(wavelengths=BLUE, noise=ConstantNoise(0.3))
    twins = Spectrograph.of({"left": telescope, "right": telescope})
    stars, key = stages.particles(20), jax.random.key(1)
    noiseless, noisy = seen(twins, stars), seen(twins, stars, key)
    left, right = (np.asarray(noisy[name] - noiseless[name]).ravel() / 0.3 for name in ("left", "right"))
    assert abs(np.corrcoef(left, right)[0, 1]) < 4 / np.sqrt(left.size)
    assert left.std() == pytest.approx(1, abs=4 / np.sqrt(2 * left.size))
    more = Spectrograph.of({"first": telescope, "right": telescope})
    assert jnp.array_equal(seen(more, stars, key)["right"], noisy["right"])


def test_what_is_no_spectrograph_is_one_sentence():
    alone = telescopes()
    other = eqx.tree_at(lambda t: t.orientation.inclination, alone["red"], ifux.real(20.0))
    with pytest.raises(ValueError, match=r"arms share their target, .* but orientation of 'red' is not that of 'blue'"):
        Spectrograph.of(alone | {"red": other})
    with pytest.raises(ValueError, match=r"Spectrograph\.of takes one telescope or more, got none"):
        Spectrograph.of({})
    joint = spectrograph()
    arm = dataclasses.replace(joint.arms["red"], field=1)
    with pytest.raises(ValueError, match=r"arms\['red'\]\.field must be one of 1 fields of view, .* got 1"):
        dataclasses.replace(joint, arms=joint.arms | {"red": arm})
    with pytest.raises(ValueError, match="'green' is not one of its arms"):
        joint.log_prob({"green": jnp.zeros((8, 9, 70))}, stages.particles(3))


# --- descriptions -----------------------------------------------------------------------------------------------------

SMALL = {
    "target": {"kind": "cosmological", "redshift": 0.02},
    "spaxels": {"size": [6, 5], "pitch": 2.0},
    "orientation": {"kind": "inclined", "inclination": 60.0},
    "arms": {
        "blue": {
            "instrument": "sami-blue-cube",
            "wavelengths": {"start": 4800.0, "step": 4.0, "size": 30, "medium": "air"},
            "psf": {"fwhm": 6.0},
            "lsf": {"fwhm": 10.0},
        },
        "red": {
            "instrument": "sami-red-cube",
            "wavelengths": {"start": 6300.0, "step": 2.0, "size": 40, "medium": "air"},
            "psf": {"fwhm": 4.0},
            "lsf": {"fwhm": 7.0},
            "noise": {"kind": "target-snr", "snr": 30.0},
        },
    },
}


def description(**changes):
    return {
        "galaxy": {"kind": "disc-bulge", "count": 400, "seed": 0},
        "library": {"kind": "embedded"},
        "telescope": SMALL | changes,
        "seed": 3,
    }


def test_arms_of_a_description_share_nodes_cells_and_basis_and_each_cube_is_made_again_by_its_header():
    """To the last bit on the widest scene, else to rounding. It is the arm's without the other to 1e-3 of the peak."""
    sessions = run.prepare_arms(description())
    blue, red = (sessions[name].telescope for name in ("blue", "red"))
    assert blue.kinematics == red.kinematics and blue.ssp is red.ssp
    assert blue.spaxels.oversampling == red.spaxels.oversampling == (2, 2)
    assert blue.psf.margin > red.psf.margin
    cubes = dict(run.observe_arms(sessions))
    plain = config.arms(description())
    for name, cube in cubes.items():
        again = run.observe(run.prepare(json.loads(json.dumps(cube.history))))
        error = np.abs(again.flux - cube.flux).max() / cube.flux.max()
        assert error == 0 if name == "blue" else error < 1e-6
        assert again.history == cube.history
        alone = run.observe(run.prepare(plain[name]), noiseless=True)
        clean = dict(run.observe_arms(sessions, noiseless=True))[name]
        assert np.abs(clean.flux - alone.flux).max() < 1e-3 * alone.flux.max()
    assert cubes["blue"].variance is None and cubes["red"].seed == plain["red"]["seed"] != 3


def test_arms_with_equal_spaxels_have_the_splines_of_the_sharpest():
    """But for one that says its own; each alone would have those that its own PSF needs."""

    def shared(blue, red, **spaxels):
        arms = {name: {"psf": {"kind": "moffat", "fwhm": fwhm}} for name, fwhm in (("blue", blue), ("red", red))}
        arms["red"] |= {"spaxels": spaxels} if spaxels else {}
        telescope = {"instrument": "muse-wfm", "target": {"kind": "fixed", "redshift": 0.0, "distance": 9.0}}
        plain = config.arms(description() | {"telescope": telescope | {"arms": arms}})
        found = [config.resolved(one)["telescope"]["spaxels"] for one in plain.values()]
        return [(one["degree"], one["oversampling"]) for one in found]

    assert shared(0.8, 0.9) == [(5, [1, 1])] * 2 and shared(1.1, 0.9) == [(4, [1, 1])] * 2
    assert shared(0.8, 0.5) == [(3, [2, 2])] * 2
    assert shared(0.8, 0.9, degree=3) == [(5, [1, 1]), (3, [2, 2])]
    assert shared(0.8, 0.9, oversampling=[1, 1]) == [(5, [1, 1]), (3, [1, 1])]


def test_arms_from_python_are_those_of_the_command():
    telescope = {key: value for key, value in SMALL.items() if key not in ("arms", "target")}
    joint = ifux.instrument(SMALL["arms"], redshift=0.02, **telescope)
    assert isinstance(joint, Spectrograph) and [*joint.arms] == ["blue", "red"]
    cubes = ifux.observe(joint, DiscBulge.sample(400, key=jax.random.key(0)), seed=3)
    for name, cube in run.observe_arms(run.prepare_arms(description())):
        # With room for faster stars the basis is another one, of the same tolerance.
        assert np.abs(cubes[name].flux - cube.flux).max() < 1e-3 * cube.flux.max()
        assert cubes[name].seed == cube.seed
    changed = ifux.instrument({"blue": SMALL["arms"]["blue"]}, redshift=0.02, **telescope, lsf=GaussianLSF(9.0))
    assert float(changed.arms["blue"].lsf.fwhm) == 10.0


def test_command_writes_a_cube_and_a_picture_for_every_arm(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.json").write_text(json.dumps(description()))
    assert main(["observe", "two.json", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.count("memory ") == 2 and "arm        blue" in told and "arm        red" in told
    assert "that of an arm before it" in told and not [*tmp_path.glob("*.fits*")]
    assert main(["observe", "two.json", "--out", "cube.fits.gz", "--picture", "cube.png", "--quiet"]) == 0
    assert {path.name for path in tmp_path.glob("cube*")} == {
        "cube-blue.fits.gz", "cube-blue.png", "cube-red.fits.gz", "cube-red.png",
    }  # fmt: skip
    cube = ifux.io.read_cube(tmp_path / "cube-red.fits.gz")
    assert cube.wavelengths == Wavelengths(6300.0, 2.0, 40, "air") and "arms" not in cube.history["telescope"]
    assert main(["observe", "two.json", "--out", "cube.fits.gz", "--quiet"]) == 2
    assert "cube-blue.fits.gz" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ({}, r'telescope\.arms: \{\} must be like \{"blue": '),
        ({"a/b": {}}, r"telescope\.arms: 'a/b' is no name for an arm"),
        ({"blue": "sami-blue"}, r"telescope\.arms\.blue: .* must be like"),
        ({"blue": {"dust": {"kind": "none"}}}, r"telescope\.arms\.blue\.dust: an arm, .* takes"),
        ({"blue": {"instrument": "sami-blu"}}, r"did you mean 'sami-blue'\? \(arm 'blue'\)"),
        ({"blue": {"instrument": "sami-blue", "psf": {"sigma": 1}}}, r"telescope\.psf\.sigma: .*\(arm 'blue'\)"),
        (
            {"blue": {"instrument": "sami-blue", "wavelengths": {"start": 2000.0, "step": 1.0, "size": 9}}},
            r"telescope\.wavelengths.*\(arm 'blue'\)",
        ),
    ],
)
def test_arms_that_cannot_be_used_are_one_sentence(arms, sentence):
    with pytest.raises(InputError, match=sentence):
        run.prepare_arms(description(arms=arms))


def test_one_telescope_is_no_spectrograph():
    with pytest.raises(InputError, match=r"telescope\.arms: one telescope is wanted here"):
        run.prepare(description())
    plain = {"galaxy": {}, "telescope": {"instrument": "muse-wfm"}}
    assert config.arms(plain) == {"": plain}


def test_worked_observation_is_of_both_arms_of_sami():
    """On one scene, whose cells suit the sharper, with the nodes that the red arm needs."""
    plain = config.arms(config.load(Path(__file__).parents[1] / "configs" / "sami.json"))
    described = {name: config.resolved(one)["telescope"] for name, one in plain.items()}
    stars = stages.particles()
    made = {name: telescope for name, (telescope, _) in config.telescopes(described, wide(), stars).items()}
    joint = Spectrograph.of(made)
    assert joint.together() == [("blue", "red")] and joint.spaxels[0].oversampling == (2, 2)
    presets = {name: ifux.instruments.load(f"sami-{name}")["telescope"] for name in made}
    for name, fwhm in (("blue", 1.7), ("red", 1.5)):
        wavelengths = Wavelengths(**presets[name]["wavelengths"])
        assert joint.arms[name].wavelengths == wavelengths
        assert eqx.tree_equal(joint.arms[name].psf, GaussianPSF(fwhm, joint.arms[name].psf.reach))
        assert eqx.tree_equal(joint.arms[name].lsf, GaussianLSF(presets[name]["lsf"]["fwhm"]))
        assert eqx.tree_equal(joint.arms[name].noise, TargetSNRNoise(30.0))
    alone = config.telescope(described["red"], wide(), stars)
    assert joint.kinematics == alone.kinematics
    assert joint.ssp.rest.size > alone.ssp.rest.size


def test_survey_makes_every_arm(tmp_path):
    described = {"observation": description(), "vary": {"galaxy.seed": [1, 2]}}
    (tmp_path / "two.json").write_text(json.dumps(described))
    made = ifux.survey.load(tmp_path / "two.json")
    assert [case.settings["arm"] for case in made.cases] == ["blue", "red"] * 2
    assert len({case.configuration["seed"] for case in made.cases}) == 2
    assert ["blue" in case.file for case in made.cases] == [True, False] * 2
    assert [case.arm for case in made.cases] == ["blue", "red"] * 2
    assert [case.observation for case in made.cases] == [(1, 0), (1, 0), (3, 0), (3, 0)]
    described["realisations"] = 2
    (tmp_path / "more.json").write_text(json.dumps(described))
    more = ifux.survey.load(tmp_path / "more.json")
    assert [len(cases) for cases in observations([*more.cases])] == [2] * 4
    for cases in observations([*more.cases]):
        assert [*more.together(cases[0])] == ["blue", "red"]
        assert more.together(cases[0])["red"] == cases[1].configuration


def test_survey_makes_the_arms_of_a_galaxy_together_as_observe_does(tmp_path, monkeypatch):
    """Particles are deposited once; a cube that is there is kept, one that is made later is the same to rounding."""
    (tmp_path / "two.json").write_text(json.dumps({"observation": description()}))
    made = ifux.survey.load(tmp_path / "two.json")
    arms = made.together(made.cases[0])
    files = {arm: {"partial": str(tmp_path / "half.fits"), "out": str(tmp_path / f"{arm}.fits")} for arm in arms}
    deposits = []
    monkeypatch.setattr(run, "added", lambda *given, of=run.added: deposits.append(1) or of(*given))
    monkeypatch.setattr(worker, "keep_programs", lambda: None)
    assert [arm for arm, _ in worker.written(arms, files, False)] == ["blue", "red"]
    assert len(deposits) == 1
    for name, cube in run.observe_arms(run.prepare_arms(description())):
        written = ifux.io.read_cube(files[name]["out"])
        assert np.array_equal(written.flux, cube.flux) and written.history == cube.history
    assert [*worker.written(arms, files, False)] == [("blue", []), ("red", [])] and len(deposits) == 2
    (tmp_path / "red.fits").unlink()
    assert [arm for arm, _ in worker.written(arms, files, False)] == ["blue", "red"]
    again = ifux.io.read_cube(files["red"]["out"])
    assert again.history == written.history
    assert np.abs(again.flux - written.flux).max() < 1e-5 * written.flux.max()


# --- fits -------------------------------------------------------------------------------------------------------------

EXPECTED = {"seeing": Normal(1.1, 0.2), "inclination": Normal(50.0, 10.0)}
FREE = {
    "seeing": (lambda o: o.telescope.arms["red"].psf.fwhm, EXPECTED["seeing"]),
    "inclination": (lambda o: o.telescope.orientation.inclination, EXPECTED["inclination"]),
}
SCALE = np.array([prior.deviation for prior in EXPECTED.values()])


@eqx.filter_jit
def cubes(observation):
    """Without noise."""
    return observation()


@pytest.fixture
def together(double):
    """An observation by two small arms, its cubes, and the variances of their noise."""
    ssp = ifux.GridSSP.from_library(stages.library(metallicities=2, ages=2))
    small = {"ssp": ssp, "spaxels": SquareSpaxels(0.6, (5, 4)), "kinematics": ifux.VelocityChannels(400.0, 200.0)}
    blue = stages.telescope(wavelengths=Wavelengths(4850.0, 2.5, 12, "air"), psf=GaussianPSF(1.2, reach=2), **small)
    red = dataclasses.replace(blue, wavelengths=Wavelengths(4890.0, 2.5, 15, "air"), psf=GaussianPSF(1.1, reach=3))
    arms = {name: dataclasses.replace(arm, noise=ConstantNoise(1.0)) for name, arm in (("blue", blue), ("red", red))}
    truth = ifux.Observation(Spectrograph.of(arms), stages.particles(30, spread=0.8))
    data = cubes(truth)
    levels = {name: 0.02 * float(cube.max()) for name, cube in data.items()}
    truth = eqx.tree_at(
        lambda o: [arm.noise.level for arm in o.telescope.arms.values()], truth, [*map(ifux.real, levels.values())]
    )
    return truth, data, {name: jnp.full(cube.shape, levels[name] ** 2) for name, cube in data.items()}


def test_information_of_arms_adds_up_and_a_forecast_takes_them(together):
    """As does that of data of which those of an arm are missing; and the errors of twice the exposure are smaller."""
    truth, _, variance = together
    parameters, model = free(truth, **FREE)
    joint = np.asarray(information(model, parameters, cubes, variance))
    apart = np.zeros((2, 2))
    for name in variance:
        seen_alone = jax.tree.map(lambda of: jnp.full_like(of, jnp.nan), variance) | {name: variance[name]}
        apart += np.asarray(information(model, parameters, cubes, seen_alone))
    assert (np.diag(joint) > 1).all() and np.allclose(joint, apart, rtol=1e-12)
    errors = SCALE * np.sqrt(np.diag(np.linalg.inv(joint + np.eye(2))))
    assert [*fisher(model, parameters, cubes, variance).errors.values()] == pytest.approx(errors, rel=1e-9)
    assert forecast(truth, {"as it is": truth.telescope}, **FREE).errors[0] == pytest.approx(errors, rel=1e-9)
    twice = ifux.Observation(longer(truth.telescope, 2.0), truth.galaxy)
    for name, of in twice.variance(variance).items():
        assert jnp.allclose(of, variance[name] / 2, rtol=1e-12)


def test_arms_are_fitted_together_as_a_telescope_is(together):
    """Least squares end where the joint posterior has its maximum, and the verdict counts the data of both.

    Weighted draws and the refinement of an answer, which is without the noise, agree with it.
    """
    truth, clean, variance = together
    names = [*variance]
    data = {
        name: clean[name] + variance[name] ** 0.5 * jax.random.normal(jax.random.key(seed), clean[name].shape)
        for seed, name in enumerate(names)
    }
    mask = {name: jnp.ones(of.shape, bool).at[0].set(False) for name, of in data.items()}
    parameters, model = free(truth, **FREE)
    fit, known = least_squares(cubes, model, parameters, data, variance, mask, reach=0.3)
    assert fit.verdict.converged and fit.verdict.expected == pytest.approx(3 * 5 * (12 + 15) - 2, rel=1e-3)
    errors = np.array([*known.errors.values()])
    assert (errors < SCALE).all()
    for value, prior, error in zip(model.values(fit.parameters).values(), EXPECTED.values(), errors, strict=True):
        assert abs(float(value) - prior.mean) < 4 * error

    @eqx.filter_jit
    @jax.grad
    def slope(parameters, model, data):
        surprise = sum(jnp.sum(deviation**2) for deviation in model.deviations(parameters).values())
        return chi_squared(data, cubes(model(parameters)), variance, mask) + 0.5 * surprise

    steep = np.array([float(of) for of in slope(fit.parameters, model, data).values()])
    assert (np.abs(steep) * errors / SCALE < 0.1).all()
    drawn = importance(cubes, model, fit, data, variance, mask, key=jax.random.key(0), effective=80, draws=100)
    assert drawn.effective > 80
    assert [*drawn.uncertainty.errors.values()] == pytest.approx(errors, rel=0.35)
    found = refine(Prior.of(truth, **FREE), jnp.asarray([0.3, -0.2]), clean, 4)
    assert jnp.abs(found.numbers).max() < 0.1 * jnp.sqrt(jnp.diag(found.covariance)).min()
    with pytest.raises(ValueError, match=r"variance must be of the same arms as the data, \['blue', 'red'\]"):
        least_squares(cubes, model, parameters, data, {"red": variance["red"]})


def test_a_network_learns_from_the_cubes_of_all_arms(together):
    """A mock has a cube of every arm, of one galaxy; the decoder's misfit is zero at the truth, and its gradient true.

    It is the sum of what the arms say: half the logarithm of their joint chi squared.
    """
    truth, clean, _ = together
    prior = Prior.of(truth, **FREE)
    batches = Batches(prior, 2, jax.random.key(5))
    batch = batches(1)
    assert {name: data.shape for name, data in batch.data.items()} == {
        name: (2, *cube.shape) for name, cube in clean.items()
    }
    both = eqx.filter_jit(jax.value_and_grad(lambda numbers, prior, data: misfit(prior, numbers, data)))
    size = sum(data[0].size for data in batch.data.values())
    assert abs(float(both(batch.numbers, prior, batch.data)[0])) < 3 * np.sqrt(1 / size / 2)
    away, direction = batch.numbers + jnp.asarray([[3.0, -2.0]]), jnp.asarray([[0.4, -0.7], [0.2, 0.5]])
    slope, step = both(away, prior, batch.data)[1], 1e-5
    ends = (both(away + sign * step * direction, prior, batch.data)[0] for sign in (1, -1))
    assert float(jnp.vdot(slope, direction)) == pytest.approx(float(np.subtract(*ends)) / (2 * step), rel=1e-4)
    lost = {name: data.at[:, :, :, :3].set(jnp.nan) for name, data in batch.data.items()}
    assert np.isfinite(misfit(prior, batch.numbers, lost))

    encoder = ArmsEncoder({name: lambda data: data.mean(axis=(0, 1))[:4] for name in batch.data})
    network = Posterior(encoder, GaussianHead.new(prior.size, 8, key=jax.random.key(1)))
    one = jax.tree.map(lambda data: data[0], batch.data)
    assert jnp.array_equal(encoder(one)[:4], one["blue"].mean(axis=(0, 1))[:4])
    assert network.sample(one, 3, key=jax.random.key(2)).shape == (3, prior.size)
    for loss in (surprise, squares):
        slopes = eqx.filter_grad(loss)(network, batch)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    with pytest.raises(ValueError, match=r"encoders for \['blue', 'red'\], and was given cubes of \['red'\]"):
        encoder({"red": one["red"]})


def test_what_mocks_of_some_arms_outgrow_is_said_of_them(together):
    """A kernel that is too short for the PSF of one arm."""
    truth, _, _ = together
    short = eqx.tree_at(lambda o: o.telescope.arms["red"].psf, truth, GaussianPSF(4.0, reach=1))
    told = Batches(Prior.of(short, **FREE), 2, jax.random.key(5)).shortcomings(0)
    assert len(told) == 1 and "beyond the kernel of the PSF" in told[0] and "red" in told[0] and "blue" not in told[0]
