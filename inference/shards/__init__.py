"""Parts of an evaluation that know nothing of each other: which reels, and which pieces of a long one's timeline."""
