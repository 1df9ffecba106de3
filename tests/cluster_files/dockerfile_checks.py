"""What is wrong with cluster/Dockerfile, and what of a checkout would reach the image through .dockerignore."""

import fnmatch
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.cluster_files.repository import secrets

_SECRET_NAME = re.compile(r"(?i)(password|secret|token|credential|api_?key)")


@dataclass(frozen=True)
class Instruction:
    """One instruction: ``RUN`` and its words, of the stage that it belongs to."""

    stage: int
    name: str
    words: list[str]

    @property
    def text(self) -> str:
        """The words in one line."""
        return " ".join(self.words)


def parse(text: str) -> list[Instruction]:
    """Instructions in order, continued lines joined, comments left out."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    found: list[Instruction] = []
    stage = -1
    for line in re.sub(r"\\\n", " ", lines).splitlines():
        if line.strip():
            name, *words = shlex.split(line)
            stage += name.upper() == "FROM"
            found.append(Instruction(stage, name.upper(), words))
    return found


def complaints(text: str) -> list[str]:
    """One line for each mistake of a Dockerfile; none for a good one."""
    found = parse(text)
    last = [one for one in found if one.stage == found[-1].stage]
    return [*_bases(found), *_install(last), *_user(last), *_leaks(found), *secrets(text)]


def copied(instructions: list[Instruction]) -> list[str]:
    """Paths of the checkout that the image takes."""
    copies = [one.words for one in instructions if one.name == "COPY" and not one.text.startswith("--from=")]
    return [path for words in copies for path in words[:-1]]


def ignored(rules: str, path: str) -> bool:
    """Whether .dockerignore keeps a file out: the last rule decides that fits it or a folder that it lies in."""
    out = False
    for line in rules.splitlines():
        rule = line.strip().removeprefix("!").strip("/")
        if rule and not rule.startswith("#") and any(_fits(rule, part) for part in _with_folders(path)):
            out = not line.startswith("!")
    return out


def _fits(rule: str, path: str) -> bool:
    if rule.startswith("**/"):
        return any(_fits(rule.removeprefix("**/"), tail) for tail in _tails(path))
    if rule.count("/") != path.count("/"):  # fnmatch lets * cross folders, Docker does not
        return False
    return fnmatch.fnmatchcase(path, rule)


def _with_folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        yield "/".join(parts[:end])


def _tails(path: str) -> Iterator[str]:
    parts = path.split("/")
    for begin in range(len(parts)):
        yield "/".join(parts[begin:])


def _bases(instructions: list[Instruction]) -> Iterator[str]:
    stages = {one.words[2] for one in instructions if one.name == "FROM" and len(one.words) == 3}
    for one in instructions:
        if one.name == "FROM" and one.words[0] not in stages:
            _, _, tag = one.words[0].partition(":")
            if not re.match(r"\d+\.\d+\.\d+", tag):
                yield f"FROM {one.words[0]}: a tag that moves; expected a full version"


def _install(stage: list[Instruction]) -> Iterator[str]:
    installs = [one.text for one in stage if one.name == "RUN" and "pip install" in one.text]
    for text in installs:
        if not re.search(r"--(constraint|requirement) \S*/constraints\.txt", text):
            yield f"RUN {text}: without the constraints"
    if not any(re.search(r"\.whl\S*\[attacks,diffusers\]", text) for text in installs):
        yield "the wheel of this project is not installed with its extras"


def _user(stage: list[Instruction]) -> Iterator[str]:
    users = [one.words[0] for one in stage if one.name == "USER"]
    if not users or not users[-1].isdigit() or users[-1] == "0":
        yield f"USER {users[-1:]}: expected a number that is not root's"
    for one in stage[next((at for at, one in enumerate(stage) if one.name == "USER"), 0) :]:
        if one.name == "RUN":
            yield f"RUN {one.text}: after USER, so without the right to"


def _leaks(instructions: list[Instruction]) -> Iterator[str]:
    for one in instructions:
        if one.name in ("ENV", "ARG") and _SECRET_NAME.search(one.text):
            yield f"{one.name} {one.words[0].partition('=')[0]}: a secret would stay in the image"
        if one.name == "EXPOSE":
            yield f"EXPOSE {one.text}: no port of the image is for the outside"
        if one.name == "ADD":
            yield f"ADD {one.words[0]}: COPY does not fetch or unpack"
        if one.name == "COPY" and "." in one.words[:-1]:
            yield "COPY .: everything; name what the image needs"
