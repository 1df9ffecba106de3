"""The worst case per sample: counted once, rechecked, the same for every batch size and after every kill."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.cw import CW
from advgen_ray.attacks.fab import FAB
from advgen_ray.attacks.objectives import cross_entropy, margin
from advgen_ray.attacks.pgd import PGD
from advgen_ray.attacks.suite import MISCLASSIFIED, STANDING, SuiteAttack, SuiteState, evaluate
from advgen_ray.attacks.suite_attacks import ascent, fab_targeted, square
from advgen_ray.attacks.threat_model import L2, Linf
from advgen_ray.models.wide_resnet import WideResNet
from tests.attacks.known_models import BrightOrDark, Constant

NUM_SAMPLES = 40
IDS = [f"test/{i}" for i in range(64)]
BALL = L2(0.18)


class KilledError(Exception):
    pass


@pytest.fixture
def model() -> nn.Sequential:
    """Small, not linear, and on the images below right for most labels."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.fixture
def x() -> Tensor:
    return torch.rand(NUM_SAMPLES, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def y(model: nn.Module, x: Tensor) -> Tensor:
    """The predictions, but for every eighth sample."""
    with torch.no_grad():
        y = model(x).argmax(dim=1)
    y[::8] = (y[::8] + 1) % 10
    return y


def real_attacks() -> list[SuiteAttack]:
    """Random starts, targets, black box, minimum norm: one of each kind, too short to break everything."""
    cw = CW(num_steps=30, num_search_steps=3, initial_c=0.3)
    return [
        square("square", 0, BALL, num_queries=5),
        ascent("pgd", 0, lambda noise: PGD(BALL, 2, 0.05, noise), lambda _, y: cross_entropy(y)),
        fab_targeted("fab-t", FAB(2.0, num_steps=1), BALL.eps, rank=0),
        SuiteAttack("cw", lambda model, x, y, _: cw(model, x, y, within=BALL.eps)),
        ascent("apgd", 0, lambda noise: APGD(BALL, 4, noise), lambda _, y: margin(y)),
    ]


class Scripted:
    """Fools the samples it is told to, by a jump to an image of another class; remembers what it was given."""

    def __init__(self, falling: Sequence[int]) -> None:
        self.falling = {IDS[i] for i in falling}
        self.batches: list[list[str]] = []

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, item_ids: Sequence[str]) -> Tensor:
        self.batches.append(list(item_ids))
        return torch.stack(
            [1 - image if name in self.falling else image for image, name in zip(x, item_ids, strict=True)]
        )


def bright_or_dark(num_samples: int, wrong: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    y = torch.arange(num_samples) % 2
    x = torch.where(y == 1, 0.9, 0.1).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone()
    y[list(wrong)] = 1 - y[list(wrong)]
    return x, y


def test_a_copy_of_a_state_is_its_own() -> None:
    state = SuiteState(("pgd",), torch.full((2,), STANDING), torch.zeros(2, 1, 1, 1), torch.zeros(2, dtype=torch.int64))
    copy = state.copy()
    copy.fallen_by[0], copy.x_adv[0], copy.predicted[0] = 0, 1.0, 1
    assert state.fallen_by.tolist() == [STANDING, STANDING]
    assert state.x_adv.sum() == state.predicted.sum() == 0


def test_each_sample_falls_once_and_is_attacked_no_more() -> None:
    x, y = bright_or_dark(20, wrong=[3, 4])
    first, second, third = Scripted([3, 5, 6, 11]), Scripted([5, 7]), Scripted([])
    attacks = [SuiteAttack(name, perturb) for name, perturb in (("a", first), ("b", second), ("c", third))]
    state = evaluate(BrightOrDark(), x, y, IDS[:20], attacks, Linf(1.0), batch_size=6)
    assert {i: int(index) for i, index in enumerate(state.fallen_by) if index != STANDING} == {
        3: MISCLASSIFIED, 4: MISCLASSIFIED, 5: 0, 6: 0, 11: 0, 7: 1
    }  # fmt: skip
    assert [len(batch) for batch in first.batches] == [6, 6, 6]
    assert [len(batch) for batch in second.batches] == [6, 6, 3]  # repacked
    assert [len(batch) for batch in third.batches] == [6, 6, 2]
    assert not {IDS[i] for i in (3, 4, 5, 6, 11)} & {name for batch in second.batches for name in batch}
    fallen = [5, 6, 7, 11]
    assert torch.equal(state.x_adv[fallen], 1 - x[fallen])
    kept = [i for i in range(20) if i not in fallen]
    assert torch.equal(state.x_adv[kept], x[kept])


def test_what_falls_is_told_by_the_pass_that_decided() -> None:
    """A batch of another size, or a GPU's, may take an image on the boundary for another class the next time."""
    calls = 0

    class Wavering(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return 2 * torch.eye(3)[torch.arange(calls, calls + len(x)) % 3] + 0 * x.flatten(1)[:, :1]

    x, y = torch.full((7, 1, 4, 4), 0.5), torch.zeros(7, dtype=torch.int64)
    state = evaluate(Wavering(), x, y, IDS[:7], [SuiteAttack("a", Scripted([]))], Linf(1.0), batch_size=3)
    assert set(state.fallen_by.tolist()) == {MISCLASSIFIED, 0, STANDING}
    assert torch.equal(state.predicted != y, state.fallen_by != STANDING)


def test_one_more_attack_never_raises_the_accuracy(model: nn.Module, x: Tensor, y: Tensor) -> None:
    former = None
    for count in range(len(real_attacks()) + 1):
        state = evaluate(model, x, y, IDS[:NUM_SAMPLES], real_attacks()[:count], BALL)
        if former is not None:
            fell = former.fallen_by != STANDING
            assert torch.equal(state.fallen_by[fell], former.fallen_by[fell])
            assert torch.equal(state.x_adv[fell], former.x_adv[fell])
        former = state
    counts = {int(index): int((state.fallen_by == index).sum()) for index in state.fallen_by.unique()}
    assert counts[MISCLASSIFIED] == 5
    assert counts[0] > 0, "the first took some"
    assert counts[STANDING] > 0
    assert len(counts) > 3, "so did another after it"


def test_killed_at_every_batch_and_resumed(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """As if nothing had happened, bit by bit, and no batch is run twice."""
    ids, attacks, stored = IDS[:NUM_SAMPLES], real_attacks(), []

    def run(num_batches: int, resume: SuiteState | None = None) -> SuiteState:
        left = num_batches

        def kill(state: SuiteState) -> None:
            nonlocal left
            stored.append(state.copy())
            left -= 1
            if left == 0:
                raise KilledError

        return evaluate(model, x, y, ids, attacks, BALL, batch_size=9, resume=resume, on_batch=kill)

    unbroken = run(-1)
    num_batches = len(stored)
    assert num_batches > 15
    assert set(unbroken.fallen_by.tolist()) == {MISCLASSIFIED, STANDING, 0, 1, 2, 3, 4}
    stored.clear()
    for batch in range(num_batches):  # killed after each single batch
        before = stored[-1] if stored else None
        handed_in = before.copy() if before else None
        with pytest.raises(KilledError):
            run(1, handed_in)
        assert len(stored) == batch + 1
        if before and handed_in:
            assert torch.equal(handed_in.fallen_by, before.fallen_by)
            assert handed_in.next_sample == before.next_sample
    finished = run(-1, stored[-1])
    assert len(stored) == num_batches
    assert finished.finished
    assert torch.equal(finished.fallen_by, unbroken.fallen_by)
    assert torch.equal(finished.x_adv, unbroken.x_adv)
    assert torch.equal(finished.predicted, unbroken.predicted)


def test_the_flags_do_not_depend_on_the_batch_size(model: nn.Module, x: Tensor, y: Tensor) -> None:
    flags = [
        evaluate(model, x, y, IDS[:NUM_SAMPLES], real_attacks(), BALL, batch_size=size).fallen_by for size in (1, 7, 64)
    ]
    assert torch.equal(flags[0], flags[1])
    assert torch.equal(flags[1], flags[2])


def test_the_flags_do_not_depend_on_the_company(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """Two halves evaluated apart, as two workers would: noise is keyed by item, not by position."""
    whole = evaluate(model, x, y, IDS[:NUM_SAMPLES], real_attacks(), BALL)
    for rows in (range(0, NUM_SAMPLES, 2), range(1, NUM_SAMPLES, 2)):
        part = evaluate(model, x[rows], y[rows], [IDS[i] for i in rows], real_attacks(), BALL)
        assert torch.equal(part.fallen_by, whole.fallen_by[list(rows)])


def test_an_attack_that_fails_the_recheck_leaves_the_sample_to_the_next() -> None:
    x, y = bright_or_dark(4)
    too_far, near_enough = Scripted([0, 1]), Scripted([2])
    attacks = [SuiteAttack("far", too_far), SuiteAttack("near", near_enough)]
    state = evaluate(BrightOrDark(), x, y, IDS[:4], attacks, Linf(0.5))
    assert state.fallen_by.tolist() == [STANDING] * 4
    assert near_enough.batches == [IDS[:4]]
    assert torch.equal(state.x_adv, x)


def test_a_constant_model_stands(x: Tensor) -> None:
    y = torch.zeros(NUM_SAMPLES, dtype=torch.int64)
    state = evaluate(Constant(3.0, -1.0, *[0.0] * 8), x, y, IDS[:NUM_SAMPLES], real_attacks(), BALL)
    assert (state.fallen_by == STANDING).all()


def test_the_model_is_left_as_it_was(wide_resnet: WideResNet) -> None:
    """In training mode, with dropout and batch norm: the flags of evaluation mode, and not a bit moved."""
    x = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        y = wide_resnet.eval()(x).argmax(dim=1)
    expected = evaluate(wide_resnet, x, y, IDS[:12], real_attacks(), BALL)
    wide_resnet.train()
    before = {name: value.clone() for name, value in wide_resnet.state_dict().items()}
    images = x.clone()
    state = evaluate(wide_resnet, x, y, IDS[:12], real_attacks(), BALL)
    assert torch.equal(state.fallen_by, expected.fallen_by)
    assert wide_resnet.training
    assert all(torch.equal(value, before[name]) for name, value in wide_resnet.state_dict().items())
    assert all(p.grad is None for p in wide_resnet.parameters())
    assert torch.equal(x, images)


def test_mistakes_in_one_line(model: nn.Module, x: Tensor, y: Tensor) -> None:
    attacks, ids = real_attacks(), IDS[:NUM_SAMPLES]
    with pytest.raises(ValueError, match=r"labels must lie in 0..9, the model's classes, got \d to 1\d"):
        evaluate(model, x, y + 9, ids, attacks, BALL)
    with pytest.raises(ValueError, match="remove its softmax"):
        evaluate(nn.Sequential(model, nn.Softmax(dim=1)), x, y, ids, attacks, BALL)
    with pytest.raises(ValueError, match="as many labels and item ids as images, got 40, 40, 64"):
        evaluate(model, x, y, IDS, attacks, BALL)
    with pytest.raises(ValueError, match="two attacks of one name"):
        evaluate(model, x, y, ids, attacks + attacks[:1], BALL)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        evaluate(model, x, y, ids, attacks, BALL, batch_size=0)
    state = evaluate(model, x, y, ids, [], BALL)
    assert (state.fallen_by == MISCLASSIFIED).sum() == 5
    with pytest.raises(ValueError, match="cannot go on"):
        evaluate(model, x, y, ids, attacks, BALL, resume=state)
    with pytest.raises(ValueError, match="cannot go on"):
        evaluate(model, x[:9], y[:9], ids[:9], [], BALL, resume=state)
    with pytest.raises(ValueError, match="cannot go on"):
        evaluate(model, x, y, ids, [], BALL, resume=replace(state, names=("other",)))
