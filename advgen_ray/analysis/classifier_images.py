"""Catalogue B10 and B6 (S001 A.7, S003 figure 4): images that classifiers find likely, and their input gradients."""

import numpy as np
import pandas as pd

from advgen_ray.analysis.estimate import standard_error
from advgen_ray.analysis.proportion import Proportion, proportion


def generated_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a classifier, in the order of the rows, which are those stored of generated images.

    Columns: classifier, eps, count; four Proportions: recognized (the generator itself sees the class asked for),
    judged_start and judged (the judge does, in the start and in the image; of no image where there was no judge),
    neighbor (the nearest test image is of the class); means: start_energy_xy, energy_xy, start_energy_x, energy_x,
    start_ssim, ssim (of start and image to their nearest test images).
    """
    table = []
    for classifier, images in rows.groupby("classifier", sort=False):
        judged = images[images["judge_predicted"] >= 0]
        nearest_label = np.array([labels[0] for labels in images["neighbor_labels"]])
        means = ("start_energy_xy", "energy_xy", "start_energy_x", "energy_x", "start_ssim")
        table.append(
            {
                "classifier": classifier,
                "eps": float(images["classifier_eps"].iloc[0]),
                "recognized": proportion(images["predicted"] == images["y_target"]),
                "judged_start": proportion(judged["judge_start_predicted"] == judged["y_target"]),
                "judged": proportion(judged["judge_predicted"] == judged["y_target"]),
                "neighbor": proportion(nearest_label == images["y_target"]),
                **{key: float(images[key].mean()) for key in means},
                "ssim": float(np.mean([similarity[0] for similarity in images["neighbor_ssim"]])),
                "count": len(images),
            }
        )
    return pd.DataFrame(table)


def gradient_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a classifier, in the order of the rows, which are those stored of input gradients.

    Columns: classifier, eps; alignment and sparsity (means over images), each with its standard error; norm (the
    median); accuracy (Proportion), count.
    """
    table = []
    for classifier, images in rows.groupby("classifier", sort=False):
        row: dict[str, float | int | str | Proportion] = {
            "classifier": str(classifier),
            "eps": float(images["classifier_eps"].iloc[0]),
            "norm": float(images["gradient_norm"].median()),
            "accuracy": proportion(images["predicted"] == images["label"]),
            "count": len(images),
        }
        for key in ("alignment", "sparsity"):
            values = images[key].to_numpy(float)
            row |= {key: float(values.mean()), f"{key}_error": standard_error(values)}
        table.append(row)
    return pd.DataFrame(table)
