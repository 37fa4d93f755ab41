/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_hash - a short text that is the same where files say the same:
 * SHA-256 over what libconfig made of them, in the order in which they were
 * read, without comments, spacing and names of files.  They hold no secrets;
 * the files with passwords and keys, which they name, do not count.
 */
#ifndef CONF_CONF_HASH_H
#define CONF_CONF_HASH_H

struct conf_read;

#define CONF_HASH_TEXT 17 /* 64 bits of it, in hexadecimal, and NUL */

void conf_hash(const struct conf_read *r, char out[CONF_HASH_TEXT]);

#endif
