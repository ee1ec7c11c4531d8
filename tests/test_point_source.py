"""A nucleus: one place with a spectrum of its own, on a kind of its own."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf
from stages import REDSHIFT, particles, telescope

import ifux
from ifux import (
    GaussianLSF,
    GaussianPSF,
    InputError,
    NuclearLines,
    PointSource,
    PowerLaw,
    RestingKinematics,
    ScreenDust,
    SquareSpaxels,
    TabulatedContinuum,
    Wavelengths,
    real,
    run,
)
from ifux.checks import short_table
from ifux.config.build import module
from ifux.emission import LINES
from ifux.units import SPEED_OF_LIGHT

AIR, VACUUM = (Wavelengths(4836.0, 1.25, 120, medium) for medium in ("air", "vacuum"))
HBETA = LINES["Hbeta"].wavelength


def nucleus(**changes):
    """A power law, a broad line and a narrow one."""
    usual = {
        "velocity": 150.0,
        "continuum": PowerLaw(2e5, -1.2, 4800.0),
        "lines": NuclearLines((HBETA, HBETA), (3e7, 2e6), (2500.0, 300.0), (-200.0, 0.0)),
    }
    return PointSource(**usual | changes)


@eqx.filter_jit
def spectrum(source, found):
    return source.templates(found.view)[0]


@eqx.filter_jit
def seen(found, stars):
    return found(stars)


def expected(source, found, wavelengths):
    """The flux of the nucleus by pixel, slowly, from the formulas [1e-20 erg/s/cm2/angstrom]."""
    edges = wavelengths.vacuum_edges()
    own = wavelengths.widths()
    stretch = (1 + REDSHIFT) * np.exp(np.arctanh(float(source.velocity) / SPEED_OF_LIGHT))
    fine = np.linspace(0, 1, 2001)
    points = edges[:-1, None] + np.diff(edges)[:, None] * (fine[1:] + fine[:-1])[None] / 2
    law = source.continuum
    density = float(law.luminosity) * (points / stretch / law.pivot) ** float(law.index) / stretch
    total = density.mean(axis=1) * np.diff(edges) / own
    lines, shown = source.lines, np.arange(len(source.lines.lines))
    for number in shown:
        moved = np.exp(np.arctanh(float(lines.velocity[number]) / SPEED_OF_LIGHT))
        centre, width = lines.lines[number] * stretch * moved, float(lines.fwhm[number]) / 2.3548200450309493
        ends = wavelengths.edges()
        if wavelengths.medium == "air":
            centre = ifux.grids.to_air(np.array([centre]))[0]
        sigma = np.hypot(width / SPEED_OF_LIGHT * centre, float(found.lsf.fwhm) / 2.3548200450309493)
        share = np.diff(0.5 * erf((ends - centre) / sigma / np.sqrt(2)))
        total = total + float(lines.luminosity[number]) * share / own
    return total * float(found.target.flux_per_luminosity())


@pytest.mark.parametrize("wavelengths", [AIR, VACUUM], ids=["air", "vacuum"])
def test_spectrum_is_that_of_the_formulas(double, wavelengths):
    """A power law, a broad line and a narrow one, by sums of error functions.

    In air a line is as wide everywhere as the refractivity at its centre makes it: 1.1e-5 of the peak for a broad one.
    """
    found = telescope(sources=(nucleus(),), wavelengths=wavelengths)
    wanted = expected(nucleus(), found, wavelengths)
    assert (
        np.abs(np.asarray(spectrum(nucleus(), found)) - wanted).max()
        < (2e-6 if wavelengths is VACUUM else 1.5e-5) * wanted.max()
    )


def test_single_precision_is_enough():
    found = telescope(sources=(nucleus(),), wavelengths=AIR)
    wanted = expected(nucleus(), found, AIR)
    assert np.abs(np.asarray(spectrum(nucleus(), found)) - wanted).max() < 2e-5 * wanted.max()


def test_light_of_a_line_is_its_luminosity(double):
    """Over the whole sky and all of its wings: L / 4 pi D^2, whatever its width and the PSF."""
    source = PointSource(lines=NuclearLines((HBETA,), (3e7,), (400.0,)))
    found = telescope(sources=(source,), wavelengths=VACUUM, spaxels=SquareSpaxels(0.4, (31, 31)))
    dark = eqx.tree_at(lambda stars: stars.mass, particles(3), jnp.zeros(3))
    cube = np.asarray(seen(found, dark))
    total = cube.sum(axis=(0, 1)) @ VACUUM.widths()
    assert total == pytest.approx(3e7 * float(found.target.flux_per_luminosity()), rel=1e-5)


def test_image_is_that_of_a_point(double):
    """Off the centre, behind a PSF of four spaxels: to 1e-3 of its peak a Gaussian over the spaxels."""
    scale = float(telescope().target.arcsec_per_kpc())
    source = nucleus(position=(0.13 / scale, -0.21 / scale, 0.4))
    found = telescope(
        sources=(source,), wavelengths=VACUUM, orientation=ifux.EulerOrientation(),
        spaxels=SquareSpaxels(0.4, (21, 21), degree=5), psf=GaussianPSF(1.6, reach=9),
    )  # fmt: skip
    dark = eqx.tree_at(lambda stars: stars.mass, particles(3), jnp.zeros(3))
    image = np.asarray(seen(found, dark)).sum(axis=2)
    ends = 0.4 * (np.arange(22) - 10.5)
    sigma = 1.6 / 2.3548200450309493
    across, up = (np.diff(0.5 * erf((ends - place) / sigma / np.sqrt(2))) for place in (-0.13, -0.21))
    wanted = up[:, None] * across[None, :]
    assert np.abs(image / image.sum() - wanted / wanted.sum()).max() < 1e-3 * wanted.max()


def test_table_is_blurred_as_far_as_it_is_sharp(double):
    """A Gaussian line in a table of its own resolution is the line that the instrument sees, and keeps its light."""
    rest = Wavelengths(4700.0, 0.5, 480, "vacuum")
    narrow, sigma = 1.8, 1.8 / 2.3548200450309493
    profile = np.exp(-0.5 * ((rest.centres() - HBETA) / sigma) ** 2) / sigma / np.sqrt(2 * np.pi)
    table = TabulatedContinuum(1e6 * profile, np.full(rest.size, narrow), rest, RestingKinematics(), 2.0)
    found = telescope(wavelengths=VACUUM, lsf=GaussianLSF(3.2))
    got = np.asarray(spectrum(PointSource(continuum=table), found))
    line = NuclearLines((HBETA,), (2e6,), (0.0,))
    wanted = np.asarray(spectrum(PointSource(lines=line), found))
    assert np.abs(got - wanted).max() < 2e-3 * wanted.max()
    assert got.sum() == pytest.approx(wanted.sum(), rel=1e-4)


def test_dust_dims_it_as_it_dims_gas(double):
    bare, dimmed = (telescope(wavelengths=VACUUM, **given) for given in ({}, {"dust": ScreenDust(0.8)}))
    line = PointSource(lines=NuclearLines((HBETA,), (3e7,), (100.0,)))
    ratio = float(spectrum(line, dimmed).sum() / spectrum(line, bare).sum())
    assert ratio == pytest.approx(float(dimmed.dust.transmission(real([HBETA]))[0]), rel=1e-5)


LEAVES = {
    "position": (lambda m: m.sources[0].position, 1e-3),
    "velocity": (lambda m: m.sources[0].velocity, 0.1),
    "continuum": (lambda m: m.sources[0].continuum.luminosity, 1.0),
    "index": (lambda m: m.sources[0].continuum.index, 1e-4),
    "lines": (lambda m: m.sources[0].lines.luminosity, 1e3),
    "widths": (lambda m: m.sources[0].lines.fwhm, 0.1),
    "shifts": (lambda m: m.sources[0].lines.velocity, 0.1),
    "redshift": (lambda m: m.target.redshift, 1e-6),
    "lsf": (lambda m: m.lsf.fwhm, 1e-4),
}


def test_gradient_is_that_of_finite_differences(double):
    found, stars = telescope(sources=(nucleus(position=(0.05, 0.03, 0.1)),), wavelengths=AIR), particles(4)
    weight = real(np.random.default_rng(3).normal(size=(*found.spaxels.shape, AIR.size)))
    value = eqx.filter_jit(lambda model: jnp.vdot(weight, model(stars)))
    slope = eqx.filter_jit(eqx.filter_grad(lambda model: jnp.vdot(weight, model(stars))))(found)
    for name, (where, step) in LEAVES.items():
        leaf = where(found)
        random = np.random.default_rng(5).normal(size=leaf.shape)
        wide, narrow = (
            sum(sign * float(value(eqx.tree_at(where, found, leaf + sign * h * step * random))) for sign in (1, -1))
            / (2 * h * step)
            for h in (1.0, 0.5)
        )
        exact = float(jnp.sum(where(slope) * random))
        assert (4 * narrow - wide) / 3 == pytest.approx(exact, rel=2e-6), name


def test_nuclei_are_a_batch(double):
    found, stars = telescope(sources=(nucleus(),), wavelengths=AIR), particles(4)
    lights = real([1e5, 3e5])
    cubes = eqx.filter_jit(
        lambda lights: jax.lax.map(
            lambda one: eqx.tree_at(lambda t: t.sources[0].continuum.luminosity, found, one)(stars), lights
        )
    )(lights)
    one = eqx.tree_at(lambda t: t.sources[0].continuum.luminosity, found, lights[1])
    assert np.allclose(cubes[1], seen(one, stars), rtol=1e-12)
    difference = np.asarray(cubes[1] - cubes[0])
    assert (difference.sum(axis=(0, 1)) > 0).all()


DESCRIBED = {
    "galaxy": {"kind": "disc-bulge", "count": 300, "seed": 3},
    "library": {"kind": "embedded"},
    "telescope": {
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "wavelengths": {"start": 4836.0, "step": 1.25, "size": 80, "medium": "air"},
        "spaxels": {"kind": "square", "pitch": 0.4, "size": [7, 6]},
        "psf": {"kind": "gaussian", "fwhm": 1.2},
        "lsf": {"kind": "gaussian", "fwhm": 3.0},
        "nucleus": {
            "velocity": 50.0,
            "continuum": {"kind": "power-law", "luminosity": 1e5, "index": -1.0},
            "lines": {"kind": "lines", "lines": ["Hbeta"], "luminosity": [1e7], "fwhm": [1500.0]},
        },
    },
    "seed": 1,
}


def test_nucleus_of_a_description_is_that_of_python():
    """What is written makes the same cube again, and the nucleus is what is added to that without it."""
    cube = run.observe(run.prepare(DESCRIBED), noiseless=True)
    again = run.observe(run.prepare(cube.history), noiseless=True)
    assert np.array_equal(cube.flux, again.flux)
    plain = {**DESCRIBED, "telescope": {k: v for k, v in DESCRIBED["telescope"].items() if k != "nucleus"}}
    session = run.prepare(DESCRIBED)
    source = PointSource(velocity=50.0, continuum=PowerLaw(1e5, -1.0), lines=NuclearLines((HBETA,), (1e7,), (1500.0,)))
    assert jax.tree.structure(session.telescope.sources) == jax.tree.structure((source,))
    added = cube.flux - run.observe(run.prepare(plain), noiseless=True).flux
    wanted = np.asarray(spectrum(source, session.telescope))
    # the PSF keeps all but a thousandth on the grid, some of it beyond the field
    shares = added.sum(axis=(1, 2)) / wanted
    assert np.ptp(shares) < 1e-4 and 0.8 < shares.mean() < 1


HALF = {"kind": "lines", "lines": ["Hbeta"]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"colour": 1}, "telescope.nucleus.colour: PointSource takes ['continuum', 'lines', 'position', 'velocity']"),
        ({"continuum": {"kind": "blackbody"}}, "telescope.nucleus.continuum.kind: 'blackbody' is not one of ['none',"),
        ({"continuum": {"kind": "power-law", "luminosity": -1}}, "telescope.nucleus.continuum.luminosity: -1 is below"),
        ({"lines": {"kind": "lines", "lines": ["Hbet"], "luminosity": [1], "fwhm": [1]}}, "did you mean 'Hbeta'?"),
        (
            {"lines": {"kind": "lines", "lines": ["Hbeta"], "luminosity": [1], "fwhm": [-5.0]}},
            "telescope.nucleus.lines.fwhm: -5",
        ),
        (
            {"lines": {"kind": "lines", "lines": ["Hbeta"], "luminosity": [1, 2], "fwhm": [1]}},
            "must hold a number for each of the 1",
        ),
        ({"velocity": -3e5}, "telescope.nucleus.velocity: -300000.0 is below -290000"),
        ({"position": [0, 0]}, "telescope.nucleus.position: [0, 0] is not a list of 3 numbers"),
    ],
)
def test_nucleus_that_cannot_be_is_one_sentence(change, sentence):
    telescope = {**DESCRIBED["telescope"], "nucleus": change}
    with pytest.raises(InputError) as caught:
        run.prepare({**DESCRIBED, "telescope": telescope})
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_file_of_a_spectrum_is_read(tmp_path):
    """A table with units: its luminosities on even pixels, of its own resolution."""
    from astropy import units
    from astropy.table import QTable

    wave = np.linspace(4500.0, 5300.0, 1601)
    light = 1e4 * (wave / 5000) ** -1.3
    QTable({"wavelength": wave * units.AA, "luminosity": light * units.Lsun / units.AA}).write(tmp_path / "agn.ecsv")
    found = module(
        "component", {"kind": "file", "path": str(tmp_path / "agn.ecsv"), "fwhm": 2.0, "medium": "vacuum"}, "x"
    )
    seen = telescope(wavelengths=VACUUM)
    got = spectrum(PointSource(continuum=found), seen)
    wanted = spectrum(PointSource(continuum=PowerLaw(1e4, -1.3, 5000.0)), seen)
    assert np.abs(np.asarray(got / wanted) - 1).max() < 2e-4
    assert short_table(eqx.tree_at(lambda t: t.sources, seen, (PointSource(continuum=found),))) is None
    short = replace(found, rest=found.rest.part(0, 700), spectrum=found.spectrum[:700], fwhm=found.fwhm[:700])
    told = short_table(eqx.tree_at(lambda t: t.sources, seen, (PointSource(continuum=short),)))
    assert "reaches from 4500 to 4849.5 angstrom at rest: it is dark in " in str(told)
    QTable({"wavelength": wave, "luminosity": light}).write(tmp_path / "bare.ecsv")
    with pytest.raises(InputError, match=r"column wavelength has no unit"):
        module("component", {"kind": "file", "path": str(tmp_path / "bare.ecsv"), "fwhm": 2.0}, "x")
