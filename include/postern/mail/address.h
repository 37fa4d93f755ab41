/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/address - the addresses of MAIL and RCPT (RFC 5321 4.1.2, RFC 6531
 * 3.3): syntax and normal form.  Pure.
 *
 * Normal form: no source route; a quoted local-part loses the quotes and
 * backslashes it does not need; everything else as given.  No control byte
 * ever passes, so the result may go into a command, a header or a log.
 * Beyond the grammar only "_" in a domain is taken: hosts carry such names.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"

/*
 * Octets: a path of 256 less its <> (4.5.3.1.3).  The 64 octets of a local-part
 * (4.5.3.1.1) are what everybody must take, and 4.5.3.1 asks for no limit where
 * one can do without: reply and bounce addresses made by programs are longer.
 */
#define ADDRESS_MAX 254
#define ADDRESS_LABEL_MAX 63 /* RFC 1035 2.3.4 */

enum address_flag {
	ADDRESS_UTF8 = 1 << 0,       /* bytes above 0x7f, as valid UTF-8 */
	ADDRESS_NULL = 1 << 1,       /* <> */
	ADDRESS_POSTMASTER = 1 << 2, /* Postmaster without a domain */
	ADDRESS_LOCAL = 1 << 3,      /* anybody without a domain */
};

enum address_fault {
	ADDRESS_OK,
	ADDRESS_SYNTAX,
	ADDRESS_TOO_LONG,
	ADDRESS_NEEDS_UTF8, /* bytes above 0x7f, and ADDRESS_UTF8 not set */
};

struct address {
	uint16_t len, local_len; /* text is local [ "@" domain ] */
	bool utf8;               /* bytes above 0x7f inside */
	char text[ADDRESS_MAX];  /* no NUL at its end */
};

/* The Path "<...>" that in begins with; *took: its length.  Else nothing is
 * set. */
enum address_fault address_path(
    struct address *a, struct str in, unsigned flags, size_t *took);
/* The whole of in is a mailbox without <>. */
enum address_fault address_mailbox(
    struct address *a, struct str in, unsigned flags);
struct str address_str(const struct address *a);
struct str address_local(const struct address *a);
struct str address_domain(const struct address *a); /* "" if none */

/* Is it a domain (dot-separated labels) or an address literal "[...]"? */
bool address_is_domain(struct str s, unsigned flags);

#endif
