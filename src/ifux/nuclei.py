"""Nuclei from a description, which knows lines by their names."""

from typing import Annotated

from ifux.emission.lines import known
from ifux.sources import NuclearLines
from ifux.typing import Limits


def nuclear_lines(
    lines: tuple[float | str, ...],
    luminosity: tuple[float, ...],
    fwhm: Annotated[tuple[float, ...], Limits(least=0)],
    velocity: tuple[float, ...] | None = None,
) -> NuclearLines:
    """The lines of a nucleus.

    Args:
        lines: Names, such as "Halpha" or "[O III] 5007", or wavelengths at rest in vacuum [angstrom].
        luminosity: Of each [solar luminosity].
        fwhm: Full width at half maximum of each [km/s].
        velocity: Of each relative to the nucleus, receding is positive [km/s].

    Raises:
        ValueError: no line has the name, or there is not one number for each.
    """
    waves = tuple(known(one).wavelength if isinstance(one, str) else one for one in lines)
    return NuclearLines(waves, luminosity, fwhm, velocity)  # pyright: ignore[reportArgumentType]
