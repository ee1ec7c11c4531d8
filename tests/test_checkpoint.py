"""A loop goes on where it was cut, in another process too, and never with what another loop began with."""

import functools
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stages

from ifux import InputError, real
from ifux.fitting import Positive, free
from ifux.io.files.checkpoint import digest
from ifux.learning import train


class Line(eqx.Module):
    """A network of two numbers, a function and a word."""

    slope: jax.Array
    height: jax.Array
    bend: object = jnp.tanh
    word: str = eqx.field(static=True, default="line")


class Places(eqx.Module):
    """Batches that hold what they are made of."""

    scale: jax.Array

    def __call__(self, step):
        return self.scale * jnp.arange(3.0) + step


def line(**changes):
    return Line(**{"slope": real(0.5), "height": real(0.0)} | changes)


def loss(network, batch, target):
    return jnp.mean((network.bend(network.slope * batch) + network.height - target) ** 2)


def taught(path, batches=None, target=0.3, network=None, **more):
    """A short training."""
    settings = {"optimiser": optax.adam(1e-2), "steps": 4} | more
    return train(loss, network or line(), batches or Places(real(0.7)), real(target), checkpoint=path, **settings)


def test_digest_tells_what_differs_and_nothing_else():
    data, key = np.arange(6.0), jax.random.key(3)
    first = [
        digest(),
        digest(data),
        digest(data + 1),
        digest(data.astype(np.float32)),
        digest(data.reshape(2, 3)),
        digest({"a": data}),
        digest({"b": data}),
        digest([data]),
        digest((data,)),
        digest(data, data),
        digest((data, data)),
        digest(key),
        digest(jax.random.key(4)),
        digest(1),
        digest(1.0),
        digest(True),
        digest(None),
        digest("1"),
        digest(line()),
        digest(line(bend=jnp.sin)),
        digest(line(word="curve")),
        digest(line(height=real(0.1))),
        digest(loss),
        digest(functools.partial(loss, line())),
        digest(functools.partial(loss, line(height=real(0.1)))),
        digest(Places(real(0.7)).__call__),
        digest(Places(real(0.8)).__call__),
        digest(jax.tree_util.Partial(loss, real(1.0))),
        digest(jax.tree_util.Partial(loss, real(2.0))),
    ]
    assert len({found.tobytes() for found in first}) == len(first)
    single = data.astype(np.float32)
    assert np.array_equal(digest({"a": 1, "b": single}), digest({"b": jnp.asarray(single), "a": 1}))
    assert np.array_equal(digest(line(), key), digest(line(), jax.random.key(3)))
    assert np.array_equal(digest(lambda x: x), digest(lambda x: x))
    assert np.array_equal(digest(object()), digest(object()))


FIT = """
import sys
import jax.numpy as jnp
import numpy as np
import optax
import stages
from ifux import real
from ifux.fitting import Positive, free, minimise
from ifux.io.files.checkpoint import digest


def loss(parameters, model, data):
    telescope = model(parameters)
    return jnp.sum((telescope.psf.fwhm * data - jnp.sin(telescope.lsf.fwhm)) ** 2)


parameters, model = free(
    stages.telescope(), seeing=(lambda t: t.psf.fwhm, Positive()), resolution=(lambda t: t.lsf.fwhm, Positive())
)
path, steps, optimiser = sys.argv[1], int(sys.argv[2]), {"lbfgs": None, "adam": optax.adam(0.1)}[sys.argv[3]]
fit = minimise(
    loss, parameters, model, real(np.linspace(1, 2, 7)), steps=steps, tolerance=0, optimiser=optimiser,
    checkpoint=path if path != "-" else None,
)
print(fit.history.tobytes().hex(), *(np.asarray(fit.parameters[name]).tobytes().hex() for name in sorted(parameters)))
"""


def process(*words):
    """What a fit in a process of its own prints."""
    run = subprocess.run(
        [sys.executable, "-c", FIT, *map(str, words)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_fit_goes_on_bit_for_bit_in_another_process(tmp_path, optimiser):
    path = tmp_path / "fit.bin"
    process(path, 3, optimiser)
    assert process(path, 8, optimiser) == process("-", 8, optimiser)


def test_training_goes_on_with_what_it_began_with(tmp_path):
    path = tmp_path / "training.bin"
    taught(path, steps=3)
    again, whole = taught(path, steps=6), taught(None, steps=6)
    assert np.array_equal(again.history, whole.history)
    assert np.array_equal(again.network.slope, whole.network.slope)


@pytest.mark.parametrize(
    "other",
    [
        {"batches": Places(jnp.float32(0.8))},
        {"target": 0.4},
        {"network": Line(jnp.float32(0.4), jnp.float32(0.0))},
        {"network": Line(jnp.float32(0.5), jnp.float32(0.0), bend=jnp.sin)},
    ],
    ids=["batches", "arguments", "start", "network"],
)
def test_checkpoint_of_another_training_is_one_sentence(tmp_path, other):
    path = tmp_path / "training.bin"
    taught(path)
    with pytest.raises(InputError, match="is not a checkpoint of this training, which has other data, another start"):
        taught(path, **other)


def test_training_shows_the_loss(tmp_path, capsys):
    history = taught(None, progress=True).history
    shown = capsys.readouterr().err
    assert "training" in shown and f"loss {history[-1]:.4g}" in shown
    taught(None)
    assert capsys.readouterr().err == ""


def test_a_fit_in_words_has_one_digest():
    """What `free` gives holds functions: their addresses differ, their names do not."""
    ones, others = (
        free(stages.telescope(), seeing=(lambda t: t.psf.fwhm, Positive()), sharp=(lambda t: t.lsf.fwhm, Positive()))
        for _ in range(2)
    )
    assert np.array_equal(digest(*ones), digest(*others))
