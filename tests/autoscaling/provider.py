"""Ray's pretended machines, but one that died is gone, as it is from a cloud's list of what runs."""

from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider


class MortalMachines(FakeMultiNodeProvider):  # type: ignore[misc]
    """Raylets of this machine; the autoscaler makes its own, from the path of this class."""

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        """Those whose raylet lives."""
        with self.lock:
            for node_id in [node_id for node_id, node in self._nodes.items() if _is_over(node)]:
                del self._nodes[node_id]
            return list(super().non_terminated_nodes(tag_filters))


def _is_over(node: dict[str, Any]) -> bool:
    """Of a launched one; the head, which is none, has no process here."""
    if "node" not in node:
        return False
    raylets = node["node"].all_processes.get("raylet", [])
    return bool(raylets) and raylets[0].process.poll() is not None
