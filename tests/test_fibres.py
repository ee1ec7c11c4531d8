"""What collects light, against its laws, a slow model, the papers of MaNGA, and a Monte Carlo.

The slow model is `Bundle` of `specification.py`: fibres are sub-sampled, a cube is weighted at every wavelength.
"""

from dataclasses import replace

import equinox as eqx
import erfa
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import stages
from specification import Bundle, Specification

from ifux import (
    Aperture,
    AtmosphericRefraction,
    ChromaticPSF,
    Circle,
    FibreBundle,
    GaussianPSF,
    MoffatPSF,
    NoLSF,
    NoRefraction,
    Projected,
    RectangularSpaxels,
    Shepard,
    Slicer,
    SquareSpaxels,
    Wavelengths,
)
from ifux.checks import moved_fibres, shortcomings, voxels
from ifux.focal_plane import hexagonal
from ifux.typing import real

BUNDLES = [name for name in stages.FOCAL_PLANES if isinstance(stages.FOCAL_PLANES[name](), FibreBundle)]
CHANNELS = Wavelengths(4836.0, 30.0, 5, "air")


def scene():
    """Of rectangles of several cells, turned."""
    return RectangularSpaxels((0.4, 0.5), (9, 8), position_angle=25.0, oversampling=(1, 2)).scene


def known(cube):
    """A cube with zeros where it is not a number."""
    return jnp.where(jnp.isnan(cube), 0, cube)


def cells(plane, channels=2, seed=0):
    """Random light on the scene and its margin, as many maps as the elements look at."""
    terms, shape = len(plane.moves_at or (0,)), (16 + 2 * plane.margin, 9 + 2 * plane.margin)
    return real(np.random.default_rng(seed).uniform(0.5, 1.5, size=(terms, *shape, channels)))


def spectra(plane, size=CHANNELS.size, seed=1):
    """Random spectra of the elements."""
    return real(np.random.default_rng(seed).uniform(0.5, 1.5, (*plane.element_shape(scene()), size)))


@eqx.filter_jit
def sample(plane, maps):
    return plane.sample(maps, scene(), plane.moves_at)


@eqx.filter_jit
def rebuild(plane, elements):
    return plane.rebuild(elements, scene(), CHANNELS)


@eqx.filter_jit
def rebuild_variance(plane, variance):
    return plane.rebuild_variance(variance, scene(), CHANNELS)


@eqx.filter_jit
def rebuilding(plane):
    """The matrix of `rebuild`: what every voxel has of every element in its channel [y x wave element]."""
    count = int(np.prod(plane.element_shape(scene())))
    units = jnp.eye(count).reshape(count, *plane.element_shape(scene()), 1)
    ones = jnp.ones((1, 1, 1, CHANNELS.size))
    return jax.lax.map(lambda unit: known(plane.rebuild(unit * ones[0], scene(), CHANNELS)), units)


# --- laws -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", stages.FOCAL_PLANES)
def test_sample_and_rebuild_have_their_adjoints(double, name):
    plane = stages.FOCAL_PLANES[name]()

    @jax.jit
    def both(maps, elements):
        """The products of what is sampled, or rebuilt, with something; and those with the adjoints."""
        sampled, back = jax.vjp(lambda maps: sample(plane, maps), maps)
        other = jnp.cos(jnp.arange(sampled.size, dtype=float)).reshape(sampled.shape)
        cube, forth = jax.vjp(lambda elements: known(rebuild(plane, elements)), elements)
        voxels = jnp.sin(jnp.arange(cube.size, dtype=float)).reshape(cube.shape)
        one = jnp.vdot(sampled, other), jnp.vdot(maps, back(other)[0])
        two = jnp.vdot(cube, voxels), jnp.vdot(elements, forth(voxels)[0])
        return one, two, (jnp.vdot(jnp.abs(sampled), jnp.abs(other)), jnp.vdot(jnp.abs(cube), jnp.abs(voxels)))

    *pairs, sizes = both(cells(plane), spectra(plane))
    for (found, adjoint), size in zip(pairs, sizes, strict=True):
        assert abs(float(found) - float(adjoint)) <= 1e-12 * float(size)


@pytest.mark.parametrize("name", stages.FOCAL_PLANES)
def test_uniform_sky_is_kept(bits, name):
    """Elements have their area of it, and every spaxel that is told of has its own, wherever elements look."""
    plane = stages.FOCAL_PLANES[name]()
    if isinstance(plane, FibreBundle):
        plane = replace(plane, throughput=None)
    tolerance = 2e-5 if bits == 32 else 1e-11
    area, pitch = float(plane.element_area(scene())), float(jnp.prod(scene().pitch))
    sky = jnp.full_like(cells(plane), jnp.prod(scene().sides))
    elements = np.asarray(sample(plane, sky))
    expected = np.broadcast_to(area * working(plane)[:, None], elements.shape)
    assert np.allclose(elements, expected, rtol=tolerance, atol=0)
    spectrum = jnp.broadcast_to(jnp.asarray(elements[0, ..., :1]), spectra(plane).shape)
    cube = np.asarray(rebuild(plane, spectrum))
    if isinstance(plane, Aperture):
        assert np.nansum(cube, axis=(0, 1)) == pytest.approx(area, rel=tolerance)
        assert np.nanmax(cube) <= pitch * (1 + 1e-6)
    else:
        assert np.isfinite(cube).any() and np.allclose(cube[np.isfinite(cube)], pitch, rtol=tolerance, atol=0)


def working(plane):
    """One for the elements that have light, along their last axis."""
    return plane.working() if isinstance(plane, FibreBundle) else np.ones(1)


@pytest.mark.parametrize("name", stages.FOCAL_PLANES)
def test_rebuild_is_a_matrix_and_variance_goes_through_its_squares(double, name):
    plane = stages.FOCAL_PLANES[name]()
    elements, variance = spectra(plane), spectra(plane, seed=2)
    matrix = np.asarray(rebuilding(plane))
    flat, spread = (np.asarray(values).reshape(-1, CHANNELS.size) for values in (elements, variance))
    cube = np.asarray(rebuild(plane, elements))
    assert np.allclose(known(cube), np.einsum("eyxw,ew->yxw", matrix, flat), rtol=0, atol=1e-13)
    found = np.asarray(rebuild_variance(plane, variance))
    assert np.allclose(known(found), np.einsum("eyxw,ew->yxw", matrix**2, spread), rtol=0, atol=1e-13)
    assert np.array_equal(np.isnan(cube), np.isnan(found))
    assert np.array_equal(np.isnan(cube), np.all(matrix == 0, axis=0))
    if isinstance(plane, FibreBundle):
        for first, last, wave in plane.bands(CHANNELS):
            whole = np.asarray(plane.matrix(scene(), wave)).reshape(8, 9, -1)
            for channel in range(first, last):
                assert np.allclose(np.moveaxis(matrix[..., channel], 0, -1), whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", BUNDLES)
def test_element_that_is_not_a_number_has_no_weight(double, name):
    """As if it were not there, in the channels where it is not; where no element is a number the cube is none."""
    plane = stages.FOCAL_PLANES[name]()
    lost, _ = elements_that_are_known(plane)
    elements = spectra(plane).at[0, 1, 2:].set(jnp.nan).at[..., 4].set(jnp.nan)
    cube, variance = np.asarray(rebuild(plane, elements)), np.asarray(rebuild_variance(plane, elements))
    assert np.isnan(cube[..., 4]).all() and np.isnan(variance[..., 4]).all()
    matrix = np.asarray(rebuilding(plane))
    flat = np.asarray(elements).reshape(-1, CHANNELS.size)
    for channel in (1, 3):
        good = ~np.isnan(flat[:, channel])
        assert good[lost] == (channel < 2)
        shares, area = matrix[good, :, :, channel], matrix[..., channel].sum(axis=0)
        scale = np.divide(area, shares.sum(axis=0), where=shares.sum(axis=0) > 0, out=np.full(area.shape, np.nan))
        expected = np.einsum("eyx,e->yx", shares, flat[good, channel]) * scale
        assert np.allclose(cube[..., channel], expected, rtol=1e-12, atol=0, equal_nan=True)
        expected = np.einsum("eyx,e->yx", shares**2, flat[good, channel]) * scale**2
        assert np.allclose(variance[..., channel], expected, rtol=1e-12, atol=0, equal_nan=True)


def elements_that_are_known(plane):
    """The flat index of the element that is lost above, and how many there are."""
    exposures, fibres = plane.element_shape(scene())
    return 1, exposures * fibres


def test_gradients_do_not_see_what_is_not_a_number(double):
    """Neither an element that is lost nor a spaxel that no fibre is near, nor all that a gap hides."""
    for name in ("aperture", "fibres", "hexagons"):
        plane = stages.FOCAL_PLANES[name]()
        lost = spectra(plane).at[0, 0, 1].set(jnp.nan).at[..., 3].set(jnp.nan)
        slope = eqx.filter_jit(eqx.filter_grad(lambda both: jnp.sum(known(rebuild(*both)) ** 2)))((plane, lost))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope)), name
        assert np.asarray(slope[1])[0, 0, 0] != 0 and not np.asarray(slope[1])[..., 3].any()


def test_broken_fibre_has_no_part(double):
    """The cube is that of the bundle without it, and it has no light."""
    plane = replace(stages.fibres(), broken=(0, 5))
    rest = replace(
        plane,
        positions=jnp.delete(plane.positions, np.array([0, 5]), axis=0),
        throughput=jnp.delete(plane.throughput, np.array([0, 5])),
        broken=(),
    )
    sampled, fewer = sample(plane, cells(plane)), sample(rest, cells(plane))
    assert not np.asarray(sampled)[:, :, [0, 5]].any()
    assert np.allclose(jnp.delete(sampled, np.array([0, 5]), axis=2), fewer, rtol=1e-13, atol=0)
    elements = spectra(plane).at[:, 5].set(1e9)
    found, expected = rebuild(plane, elements), rebuild(rest, jnp.delete(elements, np.array([0, 5]), axis=1))
    assert np.allclose(found, expected, rtol=1e-12, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", stages.FOCAL_PLANES)
def test_single_precision_differs_by_rounding(name):
    found = {}
    for wide in (True, False):
        with jax.enable_x64(wide):
            plane = stages.FOCAL_PLANES[name]()
            sampled = sample(plane, cells(plane))
            found[wide] = [np.asarray(values) for values in (sampled, rebuild(plane, spectra(plane)))]
    for double, single in zip(found[True], found[False], strict=True):
        assert single.dtype == np.float32
        assert np.allclose(single, double, rtol=0, atol=2e-5 * np.nanmax(np.abs(double)), equal_nan=True)


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_that_is_told_what_is_near_is_the_same(double, name):
    """To rounding: what is left out has no light and no weight."""
    plane = stages.FOCAL_PLANES[name]()
    suited, maps, elements = plane.suited_to(scene()), cells(plane), spectra(plane)
    assert suited.cells < 16 + 2 * plane.reach and suited.near <= elements.shape[0] * elements.shape[1]
    assert np.allclose(sample(suited, maps), sample(plane, maps), rtol=1e-12, atol=0)
    for way in (rebuild, rebuild_variance):
        assert np.allclose(way(suited, elements), way(plane, elements), rtol=1e-12, atol=0, equal_nan=True)


def test_spaxel_that_few_elements_tell_of_has_no_value(double):
    """CALIFA's rule: of three fibres or more; the others are what they were."""
    plane = stages.fibres(errors=None, refraction=NoRefraction())
    few = replace(plane, reconstruction=replace(plane.reconstruction, least=3))
    counted = (np.asarray(plane.matrix(scene(), 5000.0)) > 0).sum(axis=(2, 3))
    assert {1, 2, 3} <= {*counted.ravel()}
    cube, fewer = (np.asarray(rebuild(one, spectra(one))) for one in (plane, few))
    assert np.array_equal(np.isfinite(fewer[..., 0]), counted >= 3)
    assert np.array_equal(fewer[counted >= 3], cube[counted >= 3])
    assert ((np.asarray(few.matrix(scene(), 5000.0)) > 0).sum(axis=(2, 3)) == np.where(counted >= 3, counted, 0)).all()


def test_fibres_that_have_moved_too_far_are_told():
    """As a fit may leave them: of what they were told when they were put in place nothing is wrong before."""
    plane = stages.fibres(refraction=NoRefraction(), reach=6)
    telescope = stages.telescope(spaxels=stages.SPAXELS["rectangular"](), psf=MoffatPSF(1.2, reach=3))
    placed = replace(telescope, focal_plane=plane.suited_to(telescope.spaxels.scene))
    assert moved_fibres(placed) == []
    away = eqx.tree_at(lambda t: t.focal_plane.dithers, placed, placed.focal_plane.dithers + 6.0)
    (sentence,) = moved_fibres(away)
    assert "raise telescope.focal_plane.reach" in sentence
    wide = eqx.tree_at(lambda t: t.focal_plane.footprint.diameter, placed, real(6.0))
    assert any("raise telescope.focal_plane.cells" in sentence for sentence in moved_fibres(wide))
    level = placed.focal_plane.positions * jnp.asarray([[1.0, 0.0]])
    row = eqx.tree_at(lambda t: t.focal_plane.positions, placed, level)
    assert any("raise telescope.focal_plane.near" in sentence for sentence in shortcomings(row))


def test_memory_of_a_bundle_has_room_for_its_elements():
    """What fibres collect of every kind, and their spectra, beside what a slicer needs with the same margin."""
    fibres = stages.telescope(focal_plane=stages.fibres(reach=3))
    slicer = replace(fibres, focal_plane=Slicer(), psf=replace(fibres.psf, reach=fibres.psf.reach + 3))
    needed = [voxels(vars(telescope), telescope.wavelengths) for telescope in (fibres, slicer)]
    kinds = fibres.kinematics.size * fibres.dust.size
    assert needed[0] - needed[1] == 2 * 7 * (kinds + fibres.wavelengths.size)


def test_throughput_and_errors_of_pointing_are_in_the_light_and_not_in_the_cube(double):
    plane = stages.fibres(broken=())
    plain = replace(plane, throughput=None, errors=None)
    moved = replace(plain, dithers=plain.dithers + plane.errors)
    expected = np.asarray(sample(moved, cells(plane))) * np.asarray(plane.throughput)[None, None, :, None]
    assert np.allclose(sample(plane, cells(plane)), expected, rtol=1e-12, atol=0)
    assert np.array_equal(rebuild(plane, spectra(plane)), rebuild(plain, spectra(plane)), equal_nan=True)


def test_light_of_a_fibre_does_not_depend_on_where_the_cells_are(double):
    """A star in a round fibre half-way between cells, and on a cell: the same light, and of all of it its share."""
    psf, sigma = GaussianPSF(1.5, reach=14), 1.5 / np.sqrt(8 * np.log(2))
    spaxels = SquareSpaxels(0.4, (11, 11))
    lone = FibreBundle([[0.0, 0.0]], Circle(2.0), Shepard(0.7, 1.6))
    stars = np.random.default_rng(5).uniform(-0.4, 0.4, (8, 2))
    found = [star_light(replace(lone, positions=real(at[None])), spaxels, psf, at[None])[0, 0, 0] for at in stars]
    assert np.allclose(found, 1 - np.exp(-0.5 / sigma**2), rtol=0, atol=1e-3)


@eqx.filter_jit
def elements_of(plane, spaxels, psf, stars):
    count, margin = stars.mass.size, psf.margin + plane.margin
    maps = spaxels.locate(stars, margin).scatter(jnp.eye(count)).reshape(*spaxels.scene_shape(margin), count)
    return plane.sample(psf.blur(maps, spaxels.scene), spaxels.scene, None)[0]


def star_light(plane, spaxels, psf, sky):
    """What elements have of stars of one each, at places on the sky [exposure fibre star]."""
    ones = np.ones(len(sky))
    stars = Projected(
        **{name: real(ones) for name in ("depth", "velocity", "mass", "age", "metallicity")}, sky=real(sky)
    )
    return np.asarray(elements_of(plane, spaxels, psf, stars))


# --- refraction -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zenith", [20.0, 65.0])
def test_refraction_is_that_of_erfa(bits, zenith):
    """Of dry air at an observatory, to a hundredth of what lies between the ends of the optical."""
    wave = np.linspace(3600.0, 10300.0, 30)
    stage = AtmosphericRefraction([zenith], [35.0], 5500.0, 780.0, 7.0)
    found = np.asarray(stage.displacement(wave), np.float64)[:, 0]

    def raised(wave):
        one, three = erfa.refco(780.0, 7.0, 0.0, wave / 1e4)
        tangent = np.tan(np.radians(zenith))
        return np.degrees(one * tangent + three * tangent**3) * 3600

    expected = raised(wave) - raised(5500.0)
    towards = np.array([np.sin(np.radians(35.0)), np.cos(np.radians(35.0))])
    assert np.abs(found @ towards - expected).max() < 0.01 * np.ptp(expected)
    assert np.abs(found @ [towards[1], -towards[0]]).max() < 1e-6
    assert np.all(found[wave < 5400] @ towards > 0) and np.all(found[wave > 5600] @ towards < 0)
    guided = np.asarray(stage.displacement(np.array([5500.0])))
    assert np.abs(guided).max() < 1e-6
    assert np.allclose(AtmosphericRefraction([0.0], [35.0]).displacement(wave), 0, rtol=0, atol=1e-7)


def test_refraction_grows_with_pressure_and_falls_with_temperature(double):
    """In proportion to the density of air."""
    wave = np.array([4000.0])
    usual, dense, warm = (
        float(jnp.linalg.norm(AtmosphericRefraction([40.0], [0.0], 5500.0, *air).displacement(wave)))
        for air in ((700.0, 0.0), (770.0, 0.0), (700.0, 27.315))
    )
    assert dense == pytest.approx(1.1 * usual, rel=1e-12) and warm == pytest.approx(usual / 1.1, rel=1e-12)


@pytest.mark.parametrize("turn", [0.0, 70.0])
def test_fibres_look_away_from_the_zenith_in_the_blue(double, turn):
    """On the sky, whatever the position angle of the field: a star that is raised is seen by the fibre above it."""
    zenith, parallactic = (np.array(given) for given in ((50.0, 55.0), (20.0, 140.0)))
    refraction = AtmosphericRefraction(zenith, parallactic, 5500.0)
    plane = stages.fibres(refraction=refraction, errors=None)
    field = SquareSpaxels(0.4, (9, 8), position_angle=turn).scene
    looking, places = np.asarray(plane.looking(field, np.array([4000.0])))[0], np.asarray(plane.places(field))
    across, up = np.moveaxis(looking - places, -1, 0)
    # The axis y of the field is at the position angle, north through east.
    sin, cos = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    moved = np.stack([across * cos + up * sin, up * cos - across * sin], axis=-1)
    expected = -np.asarray(refraction.displacement(np.array([4000.0])))[0]
    assert np.allclose(moved, expected[:, None], rtol=0, atol=1e-13)
    towards = np.stack([np.sin(np.radians(parallactic)), np.cos(np.radians(parallactic))], axis=1)
    assert np.all(np.sum(expected * towards, axis=1) < -0.5)


# --- the slow model ---------------------------------------------------------------------------------------------------

LIBRARY = Wavelengths(3800.0, 4.0, 700, "vacuum")
CHROMATIC = Wavelengths(4250.0, 320.0, 6, "vacuum")
SOME = CHROMATIC.centres()[[0, -1]].tolist()
FIELD = {"pitch": (0.5, 0.6), "size": (13, 11), "centre": (0.3, -0.2), "position_angle": 35.0}
AIR = {"reference": 5300.0, "pressure": 760.0, "temperature": 9.0}
EXPOSED = {"zenith_distance": np.array([35.0, 42.0, 50.0]), "parallactic_angle": np.array([-30.0, -15.0, 0.0])}
TRIANGLE = 2.3 / 3 * np.array([[-0.5, -np.sqrt(0.75)], [1.0, 0.0], [-0.5, np.sqrt(0.75)]])
OFF = np.array([[0.05, -0.04], [-0.06, 0.02], [0.03, 0.05]])
THROUGHPUT = np.array([1.0, 0.95, 1.04, 0.9, 1.1, 0.98, 1.02])


@pytest.fixture(scope="module")
def slow():
    """The slow model, its elements and its cube."""
    with jax.enable_x64(True):
        stars = stages.particles(50, spread=0.6)
        galaxy = Specification(
            stages.library(LIBRARY, medium="vacuum"), CHROMATIC, stages.REDSHIFT, 90.0, 50.0, 30.0, FIELD["pitch"],
            FIELD["size"], None, None, field=(*FIELD["centre"], FIELD["position_angle"]),
        )  # fmt: skip
        bundle = Bundle(
            galaxy,
            hexagonal(1, 2.3),
            1.8,
            TRIANGLE,
            OFF,
            THROUGHPUT,
            0.7,
            1.6,
            *EXPOSED.values(),
            *AIR.values(),
            seeing,
        )
        elements = bundle.elements(
            **{key: np.asarray(value) for key, value in vars(stars).items() if value is not None}
        )
        return bundle, elements, bundle.cube(elements)


def seeing(radius, wave):
    """A Gaussian of 1.5 arcsec at 5400 angstrom."""
    sigma = 1.5 * (wave / 5400) ** -0.2 / np.sqrt(8 * np.log(2))
    return np.exp(-0.5 * (radius / sigma) ** 2) / (2 * np.pi * sigma**2)


def bundle_telescope():
    """The fast one."""
    air = AtmosphericRefraction(**EXPOSED, **AIR, wavelengths=CHROMATIC.centres())
    plane = FibreBundle(hexagonal(1, 2.3), Circle(1.8), Shepard(0.7, 1.6), TRIANGLE, OFF, THROUGHPUT, air, reach=10)
    psf = ChromaticPSF(GaussianPSF(1.5, reach=11), -0.2, 5400.0, (4200.0, 6000.0), terms=6, nodes=0)
    return stages.telescope(
        wavelengths=CHROMATIC,
        spaxels=RectangularSpaxels(**FIELD, oversampling=(2, 2)),
        ssp=stages.GridSSP.from_library(stages.library(LIBRARY, medium="vacuum")),
        psf=psf,
        focal_plane=plane,
        lsf=NoLSF(),
    )


@eqx.filter_jit
def recorded(telescope, stars):
    elements = telescope.expose(stars)
    plane, field = telescope.focal_plane, telescope.spaxels.scene
    matrices = [plane.matrix(field, wave) for wave in SOME]
    return elements, telescope.rebuild(elements), telescope.rebuild_variance(spread(elements)), matrices


def spread(elements):
    """A variance that differs between elements."""
    return elements + 0.1 * elements.max()


def test_fibres_and_their_cube_are_those_of_the_slow_model(double, slow):
    """Dithered, refracted, behind a chromatic PSF, on a turned field of rectangles: to a thousandth of the peak."""
    bundle, slow_elements, slow_cube = slow
    seen = recorded(bundle_telescope(), stages.particles(50, spread=0.6))
    elements, cube, found = (np.asarray(values) for values in seen[:3])
    assert elements.shape == (3, 7, 6) and slow_elements.max() > 3 * np.median(slow_elements)
    assert np.abs(elements - slow_elements).max() < 1e-3 * slow_elements.max()
    assert np.array_equal(np.isnan(cube), np.isnan(slow_cube)) and np.isfinite(cube).mean() > 0.5
    assert np.nanmax(np.abs(cube - slow_cube)) < 1e-3 * np.nanmax(slow_cube)
    for matrix, wave in zip(seen[3], SOME, strict=True):
        channel = CHROMATIC.centres().tolist().index(wave)
        fast, truth = np.asarray(matrix).reshape(-1, 21), bundle.matrix(wave).reshape(-1, 21)
        near = np.isfinite(truth).all(axis=1)
        variance = spread(slow_elements)[..., channel].reshape(-1)
        covariance = (truth[near] * variance) @ truth[near].T
        assert np.abs((fast[near] * variance) @ fast[near].T - covariance).max() < 1e-3 * covariance.max()
        assert not fast[~near].any()
        assert np.allclose(
            found[..., channel].reshape(-1)[near], np.diag(covariance), rtol=0, atol=1e-3 * covariance.max()
        )


# --- MaNGA ------------------------------------------------------------------------------------------------------------

MANGA_DITHERS = 2.5 / 3 * np.array([[-0.5, -np.sqrt(0.75)], [1.0, 0.0], [-0.5, np.sqrt(0.75)]])


def survey():
    return SquareSpaxels(0.5, (30, 30))


def manga(rings=3):
    """Fibres of 2.0 arcsec at a pitch of 2.5, three dithers on a triangle of 1.44 (Law et al. 2015, 2016)."""
    return FibreBundle(hexagonal(rings, 2.5), Circle(2.0), Shepard(0.7, 1.6), MANGA_DITHERS)


def fitted(image):
    """FWHM of the elliptical Gaussian that fits an image best, the mean of both axes [arcsec], as surveys quote it."""
    y, x = (0.5 * axis for axis in np.indices(image.shape))
    total = np.nansum(image)
    start = [np.nanmax(image), np.nansum(x * image) / total, np.nansum(y * image) / total, 1.0, 1.0, 0.0]

    def residual(p):
        u, v = (
            (x - p[1]) * np.cos(p[5]) + (y - p[2]) * np.sin(p[5]),
            (y - p[2]) * np.cos(p[5]) - (x - p[1]) * np.sin(p[5]),
        )
        model = p[0] * np.exp(-0.5 * ((u / p[3]) ** 2 + (v / p[4]) ** 2))
        return (model - image)[np.isfinite(image)]

    found = scipy.optimize.least_squares(residual, start).x
    return np.sqrt(8 * np.log(2)) * np.mean(np.abs(found[3:5]))


def test_point_source_of_manga_has_the_width_that_its_papers_state(double):
    """2.54 arcsec (Law et al. 2016) for a seeing of 1.5, to a tenth, on a fibre, between fibres, wherever in a spaxel.

    Light that falls on no fibre is made up for by what falls on others, to half a per cent.
    """
    sky = np.array([[0, 0], [0.3, 0.7], [1.25, 0.72], [2.1, -1.3], [-2.83, 1.11], [3.4, 2.9], [0.25, -3.6]])
    elements = star_light(manga(), survey(), GaussianPSF(1.5, reach=8), sky)
    cube = np.asarray(rebuilt(manga(), real(elements)))
    widths = [fitted(cube[..., star]) for star in range(len(sky))]
    assert np.all(np.abs(np.array(widths) / 2.54 - 1) < 0.1), widths
    assert np.ptp(widths) < 0.1
    assert np.nansum(cube, axis=(0, 1)) == pytest.approx(np.ones(len(sky)), abs=0.01)


@eqx.filter_jit
def rebuilt(plane, elements):
    return plane.rebuild(elements, survey().scene, Wavelengths(5000.0, 1.0, elements.shape[-1], "air"))


def test_noise_of_manga_is_correlated_as_its_papers_say(double):
    """A Gaussian of 1.92 spaxels (Westfall et al. 2019), and noise of N binned spaxels 1 + 1.62 log N times that of
    independent ones (Law et al. 2016).
    """
    matrix = np.asarray(eqx.filter_jit(lambda p: p.matrix(survey().scene, 5000.0))(manga(4))).reshape(900, -1)
    covariance = matrix @ matrix.T
    sigma = np.sqrt(np.diag(covariance))
    correlation = (covariance / np.outer(sigma, sigma)).reshape(30, 30, 30, 30)
    inner = range(7, 23)
    along = [np.mean([correlation[y, x, y, x + step] for y in inner for x in range(7, 23 - step)]) for step in range(6)]
    steps = np.arange(6)
    width = scipy.optimize.minimize_scalar(
        lambda width: np.sum((np.exp(-0.5 * (steps / width) ** 2) - along) ** 2), (1.5, 2.5)
    ).x
    assert width == pytest.approx(1.92, abs=0.08)
    blocks = covariance.reshape(30, 30, 30, 30)
    for side in (3, 5, 7):
        found = []
        for y in range(7, 24 - side):
            for x in range(7, 24 - side):
                block = blocks[y : y + side, x : x + side, y : y + side, x : x + side]
                found.append(np.sqrt(block.sum() / np.einsum("yxyx->", block)))
        assert np.mean(found) == pytest.approx(1 + 1.62 * np.log10(side**2), rel=0.05), side


# --- a Monte Carlo ----------------------------------------------------------------------------------------------------

EXPOSURES, DRAWN = 2000, Wavelengths(4836.0, 3.0, 48, "air")


@eqx.filter_jit
def exposures(telescope, stars, keys):
    """The cube without noise, cubes with noise, the variance of the elements and STAT."""
    elements = telescope.expose(stars)
    variance = telescope.noise.variance(elements)
    cubes = eqx.filter_vmap(lambda key: telescope.rebuild(telescope.expose(stars, key=key)))(keys)
    return telescope.rebuild(elements), cubes, variance, telescope.rebuild_variance(variance)


def test_covariance_is_that_of_two_thousand_exposures(double):
    """Rms of the differences over what is expected of so many, ratio of the variances; STAT is the diagonal."""
    telescope = stages.telescope(
        wavelengths=DRAWN,
        spaxels=SquareSpaxels(0.7, (7, 7), oversampling=(2, 2)),
        psf=GaussianPSF(1.3, reach=6),
        lsf=NoLSF(),
        focal_plane=FibreBundle(
            hexagonal(1, 1.7), Circle(1.4), Shepard(0.6, 1.3), 0.6 * MANGA_DITHERS, None, THROUGHPUT,
            AtmosphericRefraction([40.0, 45.0, 50.0], [10.0, 20.0, 30.0], wavelengths=(4860.0, 4950.0)),
        ),
        noise=stages.exposure(DRAWN),
    )  # fmt: skip
    keys = jax.random.split(jax.random.key(8), EXPOSURES)
    mean, cubes, variance, stat = (np.asarray(found) for found in exposures(telescope, stages.particles(), keys))
    plane, scene = telescope.focal_plane, telescope.spaxels.scene
    deviations, ratios = [], []
    for first, last, wave in plane.bands(DRAWN):
        matrix = np.asarray(plane.matrix(scene, wave)).reshape(49, 21)
        near = matrix.any(axis=1)
        assert near.sum() > 21
        for channel in range(first, last):
            residual = (cubes[..., channel] - mean[..., channel]).reshape(EXPOSURES, 49)[:, near]
            drawn = residual.T @ residual / EXPOSURES
            expected = (matrix[near] * variance[..., channel].reshape(-1)) @ matrix[near].T
            diagonal = np.diag(expected)
            scatter = np.sqrt((np.outer(diagonal, diagonal) + expected**2) / EXPOSURES)
            deviations.append((drawn - expected)[np.triu_indices(near.sum())] / scatter[np.triu_indices(near.sum())])
            ratios.append(np.diag(drawn) / diagonal)
            assert np.allclose(stat[..., channel].reshape(-1)[near], diagonal, rtol=1e-12, atol=0)
            assert np.isnan(stat[..., channel].reshape(-1)[~near]).all()
    assert 0.9 < np.sqrt(np.mean(np.square(deviations))) < 1.1
    assert np.mean(ratios) == pytest.approx(1, abs=3e-3)
