/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_exit - replies of SMTP as sysexits.h has them.
 */
#ifndef TOOLS_SENDMAIL_EXIT_H
#define TOOLS_SENDMAIL_EXIT_H

/* 0: it says yes.  enhanced: "5.7.1", "" none. */
int sendmail_exit_code(unsigned code, const char *enhanced);

#endif
