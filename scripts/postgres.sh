# A throw-away PostgreSQL on loopback: `source scripts/postgres.sh; start_postgres`. Sets TEST_POSTGRES_URL unless it is
# set already. It is stopped and removed by `stop_postgres`. Each step hands on its failure: callers test the result.

# Runs a command as the user who owns the cluster; PostgreSQL refuses root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    (cd / && "$@")
  fi
}

find_initdb() {
  ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1 | grep . || command -v initdb
}

free_port() {
  python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'
}

start_postgres() {
  if [ -n "${TEST_POSTGRES_URL:-}" ]; then
    echo "using the server that TEST_POSTGRES_URL names"
    return 0
  fi
  local initdb port
  if ! initdb=$(find_initdb); then
    if [ "$(id -u)" != 0 ]; then
      echo "no initdb: install the package postgresql, or set TEST_POSTGRES_URL" >&2
      return 1
    fi
    apt-get update -qq || return 1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql || return 1
    initdb=$(find_initdb) || return 1
  fi
  PG_BIN=$(dirname "$(readlink -f "$initdb")")
  PG_HOME=$(mktemp -d /tmp/rosterd-pg.XXXXXX) || return 1
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || useradd --system postgres || return 1
    chown postgres "$PG_HOME" || return 1
  fi
  # Loopback only and gone after the run, so that a password would protect nothing.
  as_postgres "$PG_BIN/initdb" -D "$PG_HOME/data" -A trust -U postgres --locale=C.UTF-8 -E UTF8 || return 1
  for _ in 1 2 3; do
    port=$(free_port) || return 1
    # Somebody may take the port before PostgreSQL does: then with another.
    if as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -w -l "$PG_HOME/log" \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300" start; then
      export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port"
      return 0
    fi
  done
  cat "$PG_HOME/log"
  return 1
}

stop_postgres() {
  [ -n "${PG_HOME:-}" ] || return 0
  as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$PG_HOME"
}
