"""A short loop around an optimiser of optax."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree
from tqdm import tqdm

from ifux.checks import shortcomings, warn_of
from ifux.errors import InputError
from ifux.fitting.free import Freed
from ifux.io.files.checkpoint import digest, resumed, save


@dataclass(frozen=True)
class Fit:
    """Where a minimisation ended."""

    parameters: PyTree[Float[Array, "..."]]
    """Those of the smallest loss."""
    loss: float
    """The smallest loss."""
    history: Float[np.ndarray, " step"]
    """The loss before every step."""
    reason: str
    """Why it ended."""


def minimise(
    loss: Callable[..., Float[Array, ""]],
    parameters: PyTree[Float[Array, "..."]],
    *arguments: Any,
    optimiser: optax.GradientTransformation | None = None,
    steps: int = 200,
    tolerance: float = 1e-6,
    patience: int = 10,
    checkpoint: str | Path | None = None,
    every: int = 50,
    progress: bool = False,
) -> Fit:
    """Steps parameters down a loss until it no longer falls.

    Where a model that `free` returned is among the arguments, it warns at the start and at the end of what the numbers
    have left that its telescope was made for, as `ifux.checks.shortcomings` tells it.

    Args:
        loss: A function of the parameters, and of `arguments`, which are traced and not closed over: data and models
            belong there.
        parameters: Arrays of real numbers, such as `free` returns.
        optimiser: Of optax; by default `optax.lbfgs()`, the best for a smooth loss of few parameters.
        steps: At most.
        tolerance: The loss has fallen if it has done so by this share of itself.
        patience: Steps that it may not fall in before the loop ends.
        checkpoint: A file that the state is saved in, whole or not at all. If it exists, the loop goes on from there,
            and ends where it would have ended, bit for bit. It keeps a digest of the parameters at the start and of
            `arguments`, and another fit is refused. Functions are told apart by their names alone: what a loss closes
            over is not compared, nor is the rate of an optimiser.
        every: Steps between two savings.
        progress: Whether to show a line with the loss.

    Raises:
        InputError: the loss is not a finite number at the start, or the checkpoint is of another fit: of other data,
            another start, model, loss or kind of optimiser.
    """
    optimiser = optax.with_extra_args_support(optax.lbfgs() if optimiser is None else optimiser)

    @eqx.filter_jit
    def step(parameters, state, arguments):
        def value_of(parameters):
            return loss(parameters, *arguments)

        if optax.tree.get(state, "value") is None:
            value, gradient = jax.value_and_grad(value_of)(parameters)
        else:
            value, gradient = optax.value_and_grad_from_state(value_of)(parameters, state=state)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes kinds of integers
            updates, state = optimiser.update(
                gradient, state, parameters, value=value, grad=gradient, value_fn=value_of
            )
        return optax.apply_updates(parameters, updates), state, value

    now = best = jax.tree.map(jnp.asarray, parameters)
    told = warn_of(outgrown(now, arguments))
    state, history = optimiser.init(now), []
    origin = digest() if checkpoint is None else digest(loss, now, arguments)
    if checkpoint is not None and Path(checkpoint).exists():
        (now, state, best), history = resumed(Path(checkpoint), (now, state, best), origin)
    with tqdm(total=steps, initial=len(history), disable=not progress, desc="fitting") as bar:
        while (reason := ended(history, steps, tolerance, patience)) is None:
            following, state, value = step(now, state, arguments)
            history.append(float(np.asarray(value)))
            best = now if history[-1] <= min(history) else best
            now = following
            bar.set_postfix_str(f"loss {history[-1]:.6g}", refresh=False)
            bar.update()
            if checkpoint is not None and len(history) % every == 0:
                save(Path(checkpoint), (now, state, best), history, origin)
    if not np.isfinite(history[0]):
        raise InputError(f"minimise: the loss is {history[0]} at the start: look at the model and the data there.")
    if checkpoint is not None:
        save(Path(checkpoint), (now, state, best), history, origin)
    warn_of(outgrown(best, arguments), told)
    return Fit(best, float(np.nanmin(history)), np.array(history), reason)


def outgrown(parameters: PyTree[Float[Array, "..."]], arguments: tuple[Any, ...]) -> list[str]:
    """The shortcomings of models among the arguments, at some parameters."""
    models = [argument for argument in arguments if isinstance(argument, Freed)]
    return [sentence for model in models for sentence in shortcomings(model(parameters))]


def ended(history: list[float], steps: int, tolerance: float, patience: int) -> str | None:
    """Why a loop is at its end; None if it is not."""
    if history and not np.isfinite(history[-1]):
        return "the loss is no longer a finite number"
    if len(history) > patience:
        before, lowest = min(history[:-patience]), min(history)
        if before - lowest <= tolerance * abs(lowest):
            return f"the loss no longer falls: {patience} steps changed less than {tolerance:g} of it"
    return f"the limit of {steps} steps" if len(history) >= steps else None
