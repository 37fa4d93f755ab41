/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postern/base/clock.h"

#define US_DIGITS 16
#define FACILITY_MAIL (2 << 3)

void
log_record_dress(struct log_dress *d, enum log_head head, const char *tag)
{
	d->head = head;
	snprintf(d->tag, sizeof d->tag, "%s", tag);
	if (gethostname(d->host, sizeof d->host - 1) < 0)
		snprintf(d->host, sizeof d->host, "localhost");
	d->host[sizeof d->host - 1] = '\0';
	d->host[strcspn(d->host, ".")] = '\0';
	d->pid = (int)getpid();
}

void
log_record_begin(
    char *head, uint64_t wall_us, enum log_format format, enum log_level level)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = US_DIGITS; i-- > 0; wall_us >>= 4)
		head[i] = hex[wall_us & 15];
	head[US_DIGITS] = (char)('0' + (int)format);
	head[US_DIGITS + 1] = (char)('0' + (int)level);
}

int
log_record_compare(const char *a, const char *b)
{
	return memcmp(a, b, US_DIGITS);
}

static uint64_t
us_of(const char *head)
{
	uint64_t us = 0;

	for (int i = 0; i < US_DIGITS; i++)
		us = us << 4 |
		     (uint64_t)(head[i] - (head[i] > '9' ? 'a' - 10 : '0'));
	return us;
}

/* "Nov 24 09:31:12 ", this host's time. */
static size_t
put_local(char *out, uint64_t us)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	if (!localtime_r(&t, &tm))
		memset(&tm, 0, sizeof tm);
	return (size_t)snprintf(out, 40, "%.3s %2d %02d:%02d:%02d ",
	    months + 3 * (tm.tm_mon % 12), tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
}

static const int severities[] = { [LOG_LEVEL_ERROR] = 3,
	[LOG_LEVEL_WARN] = 4,
	[LOG_LEVEL_INFO] = 6,
	[LOG_LEVEL_DEBUG] = 7 };

/* What syslog and the journal want before a line. */
static size_t
put_head(char *out, const char *record, uint64_t us, const struct log_dress *d)
{
	int severity = severities[(record[US_DIGITS + 1] - '0') & 3];
	size_t n;

	if (d->head == LOG_HEAD_PLAIN)
		return 0;
	if (d->head == LOG_HEAD_JOURNAL)
		return (size_t)sprintf(out, "<%d>", severity);
	n = (size_t)sprintf(out, "<%d>", FACILITY_MAIL | severity);
	n += put_local(out + n, us);
	if (log_record_format(record) != LOG_FORMAT_POSTFIX)
		n += (size_t)sprintf(out + n, "posternd[%d]: ", d->pid);
	return n;
}

size_t
log_record_write(
    char *out, const char *record, size_t n, const struct log_dress *d)
{
	enum log_format format = log_record_format(record);
	uint64_t us = us_of(record);
	size_t len = put_head(out, record, us, d);
	char ts[40];

	if (format == LOG_FORMAT_POSTFIX) {
		if (d->head != LOG_HEAD_SYSLOG) {
			len += put_local(out + len, us);
			len += (size_t)sprintf(out + len, "%s ", d->host);
		}
		len += (size_t)sprintf(out + len, "%s", d->tag);
	} else if (format == LOG_FORMAT_JSON) {
		clock_rfc3339((int64_t)us, ts);
		len += (size_t)sprintf(out + len, "{\"ts\":\"%s\",", ts);
	} else if (d->head == LOG_HEAD_PLAIN) {
		clock_rfc3339((int64_t)us, ts);
		len += (size_t)sprintf(out + len, "%s ", ts);
	}
	memcpy(out + len, record + LOG_RECORD_HEAD, n - LOG_RECORD_HEAD);
	return len + n - LOG_RECORD_HEAD;
}
