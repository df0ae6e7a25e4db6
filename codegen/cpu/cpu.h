/* Plans -> native code. The only directory that knows LLVM.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_CPU_CPU_H
#define TN_CPU_CPU_H

#include "codegen/plan/plan.h"

typedef struct {
  const char *name;          /* prefix of every symbol: digits -> digits_run */
  bool side_file;            /* constants as a file of their own (also above 1 GiB, but for uniform_call) */
  int optimisation;          /* LLVM's code generation level, 1 to 3 */
  bool uniform_call;         /* and <name>_call, for callers that do not know how many arrays there are:
                                int (void *const *arrays, void *arena, size_t arena_size, const tn_exec *exec)
                                with parameters, then results in `arrays`. Not with a side file */
} tn_cpu_options;

/* A relocatable ELF object: <name>_run and <name>_signature (tenon/runtime.h), its
 * only undefined symbols memcpy, memmove, memset; position-independent. The pieces
 * are to be written one after the other; weights are not copied. Same plan, same
 * bytes. All in plan->arena.                                                        */
typedef struct {
  const tn_str *pieces;
  int n_pieces;
  int64_t text_bytes, constant_bytes, stack_bytes; /* of the code; of the largest frame chain */
  const char *const *undefined;                    /* NULL at the end */
  tn_str constants;          /* the side file, if asked for */
  int64_t arena_bytes, arena_bytes_per_thread;
  int64_t alive_bytes; /* the most that is alive at once on one thread, its own memory included */
} tn_object;
bool tn_cpu_compile(tn_plan *plan, const tn_cpu_options *options, tn_object *object, tn_diagnostics *sink);

/* The same code as text. */
bool tn_cpu_assembly(tn_plan *plan, const tn_cpu_options *options, tn_text *out, tn_diagnostics *sink);
bool tn_cpu_llvm(tn_plan *plan, const tn_cpu_options *options, tn_text *out, tn_diagnostics *sink);

/* The C header of the object: self-contained, C99 and C++17. */
void tn_cpu_header(const tn_plan *plan, const tn_cpu_options *options, const tn_object *object, tn_text *out);

/* An object's code in this process. Only memcpy, memmove, memset are resolved. */
typedef struct tn_image tn_image;
tn_image *tn_cpu_load(const tn_object *object, tn_diagnostics *sink);
void *tn_image_symbol(const tn_image *image, const char *name);
void tn_image_unload(tn_image *image);

#endif
