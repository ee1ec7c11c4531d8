"""Distances are those of the cosmology that everybody uses."""

import astropy.cosmology
import astropy.units
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from astropy.wcs import WCS

from ifux import CosmologicalTarget, EulerOrientation, FixedTarget, FlatLambdaCDM, Particles
from ifux.typing import real

REDSHIFTS = np.array([0.001, 0.01, 0.03, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0])


@eqx.filter_jit
def distances(cosmology, redshifts):
    return jax.vmap(lambda z: CosmologicalTarget(z, cosmology).luminosity_distance())(redshifts)


@eqx.filter_jit
def scales(target):
    return target.luminosity_distance(), target.arcsec_per_kpc(), target.flux_per_luminosity()


def test_distances_are_those_of_planck15(bits):
    ours = distances(FlatLambdaCDM(), real(REDSHIFTS))
    theirs = astropy.cosmology.Planck15.luminosity_distance(REDSHIFTS).value
    # Single precision rounds a sum of 24 terms.
    assert np.allclose(ours, theirs, rtol=1e-6 if bits == 64 else 2e-6, atol=0)


def test_distances_without_radiation_are_exact(double):
    ours = distances(FlatLambdaCDM(70.0, 0.3, 0.0), real(REDSHIFTS))
    theirs = astropy.cosmology.FlatLambdaCDM(70.0, 0.3, Tcmb0=0.0).luminosity_distance(REDSHIFTS).value
    assert np.allclose(ours, theirs, rtol=1e-9, atol=0)


def test_nearby_distance_is_hubbles_law(double):
    assert float(distances(FlatLambdaCDM(), real([1e-6]))[0]) == pytest.approx(299792.458e-6 / 67.74, rel=2e-6)


def test_angles_use_the_angular_diameter_distance(bits):
    for redshift in (0.01, 0.5, 3.0):
        _, size, _ = scales(CosmologicalTarget(redshift))
        theirs = astropy.cosmology.Planck15.arcsec_per_kpc_proper(redshift).value
        assert float(size) == pytest.approx(theirs, rel=3e-6)


def test_fixed_distance_is_kept(bits):
    distance, size, _ = scales(FixedTarget(0.2, 100.0))
    assert float(distance) == 100
    kpc = np.degrees(1 / (100e3 / 1.2**2)) * 3600
    assert float(size) == pytest.approx(kpc, rel=1e-6)


@pytest.mark.parametrize("name", stages.TARGETS)
def test_sun_has_the_flux_of_the_sun(bits, name):
    """1 / (4 pi D^2), with the sun and the megaparsec of the IAU as astropy knows them."""
    distance, _, flux = scales(stages.TARGETS[name]())
    metres = (float(distance) * astropy.units.Mpc).to(astropy.units.cm)
    sun = (astropy.constants.L_sun / (4 * np.pi * metres**2)).to("erg / (s cm2)").value / 1e-20
    assert float(flux) == pytest.approx(sun, rel=1e-6)


@pytest.mark.parametrize("name", stages.TARGETS)
def test_nothing_overflows_single_precision(name):
    """Gigaparsecs in centimetres, squared, are beyond float32."""
    target = eqx.tree_at(lambda t: t.redshift, stages.TARGETS[name](), real(8.0))
    gradient = eqx.filter_jit(eqx.filter_grad(lambda t: t.flux_per_luminosity() + t.arcsec_per_kpc()))(target)
    assert all(np.isfinite(x) for x in scales(target))
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(gradient))


def test_flux_falls_with_the_square_of_the_distance(double):
    one, two = (scales(FixedTarget(0.0, d))[2] for d in (10.0, 30.0))
    assert float(one / two) == pytest.approx(9, rel=1e-14)


def test_distance_grows_with_redshift_at_the_rate_of_the_integrand(double):
    def comoving(z):
        return FlatLambdaCDM().comoving_distance(z)

    slope = jax.jit(jax.vmap(jax.grad(comoving)))(real(REDSHIFTS))
    expansion = astropy.cosmology.Planck15.H(REDSHIFTS).value
    assert np.allclose(slope, 299792.458 / expansion, rtol=1e-6, atol=0)
    assert jnp.all(slope > 0)


# --- perspective ------------------------------------------------------------------------------------------------------


def turned(count=200, spread=1.0, seed=0):
    """Stars about the centre, in the sky frame [kpc]."""
    rng = np.random.default_rng(seed)
    ones = np.ones(count)
    return Particles(spread * rng.normal(size=(count, 3)), 100 * rng.normal(size=(count, 3)), ones, ones, 0.02 * ones)


project = eqx.filter_jit(lambda target, particles: target.project(particles))


def test_every_star_is_seen_along_its_own_line_of_sight(double):
    """Of a cluster 20 kpc away, in plain geometry from the place of the observer, by astropy's tangent plane."""
    stars, distance = turned(spread=2.0), 20.0
    seen = project(FixedTarget(0.0, distance * 1e-3, perspective=True), stars)
    east, north, away = np.asarray(stars.position).T + np.array([[0], [0], [distance]])
    r = np.sqrt(east**2 + north**2 + away**2)
    velocity = (np.asarray(stars.velocity) * np.column_stack([east, north, away])).sum(axis=1) / r
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [1 / 3600, 1 / 3600]
    angles = np.degrees([np.arctan2(east, away), np.arcsin(north / r)])
    sky = wcs.wcs_world2pix(angles.T, 0) - wcs.wcs_world2pix([[0.0, 0.0]], 0)
    assert np.allclose(seen.sky, sky, rtol=1e-9, atol=1e-6)
    assert np.allclose(seen.velocity, velocity, rtol=0, atol=1e-10)
    assert np.allclose(seen.brightness, (distance / r) ** 2, rtol=1e-12)


def test_perspective_vanishes_with_distance(bits):
    """In proportion to the size over the distance, down to rounding: offsets are counted from the centre."""
    stars = turned()
    for distance, most in ((1.0, 5e-3), (1000.0, 5e-6)):
        near, far = (project(FixedTarget(0.0, distance, perspective=p), stars) for p in (True, False))
        scale = np.abs(np.asarray(far.sky)).max()
        assert np.abs(np.asarray(near.sky) - far.sky).max() < most * scale
        assert np.abs(np.asarray(near.brightness) - 1).max() < 2 * most
        assert np.abs(np.asarray(near.velocity) - far.velocity).max() < most * 400
    assert far.brightness is None


def test_what_is_behind_the_observer_is_lost_and_counted(double):
    stars = Particles(
        [[0.0, 0, 0], [0, 0, -25], [0, 0, -19.9999], [40, 0, 1], [0, 36.3, 1]], np.zeros((5, 3)), *[np.ones(5)] * 2,
        np.full(5, 0.02),
    )  # fmt: skip
    target = FixedTarget(stages.REDSHIFT, 0.02 * (1 + stages.REDSHIFT) ** 2, perspective=True)
    seen = project(target, stars)
    assert np.isfinite(seen.sky).all() and np.allclose(seen.brightness[jnp.array([1, 3])], 0)
    assert float(seen.brightness[4]) > 0 and np.hypot(*np.asarray(seen.sky[4])) == pytest.approx(
        206265 * 36.3 / 21, rel=1e-4
    )
    telescope = stages.telescope(target=target, orientation=EulerOrientation())
    assert float(telescope.coverage(stars).field) == pytest.approx(0.4)


def test_light_of_a_nearer_star_is_brighter(double):
    """Behind the whole telescope, with its gradient in the distance."""
    stars = Particles([[0.0, 0, -2]], np.zeros((1, 3)), *[np.ones(1)] * 2, np.full(1, 0.02))

    @eqx.filter_jit
    def light(depth, perspective):
        target = FixedTarget(stages.REDSHIFT, 0.02 * (1 + stages.REDSHIFT) ** 2, perspective=perspective)
        telescope = stages.telescope(target=target, orientation=EulerOrientation())
        at = eqx.tree_at(lambda s: s.position, stars, jnp.zeros((1, 3)).at[0, 2].set(depth))
        return telescope.weights(at).sum()

    assert float(light(-2.0, True) / light(-2.0, False)) == pytest.approx((20 / 18) ** 2, rel=1e-12)
    slope = jax.grad(lambda depth: light(depth, True))(-2.0) / light(-2.0, True)
    assert float(slope) == pytest.approx(-2 / 18, rel=1e-9)


def test_what_is_further_away_recedes_with_the_universe(double):
    """H(z) of Planck15 times the depth, and nothing where it is not asked for."""
    stars = turned(spread=500.0)
    plain, flow = (project(CosmologicalTarget(0.5, hubble_flow=flow), stars) for flow in (False, True))
    rate = astropy.cosmology.Planck15.H(0.5).value
    assert np.allclose(flow.velocity - plain.velocity, rate / 1e3 * np.asarray(stars.position)[:, 2], rtol=1e-6)
    assert np.array_equal(plain.velocity, np.asarray(stars.velocity)[:, 2])
