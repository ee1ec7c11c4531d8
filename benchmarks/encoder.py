"""How well does a network know a galaxy from its cube, with the telescope as its decoder, and without?

    python benchmarks/encoder.py [--large] [--steps 800] [--held-out 128] [--flow] [--seed 0]

Three answers to the same held-out mocks: (1) an encoder whose head is trained on posterior probability and, after six
tenths of its steps on squared errors alone, through the exact telescope on how well the answer reproduces the cube; (2)
the same with eight steps of Gauss and Newton through the telescope, from the network's answer and, where that does not
explain the cube, from draws of its posterior; (3) the same encoder trained on squared errors without any physics, for
as many seconds as (1). Mocks are parametric galaxies, drawn from a prior over eight parameters of galaxy and view; all
of them share the random numbers behind their particles, the decoder too.

One JSON line for each: root-mean-square errors in physical units and in units of the prior (one for whoever knows
nothing), the geometric mean of those over parameters, and coverage of the central 68 and 90 per cent intervals. Whether
an answer explains the cube, by chi squared, is a matter of the data alone: (2) is also given for the mocks where it
does. A last line has the factors. `--large` is for a GPU: more spaxels, channels, particles and mocks in a batch.
"""

import argparse
import json
import time
from dataclasses import dataclass
from importlib.metadata import version

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import ifux
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library
from ifux.learning import (
    Batches,
    CubeEncoder,
    FlowHead,
    GaussianHead,
    Isotropic,
    LogNormal,
    LogUniform,
    Posterior,
    Prior,
    Uniform,
    coverage,
    misfit,
    ranks,
    refine,
    squares,
    surprise,
    train,
    train_step,
)

REDSHIFT = 0.02


@dataclass(frozen=True)
class Size:
    """Of a problem and of its network."""

    spaxels: int = 16
    channels: int = 250
    step: float = 4.0
    particles: int = 2000
    tolerance: float = 1e-2
    spacing: float = 100.0
    batch: int = 32
    decoded: int = 8
    features: int = 8
    width: int = 32
    context: int = 64


SMALL = Size()
LARGE = Size(32, 1000, 1.25, 10_000, 1e-3, 50.0, 128, 64, 16, 64, 256)


def prior_of(size: Size) -> Prior[ifux.Observation]:
    """A small field on a disc galaxy, in the light of its Balmer lines and the break at 4000 angstrom."""
    wavelengths = ifux.Wavelengths(4000.0, size.step, size.channels, "air")
    library, wavelengths = embedded_library().matched(wavelengths, REDSHIFT, 1000.0)
    library = library.resampled(max(0.9, size.step / 2))
    telescope = ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(REDSHIFT),
        orientation=ifux.InclinedOrientation(50.0, 20.0),
        spaxels=ifux.SquareSpaxels(24.0 / size.spaxels, (size.spaxels, size.spaxels)),
        kinematics=ifux.VelocityChannels(reach=500.0, spacing=size.spacing),
        ssp=ifux.LowRankSSP.from_library(library, size.tolerance),
        dust=ifux.ScreenDust(0.5),
        psf=ifux.GaussianPSF(1.8, reach=round(4.5 * size.spaxels / 24)),
        focal_plane=ifux.Slicer(),
        lsf=ifux.GaussianLSF(5.0),
        noise=ifux.ConstantNoise(400.0 * (16 / size.spaxels) ** 2),
    )
    galaxy = DiscBulge.sample(size.particles, key=jax.random.key(1))
    return Prior.of(
        ifux.Observation(telescope, galaxy),
        disc_age=(lambda o: o.galaxy.disc_age, LogUniform(1.5, 12.0)),
        disc_scale=(lambda o: o.galaxy.disc_scale, LogUniform(1.5, 4.5)),
        dust_depth=(lambda o: o.telescope.dust.depth, Uniform(0.0, 1.5)),
        inclination=(lambda o: o.telescope.orientation.inclination, Isotropic(20.0, 80.0)),
        mass=(lambda o: o.galaxy.mass, LogNormal(5e10, 0.2)),
        metallicity=(lambda o: o.galaxy.metallicity, LogUniform(0.005, 0.03)),
        position_angle=(lambda o: o.telescope.orientation.position_angle, Uniform(-90.0, 90.0)),
        rotation_speed=(lambda o: o.galaxy.rotation_speed, Uniform(100.0, 300.0)),
    )


def with_physics(posterior, batch, prior, decoded, weight):
    """Errors of the answers, widths around them, and what the telescope makes of some of them."""
    answers = eqx.filter_vmap(posterior.centre)(batch.data[:decoded])
    known = 4 * squares(posterior, batch) + surprise(posterior, batch, held=True)
    return known + weight * misfit(prior, answers, batch.data[:decoded])


def bent(posterior, batch, prior, decoded, weight):
    """The same for a flow, whose centre is no mean."""
    answers = eqx.filter_vmap(posterior.centre)(batch.data[:decoded])
    return surprise(posterior, batch) + weight * misfit(prior, answers, batch.data[:decoded])


def paces(network, batches, optimiser, *losses) -> list[float]:
    """Seconds of a compiled step with each loss: the least of some, asked in turns."""
    steps = [(train_step(loss, optimiser), extra) for loss, *extra in losses]
    state, times = optimiser.init(eqx.filter(network, eqx.is_inexact_array)), []
    for _ in range(8):
        row = []
        for step, extra in steps:
            start = time.perf_counter()
            jax.block_until_ready(step(network, state, batches(0), *extra)[2])
            row.append(time.perf_counter() - start)
        times.append(row)
    return np.min(times[1:], axis=0).tolist()


def schedule(steps: int) -> optax.GradientTransformation:
    """Adam, its pace warmed up and then lowered to nothing."""
    return clipped(optax.warmup_cosine_decay_schedule(1e-4, 4e-3, max(1, steps // 20), steps))


def clipped(pace) -> optax.GradientTransformation:
    """Adam, its gradient clipped."""
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adam(pace))


def with_physics_at_last(network, batches, others, steps: int, loss, *extra):
    """Squared errors for six tenths of the steps, at full pace: far from the truth the telescope tells little, and
    it is dear. Then the loss with the telescope, on other mocks, at a pace lowered to nothing."""
    early, late = shares(steps)
    pace = optax.warmup_constant_schedule(1e-4, 4e-3, max(1, steps // 20))
    network = train(squares, network, batches, optimiser=clipped(pace), steps=early).network
    pace = optax.cosine_decay_schedule(4e-3, late)
    return train(loss, network, others, *extra, optimiser=clipped(pace), steps=late).network


def shares(steps: int) -> tuple[int, int]:
    """Steps without the telescope, and with it."""
    return steps * 6 // 10, steps - steps * 6 // 10


def errors(prior: Prior, answers, truth) -> dict:
    """Root-mean-square errors over mocks."""
    values = eqx.filter_vmap(prior.values)
    physical = jnp.sqrt(jnp.mean((values(answers) - values(truth)) ** 2, axis=0))
    free = jnp.sqrt(jnp.mean((answers - truth) ** 2, axis=0))
    middle = jnp.median(jnp.abs(answers - truth), axis=0)
    return {
        "rms": named(prior, physical),
        "rms_in_priors": named(prior, free),
        "rms_in_priors_mean": number(jnp.exp(jnp.mean(jnp.log(free)))),
        "median_in_priors_mean": number(jnp.exp(jnp.mean(jnp.log(middle)))),
    }


def calibration(prior: Prior, draws, truth) -> dict:
    """Coverage, and how far the ranks are from being all alike: a chi squared of five bins, of mean four."""
    found = {f"coverage_{p:g}": named(prior, coverage(draws, truth, p / 100)) for p in (68, 90)}
    found |= {f"coverage_{p:g}_mean": number(jnp.mean(coverage(draws, truth, p / 100))) for p in (68, 90)}
    share = np.asarray(ranks(draws, truth)) / (draws.shape[1] + 1)
    expected = len(share) / 5
    counts = np.array([np.histogram(column, 5, (0, 1))[0] for column in share.T])
    return found | {"ranks_chi_squared": named(prior, np.sum((counts - expected) ** 2 / expected, axis=1))}


def number(value) -> float:
    """Four digits."""
    return float(f"{float(value):.4g}")


def named(prior: Prior, numbers) -> dict[str, float]:
    """A number for each parameter."""
    return {name: number(value) for name, value in zip(prior.names, np.asarray(numbers), strict=True)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--large", action="store_true", help="for a GPU")
    arguments.add_argument("--steps", type=int, default=800, help="of the encoder, physics in the last four tenths")
    arguments.add_argument("--held-out", type=int, default=128)
    arguments.add_argument("--flow", action="store_true", help="a flow in place of the normal distribution")
    arguments.add_argument("--weight", type=float, default=1.0, help="of the physics in the loss")
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    size = LARGE if chosen.large else SMALL
    prior = prior_of(size)
    first, second, third, fourth, fifth = jax.random.split(jax.random.key(chosen.seed), 5)
    batches = Batches(prior, size.batch, first)
    pilot = Batches(prior, 64, second)(0)
    level = float(prior.freed.model.telescope.noise.level)
    encoder = CubeEncoder.new(
        pilot.data, level, features=size.features, width=size.width, context=size.context, key=third
    )
    head = FlowHead if chosen.flow else GaussianHead
    network = Posterior(encoder, head.new(prior.size, size.context, key=fourth))
    held_out = [Batches(prior, size.batch, fifth)(i) for i in range(-(-chosen.held_out // size.batch))]
    truth, data = (jnp.concatenate([getattr(b, name) for b in held_out]) for name in ("numbers", "data"))
    truth, data = truth[: chosen.held_out], data[: chosen.held_out]
    signal = np.quantile(data.mean(axis=3).max(axis=(1, 2)) / level, (0.1, 0.5, 0.9))
    about = {
        "benchmark": "encoder",
        "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "equinox", "optax", "numpy")},
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "large": chosen.large,
        "mocks": {"held_out": len(truth), "batch": size.batch, "decoded": size.decoded},
        "shape": list(data.shape[1:]),
        "particles": size.particles,
        "weight": chosen.weight,
        "signal_to_noise": [number(q) for q in signal],
    }

    physical = bent if chosen.flow else with_physics, prior, size.decoded, chosen.weight
    pace, pace_without = paces(network, batches, schedule(chosen.steps), physical, (squares,))

    centres = eqx.filter_jit(eqx.filter_vmap(lambda network, cube: network.centre(cube), in_axes=(None, 0)))
    keys = jax.random.split(jax.random.key(chosen.seed + 1), len(truth))

    start, others = time.perf_counter(), Batches(prior, size.batch, jax.random.fold_in(first, 1))
    posterior = with_physics_at_last(network, batches, others, chosen.steps, *physical)
    cost = {"steps": shares(chosen.steps), "seconds_with_compilation": number(time.perf_counter() - start)}
    answers = centres(posterior, data)
    drawn = eqx.filter_vmap(lambda network, cube, key: network.sample(cube, 499, key=key), in_axes=(None, 0, 0))
    draws = eqx.filter_jit(drawn)(posterior, data, keys)
    physics = errors(prior, answers, truth)
    found = {"surprise": number(surprise(posterior, ifux.learning.Batch(truth, data)))}
    found |= physics | calibration(prior, draws, truth) | fits(prior, answers, data)
    print(json.dumps(about | {"answer": "encoder and physics decoder", "cost": cost} | found), flush=True)

    early, late = shares(chosen.steps)
    start, steps = time.perf_counter(), early + round(late * pace / pace_without)
    trained = train(squares, network, batches, optimiser=schedule(steps), steps=steps)
    cost = {"steps": steps, "seconds_with_compilation": number(time.perf_counter() - start)}
    regressed = centres(trained.network, data)
    regression = errors(prior, regressed, truth)
    found = regression | fits(prior, regressed, data)
    print(json.dumps(about | {"answer": "regression", "cost": cost} | found), flush=True)

    start = time.perf_counter()
    refined = refined_by_telescope(prior, posterior, answers, data, keys)
    cost = {"seconds_a_mock": number((time.perf_counter() - start) / len(truth))}
    draws = eqx.filter_vmap(lambda one, key: one.sample(499, key=key))(refined, keys)
    improved = errors(prior, refined.numbers, truth)
    right = np.array([explains(loss, data[0].size) for loss in refined.loss[:, -1]])
    kept = {"share": number(right.mean())}
    kept |= errors(prior, refined.numbers[right], truth[right]) | calibration(prior, draws[right], truth[right])
    found = improved | calibration(prior, draws, truth) | fits(prior, refined.numbers, data)
    about_it = {"answer": "refined by the telescope", "cost": cost}
    print(json.dumps(about | about_it | found | {"where_it_explains_the_cube": kept}), flush=True)

    factors = {"seconds_a_step": {"encoder": number(pace), "regression": number(pace_without)}}
    answered = ("encoder", physics), ("refined", improved), ("refined_where_it_explains_the_cube", kept)
    for name, answer in answered:
        for measure in ("rms", "median"):
            mean = answer[f"{measure}_in_priors_mean"]
            factors[f"{name}_over_prior_{measure}"] = number({"rms": 1.0, "median": 0.6745}[measure] / mean)
            factors[f"{name}_over_regression_{measure}"] = number(regression[f"{measure}_in_priors_mean"] / mean)
    print(json.dumps(about | {"factors": factors}), flush=True)


def explains(loss, voxels: int) -> bool:
    """Whether chi squared is that of noise, within three sigma; the data alone decide."""
    return 2 * float(loss) < voxels + 3 * np.sqrt(2 * voxels)


def refined_by_telescope(prior: Prior, posterior: Posterior, answers, data, keys, tries: int = 3):
    """Steps from the answer and, while the cube is not explained, from draws of the posterior: the best of them."""
    draw = eqx.filter_jit(lambda posterior, cube, key: posterior.sample(cube, 1, key=key)[0])
    found = []
    for answer, cube, key in zip(answers, data, keys, strict=True):
        best = refine(prior, answer, cube)
        for again in jax.random.split(key, tries):
            if explains(best.loss[-1], cube.size):
                break
            other = refine(prior, draw(posterior, cube, again), cube)
            best = other if other.loss[-1] < best.loss[-1] else best
        found.append(best)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


def fits(prior: Prior, answers, data) -> dict:
    """Chi squared per voxel of the cubes that the telescope makes of the answers: one for the truth."""
    one = eqx.filter_jit(lambda prior, answer, cube: misfit(prior, answer[None], cube[None]))
    found = np.exp(2 * np.array([float(one(prior, answer, cube)) for answer, cube in zip(answers, data, strict=True)]))
    return {"chi_squared_per_voxel": [number(q) for q in np.quantile(found, (0.1, 0.5, 0.9))]}


if __name__ == "__main__":
    main()
