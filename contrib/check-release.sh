# SPDX-License-Identifier: Apache-2.0
# The release tier; read by contrib/check after its own steps.
. "$top/contrib/check-long.sh"
# RELEASE_FUZZ: seconds a fuzzer; RELEASE_SOAK: so many times 20,000 messages,
# of which none may be lost, doubled or damaged
step fuzz-long in_build fuzz make fuzz FUZZ_SECONDS="${RELEASE_FUZZ-600}"
step bench-spool in_build plain make bench-spool
step bench in_build plain make bench
step bench-idle in_build plain make bench-idle
step bench-idle-tls in_build plain make bench-idle IDLEFLAGS='--tls --connections 1000'
step soak in_build plain make bench \
	BENCHFLAGS="--scenario 1k-c10 --runs 1 --factor ${RELEASE_SOAK-200}"
