"""A place belongs to one config: it may come back, from anywhere, and another is told what differs."""

from pathlib import Path

import pytest

from advgen_ray.config import CompareSubsetsConfig
from advgen_ray.errors import UserError
from advgen_ray.stages.ownership import take_output


def test_the_same_work_may_come_back_and_other_work_is_refused(tmp_path: Path) -> None:
    config = CompareSubsetsConfig()
    take_output(config, str(tmp_path), "plan.json", "subset comparison")
    written = (tmp_path / "plan.json").read_bytes()
    take_output(config.override(["pool.max_actors=9"]), str(tmp_path), "plan.json", "subset comparison")
    assert (tmp_path / "plan.json").read_bytes() == written
    with pytest.raises(UserError, match=r"energy_share is 0.13 there, 0.2 here\); choose another --set output="):
        take_output(config.override(["energy_share=0.2"]), str(tmp_path), "plan.json", "subset comparison")
    assert (tmp_path / "plan.json").read_bytes() == written


def test_other_images_or_models_under_the_same_config_are_other_work(tmp_path: Path) -> None:
    def take(digest: str) -> None:
        take_output(CompareSubsetsConfig(), str(tmp_path), "plan.json", "search", {"judge": digest})

    take("0123")
    take("0123")
    with pytest.raises(UserError, match=r"judge is '0123' there, '4567' here"):
        take("4567")


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        take_output(CompareSubsetsConfig(), str(tmp_path / "file" / "out"), "plan.json", "subset comparison")
