"""The energies hidden in a classifier's logits (S003 equations 7 and 8, after Grathwohl et al. 2020).

Low energy means likely under the model. The two are tied by ``log p(y|x) = energy_x - energy_xy``.
"""

from torch import Tensor


def energy_x(logits: Tensor) -> Tensor:
    """Energy of the input, ``E(x) = -logsumexp_k f(x)[k]`` (S003 equation 8): ``[N, K] -> [N]``.

    Finite for any finite logits. As an attack's objective it raises the energy (S003 section 4.3).
    """
    return -logits.logsumexp(dim=1)


def energy_xy(logits: Tensor, y: Tensor) -> Tensor:
    """Energy of the input with a label, ``E(x, y) = -f(x)[y]``: logits ``[N, K]``, y ``[N]`` int64 -> ``[N]``.

    Raises ValueError where the labels do not match the rows, which ``gather`` alone would let pass.
    """
    if y.shape != logits.shape[:1]:
        raise ValueError(f"labels have shape {list(y.shape)}, expected [{len(logits)}]: one for each row of logits")
    return -logits.gather(1, y[:, None]).squeeze(1)
