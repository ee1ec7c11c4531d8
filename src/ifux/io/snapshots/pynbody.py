"""Whatever pynbody reads: tipsy files of Gasoline and ChaNGa (NIHAO), output folders of RAMSES, and more.

pynbody is an extra: `pip install ifux[pynbody]`. Tipsy files and folders of RAMSES are recognised; for all else say
`format="pynbody"`. pynbody looks for further files beside the one that is named, as the parameters of a tipsy file
(`.param`, which may lie in the folder above, or be named by the option `paramfile`) and its further columns
(`.massform`, `.OxMassFrac`, ...): without the parameters, the units of a tipsy file are a guess of pynbody's, and a
note says so.

Ages are pynbody's `age`. Masses are those as formed where the file has them (`massform`), else those at the time of the
snapshot, and a note says so.

References: Pontzen et al. (2013), ascl:1305.002; https://pynbody.readthedocs.io.
"""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.galaxy import Cosmology
from ifux.io.files.format import Format
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.gas import Gas, gas_of
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import Stars
from ifux.io.snapshots.table_files import reading

GAS = {
    "position": ("pos", "kpc"),
    "velocity": ("vel", "km s^-1"),
    "mass": ("mass", "Msol"),
    "density": ("rho", "Msol kpc^-3"),
    "temperature": ("temp", "K"),
    "metallicity": ("metals", ""),
}
"""pynbody's names and units of the columns of the gas."""

STARS = {role: GAS[role] for role in ("position", "velocity", "metallicity")} | {"age": ("age", "Gyr")}
"""Those of the stars."""

FORMED = ("massform", "initial_mass", "mass_init", "InitialMass", "birth_mass")
"""Names of masses as formed, the usual one first."""

ELEMENTS = {"OxMassFrac": "O", "FeMassFrac": "Fe"}
"""Columns of Gasoline that are mass fractions of elements."""

TIPSY = (48, 36, 44)
"""Bytes of a particle of gas, of dark matter and of stars in a tipsy file, at least."""


def tipsy_counts(path: Path) -> tuple[int, int, int] | None:
    """Gas, dark and star particles by the header of a tipsy file; None of anything else."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(32)
    if len(start) < 32:
        return None
    for order in "><":
        time, total, dimensions, gas, dark, stars, _ = struct.unpack(f"{order}d6i", start)
        if dimensions == 3 and min(gas, dark, stars) >= 0 and total == gas + dark + stars > 0 and np.isfinite(time):
            return gas, dark, stars
    return None


def bytes_of(counts: tuple[int, int, int]) -> int:
    """The fewest that a tipsy file of so many particles has."""
    return 32 + sum(count * size for count, size in zip(counts, TIPSY, strict=True))


def recognises(path: Path) -> bool:
    """A tipsy file that is as long as its header says, or a folder of RAMSES."""
    if path.is_dir():
        digits = path.name.removeprefix("output_")
        return digits.isdigit() and path.name.startswith("output_") and (path / f"info_{digits}.txt").is_file()
    counts = tipsy_counts(path)
    return counts is not None and path.stat().st_size >= bytes_of(counts)


def read(path: Path, *, paramfile: object = None) -> Snapshot:
    """The stars and the gas."""
    try:
        import pynbody
    except ImportError as error:
        raise InputError(f"{path} is read through pynbody: install it with `pip install ifux[pynbody]`.") from error
    if paramfile is not None and not (isinstance(paramfile, str | Path) and Path(paramfile).is_file()):
        raise InputError(f"{path}: paramfile names a file of parameters, and {paramfile!r} is none.")
    counts = tipsy_counts(path)
    if counts is not None and path.stat().st_size < bytes_of(counts):
        raise InputError(
            f"{path} has {path.stat().st_size} bytes, but the tipsy header counts {counts} particles, which need "
            f"{bytes_of(counts)}: it is truncated or damaged."
        )
    with reading(path, "through pynbody"), warnings.catch_warnings(record=True) as heard, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        simulation: Any = pynbody.load(str(path), **({"paramfile": str(paramfile)} if paramfile else {}))
        snapshot = snapshot_of(simulation, path)
    said = [" ".join(str(entry.message).split())[:200] for entry in heard if issubclass(entry.category, RuntimeWarning)]
    return snapshot.noted(*(f"pynbody: {message}" for message in said))


def snapshot_of(simulation: Any, path: Path) -> Snapshot:
    """What pynbody has loaded, in physical units."""
    stars = simulation.star
    if not len(stars):
        raise InputError(
            f"{path} holds no stars: pynbody finds {len(simulation.gas)} gas and {len(simulation.dm)} dark."
        )
    columns, there = {role: column(stars, *source) for role, source in STARS.items()}, stars.loadable_keys()
    formed = next((name for name in FORMED if name in there), None)
    columns["mass"] = column(stars, formed or "mass", "Msol")
    notes = [
        f"masses as formed are from {formed}"
        if formed
        else "the file gives no masses as formed: those at the time of the snapshot were taken, which makes old stars "
        "too faint by up to half"
    ]
    potential = column(stars, "phi", "km^2 s^-2") if "phi" in there else None
    ids = np.asarray(stars["iord"]) if "iord" in there else None
    check_shapes(str(path), columns | {"potential": potential})
    gas, remarks = with_gas(simulation.gas, path)
    scale = fact(simulation, "a")
    hubble, matter = fact(simulation, "h"), fact(simulation, "omegaM0")
    return Snapshot(
        stars=Stars(
            **columns,
            potential=potential,
            ids=None if ids is None or ids.dtype.kind not in "iu" else signed(ids, f"{path}: ids"),
        ),
        gas=gas,
        redshift=1 / scale - 1 if scale and 1e-3 < scale < 1e3 else 0.0,
        cosmology=Cosmology(hubble, matter) if hubble and matter else None,
        box=period(simulation),
        source=path.name,
        format="pynbody",
        notes=(f"read by pynbody as {type(simulation).__name__}", *notes, *remarks),
    )


def with_gas(gas: Any, path: Path) -> tuple[Gas | None, list[str]]:
    """The gas, and what is remarkable about it."""
    if not len(gas):
        return None, []
    there, columns = gas.loadable_keys(), {}
    optional = {"star_formation_rate": ("sfr", "Msol yr^-1"), "smoothing_length": ("smooth", "kpc")}
    sources = GAS | {role: source for role, source in optional.items() if source[0] in there}
    for role, source in sources.items():
        try:
            columns[role] = column(gas, *source)
        except InputError as error:
            if role != "metallicity":
                return None, [f"{len(gas)} gas particles were left out: {error}"]
    elements = {symbol: column(gas, name, "") for name, symbol in ELEMENTS.items() if name in there}
    return gas_of(f"{path}: gas", columns, elements)


def column(family: Any, name: str, unit: str) -> Float[np.ndarray, "..."]:
    """A column in a unit; of several columns of metals the first, which is all of them."""
    try:
        values = family[name]
        if unit and not (name == "temp" and "NoUnit" in repr(values.units)):
            values = values.in_units(unit)
    except Exception as error:  # derived columns fail in many ways
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{name} is not there, or does not convert to {unit or 'a number'} ({reason}).") from error
    numbers = np.array(values, dtype=np.float64)
    return numbers[:, 0] if name == "metals" and numbers.ndim == 2 and numbers.shape[1] else numbers


def fact(simulation: Any, name: str) -> float | None:
    """A finite number that the files state of the whole: not one that pynbody assumes."""
    if name not in simulation.properties:
        return None
    try:
        value = float(simulation.properties[name])
    except (KeyError, TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def period(simulation: Any) -> Float[np.ndarray, "3"] | None:
    """Period of the box [kpc]."""
    size = simulation.properties.get("boxsize")
    if size is None or not hasattr(size, "in_units"):
        return None
    length = float(size.in_units("kpc", **simulation.conversion_context()))
    return np.full(3, length) if np.isfinite(length) and 0 < length < 1e9 else None


PYNBODY = Format("pynbody", recognises, read, options=("paramfile",))
