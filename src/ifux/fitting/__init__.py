"""Fitting: which leaves are free, how far a cube is from the data, which way is down, and how sure one can be."""

from ifux.fitting.bijections import AbstractBijection as AbstractBijection
from ifux.fitting.bijections import Interval as Interval
from ifux.fitting.bijections import Positive as Positive
from ifux.fitting.bijections import Real as Real
from ifux.fitting.fisher import Uncertainty as Uncertainty
from ifux.fitting.fisher import fisher as fisher
from ifux.fitting.fisher import laplace as laplace
from ifux.fitting.free import Freed as Freed
from ifux.fitting.free import free as free
from ifux.fitting.linear import CubeOperator as CubeOperator
from ifux.fitting.linear import Distribution as Distribution
from ifux.fitting.linear import Penalty as Penalty
from ifux.fitting.linear import Resolution as Resolution
from ifux.fitting.linear import Solution as Solution
from ifux.fitting.linear import distribution as distribution
from ifux.fitting.linear import resolution as resolution
from ifux.fitting.linear import solve as solve
from ifux.fitting.losses import chi_squared as chi_squared
from ifux.fitting.losses import huber as huber
from ifux.fitting.losses import likelihood as likelihood
from ifux.fitting.losses import pulls as pulls
from ifux.fitting.losses import student_t as student_t
from ifux.fitting.minimise import Fit as Fit
from ifux.fitting.minimise import minimise as minimise
