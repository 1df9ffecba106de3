"""Binary adversarial training (S004): a detector of one class, and generative models from p0."""

from advgen_ray.config import (
    DataConfig,
    DiscriminatorConfig,
    OptimizerConfig,
    ResNetConfig,
    TrainBinaryConfig,
    TwoConvConfig,
    WorkersConfig,
)
from advgen_ray.config.binary import (
    AscentFromP0Config,
    DescentFromDataConfig,
    ImageFilesConfig,
    NoiseConfig,
    OtherDataConfig,
    WorstCaseConfig,
)

PHOTOGRAPHS = OtherDataConfig(data=DataConfig(name="tiny_imagenet"))  # 80 Million Tiny Images were withdrawn


def digits_binary() -> TrainBinaryConfig:
    """The digit 3 against the others of 8x8 within L2 1: seconds of training on two cores; no published figure."""
    return TrainBinaryConfig(
        class_index=3,
        model=TwoConvConfig(channels=(16, 32), hidden=128),
        ascent=AscentFromP0Config(
            norm="l2", eps=1.0, step_size=0.25, first_steps=10, last_steps=10, random_start_share=0.5, keep_best=True
        ),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        num_steps=400,
        validation=WorstCaseConfig(num_images=40, num_steps=40, every_steps=100),
        checkpoint_every_steps=100,
        workers=WorkersConfig(num_workers=1),
    )


def digits_binary_from_noise() -> TrainBinaryConfig:
    """All digits of 8x8 against uniform noise, K to 25 steps of .2 without a ball; for restoration, nothing published.

    A step is shorter than the distance from a digit with noise of .1 to the digit, .8, so that the way back is learnt.
    """
    return TrainBinaryConfig(
        p0=NoiseConfig(num_images=2000),
        model=TwoConvConfig(channels=(16, 32), hidden=128),
        ascent=AscentFromP0Config(step_size=0.2, first_steps=1, last_steps=25, epochs_per_k=0.5),
        r1=0.01,
        optimizer=OptimizerConfig(learning_rate=5e-4),
        num_steps=800,
        checkpoint_every_steps=200,
        output="runs/digits/binary_from_noise",
        workers=WorkersConfig(num_workers=1),
    )


def cifar10_binary() -> TrainBinaryConfig:
    """S004 tables 2.3 and 2.5: ResNet-50 by progressive K up to 25 steps of .1; IS 9.10, FID 13.21 from another p0."""
    return TrainBinaryConfig(
        data=DataConfig(name="cifar10"),
        p0=PHOTOGRAPHS,
        model=ResNetConfig(depth=50),
        ascent=AscentFromP0Config(step_size=0.1, first_steps=0, last_steps=25, epochs_per_k=5.0),
        r1=0.01,
        optimizer=OptimizerConfig(learning_rate=5e-4),
        num_steps=172_000,
        augment="flip_crop",
        output="runs/cifar10/binary",
    )


def cifar10_binary_from_noise() -> TrainBinaryConfig:
    """S004 figure 2.3, another p0: cifar10_binary from uniform noise, no real images; only a bar of FID is printed."""
    return cifar10_binary().model_copy(update={"p0": NoiseConfig(), "output": "runs/cifar10/binary_from_noise"})


def cifar10_binary_from_svhn() -> TrainBinaryConfig:
    """S004 figure 2.3, another p0: cifar10_binary from a real set of little variety; only a bar of FID is printed."""
    source = OtherDataConfig(data=DataConfig(name="svhn"))
    return cifar10_binary().model_copy(update={"p0": source, "output": "runs/cifar10/binary_from_svhn"})


def cifar10_binary_fixed_k() -> TrainBinaryConfig:
    """S004 figure 2.5: cifar10_binary with 25 steps from the first update on, which is slower; only curves printed."""
    config = cifar10_binary().override(["ascent.first_steps=25"])
    return config.model_copy(update={"output": "runs/cifar10/binary_fixed_k"})


def cifar10_binary_small_k() -> TrainBinaryConfig:
    """S004 figures 2.4 and 2.5: cifar10_binary with 5 steps throughout, whose FID is higher; only curves printed."""
    config = cifar10_binary().override(["ascent.first_steps=5", "ascent.last_steps=5"])
    return config.model_copy(update={"output": "runs/cifar10/binary_small_k"})


def cifar10_binary_ood() -> TrainBinaryConfig:
    """S004 table 3.12: in- and out-distribution AT, AutoAugment, 400 epochs; against SVHN AUC 93.5, 83.0 at worst."""
    return TrainBinaryConfig(
        data=DataConfig(name="cifar10"),
        p0=PHOTOGRAPHS,
        model=ResNetConfig(depth=50),
        ascent=AscentFromP0Config(norm="l2", eps=0.5, step_size=0.1, first_steps=10, last_steps=10),
        descent=DescentFromDataConfig(norm="l2", eps=0.25, num_steps=10, step_size=0.1),
        optimizer=OptimizerConfig(kind="sgd", learning_rate=0.1),
        num_steps=400 * 391,
        batch_size=128,
        augment="auto_augment",
        validation=WorstCaseConfig(num_images=1000, num_steps=20, every_steps=3910),
        checkpoint_every_steps=3910,
        output="runs/cifar10/binary_ood",
    )


def npz_binary_256() -> TrainBinaryConfig:
    """S004 tables 2.2, 2.3 and 2.6, CelebA-HQ 256: K up to 40 steps of 2, R1 30; FID 17.31. Give data.root, p0.path.

    And ``pretrained``: the published model set out from this network trained on ImageNet's 1,000 classes. p0 is 50,000
    of ImageNet's images, ten gigabytes in every worker; the published one has all 1.28 million.
    """
    return TrainBinaryConfig(
        data=DataConfig(name="npz", root="data/celeba_hq_256"),
        p0=ImageFilesConfig(path="data/imagenet", num_images=50_000),
        model=DiscriminatorConfig(),
        ascent=AscentFromP0Config(step_size=2.0, first_steps=0, last_steps=40, epochs_per_k=5.0),
        r1=30.0,
        optimizer=OptimizerConfig(learning_rate=5e-5),
        num_steps=218_000,
        batch_size=40,
        augment="resized_crop",
        output="runs/celeba_hq_256/binary",
    )


def npz_binary_256_without_r1() -> TrainBinaryConfig:
    """S004 figure 2.6: npz_binary_256 without R1: pretrained, its FID soon ends falling; from scratch it is as good."""
    return npz_binary_256().model_copy(update={"r1": 0.0, "output": "runs/celeba_hq_256/binary_without_r1"})


def npz_binary_256_cat() -> TrainBinaryConfig:
    """S004 tables 2.3 and 2.6, AFHQ-CAT 256: K up to 25, 50 epochs each, R1 100; FID 13.35."""
    return npz_binary_256().override(
        [
            "data.root=data/afhq_cat_256",
            "ascent.last_steps=25",
            "ascent.epochs_per_k=50",
            "r1=100",
            "num_steps=225000",
            "output=runs/afhq_cat_256/binary",
        ]
    )


def npz_binary_256_church() -> TrainBinaryConfig:
    """S004 tables 2.3 and 2.6, LSUN-Church 256: K up to 35, an epoch each, R1 100; FID 14.87."""
    return npz_binary_256().override(
        [
            "data.root=data/lsun_church_256",
            "ascent.last_steps=35",
            "ascent.epochs_per_k=1",
            "r1=100",
            "num_steps=215000",
            "batch_size=32",
            "output=runs/lsun_church_256/binary",
        ]
    )
