/* From a model to an instruction stream, in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_STREAM_H
#define TN_DRIVER_STREAM_H

#include "codegen/systolic/systolic.h"
#include "driver/compile.h"

/* The file with the settings (KEY=VALUE, NULL at the end; or NULL) over it. In `arena`; NULL after reporting. */
tn_systolic_target *tn_systolic_target_read(tn_arena *arena, tn_diagnostics *sink, const char *path,
                                            int64_t max_file_size, const char *const *settings);

/* One compilation for an array. `all.model` and `all.options` are the caller's to set, `all.options.target`
 * the array's file. Everything else is made by tn_stream_compile, inside tn_driver_do; it lives
 * until tn_compilation_end(&all).                                                                 */
typedef struct {
  tn_compilation all;
  bool keep_values; /* the caller's; see tn_systolic_options */
  const tn_systolic_target *array;
  const tn_systolic_program *program; /* program->stream is complete, host_hash too */
  tn_text bytes;                      /* the .tns file; the caller's to free */
  const char
      *library; /* NAME.host.so in a folder that goes with context->scratch; NULL: nothing runs on the host */
  tn_str library_bytes;
} tn_stream_compilation;
bool tn_stream_compile(tn_stream_compilation *streaming);

#endif
