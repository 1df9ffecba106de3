"""Energies of natural and attacked images, and the detector that needs nothing but a threshold."""

from advgen_ray.analysis import published
from advgen_ray.analysis.energies import Detector
from advgen_ray.analysis.published_detection import ON_CIFAR10
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, Section, Table
from advgen_ray.report.plots_energy import energy_panels, roc_panel
from advgen_ray.report.study import Study, eps_labels


def energy_section(study: Study) -> Section:
    """Histograms of E(x) and E(x, y), natural against PGD (B3)."""
    pairs, table = study.tables.pairs, study.tables.energy
    on = f"{numbers.count(int(table['count'].max()))} test images, each natural and under {_attack(study)}"
    figures = [
        Figure(
            "Energy E(x), natural against attacked",
            f"{on}, one panel a classifier. Dotted: the detector's threshold. As figure 2a of Beadini and Masi "
            f"(imagenette).",
            energy_panels(pairs, "energy_x", study.tables.detectors),
        ),
        Figure("Energy of the true class, E(x, y)", f"The same {on}.", energy_panels(pairs, "energy_xy")),
    ]
    columns = [
        "Training",
        "E(x) natural",
        "E(x) PGD",
        "shift",
        "E(x, y) natural",
        "E(x, y) PGD",
        "shift",
        "fooled",
        "n",
    ]
    rows = [
        [
            label,
            numbers.decimal(row["natural_energy_x"]),
            numbers.decimal(row["attacked_energy_x"]),
            numbers.signed(row["attacked_energy_x"] - row["natural_energy_x"]),
            numbers.decimal(row["natural_energy_xy"]),
            numbers.decimal(row["attacked_energy_xy"]),
            numbers.signed(row["attacked_energy_xy"] - row["natural_energy_xy"]),
            numbers.percent(row["fooled"]),
            numbers.count(int(row["count"])),
        ]
        for label, (_, row) in zip(eps_labels(table), table.iterrows(), strict=True)
    ]
    means = Table("Mean energies", "Means over the test images; fooled: wrong under PGD.", columns, rows)
    return Section("energies", "Energies under attack", _energy_sentences(study), [*figures, means])


def _energy_sentences(study: Study) -> list[str]:
    table = study.tables.energy
    shifts = [float(s) for s in table["attacked_energy_x"] - table["natural_energy_x"]]
    lower = (
        "lower, as Beadini and Masi report for imagenette"
        if round(shifts[0], 2) < 0
        else "not lower, unlike Beadini and Masi's imagenette"
    )
    strength = "a smaller" if round(abs(shifts[-1]), 2) < round(abs(shifts[0]), 2) else "no smaller a"
    robust = f"; under the model of the largest training radius by {numbers.signed(shifts[-1])}, {strength} shift"
    robust = robust if len(shifts) > 1 else ""
    return [
        "The energy E(x) = −logsumexp of the logits is low where the classifier finds an image likely.",
        f"Under the standard model {_attack(study)} moves the mean of E(x) by {numbers.signed(shifts[0])} "
        f"({lower}){robust} (n = {numbers.count(int(table['count'].max()))}).{_as_far_as_counterfactuals(study)}",
    ]


def _as_far_as_counterfactuals(study: Study) -> str:
    """A caution where the attack may go farther than a change of meaning; "" where it does not."""
    main = study.tables.inputs.main
    mean, radius = float(main.rows.loc[main.different_class, "l2"].mean()), study.tables.detectors[0].attack_eps
    energies = study.first("energies")
    norms = {attack["norm"] for attack in energies.setting("attacks") or ()} if energies else set()
    if norms != {"l2"} or not radius >= mean:
        return ""
    return (
        f" A radius of {numbers.eps(radius)} is farther than counterfactuals lie from their sources in the mean "
        f"({numbers.decimal(mean)}): some of these attacked images may truly show another class."
    )


def detector_section(study: Study) -> Section:
    """The energy detector: rates at the threshold of largest G-mean (B4)."""
    detectors, table = study.tables.detectors, study.tables.energy
    standard = detectors[0]
    roc = Figure(
        "Detector: every threshold, and the one chosen",
        f"Measured on {numbers.count(standard.num_measured)} test images (natural and under {_attack(study)}) "
        f"that took no part in choosing the threshold. Positive class: attacked.",
        [roc_panel(detectors)],
        size="wide",
    )
    rows = [
        [
            label,
            numbers.decimal(one.energy_threshold),
            numbers.percent(one.detection_rate),
            numbers.percent(one.false_positive_rate),
            numbers.decimal(one.auc),
            f"{numbers.count(one.num_fitted)} / {numbers.count(one.num_measured)}",
        ]
        for label, one in zip(eps_labels(table), detectors, strict=True)
    ]
    rates = Table(
        "Detector by classifier",
        "n: images that chose the threshold (largest geometric mean of sensitivity and specificity) / images measured.",
        ["Training", "threshold on E(x)", "detection rate", "false positive rate", "area under ROC", "n"],
        rows,
        [["CIFAR-10", "not printed", *_published_rates(), "not printed", "not printed"]],
        "For context: CIFAR-10, ResNet10, PGD with 8/255 in Linf; Beadini and Masi, table 1 (* printed there as 1.62, "
        "which in its notebook is the share of attacks that are missed)",
    )
    sentences = [
        f"Calling an image attacked where E(x) ≤ {numbers.decimal(standard.energy_threshold)} finds "
        f"{numbers.percent(standard.detection_rate)} of the attacked and flags "
        f"{numbers.percent(standard.false_positive_rate)} of the natural images under the standard model "
        f"(n = {numbers.count(standard.num_measured)} each; {_attack(study)}).{_as_far_as_counterfactuals(study)}",
        f"Over all thresholds the area under the curve is {numbers.decimal(standard.auc)}: "
        f"{_better_than_chance(standard)}. Published: {published.ENERGY_DETECTOR}.",
    ]
    return Section("detector", "Energy as a detector", sentences, [roc, rates, _by_radius(study)])


def _published_rates() -> list[str]:
    one = ON_CIFAR10["Energy"]
    return [numbers.percent(one.detection_rate, 2), numbers.percent(one.false_positive_rate, 2) + "*"]


def _by_radius(study: Study) -> Table:
    """The detector against attacks of growing strength (S003: the stronger, the easier to detect)."""
    table = study.tables.energy
    rows = [
        [
            numbers.eps(one.attack_eps),
            numbers.decimal(one.energy_threshold),
            numbers.percent(one.detection_rate),
            numbers.percent(one.false_positive_rate),
            numbers.decimal(one.auc),
        ]
        for one in study.tables.detectors_by_radius
    ]
    return Table(
        "Detector by strength of the attack",
        f"The model of {eps_labels(table)[0]}; an area below one half: the attack raises the energy. Beadini and Masi: "
        "the stronger the attack, the easier to detect.",
        ["radius of the attack", "threshold on E(x)", "detection rate", "false positive rate", "area under ROC"],
        rows,
    )


def _attack(study: Study) -> str:
    return f"PGD at radius {numbers.eps(study.tables.pairs[0].attack_eps)}"


def _better_than_chance(one: Detector) -> str:
    if numbers.decimal(one.auc) == numbers.decimal(0.5):
        return "attacked images lie neither lower nor higher, so that the rule tells nothing"
    if one.auc > 0.5:
        return "attacked images tend to lie lower, as the rule supposes"
    return "attacked images tend to lie higher, so here the rule points the wrong way"
