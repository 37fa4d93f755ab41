/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/process - what the daemon takes of its host.  Any thread.
 */
#ifndef ADMIN_PROCESS_H
#define ADMIN_PROCESS_H

struct process {
	double cpu_s; /* of user and system, since the start */
	double rss;   /* bytes in RAM; the store's mapped pages count */
	double fds, fds_max;
};

struct process process_look(void);

#endif
