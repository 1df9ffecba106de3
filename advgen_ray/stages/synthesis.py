"""The stage of targeted synthesis: checks, one Ray Data map for every model and ascent, quality, page."""

from functools import partial
from importlib.metadata import version
from typing import Any

from advgen_ray.analysis.proportion import Proportion
from advgen_ray.config import SynthesizeConfig
from advgen_ray.data.datasets import dataset_info
from advgen_ray.distributed.actors import Map
from advgen_ray.distributed.pipelines import run_maps
from advgen_ray.distributed.synthesis_rows import (
    ImageFeatureRows,
    InterpolationRows,
    SynthesisRows,
    Synthesizer,
    feature_parts,
)
from advgen_ray.distributed.synthesis_starts import Starts
from advgen_ray.errors import UserError
from advgen_ray.report.page import Page
from advgen_ray.report.synthesis_page import SynthesisResults, synthesis_page
from advgen_ray.stages.inputs import content_digest, load_images, tell_missing_classes, unique_names
from advgen_ray.stages.outcome import PAGE, publish, rounded, tracked_job
from advgen_ray.stages.synthesis_inputs import feature_digest, judge_digest, synthesizers_of
from advgen_ray.stages.synthesis_view import SynthesisSets, nearness_of, results_of
from advgen_ray.storage import ResultSet
from advgen_ray.storage.filesystem import join

FEATURES, INTERPOLATIONS, SAMPLES = "features", "interpolations", "samples"
OF_COMPARISON = ("num_reference", "num_interpolations", "num_points", "ascents")  # samples are the same without them


def run(config: SynthesizeConfig) -> dict[str, Any]:
    """Make what is missing of the sets under ``config.output``; returns distances, scores and rates of all of them.

    Raises UserError, before work starts, for a model, judge or network of features that is missing or does not fit the
    images or took part, too few starts, another set in the same place or a place that cannot be written.
    """
    return run_with_page(config)[0]


def run_with_page(config: SynthesizeConfig) -> tuple[dict[str, Any], Page]:
    """The same, and the page it has written."""
    maps = maps_of(config)
    with tracked_job("synthesis", config, unless_finished=all(one.result_set.finished() for one in maps)) as tracked:
        run_maps("synthesis", maps, config.pool)
        sets = open_sets(config)
        results = results_of(config, sets)
        page = synthesis_page(results, config.model_dump(mode="json"), version("advgen_ray"))
        summary = _summary(config, sets, results)
        publish(config.output, summary, page, tracked)
        tracked.log_metrics({name: value for name, value in summary.items() if isinstance(value, float)})
    return summary, page


def maps_of(config: SynthesizeConfig) -> list[Map]:
    """Features of real images and starts, samples by model and ascent, interpolations: begun or continued, checked."""
    train = load_images(config.data, "train", config.num_reference, "num_reference")
    test = load_images(config.data, "test", None, "num_images")
    tell_missing_classes(test, config.num_images, "num_images")
    synthesizers = synthesizers_of(config)
    digests = {one.name: one.digest for one in synthesizers}
    features = feature_digest(config, digests)
    judge = judge_digest(config, digests)
    starts = Starts(config)
    if config.num_interpolations > config.num_images - train.info.num_classes:
        raise UserError(
            f"num_interpolations={config.num_interpolations}: two starts of one class are {train.info.num_classes} "
            f"apart among num_images={config.num_images}; lower it"
        )
    pool = starts.pool or starts.train
    from_digest = content_digest(pool) if pool else ""
    sizes = {
        "train": config.num_reference or len(train),
        "test": min(len(test), config.num_images),
        "start": config.num_images,
    }
    inputs = {"features": features, "start": from_digest}
    parts = feature_parts(sizes, config.shard_images)
    read = {"train": content_digest(train, config.num_reference), "test": content_digest(test, sizes["test"])}
    content = _without(config, "ascents", "num_interpolations", "num_points")
    of_images = _create(config, FEATURES, "image_features", content, inputs | read, len(parts))
    maps = [Map(of_images, partial(ImageFeatureRows, config, parts, of_images))]
    for one in synthesizers:
        for ascent in config.ascents:
            made_from = inputs | {"model": one.digest, "judge": judge}
            found = _create(
                config,
                join(SAMPLES, one.name, ascent.folder),
                "synthesis",
                _without(config, *OF_COMPARISON) | {"ascent": ascent.model_dump(mode="json")},
                made_from,
                -(-config.num_images // config.shard_images),
            )
            maps.append(Map(found, partial(SynthesisRows, config, one, ascent, found)))
    if config.num_interpolations:
        maps.append(_interpolations(config, synthesizers, from_digest))
    return maps


def open_sets(config: SynthesizeConfig) -> SynthesisSets:
    """The finished sets of a job; raises UserError where there are none."""
    names = unique_names(config.models, "models", depth=1)
    return SynthesisSets(
        features=ResultSet.open(join(config.output, FEATURES)),
        samples={
            (name, ascent): ResultSet.open(join(config.output, SAMPLES, name, ascent.folder))
            for name in names
            for ascent in config.ascents
        },
        interpolations=ResultSet.open(join(config.output, INTERPOLATIONS)) if config.num_interpolations else None,
    )


def _interpolations(config: SynthesizeConfig, synthesizers: list[Synthesizer], from_digest: str) -> Map:
    content = _without(config, "ascents", "num_reference") | {"ascent": config.ascents[0].model_dump(mode="json")}
    inputs = {"start": from_digest, "models": {one.name: one.digest for one in synthesizers}}
    found = _create(config, INTERPOLATIONS, "interpolations", content, inputs, len(synthesizers))
    return Map(found, partial(InterpolationRows, config, synthesizers, found))


def _without(config: SynthesizeConfig, *names: str) -> dict[str, Any]:
    """What decides a part of the sets: more ascents or interpolations leave the samples of others as they are."""
    return {name: value for name, value in config.content().items() if name not in names}


def _create(
    config: SynthesizeConfig, name: str, kind: str, content: dict[str, Any], inputs: dict[str, Any], num_shards: int
) -> ResultSet:
    return ResultSet.create(
        join(config.output, name),
        kind=kind,
        config=content,
        inputs=inputs,
        num_shards=num_shards,
        image_shape=dataset_info(config.data.name, config.data.root).image_shape,
    )


def _summary(config: SynthesizeConfig, sets: SynthesisSets, results: SynthesisResults) -> dict[str, Any]:
    """The table with its distances called ``fid`` or ``proxy_fid``, and what they rest on."""
    prefix = results.measure.prefix
    rows = [_plain(row, prefix) for row in results.table.to_dict("records")]
    of_models = [row for row in rows if row["model"]]
    best = min(of_models, key=lambda row: row[f"{prefix}fid"])
    manifest = sets.features.manifest
    return {
        "output": config.output,
        "report": join(config.output, PAGE),
        f"lowest_{prefix}fid": best[f"{prefix}fid"],
        "lowest_by": f"{best['model']}, {best['ascent']}",
        f"{prefix}fid_rests_on": {
            "generated": rows[-1]["count"],
            "reference": config.num_reference or manifest["num_rows"] - rows[0]["count"] - config.num_images,
            "reference_split": "train",
            "real": rows[0]["count"],
            "real_split": "test",
            "network": config.inception or config.feature_classifier,
            "network_digest": manifest["inputs"]["features"],
            "reference_identity": sets.features.identity,
        },
        "samples": rows,
        "l2_to_training": nearness_of(config, sets),
        "identities": {f"{name}, {ascent.label}": one.identity for (name, ascent), one in sets.samples.items()},
        "seconds": round(sum(one.seconds for one in sets.every()), 3),
    }


def _plain(row: dict[Any, Any], prefix: str) -> dict[str, Any]:
    """A row of a table for YAML and JSON: proportions as fractions, none where there is no sample."""
    stems = {"frechet": "fid", "score": "inception_score", "score_deviation": "inception_score_deviation"}
    names = {f"{key}{which}": f"{prefix}{stem}{which}" for key, stem in stems.items() for which in ("", "_at_floor")}
    values = {
        names.get(key, key): value.value if isinstance(value, Proportion) else value for key, value in row.items()
    }
    return {key: rounded(value) if isinstance(value, float) else value for key, value in values.items()}
