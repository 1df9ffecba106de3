"""What the README prints runs as printed."""

import itertools
import json
import re
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from advgen_ray import recipes
from advgen_ray.analysis.detector_scores import names_of
from advgen_ray.config import CompareDetectorsConfig, ReproduceConfig, SearchConfig, resolve
from advgen_ray.config.programs import JOBS
from advgen_ray.costs.plan import plan
from advgen_ray.stages.detectors import attack_names
from advgen_ray.training.foreign_denoisers import DenoiserCard
from tests import shown_of_the_demo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_library_examples_run(capsys: pytest.CaptureFixture[str]):
    """The blocks share one namespace, as a reader would paste them; the last reads what make demo leaves behind."""
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    runnable = [block for block in blocks if "runs/demo" not in block]
    assert len(runnable) == len(blocks) - 1 == 2
    namespace: dict[str, object] = {}
    for block in runnable:
        exec(compile(block, "README.md", "exec"), namespace)
    assert capsys.readouterr().out.count("tensor(") == 3


def test_every_command_asks_for_what_its_job_takes():
    """Recipes and settings as printed, ``--set`` with a name that the job has."""
    commands = re.findall(r"python jobs/(\w+)\.py ((?:.*\\\n)*.*)", README)
    assert len(commands) > 8
    for job, text in commands:
        words = shlex.split(text.replace("\\\n", " "), comments=True)
        given = {key: [b for a, b in itertools.pairwise(words) if a == key] for key in ("--recipe", "--set")}
        config = recipes.find(next(iter(given["--recipe"]), None), JOBS[job])
        assert resolve(config, None, given["--set"]) != config or not given["--set"]


def test_no_printed_command_finds_what_another_has_left_in_its_place():
    """Those of one place compute the same, on however many machines."""
    asked: dict[str, set[str]] = {}
    command = re.compile(r"^    .*(?:jobs/|advgen submit )(\w+)(?:\.py)? (.*output=.*)$", flags=re.MULTILINE)
    for page in ("README.md", "cluster/README.md", "dashboards/README.md"):
        for job, text in command.findall((ROOT / page).read_text().replace("\\\n", " ")):
            words = shlex.split(text, comments=True)
            given = {key: [b for a, b in itertools.pairwise(words) if a == key] for key in ("--recipe", "--set")}
            config = recipes.find(next(iter(given["--recipe"]), None), JOBS[job]).override(given["--set"])
            asked.setdefault(config.output, set()).add(f"{job} {config.digest()}")
    assert len(asked) > 15
    assert not {output: works for output, works in asked.items() if len(works) > 1}


def test_the_search_of_ones_own_asks_for_numbers_that_its_trials_tell(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(re.findall(r"```yaml\n(job:.*?)```", README, flags=re.DOTALL)[0])
    config = resolve(recipes.find(None, SearchConfig), str(tmp_path / "mine.yaml"), [])
    job = config.job_config
    assert isinstance(job, CompareDetectorsConfig)
    told = {
        f"detectors.{detector}.{attack}.auroc"
        for detector in names_of(job.detectors, has_dropout=True)
        for attack in attack_names(job.attacks).values()
    }
    assert {objective.metric for objective in config.objectives} <= told


def test_the_card_of_a_denoiser_is_one():
    cards = re.findall(r"```json\n(.*?)```", README, flags=re.DOTALL)
    assert len(cards) == 1
    assert DenoiserCard(**json.loads(cards[0])).sigma_max == 80


def test_the_citation_is_of_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version("advgen_ray")


def test_every_folder_of_the_tree_is_there():
    tree = README.split("## The tree")[1].split("```")[0]
    names = re.findall(r"^\s+(?:advgen_ray/)?([a-z_]+(?:/|\.py))", tree, flags=re.MULTILINE)
    assert len(names) > 15
    for name in names:
        assert (ROOT / name).exists() or (ROOT / "advgen_ray" / name).exists(), name


def test_no_folder_is_left_out_of_the_tree():
    folders = {path.parent.name for path in (ROOT / "advgen_ray").glob("*/__init__.py")}
    assert all(f"{folder}/" in README for folder in folders)


def test_the_price_of_the_documents_scale_is_the_one_that_the_dry_run_says():
    told = plan(ReproduceConfig(scale="paper"))
    whole, rows = told["total"], {row["row"]: row for row in told["rows"]}
    section = " ".join(README.split("## Row by row")[1].split("\n## ")[0].split())
    evaluations = f"{whole['evaluations']:.1e}".replace("e+", "e")
    assert f"all rows take {evaluations} evaluations of networks at most: {whole['gpu_hours']:.0f} hours" in section
    assert f"{whole['gigabytes']:.0f} GB, {whole['price']:.0f} at 2 an hour" in section
    study, worst_case = (f"{rows[row]['gpu_hours']:.0f}" for row in ("A1", "D7"))
    assert f"is {study} of these hours, worst-case OOD detection (D7) {worst_case}." in section


def test_the_figures_of_the_demo_stand_between_their_marks_and_are_those_of_a_summary():
    model = {"eps": 0.0, "clean_accuracy": 0.5, "pgd_accuracy": 0.25}
    summary = {
        "classifiers": [model],
        "robust_on_counterfactuals": [
            {"same_class_accuracy": 1.0, "different_class_accuracy": 0.125, "source_label_rate": 0.0625}
        ],
        "confidence_vs_distance": [{"r2": 0.28, "r2_low": 0.15, "r2_high": 0.43}],
        "effect": {"value": 0.167, "low": -0.02, "high": 0.3},
        "counterfactuals": {
            "validity_different_class": 0.958, "validity_low": 0.9, "validity_high": 0.97,
            "count_different_class": 1800, "mean_l2_different_class": 1.92, "mean_l2_same_class": 0.66,
        },
        "distance_classifier": {"accuracy": 0.95, "count": 60},
        "energy_detector": {"detection_rate": 0.8, "false_positive_rate": 0.1, "attack_eps": 2.0},
    }  # fmt: skip
    told = shown_of_the_demo.figures(summary)
    assert "| 0 | 50.0% | 25.0% | 100.0% | 12.5% | 6.2% | .28 (.15 to .43) |" in told
    assert "16.7 points more" in told
    assert "-2.0 to +30.0" in told
    assert "57 of 60" in told
    text = shown_of_the_demo.placed(README, told)
    assert told in text
    assert shown_of_the_demo.placed(text, told) == text
    with pytest.raises(ValueError, match="expected one"):
        shown_of_the_demo.placed("# No place", told)
