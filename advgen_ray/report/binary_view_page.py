"""The page of a study's detectors of one class: three jobs' pages as one."""

from dataclasses import replace

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Section
from advgen_ray.report.page import OF_THE_RUN, Page, own_results


def binary_view_page(evaluation: Page, synthesis: Page, robustness: Page, eps: float, report: str) -> Page:
    """What attacks make of the detectors, what they make of starts, what they classify; ``report`` is the study's.

    ``eps`` is the training radius of the softmax classifier beside them.
    """
    parts = (evaluation, synthesis, robustness)
    return Page(
        title=f"advgen_ray: binary adversarial training on {evaluation.data_name}",
        heading="What does a detector of one class know?",
        data_name=evaluation.data_name,
        version=evaluation.version,
        answer=evaluation.answer,
        lead="For every class a detector that tells it from all others under attack, by binary adversarial training. "
        f"Together they generate and classify, beside the study's softmax classifier of eps {numbers.eps(eps)}.",
        key_figures=[*evaluation.key_figures[:1], *synthesis.key_figures, *robustness.key_figures],
        sections=[
            *own_results(evaluation),
            *_opened(synthesis),
            *_opened(robustness),
            Section("run", "What was run", [], [block for part in parts for block in _of_the_run(part)]),
        ],
        beside=[("The whole study", report)],
    )


def _opened(page: Page) -> list[Section]:
    """The results of one job, its answer at their head."""
    first, *rest = own_results(page)
    return [replace(first, sentences=[page.answer, page.lead, *first.sentences]), *rest]


def _of_the_run(page: Page) -> list[Block]:
    return [block for section in page.sections if section.anchor in OF_THE_RUN for block in section.blocks]
