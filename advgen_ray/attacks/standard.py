"""The ``standard`` suite: AutoAttack's four (Croce and Hein 2020; in L1 as of Croce and Hein 2021)."""

import math
import warnings

from torch import Tensor

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.labels import wrong_classes
from advgen_ray.attacks.objectives import Objective, cross_entropy, targeted_dlr, targeted_margin
from advgen_ray.attacks.suite import SuiteAttack
from advgen_ray.attacks.suite_attacks import ascent, fab_targeted, square
from advgen_ray.attacks.threat_model import L1, L2, Ball

CLASSES_FOR_TARGETED_DLR = 4
NUM_TARGETS = 9


def standard(
    threat_model: Ball, num_classes: int, seed: int, *, num_steps: int = 100, num_queries: int = 5000
) -> list[SuiteAttack]:
    """APGD on cross-entropy, targeted APGD on the targeted DLR, FAB-T and Square.

    An image that never falls costs 7,900 forward and 1,900 backward passes at full length. Each target is a pass of its
    own, the likeliest wrong class first, so that what falls to one costs the next nothing. Fewer than 10 classes have
    fewer targets. With 2 or 3 classes the targeted DLR is not defined: the targeted margin takes its place, which
    APGD's steps follow at any scale of the logits; a warning says so. In L1 there are 5 restarts and 5 targets, as in
    AutoAttack.

    Args:
        threat_model: L1, L2 or Linf.
        num_classes: of the model, at least 2.
        seed: of all starts and of Square's search.
        num_steps: of APGD and FAB.
        num_queries: of Square.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}")
    sparse = isinstance(threat_model, L1)
    norm = 1.0 if sparse else 2.0 if isinstance(threat_model, L2) else math.inf
    num_restarts, num_apgd_targets = (5, 5) if sparse else (1, NUM_TARGETS)
    if num_classes < CLASSES_FOR_TARGETED_DLR:
        warnings.warn(f"{num_classes} classes: targeted APGD ascends the margin, as its DLR needs 4", stacklevel=2)

    def apgd(name: str, rank: int | None) -> SuiteAttack:
        def objective_of(clean_logits: Tensor, y: Tensor) -> Objective:
            if rank is None:
                return cross_entropy(y)
            y_target = wrong_classes(clean_logits, y)[:, rank]
            return (targeted_dlr if num_classes >= CLASSES_FOR_TARGETED_DLR else targeted_margin)(y, y_target)

        return ascent(name, seed, lambda noise: APGD(threat_model, num_steps, noise), objective_of)

    ranks = range(min(NUM_TARGETS, num_classes - 1))
    return [
        *(apgd(f"apgd-ce/{restart + 1}", None) for restart in range(num_restarts)),
        *(apgd(f"apgd-t/{rank + 1}", rank) for rank in ranks[:num_apgd_targets]),
        *(fab_targeted(f"fab-t/{rank + 1}", FAB(norm, num_steps), threat_model.eps, rank) for rank in ranks),
        square("square", seed, threat_model, num_queries),
    ]
