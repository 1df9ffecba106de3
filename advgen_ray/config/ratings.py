"""People's opinion of counterfactuals: which they are shown, and whose answers are read back."""

from typing import ClassVar, Self

from pydantic import Field, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.parts import DataConfig


class MakeRatingPageConfig(Config):
    """A page on which people say what they see in counterfactuals, without a word of what was aimed at (no Ray).

    ``num_pairs`` different counterfactuals are drawn evenly over target classes and sets. Beside them stand clean
    images that claim to be changed, where the right answer is known, and pairs that come a second time, with a third
    of all others between.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"counterfactuals", "output"})  # a page knows its sets by identity

    data: DataConfig = DataConfig()
    counterfactuals: tuple[Place, ...] = ("runs/counterfactuals",)  # mixed; each called by its directory's name
    num_pairs: PositiveInt = 100
    repeat_share: float = Field(0.1, ge=0.0, le=0.4)  # of num_pairs, shown twice
    catch_share: float = Field(0.1, ge=0.0, le=1.0)  # clean images to show besides, as a share of num_pairs
    seed: Seed = 0
    output: Place = "runs/rating_page"

    @model_validator(mode="after")
    def _there_are_sets(self) -> Self:
        if not self.counterfactuals:
            raise ValueError("counterfactuals is empty: give result sets with --set counterfactuals=[...]")
        return self


class ReadRatingsConfig(Config):
    """Answers of one or more raters to a page: agreement with the target, among raters, with classifiers (no Ray).

    A rater right on less than ``catch_threshold`` of the clean images is flagged, and the main figures leave out what
    flagged raters said; the page has them with and without.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"page", "answers", "energies", "output"})

    page: Place = "runs/rating_page"  # the output of make_rating_page
    answers: tuple[Place, ...] = ("runs/rating_page/answers",)  # files that raters saved, or directories of them
    catch_threshold: float = Field(0.8, ge=0.0, le=1.0)
    energies: str = ""  # energies of the same counterfactuals: what classifiers see in them
    output: Place = "runs/ratings"

    @model_validator(mode="after")
    def _there_are_answers(self) -> Self:
        if not self.answers:
            raise ValueError("answers is empty: give the files that raters saved with --set answers=[...]")
        return self
