"""S3 as pyarrow reaches it: how it is connected, how patient it is, and what its errors mean to a user."""

import os
import re
from concurrent.futures import Future, wait
from functools import lru_cache
from threading import Thread
from urllib.parse import urlsplit

from pyarrow import fs

from advgen_ray.credentials import redacted
from advgen_ray.errors import AwayError, UserError

# Amazon's client waits longer after each; a server that is not there is given up after three quarters of a minute.
ATTEMPTS = 8
SINGLE_PUT = 5 * 2**20  # bytes up to which a file is one request; pyarrow has begun an upload in parts at twice that
CONNECT_SECONDS, REQUEST_SECONDS = 5.0, 60.0  # of one attempt: without an answer it counts as failed

# What the client says, and what a user makes of it. Some requests have no body, their answer is a status alone.
PASSING = (
    (
        r"TIME_TOO_SKEWED|REQUEST_EXPIRED|EXPIRED_TOKEN",
        "refused for its time; check this machine's clock, and credentials that expire",
    ),
    (
        r"NETWORK_CONNECTION|curlCode|REQUEST_TIMEOUT|HTTP status -1",
        "does not answer; check AWS_ENDPOINT_URL and the network, then run the same command again",
    ),
    (
        r"SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|THROTTLING|HTTP status 5\d\d",
        "the server failed every attempt; run the same command again when it is well",
    ),
)
MISTAKES = (
    (r"NO_SUCH_BUCKET", "there is no such bucket; make it, or check the address"),
    (
        r"PERMANENT_REDIRECT|configured region|HTTP status 30[17]",
        "is in another region; set AWS_REGION to the bucket's",
    ),
    (
        r"SIGNATURE|ACCESS_DENIED|ACCESS_KEY|CLIENT_TOKEN_ID|AUTHENTICATION|HTTP status 40[13]",
        "refused; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, what they are allowed, and this machine's clock",
    ),
)


class PatientS3(fs.S3FileSystem):
    """pyarrow's, which keeps its patience where it is sent to another process: as pickled by pyarrow it has none.

    Ray Train and Tune write from processes of their own, through the filesystem that they were given.

    A stream that is closed, or dropped, stores what it was given so far. So an upload in parts is begun, and may fail,
    as its stream is opened. A small file that comes ``at_once`` needs no parts: one PUT instead of three requests.
    """

    def __init__(self, endpoint: str, region: str | None, at_once: bool = False) -> None:
        parts = urlsplit(endpoint)
        super().__init__(
            endpoint_override=parts.netloc or None,
            scheme=parts.scheme or "https",
            region=region,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            allow_delayed_open=at_once,
        )
        self.place = (endpoint, region)

    def __reduce__(self) -> tuple[type["PatientS3"], tuple[str, str | None]]:
        return PatientS3, self.place


def connect() -> fs.FileSystem:
    """The filesystem at the endpoint, with the region and credentials, that the usual AWS environment names."""
    return _connected(_endpoint())


def put(path: str, data: bytes) -> None:
    """Store a whole file at ``bucket/key``, or leave what is there; raises OSError.

    In a thread, as signals interrupt the main one alone: between opening and writing they would leave an empty file.
    An interrupt is raised once the file is there, or has failed.
    """
    filesystem = _connected(_endpoint(), len(data) <= SINGLE_PUT)
    done: Future[None] = Future()

    def upload() -> None:
        try:
            with filesystem.open_output_stream(path) as stream:
                stream.write(data)
            done.set_result(None)
        except BaseException as error:  # whatever it is, somebody waits
            done.set_exception(error)

    thread = Thread(target=upload)
    try:
        thread.start()
        done.result()
    finally:
        if thread.ident is not None:  # an executor, interrupted as it starts its thread, would not wait for it
            wait([done])


def explained(uri: str, error: OSError) -> UserError:
    """One line for a request that failed in the end: the address, what it means, and what the client said.

    An AwayError where the same request may succeed later.
    """
    said = str(error).splitlines()[0]
    found = re.search(r"AWS Error (.+? during \w+ operation)", said)
    detail = found[1] if found else said[:200]
    for kind, causes in ((AwayError, PASSING), (UserError, MISTAKES)):
        for pattern, cause in causes:
            if re.search(pattern, said):
                return kind(f"{uri}: {cause} ({detail})")
    return UserError(f"{uri}: cannot be read or written ({detail})")


def _endpoint() -> str:
    """``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``, empty for Amazon's; raises UserError for half an address."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    name, endpoint = next(((name, os.environ[name]) for name in names if os.environ.get(name)), ("", ""))
    if endpoint and not re.fullmatch(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?/?", endpoint):
        raise UserError(f"{name} {redacted(endpoint)!r}: expected http://HOST:PORT or https://HOST")
    return endpoint


@lru_cache(maxsize=4)
def _connected(endpoint: str, at_once: bool = False) -> fs.FileSystem:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return PatientS3(endpoint, region or ("us-east-1" if endpoint else None), at_once)
