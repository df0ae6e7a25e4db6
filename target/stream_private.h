/* What the files about streams share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_STREAM_PRIVATE_H
#define TN_TARGET_STREAM_PRIVATE_H

#include "target/stream.h"

enum {
  TN_STREAM_VERSION = 2,
  TN_STREAM_HEADER = 32, /* magic, version, sections, size, hash */
  TN_STREAM_ENTRY = 24,  /* of the table of sections: number, 0, offset, bytes */
  TN_STREAM_ALIGN = 64   /* of DRAM's bytes; other sections begin at multiples of 8 */
};

/* In this order, all of them always there. */
typedef enum {
  TN_SECTION_TARGET,
  TN_SECTION_PROGRAM,
  TN_SECTION_ARRAYS,
  TN_SECTION_FUNCTIONS,
  TN_SECTION_LAYERS,
  TN_SECTION_CODE,
  TN_SECTION_DRAM,
  TN_SECTIONS
} tn_stream_section;
#define TN_SECTION_NAMES {"target", "program", "arrays", "functions", "layers", "code", "dram"}

#endif
