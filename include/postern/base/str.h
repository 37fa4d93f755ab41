/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str - a borrowed run of bytes (pointer, length); may hold NUL.
 * ASCII only: no locale decides about case or white space.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p;
	size_t len;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })

struct str str_of(const char *s); /* NULL gives an empty one */
bool str_eq(struct str a, struct str b);
bool str_eq_case(struct str a, struct str b); /* ASCII case ignored */
bool str_is(struct str a, const char *word);  /* str_eq_case with a word */
bool str_starts_case(struct str a, struct str prefix);
/* Is needle inside hay, ASCII case ignored?  An empty needle is. */
bool str_has_case(struct str hay, struct str needle);
struct str str_cut(struct str *rest, char sep); /* takes up to sep */
struct str str_trim(struct str s);              /* SP and HT at both ends */
/* Decimal digits only, whole string, no overflow: true and *v. */
bool str_u64(struct str s, uint64_t *v);
/* Escapes control bytes, '"' and '\\' as \xHH, \", \\\\; cuts at max - 1; NUL
 * ends. Bytes above 0x7f pass when they form valid UTF-8.  Returns the length.
 */
size_t str_escape(char *out, size_t max, struct str s);
/* The same for what stands in no quotes: '"' stays as it is. */
size_t str_escape_bare(char *out, size_t max, struct str s);
/* Its beginning, as much as fits, NUL ended. */
void str_copy(char *out, size_t max, struct str s);
bool str_utf8_valid(struct str s);
size_t str_utf8_char(struct str s); /* bytes of the first one, 0: invalid */
bool str_is_ascii(struct str s);

#endif
