"""Texts that one program or community writes, read as a whole by rules of their own."""
