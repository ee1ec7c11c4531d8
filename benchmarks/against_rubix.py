"""How much faster than RUBIX is ifux, and do both draw the same galaxy?

    python benchmarks/against_rubix.py [--particles 1000 10000 100000] [--runs 3] [--tolerance 1e-3]
    python benchmarks/against_rubix.py --particles 100000 --calls "with noise"    # what both users wait for, no more

Both codes observe one disc + bulge through MUSE (100 x 100 spaxels, 3721 channels; Gaussian PSF and LSF, all that RUBIX
has) with the library of `forward.py` (12 x 53 x 4300). RUBIX 0.0.5 runs in a virtual environment of its own, which the
first call makes, with the same version of JAX. Each code is a process that computes when it is asked and is idle
otherwise; they are asked in turns.

First, how far the noiseless cubes are apart: one JSON line for each comparison, with the reason. Where they should
agree and do not, the script ends with an error. For that,

- RUBIX's cube, a luminosity density, is divided by 4 pi D^2 (1 + z), and its x axis, to the east, turned to the west;
- RUBIX interpolates in the logarithms of age and metallicity, as ifux does, and holds stars off the grid at its edge;
- RUBIX's LSF, which takes the library for perfectly sharp, has the width that is left to add to it;
- ifux is in RUBIX's Planck15 universe, which has no radiation, and the galaxy in the frame that RUBIX goes to, where
  the median velocity is zero;
- stars are left out that rounding in single precision may move to the next spaxel.

What is left: RUBIX's wavelengths know of neither air nor vacuum, and a velocity v shifts them by exp(v/c), both far
below a hundredth of a pixel.

Then one JSON line for each number of particles, in new processes: seconds of ifux, of RUBIX's compiled function alike
("rubix": linear interpolation) and as it comes ("native": cubic, slower), after a warm-up, with all stages, without
noise, and without PSF, LSF and noise ("bare"); of RUBIX's own `run_sharded`, which compiles at every call; of ifux with
the Moffat PSF of `forward.py`, whose kernel has eleven times as many spaxels; the peak memory of each process; and the
largest error of ifux's cubes with a basis of this tolerance against the specification, as `forward.py` finds it.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median

import equinox as eqx
import jax
import numpy as np
from forward import REDSHIFT, TOLERANCE, accuracy, regridded, telescope
from rubix_runner import Calls, serve

import ifux
from ifux import parallel
from ifux.checks import fastest
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library
from ifux.io.files.cache import cache_folder

RUBIX = "0.0.5"
SIZE, PITCH = 100, 0.2
SEEING, REACH = 0.8, 7
"""FWHM [arcsec] and half-size of the kernel, four standard deviations [spaxel]."""
FWHM_OF_GAUSSIAN = math.sqrt(8 * math.log(2))

TIMED = {
    "bare": ("ifux", "rubix"),
    "noiseless": ("ifux", "rubix"),
    "with noise": ("ifux", "rubix", "native"),
    "with noise, Moffat": ("ifux",),
    "run_sharded": ("native",),
}

WHOLE = (slice(None), slice(None), slice(None))
INNER = (slice(REACH, -REACH), slice(REACH, -REACH), slice(12, -12))
COMPARED = (
    (
        ("alike, bare", "bare", WHOLE),
        {"flux": 3e-4, "spectrum": 0.01, "image": 2e-3, "voxels": 0.06},
        "RUBIX takes spectra at the centres of pixels, linear between those of the library, and does not thin the "
        "light of receding stars",
    ),
    (
        ("alike", "noiseless", INNER),
        {"flux": 3e-4, "spectrum": 0.01, "image": 2e-3, "voxels": 0.03},
        "the same behind PSF and LSF, away from the borders of the field and the ends of the spectrum",
    ),
    (
        ("alike", "noiseless", WHOLE),
        {},
        "RUBIX drops stars off the field before the seeing, and its LSF meets no light beyond the ends of the spectrum",
    ),
    (
        ("noiseless", "noiseless", INNER),
        {},
        "RUBIX moves stars to the centres of their spaxels; ifux as it is timed does not",
    ),
    (
        ("alike, bare", "native", WHOLE),
        {},
        "RUBIX as it comes is cubic in age and metallicity, not linear in their logarithms, and drops stars off the "
        "grid",
    ),
)
"""Cubes of ifux and RUBIX, the part of them, limits of their difference where they should agree, reasons for it."""


def observatory(tolerance: float = TOLERANCE) -> tuple[ifux.SSPLibrary, ifux.Telescope]:
    """The library and the telescope of `forward.py`."""
    library = regridded(embedded_library())
    return library, telescope(library, (SIZE, SIZE), tolerance)


def like_rubix(muse: ifux.Telescope) -> ifux.Telescope:
    """The telescope with a Gaussian PSF, in a universe of matter and a cosmological constant."""
    universe = ifux.FlatLambdaCDM(hubble=67.74, matter=0.3089, temperature=0.0)
    stages = ifux.CosmologicalTarget(REDSHIFT, universe), ifux.GaussianPSF(SEEING, reach=REACH)
    return eqx.tree_at(lambda t: (t.target, t.psf), muse, stages)


def galaxy(count: int) -> ifux.Particles:
    """Disc and bulge, in the frame of the median velocity within 10 kpc."""
    particles = DiscBulge.sample(count, key=jax.random.key(1)).particles()
    near = np.linalg.norm(particles.position, axis=1) < 10
    rest = np.median(np.asarray(particles.velocity)[near], axis=0)
    return eqx.tree_at(lambda p: p.velocity, particles, particles.velocity - rest)


def clear_of_edges(particles: ifux.Particles, muse: ifux.Telescope) -> ifux.Particles:
    """The particles further than a thousandth of a spaxel from the edges of theirs."""
    place = np.asarray(muse.project(particles).sky) / PITCH
    clear = np.abs(place - place.round()).min(axis=1) > 1e-3
    return jax.tree.map(lambda leaf: leaf[clear], particles)


def describe(folder: Path, particles: ifux.Particles, library: ifux.SSPLibrary, muse: ifux.Telescope) -> None:
    """Particles, library and telescope for the workers."""
    np.savez(folder / "particles.npz", **{name: leaf for name, leaf in vars(particles).items() if leaf is not None})
    axes = ("metallicity", "age", "wavelength", "flux")
    np.savez(folder / "library.npz", **{name: getattr(library, name) for name in axes})
    # RUBIX multiplies from the right by R_z(gamma) R_y(beta) R_x(alpha), angles in degree.
    turn = np.asarray(muse.orientation.rotation(), np.float64).T
    rotation = {
        "alpha": math.degrees(math.atan2(turn[2, 1], turn[2, 2])),
        "beta": math.degrees(-math.asin(turn[2, 0])),
        "gamma": math.degrees(math.atan2(turn[1, 0], turn[0, 0])),
    }
    missing = math.sqrt(float(muse.lsf.fwhm) ** 2 - (library.fwhm.mean() * (1 + REDSHIFT)) ** 2)
    grid = muse.wavelengths
    numbers = {
        "size": SIZE,
        "pitch": PITCH,
        "start": grid.start,
        "step": grid.step,
        "channels": grid.size,
        "redshift": REDSHIFT,
        "rotation": rotation,
        "kernel": 2 * REACH + 1,
        "psf": SEEING / PITCH / FWHM_OF_GAUSSIAN,
        "lsf": missing / FWHM_OF_GAUSSIAN,
        "snr": float(muse.noise.snr),
    }
    (folder / "telescope.json").write_text(json.dumps(numbers))


def ifux_calls(folder: Path, tolerance: float) -> Calls:
    """ifux as it is timed, and alike: with the spaxels and the library that come nearest to RUBIX's.

    On a CPU, every core is a device; the velocity channels are those that `ifux observe` takes.
    """
    jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))
    devices = parallel.mesh()
    library, muse = observatory(tolerance)
    with np.load(folder / "particles.npz") as file:
        particles = ifux.Particles(**file)
    muse = muse.limited_to(fastest(muse.orientation, muse.target, particles))
    particles = parallel.shard(particles, devices)
    timed = like_rubix(muse)
    seen, _ = library.matched(muse.wavelengths, REDSHIFT, 900.0)
    stages = ifux.SquareSpaxels(PITCH, (SIZE, SIZE), degree=0), ifux.LowRankSSP.from_library(seen, tolerance=1e-5)
    alike = eqx.tree_at(lambda t: (t.spaxels, t.ssp), timed, stages)
    bare = partial(eqx.tree_at, lambda t: (t.psf, t.lsf), replace=(ifux.NoPSF(), ifux.NoLSF()))
    observe = eqx.filter_jit(lambda t, p, key: parallel.observe(t, p, devices, key=key))
    key = jax.random.key(0)
    return {
        "bare": partial(observe, bare(timed), particles, None),
        "noiseless": partial(observe, timed, particles, None),
        "with noise": partial(observe, timed, particles, key),
        "with noise, Moffat": partial(observe, muse, particles, key),
        "alike, bare": partial(observe, bare(alike), particles, None),
        "alike": partial(observe, alike, particles, None),
    }


def environment(folder: Path) -> Path:
    """The Python of a virtual environment that holds RUBIX, which is made if it does not."""
    python = folder / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import rubix"], stderr=subprocess.DEVNULL).returncode:
        packages = f"astro-rubix=={RUBIX}", f"jax=={version('jax')}"
        print(f"Installing {' and '.join(packages)} in {folder}.", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
    return python


@contextmanager
def worker(*command: Path | str) -> Iterator[Callable[..., dict]]:
    """A code in a process of its own: a function that puts a question to it, and without one hears who it is."""
    variables = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True, env=variables) as process,
    ):

        def ask(*question: str | None) -> dict:
            if question:
                print(json.dumps(question), file=process.stdin, flush=True)
            if line := process.stdout.readline():
                return json.loads(line)
            log.seek(0)
            raise RuntimeError(f"{' '.join(map(str, command))} ended:\n{log.read()[-2000:]}")

        yield ask


def ifux_worker(folder: Path, tolerance: float = TOLERANCE):
    """ifux on what a folder describes, with a basis of a tolerance."""
    return worker(sys.executable, __file__, "--serve", folder, "--tolerance", str(tolerance))


def rubix_worker(python: Path, folder: Path, *options: str):
    """RUBIX on what a folder describes."""
    return worker(python, Path(__file__).with_name("rubix_runner.py"), folder, *options)


def difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, dict[str, float]]:
    """RUBIX's cube relative to ifux's: all light, each channel of all light, each spaxel, each voxel.

    The voxel relative to the peak of its spaxel's spectrum; spaxels brighter than a hundredth of the brightest.
    """
    image = ours.mean(axis=2)
    bright = image > 0.01 * image.max()
    found = {
        "flux": theirs.sum(dtype=float) / ours.sum(dtype=float) - 1,
        "spectrum": theirs.sum(axis=(0, 1)) / ours.sum(axis=(0, 1)) - 1,
        "image": theirs.mean(axis=2)[bright] / image[bright] - 1,
        "voxels": np.abs(theirs[bright] - ours[bright]).max(axis=1) / ours[bright].max(axis=1),
    }
    return {
        name: {"median": float(f"{np.median(np.abs(values)):.1e}"), "largest": float(f"{np.abs(values).max():.1e}")}
        for name, values in found.items()
    }


def agreement(python: Path, count: int) -> bool:
    """Print how far the noiseless cubes are apart, and return whether they agree where they should."""
    library, muse = observatory()
    muse = like_rubix(muse)
    particles = clear_of_edges(galaxy(count), muse)
    factor = float(muse.target.flux_per_luminosity()) / (1 + REDSHIFT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        describe(folder, particles, library, muse)

        def cube(ask: Callable[..., dict], call: str) -> np.ndarray:
            ask(call, str(folder / "cube.npy"))
            return np.load(folder / "cube.npy")

        with ifux_worker(folder) as ask:
            ask()
            ours = {call: cube(ask, call) for call in ("alike, bare", "alike", "noiseless")}
        with rubix_worker(python, folder) as ask:
            ask()
            theirs = {call: factor * cube(ask, call)[:, ::-1] for call in ("bare", "noiseless")}
        with rubix_worker(python, folder, "--native") as ask:
            ask()
            theirs["native"] = factor * cube(ask, "bare")[:, ::-1]
    good = True
    for (mine, other, part), limits, reason in COMPARED:
        found = difference(ours[mine][part], theirs[other][part])
        line = {"benchmark": "against_rubix", "particles": particles.count, "ifux": mine, "rubix": other}
        line |= {"shape": ours[mine][part].shape, "difference": found, "reason": reason}
        if limits:
            agree = all(found[name]["largest"] < limit for name, limit in limits.items())
            line |= {"limits": limits, "agree": agree}
            good &= agree
        print(json.dumps(line), flush=True)
    return good


def timing(python: Path, count: int, runs: int, calls: list[str], tolerance: float) -> dict:
    """Seconds and peak memory of the codes, asked in turns, and the ratio of their shortest times to those of ifux."""
    library, muse = observatory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        describe(folder, galaxy(count), library, like_rubix(muse))
        with (
            ifux_worker(folder, tolerance) as ours,
            rubix_worker(python, folder) as alike,
            rubix_worker(python, folder, "--native") as native,
        ):
            codes = {"ifux": ours, "rubix": alike, "native": native}
            about = {code: ask() for code, ask in codes.items()}
            answers = {code: {} for code in codes}
            for call in calls:
                for _ in range(2 if call == "run_sharded" else 1 + runs):
                    for code in TIMED[call]:
                        answers[code].setdefault(call, []).extend(turn(codes[code], call))
    seconds = {code: {call: reading(given) for call, given in answers[code].items()} for code in codes}
    fastest = {code: {call: given["minimum"] for call, given in seconds[code].items()} for code in codes}
    if {"run_sharded", "with noise"} <= set(calls):
        fastest["ifux"]["run_sharded"] = fastest["ifux"]["with noise"]
    return {
        "benchmark": "against_rubix",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "particles": count,
        "library": library.flux.shape,
        "cube": answers["ifux"][calls[0]][0]["shape"],
        "kernel": [2 * REACH + 1] * 2,
        "tolerance": tolerance,
        "error": accuracy(library, tolerance),
        **{code: about[code] | {"seconds": seconds[code]} for code in codes},
        "ratio": {
            code: {
                call: float(f"{value / fastest['ifux'][call]:.3g}")
                for call, value in fastest[code].items()
                if call in fastest["ifux"]
            }
            for code in ("rubix", "native")
        },
    }


def turn(ask: Callable[..., dict], call: str) -> list[dict]:
    """What a code answers in its turn: once, or as often as a second allows.

    A call that takes a fraction of a second would otherwise never be seen warm: half a minute of another code lies
    between it and the one before.
    """
    answers = [ask(call, None)]
    while sum(answer["seconds"] for answer in answers) < 1:
        answers.append(ask(call, None))
    return answers


def reading(answers: list[dict]) -> dict:
    """Minimum and median of all calls but the first, and the peak of memory so far."""
    first, *others = (answer["seconds"] for answer in answers)
    times = {"minimum": min(others), "median": median(others), "first": first}
    memory = {name: answers[-1][name] for name in ("peak_bytes", "device_peak_bytes")}
    return {name: round(value, 4) for name, value in times.items()} | memory


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--particles", type=int, nargs="*", default=[1000, 10_000, 100_000])
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--calls", nargs="+", choices=TIMED, default=list(TIMED), help="what is timed")
    arguments.add_argument("--compared", type=int, default=1000, help="particles of the galaxy that both draw")
    arguments.add_argument("--venv", type=Path, help="where RUBIX is or will be; by default in the cache of ifux")
    arguments.add_argument("--tolerance", type=float, default=TOLERANCE, help="of ifux's basis, where it is timed")
    arguments.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.serve:
        serve(ifux_calls(chosen.serve, chosen.tolerance), ("ifux", "jax", "jaxlib", "equinox", "numpy"))
        return
    jax.config.update("jax_platforms", "cpu")  # the device is for those who are timed
    python = environment((chosen.venv or (cache_folder() or Path()) / f"rubix-{RUBIX}").absolute())
    good = agreement(python, chosen.compared)
    for count in chosen.particles:
        print(json.dumps(timing(python, count, chosen.runs, chosen.calls, chosen.tolerance)), flush=True)
    if not good:
        sys.exit("The cubes differ where they should agree.")


if __name__ == "__main__":
    main()
