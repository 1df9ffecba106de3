"""The stage that makes a page for raters: counterfactuals drawn evenly, shown without a word of what they are."""

import json
from typing import Any

from advgen_ray.analysis.rating_plan import CATCH
from advgen_ray.config import MakeRatingPageConfig
from advgen_ray.report.rating_page import RatedPair, rating_page
from advgen_ray.stages.outcome import publish, tracked_job
from advgen_ray.stages.rating_plan import RatingPlan, pair_images, plan_of
from advgen_ray.storage.descriptions import read_description, refuse_another, write_description
from advgen_ray.storage.filesystem import ensure_writable, exists, join, write_atomic

PAGE, PLAN, CONFIG = "rate.html", "page.json", "config.json"


def run(config: MakeRatingPageConfig) -> dict[str, Any]:
    """Write ``rate.html`` for raters, and beside it what is needed to read their answers; returns what it holds.

    Raises UserError, before anything is written, for sets as ``plan_of`` refuses them, another page in the same place
    or a place that cannot be written.
    """
    plan = plan_of(config)
    ensure_writable(config.output)
    if exists(join(config.output, PLAN)):
        refuse_another(config.output, read_description(join(config.output, PLAN)), plan.description)
    with tracked_job("rating_page", config) as tracked:
        html = page_of(plan)
        write_description(join(config.output, PLAN), plan.description)
        write_atomic(join(config.output, CONFIG), config.model_dump_json(indent=1).encode())
        write_atomic(join(config.output, PAGE), html.encode())
        summary = _summary(config, plan)
        publish(config.output, summary, tracked=tracked)
        tracked.log_metrics(summary)
    return summary


def page_of(plan: RatingPlan) -> str:
    """The page as HTML; it is told nothing of the plan but pictures, names of pairs and their order."""
    pairs = plan.trials.drop_duplicates("pair")
    original, changed = pair_images(plan, pairs)
    shown = [RatedPair(*pair) for pair in zip(pairs["pair"], original, changed, strict=True)]
    return rating_page(plan.page_id, plan.class_names, shown, plan.trials["pair"].tolist())


def _summary(config: MakeRatingPageConfig, plan: RatingPlan) -> dict[str, Any]:
    trials = plan.trials
    pairs = trials[~trials["repeat"] & (trials["kind"] != CATCH)]
    by_class = pairs["y_target"].value_counts().reindex(range(len(plan.class_names)), fill_value=0)
    return {
        "page": join(config.output, PAGE),
        "page_id": plan.page_id,
        "trials": len(trials),
        "pairs": len(pairs),
        "repeats": int(trials["repeat"].sum()),
        "clean_images": int((trials["kind"] == CATCH).sum()),
        "pairs_per_class": f"{by_class.min()} to {by_class.max()}",
        "pairs_per_set": json.loads(pairs["set"].value_counts().sort_index().to_json()),
        "next": f"send raters {PAGE} alone, collect their files in one directory, and run read_ratings",
    }
