"""Section B, second half: energies while a classifier is trained, and images out of them (S001's supplement)."""

from advgen_ray.analysis.estimate import alone, exact, less
from advgen_ray.analysis.published import S001_INCORRECT, S001_INCORRECT_OF_HIGH_ENERGY, S001_LEFT_OUT_BY_ENERGY
from advgen_ray.catalogue.energy_views import MIRZA, STUDIES
from advgen_ray.catalogue.entry import Figure, Reading, Row, Summaries, Work, first
from advgen_ray.catalogue.margins import least, seed_by_seed, share
from advgen_ray.catalogue.works import CIFAR10_STUDY

CHANCE = 0.1  # of ten classes, which digits and CIFAR-10 have
LOSSES = {"small": {"losses": Work("compare_losses", "digits_losses")},
          "paper": {"losses": Work("compare_losses", "cifar10_losses")}}  # fmt: skip
OF_FIVE_STEPS = Work(
    "compare_losses",
    "cifar10_losses",
    (
        "training.attack.num_steps=5",
        "losses=[{loss: sat, start: uniform}, {loss: trades, beta: 6.0, start: near}]",  # it compares two or more
        "seeds=[0]",
        "output=runs/cifar10-losses-of-5-steps",
    ),
)


def _dynamics(found: Summaries) -> Reading:
    epochs = found["losses"]["energy_dynamics"]["sat"]
    figures = [
        Figure(f"epoch {row['epoch']}, {what}", row[key])
        for row in epochs
        for what, key in (
            ("E(x), natural", "natural_energy_x"),
            ("E(x), attacked", "attacked_energy_x"),
            ("E(x, y) - E(x), natural", "natural_loss"),
        )
    ]
    falls = [epochs[0][key] - epochs[-1][key] for key in ("natural_energy_x", "natural_loss")]
    return Reading(figures, alone(min(falls)))


def _subsets(found: Summaries) -> Reading:
    rates = {row["subset"]: row for row in found["subsets"]["error_rates"]}
    figures = [
        Figure(f"{'all images' if name == 'full' else f'without {name}'}, {what}", row[key])
        for name, row in rates.items()
        for what, key in (("clean error", "clean_error"), ("adversarial error", "adversarial_error"))
    ]
    left_out = {row["subset"]: row["num_left_out"] for row in found["subsets"]["composition"]}
    high, every = first(found["subsets"]["strata"], stratum="high")["num_incorrect"], found["subsets"]["num_images"]
    figures += [
        Figure("incorrect, of the images trained on", left_out["I"] / every, S001_INCORRECT),
        Figure("correct ones of high energy left out, of these", left_out["H"] / every, S001_LEFT_OUT_BY_ENERGY),
        Figure("of high energy, of the incorrect", high / max(left_out["I"], 1), S001_INCORRECT_OF_HIGH_ENERGY),
    ]
    return Reading(figures, seed_by_seed(found["subsets"]["trainings"], "subset", ("H",), "L", "adversarial_error"))


def _trades(found: Summaries) -> Reading:
    error = found["losses"]["largest_trades_identity_error"]
    return Reading([Figure("largest error of the identity", error)], exact(1e-3 - error))


def _images(found: Summaries) -> Reading:
    rows = [row for one in found.values() for row in one.get("classifier_images", one)["generated"]]
    figures = [
        Figure(f"{row['classifier']}, {what}", row[key])
        for row in rows
        for what, key in (
            ("E(x) of the start", "start_energy_x"),
            ("E(x) of the image", "energy_x"),
            ("start seen as its class by a judge", "judged_start"),
            ("image seen as its class by a judge", "judged"),
            ("SSIM of the start to the nearest test image", "start_ssim"),
            ("SSIM of the image to the nearest test image", "ssim"),
        )
    ]
    recognized = least(share(row["judged"], row["count"]) for row in rows if row["eps"] > 0)
    return Reading(figures, less(recognized, exact(CHANCE)))


ROWS: tuple[Row, ...] = (
    Row(
        id="B7",
        source=f"{MIRZA}, A.2, figures D and E, of standard AT with PGD(5)",
        claim="While a classifier is trained adversarially E(x) falls, and E(x, y) comes to E(x).",
        margin="the lesser fall from the first record to the last, of E(x) and of E(x, y) - E(x)",
        published_on="",
        unit="number",
        small=LOSSES["small"],
        paper={"losses": OF_FIVE_STEPS},
        read=_dynamics,
    ),
    Row(
        id="B8",
        source=f"{MIRZA}, A.4, figure F, tables A and B",
        claim="Correct images of high energy carry more of a classifier's robustness than those of low energy.",
        margin="adversarial error without the high ones less without the low ones",
        published_on="CIFAR-10, section A.4",
        small={"subsets": Work("compare_subsets", "digits_subsets")},
        paper={"subsets": Work("compare_subsets", "cifar10_subsets")},
        read=_subsets,
    ),
    Row(
        id="B9",
        source=f"{MIRZA}, A.5, corollary 1",
        claim="TRADES' divergence is a conditional and a marginal term of energies, in every record of its training.",
        margin="a thousandth less the largest error of the identity",
        published_on="",
        unit="number",
        read=_trades,
        **LOSSES,
    ),
    Row(
        id="B10",
        source=f"{MIRZA}, A.7, figures G to J",
        claim="Langevin steps down a robust classifier's energy end in images that another classifier recognizes.",
        margin="the least share of a robust classifier's images that the other names rightly, less chance",
        published_on="",
        small=STUDIES["small"],
        paper={
            **STUDIES["paper"],
            "trades": Work("generate_from_classifier", "cifar10_trades_images", after=(CIFAR10_STUDY,)),
        },
        read=_images,
    ),
)
