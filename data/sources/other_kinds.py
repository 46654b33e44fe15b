"""Kinds of files that nothing here reads, and what to do with them."""

from pathlib import Path

from data.sources.base import kind_of

# What many have, and has to be made into something else first.
CONVERT = {
    **dict.fromkeys((".7z", ".rar", ".cab", ".cpio", ".iso"), "unpack"),
    **dict.fromkeys((".heic", ".heif", ".jxl", ".svg", ".pdf", ".eps", ".emf", ".wmf"), "convert to JPEG or PNG"),
    **dict.fromkeys((".dcm", ".exr", ".hdr", ".pam", ".xisf", ".sif", ".spe"), "convert to TIFF or FITS"),
    **dict.fromkeys(
        (".czi", ".nd2", ".lif", ".vsi", ".oib", ".oif", ".svs", ".ims"), "save as TIFF with a page a frame"
    ),
    **dict.fromkeys((".raw", ".bin", ".yuv"), "of numbers alone: save as .npy (T, H, W)"),
    **dict.fromkeys((".nii", ".nrrd", ".mha", ".asdf", ".img", ".mgz", ".par", ".brik"), "save as .npy (T, H, W)"),
    **dict.fromkeys((".grb", ".grb2", ".grib", ".grib2", ".bufr"), "convert to netCDF"),
    **dict.fromkeys((".ser", ".cine", ".seq", ".braw", ".r3d"), "convert to AVI, or to a folder of TIFF"),
    **dict.fromkeys((".tdms", ".sav", ".por", ".sas7bdat", ".xpt", ".rds", ".rdata"), "export as CSV"),
    **dict.fromkeys((".sqlite", ".sqlite3", ".mdb", ".accdb", ".mf4", ".mdf", ".blf", ".xml"), "export as CSV"),
    **dict.fromkeys((".gpx", ".tcx", ".html", ".htm", ".db", ".pkl", ".pickle", ".tsf"), "export as CSV"),
    **dict.fromkeys((".mseed", ".miniseed", ".sac", ".wav"), "save as .npz, .mat or CSV"),
    **dict.fromkeys((".edf", ".bdf", ".gdf", ".hea", ".vhdr", ".set", ".fif", ".cdf"), "save as .npz, .mat or CSV"),
    **dict.fromkeys((".001", ".002", ".z01", ".part1"), "join its parts and unpack them"),
    **dict.fromkeys((".mraw", ".oir", ".ptu", ".tpx3"), "save as TIFF with a page a frame"),
    **dict.fromkeys((".aedat4", ".dav"), "convert to MP4"),
    **dict.fromkeys((".pt", ".pth"), "save as .npy (T, H, W)"),
    **dict.fromkeys((".lp", ".line", ".prom"), "write as CSV or JSON lines with a column of times"),
    **dict.fromkeys((".bag", ".mcap", ".db3", ".tfrecord", ".lmdb", ".svo"), "export its pictures as PNG or MP4"),
    **dict.fromkeys((".m4s",), "join them behind their init segment: cat init.mp4 *.m4s > all.mp4"),
    **dict.fromkeys((".fff", ".ptw", ".ats", ".csq"), "export as TIFF with the temperatures"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), "develop to TIFF or PNG"),
}
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".z")


def way_out(suffix: str, path: Path) -> str:
    """What to do with files of a suffix that nothing here reads, as that at `path`; "" where that is not known."""
    if suffix.endswith(PACKED):
        within = CONVERT.get(suffix.removesuffix(path.suffix.lower()), "")
        return f": unpack{' and ' if within else ''}{within}"
    if suffix in CONVERT:
        return f": {CONVERT[suffix]}"
    if not path.is_file():  # a pipe would be waited for
        return ""
    told = kind_of(path)
    return f": {told}" if told else ""
