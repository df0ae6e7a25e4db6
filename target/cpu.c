/* The table of CPUs, and what the running machine is.
 *
 * `host` is the highest level whose instructions this machine has, with "native" as
 * LLVM's cpu and features: codegen/cpu asks LLVM what that means. Cache sizes come
 * from the system; where it does not say, the table's stand.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/target.h"

#include <unistd.h>

#define KIB INT64_C(1024)

static const tn_cpu cpus[] = {
#define CPU(NAME, LLVM, BYTES, REGISTERS, FMA, F16C, MASKS, BYTE_MASKS)                                      \
  {.name = NAME,                                                                                             \
   .cpu = LLVM,                                                                                              \
   .features = "",                                                                                           \
   .vector_bytes = BYTES,                                                                                    \
   .vector_registers = REGISTERS,                                                                            \
   .fma = FMA,                                                                                               \
   .f16_conversions = F16C,                                                                                  \
   .masks = MASKS,                                                                                           \
   .byte_masks = BYTE_MASKS,                                                                                 \
   .l1_bytes = 32 * KIB,                                                                                     \
   .l2_bytes = 1024 * KIB,                                                                                   \
   .l3_bytes = 4096 * KIB,                                                                                   \
   .line_bytes = 64,                                                                                         \
   .fma_per_cycle = 2,                                                                                       \
   .fma_latency = 4},
#include "target/cpus.def"
#undef CPU
};
enum { N_CPUS = sizeof cpus / sizeof *cpus };

static const char *const names[] = {"host",
#define CPU(NAME, LLVM, BYTES, REGISTERS, FMA, F16C, MASKS, BYTE_MASKS) NAME,
#include "target/cpus.def"
#undef CPU
                                    NULL};

const char *const *tn_cpu_names(void) { return names; }

/* Of later versions: known, so that asking for them is no misuse. */
static const char *const later[] = {"aarch64", "riscv64", "thumbv7em", "wasm32", "nvptx64"};

/* Index in `cpus` of the highest level this machine runs; -1 below x86-64-v2. */
static int host_level(void) {
#if defined __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return 2;
  if (__builtin_cpu_supports("x86-64-v3")) return 1;
  if (__builtin_cpu_supports("x86-64-v2")) return 0;
#endif
  return -1;
}

static int64_t system_size(int name, int64_t otherwise) {
  long size = sysconf(name);
  return size > 0 ? (int64_t)size : otherwise;
}

static const tn_cpu *host(tn_arena *arena, tn_diagnostics *sink) {
  int level = host_level();
  if (level < 0) {
    tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "target: this machine is below x86-64-v2; name a target");
    return NULL;
  }
  tn_cpu *cpu = tn_arena_copy(arena, &cpus[level], sizeof *cpu);
  cpu->name = "host";
  cpu->cpu = "native";
  cpu->features = "native";
#if defined __x86_64__
  cpu->byte_products = level == 2 && __builtin_cpu_supports("avx512vnni");
#endif
  cpu->l1_bytes = system_size(_SC_LEVEL1_DCACHE_SIZE, cpu->l1_bytes);
  cpu->l2_bytes = system_size(_SC_LEVEL2_CACHE_SIZE, cpu->l2_bytes);
  return cpu;
}

static const tn_cpu *named(tn_diagnostics *sink, const char *name) {
  for (int i = 0; i < N_CPUS; i++)
    if (!strcmp(cpus[i].name, name)) return &cpus[i];
  for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
    if (strcmp(later[i], name)) continue;
    tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "target: '%s' is not supported yet", name);
    return NULL;
  }
  size_t length = strlen(name);
  if (length > 7 && !strcmp(name + length - 7, ".target")) {
    tn_error(sink, TN_UNSUPPORTED, TN_NOWHERE, "target: '%s' describes a systolic array; this is for CPUs",
             name);
    return NULL;
  }
  tn_error(sink, TN_USAGE, TN_NOWHERE, "target: unknown target '%s'%s", name,
           tn_did_you_mean(name, names, N_CPUS + 1).text);
  return NULL;
}

const tn_cpu *tn_cpu_find(tn_arena *arena, tn_diagnostics *sink, const char *name, const char *cpu,
                          const char *features) {
  const tn_cpu *found = strcmp(name, "host") ? named(sink, name) : host(arena, sink);
  if (!found || (!cpu && !features)) return found;
  tn_cpu *copy = tn_arena_copy(arena, found, sizeof *found);
  if (cpu) copy->cpu = tn_arena_string(arena, cpu);
  if (features) copy->features = tn_arena_string(arena, features);
  copy->byte_products = false; /* what the overridden ones have is LLVM's to know */
  return copy;
}

bool tn_cpu_runs_here(const tn_cpu *cpu) {
  int level = host_level();
  if (!strcmp(cpu->name, "host")) return level >= 0;
  for (int i = 0; i <= level; i++)
    if (!strcmp(cpus[i].name, cpu->name)) return true;
  return false;
}

int tn_cpu_lanes(const tn_cpu *cpu, tn_type type) {
  size_t bytes = tn_type_bytes(type);
  if (tn_type_is_float(type) && bytes < 4) bytes = 4;
  return bytes ? cpu->vector_bytes / (int)bytes : 0;
}
