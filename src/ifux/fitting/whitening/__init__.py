"""What a fit compares where the noise of voxels is correlated."""

from ifux.fitting.whitening.base import AbstractWhitening as AbstractWhitening
from ifux.fitting.whitening.base import WhitenedPrediction as WhitenedPrediction
from ifux.fitting.whitening.correlation import CorrelationWhitening as CorrelationWhitening
from ifux.fitting.whitening.elements import ElementWhitening as ElementWhitening
