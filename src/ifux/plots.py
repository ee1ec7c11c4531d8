"""Pictures of cubes."""

from pathlib import Path

import numpy as np
from jaxtyping import ArrayLike, Bool, Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from ifux.io.files.cube import Cube
from ifux.io.files.writing import PICTURES, promised, replacing

SURFACE, INK, MUTED = "#fcfcfb", "#0b0b0b", "#52514e"


def portrait(path: str | Path, cube: Cube, *, overwrite: bool = False) -> None:
    """One picture: the flux image, the velocity and dispersion maps, and three spectra at growing radius.

    It is of the kind that the ending of its name says, one of `ifux.io.files.writing.PICTURES`.
    """
    promised(path, PICTURES, "a picture")
    figure = Figure(figsize=(12, 7.5), layout="constrained", facecolor=SURFACE)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, height_ratios=[1.15, 1])
    _, tall, wide = cube.flux.shape
    (across, up), angle = cube.pitch, cube.position_angle
    extent = np.array([wide * across, -wide * across, -tall * up, tall * up]) / 2
    seen = ~np.isnan(cube.flux)
    image = mean(cube.flux, seen)
    peak = max(float(image.max(where=np.isfinite(image), initial=0)), np.finfo(np.float32).tiny)
    bright = image > 0.003 * peak
    rings = radii(image, bright, cube.pitch)
    panels = (
        ("flux", np.log10(np.maximum(image, 1e-4 * peak)), r"$\log_{10}$ mean flux", "Greys_r", None),
        ("velocity", cube.maps["VELOCITY"][0], "true mean velocity [km/s]", "RdBu_r", "even"),
        ("dispersion", cube.maps["DISPERSION"][0], "true velocity dispersion [km/s]", "viridis", "low"),
    )
    for column, (_, values, label, colours, limits) in enumerate(panels):
        axes = figure.add_subplot(grid[0, column], facecolor="#e9e8e4")
        shown = values if limits is None else np.where(bright, values, np.nan)
        finite = np.isfinite(shown)
        low, high = np.percentile(shown[finite], [0, 100] if limits is None else [1, 99]) if finite.any() else (0, 1)
        if limits == "even":
            high = max(abs(low), abs(high))
            low = -high
        artist = axes.imshow(shown, origin="lower", extent=tuple(extent), cmap=colours, vmin=low, vmax=high)
        figure.colorbar(artist, ax=axes, orientation="horizontal", shrink=0.85, label=label)
        axes.set_xlabel("east [arcsec]" if angle == 0 else f"east, turned by {angle:g}° [arcsec]", color=MUTED)
        axes.set_ylabel("" if column else "north [arcsec]" if angle == 0 else f"at {angle:g}° [arcsec]", color=MUTED)
    axes = figure.add_subplot(grid[1, :], facecolor=SURFACE)
    wave = cube.wavelengths.centres()
    distance = from_centre(image.shape, cube.pitch)
    for (low, high), colour in zip(rings, ("#2a78d6", "#1baf7a", "#e34948"), strict=True):
        inside = bright & (distance >= low) & (distance < high)
        if not inside.any():
            continue
        spectrum = mean(cube.flux[:, inside].T, seen[:, inside].T)
        middle = np.nanmedian(spectrum)
        axes.plot(wave, spectrum / middle, color=colour, lw=0.8, label=f"{low:.1f} to {high:.1f} arcsec")
    axes.set_xlim(wave[0], wave[-1])
    axes.set_xlabel(f"observed wavelength [Å, {cube.wavelengths.medium}]", color=MUTED)
    axes.set_ylabel("flux density / its median", color=MUTED)
    if axes.lines:
        axes.legend(title="distance from the centre", frameon=False, ncols=3)
    axes.grid(color="#e4e3df", lw=0.6)
    sides = f"{across:g}" if across == up else f"{across:g} x {up:g}"
    figure.suptitle(f"{cube.title or 'cube'}: {wide} x {tall} spaxels of {sides} arcsec", color=INK)
    for i, note in enumerate(note for note in cube.notes if "illustrative" in note):
        figure.text(0.005, 0.005 + 0.02 * i, note, color=MUTED, fontsize=8)
    with replacing(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=130)


def from_centre(shape: tuple[int, int], pitch: tuple[float, float]) -> Float[np.ndarray, "y x"]:
    """Distance of each spaxel from the centre of the field [arcsec]."""
    y, x = ((np.arange(length) - (length - 1) / 2) * side for length, side in zip(shape, pitch[::-1], strict=True))
    return np.hypot(y[:, None], x[None, :])


def mean(
    flux: Float[np.ndarray, " wave *place"], seen: Bool[np.ndarray, " wave *place"]
) -> Float[np.ndarray, "*place"]:
    """Over what is seen; not a number where that is nothing."""
    count = seen.sum(axis=0)
    return np.where(count > 0, flux.sum(axis=0, where=seen) / np.maximum(count, 1), np.nan)


def radii(image: Float[np.ndarray, "y x"], bright, pitch: tuple[float, float]) -> list[tuple[float, float]]:
    """Three rings: out to a tenth, around a third and around two thirds of the bright part of the image [arcsec]."""
    edge = max(float(from_centre(image.shape, pitch).max(where=bright, initial=0)), 6 * max(pitch))
    return [(0.0, 0.1 * edge), (0.25 * edge, 0.4 * edge), (0.55 * edge, 0.8 * edge)]


def influence_map(
    axes: Axes,
    sky: ArrayLike,
    values: ArrayLike,
    *,
    label: str = "",
    limit: float | None = None,
    size: float = 4.0,
) -> PathCollection:
    """Particles on the sky (particle, 2) [arcsec], east to the left, coloured by how they move an observable.

    Red raises it, blue lowers it; the strongest are drawn last, and those that hardly move it not at all: less than a
    hundredth of `limit`, the value of the darkest colour, by default the 99th percentile of those that are not zero.
    """
    sky, values = np.asarray(sky), np.asarray(values)
    moving = np.abs(values[values != 0])
    limit = float(np.percentile(moving, 99)) if limit is None and moving.size else limit or 1.0
    order = np.argsort(np.abs(values))
    order = order[np.abs(values[order]) > 0.01 * limit]
    artist = axes.scatter(*sky[order].T, c=values[order], s=size, lw=0, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set(xlabel="east [arcsec]", ylabel="north [arcsec]", aspect="equal")
    if not axes.xaxis_inverted():
        axes.invert_xaxis()
    figure = axes.get_figure()
    if figure is not None and label:
        figure.colorbar(artist, ax=axes, label=label, shrink=0.85)
    return artist
