"""What the pages of compared trainings say alike: means with spread, paired differences, the attack, the doubts."""

from collections.abc import Mapping, Sequence
from typing import Any

from advgen_ray.analysis.over_seeds import PairedDifference
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Table

LOSS_NAMES = {
    "sat": "SAT", "trades": "TRADES", "mart": "MART", "mail_trades": "MAIL-TRADES", "weat_adv": "WEAT-adv",
    "weat_nat": "WEAT-nat",
}  # fmt: skip
INTERVALS = (
    "Intervals: 95%, Student's t over the differences seed by seed, as if these were normal. All seeds share the "
    "training and the test images, so they speak of other seeds and not of other images."
)
COLUMNS = ["Difference", "points (95% interval)", "seed by seed", "seeds", "zero in the interval"]


def with_spread(mean: float, deviation: float) -> str:
    """``"83.1% ± 0.9"``: mean and standard deviation of a fraction, the latter in points and left out of one seed."""
    spread = numbers.decimal(100 * deviation, 1)
    return numbers.percent(mean) if spread == numbers.MISSING else f"{numbers.percent(mean)} ± {spread}"


def told(difference: PairedDifference) -> str:
    """``"+1.2 points (95% interval −0.3 to +2.7 over 3 seeds, which contains zero)"``."""
    mean = f"{numbers.signed_points(difference.mean)} points"
    if difference.num_seeds < 2:
        return f"{mean} (one seed, its spread unknown)"
    zero = "which leaves out zero" if difference.decided else "which contains zero"
    return f"{mean} (95% interval {told_interval(difference)}, {zero})"


def told_interval(difference: PairedDifference) -> str:
    """``"−0.3 to +2.7 over 3 seeds"``: the 95% interval."""
    return f"{_interval(difference)} over {difference.num_seeds} seeds" if difference.num_seeds > 1 else "one seed"


def difference_table(title: str, caption: str, rows: Sequence[tuple[str, PairedDifference]]) -> Table:
    """One row a difference: what it is called, mean and interval, and every seed's."""
    return Table(title, f"{caption} {INTERVALS}", COLUMNS, [_row(label, one) for label, one in rows])


def attack_words(attack: Mapping[str, Any]) -> str:
    """``"PGD(20) in Linf at 8/255"``, of an attack's config."""
    eps = numbers.eps(attack["eps"])
    if len(eps) > len("0.125") and abs(255 * attack["eps"] - round(255 * attack["eps"])) < 1e-6:
        eps = f"{255 * attack['eps']:.0f}/255"
    return f"PGD({attack['num_steps']}) in {attack['norm'].capitalize()} at {eps}"


def doubts(num_seeds: int, num_intervals: int, attack: str) -> list[str]:
    """What a reader should keep in mind of any comparison over so few seeds."""
    found = [
        f"{num_seeds} seeds are few: with so small a number an interval is wide, and a true difference may well lie "
        "inside one that contains zero."
        if num_seeds > 1
        else "With one seed nothing is known of the spread: no difference here is more than an observation."
    ]
    if num_seeds > 1:
        found.append(
            f"{num_intervals} intervals stand on this page; of twenty independent ones, one misses by chance alone."
        )
    found.append(f"Robust means under {attack}; a stronger set of attacks would find less robustness, not more.")
    return found


def _row(label: str, difference: PairedDifference) -> list[str]:
    several, mean = difference.num_seeds > 1, numbers.signed_points(difference.mean)
    return [
        label,
        f"{mean} ({_interval(difference)})" if several else mean,
        ", ".join(numbers.signed_points(difference.by_seed[seed]) for seed in sorted(difference.by_seed)),
        str(difference.num_seeds),
        ("no" if difference.decided else "yes") if several else numbers.MISSING,
    ]


def _interval(difference: PairedDifference) -> str:
    low, high = (numbers.signed_points(end) for end in difference.interval)
    return f"{low} to {high}"
