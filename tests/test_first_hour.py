"""A user's first hour: own images, classifier and score model by the README's commands as printed, and the wheel."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.foreign_score_models import save_denoiser, save_unet

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
OWN = README.split("## Bring your own")[1].split("\n## ")[0]
COMMANDS = re.findall(r"^    (python jobs/.*)$", OWN, flags=re.MULTILINE)
# What takes minutes else: a study's plan alone, and a shorter training.
SHORTER = {"study": "--dry-run", "train_score_model": "--set num_steps=60 --set optimizer.warmup_steps=20"}
PATHS = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh one, with what its user has."""
    place = tmp_path_factory.mktemp("checkout")
    for part in ("advgen_ray", "jobs"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
    rng = np.random.default_rng(0)
    for split, count in (("train", 160), ("test", 40)):
        labels = np.arange(count) % 2
        images = (rng.integers(0, 128, (count, 12, 12)) + 96 * labels[:, None, None]).astype(np.uint8)
        (place / "my_images").mkdir(exist_ok=True)
        np.savez(place / "my_images" / f"{split}.npz", images=images, labels=labels)
        for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
            path = place / "my_pictures" / split / ("cat", "dog")[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    shapes = ({0: torch.export.Dim("n", min=1)},)
    torch.export.save(
        torch.export.export(classifier, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=shapes), place / "my_classifier.pt2"
    )
    ((own, name),) = re.findall(r"```yaml\n(.*?) +# (\w+\.yaml)\n```", OWN)
    (place / name).write_text(f"{own}\n")
    save_unet(place / "my_unet")
    save_denoiser(place / "my_edm")
    save_denoiser(place / "my_edm_without_classes", num_classes=0)
    return place


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_ones_own_is_taken_as_printed(command: str, checkout: Path) -> None:
    words = shlex.split(command, comments=True)
    words += shlex.split(SHORTER.get(Path(words[1]).stem, ""))
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | PATHS
    done = subprocess.run(
        words, cwd=checkout, env=environment, capture_output=True, text=True, timeout=560, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = next(word.removeprefix("output=") for word in words if word.startswith("output="))
    assert "--dry-run" in words or any((checkout / output).iterdir())


def test_there_is_a_command_for_all_that_can_be_brought() -> None:
    given = " ".join(COMMANDS)
    for what in (
        "my_images",
        "my_images.yaml",
        "my_pictures",
        "my_classifier.pt2",
        "my_unet",
        "my_edm",
        "my_edm_without_classes",
    ):
        assert what in given


@pytest.mark.long
def test_the_wheel_holds_the_package_alone_and_its_maths_start_no_ray(tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("no uv in this environment: the wheel is not built")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "advgen_ray", source / "advgen_ray", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "jobs", source / "jobs")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, source], check=True, timeout=240)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        content.extractall(tmp_path / "installed")
    assert {name.split("/")[0].split("-")[0] for name in names} == {"advgen_ray"}
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "advgen_ray").rglob("*") if path.is_file()}
    assert {name for name in package if "__pycache__" not in name} == {n for n in names if n.startswith("advgen_ray/")}
    assert "advgen_ray/py.typed" in names
    blocks = re.findall(r"```python\n(.*?)```", OWN, flags=re.DOTALL)
    script = "\n".join(
        [*blocks, "import sys; assert not {'ray', 'mlflow'} & set(sys.modules)", "print(torch.__file__)"]
    )
    script += "\nimport advgen_ray; print(advgen_ray.__file__)"
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "installed") in done.stdout
    assert "tensor(" in done.stdout
