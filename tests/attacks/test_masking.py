"""Each sign of masked gradients is seen where it is put, and none on an honest model."""

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.attacks.apgd import APGD
from advgen_ray.attacks.masking import Probe, probe, probe_warnings, suite_warnings
from advgen_ray.attacks.objectives import margin
from advgen_ray.attacks.suite import STANDING, SuiteAttack, SuiteState, evaluate
from advgen_ray.attacks.suite_attacks import ascent, square
from advgen_ray.attacks.threat_model import Linf

Y = torch.arange(32) % 3


@pytest.fixture
def x() -> Tensor:
    return torch.rand(32, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def honest() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3)).eval()


class Rounded(nn.Module):
    """Sees 3 grey values; its gradient is zero everywhere."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model((2 * x).round() / 2)


class Scaled(Rounded):
    def forward(self, x: Tensor) -> Tensor:
        return 1e5 * self.model(x)


class Detached(Rounded):
    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.detach())


class Noisy(Rounded):
    def forward(self, x: Tensor) -> Tensor:
        return self.model(x + 0.01 * torch.randn_like(x))


def warnings_of(model: nn.Module, x: Tensor, num_classes: int = 3) -> list[str]:
    return probe_warnings(probe(model, x, Y), num_classes)


def test_an_honest_model(honest: nn.Module, x: Tensor) -> None:
    assert probe(honest, x, Y) == Probe(False, 3, 0.0, 0.0, 0.0, 0.0)
    assert warnings_of(honest, x) == []


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (Rounded, "100.0% of the samples have a margin whose input gradient is exactly zero: rounding"),
        (Detached, "100.0% of the samples have a margin whose input gradient is exactly zero: rounding"),
        (Scaled, r"\d+.\d% of the samples have a cross-entropy whose input gradient is exactly zero: logits so large"),
        (Noisy, "differ by up to .* between passes: a randomised defence"),
    ],
)
def test_one_line_for_each_sign(wrap, message: str, honest: nn.Module, x: Tensor) -> None:  # type: ignore[no-untyped-def]
    (line,) = warnings_of(wrap(honest).eval(), x)
    with pytest.raises(ValueError, match=message):
        raise ValueError(line)


def test_a_share_of_flat_samples(honest: nn.Module, x: Tensor) -> None:
    class HalfRounded(Rounded):
        def forward(self, x: Tensor) -> Tensor:
            bright = (x.flatten(1).mean(dim=1) > x.flatten(1).mean(dim=1).median()).view(-1, 1, 1, 1)
            return self.model(torch.where(bright, x, x.round()))

    assert probe(HalfRounded(honest).eval(), x, Y).flat_margin == 0.5


def test_training_mode_and_class_count(honest: nn.Module, x: Tensor) -> None:
    honest[2].train()  # one module is enough
    (line,) = warnings_of(honest, x)
    assert line.startswith("the model was handed over in training mode")
    assert honest[2].training
    (line,) = warnings_of(honest.eval(), x, num_classes=10)
    assert line.startswith("the model gives 3 outputs for 10 classes")
    assert probe(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).eval(), x, Y).num_outputs == 2  # labels 0..2
    with pytest.raises(ValueError, match=r"expected logits \[32, K\], got shape \[32, 16, 3\]"):
        probe(
            nn.Sequential(
                nn.Flatten(2),
                nn.Unflatten(2, (16, 1)),
                nn.Flatten(0, 1),
                nn.Flatten(0),
                nn.Unflatten(0, (32, 16, 1)),
                nn.Linear(1, 3),
            ).eval(),
            x,
            Y,
        )


def test_dropout_kept_on_is_seen(honest: nn.Module, x: Tensor) -> None:
    class AlwaysDropout(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.dropout(x, 0.5, training=True)

    assert probe(nn.Sequential(AlwaysDropout(), honest).eval(), x, Y).forward_difference > 1e-2
    assert probe(nn.Sequential(nn.Dropout(), honest).train(), x, Y).forward_difference == 0


def test_square_beats_attacks_that_see_no_gradient(honest: nn.Module, x: Tensor) -> None:
    """The rounding hides the way from APGD, not from a search; without rounding nothing is left for the search."""
    ball = Linf(0.2)
    attacks = [
        ascent("apgd", 0, lambda noise: APGD(ball, 20, noise), lambda _, y: margin(y)),
        square("square", 0, ball, num_queries=200),
    ]
    lines = {}
    for model in (honest, Rounded(honest).eval()):
        with torch.no_grad():
            y = model(x).argmax(dim=1)
        state = evaluate(model, x, y, [str(i) for i in range(32)], attacks, ball)
        lines[model] = suite_warnings(state, attacks)
    assert lines[honest] == []
    (line,) = lines[model]
    assert line.startswith("square, which sees no gradients, took ")


def test_only_above_two_tenths_of_a_point_and_only_at_the_end() -> None:
    white, black = SuiteAttack("white", lambda *_: x), SuiteAttack("black", lambda *_: x, sees_gradients=False)

    def lines(attacks: list[SuiteAttack], taken: list[int]) -> list[str]:
        fallen_by = torch.full((1000,), STANDING)
        for index in range(len(taken)):
            fallen_by[sum(taken[:index]) : sum(taken[: index + 1])] = index
        names = tuple(attack.name for attack in attacks)
        return suite_warnings(SuiteState(names, fallen_by, torch.zeros(1000, 1), torch.zeros(1000)), attacks)

    assert lines([white, black], [500, 2]) == []
    assert lines([white, black], [0, 3])[0].startswith("black, which sees no gradients, took 0.3% of the samples")
    assert lines([black, white], [500, 0]) == []
    assert lines([white, white], [500, 500]) == []
    assert lines([black], [500]) == lines([black, black], [300, 200]) == [], "nothing saw gradients"
