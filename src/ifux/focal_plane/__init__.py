"""What collects the light."""

from ifux.focal_plane.base import AbstractFocalPlane as AbstractFocalPlane
from ifux.focal_plane.slicer import Slicer as Slicer
