/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/token_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/secret.h"
#include "postern/io/http_client.h"
#include "postern/io/loop.h"
#include "postern/relay/oauth.h"
#include "postern/relay/oauth_form.h"
#include "postern/relay/oauth_reply.h"
#include "postern/relay/token_store.h"

#define SLOWER_MS 5000 /* RFC 8628 3.5 */

struct login {
	const struct oauth_settings *set;
	const char *directory, *name;
	struct loop *loop;
	struct http_client *http;
	struct timer *timer;
	struct oauth_device device;
	uint64_t end_ms;
	int rc;
};

static void
end(struct login *l, int rc, const char *what, const char *why)
{
	if (rc != 0)
		(void)fprintf(stderr, "postern token: %s: %s\n", what, why);
	l->rc = rc;
	loop_stop(l->loop);
}

static void
store(struct login *l, const struct oauth_reply *r)
{
	int64_t now = clock_wall_ms();
	struct token_record t = { .access = secret_ref(r->access),
		.refresh = secret_ref(r->refresh),
		.got_ms = now,
		.expires_ms = now + (int64_t)r->lifetime_ms };
	struct err err;

	token_store_seed(t.seed, l->set->seed);
	if (!r->refresh)
		end(l, EX_CONFIG, "there is no refresh token",
		    "add offline_access (or what the provider calls it) to "
		    "scope");
	else if (token_store_write(&t, l->directory, l->name, &err) != 0)
		end(l, EX_CANTCREAT, "the tokens are not stored", err.text);
	else
		end(l, 0, "", "");
	token_store_done(&t);
}

static void
on_token(void *arg, const struct http_client_reply *h)
{
	struct login *l = arg;
	struct oauth_reply r = { .kind = OAUTH_REPLY_LATER };

	if (h->status != 0)
		oauth_reply_read(&r, h->status, h->body, h->retry_after_s);
	if (r.kind == OAUTH_REPLY_SLOW_DOWN)
		l->device.interval_ms += SLOWER_MS;
	if (r.kind == OAUTH_REPLY_TOKEN)
		store(l, &r);
	else if (r.kind == OAUTH_REPLY_DENIED)
		end(l, EX_NOPERM, "the login was refused", r.why);
	else if (loop_now_ms(l->loop) >= l->end_ms)
		end(l, EX_TEMPFAIL, "nobody has logged in",
		    "the code has lapsed; begin again");
	else
		timer_set(l->timer, l->device.interval_ms);
	oauth_reply_done(&r);
}

static void
post(struct login *l, const char *url, struct buf *form, http_client_fn *fn)
{
	struct http_client_request q = { .url = url,
		.form = buf_str(form),
		.proxy = l->set->proxy,
		.ca_file = l->set->ca_file };

	http_client_post(l->http, &q, fn, l);
	buf_wipe(form);
}

static void
poll(void *arg)
{
	struct login *l = arg;
	struct buf form;

	buf_init(&form, OAUTH_FORM_MAX);
	if (oauth_form_poll(&form, l->set, l->device.code) == 0)
		post(l, l->set->token_url, &form, on_token);
	else
		end(l, EX_SOFTWARE, "the request", "is too long");
}

static void
on_device(void *arg, const struct http_client_reply *h)
{
	struct login *l = arg;
	char why[256] = "";

	if (h->status == 0) {
		end(l, EX_TEMPFAIL, l->set->device_url, h->error);
		return;
	}
	if (!oauth_reply_device(&l->device, h->status, h->body, why)) {
		end(l, EX_UNAVAILABLE, "there is no code to log in with", why);
		return;
	}
	(void)printf("Open %s\nand enter the code %s\n"
	             "This waits for %d minutes.\n",
	    l->device.url, l->device.user_code,
	    (int)((l->device.lifetime_ms + 59999) / 60000));
	(void)fflush(stdout);
	l->end_ms = loop_now_ms(l->loop) + l->device.lifetime_ms;
	timer_set(l->timer, l->device.interval_ms);
}

int
token_login_run(
    const struct oauth_settings *s, const char *directory, const char *name)
{
	struct login l = { .set = s,
		.directory = directory,
		.name = name,
		.rc = EX_SOFTWARE };
	struct buf form;
	struct err err;

	buf_init(&form, OAUTH_FORM_MAX);
	if (loop_new(&l.loop, &err) != 0 ||
	    http_client_new(&l.http, l.loop, &err) != 0) {
		(void)fprintf(stderr, "postern token: %s\n", err.text);
		loop_free(&l.loop);
		return EX_OSERR;
	}
	l.timer = timer_new(l.loop, poll, &l);
	if (oauth_form_device(&form, s) == 0) {
		post(&l, s->device_url, &form, on_device);
		loop_run(l.loop);
	}
	buf_wipe(&form);
	oauth_reply_device_done(&l.device);
	http_client_free(&l.http);
	timer_free(&l.timer);
	loop_free(&l.loop);
	return l.rc;
}
