"""Ages, luminosities and radii of stars at equivalent stages of their lives after the main sequence."""

from dataclasses import dataclass

import numpy as np

from ifux.embedded.giants import Giants, Tracks
from ifux.embedded.main_sequence import MainSequence, Masses

MASSES = np.geomspace(0.6, 100, 600)
"""Initial masses of the tracks [solar mass]."""

LOST = 0.15
"""Mean mass that a low-mass star has lost when helium ignites [solar mass], about what Reimers (1975) gives."""


SUPERGIANT = 8.0
"""Radius of blue supergiants as they ignite helium, relative to the zero age, so that they are B stars."""

STRIPPED = 32.0
"""Stars heavier than this lose their envelopes and stay as small as they were born [solar mass]: Wolf-Rayet stars."""


@dataclass(frozen=True)
class Evolution:
    """Tracks of one metallicity: the n-th stage of one mass corresponds to the n-th stage of the next."""

    age: Tracks
    """[Gyr], never falling along a track."""
    luminosity: Tracks
    """[dex of the solar value]."""
    radius: Tracks
    """[dex of the solar value]."""


def _between(first: Masses, last: Masses, share) -> Tracks:
    return first[:, None] + (last - first)[:, None] * np.asarray(share)


def _climb(core: Tracks, luminosity: Tracks, rate) -> Tracks:
    """Time since the first stage [Gyr]: a core grows by `rate` [solar mass/solar luminosity/Gyr] of what it burns."""
    grown = np.diff(core, axis=1) / np.sqrt(luminosity[:, 1:] * luminosity[:, :-1])
    return np.pad(np.cumsum(grown, axis=1), ((0, 0), (1, 0))) / rate


def _share_of_massive(giants: Giants, mass: Masses) -> Masses:
    """Rises from zero to one where stars begin to ignite helium before they reach the giant branch."""
    return 1 / (1 + (giants.branch / mass) ** 20)


def _helium(giants: Giants, mass: Masses, young: Masses, elapsed) -> tuple[Tracks, Tracks]:
    """Log luminosity and radius of core helium burning: clump or horizontal branch, blue loops and supergiants.

    References: Hurley et al. (2000), section 5.3, with the share of time within the loop in place of their eq. 58.
    """
    left = np.maximum(mass - LOST * np.clip(2.5 - mass, 0, 1), 0.5)
    first, small = giants.horizontal(left, 0.47)
    heavy = np.clip((mass - giants.flash + 0.2) / 0.2, 0, 1)
    massive = _share_of_massive(giants, mass)
    escaped = np.maximum(mass, giants.flash)

    tip = np.log10(giants.ignition_luminosity(mass))
    faint = (1 - heavy) * np.log10(first) + heavy * np.log10(giants.faintest_helium(escaped))
    end = np.maximum(np.log10(giants.asymptotic_luminosity(mass)), faint)
    loop = np.clip(1 - heavy * (1 - massive) * 0.25 * np.log(np.maximum(mass / giants.flash, 1)), 0.5, 1)[:, None]
    start = 1 - loop
    descent = np.clip(1 - elapsed / np.maximum(start, 1e-9), 0, 1)
    inside = np.clip((elapsed - start) / loop, 0, 1)
    rise = inside ** (1 + 1.5 * (1 - heavy[:, None]))
    luminosity = faint[:, None] + ((tip - faint) * heavy)[:, None] * descent**3 + (end - faint)[:, None] * rise

    red = np.log(giants.branch_radius(mass, 10.0**luminosity))
    blue = (1 - heavy) * np.log(small) + heavy * np.log(giants.smallest_helium(escaped))
    blue = blue + massive * (np.log(SUPERGIANT * young) - blue)
    blue = np.minimum(blue[:, None], red)
    before = (red - blue) * (heavy * (1 - massive))[:, None]
    last = giants.asymptotic_radius(mass, 10.0 ** end[:, None])
    after = np.maximum(np.log(last) - blue, 0)
    swing = np.cbrt(after) * inside - np.cbrt(before) * (1 - inside)
    return luminosity, (blue + np.abs(swing) ** 3) / np.log(10)


def _asymptotic(giants: Giants, mass: Masses, first: Masses, growth: float, rate: float) -> tuple[Tracks, Tracks]:
    """Time [Gyr] and log luminosity while a shell feeds the core, from a log luminosity on."""
    core = giants.core(mass, 10.0 ** first[:, None])[:, 0]
    final = np.maximum(giants.last_core(mass), core) + growth * np.exp(-((np.log(mass / 2) / 0.5) ** 2))
    reach = np.linspace(first, first + 4, 400, axis=1)
    cores = giants.core(mass, 10.0**reach)
    last = np.array([np.interp(one, *pair) for one, *pair in zip(final, cores, reach, strict=True)])
    climb = _between(first, last, np.linspace(0, 1, 24))
    return _climb(giants.core(mass, 10.0**climb), 10.0**climb, rate), climb


def evolution(sequence: MainSequence, giants: Giants) -> Evolution:
    """The tracks of one metallicity from the end of the main sequence to the loss of the envelope.

    References: Hurley et al. (2000), sections 5.1.2 to 5.4; the thermally pulsing branch ends when the core has
    grown by 0.03 solar masses at most.
    """
    mass, young = MASSES, sequence.zero_age_radius(MASSES)
    massive = _share_of_massive(giants, mass)
    tip = np.log10(giants.ignition_luminosity(mass))
    base = np.minimum(np.log10(giants.base_luminosity(mass)), tip)
    base = base + massive * (tip - base)
    arrival = np.log10(giants.branch_radius(mass, 10.0 ** base[:, None]))[:, 0]
    arrival = arrival + massive * np.minimum(np.log10(SUPERGIANT * young) - arrival, 0)

    share = np.linspace(0, 1, 16)
    ages = [_between(sequence.lifetime(mass), sequence.base_of_giants(mass), share)]
    luminosities = [_between(np.log10(sequence.last_luminosity(mass)), base, share)]
    radii = [_between(np.log10(sequence.last_radius(mass)), arrival, share)]

    climb = _between(base, tip, np.linspace(0, 1, 40))
    rate = 1e3 * 10 ** np.maximum(-4.8, np.minimum(-5.7 + 0.8 * mass, -4.1 + 0.14 * mass))[:, None]
    ages.append(ages[-1][:, -1:] + _climb(giants.core(mass, 10.0**climb), 10.0**climb, rate))
    luminosities.append(climb)
    radii.append(np.log10(giants.branch_radius(mass, 10.0**climb)))

    share = np.linspace(0, 1, 50)
    ages.append(ages[-1][:, -1:] + giants.helium_lifetime(mass, sequence.base_of_giants(mass))[:, None] * share)
    luminosity, radius = _helium(giants, mass, young, share)
    luminosities.append(luminosity)
    radii.append(radius)

    for rate, growth in ((7.66e-2, 0.0), (1.27e-2, 0.03)):
        time, climb = _asymptotic(giants, mass, luminosities[-1][:, -1], growth, rate)
        ages.append(ages[-1][:, -1:] + time)
        luminosities.append(climb)
        radii.append(np.log10(giants.asymptotic_radius(mass, 10.0**climb)))

    age, luminosity, radius = (np.concatenate(parts, axis=1) for parts in (ages, luminosities, radii))
    bare = 1 / (1 + (STRIPPED / mass[:, None]) ** 6)
    return Evolution(age, luminosity, radius + bare * (np.log10(young)[:, None] - radius))
