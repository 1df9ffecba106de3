"""The stage that reproduces the catalogue: each row's jobs in a place of their own, what they say, and one page."""

import json
import time
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from advgen_ray.catalogue import chosen
from advgen_ray.catalogue.entry import Reading, Row, Work, in_order
from advgen_ray.catalogue.placing import config_of
from advgen_ray.catalogue.results import RowResult, as_json
from advgen_ray.config import ReproduceConfig
from advgen_ray.distributed.cluster import connect
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.report.blocks import Section
from advgen_ray.report.catalogue_page import catalogue_page, row_section
from advgen_ray.report.catalogue_words import markdown, told
from advgen_ray.stages.outcome import PAGE, SUMMARY, publish, tracked_job
from advgen_ray.stages.programs import PROGRAMS
from advgen_ray.stages.search_results import TRIALS
from advgen_ray.storage.filesystem import ensure_writable, exists, join, read_bytes, write_atomic

SECONDS, UNFINISHED = "seconds.json", "unfinished "
BEGIN, END = "<!-- results of advgen reproduce -->", "<!-- end of results -->"
PARTS = ("energies", "attacked_energies", "detectors", "classifier_images", "binary")  # of a study


def run(config: ReproduceConfig) -> dict[str, Any]:
    """Run what is missing of the rows, write page and summary after each; returns how many hold.

    Raises UserError, before work starts, for a row that does not exist or a place that cannot be written; when all else
    is done, IncompleteError for rows that failed. What went wrong is told on the page.
    """
    rows = chosen(config.rows)
    ensure_writable(config.output)
    if config.readme:
        _check_readme(config.readme)
    works = _Works(config)
    results: list[RowResult] = []
    sections: list[Section] = []
    with tracked_job("reproduction", config) as tracked:
        connect()
        for place, row in enumerate(rows, start=1):
            print(f"\n[{place}/{len(rows)}] {row.id}  {row.claim}", flush=True)
            results.append(_result(row, works, config))
            sections.append(row_section(results[-1]))
            print(f"{row.id}  {told(results[-1])}", flush=True)
            page = catalogue_page(results, sections, config.model_dump(mode="json"), version("advgen_ray"))
            publish(config.output, [as_json(one) for one in results], page, tracked if place == len(rows) else None)
        if config.readme:
            _into(config.readme, results)
        tracked.log_metrics({f"margin/{one.row.id}": one.margin.value for one in results if one.margin is not None})
    if failed := [one.row.id for one in results if one.mistake]:
        raise IncompleteError(
            f"reproduction: {len(failed)} of {len(rows)} rows failed ({', '.join(failed)}); "
            f"{join(config.output, PAGE)} says why and has the others, and the same command tries them again"
        )
    return {
        "rows": len(rows),
        "hold": [one.row.id for one in results if one.holds],
        "do_not_hold": [one.row.id for one in results if one.holds is False],
        "report": join(config.output, PAGE),
        "summary": join(config.output, SUMMARY),
    }


def stored(output: str) -> dict[str, Any]:
    """What a job's summary.json says; for a job of several stages those of its parts, by the names of their folders.

    Of a search every trial too.
    """
    places = {name: join(output, name, SUMMARY) for name in PARTS}
    parts = {name: json.loads(read_bytes(uri)) for name, uri in places.items() if exists(uri)}
    own, trials = join(output, SUMMARY), join(output, TRIALS)
    if exists(trials):
        parts["every_trial"] = json.loads(read_bytes(trials))
    return parts | (json.loads(read_bytes(own)) if exists(own) else {})


class _Works:
    """Runs every work once for each seed, whichever rows ask for it, and remembers those that failed."""

    def __init__(self, config: ReproduceConfig) -> None:
        self.config = config
        self.summaries: dict[tuple[Work, int], dict[str, Any]] = {}
        self.mistakes: dict[tuple[Work, int], str] = {}
        self._file = join(config.output, SECONDS)
        self.seconds: dict[str, float] = json.loads(read_bytes(self._file)) if exists(self._file) else {}

    def run(self, work: Work, seed: int) -> str:
        """What went wrong; "" where its summary is there."""
        if (work, seed) not in self.summaries and (work, seed) not in self.mistakes:
            before = next((self.mistakes[one, seed] for one in work.after if (one, seed) in self.mistakes), "")
            self.mistakes |= {(work, seed): before} if before else self._run(work, seed)
        return self.mistakes.get((work, seed), "")

    def _run(self, work: Work, seed: int) -> dict[tuple[Work, int], str]:
        begin, over = time.monotonic(), False
        try:
            job = config_of(work, join(self.config.output, f"seed-{seed}"), seed)
            returned = PROGRAMS[work.job](job)
            self.summaries[work, seed] = returned | stored(getattr(job, "output", ""))
            over = True
        except (UserError, IncompleteError) as error:
            return {(work, seed): f"{work.job} --recipe {work.recipe}: {error}"}
        except Exception as error:  # a defect of one row leaves the others their page
            traceback.print_exc()
            return {(work, seed): f"{work.job} --recipe {work.recipe}: {type(error).__name__}: {error}"}
        finally:
            name = f"{seed}/{work.job}/{work.recipe}/{' '.join(work.settings)}"
            self._keep(name, time.monotonic() - begin, over)
        return {}

    def _keep(self, name: str, seconds: float, over: bool) -> None:
        """All runs of the command until one came to its end; of later ones, which find what is there, a longer one."""
        before = self.seconds.pop(f"{UNFINISHED}{name}", 0.0) + seconds
        key, told = (name, max(self.seconds.get(name, 0.0), before)) if over else (f"{UNFINISHED}{name}", before)
        self.seconds[key] = round(told, 1)
        write_atomic(self._file, (json.dumps(self.seconds, indent=1) + "\n").encode())

    def seconds_of(self, works: Sequence[Work]) -> float:
        """What these took, all seeds."""
        names = {f"{one.job}/{one.recipe}/{' '.join(one.settings)}" for one in works}
        return sum(value for name, value in self.seconds.items() if name.partition("/")[2] in names)


def _result(row: Row, works: _Works, config: ReproduceConfig) -> RowResult:
    named = row.works(config.scale)
    needed = in_order(list(named.values()))
    readings: list[Reading] = []
    mistake = ""
    for seed in range(config.num_seeds):
        if mistake := next(filter(None, (works.run(work, seed) for work in needed)), ""):
            break
        try:
            readings.append(row.read({name: works.summaries[work, seed] for name, work in named.items()}))
        except Exception as error:
            traceback.print_exc()
            mistake = f"its results could not be read: {type(error).__name__}: {error}"
            break
    if mistake and config.num_seeds > 1:
        mistake = f"seed {seed}: {mistake}"
    pages = [works.summaries[work, 0].get("report", "") for work in named.values()] if readings else []
    beside = [page.removeprefix(config.output.rstrip("/") + "/") for page in dict.fromkeys(pages) if page]
    return RowResult(row, config.scale, readings, mistake, works.seconds_of(needed), beside)


def _check_readme(place: str) -> None:
    """Raise UserError for a file that has no place for a table."""
    text = Path(place).read_text() if Path(place).is_file() else ""
    if not text.count(BEGIN) == text.count(END) == 1:
        raise UserError(f"readme={place}: expected a Markdown file with one {BEGIN} and one {END}")


def _into(place: str, results: Sequence[RowResult]) -> None:
    """These rows' lines; the other rows of the catalogue keep theirs."""
    before, _, rest = Path(place).read_text().partition(BEGIN)
    former, _, after = rest.partition(END)
    table = markdown(results, former, [row.id for row in chosen(())])
    write_atomic(place, f"{before}{BEGIN}\n{table}\n{END}{after}".encode())
