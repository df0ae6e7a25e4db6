/* Which files are models, compiled code, streams, targets: the one place that says so.
 *
 * The first bytes decide, and where they say nothing (or cannot be had: whoever opens the file says why)
 * the suffix. What is no regular file is left alone: bytes that are read of a pipe are gone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "target/stream.h"
#include "tenon/tenon.h"

enum { MAGIC = 4 };

static bool read_magic(const char *path, char magic[MAGIC]) {
  struct stat status;
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  FILE *file = fopen(path, "rb");
  bool whole = file && fread(magic, 1, MAGIC, file) == MAGIC;
  if (file) fclose(file);
  return whole;
}

static bool ends_in(const char *path, const char *suffix) {
  return strcmp(tn_path_suffix(path), suffix) == 0;
}

tn_file_kind tn_file_kind_of(const char *path) {
  char magic[MAGIC];
  if (strcmp(path, "-") == 0) return TN_FILE_MODEL;
  if (ends_in(path, ".target")) return TN_FILE_TARGET;
  if (read_magic(path, magic)) {
    if (memcmp(magic, "\177ELF", MAGIC) == 0) return TN_FILE_CODE;
    if (memcmp(magic, TN_STREAM_MAGIC, MAGIC) == 0) return TN_FILE_STREAM;
  }
  if (ends_in(path, ".tns")) return TN_FILE_STREAM;
  return ends_in(path, ".o") || ends_in(path, ".so") ? TN_FILE_CODE : TN_FILE_MODEL;
}

bool tn_target_names_array(const char *target) { return target && ends_in(target, ".target"); }
