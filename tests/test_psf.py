"""Point spread functions of optics: what a lone star becomes, against formulas and images of somebody else."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import stages
from astropy.io import fits
from differences import moved, named
from specification import gaussian, moffat

from ifux import (
    ChromaticPolynomialPSF,
    ChromaticPSF,
    ChromaticTablePSF,
    DoubleGaussianPSF,
    EllipticalPSF,
    GaussianPSF,
    ImagePSF,
    InputError,
    MoffatPSF,
    Projected,
    RectangularSpaxels,
    Slicer,
    SquareSpaxels,
    TabulatedPSF,
    config,
)
from ifux.config.cells import suited
from ifux.io import read_psf
from ifux.numerics import contract, piecewise
from ifux.psf.base import over_cells
from ifux.typing import real

KERNELS = ["double Gaussian", "core and halo", "elliptical", "image"]
"""Those of one wavelength that are not in the older tests."""


@eqx.filter_jit
def terms_of(spaxels, psf, place):
    """Image of a star at a place to the (east, north) [arcsec], for every term."""
    one = jnp.ones(1, place.dtype)
    star = Projected(place[None], one, one, one, one, 0.01 * one)
    shape = *spaxels.scene_shape(psf.margin), 1
    sky = spaxels.locate(star, psf.margin, psf.spread).scatter(one[:, None]).reshape(shape)
    return Slicer().sample(psf.blur(sky, spaxels.scene), spaxels.scene, None)[..., 0]


def image(spaxels, psf, place=(0.0, 0.0), wave=5000.0):
    """Image of a star at a wavelength."""
    share = np.asarray(psf.term_weights(real([wave])))[:, 0]
    return np.tensordot(share, np.asarray(terms_of(spaxels, psf, real(place))), 1)


def drawn(spaxels, profile, place=(0.0, 0.0), order=12):
    """A profile of offsets to the east and the north, integrated over spaxels by Gauss-Legendre quadrature."""
    nodes, shares = np.polynomial.legendre.leggauss(order)
    (wide, tall), sides = spaxels.size, np.asarray(spaxels.sides, np.float64)
    x = (np.arange(wide)[:, None] - (wide - 1) / 2 + nodes / 2) * sides[0]
    y = (np.arange(tall)[:, None] - (tall - 1) / 2 + nodes / 2) * sides[1]
    values = profile(-x[None, None] - place[0], y[:, :, None, None] - place[1])
    return np.einsum("yaxb,a,b->yx", values, shares / 2, shares / 2) * sides.prod()


def turned(profile, ratio, angle):
    """An elliptical form of a round profile, its formula written out."""
    angle = np.radians(angle)

    def brightness(east, north):
        along, across = east * np.sin(angle) + north * np.cos(angle), east * np.cos(angle) - north * np.sin(angle)
        return profile(np.sqrt(ratio * along**2 + across**2 / ratio))

    return brightness


def suited_cells(spaxels, psf_description):
    """The stages with the cells and the reach that a description gets."""
    found = suited(
        {
            "spaxels": spaxels,
            "psf": psf_description,
            "wavelengths": {"start": 4700.0, "step": 100.0, "size": 47, "medium": "air"},
        }
    )
    build = config.build.module
    return build("spaxels", found["spaxels"], "spaxels"), build("psf", found["psf"], "psf")


SEEN = {
    "double Gaussian": (
        {"kind": "double-gaussian", "fwhm": 0.6, "wide_fwhm": 1.5, "share": 0.7},
        lambda e, n: 0.7 * gaussian(0.6)(np.hypot(e, n)) + 0.3 * gaussian(1.5)(np.hypot(e, n)),
    ),
    "core and halo": (
        {
            "kind": "core-halo",
            "core": {"kind": "moffat", "fwhm": 0.5, "beta": 3.5},
            "halo": {"kind": "moffat", "fwhm": 1.2, "beta": 3.0},
            "share": 0.6,
        },
        lambda e, n: 0.6 * moffat(0.5, 3.5)(np.hypot(e, n)) + 0.4 * moffat(1.2, 3.0)(np.hypot(e, n)),
    ),
    "elliptical": (
        {
            "kind": "elliptical",
            "psf": {"kind": "moffat", "fwhm": 0.9, "beta": 3.5},
            "axis_ratio": 0.6,
            "position_angle": 30.0,
        },
        turned(moffat(0.9, 3.5), 0.6, 30.0),
    ),
}
"""As a description has them, and the profile written slowly."""


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("spaxels", ["square", "rectangular"])
def test_star_is_the_analytic_image_with_the_cells_of_a_description(double, name, spaxels):
    """Within 1e-3 of the peak, anywhere in a spaxel: the light beyond the kernel, 1e-3 of all, is spread within it."""
    description, profile = SEEN[name]
    pitch = {"square": 0.2, "rectangular": [0.15, 0.4]}[spaxels]
    built, psf = suited_cells({"kind": spaxels, "pitch": pitch, "size": [21, 17]}, description)
    assert max(built.oversampling) > 1
    for place in ((0.0, 0.0), (0.07, -0.05)):
        expected = drawn(built, profile, place)
        assert np.abs(image(built, psf, place) - expected).max() < 1e-3 * expected.max()


def test_image_is_resampled_to_what_it_shows(double):
    """Of a profile that is integrated over the pixels of the image: turned, stretched and moved, it is the profile."""
    grid = SquareSpaxels(0.1, (61, 61))
    # Its own index x grows to the west, as that of a cube does.
    pixels = drawn(grid, turned(gaussian(0.8), 0.7, 20.0))
    moved_by = (0.13, -0.08)
    psf = ImagePSF(pixels, 0.1, 25.0, moved_by, 1.2, reach=20)
    spaxels = SquareSpaxels(0.2, (31, 31))
    expected = drawn(spaxels, turned(gaussian(0.8 * 1.2), 0.7, 45.0), moved_by)
    assert np.abs(image(spaxels, psf) - expected).max() < 1e-3 * expected.max()
    assert psf.sharpest() == pytest.approx(0.8 * 1.2 * np.sqrt(0.7), rel=0.06)


def test_image_on_its_own_pixels_is_itself(double):
    """Its pixel is not in it twice: cells as large as its pixels hold what these do."""
    pixels = stages.star(pixel=0.3)
    found = over_cells(ImagePSF(pixels, 0.3).brightness, 12, stages.cells(0.3))
    # What is left is the quadrature of a spline with a knot in the middle of a cell.
    assert np.abs(found - pixels / pixels.sum()).max() < 2e-5 * pixels.max() / pixels.sum()


@pytest.mark.parametrize("name", KERNELS)
def test_flux_is_kept_and_the_radius_holds_it(double, name):
    psf, held = stages.PSFS[name](), eqx.filter_jit(lambda psf: psf.held(stages.cells(0.4)))
    kernel = eqx.filter_jit(lambda psf: psf.kernel(stages.cells(0.4)))(psf)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
    for lost in (0.1, 0.01):
        reach = int(np.ceil(psf.radius(lost) / 0.4))
        assert float(held(psf.reaching(reach))) >= 1 - lost
        assert float(held(psf.reaching(max(1, reach // 2)))) < 1 - lost


@pytest.mark.parametrize("angle", [0.0, 35.0, 120.0])
def test_ellipse_has_the_axes_and_the_angle_that_were_asked_for(double, angle):
    """By moments, of a Gaussian; its flux and the product of its axes are those of the round one."""
    ratio, fwhm = 0.7, 1.2
    psf = EllipticalPSF(GaussianPSF(fwhm, reach=25), ratio, angle)
    spaxels = SquareSpaxels(0.15, (51, 51))
    light = image(spaxels, psf)
    offset = (np.arange(51) - 25) * 0.15
    east, north = -offset[None, :], offset[:, None]
    second = [[(light * a * b).sum() for a in (east, north)] for b in (east, north)]
    sizes, axes = np.linalg.eigh(np.array(second) - np.eye(2) * 0.15**2 / 12)
    minor, major = np.sqrt(8 * np.log(2) * sizes)
    assert light.sum() == pytest.approx(1, abs=1e-9)
    assert minor == pytest.approx(fwhm * np.sqrt(ratio), rel=1e-3)
    assert major == pytest.approx(fwhm / np.sqrt(ratio), rel=1e-3)
    assert np.degrees(np.arctan2(axes[0, 1], axes[1, 1])) % 180 == pytest.approx(angle, abs=0.05)


def width(spaxels, psf, wave):
    """FWHM along x of a star at a wavelength: that of the light where half of the peak is crossed."""
    row = image(spaxels, psf, wave=wave)[spaxels.shape[0] // 2]
    middle = row.size // 2
    return 2 * float(spaxels.sides[0]) * np.interp(-row[middle] / 2, -row[middle:], np.arange(row.size - middle))


LAWS = {
    "power law": (lambda psf, **how: ChromaticPSF(psf, -0.3, **how), lambda wave: (wave / 5000) ** -0.3),
    "polynomial": (
        lambda psf, **how: ChromaticPolynomialPSF(psf, (-0.2, 0.1), **how),
        lambda wave: 1 - 0.2 * (wave / 5000 - 1) + 0.1 * (wave / 5000 - 1) ** 2,
    ),
    "table": (
        lambda psf, **how: ChromaticTablePSF(psf, (4700, 6200, 9300), (1.05, 0.98, 0.92), **how),
        lambda wave: np.interp(wave, (4700, 6200, 9300), (1.05, 0.98, 0.92)),
    ),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("nodes", [8, 0])
def test_width_follows_its_law(double, law, nodes):
    """To 1 % as it is measured; a table has a kink, which a polynomial rounds off."""
    make, stretch = LAWS[law]
    psf, spaxels = make(GaussianPSF(1.0, reach=25), nodes=nodes), SquareSpaxels(0.1, (41, 41), degree=0)
    for wave in (4650.0, 5570.0, 9000.0):
        assert width(spaxels, psf, wave) == pytest.approx(stretch(wave), rel=1e-2), wave


@pytest.mark.parametrize("kind", [GaussianPSF, MoffatPSF])
@pytest.mark.parametrize(("slope", "terms", "nodes"), [(-0.3, 4, 8), (-0.2, 4, 6), (-0.3, 4, 0)])
def test_interpolation_is_within_2e_4_of_the_peak_all_over_the_band(double, kind, slope, terms, nodes):
    profile = kind(fwhm=0.8, reach=18)
    psf, spaxels = ChromaticPSF(profile, slope, terms=terms, nodes=nodes), SquareSpaxels(0.2, (15, 15), degree=0)
    made = np.asarray(terms_of(spaxels, psf, real((0.0, 0.0))))
    assert (ChromaticPSF(profile, slope, nodes=nodes).enough()) == (terms, nodes)
    for wave in np.geomspace(4600, 9450, 40):
        seen = np.clip(wave, *psf.band)
        alone = dataclasses.replace(profile, fwhm=0.8 * (seen / 5000) ** slope)
        expected = image(spaxels, alone)
        found = np.tensordot(np.asarray(psf.term_weights(real([wave])))[:, 0], made, 1)
        assert np.abs(found - expected).max() < 2e-4 * expected.max(), wave


def test_table_with_corners_is_within_1e_3_of_the_peak_all_over_the_band(double):
    """As NIRSpec's PSF: of one width over half the band, and twice as wide at its end."""
    table = (4700.0, 7000.0, 8000.0, 8600.0, 9000.0, 9350.0), (0.8, 0.81, 0.9, 1.05, 1.25, 1.6)
    described = {"kind": "chromatic-table", "psf": {"kind": "gaussian", "fwhm": 1.0, "reach": 25}}
    spaxels = SquareSpaxels(0.2, (15, 15), degree=0)
    _, psf = suited_cells(
        {"kind": "square", "pitch": 0.2, "size": [15, 15]},
        described | {"wavelengths": [*table[0]], "stretches": [*table[1]]},
    )
    assert psf.terms == 0 and psf.nodes <= 64
    made = np.asarray(terms_of(spaxels, psf, real((0.0, 0.0))))
    for wave in np.linspace(4700, 9350, 60):
        expected = image(spaxels, GaussianPSF(float(np.interp(wave, *table)), reach=25))
        found = np.tensordot(np.asarray(psf.term_weights(real([wave])))[:, 0], made, 1)
        assert np.abs(found - expected).max() < 1e-3 * expected.max(), wave


def test_between_two_images_is_their_mean(double):
    one, other = ImagePSF(stages.star(1.0), 0.3, reach=10), ImagePSF(stages.star(1.6), 0.3, reach=12)
    psf, spaxels = TabulatedPSF((one, other), (5000.0, 6000.0)), SquareSpaxels(0.3, (21, 21))
    expected = 0.3 * image(spaxels, one) + 0.7 * image(spaxels, other)
    assert np.allclose(image(spaxels, psf, wave=5700.0), expected, rtol=0, atol=1e-14)
    assert np.allclose(image(spaxels, psf, wave=4000.0), image(spaxels, one), rtol=0, atol=1e-14)
    assert psf.margin == 12 and psf.reaching(5).margin == 5


# --- every number -----------------------------------------------------------------------------------------------------


@eqx.filter_jit
def seen_by(psf, sky, projection, wave):
    blurred = psf.blur(sky, stages.cells(0.4))
    return jnp.einsum("tyxc,tc,yxc->", blurred, psf.term_weights(wave), projection)


slope = eqx.filter_jit(eqx.filter_grad(seen_by))


@pytest.mark.parametrize("name", [name for name in stages.PSFS if name not in ("none", "Gaussian", "Moffat")])
def test_gradient_of_every_number_is_that_of_finite_differences(double, name):
    psf, rng = stages.PSFS[name](), np.random.default_rng(1)
    sky = real(rng.normal(size=(6 + 2 * psf.margin, 5 + 2 * psf.margin, 3)))
    projection, wave = real(rng.normal(size=(6, 5, 3))), real([4850.0, 4913.0, 4977.0])
    exact = named(slope(psf, sky, projection, wave))
    for leaf, value in named(psf).items():
        direction = rng.normal(size=value.shape) * (1e-3 if "image" in leaf else 1e-4)

        def difference(step, leaf=leaf, direction=direction):
            ahead, behind = (seen_by(moved(psf, leaf, h * direction), sky, projection, wave) for h in (step, -step))
            return float(ahead - behind) / (2 * step)

        found = float(np.sum(np.asarray(exact[leaf]) * direction))
        scale = np.linalg.norm(np.asarray(exact[leaf]) * direction)
        assert abs((4 * difference(0.5) - difference(1.0)) / 3 - found) < 2e-6 * scale + 1e-13, leaf


@pytest.mark.parametrize("name", stages.PSFS)
def test_transpose_is_the_adjoint(double, name):
    psf, rng = stages.PSFS[name](), np.random.default_rng(2)
    sky = real(rng.normal(size=(6 + 2 * psf.margin, 5 + 2 * psf.margin, 2)))

    def blur(maps):
        return psf.blur(maps, stages.cells(0.4))

    seen = blur(sky)
    back = real(rng.normal(size=seen.shape))
    (transposed,) = jax.linear_transpose(blur, sky)(back)
    assert float(jnp.vdot(seen, back)) == pytest.approx(float(jnp.vdot(sky, transposed)), rel=1e-12, abs=1e-12)


# --- terms that are local in wavelength -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chromatic", "chromatic, table", "chromatic, kernels at nodes", "tabulated"])
@pytest.mark.parametrize("loop", [True, False])
def test_product_of_the_terms_that_a_channel_sees_is_that_of_all(double, monkeypatch, name, loop):
    """Value, and gradient by maps and spectra, beyond the band too."""
    monkeypatch.setattr(contract, "PIECE", 20 if loop else 1000)
    psf, rng = stages.PSFS[name](), np.random.default_rng(3)
    wave = np.linspace(4780.0, 5020.0, 31)
    share = psf.term_weights(real(wave))
    maps, templates = real(rng.normal(size=(share.shape[0], 6, 5, 3))), real(rng.normal(size=(3, 31)))
    ranges = psf.ranges(wave)
    assert len(ranges) > 1 and [one.last for one in ranges[:-1]] == [one.first for one in ranges[1:]]

    def total(maps, templates, ranges):
        spectra = share[:, None, :] * templates[None]
        return jnp.sum(jnp.sin(contract.contract(maps, spectra, ranges)))

    both = jax.jit(jax.value_and_grad(total, (0, 1)), static_argnums=2)
    for local, whole in zip(
        jax.tree.leaves(both(maps, templates, ranges)), jax.tree.leaves(both(maps, templates, None)), strict=True
    ):
        assert np.allclose(local, whole, rtol=0, atol=1e-11)


def test_weights_of_neighbours_sum_to_one_and_are_linear_without_a_bend(bits):
    nodes, place = np.array([1.0, 2.0, 4.0]), real([0.5, 1.0, 1.25, 3.0, 4.0, 9.0])
    found = np.asarray(piecewise.weights(place, nodes, real([0.0, 0.0])))
    assert np.allclose(found, np.stack([np.interp(place, nodes, row) for row in np.eye(3)]), rtol=0, atol=1e-6)
    assert np.allclose(piecewise.weights(place, nodes, real([0.1, -0.1])).sum(axis=0), 1, rtol=0, atol=1e-6)
    assert piecewise.ranges(np.asarray(place, np.float64), nodes) == ((0, 3, 0, 2, None), (3, 6, 1, 3, None))


# --- files and descriptions -------------------------------------------------------------------------------------------


def stpsf(path, images, wavelengths, scale=0.025):
    """A file as stpsf writes it: the image over the detector's pixels too, which is not the one to take."""
    data = np.asarray(images) if len(wavelengths) > 1 else images[0]
    header = fits.Header({"PIXELSCL": scale, "EXTNAME": "OVERSAMP"})
    if len(wavelengths) == 1:
        header["WAVELEN"] = wavelengths[0]
    for place, wave in enumerate(wavelengths if len(wavelengths) > 1 else ()):
        header[f"WAVELN{place:02d}"] = wave
    coarse = fits.Header({"PIXELSCL": 4 * scale, "EXTNAME": "DET_SAMP"})
    fits.HDUList([fits.PrimaryHDU(data, header), fits.ImageHDU(np.ones((6, 6)), coarse)]).writeto(path)
    return str(path)


def test_cube_of_stpsf_is_a_psf_at_its_wavelengths(bits, tmp_path):
    images = [stages.star(0.1 * (1 + i / 5), 41, 0.025) for i in range(3)]
    wavelengths = [2.0e-6, 2.5e-6, 3.0e-6]
    whole = read_psf(stpsf(tmp_path / "cube.fits", images, wavelengths), position_angle=12.0, reach=8)
    assert isinstance(whole, TabulatedPSF) and whole.wavelengths == pytest.approx((20000.0, 25000.0, 30000.0))
    paths = [stpsf(tmp_path / f"{i}.fits", [images[i]], [wavelengths[i]]) for i in (2, 0, 1)]
    assert eqx.tree_equal(read_psf(paths, position_angle=12.0, reach=8), whole, typematch=True)
    alone = read_psf(paths[0], reach=8)
    assert isinstance(alone, ImagePSF) and alone.pixel == 0.025 and alone.image.shape == (41, 41)
    assert read_psf(paths[0], "det_samp").image.shape == (6, 6)


def test_image_that_a_description_names_stands_beside_it(tmp_path):
    stpsf(tmp_path / "star.fits", [stages.star(0.3, 41, 0.05)], [2e-6], 0.05)
    described = {
        "galaxy": {"kind": "disc-bulge", "count": 50},
        "library": {"kind": "embedded"},
        "telescope": {
            "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
            "wavelengths": {"start": 4836.0, "step": 1.25, "size": 80, "medium": "air"},
            "spaxels": {"kind": "square", "pitch": 0.1, "size": [4, 3]},
            "psf": {"kind": "elliptical", "psf": {"kind": "image", "path": "star.fits"}, "axis_ratio": 0.9},
        },
    }
    (tmp_path / "one.json").write_text(config.document.json.dumps(described), encoding="utf-8")
    whole = config.resolved(config.load(tmp_path / "one.json"))["telescope"]
    assert whole["psf"]["psf"]["path"] == str(tmp_path / "star.fits") and whole["psf"]["psf"]["reach"] > 3
    assert whole["spaxels"]["oversampling"] == [2, 2]
    parts, _ = config.parts(whole)
    assert parts["psf"].psf.pixel == 0.05


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: read_psf(path / "none.fits"), "does not exist"),
        (lambda path: read_psf([]), r"path: \[\] is not the path"),
        (lambda path: read_psf(stpsf(path / "a.fits", [np.ones((3, 3))], [1e-6]), "PSF"), "'PSF' is not one of its"),
        (lambda path: read_psf(stpsf(path / "a.fits", [-np.ones((3, 3))], [1e-6])), "a positive sum"),
        (
            lambda path: read_psf(stpsf(path / "a.fits", [np.ones((3, 3))] * 2, [1e-6, 2e-6]), wavelengths=(5e3,)),
            "there are 1, and 2 images",
        ),
    ],
)
def test_file_that_is_no_psf_is_one_sentence(tmp_path, make, sentence):
    with pytest.raises(InputError, match=sentence):
        make(tmp_path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: EllipticalPSF(GaussianPSF(1.0), 1.2), r"EllipticalPSF\.axis_ratio: 1\.2\d* is greater than one"),
        (lambda: GaussianPSF(0.0), "is not greater than zero; a narrow-gaussian of zero puts all light of a star into"),
        (lambda: DoubleGaussianPSF(1.0, 2.0, 1.5), r"DoubleGaussianPSF\.share: 1\.5 is greater than one"),
        (lambda: ChromaticPSF(GaussianPSF(1.0), nodes=1), r"ChromaticPSF\.nodes must be none or at least two"),
        (lambda: ChromaticPSF(GaussianPSF(1.0), terms=0, nodes=0), "ChromaticPSF must have terms or nodes"),
        (lambda: ChromaticPolynomialPSF(GaussianPSF(1.0), (-2.0,)), "the width is not positive all over"),
        (lambda: ChromaticTablePSF(GaussianPSF(1.0), (5e3, 4e3), (1.0, 1.0)), "wavelengths must increase"),
        (lambda: ChromaticTablePSF(GaussianPSF(1.0), (4e3, 5e3), (1.0,)), "must be as many as the 2 wavelengths"),
        (lambda: TabulatedPSF((GaussianPSF(1.0),), (4e3, 5e3)), "as many as the 1 PSFs"),
    ],
)
def test_psf_that_cannot_be_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_description_of_a_chromatic_psf_gets_the_band_of_the_channels_and_terms_enough():
    _, psf = suited_cells(
        {"kind": "square", "pitch": 0.2, "size": [3, 3]},
        {"kind": "chromatic", "psf": {"kind": "gaussian", "fwhm": 0.7}, "slope": 1.0},
    )
    assert psf.band == (4650.0, 9350.0) and (psf.terms, psf.nodes) == psf.enough() and psf.nodes > 20


def test_everything_is_rectangular_too():
    """A turned field of oblong spaxels sees an ellipse where it stands on the sky."""
    psf = EllipticalPSF(GaussianPSF(1.2, reach=30), 0.6, 50.0)
    straight = RectangularSpaxels((0.2, 0.3), (21, 15))
    over = RectangularSpaxels((0.2, 0.3), (21, 15), position_angle=50.0)
    upright = EllipticalPSF(GaussianPSF(1.2, reach=30), 0.6, 0.0)
    assert np.allclose(image(over, psf), image(straight, upright), rtol=0, atol=1e-6)


def test_error_function_is_that_of_a_double_gaussian(double):
    """Along x, summed over y."""
    spaxels = SquareSpaxels(0.2, (61, 61))
    edges = (np.arange(62) - 30.5) * 0.2
    sigma = np.array([0.9, 2.0]) / np.sqrt(8 * np.log(2))
    inside = [np.diff(scipy.special.erf(edges / s / np.sqrt(2))) / 2 for s in sigma]
    found = image(spaxels, DoubleGaussianPSF(0.9, 2.0, 0.6, reach=30)).sum(axis=0)
    assert np.abs(found - 0.6 * inside[0] - 0.4 * inside[1]).max() < 1e-3 * found.max()
