"""How fast the rows of a table without times were sampled, where the lines above it say so: `Sampling: 1.0MS/s`."""

import re
from collections.abc import Sequence

_NUMBER = r"(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?)"
_RATE = r"(?:sampl(?:e|ing)[ _-]?(?:rate|freq(?:uency)?)|sampling|fs|sfreq|srate|clock)"
_STEP = (
    r"(?:sampl(?:e|ing)[ _-]?(?:interval|period|time)|time[ _-]?(?:interval|step)|[tx][ _-]?inc(?:rement)?|dt|delta)"
)
_UNIT = r"(?P<{}>[kKMG]?(?:Hz|S/s|Sa/s|sps|SPS)|[mnuµp]?[sS]|[mnuµ]?sec|seconds)"
_LINE = re.compile(
    rf'^[#%/;"\s]*(?:(?P<rate>{_RATE})|{_STEP})\s*(?:[(\[]\s*{_UNIT.format("beside")}\s*[)\]])?["\s]*[:=,;\s]["\s:=,;]*'
    rf'{_NUMBER}\s*{_UNIT.format("behind")}?["\s,;]*$',
    re.IGNORECASE,
)
_A_SAMPLE = re.compile(  # 2 msec/sample
    rf'^[#%/;"\s]*{_NUMBER}\s*{_UNIT.format("behind")}\s*(?:/|per)\s*sample["\s,;]*$', re.IGNORECASE
)
_LARGER = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_SMALLER = {"m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12}


def interval_above_s(lines: Sequence[str]) -> float:
    """Seconds from a row to the next that lines tell, as their interval or rate; 0 where none does, or two differ."""
    matches = [match for line in lines if (match := _LINE.match(line) or _A_SAMPLE.match(line))]
    found = {interval for match in matches if (interval := _interval_s(match))}
    return found.pop() if len(found) == 1 else 0.0


def _interval_s(found: re.Match) -> float:
    told = found.groupdict(default="")
    number, unit = float(told["number"]), told["behind"] or told.get("beside", "")
    is_unclear = not unit and told["rate"].lower() in ("sampling", "clock")
    if not number or is_unclear:
        return 0.0
    if unit.lower().endswith(("hz", "/s", "sps")) or (not unit and told["rate"]):
        return 1 / (number * _LARGER.get(unit[:1], 1.0))
    return number * (_SMALLER.get(unit[0], 0.0) if unit[1:] in ("s", "S", "sec") else 1.0)
