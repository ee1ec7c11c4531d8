"""What the detector adds."""

from ifux.noise.bad_pixels import BadPixelNoise as BadPixelNoise
from ifux.noise.base import AbstractGaussianNoise as AbstractGaussianNoise
from ifux.noise.base import AbstractNoise as AbstractNoise
from ifux.noise.constant import ConstantNoise as ConstantNoise
from ifux.noise.exposure import AbstractExposure as AbstractExposure
from ifux.noise.exposure import ExposureNoise as ExposureNoise
from ifux.noise.none import NoNoise as NoNoise
from ifux.noise.poisson import PoissonNoise as PoissonNoise
from ifux.noise.recorded import RecordedNoise as RecordedNoise
from ifux.noise.scaled import ScaledNoise as ScaledNoise
from ifux.noise.target import TargetSNRNoise as TargetSNRNoise
