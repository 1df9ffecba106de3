"""S3 as pyarrow reaches it: how it is connected, how patient it is, and what its errors mean to a user."""

import os
import re
from functools import lru_cache
from urllib.parse import urlsplit

from pyarrow import fs

from advgen_ray.errors import UserError

# Amazon's client waits longer after each; a server that is not there is given up after three quarters of a minute.
ATTEMPTS = 8
CONNECT_SECONDS, REQUEST_SECONDS = 5.0, 60.0  # of one attempt: without an answer it counts as failed

# What the client says, and what a user makes of it. Some requests have no body, their answer is a status alone.
CAUSES = (
    (r"NO_SUCH_BUCKET", "there is no such bucket; make it, or check the address"),
    (
        r"PERMANENT_REDIRECT|configured region|HTTP status 30[17]",
        "is in another region; set AWS_REGION to the bucket's",
    ),
    (
        r"TIME_TOO_SKEWED|REQUEST_EXPIRED|EXPIRED_TOKEN",
        "refused for its time; check this machine's clock, and credentials that expire",
    ),
    (
        r"SIGNATURE|ACCESS_DENIED|ACCESS_KEY|CLIENT_TOKEN_ID|AUTHENTICATION|HTTP status 40[13]",
        "refused; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, what they are allowed, and this machine's clock",
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


class PatientS3(fs.S3FileSystem):
    """pyarrow's, which keeps its patience where it is sent to another process: as pickled by pyarrow it has none.

    Ray Train and Tune write from processes of their own, through the filesystem that they were given.
    """

    def __init__(self, endpoint: str, region: str | None) -> None:
        parts = urlsplit(endpoint)
        super().__init__(
            endpoint_override=parts.netloc or None,
            scheme=parts.scheme or "https",
            region=region,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            allow_delayed_open=True,  # a small file is then one PUT instead of a multipart upload of one part
        )
        self.place = (endpoint, region)

    def __reduce__(self) -> tuple[type["PatientS3"], tuple[str, str | None]]:
        return PatientS3, self.place


def connect() -> fs.FileSystem:
    """The filesystem at the endpoint, with the region and credentials, that the usual AWS environment names."""
    return _connected(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")


def explained(uri: str, error: OSError) -> UserError:
    """One line for a request that failed in the end: the address, what it means, and what the client said."""
    said = str(error).splitlines()[0]
    cause = next((cause for pattern, cause in CAUSES if re.search(pattern, said)), "cannot be read or written")
    found = re.search(r"AWS Error (.+? during \w+ operation)", said)
    return UserError(f"{uri}: {cause} ({found[1] if found else said[:200]})")


@lru_cache(maxsize=4)
def _connected(endpoint: str) -> fs.FileSystem:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return PatientS3(endpoint, region or ("us-east-1" if endpoint else None))
