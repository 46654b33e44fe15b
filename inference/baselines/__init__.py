"""Methods without a trained net: what a trained one must beat, and often enough the right choice themselves.

`train` with one of these names as model.name fits it to the quiet windows. Adding one is one file and one line here.
"""

from inference.baselines.base import Baseline
from inference.baselines.difference import RunningDifference
from inference.baselines.expected import Expected
from inference.baselines.flow import OpticalFlow
from inference.baselines.mutual import MutualScoring
from inference.baselines.patch_pca import PatchPca
from inference.baselines.robust_z import RobustZ

BASELINES: dict[str, type[Baseline]] = {
    "difference": RunningDifference,
    "robust_z": RobustZ,
    "patch_pca": PatchPca,
    "flow": OpticalFlow,
    "expected": Expected,
    "mutual": MutualScoring,
}
