"""What picture files hold: pixels, and headers beside them."""
