"""Files whatever is in them: FITS, HDF5, gzip, cubes, checkpoints, the cache; whole or not there."""
