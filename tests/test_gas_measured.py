"""What an observer finds of gas: pPXF its fluxes and velocities, a fit its metals and star formation."""

import warnings
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from scipy.interpolate import CubicSpline
from scipy.stats import norm

import ifux
from ifux import (
    LINES,
    ConstantNoise,
    EmissionLines,
    EulerOrientation,
    Gas,
    GaussianLSF,
    GaussianPSF,
    LogWavelengths,
    NoPSF,
    Observation,
    Particles,
    SquareSpaxels,
    StarFormingEmission,
    VelocityChannels,
    Wavelengths,
)
from ifux.fitting import Positive, Real, free, least_squares
from ifux.galaxies import DiscBulge, GasDisc, SpiralGalaxy, StarsAndGas
from ifux.grids import to_vacuum
from ifux.io import embedded_library
from ifux.typing import real
from ifux.units import SPEED_OF_LIGHT

CHANNELS = LogWavelengths(4836.0, 1e-4 * np.log(10), 560, "vacuum")
"""From below H-beta to beyond [O III] at the redshift of the small telescope."""


def test_ppxf_recovers_fluxes_and_velocities_of_lines(double):
    """At a signal to noise of 100 in the continuum, of three clouds before old stars: to 2 per cent and to 1 km/s."""
    util = pytest.importorskip("ppxf.ppxf_util", reason="ppxf is not installed")
    from ppxf.ppxf import ppxf

    truth = np.array([(-180.0, 25.0), (30.0, 45.0), (240.0, 15.0)])
    redshift, count = stages.REDSHIFT, 400
    whole = embedded_library()
    rich, old = np.flatnonzero(whole.metallicity > 0.009)[:2], np.flatnonzero(whole.age > 4)[::4]
    library = replace(
        whole, metallicity=whole.metallicity[rich], age=whole.age[old], flux=whole.flux[np.ix_(rich, old)]
    )
    kept, _ = library.matched(CHANNELS, redshift, 900.0)
    quantiles = norm.ppf((np.arange(count) + 0.5) / count)
    telescope = stages.telescope(
        wavelengths=CHANNELS, ssp=ifux.GridSSP.from_library(kept), orientation=EulerOrientation(), psf=NoPSF(),
        lsf=GaussianLSF(3.2), spaxels=SquareSpaxels(0.5, (3, 1), degree=0),
        sources=(EmissionLines(
            StarFormingEmission(lines=("Hbeta", "[O III] 4959", "[O III] 5007"), turbulence=0.0, temperature=1.0),
            VelocityChannels(500.0, 20.0),
        ),),
    )  # fmt: skip
    side = 0.5 / float(telescope.target.arcsec_per_kpc())
    east = np.repeat([side, 0.0, -side], count)
    velocity = np.concatenate([mean + spread * quantiles for mean, spread in truth])
    zero, one = np.zeros(velocity.size), np.ones(velocity.size)
    place, motion = np.stack([east, zero, zero], 1), np.stack([zero, zero, velocity], 1)
    gas = Gas(place, motion, one, one, 1e4 * one, 0.014 * one, 2e-4 * one, one)
    places = np.stack([[side, 0.0, -side], *np.zeros((2, 3))], 1)
    stars = Particles(
        places, np.zeros((3, 3)), np.full(3, 5e8), np.full(3, library.age[1]), np.full(3, library.metallicity[0])
    )
    cube = np.asarray(telescope(StarsAndGas(stars, gas)))[0]
    noise = np.median(cube) / 100
    cube = cube + noise * np.random.default_rng(2).normal(size=cube.shape)

    wave = CHANNELS.centres() / (1 + redshift)
    scale = SPEED_OF_LIGHT * CHANNELS.step
    log = np.log(wave[0]) + CHANNELS.step * np.arange(-60, wave.size + 60)
    rest = to_vacuum(library.wavelength) if library.medium == "air" else library.wavelength
    chosen = library.flux.reshape(-1, library.wavelength.size)
    added = np.sqrt((3.2 / (1 + redshift)) ** 2 - np.interp(np.exp(log), rest, library.fwhm) ** 2) / 2.3548
    templates = util.varsmooth(log, CubicSpline(rest, chosen, axis=1)(np.exp(log)).T, added / np.exp(log))
    lines, names, _ = util.emission_lines(log, wave[[0, -1]], 3.2 / (1 + redshift), vacuum=True)
    templates = templates / np.median(templates)
    level, both = np.median(cube), np.column_stack([templates, lines])
    component = [0] * templates.shape[1] + [1] * lines.shape[1]
    source, pixel = telescope.sources[0], CHANNELS.widths()
    cells = np.asarray(source.luminosities(gas))
    for x, (mean, _) in enumerate(truth):
        with warnings.catch_warnings(action="ignore"):
            fit = ppxf(
                both, cube[x] / level, np.full(wave.size, noise / level), scale, [[0.0, 60.0], [mean + 20, 40.0]],
                moments=[2, 2], degree=-1, mdegree=4, component=component, gas_component=np.array(component) > 0,
                gas_names=names, lam=wave, lam_temp=np.exp(log), quiet=True,
            )  # fmt: skip
        light = cells[count * x : count * (x + 1)].sum(axis=0) * float(telescope.target.flux_per_luminosity())
        shares = np.asarray(source.emission.shares())
        for name, line in (("Hbeta", "Hbeta"), ("[OIII]5007_d", "[O III] 5007")):
            number = [one.name for one in source.emission.lines].index(line)
            element = source.emission.lines[number].element
            # pPXF's doublet is one template, and its flux that of both lines
            part = (
                shares[number]
                if name == "Hbeta"
                else sum(shares[i] for i, one in enumerate(source.emission.lines) if one.element == element)
            )
            at = np.searchsorted(CHANNELS.centres(), LINES[line].wavelength * (1 + redshift))
            found = fit.gas_flux[list(names).index(name)] * level * pixel[at]
            assert found == pytest.approx(light[element] * part, rel=0.02), (name, mean)
        assert fit.sol[1][0] == pytest.approx(mean, abs=1.0)


def test_metals_and_star_formation_of_a_disc_are_found_again():
    """From H-beta, [O III], H-alpha and [N II] of a mock with noise: within three of the errors that the fit states."""
    galaxy = SpiralGalaxy(
        DiscBulge.sample(400, key=jax.random.key(0), mass=2e9),
        GasDisc.sample(3000, key=jax.random.key(1), scale=1.2, star_formation_rate=0.5, metallicity=0.012,
                       metallicity_gradient=-0.12, metallicity_scatter=0.0),
    )  # fmt: skip
    lines = ("Hbeta", "[O III] 5007", "Halpha", "[N II] 6583")
    telescope = stages.telescope(
        wavelengths=Wavelengths(4940.0, 6.0, 300, "air"), lsf=GaussianLSF(15.0), psf=GaussianPSF(1.6, reach=6),
        ssp=ifux.LowRankSSP.from_library(stages.library(Wavelengths(4700.0, 4.0, 530, "air"), fwhm=8.0), 3e-2),
        spaxels=SquareSpaxels(0.8, (10, 9)), kinematics=VelocityChannels(400.0, 200.0),
        sources=(EmissionLines(StarFormingEmission(lines=lines), VelocityChannels(350.0, 100.0)),),
        noise=ConstantNoise(1.0),
    )  # fmt: skip
    predict = eqx.filter_jit(lambda observation: observation())
    clean = predict(Observation(telescope, galaxy))
    level = float(clean.max()) / 60
    data = clean + level * jax.random.normal(jax.random.key(5), clean.shape)
    truth = {"rate": 0.5, "metals": 0.012, "gradient": -0.12}
    away = eqx.tree_at(
        lambda g: (g.disc.star_formation_rate, g.disc.metallicity, g.disc.metallicity_gradient), galaxy,
        [real(0.9), real(0.016), real(-0.04)],
    )  # fmt: skip
    start, model = free(
        Observation(telescope, away),
        rate=(lambda o: o.galaxy.disc.star_formation_rate, Positive()),
        metals=(lambda o: o.galaxy.disc.metallicity, Positive()),
        gradient=(lambda o: o.galaxy.disc.metallicity_gradient, Real(0.05)),
    )
    fit, uncertainty = least_squares(predict, model, start, data, jnp.full_like(data, level**2))
    found = model.values(fit.parameters)
    for name, value in truth.items():
        error = uncertainty.errors[name]
        assert abs(float(found[name]) - value) < 3 * error and error < 0.3 * abs(value), name
