"""The top of the page: what was run, and five numbers with what was aimed at and what is published beside them."""

import math

from advgen_ray.analysis import published
from advgen_ray.report import numbers
from advgen_ray.report.blocks import KeyFigure
from advgen_ray.report.study import Study, eps_labels


def key_figures(study: Study) -> list[KeyFigure]:
    """Standard accuracy, validity, effect, r², distance classifier; targets where the data set has them."""
    tables = study.tables
    goals = published.TARGETS.get(tables.inputs.data_name)
    standard, robust = tables.robustness.iloc[0], eps_labels(tables.robustness)[-1]
    effect, distance = tables.effect, tables.distance
    return [
        _key(
            "Standard model, clean accuracy",
            standard["clean_accuracy"],
            f"of {numbers.count(int(standard['clean_count']))} test images",
            goals.clean_accuracy if goals else None,
            published.CLEAN_ACCURACY,
        ),
        _key(
            "Validity of counterfactuals",
            tables.validity.value,
            f"of {numbers.count(tables.validity.count)} different-class ones convince the judge",
            goals.validity if goals else None,
            published.VALIDITY,
        ),
        _key(
            "Effect of robust training",
            effect.value,
            f"accuracy lost on them by {robust} beyond the standard model's loss; "
            f"{numbers.count(effect.num_sources)} sources",
            goals.effect if goals else None,
            published.EFFECT,
            in_points=True,
        ),
        _key(
            "Class by nearest counterfactuals",
            distance.accuracy.value if distance else float("nan"),
            f"of {numbers.count(distance.accuracy.count)} held-out test images"
            if distance
            else "no held-out set was made",
            goals.distance_classifier if goals else None,
            published.DISTANCE_CLASSIFIER,
        ),
        _confidence_key(study),
    ]


def _confidence_key(study: Study) -> KeyFigure:
    table = study.tables.confidence
    last = table.iloc[-1]
    low, high = (numbers.decimal(last[f"r2_{end}"]) for end in ("low", "high"))
    detail = (
        f"95% interval {low} to {high}; under {eps_labels(table)[-1]}, over {numbers.count(int(last['count']))} "
        f"{study.source_images}"
    )
    r2 = numbers.decimal(last["r2"])
    return KeyFigure("Confidence explained by distance", r2, "r²", detail, "", None, published.R_SQUARED)


def _key(title: str, value: float, detail: str, goal: float | None, printed: str, in_points: bool = False) -> KeyFigure:
    written, unit = (numbers.signed_points(value), "points") if in_points else (numbers.percent(value), "")
    if goal is None:
        return KeyFigure(title, written, unit, detail, "", None, printed)
    target = f"{100 * goal:g} points" if in_points else numbers.percent(goal, 0)
    return KeyFigure(
        title, written, unit, detail, target, bool(value >= goal) if math.isfinite(value) else None, printed
    )


def answer(study: Study) -> str:
    """The effect in one sentence, whichever way it went."""
    effect, name = study.tables.effect, study.tables.inputs.data_name
    labels = eps_labels(study.tables.accuracy)
    if len(labels) == 1:
        return f"On {name} this cannot be told: no model but the standard one was scored."
    if not math.isfinite(effect.low):
        return f"On {name} this cannot be told: too few counterfactuals were scored."
    costs, than = f"{numbers.points(effect.value)} {'more' if effect.value >= 0 else 'less'}", "than"
    if numbers.signed_points(effect.value) == numbers.signed_points(0.0):
        costs, than = "as much", "as"
    interval = f"95% interval {numbers.signed_points(effect.low)} to {numbers.signed_points(effect.high)}"
    verdict = "It cannot be told here"
    if effect.low > 0:
        verdict = "By this measure, here they do"
    elif effect.high < 0:
        verdict = "By this measure, here they do not"
    return (
        f"{verdict}: going from counterfactuals that keep an image's class to those that change it costs {costs} "
        f"accuracy at {labels[-1]} {than} without adversarial training ({interval})."
    )


def what_was_run(study: Study) -> str:
    """One paragraph from the stored configs and counts."""
    tables = study.tables
    main = tables.inputs.main.rows
    parts = [
        _classifier_words(study),
        *_score_words(study),
        f"{numbers.count(len(main))} counterfactuals of {numbers.count(main['source_id'].nunique())} "
        f"{study.source_images}{_ce_words(study)}",
        "energies of every image under every classifier",
    ]
    total = sum(study.elapsed_seconds.values())
    time = f" All of it took {numbers.duration(total)}." if total else ""
    return f"{'; '.join(parts[:-1])}; and {parts[-1]}.{time}"


def _classifier_words(study: Study) -> str:
    """Radius 0 is standard training; a radius of several classifiers is told once."""
    eps = list(study.tables.robustness["eps"])
    robust = [one for one in eps if one > 0]
    standard = "A standard classifier" if len(eps) - len(robust) == 1 else "Standard classifiers"
    if not robust:
        return standard
    norms = "".join(f"{norm.capitalize()} " for norm in sorted(study.training_norms))
    *others, last = dict.fromkeys(numbers.eps(one) for one in robust)
    trained = f"adversarially trained at {norms}radius {' and '.join([', '.join(others), last] if others else [last])}"
    if len(robust) == len(eps):
        return f"{'A classifier' if len(robust) == 1 else 'Classifiers'} {trained}"
    return f"{standard} and {'one' if len(robust) == 1 else 'ones'} {trained}"


def _score_words(study: Study) -> list[str]:
    """Of the diffusion model; none where gradients of a classifier made the counterfactuals without one."""
    score, made = study.first("score model"), study.first("counterfactuals")
    if score is None and made and made.setting("method.kind") == "ascent":
        return []
    steps = score.setting("num_steps") if score else None
    return [f"a diffusion model of {numbers.counted(int(steps), 'training step')}" if steps else "a diffusion model"]


def _ce_words(study: Study) -> str:
    record = study.first("counterfactuals")
    method = record.setting("method.kind") if record else None
    if method:
        return " (by a classifier's gradients)" if method == "ascent" else f" ({method.upper()})"
    if record is None or record.setting("guidance_scale") is None:
        return ""
    return (
        f" (guidance w = {record.setting('guidance_scale'):g}, sigma_CE = {record.setting('neighborhood.sigma_ce'):g}, "
        f"{record.setting('sampler.num_steps')} {str(record.setting('sampler.kind')).replace('_', ' ')} "
        f"{'step' if record.setting('sampler.num_steps') == 1 else 'steps'})"
    )
