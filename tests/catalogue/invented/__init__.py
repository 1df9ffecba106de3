"""What each job would say, by its config alone: the keys that rows read, shaped as that config shapes them."""

from tests.catalogue.invented import binary_training, classifiers, counterfactuals, others, study
from tests.catalogue.invented.dispatch import summary_of

__all__ = ["binary_training", "classifiers", "counterfactuals", "others", "study", "summary_of"]
