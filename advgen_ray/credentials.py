"""Addresses with a user name or password in them: told from others, and shown without."""

import re

# A key of Amazon's may have slashes in it, and so may a password.
_USERINFO = re.compile(r"([A-Za-z][\w+.-]*://)([^/?#\s]*|[^@]*:.*)@", re.DOTALL)


def holds_credentials(text: str) -> bool:
    """Whether ``scheme://user:password@host`` is in a text."""
    return _USERINFO.search(text) is not None


def redacted(address: str) -> str:
    """The address without user name, password, query and fragment."""
    return re.split("[?#]", _USERINFO.sub(r"\1***@", address))[0]
