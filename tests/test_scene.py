"""The scene behind the spaxels: narrow PSFs, rectangles, fields that are turned."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import stages
from astropy.io import fits
from astropy.wcs import WCS
from jax.interpreters.partial_eval import dce_jaxpr
from specification import Specification, gaussian, moffat

from ifux import (
    GaussianPSF,
    MoffatPSF,
    NarrowGaussianPSF,
    Projected,
    RectangularSpaxels,
    Slicer,
    SquareSpaxels,
    checks,
    maps,
    real,
    run,
)
from ifux.config.build import module
from ifux.config.cells import LOST, cells, suited, with_cells
from ifux.io.files.cube import Cube, read_cube, write_cube
from ifux.numerics.contract import contract

PLACES = np.concatenate(
    [[[0, 0], [0.5, 0.5], [0.5, 0], [0.25, 0.25], [0.02, 0.47]], np.random.default_rng(0).uniform(-0.5, 0.5, (4, 2))]
)
"""Where in a spaxel a star stands, to the (east, north) of its centre [spaxel]: the extremes, and anywhere."""
FIELD = 9


def seen_at(sky):
    """Stars that stand at places on the sky."""
    none = jnp.zeros(len(sky))
    return Projected(real(sky), none, none, none + 1, none + 5, none + 0.02)


@eqx.filter_jit
def images(spaxels, psf, sky):
    """One image for every star."""
    count = len(sky)
    shape = *spaxels.scene_shape(psf.margin), count
    scattered = spaxels.locate(seen_at(sky), psf.margin, psf.spread).scatter(jnp.eye(count)).reshape(shape)
    return jnp.moveaxis(Slicer().sample(psf.blur(scattered, spaxels.scene), spaxels.scene, None)[0], 2, 0)


@eqx.filter_jit
def moved(spaxels, psf, sky):
    """The change of every image as its star moves east."""
    return jax.jvp(lambda sky: images(spaxels, psf, sky), (sky,), (jnp.zeros_like(sky).at[:, 0].set(1),))[1]


def resolved(psf, side=1.0, size=FIELD):
    """Spaxels with the cells that a description would have, and the PSF with such a reach."""
    spaxels = with_cells(SquareSpaxels(side, (size, size)), psf, Slicer())
    cell = side / spaxels.oversampling[0]
    return spaxels, psf.reaching(int(np.ceil(psf.radius(LOST / 10) / cell)))


def shares(fwhm, east):
    """The analytic shares of a Gaussian's light along x, and their change as it moves east."""
    sigma, edges = fwhm / np.sqrt(8 * np.log(2)), np.arange(FIELD + 1) - FIELD / 2
    distance = (edges + east) / sigma
    slope = np.exp(-0.5 * distance**2) / np.sqrt(2 * np.pi) / sigma
    return np.diff(scipy.special.ndtr(distance)), np.diff(slope)


WIDTHS = [0.3, 0.5, 0.78, 1.04, 1.35, 1.65, 2.3, 3.0, 3.9, 4.2, 5.1]
"""Full width at half maximum [spaxel]; most are those from which on a degree needs no more cells."""


@pytest.mark.parametrize("fwhm", WIDTHS)
def test_narrow_gaussian_is_seen_as_it_is_anywhere_in_a_spaxel(double, fwhm):
    """Flux, centroid, every spaxel within 1e-3 of the peak, nothing more negative than that; and the slope is true."""
    spaxels, psf = resolved(GaussianPSF(fwhm, reach=1))
    found, change = np.asarray(images(spaxels, psf, PLACES)), np.asarray(moved(spaxels, psf, real(PLACES)))
    for image, slope, (east, north) in zip(found, change, PLACES, strict=True):
        (x, dx), (y, _) = shares(fwhm, east), shares(fwhm, -north)
        truth, moving = np.outer(y, x), np.outer(y, dx)
        assert np.abs(image - truth).max() < 1e-3 * truth.max() and image.min() > -1e-3 * truth.max()
        assert image.sum() == pytest.approx(truth.sum(), abs=2e-4)
        assert np.abs((image * np.arange(FIELD)).sum() - (truth * np.arange(FIELD)).sum()) < 2e-3 * fwhm
        assert np.abs(slope - moving).max() < 1e-2 * max(np.abs(moving).max(), truth.max() / fwhm)


@pytest.mark.parametrize("fwhm", [1e-3, 0.02, 0.1, 0.3, 0.66, 1.0])
def test_gaussian_narrower_than_a_spaxel_is_exact_anywhere_in_it(double, fwhm):
    """Every spaxel to 1e-3 of the peak at a FWHM of one, to rounding below; flux; the slopes by place and by width."""
    spaxels, psf = SquareSpaxels(1.0, (FIELD, FIELD)), NarrowGaussianPSF(fwhm)
    places = np.concatenate([PLACES, [[0.499, -0.4999], [-0.4995, 0.3]]])
    found, change = np.asarray(images(spaxels, psf, places)), np.asarray(moved(spaxels, psf, real(places)))
    step = 1e-4 * fwhm
    wider, narrower = (np.asarray(images(spaxels, NarrowGaussianPSF(fwhm + h), places)) for h in (step, -step))
    widened = jax.jvp(lambda fwhm: images(spaxels, NarrowGaussianPSF(fwhm), places), (real(fwhm),), (real(1.0),))[1]
    error = 1e-3 if fwhm > 0.7 else 1e-6 if fwhm > 0.5 else 1e-12
    for image, slope, (east, north) in zip(found, change, places, strict=True):
        (x, dx), (y, _) = shares(fwhm, east), shares(fwhm, -north)
        truth, moving = np.outer(y, x), np.outer(y, dx)
        assert np.abs(image - truth).max() < error * truth.max() and image.min() >= 0
        assert image.sum() == pytest.approx(1, abs=1e-12)
        assert np.abs(slope - moving).max() < 3 * error / fwhm
    assert np.abs((wider - narrower) / (2 * step) - widened).max() < 1e-6 * max(np.abs(widened).max(), 1e-3 / fwhm)


def test_gaussian_without_width_is_hard_binning_without_a_gradient(bits):
    """NumPy's, of a turned field of rectangles, with stars on edges and beyond the field."""
    rng = np.random.default_rng(4)
    place, mass = rng.uniform(-4, 4, (500, 2)).astype(np.float32), rng.uniform(1, 2, 500)
    place[:40] = np.round(place[:40])
    stars = Projected(real(place), *(real(rng.uniform(size=500)) for _ in range(2)), real(mass), *(real(mass),) * 2)
    spaxels = RectangularSpaxels((1.0, 0.5), (5, 9))

    @eqx.filter_jit
    def binned(place, fwhm):
        seen = eqx.tree_at(lambda s: s.sky, stars, place)
        stencil = spaxels.locate(seen, 0, NarrowGaussianPSF(fwhm).spread)
        return stencil.scatter(seen.mass[:, None])[:, 0].reshape(spaxels.shape)

    found = binned(stars.sky, real(0.0))
    edges = np.arange(10) * 0.5 - 2.25, np.arange(6) - 2.5
    expected, _, _ = np.histogram2d(place[:, 1], -place[:, 0], bins=edges, weights=mass)
    assert np.abs(found - expected).max() < (1e-12 if bits == 64 else 1e-5)
    slopes = jax.jacrev(lambda *of: jnp.sum(binned(*of) ** 2), (0, 1))(stars.sky, real(0.0))
    assert not any(np.any(slope) for slope in slopes)


def test_cube_of_a_point_is_that_of_hard_bins(double):
    """From a description to the cube and the maps; nothing is deposited beside the spaxel of a star."""
    fields = {"kind": "rectangular", "pitch": [0.3, 0.5], "size": [6, 5]}
    described = suited({"spaxels": fields, "psf": {"kind": "gaussian", "fwhm": 0}})
    spaxels, psf = (module(family, described[family], family) for family in ("spaxels", "psf"))
    assert spaxels.oversampling == (1, 1) and isinstance(psf, NarrowGaussianPSF)
    telescope, stars = stages.telescope(spaxels=spaxels, psf=psf), stages.particles(80)
    nearest = stages.telescope(spaxels=RectangularSpaxels((0.3, 0.5), (6, 5), degree=0), psf=stages.NoPSF())
    both = eqx.filter_jit(lambda t: (t.weights(stars), maps.true_maps(t, stars)["MASS"]))
    for ours, theirs in zip(both(telescope), both(nearest), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-9)
    for told in (checks.shortcomings(telescope), run.shortcomings(telescope, accept_coarse=True)):
        assert any("all light of a star is in the spaxel that holds it" in sentence for sentence in told)
    plain = eqx.tree_at(lambda t: t.psf.fwhm, telescope, real(0.35))
    assert "only so near to the edge" not in str(checks.shortcomings(plain)) and not checks.unseen_width(plain)
    assert "0.16 of a spaxel wide" in checks.unseen_width(eqx.tree_at(lambda t: t.psf.fwhm, telescope, real(0.08)))


def test_every_number_of_a_narrow_psf_has_the_gradient_of_finite_differences(double):
    """Through the telescope, by the width and by the places of stars."""
    telescope = stages.telescope(psf=NarrowGaussianPSF(0.35), spaxels=RectangularSpaxels((0.4, 0.5), (9, 7)))
    stars, rng = stages.particles(30), np.random.default_rng(5)
    projection = real(rng.normal(size=(7, 9, stages.OBSERVED.size)))

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def seen(of, along):
        fwhm, east = of
        place = stars.position + east * along
        moved = eqx.tree_at(lambda s: s.position, stars, place)
        return jnp.vdot(eqx.tree_at(lambda t: t.psf.fwhm, telescope, fwhm)(moved), projection)

    along, at = real(rng.normal(size=(30, 3))), (real(0.35), real(0.0))
    exact = seen(at, along)[1]
    for which, step in enumerate((1e-5, 1e-6)):
        ahead, behind = (
            seen(tuple(value + h * (i == which) for i, value in enumerate(at)), along)[0] for h in (step, -step)
        )
        assert float(ahead - behind) / (2 * step) == pytest.approx(float(exact[which]), rel=1e-6)


@pytest.mark.parametrize(
    ("described", "kind", "count"),
    [
        ({"kind": "gaussian", "fwhm": 0.05}, "narrow-gaussian", [1, 1]),
        ({"kind": "gaussian", "fwhm": 0.2}, "narrow-gaussian", [1, 1]),
        ({"kind": "gaussian", "fwhm": 0.21}, "gaussian", [3, 3]),
        ({"kind": "gaussian", "fwhm": 0.05, "reach": 9}, "gaussian", [12, 12]),
        ({"kind": "moffat", "fwhm": 0.05}, "moffat", [12, 12]),
    ],
)
def test_description_of_a_narrow_gaussian_is_one_that_is_integrated(described, kind, count):
    found = suited({"spaxels": {"kind": "square", "pitch": 0.2, "size": [3, 3]}, "psf": described})
    assert (found["psf"]["kind"], found["spaxels"]["oversampling"]) == (kind, count)
    assert suited(found) == found


@pytest.mark.parametrize(
    ("fwhm", "count", "degree"),
    [
        (0.05, 12, 3), (0.15, 12, 3), (0.25, 8, 3), (0.8, 2, 3), (1.5, 1, 3), (2.5, 1, 3),
        (0.15, 12, 4), (1.0, 2, 4), (2.0, 1, 4), (0.05, 12, 5), (0.25, 8, 5), (0.8, 2, 5), (1.5, 1, 5), (2.5, 1, 5),
    ],
)  # fmt: skip
def test_psf_that_the_cells_do_not_show_is_told_with_its_error(double, fwhm, count, degree):
    """No less than what is found, and no more than a few times as much: stars next to an edge are the worst."""
    spaxels = SquareSpaxels(1.0, (FIELD, FIELD), oversampling=(count, count), degree=degree)
    psf = GaussianPSF(fwhm, reach=1).reaching(int(np.ceil(GaussianPSF(fwhm).radius(LOST / 10) * count)))
    places = np.column_stack([np.linspace(0.38, 0.5, 25), np.linspace(0.44, 0.47, 25)])
    worst = 0.0
    for image, (east, north) in zip(np.asarray(images(spaxels, psf, places)), places, strict=True):
        truth = np.outer(shares(fwhm, -north)[0], shares(fwhm, east)[0])
        worst = max(worst, np.abs(image - truth).max() / truth.max())
    told = checks.unseen(fwhm, count, degree)
    assert worst < 1.1 * told and worst > told / 6
    sentence = checks.unseen_width(stages.telescope(spaxels=spaxels, psf=psf))
    assert (sentence is None) == (told < (1e-3 if fwhm < 0.3 else 1e-2))
    assert sentence is None or f"wrong by up to {told:.1%} of its peak" in sentence
    in_a_fit = checks.shortcomings(stages.telescope(spaxels=spaxels, psf=psf))
    assert in_a_fit == ([sentence] if fwhm < 0.3 and sentence else [])


@pytest.mark.parametrize("fwhm", [0.5, 1.04, 1.35, 1.65, 2.3, 3.9, 4.2])
def test_narrow_moffat_is_seen_as_it_is_anywhere_in_a_spaxel(double, fwhm):
    """Against quadrature over the spaxel, 24 nodes a side."""
    spaxels, psf = resolved(MoffatPSF(fwhm, reach=1), size=5)
    nodes, share = np.polynomial.legendre.leggauss(24)
    for image, (east, north) in zip(np.asarray(images(spaxels, psf, PLACES)), PLACES, strict=True):
        x, y = (np.arange(5)[:, None] - 2 + nodes / 2 + offset for offset in (east, -north))
        radius = np.hypot(y[:, :, None, None], x[None, None])
        truth = np.einsum("yaxb,a,b->yx", moffat(fwhm, 2.8)(radius), share / 2, share / 2)
        assert np.abs(image - truth).max() < 1.1e-3 * truth.max() and image.min() > 0


ACROSS = (1e-4, 0.3, 0.5, 1.04, 1.35, 1.65, 2.0, 2.3, 3.9, 4.2, 5.05, np.inf)
"""Full width at half maximum [spaxel]."""


@pytest.mark.parametrize(
    ("degree", "counts"),
    [
        (1, [12, 12, 8, 4, 3, 3, 3, 2, 2, 2, 1, 1]),
        (3, [12, 12, 8, 4, 3, 3, 3, 2, 2, 2, 1, 1]),
        (4, [12, 11, 7, 3, 3, 2, 2, 2, 2, 1, 1, 1]),
        (5, [12, 11, 7, 3, 2, 2, 2, 2, 1, 1, 1, 1]),
    ],
)
def test_cells_to_a_spaxel_are_few_where_the_psf_is_wide_and_splines_are_of_a_high_degree(degree, counts):
    assert [cells(across, degree) for across in ACROSS] == counts


def test_description_has_the_splines_that_need_the_fewest_cells_or_those_that_it_says():
    """Of as few the lowest, and the cubic ones of earlier versions where the cells are given."""

    def chosen(fwhm, **said):
        given = {"kind": "square", "pitch": 0.2, "size": [30, 30]} | said
        found = suited({"spaxels": given, "psf": {"kind": "moffat", "fwhm": fwhm}})
        assert suited(found) == found
        return found["spaxels"]["degree"], found["spaxels"]["oversampling"]

    by_width = {0.01: (3, 12), 0.18: (4, 4), 0.2: (3, 4), 0.21: (4, 3), 0.26: (3, 3), 0.28: (5, 2), 0.34: (4, 2)}
    by_width |= {0.5: (3, 2), 0.76: (3, 2), 0.8: (5, 1), 0.84: (4, 1), 1.01: (3, 1)}
    for fwhm, (degree, count) in by_width.items():
        assert chosen(fwhm) == (degree, [count, count]), fwhm
    assert chosen(0.8, degree=3) == (3, [2, 2]) and chosen(0.8, degree=4) == (4, [2, 2])
    assert chosen(0.8, oversampling=[1, 1]) == (3, [1, 1])
    assert chosen(0.5, degree=5, oversampling=[1, 1]) == (5, [1, 1]) and chosen(0.5, degree=0) == (0, [1, 1])
    rectangles = {"kind": "rectangular", "pitch": [0.2, 0.6], "size": [30, 10]}
    assert chosen(0.8, **rectangles) == (5, [1, 3])


def test_slicer_adds_up_cells_and_has_its_adjoint(double):
    rng = np.random.default_rng(1)
    scene = RectangularSpaxels((0.3, 0.8), (5, 4), oversampling=(2, 3)).scene
    sky, elements = real(rng.normal(size=(2, 12, 10, 3))), real(rng.normal(size=(2, 4, 5, 3)))
    sampled, back = jax.vjp(lambda sky: Slicer().sample(sky, scene, None), sky)
    assert np.allclose(sampled[1, 2, 3], sky[1, 6:9, 6:8].sum(axis=(0, 1)), rtol=0, atol=1e-13)
    assert float(jnp.vdot(sampled, elements)) == pytest.approx(float(jnp.vdot(sky, back(elements)[0])), rel=1e-12)
    same = SquareSpaxels(0.3, (5, 4)).scene
    cube = sky[0]
    assert Slicer().sample(sky, same, None) is sky and Slicer().rebuild(cube, same, stages.OBSERVED) is cube
    assert Slicer().rebuild_variance(cube, same, stages.OBSERVED) is cube


def primitives(jaxpr):
    """The names of all equations, those inside of others too, sorted."""
    found = []
    for equation in jaxpr.eqns:
        inner = [sub for value in equation.params.values() for sub in jax.tree.leaves(value, is_leaf=is_jaxpr)]
        inner = [sub.jaxpr if hasattr(sub, "jaxpr") else sub for sub in inner if is_jaxpr(sub)]
        found += [equation.primitive.name, *(name for sub in inner for name in primitives(sub))]
    return sorted(found)


def used(closed):
    """The equations that the result depends on: a slicer is told of the scene, and asks nothing of it."""
    return dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))[0]


def is_jaxpr(value):
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


def test_slicer_costs_nothing_where_a_cell_is_a_spaxel():
    """The program of a telescope is that of deposit, blur and contract composed by hand."""
    telescope, stars = stages.telescope(), stages.particles()

    def by_hand(telescope, stars):
        weights, templates = telescope.weights(stars), telescope.templates()
        missing = jnp.isnan(templates[0])
        templates = jnp.where(missing[None], 0, templates)
        share = telescope.psf.term_weights(real(telescope.wavelengths.centres()))
        blurred = telescope.psf.blur(contract(weights[None], templates[None]), telescope.spaxels.scene)
        cube = jnp.einsum("tyxw,tw->yxw", blurred, share, precision=jax.lax.Precision.HIGHEST)
        return jnp.where(missing, jnp.nan, cube)

    arrays, rest = eqx.partition((telescope, stars), eqx.is_array)
    ours = jax.make_jaxpr(lambda a: (lambda t, s: t(s))(*eqx.combine(a, rest)))(arrays)
    hand = jax.make_jaxpr(lambda a: by_hand(*eqx.combine(a, rest)))(arrays)
    assert primitives(used(ours)) == primitives(used(hand))


TURNED = {"pitch": (0.5, 0.3), "size": (11, 16), "centre": (0.4, -0.3), "position_angle": 35.0}
"""A field of rectangles, turned and off the centre."""


def test_turned_field_of_rectangles_is_that_of_the_specification(double):
    """A PSF of two and a half spaxels one way and four the other, with the cells that a description would have."""
    psf, fwhm, stars = GaussianPSF(1.2, reach=14), 1.2, stages.particles(150)
    telescope = stages.telescope(spaxels=with_cells(RectangularSpaxels(**TURNED), psf, Slicer()), psf=psf)
    assert telescope.spaxels.oversampling == (2, 1) and telescope.spaxels.degree == 5
    columns = {name: np.asarray(getattr(stars, name)) for name in vars(stars) if getattr(stars, name) is not None}
    slow = Specification(
        stages.library(), stages.OBSERVED, stages.REDSHIFT, 90.0, 50.0, 30.0, TURNED["pitch"], TURNED["size"],
        gaussian(fwhm), 3.2, field=(*TURNED["centre"], TURNED["position_angle"]),
    ).cube(**columns)  # fmt: skip
    cube = np.asarray(eqx.filter_jit(lambda t, p: t(p))(telescope, stars))
    assert np.abs(cube - slow).max() < 1e-3 * slow.max()
    bright = slow.max(axis=2) > 0.02 * slow.max()
    assert bright.sum() > 60 and np.max(np.abs(cube - slow).max(axis=2)[bright] / slow.max(axis=2)[bright]) < 2e-3
    assert cube.sum() == pytest.approx(slow.sum(), rel=1e-4)


def test_narrow_gaussian_is_that_of_the_specification(double):
    """With stars on a turned field of rectangles, and the pixels of the slow model divided as finely as it needs."""
    fwhm, stars = 0.25, stages.particles(60)
    telescope = stages.telescope(spaxels=RectangularSpaxels(**TURNED), psf=NarrowGaussianPSF(fwhm))
    columns = {name: np.asarray(getattr(stars, name)) for name in vars(stars) if getattr(stars, name) is not None}
    slow = Specification(
        stages.library(), stages.OBSERVED, stages.REDSHIFT, 90.0, 50.0, 30.0, TURNED["pitch"], TURNED["size"],
        gaussian(fwhm), 3.2, field=(*TURNED["centre"], TURNED["position_angle"]),
    )  # fmt: skip
    slow.image = functools.partial(slow.image, nodes=12)
    expected, cube = slow.cube(**columns), np.asarray(eqx.filter_jit(lambda t, p: t(p))(telescope, stars))
    assert np.abs(cube - expected).max() < 1e-3 * expected.max()
    assert cube.sum() == pytest.approx(expected.sum(), rel=1e-4)


def test_star_stands_where_the_header_says(double, tmp_path):
    """Of a field of rectangles, turned: read by astropy, and by ourselves."""
    spaxels, sky = RectangularSpaxels(**TURNED, oversampling=(3, 1)), np.array([[0.9, 0.35]])
    psf = GaussianPSF(0.6, reach=10)
    image = np.asarray(images(spaxels, psf, sky))[0]
    cube = Cube(
        image[None], stages.OBSERVED.cut(4900.0, 4901.9), TURNED["pitch"], position=(180.0, 0.0), position_angle=35.0
    )
    write_cube(tmp_path / "cube.fits", cube)
    again = read_cube(tmp_path / "cube.fits")
    assert again.pitch == TURNED["pitch"] and again.position_angle == 35.0 and again.position == (180.0, 0.0)
    y, x = ((image * axis).sum() for axis in np.indices(image.shape))
    east, north = WCS(fits.getheader(tmp_path / "cube.fits", "DATA")).celestial.wcs_pix2world([[x, y]], 0)[0]
    offset = np.array([east - 180.0, north]) * 3600 + TURNED["centre"]
    assert np.abs(offset - sky[0]).max() < 2e-3


def test_true_maps_are_of_spaxels(double):
    """Cells are added up: of degree 0, they are the hard bins of NumPy, whatever a spaxel is divided into."""
    spaxels = SquareSpaxels(0.4, (9, 8), position_angle=20.0, degree=0, oversampling=(3, 2))
    telescope, stars = stages.telescope(spaxels=spaxels), stages.particles(100)
    found = eqx.filter_jit(maps.true_maps)(telescope, stars)["MASS"]
    east, north = np.asarray(telescope.project(stars).sky).T
    angle = np.radians(20.0)
    right, up = -east * np.cos(angle) + north * np.sin(angle), east * np.sin(angle) + north * np.cos(angle)
    edges = [np.arange(9) * 0.4 - 1.6, np.arange(10) * 0.4 - 1.8]
    binned, _, _ = np.histogram2d(up, right, bins=edges, weights=np.asarray(stars.mass))
    assert np.allclose(found, binned, rtol=1e-12)
