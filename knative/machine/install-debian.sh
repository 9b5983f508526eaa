#!/bin/sh
# Installs Debian or Ubuntu packages (arguments) as root, and nothing more: the daemons that come with them are neither started nor
# enabled, and PostgreSQL makes no cluster of its own. What that takes is undone at the end. A daemon that was there before is left alone.
# Run by ./taskw and by `up`, so that one announced sudo is all that is asked for.
set -eu

export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d
had_rabbitmq=$(dpkg-query -W -f '${Status}' rabbitmq-server 2>/dev/null || true)
had_pgbouncer=$(dpkg-query -W -f '${Status}' pgbouncer 2>/dev/null || true)
made_policy=
made_folder=
made_cluster=

undo() {
    if [ -n "$made_policy" ]; then rm -f "$policy"; fi
    if [ -n "$made_cluster" ]; then rm -f "$cluster/capsule.conf"; fi
    if [ -n "$made_folder" ]; then rmdir "$cluster" 2>/dev/null || true; fi
}
trap undo EXIT
trap 'exit 1' HUP INT TERM

if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
if [ ! -d "$cluster" ]; then
    made_folder=yes
    mkdir -p "$cluster"
fi
made_cluster=yes
echo 'create_main_cluster = false' >"$cluster/capsule.conf"

apt-get update -q
apt-get install -q -y --no-install-recommends "$@"

disable_new_service() { # a service that was there before is left alone
    case "$2" in
        *"ok installed"*) ;;
        *) if command -v systemctl >/dev/null 2>&1; then systemctl disable "$1" >/dev/null 2>&1 || true; fi ;;
    esac
}
disable_new_service rabbitmq-server "$had_rabbitmq"
disable_new_service pgbouncer "$had_pgbouncer"
