"""The names of the rooms, and where each is defined."""

from .downloads.download import download as download
from .downloads.tng import tng_cutout as tng_cutout
from .files.cube import Cube as Cube
from .files.cube import read_configuration as read_configuration
from .files.cube import read_cube as read_cube
from .files.cube import write_cube as write_cube
from .files.psf import read_psf as read_psf
from .files.writing import replacing as replacing
from .inspect import describe as describe
from .libraries.embedded import embedded_library as embedded_library
from .libraries.fsps import fsps_library as fsps_library
from .libraries.native import write_ssp as write_ssp
from .libraries.public import fetch_ssp as fetch_ssp
from .libraries.public import public_libraries as public_libraries
from .libraries.read import LIBRARY_FORMATS as LIBRARY_FORMATS
from .libraries.read import read_ssp as read_ssp
from .libraries.store import import_ssp as import_ssp
from .libraries.store import library_folder as library_folder
from .libraries.store import stored_names as stored_names
from .libraries.store import stored_ssp as stored_ssp
from .snapshots.arrays import galaxy_from_arrays as galaxy_from_arrays
from .snapshots.native import write_galaxy as write_galaxy
from .snapshots.read import GALAXY_FORMATS as GALAXY_FORMATS
from .snapshots.read import read_galaxy as read_galaxy
from .snapshots.stream import stream_galaxy as stream_galaxy
