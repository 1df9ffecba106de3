"""What pyarrow says of a request that failed, as a user reads it."""

import pytest

from advgen_ray.errors import AwayError, UserError
from advgen_ray.storage.s3 import explained

BEGIN = "When reading information for key 'x' in bucket 'b': AWS Error "
ELSEWHERE = "Looks like the configured region is 'us-east-1' while the bucket is located in 'eu-west-1'."
AT_ANOTHER = "The bucket you are attempting to access must be addressed using the specified endpoint."


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("UNKNOWN (HTTP status 301) during HeadObject operation: No response body.", "is in another region"),
        (f"PERMANENT_REDIRECT during ListObjectsV2 operation: {AT_ANOTHER}", "is in another region"),
        (f"ACCESS_DENIED during HeadObject operation: No response body. {ELSEWHERE}", "is in another region"),
        ("ACCESS_DENIED during HeadObject operation: No response body.", "refused; check AWS_ACCESS_KEY_ID"),
        ("UNKNOWN (HTTP status 403) during HeadObject operation: No response body.", "refused; check"),
        ("NO_SUCH_BUCKET during PutObject operation: The bucket does not exist", "there is no such bucket"),
    ],
)
def test_a_failed_request_is_explained_and_quoted(said: str, cause: str) -> None:
    line = str(explained("s3://b/runs", OSError(BEGIN + said)))
    assert line.startswith(f"s3://b/runs: {cause}")
    assert line.endswith(f"({said.partition(' operation')[0]} operation)")
    assert ("AWS_REGION" in line) == ("region" in cause)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("NETWORK_CONNECTION during PutObject operation: curlCode: 7, Couldn't connect to server", AwayError),
        ("SLOW_DOWN during HeadObject operation", AwayError),
        ("UNKNOWN (HTTP status 503) during HeadObject operation: No response body.", AwayError),
        ("EXPIRED_TOKEN during HeadObject operation", AwayError),
        ("REQUEST_EXPIRED (HTTP status 403) during HeadObject operation", AwayError),
        ("ACCESS_DENIED during HeadObject operation", UserError),
        ("NO_SUCH_BUCKET during PutObject operation", UserError),
        ("PRECONDITION_FAILED during PutObject operation", UserError),
    ],
)
def test_what_may_pass_is_told_from_a_mistake(said: str, kind: type[UserError]) -> None:
    assert type(explained("s3://b/runs", OSError(BEGIN + said))) is kind
