"""From files to reels, and what reels are looked at by.

Rooms: `sources` read every kind of input, `download` gets files that are not here yet; `frames` and `series` make reels
of them; `reel` is the store, its windows and its names; `sky` is the place of a pixel on the Sun; `labels` tell what is
anomalous; `live` is a reel that is still being filmed; `pictures` are the pages and movies of a reel; `review` is where
people judge windows; `synthetic` makes series to learn from. The two modes are `prepare_data` and
`review_processed_data`.
"""
