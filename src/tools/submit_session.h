/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/submit_session - one session with the relay, for one letter.
 */
#ifndef TOOLS_SUBMIT_SESSION_H
#define TOOLS_SUBMIT_SESSION_H

struct conf_relay_file;
struct submit_letter;

/* The exit code; what is wrong was told, and of a letter without content each
 * recipient's reply is printed. */
int submit_session_run(
    const struct conf_relay_file *f, const struct submit_letter *l);

#endif
