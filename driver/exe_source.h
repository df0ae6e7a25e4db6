/* The C text of the program around a model: runtime.h, the pool and runtime/exe, made
 * one text by the build.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_EXE_SOURCE_H
#define TN_DRIVER_EXE_SOURCE_H

#include <stddef.h>

extern const unsigned char tn_exe_source[];
extern const size_t tn_exe_source_size;

#endif
