"""Data as scripts that hand it to the page: opened from a file, it may run those beside it but read no other file."""

import base64
import json
from typing import Any

DATA_FOLDER = "explorer_data"
COLUMNS_FILE = "columns.js"


def sheet_file(block: int) -> str:
    """The name of a block's sheet; sheets.js knows it too."""
    return f"sheet-{block:05d}.js"


def handing_script(file: str, data: Any) -> bytes:
    """The script that ``loading.js`` expects in a file of that name; bytes are handed over in base64.

    Pictures too: the pixels of one that lies in a file of its own would be shown, but told to no script, and
    differences could not be computed.
    """
    plain = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return f"explorer.receive({json.dumps(file)}, {json.dumps(plain)});\n".encode()
