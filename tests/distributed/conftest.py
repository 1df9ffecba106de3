"""Models that every test of a map job may read."""

import pytest

from tests.models_on_disk import save_classifier, save_score_model


@pytest.fixture(scope="session")
def score_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model directory."""
    return save_score_model(tmp_path_factory.mktemp("score_model") / "model")


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two classifiers, called eps-0.0 and eps-0.5."""
    root = tmp_path_factory.mktemp("classifiers")
    return save_classifier(root / "eps-0.0" / "model"), save_classifier(root / "eps-0.5" / "model", eps=0.5, seed=7)


@pytest.fixture(scope="session")
def trained_classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A classifier worth attacking."""
    return save_classifier(tmp_path_factory.mktemp("trained") / "model", num_steps=60)
