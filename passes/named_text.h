/* Our own texts among frontend attributes: {a="b",tenon.range="-1,1"}.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_NAMED_TEXT_H
#define TN_PASSES_NAMED_TEXT_H

#include "base/arena.h"

/* Behind the opening quote of the value whose name is `name`; NULL: not there, or `attributes`
 * is NULL. Values have no quotes that are not escaped.                                    */
const char *tn_named_text_find(const char *attributes, const char *name);
/* `attributes` with this value and no other of the name; value NULL: without any. NULL where nothing
 * is left. In `arena`, or `attributes` itself if nothing changes.                               */
const char *tn_named_text_set(tn_arena *arena, const char *attributes, const char *name, const char *value);

#endif
