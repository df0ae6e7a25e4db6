/* Policing: a pass that changes something without saying so, or says so without having
 * changed anything, that makes the module invalid, or breaks what it says to keep, is a bug
 * of ours and is named.
 *
 * Two fingerprints: the stamp is of the memory that a module is made of and that is not
 * constant by its type (instructions and their lists); as long as it stays, nothing has
 * changed, which is what most passes leave behind. Where it does not, and after every change
 * that was told, the hash of the text decides, with large constants left out and the places
 * of their data in it.
 *
 * Cost: linear in the number of instructions, a tenth of it for passes that do nothing;
 * constants are never read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/police.h"

#include "ir/print.h"
#include "ir/verify.h"

/* The text is hashed in pieces that stay in the cache, each behind the hash of those before. */
enum { PIECE = 32 << 10 };

static void close_piece(tn_text *text) {
  tn_hash hash = tn_hash_bytes(text->bytes, text->length);
  text->length = 0;
  tn_text_put_n(text, &hash, sizeof hash);
}

/* Where the data of a constant lies: texts do not show it. */
static void after_line(void *user, tn_text *text, const tn_inst *inst) {
  (void)user;
  if (inst->op == TN_OP_CONSTANT) {
    const void *data = inst->attr.constant.literal->data;
    tn_text_put_n(text, &data, sizeof data);
  }
  if (text->length >= PIECE) close_piece(text);
}

static tn_hash fingerprint(tn_module *module) {
  tn_text text = {0};
  tn_print_options options = {.constants = TN_CONSTANTS_ELIDE, .after_line = after_line};
  tn_print_module(&text, module, &options);
  tn_hash hash = tn_hash_bytes(text.bytes, text.length);
  tn_text_free(&text);
  return hash;
}

static uint64_t mix(uint64_t stamp, uint64_t word) {
  stamp = (stamp ^ word) * 0x9e3779b97f4a7c15u;
  return stamp ^ stamp >> 29;
}

static uint64_t mix_pointer(uint64_t stamp, const void *pointer) { return mix(stamp, (uintptr_t)pointer); }

/* All of the union: what lies behind the member stays as it was, too. Records are never written. */
static uint64_t mix_attributes(uint64_t stamp, const tn_attributes *attributes) {
  uint64_t words[sizeof *attributes / sizeof(uint64_t)];
  memcpy(words, attributes, sizeof words);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) stamp = mix(stamp, words[i]);
  return stamp;
}

/* use_index says in which order the users of each operand stand. */
static uint64_t stamp_inst(uint64_t stamp, const tn_inst *inst) {
  stamp = mix(stamp, (uint64_t)inst->op << 32 | (uint32_t)inst->n_operands);
  stamp = mix_pointer(mix_pointer(mix_pointer(stamp, inst), inst->shape), inst->name);
  for (int i = 0; i < inst->n_operands; i++)
    stamp = mix(stamp, (uintptr_t)inst->operands[i] + ((uint64_t)tn_inst_use_index(inst)[i] << 48));
  for (int i = 0; i < inst->n_called; i++) stamp = mix_pointer(stamp, inst->called[i]);
  for (int i = 0; i < inst->control->predecessors.count; i++)
    stamp = mix_pointer(stamp, inst->control->predecessors.at[i]);
  return mix_pointer(mix_attributes(stamp, &inst->attr), inst->notes);
}

static uint64_t stamp_of(const tn_module *module) {
  uint64_t stamp = mix((uint64_t)module->next_id, (uint64_t)module->is_scheduled);
  stamp = mix_pointer(mix_pointer(stamp, module->entry), module->name);
  stamp = mix_pointer(mix_pointer(stamp, module->entry_parameters), module->entry_result);
  stamp = mix_pointer(mix_pointer(stamp, module->frontend_attributes), module->other_attributes);
  stamp = mix_pointer(mix_pointer(stamp, module->spmd_parameters), module->spmd_output);
  stamp = mix(stamp, tn_hash_bytes(module->aliases.at, (size_t)module->aliases.count * sizeof(tn_alias)).low);
  stamp = mix(stamp, tn_hash_bytes(module->donors.at, (size_t)module->donors.count * sizeof(tn_alias)).low);
  TN_FOR_EACH_COMP(module, comp) {
    stamp = mix_pointer(mix_pointer(mix_pointer(stamp, comp), comp->root), comp->name);
    for (int i = 0; i < comp->parameters.count; i++) stamp = mix_pointer(stamp, comp->parameters.at[i]);
    TN_FOR_EACH_IN_COMP(comp, inst) stamp = stamp_inst(stamp, inst);
  }
  return stamp;
}

/* Fresh names and the order of users follow from what a canonical module says alone. */
static void settle(tn_module *module, tn_police_file *file) {
  tn_module_canonicalise(module);
  file->stamp = stamp_of(module);
}

void tn_police_look(tn_module *module, tn_police_file *file) {
  settle(module, file);
  file->fingerprint = fingerprint(module);
  file->properties = tn_properties_of(module, NULL, file->present);
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
  if (!said && stamp_of(module) == file->stamp) return true;
  tn_hash now = fingerprint(module);
  bool did = now.high != file->fingerprint.high || now.low != file->fingerprint.low;
  if (!told_the_truth(pass, said, did, sink)) return false;
  if (did) {
    unsigned before = file->properties;
    if (!still_valid(module, pass, arena, sink)) return false;
    file->fingerprint = now;
    file->properties = tn_properties_of(module, witness, file->present);
    if (!keeps_its_word(pass, before, file->properties, witness, sink)) return false;
  }
  settle(module, file);
  return true;
}
