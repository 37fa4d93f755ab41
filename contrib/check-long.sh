# SPDX-License-Identifier: Apache-2.0
# The long tier; read by contrib/check after its own steps.
if step build-tsan build tsan --enable-sanitizers=thread --enable-test-clock CFLAGS="-O1 -g"; then
	step units-tsan in_build tsan make -j"$jobs" check
	step system-tsan in_build tsan $system
fi
POSTERN_ROUNDS=50 POSTERN_CUTS=300 POSTERN_LONG=1
export POSTERN_ROUNDS POSTERN_CUTS POSTERN_LONG
step power-cuts-300 in_build plain make check-powercut
step system-50-kills in_build plain make check-system
# hours, by a clock that is not the machine's
if step build-clock build clock --enable-test-clock; then
	step system-clock in_build clock make check-system PYTESTFLAGS="-m clock"
fi
unset POSTERN_ROUNDS POSTERN_CUTS POSTERN_LONG
step distcheck in_build plain make distcheck
