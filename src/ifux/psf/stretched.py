"""What point spread functions whose width depends on the wavelength have in common."""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics import chebyshev, piecewise
from ifux.numerics.contract import Range
from ifux.numerics.convolve import blur_plane
from ifux.psf.base import AbstractKernelPSF, AbstractPSF, Brightness, check_profile, held, sampled
from ifux.scene import Scene
from ifux.spread import AbstractSpread, SplineSpread
from ifux.typing import real

BEND = 0.75
"""Of the weight of the upper node, over the change of the logarithm of the width: where it is zero, the peak is wrong,
which goes with the inverse square of the width; from one on it is right, and what surrounds it is wrong."""

CURVED = 0.21
"""Largest error amid two nodes over the peak and the square of the change of the logarithm of the width: measured with
a Gaussian. It is 0.16 with a Moffat of slope 2.8."""

ENOUGH = 2e-4
"""Error in units of the peak that may be left of the interpolation; a fifth of it of the polynomial below it."""

MOST = 64
"""Terms, and nodes, that are taken unasked."""


def limits(band: Sequence[float]) -> tuple[float, float]:
    """Two numbers, as JSON gives them, in a form that can be compared and hashed."""
    low, high = band
    return float(low), float(high)


class AbstractChromaticPSF(AbstractPSF):
    r"""A profile that is stretched with the wavelength, and keeps its form and its flux.

    In a coordinate along the wavelength it is a polynomial through the Chebyshev points of a band: light is blurred as
    many times as it has terms. A channel sees fewer: it is interpolated between the two nodes next to it, even in the
    coordinate, so that the contraction costs twice what it costs with one PSF, for any number of nodes and terms.
    Where a polynomial would need as many terms as there are nodes, the nodes have kernels of their own. The coordinate
    is the logarithm of the wavelength, straight between landmarks, which are as far apart as each other.

    The weight of the upper node rises as $s + \tfrac34\,\Delta\,s\,(1 - s)$, Δ being the change of the logarithm of
    the width between the two, and the error is at most $0.21\,\Delta^2$ of the peak.
    """

    psf: eqx.AbstractVar[AbstractKernelPSF]
    """The profile that is stretched."""
    band: eqx.AbstractVar[tuple[float, float]]
    """First and last wavelength [angstrom, observed]; beyond them the PSF stays as it is there."""
    terms: eqx.AbstractVar[int]
    """Number of Chebyshev points; none, and every node has a kernel."""
    nodes: eqx.AbstractVar[int]
    """Number of wavelengths between which a channel sees two; none, and it sees the polynomial."""

    @property
    @abstractmethod
    def landmarks(self) -> tuple[float, ...]:
        """Increasing wavelengths from one end of the band to the other [angstrom, observed]."""

    @abstractmethod
    def stretch(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The width at observed wavelengths [angstrom] over that of the profile."""

    def __check_init__(self):
        name = type(self).__name__
        check_profile(f"{name}.psf", self.psf)
        if not 0 < self.band[0] < self.band[1]:
            raise ValueError(f"{name}.band must be two increasing positive wavelengths, got {self.band}.")
        for key, count in (("terms", self.terms), ("nodes", self.nodes)):
            if count == 1:
                raise ValueError(f"{name}.{key} must be none or at least two, got 1.")
        if not self.terms and not self.nodes:
            raise ValueError(f"{name} must have terms or nodes, and has neither.")

    @property
    def margin(self) -> int:
        """That of the profile."""
        return self.psf.margin

    @property
    def spread(self) -> AbstractSpread:
        """B-splines, which the kernels make up for."""
        return SplineSpread()

    def stretched(self, place: Float[np.ndarray, " point"]) -> Float[Array, " point"]:
        """The stretch at places in the band, which goes from -1 to 1 in the coordinate."""
        return self.stretch(real(self.wavelengths_at(place)))

    def wavelengths_at(self, place: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """The wavelengths of such places [angstrom]."""
        logarithm, coordinate = self.scale()
        return self.band[0] * np.exp(np.interp(place, coordinate, logarithm))

    def scale(self) -> tuple[Float[np.ndarray, " landmark"], Float[np.ndarray, " landmark"]]:
        """The logarithm of the landmarks over the first one, and their coordinates."""
        landmarks = np.asarray(self.landmarks)
        return np.log(landmarks / landmarks[0]), np.linspace(-1, 1, landmarks.size)

    def points(self) -> Float[np.ndarray, " term"]:
        """Places of the kernels."""
        return chebyshev.points(self.terms) if self.terms else np.linspace(-1, 1, self.nodes)

    def mixtures(self) -> Float[np.ndarray, "node term"]:
        """Weights of the terms at the nodes."""
        return chebyshev.between(self.terms, np.linspace(-1, 1, self.nodes))

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Those of the terms at the two nodes next to a wavelength, or of the polynomial."""
        logarithm, coordinate = (jnp.asarray(column, wave.dtype) for column in self.scale())
        place = jnp.interp(jnp.log(wave / self.band[0]), logarithm, coordinate)
        if not self.nodes:
            return chebyshev.weights(place, self.terms).T
        nodes = np.linspace(-1, 1, self.nodes)
        bend = BEND * jnp.diff(jnp.log(self.stretched(nodes))).astype(wave.dtype)
        of_nodes = piecewise.weights(place, nodes, bend)
        if not self.terms:
            return of_nodes
        return jnp.matmul(jnp.asarray(self.mixtures(), wave.dtype).T, of_nodes, precision=jax.lax.Precision.HIGHEST)

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """Those of the kernels."""
        return tuple(self.wavelengths_at(self.points()).tolist())

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """Between every two nodes these; without nodes all terms at all wavelengths."""
        if not self.nodes:
            return (Range(0, wave.size, 0, self.terms),)
        logarithm, coordinate = self.scale()
        place = np.interp(np.log(wave / self.band[0]), logarithm, coordinate)
        between = piecewise.ranges(place, np.linspace(-1, 1, self.nodes))
        if not self.terms:
            return between
        mixtures = [tuple(row) for row in self.mixtures().tolist()]
        return tuple(Range(one.first, one.last, 0, self.terms, tuple(mixtures[one.low : one.high])) for one in between)

    def enough(self) -> tuple[int, int]:
        """Terms and nodes that show a Gaussian of the present stretch to 2e-4 of its peak. On the host.

        There are nodes at all landmarks, as many in between as the steepest part needs, and no more than 64, unless
        there are more landmarks.
        """
        steps = len(self.landmarks) - 1
        place, square = np.linspace(-1, 1, 1 + 16 * max(16, steps)), np.linspace(0, 4, 33)[:, None] ** 2
        widths = np.log(np.asarray(self.stretched(place), np.float64))
        steepest = np.abs(np.diff(widths)).max() * (place.size - 1)
        parts = math.ceil(steepest / steps * math.sqrt(CURVED / ENOUGH))
        nodes = 1 + steps * max(1, min(parts, (MOST - 1) // steps)) if self.nodes else 0

        def profile(widths: Float[np.ndarray, " point"]) -> Float[np.ndarray, "radius point"]:
            return np.exp(-2 * widths - square * np.exp(-2 * widths))

        def departs(terms: int) -> bool:
            at_points = profile(np.interp(chebyshev.points(terms), place, widths))
            error = np.abs(at_points @ chebyshev.between(terms, place).T - profile(widths)).max(axis=0)
            return bool((error > ENOUGH / (5 if self.nodes else 1) * profile(widths).max(axis=0)).any())

        terms = (count for count in range(2, nodes or MOST) if not departs(count))
        return next(terms, 0 if nodes else MOST), nodes

    def profile(self, stretch: Float[Array, ""]) -> Brightness:
        """The profile at a stretch."""
        return lambda east, north: self.psf.brightness(east / stretch, north / stretch) / stretch**2

    def sharpest(self) -> float:
        """That where it is stretched least."""
        return self.psf.sharpest() * float(self.stretched(np.linspace(-1, 1, 65)).min())

    def radius(self, lost: float) -> float:
        """That where it is stretched most."""
        return self.psf.radius(lost) * float(self.stretched(np.linspace(-1, 1, 65)).max())

    def held(self, scene: Scene) -> Float[Array, ""]:
        """The least of the kernels' shares."""
        return self.of_kernels(lambda profile: held(profile, self.margin, scene)).min()

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The convolutions with the kernels."""
        return blur_plane(maps, self.of_kernels(lambda profile: sampled(profile, self.margin, scene)))

    def of_kernels(self, function: Callable[[Brightness], Float[Array, "..."]]) -> Float[Array, "term ..."]:
        """What a function makes of the profile of each kernel, by one program for all of them."""
        return jax.lax.map(lambda stretch: function(self.profile(stretch)), self.stretched(self.points()))
