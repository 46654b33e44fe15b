"""Time series in files of arrays: NumPy's, HDF5, netCDF's and MATLAB's."""
