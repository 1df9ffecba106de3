"""Population-based training: rounds of a search whose trials are legs of trainings, with a decision after each.

A round is stored with its results before the next one begins, and what that is follows from them and the seed alone: a
search that was killed goes on exactly as an unbroken one does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from types import ModuleType
from typing import Any

from advgen_ray.config import SearchConfig
from advgen_ray.distributed.legs import Leg
from advgen_ray.distributed.population import Member, Round, lineage, next_round
from advgen_ray.distributed.schedules import PROGRESS, Parameters, Schedule
from advgen_ray.distributed.tune import RUN, Report, Trial, run_search
from advgen_ray.errors import AwayError, UserError
from advgen_ray.report.search_words import settings_text
from advgen_ray.stages import classifier, score_model
from advgen_ray.stages.search_trial import kept_record, share_of_way
from advgen_ray.stages.tracked_training import run_tracked
from advgen_ray.stages.trials import Follower
from advgen_ray.storage.filesystem import exists, join, read_bytes, remove_tree, write_atomic
from advgen_ray.tracking import told_instead

SCHEDULE, ROUNDS = "schedule.json", "rounds"
TRAINED_BY: dict[str, ModuleType] = {"train_classifier": classifier, "train_score_model": score_model}
MEMBER = "member"  # the one parameter of a trial under Tune


def run_population(config: SearchConfig, begin: Round, at_once: int, follower: Follower) -> list[Round]:
    """Run what is left of the rounds; returns all of them.

    Raises UserError where no trial came to the end of a round; AwayError where one did not, as storage was away.
    """
    rounds = stored_rounds(config)
    try:
        while len(rounds) < config.population.rounds:
            members = _following(config, rounds) if rounds else begin
            rounds.append(_run_round(config, [*rounds, members], at_once, follower))
            _store(config, rounds)
            _forget(config, rounds)
    except BaseException as error:
        follower.runs.close_all(error)
        raise
    _forget(config, rounds)
    return rounds


def stored_rounds(config: SearchConfig) -> list[Round]:
    """The rounds that are over."""
    place = join(config.output, SCHEDULE)
    stored = json.loads(read_bytes(place))["rounds"] if exists(place) else []
    return [[Member(**member) for member in one["trials"]] for one in stored]


def run_leg(
    config: SearchConfig, ways: Mapping[str, Sequence[Member]], parameters: Parameters, trial_id: str, report: Report
) -> None:
    """Train a member's part of the round, or what is left of it, and report the objectives at its end."""
    way = ways[parameters[MEMBER]]
    number, num_rounds = len(way), config.population.rounds
    place = _place(config, number, way[-1].trial)
    job: Any = config.trial_config(way[-1].settings).override([f"output={place}"])
    leg = Leg(
        num_rounds,
        tuple({"trial": member.trial, "settings": member.settings} for member in way),
        _place(config, number - 1, way[-2].trial) if number > 1 else "",
    )
    wanted = [objective.metric for objective in config.objectives]

    def hear(metrics: Mapping[str, float], step: int) -> None:
        if wanted[0] in metrics:
            done = share_of_way(job, metrics, step) * num_rounds - (number - 1)
            if done < 1:  # the end is reported below
                report({PROGRESS: done, **{key: metrics[key] for key in wanted if key in metrics}})

    program = TRAINED_BY[config.job]
    with told_instead(hear):
        (card,) = run_tracked([replace(program.task_of(job), leg=leg)], job.workers, program.describe)
    found = kept_record(config.job, card)
    report({PROGRESS: 1.0, **{metric: found[metric] for metric in wanted}})


def _following(config: SearchConfig, rounds: Sequence[Round]) -> Round:
    first = config.objectives[0]
    members = next_round(rounds, config.space, config.population, first.metric, first.goal, config.seed)
    for member in members:
        if member.takes_over:
            words = f"goes on from {member.source} with {settings_text(member.settings)}"
            print(f"round {len(rounds) + 1}/{config.population.rounds}  trial {member.trial} {words}", flush=True)
    return members


def _run_round(config: SearchConfig, rounds: list[Round], at_once: int, follower: Follower) -> Round:
    """Train the members of the last of ``rounds``; returns them with what they reached."""
    members, root = rounds[-1], join(config.output, ROUNDS, str(len(rounds)))
    ways = {member.trial: lineage(rounds, member.trial) for member in members}
    schedule = Schedule(
        {objective.metric: objective.goal for objective in config.objectives},
        at_once,
        given=[{MEMBER: member.trial} for member in members],
        max_failures=config.max_failures,
    )
    told = _Told(config, follower, members, len(rounds))
    trials = {
        one.parameters[MEMBER]: one for one in run_search(partial(run_leg, config, ways), (), schedule, root, told)
    }
    away = next((trial for trial in trials.values() if trial.away), None)
    if away:  # what the others do next hangs on what this one reaches
        raise AwayError(f"{config.output}: round {len(rounds)} is not over; {away.mistake}")
    found = []
    for member in members:
        trial = trials[member.trial]
        if trial.status == "finished":
            values = {one.metric: float(trial.reports[-1][one.metric]) for one in config.objectives}
            found.append(replace(member, values=values))
        else:
            found.append(replace(member, failed=trial.mistake or f"it died; see its logs under {join(root, RUN)}"))
    if all(member.failed for member in found):
        raise UserError(f"{config.output}: no trial came to the end of round {len(rounds)}; {found[0].failed}")
    return found


def _place(config: SearchConfig, number: int, trial: str) -> str:
    """The output of a trial's leg: of the last one that of the trial, of the others one that goes."""
    if number == config.population.rounds:
        return join(config.output, "trials", trial)
    return join(config.output, ROUNDS, str(number), trial)


def _store(config: SearchConfig, rounds: Sequence[Round]) -> None:
    told = [
        {"until": number / config.population.rounds, "trials": [asdict(member) for member in members]}
        for number, members in enumerate(rounds, start=1)
    ]
    write_atomic(join(config.output, SCHEDULE), f"{json.dumps({'rounds': told}, indent=1)}\n".encode())


def _forget(config: SearchConfig, rounds: Sequence[Round]) -> None:
    """Remove the states that no round begins with any more."""
    for number, members in enumerate(rounds[:-1], start=1):
        for member in members:
            remove_tree(_place(config, number, member.trial))


class _Told:
    """Passes on what Tune tells of a round, in the terms of the whole way."""

    def __init__(self, config: SearchConfig, follower: Follower, members: Round, number: int) -> None:
        self.follower, self.number, self.num_rounds = follower, number, config.population.rounds
        self.members = {member.trial: member for member in members}

    def reported(self, trial: Trial, report: dict[str, Any]) -> None:
        """A trial got this far."""
        member = self.members[trial.parameters[MEMBER]]
        done = (self.number - 1 + report[PROGRESS]) / self.num_rounds
        self.follower.reported(Trial(member.trial, member.settings), {**report, PROGRESS: done})

    def ended(self, trial: Trial) -> None:
        """A trial is over, with the last round; before, it may go on from another's state."""
        member = self.members[trial.parameters[MEMBER]]
        if self.number == self.num_rounds:
            self.follower.ended(Trial(member.trial, member.settings, status=trial.status))
        elif trial.status == "failed":
            print(f"trial {member.trial}  failed in round {self.number}: {trial.mistake or 'it died'}", flush=True)
