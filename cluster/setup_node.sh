#!/usr/bin/env bash
# One node's setup, run by `ray up` on the node: a Python of its own and the wheel that lies beside this script, with
# its extras and every dependency at the version of constraints.txt. Arguments are further packages. Again on a node it
# changes nothing.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
uv_version=0.13.8
export PATH="$here/bin:$PATH"

if ! command -v uv >/dev/null; then
    curl -LsSf "https://astral.sh/uv/$uv_version/install.sh" | env UV_UNMANAGED_INSTALL="$here/bin" sh
fi
test -x "$here/venv/bin/python" || uv venv --quiet --python 3.11 "$here/venv"
wheel=("$here"/advgen_ray-*.whl)
uv pip install --python "$here/venv/bin/python" --constraint "$here/constraints.txt" \
    "${wheel[0]}[attacks,diffusers]" "$@"

# A job's `python` is the one on the PATH that `ray start` saw, and a cluster asks for a token where both sides agree to.
# What else jobs are to have, secrets say, is in a file beside this script, NAME=VALUE a line, if there is one.
cat >"$here/env" <<ENV
export PATH="$here/venv/bin:\$PATH"
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_TRAIN_V2_ENABLED=1 RAY_DATA_DISABLE_PROGRESS_BARS=1
if [ -f "$here/environment" ]; then set -a; . "$here/environment"; set +a; fi
ENV
if ! grep -qsF "$here/env" ~/.bashrc; then echo ". $here/env" >>~/.bashrc; fi # for ray attach, exec and monitor
