"""Channels are edges: even, even in the logarithm or any table, and what lies in a gap is no number."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

from ifux import (
    ConstantNoise,
    EulerOrientation,
    FixedTarget,
    GridSSP,
    InputError,
    LogWavelengths,
    NoLSF,
    NoPSF,
    Particles,
    SquareSpaxels,
    TableWavelengths,
    TargetSNRNoise,
    VelocityChannels,
    Wavelengths,
)
from ifux.fitting import CubeOperator, Positive, free
from ifux.fitting.fisher import information
from ifux.fitting.losses import chi_squared, likelihood
from ifux.fitting.problem import Problem
from ifux.grids import to_vacuum
from ifux.influence import LineIndex
from ifux.influence.bands import on_detector, within
from ifux.kinematics.doppler import pixels_at_rest
from ifux.learning import CubeEncoder
from ifux.typing import real

LIGHT = 299792.458
GAP = (4880.3, 4893.1)


def members(gaps=()):
    """Every kind of channels, with gaps."""
    return {name: replace(make(), gaps=gaps) for name, make in stages.WAVELENGTHS.items()}


def one_spaxel(library, wavelengths, **given):
    """A telescope that collects all light in one spaxel, at the resolution of the library."""
    return stages.telescope(
        **{
            "wavelengths": wavelengths,
            "target": FixedTarget(stages.REDSHIFT, 90.0),
            "orientation": EulerOrientation(),
            "spaxels": SquareSpaxels(100.0, (1, 1), degree=0),
            "kinematics": VelocityChannels(reach=500.0, spacing=20.0),
            "ssp": GridSSP.from_library(library),
            "psf": NoPSF(),
            "lsf": NoLSF(),
        }
        | given
    )


def moving(velocity):
    """A star at the centre that recedes."""
    return Particles(
        position=np.zeros((1, 3)),
        velocity=np.array([[0.0, 0.0, velocity]]),
        mass=np.array([1e6]),
        age=np.array([3.0]),
        metallicity=np.array([0.01]),
    )


def line(centre, fwhm=3.0, medium="vacuum"):
    """A library of one emission line upon nothing."""
    blank = stages.library(Wavelengths(4600.0, 0.5, 800, medium), 2, 2, fwhm)
    profile = np.exp(-0.5 * ((blank.wavelength - centre) * np.sqrt(8 * np.log(2)) / fwhm) ** 2)
    return replace(blank, flux=np.broadcast_to(profile, blank.flux.shape))


@eqx.filter_jit
def observed(telescope, particles):
    return telescope(particles)


# what they are


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_pixels_lie_side_by_side(name):
    grid = stages.WAVELENGTHS[name]()
    edges, centres, widths = grid.edges(), grid.centres(), grid.widths()
    assert centres.size == widths.size == grid.size == edges.size - 1
    assert np.all(edges[:-1] < centres) and np.all(centres < edges[1:])
    assert edges[0] + np.concatenate([[0.0], np.cumsum(widths)]) == pytest.approx(edges, rel=1e-14)
    assert not grid.missing().any()
    expected = to_vacuum(edges) if grid.medium == "air" else edges
    assert np.array_equal(grid.vacuum_edges(), expected)


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_equal_channels_share_a_compiled_program(name):
    one, other = (replace(stages.WAVELENGTHS[name](), gaps=[[4900, 4910]]) for _ in range(2))
    assert one == other and hash(one) == hash(other) and jax.tree.structure(one) == jax.tree.structure(other)
    assert not jax.tree.leaves(one) and one != stages.WAVELENGTHS[name]()


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_part_of_the_channels_keeps_their_edges(name):
    grid = replace(stages.WAVELENGTHS[name](), gaps=[GAP])
    edges = grid.edges()
    for low, high in ((edges[7], edges[31]), (edges[7] - 0.1, edges[31] + 0.1)):
        part = grid.cut(low, high)
        assert part.edges() == pytest.approx(edges[7:32], rel=1e-14) and part.gaps == grid.gaps
        assert part.centres() == pytest.approx(grid.centres()[7:31], rel=1e-14)
    with pytest.raises(ValueError, match="No pixel between"):
        grid.cut(edges[7] + 0.01, edges[8] - 0.01)


def test_logarithmic_channels_are_those_of_the_cubes_of_manga():
    """Law et al. (2016), AJ 152, 83: 4563 pixels of 1e-4 dex, 3622 to 10,354 angstrom."""
    grid = LogWavelengths(3621.5960, 1e-4 * np.log(10), 4563, "vacuum")
    assert grid.centres() == pytest.approx(10 ** (np.log10(3621.5960) + 1e-4 * np.arange(4563)), rel=1e-12)
    assert grid.centres()[-1] == pytest.approx(10353.8, abs=0.1)
    assert LIGHT * grid.step == pytest.approx(69.03, abs=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TableWavelengths([5000.0], "air"), "needs two edges or more, got 1"),
        (lambda: TableWavelengths([5000.0, 5001.0, 5001.0], "air"), "edges that increase, got 5001.0 before 5001.0"),
        (lambda: TableWavelengths([-1.0, 5001.0], "air"), r"table: .* is not greater than zero"),
        (lambda: TableWavelengths([1.0, 2.0], "water"), "(?s)medium.*water"),
        (lambda: LogWavelengths(5000.0, 1.25, 100, "air"), "reach further than any spectrograph"),
        (lambda: LogWavelengths(5000.0, 0.0, 100, "air"), "step: 0.0 is not greater than zero"),
        (lambda: Wavelengths(5000.0, 1.0, 9, "air", [(5002.0, 5001.0)]), "gaps must hold ranges of a lower"),
        (lambda: Wavelengths(5000.0, 1.0, 9, "air", [(np.nan, 5001.0)]), "gaps must hold ranges of a lower"),
    ],
)
def test_channels_that_are_none_are_refused(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


# what is seen in them


@pytest.mark.parametrize(("name", "medium"), [("even", "vacuum"), ("log", "air"), ("table", "air")])
def test_photons_of_a_line_are_neither_made_nor_lost(bits, name, medium):
    """The flux over all channels is luminosity / (4 pi D^2), whatever the pixels, the media and the velocity."""
    library = line(4810.0, medium=medium)
    telescope = one_spaxel(library, stages.WAVELENGTHS[name]())
    luminosity = 1e6 * library.flux[0, 0].sum() * 0.5 * 3.828e33
    expected = luminosity / (4 * np.pi * (90.0 * 3.0856775814913673e24) ** 2) / 1e-20
    for velocity in (-333.0, 0.0, 333.0):
        flux = np.asarray(observed(telescope, moving(velocity)), np.float64)[0, 0]
        assert flux @ telescope.wavelengths.widths() == pytest.approx(expected, rel=1e-5 if bits == 32 else 1e-8)


@pytest.mark.parametrize("name", ["even", "log"])
def test_table_of_the_same_edges_is_the_same_spectrograph(double, name):
    grid = stages.WAVELENGTHS[name]()
    table = TableWavelengths(grid.edges(), grid.medium)
    stars = stages.particles(10, spread=0.1)
    one, other = (np.asarray(observed(stages.telescope(wavelengths=given), stars)) for given in (grid, table))
    assert np.abs(one - other).max() < 1e-12 * one.max()


def test_spectrum_in_coarse_channels_is_the_mean_of_fine_ones(double):
    """Of several widths side by side, from one that is narrower than the library's pixels to a hundred of them."""
    fine = LogWavelengths(4838.0, 1e-4, 300, "vacuum")
    shares = [1, 2, 1, 5, 100, 3, 88, 100]
    ends = np.concatenate([[0], np.cumsum(shares)])
    coarse = TableWavelengths(fine.edges()[ends], "vacuum")
    library = stages.library(stages.REST)
    one, other = (np.asarray(observed(one_spaxel(library, grid), moving(120.0)))[0, 0] for grid in (fine, coarse))
    summed = np.add.reduceat(one * fine.widths(), ends[:-1]) / coarse.widths()
    assert other == pytest.approx(summed, rel=1e-10)


def test_shift_by_whole_pixels_moves_logarithmic_channels(double):
    """What pPXF builds on: the matrix of a star that recedes by three pixels is that at rest, three pixels on."""
    rest, grid = Wavelengths(4700.0, 0.9, 400, "vacuum"), LogWavelengths(4838.0, 2.3e-4, 120, "vacuum")
    matrices = []
    for shift in (0.02, 0.02 + 3 * grid.step):
        stencil = pixels_at_rest(rest, grid, real(shift), 0.01)
        matrix = np.zeros((grid.size, rest.size))
        np.add.at(matrix, (np.arange(grid.size)[:, None], np.asarray(stencil.index)), np.asarray(stencil.weight))
        matrices.append(matrix)
    assert matrices[1][3:] * np.exp(3 * grid.step) == pytest.approx(matrices[0][:-3], abs=1e-9)


@pytest.mark.parametrize("velocity", [-350.0, 0.0, 90.0, 350.0])
def test_line_is_in_the_pixel_of_its_redshift_and_velocity(bits, velocity):
    """Its mean pixel is [ln(1 + z) + artanh(v/c) + ln(rest / start)] / step."""
    grid = LogWavelengths(4838.0, 2.3e-4, 130, "vacuum")
    telescope = one_spaxel(line(4812.3), grid)
    flux = np.asarray(observed(telescope, moving(velocity)), np.float64)[0, 0] * grid.widths()
    shift = np.log(1 + stages.REDSHIFT) + np.arctanh(velocity / LIGHT)
    expected = (np.log(4812.3 / grid.start) + shift) / grid.step
    # A line that is even in wavelength leans in its logarithm, by half of its squared width.
    leaning = -0.5 * (3.0 / np.sqrt(8 * np.log(2)) / 4812.3) ** 2 / grid.step
    assert flux @ np.arange(grid.size) / flux.sum() == pytest.approx(
        expected + leaning, abs=2e-3 if bits == 32 else 3e-4
    )


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_library_is_matched_to_the_channels_and_trims_them(name):
    grid = replace(stages.WAVELENGTHS[name](), gaps=[GAP])
    library = stages.library(Wavelengths(4600.0, 1.0, 500, "air"), 2, 2)
    matched, same = library.matched(grid, stages.REDSHIFT, 400.0)
    assert same is grid and matched.wavelength.size < 500
    short = library.cut(4780.0, 5099.0)
    with pytest.raises(InputError, match='set "trim": true'):
        short.matched(grid, stages.REDSHIFT, 400.0)
    _, trimmed = short.matched(grid, stages.REDSHIFT, 400.0, trim=True)
    assert type(trimmed) is type(grid) and trimmed.gaps == grid.gaps and 0 < trimmed.size < grid.size
    assert trimmed.edges() == pytest.approx(grid.edges()[-trimmed.size - 1 :], rel=1e-14)
    with pytest.raises(InputError, match="nothing in common"):
        short.matched(grid, 0.5, 400.0)


# what lies in a gap


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_channel_that_touches_a_gap_is_missing(name):
    grid = members([GAP])[name]
    edges = grid.edges()
    assert np.array_equal(grid.missing(), (edges[1:] > GAP[0]) & (edges[:-1] < GAP[1]))
    between = replace(grid, gaps=[(edges[4], edges[6]), (edges[50], edges[51])])
    assert np.flatnonzero(between.missing()).tolist() == [4, 5, 50]


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_cube_holds_no_number_in_a_gap_and_is_the_same_elsewhere(name):
    library, star, key = stages.library(), moving(0.0), jax.random.key(0)
    telescopes = [one_spaxel(library, members(gaps)[name], noise=ConstantNoise(1.0)) for gaps in ((), [GAP])]
    one, other = (np.asarray(eqx.filter_jit(telescope)(star, key=key)) for telescope in telescopes)
    missing = telescopes[1].wavelengths.missing()
    assert 3 < missing.sum() < 20 and np.isnan(other[..., missing]).all()
    assert np.array_equal(one[..., ~missing], other[..., ~missing])
    assert np.array_equal(telescopes[1].seen(), ~missing)
    # What the library reaches is another matter.
    assert telescopes[1].reached().all()


def test_gap_costs_one_comparison_of_channels():
    """The traced program has one equation more than that without gaps, whatever their number."""
    counts = []
    for gaps in ((), [GAP], [GAP, (4860.0, 4863.0)]):
        telescope = stages.telescope(wavelengths=replace(stages.OBSERVED, gaps=gaps))
        program = jax.make_jaxpr(lambda t=telescope: t.templates())()
        counts.append(len(program.eqns))
    assert counts[1] == counts[2] == counts[0] + 1


def test_gaps_that_hide_everything_are_refused():
    with pytest.raises(InputError, match=r"Telescope: the gaps .* hide every channel"):
        stages.telescope(wavelengths=replace(stages.OBSERVED, gaps=[(1000.0, 9000.0)]))


@pytest.fixture(scope="module")
def behind():
    """A telescope with a gap, stars, noisy data, and where they count."""
    ssp = GridSSP.from_library(stages.library(metallicities=2, ages=2))
    gapped = replace(stages.OBSERVED, gaps=[GAP])
    telescope = stages.telescope(wavelengths=gapped, ssp=ssp, noise=TargetSNRNoise(20.0))
    stars = stages.particles(20, spread=0.1)
    data = eqx.filter_jit(telescope)(stars, key=jax.random.key(1))
    mask = jnp.broadcast_to(jnp.asarray(~gapped.missing())[None, None], data.shape)
    return telescope, stars, data, mask


def test_likelihood_leaves_out_what_the_data_do_not_hold(behind):
    """Value and gradient are those with a mask that says so."""
    telescope, stars, data, mask = behind

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(telescope, data, mask):
        cube = telescope(stars)
        variance = telescope.noise.variance(cube)
        return likelihood(telescope.noise, data, cube, mask) + chi_squared(data, cube, variance, mask)

    (value, slope), (expected, gradient) = loss(telescope, data, None), loss(telescope, data, mask)
    assert np.isfinite(value) and float(value) == float(expected)
    assert eqx.tree_equal(slope, gradient)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def test_model_without_a_number_where_there_are_data_is_not_passed_over(behind):
    _, _, cube, _ = behind
    data = jnp.nan_to_num(cube)
    assert np.isnan(likelihood(ConstantNoise(1.0), data, cube)) and np.isnan(chi_squared(data, cube, data + 1))


def test_fit_counts_what_the_data_hold(behind):
    telescope, stars, data, mask = behind
    start, freed = free(telescope, width=(lambda t: t.lsf.fwhm, Positive()))

    def predict(telescope):
        return telescope(stars)

    variance = telescope.noise.variance(data)
    problems = [Problem(predict, freed, data, variance, given) for given in (None, mask)]
    assert problems[0].counted == problems[1].counted == int(mask.sum())
    absent = jnp.where(mask, variance, jnp.nan)
    known = [information(freed, start, predict, *given) for given in ((absent,), (variance, mask))]
    assert np.isfinite(known[0]).all() and np.allclose(known[0], known[1], rtol=1e-6)


def test_linear_operator_is_dark_in_a_gap(behind):
    telescope, stars, data, mask = behind
    operator = CubeOperator.of(telescope)
    cube = np.asarray(eqx.filter_jit(lambda operator, stars: operator(telescope.weights(stars)))(operator, stars))
    assert np.all(cube[~np.asarray(mask)] == 0) and np.isfinite(cube).all()
    assert np.isfinite(eqx.filter_jit(operator.adjoint)(jnp.where(mask, data, 0))).all()


def test_encoder_does_without_the_channels_of_a_gap(behind):
    _, _, data, mask = behind
    rng = np.random.default_rng(0)
    cubes = jnp.stack([data * real(factor) for factor in rng.uniform(0.5, 2.0, 6)])
    given = {"features": 3, "width": 4, "context": 5, "key": jax.random.key(2)}
    encoder = CubeEncoder.new(cubes, 1.0, **given)
    context = encoder(cubes[0])
    dark = jnp.where(mask, cubes[0], 7.0)
    assert np.isfinite(context).all() and np.array_equal(encoder(dark), context)
    with pytest.raises(InputError, match="1 of 6 mocks hold numbers that are not finite"):
        CubeEncoder.new(cubes.at[2, 0, 0, 0].set(jnp.nan), 1.0, **given)


def test_index_is_measured_beside_a_gap_and_not_in_it(double):
    bands = ((4770.0, 4780.0), (4755.0, 4768.0), (4782.0, 4790.0))
    index = LineIndex(np.ones((8, 9)), bands)
    stars = stages.particles(20, spread=0.1)
    whole, beside, inside = (
        stages.telescope(wavelengths=replace(stages.OBSERVED, gaps=gaps))
        for gaps in ((), [(4930.0, 4950.0)], [(4874.0, 4876.0)])
    )
    index.check(beside)
    values = [eqx.filter_jit(eqx.filter_value_and_grad(lambda p, t=t: index(t, p)))(stars) for t in (whole, beside)]
    assert float(values[0][0]) == pytest.approx(float(values[1][0]), rel=1e-12) and abs(float(values[0][0])) > 1e-3
    assert np.allclose(values[0][1].mass, values[1][1].mass, rtol=1e-9, atol=0)
    with pytest.raises(InputError, match=r"LineIndex: its band from 4770 to 4780 angstrom lies where .* has a gap"):
        index.check(inside)


@pytest.mark.parametrize("name", stages.WAVELENGTHS)
def test_band_is_shared_with_the_pixels_at_its_ends_by_their_widths(bits, name):
    """A band of the library's medium, at the redshift of the galaxy, in the medium of the detector."""
    telescope = stages.telescope(wavelengths=stages.WAVELENGTHS[name]())
    low, high = on_detector((4770.0, 4785.0), telescope)
    share, edges = np.asarray(within((low, high), telescope)), telescope.wavelengths.edges()
    single = 3e-3 if bits == 32 else 1e-9
    assert share.sum() == pytest.approx(float(high) - float(low), abs=single)
    inside = (edges[:-1] > float(low)) & (edges[1:] < float(high))
    assert share[inside] == pytest.approx(telescope.wavelengths.widths()[inside], abs=single)
    assert np.count_nonzero(share) == inside.sum() + 2
