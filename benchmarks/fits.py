"""Can fits be believed? Do they find the best minimum, and do their intervals hold the truth as often as they say?

    python benchmarks/fits.py [--mocks 400] [--kinds disc elliptical] [--snr 5 15 40 200] [--out fits.jsonl]
    python benchmarks/fits.py --mocks 0 --out fits.jsonl

Mocks of 12 x 12 spaxels and 200 channels of parametric galaxies, discs that rotate and ellipticals that hardly do, with
fourteen free numbers of instrument, view and galaxy. Their truths are drawn from the priors, and so are, independently,
the starts of the fits. Mock and model have the same numbers behind their particles; those are quasi-random, as smooth
as many more random ones. Each mock is fitted by `least_squares` from up to nine starts, and once more from the truth
for comparison; its intervals are those of `importance`. All is in single precision, as users have it. One JSON line for
each mock is appended to a file, and those that are in it are not made again; then a table in Markdown of all that is in
it, with the versions and the device.
"""

import argparse
import itertools
import json
import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.special import ndtri
from scipy.stats import qmc

import ifux
from ifux.fitting import Freed, Isotropic, LogNormal, Uniform, free, importance, least_squares
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library

REDSHIFT = 0.02
PARTICLES = 1024
STARTS = 9
INSIDE = 0.9945
"""Standard deviations that hold 68 per cent of a normal distribution."""

INSTRUMENT = {
    "seeing": (lambda o: o.telescope.psf.fwhm, LogNormal(4.0, 0.04)),
    "resolution": (lambda o: o.telescope.lsf.fwhm, LogNormal(4.0, 0.04)),
    "inclination": (lambda o: o.telescope.orientation.inclination, Isotropic(20.0, 80.0)),
    "position_angle": (lambda o: o.telescope.orientation.position_angle, Uniform(-60.0, 120.0)),
}

GALAXY = {
    "disc": {
        "rotation_speed": LogNormal(200.0, 0.1),
        "turnover_radius": LogNormal(1.5, 0.15),
        "disc_dispersion": LogNormal(60.0, 0.15),
        "bulge_dispersion": LogNormal(120.0, 0.1),
        "disc_scale": LogNormal(2.0, 0.08),
        "disc_age": LogNormal(4.0, 0.15),
        "bulge_age": LogNormal(8.0, 0.1),
        "metallicity": LogNormal(0.015, 0.15),
        "mass": LogNormal(5e10, 0.2),
        "bulge_fraction": Uniform(0.05, 0.6),
    },
    "elliptical": {
        "rotation_speed": LogNormal(25.0, 0.2),
        "turnover_radius": LogNormal(1.5, 0.15),
        "disc_dispersion": LogNormal(150.0, 0.1),
        "bulge_dispersion": LogNormal(180.0, 0.1),
        "disc_scale": LogNormal(2.0, 0.08),
        "disc_age": LogNormal(6.0, 0.15),
        "bulge_age": LogNormal(10.0, 0.1),
        "metallicity": LogNormal(0.02, 0.15),
        "mass": LogNormal(8e10, 0.2),
        "bulge_fraction": Uniform(0.5, 0.9),
    },
}
"""What is expected of the galaxies of each kind."""


def observation(kind: str) -> ifux.Observation:
    """A telescope before a galaxy of some kind."""
    wavelengths = ifux.Wavelengths(4800.0, 2.5, 200, "air")
    library, wavelengths = embedded_library().matched(wavelengths, REDSHIFT, 1000.0)
    telescope = ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(REDSHIFT),
        orientation=ifux.InclinedOrientation(50.0, 30.0),
        spaxels=ifux.SquareSpaxels(2.0, (12, 12)),
        kinematics=ifux.VelocityChannels(reach=750.0, spacing=125.0),
        ssp=ifux.LowRankSSP.from_library(library, 1e-2),
        dust=ifux.NoDust(),
        psf=ifux.GaussianPSF(4.0, reach=3),
        focal_plane=ifux.Slicer(),
        lsf=ifux.GaussianLSF(4.0),
        noise=ifux.NoNoise(),
    )
    half = PARTICLES // 2
    numbers = [qmc.Sobol(9, seed=np.random.default_rng(seed)).random(half) for seed in (1, 2)]
    uniform = np.clip(np.concatenate(numbers), 1e-6, 1 - 1e-6)
    height = {"disc": 0.4, "elliptical": 1.5}[kind]
    return ifux.Observation(telescope, DiscBulge(uniform[:, :4], ndtri(uniform[:, 4:]), half, disc_height=height))


def freed(kind: str) -> tuple[dict[str, jax.Array], Freed]:
    """Fourteen numbers that are free, with what is expected of them; all begin in the middle."""
    names = INSTRUMENT | {
        name: (lambda o, name=name: getattr(o.galaxy, name), prior) for name, prior in GALAXY[kind].items()
    }
    middle = [prior.forward(ifux.real(0.0)) for _, prior in names.values()]
    start = eqx.tree_at(lambda o: [where(o) for where, _ in names.values()], observation(kind), middle)
    return free(start, **names)


def predict(observation: ifux.Observation) -> jax.Array:
    """The noiseless cube."""
    return observation()


predicted = eqx.filter_jit(predict)


def read(kind: str, snr: float, mock: int, like: dict[str, jax.Array], model: Freed) -> dict:
    """One mock: how it was made, what was found, and whether that is so."""
    rng = np.random.default_rng([["disc", "elliptical"].index(kind), round(1000 * snr), mock])
    flat, restore = ravel_pytree(like)
    truth, start = (restore(ifux.real(rng.normal(size=flat.size))) for _ in range(2))
    clean = predicted(model(truth))
    level = clean.mean(axis=2).max() / snr
    data, variance = clean + level * ifux.real(rng.normal(size=clean.shape)), jnp.full_like(clean, level**2)
    key = jax.random.key(mock)
    begun = time.process_time()
    fit, known = least_squares(predict, model, start, data, variance, starts=STARTS, key=key)
    fitted = time.process_time()
    drawn = importance(predict, model, fit, data, variance, key=key)
    ended = time.process_time()
    best, _ = least_squares(predict, model, truth, data, variance)
    true, found = (np.asarray(ravel_pytree(model.values(p))[0], np.float64) for p in (truth, fit.parameters))
    errors, widths = (np.array(list(of.errors.values())) for of in (known, drawn.uncertainty))
    low, high = np.array(list(drawn.intervals().values())).T
    return {
        "converged": fit.verdict.converged,
        "why": fit.verdict.why,
        "chi squared above": fit.minima[0].chi_squared - best.minima[0].chi_squared,
        "loss above": fit.loss - best.loss,
        "starts": len(fit.minima),
        "effective": drawn.effective,
        "draws": drawn.weights.size,
        "inside": ((low <= true) & (true <= high)).tolist(),
        "pulls": ((np.array(list(drawn.mean.values())) - true) / widths).tolist(),
        "inside, normal": (np.abs(found - true) <= INSIDE * errors).tolist(),
        "pulls, normal": ((found - true) / errors).tolist(),
        "names": list(known.names),
        "seconds": [fitted - begun, ended - fitted],
    }


def mocks(chosen: argparse.Namespace) -> Iterator[dict]:
    """Those that the file lacks, all kinds in turns."""
    done = {(line["kind"], line["snr"], line["mock"]) for line in lines(chosen.out)}
    models = {kind: freed(kind) for kind in chosen.kinds}
    for mock, kind, snr in itertools.product(range(chosen.mocks), chosen.kinds, chosen.snr):
        if (kind, snr, mock) not in done:
            try:
                found = read(kind, snr, mock, *models[kind])
            except Exception as error:
                found = {"raised": repr(error)}
            yield {"kind": kind, "snr": snr, "mock": mock} | found


def lines(path: Path) -> list[dict]:
    """What a file holds."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def table(found: list[dict]) -> str:
    """One row for each kind and signal-to-noise ratio: intervals and pulls are those of fits that are called
    converged, the smallest and the largest over the parameters.
    """
    heads = (
        "kind", "S/N", "mocks", "converged", "false", "raised", "68 % hold", "least", "most", "by normal errors",
        "sd of pulls", "by normal errors", "effective", "CPU s",
    )  # fmt: skip
    rows = [heads, ["---"] * len(heads)]
    for kind, snr in sorted({(line["kind"], line["snr"]) for line in found}):
        some = [line for line in found if (line["kind"], line["snr"]) == (kind, snr)]
        whole = [line for line in some if "raised" not in line]
        good = [line for line in whole if line["converged"]]
        if not good:
            rows.append([kind, f"{snr:g}", len(some), 0, 0, len(some) - len(whole), *[""] * 8])
            continue
        inside, normal = (np.array([line[name] for line in good]) for name in ("inside", "inside, normal"))
        pulls, before = (np.array([line[name] for line in good]).std(axis=0) for name in ("pulls", "pulls, normal"))
        names = good[0]["names"]
        rows.append([
            kind, f"{snr:g}", len(some), len(good),
            sum(max(line["chi squared above"], 2 * line["loss above"]) > 10 for line in good),
            len(some) - len(whole), f"{inside.mean():.3f}",
            f"{inside.mean(axis=0).min():.3f} {names[inside.mean(axis=0).argmin()]}",
            f"{inside.mean(axis=0).max():.3f} {names[inside.mean(axis=0).argmax()]}",
            f"{normal.mean():.3f}",
            f"{pulls.min():.2f} to {pulls.max():.2f}", f"{before.min():.2f} to {before.max():.2f}",
            f"{np.median([line['effective'] for line in good]):.0f}",
            f"{np.mean([sum(line['seconds']) for line in whole]):.2f}",
        ])  # fmt: skip
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def report(benchmark: str, made: Iterator[dict], path: Path, table: Callable[[list[dict]], str]) -> None:
    """Adds mocks to a file as they are made, and prints the table of all that are in it."""
    with path.open("a", encoding="utf-8") as file:
        for line in made:
            print(json.dumps(line), file=file, flush=True)
    common = {
        "benchmark": benchmark,
        "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "equinox", "numpy")},
        "device": jax.devices()[0].device_kind,
        "machine": platform.machine(),
    }
    print(json.dumps(common))
    print(table(lines(path)))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mocks", type=int, default=400, help="of each kind at each signal-to-noise ratio")
    arguments.add_argument("--kinds", nargs="+", default=list(GALAXY), choices=list(GALAXY))
    arguments.add_argument("--snr", nargs="+", type=float, default=[5.0, 15.0, 40.0, 200.0])
    arguments.add_argument("--out", type=Path, default=Path("fits.jsonl"))
    chosen = arguments.parse_args()
    report("fits", mocks(chosen), chosen.out, table)


if __name__ == "__main__":
    main()
