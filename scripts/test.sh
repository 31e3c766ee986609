#!/usr/bin/env bash
# The one test command: installs what it needs on Debian, then format, lints, the suite on SQLite and on PostgreSQL,
# and the outside judges on both. `--soak` runs the same tests with their full counts.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" = "--soak" ] && export ROSTERD_TEST_SOAK=1

source scripts/postgres.sh
trap stop_postgres EXIT

passed=0
part() {
  local name=$1 began=$SECONDS
  shift
  echo "== $name"
  if ! "$@"; then
    echo "== $name FAILED after $((SECONDS - began)) s"
    echo "$passed passed, 1 failed"
    exit 1
  fi
  passed=$((passed + 1))
  echo "== $name: $((SECONDS - began)) s"
}

on_sqlite() { ROSTERD_TEST_DATABASE=sqlite cargo test --locked --quiet; }
on_postgres() { ROSTERD_TEST_DATABASE=postgres cargo test --locked --quiet --test it; }

part "tools" bash scripts/install-judges.sh
part "PostgreSQL" start_postgres
part "format" cargo fmt --check
part "lints" cargo clippy --locked --quiet --all-targets -- -D warnings
part "build" cargo build --locked --quiet
part "suite on SQLite" on_sqlite
part "suite on PostgreSQL" on_postgres
part "judges on SQLite" bash scripts/judges.sh sqlite
part "judges on PostgreSQL" bash scripts/judges.sh postgres
echo "$passed passed, 0 failed"
