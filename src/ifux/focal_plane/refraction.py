"""How the atmosphere moves light with its wavelength."""

from abc import abstractmethod
from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.grids import AbstractWavelengths
from ifux.grids.air import refractivity
from ifux.scene import Scene
from ifux.typing import AbstractLimited, real, within
from ifux.units import ARCSEC

EVEN = (3600.0, 3730.0, 3880.0, 4050.0, 4245.0, 4475.0, 4750.0, 5090.0, 5515.0, 6080.0, 6870.0, 8100.0, 10400.0)
"""Wavelengths between any two neighbours of which air refracts by as much more [angstrom]."""

STANDARD = 288.15 / 1013.25
"""Temperature over pressure of standard air [K/hPa]."""


class AbstractRefraction(AbstractLimited):
    """Where light of a wavelength seems to come from."""

    @property
    @abstractmethod
    def moves_at(self) -> tuple[float, ...] | None:
        """Wavelengths between which the displacement is straight enough [angstrom]; none where there is none."""

    @property
    @abstractmethod
    def exposures(self) -> int:
        """Of how many exposures it is; one is of all."""

    @abstractmethod
    def displacement(self, wave: Float[np.ndarray, " wave"]) -> Float[Array, " wave #exposure 2"]:
        """Of light at wavelengths [angstrom], east and north on the sky [arcsec]."""


@final
class NoRefraction(AbstractRefraction):
    """Above the atmosphere, or behind a corrector that takes its dispersion out."""

    @property
    def moves_at(self) -> tuple[float, ...] | None:
        """None."""
        return None

    @property
    def exposures(self) -> int:
        """All of them."""
        return 1

    def displacement(self, wave: Float[np.ndarray, " wave"]) -> Float[Array, " wave #exposure 2"]:
        """None."""
        return jnp.zeros((wave.size, 1, 2))


@final
class AtmosphericRefraction(AbstractRefraction):
    r"""Differential refraction of a plane atmosphere.

    $$\Delta R = \left[n(\lambda) - n(\lambda_0)\right] \tan z$$

    towards the zenith: blue light seems to come from higher up. The refractivity of air is in proportion to its
    density; that of water vapour is left out, which changes the difference by less than a hundredth. The telescope
    guides on the reference wavelength. True to a hundredth up to 65 degrees from the zenith.

    References: Filippenko (1982), PASP 94, 715; the refractivity is that of Ciddor (1996), Applied Optics 35, 1566.
    """

    zenith_distance: Float[Array, " exposure"] = eqx.field(converter=real, metadata=within(least=0, most=80))
    """Of the field in the middle of every exposure [degree]."""
    parallactic_angle: Float[Array, " exposure"] = eqx.field(converter=real)
    """Direction to the zenith, north through east [degree]."""
    reference: Float[Array, ""] = eqx.field(converter=real, default=5500.0, metadata=within(above=0))
    """Wavelength that the telescope guides on [angstrom, vacuum]."""
    pressure: Float[Array, ""] = eqx.field(converter=real, default=750.0, metadata=within(least=0))
    """At the telescope [hPa]."""
    temperature: Float[Array, ""] = eqx.field(converter=real, default=10.0, metadata=within(above=-273))
    """At the telescope [degree Celsius]."""
    wavelengths: tuple[float, ...] = eqx.field(
        static=True,
        converter=lambda given: tuple(float(wave) for wave in given),
        default=EVEN,
        metadata=within(above=0),
    )
    """Between any two of which light is interpolated [angstrom]; beyond them it stays where it is there. The usual ones
    are a seventh of an arcsec apart at 45 degrees from the zenith: what is blurred to a FWHM of two arcsec is then true
    to 4e-3 of its peak, which falls with the square of their distance."""

    def __check_init__(self):
        pairs = zip(self.wavelengths, self.wavelengths[1:], strict=False)
        if len(self.wavelengths) < 2 or not all(low < high for low, high in pairs):
            raise ValueError(
                f"AtmosphericRefraction.wavelengths must be two or more that increase, got {self.wavelengths}."
            )
        if self.zenith_distance.shape != self.parallactic_angle.shape:
            raise ValueError(
                f"AtmosphericRefraction.zenith_distance and parallactic_angle have shapes {self.zenith_distance.shape} "
                f"and {self.parallactic_angle.shape}: give both for every exposure."
            )

    @property
    def moves_at(self) -> tuple[float, ...] | None:
        """Those wavelengths."""
        return self.wavelengths

    @property
    def exposures(self) -> int:
        """As many as there are zenith distances."""
        return self.zenith_distance.shape[-1] if self.zenith_distance.ndim else 1

    def displacement(self, wave: Float[np.ndarray, " wave"]) -> Float[Array, " wave #exposure 2"]:
        """The formula above."""
        density = self.pressure / (273.15 + self.temperature) * STANDARD
        excess = refractivity(jnp.asarray(wave, self.reference.dtype)) - refractivity(self.reference)
        raised = jnp.outer(excess * density, jnp.tan(jnp.deg2rad(self.zenith_distance))) / ARCSEC
        angle = jnp.deg2rad(self.parallactic_angle)
        return raised[..., None] * jnp.stack([jnp.sin(angle), jnp.cos(angle)], axis=-1)[None]


def in_field(moved: Float[Array, "*place 2"], scene: Scene) -> Float[Array, "*place 2"]:
    """A displacement on the sky, east and north as positions in the field, before it is turned."""
    sin, cos = jnp.sin(jnp.deg2rad(scene.position_angle)), jnp.cos(jnp.deg2rad(scene.position_angle))
    east, north = moved[..., 0], moved[..., 1]
    return jnp.stack([east * cos - north * sin, north * cos + east * sin], axis=-1)


def term_by_term(
    collected: Callable[[Float[Array, "..."], Float[Array, "tall wide channel"]], Float[Array, "..."]],
    looking: Float[Array, "seen ..."],
    maps: Float[Array, "term tall wide channel"],
) -> Float[Array, "seen ..."]:
    """What elements collect of each map where they look at its wavelength; of one map, where they look at any."""
    if maps.shape[0] == 1:
        return jax.lax.map(lambda at: collected(at, maps[0]), looking)
    return jax.lax.map(lambda one: collected(*one), (looking, maps))


def bands(moves_at: tuple[float, ...] | None, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
    """Of every band in which elements are taken to look at one place its first and last channel, and its wavelength."""
    wave = wavelengths.centres()
    if moves_at is None:
        return [(0, wave.size, float(wave[0]))]
    nodes = np.asarray(moves_at)
    ends = np.searchsorted(wave, (nodes[1:] + nodes[:-1]) / 2).tolist()
    return [
        (first, last, float(node))
        for first, last, node in zip([0, *ends], [*ends, wave.size], nodes, strict=True)
        if last > first
    ]
