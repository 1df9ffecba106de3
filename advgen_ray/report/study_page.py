"""The page of a whole study: which sections it has, in which order, and what stands at its top."""

from collections.abc import Sequence

from advgen_ray.report.blocks import Section
from advgen_ray.report.key_figures import answer, key_figures, what_was_run
from advgen_ray.report.page import Page
from advgen_ray.report.sections_classifiers import confidence_section, robustness_section
from advgen_ray.report.sections_counterfactuals import distance_classifier_section, distance_section, grid_section
from advgen_ray.report.sections_effect import effect_section
from advgen_ray.report.sections_energy import detector_section, energy_section
from advgen_ray.report.sections_generators import chain_section, classifiers_section, neighborhood_section
from advgen_ray.report.sections_runs import runs_section, words_section
from advgen_ray.report.study import Study


def result_sections(study: Study) -> list[Section]:
    """The sections that show results, in reading order; a part that was not run is left out."""
    sections = [
        grid_section(study),
        effect_section(study),
        confidence_section(study),
        distance_section(study),
        classifiers_section(study),
        chain_section(study),
        neighborhood_section(study),
        distance_classifier_section(study),
        robustness_section(study),
        energy_section(study),
        detector_section(study),
    ]
    return [section for section in sections if section is not None]


def study_page(study: Study, results: Sequence[Section]) -> Page:
    """The results, what was run and the words used."""
    data_name = study.tables.inputs.data_name
    grid = study.grids[study.tables.inputs.main.name]
    return Page(
        title=f"advgen_ray: counterfactuals and adversarial training on {data_name}",
        heading="Do counterfactuals complicate adversarial training?",
        data_name=data_name,
        version=study.version,
        answer=answer(study),
        lead=what_was_run(study),
        key_figures=key_figures(study),
        sections=[*results, runs_section(study), words_section()],
        teaser=grid.rows[0],
        teaser_columns=grid.columns,
        explorer=study.explorer,
        beside=[
            (title, address)
            for title, address in (("Every counterfactual", study.explorer), ("Detectors of one class", study.binary))
            if address
        ],
    )
