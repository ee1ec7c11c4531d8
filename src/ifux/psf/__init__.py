"""How the sky is blurred."""

from ifux.psf.base import AbstractKernelPSF as AbstractKernelPSF
from ifux.psf.base import AbstractPSF as AbstractPSF
from ifux.psf.chromatic import ChromaticPSF as ChromaticPSF
from ifux.psf.chromatic_polynomial import ChromaticPolynomialPSF as ChromaticPolynomialPSF
from ifux.psf.chromatic_table import ChromaticTablePSF as ChromaticTablePSF
from ifux.psf.coarse_halo import CoarseHaloPSF as CoarseHaloPSF
from ifux.psf.core_halo import CoreHaloPSF as CoreHaloPSF
from ifux.psf.double_gaussian import DoubleGaussianPSF as DoubleGaussianPSF
from ifux.psf.elliptical import EllipticalPSF as EllipticalPSF
from ifux.psf.gaussian import GaussianPSF as GaussianPSF
from ifux.psf.image import ImagePSF as ImagePSF
from ifux.psf.moffat import MoffatPSF as MoffatPSF
from ifux.psf.narrow_gaussian import NarrowGaussianPSF as NarrowGaussianPSF
from ifux.psf.none import NoPSF as NoPSF
from ifux.psf.remaining import RemainingPSF as RemainingPSF
from ifux.psf.remaining import most_removable as most_removable
from ifux.psf.remaining import remaining as remaining
from ifux.psf.stretched import AbstractChromaticPSF as AbstractChromaticPSF
from ifux.psf.tabulated import TabulatedPSF as TabulatedPSF
