"""What can be known of a galaxy: forecasts obey the laws of optics, fits and samplers keep to the errors they state."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import (
    ConstantNoise,
    GaussianPSF,
    InputError,
    NoLSF,
    NoNoise,
    Observation,
    Particles,
    SquareSpaxels,
    TargetSNRNoise,
    VelocityChannels,
    Wavelengths,
)
from ifux.fitting import Positive, Real, Whitened, finer, fisher, forecast, free, longer
from ifux.noise import AbstractGaussianNoise

FWHM, PITCH, LEVEL = 1.6, 0.4, 1e-3


def point(noise, channels=12) -> Observation:
    """A star in the middle of a wide field, well sampled, at rest."""
    telescope = stages.telescope(
        wavelengths=Wavelengths(4836.0, 1.25, channels, "air"),
        spaxels=SquareSpaxels(PITCH, (30, 30)),
        kinematics=VelocityChannels(reach=50.0, spacing=50.0, degree=1),
        psf=GaussianPSF(FWHM, reach=14),
        lsf=NoLSF(),
        noise=noise,
    )
    star = Particles(jnp.zeros((1, 3)), jnp.zeros((1, 3)), [1e6], [5.0], [0.01])
    return Observation(telescope, star)


FLUX = {"flux": (lambda o: o.galaxy.mass, Positive())}
PLACE = {"centre": (lambda o: o.telescope.spaxels.centre, Real(0.1))}


class PhotonNoise(AbstractGaussianNoise):
    """The source's own photons, and very few others."""

    share: float = eqx.field(static=True, default=1e-4)

    def variance(self, cube):
        return self.share * jnp.maximum(cube, 1e-9 * cube.max())


seen = eqx.filter_jit(lambda observation: observation())


def signal_to_noise(observation: Observation) -> float:
    """Of the best estimate of the flux: the root of the sum of S^2 / variance."""
    cube = seen(observation)
    return float(jnp.sqrt(jnp.sum(cube**2 / observation.telescope.noise.variance(cube))))


def test_flux_is_known_to_its_signal_to_noise(double):
    observation = point(ConstantNoise(LEVEL))
    (error,) = forecast(observation, {"as it is": observation.telescope}, **FLUX).errors[0]
    assert error / 1e6 == pytest.approx(1 / signal_to_noise(observation), rel=1e-9)


def width(pitch: float) -> float:
    """Standard deviation of the seeing together with the spaxel [arcsec]."""
    return math.sqrt(FWHM**2 / (8 * math.log(2)) + pitch**2 / 12)


@pytest.mark.parametrize(
    ("noise", "factor"), [(ConstantNoise(LEVEL), math.sqrt(2)), (PhotonNoise(), 1.0)], ids=["sky", "photons"]
)
def test_place_is_known_to_the_seeing_over_the_signal_to_noise(double, noise, factor):
    """sigma / (S/N) where the noise is that of the source's photons, sqrt(2) times that under a flat background.

    King (1983), PASP 95, 163.
    """
    observation = point(noise)
    errors = forecast(observation, {"as it is": observation.telescope}, **PLACE).errors[0]
    assert errors == pytest.approx(factor * width(PITCH) / signal_to_noise(observation), rel=3e-3)


def test_errors_fall_with_the_root_of_the_exposure(double):
    observation = point(ConstantNoise(LEVEL))
    times = {"1": 1.0, "2": 2.0, "10": 10.0}
    table = forecast(
        observation, {name: longer(observation.telescope, value) for name, value in times.items()}, **FLUX, **PLACE
    )
    assert table.names == ("centre[0]", "centre[1]", "flux[0]")
    assert np.allclose(table.gains, np.sqrt([[1.0], [2.0], [10.0]]), rtol=1e-9)
    assert str(table).splitlines()[0].split() == list(table.names)
    assert [line.split()[0] for line in str(table).splitlines()[1:]] == list(times)


@pytest.mark.parametrize(
    ("noise", "limit", "factor"),
    [(ConstantNoise(LEVEL), "sky", 1.0), (ConstantNoise(LEVEL), "detector", 0.5)],
    ids=["sky", "detector"],
)
def test_halving_a_spaxel_gains_what_it_blurs(double, noise, limit, factor):
    """Under a sky an error goes as the width of a source's image, and that of its place as the square.

    A detector that adds noise to four spaxels instead of one doubles both.
    """
    observation = point(noise)
    half = finer(observation.telescope, 2.0, limit)
    assert half.spaxels.size == (60, 60) and half.psf.reach == 28
    table = forecast(observation, {"spaxel": observation.telescope, "half": half}, **FLUX, **PLACE)
    narrower = width(PITCH) / width(PITCH / 2)
    assert np.allclose(table.gains[1], factor * narrower ** np.array([2, 2, 1]), rtol=3e-3)


def test_a_spaxel_larger_than_the_seeing_loses_the_place(double):
    """In one of 2.5 FWHM, light moves between spaxels only at their edges, and the middle one has them far away."""
    observation = point(ConstantNoise(LEVEL))
    coarse = finer(observation.telescope, 0.1, "sky")
    table = forecast(observation, {"spaxel": observation.telescope, "ten times": coarse}, **PLACE)
    assert np.all(table.gains[1] < 0.5)


def test_forecasts_say_what_they_lack(double):
    observation = point(NoNoise())
    with pytest.raises(InputError, match="dark: the variance is not above zero"):
        forecast(observation, {"dark": observation.telescope}, **FLUX)
    with pytest.raises(InputError, match="NoNoise has no variance that can be scaled"):
        longer(observation.telescope, 2.0)
    target = point(TargetSNRNoise(30.0)).telescope
    for telescope in (target, longer(target, 2.0)):
        with pytest.raises(InputError, match="state the noise as a level"):
            finer(telescope, 2.0, "sky")
    with pytest.raises(InputError, match=r"cannot be made 0\.72 times as many"):
        finer(point(ConstantNoise(LEVEL)).telescope, 0.72, "sky")
    twice = longer(longer(target, 2.0), 3.0).noise
    assert float(twice.factor) == pytest.approx(1 / 6) and isinstance(twice.noise, TargetSNRNoise)
    with pytest.raises(InputError, match="as it is: fisher: the cube does not depend on level"):
        noisy = point(ConstantNoise(LEVEL))
        forecast(noisy, {"as it is": noisy.telescope}, level=(lambda o: o.telescope.noise.level, Positive()))


def test_whitened_parameters_have_the_unit_matrix(double):
    observation = point(ConstantNoise(LEVEL))
    parameters, model = free(observation, **FLUX, **PLACE, seeing=(lambda o: o.telescope.psf.fwhm, Positive()))
    variance = observation.telescope.noise.variance(seen(observation))
    white = Whitened.at(model, parameters, fisher(model, parameters, lambda o: o(), variance))

    def cube(place):
        return (model(white(place))() / jnp.sqrt(variance)).ravel()

    jacobian = jax.jit(jax.jacfwd(cube))(white.origin)
    assert np.allclose(jacobian.T @ jacobian, np.eye(4), atol=1e-9)
