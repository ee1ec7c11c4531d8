"""How many cubes a second does a training get, and how many with their gradients?

    python benchmarks/learning.py [--batch 32] [--particles 10000] [--spaxels 32] [--channels 1000] [--runs 5]
        [--devices 2]

Parametric galaxies through a telescope like MUSE (spaxels of 0.2 arcsec, Gaussian PSF and LSF, noise), with the
embedded library at the default tolerance, mapped by `ifux.learning`: every cube has a galaxy, a view and noise of its
own, and each of several devices (on a CPU, that many of its cores) its share of the batch. One JSON line where the
galaxies alone vary and the templates are computed once for the batch, one where the dust varies too and every mock has
templates of its own: cubes a second of the batch and of the batch with the gradient of a misfit by the parameters of
every mock, after a warm-up with the device synchronised; what the compiler says of the memory; the error of one cube
against double precision, and of one of 500 particles against the specification in `tests/`, over the peak of the
spaxel's spectrum.
"""

import argparse
import json
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from forward import memory, seconds

import ifux
from ifux import parallel
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library
from ifux.learning import Batches, Isotropic, LogUniform, Prior, Uniform, misfit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from specification import Specification, gaussian

REDSHIFT = 0.03


def observation(chosen: argparse.Namespace, particles: int) -> tuple[ifux.Observation, ifux.SSPLibrary]:
    """A galaxy that fills the field, and the library that the telescope sees."""
    wavelengths = ifux.Wavelengths(4800.0, 1.25, chosen.channels, "air")
    library, wavelengths = embedded_library().matched(wavelengths, REDSHIFT, 1000.0)
    telescope = ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(REDSHIFT),
        orientation=ifux.InclinedOrientation(50.0, 30.0),
        spaxels=ifux.SquareSpaxels(0.2, (chosen.spaxels, chosen.spaxels)),
        kinematics=ifux.VelocityChannels(reach=500.0),
        ssp=ifux.LowRankSSP.from_library(library),
        dust=ifux.ScreenDust(0.4),
        psf=ifux.GaussianPSF(0.8, reach=8),
        focal_plane=ifux.Slicer(),
        lsf=ifux.GaussianLSF(2.65),
        noise=ifux.TargetSNRNoise(30.0),
    )
    galaxy = DiscBulge.sample(particles, key=jax.random.key(1), disc_scale=1.0, bulge_scale=0.3)
    return ifux.Observation(telescope, galaxy), library


def prior_of(chosen: argparse.Namespace, dusty: bool) -> Prior[ifux.Observation]:
    """Over galaxies and views; with dust, over templates too."""
    names = {
        "inclination": (lambda o: o.telescope.orientation.inclination, Isotropic(20.0, 80.0)),
        "position_angle": (lambda o: o.telescope.orientation.position_angle, Uniform(-90.0, 90.0)),
        "rotation_speed": (lambda o: o.galaxy.rotation_speed, Uniform(100.0, 300.0)),
        "disc_scale": (lambda o: o.galaxy.disc_scale, LogUniform(0.5, 2.0)),
        "disc_age": (lambda o: o.galaxy.disc_age, LogUniform(1.5, 12.0)),
    }
    if dusty:
        names["dust_depth"] = (lambda o: o.telescope.dust.depth, Uniform(0.0, 1.0))
    return Prior.of(observation(chosen, chosen.particles)[0], **names)


def against_double(chosen: argparse.Namespace) -> dict[str, float]:
    """The error of one cube, of all particles, against the same in double precision."""
    single = np.asarray(eqx.filter_jit(lambda o: o())(observation(chosen, chosen.particles)[0]))
    with jax.enable_x64(True):
        double, _ = observation(chosen, chosen.particles)
        drawn = observation_drawn_in_single(chosen)
        double = eqx.tree_at(lambda o: (o.galaxy.uniform, o.galaxy.normal), double, drawn)
        truth = np.asarray(eqx.filter_jit(lambda o: o())(double))
    return worst(single, truth)


def observation_drawn_in_single(chosen: argparse.Namespace) -> tuple[jax.Array, jax.Array]:
    """The random numbers of the galaxy, which differ between the precisions, in double precision."""
    with jax.enable_x64(False):
        galaxy = observation(chosen, chosen.particles)[0].galaxy
        numbers = np.asarray(galaxy.uniform), np.asarray(galaxy.normal)
    return tuple(jnp.asarray(n, jnp.float64) for n in numbers)


def against_specification(chosen: argparse.Namespace) -> dict[str, float]:
    """The error of one cube of few particles."""
    seen, library = observation(chosen, 500)
    telescope = seen.telescope
    centres = telescope.ssp.rest.centres()
    transmission = telescope.dust.respond(jnp.ones((1, centres.size)), telescope.ssp.rest)[0, 0]
    truth = Specification(
        library, telescope.wavelengths, REDSHIFT, float(telescope.target.luminosity_distance()), 50.0, 30.0, 0.2,
        telescope.spaxels.size, gaussian(0.8), 2.65, lambda rest: np.interp(rest, centres, transmission),
    ).cube(*(np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(seen.galaxy.particles())))  # fmt: skip
    return worst(np.asarray(eqx.filter_jit(lambda o: o())(seen)), truth)


def worst(cube: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Over the peak of the spaxel's spectrum, where it is a thousandth of the brightest or more."""
    peak = truth.max(axis=2)
    error = (np.abs(cube - truth).max(axis=2) / peak)[peak > 1e-3 * peak.max()]
    return {"largest": float(f"{error.max():.2e}"), "median": float(f"{np.median(error):.2e}")}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"batch": 32, "particles": 10_000, "spaxels": 32, "channels": 1000, "runs": 5, "devices": 1}
    for name, default in defaults.items():
        arguments.add_argument(f"--{name}", type=int, default=default)
    chosen = arguments.parse_args()
    jax.config.update("jax_num_cpu_devices", chosen.devices)
    devices = parallel.mesh(jax.devices()[: chosen.devices])
    found = {"double precision": against_double(chosen), "specification": against_specification(chosen)}
    gradient = eqx.filter_jit(
        lambda prior, numbers, data: jax.value_and_grad(lambda n: misfit(prior, n, data, mesh=devices))(numbers)
    )
    for dusty in (False, True):
        prior = prior_of(chosen, dusty)
        batches = Batches(prior, chosen.batch, jax.random.key(2), devices)
        forward = eqx.filter_jit(lambda batches, step: batches(step))
        batch, step = batches(0), jnp.asarray(1)
        times = {
            "forward": seconds(lambda b=batches, f=forward, s=step: f(b, s), chosen.runs),
            "forward and backward": seconds(lambda p=prior, b=batch: gradient(p, b.numbers, b.data), chosen.runs),
        }
        needs = {
            "forward": memory(forward, batches, step),
            "forward and backward": memory(gradient, prior, batch.numbers, batch.data),
        }
        line = {
            "benchmark": "learning",
            "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "equinox", "numpy")},
            "device": f"{devices.size} x {jax.devices()[0].device_kind}",
            "machine": platform.machine(),
            "batch": chosen.batch,
            "particles": chosen.particles,
            "shape": list(batch.data.shape[1:]),
            "kinds": prior.freed.model.telescope.kinds,
            "templates": "one for each mock" if dusty else "one for the batch",
            "seconds": times,
            "cubes_per_second": {name: round(chosen.batch / t["minimum"], 2) for name, t in times.items()},
            "bytes": needs,
            "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "device_peak_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
            "error": found,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
