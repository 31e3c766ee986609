#!/usr/bin/env bash
# The outside judges against the built binary: `judges.sh sqlite|postgres`.
set -euo pipefail
cd "$(dirname "$0")/.."
database=$1
out=target/judges/$database
rm -rf "$out"
mkdir -p "$out"
token=judge-token-0123456789abcdef
data=$(mktemp -d)
[ "$database" != postgres ] || psql=$(command -v psql || ls -d /usr/lib/postgresql/*/bin/psql | sort -V | tail -n 1)
server=
stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
finish() {
  stop_server
  rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

is_ready() { python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=2)' "$1" 2>/dev/null; }

# Starts a server on an empty database; sets `base`.
start() {
  stop_server
  local at
  at=127.0.0.1:$(port)
  local name="judge_$1_$$"
  local url="sqlite://$data/$name.db"
  if [ "$database" = postgres ]; then
    "$psql" -q "$TEST_POSTGRES_URL/postgres" -c "CREATE DATABASE $name"
    url="$TEST_POSTGRES_URL/$name"
  fi
  ROSTERD_SECRET_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ROSTERD_DATA_DIR=$data/files ROSTERD_DATABASE_URL=$url \
    ROSTERD_LISTEN=$at ROSTERD_BOOTSTRAP_SCIM_TOKEN=$token target/debug/rosterd serve >"$out/server-$1.out" 2>"$out/server-$1.log" &
  server=$!
  base=http://$at/scim/v2
  for _ in $(seq 100); do
    is_ready "http://$at/readyz" && return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "the server did not start"
  cat "$out/server-$1.log"
  return 1
}

sanity() {
  .venv/bin/scim-sanity probe "$base" --token "$token" --i-accept-side-effects --strict --json-output >"$out/sanity-$1.json" || true
  python3 scripts/sanity_verdict.py "$out/sanity-$1.json"
}

start empty
echo "scim2 test"
SCIM_CLI_HEADERS="Authorization: Bearer $token" .venv/bin/scim2 --url "$base" test >"$out/scim2.txt" 2>&1 || {
  grep -nE "^(ERROR|CRITICAL|SKIPPED)" -A4 "$out/scim2.txt"
  exit 1
}
grep -c SUCCESS "$out/scim2.txt" | sed 's/$/ results, all SUCCESS/'

echo "OpenAPI document"
python3 -c 'import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())' \
  "${base%/scim/v2}/api/openapi.json" >"$out/openapi.json"
.venv/bin/openapi-spec-validator "$out/openapi.json"

start sanity
echo "scim-sanity, empty"
sanity empty
echo "Okta's door check"
python3 scripts/okta_spec.py "$base" "$token"
echo "scim-sanity, seeded"
sanity seeded
