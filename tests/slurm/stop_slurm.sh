#!/usr/bin/env bash
# Stop the Slurm that start_slurm.sh started, with its jobs, and nothing else.
# usage: stop_slurm.sh FOLDER
set -uo pipefail
base=${1:?usage: stop_slurm.sh FOLDER}
export SLURM_CONF=$base/etc/slurm.conf
if [ -s "$base/run/slurmctld.pid" ]; then
  timeout 10 scancel --full --user="$(id -un)" || true
  for _ in $(seq 25); do
    [ -z "$(timeout 5 squeue --noheader)" ] && break
    sleep 0.2
  done
fi
for file in "$base"/run/{slurmd,slurmctld,munged}.pid; do
  [ -s "$file" ] || continue
  pid=$(cat "$file")
  kill "$pid" 2>/dev/null || continue
  for _ in $(seq 50); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
done
