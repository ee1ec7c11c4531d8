"""Steps of an optimiser over batches that are made on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, PyTree
from tqdm import tqdm

from ifux.checks import warn_of
from ifux.errors import InputError
from ifux.io.files.checkpoint import digest, resumed, save
from ifux.learning.batches import Batches
from ifux.learning.each import mean_over

M = TypeVar("M")

Step = Callable[..., tuple[Any, PyTree, Float[Array, ""]]]


@dataclass(frozen=True)
class Trained(Generic[M]):
    """Where a training ended."""

    network: M
    history: Float[np.ndarray, " step"]
    """The loss of every batch, before the step."""


def train_step(
    loss: Callable[..., Float[Array, ""]], optimiser: optax.GradientTransformation, *, mesh: Mesh | None = None
) -> Step:
    """One step, compiled once: `network, state, value = step(network, state, batch, *arguments)`.

    Every array of real numbers in the network is learnt; what is not to be,
    `jax.lax.stop_gradient` holds.

    Args:
        loss: Of the network, the batch, and any further arguments, which are traced and not closed over.
        optimiser: Of optax, clipping and schedules included. Its state begins with
            `optimiser.init(eqx.filter(network, eqx.is_inexact_array))`.
        mesh: Devices that share the mocks of a batch evenly; the loss must then be a mean over mocks.
    """

    @eqx.filter_jit
    def step(network, state, batch, *arguments):
        value, gradient = eqx.filter_value_and_grad(mean_over(mesh, loss))(network, batch, *arguments)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes kinds of integers
            updates, state = optimiser.update(gradient, state, eqx.filter(network, eqx.is_inexact_array))
        return eqx.apply_updates(network, updates), state, value

    return step


def train(
    loss: Callable[..., Float[Array, ""]],
    network: M,
    batches: Callable[[int], Any],
    *arguments: Any,
    optimiser: optax.GradientTransformation,
    steps: int,
    mesh: Mesh | None = None,
    checkpoint: str | Path | None = None,
    every: int = 100,
    progress: bool = False,
) -> Trained[M]:
    """Teaches a network with one batch after the other.

    It warns of what the first and the last of `Batches` show that the telescope was not made for, such as a PSF that
    outgrows its kernel.

    Args:
        loss: Of the network, a `Batch` and the `arguments`.
        network: Any module.
        batches: Where mocks come from, such as `Batches`: a function of the step, from 0.
        *arguments: What else the loss wants, such as the prior.
        optimiser: Of optax.
        steps: How many, with those before a checkpoint.
        mesh: Devices that share the mocks of a batch evenly, best those that made them: `Batches(..., mesh=mesh)`. The
            loss must then be a mean over mocks. A training ends where it would have on one device, but for rounding.
        checkpoint: A file that the state is saved in, whole or not at all. If it exists, the loop goes on from there,
            and ends where it would have ended, bit for bit. It keeps a digest of the network at the start, of the
            `arguments` and of the batches where these are a module, and another training is refused. Functions are told
            apart by their names alone: what they close over is not compared, nor is the rate of an optimiser.
        every: Steps between two savings.
        progress: Whether to show a line with the loss.

    Raises:
        InputError: the loss is not a finite number, or the checkpoint is of another training: of another start, loss,
            other batches or arguments, or another kind of optimiser.
    """
    step = train_step(loss, optimiser, mesh=mesh)
    state, history = optimiser.init(eqx.filter(network, eqx.is_inexact_array)), []
    origin = digest() if checkpoint is None else digest(loss, network, batches, arguments)
    if checkpoint is not None and Path(checkpoint).exists():
        (network, state), history = resumed(Path(checkpoint), (network, state), origin, "training")
    if history:
        warn_of(shortcomings_of(batches, 0))
    with tqdm(total=steps, initial=len(history), disable=not progress, desc="training") as bar:
        while len(history) < steps:
            following = step(network, state, batches(len(history)), *arguments)
            value = float(np.asarray(following[2]))
            if not np.isfinite(value):
                raise InputError(
                    f"train: the loss is {value} at step {len(history)}: take a smaller learning rate, or clip the "
                    "gradient."
                )
            network, state, _ = following
            history.append(value)
            bar.set_postfix_str(f"loss {value:.4g}", refresh=False)
            bar.update()
            if checkpoint is not None and len(history) % every == 0:
                save(Path(checkpoint), (network, state), history, origin)
    if checkpoint is not None:
        save(Path(checkpoint), (network, state), history, origin)
    if found := shortcomings_of(batches, steps - 1):
        warn_of(found, shortcomings_of(batches, 0))
    return Trained(network, np.array(history))


def shortcomings_of(batches: Callable[[int], Any], step: int) -> list[str]:
    """Of `Batches`, in words; of other functions nothing is known."""
    return batches.shortcomings(step) if isinstance(batches, Batches) else []
