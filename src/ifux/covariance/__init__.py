"""How the noise of the spaxels of a cube belongs together."""

from ifux.covariance.correlation import Correlation as Correlation
from ifux.covariance.cube import CubeCovariance as CubeCovariance
