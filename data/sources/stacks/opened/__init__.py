"""Files of arrays opened alike, in the form that h5py gives them: HDF5, netCDF, zarr and those of MATLAB."""
