"""Exposures of real instruments beside what is published of them: `python benchmarks/exposures.py`.

Nothing is fitted: areas, throughputs and detectors are those of the presets or stated below, the sky is the built-in
one and, where ESO's calculator states its own, also that.
"""

import math

import equinox as eqx
import jax
import numpy as np

from ifux import Wavelengths, exposure, instruments
from ifux.noise import ExposureNoise
from ifux.sky import Curve, night_sky
from ifux.sky.sky import Sky
from ifux.units import ab_flux

MUSE = Wavelengths(4800.0, 1.25, 3599, "air")
ROW = "| {:44} | {:>9} | {:>9} | {:>6} |"


def muse(sky: Sky, time: float, count: float) -> ExposureNoise:
    """The preset's."""
    known = dict(instruments.load("muse-wfm")["exposure"])
    table = known.pop("throughput")
    throughput = exposure.table_throughput(tuple(table["wavelength"]), tuple(table["value"]))
    known |= {"time": time, "count": count, "sky": sky, "gain": 0.0}
    return exposure.plain(exposure.exposure_noise(throughput, observed=MUSE, element_area=0.04, **known))


def at(wavelength: float, observed: Wavelengths = MUSE) -> int:
    """The channel of a wavelength."""
    return int(np.argmin(np.abs(observed.centres() - wavelength)))


def darkened(noise: ExposureNoise, channels: slice, electrons: float) -> ExposureNoise:
    """Under a sky of so many electrons in an element and some channels."""
    return eqx.tree_at(lambda n: n.sky, noise, noise.sky * electrons / noise.sky_electrons()[channels].sum())


def row(what: str, found: float, published: float | str) -> None:
    """Beside each other, and the ratio where there is one number."""
    ratio = f"{found / published:.2f}" if isinstance(published, float) else ""
    print(ROW.format(what, f"{found:.3g}", str(published), ratio))


def main() -> None:
    """Prints the table."""
    print(ROW.format("what", "ifux", "published", "ratio"))
    # ESO's calculator, quoted in the tests of github.com/RolandBacon/pyetc.
    noise, place = muse(night_sky(airmass=1.2), 3600.0, 1.0), at(8000.0)
    flat = ab_flux(23.0, np.full(MUSE.size, 6400.0))
    own = exposure.spectroscopy(noise, flat, elements=25)
    row("ETC, 23 mag/arcsec2 at 8000: target [e-]", own.signal[place] * float(noise.electrons()[place]), 340.0)
    row("    sky [e-]", 25 * float(noise.sky_electrons()[place]), 2170.0)
    row("    S/N", own.snr[place], 6.41)
    row(
        "    S/N under its sky",
        exposure.spectroscopy(darkened(noise, slice(place, place + 1), 2170 / 25), flat, elements=25).snr[place],
        6.41,
    )
    noise, place = muse(night_sky(), 1800.0, 2.0), at(7000.0)
    line = slice(place - 2, place + 3)
    row("ETC, line at 7000: sky [e-]", 25 * float(noise.sky_electrons()[line].sum()), 6226.0)
    for words, under in (
        ("    S/N of its 753 e-", noise),
        ("    S/N under its sky", darkened(noise, line, 6226 / 25)),
    ):
        variance = 25 * float((under.background() + under.uncounted())[line].sum())
        row(words, 753 / math.sqrt(753 + variance), 7.69)
    # BlueMUSE's calculator, quoted there too: 25 spaxels and 5 channels at 4500 angstrom, 10 hours; a throughput of
    # 0.3596 with the atmosphere.
    blue = Wavelengths(4300.0, 0.575, 700, "air")
    throughput = Curve.flat("throughput", 0.3596 / night_sky().on(blue)[1][at(4500.0, blue)])
    bluemuse = exposure.exposure_noise(
        throughput, night_sky(fwhm=1.15), 48.5, 3600.0, 3.0, 3.0, 1.0, 10.0, observed=blue, element_area=0.04
    )
    electrons = exposure.plain(bluemuse).sky_electrons()[at(4500.0, blue)]
    row("BlueMUSE, 4500, 10 h: sky [e-]", 125 * float(electrons), 25534.0)
    # Bacon et al. (2017), abstract: three sigma, a point source at 7000 angstrom. Assumed: an aperture of one arcsecond
    # and three channels, 25 minutes an exposure; the share of the light in it is left out, as in a noise limit.
    for words, hours, limit in (
        ("UDF mosaic, 10 h: 3 sigma [1e-19]", 10, 3.1),
        ("UDF-10, 31 h: 3 sigma [1e-19]", 31, 1.5),
    ):
        noise = muse(night_sky(airmass=1.2), 1500.0, hours * 2.4)
        theirs = darkened(noise, line, 6226 / 25 * hours)
        for sky, under in ((words, noise), ("    under the sky of the calculator", theirs)):
            voxel = float(under.variance(jax.numpy.zeros((1, MUSE.size)))[0, place - 1 : place + 2].mean())
            voxels = math.pi * 0.5**2 / 0.04 * 3
            row(sky, 3 * math.sqrt(voxels * voxel) * 1.25 * 1e-20 / 1e-19, limit)
    # Bundy et al. (2015), abstract: 4 to 8 per angstrom and fibre in r, 23 AB mag/arcsec2, 3 hours. Assumed: 3.58 m2,
    # a throughput of 0.26 and three rows of pixels of 1.4 angstrom with 2.8 e-.
    manga = Wavelengths(6000.0, 1.0, 400, "vacuum")
    noise = exposure.plain(
        exposure.exposure_noise(
            Curve.flat("throughput", 0.26), night_sky(airmass=1.1), 3.58, 900.0, 2.8, 2.0, 3 / 1.4, 12.0,
            observed=manga, element_area=math.pi * 0.99**2,
        )
    )  # fmt: skip
    made = exposure.spectroscopy(noise, ab_flux(23.0, exposure.centres_in_vacuum(manga)))
    row("MaNGA, 23 mag/arcsec2, 3 h: S/N per angstrom", made.per_angstrom, "4 to 8")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
