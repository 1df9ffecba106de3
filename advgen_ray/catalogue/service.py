"""Section E: the service, by what a result must not depend on."""

from advgen_ray.analysis.estimate import alone, exact
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work
from advgen_ray.catalogue.works import CIFAR10_STUDY, STUDY

CHECKED = {"service": Work("check_service", "digits_service")}


def _trained(recipe: str, data: str) -> dict[str, Work]:
    """One training by one worker, and the same by two."""
    return {
        name: Work(
            "train_classifier", recipe, (f"workers.num_workers={count}", f"output=runs/{data}/by_{name}_workers")
        )
        for name, count in (("one", 1), ("two", 2))
    }


def _made(recipe: str, data: str, study: Work, place: str) -> dict[str, Work]:
    """One set of counterfactuals by a pool of one actor, and the same by two."""
    shared = (f"score_model={place}/score_model/model", "num_sources=20", "shard_images=50")
    pool = ("pool.min_actors={0}", "pool.max_actors={0}")
    return {
        name: Work(
            "generate_counterfactuals",
            recipe,
            (*shared, *(one.format(count) for one in pool), f"output=runs/{data}/by_{name}_actors"),
            (study,),
        )
        for name, count in (("one", 1), ("two", 2))
    }


def _workers(found: Summaries) -> Reading:
    keys = {"clean": "clean_accuracy", "under PGD": "pgd_accuracy"}
    figures = [Figure(f"{name} worker(s), {what}", found[name][key]) for name in found for what, key in keys.items()]
    return Reading(figures, alone(0.03 - max(abs(found["one"][key] - found["two"][key]) for key in keys.values())))


def _actors(found: Summaries) -> Reading:
    keys = ("count", "mean_l2_different_class", "mean_l2_same_class", "mean_l0")
    figures = [Figure(f"{name} actor(s), {key}", found[name][key]) for name in found for key in keys]
    same_set = found["one"]["identity"] == found["two"]["identity"]
    difference = max(abs(found["one"][key] - found["two"][key]) for key in keys)
    return Reading(figures, exact(1e-6 - difference if same_set else -1.0))


def _search(found: Summaries) -> Reading:
    ended = found["search"]["trials"]
    figures = [Figure(f"trials {how}", number) for how, number in ended.items()]
    return Reading(figures, exact(ended.get("stopped", 0) / sum(ended.values()) if not ended.get("failed") else -1.0))


def _kept(found: Summaries) -> Reading:
    kept = found["service"]["kept"]
    figures = [Figure(f"{kind} of the run", float(count)) for kind, count in kept.items()]
    return Reading(figures, exact(min(kept.values(), default=0) - 0.5))  # no run, nothing kept


def _submitted(found: Summaries) -> Reading:
    service = found["service"]
    keys = {"clean": "clean_accuracy", "under PGD": "pgd_accuracy"}
    figures = [
        Figure(f"{name}, {what}", service[name][key]) for name in ("submitted", "here") for what, key in keys.items()
    ]
    difference = max(abs(service["submitted"][key] - service["here"][key]) for key in keys.values())
    return Reading(figures, exact(1e-6 - difference if service["same_weights"] else -1.0))


ROWS: tuple[Row, ...] = (
    Row(
        id="E1",
        source="The service",
        claim="Two workers of Ray Train end in a model as accurate as one does.",
        margin="three points less the larger difference of accuracies",
        published_on="",
        small=_trained("digits_classifier", "digits"),
        paper=_trained("cifar10_classifier", "cifar10"),
        read=_workers,
    ),
    Row(
        id="E2",
        source="The service",
        claim="A set of counterfactuals is the same from one actor of Ray Data and from two.",
        margin="a millionth less the largest difference of count, mean L2 and mean L0",
        published_on="",
        unit="number",
        small=_made("digits_counterfactuals", "digits", STUDY, "runs/demo"),
        paper=_made("cifar10_counterfactuals", "cifar10", CIFAR10_STUDY, "runs/cifar10"),
        read=_actors,
    ),
    Row(
        id="E3",
        source="The service",
        claim="A search by Ray Tune stops poor trials on their way, and none fails.",
        margin="share of the trials that were stopped",
        published_on="",
        unit="number",
        small={"search": Work("search", "digits_search")},
        paper={"search": Work("search", "cifar10_search")},
        read=_search,
    ),
    Row(
        id="E4",
        source="The service",
        claim="A job's run in MLflow holds its config, versions, numbers, files and model.",
        margin="the least number of any of them, less a half",
        published_on="",
        unit="number",
        small=CHECKED,
        paper=CHECKED,
        read=_kept,
    ),
    Row(
        id="E5",
        source="The service",
        claim="A training sent by ray job submit ends in the weights of the same one run here.",
        margin="a millionth less the largest difference of accuracies",
        published_on="",
        small=CHECKED,
        paper=CHECKED,
        read=_submitted,
    ),
)
