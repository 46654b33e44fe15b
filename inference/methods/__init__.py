"""Methods that are fitted in one step, most of them without a net: what a trained one must beat, and often enough the
right choice themselves.

`train` with one of these names as model.name fits it to the quiet windows. Adding one is one file and one line here.
"""

from inference.methods.base import Method
from inference.methods.difference import RunningDifference
from inference.methods.expected import Expected
from inference.methods.flow import OpticalFlow
from inference.methods.mutual import MutualScoring
from inference.methods.patch_pca import PatchPca
from inference.methods.robust_z import RobustZ

METHODS: dict[str, type[Method]] = {
    "difference": RunningDifference,
    "robust_z": RobustZ,
    "patch_pca": PatchPca,
    "flow": OpticalFlow,
    "expected": Expected,
    "mutual": MutualScoring,
}
