/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/crash.h"

#include <elf.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 64
#define STACK_BYTES 65536

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
static const char *const names[] = { "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE",
	"SIGABRT" };
#define SIGNALS (sizeof signals / sizeof signals[0])

static int fds[2] = { STDERR_FILENO, -1 };
static char build_id[2 * 32 + 1];
static char stack[STACK_BYTES]; /* main's: its own may have run over */
static atomic_int crashed;      /* the thread that is at it */

/* strcpy() that returns the end; the caller sees to the room. */
static char *
append(char *at, const char *s)
{
	while (*s)
		*at++ = *s++;
	return at;
}

static char *
append_hex(char *at, uintptr_t v)
{
	int shift = 60;

	at = append(at, "0x");
	while (shift > 0 && !(v >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[v >> shift & 15];
	return at;
}

static const char *
name_of(int signo)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		if (signals[i] == signo)
			return names[i];
	}
	return "?";
}

static void
say(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t put = write(fd, p, n);

		if (put <= 0)
			return;
		p += put;
		n -= (size_t)put;
	}
}

/* Only what is async-signal-safe; backtrace() has been loaded before. */
static void
on_crash(int signo, siginfo_t *info, void *context)
{
	void *frame[FRAMES];
	char text[256], *at = text;
	int n, who = 0;

	(void)context;
	if (!atomic_compare_exchange_strong(&crashed, &who, gettid())) {
		while (who != gettid())
			pause(); /* the other thread ends us all */
		raise(signo);    /* crashed in here: no second try */
		return;
	}
	at = append(at, "postern: crashed: ");
	at = append(at, name_of(signo));
	if (signo != SIGABRT) {
		at = append(at, " at address ");
		at = append_hex(at, (uintptr_t)info->si_addr);
	}
	at = append(at, ", build ");
	at = append(at, *build_id ? build_id : "unknown");
	at = append(at, "\n");
	n = backtrace(frame, FRAMES);
	for (size_t i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		say(fds[i], text, (size_t)(at - text));
		backtrace_symbols_fd(frame, n, fds[i]);
	}
	raise(signo); /* SA_RESETHAND: the default action, with a core */
}

/* The GNU build id in one segment of notes. */
static void
read_notes(const char *p, size_t n)
{
	while (n >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *h = (const void *)p;
		size_t name = (h->n_namesz + 3u) & ~(size_t)3;
		size_t desc = (h->n_descsz + 3u) & ~(size_t)3;
		const char *id = p + sizeof *h + name;

		if (sizeof *h + name + desc > n)
			return;
		if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4 &&
		    !memcmp(p + sizeof *h, "GNU", 4)) {
			for (size_t i = 0; i < h->n_descsz && i < 32; i++) {
				unsigned char c = (unsigned char)id[i];

				build_id[2 * i] = "0123456789abcdef"[c >> 4];
				build_id[2 * i + 1] =
				    "0123456789abcdef"[c & 15];
			}
			return;
		}
		p += sizeof *h + name + desc;
		n -= sizeof *h + name + desc;
	}
}

/* The first object is the program itself. */
static int
read_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum && !*build_id; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_NOTE)
			read_notes((const char *)info->dlpi_addr + h->p_vaddr,
			    h->p_memsz);
	}
	return 1;
}

const char *
crash_build_id(void)
{
	if (!*build_id)
		dl_iterate_phdr(read_program, NULL);
	return build_id;
}

void
crash_install(int extra_fd)
{
	struct sigaction sa = { .sa_sigaction = on_crash,
		.sa_flags =
		    (int)((unsigned)SA_SIGINFO | (unsigned)SA_ONSTACK |
		          (unsigned)SA_NODEFER | (unsigned)SA_RESETHAND) };
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
	void *frame[1];

	fds[1] = extra_fd;
	crash_build_id();
	(void)backtrace(frame, 1); /* loads libgcc now, not in the handler */
	sigaltstack(&alt, NULL);
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &sa, NULL);
}
