/* The system's C compiler, run without a shell: shared libraries, programs, and
 * objects that are to be loaded need its linker.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/link.h"

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void remove_folder(void *path) {
  DIR *folder = opendir(path);
  if (!folder) return;
  for (struct dirent *entry; (entry = readdir(folder));)
    if (entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
  rmdir(path);
}

const char *tn_link_folder(tn_arena *arena, tn_diagnostics *sink) {
  const char *parent = getenv("TMPDIR");
  char *path = tn_arena_printf(arena, "%s/tenon-XXXXXX", parent && *parent ? parent : "/tmp");
  if (!mkdtemp(path)) {
    tn_error(sink, TN_IO, (tn_location){.file = path}, "cannot make a folder: %s", strerror(errno));
    return NULL;
  }
  tn_arena_on_release(arena, remove_folder, path);
  return path;
}

/* $CC's words, then the arguments, then NULL. */
static char **command(tn_arena *arena, const char *compiler, const char *const *arguments, int count) {
  TN_VEC(char *) words = {0};
  while (*compiler) {
    size_t blank = strspn(compiler, " \t"), length = strcspn(compiler + blank, " \t");
    if (length) TN_PUSH(arena, &words, tn_arena_string_n(arena, compiler + blank, length));
    compiler += blank + length;
  }
  for (int i = 0; i < count; i++) TN_PUSH(arena, &words, tn_arena_string(arena, arguments[i]));
  TN_PUSH(arena, &words, NULL);
  return words.at;
}

/* What the child prints, up to a few KiB; the rest is read and dropped. */
static const char *read_output(tn_arena *arena, int pipe) {
  char *text = tn_arena_alloc(arena, 4096);
  size_t used = 0;
  char chunk[512];
  for (ssize_t got; (got = read(pipe, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR);) {
    size_t room = 4095 - used, take = got < 0 ? 0 : (size_t)got < room ? (size_t)got : room;
    memcpy(text + used, chunk, take);
    used += take;
  }
  return text;
}

static int spawn(char **words, int output, pid_t *child) {
  posix_spawn_file_actions_t actions;
  int failure = posix_spawn_file_actions_init(&actions);
  if (failure) return failure;
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  failure = posix_spawnp(child, words[0], &actions, NULL, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

bool tn_link_run(tn_arena *arena, tn_diagnostics *sink, const char *const *arguments, int count) {
  const char *compiler = getenv("CC");
  if (!compiler || !compiler[strspn(compiler, " \t")]) compiler = "cc";
  char **words = command(arena, compiler, arguments, count);
  int ends[2];
  pid_t child = 0;
  if (pipe(ends) != 0) return tn_error(sink, TN_IO, TN_NOWHERE, "cannot make a pipe: %s", strerror(errno));
  int failure = spawn(words, ends[1], &child);
  close(ends[1]);
  const char *output = failure ? "" : read_output(arena, ends[0]);
  close(ends[0]);
  if (failure) {
    tn_error(sink, TN_IO, TN_NOWHERE, "the C compiler '%s' cannot be run: %s", words[0], strerror(failure));
    tn_note(sink, TN_NOWHERE, "linking needs one; set CC to it");
    return false;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  tn_error(sink, TN_IO, TN_NOWHERE, "the C compiler '%s' failed", words[0]);
  if (*output) tn_note(sink, TN_NOWHERE, "it said: %s", output);
  return false;
}
