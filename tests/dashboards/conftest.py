"""Prometheus for the tests of dashboards and alerts."""

from pathlib import Path

import pytest

from tests.dashboards.prometheus import installed


@pytest.fixture(scope="session")
def prometheus_programs() -> Path:
    """The folder of ``prometheus`` and ``promtool``; kept in the user's cache for the next time."""
    programs = installed()
    if programs is None:
        pytest.skip("no prometheus on the PATH, and apt-get download gives none: queries and rules are not tried")
    return programs
