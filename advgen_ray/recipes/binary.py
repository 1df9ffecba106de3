"""Binary adversarial training (S004): detectors of one class, and generative models from p0."""

from advgen_ray.config import (
    DataConfig,
    DetectionAttackConfig,
    DiscriminatorConfig,
    EvaluateDetectionConfig,
    EvaluateOneVsRestConfig,
    LogitAttackConfig,
    OptimizerConfig,
    ResNetConfig,
    TrainBinaryConfig,
    TrainOneVsRestConfig,
    TwoConvConfig,
    WorkersConfig,
)
from advgen_ray.config.binary import (
    AscentFromP0Config,
    DescentFromDataConfig,
    ImageFilesConfig,
    OtherDataConfig,
    WorstCaseConfig,
)

PHOTOGRAPHS = OtherDataConfig(data=DataConfig(name="tiny_imagenet"))  # 80 Million Tiny Images were withdrawn
TWO_AT_A_TIME = WorkersConfig(num_workers=1, num_groups=2)


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


def digits_one_vs_rest() -> TrainOneVsRestConfig:
    """A detector for each of the ten digits of 8x8, two trained at a time; no published figure."""
    training = digits_binary().model_copy(update={"workers": TWO_AT_A_TIME})
    return TrainOneVsRestConfig(training=training, output="runs/digits/one_vs_rest")


def mnist_one_vs_rest() -> TrainOneVsRestConfig:
    """S004 tables 3.1 to 3.6, Linf 0.3: AUC .9996 and .9997 of the first two under the dissertation's own attack.

    Steps of .0375 for the dissertation's hundred of .01, half of the starts at the image itself and the best iterate
    kept: from random starts alone a detector learns their noise. Two at a time, of one core each; learning rates that
    fall to nothing do in 700 steps what a constant one does not in 1,800.
    """
    return TrainOneVsRestConfig(
        training=TrainBinaryConfig(
            data=DataConfig(name="mnist"),
            class_index=0,
            model=TwoConvConfig(),
            ascent=AscentFromP0Config(
                norm="linf",
                eps=0.3,
                step_size=0.0375,
                first_steps=20,
                last_steps=20,
                random_start_share=0.5,
                keep_best=True,
            ),
            optimizer=OptimizerConfig(learning_rate=1e-3, schedule="one_cycle"),
            adam_betas=(0.9, 0.999),
            num_steps=700,
            validation=WorstCaseConfig(num_images=300, num_steps=40, every_steps=350),
            checkpoint_every_steps=100,
            workers=TWO_AT_A_TIME,
        ),
        output="runs/mnist/one_vs_rest",
    )


def digits_one_vs_rest_evaluation() -> EvaluateOneVsRestConfig:
    """The ten detectors of digits under PGD in L2 1, the radius that they were trained in, and half as far again."""
    return EvaluateOneVsRestConfig(
        detectors="runs/digits/one_vs_rest",
        num_images=100,
        attacks=tuple(LogitAttackConfig(norm="l2", eps=eps, num_steps=100, step_size=0.05) for eps in (1.0, 1.5)),
        output="runs/digits/one_vs_rest_evaluation",
    )


def mnist_one_vs_rest_evaluation() -> EvaluateOneVsRestConfig:
    """S004 tables 3.2, 3.4, 3.5: the first two detectors of MNIST under more steps, restarts and another norm."""
    attacks = [("linf", 0.3, 200, 0.01, 1), ("linf", 0.3, 2000, 0.005, 1), ("linf", 0.3, 200, 0.01, 10)]
    attacks += [("linf", 0.5, 200, 0.01, 1), ("l2", 2.5, 200, 0.1, 1), ("l2", 5.0, 200, 0.1, 1)]
    names = ("norm", "eps", "num_steps", "step_size", "num_restarts")
    return EvaluateOneVsRestConfig(
        data=DataConfig(name="mnist"),
        detectors="runs/mnist/one_vs_rest",
        classes=(0, 1),
        attacks=tuple(LogitAttackConfig(**dict(zip(names, attack, strict=True))) for attack in attacks),
        output="runs/mnist/one_vs_rest_evaluation",
    )


def digits_detection() -> EvaluateDetectionConfig:
    """Integrated and generative detection on digits within L2 1, the demo's robust classifier beside ten detectors."""
    attacks = ("classifier", "detector", "combined", "predicted_detector")
    return EvaluateDetectionConfig(
        classifier="runs/demo/classifiers/eps-1.0/model",
        detectors="runs/digits/one_vs_rest",
        num_images=100,
        attacks=tuple(DetectionAttackConfig(kind=k, norm="l2", eps=1.0, step_size=0.05) for k in attacks),
        output="runs/digits/detection",
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
    """S004 tables 2.2, 2.3 and 2.6, CelebA-HQ 256: K up to 40 steps of 2, R1 30; FID 17.31. Give data.root, p0.path."""
    return TrainBinaryConfig(
        data=DataConfig(name="npz", root="data/celeba_hq_256"),
        p0=ImageFilesConfig(path="data/imagenet"),
        model=DiscriminatorConfig(),
        ascent=AscentFromP0Config(step_size=2.0, first_steps=0, last_steps=40, epochs_per_k=5.0),
        r1=30.0,
        optimizer=OptimizerConfig(learning_rate=5e-5),
        num_steps=218_000,
        batch_size=40,
        augment="flip_crop",
        output="runs/celeba_hq_256/binary",
    )
