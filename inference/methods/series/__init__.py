"""Methods for series, which look at every window of `clip_length` samples: what a trained net must beat there.

A window's answer counts for all its samples, so a score rises up to a window before an anomaly, and a stream is
followed with so much delay; the least of the windows places what was found.
What they find and miss of what the tests plant, where noise is a tenth of the signal:

window_pca      Spikes, shifts, broken correlations, other frequencies: what quiet windows can't be mixed into. It says
                what it expected, of every variable.
sub_pca         The same, by how rare it is: also what is small, in a direction that quiet windows hardly ever take.
kmeans          The same, by how far it is from quiet windows as a whole.
matrix_profile  Other shapes, each variable for itself: spikes, other frequencies, a shift only by its edges. It takes
                off level and amplitude, up to that of quiet data, and sees no broken correlation.
iforest         Values that are unusual at many moments of a window. A spike in one of several variables touches few of
                its cuts, and a variable that never changed in quiet data none.
"""
