#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# POSTERN_CUTS power cuts (default 60), none of which may do harm; then the same
# with a wrong flag planted in the store, which must be found.
cuts=${POSTERN_CUTS:-60}
prog=${top_builddir:-.}/tests/spool/powercut
dir=$(mktemp -d "${TMPDIR:-/tmp}/powercut-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
rc=0

round() { # name, what must come out
	mkdir "$dir/$1"
	"$prog" "$dir/$1" "$3" >"$dir/$1.log" 2>&1
	got=$?
	echo "$1: $(tail -n 1 "$dir/$1.log")"
	if [ $got != "$2" ]; then
		echo "$1: ended with $got, not $2"
		head -n 20 "$dir/$1.log"
		rc=1
	fi
}

round as-it-is 0 "$cuts"
STORE_PLANT=nosync
export STORE_PLANT
round nosync 1 40
STORE_PLANT=nometasync
round nometasync 1 80
exit $rc
