"""Gas beside stars: lines on kinds of their own, whatever the telescope."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from specification import Specification, gaussian
from stages import REDSHIFT, library, particles, telescope
from stages import gas as cells

from ifux import (
    FieldLSF,
    FixedTarget,
    GaussianLSF,
    GaussianPSF,
    InputError,
    NoDust,
    ResolvingPowerLSF,
    ScreenDust,
    SquareSpaxels,
    VelocityChannels,
    Wavelengths,
    run,
)
from ifux.checks import shortcomings
from ifux.emission import NoEmission, StarFormingEmission, YoungStarEmission
from ifux.galaxies import StarsAndGas
from ifux.sources import EmissionLines, View
from ifux.typing import real

LINES = ("Halpha", "[N II] 6548", "[N II] 6583", "[S II] 6716")
RED = Wavelengths(6660.0, 1.25, 160, "air")
"""Pixels around H-alpha, [N II] and [S II] at the redshift of the small telescope."""


def shining(lines=LINES, spacing=25.0, **given):
    """Lines on nodes of their own."""
    return EmissionLines(StarFormingEmission(lines=lines, **given), VelocityChannels(600.0, spacing))


@eqx.filter_jit
def seen(model):
    """The cube."""
    return model[0](model[1])


@pytest.fixture(scope="module")
def looked():
    """A telescope, stars and gas, in double precision, with the cube of both and of the stars alone."""
    before = jax.config.values["jax_enable_x64"]
    jax.config.update("jax_enable_x64", True)
    galaxy = StarsAndGas(particles(), cells())
    sharp = {"spaxels": SquareSpaxels(0.4, (9, 8), degree=5), "psf": GaussianPSF(1.6, reach=9)}
    with_gas = telescope(sources=(shining(),), dust=ScreenDust(0.4), wavelengths=RED, ssp=red_library(), **sharp)
    without = eqx.tree_at(lambda t: t.sources, with_gas, ())
    yield with_gas, galaxy, np.asarray(seen((with_gas, galaxy))), np.asarray(seen((without, galaxy)))
    jax.config.update("jax_enable_x64", before)


def test_lines_are_those_of_the_specification(looked):
    """The slow model adds up Gaussians cell by cell; neither stars nor gas know of the other."""
    found, galaxy, both, stars = looked
    emission = found.sources[0].emission
    numbers = [np.array([getattr(line, key) for line in emission.lines]) for key in ("element", "wavelength")]
    dimmed = np.asarray(found.dust.transmission(jnp.asarray(numbers[1])))
    light = np.asarray(emission.coefficients(galaxy.cells))[:, numbers[0]] * np.asarray(emission.shares()) * dimmed
    slow = Specification(library(), RED, REDSHIFT, 90.0, 50.0, 30.0, 0.4, (9, 8), gaussian(1.6), float(found.lsf.fwhm))
    gas = galaxy.cells
    wanted = slow.lines(
        np.asarray(gas.position), np.asarray(gas.velocity), light, numbers[1], np.asarray(emission.variances())
    )
    assert np.abs(both - stars - wanted).max() < 1e-3 * wanted.max()


def test_stars_do_not_change_beside_gas(looked):
    found, galaxy, _, stars = looked
    dark = eqx.tree_at(lambda g: g.cells.star_formation_rate, galaxy, jnp.zeros(galaxy.cells.count))
    assert np.allclose(seen((found, dark)), stars, rtol=0, atol=1e-12 * stars.max())
    assert np.allclose(seen((found, galaxy.stars)), stars, rtol=0, atol=1e-12 * stars.max())


def test_light_of_lines_is_that_of_the_cells(double):
    """What the spectrograph records of all cells, over the whole sky, times the sphere, is what they shine."""
    wide = telescope(
        sources=(shining((*LINES, "Hbeta", "[O III] 5007")),),
        wavelengths=Wavelengths(4836.0, 1.25, 1650, "air"),
        ssp=telescope().ssp.from_library(library(Wavelengths(4700.0, 1.0, 2300, "air"))),
        spaxels=SquareSpaxels(0.4, (41, 41)),
    )
    gas, source = cells(spread=0.1), wide.sources[0]
    weights = wide.weights(StarsAndGas(particles(2), gas))[..., wide.kinds_of[0] :]
    spectra = source.templates(wide.view)
    flux = jnp.einsum("yxk,kw,w->", weights, spectra, jnp.asarray(wide.wavelengths.widths()))
    shares = np.zeros(source.elements)
    np.add.at(shares, [line.element for line in source.emission.lines], np.asarray(source.emission.shares()))
    wanted = np.sum(np.asarray(source.emission.coefficients(gas)) @ shares) * wide.target.flux_per_luminosity()
    assert float(flux) == pytest.approx(float(wanted), rel=1e-5)


LEAVES = {
    "place": (lambda m: m[1].cells.position, 1e-4),
    "velocity": (lambda m: m[1].cells.velocity, 1e-2),
    "metals": (lambda m: m[1].cells.metallicity, 1e-7),
    "star formation": (lambda m: m[1].cells.star_formation_rate, 1e-6),
    "mass": (lambda m: m[1].cells.mass, 1e4),
    "redshift": (lambda m: m[0].target.redshift, 1e-6),
    "temperature": (lambda m: m[0].sources[0].emission.temperature, 1.0),
    "turbulence": (lambda m: m[0].sources[0].emission.turbulence, 1e-2),
    "efficiency": (lambda m: m[0].sources[0].emission.efficiency, 1e-4),
    "resolution": (lambda m: m[0].lsf.fwhm, 1e-4),
    "seeing": (lambda m: m[0].psf.fwhm, 1e-4),
    "dust": (lambda m: m[0].dust.depth, 1e-4),
}


@pytest.fixture(scope="module")
def slopes(looked):
    """The gradient of a sum over voxels, with cells as far as the edge of the field, and the sum itself."""
    found, galaxy, both, _ = looked
    diffuse = eqx.tree_at(lambda t: t.sources[0].emission.diffuse, found, jnp.asarray(2.0))
    wide = eqx.tree_at(lambda g: g.cells.position, galaxy, 2.5 * galaxy.cells.position)
    share = jnp.asarray(np.random.default_rng(1).normal(size=both.shape))
    total = eqx.filter_jit(lambda m: jnp.sum(m[0](m[1]) * share))
    slope = eqx.filter_jit(eqx.filter_grad(lambda m: jnp.sum(m[0](m[1]) * share)))
    return (diffuse, wide), total, slope((diffuse, wide))


@pytest.mark.parametrize("name", LEAVES)
def test_gradients_of_gas_are_finite_differences(slopes, name):
    model, total, slope = slopes
    where, step = LEAVES[name]
    here = where(model)
    along = jnp.asarray(np.random.default_rng(2).normal(size=here.shape))
    up, down = (total(eqx.tree_at(where, model, here + sign * step * along)) for sign in (1, -1))
    found = float(jnp.sum(where(slope) * along))
    assert found != 0
    assert found == pytest.approx(float(up - down) / (2 * step), rel=2e-4)


def test_padding_has_no_slope(slopes):
    model, total, slope = slopes
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))
    longer = eqx.tree_at(lambda m: m[1].cells, model, model[1].cells.filled(model[1].cells.count + 3))
    more = eqx.filter_grad(lambda m: total(m))(longer)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(more[1].cells))
    assert float(total(longer)) == pytest.approx(float(total(model)), rel=1e-12)


@pytest.mark.parametrize("power", [1000, 4000, 18000])
def test_a_cell_between_nodes_has_its_lines_to_a_thousandth_of_their_peak(double, power):
    """Nodes of half the standard deviation of the narrowest line, wherever between two of them the cell moves."""
    fwhm = 5000 / power
    wavelengths = Wavelengths(4990.0, fwhm / 2.5, round(125 * power / 1000), "vacuum")
    own, pixel = 299792.458 / power / np.sqrt(8 * np.log(2)), 0.4 * 299792.458 / power / np.sqrt(12)
    sigma = float(np.hypot(own, pixel))
    emission = StarFormingEmission(lines=("[O III] 5007",), turbulence=0.0, temperature=1e3)
    source = EmissionLines(emission, VelocityChannels(20 * sigma, sigma).resolving(sigma), reach=10)

    def line(velocity, redshift):
        view = View(NoDust(), ResolvingPowerLSF(power), wavelengths, wavelengths, real(redshift), real(1.0))
        seen = source.locate(FixedTarget(0.0, 90.0).see(moving(velocity)))
        templates = source.templates(view).reshape(source.velocities, -1)
        return np.asarray(seen.weight[0] @ templates[seen.index[0]])

    def moving(velocity):
        return eqx.tree_at(
            lambda c: (c.position, c.velocity), cells(1), (jnp.zeros((1, 3)), jnp.array([[0.0, 0.0, velocity]]))
        )

    for share in (0.5, 0.3):
        velocity = 299792.458 * np.tanh(share * source.kinematics.spacing / 299792.458)
        stretch = np.exp(np.arctanh(velocity / 299792.458))
        truth = line(0.0, stretch - 1)
        assert np.abs(line(velocity, 0.0) - truth).max() < 1e-3 * truth.max()


def test_a_spectrograph_of_place_sees_lines_as_wide_as_it_makes_them(double):
    """What acts on elements acts on lines: one width everywhere is that width."""
    lsf, widths = GaussianLSF(3.2), np.full((8, 9), 1.1)
    widths[0, 0] = 1.3
    place = telescope(sources=(shining(("Halpha", "[N II] 6583")),), wavelengths=RED, ssp=red_library(), lsf=lsf)
    mixed = eqx.tree_at(lambda t: t.lsf, place, FieldLSF.of(lsf, widths, oversampling=2))
    wider = eqx.tree_at(lambda t: t.lsf.fwhm, place, jnp.asarray(1.1 * 3.2))
    galaxy = StarsAndGas(particles(1), cells())
    found, wanted = seen((mixed, galaxy)), seen((wider, galaxy))
    assert np.abs(found - wanted)[1:].max() < 2e-3 * wanted.max()


def red_library():
    """Stars that reach there."""
    return telescope().ssp.from_library(library(Wavelengths(6450.0, 1.0, 350, "air")))


def test_light_of_lines_that_is_not_seen_as_it_is_is_counted(double):
    """By luminosity: a cell off the field, one too fast, one richer than the calibration, and one that is none."""
    gas = eqx.tree_at(
        lambda c: (c.position, c.velocity, c.metallicity, c.star_formation_rate),
        cells(4),
        (
            jnp.array([[50.0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]),
            jnp.array([[0.0, 0, 0], [0, 0, 5e3], [0, 0, 0], [0, 0, 0]]),
            jnp.array([0.01, 0.01, 0.05, 0.01]),
            jnp.array([1.0, 2.0, 3.0, 4.0]),
        ),
    )
    found = telescope(sources=(shining(("Halpha",)),)).coverage_of(1, gas)
    assert [float(share) for share in (found.field, found.channels, found.known)] == pytest.approx([0.9, 0.8, 0.7])


def test_lines_that_outgrow_their_bands_are_told(double):
    narrow = telescope(sources=(shining(("Halpha",)),))
    assert not any("lines of gas" in sentence for sentence in shortcomings(narrow))
    wide = eqx.tree_at(lambda t: t.lsf.fwhm, narrow, jnp.asarray(9.0))
    assert any("lines of gas are 17 pixels wide" in sentence for sentence in shortcomings(wide))


def test_young_stars_shine_in_place_of_gas(double):
    """The nebulae around them are where they are, and as bright as the emission says, whatever gas there is."""
    source = EmissionLines(YoungStarEmission.of_table(lines=("Halpha",)), VelocityChannels(600.0, 25.0))
    found, stars = telescope(sources=(source,)), particles()
    stars = eqx.tree_at(lambda s: s.age, stars, jnp.where(jnp.arange(60) < 30, 0.003, 5.0))
    kinds = found.kinds_of[0]
    weights = found.weights(StarsAndGas(stars, cells()))[..., kinds:]
    assert float(weights.sum()) == pytest.approx(float(source.emission.coefficients(stars).sum()), rel=1e-3)
    assert np.array_equal(weights, found.weights(stars)[..., kinds:])


def test_gas_that_does_not_shine_needs_nothing_of_a_telescope():
    """No source is the default, and what has no lines is none."""
    assert telescope().sources == ()
    with pytest.raises(ValueError, match="leave the source out"):
        EmissionLines(NoEmission(), VelocityChannels())


DESCRIPTION = {
    "galaxy": {"kind": "disc-bulge", "count": 300, "seed": 3, "gas": {"count": 200}},
    "library": {"kind": "embedded"},
    "telescope": {
        "wavelengths": {"start": 6600.0, "step": 1.25, "size": 100, "medium": "air"},
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "orientation": {"kind": "inclined", "inclination": 60.0},
        "spaxels": {"kind": "square", "pitch": 1.5, "size": [10, 10]},
        "kinematics": {"kind": "channels", "spacing": 50.0},
        "lsf": {"kind": "gaussian", "fwhm": 4.0},
        "emission": {"kind": "star-forming"},
        "accept_coarse_library": True,
    },
}


def test_a_description_asks_for_lines_in_one_line_and_its_header_makes_them_again():
    session = run.prepare(DESCRIPTION)
    (source,) = session.telescope.sources
    assert [line.name for line in source.emission.lines] == ["Halpha", "[N II] 6548", "[N II] 6583"]
    assert 20 < source.kinematics.spacing < 50
    again = run.prepare(session.configuration)
    assert eqx.tree_equal(again.telescope.sources, session.telescope.sources)
    cube = run.observe(session)
    chunked = run.observe(run.prepare({**DESCRIPTION, "compute": {"chunk": 64}}))
    assert np.allclose(cube.flux, chunked.flux, rtol=0, atol=1e-5 * cube.flux.max())
    starlight = {key: value for key, value in DESCRIPTION["telescope"].items() if key != "emission"}
    without = run.observe(run.prepare({**DESCRIPTION, "telescope": starlight}))
    assert (cube.flux - without.flux).max() > 0.1 * without.flux.max()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"emission": {"kind": "star-forming", "lines": ["Hbeta"]}}, "telescope.emission: none of its lines, Hbeta"),
        ({"emission": {"kind": "star-forming", "lines": ["Hbta"]}}, "did you mean 'Hbeta'"),
        ({"emission": {"kind": "star-formin"}}, "telescope.emission.kind"),
        ({"gas_kinematics": {"kind": "channels", "reach": -1.0}}, "telescope.gas_kinematics.reach"),
    ],
)
def test_what_lines_cannot_be_is_said_in_a_sentence(change, sentence):
    with pytest.raises(InputError, match=sentence.replace(".", r"\.")):
        run.prepare({**DESCRIPTION, "telescope": DESCRIPTION["telescope"] | change})


def test_kinematics_of_gas_without_lines_are_refused():
    described = {key: value for key, value in DESCRIPTION["telescope"].items() if key != "emission"}
    with pytest.raises(InputError, match=r"no gas shines without telescope\.emission"):
        run.prepare({**DESCRIPTION, "telescope": described | {"gas_kinematics": {"kind": "channels"}}})


@pytest.mark.parametrize(("name", "shines"), [("EAGLE", True), ("Colibre", True), ("IllustrisTNG", False)])
def test_a_snapshot_shines_in_lines_where_its_gas_forms_stars(data, name, shines):
    galaxy = {"kind": "file", "path": str(data(f"snapshots/SimSpin_example_{name}.hdf5"))}
    session = run.prepare({**DESCRIPTION, "galaxy": galaxy})
    assert any("there are no emission lines" in note for note in session.notes) != shines
    (source,) = session.telescope.sources
    gas = session.galaxy.gas
    assert (float(source.emission.coefficients(gas).sum()) > 0) == shines
