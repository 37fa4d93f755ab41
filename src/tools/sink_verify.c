/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_verify.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "postern/base/crc32c.h"
#include "postern/base/mem.h"

struct sink_sha {
	EVP_MD_CTX *ctx;
};

static struct sink_sha *
sha_new(void)
{
	struct sink_sha *s = mem_new(sizeof *s);
	int ok;

	s->ctx = EVP_MD_CTX_new();
	ok = s->ctx != NULL && EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL);
	assert(ok);
	return s;
}

static void
sha_free(struct sink_sha **s)
{
	if (*s != NULL)
		EVP_MD_CTX_free((*s)->ctx);
	free(*s);
	*s = NULL;
}

static void
sha_feed(struct sink_sha *s, const char *p, size_t n)
{
	if (s != NULL)
		EVP_DigestUpdate(s->ctx, p, n);
}

static void
sha_end(struct sink_sha *s, char out[SINK_VERIFY_HEX])
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	out[0] = '\0';
	if (s == NULL)
		return;
	EVP_DigestFinal_ex(s->ctx, d, &n);
	for (unsigned i = 0; i < n && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", (unsigned)d[i]);
}

void
sink_verify_init(struct sink_verify *v, bool digests)
{
	memset(v, 0, sizeof *v);
	buf_init(&v->line, SINK_VERIFY_LINE_MAX);
	if (digests) {
		v->whole = sha_new();
		v->rest = sha_new();
	}
}

void
sink_verify_done(struct sink_verify *v)
{
	buf_done(&v->line);
	sha_free(&v->whole);
	sha_free(&v->rest);
}

/* Reads base-10 or base-16 digits of a fixed width. */
static bool
number(const char *p, size_t n, unsigned base, uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		const char *d = p[i] ? strchr(digits, p[i]) : NULL;

		if (d == NULL || d - digits >= (ptrdiff_t)base)
			return false;
		v = v * base + (uint64_t)(d - digits);
	}
	*out = (uint32_t)v;
	return v <= UINT32_MAX;
}

/* BENCHMAIL_FORMAT backwards: the places are fixed. */
static bool
parse_field(struct str line, struct benchmail *b)
{
	static const char name[] = BENCHMAIL_NAME;
	const char *p = line.p;

	if (line.len != BENCHMAIL_LEN || memcmp(p, name, sizeof name - 1) != 0)
		return false;
	return p[17] == ' ' && p[28] == ' ' && p[39] == ' ' &&
	       number(p + 9, 8, 16, &b->run) &&
	       number(p + 18, 10, 10, &b->number) &&
	       number(p + 29, 10, 10, &b->length) &&
	       number(p + 40, 8, 16, &b->crc);
}

static void
rest(struct sink_verify *v, const char *p, size_t n)
{
	sha_feed(v->rest, p, n);
	if (!v->is_bench)
		return;
	v->behind += n;
	v->crc = crc32c(v->crc, p, n);
}

/* The first line that is no trace: from here on all is rest. */
static void
leave_trace(struct sink_verify *v)
{
	struct str line = buf_str(&v->line);
	bool is_bench = parse_field(line, &v->said);

	v->in_rest = true;
	rest(v, line.p, line.len);
	v->is_bench = is_bench;
	buf_done(&v->line);
}

/* A whole line of the header is in v->line. */
static void
on_line(struct sink_verify *v)
{
	struct str line = buf_str(&v->line);
	bool folded = line.p[0] == ' ' || line.p[0] == '\t';

	if (folded ? !v->in_received
	           : !str_starts_case(line, STR("received:"))) {
		leave_trace(v);
		return;
	}
	v->in_received = true;
	v->trace_bytes += line.len;
	buf_clear(&v->line);
}

void
sink_verify_feed(struct sink_verify *v, const char *p, size_t n)
{
	v->size += n;
	sha_feed(v->whole, p, n);
	while (!v->in_rest && n > 0) {
		const char *lf = memchr(p, '\n', n);
		size_t take = lf != NULL ? (size_t)(lf - p) + 1 : n;

		if (buf_add(&v->line, p, take) == -1) {
			leave_trace(v);
			break;
		}
		p += take;
		n -= take;
		if (lf != NULL)
			on_line(v);
	}
	if (n > 0)
		rest(v, p, n);
}

enum sink_verdict
sink_verify_end(struct sink_verify *v, char whole[SINK_VERIFY_HEX],
    char rest_hex[SINK_VERIFY_HEX])
{
	if (!v->in_rest)
		leave_trace(v);
	sha_end(v->whole, whole);
	sha_end(v->rest, rest_hex);
	if (!v->is_bench)
		return SINK_FOREIGN;
	return v->behind == v->said.length && v->crc == v->said.crc
	           ? SINK_WHOLE
	           : SINK_DAMAGED;
}
