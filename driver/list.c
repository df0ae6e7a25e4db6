/* What this build has.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/driver.h"

static tn_entry format_entry(int32_t index) {
  static const tn_entry formats[] = {{"hlo", "XLA's HLO text (.hlo, .txt): read and written"},
                                     {"plan", "schedule, kernels and buffers (.plan): read and written"}};
  return index < (int32_t)(sizeof formats / sizeof *formats) ? formats[index] : (tn_entry){0};
}

/* CPUs by name, then what is given by a file. */
static tn_entry target_entry(int32_t index) {
  static const tn_entry array = {"FILE.target", "a systolic array that the file describes"};
  const char *const *names = tn_cpu_names();
  int32_t count = 0;
  while (names[count]) count++;
  if (index >= count) return index == count ? array : (tn_entry){0};
  return (tn_entry){names[index], strcmp(names[index], "host") == 0 ? "this machine" : "a processor"};
}

tn_entry tn_list_entry(tn_listing listing, int32_t index) {
  if (index < 0) return (tn_entry){0};
  switch (listing) {
  case TN_LIST_OPS: return index < TN_OP_COUNT ? (tn_entry){tn_ops[index].name, ""} : (tn_entry){0};
  case TN_LIST_PASSES:
    return index < tn_pass_count ? (tn_entry){tn_passes[index].name, tn_passes[index].help} : (tn_entry){0};
  case TN_LIST_TARGETS: return target_entry(index);
  case TN_LIST_FORMATS: return format_entry(index);
  }
  return (tn_entry){0};
}
