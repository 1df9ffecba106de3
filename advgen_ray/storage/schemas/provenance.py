"""The columns by which every row tells what it was made by."""

import pyarrow as pa

PROVENANCE = [("seed", pa.int64()), ("model_digest", pa.string()), ("config_digest", pa.string())]
