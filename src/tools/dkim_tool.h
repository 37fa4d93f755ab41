/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/dkim_tool - postern dkim genkey: a key to sign with, and the record
 * that DNS is to have of it.
 */
#ifndef TOOLS_DKIM_TOOL_H
#define TOOLS_DKIM_TOOL_H

#define DKIM_TOOL_USAGE                                                        \
	"postern dkim genkey [-a rsa | ed25519] [-b bits] -o file domain "     \
	"selector\n"

int dkim_tool_run(int argc, char **argv);

#endif
