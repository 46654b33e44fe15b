"""Pictures in arrays: NumPy's, HDF5's and netCDF's."""
