"""A point spread function that is wider along one direction."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF, check_profile
from ifux.typing import real, within


@final
class EllipticalPSF(AbstractKernelPSF):
    r"""Any profile stretched along one axis and shrunk across it by as much: $P(\sqrt{q}\,u, v/\sqrt{q})$.

    With u along the major axis and v along the minor one. Area and flux are those of the round profile, whose FWHM is
    the geometric mean of the two.
    """

    psf: AbstractKernelPSF
    """The round profile."""
    axis_ratio: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0, most=1))
    """Minor over major axis q."""
    position_angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Of the major axis, north through east [degree]."""

    def __check_init__(self):
        check_profile("EllipticalPSF.psf", self.psf)

    @property
    def margin(self) -> int:
        """That of the profile."""
        return self.psf.margin

    def sharpest(self) -> float:
        """That along the minor axis."""
        return self.psf.sharpest() * math.sqrt(float(self.axis_ratio))

    def radius(self, lost: float) -> float:
        """That along the major axis."""
        return self.psf.radius(lost) / math.sqrt(float(self.axis_ratio))

    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """The round profile of what lies along and across."""
        cos, sin = jnp.cos(jnp.deg2rad(self.position_angle)), jnp.sin(jnp.deg2rad(self.position_angle))
        root = jnp.sqrt(self.axis_ratio)
        return self.psf.brightness((east * sin + north * cos) * root, (east * cos - north * sin) / root)
