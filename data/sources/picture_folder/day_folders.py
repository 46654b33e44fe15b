"""Folders called by a day with the year last, as 31-10-2017: which of day and month comes first, their names tell
together."""

import re
from collections.abc import Iterable

_YEAR_LAST = re.compile(r"(\d\d?)([-_.])(\d\d?)\2((?:19|20)\d\d)")


class YearLast:
    """What the folders of one input tell of the order of their days and months."""

    def __init__(self, folders: Iterable[str]):
        found = [(int(at[1]), int(at[3])) for at in map(_YEAR_LAST.fullmatch, folders) if at]
        may_be_day, may_be_month = (
            all(first <= most and second <= other for first, second in found) for most, other in ((31, 12), (12, 31))
        )
        self._day_first = may_be_day if found and may_be_day != may_be_month else None

    def turned(self, folder: str) -> str:
        """The name of a folder with its year first; as it is, where it is no such day, or either may be the month."""
        at = _YEAR_LAST.fullmatch(folder)
        if at is None or self._day_first is None:
            return folder
        day, month = (at[1], at[3]) if self._day_first else (at[3], at[1])
        return f"{at[4]}-{month.zfill(2)}-{day.zfill(2)}"
