/* Kernels in the text of plans: parameters, statements, the schedule. Names are
 * resolved while reading; what they mean together is the verifier's.
 *
 * An accumulator may be read by the body that stands before its line, so a reduce's
 * accumulators are found first, by a look ahead for `name: type from`.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/native.h"
#include "codegen/plan/read.h"

/* ---- names ---- */

static bool declare(tn_kernel_reader *k, const char *from, tn_str name, int kind, int number) {
  for (int i = 0; i < k->names.count; i++)
    if (tn_str_is(name, k->names.at[i].name))
      return tn_read_fail(k->r, from, "the name '%s' is taken in this kernel", k->names.at[i].name);
  const char *text = tn_arena_string_n(k->r->arena, name.at, name.length);
  TN_PUSH(k->r->arena, &k->names, ((tn_kernel_name){text, kind, number, true}));
  return true;
}

static const char *last_name(const tn_kernel_reader *k) { return k->names.at[k->names.count - 1].name; }

static bool new_name(tn_kernel_reader *k, const char *what, int kind, int number) {
  tn_str name;
  tn_read_skip(k->r);
  const char *from = k->r->at;
  return tn_read_name(k->r, what, &name) && declare(k, from, name, kind, number);
}

static bool new_buffer(tn_kernel_reader *k, tn_access access) {
  const tn_shape *shape;
  if (!new_name(k, "a buffer's name", TN_NAME_BUFFER, k->buffers.count)) return false;
  const char *name = last_name(k);
  if (!tn_read_expect(k->r, ':', "after the buffer's name") || !tn_read_shape(k->r, &shape)) return false;
  TN_PUSH(k->r->arena, &k->buffers, ((tn_kernel_buffer){name, shape, access}));
  return true;
}

static bool new_value(tn_kernel_reader *k) {
  tn_type type;
  if (!new_name(k, "a value's name", TN_NAME_VALUE, k->values.count)) return false;
  const char *name = last_name(k);
  if (!tn_read_expect(k->r, ':', "after the value's name") || !tn_read_type(k->r, &type)) return false;
  TN_PUSH(k->r->arena, &k->values, ((tn_kernel_value){name, type}));
  return true;
}

/* Names declared since `mark` are not in scope any more. */
static void close_scope(tn_kernel_reader *k, int mark) {
  for (int i = mark; i < k->names.count; i++) k->names.at[i].open = false;
}

/* ---- statements ---- */

static bool read_body(tn_kernel_reader *k, tn_stmt *owner);

/* d0:4 k:16 {, and of a reduce k:16 to e { */
static bool read_dims(tn_kernel_reader *k, tn_stmt *stmt, tn_dim_kind kind) {
  TN_VEC(int) dims = {0};
  while (!tn_read_at(k->r, '{') && !tn_read_at_word(k->r, "to")) {
    int64_t size;
    if (!new_name(k, "a dim's name or '{'", TN_NAME_DIM, k->dims.count)) return false;
    if (!tn_read_expect(k->r, ':', "after the dim's name") ||
        !tn_read_integer(k->r, "a dim's size", 0, INT64_C(1) << 40, &size))
      return false;
    TN_PUSH(k->r->arena, &dims, k->dims.count);
    TN_PUSH(k->r->arena, &k->dims, ((tn_dim){last_name(k), size, kind}));
    k->kernel->dims = k->dims.at;
    k->kernel->n_dims = k->dims.count;
  }
  stmt->dims = dims.at;
  stmt->n_dims = dims.count;
  if (kind == TN_DIM_REDUCED && tn_read_accept_word(k->r, "to") &&
      !tn_read_expr(k, TN_TYPE_NONE, &stmt->expr))
    return false;
  return tn_read_expect(k->r, '{', "after the dims");
}

static bool look_ahead(tn_kernel_reader *k, tn_stmt *reduce, tn_reader *ahead, tn_str name) {
  const char *from = name.at;
  ahead->at = from + name.length;
  if (!tn_read_accept(ahead, ':')) return true;
  tn_type type = tn_type_from_name(tn_read_word(ahead));
  ahead->at += tn_read_word(ahead).length;
  if (type == TN_TYPE_NONE || !tn_type_is_array(type) || !tn_read_at_word(ahead, "from")) return true;
  if (!declare(k, from, name, TN_NAME_VALUE, k->values.count)) return false;
  TN_PUSH(k->r->arena, &k->values, ((tn_kernel_value){last_name(k), type}));
  reduce->n_accumulators++;
  return true;
}

/* Declares the accumulators of the reduce whose body begins at the cursor. */
static bool find_accumulators(tn_kernel_reader *k, tn_stmt *reduce) {
  tn_reader ahead = *k->r;
  int first = k->values.count;
  for (int depth = 0; depth >= 0;) {
    tn_str word = tn_read_word(&ahead);
    if (ahead.at == ahead.end) break;
    if (depth == 0 && word.length) {
      if (!look_ahead(k, reduce, &ahead, word)) return false;
      continue;
    }
    depth += strchr("({[", *ahead.at) != NULL;
    depth -= strchr(")}]", *ahead.at) != NULL;
    ahead.at += word.length ? word.length : 1;
  }
  tn_accumulator *accumulators = TN_NEW_ARRAY(k->r->arena, tn_accumulator, reduce->n_accumulators);
  for (int i = 0; i < reduce->n_accumulators; i++) accumulators[i].value = first + i;
  reduce->accumulators = accumulators;
  return true;
}

static bool read_nest(tn_kernel_reader *k, tn_stmt *stmt, tn_dim_kind kind) {
  if (!tn_read_enter(k->r)) return false;
  tn_reader start = *k->r;
  if (stmt->kind == TN_STMT_REDUCE) { /* its accumulators outlive its dims */
    while (k->r->at < k->r->end && *k->r->at != '{') k->r->at++;
    k->r->at += k->r->at < k->r->end;
    if (!find_accumulators(k, stmt)) return false;
    k->r->at = start.at;
  }
  int mark = k->names.count;
  if (!read_dims(k, stmt, kind) || !read_body(k, stmt)) return false;
  close_scope(k, mark);
  tn_read_leave(k->r);
  return tn_read_expect(k->r, '}', "after the statements");
}

/* s0: f32 from 0 = …, declared already */
static bool read_accumulator(tn_kernel_reader *k, tn_stmt *reduce, int *done) {
  tn_accumulator *acc = (tn_accumulator *)&reduce->accumulators[*done];
  tn_type type;
  int value;
  tn_read_skip(k->r);
  const char *from = k->r->at;
  if (!tn_read_known(k, TN_NAME_VALUE, &value)) return false;
  if (*done == reduce->n_accumulators || value != acc->value)
    return tn_read_fail(k->r, from, "'%s' is no accumulator of this reduce", k->values.at[value].name);
  ++*done;
  return tn_read_expect(k->r, ':', "after the accumulator") && tn_read_type(k->r, &type) &&
         tn_read_expect_word(k->r, "from", "before the initial value") &&
         tn_read_expr(k, type, &acc->initial) && tn_read_expect(k->r, '=', "before the update") &&
         tn_read_expr(k, type, &acc->update);
}

static bool read_let(tn_kernel_reader *k, tn_stmt *stmt) {
  stmt->value = k->values.count;
  if (!new_value(k)) return false;
  k->names.at[k->names.count - 1].open = false; /* not in its own expression */
  int mine = k->names.count - 1;
  if (!tn_read_expect(k->r, '=', "after the value's type") ||
      !tn_read_expr(k, k->values.at[stmt->value].type, &stmt->expr))
    return false;
  return k->names.at[mine].open = true;
}

static bool read_store(tn_kernel_reader *k, tn_stmt *stmt) {
  if (!tn_read_access(k, &stmt->buffer, &stmt->at) || !tn_read_expect(k->r, '=', "after what is written") ||
      !tn_read_expr(k, k->buffers.at[stmt->buffer].shape->type, &stmt->expr))
    return false;
  return !tn_read_accept_word(k->r, "if") || tn_read_expr(k, TN_PRED, &stmt->condition);
}

/* e0, e1 [keep 5] by ( */
static bool read_sorted(tn_kernel_reader *k, tn_stmt *stmt) {
  TN_VEC(int) buffers = {0};
  int64_t size = INT64_C(1) << 40;
  do {
    int buffer;
    tn_read_skip(k->r);
    const char *from = k->r->at;
    if (!tn_read_known(k, TN_NAME_BUFFER, &buffer)) return false;
    const tn_shape *shape = k->buffers.at[buffer].shape;
    if (shape->rank != 1)
      return tn_read_fail(k->r, from, "sort: '%s' has %d dims, not one", k->buffers.at[buffer].name,
                          shape->rank);
    if (!buffers.count) stmt->keep = size = shape->dims[0];
    TN_PUSH(k->r->arena, &buffers, buffer);
  } while (tn_read_accept(k->r, ','));
  stmt->sorted = buffers.at;
  stmt->n_sorted = buffers.count;
  if (tn_read_accept_word(k->r, "keep") && !tn_read_integer(k->r, "keep", 1, size, &stmt->keep)) return false;
  return tn_read_expect_word(k->r, "by", "after what is sorted") &&
         tn_read_expect(k->r, '(', "before the comparator's values");
}

/* a0: f32, b0: f32) { lets } less expr */
static bool read_sort(tn_kernel_reader *k, tn_stmt *stmt) {
  if (!read_sorted(k, stmt)) return false;
  int mark = k->names.count, first = k->values.count;
  int *values = TN_NEW_ARRAY(k->r->arena, int, 2 * stmt->n_sorted);
  for (int i = 0; i < 2 * stmt->n_sorted; i++) {
    values[i] = first + i;
    if (i && !tn_read_expect(k->r, ',', "between the comparator's values, two for each buffer")) return false;
    if (!new_value(k)) return false;
  }
  stmt->sorted_values = values;
  if (!tn_read_expect(k->r, ')', "after the comparator's values") ||
      !tn_read_expect(k->r, '{', "before the comparator's lets") || !tn_read_enter(k->r) ||
      !read_body(k, stmt) || !tn_read_expect(k->r, '}', "after the comparator's lets"))
    return false;
  tn_read_leave(k->r);
  if (!tn_read_expect_word(k->r, "less", "before the comparator's result") ||
      !tn_read_expr(k, TN_PRED, &stmt->expr))
    return false;
  close_scope(k, mark);
  return true;
}

static bool read_stmt(tn_kernel_reader *k, tn_stmt *stmt) {
  static const struct {
    const char *word;
    tn_stmt_kind kind;
    tn_dim_kind dims;
  } nests[] = {{"loop", TN_STMT_LOOP, TN_DIM_PARALLEL},
               {"scan", TN_STMT_LOOP, TN_DIM_CARRIED},
               {"reduce", TN_STMT_REDUCE, TN_DIM_REDUCED}};
  for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
    if (!tn_read_accept_word(k->r, nests[i].word)) continue;
    stmt->kind = nests[i].kind;
    return read_nest(k, stmt, nests[i].dims);
  }
  if (tn_read_accept_word(k->r, "local")) {
    stmt->kind = TN_STMT_LOCAL;
    stmt->buffer = k->buffers.count;
    return new_buffer(k, TN_BUFFER_LOCAL);
  }
  if (tn_read_accept_word(k->r, "sort")) {
    stmt->kind = TN_STMT_SORT;
    return read_sort(k, stmt);
  }
  stmt->kind = tn_read_accept_word(k->r, "let") ? TN_STMT_LET : TN_STMT_STORE;
  return stmt->kind == TN_STMT_LET ? read_let(k, stmt) : read_store(k, stmt);
}

static bool read_body(tn_kernel_reader *k, tn_stmt *owner) {
  tn_stmt **tail = &owner->body;
  int accumulators = 0;
  while (!tn_read_at(k->r, '}')) {
    tn_str word = tn_read_word(k->r);
    const tn_kernel_name *known = tn_kernel_lookup(k, word);
    if (known && known->kind == TN_NAME_VALUE) {
      if (owner->kind != TN_STMT_REDUCE)
        return tn_read_fail(k->r, k->r->at, "'%s' is not in a reduce", known->name);
      if (!read_accumulator(k, owner, &accumulators)) return false;
      continue;
    }
    if (accumulators) return tn_read_fail(k->r, k->r->at, "a statement after the accumulators of a reduce");
    tn_stmt *stmt = tn_stmt_new(k->r->arena, TN_STMT_LOOP);
    if (!read_stmt(k, stmt)) return false;
    *tail = stmt;
    tail = &stmt->next;
  }
  return accumulators == owner->n_accumulators || tn_read_expect(k->r, ':', "of an accumulator");
}

/* ---- schedules ---- */

/* Names of dims: those of the whole kernel, whose scopes are closed by now. */
static bool scheduled_dim(tn_kernel_reader *k, int *dim) {
  tn_str name;
  tn_read_skip(k->r);
  const char *from = k->r->at;
  if (!tn_read_name(k->r, "a dim", &name)) return false;
  for (*dim = 0; *dim < k->dims.count; ++*dim)
    if (tn_str_is(name, k->dims.at[*dim].name)) return true;
  return tn_read_fail(k->r, from, "no dim is called '%.*s'", (int)(name.length < 60 ? name.length : 60),
                      name.at);
}

static bool clause_ends(tn_kernel_reader *k) {
  return tn_read_at(k->r, ';') || tn_read_at(k->r, '}') || k->r->failed;
}

static bool read_tiles(tn_kernel_reader *k, tn_dim_schedule *dims) {
  do {
    int dim;
    if (!scheduled_dim(k, &dim)) return false;
    while (tn_read_accept(k->r, ':')) {
      if (dims[dim].n_tiles == TN_MAX_TILES)
        return tn_read_fail(k->r, k->r->at, "tile: more than %d for one dim", TN_MAX_TILES);
      if (!tn_read_integer(k->r, "a tile's size", 1, INT64_C(1) << 40, &dims[dim].tiles[dims[dim].n_tiles++]))
        return false;
    }
  } while (!clause_ends(k));
  return !k->r->failed;
}

static bool read_vectors(tn_kernel_reader *k, tn_dim_schedule *dims) {
  do {
    int dim;
    int64_t lanes, vectors;
    if (!scheduled_dim(k, &dim) || !tn_read_expect(k->r, ':', "after the dim") ||
        !tn_read_integer(k->r, "lanes", 1, 1024, &lanes) || !tn_read_expect(k->r, '*', "after the lanes") ||
        !tn_read_integer(k->r, "vectors", 1, 1024, &vectors))
      return false;
    dims[dim].lanes = (int)lanes;
    dims[dim].vectors = (int)vectors;
  } while (!clause_ends(k));
  return !k->r->failed;
}

static bool read_unrolls(tn_kernel_reader *k, tn_dim_schedule *dims) {
  do {
    int dim;
    int64_t unroll;
    if (!scheduled_dim(k, &dim) || !tn_read_expect(k->r, ':', "after the dim") ||
        !tn_read_integer(k->r, "unroll", 1, 1024, &unroll))
      return false;
    dims[dim].unroll = (int)unroll;
  } while (!clause_ends(k));
  return !k->r->failed;
}

/* d0 k1 d0' */
static bool read_loop_ref(tn_kernel_reader *k, tn_loop_ref *loop) {
  *loop = (tn_loop_ref){0};
  if (!scheduled_dim(k, &loop->dim)) return false;
  while (k->r->at < k->r->end && *k->r->at == '\'' && loop->level < TN_MAX_TILES) {
    k->r->at++;
    loop->level++;
  }
  return true;
}

static bool read_order(tn_kernel_reader *k, tn_schedule *schedule) {
  TN_VEC(tn_loop_ref) order = {0};
  do {
    tn_loop_ref loop;
    if (!read_loop_ref(k, &loop)) return false;
    TN_PUSH(k->r->arena, &order, loop);
  } while (!clause_ends(k));
  schedule->order = order.at;
  schedule->n_order = order.count;
  return !k->r->failed;
}

static bool read_threads(tn_kernel_reader *k, tn_schedule *schedule) {
  do {
    tn_loop_ref loop;
    tn_read_skip(k->r);
    const char *from = k->r->at;
    if (!read_loop_ref(k, &loop)) return false;
    int n = schedule->n_threads++;
    if (n >= schedule->n_order || schedule->order[n].dim != loop.dim ||
        schedule->order[n].level != loop.level)
      return tn_read_fail(k->r, from, "threads: these are not the first loops of the order");
  } while (!clause_ends(k));
  return !k->r->failed;
}

static bool read_clause(tn_kernel_reader *k, tn_schedule *schedule, tn_dim_schedule *dims) {
  int64_t lines;
  if (tn_read_accept_word(k->r, "tile")) return read_tiles(k, dims);
  if (tn_read_accept_word(k->r, "vector")) return read_vectors(k, dims);
  if (tn_read_accept_word(k->r, "unroll")) return read_unrolls(k, dims);
  if (tn_read_accept_word(k->r, "order")) return read_order(k, schedule);
  if (tn_read_accept_word(k->r, "threads")) return read_threads(k, schedule);
  if (!tn_read_expect_word(k->r, "prefetch", "or another clause of a schedule") ||
      !tn_read_integer(k->r, "prefetch", 0, 1024, &lines))
    return false;
  schedule->prefetch = (int)lines;
  return true;
}

static bool read_schedule(tn_kernel_reader *k) {
  tn_schedule *schedule = &k->kernel->schedule;
  tn_dim_schedule *dims = TN_NEW_ARRAY(k->r->arena, tn_dim_schedule, k->dims.count);
  for (int i = 0; i < k->dims.count; i++) dims[i].unroll = 1;
  schedule->dims = dims;
  if (!tn_read_expect(k->r, '{', "after schedule")) return false;
  while (!tn_read_at(k->r, '}')) {
    if (!read_clause(k, schedule, dims)) return false;
    if (!tn_read_accept(k->r, ';')) break;
  }
  return tn_read_expect(k->r, '}', "after the schedule");
}

/* ---- kernels ---- */

static bool read_kernel_parameters(tn_kernel_reader *k) {
  if (!tn_read_expect(k->r, '(', "after the kernel's name")) return false;
  while (!tn_read_at(k->r, ')')) {
    tn_access access = tn_read_accept_word(k->r, "out")     ? TN_BUFFER_OUT
                       : tn_read_accept_word(k->r, "inout") ? TN_BUFFER_INOUT
                                                            : TN_BUFFER_IN;
    if (!new_buffer(k, access)) return false;
    if (!tn_read_accept(k->r, ',')) break;
  }
  k->kernel->n_parameters = k->buffers.count;
  return tn_read_expect(k->r, ')', "after the parameters") &&
         tn_read_expect(k->r, '{', "before the kernel's body");
}

/* The comment behind the '{' says where the kernel comes from. */
static const char *source_comment(tn_reader *r) {
  const char *at = r->at;
  while (at < r->end && (*at == ' ' || *at == '\n')) at++;
  if (r->end - at < 2 || at[0] != '/' || at[1] != '/') return NULL;
  at += 2 + (r->end - at > 2 && at[2] == ' ');
  const char *to = memchr(at, '\n', (size_t)(r->end - at));
  return tn_arena_string_n(r->arena, at, (size_t)((to ? to : r->end) - at));
}

bool tn_read_kernel(tn_reader *r, tn_kernel **kernel) {
  tn_kernel_reader k = {.r = r, .kernel = TN_NEW(r->arena, tn_kernel)};
  tn_str name;
  *kernel = k.kernel;
  if (!tn_read_name(r, "a kernel's name", &name)) return false;
  k.kernel->name = tn_arena_string_n(r->arena, name.at, name.length);
  if (!read_kernel_parameters(&k)) return false;
  k.kernel->source = source_comment(r);
  k.kernel->body = tn_stmt_new(r->arena, TN_STMT_LOOP);
  bool carried = tn_read_accept_word(r, "scan");
  if (!carried && !tn_read_expect_word(r, "loop", "or 'scan' as a kernel's one statement")) return false;
  if (!read_nest(&k, k.kernel->body, carried ? TN_DIM_CARRIED : TN_DIM_PARALLEL)) return false;
  if (tn_read_accept_word(r, "schedule") && !read_schedule(&k)) return false;
  k.kernel->n_buffers = k.buffers.count;
  k.kernel->buffers = k.buffers.at;
  k.kernel->n_values = k.values.count;
  k.kernel->values = k.values.at;
  return tn_read_expect(r, '}', "after the kernel");
}
