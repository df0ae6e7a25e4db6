/* Floats of at most 16 bits and integers under a byte, every value of them.
 *
 * Conversions are compared with base/convert.c, everything else with the reference
 * evaluator, which computes in double and rounds once. Floats of 8 and 4 bits have to be
 * equal; f16 and bf16 are rounded twice by the functions of base/math, so that now and
 * then one is the other neighbour of the exact result.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "harness.h"
#include "ir/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const tn_type floats[] = {TN_F4E2M1FN,   TN_F8E3M4, TN_F8E4M3,     TN_F8E4M3B11FNUZ, TN_F8E4M3FN,
                                 TN_F8E4M3FNUZ, TN_F8E5M2, TN_F8E5M2FNUZ, TN_F8E8M0FNU};
static const tn_type integers[] = {TN_S1, TN_S2, TN_S4, TN_U1, TN_U2, TN_U4};
static const tn_type wide[] = {TN_F16, TN_BF16, TN_F32, TN_F64, TN_S8,  TN_S16, TN_S32,
                               TN_S64, TN_U8,   TN_U16, TN_U32, TN_U64, TN_PRED};
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* ---- programs of one parameter list and a tuple of results ---- */

enum { MOST = 32 };

typedef struct {
  tn_text text, types, names;
  int count; /* results */
  int64_t elements;
} program;

static void begin(program *p, int64_t elements, int n_parameters, const tn_type *types) {
  *p = (program){.elements = elements};
  tn_text_put(&p->text, "HloModule m\nENTRY e {\n");
  for (int i = 0; i < n_parameters; i++)
    tn_text_printf(&p->text, "p%d = %s[%lld] parameter(%d)\n", i, tn_type_name(types[i]), (long long)elements,
                   i);
}

static void result(program *p, tn_type type, const char *operation) {
  const char *name = tn_type_name(type), *comma = p->count ? ", " : "";
  tn_text_printf(&p->types, "%s%s[%lld]", comma, name, (long long)p->elements);
  tn_text_printf(&p->names, "%sr%d", comma, p->count);
  tn_text_printf(&p->text, "r%d = %s[%lld] %s\n", p->count, name, (long long)p->elements, operation);
  p->count++;
}

static void finish(program *p) {
  tn_text_printf(&p->text, "ROOT t = (%.*s) tuple(%.*s) }\n", (int)p->types.length, p->types.bytes,
                 (int)p->names.length, p->names.bytes);
  tn_text_put_char(&p->text, 0);
}

typedef struct {
  compiled c;
  void *results[MOST];
} finished;

typedef int many_run(void *, void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
                     void *, void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
                     void *, void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
                     void *, void *, void *, void *, void *, void *, void *);

static void run(finished *f, const program *p, const char *target, void *const *parameters) {
  void *a[40] = {0}, *arena;
  int n = 0;
  compile_hlo(&f->c, p->text.bytes, target, 0);
  size_t size = (size_t)(f->c.object.arena_bytes + f->c.object.arena_bytes_per_thread);
  cr_assert(!posix_memalign(&arena, 64, size + 64));
  for (int i = 0; i < f->c.plan->n_parameters; i++) a[n++] = parameters[i];
  for (int i = 0; i < p->count; i++) a[n++] = f->results[i] = malloc((size_t)p->elements * 8 + 64);
  if (f->c.object.constants.length) a[n++] = NULL;
  a[n++] = arena;
  a[n++] = (void *)size;
  many_run *function = (many_run *)tn_image_symbol(f->c.image, "test_run");
  int status =
      function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14],
               a[15], a[16], a[17], a[18], a[19], a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27],
               a[28], a[29], a[30], a[31], a[32], a[33], a[34], a[35], a[36], a[37], a[38], a[39]);
  cr_assert_eq(status, 0);
  free(arena);
}

static void done(finished *f, program *p) {
  tn_text_free(&p->text), tn_text_free(&p->types), tn_text_free(&p->names);
  for (int i = 0; i < p->count; i++) free(f->results[i]);
  release(&f->c);
}

/* ---- comparison ---- */

static bool same_element(tn_type type, const void *a, const void *b) {
  if (!memcmp(a, b, tn_type_bytes(type))) return true;
  return tn_type_is_float(type) && isnan(tn_load_float(type, a)) && isnan(tn_load_float(type, b));
}

static double number(tn_type type, const void *element) {
  return tn_type_is_float(type) ? tn_load_float(type, element) : (double)tn_load_integer(type, element);
}

/* How far a value's neighbours are, at most. */
static double neighbours(tn_type type, double value) {
  double relative = fabs(value) * ldexp(1, 1 - tn_float_precision(type)),
         least = ldexp(1, tn_float_least_exponent(type));
  return relative > least ? relative : least;
}

/* At most `few` elements differ, and these are neighbours. */
static void expect(const char *what, const char *target, tn_type type, const char *got, const char *wanted,
                   int64_t count, tn_type from, const char *operand, int64_t few) {
  size_t bytes = tn_type_bytes(type), from_bytes = tn_type_bytes(from);
  int64_t different = 0;
  for (int64_t i = 0; i < count; i++) {
    const char *a = got + (size_t)i * bytes, *b = wanted + (size_t)i * bytes;
    if (same_element(type, a, b)) continue;
    double x = number(type, a), y = number(type, b);
    bool near = few && fabs(x - y) <= neighbours(type, y);
    cr_assert(near && ++different <= few,
              "%s of %s %s: %g (element %lld) gives %g (0x%02x), expected %g (0x%02x)", what,
              tn_type_name(from), target, number(from, operand + (size_t)i * from_bytes), (long long)i, x,
              *(const unsigned char *)a, y, *(const unsigned char *)b);
  }
}

/* ---- conversions ---- */

/* All types of the list, `from` among them or not. */
static void check_converts(const char *target, tn_type from, char *elements, int64_t count, const tn_type *to,
                           int n_to) {
  program p;
  finished f;
  begin(&p, count, 1, &from);
  for (int i = 0; i < n_to; i++) result(&p, to[i], "convert(p0)");
  finish(&p);
  run(&f, &p, target, (void *[]){elements});
  char *wanted = malloc((size_t)count * 8);
  for (int i = 0; i < n_to; i++) {
    tn_convert_elements(to[i], wanted, from, elements, (size_t)count);
    char what[64];
    snprintf(what, sizeof what, "convert to %s", tn_type_name(to[i]));
    expect(what, target, to[i], f.results[i], wanted, count, from, elements, 0);
  }
  free(wanted);
  done(&f, &p);
}

/* Every value of a type of at most 16 bits, as it lies in memory. */
static char *all_values(tn_type type, int64_t *count) {
  *count = INT64_C(1) << tn_type_bits(type);
  size_t bytes = tn_type_bytes(type);
  char *elements = malloc((size_t)*count * bytes);
  for (int64_t i = 0; i < *count; i++) {
    if (tn_type_is_integer(type))
      tn_store_integer(type, elements + (size_t)i * bytes, i);
    else
      memcpy(elements + (size_t)i * bytes, &i, bytes);
  }
  return elements;
}

static int all_types(tn_type *all) {
  int n = 0;
  for (int i = 0; i < COUNT(floats); i++) all[n++] = floats[i];
  for (int i = 0; i < COUNT(integers); i++) all[n++] = integers[i];
  for (int i = 0; i < COUNT(wide); i++) all[n++] = wide[i];
  return n;
}

static int small_types(tn_type *all) {
  int n = 0;
  for (int i = 0; i < COUNT(floats); i++) all[n++] = floats[i];
  for (int i = 0; i < COUNT(integers); i++) all[n++] = integers[i];
  return n;
}

static void check_from_small(const char *target) {
  tn_type types[32], all[32];
  int n_types = small_types(types), n_all = all_types(all);
  for (int i = 0; i < n_types; i++) {
    int64_t count;
    char *elements = all_values(types[i], &count);
    check_converts(target, types[i], elements, count, all, n_all);
    free(elements);
  }
}

/* Around every value of every small format: it, the middle to the next one, and their
 * neighbours in `from`; then random bits.                                             */
static void put_around(tn_type from, char *elements, int64_t *count, double value) {
  size_t bytes = tn_type_bytes(from);
  uint64_t bits = tn_float_to_bits(from, value);
  for (int step = -1; step <= 1; step++) {
    uint64_t near = bits + (uint64_t)(int64_t)step;
    memcpy(elements + (size_t)(*count)++ * bytes, &near, bytes);
  }
}

static char *dense_floats(tn_type from, int64_t *count) {
  size_t bytes = tn_type_bytes(from);
  char *elements = malloc((COUNT(floats) * 256 * 6 + 40000) * bytes);
  *count = 0;
  for (int t = 0; t < COUNT(floats); t++)
    for (int b = 0; b < 1 << tn_type_bits(floats[t]); b++) {
      double x = tn_float_from_bits(floats[t], (uint64_t)b),
             y = tn_float_from_bits(floats[t], (uint64_t)(b + 1) & 255);
      if (!isfinite(x)) continue;
      put_around(from, elements, count, x);
      put_around(from, elements, count, isfinite(y) ? (x + y) / 2 : x * 1.0625);
    }
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 30000; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    memcpy(elements + (size_t)(*count)++ * bytes, &state, bytes);
  }
  static const double special[] = {0.0,       -0.0,      INFINITY, -INFINITY,  NAN,        -NAN,
                                   0x1p-149,  -0x1p-149, 0x1p-127, 0x1.7p-127, 0x1.8p-127, 0x1.9p-127,
                                   0x1.8p127, 0x1.7p127, 1e300,    1e-300,     -1e300};
  for (int i = 0; i < COUNT(special); i++) {
    uint64_t bits = tn_float_to_bits(from, special[i]);
    memcpy(elements + (size_t)(*count)++ * bytes, &bits, bytes);
  }
  return elements;
}

static char *dense_integers(tn_type from, int64_t *count) {
  size_t bytes = tn_type_bytes(from);
  if (bytes <= 2) return all_values(from, count);
  char *elements = malloc(40000 * bytes);
  *count = 0;
  for (int i = 0; i < 64; i++)
    for (int j = -40; j <= 40; j++)
      for (int half = 0; half <= 1; half++) {
        uint64_t x = (UINT64_C(1) << i) + (half && i ? UINT64_C(1) << (i - 1) : 0) + (uint64_t)(int64_t)j;
        memcpy(elements + (size_t)(*count)++ * bytes, &x, bytes);
      }
  return elements;
}

static void check_to_small(const char *target) {
  tn_type types[32];
  int n_types = small_types(types);
  for (int i = 0; i < COUNT(wide); i++) {
    int64_t count;
    if (wide[i] == TN_PRED) continue;
    char *elements = tn_type_is_float(wide[i]) ? tn_type_bits(wide[i]) == 16 ? all_values(wide[i], &count)
                                                                             : dense_floats(wide[i], &count)
                                               : dense_integers(wide[i], &count);
    check_converts(target, wide[i], elements, count, types, n_types);
    free(elements);
  }
}

Test(small_types, convert_from_v2) { check_from_small("x86-64-v2"); }
Test(small_types, convert_from_v3) { check_from_small("x86-64-v3"); }
Test(small_types, convert_from_v4) { check_from_small("x86-64-v4"); }
Test(small_types, convert_to_v2) { check_to_small("x86-64-v2"); }
Test(small_types, convert_to_v3) { check_to_small("x86-64-v3"); }
Test(small_types, convert_to_v4) { check_to_small("x86-64-v4"); }

/* ---- operations ---- */

/* All results of the program against the evaluator's; `few` of f16's and bf16's may differ. */
static void check_operations(const char *target, program *p, int n_parameters, const tn_type *types,
                             void *const *elements, int64_t few) {
  finished f;
  const tn_literal *arguments[3];
  finish(p);
  run(&f, p, target, elements);
  tn_arena *arena = tn_arena_create();
  for (int i = 0; i < n_parameters; i++)
    arguments[i] = tn_literal_array(arena, f.c.module->entry->parameters.at[i]->shape, elements[i]);
  tn_eval_options options = {0};
  tn_literal *wanted = tn_evaluate(arena, f.c.module, arguments, &options, &f.c.sink);
  cr_assert(wanted, "%s", f.c.messages);
  for (int i = 0; i < p->count; i++) {
    const tn_inst *inst = f.c.module->entry->root->operands[i];
    expect(tn_ops[inst->op].name, target, inst->shape->type, f.results[i], wanted->elements[i]->data,
           p->elements, types[0], elements[0], few);
  }
  tn_arena_destroy(arena);
  done(&f, p);
}

static const char *const float_unary[] = {"abs(p0)",
                                          "negate(p0)",
                                          "sign(p0)",
                                          "floor(p0)",
                                          "ceil(p0)",
                                          "round-nearest-even(p0)",
                                          "round-nearest-afz(p0)",
                                          "sqrt(p0)",
                                          "rsqrt(p0)",
                                          "cbrt(p0)",
                                          "exponential(p0)",
                                          "exponential-minus-one(p0)",
                                          "log(p0)",
                                          "log-plus-one(p0)",
                                          "logistic(p0)",
                                          "tanh(p0)",
                                          "erf(p0)",
                                          "sine(p0)",
                                          "cosine(p0)",
                                          "tan(p0)",
                                          "asin(p0)",
                                          "acos(p0)",
                                          "atan(p0)",
                                          "sinh(p0)",
                                          "cosh(p0)",
                                          "asinh(p0)",
                                          "acosh(p0)",
                                          "atanh(p0)"};
static const char *const integer_unary[] = {"abs(p0)",    "negate(p0)", "sign(p0)",
                                            "popcnt(p0)", "not(p0)",    "count-leading-zeros(p0)"};

static void check_unary(const char *target, tn_type type, const char *const *operations, int n_operations) {
  int64_t count;
  program p;
  char *elements = all_values(type, &count), text[96];
  begin(&p, count, 1, &type);
  for (int i = 0; i < n_operations; i++) result(&p, type, operations[i]);
  if (tn_type_is_float(type)) result(&p, TN_PRED, "is-finite(p0)");
  check_operations(target, &p, 1, &type, (void *[]){elements}, count > 256 ? 80 : 0);
  for (int e = 2; e <= 5 && tn_type_is_float(type); e++) {
    begin(&p, count, 1, &type);
    for (int m = 0; m <= 4; m++) {
      snprintf(text, sizeof text, "reduce-precision(p0), exponent_bits=%d, mantissa_bits=%d", e, m);
      result(&p, type, text);
    }
    check_operations(target, &p, 1, &type, (void *[]){elements}, 0);
  }
  free(elements);
}

static const char *const float_binary[] = {"add(p0, p1)",      "subtract(p0, p1)", "multiply(p0, p1)",
                                           "divide(p0, p1)",   "maximum(p0, p1)",  "minimum(p0, p1)",
                                           "remainder(p0, p1)"};
static const char *const float_functions[] = {"power(p0, p1)", "atan2(p0, p1)"}; /* rounded twice */
static const char *const integer_binary[] = {"add(p0, p1)",
                                             "subtract(p0, p1)",
                                             "multiply(p0, p1)",
                                             "divide(p0, p1)",
                                             "maximum(p0, p1)",
                                             "minimum(p0, p1)",
                                             "remainder(p0, p1)",
                                             "power(p0, p1)",
                                             "and(p0, p1)",
                                             "or(p0, p1)",
                                             "xor(p0, p1)",
                                             "mulhi(p0, p1)",
                                             "shift-left(p0, p1)",
                                             "shift-right-logical(p0, p1)",
                                             "shift-right-arithmetic(p0, p1)"};
static const char *const comparisons[] = {"EQ", "NE", "GE", "GT", "LE", "LT"};

/* Every pair of values of a type of at most 8 bits. */
static void check_binary(const char *target, tn_type type, const char *const *operations, int n_operations,
                         int64_t few) {
  int64_t values;
  program p;
  char *each = all_values(type, &values), text[96];
  int64_t count = values * values;
  char *a = malloc((size_t)count), *b = malloc((size_t)count), *c = malloc((size_t)count);
  for (int64_t i = 0; i < count; i++) {
    a[i] = each[i / values];
    b[i] = each[i % values];
    c[i] = each[(i * 7 + i / values) % values];
  }
  begin(&p, count, 3, (tn_type[]){type, type, type});
  for (int i = 0; i < n_operations; i++) result(&p, type, operations[i]);
  result(&p, type, "clamp(p0, p1, p2)");
  for (int i = 0; i < COUNT(comparisons); i++) {
    snprintf(text, sizeof text, "compare(p0, p1), direction=%s", comparisons[i]);
    result(&p, TN_PRED, text);
  }
  if (tn_type_is_float(type)) result(&p, TN_PRED, "compare(p0, p1), direction=LT, type=TOTALORDER");
  check_operations(target, &p, 3, (tn_type[]){type, type, type}, (void *[]){a, b, c}, few);
  free(each), free(a), free(b), free(c);
}

static void check_all_operations(const char *target) {
  check_unary(target, TN_F16, float_unary, COUNT(float_unary));
  check_unary(target, TN_BF16, float_unary, COUNT(float_unary));
  for (int i = 0; i < COUNT(floats); i++) {
    check_unary(target, floats[i], float_unary, COUNT(float_unary));
    check_binary(target, floats[i], float_binary, COUNT(float_binary), 0);
  }
  for (int i = 0; i < COUNT(integers); i++) {
    check_unary(target, integers[i], integer_unary, COUNT(integer_unary));
    check_binary(target, integers[i], integer_binary, COUNT(integer_binary), 0);
  }
}

/* In f8e5m2 one quotient in a hundred is the middle of two values: atan2 next to it rounds
 * to the middle in f32, then to the even neighbour.                                       */
Test(small_types, functions_of_two) {
  for (int i = 0; i < COUNT(floats); i += 3)
    check_binary("x86-64-v3", floats[i], float_functions, COUNT(float_functions), 700);
}

Test(small_types, operations_v2) { check_all_operations("x86-64-v2"); }
Test(small_types, operations_v3) { /* f16 is what differs from both others */
  check_unary("x86-64-v3", TN_F16, float_unary, COUNT(float_unary));
  check_unary("x86-64-v3", TN_F8E4M3FN, float_unary, COUNT(float_unary));
  check_binary("x86-64-v3", TN_F8E4M3FN, float_binary, COUNT(float_binary), 0);
  check_binary("x86-64-v3", TN_S4, integer_binary, COUNT(integer_binary), 0);
}
Test(small_types, operations_v4) { check_all_operations("x86-64-v4"); }
