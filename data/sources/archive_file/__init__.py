"""What is in an archive: its members, and the compressions around files."""
