"""The program without what it draws."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from unittest.mock import patch


@contextmanager
def without_pictures() -> Iterator[None]:
    """Prep, review and eval write their tables and no movie, page or plot: drawing takes longer than scoring."""
    blank = SimpleNamespace(add=lambda *_: None)
    with ExitStack() as stack:
        for name, instead in {
            "data.pictures.summary.write_preview": lambda *_: None,
            "data.pictures.summary.write_page": lambda *_: None,
            "data.review.pictures.pictures": lambda *_: nullcontext(),
            "inference.evaluate_reel.movie_for": lambda job: nullcontext(blank),
            "inference.evaluate_reel.write_report": lambda job: None,
            "inference.results.timeline.timeline": lambda *_, **__: None,
            "inference.results.sky_plots.draw_sheet": lambda *_: None,
        }.items():
            stack.enter_context(patch(name, instead))
        yield
