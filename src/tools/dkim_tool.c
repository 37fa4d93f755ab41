/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dkim_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/standard.h"
#include "postern/mail/address.h"
#include "postern/relay/dkim_key.h"

#define RECORD_MAX 2048
#define STRING_MAX 255 /* octets of one string of TXT, RFC 1035 3.3 */

struct question {
	const char *file, *domain, *selector;
	unsigned bits; /* 0: Ed25519 */
};

static int
complain(int status, const char *what, const char *why)
{
	(void)fprintf(stderr, "postern dkim: %s: %s\n", what, why);
	return status;
}

static int
usage(void)
{
	(void)fputs("usage: " DKIM_TOOL_USAGE, stderr);
	return EX_USAGE;
}

/* --- the file ----------------------------------------------------------------
 */

/* The daemon is to read it, others are not. */
static int
write_all(int fd, struct str pem)
{
	const struct group *group = geteuid() == 0 ? getgrnam("postern") : NULL;

	if (fchmod(fd, 0640) != 0 ||
	    (group != NULL && fchown(fd, (uid_t)-1, group->gr_gid) != 0))
		return -1;
	while (pem.len > 0) {
		ssize_t n = write(fd, pem.p, pem.len);

		if (n < 0)
			return -1;
		pem.p += n;
		pem.len -= (size_t)n;
	}
	return fsync(fd);
}

/* Only where there is none: a key that signs is not lost by a slip. */
static int
keep(const char *file, struct str pem)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc, why;

	if (fd < 0 && errno == EEXIST)
		return complain(EX_CANTCREAT, file,
		    "is there already; name another file, or remove it");
	if (fd < 0)
		return complain(EX_CANTCREAT, file, strerror(errno));
	rc = write_all(fd, pem);
	why = errno;
	if (close(fd) == 0 && rc == 0)
		return 0;
	(void)unlink(file);
	return complain(EX_IOERR, file, strerror(why));
}

/* --- the record --------------------------------------------------------------
 */

/* As a zone's file has it. */
static void
print(const struct question *q, struct str record)
{
	(void)printf("%s._domainkey.%s. IN TXT (", q->selector, q->domain);
	while (record.len > 0) {
		size_t n = record.len < STRING_MAX ? record.len : STRING_MAX;

		(void)printf("\n\t\"%.*s\"", (int)n, record.p);
		record.p += n;
		record.len -= n;
	}
	(void)puts(" )");
}

static int
make(const struct question *q, struct buf *pem, struct buf *record)
{
	struct dkim_key *key = NULL;
	struct err err = { 0 };
	int rc = dkim_key_make(pem, q->bits, &err);

	if (rc == 0)
		rc = dkim_key_read(&key, buf_str(pem), &err);
	if (rc == 0 && dkim_key_record(key, record) != 0)
		rc = err_set(&err, ERR_LIMIT, "the record is too large");
	dkim_key_free(&key);
	return rc == 0 ? 0 : complain(EX_SOFTWARE, q->file, err.text);
}

static int
genkey(const struct question *q)
{
	struct buf pem, record;
	int rc;

	buf_init(&pem, DKIM_KEY_FILE_MAX);
	buf_init(&record, RECORD_MAX);
	rc = make(q, &pem, &record);
	if (rc == 0)
		rc = keep(q->file, buf_str(&pem));
	if (rc == 0)
		print(q, buf_str(&record));
	buf_wipe(&pem);
	buf_done(&record);
	return rc;
}

/* --- the question ------------------------------------------------------------
 */

static bool
read_algorithm(const char *word, unsigned *bits)
{
	if (strcmp(word, "ed25519") == 0)
		*bits = 0;
	return *bits == 0 || strcmp(word, "rsa") == 0;
}

static bool
read_bits(const char *word, unsigned *bits)
{
	uint64_t v;

	if (!str_u64(str_of(word), &v) || v < DKIM_KEY_BITS_ADVISED ||
	    v > DKIM_KEY_BITS_MAX) {
		(void)fprintf(stderr,
		    "postern dkim: -b is %d to %d, for receivers to take it\n",
		    DKIM_KEY_BITS_ADVISED, DKIM_KEY_BITS_MAX);
		return false;
	}
	*bits = (unsigned)v;
	return true;
}

static bool
parse(struct question *q, int argc, char **argv)
{
	const char *algorithm = "rsa";
	int c;

	while ((c = getopt(argc, argv, "a:b:o:")) != -1) {
		if (c == 'o')
			q->file = optarg;
		else if (c == 'a')
			algorithm = optarg;
		else if (c != 'b' || !read_bits(optarg, &q->bits))
			return false;
	}
	if (optind + 2 != argc || !q->file ||
	    !read_algorithm(algorithm, &q->bits))
		return false;
	q->domain = argv[optind];
	q->selector = argv[optind + 1];
	return true;
}

int
dkim_tool_run(int argc, char **argv)
{
	struct question q = { .bits = DKIM_KEY_BITS_ADVISED };
	int rc;

	if (argc < 2 || strcmp(argv[1], "genkey") != 0 ||
	    !parse(&q, argc - 1, argv + 1))
		return usage();
	if (!address_is_domain(str_of(q.domain), 0))
		return complain(EX_DATAERR, q.domain,
		    "is no domain; write one such as example.com");
	if (!address_is_domain(str_of(q.selector), 0))
		return complain(EX_DATAERR, q.selector,
		    "is no selector; write letters, digits and hyphens");
	rc = genkey(&q);
	return rc == 0 && !standard_written() ? EX_IOERR : rc;
}
