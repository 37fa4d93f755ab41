/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/capability - what a server offers in its EHLO reply (RFC 5321 4.1.1.1,
 * 1870, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 6710, 8689, 9422, 2034).
 */
#ifndef SMTP_CAPABILITY_H
#define SMTP_CAPABILITY_H

#include <stdint.h>

#include "postern/base/str.h"
#include "postern/smtp/smtp_client.h"

struct capability {
	uint32_t set;      /* enum smtp_capability */
	uint64_t size_max; /* 0: none said */
	struct smtp_limits limits;
	char auth[64]; /* the mechanisms as given, cut, for people */
};

/* A line behind the code; index 0 is the greeting, which offers nothing. */
void capability_line(struct capability *c, unsigned index, struct str text);

#endif
