"""ROCKET (Dempster et al. 2020) of the aeon package on the classification sets it ships, to stand beside series.py.

    python -m pip install aeon; python tests/benchmarks/rocket.py [--sets NAME ...]

Needs an environment of its own: aeon asks for older versions of numpy than the program uses.
"""

import argparse
import time

from aeon.classification.convolution_based import RocketClassifier
from aeon.datasets import load_classification

SETS = ["BasicMotions", "JapaneseVowels", "GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf", "ACSF1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.sets:
        (x, y), (tested, truth) = (load_classification(name, split=part) for part in ("train", "test"))
        if isinstance(x, list):  # cases of different lengths: as many samples as the shortest has
            shortest = min(case.shape[-1] for case in [*x, *tested])
            x, tested = ([case[:, :shortest] for case in cases] for cases in (x, tested))
        begun = time.perf_counter()
        fitted = RocketClassifier(random_state=arguments.seed).fit(x, y)
        right = float((fitted.predict(tested) == truth).mean())
        print(f"{name:20s} accuracy {right:.3f}, {len(truth)} cases, {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
