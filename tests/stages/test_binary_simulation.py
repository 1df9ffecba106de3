"""Binary AT in the plane, end to end in this process: S004's claims, the page, and what a second run does."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from advgen_ray.config import MaximinConfig, MinimaxConfig, SimulateBinaryTrainingConfig
from advgen_ray.job import run_job
from advgen_ray.stages import binary_simulation

Finished = tuple[SimulateBinaryTrainingConfig, dict[str, Any]]
SMALL: dict[str, Any] = {
    "batch_size": 100,
    "maximin": MaximinConfig(num_updates=120),
    "minimax": MinimaxConfig(num_moves=80, updates_per_move=10),
    "num_frames": 3,
    "grid_size": 33,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    config = SimulateBinaryTrainingConfig(output=str(tmp_path_factory.mktemp("simulation") / "out"), **SMALL)
    return config, binary_simulation.run(config)


def case_of(summary: dict[str, Any], problem: str, p0: str) -> dict[str, Any]:
    (found,) = [case for case in summary["cases"] if (case["problem"], case["p0"]) == (problem, p0)]
    return found


def test_with_a_diverse_p0_d_is_half_on_the_data_and_has_no_spurious_maximum(finished: Finished) -> None:
    """S004 proposition 1 and figure 2.1, left."""
    case = case_of(finished[1], "maximin", "diverse")
    assert case["mean_on_data"] == pytest.approx(0.5, abs=0.05)
    assert case["std_on_data"] < 0.02
    assert case["num_maxima_untrained"] >= 3
    assert case["num_spurious"] == 0
    assert case["highest_off_support"] <= 0.55


def test_with_a_concentrated_p0_maxima_remain_that_no_sample_met(finished: Finished) -> None:
    """S004 figure 2.1, right."""
    case = case_of(finished[1], "maximin", "concentrated")
    assert case["num_spurious"] >= 1
    assert case["spurious_heights"][0] > 0.7


def test_minimax_brings_the_samples_to_the_data(finished: Finished) -> None:
    """S004 figure 2.2; how exactly depends on the number of moves."""
    for p0 in ("diverse", "concentrated"):
        case = case_of(finished[1], "minimax", p0)
        assert case["energy_distance"] < 0.25 * case["energy_distance_first"]


def test_page_and_summary_say_the_same(finished: Finished) -> None:
    config, summary = finished
    output = Path(config.output)
    assert sorted(path.name for path in output.iterdir()) == ["cases", "plan.json", "report.html", "summary.json"]
    assert json.loads((output / "summary.json").read_text()) == summary
    html = (output / "report.html").read_text()
    held = sum(claim["holds"] for claim in summary["claims"])
    assert f"{held} of {len(summary['claims'])} claims of Yin 2022 hold here" in html
    assert f"{case_of(summary, 'maximin', 'concentrated')['mean_on_data']:.3f}" in html
    assert html.count('class="moving" src="data:image/png;base64,') == html.count('class="still"') == 4
    assert html.count('src="data:image/svg+xml;base64,') == 8
    assert html.count("Moving picture: ") == 8, "each tells what it shows, moving and at rest"
    assert "prefers-reduced-motion" in html
    assert "<script" not in html
    with np.load(output / "cases" / "maximin-diverse.npz") as arrays:
        assert arrays["step"].tolist() == [0, 60, 120]


def test_a_second_run_computes_what_is_missing_and_leaves_the_same_bytes(
    finished: Finished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, summary = finished
    output = Path(config.output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    (output / "cases" / "minimax-concentrated.npz").unlink()
    assert binary_simulation.run(config) == summary
    assert capsys.readouterr().out.count(" done in ") == 1
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before

    def refuse(*_: object) -> None:
        raise AssertionError("a finished case is computed again")

    monkeypatch.setattr(binary_simulation, "simulate", refuse)
    assert binary_simulation.run(config) == summary
    assert "is complete, nothing to compute" in capsys.readouterr().out


def test_a_movie_has_every_frame_and_ends_on_its_still(finished: Finished) -> None:
    html = (Path(finished[0].output) / "report.html").read_text()
    moving, still = (
        [Image.open(io.BytesIO(base64.b64decode(found)))
         for found in re.findall(rf'class="{kind}" src="data:image/png;base64,([^"]+)"', html)]
        for kind in ("moving", "still")
    )  # fmt: skip
    for movie, last in zip(moving, still, strict=True):
        assert movie.n_frames == 3
        frames = []
        for index in range(3):
            movie.seek(index)
            frames.append(np.asarray(movie.convert("RGB"), dtype=int))
        assert np.abs(frames[0] - frames[2]).max() > 50
        assert np.array_equal(frames[2], np.asarray(last.convert("RGB"), dtype=int))
        assert frames[2][0, 0].min() > 248, "paper stays white in the palette"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["seed=1"], "seed is 0 there, 1 here"),
        (["maximin.num_updates=12", "output=elsewhere"], "num_frames: 21 states are to be kept, the shorter problem"),
        (["data_sigma=0.2", "output=elsewhere"], "data_sigma: "),
        (["maximin.step=0.1", "output=elsewhere"], "unknown key 'step'; did you mean 'step_size'?"),
        (["minimax.step_size=0", "output=elsewhere"], "minimax.step_size: "),
    ],
)
def test_a_mistake_is_one_line(
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text((finished[0] if len(settings) == 1 else SimulateBinaryTrainingConfig()).to_yaml())
    words = [word for setting in settings for word in ("--set", setting)]
    assert run_job(SimulateBinaryTrainingConfig, binary_simulation.run, ["--config", str(file), *words]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_case_is_named(finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = finished[0].model_copy(update={"output": str(tmp_path)})
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "minimax-diverse.npz").write_bytes(b"no arrays")
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    assert run_job(SimulateBinaryTrainingConfig, binary_simulation.run, ["--config", str(file)]) == 2
    line = capsys.readouterr().err
    assert "minimax-diverse.npz: unreadable" in line
    assert line.count("\n") == 1
