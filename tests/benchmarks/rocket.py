"""ROCKET (Dempster et al. 2020) of the aeon package on the classification sets it ships, to stand beside series.py.

    python -m pip install aeon; python tests/benchmarks/rocket.py [--sets NAME ...] [--quick] [--json FILE]

Needs an environment of its own: aeon asks for older versions of numpy than the program uses. Beside it stands the
share of the commonest class in the test part, what guessing gives.

--json keys: rocket_accuracy_<set>, guess_accuracy_<set>.
"""

import sys
from collections import Counter

from parts.common import best_s, parsed, parser, write

SETS = ["BasicMotions", "JapaneseVowels", "GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf", "ACSF1"]
QUICK_SETS = ["ItalyPowerDemand"]


def measure(name: str, seed: int) -> dict[str, float]:
    """Accuracy on the test part of a set."""
    from aeon.classification.convolution_based import RocketClassifier
    from aeon.datasets import load_classification

    (x, y), (tested, truth) = (load_classification(name, split=part) for part in ("train", "test"))
    if isinstance(x, list):  # cases of different lengths: as many samples as the shortest has
        shortest = min(case.shape[-1] for case in [*x, *tested])
        x, tested = ([case[:, :shortest] for case in cases] for cases in (x, tested))
    seconds, found = best_s(lambda: RocketClassifier(random_state=seed).fit(x, y).predict(tested))
    right, guess = float((found == truth).mean()), Counter(truth.tolist()).most_common(1)[0][1] / len(truth)
    print(f"{name:20s} accuracy {right:.3f}, guessing {guess:.3f}, {len(truth)} cases, {seconds:.1f} s", flush=True)
    return {f"rocket_accuracy_{name}": right, f"guess_accuracy_{name}": guess}


def main() -> None:
    asked = parser(__doc__, f"{QUICK_SETS[0]} alone")
    asked.add_argument("--sets", nargs="+", help=f"default: {' '.join(SETS)}")
    asked.add_argument("--seed", type=int, default=0)
    options = parsed(asked)
    figures = {}
    try:
        for name in options.sets or (QUICK_SETS if options.quick else SETS):
            figures |= measure(name, options.seed)
    except ModuleNotFoundError as error:
        sys.exit(f"{error}; python -m pip install aeon, in an environment of its own")
    write(figures, options.json)


if __name__ == "__main__":
    main()
