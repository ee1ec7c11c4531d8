"""The shape of what collects light, on the sky."""

from ifux.focal_plane.footprints.base import AbstractFootprint as AbstractFootprint
from ifux.focal_plane.footprints.ellipse import Circle as Circle
from ifux.focal_plane.footprints.ellipse import Ellipse as Ellipse
from ifux.focal_plane.footprints.polygon import Hexagon as Hexagon
from ifux.focal_plane.footprints.polygon import Rectangle as Rectangle
from ifux.focal_plane.footprints.soft import Soft as Soft
