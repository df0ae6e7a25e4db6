/* Policing: a pass that changes something without saying so, or says so without having
 * changed anything, that makes the module invalid, or breaks what it says to keep, is a bug
 * of ours and is named.
 *
 * The fingerprint is the hash of the text with large constants left out, and of where the
 * constants' data lies. Cost: linear in the number of instructions; constants are never
 * read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/police.h"

#include "ir/print.h"
#include "ir/verify.h"

/* Where the data of every constant lies: texts do not show it. */
static void add_constants(tn_text *text, const tn_module *module) {
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_CONSTANT) continue;
    const void *data = inst->attr.constant.literal->data;
    tn_text_put_n(text, &data, sizeof data);
  }
}

static tn_hash fingerprint(tn_module *module) {
  tn_text text = {0};
  tn_print_options options = {.constants = TN_CONSTANTS_ELIDE};
  tn_print_module(&text, module, &options);
  add_constants(&text, module);
  tn_hash hash = tn_hash_bytes(text.bytes, text.length);
  tn_text_free(&text);
  return hash;
}

tn_police_file tn_police_look(tn_module *module, const tn_inst **witness) {
  return (tn_police_file){fingerprint(module), tn_properties_of(module, witness)};
}

typedef struct {
  tn_arena *arena;
  const char *message; /* the first error's; NULL while there is none */
  tn_location location;
} first_error;

static void keep_first(void *user, const tn_diagnostic *diagnostic) {
  first_error *first = user;
  if (first->message || diagnostic->severity != TN_SEVERITY_ERROR) return;
  first->message = tn_arena_string(first->arena, diagnostic->message);
  first->location = diagnostic->location;
}

static bool still_valid(const tn_module *module, const tn_pass *pass, tn_arena *arena, tn_diagnostics *sink) {
  first_error first = {.arena = arena};
  tn_diagnostics own = {.callback = keep_first, .user = &first, .sources = sink->sources};
  if (tn_verify_module(module, &own)) return true;
  return tn_error(sink, TN_BUG, first.location, "pass '%s' made the module invalid: %s", pass->name,
                  first.message ? first.message : "no reason given");
}

static bool told_the_truth(const tn_pass *pass, bool said, bool did, tn_diagnostics *sink) {
  if (said == did) return true;
  return tn_error(sink, TN_BUG, TN_NOWHERE, "pass '%s' %s", pass->name,
                  said ? "says it changed the module but did not" : "changed the module without saying so");
}

static bool keeps_its_word(const tn_pass *pass, unsigned before, unsigned after, const tn_inst **witness,
                           tn_diagnostics *sink) {
  unsigned broken = before & ~after & ~pass->breaks;
  for (int p = 0; p < TN_PROPERTIES; p++)
    if (broken >> p & 1)
      return tn_error(sink, TN_BUG, witness[p]->location,
                      "pass '%s' says it keeps the module %s, but made '%s', a %s", pass->name,
                      tn_property_names[p], witness[p]->name, tn_ops[witness[p]->op].name);
  return true;
}

bool tn_police_check(tn_module *module, const tn_pass *pass, bool said, tn_police_file *file, tn_arena *arena,
                     tn_diagnostics *sink) {
  const tn_inst *witness[TN_PROPERTIES] = {0};
  tn_hash now = fingerprint(module);
  bool did = now.high != file->fingerprint.high || now.low != file->fingerprint.low;
  file->fingerprint = now;
  if (!told_the_truth(pass, said, did, sink)) return false;
  if (!did) return true;
  if (!still_valid(module, pass, arena, sink)) return false;
  unsigned before = file->properties;
  file->properties = tn_properties_of(module, witness);
  return keeps_its_word(pass, before, file->properties, witness, sink);
}
