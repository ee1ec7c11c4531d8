"""Every combination of stages that an instrument has is linear in the weights, and differentiable in its numbers."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import Telescope, VelocityChannels, Wavelengths, instruments
from ifux.config.build import module
from ifux.ssp import GridSSP
from ifux.typing import real

REPRESENTATIVES = [
    "califa-v500", "eris-spiffier-k-low-100", "eris-spiffier-k-low-250", "harmoni-k-30x60", "harmoni-k-20x20",
    "kcwi-bl-large", "kmos-k", "lvm-r", "manga-log", "miri-mrs-2b", "muse-nfm-ao", "muse-wfm", "muse-wfm-ao",
    "muse-wfm-extended", "nirspec-ifu-g140m-f100lp", "osiris-kbb-100", "virus-w-low",
]  # fmt: skip
"""One instrument of every combination of PSF, LSF, channels and spaxels that any has."""
FIELD, CHANNELS, REACH = (3, 2), 8, 2
STEP = 1e-5


def kinds(described: dict) -> tuple:
    """The kind of a stage, and those of the stages in it."""
    return described.get("kind"), *(kinds(value) for value in described.values() if isinstance(value, dict))


def combination(name: str) -> tuple:
    """Of the stages of a preset that light comes through."""
    described = instruments.load(name)["telescope"]
    return tuple(kinds(described[family]) for family in ("psf", "lsf", "wavelengths", "spaxels"))


def test_every_combination_of_stages_that_a_preset_has_is_run():
    combinations = [combination(name) for name in REPRESENTATIVES]
    missed = {name for name in instruments.names() if combination(name) not in combinations}
    assert not missed and len({*combinations}) == len(combinations)


def cut(name: str) -> Telescope:
    """A preset's stages on a field of a few spaxels and channels, before a made-up library of one population.

    What lies further out in a kernel acts in the same way.
    """
    described = instruments.load(name)["telescope"]
    spaxels = module("spaxels", described["spaxels"], "spaxels")
    spaxels = dataclasses.replace(spaxels, size=FIELD, oversampling=(1, 1))
    given = module("channels", described["wavelengths"], "wavelengths")
    first = next(at for at in range(given.size // 2, given.size) if not given.part(at, at + CHANNELS).missing().any())
    observed = given.part(first, first + CHANNELS)
    lsf, psf = (module(family, described[family], family) for family in ("lsf", "psf"))
    step, low = 0.8 * float(observed.widths().min()), float(observed.vacuum_edges()[0])
    rest = Wavelengths(low / (1 + stages.REDSHIFT) - 30 * step, step, 60 + 2 * CHANNELS, "vacuum")
    library = stages.library(rest, 2, 2, fwhm=0.7 * float(lsf.width(real(observed.centres())).min()))
    return stages.telescope(
        wavelengths=observed,
        spaxels=spaxels,
        kinematics=VelocityChannels(1.0, 1.0),
        ssp=GridSSP.from_library(library),
        psf=psf.reaching(REACH),
        lsf=lsf,
    )


@eqx.filter_jit
@eqx.filter_value_and_grad
def projected(telescope_and_weights, cube):
    """The product of a cube with what a telescope makes of weights, and its gradient by all numbers."""
    telescope, weights = telescope_and_weights
    return jnp.vdot(cube, telescope.observe(weights, telescope.templates()))


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_preset_is_linear_and_its_gradient_is_that_of_differences(double, name):
    """The gradient by weights is the adjoint, to 1e-12; by the numbers of its PSF and LSF, that of finite differences.

    One program for all: the weights are those of other stars for the adjoint.
    """
    telescope, rng = cut(name), np.random.default_rng(0)
    shape = (*telescope.spaxels.scene_shape(telescope.psf.margin), telescope.kinds)
    here, there = (real(rng.uniform(size=shape)) for _ in range(2))
    cube = real(rng.normal(size=(*reversed(FIELD), CHANNELS)))
    value, (slope, adjoint) = projected((telescope, here), cube)
    scale = float(jnp.linalg.norm(adjoint) * jnp.linalg.norm(there))
    assert abs(float(value - jnp.vdot(here, adjoint))) < 1e-12 * scale
    assert abs(float(projected((telescope, there), cube)[0] - jnp.vdot(there, adjoint))) < 1e-12 * scale

    of_stages = eqx.partition((telescope.psf, telescope.lsf), eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(of_stages[0])
    slopes = jax.tree.leaves((slope.psf, slope.lsf))
    for at, (leaf, found) in enumerate(zip(leaves, slopes, strict=True)):
        along, ends = jnp.asarray(rng.normal(size=leaf.shape)) * jnp.abs(leaf), []
        for step in (STEP, -STEP):
            moved = structure.unflatten([*leaves[:at], leaf + step * along, *leaves[at + 1 :]])
            psf, lsf = eqx.combine(moved, of_stages[1])
            ends.append(float(projected((dataclasses.replace(telescope, psf=psf, lsf=lsf), here), cube)[0]))
        expected = (ends[0] - ends[1]) / (2 * STEP)
        assert float(jnp.vdot(along, found)) == pytest.approx(expected, rel=1e-5, abs=1e-8 * scale), at
