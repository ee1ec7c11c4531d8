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

from ifux.numerics.sums import EVERY, MOST, Sum, at_most, counted, settle_where_full, some_of
from ifux.numerics.tiles import add_in_tiles, adjoint_in_tiles
from ifux.numerics.varying import alike

product_p, tangent_p, adjoint_p, settle_p = (
    Primitive(name) for name in ("add_product", "add_product_tangent", "add_product_adjoint", "settle_sum")
)
FEW = 256
"""Points that are added before one looks again where many are, if many of them meet in one place."""
TURN = 4
"""Points in a turn of a loop."""


def add_product(
    total: Sum,
    corner: Int32[Array, "point 3"],
    row: Float[Array, "point a"],
    column: Float[Array, "point b"],
    channel: Float[Array, "point c"],
    basis: Float[Array, "point d"],
) -> Sum:
    """Adds the outer product of the factors of every point to the window [a, b, c d] that begins at its corner.

    The last two share an axis of the grid, on which windows begin at multiples of d. Windows must lie on the grid.
    """
    if not corner.shape[0]:
        return total
    return Sum(*product_p.bind(*alike((total.parts, total.count, corner, row, column, channel, basis))))


def settle(total: Sum, corner: Int32[Array, "point 3"], window: tuple[int, int, int]) -> Sum:
    """The same sum, settled where many points are, after some were added to the windows that begin at corners."""
    if not corner.shape[0]:
        return total
    return Sum(*settle_p.bind(*alike((total.parts, total.count, corner)), window=window))


def since(parts, corner):
    """Corners where what was added since is, in the second half of the last axis."""
    return corner + jnp.asarray([0, 0, parts.shape[2] // 2], corner.dtype)[None, :]


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


def add_in_turn(terms: Callable, parts, count, corner, *factors):
    """Adds to the windows of all points, one after the other, and settles where many are: at the end, or on the way.

    Many, that is as many as are settled together or more.
    """
    points, filling = corner.shape[0], -corner.shape[0] % TURN
    given = since(parts, corner), terms(*in_memory(*factors))
    given = jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, filling)] + [(0, 0)] * (leaf.ndim - 1)), given)
    row, column, channel, basis = (factor.shape[1] for factor in factors[:4])
    window = row, column, channel * basis
    place = some_of(corner, count, parts.shape[2] // 2)
    crowded = at_most(count, place) >= MOST + FEW
    together = jnp.where(crowded, FEW, points + filling)

    def turn(number, parts):
        for point in range(TURN):
            corner, pairs = jax.tree.map(
                lambda leaf, point=TURN * number + point: jax.lax.dynamic_index_in_dim(leaf, point, keepdims=False),
                given,
            )
            added = reduce(jnp.add, (plane[:, :, None] * line[None, None, :] for plane, line in pairs))
            updated = jax.lax.dynamic_slice(parts, tuple(corner), added.shape) + added
            parts = jax.lax.dynamic_update_slice(parts, updated, tuple(corner))
        return parts

    def some(number, state):
        parts, count = state
        first, last = number * together, jnp.minimum((number + 1) * together, points + filling)
        parts = jax.lax.fori_loop(first // TURN, last // TURN, turn, parts)
        point = EVERY * jnp.arange(place.shape[0], dtype=jnp.int32)
        count = counted(count, place, ((point >= first) & (point < last)).astype(count.dtype))
        return settle_where_full(parts, count, place, window)

    return jax.lax.fori_loop(0, -(-(points + filling) // together), some, (parts, count))


def adjoint_in_turn(parts, corner, row, column, channel, basis):
    """Reads the windows of all points, two in a turn, and sums each over its plane and along its lines.

    The products that are left are done for all points together: inside of the loop they take three times as long. So
    does a sum along a whole line, whose additions wait for one another: it is left in as many parts as channels.
    The places of a plane are one axis: XLA sums over one axis twice as fast as over two.
    """
    [(plane, line)] = outer(*in_memory(row, column, channel, basis))
    shape, corner = (*plane.shape[1:], line.shape[1]), since(parts, corner)

    def read(point, results):
        here, across, along = (
            jax.lax.dynamic_index_in_dim(value, point, keepdims=False) for value in (corner, plane, line)
        )
        window = jax.lax.dynamic_slice(parts, tuple(here), shape).reshape(-1, line.shape[1])
        places = (window * along[None, :]).reshape(*plane.shape[1:], basis.shape[1], channel.shape[1])
        sums = jnp.sum(places, axis=2), jnp.sum(window * across.reshape(-1, 1), axis=0)
        return [
            jax.lax.dynamic_update_index_in_dim(result, found, point, axis=0)
            for result, found in zip(results, sums, strict=True)
        ]

    nothing = alike([jnp.zeros((*plane.shape, channel.shape[1]), parts.dtype), jnp.zeros_like(line)], line)
    across, along = jax.lax.fori_loop(0, corner.shape[0], read, nothing, unroll=2)
    product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    plane = reduce(jnp.add, (across[..., part] for part in range(across.shape[3])))
    line = along.reshape(*channel.shape, basis.shape[1])
    return [
        product("pij,pj->pi", plane, column),
        product("pij,pi->pj", plane, row),
        product("pkb,pb->pk", line, basis),
        product("pkb,pk->pb", line, channel),
    ]


def add_at_once(terms: Callable, parts, corner, *factors):
    """All windows together, in operations that JAX can differentiate."""
    added = reduce(jnp.add, (plane[:, :, :, None] * line[:, None, None, :] for plane, line in terms(*factors)))
    axes = jnp.meshgrid(*(jnp.arange(size, dtype=jnp.int32) for size in added.shape[1:]), indexing="ij")
    corner = since(parts, corner)
    nodes = tuple(corner[:, i, None, None, None] + axis[None] for i, axis in enumerate(axes))
    return parts.at[nodes].add(added, mode="promise_in_bounds")


product_at_once, tangent_at_once = partial(add_at_once, outer), partial(add_at_once, outer_tangent)


def adjoint_at_once(parts, corner, *factors):
    """The transpose of the tangent."""
    return list(jax.vjp(lambda *factors: product_at_once(jnp.zeros_like(parts), corner, *factors), *factors)[1](parts))


def product_jvp(primals, tangents):
    """The product rule, in one pass. The tangent is a sum with a count of its own."""
    change, counted, _, *dots = map(ad.instantiate_zeros, tangents)
    return product_p.bind(*primals), tangent_p.bind(change, counted, *primals[2:], *dots)


def tangent_jvp(primals, tangents):
    """Linear in the changes of the sum and the factors; the factors vary too in derivatives of higher order."""
    change, _, corner, *rest = primals
    change_dot, counted_dot, _, *rest_dot = map(ad.instantiate_zeros, tangents)
    result, count = tangent_p.bind(change_dot, counted_dot, corner, *rest[:4], *rest_dot[4:])
    if not all(isinstance(tangent, ad.Zero) for tangent in tangents[3:7]):
        nothing = jnp.zeros_like(change)

        def varied(*factors):
            return tangent_at_once(nothing, corner, *factors, *rest[4:])

        result += jax.jvp(varied, tuple(rest[:4]), tuple(rest_dot[:4]))[1]
    return tangent_p.bind(*primals), [result, count]


def adjoint_jvp(primals, tangents):
    """Linear in the sum; the factors vary in derivatives of higher order."""
    parts, corner, *factors = primals
    parts_dot, _, *dots = map(ad.instantiate_zeros, tangents)
    result = adjoint_p.bind(parts_dot, corner, *factors)
    if not all(isinstance(tangent, ad.Zero) for tangent in tangents[2:]):
        more = jax.jvp(lambda *factors: adjoint_at_once(parts, corner, *factors), tuple(factors), tuple(dots))[1]
        result = [first + second for first, second in zip(result, more, strict=True)]
    return adjoint_p.bind(*primals), result


def settle_jvp(primals, tangents, *, window):
    """Settled like the sum."""
    change, counted, _ = map(ad.instantiate_zeros, tangents)
    return settle_p.bind(*primals, window=window), settle_p.bind(change, counted, primals[2], window=window)


def tangent_transpose(cotangents, change, counted, corner, *factors_and_dots):
    """The adjoint. Only the sum of both parts counts, so they have the same cotangent, settled or not."""
    cotangent = ad.instantiate_zeros(cotangents[0])
    factors, dots = factors_and_dots[:4], factors_and_dots[4:]
    read = [None] * 4
    if any(map(ad.is_undefined_primal, dots)):
        read = adjoint_p.bind(cotangent, corner, *factors)
    back = (cotangent, None, None, *(None,) * 4, *read)
    given = (change, counted, corner, *factors, *dots)
    return [ct if ad.is_undefined_primal(value) else None for ct, value in zip(back, given, strict=True)]


def adjoint_transpose(cotangents, parts, corner, *factors):
    """The tangent, onto nothing."""
    shape = parts.aval.shape
    counts = *shape[:2], shape[2] // 2 // factors[3].shape[1]
    nothing, none = (alike(jnp.zeros(sizes, parts.aval.dtype), factors) for sizes in (shape, counts))
    back = tangent_p.bind(nothing, none, corner, *factors, *map(ad.instantiate_zeros, cotangents))
    return [back[0], *(None,) * 5]


def settle_transpose(cotangents, change, counted, corner, *, window):
    """Nothing is to be done."""
    return [cotangents[0] if ad.is_undefined_primal(change) else None, None, None]


def batch_in_rows(primitive: Primitive, grids: int, arguments, axes, **parameters):
    """A batch, as one sum whose grids lie below one another, and all points together; so many arguments are grids."""
    size = next(value.shape[axis] for value, axis in zip(arguments, axes, strict=True) if axis is not None)
    arguments = [
        jnp.broadcast_to(value[None], (size, *value.shape)) if axis is None else jnp.moveaxis(value, axis, 0)
        for value, axis in zip(arguments, axes, strict=True)
    ]
    corner = arguments[grids]
    down = jnp.asarray([1] + [0] * (corner.shape[2] - 1), corner.dtype)
    first = arguments[0].shape[1] * jnp.arange(size, dtype=corner.dtype)
    arguments[grids] = corner + first[:, None, None] * down[None, None, :]
    results = primitive.bind(*(value.reshape(-1, *value.shape[2:]) for value in arguments), **parameters)
    return [part.reshape(size, -1, *part.shape[1:]) for part in results], [0] * len(results)


def define(
    primitive: Primitive, grids: int, in_turn: Callable, in_tiles: Callable, jvp: Callable, transpose: Callable | None
) -> None:
    """Teaches JAX a primitive: points in turn on a CPU, in tiles elsewhere."""
    primitive.multiple_results = True
    primitive.def_impl(jax.jit(primitive.bind, static_argnames="window"))
    mlir.register_lowering(primitive, mlir.lower_fun(in_tiles, multiple_results=True))
    mlir.register_lowering(primitive, mlir.lower_fun(in_turn, multiple_results=True), platform="cpu")
    ad.primitive_jvps[primitive] = jvp
    if transpose is not None:
        ad.primitive_transposes[primitive] = transpose
    batching.primitive_batchers[primitive] = partial(batch_in_rows, primitive, grids)


@product_p.def_abstract_eval
@tangent_p.def_abstract_eval
@settle_p.def_abstract_eval
def _(parts, count, *rest, **parameters):
    return [parts, count]


@adjoint_p.def_abstract_eval
def _(parts, corner, *factors):
    return list(factors)


def settle_after(parts, count, corner, *, window):
    """Counts points that were added, and settles."""
    place = some_of(corner, count, parts.shape[2] // 2)
    return settle_where_full(parts, counted(count, place), place, window)


define(product_p, 2, partial(add_in_turn, outer), partial(add_in_tiles, outer), product_jvp, None)
define(
    tangent_p,
    2,
    partial(add_in_turn, outer_tangent),
    partial(add_in_tiles, outer_tangent),
    tangent_jvp,
    tangent_transpose,
)
define(adjoint_p, 1, adjoint_in_turn, partial(adjoint_in_tiles, outer), adjoint_jvp, adjoint_transpose)
define(settle_p, 2, settle_after, settle_after, settle_jvp, settle_transpose)
