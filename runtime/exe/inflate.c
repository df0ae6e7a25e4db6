/* Deflated .npz entries in programs made by `tenon compile -o PROGRAM`.
 *
 * A program may need nothing but the C library, so it has an inflate of its own: RFC
 * 1951, canonical codes decoded a bit at a time from counts per length. Slow (tens of
 * MB/s) and short; the compiler itself uses zlib. Input and output are bounded by the
 * sizes that the archive states, and every table index is below its table's size.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MAX_BITS = 15, LITERALS = 288, DISTANCES = 30 };

typedef struct {
  const unsigned char *in;
  size_t in_size, in_at;
  unsigned char *out;
  size_t out_size, out_at;
  uint32_t bits;
  int bit_count;
  int failed;
} inflating;

/* counts[n]: codes of n bits; symbols: by code. */
typedef struct {
  uint16_t counts[MAX_BITS + 1];
  uint16_t symbols[LITERALS];
} huffman;

static uint32_t take_bits(inflating *s, int count) {
  while (s->bit_count < count) {
    if (s->in_at == s->in_size) {
      s->failed = 1;
      return 0;
    }
    s->bits |= (uint32_t)s->in[s->in_at++] << s->bit_count;
    s->bit_count += 8;
  }
  uint32_t value = s->bits & ((1u << count) - 1);
  s->bits >>= count;
  s->bit_count -= count;
  return value;
}

static void make_codes(huffman *code, const uint8_t *lengths, int count) {
  uint16_t next[MAX_BITS + 1] = {0};
  memset(code, 0, sizeof *code);
  for (int i = 0; i < count; i++) code->counts[lengths[i]]++;
  code->counts[0] = 0;
  for (int n = 1; n < MAX_BITS; n++) next[n + 1] = (uint16_t)(next[n] + code->counts[n]);
  for (int i = 0; i < count; i++)
    if (lengths[i]) code->symbols[next[lengths[i]]++] = (uint16_t)i;
}

static int take_symbol(inflating *s, const huffman *code) {
  int value = 0, first = 0, index = 0;
  for (int n = 1; n <= MAX_BITS && !s->failed; n++) {
    value |= (int)take_bits(s, 1);
    int count = code->counts[n];
    if (value - first < count) return code->symbols[index + value - first];
    index += count;
    first = (first + count) << 1;
    value <<= 1;
  }
  s->failed = 1;
  return 0;
}

static void copy_back(inflating *s, size_t distance, size_t length) {
  if (distance > s->out_at || length > s->out_size - s->out_at) {
    s->failed = 1;
    return;
  }
  for (size_t i = 0; i < length; i++, s->out_at++) s->out[s->out_at] = s->out[s->out_at - distance];
}

static void inflate_codes(inflating *s, const huffman *literals, const huffman *distances) {
  static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                           31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                           2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  static const uint16_t distance_base[DISTANCES] = {
      1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
      193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  while (!s->failed) {
    int symbol = take_symbol(s, literals);
    if (symbol == 256 || s->failed) return;
    if (symbol < 256) {
      if (s->out_at == s->out_size)
        s->failed = 1;
      else
        s->out[s->out_at++] = (unsigned char)symbol;
      continue;
    }
    symbol -= 257;
    if (symbol >= 29) break;
    size_t length = length_base[symbol] + take_bits(s, length_extra[symbol]);
    int far = take_symbol(s, distances);
    if (far >= DISTANCES) break;
    copy_back(s, distance_base[far] + take_bits(s, far < 2 ? 0 : (far >> 1) - 1), length);
  }
  s->failed = 1;
}

static void inflate_stored(inflating *s) {
  s->bits = 0;
  s->bit_count = 0;
  size_t length = s->in_size - s->in_at < 4 ? 0 : s->in[s->in_at] | (size_t)s->in[s->in_at + 1] << 8;
  if (s->in_size - s->in_at < 4 + length || length > s->out_size - s->out_at) {
    s->failed = 1;
    return;
  }
  memcpy(s->out + s->out_at, s->in + s->in_at + 4, length);
  s->in_at += 4 + length;
  s->out_at += length;
}

static void inflate_fixed(inflating *s) {
  uint8_t lengths[LITERALS];
  huffman literals, distances;
  for (int i = 0; i < LITERALS; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  make_codes(&literals, lengths, LITERALS);
  memset(lengths, 5, DISTANCES);
  make_codes(&distances, lengths, DISTANCES);
  inflate_codes(s, &literals, &distances);
}

/* The lengths of both codes, themselves coded with runs. */
static void take_lengths(inflating *s, const huffman *code, uint8_t *lengths, int count) {
  for (int i = 0; i < count && !s->failed;) {
    int symbol = take_symbol(s, code), repeat = 1;
    uint8_t value = (uint8_t)symbol;
    if (symbol >= 16) {
      value = symbol == 16 && i > 0 ? lengths[i - 1] : 0;
      repeat = symbol == 16   ? 3 + (int)take_bits(s, 2)
               : symbol == 17 ? 3 + (int)take_bits(s, 3)
                              : 11 + (int)take_bits(s, 7);
    }
    if (i + repeat > count) s->failed = 1;
    while (repeat-- > 0 && i < count) lengths[i++] = value;
  }
}

static void inflate_dynamic(inflating *s) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  int n_literals = (int)take_bits(s, 5) + 257, n_distances = (int)take_bits(s, 5) + 1;
  int n_lengths = (int)take_bits(s, 4) + 4;
  uint8_t lengths[LITERALS + 32] = {0};
  huffman code, literals, distances;
  if (n_literals > LITERALS - 2 || n_distances > DISTANCES) s->failed = 1;
  if (s->failed) return;
  for (int i = 0; i < n_lengths; i++) lengths[order[i]] = (uint8_t)take_bits(s, 3);
  make_codes(&code, lengths, 19);
  memset(lengths, 0, sizeof lengths);
  take_lengths(s, &code, lengths, n_literals + n_distances);
  make_codes(&literals, lengths, n_literals);
  make_codes(&distances, lengths + n_literals, n_distances);
  if (!s->failed) inflate_codes(s, &literals, &distances);
}

/* 1 when `in` holds exactly out_size bytes deflated. */
static int inflate_all(const unsigned char *in, size_t in_size, unsigned char *out, size_t out_size) {
  inflating s = {.in = in, .in_size = in_size, .out = out, .out_size = out_size};
  for (uint32_t last = 0; !last && !s.failed;) {
    last = take_bits(&s, 1);
    switch (take_bits(&s, 2)) {
    case 0: inflate_stored(&s); break;
    case 1: inflate_fixed(&s); break;
    case 2: inflate_dynamic(&s); break;
    default: s.failed = 1;
    }
  }
  return !s.failed && s.out_at == out_size;
}
