"""Talks to the job server of a running cluster: is it there, take this job, what does it print, how did it end."""

import asyncio
import http.client
import json
import logging
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from advgen_ray.errors import UserError, first_line
from advgen_ray.submit import Submission

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
REACH_SECONDS = 5.0
FAILURES = 10  # in a row, a second apart, before the job server is given up
LOST = "LOST"  # in the place of a status: nobody tells it any more
_TOKEN_HINT = "export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN=..., or keep the token in ~/.ray/auth_token"

# Each of them sets its own level, and would name every file that is not uploaded.
_CHATTY = (
    "ray._private.runtime_env.packaging",
    "ray._private.runtime_env.working_dir",
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
)


def server_address(given: str | None) -> str:
    """``--address``, else ``RAY_API_SERVER_ADDRESS``, else ``RAY_ADDRESS`` if it is http, else this machine's."""
    cluster = os.environ.get("RAY_ADDRESS", "")
    default = cluster if cluster.startswith("http") else DEFAULT_ADDRESS
    address = given or os.environ.get("RAY_API_SERVER_ADDRESS") or default
    if not re.match(r"https?://[^/?#]", address):
        raise UserError(f"--address {address!r}: expected a job server's address such as {DEFAULT_ADDRESS}")
    return address.rstrip("/")


def check_reachable(address: str) -> None:
    """Raise UserError within seconds unless a Ray job server answers; Ray's own client may wait without end."""
    try:
        with urllib.request.urlopen(f"{address}/api/version", timeout=REACH_SECONDS) as response:
            text = response.read(100_000)
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            raise _stranger(address) from None
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's client then looks for the token it asks for
        return
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UserError(
            f"no cluster at {address}: {first_line(error)}; "
            "start one with cluster/local.sh, or give --address http://HOST:8265"
        ) from None
    try:
        known = "ray_version" in json.loads(text)
    except ValueError:
        known = False
    if not known:
        raise _stranger(address)


def submit(submission: Submission, address: str, wait: bool = True) -> int:
    """Send a job and follow its log; returns its exit code, 1 where it left none, 130 if the user stopped following."""
    check_reachable(address)
    client = _client(address)
    try:
        identifier = client.submit_job(
            entrypoint=submission.entrypoint, runtime_env=submission.runtime_env, metadata=submission.metadata
        )
    except Exception as error:  # Ray's, what its server said, or what lies below: a connection that broke
        raise UserError(f"{address} did not take the job: {_cause(error)}") from None
    afterwards = (
        f"log: ray job logs --address {address} --follow {identifier}\n"
        f"stop: ray job stop --address {address} {identifier}"
    )
    print(f"submitted {identifier} to {address}", flush=True)
    if not wait:
        print(afterwards)
        return 0
    try:
        status, message, exit_code = _followed(client, identifier, afterwards)
    except KeyboardInterrupt:
        print(f"\nno longer following; the job goes on\n{afterwards}", file=sys.stderr)
        return 130
    if status == "SUCCEEDED":
        print(f"{identifier} succeeded")
        return 0
    print(f"advgen: {identifier} {status.lower()}: {message.partition(chr(10))[0]}", file=sys.stderr)
    if status == LOST:
        print(afterwards, file=sys.stderr)
    return exit_code or 1


def _client(address: str) -> Any:
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    os.environ["RAY_API_SERVER_ADDRESS"] = address  # Ray lets its environment win over an argument
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        return JobSubmissionClient(address)
    except AuthenticationError:
        raise UserError(f"the cluster at {address} refused the token or found none; {_TOKEN_HINT}") from None
    except Exception as error:  # an older Ray there, a proxy's answer, a connection that broke
        raise UserError(f"no cluster at {address}: {_cause(error)}") from None


def _followed(client: Any, identifier: str, afterwards: str) -> tuple[str, str, int | None]:
    """Print the job's log until it ends; its status, or LOST, the server's message, and the exit code if it has one."""
    printed = 0  # characters: a connection that breaks is followed anew, from the beginning of the log
    breaks = failures = 0  # in a row, of the log and of the server

    async def follow() -> None:
        nonlocal printed, breaks
        position = 0
        async for text in client.tail_job_logs(identifier):
            fresh = text[max(0, printed - position) :]
            position += len(text)
            printed, breaks = max(printed, position), 0
            print(fresh, end="", flush=True)

    while True:
        try:
            asyncio.run(follow())
        except Exception as error:  # broken, while the job may well go on; below Ray's client lies aiohttp
            breaks += 1
            if breaks == FAILURES:
                print(f"advgen: warning: no log: {_cause(error)}; waiting for the end\n{afterwards}", file=sys.stderr)
        try:
            info = client.get_job_info(identifier)
        except Exception as error:
            failures += 1
            if failures == FAILURES:
                return LOST, f"the job server is gone: {_cause(error)}", None
        else:
            failures = 0
            if info.status.is_terminal():
                return str(info.status.value), info.message or "", info.driver_exit_code
        time.sleep(1.0)


def _cause(error: Exception) -> str:
    """What went wrong in one line: of a traceback that the server sent, its last."""
    lines = [line for line in str(error).splitlines() if re.search(r"\w", line)]
    return lines[-1].strip() if "Traceback" in str(error) else first_line(error)


def _stranger(address: str) -> UserError:
    return UserError(f"{address} answers, but not as a Ray job server; give --address http://HOST:8265")
