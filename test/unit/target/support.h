/* What the tests of targets and streams share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_TARGET_SUPPORT_H
#define TN_TEST_TARGET_SUPPORT_H

#include "target/isa_table.h"
#include "target/stream.h"

/* The same numbers for the same seed. */
typedef struct {
  uint64_t state;
} test_random;
uint64_t next_bits(test_random *random);
uint64_t next_below(test_random *random, uint64_t bound);

/* Collects messages, one a line: "error: …". */
typedef struct {
  tn_diagnostics sink;
  tn_text text;
} messages;
void collect(messages *messages);

tn_str str_of(const char *text);

/* Each field has any bits, often 0, small, or at an edge. */
void random_instruction(test_random *random, tn_instruction *instruction);
/* Reads and writes well; what it says makes no sense. */
tn_stream *random_stream(tn_arena *arena, test_random *random);
/* Of the whole file as it is now: makes a changed file's hash right. */
void mend_hash(char *bytes, size_t size);

#endif
