"""Energy pairs and the detector on a handful of images whose answer is plain."""

import pytest

from advgen_ray.analysis.energies import detector, energy_pair, energy_table
from advgen_ray.analysis.inputs import attack_radii
from advgen_ray.errors import UserError


def images(natural, attacked, fooled=()):
    """Test images t0, t1, ... with these energies; those in ``fooled`` are wrong under attack."""
    rows = [{"image_id": f"t{i}", "energy_x": e, "energy_xy": e + 0.5} for i, e in enumerate(natural)]
    return rows + [
        {"image_id": f"t{i}", "view": "attacked", "energy_x": e, "energy_xy": e + 1.0, "predicted": int(i in fooled)}
        for i, e in enumerate(attacked)
    ]


def test_pairs_hold_the_images_seen_both_ways(energies):
    pair = energy_pair(energies(images([-3.0, -4.0, -5.0], [-6.0, -7.0])), "standard", 0.5)
    assert pair.count == 2
    assert list(pair.natural["energy_x"]) == [-3.0, -4.0]
    assert list(pair.attacked["energy_x"]) == [-6.0, -7.0]


def test_mean_energies(energies):
    row = energy_table([energy_pair(energies(images([-3.0, -5.0], [-6.0, -8.0], fooled=(1,))), "standard", 0.5)]).iloc[
        0
    ]
    assert (row["natural_energy_x"], row["attacked_energy_x"]) == (-4.0, -7.0)
    assert (row["natural_energy_xy"], row["attacked_energy_xy"]) == (-3.5, -6.0)
    assert (row["fooled"], row["count"]) == (0.5, 2)


def test_separated_energies_are_all_found(energies):
    found = detector(energy_pair(energies(images([-3, -4, -3, -4], [-8, -9, -8, -9])), "standard", 0.5))
    assert (found.detection_rate, found.false_positive_rate, found.auc) == (1.0, 0.0, 1.0)
    assert found.energy_threshold == -5.5  # halfway between the fitted half's -3 and -8
    assert (found.num_fitted, found.num_measured) == (2, 2)


def test_rates_come_from_the_half_that_chose_nothing(energies):
    # The images of even rank separate at -5.5; those of odd rank overlap it: one of two natural ones lies below.
    natural, attacked = [-3, -9, -3, -4, -3, -4], [-8, -4, -8, -9, -8, -9]
    found = detector(energy_pair(energies(images(natural, attacked)), "standard", 0.5))
    assert found.energy_threshold == -5.5
    assert found.false_positive_rate == pytest.approx(1 / 3)
    assert found.detection_rate == pytest.approx(2 / 3)
    assert found.num_measured == 3


def test_higher_energy_under_attack_is_not_found(energies):
    """The detector only looks for low energy (S003 eq. 9), and says so by an area below one half."""
    found = detector(energy_pair(energies(images([-8, -9, -8, -9], [-3, -4, -3, -4])), "standard", 0.5))
    assert found.auc == 0.0


def test_one_image_cannot_be_split(energies):
    with pytest.raises(UserError, match="2 attacked test images or more, got 1"):
        detector(energy_pair(energies(images([-3], [-8])), "standard", 0.5))


def test_rows_of_one_attack_are_not_mixed_with_another(energies):
    rows = images([-3.0, -4.0], [-6.0, -7.0])
    stronger = [row | {"energy_x": -20.0, "attack_eps": 2.0} for row in rows if row.get("view") == "attacked"]
    table = energies(rows + stronger)
    assert attack_radii(table) == [0.5, 2.0]
    assert list(energy_pair(table, "standard", 0.5).attacked["energy_x"]) == [-6.0, -7.0]
    assert list(energy_pair(table, "standard", 2.0).attacked["energy_x"]) == [-20.0, -20.0]
