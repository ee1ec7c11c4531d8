"""What the detector adds."""

from ifux.noise.base import AbstractGaussianNoise as AbstractGaussianNoise
from ifux.noise.base import AbstractNoise as AbstractNoise
from ifux.noise.constant import ConstantNoise as ConstantNoise
from ifux.noise.none import NoNoise as NoNoise
from ifux.noise.scaled import ScaledNoise as ScaledNoise
from ifux.noise.target import TargetSNRNoise as TargetSNRNoise
