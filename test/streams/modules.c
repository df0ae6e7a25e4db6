/* Random modules of what arrays do.
 *
 * A module is a chain: the current value, [b,h,w,c] or [m,k], goes through layers. Operands of products are s8,
 * bf16 or f32; whether weights are constants or parameters, how windows lie and which dims are contracted is
 * drawn. All floats that products see are small integers, so that sums are exact in any order.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "modules.h"

typedef struct {
  const char *type;
  int rank;
  int64_t dims[4];
  int number; /* its name is v7 */
} value;

typedef struct {
  dice *d;
  tn_text body, before; /* of the entry; computations */
  int values, parameters;
  value now;
} draft;

static int64_t between(draft *m, int64_t least, int64_t most) { return dice_between(m->d, least, most); }
static bool one_in(draft *m, int64_t count) { return dice_one_in(m->d, count); }

static void put_shape(tn_text *out, const value *v) {
  tn_text_printf(out, "%s[", v->type);
  for (int i = 0; i < v->rank; i++) tn_text_printf(out, "%s%lld", i ? "," : "", (long long)v->dims[i]);
  tn_text_put(out, "]");
}

/* `  v7 = s8[2,3] `; the caller writes the rest of the line. */
static value start(draft *m, const char *type, int rank, const int64_t *dims) {
  value v = {.type = type, .rank = rank, .number = m->values++};
  for (int i = 0; i < rank; i++) v.dims[i] = dims[i];
  tn_text_printf(&m->body, "  v%d = ", v.number);
  put_shape(&m->body, &v);
  tn_text_put(&m->body, " ");
  return v;
}

static value like(draft *m, const char *type, const value *v) { return start(m, type, v->rank, v->dims); }

static value parameter(draft *m, const char *type, int rank, const int64_t *dims) {
  value v = start(m, type, rank, dims);
  tn_text_printf(&m->body, "parameter(%d)\n", m->parameters++);
  return v;
}

static value unary(draft *m, const char *type, const char *op, const value *x) {
  value v = like(m, type, x);
  tn_text_printf(&m->body, "%s(v%d)\n", op, x->number);
  return v;
}

static value weights(draft *m, const char *type, int rank, const int64_t *dims) {
  if (one_in(m, 4)) return parameter(m, type, rank, dims);
  value v = start(m, "s8", rank, dims);
  tn_text_put(&m->body, "constant({...})\n");
  return strcmp(type, "s8") ? unary(m, type, "convert", &v) : v;
}

static value scalar(draft *m, const char *type, const char *number, const value *shape) {
  value one = start(m, type, 0, NULL);
  tn_text_printf(&m->body, "constant(%s)\n", number);
  value v = like(m, type, shape);
  tn_text_printf(&m->body, "broadcast(v%d), dimensions={}\n", one.number);
  return v;
}

static value binary(draft *m, const char *op, const value *x, const value *y) {
  value v = like(m, x->type, x);
  tn_text_printf(&m->body, "%s(v%d, v%d)\n", op, x->number, y->number);
  return v;
}

/* Numbers along the last dim. */
static value channels(draft *m, const char *type, const value *shape) {
  int64_t size = shape->dims[shape->rank - 1];
  value list = start(m, type, 1, &size);
  tn_text_put(&m->body, "constant({");
  for (int64_t i = 0; i < size; i++)
    if (!strcmp(type, "s32"))
      tn_text_printf(&m->body, "%s%lld", i ? "," : "", (long long)between(m, -2000, 2000));
    else
      tn_text_printf(&m->body, "%s%g", i ? "," : "", (double)between(m, 1, 400) / 8192);
  tn_text_put(&m->body, "})\n");
  value v = like(m, type, shape);
  tn_text_printf(&m->body, "broadcast(v%d), dimensions={%d}\n", list.number, shape->rank - 1);
  return v;
}

/* ---- products ---- */

static const char *sum_type(const char *type) { return strcmp(type, "s8") ? "f32" : "s32"; }

/* [m,k] or [k,m] by [k,n] or [n,k]; now and then with a batch dim in front. */
static void dot(draft *m) {
  value x = m->now;
  if (x.rank == 4) {
    int64_t flat[] = {x.dims[0] * x.dims[1], x.dims[2] * x.dims[3]};
    if (one_in(m, 2)) flat[0] = x.dims[0], flat[1] = x.dims[1] * x.dims[2] * x.dims[3];
    x = start(m, x.type, 2, flat);
    tn_text_printf(&m->body, "reshape(v%d)\n", m->now.number);
  }
  bool x_first = one_in(m, 4), w_first = !one_in(m, 3);
  int64_t rows = x.dims[x_first], k = x.dims[!x_first], n = between(m, 1, 40);
  int64_t dims[] = {w_first ? k : n, w_first ? n : k};
  value w = weights(m, x.type, 2, dims);
  m->now = start(m, sum_type(x.type), 2, (int64_t[]){rows, n});
  tn_text_printf(&m->body, "dot(v%d, v%d), lhs_contracting_dims={%d}, rhs_contracting_dims={%d}\n", x.number,
                 w.number, !x_first, !w_first);
}

static void batched_dot(draft *m) {
  value x = m->now;
  if (x.rank != 4) {
    dot(m);
    return;
  }
  int64_t three[] = {x.dims[0], x.dims[1] * x.dims[2], x.dims[3]};
  x = start(m, x.type, 3, three);
  tn_text_printf(&m->body, "reshape(v%d)\n", m->now.number);
  int64_t n = between(m, 1, 20);
  value w = weights(m, x.type, 3, (int64_t[]){three[0], three[2], n});
  value y = start(m, sum_type(x.type), 3, (int64_t[]){three[0], three[1], n});
  tn_text_printf(&m->body,
                 "dot(v%d, v%d), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2}, "
                 "rhs_contracting_dims={1}\n",
                 x.number, w.number);
  m->now = start(m, y.type, 4, (int64_t[]){x.dims[0], m->now.dims[1], m->now.dims[2], n});
  tn_text_printf(&m->body, "reshape(v%d)\n", y.number);
}

typedef struct {
  int64_t size, stride, low, high, dilation, out;
} window;

static window draw_window(draft *m, int64_t size) {
  window w;
  do {
    w = (window){.size = between(m, 1, 3), .stride = between(m, 1, 2), .dilation = one_in(m, 6) ? 2 : 1};
    w.low = one_in(m, 2) ? 0 : between(m, 0, 2);
    w.high = one_in(m, 2) ? w.low : between(m, 0, 2);
    w.out = size + w.low + w.high - ((w.size - 1) * w.dilation + 1);
  } while (w.out < 0);
  w.out = w.out / w.stride + 1;
  return w;
}

/* Of the images; `spread`: zeros between their pixels. */
static void put_convolution(draft *m, const value *x, const value *k, const window *h, const window *w,
                            int64_t spread, int64_t groups, const char *labels) {
  tn_text_printf(
      &m->body, "convolution(v%d, v%d), window={size=%lldx%lld stride=%lldx%lld pad=%lld_%lldx%lld_%lld",
      x->number, k->number, (long long)h->size, (long long)w->size, (long long)h->stride,
      (long long)w->stride, (long long)h->low, (long long)h->high, (long long)w->low, (long long)w->high);
  if (spread > 1) tn_text_printf(&m->body, " lhs_dilate=%lldx%lld", (long long)spread, (long long)spread);
  tn_text_printf(&m->body, " rhs_dilate=%lldx%lld%s}, dim_labels=%s, feature_group_count=%lld\n",
                 (long long)h->dilation, (long long)w->dilation, one_in(m, 8) ? " rhs_reversal=1x1" : "",
                 labels, (long long)groups);
}

/* The value is [b,h,w,c], or read as [b,c,h,w]. */
static void convolution(draft *m) {
  value x = m->now;
  bool channels_first = one_in(m, 5);
  int64_t spread = one_in(m, 12) ? 2 : 1;
  int at = channels_first ? 2 : 1;
  window h = draw_window(m, (x.dims[at] - 1) * spread + 1),
         w = draw_window(m, (x.dims[at + 1] - 1) * spread + 1);
  int64_t c = x.dims[channels_first ? 1 : 3], groups = 1;
  if (one_in(m, 4)) groups = c;
  if (c % 2 == 0 && one_in(m, 5)) groups = 2;
  int64_t n = groups * between(m, 1, groups > 2 ? 2 : 24 / groups);
  int64_t last[] = {h.size, w.size, c / groups, n}, first[] = {n, c / groups, h.size, w.size};
  value k = weights(m, x.type, 4, channels_first ? first : last);
  int64_t out[] = {x.dims[0], h.out, w.out, n}, out_first[] = {x.dims[0], n, h.out, w.out};
  m->now = start(m, sum_type(x.type), 4, channels_first ? out_first : out);
  put_convolution(m, &x, &k, &h, &w, spread, groups, channels_first ? "bf01_oi01->bf01" : "b01f_01io->b01f");
}

/* ---- between products ---- */

static void pool(draft *m) {
  value x = m->now;
  window h = draw_window(m, x.dims[1]), w = draw_window(m, x.dims[2]);
  tn_text_printf(&m->before,
                 "most%d { a = %s[] parameter(0) b = %s[] parameter(1) ROOT m = %s[] maximum(a, b) }\n",
                 m->values, x.type, x.type, x.type);
  int computation = m->values;
  value least = start(m, x.type, 0, NULL);
  tn_text_printf(&m->body, "constant(%s)\n", !strcmp(x.type, "s8") ? "-128" : "-inf");
  m->now = start(m, x.type, 4, (int64_t[]){x.dims[0], h.out, w.out, x.dims[3]});
  tn_text_printf(&m->body,
                 "reduce-window(v%d, v%d), window={size=1x%lldx%lldx1 stride=1x%lldx%lldx1 "
                 "pad=0_0x%lld_%lldx%lld_%lldx0_0 "
                 "rhs_dilate=1x%lldx%lldx1}, to_apply=most%d\n",
                 x.number, least.number, (long long)h.size, (long long)w.size, (long long)h.stride,
                 (long long)w.stride, (long long)h.low, (long long)h.high, (long long)w.low,
                 (long long)w.high, (long long)h.dilation, (long long)w.dilation, computation);
}

static value clamped(draft *m, const value *x, const char *low) {
  value least = start(m, x->type, 0, NULL);
  tn_text_printf(&m->body, "constant(%s)\n", low);
  value most = start(m, x->type, 0, NULL);
  tn_text_put(&m->body, "constant(127)\n");
  value v = like(m, x->type, x);
  tn_text_printf(&m->body, "clamp(v%d, v%d, v%d)\n", least.number, x->number, most.number);
  return v;
}

/* s32 (or f32) sums to bytes: bias, scale, residual, function; each or not. */
static void requantize(draft *m, const value *residual) {
  value v = m->now;
  if (!strcmp(v.type, "s32") && one_in(m, 3)) {
    value bias = channels(m, "s32", &v);
    v = binary(m, "add", &v, &bias);
  }
  if (!strcmp(v.type, "s32")) v = unary(m, "f32", "convert", &v);
  value scale = one_in(m, 3) ? scalar(m, "f32", "0.0078125", &v) : channels(m, "f32", &v);
  v = binary(m, "multiply", &v, &scale);
  if (one_in(m, 2)) {
    value bias = channels(m, "f32", &v);
    v = binary(m, one_in(m, 4) ? "subtract" : "add", &v, &bias);
  }
  if (residual) {
    value r = unary(m, "f32", "convert", residual);
    if (one_in(m, 2)) {
      value half = scalar(m, "f32", "0.3125", &r);
      r = binary(m, "multiply", &r, &half);
    }
    static const char *const joins[] = {"add", "subtract", "multiply", "maximum", "minimum"};
    v = binary(m, joins[one_in(m, 2) ? 0 : between(m, 0, 4)], &v, &r);
  }
  if (one_in(m, 3)) {
    value zero = scalar(m, "f32", "0", &v);
    v = binary(m, "maximum", &v, &zero);
  }
  v = unary(m, "f32", "round-nearest-even", &v);
  v = clamped(m, &v, one_in(m, 3) ? "0" : "-128");
  m->now = unary(m, "s8", "convert", &v);
}

/* A function of bytes: a table. */
static void function_of_bytes(draft *m) {
  static const char *const functions[] = {"tanh", "logistic", "exponential", "abs", "negate"};
  value v = unary(m, "f32", "convert", &m->now), scale = scalar(m, "f32", "0.03125", &v);
  v = binary(m, "multiply", &v, &scale);
  v = unary(m, "f32", functions[between(m, 0, 4)], &v);
  scale = scalar(m, "f32", "63.5", &v);
  v = binary(m, "multiply", &v, &scale);
  v = unary(m, "f32", "round-nearest-even", &v);
  v = clamped(m, &v, "-128");
  m->now = unary(m, "s8", "convert", &v);
}

static void elementwise(draft *m) {
  static const char *const joins[] = {"add", "subtract", "maximum", "minimum", "multiply"};
  value other = parameter(m, m->now.type, m->now.rank, m->now.dims);
  m->now = binary(m, joins[between(m, 0, 4)], &m->now, &other);
}

static bool same_shape(const value *a, const value *b) {
  bool same = a->rank == b->rank;
  for (int i = 0; same && i < a->rank; i++) same = a->dims[i] == b->dims[i];
  return same;
}

static void layer(draft *m, bool last) {
  value before = m->now;
  bool bytes = !strcmp(m->now.type, "s8");
  int64_t kind = between(m, 0, 9);
  if (kind == 0) {
    elementwise(m);
    return;
  }
  if (kind == 1 && bytes) {
    function_of_bytes(m);
    return;
  }
  if (kind == 2 && m->now.rank == 4) {
    pool(m);
    return;
  }
  if (kind == 3)
    batched_dot(m);
  else if (kind < 8 && m->now.rank == 4)
    convolution(m);
  else
    dot(m);
  if (bytes && !(last && one_in(m, 2))) requantize(m, same_shape(&before, &m->now) ? &before : NULL);
  if (!bytes && !last) m->now = unary(m, before.type, "convert", &m->now);
}

/* The last value, or that and one on the way. */
static void put_root(draft *m, const value *kept) {
  if (!kept) {
    tn_text_printf(&m->body, "  ROOT v%d = ", m->values++);
    put_shape(&m->body, &m->now);
    tn_text_printf(&m->body, " copy(v%d)\n", m->now.number);
    return;
  }
  tn_text_printf(&m->body, "  ROOT v%d = (", m->values++);
  put_shape(&m->body, &m->now);
  tn_text_put(&m->body, ", ");
  put_shape(&m->body, kept);
  tn_text_printf(&m->body, ") tuple(v%d, v%d)\n", m->now.number, kept->number);
}

void draw_module(tn_text *out, dice *d) {
  static const char *const types[] = {"s8", "s8", "s8", "bf16", "f32"};
  draft m = {.d = d};
  const char *type = types[between(&m, 0, 4)];
  int64_t most = one_in(&m, 8) ? 3 : 1; /* some larger than their arrays' memories */
  if (one_in(&m, 3))
    m.now = parameter(&m, type, 2, (int64_t[]){between(&m, 1, 40 * most), between(&m, 1, 50 * most)});
  else
    m.now = parameter(&m, type, 4,
                      (int64_t[]){between(&m, 1, 3), between(&m, 1, 9 * most), between(&m, 1, 9 * most),
                                  between(&m, 1, 20 * most)});
  /* Floats stay exact for one product. */
  int64_t layers = strcmp(type, "s8") ? 1 : between(&m, 1, 4);
  value kept = {0};
  for (int64_t i = 0; i < layers; i++) {
    layer(&m, i + 1 == layers);
    if (i + 1 < layers && one_in(&m, 4)) kept = m.now;
  }
  put_root(&m, kept.type ? &kept : NULL);
  tn_text_printf(out, "HloModule random\n%sENTRY main {\n%s}\n", m.before.bytes ? m.before.bytes : "",
                 m.body.bytes);
  tn_text_free(&m.body);
  tn_text_free(&m.before);
}

/* ---- targets ---- */

void draw_target_file(tn_text *out, dice *d) {
  static const char *const dataflows[] = {"weight", "output", "input", "weight, output", "any"};
  static const char *const yes_no[] = {"yes", "no"};
  static const char *const rates[] = {"inf", "0.8", "16", "300"};
  tn_text_printf(out, "rows = %d\ncolumns = %d\ndataflow = %s\noperand = s8, bf16:2, f32:4\n",
                 (int)dice_between(d, 1, 16), (int)dice_between(d, 1, 16), dataflows[dice_between(d, 0, 4)]);
  tn_text_printf(out,
                 "weight_double_buffer = %s\nweight_fifo_tiles = %d\nwhole_weight_tiles = %s\npacking = %s\n",
                 yes_no[dice_between(d, 0, 1)], (int)dice_between(d, 1, 5), yes_no[dice_between(d, 0, 1)],
                 yes_no[dice_between(d, 0, 1)]);
  tn_text_printf(out, "unified_buffer_kib = %d\naccumulator_kib = %d\n", 1 << dice_between(d, 0, 8),
                 1 << dice_between(d, 0, 6));
  tn_text_printf(out, "dram_gb_s = %s\nhost_gb_s = %s\ndram_latency_ns = %d\nhost_latency_ns = %d\n",
                 rates[dice_between(d, 0, 3)], rates[dice_between(d, 0, 3)], (int)dice_between(d, 0, 100),
                 (int)dice_between(d, 0, 100));
  tn_text_printf(out, "dma_channels = %d\nvector_lanes = %d\nvector_latency = %d\nvector_functions = %s\n",
                 (int)dice_between(d, 1, 4), (int)dice_between(d, 1, 32), (int)dice_between(d, 0, 9),
                 dice_one_in(d, 2) ? "abs, negate" : "none");
}
