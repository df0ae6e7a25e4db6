/* The C header of an object: prototype, arena size, signature, and a copy of
 * tenon/runtime.h under its own guard, so that nothing else need be installed.
 *
 * The guard has the model's name as it is, the macros have it in capitals, as C users
 * expect. Names that differ in case alone would share the macros, so such headers
 * refuse to stand together.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/cpu.h"

#include <ctype.h>

/* tenon/runtime.h as it was when this file was compiled. */
__asm__(".pushsection .rodata,\"a\",@progbits\n"
        ".local tn_runtime_header\n"
        "tn_runtime_header:\n"
        ".incbin \"tenon/runtime.h\"\n"
        ".byte 0\n"
        ".size tn_runtime_header, . - tn_runtime_header\n"
        ".popsection\n");
extern const char tn_runtime_header[] __attribute__((visibility("hidden")));

static const char *c_type(tn_type type) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: return "uint8_t";
  case TN_CLASS_SIGNED: {
    static const char *const types[] = {"int8_t", "int16_t", "int32_t", "int64_t"};
    size_t bytes = tn_type_bytes(type);
    return types[bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3];
  }
  case TN_CLASS_UNSIGNED: {
    static const char *const types[] = {"uint8_t", "uint16_t", "uint32_t", "uint64_t"};
    size_t bytes = tn_type_bytes(type);
    return types[bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3];
  }
  case TN_CLASS_FLOAT:
    return type == TN_F64             ? "double"
           : type == TN_F32           ? "float"
           : tn_type_bits(type) == 16 ? "uint16_t"
                                      : "uint8_t";
  case TN_CLASS_COMPLEX: return type == TN_C64 ? "float" : "double";
  case TN_CLASS_OTHER: return "void";
  }
  return "void";
}

/* Words that may not name a parameter, in C99 and C++17, and the function's own. */
static bool is_reserved(const char *name) {
  static const char *const words[] = {
      "alignas",     "alignof",   "and",       "and_eq",    "asm",        "auto",         "bitand",
      "bitor",       "bool",      "break",     "case",      "catch",      "char",         "char16_t",
      "char32_t",    "class",     "compl",     "const",     "const_cast", "constexpr",    "continue",
      "decltype",    "default",   "delete",    "do",        "double",     "dynamic_cast", "else",
      "enum",        "explicit",  "export",    "extern",    "false",      "float",        "for",
      "friend",      "goto",      "if",        "inline",    "int",        "long",         "mutable",
      "namespace",   "new",       "noexcept",  "not",       "not_eq",     "nullptr",      "operator",
      "or",          "or_eq",     "private",   "protected", "public",     "register",     "reinterpret_cast",
      "restrict",    "return",    "short",     "signed",    "sizeof",     "static",       "static_assert",
      "static_cast", "struct",    "switch",    "template",  "this",       "thread_local", "throw",
      "true",        "try",       "typedef",   "typeid",    "typename",   "union",        "unsigned",
      "using",       "virtual",   "void",      "volatile",  "wchar_t",    "while",        "xor",
      "xor_eq",      "linux",     "unix",      "NULL",      "arena",      "arena_size",   "exec",
      "constants",   "co_await",  "co_return", "co_yield",  "concept",    "requires",     "char8_t",
      "consteval",   "constinit", "i386"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(name, words[i])) return true;
  return false;
}

static bool ends_in(const char *name, const char *end) {
  size_t length = strlen(name), tail = strlen(end);
  return length >= tail && !strcmp(name + length - tail, end);
}

/* Types and macros of the headers that come before the prototype, and its own. */
static bool is_of_headers(const char *name) {
  static const char *const ends[] = {"_t", "_MAX", "_MIN", "_C", "_WIDTH", "_ARENA_SIZE", "_ARENA_ALIGN"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (ends_in(name, ends[i])) return true;
  return !strncmp(name, "tn_", 3) || !strncmp(name, "TN_", 3) || !strncmp(name, "TENON_", 6);
}

typedef struct {
  const tn_plan *plan;
  const char **names; /* parameters, then results: C identifiers, each different */
} naming;

static bool is_taken(const naming *n, int before, const char *name) {
  for (int i = 0; i < before; i++)
    if (!strcmp(n->names[i], name)) return true;
  return is_reserved(name);
}

static const char *identifier(const naming *n, int number, const char *name) {
  tn_arena *arena = n->plan->arena;
  char *text = tn_arena_printf(arena, "%s%s", isdigit((unsigned char)name[0]) || !name[0] ? "x" : "", name);
  for (char *c = text; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  while (text[0] == '_' && text[1]) text++; /* names with a leading _ are the language's */
  if (isdigit((unsigned char)text[0]) || text[0] == '_') text = tn_arena_printf(arena, "x%s", text);
  if (is_of_headers(text)) text = tn_arena_printf(arena, "x_%s", text);
  const char *unique = text;
  for (int i = 1; is_taken(n, number, unique); i++) unique = tn_arena_printf(arena, "%s_%d", text, i);
  return unique;
}

static const char *given_name(const tn_plan *plan, bool result, int i) {
  const char *const *names = result ? plan->result_names : plan->parameter_names;
  if (names) return names[i];
  return plan->buffers[result ? plan->results[i] : plan->parameters[i]].name;
}

static naming name_all(const tn_plan *plan) {
  int count = plan->n_parameters + plan->n_results;
  naming n = {plan, TN_NEW_ARRAY(plan->arena, const char *, count + 1)};
  for (int i = 0; i < count; i++) {
    bool result = i >= plan->n_parameters;
    n.names[i] = identifier(&n, i, given_name(plan, result, result ? i - plan->n_parameters : i));
  }
  return n;
}

static const tn_buffer *array(const tn_plan *plan, int i) {
  return &plan->buffers[i < plan->n_parameters ? plan->parameters[i] : plan->results[i - plan->n_parameters]];
}

static void put_array(const naming *n, int i, tn_text *out) {
  const tn_buffer *b = array(n->plan, i);
  tn_text_printf(out, " * %s: ", n->names[i]);
  tn_shape_print(out, b->shape, false);
  if (!tn_layout_is_row_major(b->shape)) {
    tn_text_put(out, ", in memory as ");
    tn_shape_print(out, b->shape, true);
  } else {
    tn_text_put(out, ", row-major");
  }
  tn_text_printf(out, ", %lld bytes, %s", (long long)b->bytes,
                 i < n->plan->n_parameters ? "read" : "written");
  for (int p = 0; b->memory == TN_MEMORY_RESULT && b->alias >= 0 && p < n->plan->n_parameters; p++)
    if (n->plan->parameters[p] == b->alias)
      tn_text_printf(out, "; may be the same pointer as %s", n->names[p]);
  tn_text_put(out, "\n");
}

static void put_prototype(const naming *n, const char *name, bool side_file, tn_text *out) {
  int count = n->plan->n_parameters + n->plan->n_results;
  tn_text_printf(out, "int %s_run(", name);
  for (int i = 0; i < count; i++) {
    const char *qualifier = i < n->plan->n_parameters ? "const " : "";
    const tn_shape *shape = array(n->plan, i)->shape; /* where elements share bytes: those */
    const char *type = tn_layout_packing(shape) > 1 ? "uint8_t" : c_type(shape->type);
    tn_text_printf(out, "%s%s *%s, ", qualifier, type, n->names[i]);
  }
  if (side_file) tn_text_put(out, "const void *constants, ");
  tn_text_put(out, "void *arena, size_t arena_size, const tn_exec *exec);\n");
}

static void put_contract(const naming *n, const tn_object *object, tn_text *out) {
  for (int i = 0; i < n->plan->n_parameters + n->plan->n_results; i++) put_array(n, i, out);
  if (object->constants.length)
    tn_text_printf(out, " * constants: the side file's %lld bytes, at an address that is a multiple of 64\n",
                   (long long)object->constants.length);
  tn_text_put(out,
              " * arena: scratch memory of arena_size bytes, at an address that is a multiple of 64; no\n"
              " *   two calls may share it at one time. May be NULL if none is needed\n"
              " * exec: the caller's threads, or NULL for the calling thread alone\n"
              " *\n"
              " * Returns 0, or a TN_E_* code; then nothing has been written. The results do not\n"
              " * depend on the number of threads or the floating-point environment, which is left\n"
              " * as it was. */\n");
}

void tn_cpu_header(const tn_plan *plan, const tn_cpu_options *options, const tn_object *object,
                   tn_text *out) {
  naming n = name_all(plan);
  char *macro = tn_arena_string(plan->arena, options->name);
  for (char *c = macro; *c; c++) *c = (char)toupper((unsigned char)*c);
  tn_text_printf(out, "/* %s: a compiled model. Generated; do not edit. */\n", options->name);
  tn_text_printf(out, "#ifndef TENON_MODEL_%s_H\n#define TENON_MODEL_%s_H\n\n", options->name, options->name);
  tn_text_printf(out, "#ifdef %s_ARENA_SIZE\n", macro);
  tn_text_put(out,
              "#error \"another model's name differs in case alone, so their macros are one\"\n#endif\n\n");
  tn_text_put(out, tn_runtime_header);
  tn_text_printf(out, "\n/* Bytes of the arena. */\n#define %s_ARENA_SIZE(threads) ", macro);
  if (object->arena_bytes_per_thread)
    tn_text_printf(out, "((size_t)%lld + (size_t)%lld * (size_t)(threads))\n", (long long)object->arena_bytes,
                   (long long)object->arena_bytes_per_thread);
  else
    tn_text_printf(out, "((size_t)%lld)\n", (long long)object->arena_bytes);
  tn_text_printf(out, "#define %s_ARENA_ALIGN 64\n\n", macro);
  tn_text_put(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n/*\n");
  put_contract(&n, object, out);
  put_prototype(&n, options->name, object->constants.length > 0, out);
  tn_text_printf(out, "\nextern const tn_signature %s_signature;\n", options->name);
  tn_text_put(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
