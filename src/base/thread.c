/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "postern/base/mem.h"

#define NAME_BYTES 16     /* what Linux keeps, with NUL */
#define STACK_BYTES 65536 /* for the handler of a crash */

struct call {
	void *(*run)(void *);
	void *arg;
	char name[NAME_BYTES];
};

/* No memory for it: a stack that runs over is not told, as before. */
static void *
begin(void *arg)
{
	struct call c = *(struct call *)arg;
	stack_t was = { .ss_flags = SS_DISABLE }, alt = { .ss_sp = NULL };
	void *end;

	free(arg);
	/* from inside: another's name is a file that is written to */
	(void)pthread_setname_np(pthread_self(), c.name);
	alt.ss_size = STACK_BYTES;
	alt.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (alt.ss_sp != MAP_FAILED)
		sigaltstack(&alt, &was);
	end = c.run(c.arg);
	if (alt.ss_sp == MAP_FAILED)
		return end;
	sigaltstack(&was, NULL);
	munmap(alt.ss_sp, STACK_BYTES);
	return end;
}

/* Blocked, a fault would end the process without a word. */
static void
from_outside(sigset_t *set)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
		SIGTRAP, SIGSYS };

	sigfillset(set);
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		sigdelset(set, own[i]);
}

int
thread_start(
    pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
	struct call *c = mem_new(sizeof *c);
	sigset_t set, was;
	int rc;

	*c = (struct call){ .run = run, .arg = arg };
	snprintf(c->name, sizeof c->name, "%s", name);
	from_outside(&set);
	pthread_sigmask(SIG_SETMASK, &set, &was);
	rc = pthread_create(thread, NULL, begin, c);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (rc != 0)
		free(c);
	return rc;
}
