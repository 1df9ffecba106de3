"""What cluster/README.md and the files beside it name is there: paths, jobs, recipes, settings, options, targets."""

import itertools
import re
import shlex

import pytest

from advgen_ray import recipes
from advgen_ray.config import resolve
from advgen_ray.config.programs import JOBS
from advgen_ray.errors import UserError
from tests.cluster_files.kuberay_checks import container
from tests.cluster_files.repository import CLUSTER, IMAGE, ROOT, load, secrets

README = (CLUSTER / "README.md").read_text()
FILES = sorted(path for path in CLUSTER.rglob("*") if path.is_file())
TEXT = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}


def commands(text: str) -> list[list[str]]:
    """The indented lines of a page, as words; a line that ends in a backslash goes on in the next."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [shlex.split(line, comments=True) for line in re.findall(r"^ {4,}(.*)$", joined, flags=re.MULTILINE)]


def unresolved(text: str) -> list[str]:
    """Submissions of a page that their jobs would refuse."""
    found = []
    for words in commands(text):
        if words[:2] != ["advgen", "submit"]:
            continue
        given = {key: [b for a, b in itertools.pairwise(words) if a == key] for key in ("--recipe", "--set")}
        try:
            resolve(recipes.find(next(iter(given["--recipe"]), None), JOBS[words[2]]), None, given["--set"])
        except (KeyError, UserError) as error:
            found.append(f"{' '.join(words)}: {error}")
    return found


def missing(text: str) -> list[str]:
    """Paths of the repository that a page names and that are not there."""
    named = set(re.findall(r"(?<![\w/.])(?:cluster|jobs|tests|advgen_ray)/[\w./-]*\w", text))
    return sorted(name for name in named if not (ROOT / name).exists())


def test_submissions_are_accepted() -> None:
    assert sum(words[:2] == ["advgen", "submit"] for words in commands(README)) >= 4
    assert unresolved(README) == []
    assert unresolved("    advgen submit train_classifier --recipe cifar11_classifier")
    assert unresolved("    advgen submit train_classifier --set workers.gpu_per_worker=1")
    assert unresolved("    advgen submit train_clasifier")


@pytest.mark.parametrize("name", TEXT)
def test_paths_are_there(name: str) -> None:
    assert missing(TEXT[name]) == []
    assert missing(TEXT[name] + " cluster/azure.yaml") == ["cluster/azure.yaml"]


def test_every_file_is_explained() -> None:
    for path in FILES:
        assert path.name in README or path.name == "README.md", path


def test_make_has_the_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {words[1] for words in commands(README) if words[0] == "make"}
    named |= {target for text in TEXT.values() for target in re.findall(r"(?:`|run )make ([a-z-]+)", text)}
    assert named == {"wheel", "install", "constraints"}
    assert named <= targets


def test_services_has_the_options() -> None:
    script = TEXT["cluster/services.sh"]
    calls = [words for words in commands(README) if words[0] == "cluster/services.sh"]
    options = {word for words in calls for word in words if word.startswith("--")}
    assert options == {"--s3", "--artifacts"}
    assert all(f"  {option} " in script for option in options)


def test_the_image_has_one_name() -> None:
    spec = load("kuberay/cluster.yaml")["spec"]
    images = {container(group)["image"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])}
    assert images == {IMAGE}
    assert f"--tag {IMAGE} " in README


def test_the_token_is_read_where_kuberay_keeps_it() -> None:
    name = load("kuberay/cluster.yaml")["metadata"]["name"]
    assert f"kubectl get secret {name} " in README
    assert f"service/{name}-head-svc 8265:8265" in README


def test_no_file_holds_a_secret_or_binds_for_everyone() -> None:
    for name, text in TEXT.items():
        assert secrets(text) == [], name
        assert not re.search(r"0\.0\.0\.0|host[= ]::|--host \$", text), name
    assert secrets("RAY_AUTH_TOKEN=hunter2hunter2")
    assert secrets("https://walter:s3cret@host/")


def test_scripts_stop_at_the_first_mistake() -> None:
    scripts = [path for path in FILES if path.suffix == ".sh"]
    assert len(scripts) == 3
    for path in scripts:
        lines = path.read_text().splitlines()
        assert lines[0] == "#!/usr/bin/env bash"
        assert "set -euo pipefail" in lines
        assert path.stat().st_mode & 0o111, path
