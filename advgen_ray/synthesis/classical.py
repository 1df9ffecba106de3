"""Restoration that has learnt nothing: scikit-image's denoising and inpainting, for batches of images in [0, 1]."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

PATCH_SIZE, PATCH_DISTANCE = 5, 6  # pixels, of non-local means; skimage's example for noise as strong


def total_variation(degraded: Tensor, weight: float) -> Tensor:
    """Chambolle (2004): the larger ``weight``, the smoother; ``[N, C, H, W]``, as all here."""
    from skimage.restoration import denoise_tv_chambolle

    return _each(denoise_tv_chambolle, degraded, weight=weight)


def non_local_means(degraded: Tensor, h: float, std: float) -> Tensor:
    """Buades et al. (2005) with the noise's ``std`` given; ``h``, in grey levels, says how alike patches must be."""
    from skimage.restoration import denoise_nl_means

    sizes = {"patch_size": PATCH_SIZE, "patch_distance": PATCH_DISTANCE}
    return _each(denoise_nl_means, degraded, h=h, sigma=std, **sizes)


def wavelets(degraded: Tensor, std: float) -> Tensor:
    """BayesShrink (Chang et al. 2000) with Daubechies' first wavelet, for noise of standard deviation ``std``."""
    from skimage.restoration import denoise_wavelet

    return _each(denoise_wavelet, degraded, sigma=std)


def biharmonic(degraded: Tensor, mask: Tensor) -> Tensor:
    """The smooth surface through the known pixels (Damelin and Hoang 2018); ``mask [N, 1, H, W]`` says what is not."""
    from skimage.restoration import inpaint_biharmonic

    filled = [_each(inpaint_biharmonic, degraded[i : i + 1], mask=mask[i, 0].cpu().numpy()) for i in range(len(mask))]
    return torch.cat(filled)


def _each(restore: Callable[..., np.ndarray], images: Tensor, **settings: Any) -> Tensor:
    """Image by image in float64, clipped to [0, 1]; the results on the images' device, in their type.

    Those of one channel go without it: given it, skimage's non-local means returns them transposed.
    """
    pixels = images.detach().cpu().double().numpy()
    if pixels.shape[1] == 1:
        restored = np.stack([restore(image[0], **settings) for image in pixels])[:, None]
    else:
        restored = np.stack([restore(image, channel_axis=0, **settings) for image in pixels])
    return torch.from_numpy(restored).clamp(0.0, 1.0).to(images)
