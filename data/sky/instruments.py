"""Which instrument a reel is of, by its name: observatory, wavelength, and the colour table that people know it by."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

# By a word of the reel's name (docs/instruments.md): observatory, instrument, sunpy's colour table; {} the wavelength
KNOWN = {
    "aia": ("SDO", "AIA", "sdoaia{}"),
    "hmi": ("SDO", "HMI", ""),
    "eit": ("SOHO", "EIT", "sohoeit{}"),
    "lasco": ("SOHO", "LASCO", "soholasco{}"),
    "suvi": ("GOES", "SUVI", "goes-rsuvi{}"),
    "euvi": ("STEREO", "SECCHI", "euvi{}"),
    "eui": ("Solar Orbiter", "EUI", "solar orbiterfsi{}"),
    "swap": ("PROBA2", "SWAP", "sdoaia171"),  # 174 A, of the same temperature
    "xrt": ("Hinode", "XRT", "hinodexrt"),
    "trace": ("TRACE", "TRACE", "trace{}"),
    "sji": ("IRIS", "SJI", "irissji{}"),
    "gong": ("GONG", "GONG", ""),
    "kcor": ("MLSO", "K-Cor", "kcor"),
    "ucomp": ("MLSO", "UCoMP", "kcor"),
    "cor1": ("STEREO", "SECCHI/COR1", "stereocor1"),
    "cor2": ("STEREO", "SECCHI/COR2", "stereocor2"),
    "ccor1": ("GOES", "CCOR-1", "soholasco3"),
    "metis": ("Solar Orbiter", "Metis", ""),
    "mdi": ("SOHO", "MDI", ""),
    "sxi": ("GOES", "SXI", "sohoeit195"),
    "fmg": ("ASO-S", "FMG", ""),
    "suit": ("Aditya-L1", "SUIT", ""),
    "sot": ("Hinode", "SOT", ""),
}
WHITE_LIGHT = ("lasco", "cor1", "cor2", "ccor1")  # numbers in whose names are no wavelengths
GRAY = "gray"
_WAVELENGTH = re.compile(r"(?<![\d.])\d{2,5}(?:\.\d+)?(?![\d.])")
_JOINED = re.compile(rf"(?<![a-z0-9])({'|'.join(KNOWN)})(?=\d\d)")  # with its wavelength in one word: aia131
_CORONAGRAPH = re.compile(r"c([23])")


@dataclass(frozen=True)
class Instrument:
    """wavelength: of the name, angstrom; NaN where it tells none. colormap: its colour table, `gray` without one."""

    observatory: str
    name: str
    wavelength: float
    colormap: str

    @property
    def title(self) -> str:
        """As SDO/AIA 193 Å; empty of an unknown instrument."""
        if not self.name:
            return ""
        told = f"{self.observatory}/{self.name}" if self.observatory != self.name else self.name
        return f"{told} {self.wavelength:g} Å" if np.isfinite(self.wavelength) else told


def instrument_of(name: str, meta: dict[str, Any]) -> Instrument:
    """The instrument of a reel by its name, and by what prep did; without a name where that tells none.

    A movie in false colours is shown in those that were undone.
    """
    words = re.split(r"[^a-z0-9.]+", _JOINED.sub(r"\1_", name.lower()))
    key = next((word for word in KNOWN if word in words), None)
    shown = (meta.get("pixels") or {}).get("colormap")
    if key is None:
        return Instrument("", "", np.nan, shown or GRAY)
    observatory, instrument, table = KNOWN[key]
    behind = "_".join(words[words.index(key) + 1 :])
    told = _CORONAGRAPH.search(behind) if key == "lasco" else _WAVELENGTH.search(behind)
    wavelength = float(told[0]) if told and key not in WHITE_LIGHT else np.nan
    number = "" if told is None else told[1] if key == "lasco" else f"{wavelength:g}"
    return Instrument(observatory, instrument, wavelength, shown or table.format(number) or GRAY)


def colours_of(colormap: str) -> np.ndarray:
    """RGB (256, 3) in 0..255 of one of sunpy's or matplotlib's colour tables; of a name that neither has, gray."""
    import matplotlib
    import sunpy.visualization.colormaps  # noqa: F401  registers the tables of the instruments; late, it takes a second

    table = matplotlib.colormaps[colormap if colormap in matplotlib.colormaps else GRAY]
    return 255 * table(np.linspace(0, 1, 256))[:, :3]
