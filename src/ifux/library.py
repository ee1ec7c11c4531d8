"""A library of simple stellar populations, as it comes out of a file."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ifux.grids import Medium, Wavelengths
from ifux.units import SOLAR_LUMINOSITY


@dataclass(frozen=True)
class SSPLibrary:
    """Spectra of simple stellar populations on a grid of metallicity and age, in double precision on the host."""

    name: str
    metallicity: Float[np.ndarray, " metallicity"]
    """Mass fraction Z, increasing."""
    age: Float[np.ndarray, " age"]
    """[Gyr], increasing."""
    wavelength: Float[np.ndarray, " rest"]
    """Centres of the pixels [angstrom], increasing."""
    flux: Float[np.ndarray, "metallicity age rest"]
    """Luminosity density per solar mass formed [solar luminosity/angstrom/solar mass]."""
    fwhm: Float[np.ndarray, " rest"]
    """Spectral resolution of the library [angstrom]."""
    medium: Medium
    """Whether the wavelengths are those in air or in vacuum."""
    imf: str
    """Initial mass function."""
    citation: str
    """What to cite."""
    solar_luminosity: float = SOLAR_LUMINOSITY
    """The solar luminosity that the fluxes are counted in [erg/s]."""
    solar_metallicity: float | None = None
    """Mass fraction that the library calls [M/H] = 0, where it has one."""
    illustrative: bool = False
    """True of a library that must not be used for science."""

    def __post_init__(self):
        shape = (self.metallicity.size, self.age.size, self.wavelength.size)
        if self.flux.shape != shape:
            raise ValueError(
                f"Library {self.name!r}: flux has shape {self.flux.shape}, but its axes metallicity, age and "
                f"wavelength have lengths {shape}."
            )
        if self.fwhm.shape != self.wavelength.shape:
            raise ValueError(
                f"Library {self.name!r}: fwhm has shape {self.fwhm.shape}, "
                f"but there are {self.wavelength.size} wavelengths."
            )
        for axis in ("metallicity", "age", "wavelength"):
            values = getattr(self, axis)
            if not (np.all(np.diff(values) > 0) and values[0] > 0):
                raise ValueError(f"Library {self.name!r}: {axis} must be positive and increase strictly.")
        if not np.all(np.isfinite(self.flux)):
            raise ValueError(f"Library {self.name!r}: {np.sum(~np.isfinite(self.flux))} fluxes are not finite.")

    def pixels(self) -> Wavelengths:
        """The wavelength axis, where it is evenly spaced to a thousandth of a pixel."""
        step = (self.wavelength[-1] - self.wavelength[0]) / (self.wavelength.size - 1)
        grid = Wavelengths(float(self.wavelength[0]), float(step), self.wavelength.size, self.medium)
        if np.max(np.abs(grid.centres() - self.wavelength)) > 1e-3 * step:
            raise ValueError(
                f"Library {self.name!r}: its wavelengths are not evenly spaced; "
                "`resampled(step)` puts them on an even grid."
            )
        return grid

    def resampled(self, step: float) -> "SSPLibrary":
        """The library on evenly spaced wavelengths, by linear interpolation of its flux density [angstrom]."""
        size = int((self.wavelength[-1] - self.wavelength[0]) / step) + 1
        wavelength = self.wavelength[0] + step * np.arange(size)
        place = np.clip(np.searchsorted(self.wavelength, wavelength, side="right") - 1, 0, self.wavelength.size - 2)
        share = (wavelength - self.wavelength[place]) / np.diff(self.wavelength)[place]
        flux = self.flux[..., place] * (1 - share) + self.flux[..., place + 1] * share
        return replace(self, wavelength=wavelength, flux=flux, fwhm=np.interp(wavelength, self.wavelength, self.fwhm))

    def cut(self, low: float, high: float) -> "SSPLibrary":
        """The pixels whose centres lie between two wavelengths of the library's medium [angstrom]."""
        inside = (self.wavelength >= low) & (self.wavelength <= high)
        if inside.sum() < 2:
            raise ValueError(
                f"Library {self.name!r} reaches from {self.wavelength[0]:.1f} to {self.wavelength[-1]:.1f} angstrom: "
                f"nothing between {low:.1f} and {high:.1f}."
            )
        return replace(self, wavelength=self.wavelength[inside], flux=self.flux[..., inside], fwhm=self.fwhm[inside])
