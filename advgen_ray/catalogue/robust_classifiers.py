"""Section A: robust classifiers and attacks (S000 tables 1 and 2, S001 A.3, S003, S004 3.1)."""

from collections.abc import Mapping
from typing import Any

from advgen_ray.analysis.estimate import Estimate, exact, less
from advgen_ray.analysis.published import LEADERBOARD, TABLE_1, TABLE_2, PublishedTable
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work
from advgen_ray.catalogue.margins import largest, least, seed_by_seed, share, told
from advgen_ray.catalogue.works import CIFAR10_STUDY, DEMO, STUDY, SVHN_STUDY

HALF_A_POINT, FIVE_POINTS = 0.005, 0.05
WEAT = ("weat_adv", "weat_nat")  # the document's own loss; the best of all six would be ahead by luck alone


def _accuracies(found: Summaries, table: PublishedTable) -> list[Figure]:
    """Clean and PGD accuracy of every classifier, the published ones of the same radius beside them."""
    ours = {model["eps"]: (model["clean_accuracy"], model["pgd_accuracy"]) for model in found["study"]["classifiers"]}
    published = {row.eps: (row.clean_accuracy, row.pgd_accuracy) for row in table.rows}
    missing = (None, None)
    return [
        Figure(f"eps {eps:g}, {what}", ours.get(eps, missing)[place], published.get(eps, missing)[place])
        for eps in sorted(ours.keys() | published.keys())
        for place, what in enumerate(("clean", "under PGD"))
    ]


def _clean(model: Mapping[str, Any]) -> Estimate:
    return told(model, "clean_accuracy", ends="clean_")


def _under_pgd(model: Mapping[str, Any]) -> Estimate:
    return told(model, "pgd_accuracy", ends="pgd_")


def _table_1(found: Summaries) -> Reading:
    standard, *robust = found["study"]["classifiers"]
    gain = less(largest(_under_pgd(model) for model in robust), _under_pgd(standard))
    return Reading(_accuracies(found, TABLE_1), least((gain, less(_clean(standard), _clean(robust[-1])))))


def _table_2(found: Summaries) -> Reading:
    standard, smallest, *_ = found["study"]["classifiers"]
    gain, cost = less(_under_pgd(smallest), _under_pgd(standard)), less(_clean(standard), _clean(smallest))
    return Reading(_accuracies(found, TABLE_2), less(gain, cost))


def _losses(found: Summaries) -> Reading:
    losses = {row["loss"]: row for row in found["losses"]["losses"]}
    figures = [
        Figure(f"{loss}, {what}", row[f"{key}_mean"], LEADERBOARD.get(loss) if key == "pgd_accuracy" else None)
        for loss, row in losses.items()
        for what, key in (("clean", "clean_accuracy"), ("under PGD", "pgd_accuracy"))
    ]
    trainings = found["losses"]["trainings"]
    return Reading(figures, seed_by_seed(trainings, "loss", WEAT, "sat", "pgd_accuracy"))


def _suite(found: Summaries) -> Reading:
    summary = found["suite"]
    figures = [Figure("clean", summary["clean_accuracy"])]
    figures += [Figure(f"after {row['attack']}", row["accuracy_after"]) for row in summary["attacks"]]
    return Reading(figures, less(_fell_to_others(summary), exact(HALF_A_POINT)))


def _older(found: Summaries) -> Reading:
    summary = found["suite"]
    figures = [Figure("clean", summary["clean_accuracy"])]
    figures += [Figure(f"after {row['attack']}", row["accuracy_after"]) for row in summary["attacks"]]
    return Reading(figures, less(exact(FIVE_POINTS), _fell_to_others(summary)))


def _fell_to_others(summary: Mapping[str, Any]) -> Estimate:
    """The share of all images that stand the first attack and fall to a later one."""
    return share(summary["attacks"][0]["accuracy_after"] - summary["robust_accuracy"], summary["count"])


ROWS: tuple[Row, ...] = (
    Row(
        id="A1",
        source="Yeats et al. 2024 (S000), table 1",
        claim="Adversarial training buys accuracy under attack with clean accuracy.",
        margin="the smaller of the gain under PGD and the loss on clean images",
        published_on="CIFAR-10, WRN-40-2, L2, PGD(8) at 0.5",
        small={"study": STUDY},
        paper={"study": CIFAR10_STUDY},
        read=_table_1,
    ),
    Row(
        id="A2",
        source="Yeats et al. 2024 (S000), table 2",
        claim="The smallest radius of training gains more accuracy under attack than it costs on clean images.",
        margin="gain under PGD less loss on clean images",
        published_on="SVHN, WRN-40-2, L2, PGD(8) at 0.2",
        small={"study": STUDY},
        paper={"study": SVHN_STUDY},
        read=_table_2,
    ),
    Row(
        id="A3",
        source="Mirza et al. 2024 (S001), A.3",
        claim="WEAT, the mean of WEAT-adv and WEAT-nat, stands PGD better than standard AT.",
        margin="accuracy under PGD of the two less that of standard AT",
        published_on="CIFAR-10, Linf 8/255, AutoAttack's leaderboard: other networks, a stronger attack",
        small={"losses": Work("compare_losses", "digits_losses")},
        paper={"losses": Work("compare_losses", "cifar10_losses")},
        read=_losses,
    ),
    Row(
        id="A4",
        source="Mirza et al. 2024 (S001), Beadini and Masi 2023 (S003): standard AutoAttack",
        claim="The worst case over several attacks is half a point or more below what the first of them leaves.",
        margin="accuracy after the first attack less the worst case, less half a point",
        published_on="",
        small={
            "suite": Work(
                "evaluate_robustness",
                "digits_robustness",
                (f"classifier={DEMO}/eps-0.5/model", "output=runs/digits/robustness"),
                (STUDY,),
            )
        },
        paper={
            "suite": Work(
                "evaluate_robustness",
                "cifar10_robustness",
                ("classifier=runs/cifar10/sat/model", "output=runs/cifar10/robustness"),
                (Work("train_classifier", "cifar10_sat", ("output=runs/cifar10/sat",)),),
            )
        },
        read=_suite,
    ),
    Row(
        id="A5",
        source="Yin 2022 (S004), section 3.1",
        claim="After PGD the older attacks, by kept libraries, find little more: DeepFool and L-BFGS.",
        margin="five points less what only they find",
        published_on="",
        small={
            "suite": Work("evaluate_robustness", "digits_older_attacks", after=(STUDY,)),
        },
        paper={"suite": Work("evaluate_robustness", "cifar10_older_attacks", after=(CIFAR10_STUDY,))},
        read=_older,
    ),
)
