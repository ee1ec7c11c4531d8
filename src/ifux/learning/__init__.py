"""Learning: mocks without end, networks that answer with posteriors, and the telescope as their decoder."""

from ifux.fitting import AbstractDistribution as AbstractDistribution
from ifux.fitting import Isotropic as Isotropic
from ifux.fitting import LogNormal as LogNormal
from ifux.fitting import LogUniform as LogUniform
from ifux.fitting import Normal as Normal
from ifux.fitting import Uniform as Uniform
from ifux.learning.batches import Batch as Batch
from ifux.learning.batches import Batches as Batches
from ifux.learning.batches import mock as mock
from ifux.learning.calibration import coverage as coverage
from ifux.learning.calibration import ranks as ranks
from ifux.learning.curve import NeuralCurve as NeuralCurve
from ifux.learning.encoder import CubeEncoder as CubeEncoder
from ifux.learning.flow import FlowHead as FlowHead
from ifux.learning.gaussian import GaussianHead as GaussianHead
from ifux.learning.head import AbstractHead as AbstractHead
from ifux.learning.posterior import Posterior as Posterior
from ifux.learning.posterior import misfit as misfit
from ifux.learning.posterior import squares as squares
from ifux.learning.posterior import surprise as surprise
from ifux.learning.prior import Prior as Prior
from ifux.learning.refine import Refined as Refined
from ifux.learning.refine import refine as refine
from ifux.learning.train import Trained as Trained
from ifux.learning.train import train as train
from ifux.learning.train import train_step as train_step
