"""Draws depend on (seed, purpose, item, step) and on nothing else."""

import numpy as np
import torch

from advgen_ray.rng import Stream


def test_noise_does_not_depend_on_the_batch():
    together = Stream(7, "sampler").normal(["a", "b", "c"], (3, 4, 4), step=5)
    stream = Stream(7, "sampler")
    alone = torch.cat([stream.normal([item], (3, 4, 4), step=5) for item in ("c", "b", "a")]).flip(0)
    assert torch.equal(together, alone)


def test_noise_does_not_depend_on_what_was_drawn_before():
    stream = Stream(7, "sampler")
    first = stream.normal(["a"], (5,), step=2)
    stream.uniform(["a", "z"], (3,), step=9)
    stream.generator("a", 2).random(dtype=np.float32)  # leaves half a 64-bit word behind
    assert torch.equal(first, stream.normal(["a"], (5,), step=2))


def test_every_part_of_the_key_matters():
    base = Stream(7, "sampler").normal(["a"], (8,), step=2)
    others = [
        Stream(8, "sampler").normal(["a"], (8,), step=2),
        Stream(7, "attack").normal(["a"], (8,), step=2),
        Stream(7, "sampler").normal(["b"], (8,), step=2),
        Stream(7, "sampler").normal(["a"], (8,), step=3),
    ]
    assert all(not torch.isclose(base, other).any() for other in others)


def test_steps_do_not_overlap():
    """A long draw at one step must not run into the next step's numbers."""
    stream = Stream(0, "sampler")
    long = stream.uniform(["a"], (100_000,), step=0).flatten()
    following = stream.uniform(["a"], (64,), step=1).flatten()
    assert not torch.isin(following[:8], long).all()


def test_moments():
    noise = Stream(0, "sampler").normal(list(range(200)), (1000,))
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01
    draws = Stream(0, "attack").uniform(list(range(200)), (1000,))
    assert float(draws.min()) >= 0
    assert float(draws.max()) < 1
    assert abs(float(draws.mean()) - 0.5) < 0.01


def test_permutation_covers_all_and_changes_with_the_epoch():
    stream = Stream(3, "order")
    first, second = stream.permutation(100, step=0), stream.permutation(100, step=1)
    assert sorted(first) == list(range(100)) == sorted(second)
    assert (first != second).any()
    assert (first == Stream(3, "order").permutation(100, step=0)).all()


def test_torch_seed_differs_by_step():
    stream = Stream(3, "dropout")
    seeds = {stream.torch_seed(step) for step in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_streams_are_those_of_stored_results():
    """Whoever changes one of these makes other noise than what lies in every finished set and training."""
    stream = Stream(7, "sampler")
    normal, uniform = stream.normal(["test/3"], (3,), step=5)[0], stream.uniform(["test/3"], (3,), step=5)[0]
    assert normal.tolist() == [-0.48676493763923645, 0.4815959334373474, -0.9344436526298523]
    assert uniform.tolist() == [0.26254671812057495, 0.30028724670410156, 0.6766255497932434]
    assert stream.permutation(1000, step=5)[:3].tolist() == [334, 765, 782]
    assert stream.torch_seed(5) == 9034146148918055824
