"""How spectra are blurred."""

from ifux.lsf.base import AbstractGaussianLSF as AbstractGaussianLSF
from ifux.lsf.base import AbstractLSF as AbstractLSF
from ifux.lsf.gaussian import GaussianLSF as GaussianLSF
from ifux.lsf.none import NoLSF as NoLSF
