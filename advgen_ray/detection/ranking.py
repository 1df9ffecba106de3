"""The area under the ROC curve as what it is: the chance that one side's value ranks above the other's."""

import torch
from torch import Tensor


def chance_above(high: Tensor, low: Tensor) -> float:
    """Probability that a value of ``high [N]`` exceeds one of ``low [M]``, ties counted half; NaN ranks with +inf.

    By ranks, in whole numbers: exact, and without a table of all N x M pairs.
    """
    high, low = (torch.nan_to_num(one, nan=torch.inf, posinf=torch.inf, neginf=-torch.inf) for one in (high, low))
    ranked, high = low.sort().values, high.contiguous()
    twice_higher = torch.searchsorted(ranked, high) + torch.searchsorted(ranked, high, right=True)
    return int(twice_higher.sum()) / (2 * len(high) * len(low))
