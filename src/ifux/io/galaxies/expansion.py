"""The expansion of the universe that a snapshot was run in."""

from dataclasses import dataclass

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.galaxy import Cosmology
from ifux.io.hdf5 import number
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
    def of(cls, header: h5py.Group, universe: h5py.Group | h5py.Dataset | None = None) -> "Expansion":
        """The expansion in a header, or in SWIFT's group Cosmology, beside which the Time of the header is no a."""
        holder = header if universe is None else universe
        where = f"{holder.file.filename}: {holder.name}"
        scale, notes = scale_factor(holder, where)
        found = {
            role: next((value for name in names if (value := number(holder, name)) is not None), None)
            for role, names in NAMES.items()
        }
        hubble, matter, vacuum = found["hubble"], found["matter"], found["vacuum"]
        if hubble is None or matter is None or not (hubble > 0 and 0 < matter < 1):
            raise InputError(
                f"{where} states no cosmology: {' or '.join(NAMES['hubble'])} is {hubble} and "
                f"{' or '.join(NAMES['matter'])} is {matter}, but the ages of the stars need both."
            )
        if found["pressure"] not in (None, -1.0):
            raise InputError(f"{where} gives dark energy with w = {found['pressure']}: only -1 is read.")
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
                "hand the ages to `galaxy_from_arrays`."
            )
        return cls(scale, hubble, matter, radiation, tuple(notes))

    def time(self, scale: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        r"""Age of the universe at a scale factor [Gyr].

        $$t(a) = \frac{2}{3 H_0 \sqrt{1-\Omega_m}} \,\text{arsinh} \sqrt{\frac{1-\Omega_m}{\Omega_m} a^3}$$

        With radiation by quadrature, good to 1e-8:

        $$t(a) = \frac{1}{H_0} \int_0^{\sqrt a} \frac{2 s^3\,ds}{\sqrt{\Omega_r + \Omega_m s^2 + \Omega_\Lambda s^8}}$$
        """
        vacuum = 1 - self.matter - self.radiation
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


def scale_factor(holder: h5py.HLObject, where: str) -> tuple[float, list[str]]:
    """The scale factor of a snapshot, and a note where its header gives several."""
    names = ("ExpansionFactor", "Scale-factor", "Time")
    scales = [value for name in names if (value := number(holder, name)) is not None]
    redshift = number(holder, "Redshift")
    if redshift is not None and redshift > -1:
        scales.append(1 / (1 + redshift))
    if not scales or not scales[0] > 0:
        raise InputError(f"{where} states no time of the snapshot: it needs Redshift, Time or ExpansionFactor.")
    if max(scales) <= 1.0001 * min(scales):
        return scales[0], []
    several = ", ".join(f"{scale:.6g}" for scale in scales)
    return scales[0], [f"the header gives the scale factors {several}; the first was believed"]
