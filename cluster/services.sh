#!/usr/bin/env bash
# The services that jobs use, on this machine and on loopback, until Ctrl-C: an MLflow server, Prometheus where it is on
# the PATH, and an S3 server where one is given. What they keep and their logs lie in runs/services.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if [ -x "$root/.venv/bin/mlflow" ]; then export PATH="$root/.venv/bin:$PATH"; fi

usage="usage: cluster/services.sh [options]
  --mlflow-port N       default 5000
  --prometheus-port N   default 9090
  --prometheus-config F default: dashboards/prometheus.yml, the Ray cluster of this machine
  --s3 COMMAND          an S3 server that stays in the foreground and binds to 127.0.0.1
  --artifacts PLACE     where MLflow keeps artifacts: a folder or s3://BUCKET/NAME
  --data DIR            default runs/services"
mlflow_port=5000 prometheus_port=9090 prometheus_config="" s3="" artifacts="" data="$root/runs/services"

mistake() {
    echo "services.sh: error: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) echo "$usage" && exit 0 ;;
        --mlflow-port | --prometheus-port | --prometheus-config | --s3 | --artifacts | --data)
            [ $# -ge 2 ] || mistake "$1 needs a value"
            name="${1#--}"
            printf -v "${name//-/_}" %s "$2"
            shift 2
            ;;
        *) mistake "no option $1; cluster/services.sh --help names them" ;;
    esac
done

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

check_port() {
    [[ "$2" =~ ^[0-9]{1,5}$ ]] || mistake "$1 $2: expected a port's number"
    if listening "$2"; then mistake "$1 $2: something listens there already; give another port"; fi
}

# A group of its own for each service, so that what it starts ends with it.
names=() groups=()
start() {
    local name="$1"
    shift
    setsid "$@" >"$data/$name.log" 2>&1 </dev/null &
    names+=("$name") groups+=("$!")
}

stop_all() {
    trap - EXIT
    trap '' INT TERM HUP
    local group
    for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
    for _ in {1..50}; do
        for group in "${groups[@]}"; do
            if kill -0 -- "-$group" 2>/dev/null; then sleep 0.2 && continue 2; fi
        done
        return
    done
    for group in "${groups[@]}"; do kill -KILL -- "-$group" 2>/dev/null || true; done
}

answers() { # PORT PATH
    local status=""
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$2" "$1" >&3
    read -r -t 5 status <&3 || true
    exec 3>&-
    [[ "$status" == *" 200 "* ]]
}

wait_for() { # NAME GROUP PORT PATH
    for _ in {1..600}; do
        kill -0 "$2" 2>/dev/null || break
        if answers "$3" "$4"; then return; fi
        sleep 0.2
    done
    tail -n 5 "$data/$1.log" >&2
    echo "services.sh: error: $1 did not start; its log: $data/$1.log" >&2
    exit 1
}

command -v mlflow >/dev/null || mistake "no mlflow on the PATH; run make install, or activate the environment"
check_port --mlflow-port "$mlflow_port"
check_port --prometheus-port "$prometheus_port"
mkdir -p "$data"
data="$(cd "$data" && pwd)"
trap stop_all EXIT
trap 'exit 0' INT TERM HUP

if [ -n "$s3" ]; then start s3 bash -c "exec $s3"; fi

# MLflow's own client of S3 looks for the endpoint under a name of its own.
if [ -n "${AWS_ENDPOINT_URL:-}" ]; then export MLFLOW_S3_ENDPOINT_URL="${MLFLOW_S3_ENDPOINT_URL:-$AWS_ENDPOINT_URL}"; fi
# Without its runner of GenAI jobs, eight processes that nothing here uses.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
start mlflow mlflow server --host 127.0.0.1 --port "$mlflow_port" --workers 1 \
    --backend-store-uri "sqlite:///$data/mlflow.db" --serve-artifacts \
    --artifacts-destination "${artifacts:-$data/artifacts}"
mlflow_group="${groups[-1]}"

if command -v prometheus >/dev/null; then
    if [ -z "$prometheus_config" ]; then
        prometheus_config="$data/prometheus.yml"
        sed -e "s|/tmp/ray/|${RAY_TMPDIR:-/tmp/ray}/|" -e "s|alerts.yml|$root/dashboards/alerts.yml|" \
            "$root/dashboards/prometheus.yml" >"$prometheus_config"
    fi
    start prometheus prometheus --web.listen-address="127.0.0.1:$prometheus_port" \
        --config.file="$prometheus_config" --storage.tsdb.path="$data/prometheus"
    wait_for prometheus "${groups[-1]}" "$prometheus_port" /-/ready
    echo "Prometheus: http://127.0.0.1:$prometheus_port"
else
    echo "no prometheus on the PATH: none started"
fi
wait_for mlflow "$mlflow_group" "$mlflow_port" /health
echo "MLflow: export MLFLOW_TRACKING_URI=http://127.0.0.1:$mlflow_port"
echo "logs: $data/*.log; Ctrl-C ends all"

# One that ends takes the others along: half of the services is worse than none.
code=0
wait -n -p ended 2>/dev/null || code=$?
for index in "${!groups[@]}"; do
    if [ "${groups[$index]}" = "$ended" ]; then
        echo "services.sh: error: ${names[$index]} ended with code $code; its log: $data/${names[$index]}.log" >&2
    fi
done
exit 1
