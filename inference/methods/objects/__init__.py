"""How fast they are, how large, where they go, how long they stand, and whether what ran stands still."""
