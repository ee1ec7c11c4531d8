r"""Whether a galaxy can be one, which a wrong unit or a lie of a header makes it not.

Sizes, motions and masses are held against those of galaxies, from the faintest dwarfs to brightest cluster galaxies
with their halos, and of thin samples of their particles; what lies beyond by a factor of 30 is refused. With the radius
$r$ that holds half of the formed mass $M$, and the velocity spread $\sigma$ along an axis of what is inside it, ordered
motion included,

$$\rho = \frac{M/2}{4\pi r^3/3}, \qquad \frac{M_\text{dyn}}{M} = \frac{5 \sigma^2 r}{G M}$$

References: Cappellari et al. (2006), MNRAS 366, 1126, for the dynamical mass; McConnachie (2012), AJ 144, 4.
"""

import numpy as np

from ifux.errors import InputError
from ifux.io.snapshots.centre import distances
from ifux.io.snapshots.expansion import Expansion
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import WHERE
from ifux.orientation.alignment import half_mass_radius

MARGIN = 30.0

GRAVITY = 4.30091e-6
"""[kpc (km/s)^2 / solar mass]."""

FEWEST = 10
"""Stars of which a size and a spread are asked."""

RICH = 0.2
"""Metallicity that hardly a star has: ten times that of the Sun."""

METALS = 'units={"metallicity": "0.0127"}'

MANY = 0.1
"""Share of the stars that makes a mistake of what may be an accident."""

SMALL, LARGE = 'units={"length": "Mpc"}', 'units={"length": "kpc"}'

LIMITS = {
    "half-mass radius [kpc]": (0.1, 100.0, SMALL, LARGE),
    "velocity spread [km/s]": (1.0, 1000.0, 'units={"velocity": "1000 km/s"}', 'units={"velocity": "cm/s"}'),
    "mean mass of a star particle [Msun]": (0.1, 3e9, 'units={"mass": "1e10 Msun"}', 'units={"mass": "Msun"}'),
    "density inside the half-mass radius [Msun/kpc^3]": (0.0, 1e11, LARGE, SMALL),
    "dynamical over formed mass": (1.0, 3e3, SMALL, LARGE),
    "mean age [Gyr]": (0.01, 20.0, "", ""),
}
"""Least and most, and what may have to be stated of what is less or more."""

ALONE = ("mean mass of a star particle [Msun]", "mean age [Gyr]")
"""What is asked of a few stars too."""


def check_metallicity(snapshot: Snapshot, options: tuple[str, ...]) -> None:
    """Raises an error where many metallicities are none that stars have, before those that are none are left out."""
    metals = snapshot.stars.metallicity[np.isfinite(snapshot.stars.metallicity)]
    odd = int(np.sum((metals > RICH) | (metals < -1e-3)))
    if metals.size and odd > MANY * metals.size:
        raise InputError(
            f"{snapshot.source}: {odd} of {metals.size} metallicities are below zero or above {RICH:g}, from "
            f"{metals.min():.4g} to {metals.max():.4g}, so they are no mass fractions: "
            f"{told(METALS, options)}, with the solar one that they are in units of, 'dex(0.0127)' for its logarithm, "
            f"or believe=true where they are right {WHERE}."
        )


def told(statement: str, options: tuple[str, ...]) -> str:
    """What to do about a unit: a statement, where the format takes one."""
    return f"state {statement}" if statement and "units" in options else "correct the file"


def check_galaxy(snapshot: Snapshot, options: tuple[str, ...]) -> Snapshot:
    """A centred galaxy at rest, with a remark where it is odd.

    Raises:
        InputError: it is none by a factor of 30, with what to state.
    """
    stars = snapshot.stars
    radius, total = distances(stars.position), stars.mass.sum()
    half = half_mass_radius(radius, stars.mass)
    near = radius <= half
    spread = np.sqrt(np.average(stars.velocity[near] ** 2, axis=0, weights=stars.mass[near]).mean())
    age = np.average(stars.age, weights=stars.mass)
    found = [half, spread, total / stars.count, np.inf, np.inf, age]
    if half > 0:
        found[3:5] = total / 2 / (4 / 3 * np.pi * half**3), 5 * spread**2 * half / GRAVITY / total
    for (name, (low, high, less, more)), value in zip(LIMITS.items(), found, strict=True):
        if stars.count < FEWEST and name not in ALONE:
            continue
        if not low / MARGIN <= value <= high * MARGIN:
            few = "; of a whole snapshot give a centre and a radius" if more == LARGE and value > high else ""
            remedy = told(less if value < low else more, options)
            raise InputError(
                f"{snapshot.source}: the {name} is {value:.4g}, and of galaxies {low:g} to {high:g}{few}: where a unit "
                f"is another, {remedy}, or believe=true where it is right {WHERE}."
            )
    check_rounding(snapshot, half)
    universe = snapshot.cosmology
    hubble, matter = (0.6774, 0.3075) if universe is None else (universe.hubble, universe.matter)
    now = Expansion(1 / (1 + snapshot.redshift), hubble, matter).now()
    if age > now:
        return snapshot.noted(
            f"the mean age of the stars, {age:.4g} Gyr, is beyond that of the universe at redshift "
            f"{snapshot.redshift:.4g}, {now:.4g} Gyr"
        )
    return snapshot


def check_rounding(snapshot: Snapshot, half: float) -> None:
    """Raises an error where the positions stand on a grid that is coarse against the galaxy."""
    places = [np.unique(axis) for axis in snapshot.stars.position.T]
    step = min((np.diff(axis).min() for axis in places if axis.size > 1), default=half)
    if snapshot.stars.count >= 10 * FEWEST and step > half / MARGIN:
        raise InputError(
            f"{snapshot.source}: positions are rounded to {step:.4g} kpc, and half of the mass lies inside {half:.4g} "
            f"kpc: write them relative to the galaxy, or believe=true where they are right {WHERE}."
        )
