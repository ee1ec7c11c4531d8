"""Descriptions of earlier schemes, made to mean today what they meant when they were written.

A resolved description says of which scheme it is, and so does the header of a cube. The scheme counts up when the same
description would make another cube: where a default that it does not hold has changed, a step writes the old one out;
where the cube cannot be the same, a sentence says exactly what differs. What somebody writes by hand has today's
defaults and needs no scheme.
"""

from copy import deepcopy
from typing import Any

from ifux.errors import InputError

SCHEME = 5
"""Of the descriptions that are written today. Records of scheme 1 do not say so."""

WHOLE = {
    "target", "orientation", "spaxels", "kinematics", "ssp", "dust", "psf", "lsf", "noise", "wavelengths", "trim",
    "accept_coarse_library",
}  # fmt: skip
"""What the telescope of every record holds, of any scheme."""

UNSAID: dict[str, dict[str, dict[str, Any]]] = {
    "target": {"cosmological": {"cosmology": {}}},
    "cosmology": {
        "flat-lambda-cdm": {"hubble": 67.74, "matter": 0.3075, "temperature": 2.7255, "neutrino_mass": 0.06}
    },
    "orientation": {"inclined": {"position_angle": 0.0}, "euler": {"alpha": 0.0, "beta": 0.0, "gamma": 0.0}},
    "spaxels": {"square": {"centre": [0.0, 0.0], "degree": 3}},
    "kinematics": {"channels": {"spacing": 50.0, "degree": 3}},
    "ssp": {"low-rank": {"tolerance": 1e-3}},
    "dust": {"screen": {"curve": {"kind": "calzetti"}}},
    "curve": {"calzetti": {"rv": 4.05}, "cardelli": {"rv": 3.1}},
    "psf": {
        "gaussian": {"reach": 16},
        "moffat": {"beta": 2.8, "reach": 24},
        "chromatic": {"slope": -0.2, "reference": 5000.0, "band": [4650.0, 9400.0], "terms": 4},
    },
    "noise": {},
    "galaxy": {
        "disc-bulge": {
            "count": 100_000, "seed": 0, "mass": 5e10, "bulge_fraction": 0.25, "disc_scale": 3.0, "disc_height": 0.4,
            "bulge_scale": 0.5, "rotation_speed": 220.0, "turnover_radius": 1.5, "disc_dispersion": 70.0,
            "bulge_dispersion": 120.0, "disc_age": 7.0, "disc_age_gradient": -0.03, "bulge_age": 10.0,
            "age_scatter": 0.1, "metallicity": 0.025, "metallicity_gradient": -0.04, "metallicity_scatter": 0.1,
        }
    },
}  # fmt: skip
"""Defaults of scheme 1, which its records do not hold. A grid of the library had 40 km/s between velocity nodes from
2026-11-28 on, and its records say so; those before had 50."""


def said(family: str, stage: Any) -> Any:
    """A stage of scheme 1, with what it left unsaid."""
    if not isinstance(stage, dict):
        return stage
    kinds = UNSAID[family]
    kind = stage.get("kind", next(iter(kinds), None))
    stage = deepcopy(kinds.get(kind, {}) if isinstance(kind, str) else {}) | stage
    return {key: said(key, value) if key in UNSAID else value for key, value in stage.items()}


def from_1_to_2(description: dict) -> list[str]:
    """Defaults were unsaid, the line spread function was that at the systemic redshift, stars beyond the reach dark."""
    description["galaxy"] = said("galaxy", description["galaxy"])
    telescope, compute = description["telescope"], description.get("compute", {})
    if isinstance(compute, dict) and compute.get("contract") == "lit":
        compute["contract"] = "occupied"
    for family in UNSAID.keys() & telescope.keys():
        telescope[family] = said(family, telescope[family])
    changed = []
    if named(telescope["lsf"]) != "none":
        changed.append(
            "the line spread function is now taken at the velocity of the stars: in scheme 1 it was that at the "
            "systemic redshift, and its width wrong by a share v/c of itself, 0.1 % at 300 km/s"
        )
    changed.append(
        "stars faster than telescope.kinematics.reach now keep their light, at the velocity of the last channel: in "
        "scheme 1 they were dark"
    )
    if named(telescope["noise"]) != "none":
        changed.append(
            "its noise has the random numbers that were drawn from 2026-11-28 on: a cube made before has others of the "
            "same distribution"
        )
    return changed


def from_2_to_3(description: dict) -> list[str]:
    """One cell to a spaxel, nothing turned about itself or seen in perspective; a chromatic PSF was a polynomial."""
    telescope = description["telescope"]
    if isinstance(telescope["spaxels"], dict):
        telescope["spaxels"] = {"oversampling": [1, 1], "position_angle": 0.0} | telescope["spaxels"]
    for family, kind, unsaid in (
        ("orientation", "inclined", {"azimuth": 0.0}),
        ("target", "fixed", {"perspective": False}),
        ("target", "cosmological", {"perspective": False, "hubble_flow": False}),
    ):
        if named(telescope[family]) == kind:
            telescope[family] = unsaid | telescope[family]
    spacing = 40.0 if named(telescope["ssp"]) == "grid" else 50.0
    for family, unsaid in (("kinematics", {"spacing": spacing}), ("lsf", {"includes_pixel": False})):
        if isinstance(telescope[family], dict) and named(telescope[family]) in ("channels", "gaussian", None):
            telescope[family] = unsaid | telescope[family]
    telescope["focal_plane"] = {"kind": "slicer"}
    if named(telescope["psf"]) == "chromatic":
        telescope["psf"] = {"nodes": 0} | telescope["psf"]
    return []


def named(stage: Any) -> Any:
    """The kind of a stage."""
    return stage.get("kind") if isinstance(stage, dict) else None


def from_3_to_4(description: dict) -> list[str]:
    """Spectra of a library were taken for means over its pixels."""
    return [
        "the spectra of the library are now values at its resolution: up to scheme 3 they were taken for means over "
        "its pixels, and lines were narrower by the variance of one: those of MILES by 3 % of the library's own width"
    ]


def from_4_to_5(description: dict) -> list[str]:
    """Light was spread by cubic splines, on as many cells as these need."""
    telescope = description["telescope"]
    if isinstance(telescope["spaxels"], dict):
        telescope["spaxels"] = {"degree": 3} | telescope["spaxels"]
    return []


STEPS = [from_1_to_2, from_2_to_3, from_3_to_4, from_4_to_5]
"""From each scheme to the next, in place; each returns what it could not keep."""


def whole(description: dict) -> bool:
    """Nothing is left to an instrument or to a default stage, as in the header of a cube."""
    telescope = description.get("telescope")
    return (
        {"galaxy", "library", "seed"} <= description.keys()
        and isinstance(telescope, dict)
        and telescope.keys() >= WHOLE
        and "instrument" not in telescope
    )


def converted(description: dict) -> tuple[dict, tuple[str, ...]]:
    """A description in the scheme of today, and a sentence for each reason why its cube is not what it was.

    Raises:
        InputError: the scheme is none, or of a later version, or the description of an earlier one is not whole.
    """
    scheme = description.get("scheme", 1 if whole(description) else SCHEME)
    if not isinstance(scheme, int) or isinstance(scheme, bool) or scheme < 1:
        raise InputError(f"scheme: {scheme!r} is not a whole number from 1 to {SCHEME}")
    if scheme > SCHEME:
        raise InputError(f"scheme: {scheme} is that of a later version of ifux; this one knows schemes up to {SCHEME}")
    if scheme < SCHEME and not whole(description):
        raise InputError(
            f"scheme: a description of scheme {scheme} must be whole, as the header of a cube holds it; leave the "
            "scheme out to have today's defaults"
        )
    description, changed = deepcopy(description), []
    for step in STEPS[scheme - 1 :]:
        changed += step(description)
    return {"scheme": SCHEME} | description | {"scheme": SCHEME}, tuple(changed)
