# SPDX-License-Identifier: Apache-2.0
# Postern as a relay-everything smart-host client: a driver for the relay
# comparison (prepare, start, stop, flush, queuedir; RB_* in the environment).
# POSTERND names the daemon; default: posternd in $POSTERN_BUILD, else in a
# build directory "build" of the tree this file is in.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
D=${POSTERND:-${POSTERN_BUILD:-$here/build}/posternd}
S=$RB_STATE
# With RB_TLS=1: STARTTLS and AUTH on both sides, the sink's certificate not
# verified (it is its own issuer and made out to nobody).
tls=${RB_TLS:-0}
case $1 in
prepare)
	[ -x "$D" ] || { echo "postern.sh: no posternd at $D; set POSTERND" >&2; exit 1; }
	mkdir -p "$S" && mkdir -m 700 "$S/spool" || exit 1
	if [ "$tls" = 1 ]; then
		(umask 077 && cp "$RB_KEY" "$S/key.pem" && printf '%s' "$RB_PASS" >"$S/pass" &&
			printf '%s:%s\n' "$RB_USER" "$(openssl passwd -6 "$RB_PASS")" >"$S/users") || exit 1
	fi
	cat >"$S/postern.conf" <<-CONF
	hostname = "relay.test";
	$([ "$(id -u)" = 0 ] && echo 'user = "root"; group = "root";')
	$([ "$tls" = 1 ] && echo "tls = { certificates = ( { certificate = \"$RB_CERT\"; key = \"$S/key.pem\"; } ); };
		users_file = \"$S/users\";")
	listeners = ( { name = "bench"; address = [ "127.0.0.1:$RB_PORT" ];
	$([ "$tls" = 1 ] && echo 'tls = "optional"; auth = "optional";')
	$([ "${RB_IDLE:-0}" = 1 ] && echo 'max_connections = 20000; max_per_client = 20000;') } );
	providers = ( { name = "sink"; host = "127.0.0.1"; port = $RB_SINK_PORT;
	$(if [ "$tls" = 1 ]; then
		echo "tls = \"required\"; user = \"$RB_USER\"; password_file = \"$S/pass\"; allow_unverified_auth = true;"
	else
		echo 'tls = "off";'
	fi)
	$([ "${RB_TUNE:-default}" = tuned ] && echo 'max_connections = 20; max_messages_per_connection = 10000;') } );
	spool = { directory = "$S/spool"; };
	submission = { socket = "$S/submission.sock"; drop_directory = "$S/drop"; };
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
