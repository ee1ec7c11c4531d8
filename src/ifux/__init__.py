"""Differentiable integral-field data cubes of simulated galaxies, as one Equinox module."""

from importlib.metadata import version

from ifux.dust import AbstractCurve as AbstractCurve
from ifux.dust import AbstractDust as AbstractDust
from ifux.dust import CalzettiCurve as CalzettiCurve
from ifux.dust import CardelliCurve as CardelliCurve
from ifux.dust import NoDust as NoDust
from ifux.dust import ScreenDust as ScreenDust
from ifux.errors import InputError as InputError
from ifux.galaxy import Cosmology as Cosmology
from ifux.galaxy import Galaxy as Galaxy
from ifux.grids import Wavelengths as Wavelengths
from ifux.kinematics import AbstractKinematics as AbstractKinematics
from ifux.kinematics import VelocityChannels as VelocityChannels
from ifux.library import SSPLibrary as SSPLibrary
from ifux.lsf import AbstractGaussianLSF as AbstractGaussianLSF
from ifux.lsf import AbstractLSF as AbstractLSF
from ifux.lsf import GaussianLSF as GaussianLSF
from ifux.lsf import NoLSF as NoLSF
from ifux.noise import AbstractGaussianNoise as AbstractGaussianNoise
from ifux.noise import AbstractNoise as AbstractNoise
from ifux.noise import ConstantNoise as ConstantNoise
from ifux.noise import NoNoise as NoNoise
from ifux.noise import ScaledNoise as ScaledNoise
from ifux.noise import TargetSNRNoise as TargetSNRNoise
from ifux.orientation import AbstractOrientation as AbstractOrientation
from ifux.orientation import EulerOrientation as EulerOrientation
from ifux.orientation import InclinedOrientation as InclinedOrientation
from ifux.particles import AbstractGalaxy as AbstractGalaxy
from ifux.particles import Gas as Gas
from ifux.particles import Particles as Particles
from ifux.particles import Projected as Projected
from ifux.psf import AbstractKernelPSF as AbstractKernelPSF
from ifux.psf import AbstractPSF as AbstractPSF
from ifux.psf import ChromaticPSF as ChromaticPSF
from ifux.psf import GaussianPSF as GaussianPSF
from ifux.psf import MoffatPSF as MoffatPSF
from ifux.psf import NoPSF as NoPSF
from ifux.spaxels import AbstractSpaxels as AbstractSpaxels
from ifux.spaxels import SquareSpaxels as SquareSpaxels
from ifux.ssp import AbstractSSP as AbstractSSP
from ifux.ssp import GridSSP as GridSSP
from ifux.ssp import LowRankSSP as LowRankSSP
from ifux.target import AbstractTarget as AbstractTarget
from ifux.target import CosmologicalTarget as CosmologicalTarget
from ifux.target import FixedTarget as FixedTarget
from ifux.target import FlatLambdaCDM as FlatLambdaCDM
from ifux.telescope import Coverage as Coverage
from ifux.telescope import Observation as Observation
from ifux.telescope import Telescope as Telescope
from ifux.typing import parameters as parameters
from ifux.typing import real as real

__version__ = version("ifux")
