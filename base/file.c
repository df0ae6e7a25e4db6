/* Files: mapped whole, written whole.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool system_error(tn_diagnostics *sink, const char *path, const char *what, int error) {
  return tn_error(sink, TN_IO, (tn_location){.file = path}, "cannot %s: %s", what, strerror(error));
}

static bool too_large(tn_diagnostics *sink, const char *path, uint64_t max_bytes) {
  return tn_error(sink, TN_LIMIT, (tn_location){.file = path},
                  "file is larger than the limit of %llu bytes (--max-file-size)",
                  (unsigned long long)max_bytes);
}

/* What an arena's release undoes: a mapping, or malloced bytes. */
typedef struct {
  void *at;
  size_t length;
  bool mapped;
} holding;

static void release_holding(void *object) {
  holding *h = object;
  if (h->mapped)
    munmap(h->at, h->length);
  else
    free(h->at);
}

/* Registered before there is anything to release, so that no jump can leak it. */
static holding *hold(tn_arena *arena) {
  holding *h = TN_NEW(arena, holding);
  tn_arena_on_release(arena, release_holding, h);
  return h;
}

/* Pipes and terminals: until the end, at most one byte beyond the limit. */
static bool read_stream(tn_diagnostics *sink, const char *path, int fd, uint64_t max_bytes, holding *h) {
  size_t capacity = 0;
  for (;;) {
    if (h->length == capacity) {
      capacity = capacity ? capacity * 2 : 64 << 10;
      h->at = tn_realloc(h->at, capacity);
    }
    ssize_t got = read(fd, (char *)h->at + h->length, capacity - h->length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(sink, path, "read", errno);
    if (got == 0) return true;
    h->length += (size_t)got;
    if (h->length > max_bytes) return too_large(sink, path, max_bytes);
  }
}

static bool map_open_file(tn_diagnostics *sink, const char *path, int fd, uint64_t max_bytes, holding *h) {
  struct stat info;
  if (fstat(fd, &info) != 0) return system_error(sink, path, "read", errno);
  if (S_ISDIR(info.st_mode)) return system_error(sink, path, "read", EISDIR);
  if (!S_ISREG(info.st_mode)) return read_stream(sink, path, fd, max_bytes, h);
  if ((uint64_t)info.st_size > max_bytes) return too_large(sink, path, max_bytes);
  if (info.st_size == 0) return true;
  void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) return system_error(sink, path, "map", errno);
  *h = (holding){.at = at, .length = (size_t)info.st_size, .mapped = true};
  return true;
}

bool tn_file_map_pages(tn_arena *arena, tn_diagnostics *sink, const char *path, uint64_t max_bytes,
                       tn_str *out, bool *mapped) {
  holding *h = hold(arena);
  bool ok;
  if (strcmp(path, "-") == 0) {
    ok = read_stream(sink, "<stdin>", STDIN_FILENO, max_bytes, h);
  } else {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(sink, path, "open", errno);
    tn_guard guard; /* a stream that outgrows memory must not leave the file open */
    if (setjmp(*tn_guard_enter(&guard))) {
      close(fd);
      tn_out_of_memory();
    }
    ok = map_open_file(sink, path, fd, max_bytes, h);
    tn_guard_leave(&guard);
    close(fd);
  }
  *out = (tn_str){.at = h->at ? h->at : "", .length = h->length};
  *mapped = h->mapped;
  return ok;
}

bool tn_file_map(tn_arena *arena, tn_diagnostics *sink, const char *path, uint64_t max_bytes, tn_str *out) {
  bool mapped;
  return tn_file_map_pages(arena, sink, path, max_bytes, out, &mapped);
}

void tn_file_forget_pages(const void *at, size_t bytes) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)at + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)at + bytes) / page * page;
  if (end > first) madvise((void *)first, end - first, MADV_DONTNEED);
}

static int write_all(int fd, const tn_str *pieces, int count) {
  for (int i = 0; i < count; i++)
    for (size_t done = 0; done < pieces[i].length;) {
      ssize_t put = write(fd, pieces[i].at + done, pieces[i].length - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno;
      done += (size_t)put;
    }
  return 0;
}

/* Not mkstemp: the mode of a new file comes from the umask, which cannot be read
 * without changing it for other threads.                                         */
static int open_temporary(char *name, size_t size, const char *path, bool executable) {
  for (unsigned attempt = 0; attempt < 1000; attempt++) {
    snprintf(name, size, "%s.tmp-%ld-%u", path, (long)getpid(), attempt);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, executable ? 0777 : 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

/* Devices, pipes and sockets are written to; a rename would replace them. */
static bool write_special(tn_diagnostics *sink, const char *path, const tn_str *pieces, int count) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return system_error(sink, path, "open", errno);
  int error = write_all(fd, pieces, count);
  if (close(fd) != 0 && !error) error = errno;
  return error ? system_error(sink, path, "write", error) : true;
}

static bool write_and_rename(tn_diagnostics *sink, const char *path, const tn_str *pieces, int count,
                             bool executable) {
  char temporary[PATH_MAX + 64];
  if (strlen(path) >= PATH_MAX) return system_error(sink, path, "write", ENAMETOOLONG);
  int fd = open_temporary(temporary, sizeof temporary, path, executable);
  if (fd < 0) return system_error(sink, path, "write", errno);
  int error = write_all(fd, pieces, count);
  if (close(fd) != 0 && !error) error = errno;
  if (!error && rename(temporary, path) != 0) error = errno;
  if (!error) return true;
  unlink(temporary);
  return system_error(sink, path, "write", error);
}

bool tn_file_write(tn_diagnostics *sink, const char *path, const tn_str *pieces, int count, bool executable) {
  if (strcmp(path, "-") == 0) {
    int error = write_all(STDOUT_FILENO, pieces, count);
    return error ? system_error(sink, "<stdout>", "write", error) : true;
  }
  struct stat info;
  bool exists = stat(path, &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return system_error(sink, path, "write", EISDIR);
  if (exists && !S_ISREG(info.st_mode)) return write_special(sink, path, pieces, count);
  char resolved[PATH_MAX]; /* a link stays a link, what it points to is replaced */
  if (exists && realpath(path, resolved)) return write_and_rename(sink, resolved, pieces, count, executable);
  return write_and_rename(sink, path, pieces, count, executable);
}

static const char *last_component(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* A leading dot begins a hidden file's name, not a suffix. */
const char *tn_path_suffix(const char *path) {
  const char *name = last_component(path), *dot = strrchr(name, '.');
  return dot && dot != name ? dot : path + strlen(path);
}

const char *tn_path_stem(tn_arena *arena, const char *path) {
  const char *name = last_component(path);
  return tn_arena_string_n(arena, name, (size_t)(tn_path_suffix(path) - name));
}
