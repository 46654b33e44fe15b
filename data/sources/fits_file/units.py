"""What the pixels of a frame measure, by its FITS header: counts, which an exposure time turns into a rate, or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_COUNTS = "DN"
OF_POLARISATION = "V/I"  # in place of a unit: it has two signs, as the field along the line of sight that it goes with
# Names of what a detector counts, as archives and astropy write them, and what a pixel of it is.
_COUNTS = r"(?:dn|adu|ct|cts|counts?|data ?numbers?|digital ?numbers?|electrons?|e-|photons?|ph)"
_PER_PIXEL = r"(?:\s*(?:/|per)\s*(?:pix|pixel)s?|\s*\.?pix(?:el)?\^?-1)?"
_PER_SECOND = r"(?:\s*(?:/|per)\s*(?:s|sec|seconds?)|[\s.]*s(?:ec)?(?:\^|\*\*)?\(?-1\)?)"
_PLAIN_COUNTS = re.compile(rf"^{_COUNTS}{_PER_PIXEL}$")
_RATE = re.compile(
    rf"^{_COUNTS}(?:{_PER_PIXEL}{_PER_SECOND}|{_PER_SECOND}{_PER_PIXEL}|\s*/\s*\(\s*(?:pix(?:el)?\s+s|s\s+pix(?:el)?)\s*\))$"
)
_POLARISED = re.compile(r"\bV/I\b", re.IGNORECASE)
_NAMES = {"gauss": "G", "g": "G", "arbitrary intensity units": "", "0": ""}


@dataclass(frozen=True)
class PixelUnit:
    """name: as astropy writes it where it knows it; is_counts: of an exposure, which decides how bright they are."""

    name: str
    is_counts: bool

    def per_second(self) -> str:
        """The unit of counts once they are divided by their exposure time."""
        return f"{self.name}/s"


def unit_of(header: Mapping) -> PixelUnit | None:
    """The unit of a frame's pixels by BUNIT, or by PIXLUNIT of AIA; None where the header has none."""
    told = header.get("BUNIT", header.get("PIXLUNIT"))
    if told is None or not str(told).strip():
        return _unsaid(header)
    # IRIS has "Corrected DN".
    return named(re.sub(r"(?i)\bcorrected\b", "", str(told)).strip())


def named(text: str) -> PixelUnit:
    """The unit of a text. What astropy does not know stays as it is written, and is no count: MSB, B/Bsun."""
    lower = text.lower()
    if _PLAIN_COUNTS.match(lower):
        return PixelUnit("DN" if lower == "dn" else _by_astropy(lower), True)
    if lower in _NAMES:
        return PixelUnit(_NAMES[lower], False)
    if _RATE.match(lower):
        return PixelUnit(_rate_name(lower), False)
    return PixelUnit(_by_astropy(text), False)


def _rate_name(lower: str) -> str:
    """A rate as it is written once counts are divided by their exposure: DN/s, whatever a pixel of it is."""
    counts = re.match(_COUNTS, lower)
    assert counts is not None  # by the pattern of rates
    pixel = "/pix" if "pix" in lower else ""
    return named(counts[0] + pixel).per_second()


def _by_astropy(text: str) -> str:
    import astropy.units as u  # late: few units are unusual

    text = re.sub(r"\bcounts?\b|\bcts\b", "ct", re.sub(r"\bpixels?\b", "pix", text))
    unit = u.Unit(text, parse_strict="silent")
    return text if isinstance(unit, u.UnrecognizedUnit) else unit.to_string().replace(" / ", "/")


def _unsaid(header: Mapping) -> PixelUnit | None:
    """Of an image without BUNIT: XRT's counts are a rate where its history says so (XRT Analysis Guide, 2.11), and what
    SOT's narrow-band filter calls V/I is the share of circular polarisation, which no exposure divides."""
    if str(header.get("INSTRUME", "")).startswith("SOT") and _POLARISED.search(str(header.get("OBS_TYPE", ""))):
        return PixelUnit(OF_POLARISATION, False)
    if header.get("INSTRUME") == "XRT":
        return PixelUnit("DN/s", False) if "xrt_renormalize" in str(header.get("HISTORY", "")).lower() else named("DN")
    return None
