"""Noise of exposures against other people's formulas, distributions and calculators."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
import stages
from astropy import constants
from astropy import units as u
from astropy.modeling.models import BlackBody
from astropy.table import Table

from ifux import (
    BadPixelNoise,
    ConstantNoise,
    InputError,
    PoissonNoise,
    TargetSNRNoise,
    Wavelengths,
    cli,
    config,
    exposure,
    instruments,
    run,
)
from ifux.config.build import module
from ifux.io import read_cube, write_cube
from ifux.io.skies import read_sky, read_spectrum, read_throughput
from ifux.numerics.poisson import log_probability, poisson
from ifux.sky import Curve, Sky, night_sky, no_sky
from ifux.sky.airglow import airglow, layer
from ifux.sky.bands import PASSBANDS, ZERO_POINTS, ZERO_POINTS_OF_ESO, flux_of
from ifux.sky.extinction import extinction, scattering
from ifux.sky.moonlight import diffuse
from ifux.sky.night import BRIGHTNESS, continuum
from ifux.typing import real
from ifux.units import ab_flux

OPTICAL = Wavelengths(4800.0, 1.25, 3599, "air")
drawn = eqx.filter_jit(lambda noise, cube, key: noise.sample(cube, key=key))
counted = jax.jit(poisson)


# --- the exposure -----------------------------------------------------------------------------------------------------


def test_variance_is_the_sum_of_everything_that_is_counted(double):
    """Written out with astropy's units and constants."""
    noise, place = stages.exposure(), 40
    edges = noise.wavelengths.edges()[place : place + 2] * u.AA
    photon = constants.h * constants.c / edges.mean()
    collected = 2.0 * u.m**2 * 3600 * u.s * np.diff(edges)[0] * float(noise.throughput[place])
    flux = 1e-20 * u.erg / u.s / u.cm**2 / u.AA
    per_flux = (flux * collected * float(noise.transmission[place]) / photon).to_value(u.one)
    sky = (flux * float(noise.sky[place]) * 0.16 * collected / photon).to_value(u.one)
    dark, readout = 4.0 * 1.5, 3 * 1.5 * (2.0**2 + 1.1**2 / 12)
    for value in (0.0, 50.0):
        expected = value * per_flux + 1.2 * (sky + dark + readout) + (0.03 * sky) ** 2
        found = noise.variance(jnp.full((2, stages.OBSERVED.size), value))[1, place]
        assert float(found) == pytest.approx(expected / per_flux**2, rel=1e-8)


def test_noise_of_many_exposures_falls_with_their_root_until_the_sky_remains(double):
    cube = jnp.full((1, stages.OBSERVED.size), 5.0)

    def ratio(count, **given):
        return np.asarray(stages.exposure(count=count, **given).signal_to_noise(cube))

    assert np.allclose(ratio(4, residual=0.0), 2 * ratio(1, residual=0.0))
    sky = stages.exposure()
    limit = 5.0 * np.asarray(sky.transmission) / (0.03 * np.asarray(sky.sky) * 0.16)
    assert np.all(ratio(1e9) < limit) and np.allclose(ratio(1e9), limit, rtol=1e-4)


def test_telescope_tells_the_ratio_of_every_voxel():
    telescope, stars = stages.telescope(noise=stages.exposure()), stages.particles()
    cube = eqx.filter_jit(telescope)(stars)
    found = eqx.filter_jit(lambda telescope, stars: telescope.signal_to_noise(stars))(telescope, stars)
    assert np.allclose(found, cube / np.sqrt(telescope.noise.variance(cube)), rtol=1e-4, atol=1e-6)


def test_pixel_that_is_full_is_flagged(double):
    noise = stages.exposure(full_well=40.0, throughput=np.full(stages.OBSERVED.size, 0.25))
    faint, bright = (jnp.full((1, stages.OBSERVED.size), value) for value in (0.0, 5e3))
    assert not noise.saturated(faint).any() and noise.saturated(bright).all()
    assert PoissonNoise(noise).saturated(bright).all() and not stages.exposure().saturated(bright).any()


def test_tables_that_are_not_on_the_channels_are_refused():
    with pytest.raises(ValueError, match="but there are 120 channels"):
        stages.exposure(sky=np.ones(119))
    for name, value in (("throughput", 1.5), ("time", 0.0), ("read_noise", -1.0)):
        with pytest.raises(ValueError, match=f"ExposureNoise.{name}: "):
            stages.exposure(**{name: np.full(120, value) if name == "throughput" else value})


# --- atmosphere and filters -------------------------------------------------------------------------------------------


def test_filter_takes_from_source_and_sky_alike(double):
    """It is as good as a lower throughput, and what lets nothing through leaves a ratio of nothing."""
    share = np.linspace(0, 1, stages.OBSERVED.size).clip(1e-6)
    behind, plain = stages.exposure(filter=share), stages.exposure()
    same = eqx.tree_at(lambda n: n.throughput, plain, plain.throughput * share)
    cube = jnp.full((2, stages.OBSERVED.size), 30.0)
    assert np.allclose(behind.variance(cube), same.variance(cube), rtol=1e-12)
    assert np.allclose(behind.sky_electrons(), plain.sky_electrons() * share, rtol=1e-12)
    assert behind.signal_to_noise(cube)[0, 0] < 1e-4 * behind.signal_to_noise(cube)[0, -1]
    with pytest.raises(ValueError, match="filter has shape"):
        stages.exposure(filter=np.ones(7))


def exposed(noise, **telescope):
    """A small observation without stars' own noise: the description of one."""
    numbers = {"throughput": {"kind": "flat", "value": 0.3}, "sky": {"kind": "none"}, "collecting_area": 48.0}
    numbers |= {"time": 900.0, "read_noise": 3.0, "dark": 3.0, "pixels": 2.0, "kind": "exposure"}
    return {
        "galaxy": {"kind": "disc-bulge", "count": 300},
        "library": {"kind": "embedded"},
        "telescope": {
            "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
            "spaxels": {"kind": "square", "pitch": 1.0, "size": [8, 7]},
            "wavelengths": {"start": 7560.0, "step": 2.0, "size": 60, "medium": "air"},
            "noise": numbers | noise,
            **telescope,
        },
    }


def test_variance_rises_in_a_telluric_band_and_data_end_where_it_is_black(double, tmp_path):
    """The A band of oxygen, in a table as SkyCalc writes it: what few photons tell is noisy in a calibrated cube."""
    wave = np.linspace(7500.0, 7750.0, 2501)
    depth = 1 - 0.95 * np.exp(-0.5 * ((wave - 7610) / 4) ** 2) - 0.4 * np.exp(-0.5 * ((wave - 7650) / 6) ** 2)
    Table({"lam": wave / 10, "flux": np.full(wave.size, 50.0), "trans": depth}).write(tmp_path / "skycalc.fits")
    sky = {"kind": "file", "path": str(tmp_path / "skycalc.fits")}
    open_sky = run.observe(run.prepare(exposed({"sky": sky})))
    session = run.prepare(exposed({"sky": sky, "least_transmission": 0.3}))
    cube = run.observe(session)
    through = np.asarray(session.telescope.noise.transmission)
    blind = through < 0.3
    assert 0 < blind.sum() < 10 and cube.wavelengths.missing().tolist() == blind.tolist()
    assert np.isnan(cube.flux[blind]).all() and np.isnan(cube.variance[blind]).all()
    assert np.all(cube.quality[blind] == (1 << 30) + 1) and not cube.quality[~blind].any()
    for values in ("flux", "variance"):
        assert np.array_equal(getattr(cube, values)[~blind], getattr(open_sky, values)[~blind])
    assert open_sky.quality is None and np.isfinite(open_sky.flux).all()
    # few photons: readout and sky alone, in inverse proportion to the square of the transmission
    faint = np.unravel_index(np.argmin(np.nansum(cube.variance, axis=0)), cube.flux.shape[1:])
    clear, half = np.argmax(through), np.argmin(np.abs(through - 0.61))
    noise = session.telescope.noise
    dark = np.asarray(noise.variance(jnp.zeros((1, through.size))))[0]
    rise = dark[half] / dark[clear]
    # and photons of a longer wave are more
    assert rise == pytest.approx((through[clear] / through[half]) ** 2, rel=0.04)
    assert cube.variance[half][faint] / cube.variance[clear][faint] > 1.6
    write_cube(tmp_path / "cube.fits", cube)
    again = read_cube(tmp_path / "cube.fits")
    assert again.wavelengths == cube.wavelengths and np.array_equal(again.quality, cube.quality)
    assert run.prepare(again.history).telescope.wavelengths == cube.wavelengths
    data = jnp.asarray(cube.flux.transpose(1, 2, 0))
    known = np.asarray(noise.log_prob(data, jnp.where(jnp.isnan(data), 0, data) + 1.0))
    assert np.isfinite(known)


def test_edge_of_a_filter_hides_channels(double):
    """Those on which its mean is below what is asked for; it is missing there, and no fault of the atmosphere."""
    table = {"kind": "table", "wavelength": [7500.0, 7600.0, 7620.0, 7800.0], "value": [0.0, 0.0, 1.0, 1.0]}
    session = run.prepare(exposed({"filter": table, "least_transmission": 0.5}))
    missing, edges = session.telescope.wavelengths.missing(), session.telescope.wavelengths.vacuum_edges()
    assert np.array_equal(missing, (edges[1:] + edges[:-1]) / 2 < 7610)
    assert {*np.unique(run.observe(session).quality)} == {0, 1 << 30}
    hidden = session.telescope.wavelengths
    share = exposure.inside((7570.0, 7650.0), hidden)
    assert share.sum() > 0 and not share[missing].any()


# --- bad pixels and cosmic rays ---------------------------------------------------------------------------------------


def test_lost_data_are_as_many_as_the_rates_say_and_those_of_a_key(bits):
    """Two pixels for an element and a channel, an hour: to four standard errors; each for itself.

    What is not lost is what it was, to the rounding of programs that are compiled apart.
    """
    few = 4 * float(jnp.finfo(real(1.0).dtype).eps)
    noise = BadPixelNoise(ConstantNoise(0.3), 3600.0, 0.01, 0.03, 2.0)
    cube = real(np.ones((40, 50, 100)))
    dead, hit = (np.asarray(lost) for lost in noise.lost(jax.random.key(1), cube.shape, cube.dtype))
    for lost, share in ((dead, 1 - 0.99**2), (hit, 1 - np.exp(-0.06))):
        assert lost.mean() == pytest.approx(share, abs=4 * np.sqrt(share / lost.size))
    assert (dead & hit).mean() == pytest.approx(dead.mean() * hit.mean(), rel=0.2)
    data, plain = (np.asarray(drawn(one, cube, jax.random.key(1))) for one in (noise, noise.noise))
    assert np.array_equal(np.isnan(data), dead | hit)
    np.testing.assert_allclose(data[~(dead | hit)], plain[~(dead | hit)], rtol=few, atol=few)
    rows = np.asarray(drawn(noise, cube.reshape(2000, 100), jax.random.key(1)))
    np.testing.assert_allclose(rows, data.reshape(2000, 100), rtol=few, atol=few)
    other = np.isnan(np.asarray(drawn(noise, cube, jax.random.key(2))))
    assert (other & np.isnan(data)).mean() == pytest.approx(np.isnan(data).mean() ** 2, rel=0.2)
    never = BadPixelNoise(ConstantNoise(0.3), 3600.0)
    np.testing.assert_allclose(drawn(never, cube, jax.random.key(1)), plain, rtol=few, atol=few)
    assert np.isnan(drawn(BadPixelNoise(ConstantNoise(0.3), 1.0, 1.0), cube, jax.random.key(1))).all()


def test_likelihood_leaves_out_what_is_lost(double):
    noise, cube = stages.NOISES["bad pixels"](), jnp.full((5, 6, stages.OBSERVED.size), 20.0)
    data = drawn(noise, cube, jax.random.key(4))
    known = ~jnp.isnan(data)
    assert 0.9 < np.asarray(known).mean() < 1

    def likelihood(noise, data, cube, **given):
        return jax.value_and_grad(lambda cube: noise.log_prob(data, cube, **given))(cube)

    value, slope = likelihood(noise, data, cube)
    plain, other = likelihood(noise.noise, jnp.where(known, data, 0.0), cube, mask=known)
    assert float(value) == pytest.approx(float(plain), rel=1e-12)
    assert np.array_equal(slope, other) and not np.asarray(slope)[~np.asarray(known)].any()
    part = known & (jnp.arange(5) > 2)[:, None, None]
    assert float(noise.log_prob(data, cube, mask=part | ~known & part[:1])) == pytest.approx(
        float(noise.noise.log_prob(data, cube, mask=part)), rel=1e-12
    )


def test_lost_voxels_are_flagged_in_the_cube(tmp_path):
    """Pixels and time are those of the exposure; the noise elsewhere is what it was; the header makes it again."""
    flawed = exposed({})
    flawed["telescope"]["noise"] = {
        "kind": "bad-pixels", "dead": 0.02, "cosmic_rays": 0.2, "noise": exposed({"count": 2})["telescope"]["noise"]
    }  # fmt: skip
    whole = config.resolved(flawed)["telescope"]["noise"]
    assert (whole["time"], whole["pixels"]) == (1800.0, 2.0)
    cube, plain = run.observe(run.prepare(flawed)), run.observe(run.prepare(exposed({"count": 2})))
    assert {*np.unique(cube.quality)} <= {0, 32, 8192, 32 + 8192} and plain.quality is None
    assert np.array_equal(np.isnan(cube.flux), cube.quality != 0) and np.array_equal(
        np.isnan(cube.variance), cube.quality != 0
    )
    good = cube.quality == 0
    assert np.array_equal(cube.flux[good], plain.flux[good]) and np.array_equal(
        cube.variance[good], plain.variance[good]
    )
    for flag, share, words in (
        (8192, 1 - 0.98**2, "a dead pixel of the detector"),
        (32, 1 - np.exp(-0.2), "a cosmic ray"),
    ):
        count = np.count_nonzero(cube.quality & flag)
        assert count == pytest.approx(share * good.size, abs=4 * np.sqrt(share * good.size))
        assert f"{count} of {good.size} voxels have {words}: see DQ" in cube.notes
    write_cube(tmp_path / "cube.fits", cube)
    stored = read_cube(tmp_path / "cube.fits")
    again = run.observe(run.prepare(stored.history))
    for one in (stored, again):
        assert np.array_equal(one.flux, cube.flux, equal_nan=True) and np.array_equal(one.quality, cube.quality)
    assert run.observe(run.prepare(flawed), noiseless=True).quality is None


# --- what is written is what was drawn --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["normal", "counts"])
@pytest.mark.parametrize("electrons", [0.3, 4.0, 300.0])
def test_squared_pulls_have_a_mean_of_one(bits, kind, electrons):
    """To a per cent, over many seeds, from where hardly a photon falls."""
    plain = stages.exposure(read_noise=0.2, dark=0.0, gain=0.0, residual=0.0, sky_noise=0.0)
    plain = eqx.tree_at(lambda n: n.sky, plain, plain.sky * 0.1 * electrons / plain.background().mean())
    noise = plain if kind == "normal" else PoissonNoise(plain)
    cube = jnp.broadcast_to(0.9 * electrons / plain.electrons(), (500, stages.OBSERVED.size))
    variance = np.asarray(noise.variance(cube), np.float64)
    pulls = np.stack([np.asarray(drawn(noise, cube, jax.random.key(seed)), np.float64) - cube for seed in range(8)])
    pulls = pulls / np.sqrt(variance)
    assert np.mean(pulls**2) == pytest.approx(1, abs=0.01)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(pulls.size)


# --- photons one by one -----------------------------------------------------------------------------------------------

RATES = [0.02, 0.9, 9.99, 10.0, 57.0, 1e3, 1e6]


@pytest.mark.parametrize("rate", RATES)
def test_counts_are_those_of_a_poisson_distribution(bits, rate):
    """Each probability that can be told from zero; of large rates the distribution, made even within a count."""
    count = np.asarray(counted(jax.random.key(5), jnp.full((60, 50, 100), rate, real(0).dtype)), np.float64).ravel()
    assert np.all(count == np.round(count)) and np.all(count >= 0)
    low, high = scipy.stats.poisson.ppf([1e-5, 1 - 1e-5], rate)
    if high - low < 100:
        expected = count.size * scipy.stats.poisson.pmf(np.arange(low, high + 1), rate)
        found = np.bincount((count - low).astype(int).clip(0), minlength=int(high - low) + 1)[: expected.size]
        enough = expected > 10
        squares = np.sum((found - expected)[enough] ** 2 / expected[enough])
        assert scipy.stats.chi2.sf(squares, enough.sum()) > 1e-3
    else:
        inside = np.random.default_rng(0).uniform(size=count.size)
        share = scipy.stats.poisson.cdf(count - 1, rate) + inside * scipy.stats.poisson.pmf(count, rate)
        assert scipy.stats.kstest(share, "uniform").pvalue > 1e-3


def test_a_count_depends_on_its_own_place_and_on_nothing_else(bits):
    rate = real(np.random.default_rng(1).uniform(0, 40, (6, 5, 30)))
    whole = np.asarray(counted(jax.random.key(1), rate))
    assert np.array_equal(whole.reshape(30, 30), counted(jax.random.key(1), rate.reshape(30, 30)))
    other = np.asarray(counted(jax.random.key(1), rate.at[0, 0, 0].set(1e7)))
    assert np.array_equal(whole.ravel()[1:], other.ravel()[1:])
    unknown = np.asarray(counted(jax.random.key(1), rate.at[..., 3].set(jnp.nan)))
    assert np.isnan(unknown[..., 3]).all() and np.array_equal(np.delete(unknown, 3, 2), np.delete(whole, 3, 2))


def test_slope_of_a_count_is_that_of_its_mean_and_of_its_variance(double):
    """Over many counts: d(mean)/d(rate) = 1, and d(variance)/d(rate) = 1."""
    rate = jnp.full((1, 200, 1000), 25.0)

    def moments(rate):
        count = poisson(jax.random.key(2), rate)
        return jnp.stack([count.mean(), ((count - 25.0) ** 2).mean()])

    slopes = jax.jit(jax.jacrev(lambda shift: moments(rate + shift)))(0.0)
    # The second scatters by ten over the root of the counts.
    assert abs(slopes[0] - 1) < 1e-3 and abs(slopes[1] - 1) < 0.09


@pytest.mark.parametrize("rate", [0.3, 8.0, 700.0])
def test_probability_of_a_count_is_that_of_the_gamma_function(bits, rate):
    """Between whole numbers too; where count and rate are far apart as well as where they nearly cancel."""
    count = np.array([0.0, 0.4, 1, 3.5, 7.999, 8, 30.25, 699, 705, 4e3])
    expected = count * np.log(rate) - rate - scipy.special.gammaln(count + 1)
    found = np.asarray(log_probability(real(count), jnp.full(count.size, rate, real(0).dtype)), np.float64)
    assert np.allclose(found, expected, rtol=2e-6 if bits == 32 else 1e-9, atol=2e-6 if bits == 32 else 1e-9)
    slope = jax.grad(lambda x: log_probability(x, jnp.full_like(x, rate)).sum())(real(count))
    exact = np.log(rate) - scipy.special.digamma(count + 1)
    assert np.allclose(slope, exact, atol=2e-5 if bits == 32 else 2e-8)


def test_likelihood_of_counts_is_exact_without_readout(double):
    plain = stages.exposure(read_noise=0.0, gain=0.0, residual=0.0, sky_noise=0.0)
    noise, cube = PoissonNoise(plain), jnp.full((3, stages.OBSERVED.size), 20.0)
    data = drawn(noise, cube, jax.random.key(3))
    electrons, background = np.asarray(plain.electrons()), np.asarray(plain.background())
    count = np.round(np.asarray(data) * electrons + background)
    expected = scipy.stats.poisson.logpmf(count, 20.0 * electrons + background) + np.log(electrons)
    assert float(noise.log_prob(data, cube)) == pytest.approx(expected.sum(), rel=1e-9)
    mask = jnp.broadcast_to(jnp.arange(3)[:, None] > 0, data.shape)
    spoilt = data.at[0].set(jnp.nan)
    assert float(noise.log_prob(spoilt, cube, mask=mask)) == pytest.approx(expected[1:].sum(), rel=1e-9)


def test_likelihood_of_counts_is_near_the_convolution_with_readout(double):
    """Summed over counts: 33 electrons, three of readout noise. Three times nearer than the normal likelihood."""
    plain = stages.exposure(read_noise=3.0, gain=0.0, residual=0.0, sky_noise=0.0, pixels=1.0, count=1.0)
    noise, size, level = PoissonNoise(plain), stages.OBSERVED.size, np.asarray(plain.background())
    cube, counts = 30.0 / plain.electrons()[None], np.arange(400)
    for pull, within in ((-3, 0.2), (-2, 0.02), (-1, 0.02), (1, 0.02), (2, 0.02), (3, 0.1)):
        data = cube + pull * jnp.sqrt(noise.variance(cube))
        seen = np.asarray(data[0] * plain.electrons()) + level
        terms = scipy.stats.poisson.logpmf(counts, 30.0 + level[:, None])
        terms = terms + scipy.stats.norm.logpdf(seen[:, None], counts, 3.0)
        exact = (scipy.special.logsumexp(terms, axis=1) + np.log(plain.electrons())).sum()
        error, normal = (abs(float(one.log_prob(data, cube)) - exact) / size for one in (noise, plain))
        assert error < within and error < normal / 2, pull


# --- a wanted ratio ---------------------------------------------------------------------------------------------------


def target(cube, **keys):
    """The stage of a description, over spaxels of half an arcsecond."""
    tall, wide, size = cube.shape
    north, east = np.meshgrid(np.arange(tall) - (tall - 1) / 2, (wide - 1) / 2 - np.arange(wide), indexing="ij")
    given = {
        "observed": Wavelengths(5000.0, 2.0, size, "air"),
        "element_area": 0.25,
        "places": 0.5 * np.column_stack([east.ravel(), north.ravel()]),
    }
    return module("noise", {"kind": "target-snr", "snr": 10.0} | keys, "telescope.noise", given)


def profile():
    """An exponential disc that is redder in its second half of the channels."""
    y, x = np.mgrid[:21, :21] - 10
    return real(np.exp(-np.hypot(y, x) / 4)[..., None] * np.where(np.arange(40) < 20, 1.0, 3.0))


def test_ratio_is_that_which_was_asked_for_where_it_was_asked_for(bits):
    cube = profile()
    level = {
        name: float(jnp.sqrt(target(cube, **keys).variance(cube)[0, 0, 0]))
        for name, keys in {
            "channel": {},
            "angstrom": {"per": "angstrom"},
            "band": {"band": [4999.0, 5039.0]},
            "radius": {"radius": 3.0},
            "brightness": {"surface_brightness": 22.0},
        }.items()
    }
    assert level["channel"] == pytest.approx(0.2, rel=1e-5)
    assert level["angstrom"] == pytest.approx(0.2 / 2**0.5, rel=1e-5)
    assert level["band"] == pytest.approx(0.1, rel=1e-5)
    y, x = np.mgrid[:21, :21] - 10
    ring = np.abs(0.5 * np.hypot(y, x) - 3.0) <= 0.25
    assert level["radius"] == pytest.approx(0.2 * np.exp(-np.hypot(y, x) / 4)[ring].mean(), rel=1e-5)
    vacuum = exposure.centres_in_vacuum(Wavelengths(5000.0, 2.0, 40, "air"))
    assert level["brightness"] == pytest.approx(0.25 * ab_flux(22.0, vacuum).mean() / 10, rel=1e-5)


def test_ratio_in_a_band_looks_past_channels_that_the_library_does_not_reach(bits):
    cube = profile().at[..., :5].set(jnp.nan)
    for keys in ({}, {"band": [4999.0, 5039.0]}, {"band": [4999.0, 5039.0], "radius": 2.0}):
        assert np.isfinite(target(cube, **keys).variance(cube)).all()
    assert float(target(cube, band=[4999.0, 5039.0]).variance(cube)[0, 0, 0]) == pytest.approx(0.01, rel=1e-5)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"band": [4000.0, 4100.0]}, "no channel lies between 4000 and 4100 angstrom"),
        ({"radius": 30.0}, "no spaxel lies 30 arcsec from the centre"),
        ({"radius": 1.0, "surface_brightness": 22.0}, "not both"),
    ],
)
def test_ratio_that_cannot_be_is_refused(keys, words):
    with pytest.raises(InputError, match=words):
        target(profile(), **keys)


def test_header_of_before_makes_the_same_noise(bits):
    cube = profile()
    before = TargetSNRNoise(10.0)
    assert eqx.tree_equal(target(cube), before)
    assert np.array_equal(before.variance(cube), before.variance(cube.reshape(441, 40)).reshape(cube.shape))


# --- the sky ----------------------------------------------------------------------------------------------------------


def magnitude(sky, band, zero_points=ZERO_POINTS_OF_ESO):
    """Of a sky in an optical band, by the photons that the band counts."""
    observed = Wavelengths(3010.0, 2.0, 3450, "vacuum")
    wave, edge = observed.centres(), PASSBANDS[band]
    counts = wave * np.interp(wave, edge[:, 0], edge[:, 1], left=0, right=0)
    mean = sky.on(observed)[0] @ counts / counts.sum()
    return -2.5 * np.log10(mean * 1e-20 / flux_of(band, 0.0, zero_points))


@pytest.mark.parametrize(("site", "system"), [("paranal", ZERO_POINTS_OF_ESO), ("ctio", ZERO_POINTS)])
def test_night_sky_is_as_bright_in_a_band_as_is_published(site, system):
    """Lines and continuum together, through the passband. I, which nothing is made to fit, to half the scatter of
    hydroxyl from night to night: SkyCalc has a passband of its own."""
    sky = night_sky(site)
    for band in "UBVR":
        assert magnitude(sky, band, system) == pytest.approx(BRIGHTNESS[site][band], abs=0.01), band
    if site == "paranal":
        assert magnitude(sky, "I", system) == pytest.approx(BRIGHTNESS[site]["I"], abs=0.15)


def test_what_is_no_airglow_in_red_light_is_that_of_dust_and_of_stars():
    """At the ecliptic pole: zodiacal light of 77e-8 W/m2/sr/micrometre at 5000 angstrom, a little redder than the sun
    (Leinert et al. 1998, A&AS 127, 1, tables 16 and 17, section 8.4.2), and scattered starlight of 5.7
    photons/s/m2/micrometre/arcsec2 at 6400 (Noll et al. 2012, in github.com/sdss/lvmsky, scatstarlight.dat)."""
    red = np.array([6410.0])
    photon = constants.h * constants.c / (red[0] * u.AA)
    sunlight = BlackBody(5772 * u.K, scale=1 * u.W / u.m**2 / u.um / u.sr)
    zodiacal = 77e-8 * u.W / u.m**2 / u.sr / u.um * (1 + 0.6 * np.log10(red[0] / 5000))
    zodiacal = zodiacal * (sunlight(red[0] * u.AA) / sunlight(5000 * u.AA))
    starlight = 5.7 / u.s / u.m**2 / u.um / u.arcsec**2 * photon
    unit = 1e-20 * u.erg / u.s / u.cm**2 / u.AA / u.arcsec**2
    rest = float((continuum("paranal", red) - airglow(red))[0])
    assert rest == pytest.approx(zodiacal.to_value(unit) + starlight.to_value(unit), rel=0.15)


def test_airglow_is_brighter_along_a_slant_by_the_path_through_its_layer():
    """A ray that leaves the ground at an angle meets the layer, 90 km up, at another."""
    for angle in (0.0, 33.56, 60.0):
        airmass = 1 / np.cos(np.radians(angle))
        sine = np.sin(np.radians(angle)) * 6371 / (6371 + 90)
        assert layer(airmass) == pytest.approx(1 / np.sqrt(1 - sine**2), rel=1e-3)


def test_atmosphere_is_dark_in_the_bands_of_its_molecules_and_clear_between_them():
    """Of oxygen and water, and between J, H and K. Lines are saturated: at two airmasses they are hardly deeper."""
    one, two = (night_sky(airmass=airmass).transmission for airmass in (1.0, 2.0))

    def through(curve, low, high):
        inside = (curve.wavelength > low) & (curve.wavelength < high)
        return float(curve.value[inside].mean())

    for clear in ((8000, 8080), (8600, 8800), (10300, 10900), (12300, 12500), (15900, 16900), (21500, 22500)):
        assert through(one, *clear) > 0.93, clear
    for dark, most in (((6860, 6890), 0.9), ((7590, 7650), 0.7), ((9300, 9500), 0.9), ((13500, 14200), 0.5)):
        assert through(one, *dark) < most, dark
    assert through(one, 18300, 19200) < 0.3
    a_band = -np.log([np.interp(7620, curve.wavelength, curve.value) for curve in (one, two)])
    assert 1.3 < a_band[1] / a_band[0] < 1.7
    blue = np.interp(5000, one.wavelength, one.value)
    assert np.interp(5000, two.wavelength, two.value) == pytest.approx(blue**2)


def test_airglow_is_as_bright_in_the_green_as_is_published():
    """80 photons/s/m2/micrometre/arcsec2 at 5430 angstrom: about half of what there is between the lines."""
    energy = (80.06 / u.s / u.m**2 / u.um / u.arcsec**2 * (constants.h * constants.c / (5430 * u.AA))).to_value(
        1e-20 * u.erg / u.s / u.cm**2 / u.AA / u.arcsec**2
    )
    found = float(airglow(np.array([5430.0]))[0])
    assert found == pytest.approx(energy, rel=2e-3)
    sky = night_sky().radiance
    assert 0.4 < found / np.interp(5430.0, sky.wavelength, sky.value) < 0.7


def test_full_moon_is_as_bright_as_skycalc_has_it():
    """45 degrees away and 45 high, at the zenith: github.com/sdss/lvmetc_lco_script, database/sky/readme_14.txt."""
    lit = night_sky(moon=1.0, moon_distance=45.0)
    for band, published in {"U": 17.84, "B": 18.20, "V": 18.01, "R": 18.00, "I": 17.95}.items():
        assert magnitude(lit, band) == pytest.approx(published, abs=0.25), band


def test_atmosphere_scatters_down_half_of_what_little_it_scatters_and_no_more_than_there_is():
    """Thin, each photon is scattered once, up or down; thick, some are sent back."""
    thin, thick = np.array([30000.0]), np.array([3000.0])
    for cosine in (0.4, 0.7, 1.0):
        depth = scattering(thin)[0] * np.log(10) / 2.5
        assert diffuse(thin, cosine)[0] == pytest.approx(depth / cosine / 2, rel=0.03)
        assert 0 < diffuse(thick, cosine)[0] < 1 - np.exp(-scattering(thick)[0] * np.log(10) / 2.5 / cosine)


@pytest.mark.parametrize("wavelength", [4025.0, 5000.0, 7940.0])
def test_most_of_the_extinction_is_scattering(wavelength):
    """By formula and by table (Patat et al. 2011): ozone takes a little."""
    found = scattering(np.array([wavelength]))[0]
    assert 0.8 < found / extinction(np.array([wavelength]))[0] < 1.05


def test_night_sky_brightens_with_moon_and_airmass():
    dark, moonlit = night_sky().on(OPTICAL), night_sky(moon=1.0).on(OPTICAL)
    low = night_sky(airmass=2.0).on(OPTICAL)
    green, red = (int(np.argmin(np.abs(OPTICAL.centres() - wave))) for wave in (5450.0, 8200.0))
    brighter = {place: -2.5 * np.log10(moonlit[0][place] / dark[0][place]) for place in (green, red)}
    # Full moon 90 degrees away: 2 to 3 mag in V above a sky of 21.6 (Krisciunas & Schaefer 1991, table 2), to which 0.3
    # of the surge and 0.2 of a sky that is darker come; less in the red.
    assert -3.5 < brighter[green] < -2 and brighter[green] < brighter[red] < -0.3
    # Three quarters of the red sky are airglow, of which there is 1.92 times as much, less 0.03 mag of extinction.
    assert low[0][red] / dark[0][red] == pytest.approx((0.25 + 0.75 * 1.92) * 0.97, rel=0.05)
    assert low[1][green] == pytest.approx(dark[1][green] ** 2)


def test_line_of_the_sky_has_its_flux_and_its_width():
    sky = Sky(Curve.flat("none", 0.0), Curve.flat("none", 1.0), np.array([[5578.9, 1000.0]]), 3.0)
    light = sky.on(Wavelengths(5500.0, 0.5, 400, "vacuum"))[0]
    centres = Wavelengths(5500.0, 0.5, 400, "vacuum").centres()
    mean = light @ centres / light.sum()
    assert 0.5 * light.sum() == pytest.approx(1000.0) and mean == pytest.approx(5578.9)
    variance = light @ (centres - mean) ** 2 / light.sum() - 0.5**2 / 12
    assert np.sqrt(8 * np.log(2) * variance) == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize("unit", ["nm", "micrometre"])
def test_sky_of_eso_is_read_as_it_is_meant(tmp_path, unit):
    """Photons to energy, by hand at one wavelength; nanometres today, micrometres before."""
    nanometre = np.arange(480.0, 930.0, 0.1)
    flux, trans = 100 + nanometre / 10, np.clip(nanometre / 1e3, 0, 1)
    path = tmp_path / "skycalc.fits"
    Table({"lam": nanometre / (1 if unit == "nm" else 1e3), "flux": flux, "trans": trans, "dtrans1": trans}).write(path)
    observed = Wavelengths(7000.0, 1.25, 9, "vacuum")
    radiance, transmission = read_sky(str(path)).on(observed)
    photon = constants.h * constants.c / (7000 * u.AA)
    expected = (170.0 / u.s / u.m**2 / u.um * photon).to_value(1e-20 * u.erg / u.s / u.cm**2 / u.AA)
    assert radiance[0] == pytest.approx(expected, rel=1e-6) and transmission[0] == pytest.approx(0.7, rel=1e-6)


def test_tables_of_other_kinds_are_read_with_what_they_state(tmp_path):
    wave, light = np.linspace(4900, 5100, 21), np.linspace(1, 3, 21)
    observed = Wavelengths(5000.0, 2.0, 5, "air")
    text, ecsv = tmp_path / "sky.txt", tmp_path / "sky.ecsv"
    np.savetxt(text, np.column_stack([wave, light * 1e-17, light / 4]))
    Table({"w": wave * u.AA, "f": light * u.Unit("1e-17 erg s-1 cm-2 Angstrom-1 arcsec-2"), "t": light / 4}).write(ecsv)
    units = {"wavelength": "Angstrom", "radiance": "erg s-1 cm-2 Angstrom-1 arcsec-2"}
    one, other = (sky.on(observed) for sky in (read_sky(str(text), "air", units), read_sky(str(ecsv), "air")))
    assert np.allclose(one, other) and one[0][0] == pytest.approx(2000.0, rel=1e-6)
    assert np.allclose(read_throughput(str(text), "air", units).on(observed), 1e-17 * (observed.centres() - 4800) / 100)
    spectrum = read_spectrum(str(text), "air", {"wavelength": "Angstrom", "flux": "erg s-1 cm-2 Angstrom-1"})
    assert np.allclose(spectrum.on(observed), one[0])
    for call, words in (
        (lambda: read_sky(str(text), "air"), "the unit of its column 'col1' is not in the file"),
        (lambda: read_sky(str(ecsv)), 'in "air" or in "vacuum"'),
        (lambda: read_sky(str(text), "air", units | {"radiance": "kg"}), "is no unit of light"),
        (lambda: read_sky(str(text), "air", units | {"wavelength": "s"}), "is no unit of a wavelength"),
        (lambda: read_sky(str(ecsv), "air").on(OPTICAL), "it reaches from 4901.4 to 5101.4 angstrom in vacuum"),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_dark_space_has_no_sky():
    radiance, transmission = no_sky().on(OPTICAL)
    assert np.all(radiance == 0) and np.all(transmission == 1)


# --- published calculators --------------------------------------------------------------------------------------------


def muse(**changes):
    """The exposure of the preset."""
    known = instruments.load("muse-wfm")["exposure"] | {"kind": "exposure", "gain": 0.0} | changes
    given = {"observed": OPTICAL, "element_area": 0.04, "places": np.zeros((1, 2))}
    return module("noise", known, "telescope.noise", given)


def around(wavelength, channels=1):
    """The channels about a wavelength."""
    first = int(np.argmin(np.abs(OPTICAL.centres() - wavelength))) - channels // 2
    return slice(first, first + channels)


def under(noise, channels, electrons, elements):
    """The same under a sky of so many electrons in some elements and channels."""
    scale = electrons / elements / noise.sky_electrons()[channels].sum()
    return eqx.tree_at(lambda n: n.sky, noise, noise.sky * scale)


def test_night_sky_between_its_lines_is_about_that_of_the_calculator_of_eso(double):
    """The built-in one, which nobody told: 2170 e- at 8000 angstrom and 6226 at 7000, as in the two tests below.

    The airglow between lines is known to a quarter there.
    """
    cases = (
        (muse(time=3600.0, sky={"kind": "night", "airmass": 1.2}), around(8000.0), 2170, 0.21),
        (muse(time=1800.0, count=2.0, sky={"kind": "night"}), around(7000.0, 5), 6226, 0.1),
    )
    for noise, channels, published, error in cases:
        assert 25 * float(noise.sky_electrons()[channels].sum()) == pytest.approx(published, rel=error)


def test_continuum_has_the_ratio_of_the_calculator_of_eso(double):
    """MUSE WFM: R = 23 AB mag/arcsec2 in 1 arcsec2 and a channel at 8000 angstrom, 3600 s, airmass 1.2.

    Quoted in the tests of github.com/RolandBacon/pyetc: target 340 e-, sky 2170 e-, S/N 6.41.
    """
    channel = around(8000.0)
    noise, place = under(muse(time=3600.0, sky={"kind": "night", "airmass": 1.2}), channel, 2170.0, 25), channel.start
    made = exposure.spectroscopy(noise, ab_flux(23.0, np.full(OPTICAL.size, 6400.0)), elements=25)
    assert made.signal[place] * float(noise.electrons()[place]) == pytest.approx(340, rel=0.04)
    assert made.snr[place] == pytest.approx(6.41, rel=0.04)
    whole = exposure.needed(
        lambda count: exposure.spectroscopy(
            exposure.with_exposures(noise, count=count), made.signal / 25 / 0.04, elements=25
        ).snr[place],
        2 * made.snr[place],
    )
    assert whole == pytest.approx(4, rel=1e-4)


def test_line_has_the_ratio_of_the_calculator_of_eso(double):
    """MUSE WFM: 5e-18 erg/s/cm2 at 7000 angstrom, 5 x 5 spaxels and 5 channels, 2 x 1800 s.

    Quoted there: target 753 e-, sky 6226 e-, S/N 7.69.
    """
    line = around(7000.0, 5)
    noise = under(muse(time=1800.0, count=2.0), line, 6226.0, 25)
    flux = jnp.full((25, OPTICAL.size), 753.0 / 125 / noise.electrons()[line].mean())
    variance = np.asarray(noise.variance(flux))[:, line].sum()
    assert float(flux[:, line].sum() / np.sqrt(variance)) == pytest.approx(7.69, rel=0.01)


def test_ratio_that_is_never_reached_takes_for_ever(double):
    noise = stages.exposure()
    brightness = np.full(stages.OBSERVED.size, 5.0)
    assert exposure.needed(
        lambda count: exposure.spectroscopy(exposure.with_exposures(noise, count=count), brightness).per_channel, 1e3
    ) == float("inf")
    with pytest.raises(InputError, match="of no exposure"):
        exposure.plain(ConstantNoise(1.0))


# --- the command ------------------------------------------------------------------------------------------------------


def told(capsys, *line):
    """Status, and what was printed."""
    status = cli.main(["etc", *line])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_command_tells_ratios_and_exposures(capsys):
    status, text = told(
        capsys, "muse-wfm", "--magnitude", "22", "--snr", "10", "--band", "5500", "6000", "--area", "1", "--time", "600"
    )
    assert status == 0 and "1 x 600 s, 1 arcsec2, 5500 to 6000 angstrom in air" in text
    ratio = float(text.split("S/N ")[1].split()[0])
    exposures = float(text.split("takes ")[1].split()[0])
    assert exposures == pytest.approx((10 / ratio) ** 2, rel=0.02)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["muse-wfm"], "give either --magnitude"),
        (["muse-wfm", "--magnitude", "22", "--time", "-1"], "argument --time: -1 is not greater than zero"),
        (["manga", "--magnitude", "22"], "telescope.noise.throughput"),
        (["muse-wfm", "--magnitude", "22", "--band", "1", "2"], "no channel lies between 1 and 2 angstrom"),
    ],
)
def test_command_says_what_would_do(capsys, line, words):
    status, text = told(capsys, *line)
    assert status == 2 and words in text


def test_description_takes_the_numbers_of_its_instrument(tmp_path):
    """And its own where it has them; paths are those from its folder."""
    (tmp_path / "a.json").write_text(
        json.dumps(
            {
                "galaxy": {"kind": "disc-bulge"},
                "library": {"kind": "embedded"},
                "telescope": {
                    "instrument": "muse-wfm",
                    "target": {"kind": "cosmological", "redshift": 0.02},
                    "noise": {"kind": "exposure", "count": 4, "sky": {"kind": "file", "path": "sky.fits"}},
                },
            }
        )
    )
    whole = config.resolved(config.load(tmp_path / "a.json"))["telescope"]["noise"]
    assert (whole["count"], whole["read_noise"], whole["form"]) == (4, 3.0, "gaussian")
    assert whole["sky"] == {"kind": "file", "path": str(tmp_path / "sky.fits")}
    scaled = {"kind": "scaled", "factor": 2, "noise": {"kind": "exposure"}}
    description = config.load(tmp_path / "a.json")
    description["telescope"]["noise"] = scaled
    assert config.resolved(description)["telescope"]["noise"]["noise"]["read_noise"] == 3.0


def test_full_pixels_are_flagged_in_the_cube(tmp_path):
    """Where the sample, not its mean, is above what a pixel holds; and the file gives the flags back."""
    noise = {"kind": "exposure", "throughput": {"kind": "flat", "value": 0.3}, "sky": {"kind": "none"}}
    noise |= {"collecting_area": 48.0, "time": 4000.0, "read_noise": 3.0, "dark": 3.0, "pixels": 1.0}
    description = {
        "galaxy": {"kind": "disc-bulge", "count": 300},
        "library": {"kind": "embedded"},
        "telescope": {
            "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
            "spaxels": {"kind": "square", "pitch": 1.0, "size": [8, 7]},
            "wavelengths": {"start": 5000.0, "step": 2.0, "size": 20, "medium": "air"},
            "noise": noise,
        },
    }
    assert run.observe(run.prepare(description)).quality is None
    noise["full_well"] = 2e3
    cube = run.observe(run.prepare(description))
    assert cube.quality is not None and {0, 4096} == {*np.unique(cube.quality)}
    assert cube.flux[cube.quality > 0].min() > 0.99 * cube.flux[cube.quality == 0].max()
    assert any(note.endswith("voxels have a full pixel of the detector: see DQ") for note in cube.notes)
    write_cube(tmp_path / "cube.fits", cube)
    assert np.array_equal(read_cube(tmp_path / "cube.fits").quality, cube.quality)


@pytest.mark.parametrize("name", ["exposure", "counts"])
def test_data_that_are_no_numbers_are_as_good_as_masked(double, name):
    """Without a mask too, and with a gradient that is finite."""
    noise = stages.NOISES[name]()
    cube = jnp.full((2, 3, stages.OBSERVED.size), 50.0)
    data, mask = cube + 3.0, jnp.ones(cube.shape, bool).at[0, 1, 5:9].set(False)
    spoilt = jnp.where(mask, data, jnp.nan)
    likelihood, slope = jax.value_and_grad(lambda cube: noise.log_prob(spoilt, cube))(cube)
    assert float(likelihood) == pytest.approx(float(noise.log_prob(data, cube, mask=mask)), rel=1e-12)
    assert np.isfinite(slope).all() and not np.any(np.asarray(slope)[~np.asarray(mask)])
