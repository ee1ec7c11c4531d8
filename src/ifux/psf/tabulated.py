"""A point spread function that is known at some wavelengths."""

from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics import piecewise
from ifux.numerics.contract import Range
from ifux.psf.base import AbstractKernelPSF, AbstractPSF, check_profile
from ifux.psf.chromatic_table import increasing
from ifux.scene import Scene
from ifux.spread import AbstractSpread, SplineSpread
from ifux.typing import within


@final
class TabulatedPSF(AbstractPSF):
    r"""Several PSFs, each at its wavelength, and linear in the wavelength between two of them.

    A channel sees two of them. Between images of a width that grows with the wavelength the error is half the square of
    the logarithm of two neighbours' ratio, in units of the peak: 1e-3 for steps of 4.5 per cent.
    """

    psfs: tuple[AbstractKernelPSF, ...] = eqx.field(converter=tuple)
    """The PSFs."""
    wavelengths: tuple[float, ...] = eqx.field(static=True, converter=increasing, metadata=within(above=0))
    """At which they are so, increasing [angstrom, observed]; beyond them the PSF stays as it is there."""

    def __check_init__(self):
        for psf in self.psfs:
            check_profile("TabulatedPSF.psfs", psf)
        pairs: Sequence[tuple[float, float]] = [*zip(self.wavelengths, self.wavelengths[1:], strict=False)]
        if not self.psfs or len(self.psfs) != len(self.wavelengths) or not all(low < high for low, high in pairs):
            raise ValueError(
                f"TabulatedPSF.wavelengths must increase, and be as many as the {len(self.psfs)} PSFs, got "
                f"{self.wavelengths}."
            )

    @property
    def margin(self) -> int:
        """That of the PSF which reaches furthest."""
        return max(psf.margin for psf in self.psfs)

    @property
    def spread(self) -> AbstractSpread:
        """B-splines, which the kernels make up for."""
        return SplineSpread()

    def sharpest(self) -> float:
        """That of the sharpest."""
        return min(psf.sharpest() for psf in self.psfs)

    def radius(self, lost: float) -> float:
        """That of the widest."""
        return max(psf.radius(lost) for psf in self.psfs)

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Those of the two neighbours, linear in the wavelength."""
        nodes = np.asarray(self.wavelengths)
        return piecewise.weights(wave, nodes, jnp.zeros(nodes.size - 1, wave.dtype))

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """Those of the table."""
        return self.wavelengths

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """The two neighbours."""
        return piecewise.ranges(wave, np.asarray(self.wavelengths))

    def held(self, scene: Scene) -> Float[Array, ""]:
        """The least of the kernels' shares."""
        return jnp.stack([psf.held(scene) for psf in self.psfs]).min()

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The convolutions with the kernels, each on as much of the maps as it reaches."""
        blurred = []
        for psf in self.psfs:
            spare = self.margin - psf.margin
            inner = maps[spare : maps.shape[0] - spare, spare : maps.shape[1] - spare]
            blurred.append(psf.blur(inner, scene)[0])
        return jnp.stack(blurred)
