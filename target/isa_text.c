/* Instructions as text, from isa.def:
 *
 *   line   = ["wait" {unit "=" count}] mnemonic {field "=" value}
 *   value  = element {"," element}                 of arrays, row by row
 *   element = number | 0xnumber | real | word
 *
 * What is 0 is left out but for addresses that are always used, dataflows and an instruction's first field;
 * of arrays the zeros at the end. Numbers that have no word print as numbers, NaNs with their bits: each
 * instruction has a text and the text gives the same instruction, whether or not it makes sense. Fields stand
 * in any order when read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "target/isa_table.h"

/* ---- printing ---- */

static bool is_address(tn_field_kind kind) {
  return kind == TN_FIELD_HOST || kind == TN_FIELD_DRAM || kind == TN_FIELD_BUFFER || kind == TN_FIELD_EXTRA;
}

static bool shows_zero(tn_field_kind kind) {
  return (is_address(kind) && kind != TN_FIELD_EXTRA) || kind == TN_FIELD_ACCUMULATOR ||
         kind == TN_FIELD_DATAFLOW;
}

static bool is_signed(tn_field_type type) { return type == TN_FIELD_S32 || type == TN_FIELD_S64; }

static void print_element(tn_text *out, const tn_isa_field *field, uint64_t bits) {
  int words;
  const char *const *word = tn_field_words(field->kind, &words);
  if (field->type == TN_FIELD_F32) {
    char digits[40];
    uint32_t real = (uint32_t)bits;
    tn_text_put_n(out, digits, tn_print_float(TN_F32, &real, digits));
  } else if (bits < (uint64_t)words) {
    tn_text_put(out, word[bits]);
  } else if (is_address(field->kind)) {
    tn_text_printf(out, "0x%llx", (unsigned long long)bits);
  } else if (is_signed(field->type)) {
    tn_text_put_int(out, (int64_t)bits);
  } else {
    tn_text_printf(out, "%llu", (unsigned long long)bits);
  }
}

static void print_field(tn_text *out, const tn_instruction *instruction, const tn_isa_field *field,
                        bool always) {
  int count = field->count;
  while (count > 0 && tn_field_load(instruction, field, count - 1) == 0) count--;
  if (count == 0 && !always && !shows_zero(field->kind)) return;
  tn_text_put_char(out, ' ');
  tn_text_put(out, field->name);
  for (int i = 0; i < count || i == 0; i++) {
    tn_text_put_char(out, i ? ',' : '=');
    print_element(out, field, tn_field_load(instruction, field, i));
  }
}

void tn_isa_print(tn_text *out, const tn_instruction *instruction) {
  const tn_isa_row *row = tn_isa_row_of(instruction->op);
  if (instruction->waits) tn_text_put(out, "wait ");
  for (int unit = 0; unit < TN_UNITS; unit++)
    if (instruction->waits >> unit & 1)
      tn_text_printf(out, "%s=%u ", tn_unit_name((tn_unit)unit), instruction->wait[unit]);
  tn_text_put(out, row->name);
  for (int f = 0; f < row->n_fields; f++) print_field(out, instruction, &row->fields[f], f == 0);
}

/* ---- parsing ---- */

typedef struct {
  tn_arena *arena;
  tn_str line;
  size_t at;         /* of the next token */
  size_t wrong;      /* of what a message is about */
  const char *error; /* NULL: all is well */
} parser;

__attribute__((format(printf, 3, 4))) static bool fail(parser *p, const char *place, const char *format,
                                                       ...) {
  if (p->error) return false;
  va_list arguments;
  va_start(arguments, format);
  p->error = tn_arena_vprintf(p->arena, format, arguments);
  va_end(arguments);
  p->wrong = (size_t)(place - p->line.at);
  return false;
}

/* For messages: all of it, if it is short. */
static const char *shown(parser *p, tn_str piece) {
  return tn_arena_string_n(p->arena, piece.at, piece.length < 60 ? piece.length : 60);
}

static bool unknown(parser *p, tn_str word, const char *what, const char *const *names, int count) {
  const char *text = shown(p, word);
  return fail(p, word.at, "unknown %s '%s'%s", what, text, tn_did_you_mean(text, names, count).text);
}

/* What stands up to the next blank; empty at the end. */
static tn_str next_token(parser *p) {
  const char *line = p->line.at;
  while (p->at < p->line.length && tn_is_blank(line[p->at])) p->at++;
  size_t start = p->at;
  while (p->at < p->line.length && !tn_is_blank(line[p->at])) p->at++;
  return (tn_str){line + start, p->at - start};
}

size_t tn_read_unsigned(tn_str text, uint64_t *value) {
  bool hex = text.length > 2 && text.at[0] == '0' && text.at[1] == 'x';
  unsigned base = hex ? 16 : 10;
  size_t start = hex ? 2 : 0, i = start;
  uint64_t sum = 0;
  for (; i < text.length; i++) {
    char c = text.at[i];
    unsigned digit = tn_is_digit(c)    ? (unsigned)(c - '0')
                     : tn_is_letter(c) ? (unsigned)((c | 32) - 'a') + 10
                                       : 99;
    if (digit >= base) break;
    if (sum > (UINT64_MAX - digit) / base) return 0;
    sum = sum * base + digit;
  }
  *value = sum;
  return i > start ? i : 0;
}

static bool parse_integer(parser *p, const tn_isa_field *field, tn_str text, uint64_t *bits) {
  bool minus = text.length && *text.at == '-' && is_signed(field->type);
  tn_str digits = {text.at + minus, text.length - minus};
  uint64_t value;
  int width = 8 * tn_field_bytes(field->type);
  uint64_t most = is_signed(field->type) ? (UINT64_MAX >> (65 - width)) + minus : UINT64_MAX >> (64 - width);
  if (!digits.length || tn_read_unsigned(digits, &value) != digits.length || value > most)
    return fail(p, text.at, "%s: '%s' is not a number of type %s", field->name, shown(p, text),
                tn_field_type_name(field->type));
  *bits = minus ? 0 - value : value;
  return true;
}

static bool parse_word(parser *p, const tn_isa_field *field, tn_str text, uint64_t *bits) {
  int count;
  const char *const *words = tn_field_words(field->kind, &count);
  for (int i = 0; i < count; i++)
    if (tn_str_is(text, words[i])) {
      *bits = (uint64_t)i;
      return true;
    }
  return text.length && !tn_is_digit(*text.at) ? unknown(p, text, field->name, words, count)
                                               : parse_integer(p, field, text, bits);
}

static bool parse_element(parser *p, const tn_isa_field *field, tn_str text, uint64_t *bits) {
  int words;
  if (tn_field_words(field->kind, &words)) return parse_word(p, field, text, bits);
  if (field->type != TN_FIELD_F32) return parse_integer(p, field, text, bits);
  uint32_t real;
  if (!text.length || tn_parse_float(TN_F32, text.at, text.length, &real) != text.length)
    return fail(p, text.at, "%s: '%s' is not a number of type f32", field->name, shown(p, text));
  *bits = real;
  return true;
}

static bool parse_value(parser *p, tn_instruction *instruction, const tn_isa_field *field, tn_str value) {
  bool more = true;
  for (int i = 0; more; i++) {
    tn_str element = value;
    uint64_t bits;
    more = tn_str_cut(value, ',', &element, &value);
    if (i == field->count)
      return fail(p, element.at, "%s: more than %d value%s", field->name, field->count,
                  &"s"[field->count == 1]);
    if (!parse_element(p, field, element, &bits)) return false;
    tn_field_store(instruction, field, i, bits);
  }
  return true;
}

static bool parse_wait(parser *p, tn_instruction *instruction, tn_str name, tn_str count) {
  const char *names[TN_UNITS];
  uint64_t value;
  for (int unit = 0; unit < TN_UNITS; unit++) {
    names[unit] = tn_unit_name((tn_unit)unit);
    if (!tn_str_is(name, names[unit])) continue;
    if (instruction->waits >> unit & 1) return fail(p, name.at, "wait: %s is given twice", names[unit]);
    if (!count.length || tn_read_unsigned(count, &value) != count.length || value > UINT32_MAX)
      return fail(p, count.at, "wait: '%s' is not a number of type u32", shown(p, count));
    instruction->waits |= (uint8_t)(1u << unit);
    instruction->wait[unit] = (uint32_t)value;
    return true;
  }
  return unknown(p, name, "unit", names, TN_UNITS);
}

/* The waits, if there are any; the token behind them. */
static tn_str parse_waits(parser *p, tn_instruction *instruction) {
  tn_str token = next_token(p), name, count;
  if (!tn_str_is(token, "wait")) return token;
  token = next_token(p);
  if (!tn_str_cut(token, '=', &name, &count)) fail(p, token.at, "wait: expected UNIT=COUNT");
  while (!p->error && tn_str_cut(token, '=', &name, &count)) {
    parse_wait(p, instruction, name, count);
    token = next_token(p);
  }
  return token;
}

static bool parse_mnemonic(parser *p, tn_str token, tn_instruction *instruction) {
  const char *names[TN_ISA_COUNT];
  for (int op = 0; op < TN_ISA_COUNT; op++) {
    names[op] = tn_isa_row_of((tn_isa_op)op)->name;
    if (!tn_str_is(token, names[op])) continue;
    instruction->op = (tn_isa_op)op;
    return true;
  }
  if (!token.length) return fail(p, token.at, "expected an instruction");
  return unknown(p, token, "instruction", names, TN_ISA_COUNT);
}

static bool parse_field(parser *p, tn_instruction *instruction, tn_str token, uint32_t *seen) {
  const tn_isa_row *row = tn_isa_row_of(instruction->op);
  const char *names[TN_ISA_MOST_FIELDS];
  tn_str name, value;
  if (!tn_str_cut(token, '=', &name, &value)) return fail(p, token.at, "%s: expected FIELD=VALUE", row->name);
  for (int f = 0; f < row->n_fields; f++) {
    names[f] = row->fields[f].name;
    if (!tn_str_is(name, names[f])) continue;
    if (*seen >> f & 1) return fail(p, name.at, "%s: %s is given twice", row->name, names[f]);
    *seen |= UINT32_C(1) << f;
    return parse_value(p, instruction, &row->fields[f], value);
  }
  return unknown(p, name, "field", names, row->n_fields);
}

const char *tn_isa_parse(tn_arena *arena, tn_str line, tn_instruction *instruction, size_t *at) {
  parser p = {.arena = arena, .line = line};
  *instruction = (tn_instruction){0};
  uint32_t seen = 0;
  tn_str token = parse_waits(&p, instruction);
  if (!p.error && parse_mnemonic(&p, token, instruction))
    while (!p.error && (token = next_token(&p)).length) parse_field(&p, instruction, token, &seen);
  *at = p.wrong;
  return p.error;
}
