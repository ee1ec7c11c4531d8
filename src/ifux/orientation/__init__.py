"""Where the observer stands."""

from ifux.orientation.alignment import principal_axes as principal_axes
from ifux.orientation.base import AbstractOrientation as AbstractOrientation
from ifux.orientation.euler import EulerOrientation as EulerOrientation
from ifux.orientation.inclined import InclinedOrientation as InclinedOrientation
