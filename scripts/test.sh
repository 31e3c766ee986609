#!/usr/bin/env bash
# The one test command: installs what it needs on Debian, then format, lints, the suite on SQLite and on PostgreSQL,
# and the outside judges on both. `--soak` runs the same tests with their full counts.
#
# Each part says what it is and how long it took; the first that fails shows its output and ends the run. With
# TEST_POSTGRES_URL (a superuser's, without a database name) set, that server is used instead of a throw-away one.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=test
case "${1:-}" in
  "") ;;
  --soak)
    export ROSTERD_TEST_SOAK=1
    profile=soak
    ;;
  *)
    echo "usage: bash scripts/test.sh [--soak]" >&2
    exit 2
    ;;
esac

source scripts/postgres.sh
trap stop_postgres EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

logs=target/test-logs
mkdir -p "$logs"
passed=0
failed=0

# Adds a part's tests to the totals; a part without tests counts as one check.
count() {
  local log=$1 good=$2 p f i
  read -r p f i < <(awk '/^test result:/ { for (n = 2; n <= NF; n++) {
      if ($n ~ /^passed/) p += $(n-1); if ($n ~ /^failed/) f += $(n-1); if ($n ~ /^ignored/) i += $(n-1) } }
    END { print p + 0, f + 0, i + 0 }' "$log")
  if [ "$good" = yes ]; then
    [ $((p + f)) -gt 0 ] || p=1
  elif [ "$f" -eq 0 ]; then
    f=1
  fi
  passed=$((passed + p))
  failed=$((failed + f))
  [ "$i" -eq 0 ] || echo "   $i tests are marked as ignored and did not run"
}

# A function run here must hand on its failures itself: bash ignores `set -e` inside a condition.
part() {
  local name=$1 began=$SECONDS log
  shift
  log="$logs/${name// /-}.log"
  echo "== $name"
  if "$@" >"$log" 2>&1; then
    count "$log" yes
    echo "   $((SECONDS - began)) s"
  else
    cat "$log"
    count "$log" no
    echo "== $name FAILED after $((SECONDS - began)) s"
    echo "$passed passed, $failed failed"
    exit 1
  fi
}

rust_tools() {
  cargo fmt --version || rustup component add rustfmt || return 1
  cargo clippy --version || rustup component add clippy
}
# cargo-deny takes longer to build than most parts: who has it gets its word too.
supply_chain() {
  python3 scripts/supply_chain.py check || return 1
  ! command -v cargo-deny >/dev/null || cargo deny --locked check bans licenses sources
}
# cargo does not know the stand-ins' files: build.rs lists them.
formatted() { cargo fmt --check && rustfmt --edition 2024 --check standins/*.rs; }
on_sqlite() { ROSTERD_TEST_DATABASE=sqlite cargo test --profile "$profile" --locked --quiet --no-fail-fast; }
on_postgres() { ROSTERD_TEST_DATABASE=postgres cargo test --profile "$profile" --locked --quiet --no-fail-fast --test it; }

part "Rust tools" rust_tools
part "judges' tools" bash scripts/install-judges.sh
part "PostgreSQL" start_postgres
part "sshd" bash scripts/sshd.sh
part "format" formatted
part "lints" cargo clippy --locked --quiet --all-targets -- -D warnings
part "supply chain" supply_chain
part "build" cargo build --locked --quiet
part "suite on SQLite" on_sqlite
part "suite on PostgreSQL" on_postgres
part "judges on SQLite" bash scripts/judges.sh sqlite
part "judges on PostgreSQL" bash scripts/judges.sh postgres
echo "$passed passed, $failed failed"
