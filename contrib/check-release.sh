# SPDX-License-Identifier: Apache-2.0
# The release tier; read by contrib/check after its own steps.
. "$top/contrib/check-long.sh"
# RELEASE_FUZZ: seconds a fuzzer
step fuzz-long in_build fuzz make fuzz FUZZ_SECONDS="${RELEASE_FUZZ-600}"
step bench-spool in_build plain make bench-spool
step bench in_build plain make bench
