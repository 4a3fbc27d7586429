#!/usr/bin/env bash
# Stands in for Slurm's srun on the lab's head: runs a command on the hosts that its flags name, through ssh, and waits.
hosts=
while [[ $1 == --* ]]; do
    case $1 in
        --nodelist=*) hosts=${1#*=} ;;
        --exclude=*) hosts="w1 w2" ;;
    esac
    shift
done
for host in $hosts; do
    ssh -i ~/ray_bootstrap_key.pem -o StrictHostKeyChecking=no -o LogLevel=ERROR "$host" \
        "RAY_AUTH_MODE=$RAY_AUTH_MODE RAY_AUTH_TOKEN=$RAY_AUTH_TOKEN bash --login -c -i '$*'" &
done
wait
