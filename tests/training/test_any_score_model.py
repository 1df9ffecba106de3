"""Score models from anywhere: the directory tells what it is, two make a pair, and no file does more than compute."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advgen_ray.diffusion.foreign_scores import denoiser_score
from advgen_ray.diffusion.score_matching import score_from_noise_prediction
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.errors import UserError
from advgen_ray.training.any_score_model import load_score_model
from advgen_ray.training.model_directory import load_model
from tests.models_on_disk import save_classifier, save_score_model
from tests.training.foreign_score_models import SHAPE, random_denoiser, save_denoiser, save_program, save_unet

SDE = VPSDE()
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own: TorchScript is deprecated, buffers are read-only


def _asked(num: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    x_t = torch.randn(num, *SHAPE, generator=torch.Generator().manual_seed(0))
    return x_t, torch.linspace(1, 1e-3, num), torch.arange(num) % 10


@pytest.mark.parametrize("script", [False, True], ids=["exported", "torchscript"])
def test_a_stored_denoiser_gives_the_score_of_the_network_it_was(script: bool, tmp_path: Path) -> None:
    loaded = load_score_model(save_denoiser(tmp_path / "edm", seed=4, script=script), SHAPE, 10)
    assert loaded.card["program"] == ("torchscript" if script else "exported")
    assert (loaded.null_label, loaded.has_null) == (10, False)
    expected = denoiser_score(random_denoiser(seed=4), SDE, num_classes=10)(*_asked())
    torch.testing.assert_close(loaded.score_fn(*_asked()), expected, rtol=1e-4, atol=1e-4)
    x_t, t, y = _asked()
    assert not torch.equal(loaded.score_fn(x_t, t, y), loaded.score_fn(x_t, t, (y + 1) % 10))


def test_our_own_directory_gives_its_own_score_under_its_own_sde(tmp_path: Path) -> None:
    path = save_score_model(tmp_path / "ours", training={"beta_min": 0.2, "beta_max": 15.0})
    loaded, model = load_score_model(path, SHAPE, 10), load_model(path)
    assert (loaded.sde, loaded.digest) == (VPSDE(0.2, 15.0), model.digest)
    expected = score_from_noise_prediction(model.model, VPSDE(0.2, 15.0))(*_asked())
    assert torch.equal(loaded.score_fn(*_asked()), expected)


def test_any_two_make_a_pair_under_one_sde(tmp_path: Path) -> None:
    conditional = save_denoiser(tmp_path / "classes")
    others = {
        "denoiser without classes": save_denoiser(tmp_path / "none", num_classes=0),
        "denoiser with zeros": save_denoiser(tmp_path / "zeros", zero_labels_are_null=True, seed=3),
        "U-Net without classes": save_unet(tmp_path / "unet", num_class_embeds=None),
        "U-Net with a null class": save_unet(tmp_path / "null"),
        "ours": save_score_model(tmp_path / "ours"),
    }
    x_t, t, y = _asked()
    null = torch.full_like(y, 10)
    alone = load_score_model(conditional, SHAPE, 10)
    seen = []
    for name, path in others.items():
        pair = load_score_model(conditional, SHAPE, 10, unconditional=path)
        assert pair.has_null, name
        assert torch.equal(pair.score_fn(x_t, t, y), alone.score_fn(x_t, t, y)), name
        seen.append(pair.score_fn(x_t, t, null))
        assert pair.digest != alone.digest
    assert all(not torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])
    assert torch.equal(seen[-1], load_score_model(others["ours"], SHAPE, 10).score_fn(x_t, t, null))
    ours = save_score_model(tmp_path / "other-sde", training={"beta_min": 0.1, "beta_max": 10.0})
    assert load_score_model(ours, SHAPE, 10, unconditional=others["U-Net without classes"]).sde == VPSDE(0.1, 10.0)
    with pytest.raises(UserError, match="both need one"):
        load_score_model(conditional, SHAPE, 10, unconditional=ours)
    with pytest.raises(UserError, match="expected one without classes or with a null one"):
        load_score_model(conditional, SHAPE, 10, unconditional=conditional)


def test_the_digest_is_of_weights_and_configs_and_of_nothing_else(tmp_path: Path) -> None:
    def digest(path: str) -> str:
        return load_score_model(path, SHAPE, 10).digest

    unet, edm = save_unet(tmp_path / "unet"), save_denoiser(tmp_path / "edm", script=True)
    first = digest(unet), digest(edm)
    (tmp_path / "unet" / "README.md").touch()
    assert (digest(unet), digest(edm)) == first
    assert digest(save_unet(tmp_path / "again")) == first[0]
    assert digest(save_unet(tmp_path / "weights", seed=1)) != first[0]
    assert digest(save_unet(tmp_path / "schedule", beta_end=0.021)) != first[0]
    _set(tmp_path / "edm", sigma_max=79.0)
    assert digest(edm) != first[1]
    _set(tmp_path / "edm", sigma_max=80.0)
    assert digest(edm) == first[1]
    assert digest(save_denoiser(tmp_path / "other", script=True, seed=1)) != first[1]


def test_loading_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unet = save_unet(tmp_path / "unet")

    def refused(*_: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    load_score_model(unet, SHAPE, 10)


def _set(directory: Path, **changes: Any) -> None:
    path = directory / "denoiser.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _refusal(path: str | Path, shape: tuple[int, ...] = SHAPE, num_classes: int = 10) -> str:
    with pytest.raises(UserError) as caught:
        load_score_model(path, shape, num_classes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 5}, "num_classes 5, the images have 10; give a model of this data set"),
        ({"num_classes": -1}, "num_classes: input should be greater than or equal to 0"),
        ({"sigma_max": "80"}, "sigma_max: input should be a valid number"),
        ({"sigma_max": 1.0}, "to alpha 0.707; generation begins where alpha is 0.333 or less"),
        ({"sigma_min": 100.0}, "0 < sigma_min < sigma_max expected"),
        ({"sigma": 1.0}, "sigma: extra inputs are not permitted; a denoiser's card has sigma_min, sigma_max, num_cl"),
        ({"num_classes": 0}, "no score for 1 images of shape [1, 8, 8]"),  # labels would be left out
    ],
)
def test_a_card_that_says_something_else_is_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = save_denoiser(tmp_path / "edm", script=True)
    _set(tmp_path / "edm", **changes)
    assert message in _refusal(path)


class _Sized(nn.Module):
    """Gives images of one channel whatever it is given, as numbers or not."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, sigma: Tensor, class_labels: Tensor) -> Tensor:
        return x[:, :1] * self.value + 0 * sigma[:, None, None, None] + 0 * class_labels.sum()


def test_a_program_of_other_images_or_of_no_numbers_is_refused(tmp_path: Path) -> None:
    edm = tmp_path / "edm"
    save_denoiser(edm, script=True)
    assert "no score for 1 images of shape [3, 8, 8]" in _refusal(edm, shape=(3, 8, 8))
    save_program(_Sized(1.0), edm, 10, script=True)
    assert "the network gives [1, 1, 8, 8] for images [1, 3, 8, 8]" in _refusal(edm, shape=(3, 8, 8))
    save_program(_Sized(float("nan")), edm, 10, script=True)
    assert "values that are not finite at t = 1.0 for label 0" in _refusal(edm)
    (edm / "denoiser.pt").unlink()
    example = (torch.zeros(2, *SHAPE), torch.ones(2), torch.zeros(2, 10))
    torch.export.save(torch.export.export(random_denoiser(), example), edm / "denoiser.pt2")
    assert "a stored program with a batch size that may vary" in _refusal(edm)


def test_programs_that_are_missing_double_or_pickled_are_refused(tmp_path: Path) -> None:
    edm = tmp_path / "edm"
    save_denoiser(edm, script=True)
    torch.save(random_denoiser(), edm / "denoiser.pkl")
    assert "beside denoiser.json; found denoiser.pkl, denoiser.pt" in _refusal(edm)
    (edm / "denoiser.pt").unlink()
    assert "neither a torch.export nor a TorchScript program; pickled networks are not loaded" in _refusal(edm)
    (edm / "denoiser.pkl").unlink()
    assert "expected one program, such as denoiser.pt2, beside denoiser.json; found none" in _refusal(edm)


def test_what_is_no_conditional_score_model_is_refused(tmp_path: Path) -> None:
    assert "no model there" in _refusal(tmp_path / "absent")
    assert "holds a wide_resnet, expected a unet" in _refusal(save_classifier(tmp_path / "classifier"))
    assert "'num_classes': 5}, the images are" in _refusal(save_score_model(tmp_path / "five", num_classes=5))
    ours = save_score_model(tmp_path / "ours")
    assert "made for {'image_shape': [1, 8, 8]" in _refusal(ours, shape=(1, 9, 9))
    assert "a file, expected a directory" in _refusal(Path(ours) / "model.safetensors")
    assert "has no classes; give it as the unconditional model" in _refusal(save_unet(tmp_path / "unet", None))
    assert "has no classes; give it" in _refusal(save_denoiser(tmp_path / "edm", num_classes=0, script=True))
