"""The frame of a job: exit codes, one line for a mistake, and a dry run that runs nothing."""

import os
import signal
import subprocess
import sys

import pytest
import yaml

from advgen_ray.config import GenerateConfig
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.job import run_job


def _never(config: GenerateConfig) -> dict:
    raise AssertionError("a dry run must run nothing")


def test_success_prints_the_summary(capsys):
    assert run_job(GenerateConfig, lambda config: {"seed": config.seed}, ["--set", "seed=5"]) == 0
    assert capsys.readouterr().out == "seed: 5\n"


def test_help_says_which_documents_its_numbers_are(capsys):
    with pytest.raises(SystemExit):
        run_job(GenerateConfig, _never, ["--help"])
    assert "S000 is Yeats et al. 2024" in capsys.readouterr().out


def test_rows_of_a_summary_are_a_table(capsys):
    rows = [{"attack": "pgd", "accuracy": 0.5}, {"attack": "square", "accuracy": 0.625}]
    assert run_job(GenerateConfig, lambda _: {"count": 8, "groups": rows}, []) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["count: 8", "groups:"]
    assert [line.split() for line in lines[2:]] == [["attack", "accuracy"], ["pgd", "0.500"], ["square", "0.625"]]


def test_a_mistake_is_one_line_and_exit_code_2(capsys):
    assert run_job(GenerateConfig, _never, ["--set", "sed=5"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: sed: unknown key 'sed'; did you mean 'seed'?\n"
    assert captured.out == ""


def test_a_mistake_found_while_running_is_also_code_2(capsys):
    def run(config: GenerateConfig) -> dict:
        raise UserError("score model not found")

    assert run_job(GenerateConfig, run, []) == 2
    assert capsys.readouterr().err == "error: score model not found\n"


def test_rows_left_undone_are_one_line_and_exit_code_3(capsys):
    def run(config: GenerateConfig) -> dict:
        raise IncompleteError("3 rows could not be made")

    assert run_job(GenerateConfig, run, []) == 3
    assert capsys.readouterr().err == "incomplete: 3 rows could not be made\n"


def test_a_defect_keeps_its_traceback():
    def run(config: GenerateConfig) -> dict:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_job(GenerateConfig, run, [])


def test_dry_run_prints_config_and_resources_and_runs_nothing(capsys):
    assert run_job(GenerateConfig, _never, ["--recipe", "cifar10_counterfactuals_paper_sampler", "--dry-run"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["num_sources"] == 10_000
    assert printed["sampler"] == {
        "kind": "euler_maruyama", "num_steps": 1000, "times": None, "start_time": 1.0, "network_every": 1,
    }  # fmt: skip
    assert "resources" in printed


def test_sigterm_unwinds_like_an_interrupt(capsys):
    def run(config: GenerateConfig) -> dict:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal came too late")

    former = signal.getsignal(signal.SIGTERM)  # Ray's, if a test before this one started it
    assert run_job(GenerateConfig, run, []) == 130
    assert "the same command continues" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == former


LAST = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))  # after what is registered later
from advgen_ray.config import GenerateConfig
from advgen_ray.job import run_job
run_job(GenerateConfig, lambda _: {}, ["--dry-run"])
"""


def test_a_job_ends_without_looking_through_all_that_it_imported() -> None:
    ended = subprocess.run([sys.executable, "-c", LAST], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "True"
