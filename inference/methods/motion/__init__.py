"""Methods that judge how things move, by optical flow, and what they share."""
