"""A second look at finished reels: do pictures and times agree with how they were sorted? It is only told."""
