"""K grows by the clock or by the AUC, never beyond the last, and the end is a rule."""

from typing import Any

import pytest

from advgen_ray.training.progressive import Progression


def _course(progression: Progression, aucs: list[float]) -> tuple[dict[str, Any], list[int]]:
    course: dict[str, Any] = {}
    progression.begin(course)
    seen = []
    for value in aucs:
        seen.append(course["k"])
        progression.update(course, value)
    return course, seen


def test_k_moves_on_after_its_updates_however_the_attack_fares() -> None:
    course, seen = _course(Progression(0, 3, steps_per_k=4), [0.5] * 16)
    assert seen == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    assert course["ended"] == "", "S004's last K has no end"


def test_k_moves_on_early_once_the_mean_over_a_full_window_exceeds_the_threshold() -> None:
    progression = Progression(1, 9, steps_per_k=100, auc_to_advance=0.8, window=3)
    course, seen = _course(progression, [1.0, 1.0, 0.3, 0.9, 0.9, 0.81, 1.0, 1.0, 1.0])
    # Means of three: .77, .73, .70, .87: the window is full and above at the sixth update, and starts anew there.
    assert seen == [1] * 6 + [2] * 3
    assert course["k"] == 3
    assert course["aucs"] == []


def test_a_mean_at_the_threshold_is_not_above_it() -> None:
    _, seen = _course(Progression(1, 9, 100, auc_to_advance=0.75, window=2), [0.75] * 8)
    assert set(seen) == {1}


@pytest.mark.parametrize(
    ("changes", "aucs", "ended"),
    [
        ({"last_k_steps": 3}, [0.5] * 5, "3 updates at K = 2"),
        ({"auc_to_end": 0.9}, [0.5, 0.5, 0.95, 0.95], "mean AUC 0.950 over 2 updates at K = 2"),
        ({"auc_to_end": 0.9}, [0.5, 0.5, 0.95, 0.80], ""),
    ],
)
def test_at_the_last_k_the_end_is_a_rule(changes: dict[str, Any], aucs: list[float], ended: str) -> None:
    course, _ = _course(Progression(1, 2, steps_per_k=2, auc_to_advance=0.99, window=2, **changes), aucs)
    assert course["ended"] == ended


def test_a_course_that_a_checkpoint_brought_goes_on_where_it_was() -> None:
    progression = Progression(0, 5, steps_per_k=3, window=2)
    values = [0.5, 0.9, 0.6, 0.95, 0.95, 0.5, 0.5, 0.5]
    whole, _ = _course(progression, values)
    first, _ = _course(progression, values[:4])
    resumed = dict(first)
    progression.begin(resumed)
    assert resumed == first
    for value in values[4:]:
        progression.update(resumed, value)
    assert resumed == whole
