r"""Which particles move an observable: one reverse pass.

An observable is one number that an observer would measure of a galaxy. Its derivative with respect to every array of
every particle costs as much as a few cubes, whatever their number. An index, a mean velocity or a spin parameter does
not change when all masses are scaled: the derivatives with respect to mass, times mass, sum to zero.
"""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.grids import refractivity, to_vacuum
from ifux.maps import moments
from ifux.particles import Particles
from ifux.spaxels.base import AbstractSpaxels
from ifux.telescope import Telescope
from ifux.typing import real

HIGHEST = jax.lax.Precision.HIGHEST

Band = tuple[float, float]
"""First and last wavelength [angstrom]."""

LICK: dict[str, tuple[Band, Band, Band]] = {
    "Hbeta": ((4847.875, 4876.625), (4827.875, 4847.875), (4876.625, 4891.625)),
    "Fe5015": ((4977.750, 5054.000), (4946.500, 4977.750), (5054.000, 5065.250)),
    "Mgb": ((5160.125, 5192.625), (5142.625, 5161.375), (5191.375, 5206.375)),
    "Fe5270": ((5245.650, 5285.650), (5233.150, 5248.150), (5285.650, 5318.150)),
    "Fe5335": ((5312.125, 5352.125), (5304.625, 5315.875), (5353.375, 5363.375)),
    "Fe5406": ((5387.500, 5415.000), (5376.250, 5387.500), (5415.000, 5425.000)),
}
"""Line, blue and red continuum of some atomic indices of the Lick system [angstrom, air, rest frame].

References: Worthey et al. (1994), ApJS 94, 687; wavelengths of Trager et al. (1998), ApJS 116, 1, table 2.
"""


class AbstractObservable(eqx.Module):
    """One number that is measured of a galaxy."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Its unit."""

    @abstractmethod
    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """Its value, without noise."""

    @abstractmethod
    def check(self, telescope: Telescope) -> None:
        """On concrete values, before anything is traced.

        Raises:
            InputError: the telescope does not show it.
        """


@final
class Influence(eqx.Module):
    """An observable, and what moves it."""

    value: Float[Array, ""]
    """[unit]."""
    derivative: Particles
    """By every number of every particle [unit per kpc, km/s, solar mass, Gyr, and metallicity of one]."""
    unit: str = eqx.field(static=True)
    """Of the observable."""

    def of_removal(self, particles: Particles) -> Float[Array, " particle"]:
        """What taking one particle away would change, to first order in its mass [unit]."""
        return -particles.mass * self.derivative.mass


def influence(observable: AbstractObservable, telescope: Telescope, particles: Particles) -> Influence:
    """The value of an observable and its derivative by every array of the particles, in one reverse pass.

    An orientation that was `aligned_to` the particles is held: moving one of them does not turn the others.

    Raises:
        InputError: the telescope does not show the observable, or it is not a finite number.
    """
    observable.check(telescope)
    value, derivative = differentiated(particles, observable, telescope)
    if not bool(jnp.isfinite(value)):
        raise InputError(f"influence: the {type(observable).__name__} is {float(value)}: no light is in its aperture.")
    return Influence(value, derivative, observable.unit)


@eqx.filter_jit
def differentiated(particles: Particles, observable: AbstractObservable, telescope: Telescope):
    """Value and derivative."""
    return eqx.filter_value_and_grad(lambda particles: observable(telescope, particles))(particles)


# --- where is measured ------------------------------------------------------------------------------------------------


def offsets(spaxels: AbstractSpaxels) -> tuple[Float[Array, "y x"], Float[Array, "y x"]]:
    """Centres of the spaxels to the east and the north of the centre of the field [arcsec]."""
    wide, tall = spaxels.size
    x = jnp.asarray((wide - 1) / 2 - np.arange(wide), spaxels.pitch.dtype)
    y = jnp.asarray(np.arange(tall) - (tall - 1) / 2, spaxels.pitch.dtype)
    east, north = jnp.broadcast_arrays(x[None, :] * spaxels.pitch, y[:, None] * spaxels.pitch)
    return east, north


def aperture(spaxels: AbstractSpaxels, radius: float, east: float = 0.0, north: float = 0.0) -> Float[Array, "y x"]:
    """One for the spaxels whose centres lie within a circle, zero for others [arcsec, from the centre of the field].

    Raises:
        InputError: there are none.
    """
    found = [jax.lax.stop_gradient(offset) for offset in offsets(spaxels)]
    inside = (found[0] - east) ** 2 + (found[1] - north) ** 2 <= radius**2
    if not bool(inside.any()):
        raise InputError(
            f"aperture: no spaxel lies within {radius:g} arcsec of ({east:g}, {north:g}); the spaxels are "
            f"{float(spaxels.pitch):g} arcsec wide, take a larger radius."
        )
    return inside.astype(found[0].dtype)


def spectrum(telescope: Telescope, particles: Particles, aperture: Float[Array, "y x"]) -> Float[Array, " wave"]:
    """The noiseless spectrum of an aperture [1e-20 erg/s/cm2/angstrom].

    The aperture is looked at back through the PSF: one map is blurred, and no cube is made.
    """
    psf, spaxels, wavelengths = telescope.psf, telescope.spaxels, telescope.wavelengths
    share = psf.share(jnp.asarray(wavelengths.centres(), aperture.dtype))
    sky = jax.ShapeDtypeStruct((*spaxels.shape(psf.margin), 1), aperture.dtype)
    back = jax.linear_transpose(lambda maps: psf.blur(maps, spaxels.pitch, spaxels.degree), sky)
    terms = jnp.eye(share.shape[0], dtype=aperture.dtype)[:, :, None, None, None] * aperture[None, None, :, :, None]
    seen = jax.vmap(lambda term: back(term)[0][..., 0])(terms)
    kinds = jnp.einsum("tyx,yxk->tk", seen, telescope.weights(particles), precision=HIGHEST)
    return jnp.einsum("tk,kw,tw->w", kinds, telescope.templates(), share, precision=HIGHEST)


def seen_moments(telescope: Telescope, particles: Particles) -> Float[Array, "y x moment"]:
    """Light, and light times velocity and its square, behind the PSF, averaged over the wavelengths of the telescope.

    Light is the mean luminosity over the library's wavelengths, without dust.
    """
    psf, spaxels = telescope.psf, telescope.spaxels
    sums = moments(telescope, particles, margin=psf.margin)[..., 1:4]
    blurred = psf.blur(sums, spaxels.pitch, spaxels.degree)
    share = psf.share(jnp.asarray(telescope.wavelengths.centres(), sums.dtype)).mean(axis=1)
    return jnp.einsum("t,tyxm->yxm", share, blurred, precision=HIGHEST)


# --- what is measured -------------------------------------------------------------------------------------------------


def on_detector(band: Band, telescope: Telescope) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A band [angstrom, air, rest frame] at the redshift and in the medium of a telescope [angstrom]."""

    low, high = (wave * (1 + telescope.target.redshift) for wave in to_vacuum(np.array(band)).tolist())
    if telescope.wavelengths.medium == "vacuum":
        return low, high
    return low / (1 + refractivity(low)), high / (1 + refractivity(high))


def within(band: tuple[Float[Array, ""], Float[Array, ""]], telescope: Telescope) -> Float[Array, " wave"]:
    """How much of every pixel lies in a band on the detector [angstrom]."""
    step, first = telescope.wavelengths.step, telescope.wavelengths.edges()[0]
    # Counted in pixels from the first edge, which is small enough a number for single precision.
    low, high = ((edge - first) / step for edge in band)
    pixels = jnp.arange(telescope.wavelengths.size, dtype=low.dtype)
    return step * jnp.clip(jnp.minimum(high, pixels + 1) - jnp.maximum(low, pixels), 0, 1)


def check_bands(name: str, bands: tuple[Band, ...], telescope: Telescope) -> None:
    """All of them are on the detector."""
    edges = telescope.wavelengths.edges()
    found = [float(edge) for band in bands for edge in on_detector(band, telescope)]
    if min(found) < edges[0] or max(found) > edges[-1]:
        raise InputError(
            f"{name}: its bands lie at {min(found):.1f} to {max(found):.1f} angstrom at redshift "
            f"{float(telescope.target.redshift):g}, the telescope observes {edges[0]:.1f} to {edges[-1]:.1f}: take "
            "another index, wavelengths or redshift."
        )


def check_aperture(name: str, aperture: Float[Array, "y x"], telescope: Telescope) -> None:
    """It is of the telescope's field."""
    if aperture.shape != telescope.spaxels.shape(0):
        raise InputError(
            f"{name}: the aperture has {aperture.shape} spaxels (y, x), the telescope {telescope.spaxels.shape(0)}: "
            "make it of the telescope's spaxels."
        )


@final
class LineIndex(AbstractObservable):
    r"""The equivalent width of a line in the rest frame, positive in absorption.

    $$\mathrm{EW} = \frac{1}{1 + z} \int_\text{line} \left(1 - \frac{F}{C}\right) d\lambda$$

    with C the straight line through the mean fluxes of the two continua at their middles. It is measured at the
    resolution of the telescope, not that of the Lick system, and is not corrected for velocities.

    References: Worthey et al. (1994), ApJS 94, 687, eqs. 1-3.
    """

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added, such as `aperture` makes."""
    bands: tuple[Band, Band, Band] = eqx.field(static=True, default=LICK["Hbeta"])
    """Line, blue and red continuum [angstrom, air, rest frame]: of `LICK`, or others."""

    @property
    def unit(self) -> str:
        """Angstrom in the rest frame."""
        return "angstrom"

    def check(self, telescope: Telescope) -> None:
        """The bands are on the detector, and the aperture is of the field."""
        check_bands("LineIndex", self.bands, telescope)
        check_aperture("LineIndex", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """[angstrom]."""
        return self.measured(telescope, spectrum(telescope, particles, self.aperture))

    def measured(self, telescope: Telescope, flux: Float[Array, " wave"]) -> Float[Array, ""]:
        """Of a spectrum on the wavelengths of a telescope [angstrom]."""
        edges = [on_detector(band, telescope) for band in self.bands]
        line, blue, red = (within(band, telescope) for band in edges)
        middle = [(low + high) / 2 for low, high in edges]
        place = (jnp.asarray(telescope.wavelengths.centres(), flux.dtype) - middle[1]) / (middle[2] - middle[1])
        levels = [jnp.sum(share * flux) / jnp.sum(share) for share in (blue, red)]
        continuum = levels[0] + (levels[1] - levels[0]) * place
        return jnp.sum(line * (1 - flux / continuum)) / (1 + telescope.target.redshift)


@final
class BreakStrength(AbstractObservable):
    r"""The narrow break at 4000 angstrom, Dn4000: mean $F_\nu$ at 4000-4100 angstrom over that at 3850-3950.

    References: Balogh et al. (1999), ApJ 527, 54. They give no medium; these are taken to be wavelengths in air.
    """

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added."""
    blue: Band = eqx.field(static=True, default=(3850.0, 3950.0))
    """[angstrom, air, rest frame]."""
    red: Band = eqx.field(static=True, default=(4000.0, 4100.0))
    """[angstrom, air, rest frame]."""

    @property
    def unit(self) -> str:
        """A ratio."""
        return ""

    def check(self, telescope: Telescope) -> None:
        """The bands are on the detector, and the aperture is of the field."""
        check_bands("BreakStrength", (self.blue, self.red), telescope)
        check_aperture("BreakStrength", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """The ratio."""
        return self.measured(telescope, spectrum(telescope, particles, self.aperture))

    def measured(self, telescope: Telescope, flux: Float[Array, " wave"]) -> Float[Array, ""]:
        """Of a spectrum on the wavelengths of a telescope."""
        # The mean of F_nu over wavelength: F_lambda times the square of the wavelength, here in units of 4000 angstrom.
        wave = jnp.asarray(telescope.wavelengths.centres() / 4000, flux.dtype)
        blue, red = (within(on_detector(band, telescope), telescope) for band in (self.blue, self.red))
        return (jnp.sum(red * flux * wave**2) / jnp.sum(red)) / (jnp.sum(blue * flux * wave**2) / jnp.sum(blue))


@final
class MeanVelocity(AbstractObservable):
    """The light-weighted mean line-of-sight velocity in an aperture behind the PSF, receding is positive."""

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added."""

    @property
    def unit(self) -> str:
        """Kilometres per second."""
        return "km/s"

    def check(self, telescope: Telescope) -> None:
        """The aperture is of the field."""
        check_aperture("MeanVelocity", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """[km/s]."""
        light, velocity, _ = jnp.einsum("yx,yxm->m", self.aperture, seen_moments(telescope, particles))
        return velocity / light


@final
class SpinParameter(AbstractObservable):
    r"""The spin parameter of the stars within an aperture, from maps of light, velocity and dispersion behind the PSF.

    $$\lambda_R = \frac{\sum F R |V|}{\sum F R \sqrt{V^2 + \sigma^2}}$$

    with R the distance of a spaxel from the centre of the field, which should be that of the galaxy. Of an aperture of
    one or two effective radii; spaxels without light count for nothing.

    References: Emsellem et al. (2007), MNRAS 379, 401, eq. 6.
    """

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added."""

    @property
    def unit(self) -> str:
        """A ratio."""
        return ""

    def check(self, telescope: Telescope) -> None:
        """The aperture is of the field."""
        check_aperture("SpinParameter", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """The ratio, between zero and one."""
        return self.measured(telescope, seen_moments(telescope, particles))

    def measured(self, telescope: Telescope, moments: Float[Array, "y x moment"]) -> Float[Array, ""]:
        """Of light, light times velocity, and light times the square of it.

        F |V| is the size of the second, F sqrt(V^2 + sigma^2) the geometric mean of the first and the third.
        """
        east, north = offsets(telescope.spaxels)
        weight = self.aperture * jnp.sqrt(jnp.where(east**2 + north**2 > 0, east**2 + north**2, 1))
        weight = jnp.where(east**2 + north**2 > 0, weight, 0)
        light, velocity, square = (moments[..., i] for i in range(3))
        lit = (light > 0) & (square > 0)
        root = jnp.where(lit, jnp.sqrt(jnp.where(lit, light, 1)) * jnp.sqrt(jnp.where(lit, square, 1)), 0)
        return jnp.sum(weight * jnp.where(lit, jnp.abs(velocity), 0)) / jnp.sum(weight * root)
