"""Numbers along the wavelength, as a table gives them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, Medium, to_vacuum


@dataclass(frozen=True)
class Curve:
    """Straight lines between the rows of a table."""

    name: str
    """What it is and whence, as errors name it."""
    wavelength: Float[np.ndarray, " node"]
    """In vacuum, increasing [angstrom]."""
    value: Float[np.ndarray, " node"]

    def __post_init__(self):
        wavelength, value = self.wavelength, self.value
        if not (wavelength.ndim == 1 and wavelength.shape == value.shape and wavelength.size > 1):
            raise InputError(
                f"{self.name}: wavelengths and values must be lists of as many numbers, two or more; they have "
                f"{wavelength.size} and {value.size}."
            )
        if not (np.isfinite(wavelength).all() and np.isfinite(value).all() and (np.diff(wavelength) > 0).all()):
            raise InputError(f"{self.name}: wavelengths must increase, and all numbers must be finite.")

    @classmethod
    def flat(cls, name: str, value: float) -> "Curve":
        """The same at all wavelengths."""
        return cls(name, np.array([0.0, 1e9]), np.array([value, value]))

    def on(self, wavelengths: AbstractWavelengths) -> Float[np.ndarray, " wave"]:
        """The mean over each channel.

        Raises:
            InputError: the table does not reach all channels.
        """
        edges = wavelengths.vacuum_edges()
        first, last = self.wavelength[0], self.wavelength[-1]
        if edges[0] < first or edges[-1] > last:
            raise InputError(
                f"{self.name}: it reaches from {first:.1f} to {last:.1f} angstrom in vacuum, and the channels from "
                f"{edges[0]:.1f} to {edges[-1]:.1f}: take fewer channels, or another table."
            )
        nodes = np.union1d(self.wavelength, edges)
        values = np.interp(nodes, self.wavelength, self.value)
        area = np.concatenate([[0.0], np.cumsum(np.diff(nodes) * (values[1:] + values[:-1]) / 2)])
        return np.diff(area[np.searchsorted(nodes, edges)]) / np.diff(edges)


def in_vacuum(wavelength: Float[np.ndarray, " node"], medium: Medium) -> Float[np.ndarray, " node"]:
    """Wavelengths of a medium, in vacuum [angstrom]."""
    return to_vacuum(wavelength) if medium == "air" else wavelength
