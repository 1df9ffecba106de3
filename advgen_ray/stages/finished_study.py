"""Finds a study's results again by their places under its output, so that its report can be rendered anew."""

import json
from typing import get_args

from advgen_ray.config import DataConfig, ReportConfig, TrainClassifierConfig
from advgen_ray.errors import UserError
from advgen_ray.stages import binary_view
from advgen_ray.stages.explorer import PAGE
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import exists, join, read_bytes

VIEW = {
    "attacked": "attacked_energies",
    "detectors": "detectors",
    "images": "classifier_images",
}
LOSSES = get_args(TrainClassifierConfig.model_fields["loss"].annotation)


def report_config(output: str) -> ReportConfig:
    """What the study of ``output`` would report on; raises UserError where its energies are missing or unfinished."""
    root = output.rstrip("/")
    if not exists(join(root, "energies")):
        raise UserError(f"{output}: no finished study here (energies/ is missing); give a study's output")
    inputs = ResultSet.open(join(root, "energies")).plan["inputs"]
    models = {name: join(root, "classifiers", name, "model") for name in inputs["classifiers"]}
    sets = [join(root, "counterfactuals", name) for name in inputs["counterfactuals"]]
    main = join(root, "counterfactuals", "main")
    held_out = join(root, "counterfactuals", "held-out")
    chains = [join(root, "counterfactuals", f"of-{name}") for name in inputs["counterfactuals"]]
    score_model = join(root, "score_model", "model")
    return ReportConfig(
        data=DataConfig.parse(ResultSet.open(main).plan["config"]["data"]),
        classifiers=tuple(uri for name, uri in models.items() if name != "judge"),
        judge=models.get("judge", ""),
        score_model=score_model if exists(score_model) else "",
        counterfactuals=main,
        variants=tuple(sets),
        chains=tuple(uri for uri in chains if exists(uri)),
        held_out=held_out if exists(held_out) else "",
        energies=join(root, "energies"),
        **{key: join(root, name) for key, name in VIEW.items() if exists(join(root, name))},
        recorded=next((uri for uri in (join(root, "recorded", loss) for loss in LOSSES) if exists(uri)), ""),
        explorer=PAGE if exists(join(root, PAGE)) else "",
        binary=binary_view.PAGE if exists(join(root, binary_view.PAGE)) else "",
        output=root,
    )


def elapsed_seconds(output: str) -> dict[str, float] | None:
    """The seconds by stage that the study measured, None where no summary is left of it."""
    summary = join(output, "summary.json")
    if not exists(summary):
        return None
    seconds: dict[str, float] = json.loads(read_bytes(summary))["elapsed_seconds"]
    return seconds
