"""Alterations of images: what each keeps, what it changes, and that draws belong to the image."""

import numpy as np
import pytest

from advgen_ray.data.alterations import ALTERATIONS, smoothed, stretched

IMAGES = np.random.default_rng(0).random((5, 3, 8, 6), dtype=np.float32)
IDS = [f"image-{i}" for i in range(5)]


@pytest.mark.parametrize("name", sorted(ALTERATIONS))
def test_images_stay_images_and_another_seed_is_another_draw(name: str) -> None:
    altered = ALTERATIONS[name](IMAGES, IDS, 0)
    assert altered.shape == IMAGES.shape
    assert altered.dtype == np.float32
    assert altered.min() >= 0
    assert altered.max() <= 1
    assert not np.allclose(altered, IMAGES)
    np.testing.assert_array_equal(altered, ALTERATIONS[name](IMAGES, IDS, 0))
    drawn = name in ("shuffled", "mixed")
    assert np.array_equal(altered, ALTERATIONS[name](IMAGES, IDS, 3)) != drawn


def test_shuffled_keeps_every_pixel_and_each_image_its_own_order() -> None:
    altered = ALTERATIONS["shuffled"](IMAGES, IDS, 0)
    for before, after in zip(IMAGES.reshape(5, 3, -1), altered.reshape(5, 3, -1), strict=True):
        assert sorted(map(tuple, before.T)) == sorted(map(tuple, after.T)), "channels of a pixel stay together"
    np.testing.assert_array_equal(ALTERATIONS["shuffled"](IMAGES[2:3], IDS[2:3], 0), altered[2:3])
    same = ALTERATIONS["shuffled"](np.stack([IMAGES[0]] * 2), IDS[:2], 0)
    assert not np.array_equal(same[0], same[1])


def test_the_others_by_hand() -> None:
    corner = np.zeros((1, 1, 4, 4), dtype=np.float32)
    corner[0, 0, 0, 1] = 1
    assert np.argwhere(ALTERATIONS["quarters"](corner, IDS[:1], 0)[0, 0]).tolist() == [[2, 3]]
    np.testing.assert_array_equal(ALTERATIONS["inverted"](corner, IDS[:1], 0), 1 - corner)
    blurred = ALTERATIONS["blurred"](IMAGES, IDS, 0)
    assert (blurred.std(axis=(2, 3)) < 0.6 * IMAGES.std(axis=(2, 3))).all()
    np.testing.assert_allclose(blurred.mean(axis=(2, 3)), IMAGES.mean(axis=(2, 3)), atol=0.02)
    mixed = ALTERATIONS["mixed"](IMAGES, IDS, 0)
    partners = [[j for j in range(5) if np.allclose(mixed[i], (IMAGES[i] + IMAGES[j]) / 2)] for i in range(5)]
    assert sorted(j for found in partners for j in found) == list(range(5)), "every image is one other's partner"
    assert all(found != [i] for i, found in enumerate(partners))


def test_partners_of_mixed_images_belong_to_the_items_and_not_to_their_places() -> None:
    mixed, places = ALTERATIONS["mixed"](IMAGES, IDS, 0), [3, 0, 4, 1, 2]
    moved = ALTERATIONS["mixed"](IMAGES[places], [IDS[place] for place in places], 0)
    np.testing.assert_array_equal(moved, mixed[places])
    renamed = ALTERATIONS["mixed"](IMAGES, [f"other-{i}" for i in range(5)], 0)
    assert not np.array_equal(renamed, mixed)


def test_smooth_noise_reaches_from_zero_to_one() -> None:
    found = stretched(smoothed(IMAGES, 1.0))
    np.testing.assert_allclose(found.min(axis=(1, 2, 3)), 0)
    np.testing.assert_allclose(found.max(axis=(1, 2, 3)), 1)
    steps = np.abs(np.diff(found, axis=3)).mean()
    assert steps < 0.6 * np.abs(np.diff(stretched(IMAGES), axis=3)).mean()
    np.testing.assert_array_equal(stretched(np.ones((1, 1, 2, 2))), 0)
