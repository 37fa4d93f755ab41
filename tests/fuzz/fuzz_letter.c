/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in at sendmail's standard input, with the recipients in its
 * header: the first byte says whether a dot alone ends it. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "postern/mail/address.h"
#include "postern/mail/message.h"

#include "tools/sendmail_letter.h"
#include "tools/sendmail_rcpts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const struct sendmail_letter *l)
{
	struct str text = buf_str(&l->text);
	struct message_scan scan;

	message_scan_init(&scan);
	message_scan(&scan, text.p, text.len);
	message_scan_end(&scan);
	assert(scan.fault == MESSAGE_OK);
	assert(message_scan_is_lines(&scan));
	assert(l->header <= text.len);
	assert(l->header == 0 || text.p[l->header - 1] == '\n');
	assert(l->has_8bit == (scan.header_8bit || scan.body_8bit));
}

static void
check_rcpts(const struct sendmail_letter *l)
{
	struct sendmail_rcpts r = { 0 };
	struct address a;

	(void)sendmail_letter_rcpts(l, &r);
	for (size_t i = 0; i < r.n; i++)
		assert(address_mailbox(&a, str_of(r.v[i]),
		           ADDRESS_UTF8 | ADDRESS_LOCAL) == ADDRESS_OK);
	sendmail_rcpts_done(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sendmail_letter l;
	struct err err;
	int fd, rc;

	if (size == 0)
		return 0;
	fd = memfd_create("letter", MFD_CLOEXEC);
	assert(fd >= 0);
	assert(write(fd, data + 1, size - 1) == (ssize_t)size - 1);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	rc = sendmail_letter_read(&l, fd, (data[0] & 1) != 0, &err);
	assert(rc == 0);
	(void)close(fd);
	check_text(&l);
	check_rcpts(&l);
	sendmail_letter_done(&l);
	return 0;
}
