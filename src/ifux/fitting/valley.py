r"""The valley about a minimum, followed to where its ground is high.

The curvature at a minimum is that of its floor alone. A valley may bend, and where a model is interpolated in a table
its slopes have kinks: a posterior whose mode lies in one, or near one, is wider on one side than that curvature says,
by any factor. So the loss is asked at a few distances on all axes; and where it is not as expected, its ground, the
smallest loss across the axis, is followed outward:

$$\delta = s\,\frac{\Sigma h}{\sqrt{h^T \Sigma h}}, \qquad
\delta' = \Sigma \left(g - h\,\frac{h^T \Sigma g}{h^T \Sigma h}\right)$$

is a step of s deviations ahead along h, and the way back to the ground, with the covariance and the downward slope g
found there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool, Float

from ifux.fitting.descent import Minimum, surroundings
from ifux.fitting.free import Parameters
from ifux.fitting.problem import Problem
from ifux.fitting.proposals import Component, root, weight
from ifux.fitting.starts import losses_at

ASKED = (1.5, 3.0, 6.0)
"""Deviations from the minimum at which the loss is compared with that of a normal posterior."""

STRAIGHT = 0.75
"""Ratio of both from which on one is taken for the other."""

SIDES = 8
"""Sides on which the valley is followed, at most."""

STEPS = 8
"""Steps on each of them."""

AHEAD, LONGEST = 1.5, 4.0
"""Deviations ahead in the first step, and in later ones that find flat ground."""

FLAT, ENOUGH, HIGH = 0.5, 4.0, 6.0
"""Rise of the ground in a step, after which the next is longer; above the minimum, from where on it is not followed;
and where nothing of the posterior is left."""

NEAR = 0.5
"""Promised fall of the loss, below which a place is on the ground."""


@dataclass(frozen=True)
class Ground:
    """A place and what is around it, in deviations from a minimum."""

    place: Float[np.ndarray, " axis"]
    loss: float
    slope: Float[np.ndarray, " axis"]
    """Downward."""
    covariance: Float[np.ndarray, "axis axis"]


@dataclass(frozen=True)
class Valley:
    """A minimum, and the axes of the normal posterior about it, which measure deviations from it."""

    problem: Problem
    restore: Callable[[Float[jax.Array, " parameter"]], Parameters]
    centre: Float[np.ndarray, " parameter"]
    axes: Float[np.ndarray, "moving axis"]
    """A deviation on each axis, in those free numbers that are not held."""
    moves: Bool[np.ndarray, " parameter"]
    """Whether a free number is not held."""

    def places(self, deviations: Float[np.ndarray, "... axis"]) -> Float[np.ndarray, "... parameter"]:
        """The free numbers there."""
        found = np.broadcast_to(self.centre, (*deviations.shape[:-1], self.centre.size)).copy()
        found[..., self.moves] += deviations @ self.axes.T
        return found

    def losses(self, deviations: Float[np.ndarray, "place axis"]) -> Float[np.ndarray, " place"]:
        """At many places."""
        return losses_at(self.problem, jax.vmap(self.restore)(jnp.asarray(self.places(deviations))))

    def ground(self, deviations: Float[np.ndarray, " axis"]) -> Ground | None:
        """What is around a place; nothing where the model has no value or no derivatives."""
        here = surroundings(self.problem, self.restore(jnp.asarray(self.places(deviations))))
        if not (here.finite and np.isfinite(here.here.loss)):
            return None
        slope, total = here.tempered(1.0)
        try:
            covariance = np.linalg.inv(self.axes.T @ total[np.ix_(self.moves, self.moves)] @ self.axes)
        except np.linalg.LinAlgError:
            return None
        return Ground(deviations, here.here.loss, self.axes.T @ slope[self.moves], covariance)

    def lowest(self, deviations: Float[np.ndarray, " axis"], side: Float[np.ndarray, " axis"]) -> Ground | None:
        """Where, as far along a side as a place, the ground is; two steps lead there."""
        here = self.ground(deviations)
        for _ in range(2):
            if here is None:
                return None
            along = here.covariance @ side
            step = here.covariance @ here.slope
            step = step - along * (side @ step) / (side @ along)
            if 0.5 * step @ here.slope < NEAR:
                return here
            there = self.ground(here.place + step * min(1.0, 2 / np.abs(step).max()))
            if there is None or there.loss >= here.loss:
                return here
            here = there
        return here

    def followed(self, loss: float, side: Float[np.ndarray, " axis"]) -> Iterator[Ground]:
        """The ground on a side of the minimum, as far as it is low."""
        place, covariance, before, length = np.zeros(side.size), np.eye(side.size), 0.0, AHEAD
        for _ in range(STEPS):
            along = covariance @ side
            here = self.lowest(place + length * along / np.sqrt(side @ along), side)
            if here is None:
                return
            risen = here.loss - loss
            if risen <= HIGH:
                yield here
                place, covariance = here.place, here.covariance
                length = min(1.6 * length, LONGEST) if risen - before < FLAT else length
                before = risen
            else:
                length /= 2.5
            if ENOUGH < risen <= HIGH or length < AHEAD / 3:
                return

    def unexpected(self, loss: float) -> Float[np.ndarray, "side axis"]:
        """The sides on which the loss is not that of a normal posterior; those first where it is the smallest."""
        size = self.axes.shape[1]
        sides, far = np.concatenate([np.eye(size), -np.eye(size)]), np.array(ASKED)
        risen = self.losses((far[:, None, None] * sides[None]).reshape(-1, size)).reshape(far.size, -1) - loss
        ratio = risen / (0.5 * far**2)[:, None]
        least, first = ratio.min(axis=0), ratio[0]
        wide, bent = least < STRAIGHT, first > 1 / STRAIGHT
        order = np.lexsort([np.where(wide, least, -first), ~wide])
        return sides[[side for side in order if wide[side] or bent[side]][:SIDES]]


def along_valley(problem: Problem, best: Minimum, first: Component) -> list[Component]:
    """Components on the ground of the valley about the best minimum, where the first, about it, may be wrong."""
    flat, restore = ravel_pytree(best.parameters)
    values, directions = np.linalg.eigh(first.axes @ first.axes.T)
    valley = Valley(
        problem,
        lambda numbers: restore(numbers.astype(flat.dtype)),
        first.centre,
        directions * np.sqrt(values),
        first.moves,
    )
    components = []
    for side in valley.unexpected(best.loss):
        for here in valley.followed(best.loss, side):
            axes = root(valley.axes @ here.covariance @ valley.axes.T)
            share = weight(here.loss - best.loss, axes, first.axes)
            components.append(Component(valley.places(here.place), axes, first.moves, share))
    return components
