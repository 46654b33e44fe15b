"""Which pictures of a folder are one reel, in which order, and when they were taken: by names and what lies beside."""
