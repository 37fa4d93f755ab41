/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_table - the one table of keys.  It drives the parser, the
 * defaults, posternd -T, and the checks of the man page and of
 * etc/postern.conf.full.
 */
#ifndef CONF_CONF_TABLE_H
#define CONF_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/conf/conf.h"
#include "postern/intake/routes.h"
#include "postern/io/tls.h"

enum conf_type {
	/* values; the field's type behind */
	CONF_TEXT,         /* const char *; any text that is not empty */
	CONF_NAME,         /* const char * */
	CONF_HOST,         /* const char * */
	CONF_IP,           /* const char * */
	CONF_MAIL,         /* const char * */
	CONF_LANE,         /* const char * */
	CONF_PATH,         /* const char *; absolute */
	CONF_FILE,         /* the same; read with the configuration */
	CONF_CHOICE,       /* const char *; one of the range's words */
	CONF_WORD,         /* an enum: the place of the word in the range */
	CONF_SWITCH,       /* bool: false is the range's first word */
	CONF_FLAG,         /* bool: true or false */
	CONF_COUNT,        /* uint32_t */
	CONF_PORT,         /* uint16_t */
	CONF_FACTOR,       /* double */
	CONF_SHARES,       /* uint32_t[SPOOL_PRIORITIES] */
	CONF_DURATION,     /* uint64_t, ms */
	CONF_DATE,         /* int64_t, ms: the day's begin, UTC */
	CONF_SIZE,         /* uint64_t, bytes */
	CONF_WORDS,        /* uint32_t: a bit for each of the range's words */
	CONF_DURATIONS,    /* uint64_t[CONF_DURATIONS_MAX] */
	CONF_BOUND,        /* struct routes_bound */
	CONF_NAMES,        /* const char ** */
	CONF_DOMAINS,      /* const char ** */
	CONF_TEXTS,        /* const char ** */
	CONF_HEADERS,      /* const char **; as routes_check_header() */
	CONF_FIELDS,       /* const char **; as rewrite_check_field() */
	CONF_FIELD_NAMES,  /* const char **; of header fields */
	CONF_NETWORKS,     /* const char ** */
	CONF_PATTERNS,     /* const char **; address patterns */
	CONF_RATES,        /* const struct rate * */
	CONF_QUOTAS,       /* the same; a fixed reset is possible */
	CONF_LOGINS,       /* struct rate */
	CONF_RATE,         /* const struct rate * */
	CONF_ADDRESS,      /* struct addr */
	CONF_MODE,         /* uint32_t: the bits of a file's mode */
	CONF_USERS,        /* uint32_t *: uids */
	CONF_GROUPS,       /* uint32_t *: gids */
	CONF_UNIX_GROUP,   /* const char *: that group is there */
	CONF_ADDRESSES,    /* const struct addr * */
	CONF_FILES,        /* const char **; patterns */
	CONF_DESTINATION,  /* const char *; a word of the range or an address */
	CONF_PLACE_TO_LOG, /* const char *; stderr, syslog or a path */
	/* structure; no field */
	CONF_GROUP,
	CONF_LIST,
};
#define CONF_DURATIONS_MAX 8
#define CONF_RATES_MAX 8

/* Which struct a key's offset counts in; of a list, its entries'. */
enum conf_base {
	CONF_BASE_ROOT,
	CONF_BASE_LISTENER,
	CONF_BASE_PROVIDER,
	CONF_BASE_CERTIFICATE,
	CONF_BASE_LIMIT,
	CONF_BASE_GROUP,
	CONF_BASE_ROUTE,
	CONF_BASE_REPLY,
	CONF_BASE_DKIM,
	CONF_BASES
};

struct conf_root {
	struct settings s;
	const char *bounce_to, *users_file, *aliases_file;
	const char *control_socket; /* as written; NULL: by the spool */
	const char *control_group, *control_admin_group;
	struct inlet_listener submission; /* as far as it has keys */
	const char *submission_socket;
	const char *min_version, *ciphers, *ciphersuites; /* of tls */
	const char **include, **profile_directories;
	size_t ninclude, nprofile_directories;
};

struct conf_listener {
	struct inlet_listener l;
	uint32_t disable; /* enum conf_disable */
	const char *client_ca;
};
enum conf_disable { /* the order of the words in the table */
	CONF_DISABLE_CHUNKING = 1 << 0,
	CONF_DISABLE_DSN = 1 << 1,
	CONF_DISABLE_SMTPUTF8 = 1 << 2,
	CONF_DISABLE_8BITMIME = 1 << 3,
	CONF_DISABLE_MT_PRIORITY = 1 << 4,
	CONF_DISABLE_REQUIRETLS = 1 << 5,
	CONF_DISABLE_LIMITS = 1 << 6,
	CONF_DISABLE_DELIVERBY = 1 << 7,
};

struct conf_certificate {
	struct tls_certificate c;
};

struct conf_provider {
	struct relay_provider p;
	const char *like, *password_file, *password_env, *password_credential;
	/* of oauth */
	const char *client_secret_file, *client_secret_env;
	const char *client_secret_credential;
	bool has_client_secret; /* one of them is written */
	const char *refresh_token_file, *key_file;
	const char **pins; /* in base64 */
	size_t npins;
	const char *profile, *region, *quota_page;
	bool is_blamed; /* what is missing was told of the profile */
};

struct conf_limit {
	struct relay_limit l;
};

struct conf_group {
	struct relay_group g;
};

struct conf_route {
	struct relay_route r;
	struct routes_route i;
	struct routes_match match;
};

struct conf_reply {
	struct relay_reply r;
	const char *stage, *code;
};

enum conf_canonicalization { /* the order of the words in the table */
	CONF_RELAXED_RELAXED,
	CONF_RELAXED_SIMPLE,
	CONF_SIMPLE_RELAXED,
	CONF_SIMPLE_SIMPLE
};
struct conf_dkim {
	struct dkim_rule d;
	const char *key_file;
	enum conf_canonicalization canonicalization; /* header/body */
};

struct conf_key {
	const char *path; /* "providers.timeouts.connect" */
	enum conf_type type;
	enum conf_base base;
	size_t at;        /* the field */
	size_t count_at;  /* of arrays: the size_t that counts them */
	const char *def;  /* as the file would have it; NULL: none */
	const char *told; /* where def is NULL: what stands in the documents */
	/* "1..65535", "off|1s..1h", "off|required|verify"; NULL: any */
	const char *range;
	const char *unit; /* NULL: none */
	bool restart;     /* else a reload takes it up */
	uint64_t off;     /* what "off" means among sizes and durations */
};

extern const struct conf_key conf_table[];
extern const size_t conf_table_n;

/* The key of that path, or NULL. */
const struct conf_key *conf_table_find(const char *path);
/* What comes after the last dot. */
const char *conf_table_leaf(const struct conf_key *k);
/* Is k directly inside of prefix ("" is the root)? */
bool conf_table_is_in(const struct conf_key *k, const char *prefix);
/* Is its path among those n, or below one of them that ends with a dot? */
bool conf_table_is_among(
    const struct conf_key *k, const char *const *paths, size_t n);
/* "text", "size", "list of groups": for the documents. */
const char *conf_table_type(const struct conf_key *k);

#endif
