"""Ports for servers that tests start on loopback."""

import socket


def free_ports(count: int) -> list[int]:
    """Different ones on which nobody listens now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
