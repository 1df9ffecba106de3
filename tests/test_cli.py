"""The advgen command: light to start, one line for a mistake, and each subcommand reaches what it names."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from advgen_ray import cli, recipes
from advgen_ray.config import StudyConfig
from advgen_ray.config.programs import JOBS

ROOT = Path(__file__).parent.parent


def refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line on stderr of a command that ends with code 2."""
    assert cli.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("advgen: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from advgen_ray.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'ray', 'mlflow', 'pydantic', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("demo", "recipes", "submit", "report", "validate"):
        assert f"\n    {command}" in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("advgen 0.")


def test_recipes_are_listed_with_their_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes"]) == 0
    captured = capsys.readouterr()
    rows = [line.split(maxsplit=2) for line in captured.out.splitlines()]
    assert set(re.findall(r"\bS\d{3}\b", captured.out)) <= set(re.findall(r"S\d{3}", captured.err)), "what is meant"
    assert {name for name, _, _ in rows} == {recipe.name for recipe in recipes.listing()}
    assert next(job for name, job, _ in rows if name == "cifar10_counterfactuals") == "generate_counterfactuals"


def test_a_recipe_prints_as_the_yaml_that_a_job_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes", "digits_study"]) == 0
    assert StudyConfig.parse(yaml.safe_load(capsys.readouterr().out)) == recipes.find("digits_study", StudyConfig)


def test_every_program_of_jobs_can_be_submitted() -> None:
    found = {}
    for path in (ROOT / "jobs").glob("*.py"):
        call = next(
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "run_job"
        )
        assert isinstance(call.args[0], ast.Name)
        found[path.stem] = call.args[0].id
    assert found == {job: config_type.__name__ for job, config_type in JOBS.items()}


def test_demo_is_its_recipe_with_the_settings_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[StudyConfig] = []

    def run(config: StudyConfig) -> dict[str, Any]:
        asked.append(config)
        return {}

    monkeypatch.setattr("advgen_ray.stages.study.run", run)
    assert cli.main(["demo", "--set", "judge_seed=5"]) == 0
    expected = recipes.find("digits_demo", StudyConfig).override(["judge_seed=5"])
    assert asked == [expected]
    assert expected.output == "runs/demo"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["recipes", "digit_study"], "did you mean 'digits_study'"),
        (["report", "nowhere"], "no finished study here"),
        (["validate", "nowhere"], "no result set here"),
        (["submit", "train_clasifier"], "did you mean 'train_classifier'"),
        (["submit", "train_classifier", "--set", "sed=1"], "did you mean 'seed'"),
        (["submit", "train_classifier", "--address", "127.0.0.1:8265"], "such as http://127.0.0.1:8265"),
        (["demo", "--set", "epsilon=[0]"], "unknown key 'epsilon'"),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: list[str], words: str
) -> None:
    monkeypatch.chdir(ROOT)
    if argv[0] == "demo":  # the job's frame speaks
        assert cli.main(argv) == 2
        assert words in capsys.readouterr().err
    else:
        assert words in refusal(capsys, *argv)


def test_reproduce_says_what_rows_would_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "--rows", "A1,C9", "--scale", "paper", "--seeds", "2", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "num_seeds: 2" in said
    assert "gpu_hours" in said
    assert cli.main(["reproduce", "--rows", "A9", "--dry-run"]) == 2
    assert "rows: no row 'A9'; did you mean" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce"])
    capsys.readouterr()
    for rows in ("", " ,"):  # a variable of the shell that is not set is not every row
        assert f"--rows {rows!r}: no row" in refusal(capsys, "reproduce", "--rows", rows, "--dry-run")
