"""Which of these programs wrote a text."""

from collections.abc import Callable

import pandas as pd

from data.sources.tables.programs.arff import is_arff, read_arff
from data.sources.tables.programs.astronomy import is_of_astronomers, read_of_astronomers
from data.sources.tables.programs.instruments import is_of_instrument, read_instrument
from data.sources.tables.programs.labview import MAGIC, read_lvm
from data.sources.tables.programs.nmon import is_nmon, read_nmon
from data.sources.tables.programs.weather_years import is_epw, read_epw

Reader = Callable[[str], tuple[pd.DataFrame, str]]  # of a whole text: its table, and what it is
_READERS: tuple[tuple[Callable[[str], bool], Reader], ...] = (
    (lambda text: text.startswith(MAGIC), read_lvm),
    (is_of_instrument, read_instrument),
    (is_nmon, read_nmon),
    (is_epw, read_epw),
    (is_arff, read_arff),
    (is_of_astronomers, read_of_astronomers),
)


def reader_of(text: str) -> Reader | None:
    """What reads a text that begins so; None of tables with separators."""
    return next((read for is_such, read in _READERS if is_such(text)), None)
