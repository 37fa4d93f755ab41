/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_delay.h"

#include <assert.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/inlet_core.h"
#include "inlet/session_state.h"

struct session_delay {
	struct timer *timer;
	struct smtp_reply reply;
};

static void
on_time(void *arg)
{
	struct inlet_session *s = arg;
	struct smtp_reply reply;

	assert(s->magic == SESSION_MAGIC && s->delay != NULL);
	reply = s->delay->reply;
	session_delay_free(s);
	smtp_server_answer(s->smtp, &reply);
	inlet_session_go_on(s);
}

int
session_delay(
    struct inlet_session *s, uint64_t ms, const struct smtp_reply *reply)
{
	if (ms == 0)
		return SMTP_NOW;
	assert(s->delay == NULL); /* the machine waits for one answer */
	s->delay = mem_new(sizeof *s->delay);
	s->delay->reply = *reply;
	s->delay->timer = timer_new(s->in->loop, on_time, s);
	timer_set(s->delay->timer, ms);
	return SMTP_LATER;
}

void
session_delay_free(struct inlet_session *s)
{
	if (s->delay == NULL)
		return;
	timer_free(&s->delay->timer);
	free(s->delay);
	s->delay = NULL;
}
