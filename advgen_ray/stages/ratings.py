"""The stage that reads raters' answers: checks, the truth joined to them, tables, page."""

import json
from importlib.metadata import version
from typing import Any

import pandas as pd

from advgen_ray.analysis.ratings import RatingTables, analyze_ratings, misread
from advgen_ray.analysis.ratings_summary import one_screen, summarize_ratings
from advgen_ray.config import MakeRatingPageConfig, ReadRatingsConfig
from advgen_ray.errors import UserError
from advgen_ray.report.page import Page
from advgen_ray.report.raters_page import MisreadPairs, raters_page
from advgen_ray.stages.inputs import open_energies
from advgen_ray.stages.outcome import PAGE, publish, tracked_job
from advgen_ray.stages.rating_answers import read_answers
from advgen_ray.stages.rating_page import CONFIG, PLAN
from advgen_ray.stages.rating_plan import RatingPlan, pair_images, plan_of
from advgen_ray.storage.descriptions import differences, read_description
from advgen_ray.storage.filesystem import ensure_writable, exists, join, read_bytes, write_atomic

NUM_PICTURES = 12
JUDGEMENTS = "judgements.csv"


def run(config: ReadRatingsConfig) -> dict[str, Any]:
    """Write page, summary and judgements with their truth to ``config.output``; returns what fits a screen.

    Raises UserError, before anything is written, for a page that is not there or whose sets have changed, for answers
    as ``read_answers`` refuses them, or for energies that were not scored of these sets.
    """
    page_config, plan = _rated_page(config.page)
    answers = read_answers(config.answers, plan.page_id, plan.trials["pair"].tolist(), len(plan.class_names))
    judgements = answers.merge(plan.trials.drop(columns=["pair", "key"]), on="trial")
    predictions = _predictions(config.energies, plan) if config.energies else None
    ensure_writable(config.output)
    with tracked_job("ratings", config) as tracked:
        tables = analyze_ratings(judgements, len(plan.class_names), config.catch_threshold, predictions)
        summary = {"page_id": plan.page_id, **summarize_ratings(tables, plan.class_names)}
        page = _page(config, page_config, plan, tables)
        write_atomic(join(config.output, JUDGEMENTS), judgements.to_csv(index=False).encode())
        publish(config.output, summary, page, tracked)
        for name in ("target_seen", "source_seen", "plausible"):
            tracked.log_metrics({f"{name}/{key}": value for key, value in summary[name].items()})
    return {"report": join(config.output, PAGE), **one_screen(tables)}


def _rated_page(uri: str) -> tuple[MakeRatingPageConfig, RatingPlan]:
    """The config and the plan of a page, found again from the sets it was made of."""
    if not exists(join(uri, PLAN)) or not exists(join(uri, CONFIG)):
        raise UserError(f"page {uri}: no rating page here ({PLAN} is missing); give the output of make_rating_page")
    config = MakeRatingPageConfig.parse(json.loads(read_bytes(join(uri, CONFIG))))
    plan, made = plan_of(config), read_description(join(uri, PLAN))
    if made["identity"] != plan.description["identity"]:
        changed = differences(made, plan.description)
        raise UserError(f"page {uri}: what it was made of has changed ({changed}); its answers have lost their truth")
    return config, plan


def _predictions(uri: str, plan: RatingPlan) -> pd.DataFrame:
    """What every classifier of a set of energies sees in the plan's counterfactuals: classifier, set, item_id, ..."""
    energies = open_energies(uri)
    scored = {identity: name for name, identity in energies.plan["inputs"].get("counterfactuals", {}).items()}
    known = {}
    for name, one in plan.sets.items():
        if one.identity not in scored:
            raise UserError(
                f"energies {uri}: set {name!r} ({one.identity}) was not scored, only {', '.join(scored) or 'none'}; "
                "score it, or read without energies"
            )
        known[scored[one.identity]] = name
    rows = energies.read(["classifier", "view", "image_set", "image_id", "predicted"]).to_pandas()
    rows = rows[(rows["view"] == "counterfactual") & rows["image_set"].isin(known)]
    rows = rows.assign(set=rows["image_set"].map(known)).rename(columns={"image_id": "item_id"})
    return rows[["classifier", "set", "item_id", "predicted"]]


def _page(config: ReadRatingsConfig, page_config: MakeRatingPageConfig, plan: RatingPlan, tables: RatingTables) -> Page:
    counted = tables.judgements[tables.judgements["rater"].isin(tables.counted)]
    pairs = misread(counted, NUM_PICTURES)
    configs = {"page": page_config.model_dump(mode="json"), "reading": config.model_dump(mode="json")}
    shown = MisreadPairs(pairs, *pair_images(plan, pairs))
    return raters_page(tables, shown, plan.class_names, configs, version("advgen_ray"))
