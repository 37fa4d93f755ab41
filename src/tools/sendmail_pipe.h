/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_pipe - -bs: the caller speaks SMTP itself, at standard input
 * and output; the daemon's own parser answers.
 */
#ifndef TOOLS_SENDMAIL_PIPE_H
#define TOOLS_SENDMAIL_PIPE_H

/* The exit code. */
int sendmail_pipe_run(const char *path);

#endif
