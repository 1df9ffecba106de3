"""The sets that a study's classifiers make: counterfactuals by their gradients, and counterfactuals of those."""

from dataclasses import dataclass
from typing import Any

from advgen_ray.config import CounterfactualsConfig, GenerateByClassifierConfig, GenerateConfig, StudyConfig
from advgen_ray.config.base import ConfigT
from advgen_ray.data.datasets import dataset_info
from advgen_ray.errors import UserError
from advgen_ray.stages.binary_view import DETECTORS
from advgen_ray.stages.inputs import unique_names


@dataclass(frozen=True)
class ClassifierViewPlan:
    """The stage configs, each with its place under the study's output; a chain's sources are one of ``ascents``."""

    ascents: list[GenerateByClassifierConfig]
    others: list[GenerateByClassifierConfig]  # by classifiers from outside the study, and by its detectors together
    dvce: list[GenerateByClassifierConfig]  # one or none
    chains: list[GenerateConfig]

    @property
    def sets(self) -> list[CounterfactualsConfig]:
        """Those made of images, which are compared with the diffusion's."""
        return [*self.ascents, *self.others, *self.dvce]


def plan_of(config: StudyConfig, base: GenerateConfig, root: str) -> ClassifierViewPlan:
    """The plan of a study whose diffusion counterfactuals are made as ``base`` says; empty without such a view."""
    view = config.classifier_view
    if view is None:
        return ClassifierViewPlan([], [], [], [])
    common = {"data": config.data, "split": base.split, "num_sources": config.variant_sources, "pool": base.pool}

    def placed(part: ConfigT, name: str, **changes: Any) -> ConfigT:
        return part.changed(**(common | {"output": f"{root}/counterfactuals/{name}"} | changes))

    def classifier(eps: float) -> str:
        return f"{root}/classifiers/eps-{eps}/model"

    ascents = [placed(view.ascent, f"by-eps-{eps}", classifier=classifier(eps)) for eps in view.eps]
    makers = (*view.others, *([f"{root}/{DETECTORS}/model"] if config.binary_view else []))
    names = unique_names(makers, "classifier_view.others", depth=1)
    if taken := [name for name in names if name in (f"eps-{eps}" for eps in config.eps)]:
        raise UserError(f"classifier_view.others: {taken[0]!r} is a classifier of the study; rename its directory")
    others = [placed(view.ascent, f"by-{name}", classifier=uri) for name, uri in zip(names, makers, strict=True)]
    num_classes = dataset_info(config.data.name, config.data.root).num_classes
    chains = [
        placed(
            base,
            f"of-by-eps-{eps}",
            sources=ascent.output,
            num_sources=min(view.chain_sources, config.variant_sources * num_classes * ascent.replicates),
            replicates=1,
        )
        for eps, ascent in zip(view.eps, ascents, strict=True)
    ]
    dvce = []
    if view.dvce is not None:
        method = view.dvce.method.changed(score_model=base.score_model, cone_classifier=classifier(view.eps[-1]))
        dvce = [placed(view.dvce, "dvce", classifier=classifier(0.0), method=method)]
    return ClassifierViewPlan(ascents, others, dvce, chains)
