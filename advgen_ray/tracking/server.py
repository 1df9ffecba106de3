"""Where runs are recorded, and whether that place answers, found out in seconds and before any work starts."""

import base64
import http.client
import json
import os
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from advgen_ray.credentials import holds_credentials, redacted
from advgen_ray.errors import UserError, first_line

CHECK_TIMEOUT_SECONDS = 4.0
_HINT = "start it, mend MLFLOW_TRACKING_URI, or unset it to record under runs/"


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or an embedded sqlite file in ``records_folder``."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{records_folder() / 'mlflow.db'}"


def records_folder() -> Path:
    """What is kept where no server takes it: ``ADVGEN_RECORDS``, or ``runs/`` of the working directory."""
    return Path(os.environ.get("ADVGEN_RECORDS") or "runs").absolute()


def experiment_name() -> str:
    """``MLFLOW_EXPERIMENT_NAME``, or ``advgen``."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or "advgen"


def artifact_location(uri: str) -> str | None:
    """The folder beside an sqlite file that takes artifacts; None lets a server decide."""
    database = sqlite_path(uri)
    return str(database.parent / "mlartifacts") if database else None


def sqlite_path(uri: str) -> Path | None:
    """The file of ``sqlite:///path``; None for any other scheme."""
    prefix = "sqlite:///"
    return Path(uri[len(prefix) :].split("?")[0]).absolute() if uri.startswith(prefix) else None


def check_tracking() -> None:
    """Raise UserError in one line if runs cannot be recorded; mlflow is not imported and nothing is retried."""
    uri = tracking_uri()
    database = sqlite_path(uri)
    if database:
        _check_file(database)
    elif uri.lower().startswith(("http://", "https://")):
        _check_server(uri)
    else:
        raise UserError(
            f"MLFLOW_TRACKING_URI {redacted(uri)!r}: expected http://HOST:PORT, https://HOST or sqlite:///PATH"
        )


def without_secrets(text: str) -> str:
    """A text of MLflow's without what opens its server: an address with a password in it, a password, a token."""
    uri = tracking_uri()
    userinfo = urllib.parse.urlsplit(uri).netloc.rpartition("@")[0]
    password = userinfo.partition(":")[2]
    tokens = [os.environ.get(name, "") for name in ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")]
    if userinfo:
        text = text.replace(uri, redacted(uri))
    for secret in sorted(filter(None, {userinfo, password, urllib.parse.unquote(password), *tokens}), key=len)[::-1]:
        text = text.replace(secret, "***")
    return text


def _check_file(database: Path) -> None:
    """Look, and leave nothing behind."""
    there = next(path for path in (database, *database.parents) if path.exists())
    if not os.access(there, os.W_OK) or there.is_dir() == (there == database):
        raise UserError(
            f"tracking: cannot write {database}: {there} is in the way or not writable; "
            "set MLFLOW_TRACKING_URI=sqlite:///PATH to another place"
        )
    if there == database:
        with database.open("rb") as file:
            header = file.read(16)
        if header not in (b"", b"SQLite format 3\0"):
            raise UserError(f"tracking: {database} is not an sqlite database; move it away or set MLFLOW_TRACKING_URI")


def _check_server(uri: str) -> None:
    if holds_credentials(uri) and "@" not in re.split("[/?#]", uri.partition("://")[2])[0]:
        raise UserError(
            f"MLFLOW_TRACKING_URI {redacted(uri)!r}: a user name or password with '/', '?' or '#' in it; write %2F, "
            "%3F or %23, or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    try:
        body = _get(uri.rstrip("/") + "/api/2.0/mlflow/experiments/search?max_results=1")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise UserError(
                f"tracking server {redacted(uri)} refused the credentials ({error.code}); "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            ) from None
        raise UserError(f"tracking server {redacted(uri)} answered {error.code}: no MLflow there; {_HINT}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:  # refused, timed out, no such host, not HTTP
        raise UserError(f"tracking server {redacted(uri)} cannot be reached: {first_line(error)}; {_HINT}") from None
    if not isinstance(body, dict) or set(body) - {"experiments", "next_page_token"}:
        raise UserError(f"tracking server {redacted(uri)} answers, but not as MLflow does; {_HINT}")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Credentials go along to the same server only, or to its https: as requests does it, and so mlflow."""

    def redirect_request(self, req: urllib.request.Request, *answer: Any) -> urllib.request.Request | None:
        following = super().redirect_request(req, *answer)
        credentials = req.unredirected_hdrs.get("Authorization")
        if following and credentials and _origin(following.full_url) in _own(_origin(req.full_url)):
            following.add_unredirected_header("Authorization", credentials)
        return following


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _own(origin: tuple[str, str | None, int | None]) -> list[tuple[str, str | None, int | None]]:
    return [origin, ("https", origin[1], 443)] if origin[::2] == ("http", 80) else [origin]


def _get(address: str) -> Any:
    """The JSON at an address, with the credentials that mlflow would send; text that is no JSON comes back as is."""
    parts = urllib.parse.urlsplit(address)
    userinfo, _, host = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or urllib.parse.unquote(user)
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or urllib.parse.unquote(password)
    request = urllib.request.Request(urllib.parse.urlunsplit((*parts[:1], host, *parts[2:])))
    if user:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    elif os.environ.get("MLFLOW_TRACKING_TOKEN"):
        request.add_unredirected_header("Authorization", f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}")
    context = ssl.create_default_context(cafile=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None)
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPSHandler(context=context))
    with opener.open(request, timeout=CHECK_TIMEOUT_SECONDS) as response:
        text = response.read(1_000_000).decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
