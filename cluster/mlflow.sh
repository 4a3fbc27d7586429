#!/usr/bin/env bash
# The MLflow server of the head: on its loopback alone, started again when it dies. cluster.yaml starts it with Ray;
# one that ran before is replaced. MLflow's own variables move it (docs/cluster.md):
#   MLFLOW_BACKEND_STORE_URI     default a SQLite file on the head, which python -m search.cli.record makes again from S3
#   MLFLOW_ARTIFACTS_DESTINATION default beside the campaigns
set -euo pipefail
home=~/mlflow
mkdir -p "$home"

if [ "${1:-}" != --keep-running ]; then
    before=$(cat "$home/pid" 2>/dev/null || echo none)
    ! grep -qs mlflow.sh "/proc/$before/cmdline" || kill -- "-$before"
    setsid nohup bash "$0" --keep-running >"$home/log" 2>&1 </dev/null &
    exit
fi

echo $$ >"$home/pid"
export MLFLOW_BACKEND_STORE_URI=${MLFLOW_BACKEND_STORE_URI:-sqlite:///$home/mlflow.db}
export MLFLOW_ARTIFACTS_DESTINATION=${MLFLOW_ARTIFACTS_DESTINATION:-${GEAR_STORAGE:-$home}/.mlflow}
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
unset MLFLOW_TRACKING_URI # of its clients
while true; do
    mlflow server --host 127.0.0.1 --port 5000 --workers 1 || true
    sleep 5
done
