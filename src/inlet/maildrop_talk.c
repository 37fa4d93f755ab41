/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/maildrop_talk.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/base/str.h"
#include "postern/io/conn.h"

#define PIECE_MAX (64u << 10)
#define LINE_MAX_OCTETS 2048 /* of a command */
#define WAIT_MS 300000       /* for a reply */
#define TEXT_MAX 400         /* of what is wrong */

enum step { GREETING, EHLO, MAIL, RCPT, DATA, CONTENT, DOT };

struct maildrop_talk {
	struct conn *conn;
	struct maildrop_file file;
	maildrop_end_fn *fn;
	void *arg;
	enum step step;
	struct buf lines;    /* of the file, not said yet */
	unsigned taken;      /* recipients */
	char text[TEXT_MAX]; /* the first refusal; "" none */
};

void
maildrop_talk_free(struct maildrop_talk **tp)
{
	struct maildrop_talk *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	conn_close(&t->conn);
	maildrop_file_close(&t->file);
	buf_done(&t->lines);
	free(t);
}

static void
end(struct maildrop_talk *t, enum maildrop_end how, const char *text)
{
	maildrop_end_fn *fn = t->fn;
	void *arg = t->arg;
	char *why = mem_str(text);

	maildrop_talk_free(&t);
	fn(arg, how, why);
	free(why);
}

/* --- what is said
 * ----------------------------------------------------------- */

/* false: there is no more, or it is not what was written. */
static bool
fill(struct maildrop_talk *t)
{
	char *room = buf_room(&t->lines, PIECE_MAX);
	ssize_t n;

	if (room == NULL)
		return false;
	n = maildrop_file_read(&t->file, room, PIECE_MAX);
	if (n <= 0)
		return false;
	buf_wrote(&t->lines, (size_t)n);
	return true;
}

/* The next command with its CRLF; false: there is none. */
static bool
next_line(struct maildrop_talk *t, struct str *line)
{
	struct str s = buf_str(&t->lines);
	const char *lf = s.len > 0 ? memchr(s.p, '\n', s.len) : NULL;

	if (lf == NULL && s.len < LINE_MAX_OCTETS && fill(t)) {
		s = buf_str(&t->lines);
		lf = memchr(s.p, '\n', s.len);
	}
	if (lf == NULL || (size_t)(lf - s.p) >= LINE_MAX_OCTETS)
		return false;
	*line = (struct str){ s.p, (size_t)(lf - s.p) + 1 };
	return true;
}

static void
say(struct maildrop_talk *t, struct str line, enum step step)
{
	conn_write(t->conn, line.p, line.len);
	conn_timeout(t->conn, WAIT_MS);
	t->step = step;
}

/* MAIL first, then RCPT, then DATA: a file says nothing else. */
static void
say_next(struct maildrop_talk *t)
{
	bool is_first = t->step == EHLO;
	struct str line;
	enum step step;

	if (!next_line(t, &line)) {
		end(t, MAILDROP_REFUSED, "not what sendmail has written");
		return;
	}
	if (str_starts_case(line, STR("MAIL FROM:<")))
		step = MAIL;
	else if (str_starts_case(line, STR("RCPT TO:<")))
		step = RCPT;
	else if (str_is(line, "DATA\r\n"))
		step = DATA;
	else
		step = GREETING;
	if (step == GREETING || is_first != (step == MAIL)) {
		end(t, MAILDROP_REFUSED, "not what sendmail has written");
		return;
	}
	say(t, line, step);
	buf_drop(&t->lines, line.len);
}

/* As it lies there, dots stuffed, with its end. */
static void
say_content(struct maildrop_talk *t)
{
	while (!conn_is_full(t->conn)) {
		struct str s = buf_str(&t->lines);

		conn_write(t->conn, s.p, s.len);
		buf_clear(&t->lines);
		if (t->file.at == t->file.length) {
			say(t, STR(""), DOT);
			return;
		}
		if (!fill(t)) {
			end(t, MAILDROP_REFUSED, "its checksum does not fit");
			return;
		}
	}
	conn_timeout(t->conn, WAIT_MS);
}

/* --- what is answered
 * ------------------------------------------------------- */

static void
note(struct maildrop_talk *t, struct str reply)
{
	if (t->text[0] == '\0')
		str_escape(t->text, sizeof t->text, reply);
}

static void
refused(struct maildrop_talk *t, char first, struct str reply)
{
	t->text[0] = '\0';
	note(t, reply);
	end(t, first == '5' ? MAILDROP_REFUSED : MAILDROP_LATER, t->text);
}

static void
on_rcpt(struct maildrop_talk *t, char first, struct str reply)
{
	if (first == '4') { /* all of them, another time */
		refused(t, first, reply);
		return;
	}
	if (first == '2')
		t->taken++;
	else
		note(t, reply);
	say_next(t);
}

/* reply: its last line, without CRLF. */
static void
on_reply(struct maildrop_talk *t, struct str reply)
{
	char first = reply.p[0];

	if (t->step == RCPT) {
		on_rcpt(t, first, reply);
		return;
	}
	if (first != (t->step == DATA ? '3' : '2')) {
		if (t->step == DATA && t->taken == 0 && t->text[0] != '\0')
			end(t, MAILDROP_REFUSED, t->text);
		else
			refused(t, first, reply);
		return;
	}
	switch (t->step) {
	case GREETING:
		say(t, STR("EHLO localhost\r\n"), EHLO);
		break;
	case DATA:
		t->step = CONTENT;
		say_content(t);
		break;
	case DOT:
		end(t, MAILDROP_TAKEN, t->text);
		break;
	default:
		say_next(t);
		break;
	}
}

/* false: no whole reply is there, or the talk is gone. */
static bool
take_line(struct maildrop_talk *t)
{
	struct str in = conn_input(t->conn), line;
	const char *lf = in.len > 0 ? memchr(in.p, '\n', in.len) : NULL;
	char copy[TEXT_MAX];
	bool is_last;

	if (lf == NULL)
		return false;
	line = (struct str){ in.p, (size_t)(lf - in.p) };
	line.len -= line.len > 0 && line.p[line.len - 1] == '\r';
	is_last = line.len >= 4 && line.p[3] == ' ';
	if (line.len >= sizeof copy)
		line.len = sizeof copy - 1;
	memcpy(copy, line.p, line.len);
	conn_take(t->conn, (size_t)(lf - in.p) + 1);
	if (!is_last)
		return true;
	on_reply(t, (struct str){ copy, line.len });
	return false;
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct maildrop_talk *t = arg;

	(void)c;
	switch (ev) {
	case CONN_DATA:
		/* A reply answers one line: the next comes with more input. */
		while (take_line(t))
			continue;
		break;
	case CONN_DRAINED:
		if (t->step == CONTENT)
			say_content(t);
		break;
	case CONN_CLOSED:
	case CONN_FAILED:
		end(t, MAILDROP_LATER, "the session was ended");
		break;
	case CONN_TIMEOUT:
		end(t, MAILDROP_LATER, "no reply came");
		break;
	case CONN_CONNECTED:
	case CONN_SECURED:
		break;
	}
}

struct maildrop_talk *
maildrop_talk_new(struct loop *loop, int fd, const struct maildrop_file *file,
    maildrop_end_fn *fn, void *arg)
{
	struct maildrop_talk *t = mem_new(sizeof *t);

	t->file = *file;
	t->fn = fn;
	t->arg = arg;
	buf_init(&t->lines, 2 * PIECE_MAX);
	t->conn = conn_adopt(
	    loop, fd, &(struct conn_settings){ .fn = on_conn, .arg = t });
	conn_timeout(t->conn, WAIT_MS);
	return t;
}
