"""Which pictures of a folder follow each other: two cameras, or frames and their masks, may lie in one folder."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path, PurePath

from config import PrepConfig
from data.messages import logger
from data.sources.base import FrameError
from data.sources.tables.sidecar import find_times_csv
from data.sources.times.in_names.elapsed_names import seconds_of_clocks

log = logger(__name__)

# Half days and summer times change within the pictures of one camera.
ZONES = "CES?T|EES?T|WES?T|GMT|BST|[ECMP][SD]T|AK[SD]T|AE[SD]T|NZ[SD]T"
_TIME = re.compile(
    r"(?:19|20)\d\d-[01]\d-[0-3]\d-[0-2]\d[0-5]\d_\d(?!\d)"  # WinJUPOS, with tenths of a minute
    r"|(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:(?:[T_ .@-]{0,3}|[_ ]at[_ ])"
    rf"(?:[0-2]\d|\d(?=[-_:.h]))[-_:.h]?[0-5]\d(?:[-_:.m]?[0-6]\d"
    rf"(?:s?[._,-]?\d{{3,9}})?)?(?:[ _]?[AaPp](?:\. ?)?[Mm](?![A-Za-z]))?(?:[ _-]?\(?(?:{ZONES})(?![A-Za-z]))?)?"
    r"|(?<!\d)20\d\dy[01]\dm[0-3]\dd_[0-2]\dh[0-5]\dm"  # IncuCyte
    r"|(?<!\d)(?:1[5-9]|2\d|3[0-5])([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])[-_ T]"  # years of two digits
    r"[0-2]\d[-_:.]?[0-5]\d[-_:.]?[0-5]\d(?!\d)"
    r"|(?<!\d)(?<!\d\.)1\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9}|_(?:\d{3}|\d{6}|\d{9}))?(?!\d)"  # since 1970
)
# Words before a number that tells no time: of channels, depths and places of a microscope, of cameras and how they
# were set.
_PLACE = r"(?<![A-Za-z])(?:c|ch|chan|channel|w|wavelength|z|p|pos|position|site|well|view|cam|camera|band"
_PLACE += r"|exp|exposure|gain|iso|led|laser|filter)[ _-]?"
_OF_A_PLACE = re.compile(_PLACE + "$", re.IGNORECASE)
_ANY, _PLACES, _NONE = re.compile(r"\d+"), re.compile(_PLACE + r"\d+"), re.compile(r"(?!)")  # of numbers
_OF_DCF = re.compile(
    r"^[1-9]\d\d(?=\w{0,4}[A-Z])[A-Z0-9_]{5}_(?=.*\d{4}\.)"
)  # a camera's folder, as dated.py writes it before names
_HUNDREDTH = re.compile(r"[-._]\d\d(?![\d.])")
_AGAIN = re.compile(r"(?<=#)(?:[-_]\d{1,2}| ?\(\d{1,3}\))$")
_DISPLAY = re.compile(r" \((?:[2-9]|1\d)\)$")
_CLOCK_ALONE = re.compile(r"(?<!\d)(?:[01]\d|2[0-3])([-_:.h])[0-5]\d[-_:.m][0-5]\d(?!\d)")
FIRST_TIME = 10**9  # digits of a time are more than those of a count
MOST_CAMERAS, FEWEST = 16, 3  # in a folder; pictures of each
REGULAR = 0.8  # share of the rounds in which each of several cameras has its turn, where no two are of one time


def cameras_of(names: Sequence[str]) -> dict[str, str]:
    """The camera of each picture by name: "" of all, unless names differ before or behind what numbers or dates them,
    and go on side by side: cam1_0001 and cam2_0001, 17.jpg and 17_mask.png. Parts that follow each other are one.
    """
    one = dict.fromkeys(names, "")
    if by_suffix := _by_suffix(names):
        return by_suffix
    groups = _grouped(names, _ANY)
    if not (_are_of_one_time(groups) or _take_turns(groups)):
        is_again = len({number for group in groups.values() for number in group.values()}) < len(names)
        groups = _grouped(names, _PLACES if is_again else _NONE)
    groups = _with_bursts(groups)
    cameras = {form: group for form, group in groups.items() if len(group) >= FEWEST and "#" in form}
    labels = {form: re.sub(r"[\W_%]+", "_", form.replace("#", "_")).strip("_") for form in cameras}
    if not 1 < len(cameras) <= MOST_CAMERAS or len(set(labels.values())) < len(labels):
        return one
    ranges = [(min(group.values()), max(group.values())) for group in cameras.values()]
    if max(first for first, _ in ranges) > min(last for _, last in ranges):
        return one
    return one | {name: labels[form] for form, group in cameras.items() for name in group}


def _by_suffix(names: Sequence[str]) -> dict[str, str]:
    """The suffix of each picture where the same ones are there in two forms, as a camera's TIFF and JPEG; {} of others.

    Most of those in the form that is rarer have to be there in the other one too.
    """
    stems: dict[str, set[str]] = {}
    for name in names:
        path = PurePath(name)
        stems.setdefault(path.suffix.lower().lstrip("."), set()).add(path.stem)
    forms = {suffix: own for suffix, own in stems.items() if len(own) >= FEWEST}
    if len(forms) < 2 or 2 * len(set.intersection(*forms.values())) <= min(map(len, forms.values())):
        return {}
    suffixes = {name: PurePath(name).suffix.lower().lstrip(".") for name in names}
    return {name: suffix if suffix in forms else "" for name, suffix in suffixes.items()}


def _grouped(names: Sequence[str], kept: re.Pattern) -> dict[str, dict[str, int]]:
    """Names, and what dates or numbers them, by what they have besides; kept: numbers behind that tell them apart."""
    groups: dict[str, dict[str, int]] = {}
    stems = {name: unicodedata.normalize("NFKC", PurePath(_OF_DCF.sub("", name)).stem) for name in names}
    counters, beside = _counters(stems.values()), _counting_too(stems.values())
    for name, stem in stems.items():
        form, number = _form_of(stem, counters[stem], beside[stem], kept)
        groups.setdefault(form, {})[name] = number
    return groups


def _counters(stems: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Where the date and clock of each name stand, if these differ, else the last number that differs among names of
    its form, unless it is that of a channel or a place; (0, 0) where there is none."""
    stems = [*stems]
    times = {stem: found.span() for stem in stems if (found := _TIME.search(stem))}
    times = _with_hundredths(times)
    if len({stem[slice(*span)] for stem, span in times.items()}) < 2:
        times = _clocks(stems)
    found = {}
    for numbers in _by_words(stems):
        column = _counting([[m[0] for m in matches] for matches in numbers.values()], next(iter(numbers.values())))
        found |= {stem: matches[column].span() if matches else (0, 0) for stem, matches in numbers.items()}
    return found | times


def _clocks(stems: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where clocks without a date stand in names that go on by them, as 09-45-00 each quarter of an hour; {} of others,
    in which three numbers may as well be places."""
    found = {stem: clock.span() for stem in stems if (clock := _CLOCK_ALONE.search(stem))}
    return found if len(found) == len(stems) and seconds_of_clocks(sorted(stems)) else {}


def _by_words(stems: Iterable[str]) -> list[dict[str, list[re.Match]]]:
    """The numbers in names, those of one form together: names that differ in their numbers alone."""
    forms: dict[str, dict[str, list[re.Match]]] = {}
    for stem in stems:
        forms.setdefault(re.sub(r"\d+", "#", stem), {})[stem] = [*re.finditer(r"\d+", stem)]
    return [*forms.values()]


def _counting_too(stems: Iterable[str]) -> dict[str, set[int]]:
    """Where numbers begin that differ from name to name, so that no camera is told by them: both of IN Cell's
    `time 2 - 2636ms`. They tell one where a number is that of several pictures."""
    found: dict[str, set[int]] = {}
    for numbers in _by_words(stems):
        columns = [Counter(match[0] for match in column) for column in zip(*numbers.values(), strict=True)]
        differ = [max(own.values()) < FEWEST or len(own) > MOST_CAMERAS for own in columns]
        found |= {stem: {m.start() for m, is_ in zip(own, differ, strict=True) if is_} for stem, own in numbers.items()}
    return found


def _with_hundredths(times: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Where times stand in names, with the two digits behind a second that part it evenly, as Axis writes them: 00, 25,
    50 and 75."""
    behind = {stem: _HUNDREDTH.match(stem, end) for stem, (_, end) in times.items()}
    parts = sorted({int(found[0][1:]) for found in behind.values() if found})
    steps = [later - one for one, later in pairwise(parts)]
    if None in behind.values() or not steps or any(abs(step - 100 / len(parts)) > 1 for step in steps):
        return times
    return {stem: (times[stem][0], found.end()) for stem, found in behind.items() if found}


def _counting(rows: list[list[str]], places: Sequence[re.Match]) -> int:
    """Which of the numbers in names of one form counts them; rows: those of each name, places: of those of one."""
    differing = [number for number, values in enumerate(zip(*rows, strict=True)) if len(set(values)) > 1]
    counts = [n for n in differing if not _OF_A_PLACE.search(places[n].string, 0, places[n].start())]
    if len(counts) > 1 and _number_parts([(row[counts[-2]], row[counts[-1]]) for row in rows]):
        return counts[-2]
    return (counts or differing or [-1])[-1]


def _number_parts(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the second number of names tells parts of what the first, filled with zeros, counts: the bands of a
    drone's camera, IMG_0000_1 to IMG_0000_5, each of which is there of every picture."""
    firsts, seconds = (set(column) for column in zip(*pairs, strict=True))
    parts = sorted(int(number) for number in seconds)
    are_all = len(set(pairs)) == len(pairs) == len(firsts) * len(seconds)
    is_filled = len({len(number) for number in firsts}) == 1 and any(number.startswith("00") for number in firsts)
    by_one = parts == [*range(parts[0], parts[0] + len(parts))] and parts[0] < 2 and parts[-1] < 10
    return are_all and is_filled and by_one and len(firsts) > len(seconds) and max(map(len, seconds)) == 1


def _with_bursts(groups: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Groups with those that number a time which is there already: IMG_20240305_095950 (1), 20240305_095950_2; but for
    those of further displays, which macOS numbers from 2 at each time: `... at 2.29.00 PM (2)`."""
    joined: dict[str, dict[str, int]] = {}
    for form, group in groups.items():
        plain = _AGAIN.sub("", form)
        is_again = plain in groups and min(group.values(), default=0) >= FIRST_TIME
        of_displays = [_DISPLAY.search(PurePath(name).stem) for name in group]
        are_others = plain != form and is_again and set(group.values()) == set(groups[plain].values())
        for (name, moment), display in zip(group.items(), of_displays, strict=True):
            own = f"{plain}{display[0]}" if are_others and display and None not in of_displays else plain
            joined.setdefault(own if is_again else form, {})[name] = moment
    return joined


def _are_of_one_time(groups: dict[str, dict[str, int]]) -> bool:
    """Whether numbers behind times tell pictures of one time apart, as 0171 and 0304 do SDO's; those from 0 or 1 on
    count pictures of one second.
    """
    moments = [number for group in groups.values() for number in group.values()]
    if min(map(len, groups.values()), default=0) < FEWEST or len(set(moments)) == len(moments):
        return False
    return max(moments) < FIRST_TIME or not _count(groups)


def _take_turns(groups: dict[str, dict[str, int]]) -> bool:
    """Whether numbers behind times take turns, each picture at a time of its own: Helioviewer's AIA_171, AIA_304."""
    turns = sorted((moment, form) for form, group in groups.items() for moment in group.values())
    if len(groups) < 2 or min(map(len, groups.values())) < FEWEST or turns[0][0] < FIRST_TIME or _count(groups):
        return False
    forms = [form for _, form in turns]
    rounds = [len(set(forms[i : i + len(groups)])) == len(groups) for i in range(len(forms) - len(groups) + 1)]
    return sum(rounds) >= REGULAR * len(rounds)


def _count(groups: dict[str, dict[str, int]]) -> bool:
    """Whether numbers behind times count, from 0 or 1 on."""
    behind = [[int(number) for number in re.findall(r"\d+", form.partition("#")[2])] for form in groups]
    if len({len(numbers) for numbers in behind}) > 1:
        return False
    columns = [sorted(set(column)) for column in zip(*behind, strict=True)]
    return any(
        len(column) > 1 and column == [*range(column[0], column[0] + len(column))] and column[0] < 2
        for column in columns
    )


def _form_of(stem: str, counter: tuple[int, int], beside: set[int], kept: re.Pattern) -> tuple[str, int]:
    """A name with # for what dates or counts it, and that number; numbers behind it as %, but those that are kept, and
    before it those that begin at `beside`."""
    begin, end = counter
    if begin == end:
        return stem, 0
    behind = re.sub(rf"({kept.pattern})|\d+", lambda m: m[1] or "%", stem[end:], flags=re.IGNORECASE)
    before = re.sub(r"\d+", lambda m: "%" if m.start() in beside else m[0], stem[:begin])
    return f"{before}#{behind}", int(re.sub(r"\D", "", stem[begin:end]))


def cameras_in(beside: Path, names: Sequence[str], prep: PrepConfig, has_times: bool = False) -> dict[str, str]:
    """The camera of each picture of a folder or archive by name, "" where they are of one; a times CSV says that.

    has_times: whether one is in the archive.
    """
    try:
        csv = find_times_csv(beside, prep.times_csv)
    except FrameError:  # told with every picture
        csv = None
    camera_of = dict.fromkeys(names, "") if csv or has_times else cameras_of(names)
    if len(cameras := set(camera_of.values()) - {""}) > 1:
        log.info(f"{beside.name}: by their names its pictures are of several cameras, a reel each: {sorted(cameras)}")
    return camera_of
