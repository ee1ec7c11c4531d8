"""How a cube is made of spectra of elements."""

from ifux.focal_plane.reconstruction.base import AbstractReconstruction as AbstractReconstruction
from ifux.focal_plane.reconstruction.drizzle import Drizzle as Drizzle
from ifux.focal_plane.reconstruction.shepard import Shepard as Shepard
