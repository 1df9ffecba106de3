"""The catalogue names jobs and recipes that exist, in an order in which each finds what it reads."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.catalogue import ROWS
from advgen_ray.catalogue.entry import Row, Scale, Work, in_order
from advgen_ray.catalogue.placing import command, config_of
from advgen_ray.config import Config, StudyConfig
from advgen_ray.config.programs import JOBS
from advgen_ray.costs.study import parts_of

ROOT = Path(__file__).parents[2]
SCALES: tuple[Scale, ...] = ("small", "paper")
CASES = [(row, scale) for row in ROWS for scale in SCALES]


def _name(value: Any) -> str:
    return value.id if isinstance(value, Row) else str(value)


def _places(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every place below ``root``, by the key that names it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _places(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner, key)
    elif isinstance(value, str) and value.startswith("root/"):
        yield key, value


def _read_by(config: Config) -> set[str]:
    """What a job reads of others: all places but its output. A study fills in those of its parts."""
    if isinstance(config, StudyConfig):
        return set()
    return {place for key, place in _places(config.model_dump(mode="json")) if key != "output"}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("row", "scale"), CASES, ids=_name)
def test_each_work_finds_what_it_reads(row: Row, scale: Scale, seed: int) -> None:
    made: list[str] = []
    for work in in_order(list(row.works(scale).values())):
        config: Any = config_of(work, "root", seed)
        for place in _read_by(config):
            assert any(f"{place}/".startswith(f"{one}/") for one in made), f"{command(work)}: nothing makes {place}"
        made.append(config.output)


@pytest.mark.parametrize("scale", SCALES)
def test_no_two_works_share_a_place(scale: Scale) -> None:
    works = in_order([work for row in ROWS for work in row.works(scale).values()])
    places: dict[str, Work] = {}
    for work in works:
        config: Any = config_of(work, "root", seed=0)
        assert config.output not in places, f"{command(work)} and {command(places[config.output])}"
        places[config.output] = work


@pytest.mark.parametrize("scale", SCALES)
def test_nothing_is_computed_twice_but_to_compare_the_two(scale: Scale) -> None:
    """By digests, which leave out where a job lies and runs; a study is all of its parts. E1 and E2 do it twice."""
    rows = [row for row in ROWS if row.id not in ("E1", "E2")]
    known: dict[tuple[str, str], Work] = {}
    for work in in_order([work for row in rows for work in row.works(scale).values()]):
        for part in parts_of(config_of(work, "root", seed=0)):
            same = known.setdefault((type(part).__name__, part.digest()), work)
            assert same == work, f"{command(work)} and {command(same)}: {type(part).__name__}"


def test_what_a_former_work_reads_comes_first_of_all() -> None:
    training = Work("train_classifier", "digits_classifier")
    generation = Work("generate_by_classifier", "digits_from_classifier", after=(training,))
    comparison = Work("score_energies", "digits_energies", after=(generation, training))
    assert in_order([comparison, training]) == [training, generation, comparison]


def test_a_job_names_the_rows_that_run_it() -> None:
    known = {row.id for row in ROWS}
    for job in JOBS:
        if job == "reproduce":
            continue  # every one of them
        first_line = (ROOT / "jobs" / f"{job}.py").read_text().splitlines()[0]
        named = set(re.findall(r"\b[A-E]\d+\b", first_line))
        run_by = {row.id for row in ROWS for scale in SCALES for work in row.works(scale).values() if work.job == job}
        assert run_by <= named <= known, job


def test_rows_are_told_apart() -> None:
    ids = [row.id for row in ROWS]
    assert ids == sorted(set(ids), key=lambda one: (one[0], int(one[1:])))
    for row in ROWS:
        assert (row.claim[-1], row.margin[-1] == ".") == (".", False), row.id


def test_a_seed_moves_every_seed_and_a_root_every_place() -> None:
    work = Work("search", "digits_ce_ablation", ("seed=3",))
    here, there = (config_of(work, root, seed).model_dump(mode="json") for root, seed in (("a", 0), ("b/c", 2)))
    assert (here["seed"], there["seed"]) == (3, 20_003)
    assert there["base"]["seed"] == here["base"]["seed"] + 20_000
    assert here["judge"] == "a/demo/classifiers/judge/model"
    assert there["base"]["score_model"] == "b/c/demo/score_model/model"
    assert there["num_trials"] == here["num_trials"]
    losses = config_of(Work("compare_losses", "digits_losses"), "a", 1).model_dump(mode="json")
    assert losses["seeds"] == [10_000, 10_001, 10_002]
    ablation = config_of(Work("search", "digits_binary_ablation"), "a", 1).model_dump(mode="json")
    (varied,) = (one["values"] for one in ablation["space"] if one["key"] == "seed")
    assert varied == list(range(10_000, 10_007))


def test_a_command_is_what_a_shell_takes() -> None:
    assert command(Work("study", "digits_study", ("eps=[0, 1]",))) == (
        "python jobs/study.py --recipe digits_study --set 'eps=[0, 1]'"
    )
