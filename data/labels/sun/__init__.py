"""Lists of what happened on the Sun: flares, mass ejections and active regions, of catalogues and of the GOES flux."""
