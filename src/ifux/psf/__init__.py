"""How the sky is blurred."""

from ifux.psf.base import AbstractKernelPSF as AbstractKernelPSF
from ifux.psf.base import AbstractPSF as AbstractPSF
from ifux.psf.chromatic import ChromaticPSF as ChromaticPSF
from ifux.psf.gaussian import GaussianPSF as GaussianPSF
from ifux.psf.moffat import MoffatPSF as MoffatPSF
from ifux.psf.none import NoPSF as NoPSF
