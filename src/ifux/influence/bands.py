"""At which wavelengths is measured."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.grids import refractivity, to_vacuum
from ifux.telescope import Telescope

Band = tuple[float, float]
"""First and last wavelength [angstrom]."""

LICK: dict[str, tuple[Band, Band, Band]] = {
    "Hbeta": ((4847.875, 4876.625), (4827.875, 4847.875), (4876.625, 4891.625)),
    "Fe5015": ((4977.750, 5054.000), (4946.500, 4977.750), (5054.000, 5065.250)),
    "Mgb": ((5160.125, 5192.625), (5142.625, 5161.375), (5191.375, 5206.375)),
    "Fe5270": ((5245.650, 5285.650), (5233.150, 5248.150), (5285.650, 5318.150)),
    "Fe5335": ((5312.125, 5352.125), (5304.625, 5315.875), (5353.375, 5363.375)),
    "Fe5406": ((5387.500, 5415.000), (5376.250, 5387.500), (5415.000, 5425.000)),
}
"""Line, blue and red continuum of some atomic indices of the Lick system [angstrom, air, rest frame].

References: Worthey et al. (1994), ApJS 94, 687; wavelengths of Trager et al. (1998), ApJS 116, 1, table 2.
"""


def on_detector(band: Band, telescope: Telescope) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A band [angstrom, air, rest frame] at the redshift and in the medium of a telescope [angstrom]."""

    low, high = (wave * (1 + telescope.target.redshift) for wave in to_vacuum(np.array(band)).tolist())
    if telescope.wavelengths.medium == "vacuum":
        return low, high
    return low / (1 + refractivity(low)), high / (1 + refractivity(high))


def within(band: tuple[Float[Array, ""], Float[Array, ""]], telescope: Telescope) -> Float[Array, " wave"]:
    """How much of every pixel lies in a band on the detector [angstrom]."""
    edges = telescope.wavelengths.edges()
    # Counted from the first edge, which leaves numbers small enough for single precision.
    low, high = (edge - float(edges[0]) for edge in band)
    place = jnp.asarray(edges - edges[0], low.dtype)
    return jnp.maximum(jnp.minimum(high, place[1:]) - jnp.maximum(low, place[:-1]), 0)


def inside(share: Float[Array, " wave"], flux: Float[Array, " wave"]) -> Float[Array, " wave"]:
    """The flux of the pixels that have a share in a band, and zero elsewhere, where it may be no number."""
    return jnp.where(share > 0, flux, 0)


def check_bands(name: str, bands: tuple[Band, ...], telescope: Telescope) -> None:
    """All of them are on the detector, and in no gap of it."""
    edges = telescope.wavelengths.edges()
    found = [float(edge) for band in bands for edge in on_detector(band, telescope)]
    if min(found) < edges[0] or max(found) > edges[-1]:
        raise InputError(
            f"{name}: its bands lie at {min(found):.1f} to {max(found):.1f} angstrom at redshift "
            f"{float(telescope.target.redshift):g}, the telescope observes {edges[0]:.1f} to {edges[-1]:.1f}: take "
            "another index, wavelengths or redshift."
        )
    seen = np.asarray(telescope.seen())
    for band in bands:
        if (np.asarray(within(on_detector(band, telescope), telescope)) > 0)[~seen].any():
            raise InputError(
                f"{name}: its band from {band[0]:g} to {band[1]:g} angstrom lies where the telescope has a gap, or "
                "where the library ends at this redshift: take another index, wavelengths or redshift."
            )
