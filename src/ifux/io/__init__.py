"""Files: galaxies, libraries of stellar populations, cubes. Units are converted here and nowhere else."""

from ifux.io.cache import embedded_library as embedded_library
from ifux.io.download import download as download
from ifux.io.files import replacing as replacing
from ifux.io.fits import Cube as Cube
from ifux.io.fits import read_configuration as read_configuration
from ifux.io.fits import read_cube as read_cube
from ifux.io.fits import write_cube as write_cube
from ifux.io.fsps import fsps_library as fsps_library
from ifux.io.galaxies.arrays import galaxy_from_arrays as galaxy_from_arrays
from ifux.io.galaxies.native import write_galaxy as write_galaxy
from ifux.io.galaxies.read import GALAXY_FORMATS as GALAXY_FORMATS
from ifux.io.galaxies.read import read_galaxy as read_galaxy
from ifux.io.galaxies.stream import stream_galaxy as stream_galaxy
from ifux.io.inspect import describe as describe
from ifux.io.libraries.native import write_ssp as write_ssp
from ifux.io.libraries.read import LIBRARY_FORMATS as LIBRARY_FORMATS
from ifux.io.libraries.read import read_ssp as read_ssp
from ifux.io.public import fetch_ssp as fetch_ssp
from ifux.io.public import public_libraries as public_libraries
from ifux.io.store import import_ssp as import_ssp
from ifux.io.store import library_folder as library_folder
from ifux.io.store import stored_names as stored_names
from ifux.io.store import stored_ssp as stored_ssp
from ifux.io.tng import cutout as tng_cutout  # noqa: F401
