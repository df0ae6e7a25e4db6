/* Compiled models in this process: code in memory, shared libraries, objects (linked to
 * a library first), called through libffi from their signature; streams, on a device.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <dlfcn.h>
#include <ffi.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "driver/compile.h"
#include "driver/link.h"
#include "driver/program.h"
#include "driver/stream.h"
#include "driver/symbols.h"
#include "tenon/pool.h"

struct tn_program {
  tn_context *context;
  tn_arena *arena; /* holds the program itself */
  tn_image *image; /* code in memory, or */
  void *library;   /* dlopen's, or */
  tn_device *device;
  const tn_signature *signature;
  void (*run)(void);
  const void *constants;                              /* the side file; NULL: none */
  const tn_shape **parameter_shapes, **result_shapes; /* with layouts */
  ffi_cif cif;
};

static tn_program *new_program(tn_context *context) {
  tn_arena *arena = tn_arena_create();
  tn_program *program = TN_NEW(arena, tn_program);
  program->context = context;
  program->arena = arena;
  return program;
}

void tn_program_destroy(tn_program *program) {
  if (!program) return;
  tn_image_unload(program->image);
  if (program->library) dlclose(program->library);
  if (program->device) tn_device_close(program->device);
  tn_arena_destroy(program->arena);
}

/* int run(parameters…, results…, [constants,] arena, size, exec) */
static bool prepare_call(tn_program *program) {
  const tn_signature *signature = program->signature;
  int pointers = signature->parameter_count + signature->result_count + (program->constants != NULL);
  ffi_type **types = TN_NEW_ARRAY(program->arena, ffi_type *, pointers + 3);
  for (int i = 0; i < pointers + 3; i++) types[i] = &ffi_type_pointer;
  types[pointers + 1] = sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
  if (ffi_prep_cif(&program->cif, FFI_DEFAULT_ABI, (unsigned)pointers + 3, &ffi_type_sint, types) == FFI_OK)
    return true;
  return tn_error(&program->context->sink, TN_BUG, TN_NOWHERE, "libffi refuses a call of %d pointers",
                  pointers + 2);
}

static bool check_signature(tn_program *program, const char *file) {
  tn_diagnostics *sink = &program->context->sink;
  if (!program->signature || !program->run)
    return tn_error(sink, TN_INVALID, (tn_location){.file = file}, "no compiled model is in it");
  if (program->signature->version != 1)
    return tn_error(sink, TN_UNSUPPORTED, (tn_location){.file = file},
                    "signature version %u, this version knows 1", program->signature->version);
  return true;
}

/* ---- layouts ---- */

/* A signature tells the order of dims, not tiles: of a model in this process they are
 * known from its plan; with a file they are refused when an array is bigger than its
 * elements.                                                                          */
static bool value_shapes(tn_program *program, int count, const tn_value *values, const tn_plan *plan,
                         const int *buffers, const tn_shape ***shapes) {
  *shapes = TN_NEW_ARRAY(program->arena, const tn_shape *, count);
  for (int i = 0; i < count; i++) {
    (*shapes)[i] = plan ? tn_shape_clone(program->arena, plan->buffers[buffers[i]].shape)
                        : tn_driver_value_shape(program->arena, &values[i]);
    if (tn_layout_bytes((*shapes)[i]) != values[i].bytes)
      return tn_error(&program->context->sink, TN_UNSUPPORTED, TN_NOWHERE,
                      "'%s' has a tiled layout, which the signature does not tell", values[i].name);
  }
  return true;
}

static bool find_shapes(tn_program *program, const tn_plan *plan) {
  const tn_signature *signature = program->signature;
  return value_shapes(program, signature->parameter_count, signature->parameters, plan,
                      plan ? plan->parameters : NULL, &program->parameter_shapes) &&
         value_shapes(program, signature->result_count, signature->results, plan, plan ? plan->results : NULL,
                      &program->result_shapes);
}

/* ---- from a model ---- */

typedef struct {
  tn_compilation all;
  tn_program *program;
} compile_work;

static void find_symbols(tn_program *program, const char *name,
                         void *(*find)(const tn_program *, const char *)) {
  tn_arena *arena = program->arena;
  program->signature = find(program, tn_arena_printf(arena, "%s_signature", name));
  void *run = find(program, tn_arena_printf(arena, "%s_run", name));
  memcpy(&program->run, &run, sizeof run); /* POSIX: an object pointer holds a function's */
}

static void *image_symbol(const tn_program *program, const char *name) {
  return tn_image_symbol(program->image, name);
}

static void *library_symbol(const tn_program *program, const char *name) {
  return dlsym(program->library, name);
}

static const char image_name[] = "model";

/* The object's code in this process. */
static tn_program *load(tn_context *context, const tn_plan *plan, const tn_object *object) {
  tn_program *program = new_program(context);
  const tn_str *constants = &object->constants; /* over 1 GiB they are apart */
  if (constants->length) program->constants = tn_arena_copy(program->arena, constants->at, constants->length);
  program->image = tn_cpu_load(object, &context->sink);
  if (program->image) find_symbols(program, image_name, image_symbol);
  if (program->image && check_signature(program, image_name) && find_shapes(program, plan) &&
      prepare_call(program))
    return program;
  tn_program_destroy(program);
  return NULL;
}

tn_program *tn_program_of_plan(tn_context *context, tn_plan *plan, int level) {
  tn_cpu_options options = {.name = image_name, .optimisation = level < 1 ? 1 : level};
  tn_object object = {0};
  if (!tn_cpu_compile(plan, &options, &object, &context->sink)) return NULL;
  return load(context, plan, &object);
}

/* The library stays mapped when its folder is gone. */
static bool load_stream(tn_program *program, const char *file, tn_str bytes, const char *library) {
  tn_arena *arena = program->arena;
  bytes.at = tn_arena_copy(arena, bytes.at, bytes.length);
  const tn_stream *stream =
      tn_driver_read_stream(program->context, arena, tn_arena_string(arena, file), bytes);
  return stream &&
         tn_driver_load_stream(program->context, arena, stream, library, TN_DEVICE_FUNCTIONAL,
                               &program->device, &program->signature) &&
         find_shapes(program, NULL);
}

static bool compile_stream(compile_work *work) {
  tn_stream_compilation streaming = {.all = work->all};
  bool made = tn_stream_compile(&streaming);
  work->all = streaming.all;
  if (made) {
    work->program = new_program(work->all.model->context);
    made = load_stream(work->program, image_name, (tn_str){streaming.bytes.bytes, streaming.bytes.length},
                       streaming.library);
  }
  tn_text_free(&streaming.bytes);
  return made;
}

static bool do_compile(void *argument) {
  compile_work *work = argument;
  tn_context *context = work->all.model->context;
  work->all.options.name = image_name;
  work->all.options.side_file = false;
  if (tn_target_names_array(work->all.options.target)) return compile_stream(work);
  if (!tn_compilation_plan(&work->all)) return false;
  if (!tn_cpu_runs_here(work->all.plan->target))
    return tn_error(&context->sink, TN_UNSUPPORTED, TN_NOWHERE, "this machine cannot run code for %s",
                    work->all.plan->target->name);
  if (!tn_compilation_object(&work->all)) return false;
  work->program = load(context, work->all.plan, &work->all.object);
  return work->program != NULL;
}

tn_status tn_compile_program(tn_model *model, const tn_compile_options *options, tn_program **program,
                             tn_compile_report *report) {
  static const tn_compile_options defaults = {.passes.level = 2};
  compile_work work = {.all = {.model = model, .options = options ? *options : defaults}};
  tn_status status = tn_driver_do(model->context, do_compile, &work);
  if (report) *report = work.all.report;
  tn_compilation_end(&work.all);
  if (status != TN_OK) tn_program_destroy(work.program);
  *program = status == TN_OK ? work.program : NULL;
  return status;
}

/* ---- from a file ---- */

typedef struct {
  tn_context *context;
  const char *path, *name;
  tn_program *program;
} open_work;

/* A library made of the object, in a folder that lives until the call ends: the
 * mapping outlives the file.                                                      */
static const char *link_library(open_work *work) {
  tn_arena *scratch = work->context->scratch;
  const char *folder = tn_link_folder(scratch, &work->context->sink);
  if (!folder) return NULL;
  const char *path = tn_arena_printf(scratch, "%s/model.so", folder);
  const char *arguments[] = {"-shared", "-o", path, work->path};
  return tn_link_run(scratch, &work->context->sink, arguments, 4) ? path : NULL;
}

/* The side file's first bytes repeat the hash of those after them, which is the
 * signature's (codegen/cpu/constants.c).                                           */
enum { CONSTANTS_HEAD = 64 };

static bool holds_constants(const tn_signature *signature, tn_str bytes) {
  if ((int64_t)bytes.length != signature->constant_bytes || bytes.length < CONSTANTS_HEAD) return false;
  tn_hash hash = tn_hash_bytes(bytes.at + CONSTANTS_HEAD, bytes.length - CONSTANTS_HEAD);
  return hash.high == signature->constant_hash[0] && hash.low == signature->constant_hash[1];
}

static bool map_constants(open_work *work) {
  tn_program *program = work->program;
  const tn_signature *signature = program->signature;
  tn_diagnostics *sink = &work->context->sink;
  if (!signature->constant_bytes) return true;
  size_t stem = strlen(work->path) - strlen(tn_path_suffix(work->path));
  const char *path = tn_arena_printf(program->arena, "%.*s.bin", (int)stem, work->path);
  tn_str bytes;
  if (!tn_file_map(program->arena, sink, path, (uint64_t)work->context->limits.max_file_size, &bytes))
    return false;
  if (!holds_constants(signature, bytes))
    return tn_error(sink, TN_INVALID, (tn_location){.file = path}, "these are not the constants of '%s'",
                    work->path);
  program->constants = bytes.at;
  return true;
}

/* The library is looked at if the stream calls functions of it. */
static bool open_stream(open_work *work, tn_str bytes) {
  work->program = new_program(work->context);
  return load_stream(work->program, work->path, bytes,
                     tn_driver_library_beside(work->context->scratch, work->path));
}

static bool do_open(void *argument) {
  open_work *work = argument;
  tn_context *context = work->context;
  tn_location file = {.file = work->path};
  tn_str bytes;
  tn_elf_model elf;
  if (!tn_file_map(context->scratch, &context->sink, work->path, (uint64_t)context->limits.max_file_size,
                   &bytes))
    return false;
  if (tn_file_kind_of(work->path) == TN_FILE_STREAM) return open_stream(work, bytes);
  if (!tn_elf_read(context->scratch, &context->sink, work->path, bytes, &elf)) return false;
  const char *name = work->name ? work->name : elf.name;
  if (!name) return tn_error(&context->sink, TN_INVALID, file, "no compiled model is in it");
  const char *library = elf.relocatable ? link_library(work) : work->path;
  if (!library) return false;
  tn_program *program = work->program = new_program(context);
  char *full = realpath(library, NULL); /* without a slash dlopen would search */
  program->library = full ? dlopen(full, RTLD_NOW | RTLD_LOCAL) : NULL;
  free(full);
  if (!program->library) return tn_error(&context->sink, TN_INVALID, file, "cannot be loaded: %s", dlerror());
  find_symbols(program, name, library_symbol);
  return check_signature(program, work->path) && find_shapes(program, NULL) && map_constants(work) &&
         prepare_call(program);
}

tn_status tn_program_open(tn_context *context, const char *path, const char *name, tn_program **program) {
  open_work work = {.context = context, .path = path, .name = name};
  tn_status status = tn_driver_do(context, do_open, &work);
  if (status != TN_OK) tn_program_destroy(work.program);
  *program = status == TN_OK ? work.program : NULL;
  return status;
}

/* ---- calling ---- */

const tn_signature *tn_program_signature(const tn_program *program) { return program->signature; }
tn_context *tn_program_context(const tn_program *program) { return program->context; }

enum { MOST_ON_STACK = 256 };

int tn_program_call(const tn_program *program, const void *const *parameters, void *const *results,
                    void *arena, size_t arena_size, const tn_exec *exec) {
  const tn_signature *signature = program->signature;
  if (program->device)
    return tn_driver_run_stream(program->context, program->device, parameters, results) ? 0 : TN_E_NULL;
  int count = signature->parameter_count + signature->result_count + 4, used = 0;
  void *on_stack[MOST_ON_STACK], **values = on_stack;
  if (count > MOST_ON_STACK && !(values = malloc((size_t)count * sizeof *values))) return TN_E_NULL;
  for (int i = 0; i < signature->parameter_count; i++) values[used++] = (void *)&parameters[i];
  for (int i = 0; i < signature->result_count; i++) values[used++] = (void *)&results[i];
  if (program->constants) values[used++] = (void *)&program->constants;
  values[used++] = &arena;
  values[used++] = &arena_size;
  values[used++] = (void *)&exec;
  ffi_arg code = 0;
  ffi_call((ffi_cif *)&program->cif, program->run, &code, values);
  if (values != on_stack) free(values);
  return (int)code;
}

/* ---- arrays in, arrays out ---- */

typedef struct {
  tn_program *program;
  const tn_arrays *arguments;
  int32_t threads;
  tn_pool *pool;
  tn_arrays *results;
} run_work;

enum { ALIGNMENT = 64 };

static void *aligned(tn_arena *arena, size_t bytes) {
  uintptr_t at = (uintptr_t)tn_arena_alloc_raw(arena, bytes + ALIGNMENT);
  return (void *)((at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

/* The argument in the layout of the signature; viewed where that is row-major and the
 * data is aligned.                                                                    */
static const void *pack_argument(run_work *work, int number) {
  tn_context *context = work->program->context;
  tn_arena *scratch = context->scratch;
  const tn_value *value = &work->program->signature->parameters[number];
  const tn_shape *shape = work->program->parameter_shapes[number];
  tn_literal *literal = tn_driver_argument(scratch, context, work->arguments, number, shape);
  if (!literal) return NULL;
  bool row_major = tn_layout_is_row_major(shape);
  if (row_major && (uintptr_t)literal->data % ALIGNMENT == 0) return literal->data;
  void *packed = aligned(scratch, (size_t)value->bytes);
  if (row_major)
    memcpy(packed, literal->data, (size_t)value->bytes);
  else
    tn_layout_pack(shape, literal->data, packed);
  return packed;
}

static void unpack_results(run_work *work, void *const *data) {
  tn_context *context = work->program->context;
  const tn_signature *signature = work->program->signature;
  work->results = tn_driver_new_arrays(context);
  for (int i = 0; i < signature->result_count; i++) {
    const tn_shape *shape = work->program->result_shapes[i];
    tn_literal literal = {.shape = shape, .data = data[i]};
    if (!tn_layout_is_row_major(shape)) {
      void *logical = tn_arena_alloc_raw(context->scratch, (size_t)tn_shape_bytes(shape));
      tn_layout_unpack(shape, data[i], logical);
      literal.data = logical;
    }
    tn_driver_append_literal(work->results, signature->results[i].name, &literal);
  }
}

static const char *code_name(int code) {
  static const char *const names[] = {"0",          "TN_E_NULL",    "TN_E_ALIGNMENT",
                                      "TN_E_ARENA", "TN_E_THREADS", "TN_E_CONSTANTS"};
  return code >= 0 && code < (int)(sizeof names / sizeof *names) ? names[code] : "an unknown code";
}

static bool do_run(void *argument) {
  run_work *work = argument;
  tn_context *context = work->program->context;
  const tn_signature *signature = work->program->signature;
  const void **parameters = TN_NEW_ARRAY(context->scratch, const void *, signature->parameter_count);
  void **results = TN_NEW_ARRAY(context->scratch, void *, signature->result_count);
  for (int i = 0; i < signature->parameter_count; i++) {
    parameters[i] = pack_argument(work, i);
    if (!parameters[i]) return false;
  }
  for (int i = 0; i < signature->result_count; i++)
    results[i] = aligned(context->scratch, (size_t)signature->results[i].bytes);
  work->pool = work->threads > 1 ? tn_pool_create(work->threads) : NULL;
  const tn_exec *exec = work->pool ? tn_pool_exec(work->pool) : NULL;
  size_t size =
      (size_t)(signature->arena_bytes + signature->arena_bytes_per_thread * (exec ? exec->threads : 1));
  void *arena = aligned(context->scratch, size);
  int code = tn_program_call(work->program, parameters, results, arena, size, exec);
  if (code && work->program->device) return false; /* reported */
  if (code)
    return tn_error(&context->sink, TN_BUG, TN_NOWHERE, "%s_run returned %s", signature->name,
                    code_name(code));
  unpack_results(work, results);
  return true;
}

tn_status tn_program_run(tn_program *program, const tn_arrays *arguments, int32_t threads,
                         tn_arrays **results) {
  run_work work = {.program = program, .arguments = arguments, .threads = threads};
  tn_status status = tn_driver_do(program->context, do_run, &work);
  tn_pool_destroy(work.pool);
  if (status != TN_OK) tn_arrays_destroy(work.results);
  *results = status == TN_OK ? work.results : NULL;
  return status;
}
