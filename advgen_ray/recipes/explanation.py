"""What classifiers look at (S004 section 3.4.3): masks of integrated gradients."""

from advgen_ray.config import DataConfig, ExplainPredictionsConfig


def digits_explanations() -> ExplainPredictionsConfig:
    """S004 figure 3.10 on digits: a standard and a robust softmax classifier, and ten detectors; pictures there."""
    return ExplainPredictionsConfig(
        classifiers=(
            "runs/demo/classifiers/eps-0.0/model",
            "runs/demo/classifiers/eps-1.0/model",
            "runs/digits/one_vs_rest/model",
        ),
        num_images=300,
        output="runs/digits/explanations",
    )


def mnist_explanations() -> ExplainPredictionsConfig:
    """S004 figure 3.10 on MNIST: the ten detectors of mnist_one_vs_rest as one classifier."""
    return ExplainPredictionsConfig(
        data=DataConfig(name="mnist"), classifiers=("runs/mnist/one_vs_rest/model",), output="runs/mnist/explanations"
    )


def cifar10_explanations() -> ExplainPredictionsConfig:
    """S004 figure 3.10: a standard and a robust softmax classifier, and ten detectors; pictures there.

    Trained before: the classifier of eps 0 of cifar10_study, cifar10_generative_softmax, cifar10_generative_classifier.
    """
    return ExplainPredictionsConfig(
        data=DataConfig(name="cifar10"),
        classifiers=(
            "runs/cifar10/classifiers/eps-0.0/model",
            "runs/cifar10/softmax/model",
            "runs/cifar10/generative/model",
        ),
        num_images=1000,
        output="runs/cifar10/explanations",
    )
