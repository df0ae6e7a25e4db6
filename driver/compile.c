/* Artefacts: objects with their headers, shared libraries, programs, texts.
 *
 * Every file is written complete or not at all; where two belong together and the
 * second fails, the first goes again.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/compile.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "driver/exe_source.h"
#include "driver/link.h"
#include "driver/stream.h"
#include "ir/print.h"

typedef struct {
  tn_compilation all;
  const char *path;
  tn_text text;
} compile_work;

/* ---- what to make ---- */

static tn_emit emit_by_suffix(const char *path) {
  static const struct {
    const char *suffix;
    tn_emit emit;
  } kinds[] = {{".o", TN_EMIT_OBJECT},   {".so", TN_EMIT_SHARED}, {".s", TN_EMIT_ASSEMBLY},
               {".ll", TN_EMIT_LLVM},    {".hlo", TN_EMIT_HLO},   {".plan", TN_EMIT_PLAN},
               {".tns", TN_EMIT_STREAM}, {"", TN_EMIT_EXE}};
  if (strcmp(path, "-") == 0) return TN_EMIT_DEFAULT;
  const char *suffix = tn_path_suffix(path);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(suffix, kinds[i].suffix) == 0) return kinds[i].emit;
  return TN_EMIT_DEFAULT;
}

static bool is_identifier(const char *name) {
  if (!*name || (*name >= '0' && *name <= '9')) return false;
  return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

static bool settle_options(compile_work *work) {
  tn_compile_options *options = &work->all.options;
  tn_context *context = work->all.model->context;
  if (options->emit == TN_EMIT_DEFAULT) options->emit = emit_by_suffix(work->path);
  if (options->emit == TN_EMIT_DEFAULT)
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE,
                    "output '%s': its suffix names no kind of artefact; --emit chooses one", work->path);
  if (options->name && !is_identifier(options->name))
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "name '%s' is no C identifier", options->name);
  if (options->name && strcmp(options->name, "tn") == 0)
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "name 'tn' is that of the runtime's own types");
  if (!options->name) {
    bool standard = strcmp(work->path, "-") == 0;
    options->name =
        tn_symbol_name(context->scratch, standard ? "model" : tn_path_stem(context->scratch, work->path));
  }
  return true;
}

/* ---- files ---- */

static bool write_text(compile_work *work) {
  return tn_file_write(&work->all.model->context->sink, work->path,
                       &(tn_str){work->text.bytes, work->text.length}, 1, false);
}

static const char *beside(compile_work *work, const char *suffix) {
  size_t length = strlen(work->path) - strlen(tn_path_suffix(work->path));
  return tn_arena_printf(work->all.model->context->scratch, "%.*s%s", (int)length, work->path, suffix);
}

/* Standard output, a pipe or a device has nothing beside it. */
static bool stands_alone(const compile_work *work) {
  struct stat info;
  return strcmp(work->path, "-") == 0 ||
         (stat(work->path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
}

/* Before anything is written: whether the companions have places of their own. */
static bool check_companions(compile_work *work) {
  tn_diagnostics *sink = &work->all.model->context->sink;
  bool side_file = work->all.object.constants.length > 0;
  if (stands_alone(work))
    return !side_file ||
           tn_error(sink, TN_USAGE, TN_NOWHERE,
                    "output '%s': the constants are a file beside it, so it needs a name", work->path);
  const char *companion[] = {beside(work, ".h"), beside(work, ".bin")};
  for (int i = 0; i < 1 + side_file; i++)
    if (strcmp(companion[i], work->path) == 0)
      return tn_error(sink, TN_USAGE, TN_NOWHERE, "output '%s': the %s beside it has that name", work->path,
                      i ? "file of constants" : "header");
  return true;
}

/* The header and, if there is one, the side file; `path` goes if they fail. */
static bool write_companions(compile_work *work) {
  tn_diagnostics *sink = &work->all.model->context->sink;
  const tn_object *object = &work->all.object;
  if (stands_alone(work)) return true;
  tn_cpu_header(work->all.plan, &work->all.cpu, object, &work->text);
  bool done =
      tn_file_write(sink, beside(work, ".h"), &(tn_str){work->text.bytes, work->text.length}, 1, false);
  if (done && object->constants.length)
    done = tn_file_write(sink, beside(work, ".bin"), &object->constants, 1, false);
  if (!done) unlink(work->path);
  return done;
}

static bool emit_object(compile_work *work) {
  if (!tn_compilation_object(&work->all) || !check_companions(work)) return false;
  const tn_object *object = &work->all.object;
  return tn_file_write(&work->all.model->context->sink, work->path, object->pieces, object->n_pieces,
                       false) &&
         write_companions(work);
}

/* The object in a folder of its own, where a linker finds it. */
static const char *temporary_object(compile_work *work) {
  tn_context *context = work->all.model->context;
  if (!tn_compilation_object(&work->all)) return NULL;
  const char *folder = tn_link_folder(context->scratch, &context->sink);
  if (!folder) return NULL;
  const char *path = tn_arena_printf(context->scratch, "%s/%s.o", folder, work->all.options.name);
  const tn_object *object = &work->all.object;
  return tn_file_write(&context->sink, path, object->pieces, object->n_pieces, false) ? path : NULL;
}

/* The linker writes into its folder, where the object is; from there the file goes where
 * every other goes: whole, through links, and into devices instead of over them.        */
static bool link_into(compile_work *work, const char *object, const char **arguments, int count) {
  tn_context *context = work->all.model->context;
  const char *linked = tn_arena_printf(context->scratch, "%s.linked", object);
  arguments[0] = "-o";
  arguments[1] = linked;
  tn_str bytes;
  return tn_link_run(context->scratch, &context->sink, arguments, count) &&
         tn_file_map(context->scratch, &context->sink, linked, UINT64_MAX, &bytes) &&
         tn_file_write(&context->sink, work->path, &bytes, 1, true);
}

static bool emit_shared(compile_work *work) {
  const char *object = temporary_object(work);
  const char *arguments[] = {NULL, NULL, "-shared", object};
  return object && check_companions(work) && link_into(work, object, arguments, 4) && write_companions(work);
}

/* What the program's text asks of the model: its signature, and a call with the
 * pointers that it has in arrays. No NAME makes their names end as these do.      */
static void put_model_call(tn_text *out, const char *name, const tn_plan *plan) {
  int pointers = plan->n_parameters + plan->n_results;
  tn_text_printf(out, "\nextern const tn_signature %s_signature;\nint %s_run(", name, name);
  for (int i = 0; i < plan->n_parameters; i++) tn_text_put(out, "const void *, ");
  for (int i = 0; i < plan->n_results; i++) tn_text_put(out, "void *, ");
  tn_text_put(out, "void *, size_t, const tn_exec *);\n\n");
  tn_text_printf(out, "const tn_signature *signature_of_model(void) { return &%s_signature; }\n\n", name);
  tn_text_put(
      out, "int call_model(const void *const *parameters, void *const *results, void *arena, size_t size,\n"
           "               const tn_exec *exec) {\n  (void)parameters, (void)results;\n");
  tn_text_printf(out, "  return %s_run(", name);
  for (int i = 0; i < pointers; i++)
    if (i < plan->n_parameters)
      tn_text_printf(out, "parameters[%d], ", i);
    else
      tn_text_printf(out, "results[%d], ", i - plan->n_parameters);
  tn_text_put(out, "arena, size, exec);\n}\n");
}

/* The program around the model is C, compiled here. */
static bool emit_exe(compile_work *work) {
  tn_context *context = work->all.model->context;
  const char *object = temporary_object(work);
  if (!object) return false;
  if (work->all.object.constants.length)
    return tn_error(&context->sink, TN_UNSUPPORTED, TN_NOWHERE,
                    "a program holds its constants, but these are a file of their own; emit an object");
  const char *source = tn_arena_printf(context->scratch, "%.*s.main.c", (int)strlen(object) - 2, object);
  put_model_call(&work->text, work->all.options.name, work->all.plan);
  tn_str pieces[] = {{(const char *)tn_exe_source, tn_exe_source_size},
                     {work->text.bytes, work->text.length}};
  if (!tn_file_write(&context->sink, source, pieces, 2, false)) return false;
  const char *arguments[] = {NULL, NULL, "-O2", "-D_GNU_SOURCE", source, object, "-lpthread", "-lm"};
  return link_into(work, object, arguments, 8);
}

static bool emit_hlo(compile_work *work) {
  tn_context *context = work->all.model->context;
  if (!tn_compilation_optimise(&work->all)) return false;
  tn_model optimised = {.context = context, .module = work->all.module};
  return tn_driver_write(&optimised, work->path, work->all.options.constants, &work->text);
}

static bool emit_plan(compile_work *work) {
  tn_context *context = work->all.model->context;
  if (!tn_compilation_plan(&work->all)) return false;
  tn_model planned = {.context = context, .plan = work->all.plan};
  return tn_driver_write(&planned, work->path, work->all.options.constants, &work->text);
}

static bool emit_code_text(compile_work *work, bool assembly) {
  tn_diagnostics *sink = &work->all.model->context->sink;
  if (!tn_compilation_object(&work->all)) return false;
  bool made = assembly ? tn_cpu_assembly(work->all.plan, &work->all.cpu, &work->text, sink)
                       : tn_cpu_llvm(work->all.plan, &work->all.cpu, &work->text, sink);
  return made && write_text(work);
}

/* The library first: a stream that names one that is not there is of no use. */
static bool emit_stream(compile_work *work) {
  tn_context *context = work->all.model->context;
  const char *library = beside(work, ".host.so");
  tn_stream_compilation streaming = {.all = work->all};
  bool made = tn_stream_compile(&streaming);
  work->all = streaming.all;
  if (made && streaming.library && stands_alone(work))
    made = tn_error(&context->sink, TN_USAGE, TN_NOWHERE,
                    "output '%s': the host's functions are a file beside it, so it needs a name", work->path);
  bool has_library = made && streaming.library;
  if (has_library) made = tn_file_write(&context->sink, library, &streaming.library_bytes, 1, true);
  has_library = has_library && made;
  tn_str bytes = {streaming.bytes.bytes, streaming.bytes.length};
  if (made) made = tn_file_write(&context->sink, work->path, &bytes, 1, false);
  if (has_library && !made) unlink(library);
  tn_text_free(&streaming.bytes);
  return made;
}

static bool emit(compile_work *work) {
  switch (work->all.options.emit) {
  case TN_EMIT_OBJECT: return emit_object(work);
  case TN_EMIT_SHARED: return emit_shared(work);
  case TN_EMIT_EXE: return emit_exe(work);
  case TN_EMIT_ASSEMBLY: return emit_code_text(work, true);
  case TN_EMIT_LLVM: return emit_code_text(work, false);
  case TN_EMIT_HLO: return emit_hlo(work);
  case TN_EMIT_PLAN: return emit_plan(work);
  case TN_EMIT_STREAM: return emit_stream(work);
  case TN_EMIT_DEFAULT: break;
  }
  return tn_error(&work->all.model->context->sink, TN_USAGE, TN_NOWHERE, "unknown kind of artefact %d",
                  (int)work->all.options.emit);
}

static bool do_compile(void *argument) {
  compile_work *work = argument;
  return settle_options(work) && emit(work);
}

tn_status tn_compile_file(tn_model *model, const tn_compile_options *options, const char *path,
                          tn_compile_report *report) {
  static const tn_compile_options defaults = {.passes.level = 2};
  compile_work work = {.all = {.model = model, .options = options ? *options : defaults}, .path = path};
  double start = tn_seconds_now();
  tn_status status = tn_driver_do(model->context, do_compile, &work);
  work.all.report.seconds = tn_seconds_now() - start;
  if (report) *report = work.all.report;
  tn_text_free(&work.text);
  tn_compilation_end(&work.all);
  return status;
}
