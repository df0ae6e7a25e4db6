/* Plans from text: the inverse of print.c. docs/plan.md has the grammar.
 *
 * Names are resolved here; whether a plan makes sense is tn_plan_verify's. Reading
 * ends at the first error.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/read.h"

/* A run whose kernel's name is not known yet. */
typedef struct {
  tn_step *step;
  const char *at;
  tn_str kernel;
  int n_arguments;
} call;

typedef struct {
  tn_reader r;
  tn_plan *plan;
  TN_VEC(tn_buffer) buffers;
  TN_VEC(tn_kernel *) kernels;
  TN_VEC(int) parameters;
  TN_VEC(int) results;
  TN_VEC(const char *) parameter_names;
  TN_VEC(const char *) result_names;
  TN_VEC(call) calls;
} plan_reader;

/* ---- buffers ---- */

static int find_buffer(const plan_reader *p, tn_str name) {
  for (int i = 0; i < p->buffers.count; i++)
    if (tn_str_is(name, p->buffers.at[i].name)) return i;
  return -1;
}

static bool read_buffer_name(plan_reader *p, int *buffer) {
  tn_str name;
  tn_read_skip(&p->r);
  const char *from = p->r.at;
  if (!tn_read_name(&p->r, "a buffer", &name)) return false;
  *buffer = find_buffer(p, name);
  return *buffer >= 0 || tn_read_fail(&p->r, from, "no buffer is called '%.*s'",
                                      (int)(name.length < 60 ? name.length : 60), name.at);
}

static bool read_alias(plan_reader *p, tn_buffer *buffer) {
  tn_read_skip(&p->r);
  const char *from = p->r.at;
  if (!tn_read_accept_word(&p->r, "alias")) return true;
  if (!read_buffer_name(p, &buffer->alias)) return false;
  const tn_buffer *with = &p->buffers.at[buffer->alias];
  if (buffer->memory != TN_MEMORY_RESULT || with->memory != TN_MEMORY_PARAMETER)
    return tn_read_fail(&p->r, from, "only a result has an alias, and that is a parameter");
  return true;
}

/* The buffer's number in the signature. */
static void enter_in_signature(plan_reader *p, tn_buffer *buffer, const char *name) {
  tn_arena *arena = p->r.arena;
  if (buffer->memory == TN_MEMORY_PARAMETER) {
    buffer->number = p->parameters.count;
    TN_PUSH(arena, &p->parameters, p->buffers.count);
    TN_PUSH(arena, &p->parameter_names, name);
  } else if (buffer->memory == TN_MEMORY_RESULT) {
    buffer->number = p->results.count;
    TN_PUSH(arena, &p->results, p->buffers.count);
    TN_PUSH(arena, &p->result_names, name);
  }
}

static bool read_buffer(plan_reader *p, tn_memory memory) {
  tn_buffer buffer = {.memory = memory, .alias = -1};
  const char *signature_name = NULL;
  tn_str name;
  tn_reader *r = &p->r;
  tn_read_skip(r);
  const char *from = r->at;
  bool outside = memory == TN_MEMORY_PARAMETER || memory == TN_MEMORY_RESULT;
  if (!tn_read_name(r, "a buffer's name", &name)) return false;
  if (find_buffer(p, name) >= 0)
    return tn_read_fail(r, from, "the name '%.*s' is taken", (int)name.length, name.at);
  buffer.name = tn_arena_string_n(r->arena, name.at, name.length);
  if (outside && !tn_read_quoted(r, "the name in the signature", &signature_name)) return false;
  if (!tn_read_expect(r, ':', "before the shape") || !tn_read_shape(r, &buffer.shape)) return false;
  buffer.bytes = tn_layout_bytes(buffer.shape);
  if (!read_alias(p, &buffer)) return false;
  if (memory == TN_MEMORY_TEMP && (!tn_read_expect_word(r, "at", "before a temp's offset") ||
                                   !tn_read_integer(r, "an offset", 0, INT64_C(1) << 46, &buffer.offset)))
    return false;
  if (memory == TN_MEMORY_CONSTANT) {
    tn_literal *literal = NULL;
    if (!tn_read_expect(r, '=', "before a constant's values") || !tn_read_literal(r, buffer.shape, &literal))
      return false;
    buffer.literal = literal;
  }
  enter_in_signature(p, &buffer, signature_name);
  TN_PUSH(r->arena, &p->buffers, buffer);
  return true;
}

static bool read_buffers(plan_reader *p) {
  static const struct {
    const char *word;
    tn_memory memory;
  } memories[] = {{"parameter", TN_MEMORY_PARAMETER},
                  {"result", TN_MEMORY_RESULT},
                  {"constant", TN_MEMORY_CONSTANT},
                  {"temp", TN_MEMORY_TEMP}};
  for (size_t i = 0; i < sizeof memories / sizeof *memories;) {
    if (!tn_read_accept_word(&p->r, memories[i].word)) {
      i++;
      continue;
    }
    if (!read_buffer(p, memories[i].memory)) return false;
    i = 0;
  }
  return !p->r.failed;
}

/* ---- steps ---- */

static bool read_steps(plan_reader *p, tn_step **tail);

static bool read_run(plan_reader *p, tn_step *step) {
  call c = {.step = step};
  TN_VEC(int) arguments = {0};
  tn_read_skip(&p->r);
  c.at = p->r.at;
  if (!tn_read_name(&p->r, "a kernel", &c.kernel) || !tn_read_expect(&p->r, '(', "before the arguments"))
    return false;
  while (!tn_read_at(&p->r, ')')) {
    int buffer;
    if (!read_buffer_name(p, &buffer)) return false;
    TN_PUSH(p->r.arena, &arguments, buffer);
    if (!tn_read_accept(&p->r, ',')) break;
  }
  c.n_arguments = arguments.count;
  step->arguments = arguments.at;
  TN_PUSH(p->r.arena, &p->calls, c);
  return tn_read_expect(&p->r, ')', "after the arguments");
}

/* name { steps } */
static bool read_region(plan_reader *p, const char *name, tn_step **steps) {
  return tn_read_enter(&p->r) && tn_read_expect_word(&p->r, name, "of a step") &&
         tn_read_expect(&p->r, '{', "before its steps") && read_steps(p, steps) &&
         tn_read_expect(&p->r, '}', "after its steps") && (tn_read_leave(&p->r), true);
}

static bool read_while(plan_reader *p, tn_step *step) {
  step->n_branches = 1;
  step->branches = TN_NEW(p->r.arena, tn_step *);
  return read_buffer_name(p, &step->selector) && tn_read_expect(&p->r, '{', "after the flag") &&
         read_region(p, "test", &step->test) && read_region(p, "body", &step->branches[0]) &&
         tn_read_expect(&p->r, '}', "after the loop");
}

static bool read_conditional(plan_reader *p, tn_step *step) {
  TN_VEC(tn_step *) branches = {0};
  if (!read_buffer_name(p, &step->selector) || !tn_read_expect(&p->r, '{', "after the selector"))
    return false;
  do {
    tn_step *steps = NULL;
    if (!read_region(p, "branch", &steps)) return false;
    TN_PUSH(p->r.arena, &branches, steps);
  } while (!tn_read_at(&p->r, '}') && !p->r.failed);
  step->branches = branches.at;
  step->n_branches = branches.count;
  return tn_read_expect(&p->r, '}', "after the branches");
}

static bool read_step(plan_reader *p, tn_step *step) {
  if (tn_read_accept_word(&p->r, "run")) return read_run(p, step);
  if (tn_read_accept_word(&p->r, "copy")) {
    step->kind = TN_STEP_COPY;
    return read_buffer_name(p, &step->to) && tn_read_expect(&p->r, '=', "after what is written") &&
           read_buffer_name(p, &step->from);
  }
  if (tn_read_accept_word(&p->r, "while")) {
    step->kind = TN_STEP_WHILE;
    return read_while(p, step);
  }
  step->kind = TN_STEP_CONDITIONAL;
  return tn_read_expect_word(&p->r, "conditional", "or another step") && read_conditional(p, step);
}

static bool read_steps(plan_reader *p, tn_step **tail) {
  while (!tn_read_at(&p->r, '}')) {
    tn_step *step = TN_NEW(p->r.arena, tn_step);
    step->kind = TN_STEP_RUN;
    if (!read_step(p, step)) return false;
    *tail = step;
    tail = &step->next;
  }
  return true;
}

/* ---- kernels ---- */

static bool read_kernels(plan_reader *p) {
  tn_read_skip(&p->r);
  while (p->r.at < p->r.end) {
    tn_kernel *kernel;
    const char *from = p->r.at;
    if (!tn_read_expect_word(&p->r, "kernel", "or the end of the text") || !tn_read_kernel(&p->r, &kernel))
      return false;
    for (int i = 0; i < p->kernels.count; i++)
      if (!strcmp(p->kernels.at[i]->name, kernel->name))
        return tn_read_fail(&p->r, from, "the name '%s' is taken by another kernel", kernel->name);
    TN_PUSH(p->r.arena, &p->kernels, kernel);
    tn_read_skip(&p->r);
  }
  return true;
}

static bool resolve(plan_reader *p, const call *c) {
  for (int i = 0; i < p->kernels.count; i++) {
    const tn_kernel *kernel = p->kernels.at[i];
    if (!tn_str_is(c->kernel, kernel->name)) continue;
    c->step->kernel = i;
    return c->n_arguments == kernel->n_parameters ||
           tn_read_fail(&p->r, c->at, "kernel %s has %d parameters, %d arguments given", kernel->name,
                        kernel->n_parameters, c->n_arguments);
  }
  return tn_read_fail(&p->r, c->at, "no kernel is called '%.*s'",
                      (int)(c->kernel.length < 60 ? c->kernel.length : 60), c->kernel.at);
}

/* ---- plans ---- */

/* x86-64-v3: a name with '-' in it */
static bool read_target(plan_reader *p) {
  tn_reader *r = &p->r;
  if (!tn_read_expect_word(r, "target", "after the plan's name")) return false;
  tn_read_skip(r);
  const char *from = r->at;
  while (r->at < r->end && *r->at > ' ' && *r->at != '{') r->at++;
  const char *name = tn_arena_string_n(r->arena, from, (size_t)(r->at - from));
  tn_diagnostics quiet = {0};
  p->plan->target = tn_cpu_find(r->arena, &quiet, name, NULL, NULL);
  return p->plan->target || tn_read_fail(r, from, "'%s' is not a target of this version", name);
}

static bool read_plan(plan_reader *p) {
  if (!tn_read_expect_word(&p->r, "plan", "at the beginning") ||
      !tn_read_quoted(&p->r, "the plan's name", &p->plan->name) || !read_target(p) ||
      !tn_read_expect(&p->r, '{', "after the target") || !read_buffers(p) ||
      !read_steps(p, &p->plan->steps) || !tn_read_expect(&p->r, '}', "after the steps") || !read_kernels(p))
    return false;
  for (int i = 0; i < p->calls.count; i++)
    if (!resolve(p, &p->calls.at[i])) return false;
  return true;
}

static void finish(plan_reader *p) {
  tn_plan *plan = p->plan;
  plan->n_buffers = p->buffers.count;
  plan->buffers = p->buffers.at;
  plan->n_kernels = p->kernels.count;
  plan->kernels = p->kernels.at;
  plan->n_parameters = p->parameters.count;
  plan->parameters = p->parameters.at;
  plan->parameter_names = p->parameter_names.at;
  plan->n_results = p->results.count;
  plan->results = p->results.at;
  plan->result_names = p->result_names.at;
  tn_plan_measure(plan);
}

tn_plan *tn_plan_parse(tn_str text, const tn_plan_text_options *options, tn_diagnostics *sink) {
  static const tn_plan_text_options defaults = {.max_nesting = 200};
  tn_arena *arena = tn_arena_create();
  tn_plan_text_options chosen = options ? *options : defaults;
  if (chosen.max_nesting <= 0) chosen.max_nesting = defaults.max_nesting;
  tn_source source = {.name = chosen.file, .text = text.at, .length = text.length};
  plan_reader p = {.r = {.at = text.at,
                         .begin = text.at,
                         .end = text.at + text.length,
                         .options = &chosen,
                         .sink = sink,
                         .arena = arena},
                   .plan = TN_NEW(arena, tn_plan)};
  p.plan->arena = arena;
  tn_diagnostics_add_source(sink, &source);
  bool read = read_plan(&p);
  tn_diagnostics_remove_source(sink, &source);
  if (read) finish(&p);
  if (read) return p.plan;
  tn_plan_destroy(p.plan);
  return NULL;
}
