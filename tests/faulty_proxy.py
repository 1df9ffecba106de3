"""An HTTP server on loopback that passes requests on to a real one, and misbehaves when told to."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "expect"}
ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>as told</Message></Error>"


@dataclass
class Faults:
    """What goes wrong with the next requests, in turn; without any, nothing does."""

    queue: list[str] = field(default_factory=list)  # "503", "drop", "skew", "slow"
    always: str = ""
    only: str = ""  # the requests with this in their address alone; others are passed on
    bytes_a_second: float = 0.0  # how fast a body is passed on to the server; 0: at once
    seen: list[str] = field(default_factory=list)

    def next(self, request: str) -> str:
        """What happens to a request."""
        self.seen.append(request)
        if self.only not in request:
            return ""
        return self.queue.pop(0) if self.queue else self.always


@contextmanager
def faulty_proxy(target: str) -> Iterator[tuple[str, Faults]]:
    """The proxy's own address, and what it is to do wrong."""
    with _Proxy(urlsplit(target).netloc) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", server.faults
        server.shutdown()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.faults = target, Faults()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def _pass_on(self) -> None:
        fault = self.server.faults.next(f"{self.command} {self.path}")
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return
        if fault == "slow":
            time.sleep(2.0)
        body = self._body()
        if fault in ("503", "skew"):
            status, code = (503, "ServiceUnavailable") if fault == "503" else (403, "RequestTimeTooSkewed")
            self._answer(status, [("Content-Type", "application/xml")], ERROR.format(code=code).encode())
            return
        upstream = http.client.HTTPConnection(self.server.target, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                upstream.putheader(name, value)
        chunked = "Transfer-Encoding" in self.headers
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders(iter([body]) if chunked else body or None, encode_chunked=chunked)
        response = upstream.getresponse()
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        self._answer(response.status, headers, response.read())
        upstream.close()

    def _body(self) -> bytes:
        if "Transfer-Encoding" not in self.headers:
            return self._read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self._read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.rfile.read(min(size, 65536))
            if not part:
                raise ConnectionError("the client is gone")
            parts.append(part)
            size -= len(part)
            if self.server.faults.bytes_a_second:
                time.sleep(len(part) / self.server.faults.bytes_a_second)
        return b"".join(parts)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: a test says what it saw."""

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815
