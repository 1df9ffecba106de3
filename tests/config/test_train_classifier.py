"""The config of a robust training: models of several kinds, and settings that do not fit together."""

import pytest

from advgen_ray.config import (
    PreActResNetConfig,
    ResNetConfig,
    StudyConfig,
    TrainClassifierConfig,
    WideResNetConfig,
    resolve,
)
from advgen_ray.errors import UserError


def test_a_model_without_a_kind_is_a_wide_resnet(tmp_path):
    assert resolve(TrainClassifierConfig(), None, ["model={depth: 16}"]).model == WideResNetConfig(depth=16)
    file = tmp_path / "mine.yaml"
    file.write_text("model: {depth: 10, widen_factor: 1}\n")
    assert resolve(TrainClassifierConfig(), str(file), []).model == WideResNetConfig(depth=10, widen_factor=1)


def test_another_kind_is_given_whole(tmp_path):
    config = resolve(TrainClassifierConfig(), None, ["model={kind: resnet, stem: imagenet}", "model.depth=50"])
    assert config.model == ResNetConfig(depth=50, stem="imagenet")
    assert TrainClassifierConfig.parse(config.model_dump(mode="json")) == config
    file = tmp_path / "mine.yaml"
    file.write_text("model: {kind: preact_resnet, base_channels: 32}\nattack: {kind: pgd, eps: 0.25}\n")
    config = resolve(TrainClassifierConfig(), str(file), [])
    assert config.model == PreActResNetConfig(base_channels=32)
    assert config.attack.num_steps == TrainClassifierConfig().attack.num_steps  # all attacks have the same keys


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.dept=16", "model.dept: unknown key 'dept'; did you mean 'depth'?"),
        ("model={kind: resnet, stm: imagenet}", "model.stm: unknown key 'stm'; did you mean 'stem'?"),
        ("model.kind=resnet", "model.widen_factor: unknown key 'widen_factor'"),
        ("model={kind: resnet, depth: 20}", "model.depth: input should be 18, 34 or 50, got 20"),
        (
            "model={kind: vit}",
            "model: kind must be wide_resnet, resnet, preact_resnet, two_conv or discriminator, got {'kind': 'vit'}",
        ),
        ("loss=trade", "loss: input should be 'sat', 'trades', 'mart', 'mail_trades', 'weat_adv' or 'weat_nat'"),
        ("beta=-1", "beta: input should be greater than or equal to 0"),
        ("evaluation_attack.kind=cw", "evaluation_attack.kind: training attacks with pgd, got cw"),
        ("attack.objective=kl", "its loss chooses the objective; got kl"),
        ("attack.num_restarts=3", "3 restarts"),
        ("evaluation_attack.targeted=true", "evaluation_attack.targeted: training attacks away from the label"),
        ("optimizer.cycle_momentum=true", "cycle_momentum needs sgd and one_cycle, got adam and constant"),
        ("record_energies_at_epochs=[0, 101]", "101 is beyond num_epochs 100"),
    ],
)
def test_a_mistake_is_one_line(assignment: str, message: str):
    with pytest.raises(UserError) as raised:
        resolve(TrainClassifierConfig(), None, [assignment])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "settings"), [("eps_warmup_epochs", []), ("mail_burn_in_epochs", ["loss=mail_trades", "attack.start=near"])]
)
def test_a_training_does_not_end_before_it_is_what_it_says(key: str, settings: list[str]):
    with pytest.raises(UserError, match=f"{key}=12: num_epochs is 12, so that .*; lower it"):
        resolve(TrainClassifierConfig(), None, [*settings, "num_epochs=12", f"{key}=12"])
    resolve(TrainClassifierConfig(), None, [*settings, "num_epochs=13", f"{key}=12"])
    resolve(TrainClassifierConfig(), None, [*settings, "num_epochs=12", f"{key}=12", "attack.eps=0.0"])


def test_the_constants_of_a_loss_are_asked_of_that_loss_alone():
    resolve(TrainClassifierConfig(), None, ["num_epochs=20", "loss=trades", "mail_burn_in_epochs=75"])


def test_a_divergence_is_attacked_from_noise():
    with pytest.raises(UserError, match=r"attack\.start: weat_nat attacks a divergence that is flat at the image"):
        resolve(TrainClassifierConfig(), None, ["attack.start=image", "loss=weat_nat"])
    resolve(TrainClassifierConfig(), None, ["attack.start=image", "loss=mart"])


def test_energies_are_recorded_under_attack():
    with pytest.raises(UserError, match=r"attack\.eps is 0"):
        resolve(TrainClassifierConfig(), None, ["record_energies_at_epochs=[1]", "attack.eps=0.0"])


def test_a_mistake_in_the_model_of_a_study_is_named_by_its_own_level():
    with pytest.raises(UserError, match=r"classifier\.model\.dept: unknown key 'dept'; did you mean 'depth'"):
        resolve(StudyConfig(), None, ["classifier.model.dept=10"])


def test_what_is_left_out_is_computed_and_where_it_is_written_is_not():
    config = TrainClassifierConfig()
    assert resolve(config, None, ["exclude=/elsewhere/ids.json"]).digest() == config.digest()
    assert resolve(config, None, ["exclude_digest=0123456789abcdef"]).digest() != config.digest()
    assert resolve(config, None, ["model={kind: resnet}"]).digest() != config.digest()
