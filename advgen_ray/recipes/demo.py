"""`make demo`, and what reads what it left in runs/demo: the report, the page of every counterfactual, the check."""

from advgen_ray.config import DataConfig, ExploreCounterfactualsConfig, ReportConfig, StudyConfig, ValidateConfig
from advgen_ray.recipes.attacks import adaptive_suites
from advgen_ray.recipes.digits import digits_study
from advgen_ray.recipes.digits_counterfactuals import DEMO

DATA = DataConfig(name="digits")
SETS = f"{DEMO}/counterfactuals"
COMPARED = (
    "main", "variant-gaussian", "variant-boltzmann_exact", "variant-bounded",
    "by-eps-1.0", "by-eps-1.5", "by-one_vs_rest", "dvce",
)  # fmt: skip


def digits_demo() -> StudyConfig:
    """digits_study in five minutes on two cores: shorter trainings, fewer images under the dearest attacks."""
    study = digits_study().override(
        [
            "classifier.attack.num_steps=6",
            "classifier.num_epochs=12",
            "classifier.eps_warmup_epochs=7",
            "score_model.num_steps=850",
            "score_model.optimizer.warmup_steps=85",
            "classifier_view.dvce.replicates=1",
            "energy_view.attacked.num_images=60",
            "energy_view.recorded.attack.num_steps=6",
            "energy_view.recorded.num_epochs=8",
            "energy_view.recorded.eps_warmup_epochs=5",
            "energy_view.recorded.record_energies_at_epochs=[1, 4, 8]",
            "binary_view.detectors.training.num_steps=120",
            "binary_view.detectors.training.validation.every_steps=120",
        ]
    )
    assert study.binary_view
    suites = adaptive_suites("l2", 1.0, num_steps=10, num_restarts=1)
    robustness = study.binary_view.robustness.model_copy(update={"suites": suites})
    return study.changed(binary_view=study.binary_view.changed(robustness=robustness))


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
