"""What the README prints runs as printed."""

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

from advgen_ray import recipes
from advgen_ray.config import ReproduceConfig, resolve
from advgen_ray.config.programs import JOBS
from advgen_ray.costs.plan import plan
from advgen_ray.training.foreign_denoisers import DenoiserCard

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


def test_the_card_of_a_denoiser_is_one():
    cards = re.findall(r"```json\n(.*?)```", README, flags=re.DOTALL)
    assert len(cards) == 1
    assert DenoiserCard(**json.loads(cards[0])).sigma_max == 80


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
    section = " ".join(README.split("## Row by row")[1].split("## Run one job")[0].split())
    evaluations = f"{whole['evaluations']:.1e}".replace("e+", "e")
    assert f"all rows take {evaluations} evaluations of networks at most: {whole['gpu_hours']:.0f} hours" in section
    assert f"{whole['gigabytes']:.0f} GB, {whole['price']:.0f} at 2 an hour" in section
    study, worst_case = (f"{rows[row]['gpu_hours']:.0f}" for row in ("A1", "D7"))
    assert f"is {study} of these hours, worst-case OOD detection (D7) {worst_case}." in section
