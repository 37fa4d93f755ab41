/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/passwd - "postern passwd": entries of the users file.
 */
#ifndef TOOLS_PASSWD_H
#define TOOLS_PASSWD_H

#define PASSWD_USAGE                                                           \
	"postern passwd [--scram] [--print] [-c users_file] name\n"            \
	"       postern passwd --option key=value ... [-c users_file] name\n"  \
	"       postern passwd --delete [-c users_file] name\n"

/* argv[0] is the command's name.  An exit code. */
int passwd_run(int argc, char **argv);

#endif
