"""What an ablation leaves: a panel for each setting, and the best one's config, blocks and all."""

from pathlib import Path

import pytest

from advgen_ray.config import SearchConfig, TrainBinaryConfig, resolve
from advgen_ray.config.binary import DescentFromDataConfig
from advgen_ray.distributed.schedules import PROGRESS
from advgen_ray.distributed.tune import Trial
from advgen_ray.stages import search_results


@pytest.mark.parametrize(("more_seeds", "luck"), [((), "0.91:"), ((2,), "0.91 to 0.92:")])
def test_an_ablation_ends_in_a_panel_for_each_setting(more_seeds: tuple[int, ...], luck: str, tmp_path: Path) -> None:
    """Blocks are called by their names in tables, and are blocks again in the best one's config."""
    descent = {"norm": "l2", "eps": 0.25, "num_steps": 5, "step_size": 0.1}
    config = SearchConfig.parse(
        {
            "job": "train_binary",
            "base": {"class_index": 1, "ascent": {"norm": "l2", "eps": 0.5}},
            "space": [
                {"key": "descent", "kind": "choice", "values": [None, descent], "names": ["out only", "combined"]},
                {"key": "augment", "kind": "choice", "values": ["none", "flip_crop"]},
                {"key": "seed", "kind": "choice", "values": [0, 1, *more_seeds]},
            ],
            "objectives": [{"metric": "test_attacked_auc"}, {"metric": "test_clean_auc"}],
            "proposals": "one_by_one",
            "output": str(tmp_path),
        }
    )
    values = {"none": (0.9, 0.99), "combined": (0.95, 0.98), "flip_crop": (0.7, 0.9), "seed 1": (0.91, 0.985)}
    values |= {f"seed {seed}": (0.92, 0.985) for seed in more_seeds}
    trials = [
        Trial(name, given, [{PROGRESS: 1.0, "test_attacked_auc": one, "test_clean_auc": two}], "finished")
        for (name, (one, two)), given in zip(values.items(), config.given(), strict=True)
    ]
    table = search_results.trial_table(trials, config)
    assert table.iloc[0][["trial", "descent", "augment"]].tolist() == ["combined", "combined", "none"]
    search_results.store(table, search_results.summarize(table, config), config)
    best = resolve(TrainBinaryConfig(class_index=1), str(tmp_path / "best.yaml"), [])
    assert best.descent == DescentFromDataConfig(**descent)
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/svg+xml") == 2, "a panel for each setting but the seed"
    assert "descent: combined" in page
    assert f"Other seeds give the base test attacked AUC {luck.rstrip(':')}; test clean AUC 0.985:" in page
    assert "By augment. test attacked AUC: none 0.9, flip crop 0.7" in page
