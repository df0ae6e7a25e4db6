/* Machines as data: what the schedules and the code generator need to know.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_TARGET_H
#define TN_TARGET_TARGET_H

#include "base/diagnostics.h"
#include "base/type.h"

/* One CPU. Everything that can change a result's bits is in `name` and `fma`. */
typedef struct {
  const char *name;     /* "x86-64-v3"; what --target takes and plans print */
  const char *cpu;      /* LLVM's: "x86-64-v3", "znver4"; tuning only */
  const char *features; /* LLVM's feature string: "+avx512vnni,…"; "" */
  int vector_bytes;     /* of a register: 16, 32, 64 */
  int vector_registers; /* 16 or 32 */
  bool fma;             /* fused multiply-add; without it plans never say fma */
  bool f16_conversions; /* f16 <-> f32 in hardware */
  bool masks;           /* masked loads and stores of 32 and 64 bit lanes are cheap */
  bool byte_products;   /* sums of four products u8 times s8 are one instruction (VNNI); of 64 bytes alone */
  bool byte_masks;      /* and of 8 and 16 bit lanes */
  int64_t l1_bytes, l2_bytes, l3_bytes; /* of one core; l3: its share */
  int line_bytes;
  double fma_per_cycle; /* vector multiply-adds a core can start a cycle */
  int fma_latency;
} tn_cpu;

/* "x86-64-v2" … "x86-64-v4", "host" (the running machine: its level, its cpu name and
 * features, its caches). The result is in `arena`. NULL after TN_UNSUPPORTED for
 * targets of later versions and TN_USAGE for unknown names (the nearest is named).
 * cpu and features override (NULL: keep).                                           */
const tn_cpu *tn_cpu_find(tn_arena *arena, tn_diagnostics *sink, const char *name, const char *cpu,
                          const char *features);
/* Names that tn_cpu_find knows, NULL at the end. */
const char *const *tn_cpu_names(void);
/* Can this machine run code for `cpu`? */
bool tn_cpu_runs_here(const tn_cpu *cpu);

/* Lanes of one register. f16 and bf16 compute in f32. */
int tn_cpu_lanes(const tn_cpu *cpu, tn_type type);

#endif
