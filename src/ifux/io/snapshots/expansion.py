"""The expansion of the universe that a snapshot was run in."""

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.galaxy import Cosmology
from ifux.io.files.hdf5 import number
from ifux.io.snapshots.stated import COSMOLOGY, Facts, asking
from ifux.units import MEGAPARSEC

HUBBLE_TIME = MEGAPARSEC / 1e7 / 3.15576e16
"""Inverse of 100 km/s/Mpc [Gyr of 365.25 days]."""

NAMES = {
    "hubble": ("HubbleParam", "h"),
    "matter": ("Omega0", "Omega_m", "Omega_Matter", "OmegaMatter"),
    "vacuum": ("OmegaLambda", "Omega_lambda", "Omega_Lambda"),
    "radiation": ("Omega_r", "Omega_Radiation"),
    "neutrinos": ("Omega_nu_0", "Omega_nu"),
    "pressure": ("w_0",),
}
"""Names of the densities today, and of the equation of state of the vacuum, in the headers of the simulations."""

NEUTRINOS = 5e-3
"""What may be missing from a flat universe that states its radiation: massive neutrinos that are not in the matter."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True)
class Expansion:
    """Flat LambdaCDM of a snapshot, with radiation where the simulation states it, and the time of the snapshot."""

    scale: float
    """Scale factor a of the snapshot."""
    hubble: float
    """H0 / (100 km/s/Mpc)."""
    matter: float
    """Density of matter today in units of the critical one, massive neutrinos included."""
    radiation: float = 0.0
    """Density of radiation today in units of the critical one."""
    notes: tuple[str, ...] = ()

    @property
    def cosmology(self) -> Cosmology:
        """The universe, whatever the time."""
        return Cosmology(self.hubble, self.matter)

    @classmethod
    def of(cls, header: h5py.Group, universe: h5py.Group | h5py.Dataset | None, facts: Facts) -> "Expansion":
        """The expansion in a header and in SWIFT's group Cosmology, short of what is stated."""
        holders = [header] if universe is None else [universe, header]
        where = f"{header.file.filename}: {holders[0].name}"
        scale, notes = scale_factor(holders, facts.redshift, where)
        if (stated := facts.cosmology) is not None:
            return cls(scale, stated.hubble, stated.matter, notes=tuple(notes))
        found = {role: entry(holders, names) for role, names in NAMES.items()}
        matter, vacuum = found["matter"], found["vacuum"]
        if found["hubble"] is None or matter is None or not 0 < matter <= 1:
            isolated = (
                "; where matter is 0, as in isolated runs, times are no scale factors: format='gadget-hdf5' reads these"
            )
            raise InputError(
                f"{where} states no cosmology: {' or '.join(NAMES['hubble'])} is {found['hubble']} and "
                f"{' or '.join(NAMES['matter'])} is {matter}, but the ages of the stars need both: {COSMOLOGY}"
                f"{isolated * (matter == 0)}."
            )
        hubble, remarks = little_h(found["hubble"], where)
        notes += remarks
        if found["pressure"] not in (None, -1.0):
            raise InputError(
                f"{where} gives dark energy with w = {found['pressure']}: only -1 is read; {COSMOLOGY} to take another "
                "universe."
            )
        radiation = max(found["radiation"] or 0.0, 0.0)
        matter += max(found["neutrinos"] or 0.0, 0.0)
        missing = 0.0 if vacuum is None else 1 - matter - radiation - vacuum
        if radiation and 1e-3 < missing < NEUTRINOS:
            matter += missing
            notes.append(
                f"the header leaves {missing:.2g} of the critical density to nothing: taken as massive neutrinos, "
                "which count as matter"
            )
        elif abs(missing) > 1e-3:
            raise InputError(
                f"{where} gives a curved universe, matter and vacuum make {1 - missing:.4f}: only flat ones are read; "
                f"{COSMOLOGY}, or hand the ages to `galaxy_from_arrays`."
            )
        return cls(scale, hubble, matter, radiation, tuple(notes))

    def time(self, scale: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        r"""Age of the universe at a scale factor [Gyr].

        $$t(a) = \frac{2}{3 H_0 \sqrt{1-\Omega_m}} \,\text{arsinh} \sqrt{\frac{1-\Omega_m}{\Omega_m} a^3}$$

        Without vacuum it is 2/3 a^1.5 / H0. With radiation by quadrature, good to 1e-8:

        $$t(a) = \frac{1}{H_0} \int_0^{\sqrt a} \frac{2 s^3\,ds}{\sqrt{\Omega_r + \Omega_m s^2 + \Omega_\Lambda s^8}}$$
        """
        vacuum = 1 - self.matter - self.radiation
        if not self.radiation and vacuum <= 0:
            return np.asarray(2 / 3 * HUBBLE_TIME / self.hubble * scale**1.5)
        if not self.radiation:
            growth = np.arcsinh(np.sqrt(vacuum / self.matter * scale**3))
            return np.asarray(2 / 3 * HUBBLE_TIME / self.hubble / np.sqrt(vacuum) * growth)
        root, total = np.sqrt(scale), np.zeros(np.shape(scale))
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            s = root * (1 + node) / 2
            total += weight * s**3 / np.sqrt(self.radiation + self.matter * s**2 + vacuum * s**8)
        return np.asarray(HUBBLE_TIME / self.hubble * root * total)

    def now(self) -> float:
        """Age of the universe at the snapshot [Gyr]."""
        return float(self.time(np.array(self.scale)))


def entry(holders: Sequence[h5py.HLObject], names: Sequence[str]) -> float | None:
    """The first number of any of these names, in the first holder that has one."""
    return next((value for holder in holders for name in names if (value := number(holder, name)) is not None), None)


def scale_factor(holders: Sequence[h5py.HLObject], redshift: float | None, where: str) -> tuple[float, list[str]]:
    """The scale factor of a snapshot, and a note where its header gives several.

    Beside SWIFT's group Cosmology, which is then the first holder, the Time of the header is no scale factor.
    """
    if redshift is not None:
        return 1 / (1 + redshift), []
    scales = []
    for name in ("ExpansionFactor", "Scale-factor", "Time", "Redshift"):
        value = entry(holders[:1] if name == "Time" else holders, (name,))
        if value is None:
            continue
        if not (-0.999 < value < 1000 if name == "Redshift" else 1e-3 < value < 1000):
            raise InputError(
                f"{where}: {name} is {value:g}, which no snapshot has: the file is damaged, or its times are no scale "
                f"factors; {asking('redshift', '0.5')}."
            )
        scales.append(1 / (1 + value) if name == "Redshift" else value)
    if not scales:
        raise InputError(
            f"{where} states no time of the snapshot: it needs Redshift, Time or ExpansionFactor; or "
            f"{asking('redshift', '0.5')}."
        )
    if max(scales) <= 1.0001 * min(scales):
        return scales[0], []
    several = ", ".join(f"{scale:.6g}" for scale in scales)
    return scales[0], [f"the header gives the scale factors {several}; the first was believed"]


def little_h(value: float, where: str) -> tuple[float, list[str]]:
    """H0 / (100 km/s/Mpc), and a note where a header gives H0 in its place."""
    if 0.1 < value < 10:
        return value, []
    if 10 <= value <= 300:
        return value / 100, [f"HubbleParam is {value:g}, taken as H0 in km/s/Mpc: h = {value / 100:g}"]
    raise InputError(
        f"{where}: HubbleParam or h is {value:g}, which no universe has: the file is damaged, or no snapshot; "
        f"{COSMOLOGY}."
    )
