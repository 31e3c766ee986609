# A throw-away PostgreSQL on loopback: `source scripts/postgres.sh; start_postgres`. Sets TEST_POSTGRES_URL.
# It is stopped and removed when the shell that started it ends.

start_postgres() {
  local bin initdb
  initdb=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1 || true)
  if [ -z "$initdb" ]; then
    echo "installing PostgreSQL"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
    initdb=$(ls -d /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  fi
  bin=$(dirname "$initdb")
  id postgres >/dev/null 2>&1 || useradd --system postgres
  PG_HOME=$(mktemp -d /tmp/rosterd-pg.XXXXXX)
  chown postgres "$PG_HOME"
  PG_BIN=$bin
  # Loopback only and gone after the run, so that a password would protect nothing.
  (cd / && runuser -u postgres -- "$bin/initdb" -D "$PG_HOME/data" -A trust -U postgres --locale=C.UTF-8 -E UTF8 >/dev/null)
  PG_PORT=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
  (cd / && runuser -u postgres -- "$bin/pg_ctl" -D "$PG_HOME/data" -w -l "$PG_HOME/log" \
    -o "-p $PG_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300" start >/dev/null)
  export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$PG_PORT"
}

stop_postgres() {
  [ -n "${PG_HOME:-}" ] || return 0
  (cd / && runuser -u postgres -- "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m immediate stop >/dev/null 2>&1) || true
  rm -rf "$PG_HOME"
}
