"""How numbers are written."""

import math

import pytest

from advgen_ray.report import numbers

NAN = math.nan


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.percent(0.98336), "98.3%"),
        (numbers.percent(NAN), "n/a"),
        (numbers.with_interval(0.5, 0.25, 0.75), "50.0% (25.0 to 75.0)"),
        (numbers.with_interval(NAN, NAN, NAN), "n/a"),
        (numbers.points(-0.0751), "7.5 points"),
        (numbers.signed_points(0.0751), "+7.5"),
        (numbers.signed_points(-0.0751), "−7.5"),
        (numbers.decimal(-1.234), "−1.23"),
        (numbers.decimal(math.inf), "n/a"),
        (numbers.signed(0.1, 3), "+0.100"),
        (numbers.decimal(-0.001), "0.00"),
        (numbers.signed(0.001), "0.00"),
        (numbers.signed(-0.001), "0.00"),
        (numbers.signed(-0.01), "−0.01"),
        (numbers.signed(NAN), "n/a"),
        (numbers.count(200000), "200,000"),
        (numbers.counted(1, "seed"), "1 seed"),
        (numbers.counted(0, "seed"), "0 seeds"),
        (numbers.counted(2000, "loss", "losses"), "2,000 losses"),
        (numbers.eps(0.25), "0.25"),
        (numbers.eps(1.0), "1"),
        (numbers.duration(4.04), "4.0 s"),
        (numbers.duration(59.6), "1 min 0 s"),
        (numbers.duration(75), "1 min 15 s"),
        (numbers.duration(3720), "1 h 2 min"),
        (numbers.duration(NAN), "n/a"),
    ],
)
def test_written_form(written, expected):
    assert written == expected
