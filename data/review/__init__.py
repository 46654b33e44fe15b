"""Looking at windows: pictures, and a page in the browser."""
