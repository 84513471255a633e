"""How often the gate calls a challenger better, and how often it lets one through: simulated test splits.

    python benchmarks/gate.py [--draws 1000] [--images 10000] [--accuracy 0.9] [--differ 0.06 0.10] [--seed 0]

Each draw is a test split on which a champion of --accuracy and a challenger are right or wrong, and one of them alone
is right on a share --differ of the images. The challenger's true accuracy is the same, or one point higher or lower.
The verdict is that of ``podium.gate.judge`` with the default policy, for the first decision on the test split and for
later ones. Prints Markdown, with 95 % Wilson intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from podium.config.promotion import PromotionPolicy
from podium.evaluation.metrics import wilson_interval
from podium.gate.comparison import Duel
from podium.gate.floors import Measured
from podium.gate.judge import judge

CLASSES = 10
USES = (1, 2, 5)


def predicted(truth: NDArray[np.int64], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The true class where a model is right, the next one elsewhere."""
    return np.where(right, truth, (truth + 1) % CLASSES)


def draw(images: int, accuracy: float, gain: float, differ: float, generator: np.random.Generator) -> Duel:
    """A test split; the champion is right with ``accuracy``, the challenger with ``gain`` more."""
    alone = np.array([(differ + gain) / 2, (differ - gain) / 2])  # challenger, champion
    both = accuracy - alone[1]
    outcome = generator.choice(4, size=images, p=[*alone, both, 1 - both - alone.sum()])
    truth = np.arange(images) % CLASSES
    challenger, champion = np.isin(outcome, (0, 2)), np.isin(outcome, (1, 2))
    names = tuple(str(label) for label in range(CLASSES))
    return Duel(truth, predicted(truth, challenger), predicted(truth, champion), names)


def judged(splits: Iterable[Duel], use: int) -> dict[str, int]:
    """How often the default policy calls the challenger better, and each outcome, in the ``use``-th decision."""
    policy = PromotionPolicy()
    found = {"better": 0, "promote-eligible": 0, "needs-review-with-warnings": 0, "blocked": 0}
    for duel in splits:
        accuracy = float(np.mean(duel.challenger == duel.truth))
        measured = Measured(accuracy=accuracy, most_frequent=1 / CLASSES, recalls={"0": accuracy}, ece=0.0)
        verdict = judge(measured, duel, policy, use=use, rank=use)
        found[verdict.outcome] += 1
        found["better"] += any(c.name == "better" and c.standing == "met" for c in verdict.criteria)
    return found


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--accuracy", type=float, default=0.9)
    parser.add_argument("--differ", type=float, nargs="+", default=[0.06, 0.10])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{arguments.draws:,} draws of {arguments.images:,} test images, champion {arguments.accuracy:.3g}, seed")
    print(f"{arguments.seed}; shares of draws, with 95 % intervals\n")
    print("| true gain, points | differ on | decision | called better | eligible | with warnings | blocked |")
    print("|---|---|---|---|---|---|---|")
    for gain in (0.0, 0.01, -0.01):
        for differ in arguments.differ:
            for use in USES:
                generator = np.random.default_rng(arguments.seed)
                splits = (
                    draw(arguments.images, arguments.accuracy, gain, differ, generator) for _ in range(arguments.draws)
                )
                found = judged(splits, use)
                cells = []
                for count in found.values():
                    low, high = wilson_interval(count, arguments.draws)
                    cells.append(f"{count / arguments.draws:.3f} ({low:.3f} to {high:.3f})")
                print(f"| {100 * gain:+.0f} | {differ:.0%} | {use} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
