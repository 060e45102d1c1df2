#!/usr/bin/env bash
# Start a one-node Slurm on this machine: as root, with no init system, no cgroups, no database.
# usage: start_slurm.sh EMPTY_FOLDER, then `. EMPTY_FOLDER/env.sh`
set -euo pipefail
base=${1:?usage: start_slurm.sh EMPTY_FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
host=$(hostname -s)
mkdir -p "$base"/{etc,run,log,munge,state,spool}
chmod 0755 "$base" "$base/munge" "$base/run"

# until CONDITION holds, for at most 10 s; then the end of LOG, and failure
await() {
  local log=$1
  shift
  for _ in $(seq 50); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "not there after 10 s: $*" >&2
  tail -n 20 "$log" >&2 || true
  return 1
}
controller_answers() { timeout 2 scontrol ping | grep -q UP; }
node_is_ready() { timeout 5 sinfo --noheader --format=%T | grep -qE 'idle|mixed|allocated'; }
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# authentication: a key and a socket of our own
(umask 077 && head -c 128 /dev/urandom >"$base/munge/munge.key")
munged --force --num-threads=2 --key-file="$base/munge/munge.key" --socket="$base/munge/socket" \
  --pid-file="$base/run/munged.pid" --log-file="$base/log/munged.log" --seed-file="$base/munge/seed"
await "$base/log/munged.log" munge --no-input --socket="$base/munge/socket"

memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 - 512))
sed -e "s#@BASE@#$base#g" -e "s#@HOST@#$host#g" -e "s#@CPUS@#$(nproc)#g" -e "s#@MEMORY@#$memory#g" \
  -e "s#@CONTROLLER_PORT@#$(free_port)#g" -e "s#@NODE_PORT@#$(free_port)#g" \
  "$here/slurm.conf.in" >"$base/etc/slurm.conf"
printf 'CgroupAutomount=no\nConstrainCores=no\nConstrainRAMSpace=no\n' >"$base/etc/cgroup.conf"
cat >"$base/env.sh" <<END
export SLURM_CONF=$base/etc/slurm.conf LOCAL_SLURM_CONF=$base/etc/slurm.conf
export PATH=$here/bin:\$PATH
END

# shellcheck source=/dev/null
. "$base/env.sh"
slurmctld -i
await "$base/log/slurmctld.log" controller_answers
slurmd -N "$host"
await "$base/log/slurmd.log" node_is_ready
sinfo
