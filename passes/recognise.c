/* Fusions get the names of what they compute.
 *
 *   %fusion.17 = f32[64,384] fusion(…), calls={ reduce, subtract, … }
 *  =>
 *   %layer_norm.17 = …
 *
 * so that kernels, profiles and reports say softmax, attention, dot_gelu, convolution_batch_norm_relu
 * in place of what their heaviest operation is. Nothing else changes: not one bit of a result.
 *
 * recognise.def is the table: names and patterns over the operations of a fused computation.
 *
 *   multiply(x, sigmoid(x))   an operation of HLO, or a part of the table; operands of what
 *                             commutes stand in either order
 *   sum(a) max(a) min(a)      a reduction by addition, maximum, minimum
 *   channel-sum(a)            a sum over all dims but the last
 *   e:exponential(x)          e is what that finds; later it must be the same value
 *   x                         any value; the same everywhere in the pattern
 *   _                         any value
 *   # #0.5                    a number; this number, within a thousandth
 *   @                         a vector along one dim, no result of a reduction: one value a channel
 *
 * Reshapes, broadcasts, transposes, conversions and copies are looked through. A name is that
 * of the contraction, if there is one, and of all patterns that are found and lie in no other,
 * in the order of their results; at most MOST_NAMES.
 *
 * Keeps: everything. Cost: rows of the table times instructions of fusions, times the size of a
 * pattern for those few that begin with the right operation.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
  const char *name, *pattern;
} row;

static const row named[] = {
#define PART(name, pattern)
#define NAMED(name, pattern) {name, pattern},
#include "passes/recognise.def"
#undef PART
#undef NAMED
};

static const row parts[] = {
#define PART(name, pattern) {name, pattern},
#define NAMED(name, pattern)
#include "passes/recognise.def"
#undef PART
#undef NAMED
};

enum { MOST_BINDINGS = 8, MOST_SEEN = 64, MOST_NAMES = 4, DEEPEST = 24 };

typedef struct {
  tn_str name;
  const tn_inst *inst;
} binding;

/* What has been found so far. Trying something else goes back to an earlier state. */
typedef struct {
  binding bound[MOST_BINDINGS];
  int n_bound;
  const tn_inst *seen[MOST_SEEN]; /* operations that the pattern names */
  int n_seen;
} state;

/* ---- the text of patterns ---- */

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '-' || c == '_'; }

static tn_str word_at(const char *at) {
  size_t size = 0;
  while (is_word(at[size])) size++;
  return (tn_str){at, size};
}

static const char *skip_blanks(const char *at) {
  while (*at == ' ' || *at == ',') at++;
  return at;
}

/* Behind the term that begins at `at`. */
static const char *skip_term(const char *at) {
  int depth = 0;
  for (; *at; at++) {
    if (*at == '(') depth++;
    if (*at == ')' && --depth <= 0) return depth < 0 ? at : at + 1;
    if (*at == ',' && !depth) return at;
  }
  return at;
}

/* ---- values ---- */

static const tn_inst *behind_movement(const tn_inst *inst) {
  while (inst->op == TN_OP_RESHAPE || inst->op == TN_OP_BROADCAST || inst->op == TN_OP_CONVERT ||
         inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_COPY || inst->op == TN_OP_BITCAST)
    inst = inst->operands[0];
  return inst;
}

static bool is_number(const tn_inst *inst, const char *text) {
  if (inst->op != TN_OP_CONSTANT || !tn_shape_is_array(inst->shape) || tn_shape_elements(inst->shape) != 1)
    return false;
  if (!isdigit((unsigned char)*text) && *text != '-') return true;
  if (!tn_type_is_float(inst->shape->type)) return false;
  double wanted = strtod(text, NULL), value;
  tn_convert_elements(TN_F64, &value, inst->shape->type, inst->attr.constant.literal->data, 1);
  return fabs(value - wanted) <= 1e-3 * fabs(wanted);
}

static bool has_reduction(const tn_inst *inst, int depth) {
  if (inst->op == TN_OP_REDUCE || depth == DEEPEST) return true;
  for (int i = 0; i < inst->n_operands; i++)
    if (has_reduction(inst->operands[i], depth + 1)) return true;
  return false;
}

static bool is_channel_vector(const tn_inst *inst) {
  while (inst->op == TN_OP_RESHAPE || inst->op == TN_OP_CONVERT) inst = inst->operands[0];
  if (inst->op != TN_OP_BROADCAST) return false;
  int64_t largest = 1;
  const tn_shape *from = inst->operands[0]->shape;
  for (int d = 0; d < from->rank; d++)
    if (from->dims[d] > largest) largest = from->dims[d];
  return largest == tn_shape_elements(from) && (largest > 1 || from->rank == 1) &&
         !has_reduction(inst->operands[0], 0);
}

/* ---- matching ---- */

static bool match(state *s, const char *at, const tn_inst *inst, int depth);

static bool bind(state *s, tn_str name, const tn_inst *inst) {
  if (tn_str_is(name, "_")) return true;
  for (int i = 0; i < s->n_bound; i++)
    if (s->bound[i].name.length == name.length && !memcmp(s->bound[i].name.at, name.at, name.length))
      return s->bound[i].inst == inst;
  if (s->n_bound == MOST_BINDINGS) return false;
  s->bound[s->n_bound++] = (binding){name, inst};
  return true;
}

static bool leaves_last_dim(const tn_inst *reduce) {
  const tn_shape *from = reduce->operands[0]->shape;
  return from->rank > 1 && reduce->attr.reduce.dims.count == from->rank - 1 &&
         !tn_dims_contain(reduce->attr.reduce.dims, from->rank - 1);
}

static bool reduces_by(const tn_inst *inst, tn_str word) {
  tn_op op;
  if (inst->op != TN_OP_REDUCE || inst->n_operands != 2 || !tn_comp_is_binary(inst->called[0], &op))
    return false;
  if (op == TN_OP_ADD && tn_str_is(word, "channel-sum")) return leaves_last_dim(inst);
  return (op == TN_OP_ADD && tn_str_is(word, "sum")) || (op == TN_OP_MAXIMUM && tn_str_is(word, "max")) ||
         (op == TN_OP_MINIMUM && tn_str_is(word, "min"));
}

/* Operands against the terms from `at` on, from operand `first` in steps of `step`. */
static bool match_operands(state *s, const char *at, const tn_inst *inst, int first, int step, int depth) {
  int count = 0;
  for (at = skip_blanks(at); *at != ')'; at = skip_blanks(skip_term(at)), count++) {
    int slot = first + count * step;
    if (slot < 0 || slot >= inst->n_operands || !match(s, at, inst->operands[slot], depth + 1)) return false;
  }
  return true;
}

/* A product of matrices has its sides in either order too. */
static bool match_operation(state *s, const char *terms, const tn_inst *inst, int depth) {
  if (s->n_seen == MOST_SEEN) return false;
  s->seen[s->n_seen++] = inst;
  state before = *s;
  if (match_operands(s, terms, inst, 0, 1, depth)) return true;
  if (inst->n_operands != 2 || (!tn_op_is(inst->op, TN_OP_COMMUTES) && inst->op != TN_OP_DOT)) return false;
  *s = before;
  return match_operands(s, terms, inst, 1, -1, depth);
}

/* Most words differ in their first letter. */
static bool is_called(const row *part, tn_str name) {
  return *part->name == *name.at && tn_str_is(name, part->name);
}

/* One of the rows of that name; what its x is goes to the argument. */
static bool match_part(state *s, tn_str name, const char *argument, const tn_inst *inst, int depth) {
  for (int i = 0; i < (int)(sizeof parts / sizeof *parts); i++) {
    if (!is_called(&parts[i], name)) continue;
    state inner = *s;
    const tn_inst *x = NULL;
    inner.n_bound = 0;
    if (!match(&inner, parts[i].pattern, inst, depth + 1)) continue;
    for (int b = 0; b < inner.n_bound; b++)
      if (tn_str_is(inner.bound[b].name, "x")) x = inner.bound[b].inst;
    state outer = *s;
    memcpy(outer.seen, inner.seen, sizeof outer.seen);
    outer.n_seen = inner.n_seen;
    if (!x || !match(&outer, skip_blanks(argument), x, depth + 1)) continue;
    *s = outer;
    return true;
  }
  return false;
}

static bool is_part(tn_str name) {
  for (int i = 0; i < (int)(sizeof parts / sizeof *parts); i++)
    if (is_called(&parts[i], name)) return true;
  return false;
}

static bool match(state *s, const char *at, const tn_inst *inst, int depth) {
  if (depth > DEEPEST) return false;
  if (*at == '@') return is_channel_vector(inst);
  inst = behind_movement(inst);
  if (*at == '#') return is_number(inst, at + 1);
  tn_str word = word_at(at);
  const char *next = at + word.length;
  if (*next == ':') return match(s, next + 1, inst, depth) && bind(s, word, inst);
  if (*next != '(') return bind(s, word, inst);
  if (is_part(word)) return match_part(s, word, next + 1, inst, depth);
  tn_op op;
  if (reduces_by(inst, word)) return match_operation(s, next + 1, inst, depth);
  return tn_op_from_name(word, &op) && op == inst->op && match_operation(s, next + 1, inst, depth);
}

/* ---- names ---- */

typedef struct {
  const char *name;
  int position; /* of its result in the computation */
} found;

typedef struct {
  found at[MOST_NAMES];
  int count;
  const tn_inst **covered; /* operations of what was found */
  int n_covered, capacity;
} findings;

static bool is_covered(const findings *f, const tn_inst *inst) {
  for (int i = 0; i < f->n_covered; i++)
    if (f->covered[i] == inst) return true;
  return false;
}

static void add_found(findings *f, const char *name, int position, const state *s) {
  for (int i = 0; i < s->n_seen && f->n_covered < f->capacity; i++) f->covered[f->n_covered++] = s->seen[i];
  if (f->count == MOST_NAMES) return;
  int at = f->count++;
  for (; at > 0 && f->at[at - 1].position > position; at--) f->at[at] = f->at[at - 1];
  f->at[at] = (found){name, position};
}

enum { ROWS = sizeof named / sizeof *named };

/* The operation that each row begins with; TN_OP_COUNT: any of a part's. */
static void find_first_operations(tn_op *first) {
  for (int r = 0; r < ROWS; r++) {
    tn_str word = word_at(named[r].pattern);
    if (is_part(word) || !tn_op_from_name(word, &first[r])) first[r] = TN_OP_COUNT;
  }
}

/* Each row from the last operation back; the fusion's own contraction is named apart. */
static void find_all(const tn_comp *comp, const tn_op *first, findings *f) {
  for (int r = 0; r < ROWS; r++) {
    int position = comp->n_insts;
    for (const tn_inst *inst = comp->last; inst; inst = inst->prev, position--) {
      if (first[r] != TN_OP_COUNT && first[r] != inst->op) continue;
      state s;
      s.n_bound = s.n_seen = 0;
      bool moves = behind_movement(inst) != inst || inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT;
      if (moves || is_covered(f, inst) || !match(&s, named[r].pattern, inst, 0)) continue;
      add_found(f, named[r].name, position, &s);
    }
  }
}

static const char *contraction_of(const tn_comp *comp, const findings *f) {
  const char *name = NULL;
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op == TN_OP_CONVOLUTION) name = "convolution";
    if (inst->op == TN_OP_DOT && !is_covered(f, inst) && !name) name = "dot";
  }
  for (int i = 0; i < f->count; i++)
    if (!strcmp(f->at[i].name, "attention")) return NULL;
  return name;
}

/* NULL: nothing is known about it. */
static const char *name_of(const tn_comp *comp, const tn_op *first, tn_arena *scratch) {
  findings f = {.capacity = comp->n_insts * 2};
  f.covered = TN_NEW_ARRAY(scratch, const tn_inst *, f.capacity);
  find_all(comp, first, &f);
  if (!f.count) return NULL;
  const char *name = contraction_of(comp, &f);
  for (int i = 0; i < f.count; i++)
    if (i == 0 || strcmp(f.at[i].name, f.at[i - 1].name))
      name = name ? tn_arena_printf(scratch, "%s_%s", name, f.at[i].name) : f.at[i].name;
  return name;
}

/* Fusions that somebody else has named keep their names. */
static bool has_plain_name(const tn_inst *fusion) {
  return !strncmp(fusion->name, "fusion", strlen("fusion"));
}

bool tn_pass_recognise(tn_module *module, tn_pass_context *context) {
  bool changed = false;
  tn_op first[ROWS];
  find_first_operations(first);
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_FUSION || !has_plain_name(inst)) continue;
    const char *name = name_of(inst->called[0], first, context->scratch);
    if (!name || !tn_pass_spend(context)) continue;
    tn_inst_rename(inst, tn_arena_printf(context->scratch, "%s.%d", name, inst->id));
    changed = true;
  }
  return changed;
}
