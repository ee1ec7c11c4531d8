"""What the atmosphere of a high mountain takes away, but for the bands of its molecules."""

import math

import numpy as np
from jaxtyping import Float

TABLE = np.array([
    (3200, 0.940), (3325, 0.686), (3425, 0.581), (3525, 0.526), (3625, 0.478), (3725, 0.430), (3825, 0.386),
    (3925, 0.363), (4025, 0.330), (4125, 0.298), (4225, 0.274), (4325, 0.253), (4425, 0.229), (4525, 0.212),
    (4625, 0.198), (4725, 0.185), (4825, 0.176), (4925, 0.162), (5025, 0.156), (5125, 0.146), (5225, 0.141),
    (5325, 0.139), (5425, 0.133), (5525, 0.129), (5625, 0.128), (5725, 0.134), (5825, 0.124), (5925, 0.125),
    (6025, 0.117), (6125, 0.108), (6225, 0.102), (6325, 0.095), (6425, 0.085), (6525, 0.083), (6625, 0.076),
    (6725, 0.068), (7060, 0.064), (7450, 0.048), (7940, 0.042), (8500, 0.032), (8850, 0.029), (10000, 0.022),
])  # fmt: skip
"""Wavelength [angstrom] and extinction of an airmass [mag] at Paranal, by molecules, aerosols and ozone.

References: Patat et al. (2011), A&A 527, A91; the first row by ESO's E-ELT Design Reference Mission.
"""


def extinction(wavelength: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Of an airmass [mag]: straight lines between the rows, and the inverse fourth power beyond the last."""
    beyond = TABLE[-1, 1] * (TABLE[-1, 0] / np.maximum(wavelength, TABLE[-1, 0])) ** 4
    return np.where(wavelength > TABLE[-1, 0], beyond, np.interp(wavelength, *TABLE.T))


def scattering(wavelength: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    r"""Of an airmass, what is sent elsewhere and not swallowed, as ozone does [mag].

    $$1.086\,\frac{p}{p_0}(0.00864 + 6.5 \cdot 10^{-6} h)\,\lambda^{-(3.916 + 0.074 \lambda + 0.050 / \lambda)}
    + 0.013\,\lambda^{-1.38}$$

    by molecules and by aerosols, with the wavelength in micrometres, p = 744 hPa over 1013.25 and h = 2.64 km.

    References: Noll et al. (2012), A&A 543, A92, section 3.1, after Liou (2002) and Patat et al. (2011).
    """
    long = wavelength / 1e4
    molecules = 744 / 1013.25 * (0.00864 + 6.5e-6 * 2.64) * long ** -(3.916 + 0.074 * long + 0.050 / long)
    return 2.5 / math.log(10) * molecules + 0.013 * long**-1.38
