/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/sandbox - after the start, system calls that a relay never makes are
 * refused (EPERM), for all threads.  Not in builds with sanitizers.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "postern/base/err.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif
#else
#define SANDBOX_SANITIZED 0
#endif

/* 0, also where it is not built in; -1: this system does not give it. */
MUST_CHECK int sandbox_enter(struct err *err);

#endif
