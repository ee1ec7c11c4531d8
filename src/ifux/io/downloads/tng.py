"""Galaxies from the web interface of IllustrisTNG.

    <base>/                                               the simulations
    <base>/TNG50-1/snapshots/                             their snapshots
    <base>/TNG50-1/snapshots/99/subhalos/0/               what is known of a subhalo
    <base>/TNG50-1/snapshots/99/subhalos/0/cutout.hdf5    its particles: ?stars=<fields>&gas=<fields>

Every request carries a personal key in the header `API-Key`. It comes from the environment variable TNG_API_KEY, or
from the file that IFUX_TNG_KEY_FILE names, or from ~/.config/ifux/tng-key, and is never an argument.

References: https://www.tng-project.org/data/docs/api; Nelson et al. (2019), Computational Astrophysics and Cosmology
6, 2.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import h5py

from ifux.errors import InputError
from ifux.io.downloads.download import PATIENCE, Patience, download, fetched, sha256_of
from ifux.io.downloads.keys import Secret, secret
from ifux.io.files.cache import cache_folder
from ifux.io.files.hdf5 import find, is_hdf5, opened
from ifux.io.files.writing import replacing

BASE = "https://www.tng-project.org/api/"
"""The interface of the TNG and Illustris simulations."""

STARS = (
    "Coordinates", "Velocities", "Masses", "GFM_InitialMass", "GFM_Metallicity", "GFM_Metals",
    "GFM_StellarFormationTime", "Potential", "ParticleIDs",
)  # fmt: skip
"""What `read_galaxy` makes use of in stars."""

GAS = (
    "Coordinates", "Velocities", "Masses", "Density", "InternalEnergy", "ElectronAbundance", "GFM_Metallicity",
    "GFM_Metals", "StarFormationRate", "ParticleIDs",
)  # fmt: skip
"""What `read_galaxy` makes use of in gas."""

SIMULATION = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}(-[A-Za-z0-9]{1,16}){0,4}")
"""Names such as TNG50-1, TNG100-1-Dark or Illustris-1."""

FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

REMEDY = "ask for one at https://www.tng-project.org/users/register/"


def simulations(*, base: str = BASE, patience: Patience = PATIENCE) -> list[dict[str, Any]]:
    """The simulations that there are, each with its `name` and `num_snapshots`."""
    address = root(base)
    answer = asked(address, patience)
    return dictionaries(answer.get("simulations") if isinstance(answer, dict) else None, address)


def snapshots(simulation: str, *, base: str = BASE, patience: Patience = PATIENCE) -> list[dict[str, Any]]:
    """The snapshots of a simulation, each with its `number` and `redshift`."""
    address = f"{root(base)}{check_simulation(simulation)}/snapshots/"
    return dictionaries(asked(address, patience), address)


def subhalo(
    simulation: str, snapshot: int, subhalo: int, *, base: str = BASE, patience: Patience = PATIENCE
) -> dict[str, Any]:
    """What is known of a subhalo, in the units of the simulation (kpc/h comoving, 1e10 solar masses/h, km/s)."""
    address = subhalo_address(base, simulation, snapshot, subhalo)
    answer = asked(address, patience)
    its_own = isinstance(answer, dict) and answer.get("id") == subhalo
    return dictionaries([answer] if its_own else None, address)[0]


def tng_cutout(
    simulation: str,
    snapshot: int,
    subhalo: int,
    *,
    stars: Sequence[str] = STARS,
    gas: Sequence[str] = GAS,
    progress: bool = False,
    base: str = BASE,
    patience: Patience = PATIENCE,
) -> Path:
    """The file with the stars and the gas of a subhalo, for `read_galaxy`; fetched once, then found in the cache.

    A file whose content is no longer what was fetched is fetched anew. Snapshots that TNG calls mini hold fewer fields:
    name those to ask for in `stars` and `gas`.
    """
    fields = {"stars": check_fields("stars", stars), "gas": check_fields("gas", gas)}
    query = urlencode({name: words for name, words in fields.items() if words}, safe=",")
    if not query:
        raise InputError("a cut-out without stars and gas would be empty: name fields of either.")
    address = f"{subhalo_address(base, simulation, snapshot, subhalo)}cutout.hdf5?{query}"
    folder = cache_folder()
    if folder is None:
        raise InputError("there is no folder to keep cut-outs in: name one in the variable IFUX_CACHE.")
    name = f"subhalo-{subhalo}-{hashlib.sha256(address.encode()).hexdigest()[:12]}.hdf5"
    path = folder / "tng" / simulation / f"snapshot-{snapshot}" / name
    note = path.with_name(path.name + ".sha256")
    try:
        if intact(path, note):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not note.exists():
            return adopted(path, note, address)
        path.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name a folder in IFUX_CACHE.") from error
    got = download(
        address,
        path,
        overwrite=True,
        progress=progress,
        patience=patience,
        check=lambda part: check_cutout(part, address),
        **keyed(),
    )
    return sealed(path, note, got.sha256)


def key() -> Secret:
    """The personal key, wherever it is kept."""
    return secret("TNG_API_KEY", "IFUX_TNG_KEY_FILE", "~/.config/ifux/tng-key", REMEDY)


def keyed() -> dict[str, Any]:
    """The header that carries the key, and what would do where a request with it is refused."""
    own = key()
    unknown = f"the key in {own.source} is not one that is known there, or may not have this; {REMEDY}"
    remedies = {
        400: "a field may be missing in this snapshot (those that TNG calls mini hold fewer); ask for fewer",
        401: unknown,
        403: unknown,
        404: f"there is no such simulation, snapshot or subhalo; {__name__}.simulations() lists what there is",
    }
    return {"headers": {"API-Key": own.reveal()}, "remedies": remedies}


def asked(address: str, patience: Patience) -> Any:
    """The answer to a question, which is in JSON."""
    try:
        return json.loads(fetched(address, patience=patience, **keyed()))
    except (UnicodeError, json.JSONDecodeError, RecursionError):
        raise InputError(f"{address} did not answer in JSON: check the address, or try again later.") from None


def dictionaries(answer: Any, address: str) -> list[dict[str, Any]]:
    """An answer that is a list of dictionaries."""
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise InputError(f"{address} gave another answer than the interface of IllustrisTNG does: check the address.")
    return answer


def check_cutout(path: Path, address: str) -> None:
    """Refuses what is no cut-out, such as a page that explains an error, and what breaks off."""
    if not is_hdf5(path):
        raise InputError(f"{address} gave no HDF5 file but {kind(path)}: look at the address in a browser.")
    try:
        with opened(path) as file:
            whole = any(isinstance(find(file, name), h5py.Group) for name in ("PartType4", "PartType0"))
    except InputError:
        raise InputError(f"{address} gave an HDF5 file that is truncated or damaged: try again.") from None
    if not whole:
        raise InputError(f"{address} gave neither stars nor gas: this subhalo has none; choose another.")


def kind(path: Path) -> str:
    """What a file seems to be, without its content."""
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if not start:
        return "an empty file"
    return "a page in HTML" if start.startswith((b"<!doctype", b"<html")) else "something else"


def intact(path: Path, note: Path) -> bool:
    """Whether a file in the cache has the hash that is kept beside it."""
    return path.is_file() and note.is_file() and note.read_bytes().split()[:1] == [sha256_of(path).encode()]


def adopted(path: Path, note: Path, address: str) -> Path:
    """A file that was put into the cache by hand, as one is told to do where there is no network."""
    try:
        check_cutout(path, address)
    except InputError:
        raise InputError(f"{path} is no whole cut-out: remove it to have it fetched.") from None
    return sealed(path, note, sha256_of(path))


def sealed(path: Path, note: Path, sha256: str) -> Path:
    """A file whose hash is kept beside it, as `sha256sum --check` reads it."""
    with replacing(note, overwrite=True) as temporary:
        temporary.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    return path


def root(base: str) -> str:
    """The address of the interface, with one slash at its end."""
    return base.rstrip("/") + "/"


def subhalo_address(base: str, simulation: str, snapshot: int, subhalo: int) -> str:
    """The address of a subhalo."""
    number, member = check_number("snapshot", snapshot, 9999), check_number("subhalo", subhalo, 10**10)
    return f"{root(base)}{check_simulation(simulation)}/snapshots/{number}/subhalos/{member}/"


def check_simulation(name: str) -> str:
    """A name that may stand in an address and in a path."""
    if not SIMULATION.fullmatch(name):
        raise InputError(f"{name!r} is no name of a simulation: it is like TNG50-1, TNG100-1-Dark or Illustris-1.")
    return name


def check_number(what: str, number: int, largest: int) -> int:
    """The number of a snapshot or a subhalo."""
    if isinstance(number, bool) or not 0 <= number <= largest:
        raise InputError(f"{what} {number!r} is no number from 0 to {largest}: take one that the simulation has.")
    return int(number)


def check_fields(what: str, names: Sequence[str]) -> str:
    """Fields as they stand in an address."""
    words = [names] if isinstance(names, str) else list(names)
    bad = next((word for word in words if not FIELD.fullmatch(word)), None)
    if bad is not None:
        raise InputError(f"{bad!r} is no field of {what}: fields are like Coordinates or GFM_Metallicity.")
    return ",".join(words)
