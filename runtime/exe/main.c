/* The program that `tenon compile MODEL -o PROGRAM` puts around a model: reads .npy and
 * .npz, runs the model, prints or writes what comes out.
 *
 * The compiler holds this file and those it includes as one text, puts the model's
 * `signature_of_model` and `call_model` after it, and hands it to the C compiler. So it
 * uses the C library and pthreads alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "runtime/exe/arrays.c"
#include "tenon/pool.h"

extern const tn_signature *signature_of_model(void);
extern int call_model(const void *const *parameters, void *const *results, void *arena, size_t arena_size,
                      const tn_exec *exec);

typedef struct {
  const tn_signature *signature;
  const void **parameters; /* in the layouts of the signature */
  void **results;
  const char *out;
  int32_t threads;
  int has_seed;
  uint64_t seed;
} program;

/* ---- layouts ---- */

static int is_row_major(const tn_value *value) {
  for (int32_t i = 0; i < value->rank; i++)
    if (value->minor_to_major[i] != value->rank - 1 - i) return 0;
  return 1;
}

/* Between row-major order and the value's: element by element, in row-major order. */
static void permute(const tn_value *value, const unsigned char *from, unsigned char *to, int pack) {
  size_t item = (size_t)numpy_type_of(value->type).bytes, count = value_elements(value);
  int64_t index[MAX_RANK] = {0}, stride[MAX_RANK], step = 1;
  for (int32_t i = 0; i < value->rank; i++) {
    stride[value->minor_to_major[i]] = step;
    step *= value->dims[value->minor_to_major[i]];
  }
  for (size_t i = 0; i < count; i++) {
    int64_t offset = 0;
    for (int32_t d = 0; d < value->rank; d++) offset += index[d] * stride[d];
    size_t there = (size_t)offset * item;
    memcpy(to + (pack ? there : i * item), from + (pack ? i * item : there), item);
    for (int32_t d = value->rank - 1; d >= 0 && ++index[d] == value->dims[d]; d--) index[d] = 0;
  }
}

/* ---- inputs ---- */

static int find_parameter(const tn_signature *signature, const char *name) {
  for (int32_t i = 0; i < signature->parameter_count; i++)
    if (strcmp(signature->parameters[i].name, name) == 0) return i;
  char *end;
  if (name[0] != 'p' || name[1] < '0' || name[1] > '9') return -1;
  long number = strtol(name + 1, &end, 10);
  return *end || number >= signature->parameter_count ? -1 : (int)number;
}

static void set_parameter(program *p, int number, const array *given, const char *path) {
  const tn_value *value = &p->signature->parameters[number];
  numpy_type type = numpy_type_of(value->type);
  char kind = given->kind == 'V' ? 'u' : given->kind;
  int fits = given->rank == value->rank && given->item_bytes == type.bytes && kind == type.kind;
  for (int32_t d = 0; fits && d < value->rank; d++) fits = given->dims[d] == value->dims[d];
  if (!fits)
    fail(STATUS_INVALID, "%s: '%s' does not have the type and shape of parameter %d (%s)", path, given->name,
         number, value->type);
  unsigned char *data = allocate((size_t)value->bytes);
  if (is_row_major(value))
    memcpy(data, given->data, (size_t)value->bytes);
  else
    permute(value, given->data, data, 1);
  p->parameters[number] = data;
}

/* "rN": an answer in a file that holds both. */
static int is_answer(const char *name) { return name[0] == 'r' && name[1] >= '0' && name[1] <= '9'; }

/* NAME=FILE, FILE.npz, FILE.npy (the first parameter that has no value yet). */
static void read_input(program *p, const char *text) {
  const char *equals = strchr(text, '='), *slash = strchr(text, '/');
  char name[256] = "";
  if (equals && (!slash || equals < slash)) {
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    text = equals + 1;
  }
  int count, next = 0;
  array *list = read_arrays(text, name, &count);
  while (next < p->signature->parameter_count - 1 && p->parameters[next]) next++;
  for (int i = 0; i < count; i++) {
    if (count > 1 && is_answer(list[i].name)) continue;
    int number = *list[i].name || p->signature->parameter_count == 0
                     ? find_parameter(p->signature, list[i].name)
                     : next;
    if (number < 0) fail(STATUS_USAGE, "%s: there is no parameter '%s'", text, list[i].name);
    set_parameter(p, number, &list[i], text);
  }
  free(list);
}

/* splitmix64: bytes below 0x40, which keep floats of every width small and finite. */
static void random_parameter(program *p, int number) {
  const tn_value *value = &p->signature->parameters[number];
  unsigned char *data = allocate((size_t)value->bytes);
  uint64_t state = p->seed + (uint64_t)number * 0x9e3779b97f4a7c15u;
  int is_bool = strcmp(value->type, "pred") == 0;
  for (int64_t i = 0; i < value->bytes; i++) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
    data[i] = (unsigned char)((z ^ (z >> 27)) & (is_bool ? 1 : 0x3f));
  }
  p->parameters[number] = data;
}

static void complete_inputs(program *p) {
  for (int32_t i = 0; i < p->signature->parameter_count; i++) {
    if (p->parameters[i]) continue;
    if (!p->has_seed)
      fail(STATUS_USAGE, "parameter %d ('%s', %s) has no input; --help says how to give one", i,
           p->signature->parameters[i].name, p->signature->parameters[i].type);
    random_parameter(p, i);
  }
}

/* ---- outputs ---- */

static float small_float(uint32_t bits, int exponent_bits, int mantissa_bits) {
  int exponent = (int)(bits >> mantissa_bits) & ((1 << exponent_bits) - 1),
      bias = (1 << (exponent_bits - 1)) - 1;
  float mantissa = (float)(bits & ((1u << mantissa_bits) - 1)) / (float)(1 << mantissa_bits);
  float sign = bits >> (exponent_bits + mantissa_bits) ? -1.0f : 1.0f;
  if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexpf(1 + mantissa, exponent - bias) : ldexpf(mantissa, 1 - bias));
}

/* One element; types that C lacks print as their bits. */
static void print_element(const char *type, const unsigned char *at) {
  union {
    int8_t s8;
    int16_t s16;
    int32_t s32;
    int64_t s64;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float f[2];
    double d[2];
  } v;
  memcpy(&v, at, (size_t)numpy_type_of(type).bytes);
  if (strcmp(type, "f32") == 0)
    printf("%.9g", (double)v.f[0]);
  else if (strcmp(type, "f64") == 0)
    printf("%.17g", v.d[0]);
  else if (strcmp(type, "f16") == 0)
    printf("%.5g", (double)small_float(v.u16, 5, 10));
  else if (strcmp(type, "bf16") == 0)
    printf("%.4g", (double)small_float(v.u16, 8, 7));
  else if (strcmp(type, "c64") == 0)
    printf("(%.9g, %.9g)", (double)v.f[0], (double)v.f[1]);
  else if (strcmp(type, "c128") == 0)
    printf("(%.17g, %.17g)", v.d[0], v.d[1]);
  else if (strcmp(type, "pred") == 0)
    fputs(*at ? "true" : "false", stdout);
  else if (strcmp(type, "s16") == 0)
    printf("%d", v.s16);
  else if (strcmp(type, "s32") == 0)
    printf("%d", v.s32);
  else if (strcmp(type, "s64") == 0)
    printf("%lld", (long long)v.s64);
  else if (strcmp(type, "u16") == 0)
    printf("%u", v.u16);
  else if (strcmp(type, "u32") == 0)
    printf("%u", v.u32);
  else if (strcmp(type, "u64") == 0)
    printf("%llu", (unsigned long long)v.u64);
  else if (type[0] == 's')
    printf("%d", v.s8);
  else
    printf("%u", *at);
}

static const unsigned char *print_dims(const tn_value *value, int32_t dim, const unsigned char *at) {
  if (dim == value->rank) {
    print_element(value->type, at);
    return at + numpy_type_of(value->type).bytes;
  }
  putchar('{');
  for (int64_t i = 0; i < value->dims[dim]; i++) {
    if (i) fputs(", ", stdout);
    at = print_dims(value, dim + 1, at);
  }
  putchar('}');
  return at;
}

static void print_values(const tn_signature *signature, void *const *data) {
  for (int32_t i = 0; i < signature->result_count; i++) {
    const tn_value *value = &signature->results[i];
    printf("r%d: %s[", i, value->type);
    for (int32_t d = 0; d < value->rank; d++) printf("%s%lld", d ? "," : "", (long long)value->dims[d]);
    fputs("] ", stdout);
    print_dims(value, 0, data[i]);
    putchar('\n');
  }
}

static void write_values(const program *p, void *const *data) {
  char partial[4096];
  if (snprintf(partial, sizeof partial, "%s.partial", p->out) >= (int)sizeof partial)
    fail(STATUS_USAGE, "%s: the name is too long", p->out);
  FILE *file = fopen(partial, "wb");
  if (!file) fail(STATUS_IO, "%s: %s", partial, strerror(errno));
  write_npz(file, p->signature->results, data, p->signature->result_count);
  if (fclose(file) != 0 || rename(partial, p->out) != 0) {
    remove(partial);
    fail(STATUS_IO, "%s: %s", p->out, strerror(errno));
  }
}

static void deliver(const program *p) {
  void **data = allocate((size_t)p->signature->result_count * sizeof *data);
  for (int32_t i = 0; i < p->signature->result_count; i++) {
    const tn_value *value = &p->signature->results[i];
    data[i] = p->results[i];
    if (is_row_major(value)) continue;
    data[i] = allocate((size_t)value->bytes);
    permute(value, p->results[i], data[i], 0);
  }
  if (p->out)
    write_values(p, data);
  else
    print_values(p->signature, data);
}

/* ---- the program ---- */

static void print_usage(const tn_signature *signature, const char *self) {
  printf("usage: %s [INPUT…] [--in INPUT] [--out FILE.npz] [--threads N]\n\n"
         "INPUT is NAME=FILE.npy, FILE.npy (parameters in order), FILE.npz (keys are names or pN)\n"
         "or random:SEED. Without --out the results are printed.\n\n",
         self);
  for (int32_t i = 0; i < signature->parameter_count + signature->result_count; i++) {
    int result = i >= signature->parameter_count;
    int32_t number = result ? i - signature->parameter_count : i;
    const tn_value *value = result ? &signature->results[number] : &signature->parameters[number];
    printf("  %c%d %s: %s[", result ? 'r' : 'p', number, value->name, value->type);
    for (int32_t d = 0; d < value->rank; d++) printf("%s%lld", d ? "," : "", (long long)value->dims[d]);
    printf("]\n");
  }
}

/* --key=value, or --key and the next argument; NULL if it is another option. */
static const char *value_of(const char *key, char **argv, int *i) {
  size_t length = strlen(key);
  if (strncmp(argv[*i], key, length) != 0) return NULL;
  if (argv[*i][length] == '=') return argv[*i] + length + 1;
  if (argv[*i][length]) return NULL;
  if (!argv[*i + 1]) fail(STATUS_USAGE, "option '%s' needs a value", key);
  return argv[++*i];
}

static void take_input(program *p, const char *text) {
  if (strncmp(text, "random:", 7) != 0) {
    read_input(p, text);
    return;
  }
  p->has_seed = 1;
  p->seed = strtoull(text + 7, NULL, 10);
}

static void parse_arguments(program *p, char **argv) {
  for (int i = 1; argv[i]; i++) {
    const char *value;
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      print_usage(p->signature, argv[0]);
      exit(0);
    } else if (argv[i][0] != '-') {
      take_input(p, argv[i]);
    } else if ((value = value_of("--in", argv, &i))) {
      take_input(p, value);
    } else if ((value = value_of("--out", argv, &i))) {
      p->out = value;
    } else if ((value = value_of("--threads", argv, &i))) {
      p->threads = atoi(value);
      if (p->threads < 1) fail(STATUS_USAGE, "option '--threads': '%s' is not a number from 1 on", value);
    } else {
      fail(STATUS_USAGE, "unknown option '%s'; --help lists them", argv[i]);
    }
  }
}

static void run(program *p) {
  const tn_signature *signature = p->signature;
  tn_pool *pool = p->threads > 1 ? tn_pool_create(p->threads) : NULL;
  const tn_exec *exec = pool ? tn_pool_exec(pool) : NULL;
  size_t arena_size =
      (size_t)(signature->arena_bytes + signature->arena_bytes_per_thread * (exec ? exec->threads : 1));
  void *arena = allocate(arena_size);
  for (int32_t i = 0; i < signature->result_count; i++)
    p->results[i] = allocate((size_t)signature->results[i].bytes);
  int code = call_model(p->parameters, p->results, arena, arena_size, exec);
  if (code) fail(70, "the model returned %d", code);
  tn_pool_destroy(pool);
}

int main(int argc, char **argv) {
  (void)argc;
  program p = {.signature = signature_of_model(), .threads = 1};
  p.parameters = calloc((size_t)p.signature->parameter_count + 1, sizeof *p.parameters);
  p.results = calloc((size_t)p.signature->result_count + 1, sizeof *p.results);
  if (!p.parameters || !p.results) fail(STATUS_LIMIT, "out of memory");
  parse_arguments(&p, argv);
  complete_inputs(&p);
  run(&p);
  deliver(&p);
  if (fflush(stdout) != 0) fail(STATUS_IO, "standard output: %s", strerror(errno));
  return 0;
}
