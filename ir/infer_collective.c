/* Shape rules of collectives and of what talks to other devices or the host.
 *
 * Where a dim grows or shrinks with the number of participants, that number is the size
 * of a replica group; with one participant (or none stated) the declared result says it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"
#include <stdlib.h>

/* ---- groups ---- */

static int compare_ids(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* No id is negative, none stands twice. */
static bool need_ids(const tn_inference *in, const char *what, int64_t *ids, int count) {
  if (count == 0) return true;
  qsort(ids, (size_t)count, sizeof *ids, compare_ids);
  if (ids[0] < 0) return tn_wrong(in, 0, "%s %lld is negative", what, (long long)ids[0]);
  for (int i = 1; i < count; i++)
    if (ids[i] == ids[i - 1]) return tn_wrong(in, 0, "%s %lld stands twice", what, (long long)ids[i]);
  return true;
}

/* How participants are counted: replicas, partitions or both at once. */
typedef enum { REPLICAS, PARTITIONS, REPLICAS_OF_ALL_PARTITIONS, DEVICES } group_mode;

static group_mode mode_of(const tn_inst *inst) {
  if (inst->attr.collective->channel_id <= 0) return REPLICAS;
  if (inst->attr.collective->use_global_device_ids) return DEVICES;
  bool by_partition = inst->op == TN_OP_ALL_TO_ALL || inst->op == TN_OP_RAGGED_ALL_TO_ALL ||
                      inst->op == TN_OP_COLLECTIVE_BROADCAST;
  return by_partition ? PARTITIONS : REPLICAS_OF_ALL_PARTITIONS;
}

/* How many ids the groups of a mode share out; 1 also where the module does not say. */
static int64_t ids_of(const tn_inst *inst) {
  const tn_module *module = inst->parent->module;
  int64_t count = module->replica_count;
  switch (mode_of(inst)) {
  case REPLICAS:
  case REPLICAS_OF_ALL_PARTITIONS: return count;
  case PARTITIONS: return module->num_partitions;
  case DEVICES: return __builtin_mul_overflow(count, module->num_partitions, &count) ? INT64_MAX : count;
  }
  return 1;
}

/* Groups name 0 … n-1 once each, n being the number of participants where it is known. */
static bool need_groups(const tn_inference *in) {
  tn_groups groups = in->inst->attr.collective->groups;
  TN_VEC(int64_t) ids = {0};
  for (int i = 0; i < groups.count; i++) {
    if (groups.at[i].count == 0 && groups.count > 1) return tn_wrong(in, 0, "replica group %d is empty", i);
    for (int j = 0; j < groups.at[i].count; j++) TN_PUSH(in->arena, &ids, groups.at[i].at[j]);
  }
  if (!need_ids(in, "replica", ids.at, ids.count)) return false;
  for (int i = 0; i < ids.count; i++)
    if (ids.at[i] != i)
      return tn_wrong(in, 0, "replica %d is in no group, and %lld is", i, (long long)ids.at[i]);
  int64_t known = ids_of(in->inst);
  if (ids.count == 0 || known <= 1 || known == ids.count) return true;
  return tn_wrong(in, 0, "groups name %d participants, and the module has %lld", ids.count, (long long)known);
}

/* Size of a group, 1 also where nothing states it. */
static int64_t stated_participants(const tn_inference *in) {
  tn_groups groups = in->inst->attr.collective->groups;
  int64_t count = groups.count > 0 && groups.at[0].count > 0 ? groups.at[0].count : ids_of(in->inst);
  if (mode_of(in->inst) != REPLICAS_OF_ALL_PARTITIONS) return count;
  return __builtin_mul_overflow(count, in->inst->parent->module->num_partitions, &count) ? INT64_MAX : count;
}

static int64_t participants(const tn_inference *in) {
  int64_t count = stated_participants(in);
  return count < 1 ? 1 : count;
}

static bool need_equal_groups(const tn_inference *in) {
  tn_groups groups = in->inst->attr.collective->groups;
  for (int i = 1; i < groups.count; i++)
    if (groups.at[i].count != groups.at[0].count)
      return tn_wrong(in, 0, "replica groups 0 and %d have %d and %d members", i, groups.at[0].count,
                      groups.at[i].count);
  return true;
}

static bool need_collective(const tn_inference *in) {
  return tn_need_operands(in, 1, INT32_MAX) && tn_need_arrays(in) && need_groups(in);
}

static const tn_shape *operands_or_tuple(const tn_inference *in) {
  return in->inst->n_operands == 1 ? tn_operand_shape(in, 0) : tn_infer_tuple(in);
}

/* ---- reductions over participants ---- */

static bool need_combiner(const tn_inference *in) {
  tn_comp *comp = tn_need_called(in, 0);
  if (!comp || !tn_need_parameters(in, comp, 2)) return false;
  for (int i = 0; i < 2; i++)
    if (!tn_shape_is_scalar(tn_comp_parameter_shape(comp, i)))
      return tn_wrong(in, 0, "parameter %d of '%s' must be a scalar and is %s", i, comp->name,
                      tn_shown(in, tn_comp_parameter_shape(comp, i)));
  if (tn_shape_is_scalar(comp->root->shape)) return true;
  return tn_wrong(in, 0, "'%s' must give a scalar and gives %s", comp->name, tn_shown(in, comp->root->shape));
}

const tn_shape *tn_infer_all_reduce(const tn_inference *in) {
  return need_collective(in) && need_combiner(in) ? operands_or_tuple(in) : NULL;
}

const tn_shape *tn_infer_collective_reduce(const tn_inference *in) { return tn_infer_all_reduce(in); }

const tn_shape *tn_infer_collective_broadcast(const tn_inference *in) {
  return need_collective(in) ? operands_or_tuple(in) : NULL;
}

/* ---- gathering and scattering along a dim ---- */

/* The part of the declared result that belongs to operand i; NULL if it is missing. */
static const tn_shape *declared_part(const tn_inference *in, const tn_shape *declared, int i) {
  if (!declared) return NULL;
  if (in->inst->n_operands == 1) return tn_shape_is_array(declared) ? declared : NULL;
  return tn_shape_is_tuple(declared) && i < declared->rank ? declared->elements[i] : NULL;
}

static bool one_dim(const tn_inference *in, int *dim) {
  tn_dims dims = in->inst->attr.collective->dims;
  if (dims.count != 1) return tn_wrong(in, 0, "dimensions must name 1 dimension and names %d", dims.count);
  for (int i = 0; i < in->inst->n_operands; i++)
    if (!tn_need_dim(in, "dimension", dims.at[0], tn_operand_shape(in, i)->rank)) return false;
  *dim = (int)dims.at[0];
  return true;
}

/* Every operand with `dim` times the participants; declared: what the text says. */
static const tn_shape *gathered(const tn_inference *in, const tn_shape *declared) {
  int dim = 0;
  if (!need_collective(in) || !need_equal_groups(in) || !one_dim(in, &dim)) return NULL;
  int count = in->inst->n_operands;
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, count);
  for (int i = 0; i < count; i++) {
    const tn_shape *operand = tn_operand_shape(in, i), *part = declared_part(in, declared, i);
    int64_t times = participants(in), size = operand->dims[dim];
    tn_extent extent = tn_extent_of(in, operand);
    bool stated = times > 1 || !part || part->rank != operand->rank || size < 1 || part->dims[dim] < 0 ||
                  part->dims[dim] % size != 0;
    if (!stated) times = part->dims[dim] / size;
    if (size != TN_DIM_UNBOUNDED && __builtin_mul_overflow(size, times, &extent.size[dim]))
      return tn_refuse(in, tn_operand_bit(i), "%lld parts of %lld overflow 64 bits", (long long)times,
                       (long long)size);
    shapes[i] = tn_extent_shape(in, operand->type, &extent);
  }
  return tn_one_or_tuple(in, count, shapes);
}

const tn_shape *tn_infer_all_gather(const tn_inference *in) { return gathered(in, in->inst->shape); }

/* (operands, results), each a tuple where there are several. */
const tn_shape *tn_infer_all_gather_start(const tn_inference *in) {
  const tn_shape *declared = in->inst->shape;
  bool pair = declared && tn_shape_is_tuple(declared) && declared->rank >= 2;
  const tn_shape *result = gathered(in, pair ? declared->elements[1] : NULL);
  if (!result) return NULL;
  const tn_shape *parts[2] = {operands_or_tuple(in), result};
  return tn_shape_tuple(in->arena, 2, parts);
}

static const tn_shape *second_of_state(const tn_inference *in, const char *start) {
  const tn_shape *state = tn_operand_shape(in, 0);
  if (tn_shape_is_tuple(state) && state->rank >= 2) return state->elements[1];
  return tn_refuse(in, 0, "the operand must be the state of %s and is %s", start, tn_shown(in, state));
}

const tn_shape *tn_infer_all_gather_done(const tn_inference *in) {
  return second_of_state(in, "an all-gather-start");
}

const tn_shape *tn_infer_reduce_scatter(const tn_inference *in) {
  int dim = 0;
  if (!need_collective(in) || !need_equal_groups(in) || !one_dim(in, &dim) || !need_combiner(in)) return NULL;
  int count = in->inst->n_operands;
  const tn_shape **shapes = TN_NEW_ARRAY(in->arena, const tn_shape *, count);
  for (int i = 0; i < count; i++) {
    const tn_shape *operand = tn_operand_shape(in, i), *part = declared_part(in, in->inst->shape, i);
    int64_t times = participants(in), size = operand->dims[dim];
    tn_extent extent = tn_extent_of(in, operand);
    if (times == 1 && part && part->rank == operand->rank && part->dims[dim] > 0 &&
        size % part->dims[dim] == 0)
      times = size / part->dims[dim];
    if (times < 1 || (size != TN_DIM_UNBOUNDED && size % times != 0))
      return tn_refuse(in, tn_operand_bit(i),
                       "dimension %d of size %lld does not scatter to %lld participants", dim,
                       (long long)size, (long long)times);
    if (size != TN_DIM_UNBOUNDED) extent.size[dim] = size / times;
    shapes[i] = tn_extent_shape(in, operand->type, &extent);
  }
  return tn_one_or_tuple(in, count, shapes);
}

/* With `dimensions` an array is split and joined along it; without, operand i goes to
 * participant i, and the result is the tuple of what comes back.                     */
const tn_shape *tn_infer_all_to_all(const tn_inference *in) {
  if (!need_collective(in) || !need_equal_groups(in)) return NULL;
  int64_t count = participants(in);
  if (in->inst->attr.collective->dims.count == 0) {
    for (int i = 1; i < in->inst->n_operands; i++)
      if (!tn_need_same_type(in, 0, i) || !tn_need_same_dims(in, 0, i)) return NULL;
    if (count > 1 && count != in->inst->n_operands)
      return tn_refuse(in, 0, "%d operands for %lld participants", in->inst->n_operands, (long long)count);
    return tn_infer_tuple(in);
  }
  int dim = 0;
  if (!one_dim(in, &dim)) return NULL;
  for (int i = 0; i < in->inst->n_operands; i++) {
    int64_t size = tn_operand_shape(in, i)->dims[dim];
    if (size != TN_DIM_UNBOUNDED && size % count != 0)
      return tn_refuse(in, tn_operand_bit(i),
                       "dimension %d of size %lld does not split for %lld participants", dim, (long long)size,
                       (long long)count);
  }
  return operands_or_tuple(in);
}

/* Operands: input, output, input offsets, send sizes, output offsets, receive sizes. */
const tn_shape *tn_infer_ragged_all_to_all(const tn_inference *in) {
  if (!need_collective(in) || !tn_need_same_type(in, 0, 1)) return NULL;
  const tn_shape *input = tn_operand_shape(in, 0), *output = tn_operand_shape(in, 1);
  if (input->rank < 1 || input->rank != output->rank)
    return tn_refuse(in, 3, "input and output have %d and %d dimensions", input->rank, output->rank);
  for (int i = 2; i < 6; i++) {
    const tn_shape *sizes = tn_operand_shape(in, i);
    if (sizes->rank < 1 || sizes->rank > 2 || !tn_type_is_integer(sizes->type))
      return tn_refuse(in, 0, "operand %d must list integers and is %s", i, tn_shown(in, sizes));
    if (!tn_need_same_type(in, 2, i) || !tn_need_same_dims(in, 2, i)) return NULL;
  }
  return output;
}

/* ---- permutations ---- */

/* Sources and targets are replicas, or partitions on a channel, that the module has. */
static bool need_pairs(const tn_inference *in) {
  const tn_module *module = in->inst->parent->module;
  int64_t known = in->inst->attr.permute->channel_id > 0 ? module->num_partitions : module->replica_count;
  tn_pairs pairs = in->inst->attr.permute->pairs;
  int64_t *sources = TN_NEW_ARRAY(in->arena, int64_t, pairs.count);
  int64_t *targets = TN_NEW_ARRAY(in->arena, int64_t, pairs.count);
  for (int i = 0; i < pairs.count; i++) {
    sources[i] = pairs.at[i].source;
    targets[i] = pairs.at[i].target;
    if (sources[i] < 0 || targets[i] < 0 || sources[i] >= known || targets[i] >= known)
      return tn_wrong(in, 0, "pair {%lld,%lld} is not of %lld participant%s", (long long)sources[i],
                      (long long)targets[i], (long long)known, known == 1 ? "" : "s");
  }
  if (in->inst->attr.permute->slice_sizes) return true; /* slices may go to several places */
  return need_ids(in, "source", sources, pairs.count) && need_ids(in, "target", targets, pairs.count);
}

/* In place: input, output, input starts, output starts; the result is the output. */
static bool in_place(const tn_inference *in) {
  return in->inst->attr.permute->slice_sizes && in->inst->n_operands == 4;
}

const tn_shape *tn_infer_collective_permute(const tn_inference *in) {
  if (!tn_need_operands(in, 1, INT32_MAX) || !need_pairs(in)) return NULL;
  if (in_place(in)) return tn_operand_shape(in, 1);
  return tn_need_arrays(in) ? operands_or_tuple(in) : NULL;
}

/* (operands, results, context…). */
const tn_shape *tn_infer_collective_permute_start(const tn_inference *in) {
  const tn_shape *result = tn_infer_collective_permute(in);
  if (!result) return NULL;
  const tn_shape *source = in_place(in) ? tn_operand_shape(in, 0) : result, *declared = in->inst->shape;
  const tn_shape *parts[2] = {source, result};
  if (!declared) return tn_shape_tuple(in->arena, 2, parts);
  if (!tn_shape_is_tuple(declared) || declared->rank < 2 || !tn_shape_fits(declared->elements[0], source) ||
      !tn_shape_fits(declared->elements[1], result))
    return tn_refuse(in, 1, "the result must be (%s, %s, ...) and is %s", tn_shown(in, source),
                     tn_shown(in, result), tn_shown(in, declared));
  return declared;
}

const tn_shape *tn_infer_collective_permute_done(const tn_inference *in) {
  return second_of_state(in, "a collective-permute-start");
}

const tn_shape *tn_infer_participant_id(const tn_inference *in) { return tn_infer_scalar(in, TN_U32); }

/* ---- channels ---- */

static bool need_token(const tn_inference *in, int operand) {
  const tn_shape *shape = tn_operand_shape(in, operand);
  return shape->type == TN_TOKEN ||
         tn_wrong(in, 0, "operand %d must be a token and is %s", operand, tn_shown(in, shape));
}

static const tn_shape *channel_state(const tn_inference *in, const tn_shape *data) {
  const tn_shape *parts[3] = {data, tn_infer_scalar(in, TN_U32), tn_shape_token(in->arena)};
  return tn_shape_tuple(in->arena, 3, parts);
}

const tn_shape *tn_infer_send(const tn_inference *in) {
  if (!tn_need_operands(in, 2, 2) || !need_token(in, 1)) return NULL;
  return channel_state(in, tn_operand_shape(in, 0));
}

const tn_shape *tn_infer_recv(const tn_inference *in) {
  const tn_shape *declared = in->inst->shape;
  if (!tn_need_operands(in, 1, 1) || !need_token(in, 0)) return NULL;
  if (!declared || !tn_shape_is_tuple(declared) || declared->rank != 3)
    return tn_refuse(in, 0, "the result must be (data, u32[], token[]) and is %s",
                     declared ? tn_shown(in, declared) : "not declared");
  return channel_state(in, declared->elements[0]);
}

static bool need_channel_state(const tn_inference *in) {
  const tn_shape *state = tn_operand_shape(in, 0);
  return (tn_shape_is_tuple(state) && state->rank == 3) ||
         tn_wrong(in, 0, "the operand must be (data, u32[], token[]) and is %s", tn_shown(in, state));
}

const tn_shape *tn_infer_send_done(const tn_inference *in) {
  return need_channel_state(in) ? tn_shape_token(in->arena) : NULL;
}

const tn_shape *tn_infer_recv_done(const tn_inference *in) {
  if (!need_channel_state(in)) return NULL;
  const tn_shape *parts[2] = {tn_operand_shape(in, 0)->elements[0], tn_shape_token(in->arena)};
  return tn_shape_tuple(in->arena, 2, parts);
}

const tn_shape *tn_infer_infeed(const tn_inference *in) {
  const tn_shape *declared = in->inst->shape;
  if (!tn_need_operands(in, 0, 1) || (in->inst->n_operands == 1 && !need_token(in, 0))) return NULL;
  if (!declared || !tn_shape_is_tuple(declared) || declared->rank != 2 ||
      declared->elements[1]->type != TN_TOKEN)
    return tn_refuse(in, 0, "the result must be (data, token[]) and is %s",
                     declared ? tn_shown(in, declared) : "not declared");
  return declared;
}

const tn_shape *tn_infer_outfeed(const tn_inference *in) {
  if (!tn_need_operands(in, 1, 2) || (in->inst->n_operands == 2 && !need_token(in, 1))) return NULL;
  const tn_shape *shape = in->inst->attr.feed.shape;
  if (shape && !tn_shape_fits(shape, tn_operand_shape(in, 0)))
    return tn_refuse(in, 1, "outfeed_shape is %s, and the operand is %s", tn_shown(in, shape),
                     tn_shown(in, tn_operand_shape(in, 0)));
  return tn_shape_token(in->arena);
}
