#!/usr/bin/env bash
# redis-server writes its process title over its environment, so a supervisor that finds its processes by a variable no longer finds it.
#
# Guess:   /proc/PID/environ shows what a process was started with, for its whole life, unless the program itself changes it on purpose.
# True:    with the default `set-proc-title yes` the title ("/usr/bin/redis-server 127.0.0.1:6379") takes the place of arguments and environment
#          in memory. Neither the configuration file in the arguments nor any variable can be read from outside afterwards; `set-proc-title no`
#          leaves both. The server's own getenv still works, since it has copied the variables.
# Version: the machine's Redis (Debian package redis-server; seen with 7.0.15)
# Source:  observed; src/setproctitle.c of Redis, set-proc-title in redis.conf
set -euo pipefail
if ! command -v redis-server > /dev/null; then
  echo "skipped: the Debian package redis-server is not installed"
  exit 0
fi
folder=$(mktemp -d)
server=""
stop() {
  [ -z "$server" ] || { kill "$server" 2> /dev/null && wait "$server" 2> /dev/null || true; }
  rm -rf "$folder"
}
trap stop EXIT
redis-server --version | cut -d' ' -f1-3
for title in yes no; do
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  printf 'bind 127.0.0.1\nport %s\nsave ""\ndir %s\nset-proc-title %s\n' "$port" "$folder" "$title" > "$folder/redis.conf"
  MARK=of-the-supervisor redis-server "$folder/redis.conf" > "$folder/log" & server=$!
  for _ in $(seq 100); do
    (: > "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
    sleep 0.1
  done
  marks=$(tr '\0' '\n' < "/proc/$server/environ" | grep -c '^MARK=of-the-supervisor$' || true)
  files=$(tr '\0' '\n' < "/proc/$server/cmdline" | grep -c 'redis.conf$' || true)
  echo "set-proc-title $title: variable seen $marks, configuration file seen $files"
  kill "$server" && wait "$server" || true
  server=""
done | tee "$folder/seen"
cat > "$folder/recorded" <<'TEXT'
set-proc-title yes: variable seen 0, configuration file seen 0
set-proc-title no: variable seen 1, configuration file seen 1
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: the default title erases arguments and environment"
