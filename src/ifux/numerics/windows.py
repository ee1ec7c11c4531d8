"""The product of four factors, added to a window of a grid around each point.

XLA's scatter and gather spend their time on indices: on a CPU, point after point with slices that are updated in place
is several times faster, on an accelerator a product of matrices for points of the same place. But XLA would
differentiate such slices into sums over the whole grid, and batch them into scatters again. Hence primitives, which
know their derivatives and what to do with a batch.
"""

from collections.abc import Callable
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int32

from ifux.numerics.tiles import add_in_tiles, adjoint_in_tiles

product_p, tangent_p, adjoint_p = (Primitive(f"add_product{kind}") for kind in ("", "_tangent", "_adjoint"))
adjoint_p.multiple_results = True


def add_product(
    grid: Float[Array, "tall wide kind"],
    corner: Int32[Array, "point 3"],
    row: Float[Array, "point a"],
    column: Float[Array, "point b"],
    channel: Float[Array, "point c"],
    basis: Float[Array, "point d"],
) -> Float[Array, "tall wide kind"]:
    """Adds the outer product of the factors of every point to the window [a, b, c d] that begins at its corner.

    The last two share an axis of the grid, on which windows begin at multiples of d. Windows must lie on the grid.
    """
    if not corner.shape[0]:
        return grid
    return product_p.bind(grid, corner, row, column, channel, basis)


def outer(row, column, channel, basis):
    """What points add: planes times lines."""
    return [(row[:, :, None] * column[:, None, :], lines(channel, basis))]


def outer_tangent(row, column, channel, basis, row_dot, column_dot, channel_dot, basis_dot):
    """How that varies with the factors."""
    plane, line = row[:, :, None] * column[:, None, :], lines(channel, basis)
    plane_dot = row_dot[:, :, None] * column[:, None, :] + row[:, :, None] * column_dot[:, None, :]
    return [(plane_dot, line), (plane, lines(channel_dot, basis) + lines(channel, basis_dot))]


def lines(channel, basis):
    """The product of two factors along the last axis of the grid."""
    return (channel[:, :, None] * basis[:, None, :]).reshape(channel.shape[0], channel.shape[1] * basis.shape[1])


def in_memory(row, column, channel, *rest):
    """The same factors, those of the channels computed once: XLA would do that again for every kind.

    It moves whatever makes them into the loop that uses them, but nothing past a product of matrices.
    """
    one = jnp.eye(channel.shape[1], dtype=channel.dtype)
    return row, column, jnp.matmul(channel, one, precision=jax.lax.Precision.HIGHEST), *rest


def add_in_turn(terms: Callable, grid, corner, *factors):
    """Adds to the windows of all points, one after the other, four in a turn of the loop."""

    def step(grid, point):
        corner, pairs = point
        added = reduce(jnp.add, (plane[:, :, None] * line[None, None, :] for plane, line in pairs))
        updated = jax.lax.dynamic_slice(grid, tuple(corner), added.shape) + added
        return jax.lax.dynamic_update_slice(grid, updated, tuple(corner)), None

    return jax.lax.scan(step, grid, (corner, terms(*in_memory(*factors))), unroll=4)[0]


def adjoint_in_turn(grid, corner, row, column, channel, basis):
    """Reads the windows of all points, two in a turn, and sums each over its plane and along its lines.

    The products that are left are done for all points together: inside of the loop they take three times as long. So
    does a sum along a whole line, whose additions wait for one another: it is left in as many parts as channels.
    The places of a plane are one axis: XLA sums over one axis twice as fast as over two.
    """
    [(plane, line)] = outer(*in_memory(row, column, channel, basis))
    shape = *plane.shape[1:], line.shape[1]

    def read(point, results):
        here, across, along = (
            jax.lax.dynamic_index_in_dim(value, point, keepdims=False) for value in (corner, plane, line)
        )
        window = jax.lax.dynamic_slice(grid, tuple(here), shape).reshape(-1, line.shape[1])
        parts = (window * along[None, :]).reshape(*plane.shape[1:], basis.shape[1], channel.shape[1])
        sums = jnp.sum(parts, axis=2), jnp.sum(window * across.reshape(-1, 1), axis=0)
        return [
            jax.lax.dynamic_update_index_in_dim(result, found, point, axis=0)
            for result, found in zip(results, sums, strict=True)
        ]

    nothing = [jnp.zeros((*plane.shape, channel.shape[1]), grid.dtype), jnp.zeros_like(line)]
    parts, sums = jax.lax.fori_loop(0, corner.shape[0], read, nothing, unroll=2)
    product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    plane = reduce(jnp.add, (parts[..., part] for part in range(parts.shape[3])))
    line = sums.reshape(*channel.shape, basis.shape[1])
    return [
        product("pij,pj->pi", plane, column),
        product("pij,pi->pj", plane, row),
        product("pkb,pb->pk", line, basis),
        product("pkb,pk->pb", line, channel),
    ]


def add_at_once(terms: Callable, grid, corner, *factors):
    """All windows together, in operations that JAX can differentiate."""
    added = reduce(jnp.add, (plane[:, :, :, None] * line[:, None, None, :] for plane, line in terms(*factors)))
    axes = jnp.meshgrid(*(jnp.arange(size, dtype=jnp.int32) for size in added.shape[1:]), indexing="ij")
    nodes = tuple(corner[:, i, None, None, None] + axis[None] for i, axis in enumerate(axes))
    return grid.at[nodes].add(added, mode="promise_in_bounds")


product_at_once, tangent_at_once = partial(add_at_once, outer), partial(add_at_once, outer_tangent)


def adjoint_at_once(grid, corner, *factors):
    """The transpose of the tangent."""
    return list(jax.vjp(lambda *factors: product_at_once(jnp.zeros_like(grid), corner, *factors), *factors)[1](grid))


def product_jvp(primals, tangents):
    """The product rule, in one pass."""
    change, _, *dots = map(ad.instantiate_zeros, tangents)
    return product_p.bind(*primals), tangent_p.bind(change, *primals[1:], *dots)


def tangent_jvp(primals, tangents):
    """Linear in the changes of the grid and the factors; the factors vary too in derivatives of higher order."""
    change, corner, *rest = primals
    change_dot, _, *rest_dot = map(ad.instantiate_zeros, tangents)
    result = tangent_p.bind(change_dot, corner, *rest[:4], *rest_dot[4:])
    if not all(isinstance(tangent, ad.Zero) for tangent in tangents[2:6]):
        nothing = jnp.zeros_like(change)

        def varied(*factors):
            return tangent_at_once(nothing, corner, *factors, *rest[4:])

        result += jax.jvp(varied, tuple(rest[:4]), tuple(rest_dot[:4]))[1]
    return tangent_p.bind(*primals), result


def adjoint_jvp(primals, tangents):
    """Linear in the grid; the factors vary in derivatives of higher order."""
    grid, corner, *factors = primals
    grid_dot, _, *dots = map(ad.instantiate_zeros, tangents)
    result = adjoint_p.bind(grid_dot, corner, *factors)
    if not all(isinstance(tangent, ad.Zero) for tangent in tangents[2:]):
        more = jax.jvp(lambda *factors: adjoint_at_once(grid, corner, *factors), tuple(factors), tuple(dots))[1]
        result = [first + second for first, second in zip(result, more, strict=True)]
    return adjoint_p.bind(*primals), result


def tangent_transpose(cotangent, change, corner, *factors_and_dots):
    """The adjoint."""
    cotangent = ad.instantiate_zeros(cotangent)
    factors, dots = factors_and_dots[:4], factors_and_dots[4:]
    read = [None] * 4
    if any(map(ad.is_undefined_primal, dots)):
        read = adjoint_p.bind(cotangent, corner, *factors)
    back = (cotangent, None, *(None,) * 4, *read)
    given = (change, corner, *factors, *dots)
    return [ct if ad.is_undefined_primal(value) else None for ct, value in zip(back, given, strict=True)]


def adjoint_transpose(cotangents, grid, corner, *factors):
    """The tangent, onto nothing."""
    nothing = jnp.zeros(grid.aval.shape, grid.aval.dtype)
    return [tangent_p.bind(nothing, corner, *factors, *map(ad.instantiate_zeros, cotangents)), *(None,) * 5]


def batch_in_rows(primitive: Primitive, arguments, axes):
    """A batch, as one grid in which the grids of the batch lie below one another, and all of their points together."""
    size = next(value.shape[axis] for value, axis in zip(arguments, axes, strict=True) if axis is not None)
    grid, corner, *factors = (
        jnp.broadcast_to(value[None], (size, *value.shape)) if axis is None else jnp.moveaxis(value, axis, 0)
        for value, axis in zip(arguments, axes, strict=True)
    )
    tall = grid.shape[1]
    first = tall * jnp.arange(size, dtype=corner.dtype)
    corner = corner + (first[:, None, None] * jnp.asarray([1, 0, 0], corner.dtype)[None, None, :])
    together = [value.reshape(-1, *value.shape[2:]) for value in (grid, corner, *factors)]
    result = primitive.bind(*together)
    if primitive.multiple_results:
        return [part.reshape(size, -1, *part.shape[1:]) for part in result], [0] * len(result)
    return result.reshape(grid.shape), 0


def define(
    primitive: Primitive, in_turn: Callable, in_tiles: Callable, jvp: Callable, transpose: Callable | None
) -> None:
    """Teaches JAX a primitive: points in turn on a CPU, in tiles elsewhere."""
    several = primitive.multiple_results
    primitive.def_impl(jax.jit(primitive.bind))
    mlir.register_lowering(primitive, mlir.lower_fun(in_tiles, multiple_results=several))
    mlir.register_lowering(primitive, mlir.lower_fun(in_turn, multiple_results=several), platform="cpu")
    ad.primitive_jvps[primitive] = jvp
    if transpose is not None:
        ad.primitive_transposes[primitive] = transpose
    batching.primitive_batchers[primitive] = partial(batch_in_rows, primitive)


@product_p.def_abstract_eval
@tangent_p.def_abstract_eval
def _(grid, *rest):
    return grid


@adjoint_p.def_abstract_eval
def _(grid, corner, *factors):
    return list(factors)


define(product_p, partial(add_in_turn, outer), partial(add_in_tiles, outer), product_jvp, None)
define(
    tangent_p,
    partial(add_in_turn, outer_tangent),
    partial(add_in_tiles, outer_tangent),
    tangent_jvp,
    tangent_transpose,
)
define(adjoint_p, adjoint_in_turn, partial(adjoint_in_tiles, outer), adjoint_jvp, adjoint_transpose)
