"""How long does a cube take, and how long its gradient?

    python benchmarks/forward.py [--particles 10000 100000 1000000] [--devices 2] [--tolerance 1e-3 | --exact]
        [--psf moffat | chromatic | polynomial] [--cells 2] [--lsf constant | polynomial | table | field]
        [--noise target | exposure] [--plane muse | slicer | bundle | refracted] [--gas 3000000]

A parametric disc + bulge through MUSE (100 x 100 spaxels of 0.2 arcsec, 3721 channels; Moffat PSF, Gaussian LSF,
noise), with the embedded library on 12 metallicities x 53 ages x 4300 pixels, as large as the MILES grid. Aligned, and
with velocity channels as fine as the library and as wide as the galaxy deserve, as `ifux observe` has them. One JSON
line for each number of particles: seconds after a warm-up with the device synchronised, of the whole, of its gradient
with respect to every array and of its products; what the compiler says of the memory, and the most that the process
held in a run of each; and, from the same run, the largest error of a small cube of all channels against the
specification in `tests/`. On a CPU, `--devices` makes as many of its cores.

A chromatic PSF has four terms and eight nodes, of which a channel sees two, or four terms, of which it sees all.
`--cells` makes as many cells of a spaxel along each axis. An LSF that varies has the widths of MUSE in the Ultra Deep
Field, with `field` from spaxel to spaxel too, and the noise of an exposure is that of the preset `muse-wfm`. None of
them is held against the specification, which the tests do. What a real instrument costs beside a plain one: `--psf
chromatic --lsf polynomial --noise exposure`, in turns with no option.

`--plane` changes the instrument: MaNGA's field of 72 x 72 spaxels of half an arcsec and its 4563 channels, seen by a
slicer, or by the bundle of 127 fibres in three dithered exposures, of which the cube is made; or the same 35 degrees
from the zenith, where light is refracted. Noise acts on what collects the light.

`--gas` puts a disc of so many cells beside the stars, which shine in all lines of `StarFormingEmission` that MUSE sees.
"""

import argparse
import json
import platform
import resource
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ifux
from ifux import instruments, parallel
from ifux.checks import fastest
from ifux.config.build import emission_lines
from ifux.config.build import noise as noise_of
from ifux.focal_plane import hexagonal
from ifux.galaxies import DiscBulge, GasDisc, SpiralGalaxy, StarsAndGas
from ifux.io import embedded_library

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from specification import Specification, moffat

REDSHIFT = 0.03
MUSE = ifux.Wavelengths(4700.15, 1.25, 3721, "air")
TOLERANCE = 1e-3
"""Of the basis, by default."""


def regridded(library: ifux.SSPLibrary, metallicities: int = 12, ages: int = 53, pixels: int = 4300):
    """The library on a grid of a given size, over the rest-frame range of MUSE at the redshift."""
    grid = [
        np.geomspace(nodes[0], nodes[-1], count)
        for nodes, count in ((library.metallicity, metallicities), (library.age, ages))
    ]
    flux = library.flux
    for axis, (old, new) in enumerate(zip((library.metallicity, library.age), grid, strict=True)):
        place = np.interp(np.log(new), np.log(old), np.arange(old.size))
        low = np.clip(place.astype(int), 0, old.size - 2)
        share = (place - low).reshape(-1, *(1,) * (2 - axis))
        flux = np.take(flux, low, axis) * (1 - share) + np.take(flux, low + 1, axis) * share
    library = replace(library, metallicity=grid[0], age=grid[1], flux=flux)
    return library.cut(4500.0, 9180.0).resampled((9180.0 - 4500.0) / pixels)


MANGA = ifux.LogWavelengths(3621.59598, 2.302585e-4, 4563, "vacuum")
DITHERS = 2.5 / 3 * np.array([[-0.5, -(0.75**0.5)], [1.0, 0.0], [-0.5, 0.75**0.5]])
ZENITH = {"zenith_distance": [34.0, 35.0, 36.0], "parallactic_angle": [10.0, 16.0, 22.0]}

PLANES = {
    "slicer": ifux.Slicer,
    "bundle": lambda: ifux.FibreBundle(hexagonal(6, 2.5), ifux.Circle(2.0), ifux.Shepard(0.7, 1.6), DITHERS, reach=4),
    "refracted": lambda: replace(PLANES["bundle"](), refraction=ifux.AtmosphericRefraction(**ZENITH)),
}
"""Of MaNGA's field: Law et al. (2015), AJ 150, 19 (dithers); Law et al. (2016), AJ 152, 83 (reconstruction)."""


def manga(library: ifux.SSPLibrary, tolerance: float | None, name: str) -> ifux.Telescope:
    """MaNGA's largest bundle, or a slicer in its place, before a galaxy at the redshift."""
    library, wavelengths = library.matched(MANGA, REDSHIFT, 900.0)
    spaxels, plane = ifux.SquareSpaxels(0.5, (72, 72)), PLANES[name]()
    plane = plane.suited_to(spaxels.scene) if isinstance(plane, ifux.FibreBundle) else plane
    return ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(REDSHIFT),
        orientation=ifux.InclinedOrientation(50.0, 30.0),
        spaxels=spaxels,
        kinematics=ifux.VelocityChannels(spacing=50.0),
        ssp=ifux.LowRankSSP.from_library(library, TOLERANCE if tolerance is None else tolerance),
        dust=ifux.NoDust(),
        psf=ifux.GaussianPSF(1.5, reach=5),
        focal_plane=plane,
        lsf=ifux.GaussianLSF(2.8),
        noise=ifux.TargetSNRNoise(30.0),
    )


PSFS = {
    "moffat": lambda reach: ifux.MoffatPSF(0.8, reach=reach),
    "chromatic": lambda reach: ifux.ChromaticPSF(ifux.MoffatPSF(0.8, reach=reach), -0.3),
    "polynomial": lambda reach: ifux.ChromaticPSF(ifux.MoffatPSF(0.8, reach=reach), -0.3, terms=4, nodes=0),
}
"""From the half-size of the kernel [cell]."""

WIDTHS = (5.866e-8, -9.187e-4, 6.040)
"""FWHM of MUSE as a polynomial of the wavelength [angstrom]: Bacon et al. (2017), A&A 608, A1, eq. 8."""
NODES = tuple(np.linspace(4650.0, 9400.0, 20).tolist())

LSFS = {
    "constant": lambda shape: ifux.GaussianLSF(2.65),
    "polynomial": lambda shape: ifux.PolynomialLSF(WIDTHS).about(7000.0, 2000.0),
    "table": lambda shape: ifux.TableLSF(NODES, np.polyval(WIDTHS, NODES)),
    "field": lambda shape: ifux.FieldLSF.of(
        ifux.PolynomialLSF(WIDTHS).about(7000.0, 2000.0), np.linspace(0.95, 1.15, shape[0] * shape[1]).reshape(shape)
    ),
}
"""From the shape of the field."""

NOISES = {
    "target": lambda spaxels, observed: ifux.TargetSNRNoise(30.0),
    "exposure": lambda spaxels, observed: noise_of(
        {"noise": {"kind": "exposure"} | instruments.load("muse-wfm")["exposure"]},
        {"spaxels": spaxels, "focal_plane": ifux.Slicer()},
        observed,
    ),
}
"""From the spaxels and the channels."""


def telescope(
    library: ifux.SSPLibrary,
    size: tuple[int, int],
    tolerance: float | None = TOLERANCE,
    psf: str = "moffat",
    cells: int = 1,
    lsf: str = "constant",
    noise: str = "target",
) -> ifux.Telescope:
    """MUSE before a galaxy at the redshift, with a basis of a tolerance, or with the exact grid."""
    library, wavelengths = library.matched(MUSE, REDSHIFT, 900.0)
    exact = tolerance is None
    spaxels = ifux.SquareSpaxels(0.2, size, oversampling=(cells, cells))
    return ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(REDSHIFT),
        orientation=ifux.InclinedOrientation(50.0, 30.0),
        spaxels=spaxels,
        kinematics=ifux.VelocityChannels(spacing=40.0 if exact else 50.0),
        ssp=ifux.GridSSP.from_library(library) if exact else ifux.LowRankSSP.from_library(library, tolerance),
        dust=ifux.NoDust(),
        psf=PSFS[psf](24 * cells),
        focal_plane=ifux.Slicer(),
        lsf=LSFS[lsf](spaxels.shape),
        noise=NOISES[noise](spaxels, wavelengths),
    )


def with_gas(telescope: ifux.Telescope, stars: ifux.Particles, count: int) -> tuple[ifux.Telescope, StarsAndGas]:
    """The telescope with the lines of a disc of gas, on velocities as far as its cells go, and the stars beside it."""
    keys = jax.random.split(jax.random.key(2))
    gas = jax.block_until_ready(
        SpiralGalaxy(DiscBulge.sample(2, key=keys[0]), GasDisc.sample(count, key=keys[1])).gas()
    )
    described = {"emission": {"kind": "star-forming"}, "gas_kinematics": {"kind": "channels"}}
    seen = {"target": telescope.target, "orientation": telescope.orientation}
    lines = emission_lines(described, seen, [(telescope.lsf, telescope.wavelengths)], stars, gas)
    return replace(telescope, sources=lines), StarsAndGas(stars, gas)


def seconds(function, runs: int) -> dict[str, float]:
    """Minimum and median of several runs, after one that compiles."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    first = time.perf_counter() - start
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return {"minimum": round(min(times), 4), "median": round(median(times), 4), "first": round(first, 2)}


def accuracy(library: ifux.SSPLibrary, tolerance: float | None) -> dict[str, float]:
    """Largest error over the peak of its spaxel's spectrum, for 2,000 particles, against the specification."""
    particles = DiscBulge.sample(2000, key=jax.random.key(5), disc_scale=0.5, bulge_scale=0.2).particles()
    small = telescope(library, (14, 12), tolerance)
    library, _ = library.matched(MUSE, REDSHIFT, 900.0)
    truth = Specification(
        library, MUSE, REDSHIFT, float(small.target.luminosity_distance()), 50.0, 30.0, 0.2, (14, 12),
        moffat(0.8, 2.8), 2.65,
    ).cube(*(np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(particles)))  # fmt: skip
    error = np.abs(np.asarray(small(particles)) - truth).max(axis=2) / truth.max(axis=2)
    return {"largest": float(f"{error.max():.2e}"), "median": float(f"{np.median(error):.2e}")}


def memory(function, *arguments) -> dict[str, int]:
    """What the compiler says of a program [byte]: arguments, results, and what lies between."""
    found = function.lower(*arguments).compile().compiled.memory_analysis()
    return {name: getattr(found, f"{name}_size_in_bytes") for name in ("argument", "output", "temp")}


def peak(function) -> int | None:
    """Most memory that the process held while a function ran [byte]; None where there is no Linux to tell.

    What the allocator kept of earlier runs counts too.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
        jax.block_until_ready(function())
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return 1024 * int(status["VmHWM"].split()[0])
    except (OSError, KeyError):
        return None


def nbytes(tree) -> int:
    """Of all arrays [byte]."""
    return sum(leaf.nbytes for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--particles", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments.add_argument("--devices", type=int, default=1, help="cores of a CPU that are a device each")
    arguments.add_argument("--tolerance", type=float, default=TOLERANCE, help="of the low-rank basis")
    arguments.add_argument("--psf", choices=[*PSFS], default="moffat")
    arguments.add_argument("--cells", type=int, default=1, help="of the scene to a spaxel, along each axis")
    arguments.add_argument("--lsf", choices=[*LSFS], default="constant")
    arguments.add_argument("--noise", choices=[*NOISES], default="target")
    arguments.add_argument("--plane", choices=["muse", *PLANES], default="muse")
    arguments.add_argument("--gas", type=int, default=0, help="cells of gas beside the stars")
    arguments.add_argument("--exact", action="store_true", help="the exact grid in place of the low-rank basis")
    arguments.add_argument("--forward", action="store_true", help="no gradients")
    arguments.add_argument("--runs", type=int, default=5)
    chosen = arguments.parse_args()
    jax.config.update("jax_num_cpu_devices", chosen.devices)
    library = regridded(embedded_library())
    tolerance = None if chosen.exact else chosen.tolerance
    if chosen.plane == "muse":
        muse = telescope(library, (100, 100), tolerance, chosen.psf, chosen.cells, chosen.lsf, chosen.noise)
    else:
        muse = manga(embedded_library(), tolerance, chosen.plane)
    reached = accuracy(library, tolerance)
    devices = parallel.mesh()

    def whole(observation, key):
        if devices.size == 1:
            return observation(key=key)
        return parallel.observe(observation.telescope, observation.galaxy, devices, key=key)

    forward = eqx.filter_jit(whole)

    def loss(observation, key, data):
        cube = whole(observation, key)
        # Corners that no fibre sees are not numbers.
        residual = cube - data if chosen.plane in ("muse", "slicer") else jnp.where(jnp.isnan(cube), 0, cube - data)
        return jnp.mean(residual**2)

    gradient = eqx.filter_jit(eqx.filter_value_and_grad(loss))
    deposit, respond = eqx.filter_jit(lambda t, p: t.weights(p)), eqx.filter_jit(lambda t: t.templates())
    observe = eqx.filter_jit(lambda t, w, s: t.observe(w, s))
    rebuild = eqx.filter_jit(lambda t, elements: t.rebuild(elements))
    noise = eqx.filter_jit(lambda t, cube, key: t.noise.sample(cube, key=key))
    data, key = jnp.zeros((*muse.spaxels.shape, muse.wavelengths.size)), jax.random.key(0)
    for count in chosen.particles:
        particles = jax.block_until_ready(DiscBulge.sample(count, key=jax.random.key(1)).particles())
        aligned = muse.aligned_to(particles)
        fitted = aligned.limited_to(fastest(aligned.orientation, aligned.target, particles))
        galaxy = particles
        if chosen.gas:
            fitted, galaxy = with_gas(fitted, particles, chosen.gas)
        both = ifux.Observation(fitted, galaxy if devices.size == 1 else parallel.shard(galaxy, devices))
        times = {"whole": seconds(lambda o=both: forward(o, key), chosen.runs)}
        needs = {"whole": memory(forward, both, key)}
        if not chosen.forward:
            times["value and gradient"] = seconds(lambda o=both: gradient(o, key, data), chosen.runs)
            needs["value and gradient"] = memory(gradient, both, key, data)
        if devices.size == 1:
            weights, templates = deposit(fitted, galaxy), respond(fitted)
            cube = observe(fitted, weights, templates)
            times |= {
                "deposit": seconds(lambda t=fitted, g=galaxy: deposit(t, g), chosen.runs),
                "templates": seconds(lambda t=fitted: respond(t), chosen.runs),
                "observe": seconds(lambda t=fitted, w=weights, s=templates: observe(t, w, s), chosen.runs),
                "noise": seconds(lambda t=fitted, c=cube: noise(t, c, key), chosen.runs),
                "rebuild": seconds(lambda t=fitted, c=cube: rebuild(t, c), chosen.runs),
            }
            needs["particles"] = nbytes(galaxy)
            needs["weights + templates + cube"] = nbytes((weights, templates, cube))
        most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peaks = {"whole": peak(lambda o=both: forward(o, key))}
        if not chosen.forward:
            peaks["value and gradient"] = peak(lambda o=both: gradient(o, key, data))
        line = {
            "benchmark": "forward",
            "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "equinox", "numpy")},
            "device": f"{devices.size} x {jax.devices()[0].device_kind}",
            "machine": platform.machine(),
            "particles": count,
            "gas": chosen.gas,
            "lines": sum(len(source.emission.lines) for source in fitted.sources),
            "kinds": fitted.kinds,
            "plane": chosen.plane,
            "psf": chosen.psf,
            "cells": chosen.cells,
            "lsf": chosen.lsf,
            "noise": chosen.noise,
            "ssp": type(muse.ssp).__name__,
            "tolerance": tolerance,
            "seconds": times,
            "bytes": needs,
            "peak_bytes_of": peaks,
            "peak_bytes": most,
            "device_peak_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
            "error": reached,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
