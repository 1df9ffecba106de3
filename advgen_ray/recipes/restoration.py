"""Restoration by models that were not trained for it (S004 section 2.5.3)."""

from advgen_ray.config import (
    AddedNoiseConfig,
    DataConfig,
    OcclusionConfig,
    RestorationAscentConfig,
    RestoreImagesConfig,
)

LADDER = (1, 2, 5, 10, 20, 40)


def digits_restoration() -> RestoreImagesConfig:
    """S004 tables 2.7 and 2.8 on digits of 8x8: noise of .1 and .2, squares of a tenth and a quarter; four models."""
    return RestoreImagesConfig(
        models=(
            "runs/demo/classifiers/eps-0.0/model",
            "runs/demo/classifiers/eps-1.0/model",
            "runs/digits/one_vs_rest/model",
            "runs/digits/binary_from_noise/model",
        ),
        degradations=(
            AddedNoiseConfig(std=0.1),
            AddedNoiseConfig(std=0.2),
            OcclusionConfig(share=0.1),
            OcclusionConfig(share=0.25),
        ),
        ascent=RestorationAscentConfig(step_size=0.05, num_steps=LADDER),
        num_images=300,
        num_validation_images=100,
        batch_size=100,
        shard_images=100,
        output="runs/digits/restoration",
    )


def mnist_restoration() -> RestoreImagesConfig:
    """S004 tables 2.7 and 2.8 on MNIST, by the ten detectors of mnist_one_vs_rest; steps of .2, up to 8 in L2."""
    return RestoreImagesConfig(
        data=DataConfig(name="mnist"),
        models=("runs/mnist/one_vs_rest/model",),
        degradations=(AddedNoiseConfig(std=0.1), AddedNoiseConfig(std=0.3), OcclusionConfig(share=0.1)),
        ascent=RestorationAscentConfig(step_size=0.2, num_steps=LADDER),
        num_images=200,
        output="runs/mnist/restoration",
    )


def cifar10_restoration() -> RestoreImagesConfig:
    """S004 tables 2.7 and 2.8 on CIFAR-10: the binary model of T2.3 beside the classifier trained at L2 .5."""
    return RestoreImagesConfig(
        data=DataConfig(name="cifar10"),
        models=("runs/cifar10/binary/model", "runs/cifar10/softmax/model"),
        degradations=(AddedNoiseConfig(std=0.1), OcclusionConfig(share=0.1)),
        ascent=RestorationAscentConfig(step_size=0.1, num_steps=LADDER),
        num_images=200,
        output="runs/cifar10/restoration",
    )


def npz_restoration_256() -> RestoreImagesConfig:
    """S004 tables 2.7 and 2.8, CelebA-HQ 256: noise of .1, up to 20 steps of 8; SSIM .234 to .379, .817 to .828."""
    return RestoreImagesConfig(
        data=DataConfig(name="npz", root="data/celeba_hq_256"),
        models=("runs/celeba_hq_256/binary/model",),
        degradations=(AddedNoiseConfig(std=0.1), OcclusionConfig(share=0.1)),
        ascent=RestorationAscentConfig(step_size=8.0, num_steps=(1, 2, 5, 10, 15, 20)),
        num_images=100,
        num_validation_images=20,
        batch_size=10,
        shard_images=10,
        output="runs/celeba_hq_256/restoration",
    )
