"""The one door for tables of lines."""

from pathlib import Path
from typing import Annotated

import numpy as np

from ifux.emission.table import LineTable
from ifux.emission.tabulated import TabulatedEmission
from ifux.errors import InputError
from ifux.io.files.hdf5 import opened, regular
from ifux.io.lines import fsps, native, synthesizer
from ifux.typing import Limits


def read_lines(path: str | Path, *, age: float = 1e-3) -> LineTable:
    """A table of emission lines: ifux's own, a grid of `synthesizer`, or `nebular/ZAU_*.lines` of FSPS.

    Args:
        path: The file, whose layout is recognised by its content.
        age: Of the stars whose H II regions are taken from the grids of others [Gyr].

    Raises:
        InputError: the file is missing, damaged or no table of lines.
    """
    path = regular(path)
    try:
        if fsps.recognises(path):
            return fsps.read(path, age)
        with opened(path) as file:
            if native.recognises(file):
                return native.read(file)
            if synthesizer.recognises(file):
                with np.errstate(all="ignore"):
                    return synthesizer.read(file, age)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is no usable table of lines: {error}") from error
    raise InputError(f"{path} is no table of lines of ifux, synthesizer or FSPS.")


def tabulated_emission(
    path: str,
    lines: tuple[str, ...] = (),
    age: Annotated[float, Limits(above=0)] = 1e-3,
    efficiency: float = 41.27,
    parameter: float = -3.58,
    slope: float = -0.8,
    regions: float = 2.0,
    temperature: Annotated[float, Limits(above=0)] = 1e4,
    turbulence: Annotated[float, Limits(least=0)] = 20.0,
) -> TabulatedEmission:
    """Lines of gas from a file: see `read_lines` and `TabulatedEmission`."""
    given = {"efficiency": efficiency, "parameter": parameter, "slope": slope, "regions": regions}
    given |= {"temperature": temperature, "turbulence": turbulence}
    return TabulatedEmission.of_table(read_lines(path, age=age), lines, **given)
