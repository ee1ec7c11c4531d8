"""Can fits of a cube that is made of fibres be believed, and what if its voxels are taken for independent?

    python benchmarks/fibres.py [--mocks 400] [--snr 20] [--floor 0.05] [--out fibres.jsonl]
    python benchmarks/fibres.py --mocks 0 --out fibres.jsonl

A disc with a bulge before MaNGA's smallest bundle, 19 fibres of 2 arcsec in three dithered exposures, whose spectra are
combined into a cube of 0.5 arcsec spaxels as the survey does it. Truths are drawn about a middle, and so are the starts
of the fits; nothing is expected of them. The same mock is fitted four times by `least_squares`: its elements; the cube
with its covariance, which is the likelihood of the elements that are found in it; the cube with the correlation that
MaNGA states for all cubes, cut at 3.2 spaxels, with a floor; and the cube with STAT alone, as if its voxels were
independent. The signal-to-noise ratio is that of an element in a channel, where the galaxy is brightest. All is in
single precision, as users have it. One JSON line for each mock is appended to a file, and those that are in it are not
made again; then a table in Markdown of all that is in it, with the versions and the device.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from fits import INSIDE, lines, report
from jax.flatten_util import ravel_pytree
from scipy.special import ndtri
from scipy.stats import qmc

import ifux
from ifux.covariance import Correlation, CubeCovariance
from ifux.fitting import (
    CorrelationWhitening,
    ElementWhitening,
    Interval,
    Positive,
    Real,
    free,
    least_squares,
)
from ifux.focal_plane import hexagonal
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library
from ifux.noise import ConstantNoise

REDSHIFT = 0.03
PARTICLES = 512
CHANNELS = 40
SIDE = 26
"""Spaxels of half an arcsec."""

FREE = {
    "inclination": (lambda o: o.telescope.orientation.inclination, Interval(0.0, 90.0)),
    "position_angle": (lambda o: o.telescope.orientation.position_angle, Real(10.0)),
    "rotation_speed": (lambda o: o.galaxy.rotation_speed, Positive()),
    "disc_dispersion": (lambda o: o.galaxy.disc_dispersion, Positive()),
    "disc_scale": (lambda o: o.galaxy.disc_scale, Positive()),
    "mass": (lambda o: o.galaxy.mass, Positive()),
}
"""Six numbers that are free, without priors."""

SPREAD = 0.07
"""Of truths and of starts about the middle, in the free numbers: seven hundredths of all but the angles."""


def observation() -> ifux.Observation:
    """A galaxy in MaNGA's smallest bundle."""
    wavelengths = ifux.Wavelengths(5270.0, 2.0, CHANNELS, "air")
    library, wavelengths = embedded_library().matched(wavelengths, REDSHIFT, 800.0)
    around = np.radians([240.0, 0.0, 120.0])
    bundle = ifux.FibreBundle(
        hexagonal(2, 2.5),
        ifux.Circle(2.0),
        ifux.Shepard(0.7, 1.6),
        2.5 / 3 * np.stack([np.cos(around), np.sin(around)], axis=1),
        reach=4,
    )
    telescope = ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(REDSHIFT),
        orientation=ifux.InclinedOrientation(50.0, 30.0),
        spaxels=ifux.SquareSpaxels(0.5, (SIDE, SIDE)),
        kinematics=ifux.VelocityChannels(reach=450.0, spacing=75.0),
        ssp=ifux.LowRankSSP.from_library(library, 3e-2),
        dust=ifux.NoDust(),
        psf=ifux.GaussianPSF(1.5, reach=5),
        focal_plane=bundle,
        lsf=ifux.GaussianLSF(2.8),
        noise=ConstantNoise(1.0),
    )
    half = PARTICLES // 2
    numbers = [qmc.Sobol(9, seed=np.random.default_rng(seed)).random(half) for seed in (1, 2)]
    uniform = np.clip(np.concatenate(numbers), 1e-6, 1 - 1e-6)
    return ifux.Observation(telescope, DiscBulge(uniform[:, :4], ndtri(uniform[:, 4:]), half))


def elements_of(observation: ifux.Observation) -> jax.Array:
    """The noiseless spectra of the fibres."""
    return observation.telescope.expose(observation.galaxy)


def cube_of(observation: ifux.Observation) -> jax.Array:
    """The noiseless cube that is made of them."""
    return observation()


exposed, built = eqx.filter_jit(elements_of), eqx.filter_jit(lambda covariance, elements: covariance.rebuild(elements))


class Fits:
    """The galaxy that is observed, what makes numbers of its cube, and the fits, each compiled once."""

    def __init__(self, snr: float, floor: float):
        start = observation()
        self.middle, self.model = free(start, **FREE)
        elements = exposed(start)
        self.level = float(elements.mean(axis=2).max()) / snr
        self.variance = jnp.full_like(elements, self.level**2)
        self.covariance = CubeCovariance.of(start.telescope, self.variance)
        self.stat = self.covariance.diagonal()
        shape = start.telescope.spaxels.shape
        self.whole = ElementWhitening.of(self.covariance)
        self.stated = CorrelationWhitening.of(Correlation.gaussian(shape, 1.92, 3.2), self.stat, floor=floor)

    def data(self, truth: dict[str, jax.Array], rng: np.random.Generator) -> tuple[jax.Array, jax.Array]:
        """The elements of a mock, and the cube that is made of them."""
        clean = exposed(self.model(truth))
        elements = clean + self.level * ifux.real(rng.normal(size=clean.shape))
        return elements, built(self.covariance, elements)

    def kinds(self, elements: jax.Array, cube: jax.Array) -> dict[str, tuple]:
        """What is predicted, the data and their variance, for every kind of fit."""
        return {
            "elements": (elements_of, elements, self.variance),
            "cube, covariance": (self.whole.predicting(cube_of), self.whole.data(cube), self.whole.variance),
            "cube, stated correlation": (self.stated.predicting(cube_of), self.stated.data(cube), self.stated.variance),
            "cube, STAT alone": (cube_of, cube, self.stat),
        }


def read(fits: Fits, snr: float, mock: int) -> dict:
    """One mock: what the fits have found, in units of the errors that they state."""
    rng, (flat, restore) = np.random.default_rng([round(1000 * snr), mock]), ravel_pytree(fits.middle)
    truth, start = (restore(flat + SPREAD * ifux.real(rng.normal(size=flat.size))) for _ in range(2))
    values = np.asarray(ravel_pytree(fits.model.values(truth))[0], np.float64)
    found = {}
    for kind, (predict, data, variance) in fits.kinds(*fits.data(truth, rng)).items():
        begun = time.process_time()
        fit, known = least_squares(predict, fits.model, start, data, variance)
        ended = time.process_time()
        best = np.asarray(ravel_pytree(fits.model.values(fit.parameters))[0], np.float64)
        errors = np.array(list(known.errors.values()))
        found[kind] = {
            "settled": fit.minima[0].settled,
            "reason": fit.reason,
            "off": (best - values).tolist(),
            "errors": errors.tolist(),
            "chi squared": fit.verdict.chi_squared,
            "expected": fit.verdict.expected,
            "seconds": ended - begun,
        }
    return {"names": list(fits.middle), "fits": found}


def mocks(chosen: argparse.Namespace) -> Iterator[dict]:
    """Those that the file lacks."""
    done = {(line["snr"], line["mock"]) for line in lines(chosen.out)}
    for snr in chosen.snr:
        wanted = [mock for mock in range(chosen.mocks) if (snr, mock) not in done]
        if wanted:
            fits = Fits(snr, chosen.floor)
            for mock in wanted:
                yield {"snr": snr, "mock": mock, "floor": chosen.floor} | read(fits, snr, mock)


def spread(off: np.ndarray) -> np.ndarray:
    """The standard deviation of normal numbers of which 68 per cent are no further from zero, for each parameter."""
    return np.quantile(np.abs(off), 0.68, axis=0) / INSIDE


def table(found: list[dict]) -> str:
    """One row for each signal-to-noise ratio and kind of fit: how often the truth lies within the central 68 per cent
    that normal errors state, of all parameters and of the worst; the scatter of what is found over what is stated; and
    over that of fits of elements.
    """
    heads = (
        "S/N", "fit", "mocks", "settled", "68 % hold", "least", "most", "scatter over stated error", "largest",
        "scatter to that of elements", "chi squared over expected", "CPU s",
    )  # fmt: skip
    rows = [heads, ["---"] * len(heads)]
    for snr in sorted({line["snr"] for line in found}):
        some = [line for line in found if line["snr"] == snr]
        names = some[0]["names"]
        truest = spread(np.array([line["fits"]["elements"]["off"] for line in some]))
        for kind in some[0]["fits"]:
            fits = [line["fits"][kind] for line in some]
            off, errors = (np.array([fit[name] for fit in fits]) for name in ("off", "errors"))
            pulls = off / errors
            inside, scatter = (np.abs(pulls) <= INSIDE).mean(axis=0), spread(pulls)
            rows.append([
                f"{snr:g}", kind, len(fits), sum(fit["settled"] for fit in fits), f"{inside.mean():.3f}",
                f"{inside.min():.3f} {names[inside.argmin()]}", f"{inside.max():.3f} {names[inside.argmax()]}",
                f"{scatter.mean():.2f}", f"{scatter.max():.2f} {names[scatter.argmax()]}",
                f"{np.mean(spread(off) / truest):.3f}",
                f"{np.mean([fit['chi squared'] / fit['expected'] for fit in fits]):.3f}",
                f"{np.mean([fit['seconds'] for fit in fits]):.2f}",
            ])  # fmt: skip
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mocks", type=int, default=400, help="at each signal-to-noise ratio")
    arguments.add_argument("--snr", nargs="+", type=float, default=[20.0])
    arguments.add_argument("--floor", type=float, default=0.05, help="of the correlation that a survey states")
    arguments.add_argument("--out", type=Path, default=Path("fibres.jsonl"))
    chosen = arguments.parse_args()
    report("fibres", mocks(chosen), chosen.out, table)


if __name__ == "__main__":
    main()
