"""One self-contained page: styles and pictures inside it, nothing fetched, no script."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from advgen_ray.report.blocks import Figure, Panel, Section
from advgen_ray.report.key_figures import answer, key_figures, what_was_run
from advgen_ray.report.sections_classifiers import confidence_section, effect_section, robustness_section
from advgen_ray.report.sections_counterfactuals import distance_classifier_section, distance_section, grid_section
from advgen_ray.report.sections_energy import detector_section, energy_section
from advgen_ray.report.sections_runs import runs_section, words_section
from advgen_ray.report.study import Study


def result_sections(study: Study) -> list[Section]:
    """The sections that show results, in reading order; a part that was not run is left out."""
    sections = [
        grid_section(study),
        effect_section(study),
        confidence_section(study),
        distance_section(study),
        distance_classifier_section(study),
        robustness_section(study),
        energy_section(study),
        detector_section(study),
    ]
    return [section for section in sections if section is not None]


def panels_of(sections: list[Section]) -> list[Panel]:
    """Every drawn panel, for keeping as files."""
    figures = [block for section in sections for block in section.blocks if isinstance(block, Figure)]
    return [panel for figure in figures for panel in figure.panels]


def render(study: Study, results: list[Section]) -> str:
    """The page as HTML: the results, what was run and the words used; every text is escaped."""
    environment = Environment(
        loader=PackageLoader("advgen_ray", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    inputs = study.tables.inputs
    return environment.get_template("page.html").render(
        data_name=inputs.data_name,
        version=study.version,
        answer=answer(study),
        summary=what_was_run(study),
        key_figures=key_figures(study),
        columns=study.grid.columns,
        teaser=study.grid.rows[0],
        sections=[*results, runs_section(study), words_section()],
    )
