#!/usr/bin/env bash
# A Ray head with a job server on this machine, for development: http://127.0.0.1:8265 until Ctrl-C.
# Options go on to `ray start`, for example --num-cpus=4 or --dashboard-port=8266.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# A submitted job's `python` is the one on the head's PATH.
if [ -x "$root/.venv/bin/ray" ]; then export PATH="$root/.venv/bin:$PATH"; fi

# Ray listens on every interface whatever the address below, and whoever reaches it may run code: so ask for a token.
export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}"
if [ "$RAY_AUTH_MODE" = token ] && [ -z "${RAY_AUTH_TOKEN:-}${RAY_AUTH_TOKEN_PATH:-}" ]; then
    ray get-auth-token --generate >/dev/null
fi
export RAY_USAGE_STATS_ENABLED=0 RAY_TRAIN_V2_ENABLED=1 RAY_DATA_DISABLE_PROGRESS_BARS=1

exec ray start --head --block --node-ip-address=127.0.0.1 --dashboard-host=127.0.0.1 \
    --include-dashboard=true --disable-usage-stats "$@"
