#!/usr/bin/env bash
# Run a command beside a one-node Slurm of its own, which is stopped whatever happens.
# usage: with_slurm.sh COMMAND [ARGUMENT ...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Slurm is missing: as root on Debian, apt-get install --no-install-recommends slurm-wlm munge" >&2
    exit 1
  fi
  echo "installing Slurm from Debian's packages"
  apt-get update -qq </dev/null >/dev/null
  # services do not start by themselves where there is no init system; we start our own
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends slurm-wlm munge \
    </dev/null >/dev/null 2>&1
fi

base=$(mktemp -d /tmp/hyperhex-slurm.XXXXXX)
trap '"$here/stop_slurm.sh" "$base"; rm -rf "$base"' EXIT
"$here/start_slurm.sh" "$base"
# shellcheck source=/dev/null
. "$base/env.sh"
"$@"
