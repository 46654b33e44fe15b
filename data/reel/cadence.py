"""How often frames come: a model knows motion and change by the frame, not by the second."""

TELLING = 3  # frames at least that tell a cadence: the time between two alone may be a gap
ALIKE = 1.26  # a fifth less, a quarter more, and what rounding does


def are_alike(cadence_s: float, other_s: float) -> bool:
    """Whether frames come about as often: what moves looks as fast to a model."""
    return max(cadence_s, other_s) <= ALIKE * min(cadence_s, other_s)
