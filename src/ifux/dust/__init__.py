"""What dims light on its way out."""

from ifux.dust.base import AbstractCurve as AbstractCurve
from ifux.dust.base import AbstractDust as AbstractDust
from ifux.dust.calzetti import CalzettiCurve as CalzettiCurve
from ifux.dust.cardelli import CardelliCurve as CardelliCurve
from ifux.dust.none import NoDust as NoDust
from ifux.dust.screen import ScreenDust as ScreenDust
