# SPDX-License-Identifier: Apache-2.0
# Postern as a relay-everything smart-host client: a driver for the relay
# comparison (prepare, start, stop, flush, queuedir; RB_* in the environment).
# POSTERND names the daemon; default: posternd in $POSTERN_BUILD, else in a
# build directory "build" of the tree this file is in.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
D=${POSTERND:-${POSTERN_BUILD:-$here/build}/posternd}
S=$RB_STATE
if [ "${RB_TLS:-0}" = 1 ]; then
	echo "postern.sh: RB_TLS=1 needs STARTTLS and AUTH for clients, which posternd does not have yet" >&2
	exit 1
fi
case $1 in
prepare)
	[ -x "$D" ] || { echo "postern.sh: no posternd at $D; set POSTERND" >&2; exit 1; }
	mkdir -p "$S" && mkdir -m 700 "$S/spool" || exit 1
	cat >"$S/postern.conf" <<-CONF
	hostname = "relay.test";
	$([ "$(id -u)" = 0 ] && echo 'user = "root"; group = "root";')
	listeners = ( { name = "bench"; address = [ "127.0.0.1:$RB_PORT" ];
	$([ "${RB_IDLE:-0}" = 1 ] && echo 'max_connections = 20000; max_per_client = 20000;') } );
	providers = ( { name = "sink"; host = "127.0.0.1"; port = $RB_SINK_PORT; tls = "off";
	$([ "${RB_TUNE:-default}" = tuned ] && echo 'max_connections = 20; max_messages_per_connection = 10000;') } );
	spool = { directory = "$S/spool"; };
	log = { to = "$S/postern.log"; };
	CONF
	"$D" -t -c "$S/postern.conf" ;;
start)
	[ "${RB_IDLE:-0}" = 1 ] && ulimit -n 65536
	exec "$D" -f -c "$S/postern.conf" 2>"$S/stderr" ;;
stop)	: ;; # SIGTERM to the cgroup is what it wants
flush)	: ;; # what is due leaves by itself
queuedir) echo "$S/spool" ;;
esac
