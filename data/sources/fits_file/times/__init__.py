"""When a frame or a row of a FITS file was taken."""
