"""Columns of counterfactuals, and of what classifiers make of them."""

import pyarrow as pa

from advgen_ray.storage.schemas.provenance import PROVENANCE

COUNTERFACTUALS = pa.schema(
    [
        ("item_id", pa.string()),  # "{source_id}/{y_target}/{replicate}", also the key of its noise
        ("source_id", pa.string()),
        ("source_index", pa.int32()),
        ("source_label", pa.int16()),
        ("y_target", pa.int16()),
        ("replicate", pa.int16()),
        ("x_ce", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]
        ("l2", pa.float32()),
        ("l1", pa.float32()),
        ("linf", pa.float32()),
        ("l0", pa.float32()),  # share of the elements that differ by more than 0.02
        *PROVENANCE,
    ]
)

GRADIENT_ALIGNMENT = pa.schema(
    [
        ("item_id", pa.string()),  # "{classifier}/{item id of the counterfactual}"
        ("classifier", pa.string()),
        ("classifier_eps", pa.float32()),
        ("classifier_seed", pa.int64()),
        ("source_id", pa.string()),
        ("source_label", pa.int16()),
        ("y_target", pa.int16()),
        ("l2", pa.float32()),  # of the counterfactual from its source
        ("alignment", pa.float32()),  # cosine of the way down the target's loss with that to the counterfactual
        ("class_alignment", pa.float32()),  # with that to the mean training image of the target
        ("gradient_norm", pa.float32()),  # L2
        *PROVENANCE,
    ]
)
