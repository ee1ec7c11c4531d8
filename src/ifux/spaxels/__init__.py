"""Where light lands."""

from ifux.spaxels.base import AbstractSpaxels as AbstractSpaxels
from ifux.spaxels.rectangular import RectangularSpaxels as RectangularSpaxels
from ifux.spaxels.square import SquareSpaxels as SquareSpaxels
