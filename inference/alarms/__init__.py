"""Events of a stream on their way to those who wait for them."""
