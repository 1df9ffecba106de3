"""Real jobs on a real head, scraped by a real Prometheus: every panel finds data, every alert rule loads."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from advgen_ray.config import Config, PoolConfig
from advgen_ray.distributed.own_head import free_ports
from tests.dashboards.boards import FOLDER, GPU_PANELS, RAY_GPU, alerts, metrics_of, queries
from tests.dashboards.prometheus import Prometheus
from tests.local_head import local_head
from tests.models_on_disk import choice, generate_config, save_classifier, save_score_model, search_config
from tests.small_training import classifier_config

pytestmark = [pytest.mark.long, pytest.mark.ray]

ROOT = FOLDER.parent
# Unless told Ray reports every ten seconds, longer than some of these workers live, and starts a worker a CPU at once.
SYSTEM = {"metrics_report_interval_ms": 2000, "prestart_worker_first_driver": False}
NUM_SOURCES, NUM_CLASSES, EVALUATIONS = 120, 10, 20  # ten steps of the sampler, each guided
JOBS_SECONDS = 600


class Scraped(NamedTuple):
    """A Prometheus that has seen the jobs, when they began, and where they stored their results."""

    prometheus: Prometheus
    begin: float
    folder: Path

    def last(self, expr: str) -> float:
        """The latest value of a query that gives one series."""
        (one,) = self.prometheus.series(expr, self.begin)
        return one[1][-1]


@pytest.fixture(scope="module")
def scraped(prometheus_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A head, a Prometheus, and three jobs: together they export all there is."""
    folder = tmp_path_factory.mktemp("scraped")
    temporary = Path(tempfile.mkdtemp(prefix="advgen-", dir="/tmp"))  # Ray's sockets allow only a short path
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_A")},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        discovery = temporary / "prom_metrics_service_discovery.json"
        options = ["--num-cpus=8", f"--temp-dir={temporary}", f"--system-config={json.dumps(SYSTEM)}"]
        ports = stack.enter_context(local_head(folder, environment, options, lambda _: discovery.exists()))
        address = f"127.0.0.1:{ports['port']}"
        prometheus = Prometheus(prometheus_programs, _config(temporary, folder), folder / "samples", free_ports(1)[0])
        stack.callback(prometheus.stop)
        prometheus.wait()
        begin = time.time()
        _run(_jobs(folder), folder, environment | {"RAY_ADDRESS": address})
        time.sleep(3)  # for the last scrape
        yield Scraped(prometheus, begin, folder)


def _config(temporary: Path, folder: Path) -> Path:
    """dashboards/prometheus.yml with this head's discovery file, looking more often."""
    content = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    content["global"] = {"scrape_interval": "2s", "evaluation_interval": "2s"}
    content["rule_files"] = [str(FOLDER / name) for name in content["rule_files"]]
    (scrape,) = content["scrape_configs"]
    (files,) = scrape["file_sd_configs"]
    assert files["files"] == ["/tmp/ray/prom_metrics_service_discovery.json"]
    files |= {"files": [str(temporary / "prom_metrics_service_discovery.json")], "refresh_interval": "1s"}
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def _jobs(folder: Path) -> dict[str, Config]:
    """A generation; a search, which has a judge; a training, which validates."""
    models = folder / "models"
    score_model = save_score_model(models / "score_model")
    save_classifier(models / "judge" / "model")
    return {
        "generate_counterfactuals": generate_config(
            score_model, folder / "counterfactuals", num_sources=NUM_SOURCES, replicates=1, batch_size=25,
            shard_images=50, pool=PoolConfig(min_actors=2, max_actors=2),
        ),
        "search": search_config(
            models, folder / "search", space=(choice("guidance_scale", 2.0, 4.0),),
            max_concurrent_trials=1,
        ),
        "train_classifier": classifier_config(
            folder / "classifier", loss="trades", num_validation_images=100, num_evaluation_images=50, batch_size=200,
        ),
    }  # fmt: skip


def _run(jobs: dict[str, Config], folder: Path, environment: dict[str, str]) -> None:
    """All at the same time, as most of it is waiting for processes to start."""
    import mlflow

    mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).search_experiments()  # makes the tables, once for all
    running = {}
    for job, config in jobs.items():
        (folder / f"{job}.yaml").write_text(config.to_yaml())
        command = [sys.executable, f"jobs/{job}.py", "--config", str(folder / f"{job}.yaml")]
        log = (folder / f"{job}.log").open("w")
        running[job] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + JOBS_SECONDS
    try:
        for job, process in running.items():
            code = process.wait(max(1, deadline - time.monotonic()))
            assert code == 0, (folder / f"{job}.log").read_text()[-3000:]
    finally:
        for process in running.values():
            process.kill()


def test_every_panel_finds_data(scraped: Scraped) -> None:
    empty = {query.panel for query in queries() if not scraped.prometheus.series(query.expr, scraped.begin)}
    has_gpus = bool(scraped.prometheus.series("ray_node_gpus_utilization", scraped.begin))
    assert empty == (set() if has_gpus else GPU_PANELS), "asked all the same, so their queries are well-formed"


def test_every_alert_rule_loads_and_none_of_a_job_fires(scraped: Scraped) -> None:
    groups: list[dict[str, Any]] = scraped.prometheus.ask("rules")["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert rules.keys() == {alert["alert"] for alert in alerts()}
    assert {name: rule["health"] for name, rule in rules.items()} == dict.fromkeys(rules, "ok")
    jobs = {rule["name"] for group in groups if group["name"] == "jobs" for rule in group["rules"]}
    assert jobs == {"JobStalled", "RowsFailing", "WorkRepeated"}
    assert all(rules[name]["state"] == "inactive" for name in jobs)
    missing = {
        metric
        for alert in alerts()
        for metric in metrics_of(alert["expr"]) - RAY_GPU
        if not scraped.prometheus.series(metric, scraped.begin)
    }
    assert missing == set()


def test_the_numbers_are_those_of_the_jobs(scraped: Scraped) -> None:
    last = scraped.last
    generation, trial = (f'{{work="counterfactuals", output{op}"trials/.*"}}' for op in ("!~", "=~"))
    made = NUM_SOURCES * NUM_CLASSES
    assert last(f"sum(ray_advgen_rows_done{generation})") == made
    assert last(f"sum(ray_advgen_rows_left{generation})") == last(f"sum(ray_advgen_shards_left{generation})") == 0
    assert last(f"sum(ray_advgen_counterfactuals_total{generation})") == made
    assert last(f"sum(ray_advgen_network_evaluations_total{generation})") == made * EVALUATIONS
    ((_, actors),) = scraped.prometheus.series(f"sum(ray_advgen_actors{generation})", scraped.begin)
    assert max(actors) == 2
    trials = "the base's, the paper's and one more, of 30 counterfactuals each"
    assert last('sum(ray_advgen_trials{status="finished"})') == 3, trials
    assert last(f"sum(ray_advgen_counterfactuals_judged_total{trial})") == 90, trials
    ((_, running),) = scraped.prometheus.series('sum(ray_advgen_trials{status="running"})', scraped.begin)
    assert max(running) >= 1
    assert last("sum(ray_advgen_steps_left)") == 0
    card = json.loads((scraped.folder / "classifier" / "model" / "model.json").read_text())
    assert last("sum(ray_advgen_step)") == card["num_steps"]
    for name, attack in (("clean_accuracy", "none"), ("pgd_accuracy", "pgd")):
        measured = last(f'sum(ray_advgen_accuracy{{images="test", attack="{attack}"}})')
        assert measured == pytest.approx(card["metrics"][name])
    assert last("sum(ray_advgen_running)") == 0


def test_every_target_is_scraped_though_the_cluster_asks_for_a_token(scraped: Scraped) -> None:
    targets = scraped.prometheus.series("up", scraped.begin)
    assert len(targets) >= 1
    assert all(max(answered) == 1 for _, answered in targets), "a busy machine misses some looks, not all"
    assert {labels["job"] for labels, _ in targets} == {"ray"}
