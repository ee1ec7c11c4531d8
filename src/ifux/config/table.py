"""Which names in a description stand for which modules. Which numbers make sense is said by their fields."""

from collections.abc import Callable
from typing import Any

from ifux import (
    dust,
    emission,
    exposure,
    focal_plane,
    grids,
    kinematics,
    lsf,
    noise,
    orientation,
    psf,
    sky,
    sources,
    spaxels,
    ssp,
    target,
)
from ifux.galaxies import DiscBulge, GasDisc
from ifux.io.files.continuum import read_continuum
from ifux.io.files.lsf import field_lsf
from ifux.io.files.psf import read_psf
from ifux.io.files.source_cube import read_source_cube
from ifux.io.lines.read import tabulated_emission
from ifux.io.skies import read_sky, read_throughput
from ifux.nuclei import nuclear_lines

KINDS: dict[str, dict[str, Callable[..., Any]]] = {
    "channels": {
        "even": grids.Wavelengths,
        "log": grids.LogWavelengths,
        "table": grids.TableWavelengths.of_edges,
    },
    "target": {"cosmological": target.CosmologicalTarget, "fixed": target.FixedTarget},
    "orientation": {"euler": orientation.EulerOrientation, "inclined": orientation.InclinedOrientation},
    "spaxels": {"square": spaxels.SquareSpaxels, "rectangular": spaxels.RectangularSpaxels},
    "kinematics": {"channels": kinematics.VelocityChannels, "resting": kinematics.RestingKinematics},
    "ssp": {
        "grid": ssp.GridSSP.from_library,
        "low-rank": ssp.LowRankSSP.from_library,
        "mixed": ssp.MixedSpectra.from_library,
    },
    "emission": {
        "none": emission.NoEmission,
        "star-forming": emission.StarFormingEmission,
        "tabulated": tabulated_emission,
        "young-stars": emission.YoungStarEmission.of_table,
    },
    "dust": {"none": dust.NoDust, "screen": dust.ScreenDust},
    "psf": {
        "none": psf.NoPSF,
        "gaussian": psf.GaussianPSF,
        "narrow-gaussian": psf.NarrowGaussianPSF,
        "double-gaussian": psf.DoubleGaussianPSF,
        "moffat": psf.MoffatPSF,
        "core-halo": psf.CoreHaloPSF,
        "coarse-halo": psf.CoarseHaloPSF,
        "elliptical": psf.EllipticalPSF,
        "image": read_psf,
        "chromatic": psf.ChromaticPSF,
        "chromatic-polynomial": psf.ChromaticPolynomialPSF,
        "chromatic-table": psf.ChromaticTablePSF,
    },
    "focal_plane": {
        "slicer": focal_plane.Slicer,
        "drizzled-slicer": focal_plane.drizzled_slicer,
        "aperture": focal_plane.Aperture,
        "fibre-bundle": focal_plane.fibre_bundle,
    },
    "lsf": {
        "none": lsf.NoLSF,
        "gaussian": lsf.GaussianLSF,
        "resolving-power": lsf.ResolvingPowerLSF,
        "polynomial": lsf.PolynomialLSF,
        "table": lsf.TableLSF,
        "gauss-hermite": lsf.GaussHermiteLSF,
        "boxcar": lsf.BoxcarLSF,
        "field": field_lsf,
    },
    "noise": {
        "none": noise.NoNoise,
        "constant": noise.ConstantNoise,
        "target-snr": exposure.target_snr,
        "scaled": noise.ScaledNoise,
        "exposure": exposure.exposure_noise,
        "bad-pixels": noise.BadPixelNoise,
    },
    "sky": {"none": sky.no_sky, "flat": sky.flat_sky, "night": sky.night_sky, "file": read_sky},
    "throughput": {
        "flat": exposure.flat_throughput,
        "table": exposure.table_throughput,
        "file": read_throughput,
    },
    "layout": {
        "hexagonal": focal_plane.hexagonal,
        "rectangular": focal_plane.rectangular,
        "rows": focal_plane.rows,
        "table": focal_plane.table,
    },
    "footprint": {
        "circle": focal_plane.Circle,
        "ellipse": focal_plane.Ellipse,
        "rectangle": focal_plane.Rectangle,
        "hexagon": focal_plane.Hexagon,
        "soft": focal_plane.Soft,
    },
    "reconstruction": {"shepard": focal_plane.Shepard, "drizzle": focal_plane.Drizzle},
    "refraction": {"none": focal_plane.NoRefraction, "atmospheric": focal_plane.AtmosphericRefraction},
    "curve": {"calzetti": dust.CalzettiCurve, "cardelli": dust.CardelliCurve},
    "cosmology": {"flat-lambda-cdm": target.FlatLambdaCDM},
    "nucleus": {"point": sources.PointSource},
    "component": {
        "none": sources.NoComponent,
        "power-law": sources.PowerLaw,
        "file": read_continuum,
        "lines": nuclear_lines,
    },
    "model": {"disc-bulge": DiscBulge},
    "gas": {"disc": GasDisc},
    "source": {"cube": read_source_cube},
}
"""Family and kind to what is called with the other keys. To add a stage, add its line here."""

USUAL = {"channels": "even", "kinematics": "channels"}
"""Kinds that a description need not name. Channels are those of the detector, under telescope.wavelengths."""

INSIDE = {**{family: family for family in KINDS}, "core": "psf", "halo": "psf", "filter": "throughput"} | {
    "continuum": "component", "lines": "component",
}  # fmt: skip
"""The family of a stage inside another, by the key under which it stands there."""

GIVEN = {"library", "seen", "axes", "uniform", "normal", "observed", "element_area", "places", "shape"}
"""Arguments that do not come from the description."""

FOLLOWS = {
    "kinematics": {"reach", "beyond", "spacing"},
    "emission": {"lines"},
    "spaxels": {"oversampling", "degree"},
    "psf": {"reach", "band", "terms", "nodes", "coarse"},
    "focal_plane": {"reach", "nodes"},
}
"""Arguments that follow from the galaxy, the resolution or other stages where a description does not say them."""

DEFAULTS = {
    "orientation": {"kind": "inclined", "inclination": 0.0},
    "kinematics": {"kind": "channels"},
    "ssp": {"kind": "low-rank"},
    "dust": {"kind": "none"},
    "psf": {"kind": "none"},
    "focal_plane": {"kind": "slicer"},
    "lsf": {"kind": "none"},
    "noise": {"kind": "none"},
}
"""Stages of a telescope that a description leaves out."""

DRAWN = {"count": 100_000, "seed": 0}
"""Of a parametric galaxy: how many particles, and the seed of their random numbers."""

CELLS = {"count": 100_000}
"""Of its gas: how many cells."""

SEEDS = 2**32
"""Number of seeds: in single precision JAX takes a greater one for the seed that is left when this is taken off."""
