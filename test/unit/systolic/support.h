/* HLO text to instruction streams, without the driver.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TEST_SYSTOLIC_SUPPORT_H
#define TEST_SYSTOLIC_SUPPORT_H

#include "codegen/systolic/systolic.h"
#include "tenon/device.h"

typedef struct {
  tn_arena *arena;
  tn_diagnostics sink;
  tn_module *module;
  tn_systolic_target target;
  char messages[2000];
} test_machine;

/* `keys`: target file text over rows = columns = 8 and defaults. */
test_machine open_machine(const char *hlo, const char *keys);
void close_machine(test_machine *machine);
/* Or NULL; the messages say why. */
tn_systolic_program *program_of(test_machine *machine);
/* What the timed device counts of all of its stream. */
tn_device_counters timed(const tn_systolic_program *program);
const char *text_of(test_machine *machine, const tn_stream *stream);
int count_of(const tn_stream *stream, tn_isa_op op);

#endif
