/* Options about passes, and what is printed, dumped and counted of them.
 *
 * Everything to be seen hangs on two hooks, which every verb that runs passes sets alike:
 * a watch knows what was asked for, keeps the text of the module as it was, and the runs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diff.h"
#include "tools/tool.h"

typedef enum { FORMAT_HLO, FORMAT_DOT, FORMAT_HTML, FORMATS } dump_format;
static const char *const format_names[] = {"hlo", "dot", "html", NULL};

typedef enum { CHANGED_SILENT, CHANGED_WHOLE, CHANGED_DIFF } changed_form;

typedef struct {
  tn_arena *arena;
  const option_values *before, *after;  /* names to print */
  bool *printed_before, *printed_after; /* one a name: has its run come? */
  changed_form changed;
  const char *folder; /* NULL: no dumps */
  bool formats[FORMATS];
  tn_constants_form constants;
  int dumps;
  char *text; /* of the module as it was last, where diffs are wanted; malloc's */
  size_t length;
  bool times, stats, json;
  TN_VEC(tn_pass_run) runs;
} watch;

/* ---- names and places ---- */

/* Passes as the options name them. false after complaining. */
static bool check_pass_name(const char *option, const char *name, bool all) {
  TN_VEC(const char *) names = {0};
  tn_arena *arena = tn_arena_create();
  bool known = all && strcmp(name, "all") == 0;
  for (tn_entry entry; (entry = tn_list_entry(TN_LIST_PASSES, names.count)).name;) {
    known = known || strcmp(name, entry.name) == 0;
    TN_PUSH(arena, &names, entry.name);
  }
  if (all) TN_PUSH(arena, &names, "all");
  const char *nearest = known ? NULL : tn_nearest_name(name, names.at, names.count);
  if (nearest)
    complain(TN_USAGE, "option '--%s': unknown pass '%s'; did you mean '%s'?", option, name, nearest);
  else if (!known)
    complain(TN_USAGE, "option '--%s': unknown pass '%s'; 'tenon list passes' names them", option, name);
  tn_arena_destroy(arena);
  return known;
}

/* "dce:2" -> "dce", 2; "dce" -> "dce", 0. false after complaining. */
static bool parse_place(tn_arena *arena, option_id id, const char *text, const char **name, int *occurrence) {
  const char *colon = strchr(text, ':'), *option = option_table[id].long_name;
  char *end = NULL;
  *name = colon ? tn_arena_string_n(arena, text, (size_t)(colon - text)) : text;
  *occurrence = 0;
  if (colon && isdigit((unsigned char)colon[1])) {
    long number = strtol(colon + 1, &end, 10);
    if (number > 0 && number < 1000000) *occurrence = (int)number;
  }
  if (!colon || (*occurrence && !*end)) return true;
  complain(TN_USAGE, "option '--%s': '%s' is not PASS or PASS:N with N from 1 on", option, text);
  return false;
}

static bool check_prints(tn_arena *arena, const command_line *line, option_id id) {
  const option_values *values = &line->options[id];
  for (int i = 0; i < values->count; i++) {
    const char *name;
    int occurrence;
    if (!parse_place(arena, id, values->at[i], &name, &occurrence) ||
        !check_pass_name(option_table[id].long_name, name, true))
      return false;
  }
  return true;
}

/* "all", "dce", "dce:2" */
static bool names_run(const char *text, const tn_pass_run *run) {
  size_t length = strlen(run->name);
  if (strcmp(text, "all") == 0) return true;
  return strncmp(text, run->name, length) == 0 &&
         (!text[length] || (text[length] == ':' && atoi(text + length + 1) == run->occurrence));
}

static bool is_wanted(const option_values *wanted, bool *printed, const tn_pass_run *run) {
  bool is = false;
  for (int i = 0; i < wanted->count; i++) {
    if (!names_run(wanted->at[i], run)) continue;
    is = printed[i] = true;
  }
  return is;
}

/* The pass is there, but not in this pipeline, or not so often. */
static void note_silent(option_id id, const option_values *wanted, const bool *printed) {
  for (int i = 0; i < wanted->count; i++)
    if (!printed[i])
      fprintf(stderr, "note: option '--%s': '%s' has not run\n", option_table[id].long_name, wanted->at[i]);
}

/* ---- printing ---- */

static tn_status print_model(tn_model *model, const char *when, const tn_pass_run *run) {
  char *text;
  size_t length;
  tn_status status = tn_model_text(model, TN_FORM_ELIDE, &text, &length);
  if (status != TN_OK) return status;
  fprintf(stderr, "// %s %s:%d\n%s\n", when, run->name, run->occurrence, text);
  tn_text_destroy(text);
  return TN_OK;
}

/* Terminals get colours, unless NO_COLOR asks them not to. */
static bool wants_colour(void) {
  const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
  return isatty(STDERR_FILENO) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

/* The module's text takes the place of the one that was kept. */
static tn_status print_diff(watch *w, tn_model *model, const tn_pass_run *run) {
  char *text;
  size_t length;
  int count;
  tn_status status = tn_model_text(model, TN_FORM_ELIDE, &text, &length);
  if (status != TN_OK) return status;
  tn_arena *arena = tn_arena_create();
  tn_text out = {0};
  tn_diff_line *lines = tn_diff(arena, (tn_str){w->text, w->length}, (tn_str){text, length}, &count);
  tn_text_printf(&out, "// changed by %s:%d\n", run->name, run->occurrence);
  tn_diff_print(&out, lines, count, 3, wants_colour());
  fwrite(out.bytes, 1, out.length, stderr);
  tn_text_free(&out);
  tn_arena_destroy(arena);
  tn_text_destroy(w->text);
  w->text = text;
  w->length = length;
  return TN_OK;
}

static tn_status print_changed(watch *w, tn_model *model, const tn_pass_run *run) {
  if (!run->changed) return TN_OK;
  switch (w->changed) {
  case CHANGED_SILENT: return TN_OK;
  case CHANGED_WHOLE: return print_model(model, "changed by", run);
  case CHANGED_DIFF: return print_diff(w, model, run);
  }
  return TN_OK;
}

/* ---- dumping ---- */

static tn_status dump(watch *w, tn_model *model, const char *pass, int occurrence) {
  tn_arena *arena = tn_arena_create();
  const char *title = occurrence ? tn_arena_printf(arena, "after %s:%d", pass, occurrence) : pass;
  tn_status status = TN_OK;
  for (int f = 0; f < FORMATS && status == TN_OK; f++) {
    if (!w->formats[f]) continue;
    const char *path = tn_arena_printf(arena, "%s/%02d.%s.%s", w->folder, w->dumps, pass, format_names[f]);
    status = f == FORMAT_HLO ? tn_model_write(model, path, w->constants)
                             : tn_model_view(model, path, format_names[f], title);
  }
  w->dumps++;
  tn_arena_destroy(arena);
  return status;
}

/* ---- the hooks ---- */

static tn_status before_pass(void *user, tn_model *model, const tn_pass_run *run) {
  watch *w = user;
  tn_status status = TN_OK;
  if (w->changed == CHANGED_DIFF && !w->text)
    status = tn_model_text(model, TN_FORM_ELIDE, &w->text, &w->length);
  if (status == TN_OK && w->folder && !w->dumps) status = dump(w, model, "input", 0);
  if (status == TN_OK && is_wanted(w->before, w->printed_before, run))
    status = print_model(model, "before", run);
  return status;
}

static void keep_run(watch *w, const tn_pass_run *run) {
  tn_pass_run copy = *run;
  tn_pass_rule *rules = tn_arena_copy(w->arena, run->rules, (size_t)run->rule_count * sizeof *rules);
  for (int i = 0; i < run->rule_count; i++) rules[i].name = tn_arena_string(w->arena, rules[i].name);
  copy.name = tn_arena_string(w->arena, run->name);
  copy.rules = rules;
  TN_PUSH(w->arena, &w->runs, copy);
}

static tn_status after_pass(void *user, tn_model *model, const tn_pass_run *run) {
  watch *w = user;
  if (w->times || w->stats || w->json) keep_run(w, run);
  tn_status status = is_wanted(w->after, w->printed_after, run) ? print_model(model, "after", run) : TN_OK;
  if (status == TN_OK) status = print_changed(w, model, run);
  if (status == TN_OK && w->folder && run->changed) status = dump(w, model, run->name, run->occurrence);
  return status;
}

/* ---- times and counts ---- */

static void print_times(const watch *w) {
  double total = 0, policing = 0;
  fprintf(stderr, "%10s %10s %10s  pass\n", "ms", "checking", "changes");
  for (int i = 0; i < w->runs.count; i++) {
    const tn_pass_run *run = &w->runs.at[i];
    total += run->seconds;
    policing += run->policing_seconds;
    fprintf(stderr, "%10.3f %10.3f %10lld  %s:%d", run->seconds * 1e3, run->policing_seconds * 1e3,
            (long long)run->changes, run->name, run->occurrence);
    if (run->bytes && run->seconds > 0)
      fprintf(stderr, " (%.1f MB of constants, %.1f GB/s)", (double)run->bytes * 1e-6,
              (double)run->bytes * 1e-9 / run->seconds);
    fputc('\n', stderr);
  }
  fprintf(stderr, "%10.3f %10.3f %10s  all passes\n", total * 1e3, policing * 1e3, "");
}

/* What run `first`'s pass did in all its runs; false if it is not the first of them. */
static bool add_up(const watch *w, int first, int64_t *runs, int64_t *changes) {
  const char *name = w->runs.at[first].name;
  *runs = *changes = 0;
  for (int i = 0; i < w->runs.count; i++) {
    if (strcmp(w->runs.at[i].name, name) != 0) continue;
    if (i < first) return false;
    ++*runs;
    *changes += w->runs.at[i].changes;
  }
  return true;
}

/* The pass's rules with their counts, those of all runs together, in order of first use. */
static void print_rules(const watch *w, const char *pass) {
  TN_VEC(tn_pass_rule) sums = {0};
  for (int i = 0; i < w->runs.count; i++) {
    const tn_pass_run *run = &w->runs.at[i];
    for (int r = 0; strcmp(run->name, pass) == 0 && r < run->rule_count; r++) {
      int at = 0;
      while (at < sums.count && strcmp(sums.at[at].name, run->rules[r].name) != 0) at++;
      if (at == sums.count) TN_PUSH(w->arena, &sums, ((tn_pass_rule){run->rules[r].name, 0}));
      sums.at[at].changes += run->rules[r].changes;
    }
  }
  for (int i = 0; i < sums.count; i++)
    if (*sums.at[i].name)
      fprintf(stderr, "%10s %10lld    %s\n", "", (long long)sums.at[i].changes, sums.at[i].name);
}

static void print_stats(const watch *w) {
  fprintf(stderr, "%10s %10s  pass and rule\n", "runs", "changes");
  for (int i = 0; i < w->runs.count; i++) {
    int64_t runs, changes;
    if (!add_up(w, i, &runs, &changes) || !changes) continue;
    fprintf(stderr, "%10lld %10lld  %s\n", (long long)runs, (long long)changes, w->runs.at[i].name);
    print_rules(w, w->runs.at[i].name);
  }
}

const tn_pass_run *kept_passes(const tn_pass_options *passes, int *count) {
  const watch *w = passes->user;
  *count = w ? w->runs.count : 0;
  return w ? w->runs.at : NULL;
}

void finish_passes(tn_pass_options *passes) {
  watch *w = passes->user;
  if (!w) return;
  if (w->times) print_times(w);
  if (w->stats) print_stats(w);
  note_silent(OPT_PRINT_BEFORE, w->before, w->printed_before);
  note_silent(OPT_PRINT_AFTER, w->after, w->printed_after);
  passes->before_pass = passes->after_pass = NULL;
  passes->user = NULL;
}

/* ---- options ---- */

/* "a,b" -> {"a", "b", NULL}; "" -> {NULL}; an empty name stays, for a complaint. */
static const char *const *split_list(tn_arena *arena, const char *text) {
  TN_VEC(const char *) list = {0};
  for (bool more = *text; more; text++) {
    size_t length = strcspn(text, ",");
    TN_PUSH(arena, &list, tn_arena_string_n(arena, text, length));
    text += length;
    more = *text;
  }
  TN_PUSH(arena, &list, NULL);
  return list.at;
}

static tn_status choose_formats(watch *w, const char *text) {
  const char *const *list = split_list(w->arena, text);
  if (!*list) return complain(TN_USAGE, "option '--dump-format': a list of hlo, dot, html is wanted");
  for (; *list; list++) {
    int f = 0;
    while (f < FORMATS && strcmp(*list, format_names[f]) != 0) f++;
    if (f == FORMATS)
      return complain(TN_USAGE, "option '--dump-format': unknown '%s'; it takes hlo, dot, html", *list);
    w->formats[f] = true;
  }
  return TN_OK;
}

static tn_status choose_dumps(watch *w, const command_line *line) {
  static const char *const forms[] = {"inline", "file", "elide", NULL};
  const char *format = option_value(line, OPT_DUMP_FORMAT);
  w->folder = option_value(line, OPT_DUMP_DIR);
  if (!w->folder) return format ? complain(TN_USAGE, "option '--dump-format' needs '--dump-dir'") : TN_OK;
  if (!*w->folder) return complain(TN_USAGE, "option '--dump-dir' needs a value: DIR");
  w->constants = (tn_constants_form)option_choice(line, OPT_CONSTANTS, forms, TN_FORM_FILE);
  if (mkdir(w->folder, 0777) != 0 && errno != EEXIST)
    return complain(TN_IO, "%s: the folder cannot be made: %s", w->folder, strerror(errno));
  return choose_formats(w, format ? format : "hlo");
}

static tn_status choose_changed(watch *w, const command_line *line) {
  const char *form = option_value(line, OPT_PRINT_CHANGED);
  if (!form) return TN_OK;
  w->changed = *form ? CHANGED_DIFF : CHANGED_WHOLE;
  if (!*form || strcmp(form, "diff") == 0) return TN_OK;
  return complain(TN_USAGE, "option '--print-changed': unknown '%s'; it takes diff, or nothing", form);
}

static void forget_text(void *user) {
  watch *w = user;
  tn_text_destroy(w->text);
}

static tn_status start_watch(tn_arena *arena, const command_line *line, tn_pass_options *passes) {
  watch *w = TN_NEW(arena, watch);
  *w = (watch){.arena = arena,
               .before = &line->options[OPT_PRINT_BEFORE],
               .after = &line->options[OPT_PRINT_AFTER],
               .times = has_option(line, OPT_TIME_PASSES),
               .stats = has_option(line, OPT_STATS),
               .json = has_option(line, OPT_JSON)};
  w->printed_before = TN_NEW_ARRAY(arena, bool, w->before->count);
  w->printed_after = TN_NEW_ARRAY(arena, bool, w->after->count);
  if (!check_prints(arena, line, OPT_PRINT_BEFORE) || !check_prints(arena, line, OPT_PRINT_AFTER))
    return TN_USAGE;
  tn_status status = choose_changed(w, line);
  if (status == TN_OK) status = choose_dumps(w, line);
  if (status != TN_OK) return status;
  bool looks = w->before->count || w->after->count || w->changed || w->folder;
  if (!looks && !w->times && !w->stats && !w->json) return TN_OK;
  tn_arena_on_release(arena, forget_text, w);
  passes->before_pass = looks ? before_pass : NULL;
  passes->after_pass = after_pass;
  passes->user = w;
  return TN_OK;
}

/* PASS=N */
static tn_status choose_fuel(tn_arena *arena, const command_line *line, tn_pass_options *passes) {
  const option_values *values = &line->options[OPT_FUEL];
  tn_pass_fuel *fuel = TN_NEW_ARRAY(arena, tn_pass_fuel, values->count);
  for (int i = 0; i < values->count; i++) {
    const char *text = values->at[i], *equals = strchr(text, '=');
    char *end = NULL;
    errno = 0;
    long long number = equals && isdigit((unsigned char)equals[1]) ? strtoll(equals + 1, &end, 10) : -1;
    if (number < 0 || *end || errno)
      return complain(TN_USAGE, "option '--fuel': '%s' is not PASS=N with N from 0 on", text);
    fuel[i] = (tn_pass_fuel){tn_arena_string_n(arena, text, (size_t)(equals - text)), number};
    if (!check_pass_name("fuel", fuel[i].pass, false)) return TN_USAGE;
  }
  passes->fuel = fuel;
  passes->fuel_count = values->count;
  return TN_OK;
}

static tn_status choose_level(const command_line *line, tn_pass_options *passes) {
  const char *level = option_value(line, OPT_LEVEL);
  if (!level) return TN_OK;
  if (level[0] < '0' || level[0] > '3' || level[1])
    return complain(TN_USAGE, "option '-O%s': the levels are -O0 to -O3", level);
  passes->level = level[0] - '0';
  return TN_OK;
}

static bool choose_places(tn_arena *arena, const command_line *line, tn_pass_options *passes) {
  const char *stop = option_value(line, OPT_STOP_AFTER), *start = option_value(line, OPT_START_AFTER);
  return (!stop || parse_place(arena, OPT_STOP_AFTER, stop, &passes->stop_after, &passes->stop_occurrence)) &&
         (!start ||
          parse_place(arena, OPT_START_AFTER, start, &passes->start_after, &passes->start_occurrence));
}

/* 4x1:RATIO; the other patterns of the command are later versions'. */
static tn_status choose_sparsity(const command_line *line, tn_pass_options *passes) {
  const char *text = option_value(line, OPT_SPARSITY);
  char *end;
  if (!text) return TN_OK;
  if (strcmp(text, "2:4") == 0 || strncmp(text, "unstructured", 12) == 0)
    return complain(TN_UNSUPPORTED, "option '--sparsity=%s' is not supported by this version", text);
  if (strncmp(text, "4x1:", 4) != 0)
    return complain(TN_USAGE, "option '--sparsity': '%s' is not 4x1:RATIO, 2:4 or unstructured:RATIO", text);
  passes->sparsity = strtod(text + 4, &end);
  if (end != text + 4 && !*end && passes->sparsity > 0 && passes->sparsity <= 1) return TN_OK;
  return complain(TN_USAGE, "option '--sparsity': the ratio '%s' is not above 0 and at most 1", text + 4);
}

tn_status pass_options(tn_arena *arena, const command_line *line, tn_pass_options *passes) {
  const char *list = option_value(line, OPT_PASSES);
  const option_values *disabled = &line->options[OPT_DISABLE_PASS], *set = &line->options[OPT_SET];
  *passes = (tn_pass_options){.level = 2,
                              .reassociate = has_option(line, OPT_REASSOCIATE),
                              .target = option_value(line, OPT_TARGET),
                              .check = has_option(line, OPT_CHECK_PASSES),
                              .bisect = has_option(line, OPT_BISECT),
                              .bisect_file = option_value(line, OPT_BISECT)};
  if (!option_number(line, OPT_MAX_CHECK_WORK, 1, 0, &passes->max_check_work)) return TN_USAGE;
  if (list) passes->passes = split_list(arena, list);
  if (set->count) {
    const char **settings = TN_NEW_ARRAY(arena, const char *, set->count + 1);
    memcpy(settings, set->at, sizeof *set->at * (size_t)set->count);
    passes->settings = settings;
  }
  if (disabled->count) {
    const char **names = TN_NEW_ARRAY(arena, const char *, disabled->count + 1);
    for (int i = 0; i < disabled->count; i++) names[i] = disabled->at[i];
    passes->disabled = names;
  }
  tn_status status = choose_level(line, passes);
  if (status == TN_OK && !choose_places(arena, line, passes)) status = TN_USAGE;
  if (status == TN_OK) status = choose_fuel(arena, line, passes);
  if (status == TN_OK) status = choose_sparsity(line, passes);
  return status == TN_OK ? start_watch(arena, line, passes) : status;
}
