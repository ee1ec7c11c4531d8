"""Influence: which particles move an observable."""

from ifux.influence.apertures import aperture as aperture
from ifux.influence.apertures import offsets as offsets
from ifux.influence.apertures import seen_moments as seen_moments
from ifux.influence.apertures import spectrum as spectrum
from ifux.influence.bands import LICK as LICK
from ifux.influence.base import AbstractObservable as AbstractObservable
from ifux.influence.break4000 import BreakStrength as BreakStrength
from ifux.influence.derivative import Influence as Influence
from ifux.influence.derivative import influence as influence
from ifux.influence.index import LineIndex as LineIndex
from ifux.influence.spin import SpinParameter as SpinParameter
from ifux.influence.velocity import MeanVelocity as MeanVelocity
