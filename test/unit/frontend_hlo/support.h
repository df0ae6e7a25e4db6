/* What the tests of the HLO front end share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TEST_FRONTEND_HLO_SUPPORT_H
#define TEST_FRONTEND_HLO_SUPPORT_H

#include "base/file.h"
#include "frontend/hlo/hlo.h"
#include "ir/print.h"

/* One parse and what was said in it. */
typedef struct {
  tn_module *module; /* NULL after an error */
  tn_text messages;  /* as the command prints them */
  tn_diagnostics sink;
} parsed;

/* options NULL: the defaults, and the file is called "t". The result must not move. */
void parse_text(parsed *result, tn_str text, const tn_hlo_options *options);
void parse_string(parsed *result, const char *text); /* the same */
void drop(parsed *result);

/* The module of a text that must be right. */
tn_module *module_of(const char *text);
/* Printed, parsed and printed again it is the same; the caller frees. */
char *printed(tn_module *module);
void expect_fixed_point(tn_module *module);
/* Entry's instruction of this name. */
tn_inst *inst_of(const tn_module *module, const char *name);

/* The entry is this body; its first error is the message. */
void expect_error(const char *text, const char *message);

/* A folder: of the repository's source; of the golden data, or NULL where a test that
 * needs it has been skipped (or failed, under TENON_REQUIRE_SHARED=1).              */
const char *source_folder(void);
const char *shared_folder(void);

#endif
