"""The alert rules under promtool: well-formed, firing on what they are for and on nothing else."""

import subprocess
from pathlib import Path

import yaml

from tests.dashboards.boards import FOLDER, RAY_OWN, alerts, exported, metrics_of

CASES = Path(__file__).with_name("alerts_test.yml")


def test_rules_and_config_are_well_formed(prometheus_programs: Path) -> None:
    for command in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run([prometheus_programs / "promtool", *command], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(alerts())} rules found" in done.stdout


def test_each_fires_on_its_series_and_on_no_healthy_one(prometheus_programs: Path) -> None:
    done = subprocess.run([prometheus_programs / "promtool", "test", "rules", CASES], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_left_untried() -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    for fires in (True, False):
        tried = {case["alertname"] for case in cases if bool(case["exp_alerts"]) == fires}
        assert tried == {alert["alert"] for alert in alerts()}


def test_they_read_metrics_that_are_exported_and_say_what_to_do() -> None:
    for alert in alerts():
        used = metrics_of(alert["expr"])
        assert used
        assert used <= exported() | RAY_OWN | {"up"}, alert["alert"]
        assert alert["labels"]["severity"] in ("warning", "critical")
        assert "{{ $labels." in alert["annotations"]["summary"]
