"""Each program of jobs/ and what it takes."""

from advgen_ray.config import (
    CheckServiceConfig,
    CompareLossesConfig,
    CompareSubsetsConfig,
    Config,
    ExploreCounterfactualsConfig,
    MakeRatingPageConfig,
    ReadRatingsConfig,
    ReportConfig,
    ReproduceConfig,
    SearchConfig,
    SimulateBinaryTrainingConfig,
    StudyConfig,
    ValidateConfig,
)
from advgen_ray.config.searchable import SEARCHABLE

JOBS: dict[str, type[Config]] = {
    "study": StudyConfig,
    **SEARCHABLE,
    "search": SearchConfig,
    "compare_losses": CompareLossesConfig,
    "compare_subsets": CompareSubsetsConfig,
    "simulate_binary_training": SimulateBinaryTrainingConfig,
    "make_rating_page": MakeRatingPageConfig,
    "read_ratings": ReadRatingsConfig,
    "explore_counterfactuals": ExploreCounterfactualsConfig,
    "report": ReportConfig,
    "reproduce": ReproduceConfig,
    "check_service": CheckServiceConfig,
    "validate": ValidateConfig,
}
