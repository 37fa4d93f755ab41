/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "postern/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef TEST_CLOCK
#include <pthread.h>
#endif

static uint64_t
real_us(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

#ifdef TEST_CLOCK
/* Both clocks start right and then run factor times as fast; programs that are
 * told one start, in microseconds of the monotonic clock, agree on the time. */
static double factor = 1.0;
static uint64_t mono_start, wall_start;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
read_factor(void)
{
	const char *s = getenv("POSTERN_TEST_CLOCK");
	char *end = NULL;
	double f = s ? strtod(s, &end) : 1.0;
	uint64_t start;

	factor = f >= 0.001 && f <= 1e6 ? f : 1.0;
	mono_start = real_us(CLOCK_MONOTONIC);
	wall_start = real_us(CLOCK_REALTIME);
	if (end == NULL || *end != '@')
		return;
	start = strtoull(end + 1, NULL, 10);
	if (start == 0 || start > mono_start)
		return;
	wall_start -= mono_start - start;
	mono_start = start;
}

__attribute__((constructor)) static void
start(void)
{
	pthread_once(&once, read_factor);
}

static uint64_t
gone_us(void)
{
	pthread_once(&once, read_factor);
	return (
	    uint64_t)((double)(real_us(CLOCK_MONOTONIC) - mono_start) * factor);
}

uint64_t
clock_mono_us(void)
{
	uint64_t gone = gone_us();

	return mono_start + gone;
}

int64_t
clock_wall_us(void)
{
	uint64_t gone = gone_us();

	return (int64_t)(wall_start + gone);
}

uint64_t
clock_real_ms(uint64_t ms)
{
	double real;

	pthread_once(&once, read_factor);
	real = (double)ms / factor + 0.999;
	return real < 1 ? 1 : real > 1e15 ? (uint64_t)1e15 : (uint64_t)real;
}
#else
uint64_t
clock_mono_us(void)
{
	return real_us(CLOCK_MONOTONIC);
}

int64_t
clock_wall_us(void)
{
	return (int64_t)real_us(CLOCK_REALTIME);
}

uint64_t
clock_real_ms(uint64_t ms)
{
	return ms ? ms : 1;
}
#endif

uint64_t
clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

/* Names of their own: strftime() would ask the locale. */
static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
	"Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void
clock_rfc5322(int64_t wall_ms, char out[40])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	unsigned off;
	char sign;

	localtime_r(&t, &tm);
	sign = tm.tm_gmtoff < 0 ? '-' : '+';
	off = (unsigned)labs(tm.tm_gmtoff) / 60;
	snprintf(out, 40, "%s, %d %s %d %02d:%02d:%02d %c%02u%02u",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, sign, off / 60 % 100, off % 60);
}

static void
digits(char *at, int n, int64_t v)
{
	while (n-- > 0) {
		at[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

/* Called for each log line: the part up to the second is kept per thread. */
void
clock_rfc3339(int64_t wall_us, char out[40])
{
	static _Thread_local char kept[40];
	static _Thread_local int64_t kept_s = INT64_MIN;
	int64_t s = wall_us / 1000000;

	if (s != kept_s) {
		time_t t = (time_t)s;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(kept, sizeof kept, "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
		kept_s = s;
	}
	for (int i = 0; i < 28; i++)
		out[i] = kept[i];
	digits(out + 20, 6, wall_us % 1000000);
}

void
clock_rfc3339_s(int64_t wall_ms, char out[40])
{
	clock_rfc3339(wall_ms * 1000, out);
	out[19] = 'Z';
	out[20] = '\0';
}

/* The two or four digits at s.p; -1: others. */
static int
number_at(struct str s, size_t at, size_t n)
{
	int v = 0;

	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

static int
days_of(int month, int year)
{
	static const int days_in[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days_in[month - 1] + (month == 2 && leap);
}

/* ".123": a fraction, which is let go. */
static bool
is_fraction(struct str s)
{
	if (s.len == 0)
		return true;
	if (s.len < 2 || s.p[0] != '.')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

static bool
is_dated(struct str s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	char last = s.len > 0 ? s.p[s.len - 1] : 0;

	if (s.len < sizeof form || (last != 'Z' && last != 'z'))
		return false;
	for (size_t i = 0; form[i] != '\0'; i++) {
		if (form[i] == 'T' ? s.p[i] != 'T' && s.p[i] != 't'
		                   : form[i] != 'd' && s.p[i] != form[i])
			return false;
	}
	s.p += sizeof form - 1;
	s.len -= sizeof form;
	return is_fraction(s);
}

bool
clock_parse_rfc3339(struct str s, int64_t *wall_ms)
{
	struct tm tm = { 0 };

	if (!is_dated(s))
		return false;
	tm.tm_year = number_at(s, 0, 4);
	tm.tm_mon = number_at(s, 5, 2);
	tm.tm_mday = number_at(s, 8, 2);
	tm.tm_hour = number_at(s, 11, 2);
	tm.tm_min = number_at(s, 14, 2);
	tm.tm_sec = number_at(s, 17, 2);
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > days_of(tm.tm_mon, tm.tm_year))
		return false;
	if (tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
	    tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*wall_ms = (int64_t)timegm(&tm) * 1000;
	return true;
}
