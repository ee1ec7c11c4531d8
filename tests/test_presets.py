"""Every combination of stages that an instrument has is linear in the weights, and differentiable in its numbers."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import Telescope, VelocityChannels, Wavelengths, config, instruments
from ifux.config.build import module
from ifux.ssp import GridSSP
from ifux.typing import real

REPRESENTATIVES = [
    "califa-v500", "eris-spiffier-k-low-100", "eris-spiffier-k-low-250", "harmoni-k-30x60", "harmoni-k-20x20",
    "kcwi-bl-large", "kmos-k", "lvm-r", "manga", "manga-log", "manga-log-cube", "miri-mrs-2b", "muse-nfm-ao",
    "muse-wfm", "muse-wfm-ao", "muse-wfm-extended", "nirspec-ifu-g140m-f100lp", "osiris-kbb-100",
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
def seen(telescope_and_weights, templates, cube):
    """The product of a cube with what a telescope makes of weights, and its gradient by all numbers."""
    telescope, weights = telescope_and_weights
    return jnp.vdot(cube, telescope.observe(weights, templates))


@eqx.filter_jit
@eqx.filter_value_and_grad
def made(telescope, spectra):
    """The product of spectra with the templates of a telescope, and its gradient by all numbers."""
    return jnp.vdot(spectra, telescope.templates())


def check_gradient(value, stage, slope, rng, scale):
    """By every leaf of a stage, as finite differences have it of the value of one in its place."""
    moving, still = eqx.partition(stage, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(moving)
    for at, (leaf, found) in enumerate(zip(leaves, jax.tree.leaves(slope), strict=True)):
        along, ends = jnp.asarray(rng.normal(size=leaf.shape)) * jnp.abs(leaf), []
        for step in (STEP, -STEP):
            moved = structure.unflatten([*leaves[:at], leaf + step * along, *leaves[at + 1 :]])
            ends.append(float(value(eqx.combine(moved, still))))
        expected = (ends[0] - ends[1]) / (2 * STEP)
        assert float(jnp.vdot(along, found)) == pytest.approx(expected, rel=1e-5, abs=1e-8 * scale), at


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_light_on_its_way_to_the_cube_of_a_preset_has_an_adjoint_and_gradients(double, name):
    """The gradient by weights is the adjoint, to 1e-12; that by the numbers of the PSF is that of differences."""
    telescope, rng = cut(name), np.random.default_rng(0)
    shape = (*telescope.spaxels.scene_shape(telescope.psf.margin), telescope.kinds)
    here, there = (real(rng.uniform(size=shape)) for _ in range(2))
    templates = real(rng.uniform(size=(telescope.kinds, CHANNELS)))
    cube = real(rng.normal(size=(*reversed(FIELD), CHANNELS)))
    value, (slope, adjoint) = seen((telescope, here), templates, cube)
    scale = float(jnp.linalg.norm(adjoint) * jnp.linalg.norm(there))
    for weights, projection in ((here, value), (there, seen((telescope, there), templates, cube)[0])):
        assert abs(float(projection - jnp.vdot(weights, adjoint))) < 1e-12 * scale

    def by(psf):
        return seen((dataclasses.replace(telescope, psf=psf), here), templates, cube)[0]

    check_gradient(by, telescope.psf, slope.psf, rng, scale)


RESOLVING = ["califa-v500", "kmos-k", "miri-mrs-2b", "muse-wfm-ao", "manga-log"]
"""One of every combination of LSF and channels."""


def test_every_combination_of_lsf_and_channels_is_run():
    assert {combination(name)[1:3] for name in RESOLVING} == {combination(name)[1:3] for name in REPRESENTATIVES}


@pytest.mark.parametrize("name", RESOLVING)
def test_templates_of_a_preset_have_gradients(double, name):
    """By the numbers of the LSF: those of finite differences."""
    telescope, rng = cut(name), np.random.default_rng(1)
    spectra = real(rng.normal(size=(telescope.kinds, CHANNELS)))
    value, slope = made(telescope, spectra)

    def by(lsf):
        return made(dataclasses.replace(telescope, lsf=lsf), spectra)[0]

    check_gradient(by, telescope.lsf, slope.lsf, rng, abs(float(value)))


PLANES = ["califa-v500", "gmos-ifu-one-b480", "hector-aaomega-blue-37", "virus-p", "virus-w-low"]
"""One of every combination of layout, footprint and reconstruction."""


def plane_of(name: str) -> tuple:
    """What collects the light of a preset."""
    return kinds(instruments.load(name)["telescope"].get("focal_plane", {}))


def test_every_combination_of_a_focal_plane_is_run():
    assert {plane_of(name) for name in instruments.names()} == {plane_of(name) for name in ("muse-wfm", *PLANES)}


@pytest.mark.parametrize("name", PLANES)
def test_fibres_of_a_preset_have_an_adjoint(double, name):
    """From the scene to the fibres and from these to the cube, to 1e-12; an even sky is even in the cube."""
    given = {"instrument": name, "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0}}
    whole = {"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "embedded"}, "telescope": given}
    parts, observed = config.parts(config.resolved(whole)["telescope"])
    plane, spaxels, rng = parts["focal_plane"], parts["spaxels"], np.random.default_rng(3)
    scene = spaxels.scene
    some = observed.part(0, 1)

    @jax.jit
    def steps(sky, cube, elements):
        seen, back = jax.vjp(lambda sky: plane.sample(sky, scene, None)[0], sky)
        rebuilt, apart = jax.vjp(lambda some_elements: plane.rebuild(some_elements, scene, some), elements)
        there = ~jnp.isnan(rebuilt)
        cube = jnp.where(there, cube, 0)
        forward = jnp.vdot(seen, elements), jnp.vdot(jnp.where(there, rebuilt, 0), cube)
        return forward, (jnp.vdot(sky, back(elements)[0]), jnp.vdot(elements, apart(cube)[0])), there

    sky = real(rng.normal(size=(1, *spaxels.scene_shape(plane.margin), 1)))
    elements = real(rng.normal(size=(*plane.element_shape(scene), 1)))
    forward, adjoint, there = steps(sky, real(rng.normal(size=(*scene.shape, 1))), elements)
    assert np.allclose(forward, adjoint, rtol=0, atol=1e-12 * sky.size**0.5 * elements.size**0.5)
    assert float(there.mean()) > 0.3
    even = plane.sample(jnp.ones_like(sky) * jnp.prod(scene.sides), scene, None)[0]
    cube = plane.rebuild(even, scene, some)[there]
    assert np.allclose(cube, float(jnp.prod(scene.pitch)), rtol=5e-3)
