"""A halo on larger cells: the same light as on small ones, in less memory."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from specification import Specification, gaussian, moffat
from test_scene import images

import ifux.telescope
from ifux import CoarseHaloPSF, CoreHaloPSF, GaussianPSF, MoffatPSF, RectangularSpaxels, SquareSpaxels, real
from ifux.compute import Choices
from ifux.config.build import module
from ifux.config.cells import LOST, suited
from ifux.numerics.lattice import Lattice
from ifux.numerics.stencil import framed
from ifux.plan import larger_cells, needs
from ifux.programs import deposit, nothing
from ifux.spread import SplineSpread


def described(spaxels, **psf):
    """The stages of a description, and its PSF as it is resolved."""
    core, halo = {"kind": "gaussian", "fwhm": 0.0675}, {"kind": "moffat", "fwhm": 0.8, "beta": 2.5}
    found = suited({"spaxels": spaxels, "psf": {"kind": "core-halo", "core": core, "halo": halo, "share": 0.3} | psf})
    assert suited(found) == found
    return *(module(family, found[family], family) for family in ("spaxels", "psf")), found["psf"]


@pytest.mark.parametrize("degree", [1, 3, 4, 5])
@pytest.mark.parametrize(("coarse", "ring", "fine"), [(2, 7, 23), (5, 6, 24), (9, 8, 31)])
def test_light_of_a_point_on_small_and_large_cells_is_one_and_where_it_stands(double, coarse, ring, fine, degree):
    lattice = Lattice(fine, ring, coarse)
    large = lattice.origin + coarse * (np.arange(lattice.size) - lattice.before)
    nodes = np.concatenate([large[:ring], np.arange(fine), large[lattice.right :]])
    places = np.linspace(nodes[2] + 1e-9, nodes[-3] - 1e-9, 400)
    stencil = framed(real(places), nodes.size, ring, coarse, degree)
    assert np.allclose(stencil.total(), 1, rtol=0, atol=1e-14)
    assert np.abs((stencil.weight * nodes[stencil.index]).sum(axis=1) - places).max() < 1e-12
    # On either sort alone.
    small = (stencil.index >= ring) & (stencil.index < ring + fine)
    assert np.array_equal(small.all(axis=1), small.any(axis=1)) and 0 < small[:, 0].sum() < 400


RNG = np.random.default_rng(3)
PLACES = np.concatenate(
    [
        RNG.uniform(-0.12, 0.12, (6, 2)),
        RNG.uniform(-1.6, 1.6, (10, 2)),
        np.column_stack([np.linspace(-0.42, -0.2, 12), np.full(12, 0.07)]),
    ]
)
"""On the field, beyond it, and where small cells end [arcsec]."""


@pytest.mark.parametrize(
    ("pitch", "size", "halo", "share", "most", "degree"),
    [
        (0.025, [11, 10], 0.8, 0.1, 14, 3),
        (0.025, [9, 12], 0.3, 0.3, 4, 3),
        ([0.05, 0.03], [6, 8], 0.6, 0.5, 12, 3),
        (0.0165, [15, 14], 0.3, 0.3, 6, 5),
        ([0.05, 0.03], [6, 8], 0.6, 0.5, 8, 5),
    ],
)
def test_star_is_that_of_small_cells_wherever_it_stands(double, pitch, size, halo, share, most, degree):
    """To 1e-3 of the peak, with the cells of a description, and a kernel on small ones that holds as much light."""
    kind = "square" if isinstance(pitch, float) else "rectangular"
    halo = {"kind": "moffat", "fwhm": halo, "beta": 2.5}
    spaxels = {"kind": kind, "pitch": pitch, "size": size, "degree": degree}
    spaxels, psf, found = described(spaxels, halo=halo, share=share)
    assert isinstance(psf, CoarseHaloPSF) and found["kind"] == "coarse-halo" and psf.coarse >= most / 2
    side = float(spaxels.scene.sides.min())
    small = CoreHaloPSF(psf.core, psf.halo.reaching(int(np.ceil(psf.coarse * (psf.halo.reach + 0.5)))), psf.share)
    assert psf.margin < small.margin and float(psf.held(spaxels.scene)) > 1 - LOST
    expected, found = (np.asarray(images(spaxels, which, PLACES)) for which in (small, psf))
    assert small.margin * side > 2 and np.abs(found - expected).max() < 1e-3 * expected.max()
    # Of stars beyond the field too, whose light is that of the halo.
    beyond = np.abs(PLACES).max(axis=1) > 0.3
    assert np.abs(found - expected)[beyond].max() < 0.02 * (1 - share) * expected[beyond].max()


def test_flux_and_place_are_kept(double):
    """Of a star on a field that holds all of both kernels."""
    psf = CoarseHaloPSF(GaussianPSF(0.9, reach=5), MoffatPSF(6.0, 3.0, reach=5), 0.4, coarse=4)
    spaxels, place = SquareSpaxels(0.4, (97, 92)), np.array([[0.37, -0.81]])
    image = np.asarray(images(spaxels, psf, place))[0]
    assert image.sum() == pytest.approx(1, abs=1e-12)
    y, x = ((image * axis).sum() for axis in np.indices(image.shape))
    assert (48 - x) * 0.4 == pytest.approx(0.37, abs=1e-9) and (y - 45.5) * 0.4 == pytest.approx(-0.81, abs=1e-9)


def test_gradient_by_place_and_by_every_width_is_that_of_finite_differences(double):
    """Through the telescope, of stars on small and on large cells."""
    psf = CoarseHaloPSF(GaussianPSF(0.9, reach=4), MoffatPSF(4.0, 2.5, reach=4), 0.4, coarse=3)
    telescope, stars = stages.telescope(psf=psf), stages.particles(40, spread=1.0)
    rng = np.random.default_rng(5)
    projection, along = real(rng.normal(size=(8, 9, stages.OBSERVED.size))), real(rng.normal(size=(40, 3)))
    names = [
        lambda t: t.psf.core.fwhm, lambda t: t.psf.halo.fwhm, lambda t: t.psf.halo.beta, lambda t: t.psf.share,
        lambda t: t.spaxels.pitch,
    ]  # fmt: skip

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def seen(steps):
        changed = telescope
        for name, step in zip(names, steps[1:], strict=True):
            changed = eqx.tree_at(name, changed, name(telescope) + step)
        moved = eqx.tree_at(lambda s: s.position, stars, stars.position + steps[0] * along)
        return jnp.vdot(changed(moved), projection)

    exact = seen(jnp.zeros(6))[1]
    for which in range(6):
        ahead, behind = (seen(jnp.zeros(6).at[which].set(step))[0] for step in (1e-6, -1e-6))
        assert float(ahead - behind) / 2e-6 == pytest.approx(float(exact[which]), rel=2e-6), which


def test_cube_is_that_of_the_specification(double):
    """A turned field of rectangles; halo and core are two formulas, and no cell is larger than another."""
    spaxels = {
        "kind": "rectangular",
        "pitch": [0.5, 0.3],
        "size": [11, 16],
        "centre": [0.4, -0.3],
        "position_angle": 35,
    }
    core, halo = {"kind": "gaussian", "fwhm": 1.3}, {"kind": "moffat", "fwhm": 6.0, "beta": 4.0}
    spaxels, psf, _ = described(spaxels, core=core, halo=halo)
    assert isinstance(psf, CoarseHaloPSF)
    telescope, stars = stages.telescope(spaxels=spaxels, psf=psf), stages.particles(80, spread=0.6)
    columns = {name: np.asarray(getattr(stars, name)) for name in vars(stars) if getattr(stars, name) is not None}
    slow = Specification(
        stages.library(), stages.OBSERVED, stages.REDSHIFT, 90.0, 50.0, 30.0, (0.5, 0.3), (11, 16),
        lambda r: 0.3 * gaussian(1.3)(r) + 0.7 * moffat(6.0, 4.0)(r), 3.2, field=(0.4, -0.3, 35.0),
    ).cube(**columns)  # fmt: skip
    cube = np.asarray(eqx.filter_jit(lambda t, p: t(p))(telescope, stars))
    assert np.abs(cube - slow).max() < 1e-3 * slow.max()


def test_description_has_large_cells_where_they_make_the_scene_smaller():
    square = {"kind": "square", "pitch": 0.025, "size": [9, 9]}
    _, psf, found = described(square)
    assert found["coarse"] == psf.coarse > 10 and found["core"]["reach"] < 20
    assert psf.coarse * psf.halo.reach * 0.025 / 2 > 6
    assert (
        larger_cells(psf.spread) == f", {psf.ring} of them {psf.coarse} times as wide" != larger_cells(SplineSpread())
    )
    kept = [
        described(square, halo={"kind": "moffat", "fwhm": 0.8, "beta": 2.5, "reach": 40}),
        described(square, halo={"kind": "moffat", "fwhm": 0.1, "beta": 4.0}),
        described(square | {"degree": 1}, share=1.0),
    ]
    assert [psf["kind"] for *_, psf in kept] == ["core-halo"] * 3
    assert isinstance(psf.reaching(5), CoarseHaloPSF) and psf.reaching(5).halo.reach == psf.reaching(5).core.reach == 5
    assert isinstance(psf.spread.within, SplineSpread)


@pytest.mark.parametrize("name", ["coarse halo", "chromatic"])
def test_channels_that_are_blurred_in_pieces_are_those_of_one_piece(double, monkeypatch, name):
    """And so is the adjoint. The last piece overlaps with the one before."""
    telescope, rng = stages.telescope(psf=stages.PSFS[name]()), np.random.default_rng(6)
    shape = (*telescope.spaxels.scene_shape(telescope.psf.margin), telescope.kinds)
    weights, templates = real(rng.normal(size=shape)), telescope.templates()

    @jax.jit
    def both(weights):
        seen, back = jax.vjp(lambda weights: telescope.observe(weights, templates, blur="weights"), weights)
        return seen, back(jnp.sin(seen))[0]

    whole = both(weights)
    monkeypatch.setattr(ifux.telescope, "PIECE", weights.nbytes // 3 - 1)
    for one, other in zip(whole, jax.jit(lambda w: both.__wrapped__(w))(weights), strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-12 * np.abs(one).max())


def test_deposit_is_written_over_what_was_there_before():
    """So that memory holds the weights three times at most, and not four."""
    telescope, stars = stages.telescope(), stages.particles(30)
    (weights,), light = nothing(telescope, stars)
    before = (weights, light)
    told = needs(deposit, telescope, stars, before, Choices())
    assert told.alias_size_in_bytes >= before[0].nbytes
    first = jax.tree.map(np.asarray, deposit(telescope, stars, before, Choices()))
    twice = deposit(telescope, stars, jax.tree.map(jnp.asarray, first), Choices())
    assert all(np.allclose(2 * one, other, rtol=1e-6) for one, other in zip(first, twice, strict=True))


def test_rectangles_have_large_cells_of_their_own_form(double):
    """A field of oblong spaxels sees a round halo."""
    psf = CoarseHaloPSF(GaussianPSF(1.0, reach=8), MoffatPSF(6.0, 4.0, reach=8), 0.0, coarse=3)
    image = np.asarray(images(RectangularSpaxels((0.4, 0.2), (21, 41)), psf, np.zeros((1, 2))))[0]
    assert image[20, 12] == pytest.approx(image[24, 10], rel=2e-3)
