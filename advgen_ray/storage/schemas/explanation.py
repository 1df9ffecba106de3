"""Columns of what explains a prediction."""

import pyarrow as pa

from advgen_ray.storage.schemas.provenance import PROVENANCE

EXPLANATIONS = pa.schema(
    [
        ("item_id", pa.string()),  # "{classifier}/{baseline}/{image_id}"
        ("classifier", pa.string()),
        ("baseline", pa.string()),
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("predicted", pa.int16()),  # the class that is explained
        ("attribution", pa.binary()),  # little-endian float32, C * H * W: integrated gradients of its logit
        ("logit", pa.float32()),
        ("baseline_logit", pa.float32()),
        ("delta", pa.float32()),  # sum of the attribution minus the difference of the logits
        ("bright_share", pa.float32()),  # of the pixels: those that are bright
        ("attribution_share", pa.float32()),  # of the absolute attribution: what lies on them
        *PROVENANCE,
    ]
)
