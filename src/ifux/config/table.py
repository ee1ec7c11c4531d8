"""Which names in a description stand for which modules, and which numbers make sense."""

from collections.abc import Callable

import equinox as eqx

from ifux import dust, kinematics, lsf, noise, orientation, psf, spaxels, ssp, target
from ifux.galaxies import DiscBulge

KINDS: dict[str, dict[str, Callable[..., eqx.Module]]] = {
    "target": {"cosmological": target.CosmologicalTarget, "fixed": target.FixedTarget},
    "orientation": {"euler": orientation.EulerOrientation, "inclined": orientation.InclinedOrientation},
    "spaxels": {"square": spaxels.SquareSpaxels},
    "kinematics": {"channels": kinematics.VelocityChannels},
    "ssp": {"grid": ssp.GridSSP.from_library, "low-rank": ssp.LowRankSSP.from_library},
    "dust": {"none": dust.NoDust, "screen": dust.ScreenDust},
    "psf": {"none": psf.NoPSF, "gaussian": psf.GaussianPSF, "moffat": psf.MoffatPSF, "chromatic": psf.ChromaticPSF},
    "lsf": {"none": lsf.NoLSF, "gaussian": lsf.GaussianLSF},
    "noise": {
        "none": noise.NoNoise,
        "constant": noise.ConstantNoise,
        "target-snr": noise.TargetSNRNoise,
        "scaled": noise.ScaledNoise,
    },
    "curve": {"calzetti": dust.CalzettiCurve, "cardelli": dust.CardelliCurve},
    "cosmology": {"flat-lambda-cdm": target.FlatLambdaCDM},
    "model": {"disc-bulge": DiscBulge},
}
"""Family and kind to what is called with the other keys. To add a stage, add its line here."""

GIVEN = {"library", "axes"}
"""Arguments that do not come from the description."""

DEFAULTS = {
    "orientation": {"kind": "inclined", "inclination": 0.0},
    "kinematics": {"kind": "channels"},
    "ssp": {"kind": "low-rank"},
    "dust": {"kind": "none"},
    "psf": {"kind": "none"},
    "lsf": {"kind": "none"},
    "noise": {"kind": "none"},
}
"""Stages of a telescope that a description leaves out."""

BESIDE = {"grid": {"kinematics": {"spacing": 40.0}}}
"""More defaults beside a kind of library: an exact one has velocity nodes that err by less than 1e-3 too."""

POSITIVE = {
    "fwhm", "pitch", "distance", "level", "snr", "rv", "hubble", "matter", "spacing", "reach", "tolerance", "step",
    "start", "mass", "disc_scale", "disc_height", "bulge_scale", "turnover_radius", "disc_age", "bulge_age",
    "metallicity", "chunk", "block", "factor",
}  # fmt: skip
"""Keys whose numbers must be greater than zero."""

NOT_NEGATIVE = {
    "redshift", "depth", "temperature", "neutrino_mass", "disc_dispersion", "bulge_dispersion", "age_scatter",
    "metallicity_scatter", "bulge_fraction",
}  # fmt: skip
"""Keys whose numbers must not be below zero."""

ABOVE_ONE = {"beta"}
"""Keys whose numbers must be greater than one: a Moffat function of slope one has no finite flux."""

AT_MOST_ONE = {"tolerance", "matter", "metallicity", "bulge_fraction"}
"""Keys whose numbers are shares."""

SEEDS = 2**32
"""Number of seeds: in single precision JAX takes a greater one for the seed that is left when this is taken off."""
