"""What a FITS header tells about a frame: the fields of its candidate, and why it is refused or flagged.

Rules about QUALITY, saturation and exposure are the instrument's own; of others nothing is known, and so it is flagged.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from astropy.io import fits

from config import PrepConfig
from data.sky.wcs_header import place
from data.sources.base import MOSAIC, FrameError
from data.sources.fits_file.cards import mended, number, text
from data.sources.fits_file.identity import identity_of, known_instrument, of_the_camera
from data.sources.fits_file.times.cards import NO_TIME, local_by, time_of
from data.sources.fits_file.times.time_units import seconds_of
from data.sources.fits_file.units import DEFAULT_COUNTS, PixelUnit, unit_of
from data.sources.times.texts import ORDERS
from data.sources.times.utc import as_in_tables

EXPTIME_LIMITS_S = (1e-6, 1e6)
# SHT_MDUR is TRACE's, EXPOINUS that of cameras' programs, TEXPOSUR DKIST's; MEAS_EXP, else CMD_EXPT, SUIT's.
EXPOSURES = ("XPOSURE", "EXPTIME", "EXPOSURE", "SHT_MDUR", "EXP_TIME", "EXPOINUS", "TEXPOSUR", "MEAS_EXP", "CMD_EXPT")
BY_NAME = {"EXPOINUS": "us", "MEAS_EXP": "ms", "CMD_EXPT": "ms"}  # the unit, where the card's name says it
_WORDS = r"(?:milli|micro|m|u)?sec(?:ond)?s?|ms"
# In brackets, or as a word that means nothing else; of several the first.
_UNIT_IN_COMMENT = re.compile(rf"[\[(]\s*({_WORDS}|s|us|min)\s*[\])]|\b({_WORDS}|(?<=in )us)\b", re.IGNORECASE)
_WITH_UNIT = re.compile(r"([\d.]+(?:[eE][+-]?\d+)?) ?([a-zA-Z]+)")  # as 2.0 s in a text
NO_CLOCK = "the header has a date without a clock: taken as midnight"
CLOCK_IN_NAME = "no clock in the header: that of the file's name"
TURNED = "turned upright (ROWORDER TOP-DOWN)"
UNPLACED = (None, "the header has no time, by which observers are placed", "")
IN_NAME = "no time in the header: that of the file's name"
_OF_WCS = re.compile(r"(?:CRPIX|CRVAL|CDELT|CROTA|CTYPE|CUNIT|PC|CD)\d\w*")
# Bits of QUALITY that reject a frame, and that are only noted: the SDO User Guide, section 7.7.6.
AIA_REJECT = (9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 31)
AIA_FLAG = (0, 1, 2, 3, 4, 8, 30)
NO_DATA_BIT = 31  # in all of JSOC's series, HMI's and MDI's too: the record has no image
AIA_SATURATION_DN = 16383.0  # 14 bits
# What headers call the value from which pixels are saturated, in the unit of the data: SECCHI, SUVI, others.
SATURATION_CARDS = ("DSATVAL", "SAT_THR", "SATURATE")
_EIT_REMARK = re.compile(r"\b(N_MISSING_BLOCKS|BLOCKS_HORZ) = +(\d{1,9})")
# How archives write a level beside LVL_NUM: L2, L1b, 1.5, Level 2.
LEVELS = ("LEVEL", "PROC_LEV", "PROCLEVL")
_LEVEL = re.compile(r"(?:level|lev|lv|l)?[ _-]*(\d(?:\.\d+)?)([a-z]?)", re.IGNORECASE)
_GOOD = {"", "ok", "good", "none"}
# Images that have neither a unit nor an exposure by nature: normalised intensities, and fluxes made from photon lists.
_NEEDS_NO_EXPOSURE = re.compile(r".*GONG|RHESSI", re.IGNORECASE)


def facts_of(
    header: Mapping,
    shape: tuple[int, int],
    prep: PrepConfig,
    made_into: PixelUnit | None = None,
    named_utc: Callable[[], str] = str,
) -> dict[str, Any]:
    """Candidate fields of a frame `shape` (H, W). Of a frame that is refused there is at least a reason.

    made_into: the unit of its pixels where they are no longer what the header tells. named_utc: what gives the time in
    the name of its file, or "": taken where the header has none.
    """
    who = identity_of(header)
    facts: dict[str, Any] = {"shape": shape, "reel": who.reel, "channel": who.channel, "flags": "", "aside": who.aside}
    exptime_s = _exposure_s(header)
    unit, flag = (made_into, "") if made_into else _unit(header, exptime_s)
    facts |= {"exptime_s": exptime_s, "unit": unit.name, "is_exposed": unit.is_counts}
    facts |= {"level": number(header, "LVL_NUM"), "stage": _stage(header), "sat_rot_deg": number(header, "SAT_ROT")}
    facts["saturation"] = _saturation(header)
    facts["missing_blocks"], facts["block_px"] = _missing_blocks(header, shape)
    flags = [flag, _mosaic(header), TURNED if has_top_row_first(header) else ""]
    try:
        facts["quality"], quality_flags, reason = _judged(header, prep)
        facts["time_utc"], time_flag, untimed = *_time(header, prep, named_utc), ""
    except FrameError as error:
        time_flag, untimed = "", str(error)
        if not untimed.startswith(NO_TIME):  # what has none may get one by its place among others: untimed.py
            return facts | {"reason": untimed}
    facts["wcs"], facts["no_sky"], sky_flag = UNPLACED if untimed else _sky(header, shape, facts["time_utc"])
    facts["flags"] = "; ".join(filter(None, [*flags, *quality_flags, time_flag, sky_flag]))
    return facts | {"reason": reason or _refusal(facts, prep, of_the_camera(header)) or untimed}


def _time(header: Mapping, prep: PrepConfig, named_utc: Callable[[], str]) -> tuple[str, str]:
    """UTC of a frame, and a flag where that is not what the header says. Raises FrameError where it is not told."""
    order = prep.time_format if prep.time_format in ORDERS else None
    try:
        told = time_of(header, order or "")
    except FrameError as error:
        if not str(error).startswith(NO_TIME) or not (utc := named_utc()):
            raise
        return utc, IN_NAME
    if local := local_by(header):
        return _of_local(told.utc, local, prep)
    if told.has_clock:
        return told.utc, told.flag
    utc = named_utc()
    utc, flag = (utc, CLOCK_IN_NAME) if utc[:10] == told.utc[:10] else (told.utc, NO_CLOCK)
    return utc, "; ".join(filter(None, (flag, told.flag)))


def _of_local(told: str, by: str, prep: PrepConfig) -> tuple[str, str]:
    """A time of a clock that is not UTC's, in UTC where the settings say which zone it is of, and a flag."""
    if prep.time_zone is None:
        return told, f"local time by {by}: taken as UTC; prep.time_zone says which zone it is of"
    utc = as_in_tables(told, zone=prep.time_zone)
    if not utc:
        raise FrameError(f"time {told} is none in prep.time_zone {prep.time_zone}")
    return utc, f"local time by {by}, of prep.time_zone {prep.time_zone}"


def _sky(header: Mapping, shape: tuple[int, int], time_utc: str):
    try:
        return place(header, shape, time_utc)
    except fits.VerifyError:  # any card of the header, where sunpy reads it
        sound, odd = mended(header)
        if damaged := [name for name in odd if _OF_WCS.fullmatch(name)]:
            return None, f"a card of its WCS is damaged: {', '.join(damaged)}", ""
        wcs, why, flag = place(sound, shape, time_utc)
        return wcs, why, "; ".join(filter(None, (flag, f"damaged cards read as they are written: {', '.join(odd)}")))


def _exposure_s(header: Mapping) -> float:
    """Exposure time: that of the pixels where it is told, else that of the shutter.

    A card that was never filled in (0, -1) does not stand before one that was; where none was, it is given, to be told.
    """
    told = [count for card in EXPOSURES if not math.isnan(count := _seconds_of(header, card))]
    return next((count for count in told if count > 0), told[0] if told else math.nan)


def _seconds_of(header: Mapping, card: str) -> float:
    told = _WITH_UNIT.fullmatch(text(header, card))
    count = number({card: told[1]}, card) if told else number(header, card)
    if math.isnan(count):
        return count
    return count * seconds_of(told[2] if told else _exposure_unit(header, card), 1.0)


def _exposure_unit(header: Mapping, card: str) -> str:
    """The unit of an exposure time by the name of its card, by TIMEUNIT or by its comment; "" where none is told."""
    comments = getattr(header, "comments", {})
    in_comment = _UNIT_IN_COMMENT.search(str(comments[card])) if comments else None
    told = (in_comment[1] or in_comment[2]).lower() if in_comment else ""
    return BY_NAME.get(card) or text(header, "TIMEUNIT") or told


def _unit(header: Mapping, exptime_s: float) -> tuple[PixelUnit, str]:
    """The unit of a frame, and a flag where that is not what the header says."""
    unit = unit_of(header)
    if unit is not None:
        needless = math.isnan(exptime_s) and not unit.is_counts
        return unit, f"no EXPTIME, and none needed: BUNIT {text(header, 'BUNIT') or unit.name}" if needless else ""
    by_nature = _NEEDS_NO_EXPOSURE.match(text(header, "TELESCOP"))
    # Of a known instrument the exposure was lost; of others nothing says that pixels are counts.
    never_told = not any(card in header for card in EXPOSURES) and known_instrument(header) is None
    if math.isnan(exptime_s) and (by_nature or never_told or "BUNIT" in header):
        return PixelUnit("", False), "no EXPTIME and no BUNIT: taken as it is"
    return PixelUnit(DEFAULT_COUNTS, True), ""


def fill_of(header: Mapping) -> float:
    """What stands for pixels that are not there, in the unit of the data; NaN where BLANK or NaN tell them.

    IRIS' level 2 has -200, in which its slit-jaw images are framed (ITN 26).
    """
    return -200.0 if text(header, "TELESCOP") == "IRIS" and text(header, "INSTRUME") in ("SJI", "SPEC") else math.nan


def has_top_row_first(header: Mapping) -> bool:
    """Whether the first row is the picture's upper one, as programs of cameras write it; by the standard it is the
    lower one. With a WCS the pixels lie where that says, whatever their order.
    """
    return text(header, "ROWORDER").upper() == "TOP-DOWN" and "CTYPE1" not in header


def _stage(header: Mapping) -> float:
    """The level to which a frame was processed by cards but LVL_NUM; NaN: not told."""
    told = (level_in(text(header, card)) for card in LEVELS)
    return next((level for level in told if not math.isnan(level)), math.nan)


def level_in(told: str) -> float:
    """A level as archives write it (L2, Level 1.5), a letter behind it as a step beyond: 1.02 of L1b; NaN: none."""
    found = _LEVEL.fullmatch(told)
    if not found:
        return math.nan
    step = (ord(found[2].lower()) - ord("a") + 1) / 100 if found[2] else 0.0
    return float(found[1]) + step


def _saturation(header: Mapping) -> float:
    """From where pixels as stored are saturated; NaN where that is not known."""
    if text(header, "INSTRUME").startswith("AIA"):
        return AIA_SATURATION_DN
    return number(header, *SATURATION_CARDS)


def _mosaic(header: Mapping) -> str:
    """What is to be said of a camera's raw picture, whose neighbouring pixels are of other colours."""
    pattern = next((told for card in ("BAYERPAT", "CFATYPE") if (told := text(header, card))), "")
    return f"{MOSAIC} ({pattern})" if pattern and pattern.lower() not in _GOOD else ""


def _missing_blocks(header: Mapping, shape: tuple[int, int]) -> tuple[int, int]:
    """How many compression blocks never arrived, and their side in px: by NMISSING, or by EIT's comments."""
    missing = number(header, "NMISSING", "N_MISSING_BLOCKS")
    remarks = "" if not math.isnan(missing) or "COMMENT" not in header else str(header["COMMENT"])
    told = dict(_EIT_REMARK.findall(remarks))
    across = int(told.get("BLOCKS_HORZ", 0))
    missing = float(told.get("N_MISSING_BLOCKS", 0)) if math.isnan(missing) else missing
    return max(0, min(int(missing), 2**31)), shape[1] // across if across else 0


def _judged(header: Mapping, prep: PrepConfig) -> tuple[int, list[str], str]:
    """The bits of QUALITY, what is to be flagged about them, and why they reject the frame."""
    is_aia = text(header, "INSTRUME").startswith("AIA")
    try:
        value = header.get("QUALITY", 0)
    except fits.VerifyError:
        value = "unreadable"
    bits = _bits(value)
    if bits is None:
        if is_aia or prep.quality_reject:
            raise FrameError(f"QUALITY {value!r} is no number")
        good = str(value).strip().lower() in _GOOD
        return 0, [] if good else [f"QUALITY {value!r}, whose meaning is not known"], ""
    by_default = (AIA_REJECT, AIA_FLAG) if is_aia else ((NO_DATA_BIT,), tuple(range(NO_DATA_BIT)))
    reject = by_default[0] if prep.quality_reject is None else prep.quality_reject
    flag = by_default[1] if prep.quality_flag is None else prep.quality_flag
    wrong = [str(bit) for bit in reject if bits >> bit & 1]
    reason = "QUALITY bit " + ", ".join(wrong) if wrong else ""
    return bits, [f"QUALITY bit {bit}" for bit in flag if bits >> bit & 1], reason


def _bits(value: Any) -> int | None:
    """QUALITY as 32 bits, written as a number or as text in any base; None where it is neither."""
    try:
        number = _bits_of_text(value.strip()) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number & 0xFFFFFFFF


def _bits_of_text(told: str) -> int:
    """0x00020000, 131072, and 00020000: eight digits filled up with zeros are hexadecimal, as tables print them."""
    if re.fullmatch(r"0[0-9A-Fa-f]{7}|[0-9A-Fa-f]{8}(?<!\d{8})", told):
        return int(told, 16)
    return int(told, 0) if told[:1] != "0" or not told.isdigit() else int(told)


def _refusal(facts: dict[str, Any], prep: PrepConfig, kind: str) -> str:
    """Why a frame is no picture of what is looked at, or can't be made one. kind: see `of_the_camera`."""
    if prep.wavelengths and facts["channel"] not in {str(w) for w in prep.wavelengths}:
        return f"wavelength {facts['channel']} is not among prep.wavelengths"
    if kind:
        return f"{kind} by its header: it shows the camera alone"
    if prep.normalise_exposure and facts["is_exposed"]:
        return _exposure_refusal(facts["exptime_s"])
    return ""


def _exposure_refusal(exptime_s: float) -> str:
    if math.isnan(exptime_s):
        return (
            "header has no EXPTIME that is a number, by which counts are divided; "
            "prep.normalise_exposure false takes them as they are"
        )
    shortest_s, longest_s = EXPTIME_LIMITS_S
    return "" if shortest_s <= exptime_s <= longest_s else f"EXPTIME {exptime_s:g} s is impossible"
