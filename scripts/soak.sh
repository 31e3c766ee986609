#!/usr/bin/env bash
# The test command with full counts: hours instead of minutes. For a night, or before a release.
set -euo pipefail
exec bash "$(dirname "$0")/test.sh" --soak
