/* The `tenon` command: what its files share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TOOLS_TOOL_H
#define TN_TOOLS_TOOL_H

#include "base/arena.h"
#include "base/diagnostics.h"
#include "base/text.h"
#include "tenon/tenon.h"

typedef enum {
#define VERB(ID, function, name, operands, help, examples) VERB_##ID,
#include "tools/verbs.def"
  VERB_COUNT
} verb_id;

typedef enum {
#define GROUP(title)
#define OPTION(ID, short_name, long_name, kind, value, verbs, help) OPT_##ID,
#include "tools/options.def"
  OPT_COUNT
} option_id;

typedef enum {
  KIND_NONE,
  KIND_VALUE,
  KIND_MAYBE,
  KIND_JOINED,
  KIND_LATER,
  KIND_LATER_NONE,
  KIND_LATER_MAYBE
} value_kind;

typedef struct {
  const char *short_name, *long_name;
  value_kind kind;
  const char *value;
  unsigned verbs; /* bit a verb */
  const char *help;
} option_row;
extern const option_row option_table[OPT_COUNT];

typedef struct {
  const char *at[64];
  int count;
} option_values;

/* A command line, taken apart. Strings are argv's. */
typedef struct {
  verb_id verb;
  option_values options[OPT_COUNT];
  option_values operands;
} command_line;

typedef struct {
  const char *name;
  tn_status (*run)(const command_line *line); /* NULL: a later version's */
  const char *operands, *help, *examples;
} verb_row;
extern const verb_row verb_table[VERB_COUNT];

/* ---- the command line ---- */

/* Reports and returns TN_USAGE or TN_UNSUPPORTED. argv[0] is the verb. */
tn_status parse_command_line(int argc, char **argv, command_line *line);
bool has_option(const command_line *line, option_id id);
/* The last value given, or NULL. */
const char *option_value(const command_line *line, option_id id);
/* A number not below `least`; `otherwise` if absent. false after reporting. */
bool option_number(const command_line *line, option_id id, int64_t least, int64_t otherwise, int64_t *number);
/* --threads, bounded: each is one of the system's. */
bool option_threads(const command_line *line, int64_t *threads);
/* Which of `choices` (NULL at the end) the value is; `otherwise` if absent, -1 after
 * reporting.                                                                         */
int option_choice(const command_line *line, option_id id, const char *const *choices, int otherwise);
/* The one operand, or NULL after reporting. */
const char *only_operand(const command_line *line);

/* ---- help, from the tables ---- */
tn_status print_help(void);
tn_status print_verb_help(verb_id verb);
tn_status print_man_page(void);
/* shell: "bash", "zsh", "fish". */
tn_status print_completion(const char *shell);

/* ---- messages ---- */
/* "tenon: error: …" and a newline, to standard error; returns status. */
tn_status complain(tn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print_diagnostic(void *user, const tn_diagnostic *diagnostic);

/* ---- models ---- */

/* A context with the limits of the command line, or NULL after reporting. */
tn_context *make_context(const command_line *line);
/* The model, its weights bound. `weights` must outlive it. */
typedef struct {
  tn_model *model;
  tn_arrays *weights;
} loaded;
tn_status load_model(tn_context *context, const command_line *line, const char *path, loaded *result);
void unload_model(loaded *result);

/* Options of compile and its passes; lists are in `arena`. */
tn_status compile_options(tn_arena *arena, const command_line *line, tn_compile_options *options);

/* Loads the only operand and hands it, with these options, to `work`. */
typedef tn_status model_work(const command_line *line, tn_model *model, const tn_compile_options *options);
tn_status with_model(const command_line *line, model_work *work);

/* ---- passes ---- */
/* The options of the group "Passes"; what is to be printed, dumped and counted hangs on the
 * hooks. Lists are in `arena`.                                                            */
tn_status pass_options(tn_arena *arena, const command_line *line, tn_pass_options *passes);
/* The runs so far, where times, counts or --json want them; they live in the options' arena. */
const tn_pass_run *kept_passes(const tn_pass_options *passes, int *count);
/* After the first time that these options were used: prints times and counts, and takes the
 * hooks away, so that a verb that compiles again does not tell everything twice.          */
void finish_passes(tn_pass_options *passes);

/* A shared library, an object, a stream: not a model. */
bool is_artefact(const char *path);
/* TN_OK if no option was given that has nothing to do without a model, of which `path` is none. */
tn_status refuse_model_options(const command_line *line, const char *path);

/* The arguments of `signature` from --in; they view the arrays that were given.
 * random_default: without any --in, random values (bench).                       */
typedef struct {
  tn_arrays *given, *arguments;
} inputs;
tn_status read_inputs(tn_context *context, const command_line *line, const tn_signature *signature,
                      bool random_default, inputs *result);
void release_inputs(inputs *result);

/* Of files that describe systolic arrays, and of instruction streams. */
tn_status check_machine_file(const command_line *line, const char *path);

/* ---- output ---- */
/* "r0: f32[2,3] {{1, 2, 3}, {4, 5, 6}}", cut after many elements. */
void print_array(const tn_array *array, tn_text *out);
/* Writes to standard output, frees the text. */
tn_status print_text(tn_text *text);

/* ---- verbs ---- */
tn_status verb_compile(const command_line *line);
tn_status verb_run(const command_line *line);
tn_status verb_opt(const command_line *line);
tn_status verb_bench(const command_line *line);
tn_status verb_check(const command_line *line);
tn_status verb_report(const command_line *line);
tn_status verb_sim(const command_line *line);
tn_status verb_list(const command_line *line);
tn_status verb_dis(const command_line *line);
tn_status verb_asm(const command_line *line);

#endif
