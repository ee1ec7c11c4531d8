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


@dataclass(frozen=True)
class Expansion:
    """Flat LambdaCDM of a snapshot, without radiation as the simulations run it, and the time of the snapshot."""

    scale: float
    """Scale factor a of the snapshot."""
    hubble: float
    """H0 / (100 km/s/Mpc)."""
    matter: float
    """Density of matter today in units of the critical one."""
    notes: tuple[str, ...] = ()

    @property
    def cosmology(self) -> Cosmology:
        """The universe, whatever the time."""
        return Cosmology(self.hubble, self.matter)

    @classmethod
    def of(cls, header: h5py.Group) -> "Expansion":
        """The cosmology in a header."""
        where = f"{header.file.filename}: {header.name}"
        redshift = number(header, "Redshift")
        scales = [value for name in ("ExpansionFactor", "Time") if (value := number(header, name)) is not None]
        if redshift is not None and redshift > -1:
            scales.append(1 / (1 + redshift))
        if not scales or not scales[0] > 0:
            raise InputError(f"{where} states no time of the snapshot: it needs Redshift, Time or ExpansionFactor.")
        notes = ()
        if max(scales) > 1.0001 * min(scales):
            notes = (
                f"the header gives the scale factors {', '.join(f'{scale:.6g}' for scale in scales)}; "
                "the first was believed",
            )
        hubble, matter, vacuum = (number(header, name) for name in ("HubbleParam", "Omega0", "OmegaLambda"))
        if hubble is None or matter is None or not (hubble > 0 and 0 < matter < 1):
            raise InputError(
                f"{where} states no cosmology: HubbleParam is {hubble} and Omega0 is {matter}, but the ages of the "
                "stars need both."
            )
        if vacuum is not None and abs(matter + vacuum - 1) > 1e-3:
            raise InputError(
                f"{where} gives a curved universe, Omega0 + OmegaLambda = {matter + vacuum:.4f}: only flat ones are "
                "read; hand the ages to `galaxy_from_arrays`."
            )
        return cls(scales[0], hubble, matter, notes)

    def time(self, scale: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        r"""Age of the universe at a scale factor [Gyr].

        $$t(a) = \frac{2}{3 H_0 \sqrt{1-\Omega_m}} \,\text{arsinh} \sqrt{\frac{1-\Omega_m}{\Omega_m} a^3}$$
        """
        vacuum = 1 - self.matter
        growth = np.arcsinh(np.sqrt(vacuum / self.matter * scale**3))
        return np.asarray(2 / 3 * HUBBLE_TIME / self.hubble / np.sqrt(vacuum) * growth)

    def now(self) -> float:
        """Age of the universe at the snapshot [Gyr]."""
        return float(self.time(np.array(self.scale)))
