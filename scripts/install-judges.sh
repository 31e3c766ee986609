#!/usr/bin/env bash
# The outside judges, from PyPI, into .venv; done once until the requirements change.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=scripts/judges-requirements.txt
if cmp -s "$wanted" .venv/judges.installed; then
  exit 0
fi

# A python3 may be too old, or lack venv or pip: only a try tells.
make_venv() {
  local python
  for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10; do
    command -v "$python" >/dev/null || continue
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
    rm -rf .venv
    if "$python" -m venv .venv && .venv/bin/python -m pip --version; then
      return 0
    fi
  done
  return 1
}

if ! make_venv; then
  if [ "$(id -u)" != 0 ]; then
    echo "no python3 (3.10 or newer) with venv and pip: install python3-venv, or run this as root" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv
  make_venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" .venv/judges.installed
