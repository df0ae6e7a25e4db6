/* Reporting and printing of diagnostics.
 *
 * Nothing here allocates through the guard: a message must come out even when it
 * says that memory has run out, and a jump would leak what is being formatted.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/diagnostics.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  DEFAULT_ERROR_LIMIT = 20,
  BEYOND_COLUMN = 1024, /* bytes of a source line kept after the place */
  WINDOW = 160          /* bytes of a source line that are printed */
};

void tn_diagnostics_add_source(tn_diagnostics *sink, tn_source *source) {
  source->next = sink->sources;
  sink->sources = source;
}

void tn_diagnostics_remove_source(tn_diagnostics *sink, tn_source *source) {
  for (tn_source **link = &sink->sources; *link; link = &(*link)->next)
    if (*link == source) {
      *link = source->next;
      return;
    }
}

static const tn_source *find_source(const tn_diagnostics *sink, const char *file) {
  for (const tn_source *s = sink->sources; s; s = s->next)
    if (s->name == file) return s;
  for (const tn_source *s = sink->sources; s; s = s->next)
    if (s->name && strcmp(s->name, file) == 0) return s;
  return NULL;
}

/* The line a location names, malloced, or NULL. Of a line with megabytes of constants
 * only what leads to the place and a little more is copied.                          */
static char *copy_source_line(const tn_diagnostics *sink, tn_location location) {
  if (!location.file || location.line == 0) return NULL;
  const tn_source *source = find_source(sink, location.file);
  if (!source) return NULL;
  const char *at = source->text, *end = source->text + source->length;
  for (uint32_t line = 1; line < location.line; line++) {
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (!newline) return NULL;
    at = newline + 1;
  }
  size_t length = (size_t)(end - at), most = (size_t)location.column + BEYOND_COLUMN;
  if (length > most) length = most;
  const char *newline = length ? memchr(at, '\n', length) : NULL;
  if (newline) length = (size_t)(newline - at);
  if (length && at[length - 1] == '\r') length--;
  char *copy = malloc(length + 1);
  if (!copy) return NULL;
  if (length) memcpy(copy, at, length);
  copy[length] = 0;
  return copy;
}

static void report(tn_diagnostics *sink, tn_severity severity, tn_status status, tn_location location,
                   const char *format, va_list arguments) {
  if (!sink->callback) return;
  char small[512], *large = NULL;
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(small, sizeof small, format, arguments);
  if (length >= (int)sizeof small && (large = malloc((size_t)length + 1)))
    vsnprintf(large, (size_t)length + 1, format, again);
  va_end(again);
  char *line = copy_source_line(sink, location);
  tn_diagnostic diagnostic = {severity, status, location, large ? large : small, line};
  sink->callback(sink->user, &diagnostic);
  free(line);
  free(large);
}

static bool beyond_limit(const tn_diagnostics *sink) {
  return sink->errors > (sink->error_limit ? sink->error_limit : DEFAULT_ERROR_LIMIT);
}

bool tn_error(tn_diagnostics *sink, tn_status status, tn_location location, const char *format, ...) {
  sink->errors++;
  if (sink->status == TN_OK) sink->status = status;
  if (beyond_limit(sink)) return false;
  va_list arguments;
  va_start(arguments, format);
  report(sink, TN_SEVERITY_ERROR, status, location, format, arguments);
  va_end(arguments);
  return false;
}

void tn_warning(tn_diagnostics *sink, tn_location location, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(sink, TN_SEVERITY_WARNING, TN_OK, location, format, arguments);
  va_end(arguments);
}

void tn_note(tn_diagnostics *sink, tn_location location, const char *format, ...) {
  if (beyond_limit(sink)) return;
  va_list arguments;
  va_start(arguments, format);
  report(sink, TN_SEVERITY_NOTE, TN_OK, location, format, arguments);
  va_end(arguments);
}

/* Names and source lines are somebody's input: control characters in them must not
 * reach a terminal.                                                                */
static void put_visible(tn_text *out, const char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned char c = (unsigned char)bytes[i];
    tn_text_put_char(out, (c < 32 && c != '\t') || c == 127 ? '?' : (char)c);
  }
}

static bool is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* The line, cut to a window around the place, and the caret under it. */
static void print_line(const char *line, uint32_t column, tn_text *out) {
  size_t length = strlen(line), place = column ? column - 1 : 0;
  if (place > length) place = length;
  size_t first = 0, last = length;
  if (length > WINDOW) {
    if (place > WINDOW / 2) first = place - WINDOW / 2;
    while (first < place && is_continuation(line[first])) first++;
    if (length - first > WINDOW) last = first + WINDOW;
    while (last > place && is_continuation(line[last])) last--;
  }
  if (first) tn_text_put(out, "...");
  put_visible(out, line + first, last - first);
  if (last < length) tn_text_put(out, "...");
  tn_text_put_char(out, '\n');
  if (column == 0) return;
  if (first) tn_text_put(out, "   ");
  for (size_t i = first; i < place; i++)
    if (!is_continuation(line[i])) tn_text_put_char(out, line[i] == '\t' ? '\t' : ' ');
  tn_text_put(out, "^\n");
}

void tn_diagnostic_print(const tn_diagnostic *diagnostic, tn_text *out) {
  static const char *const severities[] = {"error", "warning", "note"};
  tn_location place = diagnostic->location;
  if (place.file) {
    put_visible(out, place.file, strlen(place.file));
    tn_text_put_char(out, ':');
    if (place.line) tn_text_printf(out, "%u:", place.line);
    if (place.line && place.column) tn_text_printf(out, "%u:", place.column);
    tn_text_put_char(out, ' ');
  }
  tn_text_put(out, severities[diagnostic->severity]);
  tn_text_put(out, ": ");
  put_visible(out, diagnostic->message, strlen(diagnostic->message));
  tn_text_put_char(out, '\n');
  if (diagnostic->source_line) print_line(diagnostic->source_line, place.column, out);
}
