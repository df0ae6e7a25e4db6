/* JSON objects that several verbs print. Keys are the contract of docs/command.md.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "tools/json.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tools/tool.h"

json_t *json_number(double value) {
  if (isfinite(value)) return json_real(value);
  return json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static json_t *value_object(const char *name, const char *type, int32_t rank, const int64_t *dims) {
  json_t *shape = json_array();
  for (int32_t d = 0; d < rank; d++) json_array_append_new(shape, json_integer(dims[d]));
  return json_pack("{s:s, s:s, s:o}", "name", name, "type", type, "shape", shape);
}

json_t *json_values(const tn_value *values, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++)
    json_array_append_new(list, value_object(values[i].name, values[i].type, values[i].rank, values[i].dims));
  return list;
}

json_t *json_arrays(const tn_arrays *arrays) {
  json_t *list = json_array();
  for (int32_t i = 0; i < tn_arrays_count(arrays); i++) {
    const tn_array *array = tn_arrays_at(arrays, i);
    json_array_append_new(list, value_object(array->name, array->type, array->rank, array->dims));
  }
  return list;
}

static json_t *json_rules(const tn_pass_run *run) {
  json_t *rules = json_object();
  for (int i = 0; i < run->rule_count; i++)
    json_object_set_new(rules, run->rules[i].name, json_integer(run->rules[i].changes));
  return rules;
}

json_t *json_passes(const tn_pass_run *runs, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++) {
    const tn_pass_run *run = &runs[i];
    json_t *object =
        json_pack("{s:s, s:f, s:I, s:i, s:b, s:f, s:o}", "name", run->name, "seconds", run->seconds,
                  "changes", (json_int_t)run->changes, "occurrence", run->occurrence, "changed", run->changed,
                  "policing_seconds", run->policing_seconds, "rules", json_rules(run));
    if (run->bytes) json_object_set_new(object, "bytes", json_integer(run->bytes));
    if (run->unmet) json_object_set_new(object, "unmet", json_string(run->unmet));
    json_array_append_new(list, object);
  }
  return list;
}

json_t *json_kept_passes(const tn_pass_options *passes) {
  int count;
  const tn_pass_run *runs = kept_passes(passes, &count);
  return json_passes(runs, count);
}

static json_int_t peak_rss_bytes(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (json_int_t)usage.ru_maxrss * 1024 : 0;
}

json_t *json_placed(const tn_compile_report *report) {
  json_t *list = json_array();
  for (int i = 0; i < report->placed_count; i++) {
    const tn_placed *p = &report->placed[i];
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:s, s:I, s:I}", "name", p->kernel, "source",
                                          p->source, "on_array", p->on_array, "why", p->why, "dataflow",
                                          p->dataflow, "macs", (json_int_t)p->macs, "model_cycles",
                                          (json_int_t)p->model_cycles));
  }
  return list;
}

json_t *json_report(const tn_compile_report *report) {
  json_t *undefined = json_array();
  for (const char *const *symbol = report->undefined; symbol && *symbol; symbol++)
    json_array_append_new(undefined, json_string(*symbol));
  json_t *all = json_pack("{s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:o, s:I, s:f, s:I, s:o}", "arena_bytes",
                          (json_int_t)report->arena_bytes, "arena_lower_bound_bytes",
                          (json_int_t)report->arena_lower_bound_bytes, "arena_proven", report->arena_proven,
                          "text_bytes", (json_int_t)report->text_bytes, "constant_bytes",
                          (json_int_t)report->constant_bytes, "kernels", (json_int_t)report->kernels, "steps",
                          (json_int_t)report->steps, "undefined", undefined, "stack_bytes",
                          (json_int_t)report->stack_bytes, "seconds", report->seconds, "peak_rss_bytes",
                          peak_rss_bytes(), "passes", json_passes(report->passes, report->pass_count));
  if (report->placed_count) {
    json_object_set_new(all, "placed", json_placed(report));
    json_object_set_new(all, "instructions", json_integer((json_int_t)report->instructions));
  }
  return all;
}

tn_status print_json(json_t *object) {
  char *text = object ? json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
  json_decref(object);
  if (!text) return complain(TN_LIMIT, "out of memory");
  tn_text out = {0};
  tn_text_printf(&out, "%s\n", text);
  free(text);
  return print_text(&out);
}
