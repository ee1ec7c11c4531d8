"""No line spread function."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.lsf.base import AbstractLSF


@final
class NoLSF(AbstractLSF):
    """Spectra at the resolution of the library."""

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
    ) -> Float[Array, "node basis rest"]:
        """The spectra themselves."""
        return jnp.broadcast_to(spectra, (*redshift.shape, *spectra.shape))

    def excess(
        self, rest: Wavelengths, fwhm: Float[Array, " rest"], redshift: Float[Array, ""]
    ) -> Float[Array, " rest"]:
        """Nothing is left to add."""
        return jnp.zeros_like(fwhm)
