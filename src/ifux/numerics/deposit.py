"""Points with a place and a mixture, added up on the product of both grids."""

from jaxtyping import Array, Float

from ifux.numerics.stencil import Stencil


def deposit(
    place: Stencil, mixture: Stencil | Float[Array, "point basis"], amount: Float[Array, " point"]
) -> Float[Array, "place basis"]:
    """The sum over points of amount x place x mixture.

    A dense mixture is scattered in rows; a sparse one entry by entry, which costs nothing for the rest of its row.
    """
    if isinstance(mixture, Stencil):
        cells = place.size * mixture.size
        if cells >= 2**31:
            raise ValueError(
                f"{place.size} places times {mixture.size} basis spectra are {cells} weights, more than 32 bits can "
                "count: use a low-rank basis, fewer spaxels or fewer velocity nodes."
            )
        return place.outer(mixture).scatter(amount).reshape(place.size, mixture.size)
    return place.scatter(amount[:, None] * mixture)
