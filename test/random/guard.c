/* Memory with edges, and a net for crashes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

/* Sanitizers report crashes better than a jump over them. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { PATTERN = 0x5a, MARGIN = 256 };

static void reserve(guarded *g, size_t capacity) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  capacity = (capacity + page - 1) / page * page;
  if (g->base && capacity <= g->capacity) return;
  if (g->base) munmap(g->base - page, g->capacity + 2 * page);
  unsigned char *all = mmap(NULL, capacity + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED || mprotect(all + page, capacity, PROT_READ | PROT_WRITE)) abort();
  g->base = all + page;
  g->capacity = capacity;
}

/*   no access | base: bytes | pattern …                               | no access    (first)
 *   no access | base: …         MARGIN of pattern | bytes | pattern   | no access    (last)   */
void *guarded_place(guarded *g, size_t bytes, size_t alignment, bool first) {
  reserve(g, bytes + MARGIN + alignment);
  unsigned char *end = g->base + g->capacity;
  g->bytes = bytes;
  g->at = first ? g->base : g->base + (g->capacity - bytes) / alignment * alignment;
  if (first)
    memset(g->at + bytes, PATTERN,
           (size_t)(end - g->at) < bytes + MARGIN ? (size_t)(end - g->at) - bytes : MARGIN);
  else
    memset(g->at - MARGIN, PATTERN, (size_t)(end - g->at) + MARGIN);
  return g->at;
}

static bool is_pattern(const unsigned char *from, const unsigned char *to) {
  for (; from < to; from++)
    if (*from != PATTERN) return false;
  return true;
}

bool guarded_intact(const guarded *g) {
  const unsigned char *end = g->base + g->capacity, *behind = g->at + g->bytes;
  if (g->at == g->base) return is_pattern(behind, end - behind < MARGIN ? end : behind + MARGIN);
  return is_pattern(g->at - MARGIN, g->at) && is_pattern(behind, end);
}

/* ---- crashes ---- */

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM, SIGPROF};
enum { SIGNALS = sizeof signals / sizeof *signals };

static sigjmp_buf escape;
static volatile sig_atomic_t armed;
static pthread_t owner;

/* A thread of the pool cannot be taken out of its work: the process ends, the seed that
 * main printed last says where.                                                        */
static void leap(int number) {
  if (armed && pthread_equal(pthread_self(), owner)) siglongjmp(escape, number);
  if ((number == SIGALRM || number == SIGPROF) && armed) {
    pthread_kill(owner, number);
    return;
  }
  static const char message[] = "random_programs: crash outside the protected thread (see --verbose)\n";
  if (write(STDERR_FILENO, message, sizeof message - 1) < 0) _exit(1);
  _exit(1);
}

static void set_handlers(void) {
  static unsigned char stack[64 * 1024];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_handler = leap, .sa_flags = SA_ONSTACK | SA_NODEFER};
  for (int i = 0; i < SIGNALS; i++) sigaction(signals[i], &action, NULL);
}

/* The processor's seconds count, so that a busy machine changes no verdict; ten times as many
 * of the clock's end what waits for ever. 0 ends both.                                      */
static void set_timers(int seconds) {
  struct itimerval timer = {.it_value = {.tv_sec = seconds}};
  setitimer(ITIMER_PROF, &timer, NULL);
  alarm(10 * (unsigned)seconds);
}

int protected_run(void (*work)(void *), void *context, int seconds) {
  if (SANITIZED) return work(context), 0;
  static bool ready;
  if (!ready) set_handlers();
  ready = true;
  owner = pthread_self();
  int number = sigsetjmp(escape, 1);
  if (!number) {
    armed = 1;
    set_timers(seconds);
    work(context);
  }
  set_timers(0);
  armed = 0;
  return number;
}
