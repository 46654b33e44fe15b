"""What models learn by."""
