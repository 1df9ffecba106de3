"""The stage that calibrates a generative classifier: logits by Ray Data, constants by descent, a model of its own."""

from importlib.metadata import version
from typing import Any

import numpy as np

from advgen_ray.analysis.calibration import Calibrated, calibrated, logits_by_class
from advgen_ray.config import CalibrateClassifierConfig, ScoreEnergiesConfig
from advgen_ray.data import datasets
from advgen_ray.distributed.image_sources import fetch
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.errors import UserError
from advgen_ray.models.one_vs_rest import OneVsRest
from advgen_ray.report.calibration_page import calibration_page
from advgen_ray.stages import energies
from advgen_ray.stages.inputs import load_classifier
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.training import store_model
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import exists, join, local_copy
from advgen_ray.training.model_directory import CARD, ONE_VS_REST, LoadedModel, read_card

LOGITS, MODEL = "logits", "model"


def run(config: CalibrateClassifierConfig) -> dict[str, Any]:
    """Read the logits that are missing, learn the constants, store the classifier that has them; returns the summary.

    Raises UserError, before work starts, for a classifier that is not made of one-vs-rest detectors, more images held
    out than there are, another set in the same place or a place that cannot be written.
    """
    source, scoring = _source(config), _scoring(config)
    scored = energies.map_of(scoring)
    result_set = scored.result_set
    with tracked_job("calibration", config, unless_finished=result_set.finished()) as tracked:
        run_maps("calibration", [scored], config.pool)
        splits = _logits(result_set, source)
        found = calibrated(splits, config.num_validation_images, config.seed)
        _store(config, source, found)
        summary = _summary(config, result_set, found)
        table = logits_by_class(*splits["test"], found.calibration.offsets)
        info = datasets.dataset_info(config.data.name, config.data.root)
        page = calibration_page(
            found, table, splits["test"], info.class_names, config.model_dump(mode="json"), version("advgen_ray")
        )
        publish(config.output, summary, page, tracked)
        tracked.log_metrics(summary)
    return summary


def _source(config: CalibrateClassifierConfig) -> LoadedModel:
    loaded = load_classifier(config.classifier, config.data)
    if not isinstance(loaded.model, OneVsRest):
        raise UserError(
            f"classifier={config.classifier}: holds a {loaded.card['kind']}, whose logits have one constant in common; "
            f"expected a {ONE_VS_REST}: give OUTPUT/model of train_one_vs_rest"
        )
    num_images = len(fetch(config.data, "train"))
    if config.num_validation_images >= num_images:
        raise UserError(
            f"num_validation_images={config.num_validation_images}: {config.data.name} has {num_images} training "
            "images; lower it"
        )
    return loaded


def _scoring(config: CalibrateClassifierConfig) -> ScoreEnergiesConfig:
    """Logits are among the columns of energies."""
    return ScoreEnergiesConfig(
        data=config.data,
        attacks=(),
        classifiers=(config.classifier,),
        batch_size=config.batch_size,
        shard_images=config.shard_images,
        output=join(config.output, LOGITS),
        pool=config.pool,
    )


def _logits(result_set: ResultSet, source: LoadedModel) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """``d_k`` and labels of each split: without what the source adds to them already."""
    assert isinstance(source.model, OneVsRest)
    rows = result_set.read(["image_set", "label", "logits"]).to_pandas()
    added = source.model.offsets.double().cpu().numpy()
    return {
        str(split): (np.stack(part["logits"].to_list()).astype(np.float64) - added, part["label"].to_numpy(np.int64))
        for split, part in rows.groupby("image_set", sort=False)
    }


def _store(config: CalibrateClassifierConfig, source: LoadedModel, found: Calibrated) -> None:
    """The classifier with its constants, unless it is there; its card says whose detectors they are."""
    uri = join(config.output, MODEL)
    origin = {"classifier": source.digest, "config_digest": config.digest()}
    if exists(join(uri, CARD)) and read_card(local_copy(uri)).get("calibration", {}).items() >= origin.items():
        return
    assert isinstance(source.model, OneVsRest)
    offsets = found.calibration.offsets.tolist()
    card = {key: value for key, value in source.card.items() if key not in ("weights_sha256", "versions")}
    calibration = origin | {"offsets": offsets, "training": config.model_dump(mode="json")}
    store_model(uri, OneVsRest(list(source.model.detectors), offsets), card | {"calibration": calibration})


def _summary(config: CalibrateClassifierConfig, result_set: ResultSet, found: Calibrated) -> dict[str, Any]:
    calibration = found.calibration
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        "model": join(config.output, MODEL),
        "identity": result_set.identity,
        "offsets": [round(float(offset), 6) for offset in calibration.offsets],
        **{f"{split}_count": one.count for split, one in found.before.items()},
        **{f"{split}_accuracy_before": round(one.value, 6) for split, one in found.before.items()},
        **{f"{split}_accuracy_after": round(one.value, 6) for split, one in found.after.items()},
        "held_out_cross_entropy_before": round(calibration.held_out_loss[0], 6),
        "held_out_cross_entropy_after": round(calibration.held_out_loss[1], 6),
        "stopped_at_iteration": calibration.iteration,
        "iterations": calibration.num_iterations,
        "seconds": result_set.seconds,
    }
