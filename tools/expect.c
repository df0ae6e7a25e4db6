/* Outputs against what --expect files say of them, with --rtol and --atol.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "tools/expect.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/json.h"

tn_status read_expected(tn_context *context, const command_line *line, expectation *expected) {
  const option_values *files = &line->options[OPT_EXPECT];
  *expected = (expectation){.compared = json_array(), .holds = true};
  tn_status status = files->count ? tn_arrays_create(context, &expected->arrays) : TN_OK;
  for (int i = 0; status == TN_OK && i < files->count; i++)
    status = tn_arrays_read(expected->arrays, files->at[i], "r0");
  return status;
}

void release_expected(expectation *expected) {
  tn_arrays_destroy(expected->arrays);
  json_decref(expected->compared);
  *expected = (expectation){0};
}

tn_status option_tolerance(const command_line *line, option_id id, const char *output, double *value) {
  const option_values *given = &line->options[id];
  *value = -1;
  for (int i = 0; i < given->count; i++) {
    const char *text = given->at[i], *equals = strchr(text, '=');
    char *end;
    double number = strtod(equals ? equals + 1 : text, &end);
    if (*end || number < 0 || number != number)
      return complain(TN_USAGE, "option '--%s': '%s' is not a number from 0 on", option_table[id].long_name,
                      text);
    size_t length = equals ? (size_t)(equals - text) : 0;
    if (!equals || (strlen(output) == length && memcmp(output, text, length) == 0)) *value = number;
  }
  return TN_OK;
}

void record_comparison(expectation *expected, const char *backend, const tn_compared *found) {
  json_array_append_new(expected->compared,
                        json_pack("{s:s, s:s, s:o, s:o, s:b}", "name", found->name, "backend", backend,
                                  "max_abs", json_number(found->max_abs), "max_rel",
                                  json_number(found->max_rel), "holds", found->holds));
  if (found->holds) return;
  expected->holds = false;
  complain(TN_MISMATCH, "%s of %s: %lld elements differ, the first at %lld; max |difference| %g, relative %g",
           found->name, backend, (long long)found->mismatches, (long long)found->first, found->max_abs,
           found->max_rel);
}

tn_status compare_expected(const command_line *line, expectation *expected, const char *backend,
                           const tn_arrays *results) {
  for (int32_t i = 0; expected->arrays && i < tn_arrays_count(results); i++) {
    const char *name = tn_arrays_at(results, i)->name;
    char numbered[16];
    snprintf(numbered, sizeof numbered, "r%d", (int)i);
    const tn_array *array = tn_arrays_find(expected->arrays, name);
    if (!array) array = tn_arrays_find(expected->arrays, numbered);
    if (!array) return complain(TN_USAGE, "output '%s' has no key in the --expect file", name);
    double rtol, atol;
    tn_compared found;
    tn_status status = option_tolerance(line, OPT_RTOL, name, &rtol);
    if (status == TN_OK) status = option_tolerance(line, OPT_ATOL, name, &atol);
    if (status == TN_OK) status = tn_arrays_compare(results, i, array, rtol, atol, &found);
    if (status != TN_OK) return status;
    record_comparison(expected, backend, &found);
  }
  return TN_OK;
}
