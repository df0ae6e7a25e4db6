/* From options to the library's objects: contexts, models, inputs, compile options.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tools/tool.h"

tn_context *make_context(const command_line *line) {
  tn_context *context = tn_context_create(print_diagnostic, NULL);
  if (!context) return complain(TN_LIMIT, "out of memory"), NULL;
  tn_limits *limits = tn_context_limits(context);
  bool good = option_number(line, OPT_MAX_FILE_SIZE, 1, limits->max_file_size, &limits->max_file_size) &&
              option_number(line, OPT_MAX_INSTRUCTIONS, 1, 0, &limits->max_instructions) &&
              option_number(line, OPT_MAX_NESTING, 1, 0, &limits->max_nesting) &&
              option_number(line, OPT_MAX_TENSOR_BYTES, 1, 0, &limits->max_tensor_bytes) &&
              option_number(line, OPT_MAX_FOLD_WORK, 1, 0, &limits->max_fold_work) &&
              option_number(line, OPT_MAX_ITERATIONS, 1, 0, &limits->max_iterations);
  if (good) return context;
  tn_context_destroy(context);
  return NULL;
}

/* ---- what a file is ---- */

bool is_artefact(const char *path) {
  tn_file_kind kind = tn_file_kind_of(path);
  return kind == TN_FILE_CODE || kind == TN_FILE_STREAM;
}

static const char *const kind_names[] = {
    [TN_FILE_MODEL] = "a model",
    [TN_FILE_CODE] = "compiled code",
    [TN_FILE_STREAM] = "an instruction stream",
    [TN_FILE_TARGET] = "a systolic array's target file",
};

tn_status refuse_model_options(const command_line *line, const char *path) {
  static const option_id groups[][2] = {
      {OPT_FORMAT, OPT_EXTERNAL_DATA}, {OPT_TARGET, OPT_COMPRESS}, {OPT_PASSES, OPT_BISECT}};
  for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
    for (option_id id = groups[g][0]; id <= groups[g][1]; id++)
      if (has_option(line, id))
        return complain(
            TN_USAGE, "option '%s%s' is about models, and %s is %s", *option_table[id].long_name ? "--" : "-",
            *option_table[id].long_name ? option_table[id].long_name : option_table[id].short_name, path,
            kind_names[tn_file_kind_of(path)]);
  return TN_OK;
}

static tn_status need_model(const char *path) {
  tn_file_kind kind = tn_file_kind_of(path);
  if (kind == TN_FILE_MODEL || access(path, R_OK) != 0) return TN_OK; /* who opens it says why it cannot be */
  return complain(TN_INVALID, "%s is %s, where a model is wanted", path, kind_names[kind]);
}

/* ---- models ---- */

/* "random:12" -> 12. */
static bool random_seed(const char *text, uint64_t *seed) {
  if (strncmp(text, "random:", 7) != 0 || !isdigit((unsigned char)text[7])) return false;
  char *end;
  errno = 0;
  *seed = strtoull(text + 7, &end, 10);
  return !*end && !errno;
}

static tn_status read_options(const command_line *line, tn_read_options *options) {
  const char *elided = option_value(line, OPT_FILL_ELIDED);
  *options = (tn_read_options){.format = option_value(line, OPT_FORMAT)};
  if (!elided) return TN_OK;
  if (strcmp(elided, "zero") == 0)
    options->elided = TN_READ_ELIDED_ZERO;
  else if (random_seed(elided, &options->elided_seed))
    options->elided = TN_READ_ELIDED_RANDOM;
  else
    return complain(TN_USAGE, "option '--fill-elided': '%s' is neither zero nor random:SEED", elided);
  return TN_OK;
}

static tn_status quantize_model(tn_context *context, const command_line *line, tn_model *model) {
  const option_values *files = &line->options[OPT_CALIBRATE];
  tn_quantize_options options = {.mode = option_value(line, OPT_QUANTIZE),
                                 .method = option_value(line, OPT_CALIBRATION)};
  if (!options.mode && (files->count || options.method))
    return complain(TN_USAGE, "option '--%s' needs '--quantize'", files->count ? "calibrate" : "calibration");
  if (!options.mode) return TN_OK;
  tn_arrays *data = NULL;
  tn_status status = files->count ? tn_arrays_create(context, &data) : TN_OK;
  for (int i = 0; status == TN_OK && i < files->count; i++) status = tn_arrays_read(data, files->at[i], NULL);
  options.data = data;
  if (status == TN_OK) status = tn_model_quantize(model, &options);
  tn_arrays_destroy(data);
  return status;
}

tn_status load_model(tn_context *context, const command_line *line, const char *path, loaded *result) {
  tn_read_options options;
  *result = (loaded){0};
  tn_status status = need_model(path);
  if (status == TN_OK) status = read_options(line, &options);
  if (status == TN_OK) status = tn_model_read(context, path, &options, &result->model);
  const option_values *files = &line->options[OPT_WEIGHTS];
  if (status == TN_OK && files->count) {
    status = tn_arrays_create(context, &result->weights);
    for (int i = 0; status == TN_OK && i < files->count; i++)
      status = tn_arrays_read(result->weights, files->at[i], NULL);
    if (status == TN_OK) status = tn_model_bind(result->model, result->weights);
  }
  if (status == TN_OK) status = quantize_model(context, line, result->model);
  if (status != TN_OK) unload_model(result);
  return status;
}

void unload_model(loaded *result) {
  tn_model_destroy(result->model);
  tn_arrays_destroy(result->weights);
  *result = (loaded){0};
}

/* ---- inputs ---- */

/* NAME=FILE: the = stands before any slash; FILE may have one of its own. */
static tn_status read_input(tn_arrays *given, tn_arena *arena, const char *text) {
  const char *equals = strchr(text, '='), *slash = strchr(text, '/');
  if (!equals || (slash && slash < equals)) return tn_arrays_read(given, text, NULL);
  const char *name = tn_arena_string_n(arena, text, (size_t)(equals - text));
  if (strncmp(equals + 1, "random:", 7) == 0)
    return complain(TN_USAGE,
                    "option '--in': random:SEED is for all inputs that are not given, without a name");
  int32_t before = tn_arrays_count(given);
  tn_status status = tn_arrays_read(given, equals + 1, name);
  bool named = tn_arrays_count(given) == before + 1 && strcmp(tn_arrays_at(given, before)->name, name) == 0;
  if (status != TN_OK || named) return status;
  return complain(
      TN_USAGE,
      "option '--in': %s has arrays with names of their own, so '%s=' says nothing; it is for a .npy",
      equals + 1, name);
}

tn_status read_inputs(tn_context *context, const command_line *line, const tn_signature *signature,
                      bool random_default, inputs *result) {
  const option_values *files = &line->options[OPT_IN];
  tn_select_options options = {.random = random_default && !files->count, .seed = 1};
  tn_arena *arena = tn_arena_create();
  *result = (inputs){0};
  tn_status status = tn_arrays_create(context, &result->given);
  for (int i = 0; status == TN_OK && i < files->count; i++) {
    if (random_seed(files->at[i], &options.seed))
      options.random = true;
    else
      status = read_input(result->given, arena, files->at[i]);
  }
  if (status == TN_OK) status = tn_arrays_select(result->given, signature, &options, &result->arguments);
  tn_arena_destroy(arena);
  return status;
}

void release_inputs(inputs *result) {
  tn_arrays_destroy(result->arguments);
  tn_arrays_destroy(result->given);
  *result = (inputs){0};
}

/* ---- compile options ---- */

/* A stream of `sim` has its target. */
static tn_status check_settings(const command_line *line) {
  const char *target = option_value(line, OPT_TARGET);
  bool array = target ? tn_target_names_array(target) : line->verb == VERB_SIM;
  if (!has_option(line, OPT_SET) || array) return TN_OK;
  return complain(TN_USAGE, "option '--set' overrides keys of '--target=FILE.target'");
}

tn_status compile_options(tn_arena *arena, const command_line *line, tn_compile_options *options) {
  static const char *const emits[] = {"obj", "shared", "exe", "asm", "llvm", "hlo", "plan", "stream", NULL};
  static const char *const forms[] = {"inline", "file", "elide", NULL};
  int kind = option_choice(line, OPT_EMIT, emits, -2),
      form = option_choice(line, OPT_CONSTANTS, forms, TN_FORM_INLINE);
  int64_t seed, arena_limit;
  bool numbers = option_number(line, OPT_SCHEDULE_SEED, 0, 0, &seed) &&
                 option_number(line, OPT_ARENA_LIMIT, 1, 0, &arena_limit);
  if (kind == -1 || form == -1 || !numbers || check_settings(line) != TN_OK) return TN_USAGE;
  *options = (tn_compile_options){.name = option_value(line, OPT_NAME),
                                  .target = option_value(line, OPT_TARGET),
                                  .cpu = option_value(line, OPT_CPU),
                                  .features = option_value(line, OPT_FEATURES),
                                  .emit = kind == -2 ? TN_EMIT_DEFAULT : (tn_emit)(kind + 1),
                                  .constants = (tn_constants_form)form,
                                  .side_file = form == TN_FORM_FILE,
                                  .schedule_seed = (uint64_t)seed,
                                  .arena_limit = arena_limit};
  return pass_options(arena, line, &options->passes);
}

tn_status with_model(const command_line *line, model_work *work) {
  const char *path = only_operand(line);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  tn_arena *arena = tn_arena_create();
  tn_compile_options options;
  loaded model = {0};
  tn_status status = compile_options(arena, line, &options);
  if (status == TN_OK) status = load_model(context, line, path, &model);
  if (status == TN_OK) status = work(line, model.model, &options);
  unload_model(&model);
  tn_arena_destroy(arena);
  tn_context_destroy(context);
  return status;
}
