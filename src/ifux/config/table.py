"""Which names in a description stand for which modules. Which numbers make sense is said by their fields."""

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
    "lsf": {
        "none": lsf.NoLSF,
        "gaussian": lsf.GaussianLSF,
        "resolving-power": lsf.ResolvingPowerLSF,
        "polynomial": lsf.PolynomialLSF,
        "table": lsf.TableLSF,
        "gauss-hermite": lsf.GaussHermiteLSF,
        "boxcar": lsf.BoxcarLSF,
    },
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

GIVEN = {"library", "axes", "uniform", "normal"}
"""Arguments that do not come from the description."""

FOLLOWS = {"kinematics": {"reach", "beyond", "spacing"}}
"""Arguments that follow from the galaxy and from the resolution where a description does not say them."""

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

DRAWN = {"count": 100_000, "seed": 0}
"""Of a parametric galaxy: how many particles, and the seed of their random numbers."""

SEEDS = 2**32
"""Number of seeds: in single precision JAX takes a greater one for the seed that is left when this is taken off."""
