"""`ifux instruments`: what ifux can observe with."""

import argparse
import math
from typing import Any

from ifux import instruments

LIBRARIES = {
    "the embedded library": (2950, 10_556),
    "MILES": (3540, 7410),
    "XSL": (3500, 24_800),
    "E-MILES": (1680, 50_000),
    "C3K": (100, 1_000_000),
}
"""First and last wavelength of stellar libraries that ifux has or reads [angstrom, at rest].

References: Vazdekis et al. (2010), MNRAS 404, 1639; Verro et al. (2022), A&A 661, A50; Vazdekis et al. (2016), MNRAS
463, 3409; Conroy et al. (2018), ApJ 854, 139.
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser("instruments", parents=[common], help="the instruments that ifux knows")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="all numbers of one, or of a JSON file, and their sources"
    )
    parser.set_defaults(function=show)


def show(arguments: argparse.Namespace) -> None:
    """A line for each instrument, or all numbers of one."""
    print("\n".join(table() if arguments.name is None else sheet(instruments.load(arguments.name))))


def table() -> list[str]:
    """A line for each instrument."""
    rows = [("name", "field", "spaxel", "wavelengths", "R", "PSF", "plane", "assumed")]
    units = [("", "[arcsec]", "[arcsec]", "[angstrom]", "", "FWHM [arcsec]", "", "numbers")]
    rows += units + [(name, *summary(instruments.load(name))) for name in instruments.names()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, "", "ifux instruments NAME tells all numbers of one, and where they are from."]


def summary(preset: dict) -> tuple[str, ...]:
    """What tells an instrument apart: field, spaxel, range, resolving power, PSF, plane, numbers that are assumed."""
    telescope = preset["telescope"]
    x, y = sides(telescope["spaxels"]["pitch"])
    wide, tall = telescope["spaxels"]["size"]
    low, high = span(telescope["wavelengths"])
    middle = (low + high) / 2
    medium = telescope["wavelengths"]["medium"]
    return (
        f"{wide * x:.3g} x {tall * y:.3g}",
        f"{x:.4g}" if x == y else f"{x:.3g} x {y:.3g}",
        f"{low:.0f} to {high:.0f}, {medium}",
        f"{middle / line_width(telescope['lsf'], middle):.0f}",
        seeing(telescope["psf"], middle),
        collected(preset),
        str(len(preset.get("assumed", []))),
    )


def collected(preset: dict) -> str:
    """What collects the light: fibres of a bundle x exposures with dithers, or else the word of the preset."""
    plane = preset["telescope"].get("focal_plane", {})
    if plane.get("kind") != "fibre-bundle":
        return "reconstructed" if "reconstructed" in (word := preset.get("plane", "")) else word
    layout, dithers = plane["layout"], len(plane.get("dithers", [0]))
    count = {
        "hexagonal": lambda: 1 + 3 * layout["rings"] * (layout["rings"] + 1),
        "rectangular": lambda: layout["columns"] * layout["rows"],
        "rows": lambda: sum(layout["counts"]),
        "table": lambda: len(layout["positions"]),
    }[layout["kind"]]()
    element = "fibres" if plane["footprint"]["kind"] == "circle" else "lenslets"
    return f"{count} {element}" + (f" x {dithers}" if dithers > 1 else "")


def sheet(preset: dict) -> list[str]:
    """All numbers of an instrument, with the source of each, and which libraries reach it."""
    sources, assumed = preset.get("sources", {}), set(preset.get("assumed", []))
    lines = [preset.get("name", ""), preset.get("description", ""), preset.get("citation", ""), ""]
    for path, value in leaves(preset["telescope"], "telescope"):
        source = next((sources[known] for known in (path, *parents(path)) if known in sources), "")
        lines.append(f"{path} = {value}{f'  # {source}' if source else ''}")
    lines += [
        f"{path}  # {source}"
        for path, source in sources.items()
        if path not in dict(leaves(preset["telescope"], "telescope"))
    ]
    low, high = span(preset["telescope"]["wavelengths"])
    reach = [name for name, (first, last) in LIBRARIES.items() if first < low and high < last]
    return [
        *lines,
        "",
        f"Assumed: {len(assumed)}.",
        f"Reached at redshift 0 by: {', '.join(reach) or 'none that is known'}.",
    ]


def leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    """Numbers, names and lists of a description, each with its path."""
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}")]


def parents(path: str) -> list[str]:
    """Paths above a path, the nearest first."""
    words = path.split(".")
    return [".".join(words[:count]) for count in range(len(words) - 1, 1, -1)]


def sides(pitch: Any) -> tuple[float, float]:
    """Of a spaxel along x and y, one number for squares [arcsec]."""
    x, y = pitch if isinstance(pitch, list) else (pitch, pitch)
    return x, y


def span(wavelengths: dict) -> tuple[float, float]:
    """Centres of the first and of the last channel [angstrom]."""
    if "edges" in wavelengths:
        edges = wavelengths["edges"]
        return (edges[0] + edges[1]) / 2, (edges[-2] + edges[-1]) / 2
    start, channels = wavelengths["start"], wavelengths["size"] - 1
    if wavelengths.get("kind") == "log":
        return start, start * math.exp(wavelengths["step"] * channels)
    return start, start + wavelengths["step"] * channels


def line_width(lsf: dict, wave: float) -> float:
    """Full width at half maximum at a wavelength [angstrom]."""
    kind = lsf["kind"]
    if "lsf" in lsf:
        return line_width(lsf["lsf"], wave)
    if kind == "resolving-power":
        return wave / lsf["resolving_power"]
    if kind == "polynomial":
        t, width = (wave - lsf.get("reference", 0.0)) / lsf.get("scale", 1.0), 0.0
        for coefficient in lsf["coefficients"]:
            width = width * t + coefficient
        return width
    if kind == "table":
        return between(wave, lsf["wave"], lsf["fwhm"])
    return lsf["fwhm"]


def between(place: float, nodes: list[float], values: list[float]) -> float:
    """Straight lines between nodes, held at the ends."""
    for (low, first), (high, last) in zip(
        zip(nodes, values, strict=True), zip(nodes[1:], values[1:], strict=True), strict=False
    ):
        if place <= high:
            return first + (last - first) * max(0.0, (place - low) / (high - low))
    return values[-1]


def seeing(psf: dict, wave: float) -> str:
    """The width of a PSF at a wavelength, and what it is [arcsec]."""
    if psf["kind"] in ("none", "image"):
        return psf["kind"]
    if psf["kind"] in ("core-halo", "coarse-halo"):
        return f"{psf['core']['fwhm']:.3g} in {psf['halo']['fwhm']:.3g}"
    if "stretches" in psf:
        return f"{psf['psf'].get('fwhm', 1.0) * between(wave, psf['wavelengths'], psf['stretches']):.3g}"
    return f"{psf['fwhm']:.3g}" if "fwhm" in psf else seeing(psf["psf"], wave)
