"""The energy view of a study's classifiers: its stages run in turn, and its part of the study's page."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advgen_ray.config import (
    GenerateFromClassifierConfig,
    PoolConfig,
    ReportConfig,
    ScoreEnergiesConfig,
    StudyConfig,
    TrainClassifierConfig,
)
from advgen_ray.config.base import ConfigT
from advgen_ray.config.detectors import CompareDetectorsConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.actors import Map
from advgen_ray.errors import UserError
from advgen_ray.report.blocks import Section
from advgen_ray.report.page import own_results
from advgen_ray.report.sections_attacks import attack_sections
from advgen_ray.report.sections_dynamics import dynamics_section, trades_section
from advgen_ray.stages import classifier_images, detectors, energies
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join, list_names, local_copy, read_bytes
from advgen_ray.training.model_directory import read_card


@dataclass(frozen=True)
class EnergyViewPlan:
    """The stage configs, each with its place under the study's output."""

    attacked: ScoreEnergiesConfig
    detectors: CompareDetectorsConfig
    images: GenerateFromClassifierConfig
    recorded: TrainClassifierConfig


def plan_of(config: StudyConfig, root: str) -> EnergyViewPlan | None:
    """The plan of a study; None where its config has no energy view."""
    view = config.energy_view
    if view is None:
        return None

    def trained(name: str) -> str:
        return f"{root}/classifiers/{name}/model"

    standard, robust, judge = map(trained, ("eps-0.0", f"eps-{view.eps}", "judge"))
    quasi_robust = () if view.quasi_robust_eps is None else (trained(f"eps-{view.quasi_robust_eps}"),)
    recorded = f"{root}/recorded/{view.recorded.loss}"  # pages call a classifier after its directory

    def placed(part: ConfigT, name: str, **changes: Any) -> ConfigT:
        return part.changed(data=config.data, output=f"{root}/{name}", **changes)

    return EnergyViewPlan(
        attacked=placed(view.attacked, "attacked_energies", classifiers=(standard, robust)),
        detectors=placed(view.detectors, "detectors", classifier=standard),
        images=placed(
            view.images,
            "classifier_images",
            classifiers=(standard, *quasi_robust, robust, recorded + "/model"),
            judge=judge,
        ),
        recorded=placed(view.recorded, f"recorded/{view.recorded.loss}"),
    )


def maps_of(plan: EnergyViewPlan) -> list[tuple[PoolConfig, Map]]:
    """The sets of all its stages, and the pools they ask for."""
    return [
        (plan.attacked.pool, energies.map_of(plan.attacked)),
        (plan.detectors.pool, detectors.map_of(plan.detectors)),
        *((plan.images.pool, one) for one in classifier_images.maps_of(plan.images)),
    ]


def stages_of(plan: EnergyViewPlan) -> list[tuple[str, Callable[[], object]]]:
    """What runs after the classifiers are trained, by the names under which the study's time is told."""
    return [
        ("attacked_energies", lambda: energies.run(plan.attacked)),
        ("detectors", lambda: detectors.run(plan.detectors)),
        ("classifier_images", lambda: classifier_images.run(plan.images)),
    ]


def sections(config: ReportConfig) -> list[Section]:
    """The sections of everything that the report's config names of the view."""
    found: list[Section] = []
    if config.attacked:
        found += attack_sections(energies.read_attacked(ResultSet.open(config.attacked)))
    if config.detectors:
        found += own_results(detectors.read_page(config.detectors))
    if config.images:
        found += own_results(classifier_images.read_page(config.images))
    if config.recorded:
        rows, card = read_recorded(config.recorded)
        class_names = dataset_info(config.data.name, config.data.root).class_names
        of_training = (dynamics_section(rows, class_names), trades_section(card))
        found += [section for section in of_training if section]
    return found


def read_recorded(output: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The energies that a training recorded, one row an image and epoch, and its card.

    Raises UserError where it recorded none.
    """
    folder = join(output, "energies")
    tables = [pd.read_parquet(io.BytesIO(read_bytes(join(folder, name)))) for name in list_names(folder)]
    if not tables:
        raise UserError(
            f"{output}: this training recorded no energies; expected one with record_energies_at_epochs=[...]"
        )
    return pd.concat(tables, ignore_index=True), read_card(local_copy(join(output, "model")))
