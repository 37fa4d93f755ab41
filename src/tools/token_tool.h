/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/token_tool - postern token: what is stored of a provider's OAuth2
 * tokens, and a person's login with a code (RFC 8628).  Works on the store,
 * with the daemon up or down; a reload makes a running one look.
 */
#ifndef TOOLS_TOKEN_TOOL_H
#define TOOLS_TOKEN_TOOL_H

#define TOKEN_TOOL_USAGE                                                       \
	"postern token status [-c file] [--json] provider\n"                   \
	"       postern token refresh | login | forget [-c file] provider\n"

int token_tool_run(int argc, char **argv);

#endif
