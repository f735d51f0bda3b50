#!/usr/bin/env bash
# Starts a server of its own on a free loopback port, with a data directory that
# is thrown away, runs `rollcall demo` against it, stops the server and exits
# with the demo's code. Arguments go to `rollcall demo`.
#
# Environment: ROLLCALL is the binary (default: .bin/rollcall).
#              ROLLCALL_DEMO_KEEP=1 leaves the data directory behind.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rollcall=${ROLLCALL:-$root/.bin/rollcall}
data=$(mktemp -d "${TMPDIR:-/tmp}/rollcall-demo.XXXXXX")
server=

# A ROLLCALL_... variable of the caller's shell must not reach the throw-away
# server, above all not the one that names a data directory.
for name in $(compgen -e ROLLCALL_); do
	[[ $name == ROLLCALL_DEMO_* ]] || unset "$name"
done

finish() {
	local code=$?
	if [[ -n $server ]]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	if ((code != 0)) && [[ -s $data/server.log ]]; then
		echo "--- the server's last words" >&2
		tail -n 30 "$data/server.log" >&2
	fi
	if [[ ${ROLLCALL_DEMO_KEEP:-} == 1 ]]; then
		echo "kept $data" >&2
	else
		rm -rf "$data"
	fi
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# status PORT PATH prints the status code of a GET, without needing curl.
status() {
	local version code rest
	exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
	printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
	IFS=' ' read -r -t 5 version code rest <&3 || code=
	exec 3>&-
	echo "$code"
}

# A port is taken from below the range that the kernel hands out, so that only a
# listening program can be on it; whether one is, a connection tells.
free_port() {
	local port
	for _ in {1..50}; do
		port=$((20000 + RANDOM % 10000))
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo "$port"
			return
		fi
	done
	echo "no free port found on 127.0.0.1" >&2
	return 1
}

[[ -x $rollcall ]] || {
	echo "$rollcall is missing; run make build" >&2
	exit 1
}

# The credential is handed over in the environment: arguments show in ps.
port=$(free_port)
export ROLLCALL_CLIENT_ID=skc_100000000000000001
ROLLCALL_CLIENT_SECRET=demo_$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
export ROLLCALL_CLIENT_SECRET

# --webhook-insecure: the demo's receivers listen on plain loopback HTTP.
"$rollcall" serve --data "$data/data" --listen "127.0.0.1:$port" --webhook-insecure >"$data/server.log" 2>&1 &
server=$!

deadline=$((SECONDS + 30))
until [[ $(status "$port" /readyz 2>/dev/null) == 200 ]]; do
	if ! kill -0 "$server" 2>/dev/null; then
		echo "the server stopped before it was ready" >&2
		exit 1
	fi
	if ((SECONDS > deadline)); then
		echo "the server was not ready within 30 seconds" >&2
		exit 1
	fi
	sleep 0.1
done

"$rollcall" demo --url "http://127.0.0.1:$port" "$@"
