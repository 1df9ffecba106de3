"""How sure a classifier is of each sample and how evenly it sees all classes (Salimans et al. 2016)."""

import torch
from torch import Tensor

NUM_SPLITS = 10  # of the published scores


def inception_score(logits: Tensor, num_splits: int = NUM_SPLITS) -> tuple[float, float]:
    """``exp(mean KL(p(y|x) || p(y)))`` of logits ``[N, K]``: mean and standard deviation over parts in their order.

    From 1, where all samples are seen alike, to K. ``p(y)`` is the mean over a part, so that the score of a small part
    is low: comparable at equal N only; of samples that lie by class it is 1, so they are to be mixed before. The
    deviation over parts is the published one (divided by their number). Raises ValueError for fewer samples than parts.
    """
    if logits.dim() != 2 or not 0 < num_splits <= len(logits):
        raise ValueError(f"expected logits [N, K] of at least {num_splits} samples, got {list(logits.shape)}")
    log_p = torch.log_softmax(logits.double(), dim=1)
    scores = []
    for part in log_p.tensor_split(num_splits):
        log_mean = torch.logsumexp(part, dim=0) - torch.log(torch.tensor(len(part), dtype=torch.float64))
        scores.append((part.exp() * (part - log_mean)).sum(dim=1).mean().exp())
    found = torch.stack(scores)
    return float(found.mean()), float(found.std(correction=0))
