"""The stars alive in a population of one age."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ifux.embedded.giants import Giants
from ifux.embedded.imf import LIGHTEST, stars_below
from ifux.embedded.main_sequence import MainSequence
from ifux.embedded.tracks import MASSES, evolution

Stars = Float[np.ndarray, " star"]


@dataclass(frozen=True)
class Isochrone:
    """Kinds of star in a population of one age and metallicity."""

    number: Stars
    """Stars per solar mass formed."""
    luminosity: Stars
    """[solar luminosity]."""
    temperature: Stars
    """Logarithm of the effective temperature [K]."""
    gravity: Stars
    """Logarithm of the surface gravity [cm/s2]."""


def _middle(values: Float[np.ndarray, " point"]) -> Stars:
    return 0.5 * (values[1:] + values[:-1])


def isochrones(metallicity: float, ages: Float[np.ndarray, " age"]) -> list[Isochrone]:
    """One isochrone for each age [Gyr].

    Dwarfs are followed along mass. Later stars are followed along the stages of their tracks: at each stage stands the
    star that is there at this age, and between two stages stand the stars born with masses in between. Where a more
    massive star would reach a stage later than a lighter one, around the helium flash, ages are held level.
    """
    sequence = MainSequence(metallicity)
    tracks = evolution(sequence, Giants(metallicity))
    order = np.log(MASSES)
    reached = np.minimum.accumulate(np.log(tracks.age), axis=0) - 1e-9 * np.arange(MASSES.size)[:, None]
    places = np.stack([np.interp(-np.log(ages), -column, order) for column in reached.T], axis=1)
    index = np.arange(tracks.age.shape[1])
    populations = []
    for age, place in zip(ages, places, strict=True):
        mass = LIGHTEST + (np.exp(place[0]) - LIGHTEST) * np.sin(np.linspace(0, np.pi / 2, 160)) ** 1.5
        luminosity, radius = sequence.state(mass, np.clip(age / sequence.lifetime(mass), 0, 1))
        cell = np.clip(np.searchsorted(order, place, side="right") - 1, 0, order.size - 2)
        share = (place - order[cell]) / (order[1] - order[0])
        later = [
            (1 - share) * rows[cell, index] + share * rows[cell + 1, index]
            for rows in (tracks.luminosity, tracks.radius)
        ]
        pairs = [(np.log10(mass), place / np.log(10)), (luminosity, later[0]), (radius, later[1])]
        heavy, bright, large = (np.concatenate([_middle(one) for one in pair]) for pair in pairs)
        born = [np.diff(stars_below(one)) for one in (mass, np.exp(place))]
        populations.append(
            Isochrone(
                number=np.maximum(np.concatenate(born), 0),
                luminosity=10.0**bright,
                temperature=3.7617 + 0.25 * bright - 0.5 * large,
                gravity=4.438 + heavy - 2 * large,
            )
        )
    return populations
