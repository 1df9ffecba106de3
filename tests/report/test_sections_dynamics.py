"""The sections on training: recorded energies, and TRADES as energies."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from advgen_ray.report.page import panels_of
from advgen_ray.report.sections_dynamics import dynamics_section, trades_section


@pytest.fixture
def rows() -> pd.DataFrame:
    """Energies fall by 2 an epoch, and the attack moves them by -1 and +3."""
    table = []
    for epoch in (1, 2):
        for image in range(12):
            energy = -2.0 * epoch + 0.1 * image
            table.append(
                {
                    "epoch": epoch, "item_id": f"i{image:02}", "label": image % 3, "natural_energy_x": energy,
                    "natural_energy_xy": energy + 0.5, "attacked_energy_x": energy - 1.0,
                    "attacked_energy_xy": energy + 3.5,
                }
            )  # fmt: skip
    return pd.DataFrame(table)


def test_dynamics_by_hand(rows: pd.DataFrame) -> None:
    section = dynamics_section(rows, ["a", "b", "c"])
    assert "goes from −1.45 to −3.45" in section.sentences[0]
    assert "moves it by −1.00" in section.sentences[0]
    assert len(panels_of([section])) == 2 + 2
    table = section.blocks[-1]
    assert table.rows[1][:3] == ["2", "−3.45", "−4.45"]
    assert table.rows[1][-1] == f"{np.hypot(1, 3):.2f}"


@pytest.mark.parametrize(
    ("worst", "told"),
    [
        (3e-6, "The identity held to 1e-05 in every epoch, the largest mean relative error being 3.0e-06."),
        (3e-2, "The identity did not hold to 1e-05 in every epoch, the largest mean relative error being 3.0e-02."),
    ],
)
def test_trades_terms_and_whether_the_identity_held(worst: float, told: str) -> None:
    history: list[dict[str, Any]] = [
        {"epoch": epoch, "natural_loss": 1.0 / epoch, "kl": 0.3, "kl_conditional": 0.5, "kl_marginal": -0.2,
         "trades_identity_error": error}
        for epoch, error in ((1, worst), (2, 1e-7))
    ]  # fmt: skip
    card = {"history": [{"epoch": 0}, *history], "training": {"loss": "trades", "beta": 6.0}}
    section = trades_section(card)
    assert section is not None
    assert "0.500 and −0.200" in section.sentences[0]
    assert section.sentences[1] == told
    assert len(panels_of([section])) == 1


def test_a_loss_without_the_divergence_has_no_terms() -> None:
    card = {"history": [{"epoch": 1, "train_accuracy": 0.5}], "training": {"loss": "sat", "beta": 6.0}}
    assert trades_section(card) is None
