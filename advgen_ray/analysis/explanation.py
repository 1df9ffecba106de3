"""Whether masks lie on what an image shows: shares of attribution, with the share of pixels beside them."""

import pandas as pd

from advgen_ray.analysis.estimate import mean_interval


def explanation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a baseline and classifier, in the order of the rows.

    Columns: baseline, classifier, count, accuracy; with ``_low`` and ``_high`` of a 95% interval over images attributed
    (share of the absolute attribution on bright pixels), excess (that minus the share of the pixels which are bright)
    and beyond_first (attributed minus that of the first classifier, image by image); bright; missed (mean of
    ``|delta|``, the error of the integral) and missed_share (of the mean absolute difference of the logits).
    """
    found = []
    for baseline, of_baseline in rows.groupby("baseline", sort=False):
        first = None
        for classifier, own in of_baseline.groupby("classifier", sort=False):
            own = own.set_index("image_id")
            share = own["attribution_share"].astype(float)
            first = share if first is None else first
            row: dict[str, object] = {
                "baseline": baseline,
                "classifier": classifier,
                "count": len(own),
                "accuracy": float((own["predicted"] == own["label"]).mean()),
                "bright": float(own["bright_share"].mean()),
                "missed": float(own["delta"].abs().mean()),
                "missed_share": float(own["delta"].abs().mean() / (own["logit"] - own["baseline_logit"]).abs().mean()),
            }
            for name, values in (
                ("attributed", share),
                ("excess", share - own["bright_share"].astype(float)),
                ("beyond_first", share - first.loc[share.index]),
            ):
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), mean_interval(values), strict=True))
            found.append(row)
    return pd.DataFrame(found)
