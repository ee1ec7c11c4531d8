"""Can fits be believed? Do they find the best minimum, and do their intervals hold the truth as often as they say?

    python benchmarks/fits.py [--mocks 400] [--kinds disc elliptical] [--snr 5 15 40 200] [--out fits.jsonl]
    python benchmarks/fits.py --table fits.jsonl

Mocks of 12 x 12 spaxels and 200 channels of parametric galaxies, discs that rotate and ellipticals that hardly do, with
fourteen free numbers of instrument, view and galaxy. Their truths are drawn from the priors, and so are, independently,
the starts of the fits. Mock and model have the same random numbers behind their particles. Each is fitted by
`least_squares` from up to eight starts, and once more from the truth, for comparison; its intervals are those of
`importance`. One JSON line for each mock, appended to the file, which is gone on with where it ends; then the table of
what the lines say, as Markdown.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

import ifux
from ifux.fitting import (
    AbstractDistribution,
    Freed,
    Isotropic,
    LogNormal,
    Uniform,
    Weighted,
    free,
    importance,
    least_squares,
)
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library

REDSHIFT = 0.02
PARTICLES = 600
STARTS = 8

INSTRUMENT = {
    "seeing": (lambda o: o.telescope.psf.fwhm, LogNormal(3.0, 0.04)),
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
        "disc_scale": LogNormal(3.0, 0.1),
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
        "disc_scale": LogNormal(3.0, 0.1),
        "disc_age": LogNormal(6.0, 0.15),
        "bulge_age": LogNormal(10.0, 0.1),
        "metallicity": LogNormal(0.02, 0.15),
        "mass": LogNormal(8e10, 0.2),
        "bulge_fraction": Uniform(0.5, 0.9),
    },
}
"""What is expected of the galaxies of each kind."""


def predict(observation: ifux.Observation) -> jax.Array:
    """The noiseless cube."""
    return observation()


predicted = eqx.filter_jit(predict)
