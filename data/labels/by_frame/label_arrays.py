"""Labels in arrays: of 0 and 1, or of masks, for each frame, as ShanghaiTech's, UCSD's and Avenue's truth."""

from pathlib import Path

import numpy as np

from data.labels.by_frame.benchmark_lists import of_bits
from data.labels.by_frame.boxes import ABOUT, of_folder
from data.labels.by_frame.frame_labels import FrameLabels, PictureLabels

ARRAYS = (".npy", ".mat")
FORMS = "labels are one 0 or 1 for each row, or masks (T, H, W)"


def of_arrays(folder: Path) -> FrameLabels | PictureLabels:
    """The labels of clips whose arrays in a folder are called as these, or of pictures that it has boxes or masks of.

    Raises ValueError where it holds none.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ARRAYS)
    if paths:
        return of_bits({ABOUT.sub("", path.stem) or path.stem: labels_in(path) for path in paths})
    if (found := of_folder(folder)) is None:
        raise ValueError(
            f"{folder} is a folder without {' or '.join(ARRAYS)} called as clips, and without boxes or masks called as "
            f"pictures; {FORMS}"
        )
    return found


def labels_in(path: Path) -> np.ndarray:
    """Which frames (T,) an array (T,), (T, 1) or (1, T) of 0 and 1 labels, or any pixel of the masks (T, H, W), or of
    MATLAB's cells {T} of masks: bool. Raises ValueError for other arrays.
    """
    return _labels(_only_one(path) if path.suffix.lower() == ".mat" else _loaded(path), str(path))


def of_packed(path: Path) -> FrameLabels:
    """The labels of clips by the names of the arrays in a `.npz`. Raises ValueError."""
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found}
    except Exception as error:  # zipfile and zlib raise many kinds on damaged files
        raise ValueError(f"{path} is no .npz of labels: {error}") from None
    return of_bits({name: _labels(array, f"{path}: {name}") for name, array in arrays.items()})


def _labels(found: np.ndarray, where: str) -> np.ndarray:
    is_line = found.size == max(found.shape, default=1)
    if found.dtype == object and is_line and all(np.ndim(mask) == 2 for mask in found.flat):
        return np.array([bool(np.any(mask)) for mask in found.flat], bool)
    if found.dtype.kind in "biuf" and found.ndim == 3 and not is_line:
        return np.array([bool(np.any(mask)) for mask in found], bool)  # one at a time, as there may be gigabytes
    is_set = found.dtype.kind in "biuf" and is_line and any(set(np.unique(found)) <= {0, most} for most in (1, 255))
    if not is_set:
        raise ValueError(f"{where} holds an array of {' x '.join(map(str, found.shape))} {found.dtype}; {FORMS}")
    return np.asarray(found).ravel() != 0


def _loaded(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no array of labels: {error}") from None


def _only_one(path: Path) -> np.ndarray:
    """The only variable of a file of MATLAB."""
    from scipy.io import loadmat  # imported late: only these files need it

    try:
        found = [value for name, value in loadmat(path).items() if not name.startswith("__")]
    except Exception as error:  # scipy raises many kinds on damaged files
        raise ValueError(f"{path} is not readable as a file of MATLAB before 7.3: {error}") from None
    if len(found) != 1:
        raise ValueError(f"{path} has {len(found)} variables; {FORMS}, in the only one")
    return np.asarray(found[0])
