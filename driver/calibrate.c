/* Calibration: what values are between, over samples.
 *
 *   samples [256,8,8,1] of x: f32[1,8,8,1]
 *   probe = the module with results (min(v0), max(v0), min(v1), …) in place of its own
 *   v0: frontend_attributes={tenon.range="-1.5,2.25"}
 *
 * The probe is compiled like any model and runs once a sample; where the parameter's leading
 * dim is a batch of B, once for every B samples, and the last batch is filled up with the first
 * samples. Minima and maxima do not depend on threads or targets' order, but on rounding: the
 * same machine gives the same ranges. A value that is infinite or no number in some sample has no
 * range and stays a float; a warning says so.
 * Where ranges are cut (threshold.c) a second probe gives the values themselves, whose sizes are
 * counted in bins.
 * Cost: the model once a sample, or twice.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/calibrate.h"

#include <math.h>
#include <stdio.h>

#include "passes/make.h"
#include "passes/quantize_scheme.h"

/* Of one parameter. */
typedef struct {
  const tn_array *array;
  int64_t batch; /* samples of one run; 0: the samples stand in front of the parameter's dims */
} source;

typedef struct {
  tn_model *model;
  const tn_arrays *data;
  const tn_cut *cut;
  tn_model *probe;
  bool whole;                     /* the probe's results are the values themselves */
  int64_t (*counts)[TN_CUT_BINS]; /* of sizes; where ranges are cut */
  tn_arena *arena;
  tn_inst **wanted;
  tn_range *ranges;
  bool *known;
  int count;
  source *sources;
  int64_t samples, runs;
} calibration;

/* ---- the probe ---- */

static tn_inst *extreme(tn_site site, tn_inst *value, tn_op op) {
  int64_t dims[TN_MOST_DIMS];
  for (int d = 0; d < value->shape->rank; d++) dims[d] = d;
  tn_inst *start = tn_make_scalar(site, TN_F32, op == TN_OP_MAXIMUM ? -INFINITY : INFINITY);
  return tn_build_reduce(site.comp, site.before, value, start, tn_make_dims(site, value->shape->rank, dims),
                         tn_make_binary_comp(site, op, TN_F32));
}

static bool do_want(void *argument) {
  calibration *c = argument;
  c->wanted = tn_quantize_wanted(c->model->module, c->arena, &c->count);
  c->ranges = TN_NEW_ARRAY(c->arena, tn_range, c->count);
  c->known = TN_NEW_ARRAY(c->arena, bool, c->count);
  for (int i = 0; i < c->count; i++) {
    c->ranges[i] = (tn_range){INFINITY, -INFINITY};
    c->known[i] = true;
  }
  return true;
}

static bool do_probe(void *argument) {
  calibration *c = argument;
  tn_module *module = c->probe->module;
  tn_comp *entry = module->entry;
  TN_VEC(tn_inst *) results = {0};
  for (int i = 0; i < c->count; i++) {
    const char *name = c->wanted[i]->name;
    tn_inst *value = tn_comp_find_inst(entry, (tn_str){name, strlen(name)});
    tn_site site = {entry, NULL, value};
    TN_PUSH(c->arena, &results, c->whole ? value : extreme(site, value, TN_OP_MINIMUM));
    if (!c->whole) TN_PUSH(c->arena, &results, extreme(site, value, TN_OP_MAXIMUM));
  }
  entry->root = tn_build_tuple(entry, NULL, results.count, results.at);
  module->entry_parameters = module->entry_result = NULL;
  module->spmd_parameters = module->spmd_output = NULL;
  module->aliases.count = module->donors.count = 0;
  module->is_scheduled = false;
  c->probe->signature = NULL;
  return true;
}

/* ---- samples ---- */

static const tn_array *array_of(const calibration *c, const tn_signature *signature, int parameter) {
  char numbered[16];
  snprintf(numbered, sizeof numbered, "p%d", parameter);
  const tn_array *array = tn_arrays_find(c->data, signature->parameters[parameter].name);
  return array ? array : tn_arrays_find(c->data, numbered);
}

static bool same_dims(const int64_t *a, const int64_t *b, int count) {
  for (int i = 0; i < count; i++)
    if (a[i] != b[i]) return false;
  return true;
}

static const char *dims_text(tn_arena *arena, const char *type, int rank, const int64_t *dims) {
  tn_type known = tn_type_from_name((tn_str){type, strlen(type)});
  return tn_shape_text(arena, tn_shape_array(arena, known, rank, dims));
}

static bool find_source(calibration *c, const tn_signature *signature, int number) {
  tn_diagnostics *sink = &c->model->context->sink;
  const tn_value *value = &signature->parameters[number];
  source *from = &c->sources[number];
  from->array = array_of(c, signature, number);
  if (!from->array)
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "calibration: parameter '%s' has no key in the data",
                    value->name);
  const tn_array *array = from->array;
  bool batched = array->rank == value->rank && value->rank && value->dims[0] > 0 &&
                 same_dims(array->dims + 1, value->dims + 1, value->rank - 1);
  bool single = array->rank == value->rank + 1 && same_dims(array->dims + 1, value->dims, value->rank);
  if (!batched && !single)
    return tn_error(sink, TN_INVALID, TN_NOWHERE,
                    "calibration: '%s' is %s, its parameter %s, with samples in the leading dimension",
                    array->name, dims_text(c->arena, array->type, array->rank, array->dims),
                    dims_text(c->arena, value->type, value->rank, value->dims));
  from->batch = batched ? value->dims[0] : 0;
  int64_t runs = batched ? (array->dims[0] + value->dims[0] - 1) / value->dims[0] : array->dims[0];
  if (array->dims[0] < 1)
    return tn_error(sink, TN_INVALID, TN_NOWHERE, "calibration: '%s' has no samples", array->name);
  if (number && runs != c->runs)
    return tn_error(sink, TN_INVALID, TN_NOWHERE,
                    "calibration: '%s' has samples for %lld runs, '%s' for %lld", array->name,
                    (long long)runs, c->sources[0].array->name, (long long)c->runs);
  c->runs = runs;
  return true;
}

/* Of the parameter that this array of the data would be for; NULL: there is none. */
static const char *parameter_of(const tn_signature *signature, const tn_array *array) {
  char numbered[16];
  for (int p = 0; p < signature->parameter_count; p++) {
    const char *name = signature->parameters[p].name;
    snprintf(numbered, sizeof numbered, "p%d", p);
    if (!strcmp(array->name, name) || !strcmp(array->name, numbered)) return name;
  }
  return NULL;
}

/* Keys rN are passed over, as they are in --in. */
static bool all_known(const calibration *c, const tn_signature *signature) {
  for (int i = 0; i < tn_arrays_count(c->data); i++) {
    const tn_array *array = tn_arrays_at(c->data, i);
    bool used = array->name[0] == 'r' && array->name[1] >= '0' && array->name[1] <= '9';
    for (int p = 0; p < signature->parameter_count; p++) used = used || c->sources[p].array == array;
    if (used) continue;
    const char *name = parameter_of(signature, array);
    return tn_error(&c->model->context->sink, TN_USAGE, TN_NOWHERE,
                    name ? "calibration: '%s': parameter '%s' is given twice"
                         : "calibration: there is no parameter '%s'",
                    array->name, name);
  }
  return true;
}

static bool do_find(void *argument) {
  calibration *c = argument;
  const tn_signature *signature = tn_driver_module_signature(c->arena, c->probe->module);
  c->sources = TN_NEW_ARRAY(c->arena, source, signature->parameter_count);
  c->runs = 1;
  for (int i = 0; i < signature->parameter_count; i++)
    if (!find_source(c, signature, i)) return false;
  return all_known(c, signature);
}

/* The arguments of one run. */
static tn_status draw_run(const calibration *c, const tn_signature *signature, int64_t run,
                          tn_arrays **arguments) {
  tn_status status = tn_arrays_create(c->model->context, arguments);
  tn_arena *scratch = tn_arena_create();
  for (int i = 0; status == TN_OK && i < signature->parameter_count; i++) {
    const source *from = &c->sources[i];
    const tn_value *value = &signature->parameters[i];
    int64_t samples = from->array->dims[0], bytes = from->array->bytes / samples,
            batch = from->batch ? from->batch : 1;
    char *data = tn_arena_alloc(scratch, (size_t)(bytes * batch) + 1);
    for (int64_t k = 0; k < batch; k++)
      memcpy(data + k * bytes, (const char *)from->array->data + (run * batch + k) % samples * bytes,
             (size_t)bytes);
    tn_array array = {.name = value->name,
                      .type = from->array->type,
                      .rank = value->rank,
                      .dims = value->dims,
                      .data = data,
                      .bytes = bytes * batch};
    status = tn_arrays_add(*arguments, &array);
  }
  tn_arena_destroy(scratch);
  return status;
}

static void take_extremes(calibration *c, const tn_arrays *results, int64_t run) {
  for (int i = 0; i < c->count; i++) {
    double low = *(const float *)tn_arrays_at(results, 2 * i)->data,
           high = *(const float *)tn_arrays_at(results, 2 * i + 1)->data;
    if (!c->known[i]) continue;
    c->known[i] = isfinite(low) && isfinite(high);
    if (!c->known[i])
      tn_warning(&c->model->context->sink, c->wanted[i]->location,
                 "calibration: '%s' is not finite in run %lld; it stays a float", c->wanted[i]->name,
                 (long long)run);
    c->ranges[i].low = fmin(c->ranges[i].low, low);
    c->ranges[i].high = fmax(c->ranges[i].high, high);
  }
}

static void count_sizes(calibration *c, const tn_arrays *results) {
  for (int i = 0; i < c->count; i++) {
    const tn_array *array = tn_arrays_at(results, i);
    const float *values = array->data;
    double largest = fmax(fabs(c->ranges[i].low), fabs(c->ranges[i].high));
    if (!c->known[i] || !(largest > 0)) continue;
    for (int64_t k = 0; k < array->bytes / 4; k++) {
      double bin = fabs((double)values[k]) / largest * TN_CUT_BINS;
      c->counts[i][bin < TN_CUT_BINS ? (int)bin : TN_CUT_BINS - 1]++;
    }
  }
}

static tn_status run_samples(calibration *c, tn_program *program) {
  tn_status status = TN_OK;
  for (int64_t run = 0; status == TN_OK && run < c->runs; run++) {
    tn_arrays *arguments = NULL, *results = NULL;
    status = draw_run(c, tn_program_signature(program), run, &arguments);
    if (status == TN_OK) status = tn_program_run(program, arguments, 1, &results);
    if (status == TN_OK && c->whole) count_sizes(c, results);
    if (status == TN_OK && !c->whole) take_extremes(c, results, run);
    tn_arrays_destroy(arguments);
    tn_arrays_destroy(results);
  }
  return status;
}

/* ---- the whole ---- */

/* Every sample once, through a probe that is made for it. */
static tn_status run_probe(calibration *c) {
  tn_program *program = NULL;
  tn_status status = tn_model_clone(c->model, &c->probe);
  if (status == TN_OK && !c->sources) status = tn_driver_do(c->model->context, do_find, c);
  if (status == TN_OK) status = tn_driver_do(c->model->context, do_probe, c);
  if (status == TN_OK) status = tn_compile_program(c->probe, NULL, &program, NULL);
  if (status == TN_OK) status = run_samples(c, program);
  tn_program_destroy(program);
  tn_model_destroy(c->probe);
  c->probe = NULL;
  return status;
}

static void cut_ranges(calibration *c) {
  for (int i = 0; i < c->count; i++) {
    tn_range *range = &c->ranges[i];
    double largest = fmax(fabs(range->low), fabs(range->high)),
           most = tn_cut_at(c->cut, c->counts[i], largest);
    if (!c->known[i] || !(largest > 0)) continue;
    *range = (tn_range){fmax(range->low, -most), fmin(range->high, most)};
  }
}

static tn_status measure(calibration *c) {
  tn_status status = tn_driver_do(c->model->context, do_want, c);
  if (status != TN_OK || !c->count) return status;
  status = run_probe(c);
  if (status == TN_OK && c->cut->method != TN_CUT_NOT) {
    c->counts = tn_arena_alloc_array(c->arena, (size_t)c->count, sizeof *c->counts);
    c->whole = true;
    status = run_probe(c);
    if (status == TN_OK) cut_ranges(c);
  }
  for (int i = 0; status == TN_OK && i < c->count; i++)
    if (c->known[i]) tn_range_write(c->wanted[i], &c->ranges[i]);
  return status;
}

tn_status tn_driver_calibrate(tn_model *model, const tn_arrays *data, const tn_cut *cut) {
  calibration c = {.model = model, .data = data, .cut = cut, .arena = tn_arena_create()};
  tn_status status = measure(&c);
  tn_arena_destroy(c.arena);
  return status;
}
