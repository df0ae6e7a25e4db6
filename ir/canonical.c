/* A module as its text would be read: ids, users, callers and names in the order of the
 * lists.
 *
 * Why: a module carries more than its text says, all of it left by how it was made: which
 * ids are in use, in which order users stand, which names were tried. Fresh names and the
 * order in which a pass meets things follow from that. Between two passes it is counted
 * again, so that a run that starts behind a dump ends in the same bytes as the one that
 * wrote it.
 *
 * Cost: linear in instructions, edges and names; nothing is allocated but growth of lists.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/module_private.h"
#include "ir/names.h"

static void forget(tn_module *module, tn_comp *comp) {
  comp->id = module->next_id++;
  comp->callers.count = 0;
  tn_names_settle(comp->names);
  for (tn_inst *inst = comp->first; inst; inst = inst->next) {
    inst->id = module->next_id++;
    tn_inst_forget_users(inst);
  }
}

void tn_module_canonicalise(tn_module *module) {
  module->next_id = 0;
  tn_names_settle(module->names);
  for (tn_comp *comp = module->first; comp; comp = comp->next) forget(module, comp);
  for (tn_comp *comp = module->first; comp; comp = comp->next)
    for (tn_inst *inst = comp->first; inst; inst = inst->next) tn_inst_enter_edges(inst);
}

/* FNV-1a over both names, then mixed: near names make far streams. */
static uint32_t hash_on(uint32_t hash, const char *text) {
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
  return hash * 16777619u; /* the NUL */
}

uint32_t tn_inst_stream(const tn_inst *inst) {
  uint32_t hash = hash_on(hash_on(2166136261u, inst->parent->name), inst->name);
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}
