"""Does every preset see as its numbers say?

    python benchmarks/presets.py [--presets muse-wfm manga-log ...]

Each preset is cut to a few spaxels and some hundred channels around three wavelengths of its range, with a made-up
library that is sharper than its spectrograph. A star with a spectrum of one unresolved line is observed where it stands
on the corner of four spaxels. One JSON line each: the cells to a spaxel, the reach of the PSF and the spacing of the
velocity nodes that follow from its numbers; the light that reaches the field, over that of the star; the width of the
line over that asked for, pixel included, at the three wavelengths; and the largest difference of the image from the PSF
integrated over spaxels, over its peak. A bundle is cut to the seven fibres around its middle: its image is what they
collect in all exposures, beside the PSF integrated over their footprints.
"""

import argparse
import dataclasses
import json
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ifux
from ifux import config, instruments
from ifux.config.build import resolving
from ifux.config.cells import read_from

SIGMA = math.sqrt(8 * math.log(2))
STAND_IN = {"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "embedded"}}


def described(name: str) -> dict:
    """The resolved telescope of a preset before a galaxy at rest."""
    target = {"kind": "fixed", "redshift": 0.0, "distance": 100.0}
    return config.resolved({**STAND_IN, "telescope": {"instrument": name, "target": target}})["telescope"]


def lines(wave: np.ndarray, centre: float, fwhm: float) -> ifux.SSPLibrary:
    """A library of one population: a line at a wavelength on a faint continuum."""
    flux = 1e-6 + np.exp(-0.5 * ((wave - centre) / (fwhm / SIGMA)) ** 2)
    ones = np.ones((2, 2, 1))
    return ifux.SSPLibrary(
        name="a line", metallicity=np.array([0.01, 0.03]), age=np.array([1.0, 10.0]), wavelength=wave,
        flux=ones * flux, fwhm=np.full(wave.size, fwhm), medium="vacuum", imf="none", citation="nobody",
    )  # fmt: skip


def width(edges: np.ndarray, flux: np.ndarray, sigma: float) -> float:
    """FWHM of a line from its second moment, as of a Gaussian [angstrom]."""
    middle, weight = (edges[1:] + edges[:-1]) / 2, flux * np.diff(edges)
    near = np.abs(middle - np.average(middle, weights=weight)) < 6 * sigma
    mean = np.average(middle[near], weights=weight[near])
    return SIGMA * math.sqrt(np.average((middle[near] - mean) ** 2, weights=weight[near]))


@eqx.filter_jit
def observed(telescope: ifux.Telescope, stars: ifux.Particles):
    """The noiseless cube."""
    return telescope(stars)


@eqx.filter_jit
def collected(telescope: ifux.Telescope, stars: ifux.Particles):
    """The noiseless spectra of fibres."""
    return telescope.expose(stars)


def seen(name: str) -> dict:
    """What a preset shows of a star with a line."""
    description = described(name)
    stages, channels = config.parts(description)
    sides = np.array(stages["spaxels"].known_sides)
    size = 9 if max(stages["spaxels"].oversampling) < 6 else 5
    spaxels = eqx.tree_at(lambda s: s.centre, stages["spaxels"], jnp.asarray(sides / 2))
    spaxels = dataclasses.replace(spaxels, size=(size, size))
    plane = cut(stages["focal_plane"], spaxels)
    found = {"preset": name, "cells": [*spaxels.oversampling], "degree": spaxels.degree, "reach": stages["psf"].margin}
    found["widths"] = {}
    for share in (0.25, 0.5, 0.75):
        middle = int(share * channels.size)
        part = channels.part(max(0, middle - 60), min(channels.size, middle + 60))
        if part.missing().any():
            continue
        centre = float(part.centres()[part.size // 2])
        pixel = float(part.widths()[part.size // 2])
        vacuum = centre if part.medium == "vacuum" else float(ifux.grids.to_vacuum(np.array([centre]))[0])
        asked = float(stages["lsf"].width(jnp.asarray([centre]))[0])
        wanted = asked if stages["lsf"].includes_pixel else math.hypot(asked, SIGMA * pixel / math.sqrt(12))
        sharp = 0.4 * math.sqrt(max(wanted**2 - (SIGMA * pixel) ** 2 / 12, (0.3 * wanted) ** 2))
        low, high = part.vacuum_edges()[[0, -1]]
        reach = 0.01 * centre + 60 * pixel
        library = lines(np.arange(low - reach, high + reach, sharp / 3), vacuum, sharp)
        fitted, _, _ = resolving(stages, part, description, library)
        kinematics = dataclasses.replace(fitted["kinematics"], reach=2 * fitted["kinematics"].spacing)
        library, part = library.matched(part, 0.0, kinematics.span)
        telescope = ifux.Telescope(
            wavelengths=part, target=stages["target"], orientation=ifux.EulerOrientation(), spaxels=spaxels,
            kinematics=kinematics, ssp=ifux.GridSSP.from_library(library), dust=ifux.NoDust(), psf=stages["psf"],
            focal_plane=plane, lsf=stages["lsf"], noise=ifux.NoNoise(),
        )  # fmt: skip
        star = ifux.Particles(np.zeros((1, 3)), np.zeros((1, 3)), np.ones(1), np.full(1, 5.0), np.full(1, 0.02))
        cube = np.nan_to_num(np.asarray(observed(telescope, star), np.float64))
        spectrum = cube.sum(axis=(0, 1))
        found["widths"][f"{centre:.0f}"] = round(width(part.edges(), spectrum, wanted / SIGMA) / wanted, 4)
        found["spacing"] = kinematics.spacing
    truth, image = integrated(stages["psf"], plane, sides, size, centre), cube[..., cube.shape[2] // 2]
    if isinstance(plane, ifux.FibreBundle):
        image = np.asarray(collected(telescope, star), np.float64)[..., cube.shape[2] // 2]
    found["light"] = round(float(spectrum.max() / np.asarray(telescope.templates()).max()), 4)
    if truth is not None:
        scaled = image / image.sum() * truth.sum()
        found["image"] = float(f"{np.abs(scaled - truth).max() / truth.max():.1e}")
    return found


def cut(plane: ifux.AbstractFocalPlane, spaxels: ifux.RectangularSpaxels) -> ifux.AbstractFocalPlane:
    """Of a bundle the seven fibres around its middle; anything else as it is."""
    if not isinstance(plane, ifux.FibreBundle):
        return plane
    middle = np.argsort(np.hypot(*np.asarray(plane.positions).T), kind="stable")[:7]
    throughput = None if plane.throughput is None else plane.throughput[middle]
    few = dataclasses.replace(plane, positions=plane.positions[middle], throughput=throughput, broken=())
    return dataclasses.replace(few, **read_from(few, spaxels))


def integrated(
    psf: ifux.AbstractPSF, plane: ifux.AbstractFocalPlane, sides: np.ndarray, size: int, wave: float
) -> np.ndarray | None:
    """The PSF at a wavelength over spaxels, the star on the corner of four, or over fibres; None without a profile."""
    stretch = float(psf.stretch(jnp.asarray([wave]))[0]) if hasattr(psf, "stretch") else 1.0
    profile = psf.psf if hasattr(psf, "stretch") else psf
    if isinstance(profile, ifux.CoarseHaloPSF):
        profile = ifux.CoreHaloPSF(profile.core, profile.halo, profile.share)
    if not isinstance(profile, ifux.AbstractKernelPSF):
        return None

    def seen_at(east: np.ndarray, north: np.ndarray) -> np.ndarray:
        return np.asarray(profile.brightness(jnp.asarray(east), jnp.asarray(north))) / stretch**2

    if isinstance(plane, ifux.FibreBundle):
        points, shares = (np.asarray(of, np.float64) for of in plane.footprint.quadrature(24))
        places = np.asarray(plane.places(None), np.float64)[:, :, None] + points + sides / 2
        return seen_at(*np.moveaxis(places / stretch, -1, 0)) @ shares * float(plane.footprint.area())
    nodes, shares = np.polynomial.legendre.leggauss(24)
    within = np.arange(size)[:, None] - size / 2 + (nodes + 1) / 2
    x, y = (within - 0.5) * sides[0] / stretch, (within + 0.5) * sides[1] / stretch
    values = seen_at(*np.broadcast_arrays(-x[None, None], y[:, :, None, None]))
    return np.einsum("yaxb,a,b->yx", values, shares / 2, shares / 2) * sides.prod()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--presets", nargs="+", default=instruments.names(), help="some of them; by default all")
    for name in arguments.parse_args().presets:
        print(json.dumps(seen(name)), flush=True)
        jax.clear_caches()  # a process has room for the programs of some seventy presets


if __name__ == "__main__":
    main()
