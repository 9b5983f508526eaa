#!/bin/sh
# Install Debian or Ubuntu packages (arguments) as root without starting or enabling their daemons, and without creating a PostgreSQL cluster.
# Temporary configuration for that is removed at the end. Daemons that were installed before keep running. Used by ./taskw, `up` and the tests.
# One installation runs at a time: this script waits for another of its own, and up to five minutes for another program's apt or dpkg.
set -eu

mkdir -p /run/lock
exec 9>/run/lock/capsule-install
flock 9

export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d
had_rabbitmq=$(dpkg-query -W -f '${Status}' rabbitmq-server 2>/dev/null || true)
had_pgbouncer=$(dpkg-query -W -f '${Status}' pgbouncer 2>/dev/null || true)
had_sshd=$(dpkg-query -W -f '${Status}' openssh-server 2>/dev/null || true)
had_lighttpd=$(dpkg-query -W -f '${Status}' lighttpd 2>/dev/null || true)
had_redis=$(dpkg-query -W -f '${Status}' redis-server 2>/dev/null || true)
created_policy=
created_folder=
created_cluster=

clean_up() {
    if [ -n "$created_policy" ]; then rm -f "$policy"; fi
    if [ -n "$created_cluster" ]; then rm -f "$cluster/capsule.conf"; fi
    if [ -n "$created_folder" ]; then rmdir "$cluster" 2>/dev/null || true; fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

if [ ! -e "$policy" ]; then
    created_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
if [ ! -d "$cluster" ]; then
    created_folder=yes
    mkdir -p "$cluster"
fi
created_cluster=yes
echo 'create_main_cluster = false' >"$cluster/capsule.conf"

updated=
for _ in $(seq 60); do # apt-get does not wait for the lock of the package lists, whatever DPkg::Lock::Timeout says
    if output=$(apt-get update -q 2>&1); then
        updated=yes
        break
    fi
    case "$output" in
        *"Could not get lock"*) sleep 5 ;;
        *) break ;;
    esac
done
printf '%s\n' "$output"
[ -n "$updated" ] || exit 100
apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends "$@" 9>&-

disable_new_service() { # a service that was there before is left alone
    case "$2" in
        *"ok installed"*) ;;
        *) if command -v systemctl >/dev/null 2>&1; then systemctl disable "$1" >/dev/null 2>&1 || true; fi ;;
    esac
}
disable_new_service rabbitmq-server "$had_rabbitmq"
disable_new_service pgbouncer "$had_pgbouncer"
disable_new_service redis-server "$had_redis"
disable_new_service ssh "$had_sshd"
disable_new_service lighttpd "$had_lighttpd"
