/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/events - what the relay says in the log; postern-log(7) tells what
 * each row means.
 */
#ifndef RELAY_EVENTS_H
#define RELAY_EVENTS_H

#include "postern/base/log.h"

/* clang-format off */
#define POSTFIX_TO(dsn, status) \
	"smtp: %{msg}: to=<%{rcpt}>, relay=%{relay|none}, " \
	"delay=%{delay_ms/s}, delays=%{delays/s}, dsn=%{enhanced|" dsn "}, " \
	"status=" status " "
#define POSTFIX_SAID \
	"(%{?code}host %{relay} said: %{code} %{/}" \
	"%{?enhanced}%{enhanced} %{/}%{text}%{?cause}; %{cause}%{/})"

static const struct log_event event_delivered =
	{ "delivered", LOG_LEVEL_INFO,
	    POSTFIX_TO("2.0.0", "sent")
	    "(%{code} %{?enhanced}%{enhanced} %{/}%{text})" };
static const struct log_event event_deferred =
	{ "deferred", LOG_LEVEL_INFO,
	    POSTFIX_TO("4.0.0", "deferred") POSTFIX_SAID };
static const struct log_event event_bounced =
	{ "bounced", LOG_LEVEL_INFO,
	    POSTFIX_TO("5.0.0", "bounced") POSTFIX_SAID };
static const struct log_event event_dead =
	{ "dead", LOG_LEVEL_WARN,
	    POSTFIX_TO("5.0.0", "bounced") POSTFIX_SAID };
static const struct log_event event_captured =
	{ "captured", LOG_LEVEL_INFO };
static const struct log_event event_parked =
	{ "parked", LOG_LEVEL_WARN };
static const struct log_event event_poison =
	{ "message.poison", LOG_LEVEL_ERROR };
static const struct log_event event_act =
	{ "message.act", LOG_LEVEL_INFO };
static const struct log_event event_setback =
	{ "clock.setback", LOG_LEVEL_WARN };
static const struct log_event event_handed =
	{ "handed", LOG_LEVEL_INFO };
static const struct log_event event_doubt =
	{ "doubt", LOG_LEVEL_WARN,
	    POSTFIX_TO("4.0.0", "deferred") POSTFIX_SAID };
static const struct log_event event_unsure =
	{ "unsure", LOG_LEVEL_WARN };
static const struct log_event event_finished =
	{ "finished", LOG_LEVEL_DEBUG, "qmgr: %{msg}: removed" };
static const struct log_event event_notice =
	{ "notice", LOG_LEVEL_INFO,
	    "bounce: %{parent}: sender notification: %{msg}\n"
	    "cleanup: %{msg}: message-id=<>\n"
	    "qmgr: %{msg}: from=<>, size=%{size}, nrcpt=1 (queue active)" };
static const struct log_event event_notice_capped =
	{ "notice.capped", LOG_LEVEL_WARN };
static const struct log_event event_corrupt =
	{ "content.corrupt", LOG_LEVEL_ERROR };
static const struct log_event event_unsigned =
	{ "sign.failed", LOG_LEVEL_ERROR };
static const struct log_event event_unreadable =
	{ "message.unreadable", LOG_LEVEL_ERROR };
static const struct log_event event_settle_failed =
	{ "settle.failed", LOG_LEVEL_ERROR };
static const struct log_event event_provider_connected =
	{ "provider.connected", LOG_LEVEL_DEBUG };
static const struct log_event event_provider_closed =
	{ "provider.closed", LOG_LEVEL_DEBUG };
static const struct log_event event_provider_trouble =
	{ "provider.trouble", LOG_LEVEL_WARN, .by = "provider" };
static const struct log_event event_provider_stalled =
	{ "provider.stalled", LOG_LEVEL_WARN };
static const struct log_event event_provider_clear =
	{ "provider.clear", LOG_LEVEL_WARN };
static const struct log_event event_provider_password =
	{ "provider.password", LOG_LEVEL_INFO };
static const struct log_event event_provider_alert =
	{ "provider.alert", LOG_LEVEL_ERROR };
static const struct log_event event_provider_down =
	{ "provider.down", LOG_LEVEL_WARN };
static const struct log_event event_provider_up =
	{ "provider.up", LOG_LEVEL_INFO };
static const struct log_event event_provider_paused =
	{ "provider.paused", LOG_LEVEL_INFO };
static const struct log_event event_provider_resumed =
	{ "provider.resumed", LOG_LEVEL_INFO };
static const struct log_event event_provider_level =
	{ "provider.level", LOG_LEVEL_INFO };
static const struct log_event event_provider_window =
	{ "provider.window", LOG_LEVEL_INFO };
static const struct log_event event_token_fetched =
	{ "token.fetched", LOG_LEVEL_INFO };
static const struct log_event event_token_failed =
	{ "token.failed", LOG_LEVEL_WARN };
static const struct log_event event_token_dead =
	{ "token.dead", LOG_LEVEL_ERROR };
static const struct log_event event_token_unsaved =
	{ "token.unsaved", LOG_LEVEL_ERROR };
/* clang-format on */

#endif
