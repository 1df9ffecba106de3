"""The invented study's counterfactuals of counterfactuals."""

import numpy as np
import pandas as pd

from advgen_ray.analysis.inputs import CounterfactualSet


def invent_chain(rng, ascent, pushed, images, labels):
    """Counterfactuals of the classifier's, a third farther from them than the classifier went."""
    rows = []
    for (_, source), picture in zip(ascent.rows.iterrows(), pushed, strict=True):
        for target in range(10):
            change = images[rng.choice(np.flatnonzero(labels == target))] - picture
            share = 0.25 if target == source["y_target"] else 0.9
            rows.append(
                {
                    "item_id": f"{source['item_id']}/{target}/0",
                    "source_id": source["item_id"],
                    "source_index": len(rows) // 10,
                    "source_label": source["y_target"],
                    "y_target": np.int16(target),
                    "replicate": np.int16(0),
                    "l2": np.float32(share * np.linalg.norm(change)),
                    "l0": np.float32((np.abs(share * change) > 0.02).mean()),
                }
            )
    return CounterfactualSet("of-by-eps-1.0", "of those by classifier eps-1.0", pd.DataFrame(rows))
