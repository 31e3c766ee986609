#!/usr/bin/env bash
# The outside judges, from PyPI, into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v python3 >/dev/null || { apt-get update -qq; apt-get install -y -qq python3 >/dev/null; }
if ! [ -x .venv/bin/scim2 ] || ! [ -x .venv/bin/scim-sanity ]; then
  python3 -m venv .venv 2>/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    rm -rf .venv
    python3 -m venv .venv
  }
  .venv/bin/pip install --quiet --disable-pip-version-check -r scripts/judges-requirements.txt
fi
