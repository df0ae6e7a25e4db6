/* Arrays meet a signature: which is which parameter, and whether outputs are as
 * expected.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/driver.h"

#include <ctype.h>
#include <stdlib.h>

/* "p12" with the letter given: 12; else -1. */
static int numbered(const char *name, char letter) {
  if (name[0] != letter || !isdigit((unsigned char)name[1])) return -1;
  char *end;
  long number = strtol(name + 1, &end, 10);
  return *end || number > INT32_MAX ? -1 : (int)number;
}

/* A parameter's own name goes before its number. -1 if it is none, -2 for "rN". */
static int parameter_of(const tn_signature *signature, const char *name) {
  for (int i = 0; i < signature->parameter_count; i++)
    if (strcmp(signature->parameters[i].name, name) == 0) return i;
  int number = numbered(name, 'p');
  if (number >= 0 && number < signature->parameter_count) return number;
  return numbered(name, 'r') >= 0 ? -2 : -1;
}

typedef struct {
  const tn_arrays *given;
  const tn_signature *signature;
  tn_select_options options;
  tn_arrays *arguments;
} select_work;

static bool unknown_name(select_work *work, const char *name) {
  tn_diagnostics *sink = &work->given->context->sink;
  const tn_signature *signature = work->signature;
  const char **names = TN_NEW_ARRAY(work->arguments->arena, const char *, signature->parameter_count);
  for (int i = 0; i < signature->parameter_count; i++) names[i] = signature->parameters[i].name;
  const char *nearest = tn_nearest_name(name, names, signature->parameter_count);
  if (nearest)
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "input '%s': no such parameter; did you mean '%s'?", name,
                    nearest);
  return tn_error(sink, TN_USAGE, TN_NOWHERE, "input '%s': no such parameter; there are %d, p0 to p%d", name,
                  signature->parameter_count, signature->parameter_count - 1);
}

/* Which given array is parameter i's: from[i], or -1. */
static bool match(select_work *work, int *from) {
  tn_diagnostics *sink = &work->given->context->sink;
  for (int i = 0; i < work->signature->parameter_count; i++) from[i] = -1;
  for (int i = 0; i < work->given->list.count; i++) {
    const char *name = work->given->list.at[i].name;
    int parameter = parameter_of(work->signature, name);
    if (parameter == -2) continue;
    if (!*name && work->given->list.count == 1 && work->signature->parameter_count == 1) parameter = 0;
    if (parameter < 0) return unknown_name(work, name);
    if (from[parameter] >= 0)
      return tn_error(sink, TN_USAGE, TN_NOWHERE, "input '%s': parameter '%s' is given twice", name,
                      work->signature->parameters[parameter].name);
    from[parameter] = i;
  }
  return true;
}

static bool do_select(void *argument) {
  select_work *work = argument;
  tn_diagnostics *sink = &work->given->context->sink;
  work->arguments = tn_driver_new_arrays(work->given->context);
  tn_arena *arena = work->arguments->arena;
  int *from = TN_NEW_ARRAY(arena, int, work->signature->parameter_count);
  if (!match(work, from)) return false;
  bool fits = true;
  for (int i = 0; i < work->signature->parameter_count; i++) {
    const tn_value *value = &work->signature->parameters[i];
    const tn_shape *shape = tn_shape_without_layout(arena, tn_driver_value_shape(arena, value));
    tn_literal *literal = NULL;
    if (from[i] >= 0) {
      literal = tn_driver_literal(arena, sink, &work->given->list.at[from[i]], shape);
      if (!literal) tn_note(sink, TN_NOWHERE, "for parameter '%s'", value->name);
    } else if (work->options.random) {
      literal = tn_literal_random(arena, shape, work->options.seed, (uint64_t)i, work->options.integers);
    } else {
      tn_error(sink, TN_USAGE, TN_NOWHERE, "parameter '%s' (p%d, %s) has no input", value->name, i,
               tn_shape_text(arena, shape));
    }
    fits &= literal != NULL;
    if (!literal) continue;
    tn_array array = {.name = tn_arena_string(arena, value->name),
                      .type = tn_type_name(shape->type),
                      .rank = shape->rank,
                      .dims = shape->dims,
                      .data = literal->data,
                      .bytes = tn_shape_bytes(shape)};
    TN_PUSH(arena, &work->arguments->list, array);
  }
  return fits;
}

tn_status tn_arrays_select(const tn_arrays *given, const tn_signature *signature,
                           const tn_select_options *options, tn_arrays **arguments) {
  select_work work = {.given = given, .signature = signature};
  if (options) work.options = *options;
  tn_status status = tn_driver_do(given->context, do_select, &work);
  if (status != TN_OK) tn_arrays_destroy(work.arguments);
  *arguments = status == TN_OK ? work.arguments : NULL;
  return status;
}

/* ---- comparing ---- */

typedef struct {
  const tn_arrays *got;
  int32_t index;
  const tn_array *expected;
  double rtol, atol;
  tn_compared *result;
} compare_work;

/* What is usual for a type that is computed in another order. */
static double default_tolerance(tn_type type) {
  if (!tn_type_is_float(type) && !tn_type_is_complex(type)) return 0;
  int bits = tn_type_bits(tn_type_is_complex(type) ? tn_type_part(type) : type);
  return bits >= 32 ? 1e-5 : type == TN_F16 ? 1e-3 : 1e-2;
}

static bool do_compare(void *argument) {
  compare_work *work = argument;
  tn_diagnostics *sink = &work->got->context->sink;
  const tn_array *array = tn_arrays_at(work->got, work->index);
  if (!array) return tn_error(sink, TN_USAGE, TN_NOWHERE, "compare: there is no output %d", (int)work->index);
  tn_arena *scratch = work->got->context->scratch;
  tn_type type = tn_type_from_name((tn_str){array->type, strlen(array->type)});
  const tn_shape *shape = tn_shape_array(scratch, type, array->rank, array->dims);
  tn_literal *got = tn_literal_array(scratch, shape, array->data);
  tn_literal *expected = tn_driver_literal(scratch, sink, work->expected, shape);
  if (expected) {
    tn_comparison found =
        tn_literal_compare(got, expected, work->rtol < 0 ? default_tolerance(type) : work->rtol,
                           work->atol < 0 ? default_tolerance(type) : work->atol);
    *work->result =
        (tn_compared){array->name, found.max_abs, found.max_rel, found.mismatches, found.first, found.holds};
  }
  return expected != NULL;
}

tn_status tn_arrays_compare(const tn_arrays *got, int32_t index, const tn_array *expected, double rtol,
                            double atol, tn_compared *result) {
  compare_work work = {got, index, expected, rtol, atol, result};
  return tn_driver_do(got->context, do_compare, &work);
}
