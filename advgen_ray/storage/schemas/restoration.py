"""Columns of images that were degraded and restored."""

import pyarrow as pa

from advgen_ray.storage.schemas.provenance import PROVENANCE

RESTORATIONS = pa.schema(
    [
        ("item_id", pa.string()),  # "{degradation}/{method}/{strength}/{image_id}"
        ("degradation", pa.string()),  # its name, which holds its size
        ("method", pa.string()),  # a model's name, with ", held" where known pixels were; a baseline's; "degraded"
        ("strength", pa.float64()),  # steps of an ascent, multiples of the noise's deviation; 0 where there is no dial
        ("half", pa.string()),  # "validation": strengths are chosen on it; "test": measured
        ("image_id", pa.string()),
        ("label", pa.int16()),
        ("ascended", pa.int16()),  # the class whose logit was raised; -1 where none was
        ("x_restored", pa.binary()),  # little-endian float32, C * H * W, in [0, 1]
        ("ssim", pa.float32()),  # with the image as it was
        ("psnr", pa.float32()),  # likewise, in dB, no more than that of rounding to 8 bits
        *PROVENANCE,
    ]
)
