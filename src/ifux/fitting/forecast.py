"""What would another setting of the instrument buy? Cramér-Rao bounds before anything is observed.

The errors are those of `fisher`, and the noise is that of each telescope's own stage: what a longer exposure or a
smaller spaxel does to the noise is physics that has to be stated. `longer` and `finer` state it for common cases.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.fitting.fisher import Uncertainty, fisher
from ifux.fitting.free import Name, free
from ifux.fitting.losses import Cubes
from ifux.noise import AbstractGaussianNoise, AbstractNoise, ScaledNoise, TargetSNRNoise
from ifux.observation import Observation
from ifux.spaxels import SquareSpaxels
from ifux.spectrograph import Spectrograph
from ifux.telescope import Telescope

T = TypeVar("T", bound=Telescope | Spectrograph)


@dataclass(frozen=True)
class Forecast:
    """How well the same parameters can be known by several telescopes; printed, it is a table."""

    settings: dict[str, Uncertainty]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return next(iter(self.settings.values())).names

    @property
    def errors(self) -> Float[np.ndarray, "setting parameter"]:
        """Standard deviations in physical units."""
        return np.array([list(known.errors.values()) for known in self.settings.values()])

    @property
    def gains(self) -> Float[np.ndarray, "setting parameter"]:
        """The errors of the first setting, divided by those of each: two is twice as good.

        Not a number where neither knows anything.
        """
        with np.errstate(invalid="ignore"):
            return self.errors[0] / self.errors

    def __str__(self) -> str:
        """One line for each setting, one column for each parameter."""
        width = max(map(len, self.settings))
        columns = [max(len(name), 9) for name in self.names]
        lines = [" " * width + "".join(f"  {name:>{size}}" for name, size in zip(self.names, columns, strict=True))]
        for setting, row in zip(self.settings, self.errors, strict=True):
            cells = "".join(f"  {error:>{size}.3g}" for error, size in zip(row, columns, strict=True))
            lines.append(f"{setting:<{width}}{cells}")
        return "\n".join(lines)


def forecast(
    observation: Observation,
    telescopes: Mapping[str, Telescope | Spectrograph],
    **names: Name,
) -> Forecast:
    """The Cramér-Rao bound of some parameters for each of several telescopes that look at one galaxy.

        forecast(
            observation,
            {"as it is": telescope, "twice the exposure": longer(telescope, 2.0)},
            rotation=(lambda o: o.galaxy.rotation_speed, Positive()))

    Noise is that of the elements of the focal plane, as fits of them have it, or of a cube with its covariance. Its
    variance is taken at the noiseless ones, and known: what it tells by itself about the parameters
    does not count. Priors do. What a telescope cannot know, or not tell from something else, has an infinite error.

    Args:
        observation: The galaxy, and the telescope that is not used if it is not named again.
        telescopes: By name of the setting; a spectrograph knows what its arms know together.
        **names: As for `free`: a name for each free leaf, its place in the observation, its range or its prior.

    Raises:
        InputError: a telescope has no noise.
    """
    settings = {}
    for setting, telescope in telescopes.items():
        parameters, model = free(Observation(telescope, observation.galaxy), **names)
        variance = variance_of(model.model)
        if any(bool((of <= 0).any()) for of in jax.tree.leaves(variance)):
            raise InputError(f"forecast: {setting}: the variance is not above zero everywhere: add a noise stage.")
        settings[setting] = fisher(model, parameters, noiseless, variance)
    return Forecast(settings)


def noiseless(observation: Observation) -> Cubes:
    """The spectra of the elements without noise, or those of every arm."""
    return observation.expose()


@eqx.filter_jit
def variance_of(observation: Observation) -> Cubes:
    """Of their noise."""
    return observation.variance(observation.expose())


def longer(telescope: T, times: float) -> T:
    """The telescope, or the spectrograph, with an exposure that is so many times as long, or so many exposures.

    Photons of the source and of the sky are counted: in units of flux, their variance falls with the time. So it does
    for read noise where the number of exposures grows; in one longer exposure it would fall with the square.
    """
    if not times > 0:
        raise InputError(f"longer: the exposure must be more than zero times as long, got {times}.")
    noises = [scaled(gaussian(noise), 1 / times) for noise in noises_of(telescope)]
    return eqx.tree_at(noises_of, telescope, noises)


def noises_of(telescope: Telescope | Spectrograph) -> list[AbstractNoise]:
    """That of the telescope, or those of all arms."""
    return [arm.noise for arm in telescope.arms.values()] if isinstance(telescope, Spectrograph) else [telescope.noise]


def finer(telescope: Telescope, times: float, limit: Literal["sky", "detector", "source"]) -> Telescope:
    """The telescope with spaxels so many times as narrow, on the same field, with the PSF and exposure as they were.

    Args:
        telescope: With square spaxels, so many that they still fill the field.
        times: 2 for spaxels of half the side: each receives a quarter of the light.
        limit: Where the noise comes from. Photons of the `sky` are shared like the light: the variance of a spaxel
            falls with its area. Of a `detector`, each spaxel has the same however large it is. Photons of the
            `source` are in the hands of the noise stage, whose variance must be proportional to the cube.
    """
    spaxels = telescope.spaxels
    if not isinstance(spaxels, SquareSpaxels):
        raise InputError(f"finer: only square spaxels can be divided, not {type(spaxels).__name__}.")
    noise = gaussian(telescope.noise)
    if isinstance(noise.noise if isinstance(noise, ScaledNoise) else noise, TargetSNRNoise):
        raise InputError(
            "finer: TargetSNRNoise gives the brightest spaxel its signal-to-noise ratio whatever its size: state the "
            "noise as a level, with ConstantNoise."
        )
    size = tuple(count * times for count in spaxels.size)
    if any(abs(count - round(count)) > 1e-6 or round(count) < 1 for count in size):
        raise InputError(f"finer: {spaxels.size} spaxels cannot be made {times:g} times as many along each side.")
    divided = dataclasses.replace(
        spaxels, pitch=spaxels.pitch / times, size=tuple(round(count) for count in size), centre=spaxels.centre
    )
    stages = (
        divided,
        telescope.psf.reaching(max(1, math.ceil(telescope.psf.margin * times - 1e-6))),
        scaled(noise, times**-2.0) if limit == "sky" else noise,
    )
    return eqx.tree_at(lambda t: (t.spaxels, t.psf, t.noise), telescope, stages)


def gaussian(noise: AbstractNoise) -> AbstractGaussianNoise:
    """The noise of a telescope, if it is one that can be scaled."""
    if not isinstance(noise, AbstractGaussianNoise):
        name = type(noise).__name__
        raise InputError(f"A telescope with {name} has no variance that can be scaled: give it a noise stage.")
    return noise


def scaled(noise: AbstractGaussianNoise, factor: float) -> ScaledNoise:
    """A noise stage with a multiple of its variance, or with a multiple of the multiple that it has already."""
    if isinstance(noise, ScaledNoise):
        return ScaledNoise(noise.noise, factor * noise.factor)
    return ScaledNoise(noise, factor)
