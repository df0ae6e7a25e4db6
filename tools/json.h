/* JSON objects that several verbs print.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TOOLS_JSON_H
#define TN_TOOLS_JSON_H

#include <jansson.h>

#include "tenon/tenon.h"

/* [{name, type, shape}] */
json_t *json_values(const tn_value *values, int count);
json_t *json_arrays(const tn_arrays *arrays);
json_t *json_passes(const tn_pass_run *runs, int count);
/* The same of what the options' hooks have kept. */
json_t *json_kept_passes(const tn_pass_options *passes);
/* Of streams: [{name, source, on_array, why, …}]. */
json_t *json_placed(const tn_compile_report *report);
json_t *json_report(const tn_compile_report *report);
/* A finite number; infinities and NaN, which JSON lacks, as texts. */
json_t *json_number(double value);

/* Prints the object on standard output and releases it. */
tn_status print_json(json_t *object);

#endif
