/* A plan as the report's page reads it: kernels, the schedule, memory. docs/report.md has
 * the keys.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/cost.h"
#include "codegen/plan/place.h"
#include "driver/report.h"

enum { MOST_PLACES = 64 /* of one step: the rest is told as a number */ };

/* ---- where steps come from ---- */

static void put_place(tn_json *json, const tn_inst *inst) {
  const tn_annotations *notes = inst->notes;
  tn_json_open(json, NULL, '{');
  tn_json_string(json, "instruction", inst->name);
  tn_json_string(json, "op", tn_ops[inst->op].name);
  if (notes && notes->op_name) tn_json_string(json, "op_name", notes->op_name);
  if (notes && notes->source_file) {
    tn_json_string(json, "source_file", notes->source_file);
    tn_json_int(json, "source_line", notes->source_line);
  }
  if (inst->location.line) tn_json_int(json, "line", inst->location.line);
  tn_json_close(json, '}');
}

/* The instruction itself, or what is in it; parameters and constants tell nothing. */
static void put_places(tn_json *json, const tn_inst *origin) {
  int more = 0, count = 0;
  tn_json_open(json, "places", '[');
  if (origin && origin->op != TN_OP_FUSION) put_place(json, origin);
  if (origin && origin->op == TN_OP_FUSION) TN_FOR_EACH_IN_COMP(origin->called[0], inst) {
      if (inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT || inst->op == TN_OP_TUPLE) continue;
      if (count++ < MOST_PLACES)
        put_place(json, inst);
      else
        more++;
    }
  tn_json_close(json, ']');
  if (more) tn_json_int(json, "more_places", more);
}

/* ---- steps: in order of time, which is that of the text ---- */

typedef struct {
  tn_json *json;
  const tn_plan *plan;
  const tn_timeline *line;
  int time; /* of the step before */
  int depth;
} steps;

static void put_steps(steps *s, const tn_step *step);

static void open_step(steps *s, const char *kind, const tn_step *step) {
  tn_json_open(s->json, NULL, '{');
  tn_json_string(s->json, "kind", kind);
  while (s->time < s->line->end && s->line->at[++s->time] != step) continue;
  tn_json_int(s->json, "time", s->time);
  tn_json_int(s->json, "depth", s->depth);
  if (step->origin) tn_json_string(s->json, "instruction", step->origin->name);
}

static void put_inside(steps *s, const tn_step *first) {
  s->depth++;
  put_steps(s, first);
  s->depth--;
}

static void put_run(steps *s, const tn_step *step) {
  open_step(s, "run", step);
  tn_json_int(s->json, "kernel", step->kernel);
  tn_json_open(s->json, "buffers", '[');
  for (int i = 0; i < s->plan->kernels[step->kernel]->n_parameters; i++)
    tn_json_int(s->json, NULL, step->arguments[i]);
  tn_json_close(s->json, ']');
  put_places(s->json, step->origin);
  tn_json_close(s->json, '}');
}

static void put_copy(steps *s, const tn_step *step) {
  open_step(s, "copy", step);
  tn_json_open(s->json, "buffers", '[');
  tn_json_int(s->json, NULL, step->from);
  tn_json_int(s->json, NULL, step->to);
  tn_json_close(s->json, ']');
  tn_json_close(s->json, '}');
}

static void put_steps(steps *s, const tn_step *step) {
  for (; step; step = step->next) {
    switch (step->kind) {
    case TN_STEP_RUN: put_run(s, step); break;
    case TN_STEP_COPY: put_copy(s, step); break;
    case TN_STEP_CONDITIONAL:
      open_step(s, "conditional", step);
      tn_json_close(s->json, '}');
      for (int i = 0; i < step->n_branches; i++) put_inside(s, step->branches[i]);
      break;
    case TN_STEP_WHILE:
      open_step(s, "while", step);
      tn_json_close(s->json, '}');
      put_inside(s, step->test);
      put_inside(s, step->branches[0]);
      break;
    }
  }
}

/* ---- kernels ---- */

static void put_kernel(tn_json *json, const tn_kernel *kernel, const tn_kernel_program *program,
                       const tn_timing *timing) {
  tn_text text = {0};
  tn_kernel_cost cost = tn_kernel_cost_of(kernel);
  tn_kernel_print(&text, kernel);
  tn_json_open(json, NULL, '{');
  tn_json_string(json, "name", kernel->name);
  tn_json_string(json, "source", kernel->source ? kernel->source : "");
  tn_json_int(json, "runs", program->runs);
  tn_json_int(json, "flops", cost.flops);
  tn_json_int(json, "bytes", cost.bytes_read + cost.bytes_written);
  tn_json_int(json, "bytes_read", cost.bytes_read);
  tn_json_int(json, "bytes_written", cost.bytes_written);
  if (timing && timing->runs) {
    tn_json_number(json, "median_ms", timing->median_ms);
    tn_json_number(json, "min_ms", timing->least_ms);
  }
  tn_json_string_n(json, "text", text.bytes, text.length);
  tn_json_close(json, '}');
  tn_text_free(&text);
}

/* ---- memory ---- */

static const char *memory_name(tn_memory memory) {
  switch (memory) {
  case TN_MEMORY_PARAMETER: return "parameter";
  case TN_MEMORY_RESULT: return "result";
  case TN_MEMORY_CONSTANT: return "constant";
  case TN_MEMORY_TEMP: return "temp";
  }
  return "";
}

static void put_buffer(tn_json *json, const tn_buffer *buffer, const tn_life *life) {
  tn_text shape = {0};
  tn_shape_print(&shape, buffer->shape, true);
  tn_json_open(json, NULL, '{');
  tn_json_string(json, "name", buffer->name);
  tn_json_string(json, "memory", memory_name(buffer->memory));
  tn_json_string_n(json, "type", shape.bytes, shape.length);
  tn_json_int(json, "bytes", buffer->bytes);
  if (buffer->memory == TN_MEMORY_TEMP) {
    tn_json_int(json, "offset", buffer->offset);
    tn_json_int(json, "size", life->size);
  }
  if (life->first <= life->last) {
    tn_json_int(json, "first", life->first);
    tn_json_int(json, "last", life->last);
  }
  tn_json_close(json, '}');
  tn_text_free(&shape);
}

static void put_measured(tn_json *json, const tn_report_measured *measured) {
  tn_json_open(json, "measured", '{');
  tn_json_int(json, "threads", measured->threads > 1 ? measured->threads : 1);
  tn_json_number(json, "median_ms", measured->whole.median_ms);
  tn_json_number(json, "min_ms", measured->whole.least_ms);
  tn_json_int(json, "runs", measured->whole.runs);
  tn_json_number(json, "peak_gflops", measured->roof.gflops);
  tn_json_number(json, "memory_gb_s", measured->roof.memory_gb_s);
  tn_json_number(json, "cache_gb_s", measured->roof.cache_gb_s);
  tn_json_int(json, "cache_bytes", measured->roof.cache_bytes);
  tn_json_close(json, '}');
}

void tn_report_plan_json(tn_json *json, tn_arena *arena, const tn_plan *plan,
                         const tn_kernel_program *kernels, const tn_report_measured *measured) {
  tn_timeline line = tn_plan_timeline(arena, plan);
  steps s = {.json = json, .plan = plan, .line = &line};
  tn_json_open(json, "kernels", '[');
  for (int i = 0; i < plan->n_kernels; i++)
    put_kernel(json, plan->kernels[i], &kernels[i], measured ? &measured->kernels[i] : NULL);
  tn_json_close(json, ']');
  tn_json_open(json, "steps", '[');
  put_steps(&s, plan->steps);
  tn_json_close(json, ']');
  tn_json_open(json, "buffers", '[');
  for (int i = 0; i < plan->n_buffers; i++) put_buffer(json, &plan->buffers[i], &line.lives[i]);
  tn_json_close(json, ']');
  if (measured) put_measured(json, measured);
}
