"""How well detectors tell their class from others: AUC by detector and attack, with intervals over images."""

from typing import Any

import numpy as np
import pandas as pd

from advgen_ray.analysis.ood_metrics import ood_estimates
from advgen_ray.detection.energy_detector import auroc

NUM_RESAMPLES = 500
READINGS = {"clean": "clean_logit", "last": "last_logit", "worst": "worst_logit"}


def detector_auc(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A row for each detector and attack of a set of ``detector_logits``, in the order of the rows.

    ``auc_clean`` of images that nothing attacks, ``auc_last`` at the attack's last iterate, ``auc_worst`` at the worst
    of all, the positive class being the detector's; ``low`` and ``high`` bound the latter's 95% interval over resampled
    images; ``passing_at_tpr_95``: the share of worst cases at or above the highest threshold that 95% of the class
    reach (``fpr95``).
    """
    found: list[dict[str, Any]] = []
    for detector, of_detector in rows.groupby("detector", sort=True):
        own = of_detector.loc[of_detector["attack"] == "", "clean_logit"].to_numpy(dtype=np.float64)
        attacked = of_detector[of_detector["attack"] != ""]
        for attack, others in attacked.groupby("attack", sort=False):
            worst = others["worst_logit"].to_numpy(dtype=np.float64)
            estimates = ood_estimates(worst, own, NUM_RESAMPLES, [seed, len(found)])
            found.append(
                {
                    "detector": int(str(detector)),
                    "attack": attack,
                    "num_own": len(own),
                    "num_others": len(others),
                    **{f"auc_{name}": auroc(others[column], own) for name, column in READINGS.items()},
                    "low": estimates["auroc"].low,
                    "high": estimates["auroc"].high,
                    "passing_at_tpr_95": estimates["fpr95"].value,
                }
            )
    return pd.DataFrame(found)
