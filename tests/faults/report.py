"""The table of a harness's kills: what was killed, how often, and after how long the job went on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

HEAD = "| killed | job | times | goes on after, median (most) | steps done again, most |"


def table(kills: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a row a victim and job; seconds until more was done, and the most steps that a training lost."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for kill in kills:
        groups[kill["victim"], kill["work"]].append(kill)
    lines = [HEAD, "|---|---|---|---|---|"]
    for (victim, work), some in sorted(groups.items()):
        seconds = [kill["seconds"] for kill in some]
        lost = [kill["lost_steps"] for kill in some if kill["lost_steps"] is not None]
        told = str(max(lost)) if lost else ""
        lines.append(f"| {victim} | {work} | {len(some)} | {median(seconds):.0f} s ({max(seconds):.0f} s) | {told} |")
    return "\n".join(lines)
