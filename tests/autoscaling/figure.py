"""The picture of a cluster that grew and shrank: nodes, actors and stored shards by the second."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from advgen_ray.report.blocks import Panel
from advgen_ray.report.style import SERIES, draw

SIZE = (7.0, 3.2)  # inches


def timeline_panel(looks: Sequence[Any]) -> Panel:
    """GPU nodes and actors as steps, shards as a line against an axis of their own, each event a word."""
    seconds = [one.seconds for one in looks]
    events = [one for one in looks if one.event]

    def paint(axes: Axes) -> None:
        axes.step(seconds, [one.gpu_nodes for one in looks], where="post", color=SERIES[0], label="GPU nodes")
        axes.step(seconds, [one.actors for one in looks], where="post", color=SERIES[1], linestyle="--", label="actors")
        most = max(max(one.gpu_nodes, one.actors) for one in looks)
        axes.set(xlabel="seconds", ylabel="GPU nodes, actors", ylim=(0, most + 1.5), yticks=range(most + 1))
        for row, one in enumerate(events):
            axes.axvline(one.seconds, color="0.6", linewidth=0.8)
            end = one.seconds > 0.8 * seconds[-1]
            axes.text(
                one.seconds, most + 1.4 - 0.35 * (row % 3), f"{one.event} " if end else f" {one.event}",
                va="top", ha="right" if end else "left", fontsize="small",
            )  # fmt: skip
        shards = axes.twinx()
        shards.plot(seconds, [one.shards for one in looks], color=SERIES[2], linestyle=":", label="shards stored")
        shards.set(ylabel="shards stored", ylim=(0, 1.3 * max(one.shards for one in looks)))
        shards.grid(False)
        lines = [*axes.get_lines()[:2], *shards.get_lines()]
        axes.legend(
            lines, [str(line.get_label()) for line in lines], loc="lower left", bbox_to_anchor=(0, 1), ncols=3,
            fontsize="small", frameon=False,
        )  # fmt: skip

    most = max(one.gpu_nodes for one in looks)
    told = ", ".join(f"{one.event} after {one.seconds:.0f} s" for one in events[1:])
    return draw("autoscaling", f"GPU nodes from 0 to {most} and back to {looks[-1].gpu_nodes}: {told}.", SIZE, paint)
