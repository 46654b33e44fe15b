"""The scorer of a bundle, made of its files without PyTorch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from config import section
from data.disk.damage import arrays_of, told
from data.reel.stretch import Stretch
from inference.runner.bundle import ABOUT, AGAIN, ARRAYS
from inference.runner.net import Net, NetJudge, NetScorer
from inference.runner.nets import NET, Nets
from inference.scorers.base import Scorer

Facts = dict[str, Any]  # those of bundle.json


def scorer_in(folder: Path, about: Facts, threads: int = 0) -> Scorer:
    """The scorer of the files in a folder, not calibrated. threads: of the net, 0 for as many as there are cores."""
    scaling = {name: Stretch(**constants) for name, constants in about["scaling"].items()}
    return MAKERS[about["bundled_as"]](folder, about, scaling, Nets.of(folder, about, threads))


def of_net(folder: Path, about: Facts, scaling: dict[str, Stretch], nets: Nets) -> NetScorer:
    """A net that reconstructs windows."""
    return NetScorer(Net(nets.opened(NET)), about["clip_length"], scaling, slice(*about["answers"]))


def of_method(folder: Path, about: Facts, scaling: dict[str, Stretch], nets: Nets) -> Scorer:
    """A method as it was fitted; one that asks a net asks that of the bundle, frame by frame."""
    from inference.methods import METHODS  # here, because a net needs none of them

    kind = METHODS[about["model"]["name"]]
    settings = section(kind.Config, about["model"], str(folder / ABOUT))
    method = kind(settings, fitted_in(folder), scaling, about["clip_length"])
    if NET in nets:
        net = Net(nets.opened(NET))
        method.net = lambda frames, amp: in_frames(net, frames)
    return method


def fitted_in(folder: Path) -> dict[str, np.ndarray]:
    """The arrays that a method was fitted to; none of one that fits nothing."""
    if not (folder / ARRAYS).is_file():
        return {}
    with arrays_of(folder / ARRAYS, AGAIN) as arrays:
        return arrays


def in_frames(net: Net, frames: np.ndarray) -> np.ndarray:
    """What a net says of frames (n, h, w), each by itself: (n, h', w')."""
    return net(frames[:, None, None])[:, 0]


def of_whole_windows(folder: Path, about: Facts, scaling: dict[str, Stretch], nets: Nets) -> Scorer:
    """A net that rebuilds windows of a series, with what its errors are in quiet windows."""
    # Here, because a net of another kind needs none of it.
    from inference.scorers.nets.whole_windows import Usual, WholeWindowScorer

    fitted = fitted_in(folder)
    with told(folder / ARRAYS, AGAIN):
        judged_by, usual = fitted.pop("judged_by").item(), Usual(**fitted)
    return WholeWindowScorer(of_net(folder, about, scaling, nets), judged_by, lambda: usual)


def of_weak(folder: Path, about: Facts, scaling: dict[str, Stretch], nets: Nets) -> Scorer:
    """A net that learnt from window labels."""
    from inference.scorers.nets.weak import Rule, WeakScorer  # here, because a net of another kind needs none of it

    rule = fitted_in(folder)
    with told(folder / ARRAYS, AGAIN):
        chosen = Rule(*(rule[name].item() for name in Rule._fields))
    return WeakScorer(NetJudge(Net(nets.opened(NET))), about["clip_length"], scaling, chosen)


def of_zero_shot(folder: Path, about: Facts, scaling: dict[str, Stretch], nets: Nets) -> Scorer:
    """A net that learnt from synthetic series."""
    from inference.runner.zero_shot import Views  # here, because a net of another kind needs none of it
    from inference.scorers.zero_shot.scorer import ZeroShotScorer

    fitted = fitted_in(folder)
    with told(folder / ARRAYS, AGAIN):
        quiet, context, chunk = fitted["clean"], fitted["context"].item(), fitted["chunk"].item()
    return ZeroShotScorer(Views(nets, context or None), chunk, quiet)


MAKERS: dict[str, Callable[[Path, Facts, dict[str, Stretch], Nets], Scorer]] = {
    "net": of_net,
    "dual": of_whole_windows,
    "method": of_method,
    "weak": of_weak,
    "zero_shot": of_zero_shot,
}
