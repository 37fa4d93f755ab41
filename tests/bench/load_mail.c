/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "tools/benchmail.h"

#define DIGITS 10

/* The template twice: as it is and as it travels.  The number stands in the
 * Message-ID and in the first line of the text; the rest never changes. */
struct load_mail {
	uint32_t run;
	char *plain, *wire;
	size_t plain_len, wire_len;
	size_t id_at, text_at; /* places of the number in both */
};

/* One line into both forms. */
static void
add(struct load_mail *m, const char *line, size_t n)
{
	memcpy(m->plain + m->plain_len, line, n);
	m->plain_len += n;
	if (line[0] == '.')
		m->wire[m->wire_len++] = '.';
	memcpy(m->wire + m->wire_len, line, n);
	m->wire_len += n;
}

static void
add_head(struct load_mail *m, const struct load_settings *s)
{
	char head[1024];
	int n = snprintf(head, sizeof head, BENCHMAIL_FORMAT "Message-ID: <",
	    0u, 0u, 0u, 0u);

	add(m, head, (size_t)n);
	m->id_at = m->plain_len;
	n = snprintf(head, sizeof head,
	    "%010u.%08x@%s>\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
	    "From: Load <%s>\r\nTo: <r0@%s>\r\nSubject: load\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nmessage ",
	    0u, s->run, s->domain, s->sender, s->domain);
	add(m, head, (size_t)n);
	m->text_at = m->plain_len;
	add(m, "0000000000\r\n", DIGITS + 2);
}

/* Lines of 72 octets, every 16th begins with a dot; the last is cut. */
static void
add_text(struct load_mail *m, size_t size)
{
	for (unsigned i = 1; m->plain_len + 2 < size; i++) {
		char line[80];
		size_t room = size - m->plain_len;
		int n = snprintf(line, sizeof line,
		    "%s%07u the quick brown fox jumps over the lazy dog, "
		    "0123456789 abcd",
		    i % 16 == 0 ? "." : "", i);
		size_t len = (size_t)n + 2 > room ? room - 2 : (size_t)n;

		memcpy(line + len, "\r\n", 2);
		add(m, line, len + 2);
	}
}

struct load_mail *
load_mail_new(const struct load_settings *s)
{
	struct load_mail *m = mem_new(sizeof *m);

	m->run = s->run;
	m->plain = mem_new(s->size + 2048);
	m->wire = mem_new(s->size + s->size / 32 + 2048);
	add_head(m, s);
	add_text(m, s->size);
	memcpy(m->wire + m->wire_len, ".\r\n", 3);
	m->wire_len += 3;
	return m;
}

void
load_mail_free(struct load_mail **m)
{
	if (*m == NULL)
		return;
	free((*m)->plain);
	free((*m)->wire);
	free(*m);
	*m = NULL;
}

size_t
load_mail_wire_size(const struct load_mail *m)
{
	return m->wire_len;
}

void
load_mail_write(struct load_mail *m, uint32_t number, char *out)
{
	char text[64];
	size_t behind = m->plain_len - BENCHMAIL_LEN;

	snprintf(text, sizeof text, "%010u", number);
	memcpy(m->plain + m->id_at, text, DIGITS);
	memcpy(m->plain + m->text_at, text, DIGITS);
	memcpy(out, m->wire, m->wire_len);
	memcpy(out + m->id_at, text, DIGITS);
	memcpy(out + m->text_at, text, DIGITS);
	snprintf(text, sizeof text, BENCHMAIL_FORMAT, m->run, number,
	    (unsigned)behind, crc32c(0, m->plain + BENCHMAIL_LEN, behind));
	memcpy(out, text, BENCHMAIL_LEN);
}
