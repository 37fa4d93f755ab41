/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STARTTLS (RFC 3207) and TLS from the first byte on, as a client sees them: a
 * session of an inlet on a real spool, and OpenSSL on the other side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "postern/base/mem.h"
#include "postern/inlet/doors.h"
#include "postern/io/tls.h"

#include "certs.h"
#include "inlet_rig.h"

static struct cert cert;

struct world {
	struct rig rig;
	struct tls_context *tls;
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	char line[1024];
};

static void
start(struct world *w, enum inlet_tls use, bool implicit)
{
	struct tls_certificate c = { cert.certificate, cert.key };
	struct tls_server_settings s = { .certificates = &c,
		.ncertificates = 1 };
	struct err err = { 0 };

	memset(w, 0, sizeof *w);
	if (tls_server_new(&w->tls, &s, &err) == -1)
		fail_msg("%s", err.text);
	rig_init(&w->rig);
	w->rig.listener.tls_use = use;
	w->rig.listener.implicit_tls = implicit;
	w->rig.listener.tls = use == INLET_TLS_OFF ? NULL : w->tls;
	w->rig.listener.timeouts.handshake = 60000;
	w->ctx = SSL_CTX_new(TLS_client_method());
}

static void
end(struct world *w)
{
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
	rig_end(&w->rig);
	tls_free(&w->tls);
}

/* The client's side of the handshake. */
static bool
shake(struct world *w)
{
	w->ssl = SSL_new(w->ctx);
	SSL_set_fd(w->ssl, w->fd);
	return SSL_connect(w->ssl) == 1;
}

static void
tell(struct world *w, const char *text)
{
	assert_int_equal(
	    SSL_write(w->ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* A reply inside TLS, its lines joined. */
static const char *
hear(struct world *w, const char *begin)
{
	static char all[4096];
	size_t n = 0, start = 0;

	do {
		start = n;
		do {
			if (n + 1 >= sizeof all ||
			    SSL_read(w->ssl, all + n, 1) != 1)
				fail_msg("closed instead of \"%s\"", begin);
		} while (all[n++] != '\n');
	} while (all[start + 3] == '-');
	all[n] = '\0';
	if (strncmp(all + start, begin, strlen(begin)) != 0)
		fail_msg("\"%s\" instead of \"%s\"", all + start, begin);
	return all;
}

static void
hear_end(struct world *w)
{
	char c;

	assert_true(SSL_read(w->ssl, &c, 1) <= 0);
	close(w->fd);
}

static void
bye(struct world *w)
{
	tell(w, "QUIT\r\n");
	hear(w, "221 ");
	hear_end(w);
}

/* As far as the 220 that answers STARTTLS. */
static void
ask(struct world *w)
{
	w->fd = rig_hello(&w->rig, 0);
	rig_say(w->fd, "STARTTLS\r\n");
	rig_hear(w->fd, "220 2.0.0 ");
}

/* --- what is counted ---------------------------------------------------------
 */

static uint64_t
count(const struct stat_counter *c)
{
	return stat_get(c);
}

static const struct door *
door(struct world *w)
{
	return &inlet_doors(w->rig.inlet[0])->of[0];
}

static void
a_session_counts_by_its_tls(void **state)
{
	struct world w;
	const struct door *d;
	const struct tls_count *n;
	int clear;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	d = door(&w);
	n = &inlet_counters(w.rig.inlet[0])->meter.tls;
	clear = rig_hello(&w.rig, 0);
	ask(&w);
	assert_int_equal(count(&d->open[DOORS_CLEAR]), 2);
	assert_true(shake(&w));
	tell(&w, "NOOP\r\n");
	hear(&w, "250 2.0.0");
	assert_int_equal(count(&d->open[DOORS_CLEAR]), 1);
	assert_int_equal(count(&d->open[DOORS_STARTTLS]), 1);
	bye(&w);
	rig_bye(clear);
	inlet_stop(w.rig.inlet[0]);
	assert_int_equal(count(&d->open[DOORS_CLEAR]), 0);
	assert_int_equal(count(&d->open[DOORS_STARTTLS]), 0);
	assert_int_equal(count(&d->ended[DOORS_CLEAR]), 1);
	assert_int_equal(count(&d->ended[DOORS_STARTTLS]), 1);
	assert_string_equal(tls_count_word(0), "1.3");
	assert_int_equal(count(&n->whole[0]), 1);
	assert_int_equal(count(&n->resumed[0]), 0);
	end(&w);
}

/* Once more, by what the connection before has left. */
static void
a_handshake_that_resumes_is_counted_so(void **state)
{
	struct world w;
	const struct door *d;
	const struct tls_count *n;
	SSL_SESSION *left;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, true);
	SSL_CTX_set_max_proto_version(w.ctx, TLS1_2_VERSION);
	rig_start(&w.rig, 1);
	d = door(&w);
	n = &inlet_counters(w.rig.inlet[0])->meter.tls;
	w.fd = rig_connect(&w.rig, 0);
	assert_true(shake(&w));
	hear(&w, "220 ");
	assert_int_equal(count(&d->open[DOORS_IMPLICIT]), 1);
	left = SSL_get1_session(w.ssl);
	bye(&w);
	SSL_set_shutdown(w.ssl, SSL_SENT_SHUTDOWN); /* or it is forgotten */
	SSL_free(w.ssl);
	w.fd = rig_connect(&w.rig, 0);
	w.ssl = SSL_new(w.ctx);
	SSL_set_fd(w.ssl, w.fd);
	SSL_set_session(w.ssl, left);
	assert_int_equal(SSL_connect(w.ssl), 1);
	assert_true(SSL_session_reused(w.ssl));
	hear(&w, "220 ");
	bye(&w);
	SSL_SESSION_free(left);
	inlet_stop(w.rig.inlet[0]);
	assert_int_equal(count(&d->ended[DOORS_IMPLICIT]), 2);
	assert_string_equal(tls_count_word(1), "1.2");
	assert_int_equal(count(&n->whole[1]), 1);
	assert_int_equal(count(&n->resumed[1]), 1);
	end(&w);
}

static void
a_handshake_that_fails_is_counted_so(void **state)
{
	struct world w;
	const struct meter *m;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, true);
	rig_start(&w.rig, 1);
	m = &inlet_counters(w.rig.inlet[0])->meter;
	w.fd = rig_connect(&w.rig, 0);
	rig_say(w.fd, "EHLO client.example\r\n");
	for (char c = 0; recv(w.fd, &c, 1, 0) == 1;)
		; /* an alert */
	close(w.fd);
	inlet_stop(w.rig.inlet[0]);
	assert_int_equal(count(&m->tls_failed), 1);
	for (size_t i = 0; i < TLS_COUNT_VERSIONS; i++)
		assert_int_equal(count(&m->tls.whole[i]), 0);
	assert_int_equal(count(&door(&w)->ended[DOORS_IMPLICIT]), 1);
	end(&w);
}

/* --- STARTTLS ----------------------------------------------------------------
 */

static void
everything_before_tls_is_forgotten(void **state)
{
	struct world w;
	const char *ehlo;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	ask(&w);
	assert_true(shake(&w));
	tell(&w, "MAIL FROM:<a@b.example>\r\n");
	hear(&w, "503 5.5.1 Say EHLO first");
	tell(&w, "EHLO inside.example\r\n");
	ehlo = hear(&w, "250 ");
	assert_null(strstr(ehlo, "STARTTLS"));
	assert_non_null(strstr(ehlo, "PIPELINING"));
	tell(&w, "STARTTLS\r\n");
	hear(&w, "503 5.5.1 TLS is in use already");
	bye(&w);
	end(&w);
}

static void
received_tells_of_tls(void **state)
{
	struct world w;
	char *content, want[128];
	size_t len;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	ask(&w);
	assert_true(shake(&w));
	tell(&w, "EHLO inside.example\r\n" RIG_ENVELOPE "DATA\r\n");
	hear(&w, "250 ");
	hear(&w, "250 ");
	hear(&w, "250 ");
	hear(&w, "354 ");
	tell(&w, "Subject: x\r\n\r\nhello\r\n.\r\n");
	hear(&w, "250 2.0.0 queued as ");
	bye(&w);
	rig_stop(&w.rig);
	content = rig_content(&w.rig, 0, &len);
	snprintf(want, sizeof want, "with ESMTPS (%s %s)",
	    SSL_get_version(w.ssl), SSL_get_cipher(w.ssl));
	assert_non_null(strstr(content, "from inside.example"));
	for (char *p = content; (p = strstr(p, "\r\n\t")) != NULL;)
		memmove(p + 1, p + 3, strlen(p + 3) + 1), *p = ' ';
	if (strstr(content, want) == NULL)
		fail_msg("no \"%s\" in %s", want, content);
	free(content);
	end(&w);
}

/* What comes behind the command was said by who knows whom. */
static void
what_was_pipelined_behind_starttls_is_never_heard(void **state)
{
	static const char *const injected[] = {
		"NOOP\r\n",
		"EHLO evil.example\r\n",
		"EHLO evil.example\r\n" RIG_ENVELOPE
		"DATA\r\nhello\r\n.\r\nQUIT\r\n",
		"\r\n\r\n\r\n",
		"RSET",
		"STARTTLS\r\nSTARTTLS\r\n",
		"QUIT\r\n",
	};
	struct world w;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	for (size_t i = 0; i < sizeof injected / sizeof *injected; i++) {
		char text[256];

		w.fd = rig_hello(&w.rig, 0);
		snprintf(text, sizeof text, "STARTTLS\r\n%s", injected[i]);
		rig_say(w.fd, text); /* in one write */
		rig_hear(w.fd, "220 2.0.0 ");
		assert_true(shake(&w));
		tell(&w, "VRFY x\r\n");
		hear(&w, "252 ");
		tell(&w, "MAIL FROM:<a@b.example>\r\n");
		hear(&w, "503 5.5.1 Say EHLO first");
		bye(&w);
		SSL_free(w.ssl);
		w.ssl = NULL;
	}
	rig_stop(&w.rig);
	assert_int_equal(rig_stored(&w.rig), 0);
	end(&w);
}

/* In pieces the rest comes when TLS is awaited: no TLS, no session. */
static void
injected_byte_by_byte_it_ends_the_session(void **state)
{
	static const char all[] =
	    "STARTTLS\r\nEHLO evil.example\r\n" RIG_ENVELOPE
	    "DATA\r\nhello\r\n.\r\n";
	struct world w;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	for (size_t i = 0; i < 10; i++)
		rig_send(w.fd, all + i, 1);
	rig_hear(w.fd, "220 2.0.0 ");
	for (size_t i = 10; i < sizeof all - 1; i++) {
		if (send(w.fd, all + i, 1, MSG_NOSIGNAL) != 1)
			break; /* it is over already */
	}
	for (char c = 0; recv(w.fd, &c, 1, 0) == 1;) {
		/* an alert, but no reply */
		assert_true(c < ' ' || c > '~' || c == 'P' || c == 'F');
	}
	close(w.fd);
	rig_stop(&w.rig);
	assert_int_equal(rig_stored(&w.rig), 0);
	end(&w);
}

static void
starttls_at_the_wrong_time_is_refused(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	rig_say(w.fd, "STARTTLS now\r\n");
	rig_hear(w.fd, "501 5.5.4 ");
	rig_say(w.fd, "MAIL FROM:<a@b.example>\r\nSTARTTLS\r\n");
	rig_hear(w.fd, "250 2.1.0");
	rig_hear(w.fd, "503 5.5.1 Not in a transaction");
	rig_say(w.fd, "RSET\r\nSTARTTLS\r\n");
	rig_hear(w.fd, "250 2.0.0");
	rig_hear(w.fd, "220 2.0.0 ");
	assert_true(shake(&w));
	tell(&w, "NOOP\r\n");
	hear(&w, "250 2.0.0");
	bye(&w);
	end(&w);
}

static void
without_tls_the_command_is_not_there(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_OFF, false);
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	rig_say(w.fd, "STARTTLS\r\n");
	rig_hear(w.fd, "502 5.5.1 ");
	rig_bye(w.fd);
	end(&w);
}

static void
where_tls_is_required_nothing_else_is_done(void **state)
{
	static const char *const refused[] = { "HELO x\r\n",
		"MAIL FROM:<a@b.example>\r\n", "RCPT TO:<a@b.example>\r\n",
		"DATA\r\n", "RSET\r\n", "VRFY x\r\n", "HELP\r\n",
		"AUTH PLAIN\r\n", "EXPN x\r\n", "NONSENSE\r\n" };
	struct world w;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, false);
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		rig_say(w.fd, refused[i]);
		rig_hear(w.fd, "530 5.7.0 Must issue a STARTTLS command first");
	}
	rig_say(w.fd, "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
	rig_hear(w.fd, "503 5.5.1 "); /* its octets are eaten */
	rig_hear(w.fd, "250 2.0.0");
	rig_say(w.fd, "STARTTLS\r\n");
	rig_hear(w.fd, "220 2.0.0 ");
	assert_true(shake(&w));
	tell(&w, "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n");
	hear(&w, "250 ");
	hear(&w, "250 2.1.0");
	bye(&w);
	end(&w);
}

static void
refusals_before_tls_are_counted(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, false);
	w.rig.listener.errors_max = 2;
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	rig_say(w.fd, "HELP\r\nSTARTTLS x\r\nHELP\r\nNOOP\r\n");
	rig_hear(w.fd, "530 ");
	rig_hear(w.fd, "501 ");
	rig_hear(w.fd, "421 4.7.0 Too many errors");
	rig_hear_end(w.fd);
	end(&w);
}

static void
messages_before_tls_are_counted(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	w.rig.listener.messages_max = 1;
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	rig_begin(w.fd);
	rig_say(w.fd, "x: y\r\n\r\n.\r\n");
	rig_hear(w.fd, "250 2.0.0 queued as ");
	rig_say(w.fd, "STARTTLS\r\n");
	rig_hear(w.fd, "220 ");
	assert_true(shake(&w));
	tell(&w, "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n");
	hear(&w, "250 ");
	hear(&w, "421 ");
	hear_end(&w);
	end(&w);
}

static void
a_client_that_leaves_after_starttls_is_forgotten(void **state)
{
	struct world w;
	char c;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	w.fd = rig_hello(&w.rig, 0);
	rig_say(w.fd, "STARTTLS\r\n");
	shutdown(w.fd, SHUT_WR);
	rig_hear(w.fd, "220 ");
	while (recv(w.fd, &c, 1, 0) == 1)
		;
	close(w.fd);
	rig_bye(rig_hello(&w.rig, 0)); /* in order: the other one is gone */
	assert_int_equal(inlet_load(w.rig.inlet[0]), 0);
	end(&w);
}

/* --- the handshake
 * ------------------------------------------------------------ */

static void
a_stalled_handshake_ends(void **state)
{
	struct world w;

	(void)state;
	for (int implicit = 0; implicit < 2; implicit++) {
		start(&w, INLET_TLS_OPTIONAL, implicit);
		w.rig.listener.timeouts.handshake = 50;
		rig_start(&w.rig, 1);
		if (implicit)
			w.fd = rig_connect(&w.rig, 0);
		else
			ask(&w);
		rig_send(w.fd, "\x16\x03\x01", 3);
		rig_hear_end(w.fd); /* no word in clear */
		end(&w);
	}
}

static void
draining_ends_a_handshake(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_OPTIONAL, false);
	rig_start(&w.rig, 1);
	ask(&w);
	inlet_drain(w.rig.inlet[0], 10000, rig_post, &w.rig);
	rig_wait(&w.rig);
	rig_hear_end(w.fd);
	end(&w);
}

/* --- from the first byte on
 * ---------------------------------------------------- */

static void
implicit_tls_greets_inside(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, true);
	rig_start(&w.rig, 1);
	w.fd = rig_connect(&w.rig, 0);
	assert_true(shake(&w));
	hear(&w, "220 mx.example.com ESMTP");
	tell(&w, "EHLO c.example\r\n");
	assert_null(strstr(hear(&w, "250 "), "STARTTLS"));
	tell(&w, "STARTTLS\r\n");
	hear(&w, "503 5.5.1 ");
	bye(&w);
	end(&w);
}

static void
http_inside_tls_is_refused(void **state)
{
	struct world w;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, true);
	rig_start(&w.rig, 1);
	w.fd = rig_connect(&w.rig, 0);
	assert_true(shake(&w));
	tell(&w, "POST / HTTP/1.1\r\nEHLO x\r\n");
	hear(&w, "220 ");
	hear(&w, "421 4.7.0 This is SMTP, not HTTP");
	hear_end(&w);
	end(&w);
}

static void
no_slot_no_handshake(void **state)
{
	struct world w;
	int first;

	(void)state;
	start(&w, INLET_TLS_REQUIRED, true);
	w.rig.listener.connections_max = 1;
	rig_start(&w.rig, 1);
	first = rig_connect(&w.rig, 0);
	w.fd = rig_connect(&w.rig, 0);
	rig_hear_end(w.fd);
	w.fd = first;
	assert_true(shake(&w));
	hear(&w, "220 ");
	bye(&w);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_counts_by_its_tls),
		cmocka_unit_test(a_handshake_that_resumes_is_counted_so),
		cmocka_unit_test(a_handshake_that_fails_is_counted_so),
		cmocka_unit_test(everything_before_tls_is_forgotten),
		cmocka_unit_test(received_tells_of_tls),
		cmocka_unit_test(
		    what_was_pipelined_behind_starttls_is_never_heard),
		cmocka_unit_test(injected_byte_by_byte_it_ends_the_session),
		cmocka_unit_test(starttls_at_the_wrong_time_is_refused),
		cmocka_unit_test(without_tls_the_command_is_not_there),
		cmocka_unit_test(where_tls_is_required_nothing_else_is_done),
		cmocka_unit_test(refusals_before_tls_are_counted),
		cmocka_unit_test(messages_before_tls_are_counted),
		cmocka_unit_test(
		    a_client_that_leaves_after_starttls_is_forgotten),
		cmocka_unit_test(a_stalled_handshake_ends),
		cmocka_unit_test(draining_ends_a_handshake),
		cmocka_unit_test(implicit_tls_greets_inside),
		cmocka_unit_test(http_inside_tls_is_refused),
		cmocka_unit_test(no_slot_no_handshake),
	};
	int rc;

	certs_setup();
	certs_make(&cert, "mx", "DNS:mx.example.com", 100, NULL);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	certs_remove();
	return rc;
}
