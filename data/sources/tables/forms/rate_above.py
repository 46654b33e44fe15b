"""How fast the rows of a table without times were sampled, where the lines above it say so: `Sampling: 1.0MS/s`."""

import re
from collections.abc import Sequence

_NUMBER = r"(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?)"
_RATE = r"(?:sampl(?:e|ing)[ _-]?(?:rate|freq(?:uency)?)|sampling|fs|sfreq|srate|clock)"
_STEP = (
    r"(?:sampl(?:e|ing)[ _-]?(?:interval|period|time)|time[ _-]?(?:interval|step)|[tx][ _-]?inc(?:rement)?|dt|delta)"
)
_UNIT = r"(?P<{}>[kKMG]?(?:Hz|S/s|Sa/s|sps|SPS)|[mnuµp]?[sS]|sec|seconds)"
_LINE = re.compile(
    rf'^[#%/;"\s]*(?:(?P<rate>{_RATE})|{_STEP})\s*(?:[(\[]\s*{_UNIT.format("beside")}\s*[)\]])?["\s]*[:=,;\s]["\s:=,;]*'
    rf'{_NUMBER}\s*{_UNIT.format("behind")}?["\s,;]*$',
    re.IGNORECASE,
)
_LARGER = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_SMALLER = {"m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12}


def interval_above_s(lines: Sequence[str]) -> float:
    """Seconds from a row to the next that lines tell, as their interval or rate; 0 where none does, or two differ."""
    found = {interval for line in lines if (match := _LINE.match(line)) and (interval := _interval_s(match))}
    return found.pop() if len(found) == 1 else 0.0


def _interval_s(found: re.Match) -> float:
    number, unit = float(found["number"]), found["behind"] or found["beside"] or ""
    is_unclear = not unit and (found["rate"] or "").lower() in ("sampling", "clock")
    if not number or is_unclear:
        return 0.0
    if unit.lower().endswith(("hz", "/s", "sps")) or (not unit and found["rate"]):
        return 1 / (number * _LARGER.get(unit[:1], 1.0))
    return number * (_SMALLER.get(unit[0], 0.0) if len(unit) == 2 else 1.0)
