"""What `excess` compares: earlier frames as they would look now, and what quiet ones differ by."""
