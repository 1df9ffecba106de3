"""Progressive binary AT (S004 algorithm 3): how many steps the attack takes now, and when it takes one more."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progression:
    """K grows from ``first`` to ``last``: after ``steps_per_k`` updates, or as soon as the attack falls behind.

    It has fallen behind where the mean AUC of D between data and attacked samples, over the last ``window`` updates,
    exceeds ``auc_to_advance`` (S004's code: .8 over 100). At the last K the same may end the training: after
    ``last_k_steps`` updates, or above ``auc_to_end``; S004 ends it by hand, None does so here.
    """

    first: int
    last: int
    steps_per_k: int
    auc_to_advance: float = 0.8
    window: int = 100
    last_k_steps: int | None = None
    auc_to_end: float | None = None

    def begin(self, course: dict[str, Any]) -> None:
        """Fill in an empty course; one that a checkpoint brought is left as it is."""
        course.setdefault("k", self.first)
        course.setdefault("updates", 0)  # at this K
        course.setdefault("aucs", [])  # of the last updates at this K
        course.setdefault("ended", "")  # why

    def update(self, course: dict[str, Any], auc: float) -> None:
        """Count one update, whose attacked samples D told from data by ``auc``."""
        course["updates"] += 1
        course["aucs"] = [*course["aucs"][1 - self.window :], auc] if self.window > 1 else [auc]
        full = len(course["aucs"]) == self.window
        mean = sum(course["aucs"]) / len(course["aucs"])
        if course["k"] < self.last:
            if course["updates"] >= self.steps_per_k or (full and mean > self.auc_to_advance):
                course.update(k=course["k"] + 1, updates=0, aucs=[])
        elif self.last_k_steps is not None and course["updates"] >= self.last_k_steps:
            course["ended"] = f"{self.last_k_steps} updates at K = {self.last}"
        elif self.auc_to_end is not None and full and mean > self.auc_to_end:
            course["ended"] = f"mean AUC {mean:.3f} over {self.window} updates at K = {self.last}"
