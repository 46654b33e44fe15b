"""Methods that are fitted in one step, most of them without a net: what a trained one must beat, and often enough the
right choice themselves.

`train` with one of these names as model.name fits it to the quiet windows. Adding one is one file and one line here.
"""

from typing import TYPE_CHECKING

from config.lazily import Lazily

if TYPE_CHECKING:
    from inference.methods.base import Method

ROOM = __name__
METHODS: Lazily[type["Method"]] = Lazily(
    {
        "difference": f"{ROOM}.difference.RunningDifference",
        "trailing_mean": f"{ROOM}.trailing_mean.TrailingMean",
        "robust_z": f"{ROOM}.robust_z.RobustZ",
        "patch_pca": f"{ROOM}.patch_pca.PatchPca",
        "patch_memory": f"{ROOM}.patch_memory.PatchMemory",
        "flow": f"{ROOM}.motion.flow.OpticalFlow",
        "expected": f"{ROOM}.motion.expected.Expected",
        "objects": f"{ROOM}.objects.method.Objects",
        "excess": f"{ROOM}.excess.Excess",
        "mutual": f"{ROOM}.mutual.MutualScoring",
        "window_pca": f"{ROOM}.series.window_pca.WindowPca",
        "sub_pca": f"{ROOM}.series.sub_pca.SubPca",
        "patches": f"{ROOM}.series.patches.Patches",
        "kmeans": f"{ROOM}.series.kmeans.KMeansDistance",
        "matrix_profile": f"{ROOM}.series.matrix_profile.MatrixProfile",
        "iforest": f"{ROOM}.series.isolation_forest.WindowForest",
        "auto": f"{ROOM}.series.auto.Auto",
    }
)
FOR_SERIES = tuple(name for name, place in METHODS.places.items() if place.startswith(f"{ROOM}.series."))


def for_pictures() -> tuple[str, ...]:
    """The names of the methods that work on pictures alone; all methods are imported."""
    return tuple(name for name, method in METHODS.items() if method.pictures_only)


def check_frames(name: str, shape: tuple[int, int, int]) -> None:
    """Raise ValueError when the method `name` can't work on frames of shape (C, H, W), naming those that can."""
    is_series = shape[1:] == (1, 1)
    works_on = "pictures" if is_series else "time series"
    if name in METHODS and (METHODS[name].pictures_only if is_series else name in FOR_SERIES):
        unfit = for_pictures() if is_series else FOR_SERIES
        others = ", ".join(known for known in METHODS if known not in unfit)
        raise ValueError(
            f"model.name {name} works on {works_on}, and these frames have {shape[1]}x{shape[2]} px; "
            f"choose one of {others}, or a net"
        )
