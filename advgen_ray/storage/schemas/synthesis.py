"""Columns of images that ascend a logit, of those between two of them, and of what a network reads in images."""

import pyarrow as pa

from advgen_ray.storage.schemas.provenance import PROVENANCE

SYNTHESIS = pa.schema(
    [
        ("item_id", pa.string()),  # "{model}/{ascent}/{start}"; the last part is the key of its noise
        ("model", pa.string()),
        ("ascent", pa.string()),
        ("start", pa.int64()),  # which start: the same number is the same image for every model and ascent
        ("start_label", pa.int16()),  # the class that the start is of; -1 where it is of none
        ("class_asked", pa.int16()),  # what the image is to show; -1 of a binary model that knows no classes
        ("y_target", pa.int16()),  # the logit that was ascended; 0 of a binary model
        ("x_start", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]
        ("x_generated", pa.binary()),  # likewise
        ("start_logit", pa.float32()),
        ("logit", pa.float32()),
        ("predicted", pa.int16()),  # by the model itself; of a binary one 0 where its logit is positive, else -1
        ("judge_start_predicted", pa.int16()),  # what the judge sees in the start; -1 without a judge
        ("judge_predicted", pa.int16()),  # and in the image
        ("distance", pa.float32()),  # from the start, in the ascent's norm (L2 where it has no ball)
        ("features", pa.list_(pa.float32())),
        ("feature_logits", pa.list_(pa.float32())),  # of the network whose features they are
        *PROVENANCE,
    ]
)

INTERPOLATIONS = pa.schema(
    [
        ("item_id", pa.string()),  # "{model}/{ascent}/{first start}-{second start}/{point}"
        ("model", pa.string()),
        ("ascent", pa.string()),
        ("pair", pa.int16()),
        ("position", pa.float32()),  # 0 at the first start, 1 at the second
        ("y_target", pa.int16()),
        ("x_start", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]
        ("x_generated", pa.binary()),
        ("logit", pa.float32()),
        *PROVENANCE,
    ]
)

IMAGE_FEATURES = pa.schema(
    [
        ("item_id", pa.string()),  # "{split}/{image}"
        ("split", pa.string()),  # "train", "test", or "start"
        ("label", pa.int16()),  # of a start: the class that is asked for
        ("features", pa.list_(pa.float32())),
        ("feature_logits", pa.list_(pa.float32())),
        *PROVENANCE,
    ]
)
