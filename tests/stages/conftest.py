"""Models that the stages of a search over counterfactuals are given."""

from pathlib import Path

import pytest

from tests.models_on_disk import save_classifier, save_score_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ``score_model`` and ``judge/model``."""
    root = tmp_path_factory.mktemp("models")
    save_score_model(root / "score_model")
    save_classifier(root / "judge" / "model")
    return root
