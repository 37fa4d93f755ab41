/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/postern-load - hands generated mail to an SMTP server as fast as it
 * takes it (closed loop) or at a rate (open loop), checks every reply, and
 * prints what came of it as one JSON object.  Each message is tried until it
 * is acknowledged or refused for good; one whose session was lost after its
 * content had left is not tried again, so that each duplicate at the other
 * end is the relay's own.  Exit: 0 all acknowledged, 1 not all, 2 usage.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/rand.h"

#define EVENTS_MAX 256
#define NAP_MAX_US 10000
#define NAP_LATE_US 1000 /* a message is due, and no session free */

uint64_t
load_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool
load_take(struct load_run *r, uint32_t *number, uint64_t *due_us)
{
	const struct load_settings *s = r->set;
	uint64_t now = load_now_us(), due = now;

	if (r->nagain > 0) {
		*number = r->again[--r->nagain];
		*due_us = now;
		return true;
	}
	if (r->next == s->number)
		return false;
	if (s->rate > 0)
		due = r->start_us + (uint64_t)((double)r->next * 1e6 / s->rate);
	if (due > now)
		return false;
	*number = s->first + r->next++;
	*due_us = due;
	return true;
}

bool
load_is_over(const struct load_run *r)
{
	return r->settled == r->set->number;
}

void
load_again(struct load_run *r, uint32_t number)
{
	r->again[r->nagain++] = number;
}

void
load_settle(struct load_run *r, uint32_t number, enum load_state st)
{
	r->state[number - r->set->first] = (uint8_t)st;
	r->settled++;
	r->unknown += st == LOAD_UNKNOWN;
	r->refused += st == LOAD_REFUSED;
	r->end_us = r->progress_us = load_now_us();
	r->settled_us[number - r->set->first] = r->end_us;
}

void
load_ack(
    struct load_run *r, uint32_t number, uint64_t ack_us, uint64_t whole_us)
{
	r->ack_us[r->acked] = (uint32_t)ack_us;
	r->whole_us[r->acked] = (uint32_t)whole_us;
	r->acked++;
	load_settle(r, number, LOAD_ACKED);
}

int
load_write_states(struct load_run *r)
{
	static const char *const name[] = { "untried", "acked", "unknown",
		"refused" };
	FILE *f;

	if (r->set->states == NULL)
		return 0;
	f = fopen(r->set->states, "w");
	if (f == NULL)
		return -1;
	for (uint32_t i = 0; i < r->set->number; i++)
		fprintf(f, "%u %s %llu\n", r->set->first + i, name[r->state[i]],
		    (unsigned long long)r->settled_us[i]);
	return fclose(f);
}

/* How long epoll may sleep: to the next due message or reopened session.  Not a
 * whole ms at least, nor none: what spins takes a core from what is measured.
 */
static struct timespec
nap(const struct load_run *r)
{
	uint64_t now = load_now_us(), due = now + NAP_MAX_US, us;

	if (r->set->rate > 0 && r->next < r->set->number)
		due = r->start_us +
		      (uint64_t)((double)r->next * 1e6 / r->set->rate);
	us = due > now ? due - now : NAP_LATE_US;
	if (us > NAP_MAX_US)
		us = NAP_MAX_US;
	return (struct timespec){ .tv_nsec = (long)us * 1000 };
}

static void
run(struct load_run *r)
{
	uint32_t n = r->set->connections;
	struct load_session **s = mem_array(n, sizeof(struct load_session *));
	struct epoll_event ev[EVENTS_MAX];

	for (uint32_t i = 0; i < n; i++)
		s[i] = load_session_new(r);
	r->start_us = r->end_us = r->progress_us = load_now_us();
	for (;;) {
		uint64_t now = load_now_us();
		struct timespec t;
		uint32_t open = 0;
		int got;

		for (uint32_t i = 0; i < n; i++) {
			load_session_kick(s[i], now);
			open += !load_session_is_closed(s[i]);
		}
		if ((load_is_over(r) && open == 0) ||
		    now - r->progress_us > r->set->give_up_ms * 1000)
			break;
		t = nap(r);
		got = epoll_pwait2(r->epoll, ev, EVENTS_MAX, &t, NULL);
		for (int i = 0; i < got; i++)
			load_session_event(ev[i].data.ptr, ev[i].events);
	}
	for (uint32_t i = 0; i < n; i++)
		load_session_free(&s[i]);
	free(s);
}

static void
usage(void)
{
	fputs(
	    "usage: postern-load -t ADDRESS:PORT [-n messages] [-c connections]"
	    "\n    [-s octets] [-m messages per connection] [-R recipients]"
	    "\n    [-r messages a second] [-p] [-F first number] [-f sender]"
	    "\n    [-d domain] [-g seconds without progress] [-o states file]"
	    "\n",
	    stderr);
	exit(2);
}

static double
number(const char *text, double min, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || v < min || v > max)
		usage();
	return v;
}

static void
option(struct load_settings *s, int opt, const char *arg)
{
	struct err err;

	switch (opt) {
	case 't':
		if (addr_parse(&s->target, arg, &err) == -1) {
			fprintf(stderr, "postern-load: %s\n", err.text);
			exit(2);
		}
		break;
	case 'n':
		s->number = (uint32_t)number(arg, 1, 1e8);
		break;
	case 'c':
		s->connections = (uint32_t)number(arg, 1, 20000);
		break;
	case 's':
		s->size = (size_t)number(arg, 400, 1 << 28);
		break;
	case 'm':
		s->per_connection = (uint32_t)number(arg, 0, 1e9);
		break;
	case 'R':
		s->recipients = (uint32_t)number(arg, 1, 10000);
		break;
	case 'r':
		s->rate = number(arg, 0, 1e7);
		break;
	case 'p':
		s->pipelining = true;
		break;
	case 'F':
		s->first = (uint32_t)number(arg, 0, 4e9);
		break;
	case 'f':
		s->sender = arg;
		break;
	case 'd':
		s->domain = arg;
		break;
	case 'a':
		s->login = arg;
		break;
	case 'g':
		s->give_up_ms = (uint64_t)(number(arg, 0, 1e6) * 1000);
		break;
	case 'o':
		s->states = arg;
		break;
	default:
		usage();
	}
}

static void
start(struct load_run *r, const struct load_settings *s)
{
	r->set = s;
	r->mail = load_mail_new(s);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->state = mem_array(s->number, 1);
	r->settled_us = mem_array(s->number, sizeof *r->settled_us);
	r->again = mem_array(s->number, sizeof *r->again);
	r->ack_us = mem_array(s->number, sizeof *r->ack_us);
	r->whole_us = mem_array(s->number, sizeof *r->whole_us);
}

static void
finish(struct load_run *r)
{
	load_mail_free(&r->mail);
	close(r->epoll);
	free(r->state);
	free(r->settled_us);
	free(r->again);
	free(r->ack_us);
	free(r->whole_us);
}

int
main(int argc, char **argv)
{
	struct load_settings s = { .number = 1000,
		.connections = 1,
		.recipients = 1,
		.size = 1024,
		.give_up_ms = 10000,
		.sender = "load@example.org",
		.domain = "example.net",
		.helo = "load.example.org",
		.run = (uint32_t)rand_u64() };
	struct load_run r = { 0 };
	int opt, rc;

	while ((opt = getopt(argc, argv, "t:n:c:s:m:R:r:pF:f:d:a:g:o:")) != -1)
		option(&s, opt, optarg);
	if (s.target.len == 0 || optind != argc)
		usage();
	start(&r, &s);
	run(&r);
	load_report(&r);
	if (load_write_states(&r) == -1) {
		fprintf(stderr, "postern-load: %s: %s\n", s.states,
		    strerror(errno));
		r.acked = 0;
	}
	rc = r.acked == s.number ? 0 : 1;
	finish(&r);
	return rc;
}
