"""Every row is in exactly one shard, in the promised order."""

import numpy as np
import pytest

from advgen_ray.distributed.plans import CounterfactualPlan, DetectorGroup, detector_groups, energy_groups


@pytest.mark.parametrize("shard_images", [1, 7, 60, 1000])
def test_shards_hold_every_key_once_in_item_order(shard_images: int) -> None:
    plan = CounterfactualPlan(num_sources=5, num_classes=4, replicates=3, shard_images=shard_images)
    keys = [key for index in range(plan.num_shards) for key in zip(*plan.keys(plan.rows(index)), strict=True)]
    assert keys == [(source, target, replicate) for source in range(5) for target in range(4) for replicate in range(3)]
    assert plan.num_rows == len(keys)


def test_a_shard_of_millions_of_rows_costs_no_more_than_itself() -> None:
    plan = CounterfactualPlan(num_sources=10**9, num_classes=100, replicates=2, shard_images=3)
    source, target, replicate = plan.keys(plan.rows(plan.num_shards - 1))
    np.testing.assert_array_equal(source, [10**9 - 1] * len(source))
    np.testing.assert_array_equal(target[-1:], [99])
    np.testing.assert_array_equal(replicate[-1:], [1])


def test_groups_cover_every_classifier_view_set_and_image() -> None:
    groups = energy_groups(2, {"train": 25, "test": 10}, ("test",), 2, {"main": 2}, shard_images=10)
    of_first = [(g.view, g.image_set, g.start, g.stop, g.attack) for g in groups if g.classifier == 0]
    assert of_first == [
        ("clean", "train", 0, 10, None),
        ("clean", "train", 10, 20, None),
        ("clean", "train", 20, 25, None),
        ("clean", "test", 0, 10, None),
        ("attacked", "test", 0, 10, 0),
        ("attacked", "test", 0, 10, 1),
        ("counterfactual", "main", 0, 1, None),
        ("counterfactual", "main", 1, 2, None),
    ]
    assert len(groups) == 16
    assert [g.classifier for g in groups] == [0] * 8 + [1] * 8


def test_a_detector_reads_its_own_images_and_those_of_others_under_every_attack() -> None:
    groups = detector_groups([3, 5], [7, 4], num_attacks=2, shard_images=4)
    assert groups[:5] == [DetectorGroup(0, None, 0, 3)] + [
        DetectorGroup(0, attack, start, stop) for attack in (0, 1) for start, stop in ((0, 4), (4, 7))
    ]
    of_second = [(group.attack, group.start, group.stop) for group in groups[5:]]
    assert of_second == [(None, 0, 4), (None, 4, 5), (0, 0, 4), (1, 0, 4)]
