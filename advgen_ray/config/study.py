"""A whole study: its stages together, and where a report finds what they stored."""

from typing import Any, ClassVar, Self

from pydantic import Field, PositiveInt, model_validator

from advgen_ray.config.base import Config, Place, Seed
from advgen_ray.config.binary import TrainOneVsRestConfig
from advgen_ray.config.classifier_images import GenerateFromClassifierConfig
from advgen_ray.config.counterfactuals import DVCEConfig, GenerateByClassifierConfig, GenerateConfig
from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.config.jobs import (
    ScoreEnergiesConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.config.models import WideResNetConfig
from advgen_ray.config.one_vs_rest import EvaluateOneVsRestConfig
from advgen_ray.config.parts import DataConfig
from advgen_ray.config.robustness_comparison import CompareRobustnessConfig
from advgen_ray.config.synthesis import SynthesizeConfig
from advgen_ray.errors import UserError

# What a study names images in, of the views those that it has.
PARTS = (
    "classifier", "score_model", "counterfactuals", "energies",
    "classifier_view.ascent", "classifier_view.dvce",
    "energy_view.attacked", "energy_view.detectors", "energy_view.images", "energy_view.recorded",
    "binary_view.detectors.training", "binary_view.evaluation", "binary_view.synthesis", "binary_view.robustness",
)  # fmt: skip


class ReportConfig(Config):
    """Where the stored results of a study lie; the report reads them and computes nothing that they do not hold."""

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    data: DataConfig = DataConfig()
    classifiers: tuple[str, ...] = ()  # robust and standard models by eps; the judge apart
    judge: str = ""  # a standard classifier of another seed, which took no part in anything else
    score_model: str = ""
    counterfactuals: str = ""  # the main CE set
    variants: tuple[str, ...] = ()  # sets to compare, one a way of making them, over the sources they share
    chains: tuple[str, ...] = ()  # counterfactuals of counterfactuals
    held_out: str = ""  # CEs of test images, for the distance classifier
    energies: str = ""
    attacked: str = ""  # energies under attacks of every kind
    detectors: str = ""  # a comparison of detectors
    images: str = ""  # what classifiers generate, and their gradients
    recorded: str = ""  # a training whose energies were recorded by epoch
    explorer: str = ""  # a page of every CE beside the report, linked to
    binary: str = ""  # a page of detectors of one class, likewise
    output: Place = "runs/report"


class EnergyViewConfig(Config):
    """The energy view of a study's classifiers (S001, S003): the standard one beside the one trained at ``eps``.

    Among those that ``images`` looks at there may be one trained at a radius so small that it is hardly robust.
    """

    eps: float = 1.0
    quasi_robust_eps: float | None = None
    attacked: ScoreEnergiesConfig = ScoreEnergiesConfig(splits=("test",))
    detectors: CompareDetectorsConfig = CompareDetectorsConfig()
    images: GenerateFromClassifierConfig = GenerateFromClassifierConfig()
    recorded: TrainClassifierConfig = TrainClassifierConfig(loss="trades", record_energies_at_epochs=(1, 50, 100))

    @model_validator(mode="after")
    def _page_has_its_rows(self) -> Self:
        if "test" not in self.attacked.splits:
            raise ValueError(
                f"attacked.splits={list(self.attacked.splits)}: images of the test split are attacked; take [test]"
            )
        if not self.recorded.record_energies_at_epochs:
            raise ValueError(
                "recorded.record_energies_at_epochs=[]: this training is for its energies; expected epochs such as "
                f"[1,{self.recorded.num_epochs}], or energy_view=null for no view"
            )
        return self


class ClassifierViewConfig(Config):
    """Counterfactuals that the study's classifiers make, of the variants' sources (S000 figures 2, 5, 6, 10 and 11).

    Those trained at ``eps`` make them by ascent, and what they made is the source of counterfactuals again. DVCE
    explains the standard classifier, with the last of them for its cone. ``others`` are classifiers from outside the
    study, one against the rest say, each called after the directory around it, which make them by ascent too.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"others"})  # their sets say which they were

    eps: tuple[float, ...] = (1.0, 2.0)
    ascent: GenerateByClassifierConfig = GenerateByClassifierConfig()
    dvce: GenerateByClassifierConfig | None = GenerateByClassifierConfig(method=DVCEConfig(), replicates=2)
    others: tuple[str, ...] = ()
    chain_sources: PositiveInt = 1000  # how many of each ascent's CEs

    @model_validator(mode="after")
    def _methods_are_what_they_are_called(self) -> Self:
        for kind, part in (("ascent", self.ascent), ("dvce", self.dvce)):
            if part and part.method.kind != kind:
                raise ValueError(f"{kind}.method.kind is {part.method.kind}: expected {kind}, or dvce=null for no DVCE")
        return self


class BinaryViewConfig(Config):
    """Binary adversarial training beside a study (S004): a detector of every class, on a page of its own.

    What attacks make of the detectors, what their logits ascend to, and how far they classify: the two last beside the
    study's classifier trained at ``eps``, judged by the study's judge. Models, places and data follow from the study.
    """

    eps: float = 1.0
    detectors: TrainOneVsRestConfig = TrainOneVsRestConfig()
    evaluation: EvaluateOneVsRestConfig = EvaluateOneVsRestConfig()
    synthesis: SynthesizeConfig = SynthesizeConfig()
    robustness: CompareRobustnessConfig = CompareRobustnessConfig()


class StudyConfig(Config):
    """The whole study: classifiers, score model, counterfactuals, energies, report.

    ``data`` is for every part: those that had the images of the study have the ones that are set in their place.
    """

    PLACEMENT: ClassVar[frozenset[str]] = frozenset({"output"})

    data: DataConfig = DataConfig()
    classifier: TrainClassifierConfig = TrainClassifierConfig()
    eps: tuple[float, ...] = (0.0, 0.5, 1.0)
    standard_dropout: float = Field(
        0.3, ge=0.0, lt=1.0
    )  # S000 section 6: for the standard model alone, of a WideResNet
    judge_seed: Seed = Field(1000, gt=0)
    score_model: TrainScoreModelConfig = TrainScoreModelConfig()
    counterfactuals: GenerateConfig = GenerateConfig()
    variant_sources: PositiveInt = 1000  # sources of the comparison of ways to make them
    held_out_sources: PositiveInt = 1000  # test images for the distance classifier
    energies: ScoreEnergiesConfig = ScoreEnergiesConfig()
    classifier_view: ClassifierViewConfig | None = None
    energy_view: EnergyViewConfig | None = None
    binary_view: BinaryViewConfig | None = None
    output: Place = "runs/study"

    @model_validator(mode="after")
    def _eps_start_standard(self) -> Self:
        if not self.eps or self.eps[0] != 0 or list(self.eps) != sorted(set(self.eps)):
            raise ValueError(f"eps must rise from 0 (the standard model), got {list(self.eps)}")
        return self

    @model_validator(mode="after")
    def _view_of_a_classifier(self) -> Self:
        views = {"energy_view": self.energy_view, "binary_view": self.binary_view}
        viewed = {f"{name}.eps": [view.eps] if view else [] for name, view in views.items()}
        if self.energy_view and self.energy_view.quasi_robust_eps is not None:
            viewed["energy_view.quasi_robust_eps"] = [self.energy_view.quasi_robust_eps]
        viewed["classifier_view.eps"] = list(self.classifier_view.eps) if self.classifier_view else []
        for key, radii in viewed.items():
            for eps in radii:
                if eps not in self.eps:
                    raise ValueError(f"{key} {eps} is none of eps {list(self.eps)}")
        return self

    def followed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Parts with the study's images have those that it is given, unless they are given others themselves."""
        before = self.data.model_dump(mode="json")
        for part in (_at(values, key) for key in PARTS):
            if isinstance(part, dict) and part.get("data", before) == before:
                part["data"] = values["data"]
        return values

    def classifier_at(self, eps: float, output: str, seed: int | None = None) -> TrainClassifierConfig:
        """The training of one of its classifiers; raises UserError where the radius does not go with the rest."""
        base = self.classifier
        changes: dict[str, Any] = {"data": self.data, "output": output, "seed": base.seed if seed is None else seed}
        if isinstance(base.model, WideResNetConfig):  # the only one with dropout
            changes["model"] = base.model.changed(dropout=self.standard_dropout if eps == 0 else 0.0)
        return base.changed(attack=base.attack.changed(eps=eps), **changes)

    @model_validator(mode="after")
    def _classifiers_can_be_trained(self) -> Self:
        for eps in self.eps:
            try:
                self.classifier_at(eps, self.output)
            except UserError as error:
                raise ValueError(f"classifier at eps {eps:g}: {error}") from None
        return self

    @model_validator(mode="after")
    def _one_data_set(self) -> Self:
        for key in PARTS:
            part = _at(self, key)
            if part is not None and part.data.name != self.data.name:
                raise ValueError(
                    f"{key}.data.name is {part.data.name}, data.name is {self.data.name}: a study has one data set; "
                    "set data.name alone, which is for every part"
                )
        if self.counterfactuals.sources:
            raise ValueError(
                f"counterfactuals.sources={self.counterfactuals.sources}: those of a study are made of its images; "
                "leave it empty, classifier_view makes counterfactuals of counterfactuals"
            )
        return self

    @model_validator(mode="after")
    def _scores_what_the_report_needs(self) -> Self:
        labels = [attack.label for attack in self.energies.attacks]
        if "pgd" not in labels:
            raise ValueError(
                f"energies.attacks: got {labels}, but the report rests on one called 'pgd'; add one of kind pgd on "
                "cross_entropy, or give one of them the name pgd"
            )
        needed = sorted({"test", self.counterfactuals.split})
        if not set(needed) <= set(self.energies.splits):
            raise ValueError(
                f"energies.splits={list(self.energies.splits)}: the report needs those of the test split, and of the "
                f"sources of counterfactuals; take energies.splits=[{','.join(needed)}]"
            )
        return self


def _at(values: Any, key: str) -> Any:
    """What stands under a dotted key of a config, or of plain values; None where nothing does."""
    for name in key.split("."):
        values = values.get(name) if isinstance(values, dict) else getattr(values, name, None)
    return values
