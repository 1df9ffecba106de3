"""Logits for invented energies."""

import numpy as np
import pandas as pd


def invent_logits(rows: pd.DataFrame) -> list[np.ndarray]:
    """Ten a row, highest at its prediction, the same ones for the same row: energies are stored and compared."""
    predicted = 4 * np.eye(10)[rows["predicted"]]
    draws = np.random.default_rng(0).normal(size=(64, 10))
    return list((predicted + draws[np.round(1e6 * rows["confidence"]).astype(int) % 64]).astype(np.float32))
