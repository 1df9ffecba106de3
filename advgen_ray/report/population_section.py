"""The section of a population on the page of a search: its settings on the way, and who took over from whom."""

import pandas as pd

from advgen_ray.report import numbers
from advgen_ray.report.blocks import Figure, Section, Table
from advgen_ray.report.plots_population import reached_panel, setting_panel
from advgen_ray.report.search_words import Objective, settings_text


def population_section(table: pd.DataFrame, keys: list[str], objectives: list[Objective]) -> Section:
    """``table``: a row a trial and round, as ``stages.search_results.schedule_table`` makes it."""
    trials, rounds = table["trial"].nunique(), int(table["round"].max())
    figure = Figure(
        "Settings by share of the way",
        f"{numbers.counted(trials, 'trial')} in {numbers.counted(rounds, 'round')}. A dotted line leads from "
        "the setting of the trial whose state is taken over to what the taker goes on with; the thick line is the "
        "way to the end of the best trial. "
        "What is reached is measured at the end of each round, in the end of the model that is kept.",
        [*(setting_panel(table, key, keys) for key in keys), reached_panel(table, objectives[0])],
        size="wide",
    )
    told = (
        "Of each round only the settings within it are true; no single config leads to the best model. It lies under "
        "trials/, its card holds its way as lineage, and schedule.json that of every trial."
    )
    takers = table[table["takes_over"]]
    return Section("way", "Settings on the way", [told], [figure, _takeovers(table, takers, keys, objectives[0])])


def _takeovers(table: pd.DataFrame, takers: pd.DataFrame, keys: list[str], objective: Objective) -> Table:
    ends = table.set_index(["round", "trial"])
    rows = []
    for _, taker in takers.iterrows():
        own, source = ends.loc[(taker["round"] - 1, taker["trial"])], ends.loc[(taker["round"] - 1, taker["source"])]
        rows.append(
            [
                numbers.percent(source["until"], 0),
                f"{taker['trial']} from {taker['source']}",
                f"failed: {own['failed']}" if own["failed"] else objective.written(own[objective.metric]),
                objective.written(source[objective.metric]),
                settings_text({key: source[key] for key in keys}),
                settings_text({key: taker[key] for key in keys}),
            ]
        )
    return Table(
        "Takeovers",
        f"At which share of the way, {objective.name} of either trial there, and what the taker went on with.",
        ["at", "trial", "its own", "the other's", "settings of the other", "went on with"],
        rows,
        prose=True,
    )
