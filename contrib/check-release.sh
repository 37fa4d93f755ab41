# SPDX-License-Identifier: Apache-2.0
# The release tier; read by contrib/check after its own steps.
. "$top/contrib/check-long.sh"
# RELEASE_FUZZ: seconds a fuzzer; SOAK_SECONDS: of the soak, in which the providers
# fail at random, nothing may grow and nothing may be lost; RELEASE_MILLION: what
# "make million" is to do else
step fuzz-long in_build fuzz make fuzz FUZZ_SECONDS="${RELEASE_FUZZ-600}"
step bench-spool in_build plain make bench-spool
step bench in_build plain make bench
step bench-call in_build plain make bench-call
step bench-idle in_build plain make bench-idle
step bench-idle-tls in_build plain make bench-idle IDLEFLAGS='--tls --connections 1000'
step backlog in_build plain make backlog
step listing in_build plain make listing
step million in_build clock make million MILLION="${RELEASE_MILLION-}"
export SOAK_SECONDS="${SOAK_SECONDS-7200}"
step soak in_build plain make soak
