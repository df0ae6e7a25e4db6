/* --quantize: another model in the place of a model.
 *
 *   model -> expanded, simplified -> calibrated -> quantize-int8 -> model of bytes
 *
 * What comes out is an ordinary module, in which every rounding is written down: evaluator, plan
 * and code of every target agree on it. The passes before it make constants of weights and
 * one operation of what stands for one; layouts and fusion are later's. The pipeline that the
 * user chose runs on the result from the start.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/calibrate.h"

enum { LEVEL = 2 };

/* Layouts are chosen for the operations that there will be; code that is written out is
 * quantized many times.                                                                 */
static const char *const left_out[] = {"layout-assignment", "while-unroll", NULL};

static bool run(tn_model *model, tn_pipeline_options *options) {
  tn_pass_record *records;
  int count;
  options->level = LEVEL;
  options->max_fold_work = model->context->limits.max_fold_work;
  return tn_pipeline_run(model->module, options, model->context->scratch, &records, &count,
                         &model->context->sink);
}

static bool do_prepare(void *argument) {
  tn_model *model = argument;
  tn_context *context = model->context;
  if (!model->module)
    return tn_error(&context->sink, TN_USAGE, TN_NOWHERE, "quantize: a plan has been compiled already");
  model->signature = NULL;
  if (!tn_driver_settle(model)) return false;
  tn_pipeline_row *rows = TN_NEW_ARRAY(context->scratch, tn_pipeline_row, tn_pipeline_row_count);
  int count = 0;
  for (int i = 0; i < tn_pipeline_row_count; i++)
    if (tn_pipeline_rows[i].stage != TN_STAGE_LATE) rows[count++] = tn_pipeline_rows[i];
  return run(model, &(tn_pipeline_options){.rows = rows, .n_rows = count, .disabled = left_out});
}

static bool do_rewrite(void *argument) {
  const tn_pass *passes[] = {tn_pass_find("quantize-int8"), tn_pass_find("dce")};
  return run(argument, &(tn_pipeline_options){.passes = passes, .n_passes = 2});
}

/* ---- options ---- */

typedef struct {
  tn_model *model;
  const tn_quantize_options *options;
  tn_cut cut;
} check_work;

static bool is_later(const char *mode) {
  static const char *const modes[] = {"int8-dynamic", "int4-weights", "bf16", "f16"};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(mode, modes[i]) == 0) return true;
  return false;
}

static bool do_check(void *argument) {
  check_work *work = argument;
  const tn_quantize_options *options = work->options;
  tn_diagnostics *sink = &work->model->context->sink;
  const char *method = options->method ? options->method : "minmax";
  if (is_later(options->mode))
    return tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "quantization '%s' is not supported by this version",
                    options->mode);
  if (strcmp(options->mode, "int8") != 0)
    return tn_error(
        sink, TN_USAGE, TN_NOWHERE,
        "quantization '%s' is unknown; it is int8 or none (later: int8-dynamic, int4-weights, bf16, f16)",
        options->mode);
  if (!tn_cut_parse(method, &work->cut))
    return tn_error(sink, TN_USAGE, TN_NOWHERE,
                    "calibration '%s' is unknown; it is minmax, percentile:P (0 < P <= 100), entropy or mse",
                    method);
  if (!options->data)
    return tn_error(sink, TN_USAGE, TN_NOWHERE, "quantization 'int8' needs data to calibrate with");
  return true;
}

tn_status tn_model_quantize(tn_model *model, const tn_quantize_options *options) {
  if (!options->mode || strcmp(options->mode, "none") == 0) return TN_OK;
  check_work work = {.model = model, .options = options};
  tn_status status = tn_driver_do(model->context, do_check, &work);
  if (status == TN_OK) status = tn_driver_do(model->context, do_prepare, model);
  if (status == TN_OK) status = tn_driver_calibrate(model, options->data, &work.cut);
  if (status == TN_OK) status = tn_driver_do(model->context, do_rewrite, model);
  return status;
}
