"""What each classifier says of each counterfactual and of each source, as arrays in the order of a set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advgen_ray.analysis.inputs import as_given

OPINION_COLUMNS = (
    "classifier", "classifier_eps", "classifier_seed", "view", "image_set", "image_id", "predicted", "confidence",
)  # fmt: skip
NOT_SCORED = -1


@dataclass(frozen=True)
class Opinion:
    """What one classifier predicts, int16, -1 where it was not asked, and its softmax, float32, nan there."""

    classifier: str
    eps: float  # of its training
    seed: int
    predicted: np.ndarray  # [N], of the counterfactuals
    confidence: np.ndarray
    source_predicted: np.ndarray  # [S], of the sources
    source_confidence: np.ndarray


def read_opinions(
    tables: Iterable[pd.DataFrame],
    image_set: str,
    item_ids: Sequence[str],
    source_ids: Sequence[str],
    judge: str,
    source_set: str = "",
) -> list[Opinion]:
    """The opinions of every classifier in ``tables`` by rising training eps, then seed and name; the judge last.

    Args:
        tables: stored energies with ``OPINION_COLUMNS``, one in memory at a time; other rows are passed over.
        image_set: the name under which the counterfactuals were scored.
        item_ids: of the counterfactuals, in the set's order.
        source_ids: of the sources, in the set's order.
        judge: the name of one classifier; any other string where there is none.
        source_set: the set of counterfactuals that the sources are of; empty: they are clean images.
    """
    ces, sources = pd.Index(item_ids), pd.Index(source_ids)
    found: dict[str, Opinion] = {}
    for table in tables:
        for name, rows in table.groupby("classifier"):
            if name not in found:
                found[str(name)] = _unasked(str(name), rows.iloc[0], len(ces), len(sources))
            opinion = found[str(name)]
            of_set = rows["image_set"].where(rows["view"] == "counterfactual")
            of_sources = of_set == source_set if source_set else rows["view"] == "clean"
            _note(opinion.predicted, opinion.confidence, ces, rows[of_set == image_set])
            _note(opinion.source_predicted, opinion.source_confidence, sources, rows[of_sources])
    return sorted(found.values(), key=lambda one: (one.classifier == judge, one.eps, one.seed, one.classifier))


def _unasked(name: str, row: pd.Series, num_ces: int, num_sources: int) -> Opinion:
    return Opinion(
        name,
        as_given(row["classifier_eps"]),
        int(row["classifier_seed"]),
        *_nothing(num_ces),
        *_nothing(num_sources),
    )


def _nothing(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, NOT_SCORED, np.int16), np.full(count, np.nan, np.float32)


def _note(predicted: np.ndarray, confidence: np.ndarray, images: pd.Index, rows: pd.DataFrame) -> None:
    """Put rows into the places of their images; a row of another image is passed over."""
    places = images.get_indexer(pd.Index(rows["image_id"]))
    predicted[places[places >= 0]] = rows["predicted"].to_numpy()[places >= 0]
    confidence[places[places >= 0]] = rows["confidence"].to_numpy()[places >= 0]
