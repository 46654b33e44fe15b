"""Which reel a frame belongs to, by its FITS header: everything that makes it another kind of picture is in the name.

Spacecraft or telescope, instrument, detector, wavelength in angstrom, filter, content and target, as far as the header
tells them. Frames of one name can follow each other in a reel; no two kinds share one.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from data.sources.fits_file.cards import number, text, value_of

ANGSTROM = {
    **dict.fromkeys(("", "angstrom", "angstroms", "a", "aa", "0.1nm", "-10", "å", "ångström", "ångstrom"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "-9"), 10.0),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "µm", "-6"), 1e4),
    **dict.fromkeys(("mm", "-3"), 1e7),
    **dict.fromkeys(("cm", "-2"), 1e8),
    **dict.fromkeys(("m", "0"), 1e10),
}
_IN_COMMENT = re.compile(r"[\[(]\s*(nm|nanometers?|angstroms?|a|um|microns?)\s*[\])]", re.IGNORECASE)
_NUMBER_AND_UNIT = re.compile(r"(\d+\.?\d*) ?([A-Za-zÅåµ]+)")
# JSOC's and most others'; IRIS' and ground stations'. What WAVE means in others is not known.
_WAVELENGTHS = ("WAVELNTH", "WAVE_LEN", "TWAVE1", "WAVELENG", "WAVELEN", "LINEWAV")
_IN_NM = ("LINEWAV",)  # DKIST's, in nm where no comment says so
_NOTHING = {"", "none", "unknown", "n_a", "na", "null", "undefined", "0", "999"}
_LONGEST = 40  # letters of a part


@dataclass(frozen=True)
class Identity:
    """reel: its name; channel: what tells it from others of its instrument, the wavelength where it has one.

    aside: of unknown instruments, cards that may tell kinds apart, with what they say.
    """

    reel: str
    channel: str
    aside: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Instrument:
    """How an instrument is told, and named. parts: the cards that tell its frames apart beside the wavelength."""

    name: str
    card: str
    pattern: str
    parts: tuple[str, ...] = ()
    wave_unit: str = ""


_SOT_PARTS = ("WAVE", "WAVEOFF", "OBS_TYPE")
# Of instruments whose headers say it in their own way, or more than is needed to tell their frames apart.
INSTRUMENTS = (
    Instrument("aia", "INSTRUME", "AIA"),
    Instrument("hmi", "INSTRUME", "HMI", ("CONTENT", "HARPNUM")),
    Instrument("mdi", "CAMERA", "MDI$", ("CONTENT",)),
    Instrument("mdi", "INSTRUME", "MDI$", ("CONTENT",)),
    Instrument("eit", "INSTRUME", "EIT$", ("FILTER",)),
    Instrument("eit", "TELESCOP", r".*\(EIT\)", ("FILTER",)),
    Instrument("swap", "INSTRUME", "SWAP$"),
    Instrument("xrt", "INSTRUME", "XRT$", ("EC_FW1_", "EC_FW2_")),
    Instrument("sxt", "INSTRUME", "SXT$", ("WAVELNTH", "FILTER", "FILTERA", "FILTERB")),
    Instrument("sji", "INSTRUME", "SJI"),
    Instrument("kcor", "INSTRUME", "COSMO K-Coronagraph", (), "nm"),
    Instrument("lasco", "INSTRUME", "LASCO", ("DETECTOR", "FILTER", "POLAR")),
    Instrument("rhessi", "INSTRUME", "RHESSI", ("ENERGY_L", "ENERGY_H")),
    Instrument("suvi", "DETECTOR", "SUVI"),
    Instrument("suvi", "INSTRUME", ".*Solar Ultraviolet Imager"),
    Instrument("gong", "TELESCOP", ".*GONG", ("SITE", "IMTYPE")),
    *(Instrument("suit", card, "SUIT", ("FTR_NAME",)) for card in ("PNAME", "INSTRUME")),
    *(Instrument(f"hinode_sot_{c}", "INSTRUME", f"SOT/{c.upper()}", _SOT_PARTS) for c in ("wb", "nb")),
)
_GENERAL = (
    *("CONTENT", "BTYPE", "IMTYPE", "FILTER", "FILTER1", "FILTER2", "FILTERA", "FILTERB", "WAVE", "WAVEOFF"),
    *("FILTNAM", "FILTNAME", "FILTERID", "INSFLNAM", "BAND", "BANDPASS", "PASSBAND", "CHNLNUM", "LAMBDA", "WVLNTH"),
    *("POLAR", "POLARIZ", "STOKES", "FREQ", "FREQUENC", "OBS-FREQ", "RESTFRQ", "EC_FW1_", "EC_FW2_", "SITE"),
)
# What may tell kinds apart, or change as names of regions do, or count: see data/frames/kinds.py.
_ASIDE = (
    *("OBJECT", "OBJNAME", "TARGET", "TARGNAME", "CAMERA", "CAMERAID", "CAM_ID", "CAMID", "CAMNAME"),
    *("MINDEX1", "MINDEX2", "TILE", "CCDNUM"),
)
# Filters among the names of more than eight letters: ESO INS FILT1 NAME, FPA.FILTERID.
_FILTERS = re.compile(r"(?:[^ .]+[ .])+FILT(?:ER)?\d?(?:[ .]?(?:NAME|ID))?")
_AXES = re.compile("FREQ|STOKES|VRAD|VELO|WAVE")  # that have one value in an image: of radio telescopes
# Where cameras' programs and observatories write that a frame shows nothing but the camera: darks, flats.
# EC_IMTY_ is XRT's, SEB_PROG SECCHI's, LP_NUM LASCO's, IMGTYPE EUI's.
_TYPE_CARDS = (
    "IMAGETYP",
    "IMG_TYPE",
    "IMGTYPE",
    "IMTYPE",
    "OBSTYPE",
    "FRAMETYP",
    "FRAME",
    "EC_IMTY_",
    "SEB_PROG",
    "LP_NUM",
)
_PICTTYPE = {2: "bias", 3: "dark", 4: "flat"}  # of SBIG's programs; 1 is light
_OF_THE_CAMERA = ("dark", "bias", "flat", "zero", "offset", "lamp", "led", "skyflat", "domeflat")
_MINUS = re.compile(r"(?<![a-z0-9])-(?=\.?\d)|(?<=[a-z])-(?=\d*\.\d)")  # of a number: -60 deg, Ha-0.5
_NO_POLARISER = (-1.0, -180.0)  # degrees: SECCHI writes -1, PUNCH -999
_GONG_SITE = re.compile(r"(?:^|[/\\])\d{14}([A-Z])[a-z]?\.")  # in names of its files: 20220318000010Bh.fits.fz
_SATELLITE = re.compile(r"[_-]g(\d\d)[_.]", re.IGNORECASE)  # in names of SUVI's files, whose TELESCOP is GOES-R for all


def identity_of(header: Mapping) -> Identity:
    """The reel of a frame and its channel there."""
    known = known_instrument(header)
    platform = _satellite(header) if known else _platform(header)
    cards = known.parts if known else (*_GENERAL, *filter(_FILTERS.fullmatch, header))
    wavelength = wavelength_text(header, known.wave_unit if known else "")
    names = [known.name] if known else [_slug(text(header, card)) for card in ("INSTRUME", "DETECTOR")]
    name = _joined([platform, *names])
    details = [_without(_slug(_value(header, card)), names[0]) for card in cards]
    details += [] if known or wavelength else [_slug(_spectral_line(header))]
    details += [] if known else _of_single_planes(header)
    if (
        known and "CONTENT" in cards and details[0] in ("", "observable")
    ):  # as of SHARPs: only the unit tells what it is
        details.append(_slug(text(header, "BUNIT")))
    details = _new([*details, of_the_camera(header)], [*name.split("_"), wavelength])
    channel = wavelength or "_".join(details) or "image"
    reel = "_".join([name or "fits", *dict.fromkeys([channel, *details] if wavelength else [channel])])
    aside = () if known else tuple((card, told) for card in _ASIDE if (told := _slug(_value(header, card))))
    return Identity(reel, channel, aside)


def aside_in_name(reel: str, name: str) -> tuple[tuple[str, str], ...]:
    """What the name of a file may tell kinds apart by, as `Identity.aside`: of GONG's H-alpha, whose headers name the
    network, the site."""
    found = _GONG_SITE.search(name) if reel.startswith("gong") else None
    return (("SITE", found[1].lower()),) if found else ()


def known_instrument(header: Mapping) -> Instrument | None:
    """The one of INSTRUMENTS that a header is of."""
    return next((i for i in INSTRUMENTS if re.match(i.pattern, text(header, i.card))), None)


def _of_single_planes(header: Mapping) -> list[str]:
    """Frequency and Stokes parameter of an image whose third and fourth axes are one pixel long."""
    axes = [axis for axis in (3, 4) if _AXES.match(text(header, f"CTYPE{axis}")) and header.get(f"NAXIS{axis}", 1) == 1]
    return [_slug(f"{text(header, f'CTYPE{axis}')} {_value(header, f'CRVAL{axis}')}") for axis in axes]


def of_the_camera(header: Mapping) -> str:
    """What a frame is taken for where that is the camera itself, as "dark"; "" of one that shows what it looks at."""
    counted = number(header, "PICTTYPE")
    if counted in _PICTTYPE:
        return _PICTTYPE[int(counted)]
    words = (word for card in _TYPE_CARDS for word in _slug(text(header, card)).split("_"))
    return next((word for word in words if word in _OF_THE_CAMERA or word.removesuffix("s") in _OF_THE_CAMERA), "")


def wavelength_text(header: Mapping, wave_unit: str = "") -> str:
    """The wavelength in angstrom as text, "" where there is none. wave_unit: where the header does not tell it."""
    card = next((name for name in _WAVELENGTHS if number(header, name) > 0 or _with_unit(header, name)), "")
    if not card:
        return ""
    if told := _with_unit(header, card):
        return f"{float(told[1]) * _angstroms(told[2]):.7g}"
    unit = _wave_unit(header, card) or ("nm" if card in _IN_NM else wave_unit)
    return f"{number(header, card) * _angstroms(unit):.7g}"


def _with_unit(header: Mapping, card: str) -> re.Match | None:
    """A wavelength and its unit, where one text holds both, as 17.1 nm."""
    told = _NUMBER_AND_UNIT.fullmatch(text(header, card))
    return told if told and told[2].lower() in ANGSTROM else None


def _spectral_line(header: Mapping) -> str:
    """What a card of the wavelength says in words, as H-alpha."""
    return next(
        (line for card in _WAVELENGTHS if math.isnan(number(header, card)) and (line := _value(header, card))), ""
    )


def _wave_unit(header: Mapping, card: str) -> str:
    """The unit of a wavelength by WAVEUNIT, a power of ten of metres with some, or by the comment of its own card."""
    unit = header.get("WAVEUNIT")
    if unit is not None and str(unit).strip():
        return str(unit).strip()
    comments = getattr(header, "comments", None)
    told = _IN_COMMENT.search(str(comments[card])) if comments is not None else None
    return told[1] if told else _unit_of_axis(header, number(header, card))


def _unit_of_axis(header: Mapping, wavelength: float) -> str:
    """The unit of an axis of wavelengths that tells the same one: DKIST's third, of images one pixel long."""
    axes = (axis for axis in (1, 2, 3, 4) if text(header, f"CTYPE{axis}").startswith(("WAVE", "AWAV")))
    return next((text(header, f"CUNIT{axis}") for axis in axes if number(header, f"CRVAL{axis}") == wavelength), "")


def _angstroms(unit: str) -> float:
    if unit.lower() in ANGSTROM:
        return ANGSTROM[unit.lower()]
    import astropy.units as u  # late: few units are unusual

    try:
        return float(u.Unit(unit).to(u.AA))
    except (ValueError, TypeError, u.UnitConversionError):
        return 1.0


def _platform(header: Mapping) -> str:
    """Spacecraft or telescope; that part of it which INSTRUME and DETECTOR do not say again."""
    told = text(header, "OBSRVTRY") or text(header, "TELESCOP")
    parts = [_slug(part) for part in re.split(r"[/,]", told)]
    return "_".join(dict.fromkeys(part for part in parts if part))


def _satellite(header: Mapping) -> str:
    """GOES' number for SUVI, of which several look at the Sun at a time; other instruments here are on one only."""
    if not re.match("GOES", text(header, "TELESCOP")):
        return ""
    if told := re.search(r"\d\d", text(header, "TELESCOP")):
        return f"goes_{told[0]}"
    named = _SATELLITE.search(text(header, "FILENAME") or text(header, "REF_IMG"))
    return f"goes_{named[1]}" if named else ""


def _value(header: Mapping, card: str) -> str:
    value = value_of(header, card)
    if isinstance(value, bool) or value is None:
        return ""
    if card == "POLAR" and not isinstance(value, str):
        is_angle = value != _NO_POLARISER[0] and value > _NO_POLARISER[1]
        return f"pol {value:g}" if is_angle else ""
    if card == "POLARIZ":  # rcp+lcp is not rcp-lcp
        return str(value).replace("+", " plus ").replace("-", " minus ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _slug(told: str) -> str:
    """Small letters and digits with _ between them, signs as words; "" for what stands for nothing."""
    slug = re.sub(r"[^a-z0-9]+", "_", _MINUS.sub(" minus ", told.lower())).strip("_")[:_LONGEST].strip("_")
    return "" if slug in _NOTHING else slug


def _joined(parts: list[str]) -> str:
    """Parts in a row, without words that were said before."""
    return "_".join(dict.fromkeys(word for part in parts if part for word in _words(part)))


def _without(part: str, name: str) -> str:
    """What a card says without the instrument's name before it."""
    return part.removeprefix(f"{name}_") if name else part


def _words(part: str) -> list[str]:
    """stereo_a is one word: its letter alone would be lost beside another one."""
    return re.findall(r"[a-z0-9]{2,}(?:_[a-z0-9])*(?![a-z0-9])|[a-z0-9]+", part)


def _new(details: list[str], said: list[str]) -> list[str]:
    """The details that say something new."""
    return [part for part in dict.fromkeys(details) if part and not set(part.split("_")) <= set(said)]
