"""Files: galaxies, libraries of stellar populations, cubes. Units are converted here and nowhere else."""

from ifux.io.downloads.download import download as download
from ifux.io.downloads.tng import cutout as tng_cutout  # noqa: F401
from ifux.io.files.cube import Cube as Cube
from ifux.io.files.cube import read_configuration as read_configuration
from ifux.io.files.cube import read_cube as read_cube
from ifux.io.files.cube import write_cube as write_cube
from ifux.io.files.psf import read_psf as read_psf
from ifux.io.files.writing import replacing as replacing
from ifux.io.inspect import describe as describe
from ifux.io.libraries.embedded import embedded_library as embedded_library
from ifux.io.libraries.fsps import fsps_library as fsps_library
from ifux.io.libraries.native import write_ssp as write_ssp
from ifux.io.libraries.public import fetch_ssp as fetch_ssp
from ifux.io.libraries.public import public_libraries as public_libraries
from ifux.io.libraries.read import LIBRARY_FORMATS as LIBRARY_FORMATS
from ifux.io.libraries.read import read_ssp as read_ssp
from ifux.io.libraries.store import import_ssp as import_ssp
from ifux.io.libraries.store import library_folder as library_folder
from ifux.io.libraries.store import stored_names as stored_names
from ifux.io.libraries.store import stored_ssp as stored_ssp
from ifux.io.snapshots.arrays import galaxy_from_arrays as galaxy_from_arrays
from ifux.io.snapshots.native import write_galaxy as write_galaxy
from ifux.io.snapshots.read import GALAXY_FORMATS as GALAXY_FORMATS
from ifux.io.snapshots.read import read_galaxy as read_galaxy
from ifux.io.snapshots.stream import stream_galaxy as stream_galaxy
