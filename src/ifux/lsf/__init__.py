"""How spectra are blurred."""

from ifux.lsf.base import AbstractGaussianLSF as AbstractGaussianLSF
from ifux.lsf.base import AbstractLSF as AbstractLSF
from ifux.lsf.boxcar import BoxcarLSF as BoxcarLSF
from ifux.lsf.field import FieldLSF as FieldLSF
from ifux.lsf.gauss_hermite import GaussHermiteLSF as GaussHermiteLSF
from ifux.lsf.gaussian import GaussianLSF as GaussianLSF
from ifux.lsf.none import NoLSF as NoLSF
from ifux.lsf.polynomial import PolynomialLSF as PolynomialLSF
from ifux.lsf.resolving_power import ResolvingPowerLSF as ResolvingPowerLSF
from ifux.lsf.table import TableLSF as TableLSF
