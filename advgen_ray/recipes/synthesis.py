"""Images that our models ascend to (S004): samples from p0 and from class Gaussians, and counterfactuals."""

from advgen_ray.config import DataConfig, LogitAscentConfig, PoolConfig, SynthesizeConfig
from advgen_ray.config.binary import ImageFilesConfig, OtherDataConfig
from advgen_ray.config.synthesis import ClassGaussianConfig, OwnImagesConfig
from advgen_ray.recipes.binary import PHOTOGRAPHS

TWO = PoolConfig(min_actors=2, max_actors=2)
MNIST = DataConfig(name="mnist")
CIFAR10_JUDGE = "runs/cifar10/classifiers/judge/model"


def digits_synthesis() -> SynthesizeConfig:
    """S004 T3.15 on digits: one-vs-rest beside the demo's robust softmax classifier, class Gaussians, proxy FID.

    Of one path length as 10 x .25, 5 x .5 and 20 x .125 are, as in T2.11; a longer one beside them.
    """
    return SynthesizeConfig(
        models=("runs/digits/one_vs_rest/model", "runs/demo/classifiers/eps-1.0/model"),
        ascents=tuple(
            LogitAscentConfig(num_steps=num_steps, step_size=step_size)
            for num_steps, step_size in ((10, 0.25), (5, 0.5), (20, 0.125), (10, 0.1), (20, 0.25))
        ),
        judge="runs/demo/classifiers/judge/model",
        feature_classifier="runs/demo/classifiers/judge/model",
        shard_images=250,
        output="runs/digits/synthesis",
        pool=TWO,
    )


def digits_counterfactual_synthesis() -> SynthesizeConfig:
    """S004 T3.15's counterfactuals on digits: every test scan made into another class, beside robust softmax models.

    From class Gaussians there is little to win on digits, they lie nearer to the training scans than test scans do.
    """
    return digits_synthesis().model_copy(
        update={
            "models": (
                "runs/digits/one_vs_rest/model",
                *(f"runs/demo/classifiers/eps-{eps}/model" for eps in (0.5, 1.0, 1.5)),
            ),
            "ascents": (
                LogitAscentConfig(num_steps=40, step_size=0.1),
                LogitAscentConfig(num_steps=20, step_size=0.25),
                LogitAscentConfig(num_steps=10, step_size=0.25),
                LogitAscentConfig(norm="l2", eps=2.0, num_steps=20, step_size=0.25),
            ),
            "start": OwnImagesConfig(),
            "num_images": 397,
            "num_interpolations": 0,
            "output": "runs/digits/counterfactual_synthesis",
        }
    )


def digits_translation() -> SynthesizeConfig:
    """S004 figure 2.11's kind on digits: test scans become another class, 5 to 40 steps of .1 as strength; by eye."""
    return digits_counterfactual_synthesis().model_copy(
        update={
            "models": ("runs/digits/one_vs_rest/model",),
            "ascents": tuple(LogitAscentConfig(num_steps=n, step_size=0.1) for n in (5, 10, 20, 40)),
            "output": "runs/digits/translation",
        }
    )


def mnist_synthesis() -> SynthesizeConfig:
    """S004 T3.15 on MNIST: one-vs-rest beside robust softmax, class Gaussians, proxy FID; no published figure there.

    Trained before: mnist_one_vs_rest, mnist_generative_softmax and mnist_judge.
    """
    return SynthesizeConfig(
        data=MNIST,
        models=("runs/mnist/one_vs_rest/model", "runs/mnist/softmax/model"),
        ascents=(
            LogitAscentConfig(num_steps=20, step_size=0.25),
            LogitAscentConfig(num_steps=10, step_size=0.5),
            LogitAscentConfig(num_steps=40, step_size=0.125),
            LogitAscentConfig(norm="linf", eps=0.3, num_steps=20, step_size=0.03),
        ),
        num_images=2000,
        judge="runs/mnist/judge/model",
        feature_classifier="runs/mnist/judge/model",
        shard_images=250,
        output="runs/mnist/synthesis",
        pool=TWO,
    )


def mnist_counterfactual_synthesis() -> SynthesizeConfig:
    """S004 T3.15's counterfactuals on MNIST: test images made into other classes; no published figure there."""
    return mnist_synthesis().model_copy(
        update={"start": OwnImagesConfig(), "num_interpolations": 0, "output": "runs/mnist/counterfactual_synthesis"}
    )


def cifar10_synthesis() -> SynthesizeConfig:
    """S004 T2.4, T2.5, T2.11: 50,000 samples of 32 x .2 from p0, IS 9.10 and FID 13.21 by 80 Million Tiny Images.

    Beside them those of a robust softmax classifier from the same p0. Trained before: cifar10_binary,
    cifar10_generative_softmax and the study's judge.

    Give the weights of FIDs with ``--set feature_classifier= --set inception=pt_inception-2015-12-05-6726825d.pth``.
    """
    return SynthesizeConfig(
        data=DataConfig(name="cifar10"),
        models=("runs/cifar10/binary/model", "runs/cifar10/softmax/model"),
        ascents=tuple(
            LogitAscentConfig(num_steps=num_steps, step_size=step_size)
            for num_steps, step_size in ((32, 0.2), (64, 0.1), (16, 0.4))
        ),
        start=PHOTOGRAPHS,
        num_images=50_000,
        feature_classifier=CIFAR10_JUDGE,
        output="runs/cifar10/synthesis",
    )


def cifar10_choices_synthesis() -> SynthesizeConfig:
    """S004 figures 2.3 to 2.5 at their ends: from the same starts by models of other p0s, of a fixed and a small K.

    Trained before: cifar10_binary, its _from_noise, _from_svhn, _fixed_k and _small_k, and the study's judge; 10,000
    samples of each. Only bars and curves are printed, lowest for the most diverse p0, and for K progressive and large.
    """
    names = ("binary", "binary_from_noise", "binary_from_svhn", "binary_fixed_k", "binary_small_k")
    return cifar10_synthesis().model_copy(
        update={
            "models": tuple(f"runs/cifar10/{name}/model" for name in names),
            "ascents": (LogitAscentConfig(num_steps=32, step_size=0.2),),
            "num_images": 10_000,
            "num_interpolations": 0,
            "output": "runs/cifar10/choices_synthesis",
        }
    )


def cifar10_translation() -> SynthesizeConfig:
    """S004 figure 2.11's kind on CIFAR-10: house numbers become its images, 8 to 64 steps of .1 as strength; by eye.

    Of SVHN cifar10_binary was told nothing. Trained before: that, and the study's judge.
    """
    return cifar10_synthesis().model_copy(
        update={
            "models": ("runs/cifar10/binary/model",),
            "ascents": tuple(LogitAscentConfig(num_steps=n, step_size=0.1) for n in (8, 16, 32, 64)),
            "start": OtherDataConfig(data=DataConfig(name="svhn")),
            "num_images": 1000,
            "output": "runs/cifar10/translation",
        }
    )


def cifar10_counterfactual_synthesis() -> SynthesizeConfig:
    """S004 T3.15's counterfactuals, paths of 7 x 1 and 10 x 1: FID 37.92 and 42.33, of robust softmax 43.65 and 50.85.

    Every test image is made into another class. Trained before: cifar10_generative_classifier,
    cifar10_generative_softmax and the study's judge; the weights of FIDs as for cifar10_synthesis.
    """
    return SynthesizeConfig(
        data=DataConfig(name="cifar10"),
        models=("runs/cifar10/generative/model", "runs/cifar10/softmax/model"),
        ascents=tuple(LogitAscentConfig(num_steps=num_steps, step_size=1.0) for num_steps in (7, 10)),
        start=OwnImagesConfig(),
        num_images=10_000,
        num_interpolations=0,
        judge=CIFAR10_JUDGE,
        feature_classifier=CIFAR10_JUDGE,
        output="runs/cifar10/counterfactual_synthesis",
    )


def cifar10_gaussian_synthesis() -> SynthesizeConfig:
    """S004 T3.15's samples from class Gaussians, paths of 7 x 1 and 10 x 1: FID 50.38 and 54.78, softmax 61.84, 66.15.

    Trained before: as for cifar10_counterfactual_synthesis.
    """
    return cifar10_counterfactual_synthesis().model_copy(
        update={"start": ClassGaussianConfig(), "output": "runs/cifar10/gaussian_synthesis"}
    )


def npz_synthesis_256() -> SynthesizeConfig:
    """S004 T2.4, T2.6, T2.11, CelebA-HQ 256: 20 x 8 from ImageNet, FID 18.97. Give data.root, start.path, inception.

    ``--set smoothing_sigma=10`` is figure 2.9's right panel: fewer artifacts, a slightly worse FID.
    """
    return SynthesizeConfig(
        data=DataConfig(name="npz", root="data/celeba_hq_256"),
        models=("runs/celeba_hq_256/binary/model",),
        ascents=tuple(
            LogitAscentConfig(num_steps=num_steps, step_size=step_size)
            for num_steps, step_size in ((20, 8.0), (40, 4.0), (10, 16.0))
        ),
        start=ImageFilesConfig(path="data/imagenet", num_images=50_000),
        num_images=50_000,
        feature_classifier="",
        inception="data/pt_inception-2015-12-05-6726825d.pth",
        batch_size=25,
        shard_images=250,
        output="runs/celeba_hq_256/synthesis",
    )


def npz_translation_256() -> SynthesizeConfig:
    """S004 figures 2.11 and 2.12: people of CelebA-HQ become cats by npz_binary_256_cat, 4 to 14 steps of 8; by eye.

    Give data.root, start.path, inception. The other way about with data, model and start exchanged.
    """
    return npz_synthesis_256().model_copy(
        update={
            "data": DataConfig(name="npz", root="data/afhq_cat_256"),
            "models": ("runs/afhq_cat_256/binary/model",),
            "ascents": tuple(LogitAscentConfig(num_steps=n, step_size=8.0) for n in (14, 4, 7, 10)),
            "start": ImageFilesConfig(path="data/celeba_hq", num_images=1000),
            "num_images": 1000,
            "output": "runs/afhq_cat_256/translation",
        }
    )
