"""[alpha/Fe] and the slope of the IMF are axes like the others, and cost nothing where a library has none."""

import dataclasses

import equinox as eqx
import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from specification import Specification, gaussian

from ifux import (
    EulerOrientation,
    FixedTarget,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    InclinedOrientation,
    InputError,
    LowRankSSP,
    NoDust,
    NoLSF,
    NoNoise,
    NoPSF,
    Particles,
    Slicer,
    SquareSpaxels,
    Telescope,
    VelocityChannels,
    config,
    parallel,
    real,
)
from ifux.compute import Choices
from ifux.io import describe, read_ssp, write_ssp
from ifux.programs import added, nothing

ALPHA = np.array([-0.2, 0.0, 0.4])
SLOPE = np.array([0.8, 1.3])
AXES = {"alpha": ("alpha",), "slope": ("imf_slope",), "both": ("imf_slope", "alpha")}


def library(axes=("imf_slope", "alpha"), **changes):
    """The made-up library with lines that deepen with [alpha/Fe], and a continuum that fades with the slope."""
    plain = stages.library(**changes)
    along = np.sin(plain.wavelength / 7.0)
    flux = np.broadcast_to(plain.flux, (SLOPE.size, ALPHA.size, *plain.flux.shape)).copy()
    flux *= 1 + 0.3 * ALPHA[:, None, None, None] * along + 0.2 * ALPHA[:, None, None, None] ** 2
    flux *= np.exp(-0.5 * SLOPE)[:, None, None, None, None] * (1 + 0.05 * SLOPE[:, None, None, None, None] * along)
    if "imf_slope" not in axes:
        return dataclasses.replace(plain, flux=flux[0], alpha=ALPHA)
    if "alpha" not in axes:
        return dataclasses.replace(plain, flux=flux[:, 0], imf_slope=SLOPE)
    return dataclasses.replace(plain, flux=flux, alpha=ALPHA, imf_slope=SLOPE)


def values(axes):
    """Where a stage stands, off the nodes."""
    return {name: value for name, value in (("alpha", 0.13), ("imf_slope", 1.1)) if name in axes}


def ssps(axes):
    """The two stages."""
    exact = GridSSP.from_library(library(axes), **values(axes))
    return {"grid": exact, "low rank": LowRankSSP.from_library(library(axes), 1e-9, **values(axes))}


def particles(count=60, own=True):
    """Stars, some off the library's grid, with or without [alpha/Fe] of their own."""
    plain = stages.particles(count)
    mixture = np.random.default_rng(3).uniform(-0.3, 0.5, count)
    return dataclasses.replace(plain, alpha=real(mixture)) if own else plain


def expected(lib, stars, projected_mass, where):
    """Spectra by hand: linear between nodes, held at the edges."""
    spec = Specification(lib, None, 0.0, 1.0, 0.0, 0.0, 1.0, (1, 1), None, None, imf_slope=where.get("imf_slope"))
    mixture = np.full(stars.count, where.get("alpha", np.nan)) if stars.alpha is None else stars.alpha
    numbers = (np.asarray(leaf, np.float64) for leaf in (projected_mass, stars.age, stars.metallicity, mixture))
    return np.stack([m * spec.population(a, z, x) for m, a, z, x in zip(*numbers, strict=True)])


@pytest.mark.parametrize("own", [True, False], ids=["own", "stage"])
@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
@pytest.mark.parametrize("kind", ["grid", "low rank"])
def test_spectra_are_linear_between_the_nodes(double, kind, axes, own):
    ssp, stars = ssps(axes)[kind], particles(own=own)
    projected = FixedTarget(stages.REDSHIFT, 90.0).project(EulerOrientation()(stars))
    coefficients = ssp.coefficients(projected)
    basis = ssp.spectra()
    mixed = coefficients.gather(basis) if kind == "grid" else coefficients @ basis
    found = np.asarray(projected.mass[:, None] * mixed)
    right = expected(library(axes), stars, stars.mass, values(axes))
    assert np.abs(found / right - 1).max() < (1e-12 if kind == "grid" else 1e-6)
    assert np.allclose(ssp.luminosity(projected), right.mean(axis=1), rtol=1e-6)
    assert basis.shape == (ssp.size, ssp.rest.size)


@pytest.mark.parametrize("own", [True, False], ids=["own", "stage"])
def test_cube_is_that_of_the_specification(bits, own):
    lib, stars = library(), particles(300, own)
    where = {"imf_slope": 1.1, "alpha": 0.13}
    telescope = Telescope(
        stages.OBSERVED,
        FixedTarget(stages.REDSHIFT, 90.0),
        InclinedOrientation(50.0, 30.0),
        SquareSpaxels(0.4, (9, 8)),
        VelocityChannels(),
        GridSSP.from_library(lib, **where),
        NoDust(),
        GaussianPSF(1.6),
        Slicer(),
        GaussianLSF(3.2),
        NoNoise(),
    )
    slow = Specification(
        lib, stages.OBSERVED, stages.REDSHIFT, 90.0, 50.0, 30.0, 0.4, (9, 8), gaussian(1.6), 3.2, None, **where
    )
    columns = ("position", "velocity", "mass", "age", "metallicity")
    numbers = {name: np.asarray(getattr(stars, name), np.float64) for name in columns}
    reference = slow.cube(**numbers, alpha=np.asarray(stars.alpha, np.float64) if own else None)
    cube = np.asarray(eqx.filter_jit(lambda t, p: t(p))(telescope, stars), np.float64)
    assert np.max(np.abs(cube - reference).max(axis=2) / reference.max(axis=2)) < 2e-3
    assert abs(cube.sum() / reference.sum() - 1) < 1e-4
    # What is compared depends on the axes: without them the cube is another one.
    without = slow.cube(**numbers, alpha=np.full(stars.count, -0.2))
    assert abs(without.sum() / reference.sum() - 1) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grid", "low rank"])
def test_gradients_are_finite_differences(double, kind):
    telescope = stages.telescope(ssp=ssps(AXES["both"])[kind], psf=NoPSF(), lsf=NoLSF())
    stars, target = particles(20), np.random.default_rng(0).normal(size=(8, 9, stages.OBSERVED.size))
    for own in (True, False):

        @eqx.filter_jit
        def loss(alpha, slope, own=own):
            one = eqx.tree_at(lambda t: t.ssp.imf_slope, telescope, slope)
            if own:
                moved = eqx.tree_at(lambda s: s.alpha, stars, alpha)
            else:
                one = eqx.tree_at(lambda t: t.ssp.alpha, one, alpha)
                moved = dataclasses.replace(stars, alpha=None)
            return jnp.sum(one(moved) * target)

        alpha = stars.alpha if own else real(0.13)
        slope = real(1.1)
        gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))(alpha, slope)
        direction = jnp.ones_like(alpha) if not own else real(np.random.default_rng(1).normal(size=20))
        step = 1e-6
        along = (loss(alpha + step * direction, slope) - loss(alpha - step * direction, slope)) / (2 * step)
        across = (loss(alpha, slope + step) - loss(alpha, slope - step)) / (2 * step)
        assert jnp.vdot(gradient[0], direction) == pytest.approx(float(along), rel=1e-5) and abs(along) > 0
        assert gradient[1] == pytest.approx(float(across), rel=1e-5) and abs(across) > 0


def test_coverage_counts_mixtures_off_the_grid(double):
    plain = stages.particles(5)
    inside = dataclasses.replace(plain, age=jnp.full(5, 1.0), metallicity=jnp.full(5, 0.01), mass=jnp.full(5, 1e5))
    stars = dataclasses.replace(inside, alpha=real([-0.21, -0.2, 0.0, 0.4, 0.41]))
    telescope = stages.telescope(ssp=ssps(AXES["both"])["grid"])
    assert eqx.filter_jit(lambda t, s: t.coverage(s).library)(telescope, stars) == pytest.approx(0.6)
    assert telescope.ssp.covers(telescope.project(inside)).all()
    assert stages.telescope().ssp.covers(telescope.project(stars)).all()


def test_absent_axes_cost_nothing(double):
    telescope, stars = stages.telescope(), stages.particles(10)
    assert len(jax.tree.leaves(stars)) == 5 and len(jax.tree.leaves(telescope.project(stars))) == 6
    assert len(jax.tree.leaves(telescope.ssp)) == 4
    own = dataclasses.replace(stars, alpha=jnp.zeros(10))
    program = jax.make_jaxpr(lambda p: telescope.weights(p))
    equations = str(program(stars)).count("=")
    assert str(program(own)).count("=") == equations


def test_the_slope_of_the_imf_costs_no_particle_anything(double):
    """The exact grid is mixed once for all stars."""
    one, many = (GridSSP.from_library(library(AXES[name]), **values(AXES[name])) for name in ("alpha", "both"))
    assert one.size == many.size == ALPHA.size * one.metallicity.size * one.age.size
    projected = FixedTarget(stages.REDSHIFT, 90.0).project(EulerOrientation()(particles()))
    assert one.coefficients(projected).index.shape == many.coefficients(projected).index.shape == (60, 8)


def test_mixtures_pass_through_blocks_filling_and_orientations(double):
    stars = particles(10)
    blocks = [*stars.blocks(4)]
    assert np.array_equal(np.concatenate([block.alpha for block in blocks]), stars.alpha)
    assert np.array_equal(blocks[-1].filled(4).alpha, [*stars.alpha[8:], 0, 0])
    for orientation in stages.ORIENTATIONS.values():
        assert np.array_equal(orientation()(stars).alpha, stars.alpha)
        assert orientation()(dataclasses.replace(stars, alpha=None)).alpha is None
    with pytest.raises(ValueError, match=r"Particles\.alpha has shape \(9,\)"):
        dataclasses.replace(stars, alpha=jnp.zeros(9))


@pytest.mark.parametrize("own", [True, False], ids=["own", "stage"])
def test_mixtures_pass_through_blocks_of_the_model_and_devices(double, own):
    telescope, stars = stages.telescope(ssp=ssps(AXES["both"])["low rank"]), particles(11, own)
    whole = eqx.filter_jit(lambda t, s: t.weights(s))(telescope, stars)
    blocks = eqx.filter_jit(lambda t, s: t.weights(s, block=4))(telescope, stars)
    assert np.allclose(blocks, whole, rtol=1e-12, atol=1e-9 * float(whole.max()))
    shared = parallel.shard(stars, parallel.mesh())
    assert (shared.alpha is None) == (not own)
    filling = parallel.dark(3, stars)
    assert jax.tree.structure(filling) == jax.tree.structure(stars)
    more = jax.tree.map(lambda one, two: jnp.concatenate([one, two]), stars, filling)
    (weights,), _ = added(telescope, 0, more, nothing(telescope, more), Choices())
    assert np.allclose(weights, whole, rtol=1e-12, atol=1e-9 * float(whole.max()))


def test_where_a_stage_stands_must_be_said(bits):
    sentences = {
        "imf_slope must be a number between them, it is missing": (library(), {}),
        "alpha must be a number between them, got 0.5": (library(), {"alpha": 0.5, "imf_slope": 1.0}),
        "slope of the IMF from 0.8 to 1.3": (library(), {"imf_slope": 2.0}),
        r"has one \[alpha/Fe\] only: leave alpha out": (stages.library(), {"alpha": 0.0}),
        "has one slope of the IMF only": (library(AXES["alpha"]), {"imf_slope": 1.3}),
    }
    for sentence, (lib, given) in sentences.items():
        for stage in (GridSSP, LowRankSSP):
            with pytest.raises(ValueError, match=sentence):
                stage.from_library(lib, **given)
    assert GridSSP.from_library(library(), imf_slope=1.3).alpha == 0
    enhanced = dataclasses.replace(library(AXES["alpha"]), alpha=ALPHA + 0.3)
    with pytest.raises(ValueError, match=r"from 0\.1 to 0\.7: alpha must be a number between them, it is missing"):
        GridSSP.from_library(enhanced)
    with pytest.raises(ValueError, match="give both or neither"):
        eqx.tree_at(
            lambda s: s.imf_slope, ssps(AXES["slope"])["grid"], None, is_leaf=lambda x: x is None
        ).__check_init__()


def test_a_configuration_says_where_a_stage_stands(bits):
    def built(lib, ssp):
        description = config.resolved(
            {
                "galaxy": {"kind": "disc-bulge"},
                "library": {"kind": "embedded"},
                "telescope": {
                    "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
                    "spaxels": {"kind": "square", "pitch": 0.4, "size": [9, 8]},
                    "wavelengths": {"start": 4836.0, "step": 1.25, "size": 120, "medium": "air"},
                    "ssp": ssp,
                },
            }
        )
        return config.telescope(description["telescope"], lib, stages.particles()).ssp

    stage = built(library(), {"kind": "grid", "alpha": 0.3, "imf_slope": 1.2})
    assert np.allclose([stage.alpha, stage.imf_slope], [0.3, 1.2]) and stage.flux.ndim == 5
    with pytest.raises(InputError, match=r"telescope\.ssp: the library 'made up' has one \[alpha/Fe\] only"):
        built(stages.library(), {"kind": "low-rank", "alpha": 0.3})
    with pytest.raises(InputError, match=r"telescope\.ssp: .* imf_slope must be a number"):
        built(library(), {"kind": "low-rank"})
    with pytest.raises(InputError, match=r'telescope\.ssp\.alpha: "solar" is not a number'):
        built(library(), {"kind": "grid", "alpha": "solar"})
    assert built(stages.library(), {"kind": "grid"}).alpha is None


@pytest.mark.parametrize("axes", [*AXES.values(), ()], ids=[*AXES, "none"])
def test_own_file_keeps_the_axes(tmp_path, axes):
    lib = library(axes) if axes else stages.library()
    write_ssp(tmp_path / "library", lib)
    back = read_ssp(tmp_path / "library")
    for field in dataclasses.fields(lib):
        assert np.array_equal(getattr(back, field.name), getattr(lib, field.name)), field.name
    with h5py.File(tmp_path / "library") as file:
        assert file.attrs["version"] == (2 if axes else 1)
    text = describe(tmp_path / "library")
    assert ("[alpha/Fe] -0.2 to 0.4 (3 values)" in text) == ("alpha" in axes)
    assert ("slope of the IMF 0.8 to 1.3 (2 values)" in text) == ("imf_slope" in axes)


def test_axes_survive_cutting_and_resampling():
    lib = library()
    cut = lib.cut(4800.0, 4850.0)
    assert cut.flux.shape == (2, 3, 3, 4, 51) and np.array_equal(cut.flux, lib.flux[..., 100:151])
    fine = lib.resampled(0.5)
    assert np.allclose(fine.flux[..., ::2], lib.flux) and np.array_equal(fine.alpha, lib.alpha)
    with pytest.raises(ValueError, match="axes imf_slope, alpha, metallicity, age and wavelength"):
        dataclasses.replace(lib, flux=lib.flux[0])
    with pytest.raises(ValueError, match="alpha must be two values or more that increase strictly"):
        dataclasses.replace(lib, alpha=lib.alpha[::-1])


def test_dark_rows_do_not_spoil_a_low_rank():
    lib = stages.library()
    flux = lib.flux.copy()
    flux[0, 0] = 0
    with jax.enable_x64(True):
        ssp = LowRankSSP.from_library(dataclasses.replace(lib, flux=flux), 1e-6)
        rows = ssp.table.reshape(-1, ssp.size) @ ssp.basis
        assert np.abs(rows[0]).max() == 0
        assert np.abs(rows[1:] / flux.reshape(-1, flux.shape[-1])[1:] - 1).max() < 1e-4


def test_particles_take_a_mixture_by_name(bits):
    one = np.ones(3)
    stars = Particles(np.zeros((3, 3)), np.zeros((3, 3)), one, one, 0.01 * one, alpha=[0.0, 0.1, 0.2])
    assert stars.alpha.dtype == stars.mass.dtype
