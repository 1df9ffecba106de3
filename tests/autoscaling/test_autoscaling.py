"""A pool makes a cluster grow, survives a node, and lets it shrink to nothing: on Ray's own autoscaler."""

from pathlib import Path

import pytest

from tests.autoscaling.figure import timeline_panel
from tests.autoscaling.run import Look, watch, wrong


@pytest.mark.ray
@pytest.mark.long
def test_a_pool_takes_gpu_nodes_as_it_grows_and_gives_them_back(tmp_path: Path) -> None:
    looks, config = watch(tmp_path, num_nodes=2, num_sources=40)
    assert wrong(looks, config, num_nodes=2) == "", looks


def test_the_figure_says_what_it_shows() -> None:
    looks = [Look(0.0, 0, 0, 0, "job started"), Look(20.0, 2, 2, 5, "a node killed"), Look(60.0, 0, 0, 9, "job ended")]
    panel = timeline_panel(looks)
    assert panel.alt == "GPU nodes from 0 to 2 and back to 0: a node killed after 20 s, job ended after 60 s."
    assert all(one.event.encode() in panel.svg for one in looks)
