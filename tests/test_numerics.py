"""The pure functions keep what they promise: sums, moments, transposes, inverses, orders of convergence."""

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import stats
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import convolve2d, resample

from ifux.numerics import blocks, chebyshev, contract, convolve, deposit, lowrank, order, rebin, tiles, windows
from ifux.numerics import stencil as stencils
from ifux.numerics.convolve import fast_length
from ifux.numerics.normal import LOGARITHM, SINE, logarithm, polynomial, standard_normal, threefry
from ifux.numerics.stencil import Stencil, spline_values, window
from ifux.numerics.sums import Sum
from ifux.typing import real

DEGREES = [0, 1, 2, 3, 4, 5]

# One small program each instead of a dozen operations.
bspline = jax.jit(stencils.bspline, static_argnums=(1, 2))
between = jax.jit(stencils.between)
dense = jax.jit(stencils.dense)
integrate = jax.jit(rebin.integrate, static_argnums=(2, 3))
spline_coefficients = jax.jit(rebin.spline_coefficients)
step_response = jax.jit(rebin.step_response)
blur_line = jax.jit(convolve.blur_line, static_argnames="nodes")
blur_plane = jax.jit(convolve.blur_plane)
chebyshev_weights = jax.jit(chebyshev.weights, static_argnums=1)


@jax.jit
def put(grid, place, *points):
    return deposit.deposit(Sum.onto(grid, place[2].size), place, *points).value()


gather = jax.jit(Stencil.gather)
scatter = jax.jit(Stencil.scatter)
total = jax.jit(Stencil.total)
outer = jax.jit(Stencil.outer)


def rounding(bits):
    """A few units in the last place."""
    return 8 * float(jnp.finfo(jnp.float32 if bits == 32 else jnp.float64).eps)


# --- stencils ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", DEGREES)
def test_spline_weights_sum_to_one_and_keep_the_mean_position(bits, degree):
    position = real(np.random.default_rng(0).uniform(3, 16, 500))
    stencil = bspline(position, 20, degree)
    assert stencil.index.shape == (500, degree + 1)
    assert np.allclose(total(stencil), 1, rtol=0, atol=rounding(bits))
    assert np.all(np.asarray(stencil.weight) >= 0)
    mean = np.sum(np.asarray(stencil.weight) * np.asarray(stencil.index), axis=1)
    if degree == 0:
        assert np.all(np.abs(mean - np.asarray(position)) <= 0.5)
    else:
        assert np.allclose(mean, position, rtol=0, atol=20 * rounding(bits))


@pytest.mark.parametrize("degree", DEGREES[1:])
def test_spline_width_is_that_of_its_window(double, degree):
    """The variance of a B-spline of degree d is (d + 1) / 12: read from the weights and from the transform."""
    position = np.linspace(5, 6, 2001)
    stencil = bspline(real(position), 12, degree)
    offset = np.asarray(stencil.index) - position[:, None]
    variance = np.mean(np.sum(np.asarray(stencil.weight) * offset**2, axis=1)[:-1])
    assert variance == pytest.approx((degree + 1) / 12, abs=1e-6)
    frequency = np.array([1e-3])
    curvature = -2 * np.log(window(frequency, degree)) / (2 * np.pi * frequency) ** 2
    assert curvature == pytest.approx((degree + 1) / 12, rel=1e-5)


@pytest.mark.parametrize("degree", DEGREES[1:])
def test_splines_have_the_slopes_of_their_pieces(double, degree):
    """Against SciPy's splines, up to the derivative that jumps."""
    place = np.linspace(-3.1, 3.1, 401) + 1e-3
    pieces = BSpline.basis_element(np.arange(degree + 2) - 0.5 * (degree + 1), extrapolate=False)

    def derivative(function, order):
        return derivative(jax.grad(function), order - 1) if order else jax.vmap(function)

    for order_ in range(degree + 1):
        found = derivative(lambda x: stencils.spline(x, degree), order_)(jnp.asarray(place))
        expected = np.nan_to_num((pieces.derivative(order_) if order_ else pieces)(place))
        assert np.allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("degree", DEGREES)
def test_light_off_the_grid_is_lost_not_piled_up(bits, degree):
    position = real([-1e30, -40.0, -3.0, 5.0, 15.0, 1e30])
    stencil = bspline(position, 12, degree)
    assert np.all((np.asarray(stencil.index) >= 0) & (np.asarray(stencil.index) < 12))
    grid = np.asarray(scatter(stencil, jnp.ones_like(position)))
    assert grid.sum() == pytest.approx(1, abs=rounding(bits))
    assert np.all(grid[[0, 1, 10, 11]] == 0)


@pytest.mark.parametrize("degree", DEGREES[1:])
def test_light_leaves_the_grid_little_by_little(double, degree):
    """A point on the outermost node has lost what its spline has beyond it; the loss is continuous."""
    position = np.linspace(-4, 4, 4001)
    kept = np.asarray(total(bspline(real(position), 12, degree)))
    assert kept[0] == 0 and kept[-1] == 1
    assert np.all(np.diff(kept) >= -1e-15) and np.max(np.diff(kept)) <= 1.01 * 0.002


def test_scatter_is_the_adjoint_of_gather(double):
    rng = np.random.default_rng(1)
    stencil = outer(bspline(real(rng.uniform(-2, 14, 70)), 12, 3), bspline(real(rng.uniform(0, 6, 70)), 7, 1))
    table, rows = real(rng.normal(size=(84, 5))), real(rng.normal(size=(70, 5)))
    left, right = jnp.vdot(gather(stencil, table), rows), jnp.vdot(table, scatter(stencil, rows))
    assert float(left) == pytest.approx(float(right), rel=1e-12)
    (transpose,) = jax.linear_transpose(lambda table: gather(stencil, table), table)(rows)
    assert np.allclose(transpose, scatter(stencil, rows), rtol=0, atol=1e-12)
    (back,) = jax.linear_transpose(lambda rows: scatter(stencil, rows), rows)(table)
    assert np.allclose(back, gather(stencil, table), rtol=0, atol=1e-12)


def test_outer_stencil_is_the_product_of_both(double):
    rng = np.random.default_rng(2)
    one, two = bspline(real(rng.uniform(0, 5, 9)), 6, 2), dense(real(rng.normal(size=(9, 4))))
    product = outer(one, two)
    assert product.size == 24
    matrix = [np.asarray(gather(s, jnp.eye(s.size))) for s in (one, two, product)]
    assert np.allclose(matrix[2], np.einsum("pi,pj->pij", matrix[0], matrix[1]).reshape(9, 24), rtol=0, atol=1e-14)


def test_linear_lookup_is_exact_for_lines_and_held_outside(bits):
    nodes = real([0.1, 0.3, 1.0, 4.0])
    inside = real([0.1, 0.2, 0.3, 0.9, 1.0, 3.3, 4.0])
    assert np.allclose(gather(between(inside, nodes), nodes), inside, rtol=rounding(bits))
    outside = between(real([-1e30, 0.0, 5.0, 1e30]), nodes)
    assert np.allclose(gather(outside, nodes), [0.1, 0.1, 4.0, 4.0], rtol=rounding(bits))
    assert np.allclose(total(outside), 1, rtol=rounding(bits))
    at_node = np.asarray(gather(between(nodes, nodes), jnp.eye(4)))
    assert np.array_equal(at_node, np.eye(4))


def scattered(count=50, shape=(9, 8), channels=7):
    """Points on rows, columns and channels, some of them off the grid, with a sparse mixture of five."""
    rng = np.random.default_rng(3)
    place = [bspline(real(rng.uniform(-1, size, count)), size, 3) for size in (*shape, channels)]
    mixture = between(real(rng.uniform(0, 4, count)), real(np.arange(5.0)))
    return jnp.zeros((*shape, channels * 5)), place, mixture, real(rng.uniform(size=count))


def test_sparse_and_dense_mixtures_deposit_alike(double):
    grid, place, mixture, amount = scattered()
    sparse = put(grid, place, mixture, amount)
    rows = put(grid, place, gather(mixture, jnp.eye(5)), amount)
    direct = scatter(outer(outer(outer(*place[:2]), place[2]), mixture), amount).reshape(grid.shape)
    assert np.allclose(sparse, direct, rtol=0, atol=1e-13) and np.allclose(rows, direct, rtol=0, atol=1e-13)


def test_deposit_adds_to_what_is_there(double):
    grid, place, mixture, amount = scattered()
    once = put(grid, place, gather(mixture, jnp.eye(5)), amount)
    assert np.allclose(put(once, place, gather(mixture, jnp.eye(5)), amount), 2 * once, rtol=0, atol=1e-13)


def test_more_weights_than_integers_is_an_error():
    stencil = Stencil(jnp.zeros((1, 1), jnp.int32), jnp.ones((1, 1)), 2**8)
    grid = jax.ShapeDtypeStruct((2**8, 2**8, 2**16), jnp.float32)
    with pytest.raises(ValueError, match="use a low-rank basis, fewer spaxels or fewer velocity nodes"):
        jax.eval_shape(lambda grid: put(grid, [stencil] * 3, stencil, jnp.ones(1)), grid)


def factors(count=20, batch=()):
    """Corners and factors of windows of 4 x 3 nodes x (2 channels x 5) on a grid of 9 x 8 x 20."""
    rng = np.random.default_rng(4)
    corner = jnp.asarray(rng.integers(0, [6, 6, 3], (count, 3)) * [1, 1, 5], jnp.int32)
    return jnp.asarray(rng.normal(size=(9, 8, 20))), corner, [
        jnp.asarray(rng.normal(size=(*batch, count, size))) for size in (4, 3, 2, 5)
    ]  # fmt: skip


def add_product(grid, *points):
    """The primitive, from a grid to a grid."""
    return windows.add_product(Sum.onto(grid, 4), *points).value()


def product_at_once(grid, *points):
    """The same, of operations that JAX can differentiate."""
    start = Sum.onto(grid, 4)
    return Sum(windows.product_at_once(start.parts, *points), start.count).value()


def added(grid, corner, *values):
    """The sum over points, one window at a time, in NumPy."""
    grid = np.array(grid)
    for (top, west, first), row, column, channel, basis in zip(np.asarray(corner), *values, strict=True):
        line = np.outer(channel, basis).reshape(-1)
        grid[top : top + 4, west : west + 3, first : first + 10] += np.einsum("a,b,c->abc", row, column, line)
    return grid


def test_product_is_added_to_the_window_of_every_point(double):
    grid, corner, values = factors()
    expected = added(grid, corner, *values)
    for function in (add_product, product_at_once):
        assert np.allclose(jax.jit(function)(grid, corner, *values), expected, rtol=0, atol=1e-13)


def test_derivatives_of_the_product_are_those_of_a_scatter(double):
    """Forward, backward, and twice: the primitives against what JAX makes of a scatter."""
    grid, corner, values = factors()
    rng = np.random.default_rng(5)
    dots = [jnp.asarray(rng.normal(size=value.shape)) for value in (grid, *values)]
    weight = jnp.asarray(rng.normal(size=grid.shape))

    def everything(function):
        def total(grid, *values):
            return jnp.sum(jnp.sin(function(grid, corner, *values)) * weight)

        def forward(*primals):
            return jax.jvp(lambda grid, *values: function(grid, corner, *values), primals, tuple(dots))[1]

        backward = jax.grad(total, tuple(range(5)))
        inputs = (grid, *values)

        def slope(*inputs):
            return sum(jnp.sum(g * d) for g, d in zip(backward(*inputs), dots, strict=True))

        forward_over_backward = jax.jvp(backward, inputs, tuple(dots))[1]
        return forward(*inputs), backward(*inputs), forward_over_backward, jax.grad(slope, tuple(range(5)))(*inputs)

    found, expected = (
        jax.tree.leaves(jax.jit(lambda function=function: everything(function))())
        for function in (add_product, product_at_once)
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())


def both(grid):
    """The cotangent of a sum whose value has this one."""
    return jnp.concatenate([grid, grid], axis=2)


def test_adjoint_is_the_same_in_turn_and_at_once(double):
    grid, corner, values = factors()
    for ours, theirs in zip(
        jax.jit(windows.adjoint_in_turn)(both(grid), corner, *values),
        jax.jit(windows.adjoint_at_once)(both(grid), corner, *values),
        strict=True,
    ):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("count", "slots"), [(1, 131072), (200, 64), (3000, 512)])
def test_windows_are_the_same_in_turn_and_in_tiles(double, monkeypatch, count, slots):
    """What an accelerator runs: a lone point, few points on many sheets, and full tiles."""
    monkeypatch.setattr(tiles, "SLOTS", slots)
    grid, corner, values = factors(count)
    dots = [2 - value for value in values]
    for terms, given in ((windows.outer, values), (windows.outer_tangent, [*values, *dots])):
        start = jax.tree.leaves(Sum.onto(grid, 4))
        ours, theirs = (
            Sum(*jax.jit(partial(way, terms))(*start, corner, *given)).value()
            for way in (tiles.add_in_tiles, windows.add_in_turn)
        )
        assert np.allclose(ours, theirs, rtol=0, atol=1e-11)
    for ours, theirs in zip(
        jax.jit(partial(tiles.adjoint_in_tiles, windows.outer))(both(grid), corner, *values),
        jax.jit(windows.adjoint_in_turn)(both(grid), corner, *values),
        strict=True,
    ):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-11)


def test_an_accelerator_adds_to_windows_in_products_of_matrices():
    """The program for an NVIDIA GPU and that of its adjoint, neither run."""
    grid, corner, values = factors(3000)
    for function in (add_product, lambda *a: jax.vjp(add_product, *a)[1](a[0])):
        program = jax.jit(function).trace(grid, corner, *values).lower(lowering_platforms=("cuda",)).as_text()
        assert "dot_general" in program


def test_copies_of_a_table_change_nothing_but_the_order_of_sums(double, monkeypatch):
    """On an accelerator many points read copies of a short table."""
    rng = np.random.default_rng(6)
    place, nodes = jnp.asarray(rng.uniform(-1, 6, 5000)), jnp.arange(6.0) ** 1.2
    table = jnp.asarray(rng.normal(size=(6, 3)))

    def both():
        def total(nodes, table):
            return jnp.sum(stencils.between(place, nodes).gather(table) ** 2)

        return jax.value_and_grad(total, (0, 1))(nodes, table)

    expected = both()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for ours, theirs in zip(jax.tree.leaves(both()), jax.tree.leaves(expected), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-11)


def test_batch_of_products_is_each_of_them(double):
    grid, corner, values = factors(batch=(3,))

    def loss(*values):
        return jnp.sum(jnp.sin(add_product(grid, corner, *values)))

    alone_or_not = jax.value_and_grad(loss, (0, 1, 2, 3))
    together = jax.jit(jax.vmap(alone_or_not))(*values)
    for i in range(3):
        alone = jax.jit(alone_or_not)(*(value[i] for value in values))
        for ours, theirs in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            assert np.allclose(ours[i], theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("tall", "wide", "loop"), [(6, 5, False), (6, 5, True), (7, 5, True), (7, 50, True)])
def test_product_in_pieces_is_the_product(double, monkeypatch, tall, wide, loop):
    """Value, tangent and gradient, whether the rows divide into pieces, do not, or are longer than a piece."""
    monkeypatch.setattr(contract, "PIECE", 20 if loop else 1000)
    rng = np.random.default_rng(6)
    maps, spectra = (jnp.asarray(rng.normal(size=shape)) for shape in ((2, tall, wide, 3), (2, 3, 11)))
    dots = [jnp.asarray(rng.normal(size=leaf.shape)) for leaf in (maps, spectra)]

    def whole(maps, spectra):
        return jnp.einsum("tyxk,tkw->yxw", maps, spectra)

    def everything(function):
        gradient = jax.grad(lambda *leaves: jnp.sum(jnp.sin(function(*leaves))), (0, 1))
        return *jax.jvp(function, (maps, spectra), tuple(dots)), *gradient(maps, spectra)

    program = jax.jit(lambda *leaves: contract.contract(*leaves)).lower(maps, spectra).as_text()
    assert ("while" in program) == (loop and tall == 6)
    for ours, theirs in zip(everything(contract.contract), everything(whole), strict=True):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-13)
    for argument in (0, 1):
        alone = jax.jit(jax.grad(lambda *leaves: jnp.sum(contract.contract(*leaves)), argument)).lower(maps, spectra)
        assert alone.as_text().count("dot_general") == 1


@pytest.mark.parametrize(
    ("count", "cells"), [(1, 1), (7, 3), (1000, 2**14), (1000, 2**22), (1000, 2**23), (1024, 2**30)]
)
def test_order_is_that_of_cells(count, cells):
    """Every point once, cells in order as far as 32 bits tell them apart."""
    cell = np.random.default_rng(7).integers(0, cells, count)
    found = np.asarray(order.order(jnp.asarray(cell, jnp.int32), cells))
    assert np.array_equal(np.sort(found), np.arange(count))
    told_apart = 2 ** max(0, math.ceil(math.log2(cells)) + math.ceil(math.log2(count)) - 32)
    assert np.all(np.diff(cell[found] // told_apart) >= 0)


def test_spline_goes_through_its_values(double):
    """Cubic coefficients reproduce the values at the nodes, and between them to fourth order."""
    errors = []
    for step in (0.4, 0.2):
        size = round(8 / step) + 1
        margin = 12
        nodes = step * np.arange(-margin, size + margin)
        coefficients = spline_values(size + 2, margin - 1, 3) @ np.sin(nodes)
        places = np.linspace(0, 8, 401)
        smooth = gather(bspline(real(places / step + 1), size + 2, 3), real(coefficients))
        errors.append(np.abs(np.asarray(smooth) - np.sin(places)).max())
        at_nodes = gather(bspline(real(np.arange(size) + 1.0), size + 2, 3), real(coefficients))
        # The natural ends are felt by 0.27 a node, eleven nodes away.
        assert np.allclose(at_nodes, np.sin(nodes[margin:-margin]), rtol=0, atol=0.27**11)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.3)
    assert np.array_equal(spline_values(4, 1, 1) @ np.arange(6.0), np.arange(1.0, 5.0))


# --- rebinning --------------------------------------------------------------------------------------------------------


def edges_of(values):
    """Edges in two pieces, as `integrate` takes them."""
    whole = np.floor(values).astype(np.int32)
    return whole, values - whole


def integrals(whole, part, lines, widest):
    """Integrals between edges of the spline with these coefficients."""
    return gather(integrate(jnp.asarray(whole), real(part), lines.shape[0], widest), lines)


def test_step_response_is_the_integral_of_a_quadratic_spline(double):
    distance = np.linspace(-1.5, 2.5, 4001)
    response = np.asarray(step_response(real(distance)))
    # The spline of pixel [0, 1]: its share below each edge.
    density = np.asarray(gather(bspline(real(distance + 2.5), 7, 2), real(np.eye(7)[3])))
    integral = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(distance))])
    assert np.allclose(response, integral, rtol=0, atol=1e-6)
    assert response[0] == 0 and response[-1] == 1


@pytest.mark.parametrize("width", [0.3, 1.0, 2.7])
def test_rebinning_is_additive_and_keeps_the_total(bits, width):
    rng = np.random.default_rng(4)
    count = int(30 / width)
    edges = 5.37 + width * np.arange(count + 1)
    whole, part = edges_of(edges)
    values = real(rng.normal(size=40))
    narrow = integrals(whole, part, values, width)
    together = integrals(whole[[0, -1]], part[[0, -1]], values, 31.0)
    tolerance = 40 * rounding(bits)
    assert float(narrow.sum()) == pytest.approx(float(together[0]), abs=tolerance)
    three = integrals(whole[::3], part[::3], values, 3 * width)
    assert np.allclose(three, np.asarray(narrow)[: 3 * three.size].reshape(-1, 3).sum(1), rtol=0, atol=tolerance)


def test_rebinning_keeps_constants_and_shifts_by_a_pixel(bits):
    rng = np.random.default_rng(5)
    columns = spline_coefficients(real(rng.normal(size=(2, 60)))).T
    whole, part = edges_of(np.arange(20.0, 41.0))
    here = np.asarray(integrals(whole, part, columns, 1.0))
    exact = {"rtol": 0, "atol": 4 * rounding(bits)}
    assert np.allclose(integrals(whole + 1, part, columns, 1.0)[:-1], here[1:], **exact)
    # The displacement may carry any number of pixels.
    assert np.allclose(integrals(whole + 7, part - 7, columns, 1.0), here, **exact)
    widths = integrals(whole, part + 0.4, jnp.ones(60), 1.0)
    assert np.allclose(widths, 1, rtol=0, atol=rounding(bits))


def test_rebinning_equals_the_quadratic_spline_through_the_values(double):
    rng = np.random.default_rng(6)
    values, middle = rng.normal(size=80), np.arange(80) + 0.5
    edges = 25 + np.cumsum(rng.uniform(0.2, 2.4, 20))
    below = make_interp_spline(middle, values, k=2).antiderivative()
    whole, part = edges_of(edges)
    ours = integrals(whole, part, spline_coefficients(real(values[None]))[0], 2.5)
    assert np.allclose(ours, np.diff(below(edges)), rtol=0, atol=1e-7)


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.5])
def test_rebinning_adds_the_width_of_the_interval_and_nothing_else(double, phase):
    """Values of a Gaussian line as narrow as in MILES keep its variance, that of the pixel that they are known in too.

    Spectra of libraries are values at the resolution that is measured on them, and no means to be sharpened.
    """
    sigma, count = 1.18, 60
    values = np.exp(-0.5 * ((np.arange(count) + 0.5 - 30 - phase) / sigma) ** 2)
    for width in (0.25, 1.4):
        edges = 30 + phase + width * np.arange(-int(10 / width), int(10 / width) + 1)
        whole, part = edges_of(edges)
        line = np.asarray(integrals(whole, part, spline_coefficients(real(values[None]))[0], width))
        place = (edges[1:] + edges[:-1]) / 2
        centre = line @ place / line.sum()
        assert line.sum() == pytest.approx(values.sum(), rel=1e-6) and centre == pytest.approx(30 + phase, abs=4e-3)
        assert line @ (place - centre) ** 2 / line.sum() == pytest.approx(sigma**2 + width**2 / 12, rel=5e-3)


def test_nothing_lies_beyond_the_ends(bits):
    whole, part = edges_of(np.arange(-8.0, 30.0))
    stencil = integrate(jnp.asarray(whole), real(part), 20, 1.0)
    assert np.all((np.asarray(stencil.index) >= 0) & (np.asarray(stencil.index) < 20))
    assert float(gather(stencil, jnp.ones(20)).sum()) == pytest.approx(20, rel=rounding(bits))


def test_single_precision_places_edges_as_double_does():
    """Thousands of pixels from the origin, a displacement keeps the precision of a fraction of a pixel."""
    edges, displacement = 1.37 * np.arange(4000), 11.123 + 1e-3 * np.arange(4000)
    lines = np.random.default_rng(8).normal(size=6000)
    results = []
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            whole, part = edges_of(edges)
            results.append(np.asarray(integrals(whole, part + displacement, real(lines), 1.38), np.float64))
    # Displacements of 15 pixels are rounded to 1e-6; the spline turns that into as much of its values.
    assert np.max(np.abs(results[0] - results[1])) < 1e-5


def test_spline_coefficients_invert_the_filter(bits):
    lines = real(np.random.default_rng(9).normal(size=(3, 100)))
    c = np.asarray(spline_coefficients(lines))
    back = (c[:, :-2] + 6 * c[:, 1:-1] + c[:, 2:]) / 8
    assert np.allclose(back, lines[:, 1:-1], rtol=0, atol=5e-8 + 2 * rounding(bits))
    assert np.allclose(spline_coefficients(jnp.ones((1, 5))), 1, rtol=0, atol=rounding(bits))


# --- blurring ---------------------------------------------------------------------------------------------------------


def smooth_lines(pixels=160):
    """Band-limited, their mirror images included: 3e-9 is left at the Nyquist frequency."""
    rng = np.random.default_rng(10)
    return gaussian_filter1d(rng.normal(size=(2, pixels)), 2.0, axis=1, mode="reflect", truncate=8)


def explicit_blur(lines, variance, fine=8):
    """The sum over a Gaussian on eight points a pixel, between which a band-limited line is known exactly."""
    pixels = lines.shape[1]
    mirrored = resample(np.concatenate([lines, lines[:, ::-1]], axis=1), 2 * pixels * fine, axis=1)
    offsets = np.arange(-20 * fine, 20 * fine + 1)
    kernels = np.exp(-0.5 * (offsets / fine) ** 2 / variance[:, None]) / np.sqrt(2 * np.pi * variance[:, None]) / fine
    places = (fine * np.arange(pixels)[:, None] + offsets) % mirrored.shape[1]
    return np.einsum("po,lpo->lp", kernels, mirrored[:, places])


@pytest.mark.parametrize("sigma", [0.6, 2.3])
def test_line_blur_is_a_gaussian_convolution(bits, sigma):
    lines, variance = smooth_lines(), np.full(160, sigma**2)
    blurred = blur_line(real(lines), real(variance))
    # A narrow Gaussian is cut at the Nyquist frequency: its tail feels the end of the mirror images.
    tail = sigma**2 * np.exp(-0.5 * (np.pi * sigma) ** 2) / 159**2
    # 1e-8 for what the lines have there and for the interpolation between nodes in the variance.
    tolerance = 2 * np.abs(lines).max() * tail + 1e-8 + 4 * rounding(bits)
    assert np.allclose(blurred, explicit_blur(lines, variance), rtol=0, atol=tolerance)


def test_line_blur_of_no_width_is_the_identity(bits):
    lines = real(np.random.default_rng(11).normal(size=(2, 75)))
    assert np.allclose(blur_line(lines, jnp.zeros(75)), lines, rtol=0, atol=1e-9 + 10 * rounding(bits))


def test_line_blur_is_smooth_down_to_no_width(bits):
    """The variance has a finite gradient at zero: half of the second derivative."""
    lines = smooth_lines()
    weights = np.random.default_rng(12).normal(size=lines.shape)

    @jax.jit
    @jax.grad
    def gradient(variance, lines, weights):
        return jnp.vdot(weights, blur_line(lines, variance))

    frequency = 2 * np.pi * np.fft.rfftfreq(320)
    mirrored = np.concatenate([lines, lines[:, ::-1]], axis=1)
    curvature = np.fft.irfft(-(frequency**2) * np.fft.rfft(mirrored))[:, :160]
    error = np.abs(gradient(jnp.zeros(160), real(lines), real(weights)) - np.sum(weights * curvature / 2, axis=0))
    # The second derivative of a sinc at n is 2 / n^2: so much is felt of the end of the mirror images, 159 pixels away.
    ringing = 2 * np.abs(lines).max() / 159**2
    # Nodes 0.03 apart divide rounding errors.
    assert np.all(error < np.abs(weights).sum(axis=0) * (ringing + rounding(bits) / 0.03))


def test_line_blur_follows_a_varying_width(double):
    """Each pixel has the Gaussian of its own variance, better so with more nodes in the variance."""
    lines, variance = smooth_lines(), np.linspace(0.5, 6.0, 160)
    expected = explicit_blur(lines, variance)
    errors = [
        np.abs(np.asarray(blur_line(real(lines), real(variance), nodes=nodes)) - expected).max() / np.ptp(expected)
        for nodes in (4, 6, 8)
    ]
    assert errors[1] < 1e-4 and errors[0] > 5 * errors[1] > 25 * errors[2], errors


def test_line_blur_does_not_wrap_around(bits):
    line = np.zeros((1, 200))
    line[0, 3] = 1
    blurred = np.asarray(blur_line(real(line), jnp.full(200, 9.0, real(0).dtype)))
    assert np.all(np.abs(blurred[0, 100:]) < rounding(bits))
    assert blurred.sum() == pytest.approx(1, abs=50 * rounding(bits))


def test_plane_blur_is_the_direct_sum(bits):
    rng = np.random.default_rng(13)
    maps, kernel = rng.normal(size=(14, 11, 3)), rng.normal(size=(5, 3))
    blurred = blur_plane(real(maps), real(kernel[None]))[0]
    expected = np.stack([convolve2d(maps[..., i], kernel, mode="valid") for i in range(3)], axis=-1)
    assert blurred.shape == (10, 9, 3)
    assert np.allclose(blurred, expected, rtol=0, atol=30 * rounding(bits))


def test_plane_blur_does_not_wrap_around(bits):
    maps = np.zeros((16, 16, 1))
    maps[0, 0] = 1
    blurred = np.asarray(blur_plane(real(maps), jnp.ones((1, 5, 5)))[0])
    assert blurred[0, 0, 0] == pytest.approx(1, abs=rounding(bits))
    assert np.all(np.abs(blurred[1:, 1:]) < rounding(bits))


def test_fast_lengths_have_small_factors():
    assert [fast_length(n) for n in (1, 7, 11, 13, 97, 361, 4300)] == [1, 8, 12, 15, 100, 375, 4320]


# --- few numbers for many ---------------------------------------------------------------------------------------------


def test_chebyshev_is_exact_for_polynomials_and_converges_for_the_rest(bits):
    x = real(np.linspace(-1, 1, 77))
    values = [lambda t: 1 + t - 3 * t**4, np.cos]
    rows = chebyshev_weights(x, 5)
    assert np.allclose(rows.sum(axis=1), 1, rtol=0, atol=4 * rounding(bits))
    polynomial = rows @ real(values[0](chebyshev.points(5)))
    assert np.allclose(polynomial, values[0](np.asarray(x, np.float64)), rtol=0, atol=20 * rounding(bits))
    errors = [
        np.abs(np.asarray(chebyshev_weights(x, n) @ real(np.exp(chebyshev.points(n)))) - np.exp(np.asarray(x))).max()
        for n in (4, 6)
    ]
    # The remainder is exp(1) / (2^(n - 1) n!).
    assert errors[0] < np.e / 8 / 24 and errors[1] < np.e / 32 / 720


def test_chebyshev_is_exact_at_its_nodes(bits):
    assert np.allclose(chebyshev_weights(real(chebyshev.points(6)), 6), np.eye(6), rtol=0, atol=rounding(bits))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4])
def test_low_rank_keeps_its_tolerance_for_the_worst_row(tolerance):
    rng = np.random.default_rng(14)
    rows = rng.normal(size=(40, 12)) @ (rng.normal(size=(12, 90)) * np.geomspace(1, 1e-5, 12)[:, None])
    rows = rows * np.geomspace(1e-6, 1e6, 40)[:, None]
    coefficients, basis = lowrank.factor(rows, tolerance)
    rank = basis.shape[0]

    def worst(rank):
        off = coefficients[:, :rank] @ basis[:rank] - rows
        return np.max(np.sqrt(np.mean(off**2, axis=1) / np.mean(rows**2, axis=1)))

    assert worst(rank) <= tolerance * (1 + 1e-9)
    assert rank < 12 and worst(rank - 1) > tolerance
    assert np.allclose(basis @ basis.T, np.eye(rank), rtol=0, atol=1e-12)


def test_low_rank_without_tolerance_keeps_everything():
    rows = np.random.default_rng(15).normal(size=(6, 20))
    coefficients, basis = lowrank.factor(rows, 0.0)
    assert basis.shape[0] == 6 and np.allclose(coefficients @ basis, rows, rtol=0, atol=1e-13)


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 7, 10, 30, 100])
def test_blocks_add_up_to_the_whole(double, block):
    rng = np.random.default_rng(16)
    points = {"place": real(rng.uniform(0, 5, 30)), "row": real(rng.normal(size=(30, 2)))}

    def grid(points):
        return stencils.bspline(points["place"], 6, 3).scatter(points["row"])

    @eqx.filter_jit
    def both(points):
        def loss(points):
            def add(total, points):
                return total + grid(points)

            return jnp.sum(jnp.sin(blocks.accumulate(add, jnp.zeros((6, 2)), points, block)))

        return eqx.filter_value_and_grad(loss)(points)

    value, gradient = both(points)
    expected, slope = jax.jit(jax.value_and_grad(lambda p: jnp.sum(jnp.sin(grid(p)))))(points)
    assert float(value) == pytest.approx(float(expected), rel=1e-12)
    for name in points:
        assert np.allclose(gradient[name], slope[name], rtol=0, atol=1e-12)


# --- sums ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["in turn", "in tiles", "sparse"])
@pytest.mark.parametrize("before", [0, 10**6, 10**8])
def test_equal_points_in_one_place_are_all_counted(way, before):
    """As many points as there may be, in single precision: those before are given, those after are added in blocks.

    One after the other, each of the points on top of 10^8 would be rounded to a multiple of six points, or to nothing.
    """
    amount, more, block = np.float32(1.2345e5), 100_000, 5000
    start = jnp.full((2, 2, 6), before * float(amount), jnp.float32)
    stencil = Stencil(jnp.zeros((block, 1), jnp.int32), jnp.ones((block, 1), jnp.float32), 2)
    masses, mixture = jnp.full(block, amount), jnp.ones((block, 3), jnp.float32)
    channel = Stencil(stencil.index + 1, stencil.weight, 2)
    corner = jnp.zeros((block, 3), jnp.int32).at[:, 2].set(3)
    factors = masses[:, None], stencil.weight, stencil.weight, mixture

    def add(total, _):
        if way == "in tiles":
            return Sum(*tiles.add_in_tiles(windows.outer, total.parts, total.count, corner, *factors)), None
        kinds = stencils.dense(mixture) if way == "sparse" else mixture
        return deposit.deposit(total, (stencil, stencil, channel), kinds, masses), None

    total = jax.jit(lambda: jax.lax.scan(add, Sum.onto(start, 2), length=more // block)[0])()
    parts = np.asarray(total.parts, np.float64).reshape(2, 2, 2, 6).sum(axis=2)
    found = (parts - np.asarray(start, np.float64))[0, 0, 3:]
    assert np.allclose(found, more * float(amount), rtol=1e-5, atol=0)
    assert np.allclose(total.value()[0, 0, 3:], (before + more) * float(amount), rtol=1e-5)
    assert np.array_equal(total.value()[0, 0, :3], start[0, 0, :3]) and np.array_equal(total.value()[1], start[1])


def test_tangents_keep_their_digits_too():
    """The derivative of a sum by a factor that all points share, forward and backward."""
    points, block = 2**20, 4096
    masses = jnp.full(points, 0.1, jnp.float32)
    corner, one = jnp.zeros((block, 3), jnp.int32), jnp.ones((block, 1), jnp.float32)

    def total(scale):
        def add(total, masses):
            factor = jnp.sin(scale) * masses
            return windows.add_product(total, corner, factor[:, None], one, one, one)

        start = Sum.onto(jnp.zeros((1, 1, 1), jnp.float32), 1)
        return blocks.accumulate(add, start, masses, block).value()[0, 0, 0]

    scale = jnp.float32(0.7)
    expected = points * float(np.float32(0.1)) * np.cos(float(scale))
    forward = jax.jit(lambda scale: jax.jvp(total, (scale,), (jnp.ones_like(scale),))[1])(scale)
    assert float(forward) == pytest.approx(expected, rel=1e-5)
    assert float(jax.jit(jax.grad(total))(scale)) == pytest.approx(expected, rel=2e-6)


# --- normal numbers ---------------------------------------------------------------------------------------------------


def test_random_words_are_those_of_threefry():
    """Known answers of the authors' library, Random123, and JAX's own implementation."""
    known = {
        (13, 0, 0, 0, 0): (0x9D1C5EC6, 0x8BD50731),
        (13, *(2**32 - 1,) * 4): (0xFD36D048, 0x2D17272C),
        (20, 0, 0, 0, 0): (0x6B200159, 0x99BA4EFE),
        (20, *(2**32 - 1,) * 4): (0x1CB996FC, 0xBB002BE7),
    }
    for (rounds, *key, high, low), words in known.items():
        counters = (jnp.asarray([n], jnp.uint32) for n in (high, low))
        found = threefry(jnp.asarray(key, jnp.uint32), *counters, rounds)
        assert tuple(int(word[0]) for word in found) == words
    counters = jnp.arange(2000, dtype=jnp.uint32)
    key = jax.random.key_data(jax.random.key(7))
    found = jnp.concatenate(threefry(key, counters[:1000], counters[1000:], 20))
    assert np.array_equal(found, threefry_2x32(key, counters))


def test_logarithm_of_a_uniform_number():
    """Against NumPy's in double precision, over all numbers that can occur, and near one, where it is small."""
    near = 1 - np.arange(2000) * 2.0**-24
    numbers = np.concatenate([np.geomspace(2.0**-32, 1, 200_000), near]).astype(np.float32)
    expected = np.log(numbers.astype(float))
    found = np.asarray(logarithm(jnp.asarray(numbers)), float)
    # The polynomial's own error and a rounding.
    assert np.all(np.abs(found - expected) <= (3.1e-8 + 2.0**-23) * np.abs(expected))


def test_polynomials_of_normal_numbers_are_as_near_as_they_say(double):
    mantissa, turn = jnp.linspace(2**-0.5, 2**0.5, 100_001), jnp.linspace(-0.25, 0.25, 100_001)
    f = mantissa - 1
    logarithms, sines = f + f**2 * polynomial(LOGARITHM, f), turn * polynomial(SINE, turn**2)
    assert np.all(np.abs(logarithms - np.log(mantissa)) <= 3.1e-8 * np.abs(np.log(mantissa)))
    assert np.all(np.abs(sines - np.sin(2 * np.pi * turn)) <= 4e-9)


def test_normal_numbers_are_normal_and_independent(bits):
    shape = (60, 70, 400)
    draw = jax.jit(lambda key: standard_normal(key, shape, float))
    numbers, others = np.asarray(draw(jax.random.key(1))), np.asarray(draw(jax.random.key(2)))
    assert numbers.dtype == (np.float32 if bits == 32 else np.float64) and numbers.shape == shape
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 0.01
    for beyond in (1, 3, 4, 4.5):
        expected = 2 * stats.norm.sf(beyond) * numbers.size
        assert abs(np.sum(np.abs(numbers) > beyond) - expected) < 4 * np.sqrt(expected)
    pairs = [(numbers, others)] + [
        (np.delete(numbers, 0, axis), np.delete(numbers, -1, axis)) for axis in range(3)
    ]  # fmt: skip
    for one, two in pairs:
        for power in (1, 2):
            assert abs(np.corrcoef(one.ravel() ** power, two.ravel() ** power)[0, 1]) < 4 / np.sqrt(one.size)


def test_normal_numbers_do_not_depend_on_the_precision_or_the_kind_of_key():
    shape = (5, 6, 700)
    with jax.enable_x64(True):
        fine = np.asarray(standard_normal(jax.random.key(3), shape, jnp.float64))
    coarse = np.asarray(standard_normal(jax.random.key(3), shape, jnp.float32))
    assert np.abs(coarse - fine).max() < 1e-3 and np.median(np.abs(coarse - fine)) < 1e-6
    for key in (jax.random.PRNGKey(3), jax.random.key(3, impl="rbg")):
        assert stats.kstest(np.asarray(standard_normal(key, shape, float)).ravel(), "norm").pvalue > 0.01
