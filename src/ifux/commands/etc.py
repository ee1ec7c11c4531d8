"""`ifux etc`: what an exposure is worth, or how long it must be."""

import argparse
from pathlib import Path
from typing import Any

from ifux.errors import InputError

STAND_IN = {
    "galaxy": {"kind": "disc-bulge"},
    "library": {"kind": "embedded"},
    "telescope": {"target": {"kind": "fixed", "redshift": 0.0, "distance": 10.0}},
}
"""What the noise of a surface brightness does not depend on."""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser(
        "etc", parents=[common], help="signal-to-noise ratios of exposures, and exposures for a ratio"
    )
    parser.add_argument("instrument", metavar="INSTRUMENT", help="a name of `ifux instruments`, or a CONFIG.json")
    parser.add_argument("--time", metavar="S", type=float, help="length of one exposure [s]")
    parser.add_argument("--count", metavar="N", type=float, help="number of exposures")
    parser.add_argument("--snr", metavar="RATIO", type=float, help="the ratio to reach, by more exposures")
    parser.add_argument(
        "--per", choices=["angstrom", "channel"], default="angstrom", help="what the ratio is of; default: angstrom"
    )
    parser.add_argument(
        "--band", metavar=("FROM", "TO"), type=float, nargs=2, help="wavelengths that count [angstrom]; default: all"
    )
    parser.add_argument("--magnitude", metavar="MAG", type=float, help="surface brightness [AB mag/arcsec2]")
    parser.add_argument(
        "--area", metavar="ARCSEC2", type=float, help="area that is added up; default: one spaxel or fibre"
    )
    parser.add_argument(
        "--spectrum", metavar="FILE", help="table of its spectrum, in vacuum; default: as bright at all frequencies"
    )
    parser.add_argument("--galaxy", metavar="FILE", type=Path, help="a galaxy, in place of a surface brightness")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="as in telescope.noise.sky.moon=0.5"
    )
    parser.set_defaults(function=etc)


def etc(arguments: argparse.Namespace) -> None:
    """Prints ratios, and exposures where a ratio is wanted."""
    if (arguments.magnitude is None) == (arguments.galaxy is None):
        raise InputError("give either --magnitude, a surface brightness, or --galaxy, a file")
    for name in ("time", "count", "snr", "area"):
        if (given := getattr(arguments, name)) is not None and not given > 0:
            raise InputError(f"argument --{name}: {given:g} is not greater than zero")
    description = described(arguments)
    of_galaxy(arguments, description) if arguments.galaxy else of_brightness(arguments, description)


def described(arguments: argparse.Namespace) -> dict:
    """The description of an observation, with the exposures that are asked for."""
    from ifux import config

    own = arguments.instrument.lower().endswith(".json")
    description = config.load(arguments.instrument) if own else {"telescope": {"instrument": arguments.instrument}}
    telescope = description.setdefault("telescope", {})
    noise = telescope.get("noise", {}) if isinstance(telescope, dict) else {}
    if not isinstance(noise, dict) or noise.get("kind", "exposure") != "exposure":
        noise = {}
    exposed = {"kind": "exposure"} | noise
    exposed |= {key: value for key in ("time", "count") if (value := getattr(arguments, key)) is not None}
    description["telescope"] = {**telescope, "noise": exposed}
    return config.with_settings(description, arguments.set)


def of_brightness(arguments: argparse.Namespace, description: dict) -> None:
    """A light that is even on the sky."""
    from ifux import config, exposure
    from ifux.io.skies import read_spectrum
    from ifux.units import ab_flux

    telescope = {**STAND_IN["telescope"], **description["telescope"]}
    resolved = config.resolved({**STAND_IN, **description, "telescope": telescope})["telescope"]
    stages, observed = config.parts(resolved)
    noise, band = stages["noise"], arguments.band and tuple(arguments.band)
    share = exposure.inside(band, observed)
    brightness = ab_flux(arguments.magnitude, exposure.centres_in_vacuum(observed))
    if arguments.spectrum:
        shape = read_spectrum(arguments.spectrum, "vacuum").on(observed)
        brightness = shape * (brightness @ share) / (shape @ share)
    plain = exposure.plain(noise)
    area = float(plain.element_area)
    elements = (arguments.area or area) / area
    made = exposure.spectroscopy(noise, brightness, elements=elements, band=band)
    print(f"{exposed(plain, stages['focal_plane'])}, {elements * area:g} arcsec2, {worded(band, observed)}")
    print(f"S/N {made.per_angstrom:.3g} per angstrom, {made.per_channel:.3g} per channel")
    if made.saturated:
        print("a pixel of the detector is full: take shorter exposures")
    if arguments.snr is None:
        return

    def reached(count: float) -> float:
        longer = exposure.with_exposures(plain, count=count)
        return exposure.spectroscopy(longer, brightness, elements=elements, band=band).of(arguments.per)

    print(wanted(arguments, exposure.needed(reached, arguments.snr), float(plain.time)))


def of_galaxy(arguments: argparse.Namespace, description: dict) -> None:
    """A galaxy from a file, spaxel by spaxel, or fibre by fibre."""
    import jax.numpy as jnp
    import numpy as np

    from ifux import exposure, run

    old = description.get("galaxy")
    options = old if isinstance(old, dict) and old.get("kind") == "file" else {}
    description["galaxy"] = {**options, "kind": "file", "path": str(arguments.galaxy)}
    description.setdefault("library", {"kind": "embedded"})
    session = run.prepare(description)
    cube = run.observe(session, noiseless=True)
    noise, observed = session.telescope.noise, cube.wavelengths
    plain, band = exposure.plain(noise), arguments.band and tuple(arguments.band)
    share = exposure.inside(band, observed)
    share = share / share.sum() / (np.diff(observed.edges()) ** 0.5 if arguments.per == "angstrom" else 1.0)
    element, light = "spaxel", cube.flux.reshape(observed.size, -1).T
    if cube.elements is not None:
        element, light = "fibre", cube.elements.flux.reshape(-1, observed.size)
    spectra = np.where(observed.missing(), 0, light)
    light = spectra @ (share > 0)
    bright = np.argsort(-light)
    half = bright[int(np.searchsorted(np.cumsum(light[bright]), light.sum() / 2))]

    def ratio(count: float, some: Any) -> Any:
        longer = exposure.with_exposures(plain, count=count)
        return np.asarray(longer.signal_to_noise(jnp.asarray(spectra[some])), np.float64) @ share

    count = float(plain.count)
    ratios = ratio(count, slice(None))
    where = f"{element}s of {float(plain.element_area):g} arcsec2, {worded(band, observed)}"
    print(f"{exposed(plain, session.telescope.focal_plane)}, {where}")
    brightest, faint = ratios[bright[0]], ratios[half]
    print(f"S/N per {arguments.per}: {brightest:.3g} in the brightest {element}, {faint:.3g} at half of the light")
    print(", ".join(f"{int((ratios >= least).sum())} {element}s above {least}" for least in (3, 10, 30)))
    if np.asarray(plain.saturated(jnp.asarray(spectra))).any():
        print("a pixel of the detector is full: take shorter exposures")
    if arguments.snr is not None:
        needed = exposure.needed(lambda count: float(ratio(count, [half])[0]), arguments.snr)
        print(wanted(arguments, needed, float(plain.time)) + ", at half of the light")


def exposed(plain: Any, plane: Any) -> str:
    """How often and how long an element is exposed."""
    from ifux.focal_plane import FibreBundle

    times = f"{float(plain.count):g} x {float(plain.time):g} s"
    dithers = plane.dithers.shape[0] if isinstance(plane, FibreBundle) else 1
    return f"{times} in each of {dithers} dithers" if dithers > 1 else times


def worded(band: Any, observed: Any) -> str:
    """Where the ratios are taken."""
    first, last = observed.edges()[[0, -1]] if band is None else band
    return f"{first:g} to {last:g} angstrom in {observed.medium}"


def wanted(arguments: argparse.Namespace, count: float, time: float) -> str:
    """How many exposures a ratio takes."""
    if count == float("inf"):
        return f"S/N {arguments.snr:g} per {arguments.per} is never reached: what is left of the sky stands in its way"
    return f"S/N {arguments.snr:g} per {arguments.per} takes {count:.3g} exposures, {count * time / 3600:.3g} hours"
