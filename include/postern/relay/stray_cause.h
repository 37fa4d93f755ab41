/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/stray_cause - of the dead letters for users of this host whom nobody
 * reads for.
 */
#ifndef RELAY_STRAY_CAUSE_H
#define RELAY_STRAY_CAUSE_H

#define STRAY_CAUSE "no alias"

#endif
