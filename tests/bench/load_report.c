/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* ,"name":[p50,p95,p99,max] in ms; null without values */
static void
quantiles(const char *name, uint32_t *v, uint32_t n)
{
	static const double q[] = { 0.50, 0.95, 0.99 };

	printf(",\"%s\":", name);
	if (n == 0) {
		printf("null");
		return;
	}
	qsort(v, n, sizeof *v, by_value);
	for (size_t i = 0; i < sizeof q / sizeof q[0]; i++)
		printf("%c%.3f", i == 0 ? '[' : ',',
		    v[(size_t)(q[i] * (n - 1))] / 1e3);
	printf(",%.3f]", v[n - 1] / 1e3);
}

static void
replies(const struct load_run *r)
{
	const char *sep = "";

	printf(",\"replies\":{");
	for (unsigned i = 200; i < 600; i++) {
		if (r->replies[i] == 0)
			continue;
		printf(
		    "%s\"%u\":%llu", sep, i, (unsigned long long)r->replies[i]);
		sep = ",";
	}
	printf("}");
}

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void
load_report(struct load_run *r)
{
	const struct load_settings *s = r->set;
	double took = (double)(r->end_us - r->start_us) / 1e6;

	printf("{\"run\":\"%08x\",\"number\":%u,\"first\":%u,\"connections\":%u"
	       ",\"size\":%zu,\"per_connection\":%u,\"recipients\":%u"
	       ",\"pipelining\":%s,\"rate\":%.1f",
	    s->run, s->number, s->first, s->connections, s->size,
	    s->per_connection, s->recipients, s->pipelining ? "true" : "false",
	    s->rate);
	printf(",\"acked\":%u,\"refused\":%u,\"unknown\":%u,\"untried\":%u",
	    r->acked, r->refused, r->unknown, s->number - r->settled);
	printf(",\"start_us\":%llu,\"end_us\":%llu,\"acked_per_s\":%.1f",
	    (unsigned long long)r->start_us, (unsigned long long)r->end_us,
	    took > 0 ? r->acked / took : 0.0);
	quantiles("ack_ms", r->ack_us, r->acked);
	quantiles("whole_ms", r->whole_us, r->acked);
	printf(",\"connects\":%llu,\"connect_failed\":%llu,\"lost\":%llu"
	       ",\"nonsense\":%llu",
	    (unsigned long long)r->connects,
	    (unsigned long long)r->connect_failed, (unsigned long long)r->lost,
	    (unsigned long long)r->nonsense);
	replies(r);
	printf(",\"cpu_s\":%.3f}\n", cpu_seconds());
}
