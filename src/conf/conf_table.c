/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_table.h"

#include <string.h>

#define ROOT(field) CONF_BASE_ROOT, offsetof(struct conf_root, field)
#define LISTENER(field)                                                        \
	CONF_BASE_LISTENER, offsetof(struct conf_listener, field)
#define PROVIDER(field)                                                        \
	CONF_BASE_PROVIDER, offsetof(struct conf_provider, field)
#define CERTIFICATE(field)                                                     \
	CONF_BASE_CERTIFICATE, offsetof(struct conf_certificate, field)
#define LIMIT(field) CONF_BASE_LIMIT, offsetof(struct conf_limit, field)
#define GROUP(field) CONF_BASE_GROUP, offsetof(struct conf_group, field)
#define ROUTE(field) CONF_BASE_ROUTE, offsetof(struct conf_route, field)
#define ENTRIES(base) CONF_BASE_##base, 0
#define DKIM(field) CONF_BASE_DKIM, offsetof(struct conf_dkim, field)
#define REPLY(field) CONF_BASE_REPLY, offsetof(struct conf_reply, field)
#define COUNTED(type, field) .count_at = offsetof(struct type, field)

/* A row: path, type, struct and field, then by name what it has: def or told,
 * range, unit.  A group or list stands before its keys.  Sizes 0, and
 * durations 0, are "off" where the range has that word. */
/* clang-format off */
const struct conf_key conf_table[] = {
{ "hostname", CONF_HOST, ROOT(s.hostname), .told = "the host's name" },
{ "domain", CONF_HOST, ROOT(s.inlet.intake.domain), .told = "hostname" },
{ "root", CONF_MAIL, ROOT(s.inlet.intake.local.root), .told = "none: such mail is kept" },
{ "from", CONF_MAIL, ROOT(s.inlet.intake.local.from), .told = "none: they stay" },
{ "local_domains", CONF_DOMAINS, ROOT(s.inlet.intake.local.domains), COUNTED(conf_root, s.inlet.intake.local.ndomains), .told = "hostname and localhost" },
{ "aliases_file", CONF_FILE, ROOT(aliases_file), .told = "none: root reads all such mail" },
{ "user", CONF_NAME, ROOT(s.user), .def = "\"postern\"", .restart = true },
{ "group", CONF_NAME, ROOT(s.group), .told = "the user's own group", .restart = true },
{ "inlet_threads", CONF_COUNT, ROOT(s.inlet_threads), .def = "1", .range = "1..64", .unit = "threads", .restart = true },
{ "stop_grace", CONF_DURATION, ROOT(s.stop_grace_ms), .def = "\"20s\"", .range = "0s..1h", .unit = "time" },
{ "max_received", CONF_COUNT, ROOT(s.inlet.intake.received_max), .def = "100", .range = "1..1000", .unit = "header fields" },
{ "watch", CONF_FLAG, ROOT(s.watch), .def = "false" },
{ "users_file", CONF_FILE, ROOT(users_file), .told = "none: nobody can log in" },
{ "token_directory", CONF_PATH, ROOT(s.relay.token_directory), .def = "\"/var/lib/postern/tokens\"" },
{ "control", CONF_GROUP, ROOT(s), .def = NULL },
{ "control.socket", CONF_PATH, ROOT(control_socket), .told = "control.sock beside submission.socket", .restart = true },
{ "control.group", CONF_UNIX_GROUP, ROOT(control_group), .told = "none", .restart = true },
{ "control.admin_group", CONF_UNIX_GROUP, ROOT(control_admin_group), .told = "none", .restart = true },
{ "submission", CONF_GROUP, ROOT(s), .def = NULL },
{ "submission.socket", CONF_PATH, ROOT(submission_socket), .def = "\"/run/postern/submission.sock\"" },
{ "submission.drop_directory", CONF_PATH, ROOT(s.drop_directory), .def = "\"/var/spool/postern-drop\"", .restart = true },
{ "submission.users", CONF_USERS, ROOT(submission.users), COUNTED(conf_root, submission.nusers), .told = "everybody on this host" },
{ "submission.groups", CONF_GROUPS, ROOT(submission.groups), COUNTED(conf_root, submission.ngroups), .told = "everybody on this host" },
{ "submission.senders", CONF_PATTERNS, ROOT(submission.senders), COUNTED(conf_root, submission.nsenders), .told = "every sender" },
{ "submission.max_size", CONF_SIZE, ROOT(submission.size_max), .def = "\"25M\"", .range = "1K..2G", .unit = "bytes" },
{ "include", CONF_FILES, ROOT(include), COUNTED(conf_root, ninclude), .told = "none" },
{ "profile_directories", CONF_FILES, ROOT(profile_directories), COUNTED(conf_root, nprofile_directories), .told = "/etc/postern/providers.d, then the profiles that come with Postern" },

{ "listeners", CONF_LIST, ENTRIES(LISTENER), .told = "port 25 of 127.0.0.1 and ::1" },
{ "listeners.name", CONF_NAME, LISTENER(l.name), .told = "none: it is required" },
{ "listeners.address", CONF_ADDRESSES, LISTENER(l.addresses), COUNTED(conf_listener, l.naddresses), .told = "none: it is required" },
{ "listeners.networks", CONF_NETWORKS, LISTENER(l.networks), COUNTED(conf_listener, l.nnetworks), .told = "everybody who can connect" },
{ "listeners.auth", CONF_WORD, LISTENER(l.auth), .def = "\"off\"", .range = "off|optional|required" },
{ "listeners.allow_clear_auth", CONF_FLAG, LISTENER(l.allow_clear_auth), .def = "false" },
{ "listeners.auth_failures", CONF_COUNT, LISTENER(l.auth_failures_max), .def = "5", .range = "1..1000", .unit = "logins" },
{ "listeners.auth_failures_name", CONF_LOGINS, LISTENER(l.auth_failures_name), .def = "\"10 login/10min\"" },
{ "listeners.auth_failures_client", CONF_LOGINS, LISTENER(l.auth_failures_client), .def = "\"100 login/10min\"" },
{ "listeners.senders", CONF_PATTERNS, LISTENER(l.senders), COUNTED(conf_listener, l.nsenders), .told = "every sender" },
{ "listeners.recipients", CONF_PATTERNS, LISTENER(l.recipients), COUNTED(conf_listener, l.nrecipients), .told = "every recipient" },
{ "listeners.client_rate", CONF_RATES, LISTENER(l.client_rates), COUNTED(conf_listener, l.nclient_rates), .def = "[ ]" },
{ "listeners.user_rate", CONF_RATES, LISTENER(l.user_rates), COUNTED(conf_listener, l.nuser_rates), .def = "[ ]" },
{ "listeners.over_rate", CONF_SWITCH, LISTENER(l.refuse_over), .def = "\"slow\"", .range = "slow|refuse" },
{ "listeners.priority", CONF_WORD, LISTENER(l.priority), .def = "\"normal\"", .range = "high|normal|low" },
{ "listeners.lane", CONF_LANE, LISTENER(l.lane), .told = "none: all share one" },
{ "listeners.route", CONF_NAME, LISTENER(l.route), .told = "as the routes say" },
{ "listeners.repair_headers", CONF_FLAG, LISTENER(l.repair_headers), .def = "false" },
{ "listeners.remove_bcc", CONF_FLAG, LISTENER(l.remove_bcc), .def = "false" },
{ "listeners.hold", CONF_FLAG, LISTENER(l.hold), .def = "false" },
{ "listeners.proxy_from", CONF_NETWORKS, LISTENER(l.proxy_from), COUNTED(conf_listener, l.nproxy_from), .told = "none" },
{ "listeners.xclient_from", CONF_NETWORKS, LISTENER(l.xclient_from), COUNTED(conf_listener, l.nxclient_from), .told = "none" },
{ "listeners.users", CONF_USERS, LISTENER(l.users), COUNTED(conf_listener, l.nusers), .told = "everybody on this host" },
{ "listeners.groups", CONF_GROUPS, LISTENER(l.groups), COUNTED(conf_listener, l.ngroups), .told = "everybody on this host" },
{ "listeners.mode", CONF_MODE, LISTENER(l.socket_mode), .def = "\"0666\"" },
{ "listeners.lenient", CONF_WORDS, LISTENER(l.lenient), .def = "[ ]", .range = "bare-newline|space-after-colon|no-brackets|helo-syntax|old-tls|clear-auth|any-auth" },
{ "listeners.lenient_networks", CONF_NETWORKS, LISTENER(l.lenient_networks), COUNTED(conf_listener, l.nlenient_networks), .told = "all of the listener's clients" },
{ "listeners.max_size", CONF_SIZE, LISTENER(l.size_max), .def = "\"25M\"", .range = "1K..2G", .unit = "bytes" },
{ "listeners.max_recipients", CONF_COUNT, LISTENER(l.recipients_max), .def = "1000", .range = "1..50000", .unit = "recipients" },
{ "listeners.max_messages", CONF_COUNT, LISTENER(l.messages_max), .def = "0", .range = "0..1000000000", .unit = "messages; 0: no bound" },
{ "listeners.max_connections", CONF_COUNT, LISTENER(l.connections_max), .def = "1000", .range = "1..1000000", .unit = "connections" },
{ "listeners.max_per_client", CONF_COUNT, LISTENER(l.per_client_max), .def = "500", .range = "1..1000000", .unit = "connections" },
{ "listeners.max_errors", CONF_COUNT, LISTENER(l.errors_max), .def = "20", .range = "1..10000", .unit = "commands" },
{ "listeners.max_idle_commands", CONF_COUNT, LISTENER(l.idle_commands_max), .def = "100", .range = "5..100000", .unit = "commands" },
{ "listeners.max_line", CONF_COUNT, LISTENER(l.line_max), .def = "4096", .range = "512..65536", .unit = "bytes" },
{ "listeners.disable", CONF_WORDS, LISTENER(disable), .def = "[ ]", .range = "CHUNKING|DSN|SMTPUTF8|8BITMIME|MT-PRIORITY|REQUIRETLS|LIMITS|DELIVERBY" },
{ "listeners.binary", CONF_FLAG, LISTENER(l.binary), .def = "false" },
{ "listeners.max_hold", CONF_DURATION, LISTENER(l.hold_max_ms), .def = "\"7d\"", .range = "off|1s..365d", .unit = "time" },
{ "listeners.tls", CONF_WORD, LISTENER(l.tls_use), .told = "off on loopback and unix; elsewhere optional where there are certificates", .range = "off|optional|required" },
{ "listeners.tls_mode", CONF_SWITCH, LISTENER(l.implicit_tls), .def = "\"starttls\"", .range = "starttls|implicit" },
{ "listeners.client_ca", CONF_FILE, LISTENER(client_ca), .told = "none: clients need no certificate" },
{ "listeners.timeouts", CONF_GROUP, LISTENER(l), .def = NULL },
{ "listeners.timeouts.command", CONF_DURATION, LISTENER(l.timeouts.command), .def = "\"5m\"", .range = "100ms..1d", .unit = "time" },
{ "listeners.timeouts.data", CONF_DURATION, LISTENER(l.timeouts.data), .def = "\"5m\"", .range = "100ms..1d", .unit = "time" },
{ "listeners.timeouts.session", CONF_DURATION, LISTENER(l.timeouts.session), .def = "\"off\"", .range = "off|1s..30d", .unit = "time" },
{ "listeners.timeouts.handshake", CONF_DURATION, LISTENER(l.timeouts.handshake), .def = "\"30s\"", .range = "100ms..10m", .unit = "time" },
{ "listeners.timeouts.linger", CONF_DURATION, LISTENER(l.timeouts.linger), .def = "\"5s\"", .range = "100ms..1m", .unit = "time" },
{ "listeners.timeouts.proxy", CONF_DURATION, LISTENER(l.timeouts.proxy), .def = "\"5s\"", .range = "100ms..1m", .unit = "time" },

{ "tls", CONF_GROUP, ROOT(s), .def = NULL },
{ "tls.certificates", CONF_LIST, ENTRIES(CERTIFICATE), .told = "none" },
{ "tls.certificates.certificate", CONF_FILE, CERTIFICATE(c.certificate), .told = "none: it is required" },
{ "tls.certificates.key", CONF_FILE, CERTIFICATE(c.key), .told = "none: it is required" },
{ "tls.min_version", CONF_CHOICE, ROOT(min_version), .def = "\"1.2\"", .range = "1.2|1.3" },
{ "tls.ciphers", CONF_TEXT, ROOT(ciphers), .told = "forward secrecy and AEAD only" },
{ "tls.ciphersuites", CONF_TEXT, ROOT(ciphersuites), .told = "those of OpenSSL" },

{ "providers", CONF_LIST, ENTRIES(PROVIDER), .told = "none: mail is accepted and held" },
{ "providers.name", CONF_NAME, PROVIDER(p.name), .told = "none: it is required" },
{ "providers.like", CONF_NAME, PROVIDER(like), .told = "none" },
{ "providers.profile", CONF_NAME, PROVIDER(profile), .told = "none" },
{ "providers.region", CONF_NAME, PROVIDER(region), .told = "none" },
{ "providers.quota_page", CONF_TEXT, PROVIDER(quota_page), .told = "none" },
{ "providers.host", CONF_HOST, PROVIDER(p.host), .told = "none: it is required" },
{ "providers.port", CONF_PORT, PROVIDER(p.port), .told = "587; 465 with tls_mode = \"implicit\"", .range = "1..65535" },
{ "providers.tls", CONF_WORD, PROVIDER(p.tls), .def = "\"verify\"", .range = "off|opportunistic|required|verify" },
{ "providers.tls_mode", CONF_SWITCH, PROVIDER(p.implicit_tls), .def = "\"starttls\"", .range = "starttls|implicit" },
{ "providers.tls_name", CONF_HOST, PROVIDER(p.tls_name), .told = "host" },
{ "providers.ca_file", CONF_FILE, PROVIDER(p.tls_set.ca_file), .told = "the system's certificates" },
{ "providers.pins", CONF_TEXTS, PROVIDER(pins), COUNTED(conf_provider, npins), .told = "none" },
{ "providers.min_version", CONF_CHOICE, PROVIDER(p.tls_set.min_version), .def = "\"1.2\"", .range = "1.2|1.3" },
{ "providers.ciphers", CONF_TEXT, PROVIDER(p.tls_set.ciphers), .told = "those of OpenSSL" },
{ "providers.ciphersuites", CONF_TEXT, PROVIDER(p.tls_set.ciphersuites), .told = "those of OpenSSL" },
{ "providers.certificate", CONF_FILE, PROVIDER(p.tls_set.own.certificate), .told = "none is shown" },
{ "providers.key", CONF_FILE, PROVIDER(p.tls_set.own.key), .told = "none" },
{ "providers.auth", CONF_CHOICE, PROVIDER(p.auth), .def = "\"auto\"", .range = "auto|scram-sha-256|scram-sha-1|cram-md5|plain|login|external|xoauth2|oauthbearer" },
{ "providers.user", CONF_TEXT, PROVIDER(p.user), .told = "none: no login" },
{ "providers.password_file", CONF_FILE, PROVIDER(password_file), .told = "none" },
{ "providers.password_env", CONF_TEXT, PROVIDER(password_env), .told = "none" },
{ "providers.password_credential", CONF_TEXT, PROVIDER(password_credential), .told = "none" },
{ "providers.oauth", CONF_GROUP, PROVIDER(p), .def = NULL },
{ "providers.oauth.grant", CONF_WORD, PROVIDER(p.oauth.grant), .def = "\"auto\"", .range = "auto|refresh_token|client_credentials|jwt_bearer" },
{ "providers.oauth.tenant", CONF_TEXT, PROVIDER(p.oauth.tenant), .told = "none" },
{ "providers.oauth.client_id", CONF_TEXT, PROVIDER(p.oauth.client_id), .told = "none" },
{ "providers.oauth.client_secret_file", CONF_FILE, PROVIDER(client_secret_file), .told = "none" },
{ "providers.oauth.client_secret_env", CONF_TEXT, PROVIDER(client_secret_env), .told = "none" },
{ "providers.oauth.client_secret_credential", CONF_TEXT, PROVIDER(client_secret_credential), .told = "none" },
{ "providers.oauth.token_url", CONF_TEXT, PROVIDER(p.oauth.token_url), .told = "the key file's" },
{ "providers.oauth.device_url", CONF_TEXT, PROVIDER(p.oauth.device_url), .told = "none: no login by a code" },
{ "providers.oauth.scope", CONF_TEXT, PROVIDER(p.oauth.scope), .told = "none" },
{ "providers.oauth.refresh_token_file", CONF_FILE, PROVIDER(refresh_token_file), .told = "none: postern token login" },
{ "providers.oauth.key_file", CONF_FILE, PROVIDER(key_file), .told = "none" },
{ "providers.oauth.issuer", CONF_TEXT, PROVIDER(p.oauth.issuer), .told = "the key file's client_email" },
{ "providers.oauth.ca_file", CONF_FILE, PROVIDER(p.oauth.ca_file), .told = "the system's certificates" },
{ "providers.oauth.proxy", CONF_TEXT, PROVIDER(p.oauth.proxy), .told = "none, nor the environment's" },
{ "providers.allow_clear_auth", CONF_FLAG, PROVIDER(p.allow_clear_auth), .def = "false" },
{ "providers.allow_unverified_auth", CONF_FLAG, PROVIDER(p.allow_unverified_auth), .def = "false" },
{ "providers.max_connections", CONF_COUNT, PROVIDER(p.max_connections), .def = "10", .range = "1..10000", .unit = "connections" },
{ "providers.weight", CONF_COUNT, PROVIDER(p.weight), .def = "1", .range = "1..100", .unit = "parts" },
{ "providers.max_messages_per_connection", CONF_COUNT, PROVIDER(p.max_messages_per_connection), .def = "100", .range = "1..1000000000", .unit = "messages" },
{ "providers.max_recipients", CONF_COUNT, PROVIDER(p.max_recipients), .def = "100", .range = "1..50000", .unit = "recipients" },
{ "providers.rate", CONF_QUOTAS, PROVIDER(p.rates), COUNTED(conf_provider, p.nrates), .def = "[ ]" },
{ "providers.limits", CONF_NAMES, PROVIDER(p.limits), COUNTED(conf_provider, p.nlimits), .told = "none" },
{ "providers.soft_rate", CONF_RATE, PROVIDER(p.soft_rate), .told = "none" },
{ "providers.slow_factor", CONF_FACTOR, PROVIDER(p.slow_factor), .def = "0.5", .range = "0..1" },
{ "providers.ramp", CONF_GROUP, PROVIDER(p), .def = NULL },
{ "providers.ramp.start", CONF_DATE, PROVIDER(p.ramp.start_ms), .told = "none: no bound" },
{ "providers.ramp.first", CONF_RATE, PROVIDER(p.ramp.first), .told = "none: no bound" },
{ "providers.ramp.factor", CONF_FACTOR, PROVIDER(p.ramp.factor), .def = "2.0", .range = "1..10" },
{ "providers.ramp.days", CONF_COUNT, PROVIDER(p.ramp.days), .def = "14", .range = "1..365", .unit = "days" },
{ "providers.max_size", CONF_SIZE, PROVIDER(p.max_size), .def = "\"off\"", .range = "off|1K..2G", .unit = "bytes" },
{ "providers.idle_timeout", CONF_DURATION, PROVIDER(p.idle_timeout_ms), .def = "\"8s\"", .range = "0s..1h", .unit = "time" },
{ "providers.max_age", CONF_DURATION, PROVIDER(p.max_age_ms), .def = "\"5m\"", .range = "1s..1d", .unit = "time" },
{ "providers.warm", CONF_COUNT, PROVIDER(p.warm), .def = "0", .range = "0..10000", .unit = "connections" },
{ "providers.source_address", CONF_IP, PROVIDER(p.source_address), .told = "the system chooses" },
{ "providers.prefer", CONF_WORD, PROVIDER(p.prefer), .def = "\"any\"", .range = "any|ipv4|ipv6" },
{ "providers.helo", CONF_HOST, PROVIDER(p.helo), .told = "hostname" },
{ "providers.null_sender", CONF_SWITCH, PROVIDER(p.null_sender_refused), .def = "\"accept\"", .range = "accept|refuse" },
{ "providers.identities", CONF_PATTERNS, PROVIDER(p.identities), COUNTED(conf_provider, p.nidentities), .told = "it may send as anybody" },
{ "providers.identity_policy", CONF_WORD, PROVIDER(p.identity_policy), .def = "\"reroute\"", .range = "reroute|rewrite|refuse" },
{ "providers.rewrite", CONF_GROUP, PROVIDER(p), .def = NULL },
{ "providers.rewrite.sender", CONF_MAIL, PROVIDER(p.rewrite.sender), .told = "as it came" },
{ "providers.rewrite.from", CONF_MAIL, PROVIDER(p.rewrite.header.from), .told = "as it came" },
{ "providers.rewrite.masquerade", CONF_DOMAINS, PROVIDER(p.rewrite.header.masquerade), COUNTED(conf_provider, p.rewrite.header.nmasquerade), .def = "[ ]" },
{ "providers.headers", CONF_GROUP, PROVIDER(p), .def = NULL },
{ "providers.headers.remove", CONF_FIELD_NAMES, PROVIDER(p.rewrite.header.remove), COUNTED(conf_provider, p.rewrite.header.nremove), .def = "[ ]" },
{ "providers.headers.add", CONF_FIELDS, PROVIDER(p.rewrite.header.add), COUNTED(conf_provider, p.rewrite.header.nadd), .def = "[ ]" },
{ "providers.dkim", CONF_LIST, ENTRIES(DKIM), .told = "none" },
{ "providers.dkim.domain", CONF_HOST, DKIM(d.domain), .told = "none: it is required" },
{ "providers.dkim.selector", CONF_HOST, DKIM(d.selector), .told = "none: it is required" },
{ "providers.dkim.key_file", CONF_FILE, DKIM(key_file), .told = "none: it is required" },
{ "providers.dkim.from", CONF_PATTERNS, DKIM(d.from), COUNTED(conf_dkim, d.nfrom), .told = "those of the domain and of the domains below it" },
{ "providers.dkim.canonicalization", CONF_WORD, DKIM(canonicalization), .def = "\"relaxed/relaxed\"", .range = "relaxed/relaxed|relaxed/simple|simple/relaxed|simple/simple" },
{ "providers.dkim.sign", CONF_FIELD_NAMES, DKIM(d.fields.sign), COUNTED(conf_dkim, d.fields.nsign), .def = "[ \"Sender\", \"Reply-To\", \"To\", \"Cc\", \"Subject\", \"In-Reply-To\", \"References\", \"MIME-Version\", \"Content-Type\", \"Content-Transfer-Encoding\", \"List-Id\", \"List-Unsubscribe\", \"List-Unsubscribe-Post\" ]" },
{ "providers.dkim.oversign", CONF_FIELD_NAMES, DKIM(d.fields.over), COUNTED(conf_dkim, d.fields.nover), .def = "[ \"Reply-To\", \"To\", \"Cc\", \"Subject\" ]" },
{ "providers.dkim.lifetime", CONF_DURATION, DKIM(d.lifetime_ms), .def = "\"off\"", .range = "off|1h..365d", .unit = "time" },
{ "providers.disable", CONF_WORDS, PROVIDER(p.disable), .def = "[ ]", .range = "PIPELINING|CHUNKING|SIZE|8BITMIME|SMTPUTF8|DSN|MT-PRIORITY|REQUIRETLS|LIMITS|BINARYMIME|DELIVERBY" },
{ "providers.eight_bit", CONF_SWITCH, PROVIDER(p.eight_bit_pass), .def = "\"bounce\"", .range = "bounce|pass" },
{ "providers.timeouts", CONF_GROUP, PROVIDER(p), .def = NULL },
{ "providers.timeouts.connect", CONF_DURATION, PROVIDER(p.timeouts.connect), .def = "\"10s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.banner", CONF_DURATION, PROVIDER(p.timeouts.banner), .def = "\"20s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.command", CONF_DURATION, PROVIDER(p.timeouts.command), .def = "\"30s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.starttls", CONF_DURATION, PROVIDER(p.timeouts.starttls), .def = "\"15s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.auth", CONF_DURATION, PROVIDER(p.timeouts.auth), .def = "\"30s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.data", CONF_DURATION, PROVIDER(p.timeouts.data), .def = "\"60s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.block", CONF_DURATION, PROVIDER(p.timeouts.block), .def = "\"60s\"", .range = "100ms..10m", .unit = "time" },
{ "providers.timeouts.dot", CONF_DURATION, PROVIDER(p.timeouts.dot), .def = "\"5m\"", .range = "100ms..1h", .unit = "time" },
{ "providers.timeouts.quit", CONF_DURATION, PROVIDER(p.timeouts.quit), .def = "\"2s\"", .range = "100ms..1m", .unit = "time" },
{ "providers.breaker", CONF_GROUP, PROVIDER(p), .def = NULL },
{ "providers.breaker.failures", CONF_COUNT, PROVIDER(p.breaker_failures), .def = "5", .range = "1..1000", .unit = "failures" },
{ "providers.breaker.open", CONF_DURATION, PROVIDER(p.breaker_open_ms), .def = "\"5s\"", .range = "100ms..1h", .unit = "time" },
{ "providers.breaker.open_max", CONF_DURATION, PROVIDER(p.breaker_open_max_ms), .def = "\"60s\"", .range = "100ms..1d", .unit = "time" },
{ "providers.replies", CONF_LIST, ENTRIES(REPLY), .told = "none" },
{ "providers.replies.stage", CONF_CHOICE, REPLY(stage), .def = "\"*\"", .range = "*|banner|ehlo|starttls|auth|mail|rcpt|data|dot|rset|noop|idle" },
{ "providers.replies.code", CONF_TEXT, REPLY(code), .told = "any" },
{ "providers.replies.enhanced", CONF_TEXT, REPLY(r.enhanced), .told = "any" },
{ "providers.replies.text", CONF_TEXT, REPLY(r.text), .told = "any" },
{ "providers.replies.class", CONF_CHOICE, REPLY(r.class), .told = "none: it is required", .range = "stale|recycle|conns|rate|quota|backoff|auth-temp|auth|suspended|tls|identity|split|unfit|rcpt|rcpt-temp|message|message-temp|deferred" },
{ "providers.replies.wait", CONF_DURATION, REPLY(r.wait_ms), .def = "\"off\"", .range = "off|1s..1d", .unit = "time" },

{ "limits", CONF_LIST, ENTRIES(LIMIT), .told = "none" },
{ "limits.name", CONF_NAME, LIMIT(l.name), .told = "none: it is required" },
{ "limits.rate", CONF_QUOTAS, LIMIT(l.rates), COUNTED(conf_limit, l.nrates), .def = "[ ]" },
{ "limits.max_connections", CONF_COUNT, LIMIT(l.max_connections), .def = "0", .range = "0..100000", .unit = "connections; 0: no bound" },

{ "groups", CONF_LIST, ENTRIES(GROUP), .told = "none" },
{ "groups.name", CONF_NAME, GROUP(g.name), .told = "none: it is required" },
{ "groups.members", CONF_NAMES, GROUP(g.members), COUNTED(conf_group, g.nmembers), .told = "none: it is required" },
{ "groups.balance", CONF_WORD, GROUP(g.balance), .def = "\"p2c-ewma\"", .range = "weighted|least-busy|p2c-ewma|hash" },

{ "routes", CONF_LIST, ENTRIES(ROUTE), .told = "one, named default" },
{ "routes.name", CONF_NAME, ROUTE(r.name), .told = "none: it is required" },
{ "routes.use", CONF_NAMES, ROUTE(r.use), COUNTED(conf_route, r.nuse), .told = "all providers in their order" },
{ "routes.shares", CONF_SHARES, ROUTE(r.shares), .def = "[ 8, 4, 1 ]", .range = "1..1000", .unit = "parts" },
{ "routes.spill", CONF_FLAG, ROUTE(r.spill), .def = "false" },
{ "routes.on_doubt", CONF_WORD, ROUTE(r.on_doubt), .def = "\"retry\"", .range = "retry|hold" },
{ "routes.on_dead", CONF_NAME, ROUTE(r.on_dead), .def = "\"keep\"" },
{ "routes.priority", CONF_WORD, ROUTE(i.priority), .told = "the listener's", .range = "high|normal|low" },
{ "routes.lane", CONF_LANE, ROUTE(i.lane), .told = "the listener's" },
{ "routes.match", CONF_GROUP, ROUTE(match), .def = NULL },
{ "routes.match.sender", CONF_PATTERNS, ROUTE(match.senders), COUNTED(conf_route, match.nsenders), .told = "any" },
{ "routes.match.recipient", CONF_PATTERNS, ROUTE(match.recipients), COUNTED(conf_route, match.nrecipients), .told = "any" },
{ "routes.match.user", CONF_TEXTS, ROUTE(match.users), COUNTED(conf_route, match.nusers), .told = "any, and none" },
{ "routes.match.listener", CONF_NAMES, ROUTE(match.listeners), COUNTED(conf_route, match.nlisteners), .told = "any" },
{ "routes.match.client", CONF_NETWORKS, ROUTE(match.clients), COUNTED(conf_route, match.nclients), .told = "any" },
{ "routes.match.header", CONF_HEADERS, ROUTE(match.headers), COUNTED(conf_route, match.nheaders), .told = "any" },
{ "routes.match.size", CONF_BOUND, ROUTE(match.size), .told = "any" },
{ "routes.mode", CONF_WORD, ROUTE(r.mode), .def = "\"deliver\"", .range = "deliver|redirect|capture" },
{ "routes.redirect_to", CONF_MAIL, ROUTE(r.redirect_to), .told = "none" },
{ "routes.allow", CONF_PATTERNS, ROUTE(r.allow), COUNTED(conf_route, r.nallow), .told = "nobody" },
{ "routes.rewrite", CONF_GROUP, ROUTE(r), .def = NULL },
{ "routes.rewrite.sender", CONF_MAIL, ROUTE(r.rewrite.sender), .told = "as it came" },
{ "routes.rewrite.from", CONF_MAIL, ROUTE(r.rewrite.header.from), .told = "as it came" },
{ "routes.rewrite.masquerade", CONF_DOMAINS, ROUTE(r.rewrite.header.masquerade), COUNTED(conf_route, r.rewrite.header.nmasquerade), .def = "[ ]" },
{ "routes.headers", CONF_GROUP, ROUTE(r), .def = NULL },
{ "routes.headers.remove", CONF_FIELD_NAMES, ROUTE(r.rewrite.header.remove), COUNTED(conf_route, r.rewrite.header.nremove), .def = "[ ]" },
{ "routes.headers.add", CONF_FIELDS, ROUTE(r.rewrite.header.add), COUNTED(conf_route, r.rewrite.header.nadd), .def = "[ ]" },
{ "routes.dkim", CONF_LIST, ENTRIES(DKIM), .told = "none" },
{ "routes.dkim.domain", CONF_HOST, DKIM(d.domain), .told = "none: it is required" },
{ "routes.dkim.selector", CONF_HOST, DKIM(d.selector), .told = "none: it is required" },
{ "routes.dkim.key_file", CONF_FILE, DKIM(key_file), .told = "none: it is required" },
{ "routes.dkim.from", CONF_PATTERNS, DKIM(d.from), COUNTED(conf_dkim, d.nfrom), .told = "those of the domain and of the domains below it" },
{ "routes.dkim.canonicalization", CONF_WORD, DKIM(canonicalization), .def = "\"relaxed/relaxed\"", .range = "relaxed/relaxed|relaxed/simple|simple/relaxed|simple/simple" },
{ "routes.dkim.sign", CONF_FIELD_NAMES, DKIM(d.fields.sign), COUNTED(conf_dkim, d.fields.nsign), .def = "[ \"Sender\", \"Reply-To\", \"To\", \"Cc\", \"Subject\", \"In-Reply-To\", \"References\", \"MIME-Version\", \"Content-Type\", \"Content-Transfer-Encoding\", \"List-Id\", \"List-Unsubscribe\", \"List-Unsubscribe-Post\" ]" },
{ "routes.dkim.oversign", CONF_FIELD_NAMES, DKIM(d.fields.over), COUNTED(conf_dkim, d.fields.nover), .def = "[ \"Reply-To\", \"To\", \"Cc\", \"Subject\" ]" },
{ "routes.dkim.lifetime", CONF_DURATION, DKIM(d.lifetime_ms), .def = "\"off\"", .range = "off|1h..365d", .unit = "time" },
{ "routes.retry", CONF_GROUP, ROUTE(r), .def = NULL },
{ "routes.retry.quick", CONF_DURATIONS, ROUTE(r.retry.quick_ms), COUNTED(conf_route, r.retry.nquick), .told = "retry.quick", .range = "100ms..1h", .unit = "time" },
{ "routes.retry.min", CONF_DURATION, ROUTE(r.retry.min_ms), .told = "retry.min", .range = "100ms..1d", .unit = "time" },
{ "routes.retry.max", CONF_DURATION, ROUTE(r.retry.max_ms), .told = "retry.max", .range = "100ms..7d", .unit = "time" },
{ "routes.retry.factor", CONF_FACTOR, ROUTE(r.retry.factor), .told = "retry.factor", .range = "1..10" },
{ "routes.retry.attempts", CONF_COUNT, ROUTE(r.retry.attempts), .told = "retry.attempts", .range = "0..1000", .unit = "rounds; 0: by time alone" },
{ "routes.retry.give_up", CONF_DURATION, ROUTE(r.retry.give_up_ms), .told = "retry.give_up", .range = "1s..30d", .unit = "time" },
{ "routes.retry.warn_after", CONF_DURATION, ROUTE(r.retry.warn_after_ms), .told = "retry.warn_after", .range = "off|1s..30d", .unit = "time" },

{ "retry", CONF_GROUP, ROOT(s), .def = NULL },
{ "retry.quick", CONF_DURATIONS, ROOT(s.relay.retry.quick_ms), COUNTED(conf_root, s.relay.retry.nquick), .def = "[ \"1s\", \"2s\", \"4s\" ]", .range = "100ms..1h", .unit = "time" },
{ "retry.min", CONF_DURATION, ROOT(s.relay.retry.min_ms), .def = "\"60s\"", .range = "100ms..1d", .unit = "time" },
{ "retry.max", CONF_DURATION, ROOT(s.relay.retry.max_ms), .def = "\"1h\"", .range = "100ms..7d", .unit = "time" },
{ "retry.factor", CONF_FACTOR, ROOT(s.relay.retry.factor), .def = "2.0", .range = "1..10" },
{ "retry.attempts", CONF_COUNT, ROOT(s.relay.retry.attempts), .def = "0", .range = "0..1000", .unit = "rounds; 0: by time alone" },
{ "retry.give_up", CONF_DURATION, ROOT(s.relay.retry.give_up_ms), .def = "\"4d\"", .range = "1s..30d", .unit = "time" },
{ "retry.warn_after", CONF_DURATION, ROOT(s.relay.retry.warn_after_ms), .def = "\"off\"", .range = "off|1s..30d", .unit = "time" },

{ "bounce", CONF_GROUP, ROOT(s), .def = NULL },
{ "bounce.to", CONF_DESTINATION, ROOT(bounce_to), .def = "\"sender\"", .range = "sender|none" },
{ "bounce.from", CONF_MAIL, ROOT(s.relay.bounce_from), .told = "postmaster at hostname" },
{ "bounce.route", CONF_NAME, ROOT(s.relay.bounce_route), .told = "the message's own" },
{ "bounce.rate", CONF_RATE, ROOT(s.relay.bounce_rate), .told = "none" },

{ "spool", CONF_GROUP, ROOT(s), .def = NULL },
{ "spool.directory", CONF_PATH, ROOT(s.spool.directory), .def = "\"/var/spool/postern\"", .restart = true },
{ "spool.max_size", CONF_SIZE, ROOT(s.spool.size_max), .def = "\"off\"", .range = "off|1M..1024T", .unit = "bytes" },
{ "spool.min_free", CONF_SIZE, ROOT(s.spool.min_free), .def = "\"auto\"", .range = "auto|1M..1024T", .unit = "bytes" },
{ "spool.ballast", CONF_SIZE, ROOT(s.spool.ballast), .def = "\"auto\"", .range = "auto|off|1M..1T", .unit = "bytes", .off = UINT64_MAX },
{ "spool.memory", CONF_SIZE, ROOT(s.spool.memory_max), .def = "\"64M\"", .range = "1M..1T", .unit = "bytes" },
{ "spool.journal", CONF_SIZE, ROOT(s.spool.journal_max), .def = "\"64M\"", .range = "1M..1T", .unit = "bytes" },
{ "spool.dead_keep", CONF_DURATION, ROOT(s.spool.dead_keep_ms), .def = "\"14d\"", .range = "1s..3650d", .unit = "time" },
{ "spool.dead_max_size", CONF_SIZE, ROOT(s.spool.dead_size_max), .def = "\"off\"", .range = "off|1M..1024T", .unit = "bytes" },

{ "overload", CONF_GROUP, ROOT(s), .def = NULL },
{ "overload.commit_p99", CONF_DURATION, ROOT(s.inlet.intake.overload_commit_ms), .def = "\"off\"", .range = "off|1ms..1h", .unit = "time" },
{ "overload.queued", CONF_COUNT, ROOT(s.inlet.intake.overload_queued), .def = "0", .range = "0..2000000000", .unit = "messages; 0: no bound" },

{ "http", CONF_GROUP, ROOT(s), .def = NULL, .restart = true },
{ "http.address", CONF_ADDRESS, ROOT(s.http.address), .told = "off", .restart = true },
{ "http.allow_remote", CONF_FLAG, ROOT(s.http.allow_remote), .def = "false", .restart = true },
{ "http.mode", CONF_MODE, ROOT(s.http.socket_mode), .def = "\"0660\"", .restart = true },
{ "http.max_connections", CONF_COUNT, ROOT(s.http.connections_max), .def = "16", .range = "1..1000", .unit = "connections", .restart = true },
{ "http.timeout", CONF_DURATION, ROOT(s.http.timeout_ms), .def = "\"10s\"", .range = "1s..1h", .unit = "time", .restart = true },

{ "log", CONF_GROUP, ROOT(s), .def = NULL },
{ "log.to", CONF_PLACE_TO_LOG, ROOT(s.log.to), .def = "\"stderr\"" },
{ "log.format", CONF_WORD, ROOT(s.log.format), .def = "\"text\"", .range = "text|json|postfix" },
{ "log.postfix_tag", CONF_NAME, ROOT(s.log.postfix_tag), .def = "\"postern\"" },
{ "log.syslog_socket", CONF_PATH, ROOT(s.log.syslog_socket), .def = "\"/dev/log\"" },
{ "log.level", CONF_WORD, ROOT(s.log.level), .def = "\"info\"", .range = "error|warn|info|debug" },
{ "log.repeats", CONF_COUNT, ROOT(s.log.repeats), .def = "20", .range = "0..100000", .unit = "lines a minute" },
{ "log.addresses", CONF_WORD, ROOT(s.log.addresses), .def = "\"full\"", .range = "full|masked|hashed" },
};
/* clang-format on */
const size_t conf_table_n = sizeof conf_table / sizeof conf_table[0];

const struct conf_key *
conf_table_find(const char *path)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		if (strcmp(conf_table[i].path, path) == 0)
			return &conf_table[i];
	}
	return NULL;
}

const char *
conf_table_leaf(const struct conf_key *k)
{
	const char *dot = strrchr(k->path, '.');

	return dot != NULL ? dot + 1 : k->path;
}

bool
conf_table_is_in(const struct conf_key *k, const char *prefix)
{
	size_t n = (size_t)(conf_table_leaf(k) - k->path);

	if (n == 0)
		return prefix[0] == '\0';
	return strlen(prefix) == n - 1 && strncmp(k->path, prefix, n - 1) == 0;
}

bool
conf_table_is_among(
    const struct conf_key *k, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(paths[i]);

		if (paths[i][len - 1] == '.' &&
		    strncmp(k->path, paths[i], len) == 0)
			return true;
		if (strcmp(k->path, paths[i]) == 0)
			return true;
	}
	return false;
}

const char *
conf_table_type(const struct conf_key *k)
{
	static const char *const names[] = {
		[CONF_TEXT] = "text",
		[CONF_NAME] = "name",
		[CONF_HOST] = "host",
		[CONF_IP] = "numeric address",
		[CONF_MAIL] = "mail address",
		[CONF_PATH] = "file",
		[CONF_FILE] = "file",
		[CONF_CHOICE] = "word",
		[CONF_WORD] = "word",
		[CONF_SWITCH] = "word",
		[CONF_FLAG] = "true or false",
		[CONF_COUNT] = "number",
		[CONF_PORT] = "number",
		[CONF_FACTOR] = "number",
		[CONF_SHARES] = "array of numbers",
		[CONF_DURATION] = "duration",
		[CONF_DATE] = "date",
		[CONF_SIZE] = "size",
		[CONF_WORDS] = "array of words",
		[CONF_DURATIONS] = "array of durations",
		[CONF_LANE] = "lane",
		[CONF_BOUND] = "bound",
		[CONF_TEXTS] = "array of texts",
		[CONF_HEADERS] = "array of header patterns",
		[CONF_NAMES] = "array of names",
		[CONF_DOMAINS] = "array of domains",
		[CONF_FIELDS] = "array of header fields",
		[CONF_FIELD_NAMES] = "array of names of fields",
		[CONF_NETWORKS] = "array of networks",
		[CONF_PATTERNS] = "array of address patterns",
		[CONF_RATES] = "array of rates",
		[CONF_QUOTAS] = "array of rates",
		[CONF_LOGINS] = "rate of logins",
		[CONF_RATE] = "rate",
		[CONF_ADDRESS] = "address",
		[CONF_MODE] = "mode",
		[CONF_USERS] = "array of users",
		[CONF_GROUPS] = "array of groups",
		[CONF_UNIX_GROUP] = "name of a group",
		[CONF_ADDRESSES] = "array of addresses",
		[CONF_FILES] = "array of files",
		[CONF_DESTINATION] = "word or mail address",
		[CONF_PLACE_TO_LOG] = "word or file",
		[CONF_GROUP] = "group",
		[CONF_LIST] = "list of groups",
	};

	return names[k->type];
}
