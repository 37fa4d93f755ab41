/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_proxy.h"

#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"
#include "postern/io/conn.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/generation.h"
#include "inlet/proxy.h"
#include "inlet/session_state.h"

/* Where TLS follows its first bytes have to stay with the kernel: what a
 * connection holds in clear is thrown away then. */
static void
read_only(struct inlet_session *s, size_t n)
{
	if (s->listener->implicit_tls)
		conn_read_max(s->conn, n);
}

void
session_proxy_await(struct inlet_session *s)
{
	struct proxy_header h;

	(void)proxy_parse(STR(""), &h);
	read_only(s, h.need);
	conn_timeout(s->conn, s->listener->timeouts.proxy);
}

/* What was made for the balancer's address is made again for the client's. */
static bool
take_client(struct inlet_session *s, const struct proxy_header *h)
{
	struct addr own = s->peer;

	s->awaits_proxy = false;
	s->via = mem_str(s->client);
	s->is_check = !h->has_client;
	s->may_xclient = h->has_client && generation_has(s->generation, s->door,
	                                      GENERATION_XCLIENTS, &h->client);
	if (h->has_client)
		inlet_session_peer(s, &h->client);
	else
		inlet_session_peer(s, &own);
	smtp_server_free(&s->smtp);
	s->smtp = inlet_session_machine(s);
	return inlet_session_admit(s);
}

bool
session_proxy_feed(struct inlet_session *s)
{
	struct proxy_header h;

	switch (proxy_parse(conn_input(s->conn), &h)) {
	case PROXY_DONE:
		conn_take(s->conn, h.len);
		read_only(s, 0);
		return take_client(s, &h);
	case PROXY_MORE:
		read_only(s, h.need);
		if (!s->is_half)
			return false;
		h.fault = "it was cut off";
		break;
	case PROXY_BAD:
		break;
	}
	inlet_session_log(s, INLET_PROXY, h.fault);
	inlet_session_cut(s, h.fault);
	return false;
}
