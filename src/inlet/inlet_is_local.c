/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/inlet.h"

#include "postern/io/addr.h"

bool
inlet_is_local(const struct inlet_listener *l)
{
	for (size_t i = 0; i < l->naddresses; i++) {
		if (!addr_is_loopback(&l->addresses[i]))
			return false;
	}
	return true;
}
