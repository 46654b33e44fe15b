"""Files and folders on the disk: written whole or not at all, owned by one process, checked by their digests."""
