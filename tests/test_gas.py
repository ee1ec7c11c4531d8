"""Gas comes to the telescope beside the stars: in one frame, in blocks, of files, of models, and where it is dark."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_run import DESCRIPTION

from ifux import EulerOrientation, checks, config, run, shortcuts
from ifux.emission.base import AbstractEmission, Line
from ifux.galaxies import DiscBulge, GasDisc, SpiralGalaxy
from ifux.galaxy import Galaxy
from ifux.io import read_galaxy, stream_galaxy, write_galaxy
from ifux.particles import Gas, Particles
from ifux.survey.checks import Checks

COUNT = 60


class Glow(AbstractEmission):
    """One line, as bright as stars form."""

    of_stars: bool = eqx.field(static=True, default=False)

    @property
    def size(self):
        return 1

    @property
    def lines(self):
        return (Line("Halpha", "H I", 6564.6, 0, 1.0),)

    def coefficients(self, emitters):
        return emitters.star_formation_rate[:, None]

    def shares(self):
        return jnp.ones(1)

    def variances(self):
        return jnp.zeros(1)

    def covered(self, emitters):
        return emitters.mass > 0


def gas(count=COUNT, rate=1.0):
    """Gas of which every number is another, with elements."""
    random = np.random.default_rng(8)
    names = ("mass", "density", "temperature", "metallicity", "smoothing_length", "electron_abundance")
    columns = {name: random.uniform(0.1, 1, count) for name in names}
    return Gas(
        position=random.normal(0, 3, (count, 3)),
        velocity=random.normal(0, 90, (count, 3)),
        star_formation_rate=rate * columns["mass"],
        elements={"O": random.uniform(0, 0.01, count), "H": random.uniform(0.6, 0.75, count)},
        **columns,
    )


def beside(cells):
    """Stars of the same places and velocities."""
    return Particles(cells.position, cells.velocity, *[np.ones(cells.count)] * 3)


def test_gas_and_stars_of_the_same_places_are_seen_at_the_same_places():
    """Through the axes of the stars, an orientation, and the angles of the target in perspective."""
    cells = gas()
    stars = beside(cells)
    orientation = EulerOrientation(20.0, 50.0, 110.0).aligned_to(stars)
    target = config.parts(config.resolved(DESCRIPTION)["telescope"])[0]["target"]
    turned = orientation(cells)
    seen, projected = target.see(turned), target.project(orientation(stars))
    for name in ("sky", "depth", "velocity"):
        assert np.array_equal(getattr(seen, name), getattr(projected, name)), name
    assert turned.mass is cells.mass and turned.elements["O"] is cells.elements["O"]
    assert not np.allclose(turned.position, cells.position)


def test_blocks_are_filled_with_gas_of_which_every_number_is_zero():
    cells = gas()
    first, last = cells.blocks(50)
    filled = last.filled(50)
    assert (first.count, last.count, filled.count) == (50, 10, 50)
    assert not any(np.any(leaf[10:]) for leaf in jax.tree.leaves(filled))
    whole = jax.tree.map(lambda *parts: np.concatenate(parts), first, last)
    assert jax.tree.all(jax.tree.map(np.array_equal, whole, cells))
    assert cells.filled(COUNT) is cells


def test_gas_that_does_not_shine_is_one_sentence(tmp_path):
    """In memory or in a file, of which it is read up to what shines."""
    dark = gas(rate=0.0)
    sentence = f"nothing shines in the {COUNT} cells of gas, none of them forms stars: there are no emission lines"
    assert checks.dark_gas(Glow(), dark) == sentence
    assert checks.dark_gas(Glow(), None) == "the galaxy has no gas: there are no emission lines"
    assert checks.dark_gas(Glow(of_stars=True), dark) is None
    last = eqx.tree_at(lambda cells: cells.star_formation_rate, dark, jnp.zeros(COUNT).at[-1].set(1e-9))
    assert checks.dark_gas(Glow(), last) is None
    write_galaxy(tmp_path / "dark.h5", Galaxy(beside(dark), 0.02, gas=dark))
    assert checks.dark_gas(Glow(), stream_galaxy(tmp_path / "dark.h5").gas) == sentence


def test_gas_of_tng_is_dark_and_that_of_eagle_and_colibre_shines(data):
    found = {}
    for name in ("IllustrisTNG", "EAGLE", "Colibre"):
        galaxy = read_galaxy(data(f"snapshots/SimSpin_example_{name}.hdf5"))
        found[name] = checks.dark_gas(Glow(), galaxy.gas)
    assert found["EAGLE"] is found["Colibre"] is None
    assert found["IllustrisTNG"].startswith("nothing shines in the 100 cells of gas, none of them forms stars")


@pytest.fixture
def described():
    return config.resolved(config.with_settings(DESCRIPTION, ["galaxy.gas.count=70", "galaxy.gas.scale=2.5"]))


def test_parametric_galaxy_has_the_gas_of_its_description(described):
    galaxy = run.open_galaxy(described["galaxy"], 0.02)
    by_hand = SpiralGalaxy(
        DiscBulge.sample(500, key=jax.random.key(3)),
        GasDisc.sample(70, key=jax.random.fold_in(jax.random.key(3), 1), scale=2.5),
    )
    found, expected = galaxy.gas, by_hand.gas()
    assert jax.tree.all(jax.tree.map(lambda x, y: np.allclose(x, y, rtol=1e-5, atol=1e-5), found, expected))
    assert galaxy.stars.count == 500 and "70 gas particles, 5.0000e+09 Msun, forming 2 Msun/yr" in galaxy.report()
    Checks().galaxy(described["galaxy"])


def test_model_with_gas_is_observed_with_it():
    """From Python, too."""
    model = SpiralGalaxy(DiscBulge.sample(30, key=jax.random.key(1)), GasDisc.sample(70, key=jax.random.key(2)))
    galaxy = shortcuts.made(model, 0.1)
    assert (galaxy.stars.count, galaxy.gas.count, galaxy.redshift) == (30, 70, 0.1)
    assert shortcuts.made(galaxy.model, 0.1).gas.count == 70
    assert shortcuts.made(galaxy.stars, 0.1).gas is None
