"""Columns of what classifiers say of images, under attack too, and of what they make when run backwards."""

import pyarrow as pa

from advgen_ray.storage.schemas.provenance import PROVENANCE

ENERGIES = pa.schema(
    [
        ("item_id", pa.string()),  # "{classifier}/{view or attack-eps}/{image_set}/{image_id}"
        ("classifier", pa.string()),
        ("classifier_eps", pa.float32()),
        ("classifier_seed", pa.int64()),
        ("view", pa.string()),  # "clean", "attacked" or "counterfactual"
        ("image_set", pa.string()),  # a split, or the directory name of a set of counterfactuals
        ("image_id", pa.string()),
        ("label", pa.int16()),  # the true label; for a counterfactual its target
        ("source_label", pa.int16()),  # the label of the source; equals label but for counterfactuals
        ("predicted", pa.int16()),
        ("correct", pa.bool_()),
        ("confidence", pa.float32()),  # softmax of the predicted class
        ("label_confidence", pa.float32()),
        ("energy_x", pa.float32()),
        ("energy_xy", pa.float32()),
        ("logits", pa.list_(pa.float32())),
        ("attack", pa.string()),  # its name; "" where nothing was attacked
        ("attack_eps", pa.float32()),  # radius of the attack; 0 where nothing was attacked
        ("attack_distance", pa.float32()),  # in the attack's norm; 0 where nothing was attacked
        *PROVENANCE,
    ]
)

ROBUSTNESS = pa.schema(
    [
        ("item_id", pa.string()),  # the image's
        ("label", pa.int16()),
        ("predicted_clean", pa.int16()),
        ("fallen_to", pa.string()),  # the attack it fell to; "clean" if wrong before any, "" if it stands
        ("x_adv", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]; the image itself unless it fell
        ("predicted", pa.int16()),  # on x_adv, read again from these bytes
        ("distance", pa.float64()),  # of x_adv from the image, in the evaluation's norm; likewise
        *PROVENANCE,
    ]
)

CLASSIFIER_IMAGES = pa.schema(
    [
        ("item_id", pa.string()),  # "{classifier}/{y_target}/{replicate}"; without the classifier, its noise's key
        ("classifier", pa.string()),
        ("classifier_eps", pa.float32()),
        ("classifier_seed", pa.int64()),
        ("y_target", pa.int16()),  # the class asked for
        ("replicate", pa.int16()),
        ("x_start", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]
        ("x_generated", pa.binary()),  # likewise
        ("start_predicted", pa.int16()),
        ("predicted", pa.int16()),
        ("label_confidence", pa.float32()),  # softmax of y_target
        ("start_energy_x", pa.float32()),
        ("start_energy_xy", pa.float32()),
        ("energy_x", pa.float32()),
        ("energy_xy", pa.float32()),
        ("energy_path", pa.list_(pa.float32())),  # E(x, y) before the first step and after each
        ("judge_start_predicted", pa.int16()),  # what the judge sees in the start; -1 without a judge
        ("judge_predicted", pa.int16()),  # and in the image
        ("start_ssim", pa.float32()),  # of the start, with the test image that is nearest to it
        ("neighbor_ids", pa.list_(pa.string())),  # test images of largest SSIM, nearest first
        ("neighbor_labels", pa.list_(pa.int16())),
        ("neighbor_ssim", pa.list_(pa.float32())),
        *PROVENANCE,
    ]
)

INPUT_GRADIENTS = pa.schema(
    [
        ("item_id", pa.string()),  # "{classifier}/{image_id}"
        ("classifier", pa.string()),
        ("classifier_eps", pa.float32()),
        ("classifier_seed", pa.int64()),
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("predicted", pa.int16()),
        ("gradient", pa.binary()),  # little-endian float32, C * H * W: of the cross-entropy by the image
        ("gradient_norm", pa.float32()),  # L2
        ("alignment", pa.float32()),  # of gradients towards the other classes with the ways to their mean images
        ("sparsity", pa.float32()),  # Gini index of the absolute values
        *PROVENANCE,
    ]
)
