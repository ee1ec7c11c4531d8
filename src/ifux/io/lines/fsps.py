"""Lines of Cloudy models of FSPS: the texts `nebular/ZAU_*.lines`.

    # header
    wavelengths of the lines in vacuum [angstrom]
    log(Z / Z_sun)  age [yr]  log U
    luminosities of the lines [solar luminosity] for one ionising photon in one second
    ... two lines for every model

Stars of one age stand for all, as for `synthesizer`. All models are at 100 hydrogen nuclei per cm^3.

References: Byler, Dalcanton, Conroy & Johnson (2017), ApJ 840, 44; the Sun has Z = 0.0142 in FSPS with MIST.
"""

from pathlib import Path

import numpy as np

from ifux.emission.table import LineTable
from ifux.errors import InputError
from ifux.io.lines.identified import assembled, identified

SOLAR = 0.0142
"""Mass fraction of metals of the Sun there."""


def recognises(path: Path) -> bool:
    """A text of that name."""
    return path.suffix == ".lines"


def read(path: Path, age: float = 1e-3) -> LineTable:
    """The table of stars of the nearest age [Gyr]."""
    try:
        rows = [np.array(row.split(), np.float64) for row in path.read_text("utf-8").splitlines()[1:] if row.strip()]
    except ValueError as error:
        raise InputError(f"{path} is no file of lines of FSPS: {str(error).splitlines()[0]}.") from error
    if len(rows) < 3 or any(row.size != 3 for row in rows[1::2]) or {row.size for row in rows[2::2]} != {rows[0].size}:
        raise InputError(f"{path} is no file of lines of FSPS: the docstring of {__name__} shows the layout.")
    models, light = np.array(rows[1::2]), np.array(rows[2::2])
    nodes = [np.unique(column) for column in models.T]
    if len(models) != np.prod([axis.size for axis in nodes]):
        raise InputError(f"{path} has {len(models)} models, which are no grid of metals, ages and ionisation.")
    light = light[np.lexsort(models.T[::-1])].reshape(*(axis.size for axis in nodes), -1)
    metals, ages, parameter = nodes
    light = light[:, int(np.abs(ages - 1e9 * age).argmin())]
    axes = {"metallicity": SOLAR * 10**metals, "ionisation": 10**parameter, "density": np.array([100.0])}
    return assembled(str(path), identified(rows[0]), np.moveaxis(light, -1, 0)[..., None], axes)
