"""The linear problem: with a telescope fixed, a cube is linear in the population-kinematic distribution."""

from ifux.fitting.linear.distribution import Distribution as Distribution
from ifux.fitting.linear.distribution import distribution as distribution
from ifux.fitting.linear.operator import CubeOperator as CubeOperator
from ifux.fitting.linear.penalty import Penalty as Penalty
from ifux.fitting.linear.resolution import Resolution as Resolution
from ifux.fitting.linear.resolution import resolution as resolution
from ifux.fitting.linear.solver import Solution as Solution
from ifux.fitting.linear.solver import solve as solve
