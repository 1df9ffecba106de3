"""The columns of each kind of result set, and images as lossless Parquet bytes."""

import numpy as np
import pyarrow as pa

_PROVENANCE = [("seed", pa.int64()), ("model_digest", pa.string()), ("config_digest", pa.string())]

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
        *_PROVENANCE,
    ]
)

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
        *_PROVENANCE,
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
        *_PROVENANCE,
    ]
)

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
        *_PROVENANCE,
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
        *_PROVENANCE,
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
        ("alignment", pa.float32()),  # cosine with the way out of the class
        ("sparsity", pa.float32()),  # Gini index of the absolute values
        *_PROVENANCE,
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
        *_PROVENANCE,
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
        *_PROVENANCE,
    ]
)

CLASS_DETECTIONS = pa.schema(
    [
        ("item_id", pa.string()),  # "{attack or natural}/{image_id}"
        ("attack", pa.string()),  # its name; "" for an image as it is
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("predicted", pa.int16()),  # by the classifier
        ("predicted_logit", pa.float32()),  # of the detector of that class: what integrated detection reads
        ("chosen", pa.int16()),  # the class of the largest logit of all detectors
        ("chosen_logit", pa.float32()),  # what generative detection reads
        ("distance", pa.float32()),  # from the image, in the attack's norm
        *_PROVENANCE,
    ]
)

SCHEMAS = {
    "counterfactuals": COUNTERFACTUALS,
    "energies": ENERGIES,
    "robustness": ROBUSTNESS,
    "detections": DETECTIONS,
    "classifier_images": CLASSIFIER_IMAGES,
    "input_gradients": INPUT_GRADIENTS,
    "gradient_alignment": GRADIENT_ALIGNMENT,
    "detector_logits": DETECTOR_LOGITS,
    "class_detections": CLASS_DETECTIONS,
}

ImageShape = tuple[int, int, int]


def images_to_column(images: np.ndarray) -> pa.Array:
    """Images ``[N, C, H, W]`` float32 as one binary value a row, bit for bit."""
    if images.dtype != np.float32:
        raise ValueError(f"images must be float32 to be stored losslessly, got {images.dtype}")
    rows = np.array(images, dtype="<f4", order="C").reshape(len(images), -1)  # a copy: the caller may change its own
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1] * rows.itemsize
    if offsets[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"{len(rows)} images of {offsets[-1]} bytes; a column holds 2 GiB at most")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(rows)]  # no object a row
    return pa.BinaryArray.from_buffers(pa.binary(), len(rows), buffers)


def column_to_images(column: pa.ChunkedArray | pa.Array, image_shape: ImageShape) -> np.ndarray:
    """The images ``[N, C, H, W]`` float32 of a binary column; raises ValueError where a value has another size."""
    images = np.empty((len(column), *image_shape), dtype=np.float32)
    flat = images.reshape(len(column), -1)
    for index, value in enumerate(column):
        stored = np.frombuffer(value.as_buffer(), dtype="<f4")
        if stored.size != flat.shape[1]:
            raise ValueError(
                f"row {index} holds an image of {stored.size} values, expected {flat.shape[1]} for {image_shape}"
            )
        flat[index] = stored
    return images
