"""What FITS files hold: where their images are, and what headers say about them, as solar archives write them."""
