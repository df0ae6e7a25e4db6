/* Scans as loops.
 *
 *   (y, c) = scan(x, c0), dimensions={d}, num_carries=1, to_apply=f
 *  =>
 *   (…, y, c, …) = while(0, zeros, c0, x) {
 *     (part, c') = call(slice of x at i, c), to_apply=f
 *     i + 1, y with part at i, c', x
 *   }
 *
 * The inputs are handed through, the outputs are updated one position a turn: the plan
 * copies neither. is_reverse runs from the last position to the first. With no positions
 * the carries are the initial ones.
 *
 * Why: nothing behind this pass needs to know the opcode. Keeps: every value. Cost:
 * O(operands) instructions a scan.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

/* The state's elements: the counter, outputs, carries, inputs. */
typedef struct {
  const tn_inst *scan;
  int64_t dim, count;
  int inputs, outputs, carries;
  const tn_shape *state;
} scan_plan;

static const tn_shape *output_shape(const scan_plan *p, int i) { return p->scan->shape->elements[i]; }

static scan_plan plan_of(tn_inst *scan) {
  tn_arena *arena = scan->parent->module->arena;
  scan_plan p = {.scan = scan, .dim = scan->attr.scan.dim, .carries = (int)scan->attr.scan.num_carries};
  p.inputs = scan->n_operands - p.carries;
  p.outputs = scan->shape->rank - p.carries;
  p.count = scan->operands[0]->shape->dims[p.dim];
  const tn_shape **parts = TN_NEW_ARRAY(arena, const tn_shape *, 1 + p.outputs + scan->n_operands);
  int n = 0;
  parts[n++] = tn_shape_array(arena, p.count > INT32_MAX ? TN_S64 : TN_S32, 0, NULL);
  for (int i = 0; i < p.outputs; i++) parts[n++] = tn_shape_without_layout(arena, output_shape(&p, i));
  for (int i = 0; i < p.carries; i++)
    parts[n++] = tn_shape_without_layout(arena, scan->operands[p.inputs + i]->shape);
  for (int i = 0; i < p.inputs; i++) parts[n++] = tn_shape_without_layout(arena, scan->operands[i]->shape);
  p.state = tn_shape_tuple(arena, n, parts);
  return p;
}

static tn_inst *element(tn_site s, tn_inst *tuple, int i) {
  return tn_build_element(s.comp, s.before, tuple, i);
}

/* `shape` with one position of the scanned dim. */
static const tn_shape *thin(tn_site s, const scan_plan *p, const tn_shape *shape) {
  int64_t *dims = tn_arena_copy(tn_site_arena(s), shape->dims, sizeof *dims * (size_t)shape->rank);
  dims[p->dim] = 1;
  return tn_shape_array(tn_site_arena(s), shape->type, shape->rank, dims);
}

/* operands, then where dim begins at `at` and the others at 0. */
static tn_inst *at_position(tn_site s, const scan_plan *p, tn_op op, const tn_shape *shape, int count,
                            tn_inst *const *operands, tn_inst *at) {
  int rank = operands[0]->shape->rank;
  tn_inst **all = TN_NEW_ARRAY(tn_site_arena(s), tn_inst *, count + rank);
  for (int i = 0; i < count; i++) all[i] = operands[i];
  for (int d = 0; d < rank; d++) all[count + d] = d == p->dim ? at : tn_make_scalar(s, at->shape->type, 0);
  return tn_make_inst(s, op, shape, count + rank, all);
}

static tn_inst *take_position(tn_site s, const scan_plan *p, tn_inst *input, const tn_shape *part,
                              tn_inst *at) {
  const tn_shape *row = thin(s, p, input->shape);
  tn_inst *slice = at_position(s, p, TN_OP_DYNAMIC_SLICE, row, 1, &input, at);
  slice->attr.dynamic_slice.sizes = tn_make_dims(s, row->rank, row->dims);
  return tn_make_reshape(s, slice, part->rank, part->dims);
}

static tn_inst *put_position(tn_site s, const scan_plan *p, tn_inst *output, tn_inst *part, tn_inst *at) {
  const tn_shape *row = thin(s, p, output->shape);
  tn_inst *operands[2] = {output, tn_make_reshape(s, part, row->rank, row->dims)};
  return at_position(s, p, TN_OP_DYNAMIC_UPDATE_SLICE, output->shape, 2, operands, at);
}

static tn_comp *make_test(tn_inst *scan, const scan_plan *p) {
  tn_comp *comp = tn_comp_create(scan->parent->module, "scan_test");
  tn_site s = {comp, NULL, scan};
  tn_inst *i = element(s, tn_build_parameter(comp, 0, p->state, "state"), 0);
  comp->root = tn_make_compare(s, TN_LT, i, tn_make_scalar(s, i->shape->type, (double)p->count));
  return comp;
}

static tn_comp *make_body(tn_inst *scan, const scan_plan *p) {
  tn_comp *comp = tn_comp_create(scan->parent->module, "scan_body"), *apply = scan->called[0];
  tn_site s = {comp, NULL, scan};
  tn_inst *state = tn_build_parameter(comp, 0, p->state, "state"), *i = element(s, state, 0), *at = i;
  tn_type type = i->shape->type;
  int results = p->outputs + p->carries, n = 0;
  tn_inst **next = TN_NEW_ARRAY(tn_site_arena(s), tn_inst *, 1 + results + p->inputs);
  tn_inst **arguments = TN_NEW_ARRAY(tn_site_arena(s), tn_inst *, scan->n_operands);
  if (scan->attr.scan.is_reverse)
    at = tn_make_binary(s, TN_OP_SUBTRACT, tn_make_scalar(s, type, (double)(p->count - 1)), i);
  for (int k = 0; k < p->inputs; k++)
    arguments[k] =
        take_position(s, p, element(s, state, 1 + results + k), apply->parameters.at[k]->shape, at);
  for (int k = 0; k < p->carries; k++) arguments[p->inputs + k] = element(s, state, 1 + p->outputs + k);
  tn_inst *made = tn_make_inst(s, TN_OP_CALL, apply->root->shape, scan->n_operands, arguments);
  tn_inst_set_called(made, 1, &apply);
  next[n++] = tn_make_binary(s, TN_OP_ADD, i, tn_make_scalar(s, type, 1));
  for (int k = 0; k < p->outputs; k++)
    next[n++] = put_position(s, p, element(s, state, 1 + k), element(s, made, k), at);
  for (int k = 0; k < p->carries; k++) next[n++] = element(s, made, p->outputs + k);
  for (int k = 0; k < p->inputs; k++) next[n++] = element(s, state, 1 + results + k);
  comp->root = tn_build_tuple(comp, NULL, n, next);
  return comp;
}

static tn_inst *expand(tn_pass_context *context, tn_inst *scan) {
  if (!tn_shape_is_tuple(scan->shape) || !tn_shape_is_tuple(scan->called[0]->root->shape)) return NULL;
  for (int i = 0; i < scan->n_operands; i++)
    if (tn_shape_is_dynamic(scan->operands[i]->shape)) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_site s = tn_site_of(scan);
  scan_plan p = plan_of(scan);
  int results = p.outputs + p.carries, n = 0;
  tn_inst **parts = TN_NEW_ARRAY(tn_site_arena(s), tn_inst *, 1 + results + p.inputs);
  parts[n++] = tn_make_scalar(s, p.state->elements[0]->type, 0);
  for (int i = 0; i < p.outputs; i++) parts[n++] = tn_make_filled(s, p.state->elements[1 + i], 0);
  for (int i = 0; i < p.carries; i++) parts[n++] = scan->operands[p.inputs + i];
  if (p.count == 0) return tn_build_tuple(s.comp, s.before, results, parts + 1);
  for (int i = 0; i < p.inputs; i++) parts[n++] = scan->operands[i];
  tn_comp *called[2] = {make_test(scan, &p), make_body(scan, &p)};
  tn_inst *initial = tn_build_tuple(s.comp, s.before, n, parts);
  tn_inst *loop = tn_make_inst(s, TN_OP_WHILE, p.state, 1, &initial);
  tn_inst_set_called(loop, 2, called);
  for (int i = 0; i < results; i++) parts[i] = element(s, loop, 1 + i);
  return tn_build_tuple(s.comp, s.before, results, parts);
}

bool tn_pass_scan_expansion(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {TN_RULE(SCAN, expand)};
  return tn_rewrite_module(module, context, rules, 1);
}
