/* The command line: one table, GNU habits.
 *
 * --long=VALUE and --long VALUE; -o OUT, -oOUT and -O2; -- ends the options; options and
 * operands mix. An option that another verb has is named as such; an unknown one with
 * the nearest that this verb has.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "tools/tool.h"

enum {
  COMPILE = 1 << VERB_COMPILE,
  RUN = 1 << VERB_RUN,
  OPT = 1 << VERB_OPT,
  BENCH = 1 << VERB_BENCH,
  SIM = 1 << VERB_SIM,
  DIS = 1 << VERB_DIS,
  ASM = 1 << VERB_ASM,
  REPORT = 1 << VERB_REPORT,
  CHECK = 1 << VERB_CHECK,
  ALL = (1 << VERB_COUNT) - 1,
  MODEL = COMPILE | RUN | OPT | BENCH | SIM | REPORT | CHECK,
  CODE = COMPILE | RUN | BENCH | REPORT | SIM
};

const verb_row verb_table[VERB_COUNT] = {
#define VERB(ID, function, name, operands, help, examples) {name, function, operands, help, examples},
#include "tools/verbs.def"
};

/* A group's title belongs to the option after it: both write the same row. */
#define NONE        KIND_NONE
#define VALUE       KIND_VALUE
#define MAYBE       KIND_MAYBE
#define JOINED      KIND_JOINED
#define LATER       KIND_LATER
#define LATER_NONE  KIND_LATER_NONE
#define LATER_MAYBE KIND_LATER_MAYBE
const option_row option_table[OPT_COUNT] = {
#define GROUP(title)
#define OPTION(ID, short_name, long_name, kind, value, verbs, help)                                          \
  [OPT_##ID] = {short_name, long_name, kind, value, verbs, help},
#include "tools/options.def"
};
#undef NONE
#undef VALUE
#undef MAYBE
#undef JOINED
#undef LATER
#undef LATER_NONE
#undef LATER_MAYBE

/* ---- finding ---- */

static bool of_verb(int id, verb_id verb) { return (option_table[id].verbs >> verb & 1) != 0; }

static int find_long(verb_id verb, const char *name, size_t length) {
  for (int id = 0; id < OPT_COUNT; id++) {
    const char *known = option_table[id].long_name;
    if (of_verb(id, verb) && *known && strlen(known) == length && memcmp(known, name, length) == 0) return id;
  }
  return -1;
}

static int find_short(verb_id verb, char letter) {
  for (int id = 0; id < OPT_COUNT; id++)
    if (of_verb(id, verb) && letter && option_table[id].short_name[0] == letter) return id;
  return -1;
}

/* Another verb's option, or the nearest of this one's. */
static tn_status unknown_option(verb_id verb, const char *name, size_t length) {
  char word[64] = "";
  if (length < sizeof word) memcpy(word, name, length);
  for (int other = 0; other < VERB_COUNT; other++)
    if (find_long((verb_id)other, word, strlen(word)) >= 0)
      return complain(TN_USAGE, "option '--%s' is of 'tenon %s', not of 'tenon %s'", word,
                      verb_table[other].name, verb_table[verb].name);
  const char *names[OPT_COUNT];
  int count = 0;
  for (int id = 0; id < OPT_COUNT; id++)
    if (of_verb(id, verb) && *option_table[id].long_name) names[count++] = option_table[id].long_name;
  const char *nearest = tn_nearest_name(word, names, count);
  if (nearest)
    return complain(TN_USAGE, "unknown option '--%.*s'; did you mean '--%s'?", (int)length, name, nearest);
  return complain(TN_USAGE, "unknown option '--%.*s'; 'tenon %s --help' lists them", (int)length, name,
                  verb_table[verb].name);
}

/* ---- parsing ---- */

static tn_status keep(option_values *values, const char *value, const char *what) {
  if (values->count == (int)(sizeof values->at / sizeof *values->at))
    return complain(TN_USAGE, "%s: given more than %d times", what, values->count);
  values->at[values->count++] = value;
  return TN_OK;
}

/* attached: what stood after `=`, or NULL; next: the following argument, or NULL.
 * *used: whether it was taken.                                                     */
static tn_status take(command_line *line, int id, const char *attached, const char *next, bool *used) {
  const option_row *row = &option_table[id];
  const char *shown = *row->long_name ? row->long_name : row->short_name;
  const char *dashes = *row->long_name ? "--" : "-";
  switch (row->kind) {
  case KIND_NONE:
  case KIND_LATER_NONE:
    if (attached)
      return complain(TN_USAGE, "option '%s%s' takes no value, got '%s'", dashes, shown, attached);
    break;
  case KIND_VALUE:
  case KIND_JOINED:
  case KIND_LATER:
    if (!attached && row->kind != KIND_JOINED) attached = next, *used = next != NULL;
    if (!attached) return complain(TN_USAGE, "option '%s%s' needs a value: %s", dashes, shown, row->value);
    break;
  case KIND_MAYBE:
  case KIND_LATER_MAYBE:
    if (attached && !*attached)
      return complain(TN_USAGE, "option '%s%s=' has an empty value: %s, or nothing behind '%s%s'", dashes,
                      shown, row->value, dashes, shown);
    break;
  }
  if (row->kind == KIND_LATER || row->kind == KIND_LATER_NONE || row->kind == KIND_LATER_MAYBE)
    return complain(TN_UNSUPPORTED, "option '%s%s' is not supported by this version", dashes, shown);
  return keep(&line->options[id], attached ? attached : "", shown);
}

static tn_status parse_option(command_line *line, const char *argument, const char *next, bool *used) {
  if (argument[1] == '-') {
    const char *name = argument + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    int id = find_long(line->verb, name, length);
    if (id < 0) return unknown_option(line->verb, name, length);
    return take(line, id, equals ? equals + 1 : NULL, next, used);
  }
  int id = find_short(line->verb, argument[1]);
  if (id < 0)
    return complain(TN_USAGE, "unknown option '%s'; 'tenon %s --help' lists them", argument,
                    verb_table[line->verb].name);
  return take(line, id, argument[2] ? argument + 2 : NULL, next, used);
}

tn_status parse_command_line(int argc, char **argv, command_line *line) {
  bool options = true;
  for (int i = 1; i < argc; i++) {
    tn_status status = TN_OK;
    bool used = false;
    if (options && strcmp(argv[i], "--") == 0)
      options = false;
    else if (options && argv[i][0] == '-' && argv[i][1])
      status = parse_option(line, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
    else
      status = keep(&line->operands, argv[i], "operands");
    if (status != TN_OK) return status;
    i += used;
  }
  return TN_OK;
}

/* ---- values ---- */

bool has_option(const command_line *line, option_id id) { return line->options[id].count > 0; }

const char *option_value(const command_line *line, option_id id) {
  const option_values *values = &line->options[id];
  return values->count ? values->at[values->count - 1] : NULL;
}

bool option_number(const command_line *line, option_id id, int64_t least, int64_t otherwise,
                   int64_t *number) {
  const char *text = option_value(line, id);
  *number = otherwise;
  if (!text) return true;
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (!isdigit((unsigned char)text[0]) || *end || errno || value < least) {
    complain(TN_USAGE, "option '--%s': '%s' is not a whole number from %lld on", option_table[id].long_name,
             text, (long long)least);
    return false;
  }
  *number = value;
  return true;
}

bool option_threads(const command_line *line, int64_t *threads) {
  enum { MOST = 1024 };
  if (!option_number(line, OPT_THREADS, 1, 1, threads)) return false;
  if (*threads <= MOST) return true;
  complain(TN_USAGE, "option '--threads': %lld is more than %d", (long long)*threads, MOST);
  return false;
}

int option_choice(const command_line *line, option_id id, const char *const *choices, int otherwise) {
  const char *text = option_value(line, id);
  if (!text) return otherwise;
  int count = 0;
  for (; choices[count]; count++)
    if (strcmp(text, choices[count]) == 0) return count;
  const char *nearest = tn_nearest_name(text, choices, count);
  if (nearest)
    complain(TN_USAGE, "option '--%s': unknown '%s'; did you mean '%s'?", option_table[id].long_name, text,
             nearest);
  else
    complain(TN_USAGE, "option '--%s': unknown '%s'; it takes %s", option_table[id].long_name, text,
             option_table[id].help);
  return -1;
}

const char *only_operand(const command_line *line) {
  const verb_row *verb = &verb_table[line->verb];
  if (line->operands.count == 1) return line->operands.at[0];
  if (line->operands.count == 0)
    complain(TN_USAGE, "tenon %s: %s is missing", verb->name, verb->operands);
  else
    complain(TN_USAGE, "tenon %s: one operand is wanted, '%s' is one too many", verb->name,
             line->operands.at[1]);
  return NULL;
}
