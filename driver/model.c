/* Models: read, checked, written, their weights bound.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "driver/driver.h"
#include "driver/graph_view.h"
#include "frontend/hlo/hlo.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "passes/place.h"

#include <stdlib.h>
#include <sys/stat.h>

/* ---- formats ---- */

typedef enum { FORMAT_HLO, FORMAT_PLAN, FORMAT_STABLEHLO, FORMAT_ONNX, FORMAT_TFLITE, FORMAT_COUNT } format;

static const char *const format_names[FORMAT_COUNT] = {"hlo", "plan", "stablehlo", "onnx", "tflite"};

static bool starts(tn_str text, const char *with) {
  size_t length = strlen(with);
  return text.length >= length && memcmp(text.at, with, length) == 0;
}

static tn_str skip_blank(tn_str text) {
  while (text.length) {
    size_t skip = 0;
    if (*text.at == ' ' || *text.at == '\t' || *text.at == '\n' || *text.at == '\r') {
      skip = 1;
    } else if (starts(text, "//")) {
      const char *end = memchr(text.at, '\n', text.length);
      skip = end ? (size_t)(end - text.at) : text.length;
    } else {
      break;
    }
    text.at += skip;
    text.length -= skip;
  }
  return text;
}

/* By content where that is certain, then by suffix; HLO text has neither mark. */
static format detect(tn_str bytes, const char *path) {
  tn_str text = skip_blank(bytes);
  const char *suffix = tn_path_suffix(path);
  if (bytes.length >= 8 && memcmp(bytes.at + 4, "TFL3", 4) == 0) return FORMAT_TFLITE;
  if (starts(bytes, "ML\xefR") || starts(text, "module @") || starts(text, "module {") ||
      starts(text, "func.func"))
    return FORMAT_STABLEHLO;
  if (starts(text, "HloModule")) return FORMAT_HLO;
  if (starts(text, "plan ") || starts(text, "kernel ")) return FORMAT_PLAN;
  if (strcmp(suffix, ".onnx") == 0) return FORMAT_ONNX;
  if (strcmp(suffix, ".tflite") == 0) return FORMAT_TFLITE;
  if (strcmp(suffix, ".mlir") == 0) return FORMAT_STABLEHLO;
  if (strcmp(suffix, ".plan") == 0) return FORMAT_PLAN;
  return FORMAT_HLO;
}

static bool named_format(tn_diagnostics *sink, const char *name, format *found) {
  for (int i = 0; i < FORMAT_COUNT; i++)
    if (strcmp(name, format_names[i]) == 0) return *found = (format)i, true;
  const char *nearest = tn_nearest_name(name, format_names, FORMAT_COUNT);
  return tn_error(sink, TN_USAGE, TN_NOWHERE, "format '%s' is unknown; %s%s", name,
                  nearest ? "did you mean " : "", nearest ? nearest : "'tenon list formats' names them");
}

/* ---- reading ---- */

typedef struct {
  tn_context *context;
  const char *name; /* of a file, or of `text` in messages */
  tn_str text;
  bool in_memory;
  tn_read_options options;
  tn_model *model;
} read_work;

static const char *directory_of(tn_arena *arena, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return ".";
  return slash == path ? "/" : tn_arena_string_n(arena, path, (size_t)(slash - path));
}

static bool parse_hlo(read_work *work, const char *directory) {
  const tn_limits *limits = &work->context->limits;
  tn_hlo_options options = {.file = work->model->source.name,
                            .directory = directory,
                            .max_instructions = limits->max_instructions,
                            .max_nesting = limits->max_nesting,
                            .max_tensor_bytes = limits->max_tensor_bytes,
                            .elided = TN_ELIDED_REFUSED,
                            .elided_seed = work->options.elided_seed};
  switch (work->options.elided) {
  case TN_READ_ELIDED_REFUSED: options.elided = TN_ELIDED_REFUSED; break;
  case TN_READ_ELIDED_ZERO: options.elided = TN_ELIDED_ZERO; break;
  case TN_READ_ELIDED_RANDOM: options.elided = TN_ELIDED_RANDOM; break;
  }
  work->model->module = tn_hlo_parse(work->text, &options, &work->context->sink);
  return work->model->module != NULL;
}

static bool parse_plan(read_work *work, const char *directory) {
  tn_plan_text_options options = {.file = work->model->source.name,
                                  .directory = directory,
                                  .max_nesting = work->context->limits.max_nesting};
  tn_plan *plan = tn_plan_parse(work->text, &options, &work->context->sink);
  work->model->plan = plan;
  return plan && tn_plan_verify(plan, &work->context->sink);
}

static bool do_read(void *argument) {
  read_work *work = argument;
  tn_context *context = work->context;
  tn_arena *arena = tn_arena_create();
  tn_model *model = work->model = TN_NEW(arena, tn_model);
  *model = (tn_model){.context = context, .arena = arena, .derived = tn_arena_create()};
  const char *name = tn_arena_string(arena, work->name);
  const char *directory = NULL;
  if (work->in_memory) {
    work->text.at = tn_arena_copy(arena, work->text.at, work->text.length);
  } else {
    directory = directory_of(arena, name);
    if (!tn_file_map(arena, &context->sink, name, (uint64_t)context->limits.max_file_size, &work->text))
      return false;
  }
  model->source = (tn_source){.name = name, .text = work->text.at, .length = work->text.length};
  tn_diagnostics_add_source(&context->sink, &model->source);
  format kind = detect(work->text, name);
  if (work->options.format && !named_format(&context->sink, work->options.format, &kind)) return false;
  switch (kind) {
  case FORMAT_HLO: return parse_hlo(work, directory);
  case FORMAT_PLAN: return parse_plan(work, directory);
  case FORMAT_STABLEHLO:
  case FORMAT_ONNX:
  case FORMAT_TFLITE:
  case FORMAT_COUNT: break;
  }
  return tn_error(&context->sink, TN_UNSUPPORTED, (tn_location){.file = name},
                  "format %s is not supported by this version", format_names[kind]);
}

static tn_status finish_read(read_work *work, const tn_read_options *options, tn_model **model) {
  if (options) work->options = *options;
  tn_status status = tn_driver_do(work->context, do_read, work);
  if (status != TN_OK) tn_model_destroy(work->model);
  *model = status == TN_OK ? work->model : NULL;
  return status;
}

tn_status tn_model_read(tn_context *context, const char *path, const tn_read_options *options,
                        tn_model **model) {
  return finish_read(&(read_work){.context = context, .name = path}, options, model);
}

tn_status tn_model_parse(tn_context *context, const char *name, const char *text, size_t length,
                         const tn_read_options *options, tn_model **model) {
  return finish_read(
      &(read_work){.context = context, .name = name, .text = {text, length}, .in_memory = true}, options,
      model);
}

void tn_model_destroy(tn_model *model) {
  if (!model) return;
  if (model->source.name) tn_diagnostics_remove_source(&model->context->sink, &model->source);
  tn_module_destroy(model->module);
  tn_plan_destroy(model->plan);
  tn_arena_destroy(model->derived);
  tn_arena_destroy(model->arena); /* which holds the model itself */
}

typedef struct {
  const tn_model *model;
  tn_model *copy;
} clone_work;

static bool do_clone(void *argument) {
  clone_work *work = argument;
  tn_diagnostics *sink = &work->model->context->sink;
  if (!work->model->module)
    return tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "copy: a plan cannot be copied");
  tn_arena *arena = tn_arena_create();
  tn_model *copy = work->copy = TN_NEW(arena, tn_model);
  *copy = (tn_model){.context = work->model->context, .arena = arena, .derived = tn_arena_create()};
  copy->module = tn_module_clone(work->model->module);
  return true;
}

tn_status tn_model_clone(const tn_model *model, tn_model **copy) {
  clone_work work = {.model = model};
  tn_status status = tn_driver_do(model->context, do_clone, &work);
  *copy = work.copy;
  return status;
}

/* ---- checking, signature ---- */

static bool do_verify(void *argument) {
  tn_model *model = argument;
  tn_diagnostics *sink = &model->context->sink;
  return model->module ? tn_verify_module(model->module, sink) : tn_plan_verify(model->plan, sink);
}

tn_status tn_model_verify(tn_model *model) { return tn_driver_do(model->context, do_verify, model); }

static bool do_signature(void *argument) {
  tn_model *model = argument;
  if (!tn_driver_settle(model)) return false;
  model->signature = model->module ? tn_driver_module_signature(model->derived, model->module)
                                   : tn_driver_plan_signature(model->derived, model->plan);
  return true;
}

const tn_signature *tn_model_signature(tn_model *model) {
  if (!model->signature) tn_driver_do(model->context, do_signature, model);
  return model->signature;
}

/* ---- weights ---- */

typedef struct {
  tn_model *model;
  const tn_arrays *weights;
} bind_work;

/* Parameter `number` leaves; those after it move down, also in the entry's layout and
 * the alias table.                                                                   */
static bool drop_parameter(tn_module *module, int number, tn_diagnostics *sink) {
  tn_comp *entry = module->entry;
  for (int i = 0; i < module->aliases.count; i++) {
    tn_alias *alias = &module->aliases.at[i];
    if (alias->parameter == number)
      return tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "weights: parameter %d shares memory with a result",
                      number);
    if (alias->parameter > number) alias->parameter--;
  }
  int donors = 0;
  for (int i = 0; i < module->donors.count; i++) {
    tn_alias donor = module->donors.at[i];
    if (donor.parameter == number) continue;
    if (donor.parameter > number) donor.parameter--;
    module->donors.at[donors++] = donor;
  }
  module->donors.count = donors;
  int left = entry->parameters.count - 1;
  tn_inst_remove(entry->parameters.at[number]); /* leaves a gap, or shortens the list */
  for (int i = number; i < left; i++) {
    entry->parameters.at[i] = entry->parameters.at[i + 1];
    entry->parameters.at[i]->attr.parameter.number = i;
  }
  entry->parameters.count = left;
  return true;
}

/* entry_computation_layout without the parameters that are gone. */
static void drop_layouts(tn_module *module, const bool *gone) {
  const tn_shape *old = module->entry_parameters;
  module->spmd_parameters = NULL;
  if (!old) return;
  const tn_shape **kept = TN_NEW_ARRAY(module->arena, const tn_shape *, old->rank);
  int count = 0;
  for (int i = 0; i < old->rank; i++)
    if (!gone[i]) kept[count++] = old->elements[i];
  module->entry_parameters = tn_shape_tuple(module->arena, count, kept);
}

static const tn_array *weight_for(const tn_arrays *weights, const tn_inst *parameter, char *numbered,
                                  bool *used) {
  const tn_array *array = tn_arrays_find(weights, parameter->name);
  if (!array) array = tn_arrays_find(weights, numbered);
  if (array) used[array - weights->list.at] = true;
  return array;
}

static bool all_used(const tn_arrays *weights, const bool *used, tn_diagnostics *sink) {
  bool all = true;
  for (int i = 0; i < weights->list.count; i++)
    if (!used[i])
      all = tn_error(sink, TN_USAGE, TN_NOWHERE, "weights: there is no parameter '%s'",
                     weights->list.at[i].name);
  return all;
}

static bool do_bind(void *argument) {
  bind_work *work = argument;
  tn_context *context = work->model->context;
  tn_diagnostics *sink = &context->sink;
  tn_module *module = work->model->module;
  if (!module) return tn_error(sink, TN_USAGE, TN_NOWHERE, "weights: a plan has its constants already");
  tn_comp *entry = module->entry;
  int count = entry->parameters.count;
  bool *used = TN_NEW_ARRAY(context->scratch, bool, work->weights->list.count);
  bool *bound = TN_NEW_ARRAY(context->scratch, bool, count);
  for (int i = 0; i < count; i++) {
    tn_inst *parameter = entry->parameters.at[i];
    const tn_array *array =
        weight_for(work->weights, parameter, tn_arena_printf(context->scratch, "p%d", i), used);
    if (!array) continue;
    if (!tn_shape_is_array(parameter->shape))
      return tn_error(sink, TN_UNSUPPORTED, parameter->location, "weights: parameter '%s' is a tuple",
                      parameter->name);
    tn_literal *literal = tn_driver_literal(module->arena, sink, array, parameter->shape);
    if (!literal) return tn_note(sink, parameter->location, "for parameter '%s'", parameter->name), false;
    tn_inst *constant = tn_build_constant(entry, parameter, literal);
    tn_inst_replace_uses(parameter, constant);
    bound[i] = true;
  }
  if (!all_used(work->weights, used, sink)) return false;
  for (int i = count - 1; i >= 0; i--)
    if (bound[i] && !drop_parameter(module, i, sink)) return false;
  drop_layouts(module, bound);
  work->model->signature = NULL;
  return tn_verify_module(module, sink);
}

tn_status tn_model_bind(tn_model *model, const tn_arrays *weights) {
  return tn_driver_do(model->context, do_bind, &(bind_work){model, weights});
}

/* ---- text ---- */

static tn_constants_mode constants_mode(tn_constants_form form) {
  switch (form) {
  case TN_FORM_INLINE: return TN_CONSTANTS_INLINE;
  case TN_FORM_FILE: return TN_CONSTANTS_FILE;
  case TN_FORM_ELIDE: return TN_CONSTANTS_ELIDE;
  }
  return TN_CONSTANTS_INLINE;
}

static void print_model(const tn_model *model, tn_constants_form form, tn_text *text,
                        tn_print_options *options) {
  *options = (tn_print_options){.constants = constants_mode(form)};
  if (model->module)
    tn_print_module(text, model->module, options);
  else
    tn_plan_print(text, model->plan, options);
}

/* A dump's text carries where it is from; the module does not. */
static void print_with_place(const tn_model *model, tn_constants_form form, tn_text *text,
                             tn_print_options *options) {
  tn_module *module = model->module;
  const char *attributes = module ? module->frontend_attributes : NULL;
  if (module && model->place) tn_place_write(module, model->place);
  print_model(model, form, text, options);
  if (module) module->frontend_attributes = attributes;
}

/* Side files are named by their content: one that is there, as long as it should be, is it. */
static bool write_side_file(tn_context *context, const char *directory, const tn_side_file *file) {
  const char *path = tn_arena_printf(context->scratch, "%s/%s", directory, file->name);
  struct stat info;
  if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == file->count) return true;
  tn_str bytes = {file->bytes, file->count};
  return tn_file_write(&context->sink, path, &bytes, 1, false);
}

bool tn_driver_write(const tn_model *model, const char *path, tn_constants_form form, tn_text *text) {
  tn_context *context = model->context;
  tn_print_options options;
  print_with_place(model, form, text, &options);
  const char *directory = directory_of(context->scratch, path);
  for (int i = 0; i < options.side_files.count; i++)
    if (!write_side_file(context, directory, &options.side_files.at[i])) return false;
  return tn_file_write(&context->sink, path, &(tn_str){text->bytes, text->length}, 1, false);
}

typedef struct {
  tn_model *model;
  const char *path;
  tn_constants_form form;
  tn_text text;
} text_work;

static bool do_write(void *argument) {
  text_work *work = argument;
  return tn_driver_write(work->model, work->path, work->form, &work->text);
}

tn_status tn_model_write(tn_model *model, const char *path, tn_constants_form form) {
  text_work work = {.model = model, .path = path, .form = form};
  tn_status status = tn_driver_do(model->context, do_write, &work);
  tn_text_free(&work.text);
  return status;
}

static bool do_text(void *argument) {
  text_work *work = argument;
  tn_print_options options;
  if (work->form == TN_FORM_FILE)
    return tn_error(&work->model->context->sink, TN_USAGE, TN_NOWHERE,
                    "text in memory has no files beside it");
  print_model(work->model, work->form, &work->text, &options);
  tn_text_put(&work->text, "");
  return true;
}

tn_status tn_model_text(tn_model *model, tn_constants_form form, char **text, size_t *length) {
  text_work work = {.model = model, .form = form};
  tn_status status = tn_driver_do(model->context, do_text, &work);
  if (status != TN_OK) tn_text_free(&work.text);
  *text = status == TN_OK ? work.text.bytes : NULL;
  *length = status == TN_OK ? work.text.length : 0;
  return status;
}

void tn_text_destroy(char *text) { free(text); }

typedef struct {
  tn_model *model;
  const char *path, *format, *title;
  tn_text text;
} view_work;

static bool do_view(void *argument) {
  view_work *work = argument;
  tn_diagnostics *sink = &work->model->context->sink;
  tn_module *module = work->model->module;
  if (!module) return tn_error(sink, TN_USAGE, TN_NOWHERE, "view: a plan is no graph");
  if (strcmp(work->format, "dot") == 0)
    tn_graph_dot(&work->text, module);
  else if (strcmp(work->format, "html") == 0)
    tn_graph_page(&work->text, module, work->title);
  else
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "view '%s' is unknown; there are dot and html", work->format);
  return tn_file_write(sink, work->path, &(tn_str){work->text.bytes, work->text.length}, 1, false);
}

tn_status tn_model_view(tn_model *model, const char *path, const char *format, const char *title) {
  view_work work = {.model = model, .path = path, .format = format, .title = title ? title : ""};
  tn_status status = tn_driver_do(model->context, do_view, &work);
  tn_text_free(&work.text);
  return status;
}
