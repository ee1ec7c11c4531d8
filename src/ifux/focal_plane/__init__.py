"""What collects the light."""

from ifux.focal_plane.aperture import Aperture as Aperture
from ifux.focal_plane.base import AbstractFocalPlane as AbstractFocalPlane
from ifux.focal_plane.drizzled_slicer import DrizzledSlicer as DrizzledSlicer
from ifux.focal_plane.drizzled_slicer import drizzled_slicer as drizzled_slicer
from ifux.focal_plane.fibre_bundle import FibreBundle as FibreBundle
from ifux.focal_plane.footprints import AbstractFootprint as AbstractFootprint
from ifux.focal_plane.footprints import Circle as Circle
from ifux.focal_plane.footprints import Ellipse as Ellipse
from ifux.focal_plane.footprints import Hexagon as Hexagon
from ifux.focal_plane.footprints import Rectangle as Rectangle
from ifux.focal_plane.footprints import Soft as Soft
from ifux.focal_plane.layouts import fibre_bundle as fibre_bundle
from ifux.focal_plane.layouts import hexagonal as hexagonal
from ifux.focal_plane.layouts import rectangular as rectangular
from ifux.focal_plane.layouts import rows as rows
from ifux.focal_plane.layouts import table as table
from ifux.focal_plane.reconstruction import AbstractReconstruction as AbstractReconstruction
from ifux.focal_plane.reconstruction import Drizzle as Drizzle
from ifux.focal_plane.reconstruction import Shepard as Shepard
from ifux.focal_plane.refraction import AbstractRefraction as AbstractRefraction
from ifux.focal_plane.refraction import AtmosphericRefraction as AtmosphericRefraction
from ifux.focal_plane.refraction import NoRefraction as NoRefraction
from ifux.focal_plane.slicer import Slicer as Slicer
