"""What reads what digits_study left in runs/demo: the report, the page of every counterfactual, the check."""

from advgen_ray.config import DataConfig, ExploreCounterfactualsConfig, ReportConfig, ValidateConfig
from advgen_ray.recipes.digits_counterfactuals import DEMO

DATA = DataConfig(name="digits")
SETS = f"{DEMO}/counterfactuals"
COMPARED = (
    "main", "variant-gaussian", "variant-boltzmann_exact", "variant-bounded",
    "by-eps-1.0", "by-eps-1.5", "by-one_vs_rest", "dvce",
)  # fmt: skip


def digits_report() -> ReportConfig:
    """The demo's report once more from its stored results, as the study itself writes it."""
    return ReportConfig(
        data=DATA,
        classifiers=tuple(f"{DEMO}/classifiers/eps-{eps}/model" for eps in (0.0, 0.5, 1.0, 1.5)),
        judge=f"{DEMO}/classifiers/judge/model",
        score_model=f"{DEMO}/score_model/model",
        counterfactuals=f"{SETS}/main",
        variants=tuple(f"{SETS}/{name}" for name in COMPARED),
        chains=tuple(f"{SETS}/of-by-eps-{eps}" for eps in (1.0, 1.5)),
        held_out=f"{SETS}/held-out",
        energies=f"{DEMO}/energies",
        attacked=f"{DEMO}/attacked_energies",
        detectors=f"{DEMO}/detectors",
        images=f"{DEMO}/classifier_images",
        recorded=f"{DEMO}/recorded/trades",
        explorer="explorer.html",
        binary="binary/report.html",
        output=DEMO,
    )


def digits_validation() -> ValidateConfig:
    """Every promise of the demo's counterfactuals: keys, digests, ranges, provenance, distances to their sources."""
    return ValidateConfig(data=DATA, result_set=f"{SETS}/main")


def digits_explorer() -> ExploreCounterfactualsConfig:
    """Every CE of the demo with what its classifiers say of it, beside the demo's report (S000 figure 8, all of it)."""
    return ExploreCounterfactualsConfig(
        data=DATA,
        counterfactuals=f"{SETS}/main",
        energies=f"{DEMO}/energies",
        report="report.html",
        output=DEMO,
    )
