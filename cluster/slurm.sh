#!/usr/bin/env bash
# A search on a Slurm cluster: sbatch cluster/slurm.sh FLAGS, the flags of search.run, from this folder. All nodes must see
# it, with the environment that `make env EXTRA=cluster` made here; give --storage and --tracking-uri places that last.
#SBATCH --job-name=gear-search
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=12:00:00
#SBATCH --signal=B:INT@300
# The last line ends the search as Ctrl-C would before its time is up; --resume goes on with it in another job.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit this with sbatch}"
export PATH=$PWD/.venv/bin:$PATH RAY_USAGE_STATS_ENABLED=0
# the token of this job alone: others on the network cannot use its Ray
RAY_AUTH_MODE=token RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_MODE RAY_AUTH_TOKEN

# srun takes this from sbatch only if it is told to, from Slurm 22.05 on; Ray's step would have one CPU
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
head=$(hostname)
address=$head:$((20000 + SLURM_JOB_ID % 10000)) # two jobs may share a node
start=(ray start --block --num-cpus="$SLURM_CPUS_PER_TASK")
srun --nodes=1 --ntasks=1 --nodelist="$head" "${start[@]}" \
    --head --port="${address#*:}" --include-dashboard=false --temp-dir="/tmp/ray-$SLURM_JOB_ID" &
for _ in $(seq 60); do
    ray health-check --address "$address" >/dev/null 2>&1 && break
    sleep 2
done
others=$((SLURM_JOB_NUM_NODES - 1))
[ "$others" = 0 ] || srun --nodes="$others" --ntasks="$others" --exclude="$head" "${start[@]}" --address="$address" &

exec python -m search.run --address "$address" --yes "$@" # in place of this shell: the signal reaches it
