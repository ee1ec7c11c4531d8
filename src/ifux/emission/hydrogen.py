"""Recombination lines of hydrogen."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

RATIOS = {
    "Lyalpha": (3.1590, -0.0282, 0.0150),
    "Halpha": (1.0521, -0.0734, 0.0191),
    "Hbeta": (0.0, 0.0, 0.0),
    "Hgamma": (-0.7585, 0.0265, -0.0068),
    "Hdelta": (-1.3510, 0.0361, -0.0094),
    "Hepsilon": (-1.8384, 0.0386, -0.0111),
    "H8": (-2.2535, 0.0385, -0.0111),
    "H9": (-2.6156, 0.0366, -0.0108),
    "H10": (-2.9368, 0.0343, -0.0116),
    "Paalpha": (-1.0829, -0.2660, 0.0178),
    "Pabeta": (-1.8125, -0.1721, 0.0018),
    "Pagamma": (-2.4031, -0.1320, -0.0065),
    "Padelta": (-2.8922, -0.1119, -0.0105),
    "Paepsilon": (-3.3087, -0.1019, -0.0122),
    "Pa9": (-3.6717, -0.0964, -0.0137),
    "Pa10": (-3.9941, -0.0936, -0.0135),
    "Bralpha": (-2.5232, -0.3692, 0.0187),
    "Brbeta": (-3.0908, -0.2887, 0.0053),
    "Brgamma": (-3.5822, -0.2481, -0.0020),
    "Brdelta": (-4.0030, -0.2255, -0.0059),
    "Pfalpha": (-3.6681, -0.4292, 0.0206),
    "Pfbeta": (-4.1232, -0.3648, 0.0097),
    "Pfgamma": (-4.5417, -0.3281, 0.0039),
    "Hualpha": (-4.6298, -0.4663, 0.0242),
}
"""Coefficients of the logarithm of the luminosity over that of H-beta, in powers of ln(T / 1e4 K)."""


def case_b(names: tuple[str, ...], temperature: Float[Array, ""]) -> Float[Array, " line"]:
    r"""Luminosities of lines of hydrogen in units of that of H-beta, in case B at 100 electrons per cm^3.

    $$\ln\frac{L}{L_{\mathrm{H}\beta}} = a + b\,t + c\,t^2, \quad t = \ln\frac{T}{10^4\,\mathrm{K}}$$

    A fit to the published table at the temperatures that it has from 5e3 to 2e4 K, to 1e-3; a thousand electrons change
    no ratio but Lyman alpha's by more than 2 %, those of Balmer and Paschen lines by 0.7 %. That of Lyman alpha is what
    recombinations make: what scatters it is not known here.

    References: Storey & Hummer (1995), MNRAS 272, 41.
    """
    a, b, c = jnp.asarray(np.array([RATIOS[name] for name in names]).reshape(-1, 3).T, temperature.dtype)
    t = jnp.log(temperature / 1e4)
    return jnp.exp(a + t * (b + t * c))
