"""The page that a reader of the five documents opens first: every claim, what came out here, what is published."""

from collections.abc import Mapping, Sequence
from typing import Any

from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import Unit
from advgen_ray.catalogue.results import RowResult, Spread
from advgen_ray.report import catalogue_words as words
from advgen_ray.report import numbers
from advgen_ray.report.blocks import Block, Details, Figure, KeyFigure, Section, Table, full_config
from advgen_ray.report.page import Page
from advgen_ray.report.plots_catalogue import ours_panel, published_panel, written

VERDICTS = {True: "holds", False: "does not hold", None: "failed"}


def catalogue_page(
    results: Sequence[RowResult], sections: Sequence[Section], config: Mapping[str, Any], version: str
) -> Page:
    """``sections`` are those of ``row_section``, ``config`` is the reproduction's."""
    by_verdict = {verdict: [one.row.id for one in results if one.holds is verdict] for verdict in VERDICTS}
    seeds, num_rows = config["num_seeds"], len(chosen(config["rows"]))
    within_noise = [one.row.id for one in results if one.within_noise]
    begun = "Of"
    if len(results) != num_rows:
        begun = f"{len(results)} of {num_rows} rows {'is' if len(results) == 1 else 'are'} done so far: of"
    return Page(
        title="advgen_ray: the five documents, row by row",
        heading="What holds?",
        data_name="each row names its own",
        version=version,
        answer=f"{begun} {numbers.counted(len(results), 'published claim')}, "
        f"{numbers.counted(len(by_verdict[True]), 'holds', 'hold')} here at "
        f"{config['scale']} scale, {numbers.counted(len(by_verdict[False]), 'does not', 'do not')}, "
        f"{len(by_verdict[None])} could not be tested; "
        f"{numbers.counted(len(within_noise), 'verdict is', 'verdicts are')} within "
        "noise.",
        lead=f"{numbers.counted(seeds, 'seed')} a row. Published figures stand on data and networks of their own, so "
        "what is compared is the trend, not the number.",
        key_figures=[
            *(_key(VERDICTS[verdict], ids) for verdict, ids in by_verdict.items()),
            _key("within noise", within_noise),
        ],
        sections=[
            Section("rows", "All rows", [], [_overview(results)]),
            *sections,
            Section("run", "What was run", [], [_settings(config)]),
        ],
    )


def _key(verdict: str, ids: Sequence[str]) -> KeyFigure:
    unit = "row" if len(ids) == 1 else "rows"
    return KeyFigure(verdict.capitalize(), str(len(ids)), unit, ", ".join(ids) or "none", "", None, "")


def _overview(results: Sequence[RowResult]) -> Table:
    rows = [
        [one.row.id, one.row.claim, words.verdict(one), words.margin(one), numbers.duration(one.seconds)]
        for one in results
    ]
    caption = f"{words.CAUTION} Time is that of all of a row's jobs."
    return Table("Claims", caption, ["Row", "claim", "here", "by how much", "time"], rows, prose=True)


def row_section(result: RowResult) -> Section:
    """What the page says of one row; its pictures are drawn once, however often the page is written."""
    row = result.row
    says = [row.claim, f"{row.source}. Here it {words.verdict(result)}; {words.margin(result)}."]
    if result.holds is None:
        says = [row.claim, f"{row.source}. It failed here: {result.mistake}"]
    blocks: list[Block] = []
    if result.figures:
        ours, published = (of(row.id, result.figures, row.unit) for of in (ours_panel, published_panel))
        panels = [panel for panel in (ours, published) if panel]
        beside = f" Right: published, {row.published_on}." if published else ""
        seeds = (
            f"mean of {len(result.readings)} seeds, the line their range" if len(result.readings) > 1 else "one seed"
        )
        caption = f"{'Left: here' if published else 'Here'}, {seeds}.{beside}"
        blocks = [Figure(f"{row.id} at a glance", caption, panels, size="wide"), _figures(result)]
    return Section(row.id, row.id, says, [*blocks, _commands(result)])


def _figures(result: RowResult) -> Table:
    unit, several = result.row.unit, len(result.readings) > 1
    rows = [
        [
            one.name,
            written(one.mean, unit),
            *([_range(one, unit)] if several else []),
            written(one.published, unit),
        ]
        for one in result.figures
    ]
    columns = ["Figure", "here", *(["over seeds"] if several else []), "published"]
    caption = f"Published: {result.row.published_on}." if result.row.published_on else "The document prints no figure."
    return Table(f"{result.row.id} in figures", caption, columns, rows)


def _range(figure: Spread, unit: Unit) -> str:
    return "" if figure.mean is None else f"{written(figure.low, unit)} to {written(figure.high, unit)}"


def _commands(result: RowResult) -> Details:
    pages = [("pages of the jobs", "\n".join(result.pages))] if result.pages else []
    together = f"advgen reproduce --rows {result.row.id} --scale {result.scale}"
    return Details("How to make it", [("the row", together), ("its jobs", "\n".join(result.commands)), *pages])


def _settings(config: Mapping[str, Any]) -> Details:
    return full_config("reproduction", config)
