"""Distances are those of the cosmology that everybody uses."""

import astropy.cosmology
import astropy.units
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import CosmologicalTarget, FixedTarget, FlatLambdaCDM
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
