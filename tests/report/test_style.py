"""One look and one way to name files."""

import pytest

from advgen_ray.report.style import file_name


@pytest.mark.parametrize(
    ("text", "name"),
    [("PGD (8/255)", "pgd-8-255"), ("KD+BU", "kd-bu"), ("one, held", "one-held"), ("l2_mean", "l2-mean"), ("  ", "")],
)
def test_names_become_files(text: str, name: str) -> None:
    assert file_name(text) == name
