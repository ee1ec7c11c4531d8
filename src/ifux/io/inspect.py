"""What is in a file, in a few lines that a human can check."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ifux.data import Data
from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.grids import AbstractWavelengths
from ifux.io.files.cube import read_configuration
from ifux.io.files.fits import is_fits, opened_fits
from ifux.io.files.hdf5 import beginning, is_hdf5
from ifux.io.files.spectral import spectral_axis
from ifux.io.libraries.read import LIBRARY_FORMATS, library_format, read_ssp
from ifux.io.observed.read import OBSERVATION_FORMATS, observation_format, read_observation
from ifux.io.snapshots.centre import distances
from ifux.io.snapshots.gas import UNITS as GAS
from ifux.io.snapshots.read import GALAXY_FORMATS, existing, galaxy_format, read_galaxy
from ifux.io.snapshots.read import unrecognised as no_galaxy
from ifux.io.snapshots.stars import UNITS
from ifux.library import SSPLibrary
from ifux.orientation.alignment import half_mass_radius
from ifux.particles import Gas, Particles

FURTHER = {"alpha": "[alpha/Fe]", "imf_slope": "slope of the IMF"}


def describe(path: str | Path, **options) -> str:
    """Lines about a galaxy, a library of stellar populations, or a FITS file.

    `options` go to `read_galaxy`, `read_ssp` or `read_observation`: what the file does not say.

    Raises:
        InputError: the file is none of these, or is damaged, or leaves open what an option must say.
    """
    path, wanted = existing(path), options.get("format")
    if wanted in OBSERVATION_FORMATS:
        return "\n".join(cube_lines(path, options))
    if wanted is None:
        galaxy, library = galaxy_format(path) is not None, library_format(path) is not None
    else:
        galaxy, library = wanted in GALAXY_FORMATS, wanted in LIBRARY_FORMATS
        if not (galaxy or library):
            known = ", ".join(dict.fromkeys((*GALAXY_FORMATS, *LIBRARY_FORMATS, *OBSERVATION_FORMATS)))
            raise InputError(f"{path}: {wanted!r} is no format of a galaxy, a library or a cube: ifux knows {known}.")
        if galaxy and library:
            galaxy = library_format(path) is None
    if galaxy:
        return describe_galaxy(read_galaxy(path, **options))
    if library:
        return describe_library(read_ssp(path, **options))
    if path.is_dir():
        raise InputError(f"{path} is a folder in which neither a galaxy nor a library of a known format was found.")
    if is_fits(path):
        return "\n".join([describe_fits(path), *cube_lines(path, options)])
    if not is_hdf5(path):
        raise InputError(f"{path} is neither HDF5 nor FITS, nor of another format that is known: {beginning(path)}.")
    raise InputError(f"{no_galaxy(path)} It is no library of stellar populations either.")


def describe_galaxy(galaxy: Galaxy[Particles]) -> str:
    """What was read of a galaxy, and the ranges of its stars and of its gas."""
    position, velocity, mass, age, metallicity = (doubled(getattr(galaxy.stars, name)) for name in UNITS)
    radius = distances(position)
    half = half_mass_radius(radius, mass)
    inner = radius <= half
    dispersion = np.sqrt(np.average(velocity[inner] ** 2, axis=0, weights=mass[inner]).mean())
    lines = gas_lines(galaxy.gas) if isinstance(galaxy.gas, Gas) and galaxy.gas.count else []
    return "\n".join(
        [
            galaxy.report(),
            f"  half of the formed mass inside {half:.4g} kpc, the farthest star at {radius.max():.4g} kpc",
            f"  random and ordered motion inside it {dispersion:.4g} km/s along an axis",
            f"  mass of a particle {mass.min():.4g} to {mass.max():.4g} Msun",
            f"  age {age.min():.4g} to {age.max():.4g} Gyr, weighted by mass {np.average(age, weights=mass):.4g} Gyr",
            f"  metallicity Z {metallicity.min():.4g} to {metallicity.max():.4g}, "
            f"weighted by mass {np.average(metallicity, weights=mass):.4g}",
            *lines,
        ]
    )


def gas_lines(gas: Gas) -> list[str]:
    """The ranges of a gas."""
    mass, radius = doubled(gas.mass), distances(doubled(gas.position))
    half = half_mass_radius(radius, mass)
    lines = [f"  gas: half of the mass inside {half:.4g} kpc, the farthest at {radius.max():.4g} kpc"]
    for name in ("mass", "density", "temperature", "metallicity", "smoothing_length"):
        values, unit = doubled(getattr(gas, name)), GAS[name].replace("kpc3", "kpc^3")
        middle = np.average(values, weights=mass)
        words = f"{name.replace('_', ' ')} {values.min():.4g} to {values.max():.4g} {unit}".rstrip()
        lines.append(f"  gas: {words}" + ("" if name == "mass" else f", weighted by mass {middle:.4g}"))
    rate = doubled(gas.star_formation_rate)
    if (forming := rate > 0).any():
        middle = np.average(doubled(gas.metallicity), weights=rate)
        lines.append(f"  gas: {forming.sum()} form stars, metallicity weighted by their rate {middle:.4g}")
    if gas.elements:
        lines.append(f"  gas: fractions of {', '.join(sorted(gas.elements))}")
    return lines


def doubled(values: Float[Array, "..."]) -> Float[np.ndarray, "..."]:
    """In double precision on the host."""
    return np.asarray(values, dtype=np.float64)


def describe_library(library: SSPLibrary) -> str:
    """The axes of a library and what its numbers mean."""
    lines = [
        f"library {library.name}",
        f"  wavelength {span(library.wavelength)} angstrom in {library.medium}",
        f"  resolution {span(library.fwhm)} angstrom FWHM",
        f"  age {span(library.age)} Gyr",
        f"  metallicity Z {span(library.metallicity)}",
        *(f"  {name} {span(library.grid[axis])}" for axis, name in FURTHER.items() if axis in library.grid),
        f"  flux in solar luminosities of {library.solar_luminosity:.4g} erg/s per angstrom and solar mass formed",
        f"  initial mass function {library.imf}",
        f"  cite {library.citation}",
    ]
    if library.illustrative:
        lines.append("  illustrative: not for science")
    return "\n".join(lines)


def span(values: np.ndarray) -> str:
    """First, last and number."""
    return f"{values[0]:.6g} to {values[-1]:.6g} ({values.size} values)"


def describe_fits(path: Path) -> str:
    """The extensions of a FITS file, and the axes of its cubes."""
    lines = [f"FITS file {path.name}"]
    with opened_fits(path) as file:
        for hdu in file:
            header = dict(hdu.header)
            shape = [header[f"NAXIS{axis}"] for axis in range(header["NAXIS"], 0, -1)]
            size = " x ".join(str(length) for length in shape) or "header only"
            lines.append(f"  {hdu.name or 'unnamed'}: {size} {header.get('BUNIT', '')}".rstrip())
            for keyword in ("CREATOR", "ORIGIN", "DATE", "SEED", "OBJECT", "INSTRUME"):
                if keyword in header:
                    lines.append(f"    {keyword} {header[keyword]}")
            lines += [f"    made with {value}" for keyword, value in header.items() if keyword.startswith("PKG")]
            if len(shape) == 3:
                uneven = str(header.get("CTYPE3", "")).strip()[4:] in ("-LOG", "-TAB") and "CD3_3" in header
                lines += [f"    {channels(spectral_axis(hdu.header, file, path))}"] if uneven else []
                lines += [f"    {line}" for line in axes(header)]
        own = "IFUX0001" in file[0].header
    if own:
        read_configuration(path)
    return "\n".join(lines)


def cube_lines(path: Path, options: Mapping[str, Any]) -> list[str]:
    """What was read of an observed cube; of one that leaves something open, the sentence that says what."""
    with opened_fits(path) as file:
        if not options and observation_format(file) is None:
            return []
    try:
        return observed_lines(read_observation(path, **options))
    except InputError as error:
        if options:
            raise
        return [str(error)]


def observed_lines(data: Data) -> list[str]:
    """Field, range, noise and mask of observed data, and what they do not state."""
    centres, (_, tall, wide) = data.wavelengths.centres(), data.flux.shape
    sides = "" if data.pitch is None else f" of {data.pitch[0]:.5g} x {data.pitch[1]:.5g} arcsec"
    lines = [
        f"observed cube, layout {data.layout}: {data.title or 'without a name'}",
        f"  {wide} x {tall} spaxels{sides}, y at a position angle of {data.position_angle:.4g} degree",
        f"  {centres[0]:.7g} to {centres[-1]:.7g} angstrom in {data.wavelengths.medium}, {centres.size} channels",
    ]
    mask = data.mask
    if mask.any():
        lines.append(f"  flux of {np.median(data.flux[mask]):.4g} in the median [1e-20 erg/s/cm2/angstrom per spaxel]")
    if data.variance is not None:
        ratio = data.signal_to_noise()
        if np.isfinite(ratio).any():
            middle, most = np.nanmedian(ratio), np.nanmax(ratio)
            lines.append(f"  signal to noise of a channel {middle:.3g} in the median spaxel, {most:.3g} in the best")
        lines.append(f"  spectra scatter by {data.noise_check():.3g} of what their variances say")
    for reason, share in data.counted().items():
        lines.append(f"  {100 * share:.3g} % of the voxels do not count: {reason}")
    stated = {
        "errors": data.variance, "place on the sky": data.position, "redshift": data.redshift, "PSF": data.psf,
        "width of lines": data.resolution,
    }  # fmt: skip
    if missing := [name for name, value in stated.items() if value is None]:
        lines.append(f"  not stated: {', '.join(missing)}")
    return [*lines, *(f"  note: {note}" for note in data.notes)]


def channels(wavelengths: AbstractWavelengths) -> str:
    """Where channels of several widths are."""
    centres, widths = wavelengths.centres(), wavelengths.widths()
    return (
        f"wavelength {centres[0]:.6g} to {centres[-1]:.6g} angstrom in {wavelengths.medium}, in channels of "
        f"{widths.min():.4g} to {widths.max():.4g} angstrom"
    )


def axes(header: Mapping[str, Any]) -> list[str]:
    """The world coordinates of a cube: wavelengths, where they are even, and the size of a spaxel."""
    lines = []
    step = header.get("CD3_3", header.get("CDELT3"))
    if step is not None and "CRVAL3" in header and "-" not in str(header.get("CTYPE3", "")):
        first = header["CRVAL3"] + (1 - header.get("CRPIX3", 1)) * step
        last = first + (header["NAXIS3"] - 1) * step
        medium = {"AWAV": "in air", "WAVE": "in vacuum"}.get(str(header.get("CTYPE3", "")).strip()[:4], "")
        lines.append(
            f"wavelength {first:.6g} to {last:.6g}, step {step:.6g} {header.get('CUNIT3', 'of unstated unit')} {medium}"
        )
    across = [
        np.hypot(header.get(f"CD1_{axis}", 0), header.get(f"CD2_{axis}", 0)) or abs(header.get(f"CDELT{axis}", 0))
        for axis in (1, 2)
    ]
    if all(across) and header.get("CUNIT1", "deg") == "deg":
        lines.append(f"spaxel {3600 * across[0]:.6g} x {3600 * across[1]:.6g} arcsec")
    return lines
