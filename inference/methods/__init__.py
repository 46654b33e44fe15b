"""Methods that are fitted in one step, most of them without a net: what a trained one must beat, and often enough the
right choice themselves.

`train` with one of these names as model.name fits it to the quiet windows. Adding one is one file and one line here.
"""

from inference.methods.base import Method
from inference.methods.difference import RunningDifference
from inference.methods.excess import Excess
from inference.methods.expected import Expected
from inference.methods.flow import OpticalFlow
from inference.methods.mutual import MutualScoring
from inference.methods.objects.method import Objects
from inference.methods.patch_pca import PatchPca
from inference.methods.robust_z import RobustZ
from inference.methods.series.auto import Auto
from inference.methods.series.base import SeriesMethod
from inference.methods.series.isolation_forest import WindowForest
from inference.methods.series.kmeans import KMeansDistance
from inference.methods.series.matrix_profile import MatrixProfile
from inference.methods.series.patches import Patches
from inference.methods.series.sub_pca import SubPca
from inference.methods.series.window_pca import WindowPca
from inference.methods.trailing_mean import TrailingMean

METHODS: dict[str, type[Method]] = {
    "difference": RunningDifference,
    "trailing_mean": TrailingMean,
    "robust_z": RobustZ,
    "patch_pca": PatchPca,
    "flow": OpticalFlow,
    "expected": Expected,
    "objects": Objects,
    "excess": Excess,
    "mutual": MutualScoring,
    "window_pca": WindowPca,
    "sub_pca": SubPca,
    "patches": Patches,
    "kmeans": KMeansDistance,
    "matrix_profile": MatrixProfile,
    "iforest": WindowForest,
    "auto": Auto,
}
FOR_SERIES = tuple(name for name, method in METHODS.items() if issubclass(method, SeriesMethod))
FOR_PICTURES = tuple(name for name, method in METHODS.items() if method.pictures_only)


def check_frames(name: str, shape: tuple[int, int, int]) -> None:
    """Raise ValueError when the method `name` can't work on frames of shape (C, H, W), naming those that can."""
    is_series = shape[1:] == (1, 1)
    unfit, works_on = (FOR_PICTURES, "pictures") if is_series else (FOR_SERIES, "time series")
    if name in unfit:
        others = ", ".join(known for known in METHODS if known not in unfit)
        raise ValueError(
            f"model.name {name} works on {works_on}, and these frames have {shape[1]}x{shape[2]} px; "
            f"choose one of {others}, or a net"
        )
