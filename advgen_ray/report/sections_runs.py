"""What was run: every config, seed, version and time, and what the words on the page mean."""

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Section, Table, full_configs
from advgen_ray.report.study import RunRecord, Study


def runs_section(study: Study) -> Section:
    """One row a stored result, its full config to unfold."""
    rows = [
        [record.name, record.stage, _settings(record), record.seed, record.config_digest, record.digest[:16],
         numbers.duration(record.seconds)]
        for record in study.records
    ]  # fmt: skip
    results = Table(
        "Every stored result",
        "Config digest: sixteen hex digits of what was computed. Content digest: of a model's weights, or of a result "
        "set's config and inputs. Time: of the run that made it, kept when it is reused.",
        ["Result", "Stage", "Settings", "Seed", "Config", "Content", "Time"],
        rows,
        prose=True,
    )
    stages = Table(
        "Time by stage",
        "Wall clock of this study; a finished result that is reused costs next to nothing.",
        ["Stage", "Time"],
        [[name.replace("_", " "), numbers.duration(seconds)] for name, seconds in study.elapsed_seconds.items()]
        + [["all stages", numbers.duration(sum(study.elapsed_seconds.values()))]],
    )
    configs = full_configs((f"{record.stage}: {record.name}", record.config) for record in study.records)
    return Section("runs", "What was run", [], [results, stages, _versions(study), configs])


def _versions(study: Study) -> Table:
    packages = sorted({package for record in study.records for package in record.versions})
    rows = []
    for package in packages:
        found = sorted({record.versions[package] for record in study.records if package in record.versions})
        rows.append([package, ", ".join(found)])
    return Table("Versions", "As stored with the results.", ["Package", "Version"], rows)


def _settings(record: RunRecord) -> str:
    """The settings a reader asks for first, by stage."""
    wanted = {
        "classifier": ("attack.eps", "num_epochs", "batch_size"),
        "judge": ("attack.eps", "num_epochs", "batch_size"),
        "score model": ("num_steps", "batch_size"),
        "counterfactuals": (
            "neighborhood.kind",
            "neighborhood.sigma_ce",
            "guidance_scale",
            "num_sources",
            "sampler.num_steps",
        ),
        "energies": ("splits", "num_images"),
    }.get(record.stage, ())
    found = [(key, record.setting(key)) for key in wanted]
    return ", ".join(f"{key.rpartition('.')[2].replace('_', ' ')} {value}" for key, value in found if value is not None)


def words_section() -> Section:
    """The vocabulary, for a reader who starts here."""
    words = [
        ["eps", "Radius of the attack during adversarial training, pixels in [0, 1]; 0 is standard training."],
        ["source", "A clean image from which counterfactuals are made."],
        ["counterfactual (CE)", "The source, changed by a diffusion model or by a classifier's gradients, as little as "
         "possible, so that it shows a target class."],
        ["different-class", "The target is not the source's label; otherwise same-class."],
        ["judge", "A standard classifier trained with another seed, which took no part in anything else."],
        ["validity", "Share of different-class counterfactuals on which the judge predicts the target."],
        ["effect", "Accuracy lost from same-class to different-class counterfactuals by the model of the largest eps, "
         "minus that lost by the standard one; its interval counts sources, since counterfactuals of one are alike."],
        ["w, sigma_CE", "How strongly the diffusion model is guided to the target class (0: not beyond it), and how "
         "wide the neighborhood of the source is that counterfactuals are drawn from."],
        ["Gaussian, Boltzmann, bounded", "The shape of that neighborhood: by squared distance, by absolute distance "
         "(which changes fewer values; by the papers' hardtanh, or exact), or everything within a radius alike."],
        ["DVCE", "Augustin et al.'s counterfactuals: a diffusion model steered by a classifier's gradients."],
        ["one vs rest", "Detectors, one a class, each trained by binary adversarial training (Yin 2022)."],
        ["L2, L0", "Distance to the source: Euclidean, and the share of values (one a pixel and channel) changed by "
         "more than .02."],
        ["E(x), E(x, y)", "Energies of a classifier: minus logsumexp of its logits, and minus the logit of class y; "
         "low where it finds an image, or an image of that class, likely."],
        ["PGD, APGD, FAB, Square, CW", "Attacks. Projected gradient ascent inside a ball around the image; with steps "
         "that adapt, on the cross-entropy or on a ratio of logits (DLR); the nearest border; by queries alone; "
         "Carlini and Wagner's."],
        ["HE-PGD", "PGD that keeps the energy E(x) high as well, so that the energy detector does not see it."],
        ["KD+BU, LID", "Trained detectors: by density and dropout's spread (Feinman et al. 2017), by local intrinsic "
         "dimensionality (Ma et al. 2018)."],
        ["AUROC", "Area under the ROC curve: chance that an attacked image looks more attacked than a natural one."],
        ["SSIM", "Structural similarity of two images, 1 for equal ones."],
        ["r²", "Share of the variance of one quantity that a straight line in another explains."],
        ["Yeats et al.", "Yeats, Darwin, Ortega, Liu, Li: Do Counterfactual Examples Complicate Adversarial Training?"],
        ["Beadini and Masi", "Exploring the Connection between Robust and Generative Models (2023)."],
        ["Mirza et al.", "Shedding More Light on Robust Classifiers under the lens of Energy-based Models (2024)."],
        ["Yin", "Generative Modeling With Adversarial Training, a dissertation (2022)."],
    ]  # fmt: skip
    return Section("words", "Words", [], [Table("What the words mean", "", ["Word", "Meaning"], words, prose=True)])
