"""The spectra of elements on the host, and how they were made."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths
from ifux.io.files.record import versions


@dataclass(frozen=True)
class Spectra:
    """Row-stacked spectra: what fibres or lenslets saw in every exposure."""

    flux: Float[np.ndarray, "exposure fibre wave"]
    """Flux density [1e-20 erg/s/cm2/angstrom per fibre]; written in single precision."""
    wavelengths: AbstractWavelengths
    """The wavelength axis."""
    places: Float[np.ndarray, "exposure fibre #wave 2"]
    """Where they look, east and north of the galaxy [arcsec]: in every channel, or once for all."""
    area: float
    """Of a fibre on the sky [arcsec2]."""
    variance: Float[np.ndarray, "exposure fibre wave"] | None = None
    """Variance of the noise in the flux, in the square of its unit; none where no noise was added."""
    quality: Shaped[np.ndarray, "exposure fibre wave"] | None = None
    """What is wrong with the flux, as flags of Euro3D in 32 bits; none where nothing can be."""
    broken: tuple[int, ...] = ()
    """Fibres without light, counted from zero."""
    resolution: Float[np.ndarray, " wave"] | None = None
    """Full width at half maximum of a line before the pixel, in every channel [angstrom], where it is known."""
    history: dict = field(default_factory=dict)
    """The whole configuration: names, numbers, lists and dictionaries of them, as JSON has them."""
    seed: int | None = None
    """What the noise was drawn with."""
    versions: dict[str, str] = field(default_factory=versions)
    """Versions of the packages that made the spectra."""
    title: str = ""
    """Name of the object."""
    notes: tuple[str, ...] = ()
    """What a careful user should know."""
    position: tuple[float, float] = (180.0, 0.0)
    """Right ascension and declination of the galaxy [degree]. A simulated one stands nowhere."""

    def __post_init__(self):
        if self.flux.ndim != 3 or self.flux.shape[2] != self.wavelengths.size:
            raise InputError(
                f"Spectra of {self.wavelengths.size} wavelengths must have shape (exposure, fibre, wave), got "
                f"{self.flux.shape}."
            )
        for name, array in (("variance", self.variance), ("quality", self.quality)):
            if array is not None and array.shape != self.flux.shape:
                raise InputError(f"The {name} has shape {array.shape}, the flux {self.flux.shape}.")
        exposures, fibres, size = self.flux.shape
        if self.places.shape not in ((exposures, fibres, 1, 2), (exposures, fibres, size, 2)):
            raise InputError(f"The places have shape {self.places.shape}, the flux {self.flux.shape}.")
