"""Radii in the units of 0..255 are refused wherever a config has a ball, by the key that it has there."""

import pytest

from advgen_ray.config import (
    CompareRobustnessConfig,
    Config,
    DataConfig,
    EvaluateDetectionConfig,
    EvaluateOneVsRestConfig,
    EvaluateOODConfig,
    EvaluateRobustnessConfig,
    RestoreImagesConfig,
    SynthesizeConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
)
from advgen_ray.config.attacks import check_ball
from advgen_ray.errors import UserError

BINARY = TrainBinaryConfig(class_index=3)
L2_ASCENT = "ascent={norm: l2, eps: 1.0}"


@pytest.mark.parametrize(
    ("base", "settings", "key"),
    [
        (TrainClassifierConfig(), ["attack={eps: EPS}"], "eps"),
        (TrainClassifierConfig(), ["outliers={attack: {eps: EPS}}"], "eps"),
        (BINARY, ["ascent={norm: l2, eps: EPS}"], "ascent.eps"),
        (BINARY, ["descent={norm: l2, eps: EPS}"], "descent.eps"),
        (BINARY, [L2_ASCENT, "validation={eps: EPS}"], "validation.eps"),
        (SynthesizeConfig(), ["ascents=[{norm: l2, eps: EPS}]"], "ascents.eps"),
        (RestoreImagesConfig(), ["ascent={norm: l2, eps: EPS}"], "ascent.eps"),
        (EvaluateOneVsRestConfig(), ["attacks=[{norm: l2, eps: EPS}]"], "attacks.eps"),
        (EvaluateDetectionConfig(), ["attacks=[{norm: l2, eps: EPS}]"], "attacks.eps"),
        (EvaluateOODConfig(), ["attack={eps: EPS}"], "attack.eps"),
        (EvaluateRobustnessConfig(), ["eps=EPS"], "eps"),
        (CompareRobustnessConfig(), ["radii=[0.5, EPS]"], "radii"),
    ],
)
def test_a_radius_of_another_unit_is_refused(base: Config, settings: list[str], key: str) -> None:
    def given(eps: float) -> list[str]:
        return [setting.replace("EPS", str(eps)) for setting in settings]

    with pytest.raises(
        UserError, match=rf"{key} is in \[0, 1\] pixel units, got 80\.0, beyond half the diagonal of a "
    ):
        base.override(given(80.0))
    assert base.override(given(3.9)) != base


@pytest.mark.parametrize(
    ("base", "setting"),
    [
        (BINARY, "ascent={norm: linf, eps: 8.0}"),
        (BINARY, "descent={norm: linf, eps: 8.0}"),
        (SynthesizeConfig(), "ascents=[{norm: linf, eps: 8.0}]"),
        (EvaluateOneVsRestConfig(), "attacks=[{norm: linf, eps: 8.0}]"),
        (EvaluateOODConfig(), "attack={norm: linf, eps: 8.0}"),
    ],
)
def test_of_linf_so_is_anything_beyond_one(base: Config, setting: str) -> None:
    with pytest.raises(UserError, match=r"eps is in \[0, 1\] pixel units, got 8\.0; of 255 that would be 0\.03137"):
        base.override([setting])


def test_images_of_a_users_have_no_size_to_compare_with() -> None:
    check_ball("l2", 80.0, DataConfig(name="npz"))
    check_ball("unconstrained", None, DataConfig())
    with pytest.raises(ValueError, match=r"radius must be zero or positive, got -1\.0"):
        check_ball("l2", -1.0, DataConfig(), "radius")
