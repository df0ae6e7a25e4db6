/* The `tenon` command: verbs over tenon.h. docs/command.md is its contract.
 *
 * Data goes to standard output, messages to standard error; the status is tn_status.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "tools/tool.h"

tn_status complain(tn_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("tenon: error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return status;
}

void print_diagnostic(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  tn_text out = {0};
  if (!diagnostic->location.file) tn_text_put(&out, "tenon: ");
  tn_diagnostic_print(diagnostic, &out);
  fwrite(out.bytes, 1, out.length, stderr);
  tn_text_free(&out);
  if (diagnostic->severity == TN_SEVERITY_ERROR && diagnostic->status == TN_BUG)
    fputs("This is a bug in Tenon. Please report it with the model (or what is left of it when parts that do "
          "not\n"
          "matter are cut away), the command line, and the output of 'tenon --version'.\n",
          stderr);
}

tn_status print_text(tn_text *text) {
  size_t written = fwrite(text->bytes ? text->bytes : "", 1, text->length, stdout);
  bool done = written == text->length && fflush(stdout) == 0;
  int why = errno;
  tn_text_free(text);
  return done ? TN_OK : complain(TN_IO, "standard output: %s", strerror(why));
}

static int find_verb(const char *name) {
  const char *names[VERB_COUNT];
  for (int v = 0; v < VERB_COUNT; v++) {
    names[v] = verb_table[v].name;
    if (strcmp(name, names[v]) == 0) return v;
  }
  const char *nearest = tn_nearest_name(name, names, VERB_COUNT);
  if (nearest)
    complain(TN_USAGE, "unknown verb '%s'; did you mean '%s'?", name, nearest);
  else
    complain(TN_USAGE, "unknown verb '%s'; 'tenon --help' lists them", name);
  return -1;
}

static tn_status print_version(void) {
  tn_text out = {0};
  tn_text_printf(&out, "tenon %s\n", tn_version());
  return print_text(&out);
}

static tn_status run_verb(int argc, char **argv) {
  int verb = find_verb(argv[0]);
  if (verb < 0) return TN_USAGE;
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return print_verb_help((verb_id)verb);
  if (!verb_table[verb].run)
    return complain(TN_UNSUPPORTED, "'tenon %s' is not supported by this version", argv[0]);
  command_line line = {.verb = (verb_id)verb};
  tn_status status = parse_command_line(argc, argv, &line);
  if (status != TN_OK) return status;
  return has_option(&line, OPT_VERSION) ? print_version() : verb_table[verb].run(&line);
}

static tn_status run_command(int argc, char **argv) {
  if (argc < 2) return complain(TN_USAGE, "a verb is missing; 'tenon --help' lists them");
  const char *first = argv[1];
  if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0)
    return print_help();
  if (strcmp(first, "--version") == 0) return print_version();
  if (strcmp(first, "--man") == 0) return print_man_page();
  if (strncmp(first, "--completion=", 13) == 0) return print_completion(first + 13);
  return run_verb(argc - 1, argv + 1);
}

/* The one guard outside the library's: of the command's own texts and lists. */
int main(int argc, char **argv) {
  tn_guard guard;
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a failed write, told like others */
  if (setjmp(*tn_guard_enter(&guard))) return complain(TN_LIMIT, "out of memory");
  tn_status status = run_command(argc, argv);
  tn_guard_leave(&guard);
  return (int)status;
}
