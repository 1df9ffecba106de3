"""Columns of what detectors of attacks say."""

import pyarrow as pa

from advgen_ray.storage.schemas.provenance import PROVENANCE

DETECTIONS = pa.schema(
    [
        ("item_id", pa.string()),  # "natural/{image_id}", "{view}/{attack}-{attack_eps}/{image_id}"
        ("image_id", pa.string()),
        ("half", pa.string()),  # "validation": thresholds and fits are chosen on it; "test": measured
        ("view", pa.string()),  # "natural", "attacked", or "noisy": random noise as large as the attack's
        ("attack", pa.string()),  # its name; "" for a natural image
        ("attack_eps", pa.float32()),
        ("attack_distance", pa.float32()),  # in the attack's norm; 0 for a natural image
        ("label", pa.int16()),
        ("predicted", pa.int16()),
        ("correct", pa.bool_()),
        ("confidence", pa.float32()),
        ("energy_x", pa.float32()),
        ("energy_xy", pa.float32()),
        ("logits", pa.list_(pa.float32())),
        ("kd_bu", pa.list_(pa.float64())),  # log density, and Bayesian uncertainty if the model has dropout
        ("bandwidth", pa.float64()),  # of the density; 0 where it was not asked for
        ("lid", pa.list_(pa.float64())),  # one a layer
        *PROVENANCE,
    ]
)

DETECTOR_LOGITS = pa.schema(
    [
        ("item_id", pa.string()),  # "{detector}/{attack or data}/{image_id}"
        ("detector", pa.int16()),  # the class that it tells from all others
        ("attack", pa.string()),  # its name; "" for images of the class itself, which nothing attacks
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("clean_logit", pa.float32()),
        ("last_logit", pa.float32()),  # at the last iterate from the image; the clean one where nothing attacks
        ("worst_logit", pa.float32()),  # highest of the clean image and all iterates from all starts; likewise
        *PROVENANCE,
    ]
)

CLASS_DETECTIONS = pa.schema(
    [
        (
            "item_id",
            pa.string(),
        ),  # "{detector}/natural/{image_id}", "{detector}/{attack}/{knows or classifier}/{image_id}"
        ("detector", pa.string()),  # who reads it: "one_vs_rest", "energy", "kd_bu" or "lid"
        ("attack", pa.string()),  # its name; "" for an image as it is
        ("knows", pa.string()),  # the detector that the attack knew; "" where it knew of none
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("predicted", pa.int16()),  # by the classifier
        ("predicted_logit", pa.float32()),  # of the detector of that class: what integrated detection reads
        ("chosen", pa.int16()),  # the class of the largest logit of all one-vs-rest detectors; else predicted again
        ("chosen_logit", pa.float32()),  # what generative detection reads
        ("distance", pa.float32()),  # from the image, in the attack's norm
        *PROVENANCE,
    ]
)

OOD_SCORES = pa.schema(
    [
        ("item_id", pa.string()),  # "{detector}/{image_set}/{image_id}"
        ("detector", pa.string()),
        ("image_set", pa.string()),  # "in": images in distribution, which nothing attacks; else out of it
        ("image_id", pa.string()),
        ("clean_score", pa.float32()),  # higher: further out of distribution
        ("worst_score", pa.float32()),  # the lowest of the clean one and of all restarts' best; in: the clean one
        ("worst_from", pa.string()),  # where that came from: "clean", "image", or "noise-1" and so on
        ("x_worst", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]: the image at its worst
        ("distance", pa.float64()),  # from the image, in the attack's norm
        *PROVENANCE,
    ]
)

DISTORTIONS = pa.schema(
    [
        ("item_id", pa.string()),  # "{method}/{search}/{image_id}/{target_rank}"
        ("method", pa.string()),  # "generative" or "integrated"
        ("search", pa.string()),
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("target_rank", pa.int16()),  # the how manieth target of the image
        ("target", pa.int16()),  # the class to pass as; -1: any but the label
        ("threshold", pa.float32()),  # what the detector's logit must reach
        ("found", pa.bool_()),  # whether anything was found to pass
        ("distortion", pa.float32()),  # L2 from the image, in [0, 1] pixel units; the box's diagonal where nothing was
        ("x_adv", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]; the image itself where nothing was found
        ("predicted", pa.int16()),  # the class that x_adv is taken for
        ("predicted_logit", pa.float32()),  # of that class's detector
        *PROVENANCE,
    ]
)
