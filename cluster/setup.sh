#!/usr/bin/env bash
# Makes a machine a node: variables for all its shells, Python 3.11, the project's environment from the lock.
# cluster.yaml runs it on every node, after the project was copied there: bash cluster/setup.sh NAME=VALUE...
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
uv=0.13.8 # the same uv brings the same Python to every node; Ray refuses nodes whose Python differs

for variable in "$@"; do
    case $variable in
        *FILL-IN*) echo "error: $variable: fill in cluster.yaml, and ray up again" >&2; exit 2 ;;
        [A-Z]*=*) ;;
        *) echo "error: $variable: give NAME=VALUE" >&2; exit 2 ;;
    esac
done
{
    for variable in "$@"; do printf 'export %s=%q\n' "${variable%%=*}" "${variable#*=}"; done
    printf 'export PATH=%q:$PATH\n' "$project/.venv/bin"
    echo 'export MLFLOW_TRACKING_URI=${MLFLOW_TRACKING_URI:-http://127.0.0.1:5000}' # cluster/mlflow.sh, on the head
    echo 'export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0'
} >~/.gear-search.env
grep -qxF 'source ~/.gear-search.env' ~/.bashrc || echo 'source ~/.gear-search.env' >>~/.bashrc

python=$(command -v python3.11) || {
    [ -x ~/.uv/bin/uv ] || python3 -m venv ~/.uv
    ~/.uv/bin/pip install --quiet "uv==$uv"
    ~/.uv/bin/uv python install --quiet 3.11
    python=$(~/.uv/bin/uv python find --managed-python 3.11)
}
make -C "$project" env EXTRA=cluster PYTHON="$python"
