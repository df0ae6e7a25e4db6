/* What an opcode needs to know beyond its operands. One struct an attribute kind;
 * attrs.def says how each member is spelt in HLO text.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_ATTRIBUTES_H
#define TN_IR_ATTRIBUTES_H

#include "ir/shape.h"

struct tn_literal;

typedef enum {
#define KIND(ID, member) TN_ATTR_##ID,
#include "ir/attrs.def"
#undef KIND
} tn_attribute_kind;

/* Values of enumerated attributes, spelt as HLO does. ENUM(type, ID, "text") */
#define ENUM_BEGIN(name) typedef enum {
#define ENUM(name, ID, text) TN_##ID,
#define ENUM_END(name) } name;
#include "ir/enums.def"
#undef ENUM_BEGIN
#undef ENUM
#undef ENUM_END

typedef struct {
  int64_t size, stride, pad_low, pad_high, lhs_dilation, rhs_dilation;
  bool reversal;
} tn_window_dim;

/* size 1, stride 1, no padding, dilations 1 where a list is absent in the text. */
typedef struct {
  const tn_window_dim *at;
  int count;
} tn_window;

/* Positions of each role in the operand's and the result's dims: b01f_01io->b01f. */
typedef struct {
  int64_t input_batch, input_feature;
  int64_t kernel_input, kernel_output;
  int64_t output_batch, output_feature;
  tn_dims input_spatial, kernel_spatial, output_spatial;
} tn_conv_dims;

typedef struct {
  tn_dims batch, contracting;
} tn_dot_side;

typedef struct {
  int64_t low, high, interior;
} tn_pad_dim;

/* output_to_operand_aliasing={{out}: (operand, {index})} */
typedef struct {
  tn_dims output;
  int64_t operand;
  tn_dims index;
} tn_operand_alias;

typedef struct {
  const tn_operand_alias *at;
  int count;
} tn_operand_aliases;

typedef struct {
  const tn_shape *const *at;
  int count;
} tn_shapes;

typedef struct {
  const tn_precision *at;
  int count;
} tn_precisions;

/* Replica groups: {{0,1},{2,3}} or [2,2]<=[4]T(1,0); the text is kept and, resolved,
 * the groups. count 0: one group of everybody.                                       */
typedef struct {
  const char *text;
  const tn_dims *at;
  int count;
} tn_groups;

typedef struct {
  int64_t source, target;
} tn_pair;

typedef struct {
  const tn_pair *at;
  int count;
} tn_pairs;

/* The members of tn_attributes, a struct each. Those that attrs.def calls records are more
 * than an instruction has room for: they lie behind pointers, many instructions may share
 * one, and tn_inst_edit_* alone writes into them.                                        */
typedef struct { int64_t number; } tn_parameter_attributes;
typedef struct { const struct tn_literal *literal; } tn_constant_attributes; /* the printer elides on request */
/* transpose, reverse, concatenate, broadcast, get/set-dimension-size */
typedef struct { tn_dims dims; } tn_dimensions_attributes;
typedef struct { int64_t dim; } tn_iota_attributes;
typedef struct { int64_t index; } tn_index_attributes;
typedef struct { int64_t inferred_dimension; } tn_reshape_attributes; /* -1: absent */
typedef struct { tn_dims starts, limits, strides; } tn_slice_attributes;
typedef struct { tn_dims sizes; } tn_dynamic_slice_attributes;
typedef struct { const tn_pad_dim *at; int count; } tn_pad_attributes;
typedef struct { tn_dims dims; } tn_reduce_attributes; /* and map; called[0] */
/* reduce-window: called[0]; select-and-scatter: select, scatter */
typedef struct { tn_window window; } tn_window_attributes;
typedef struct {
  tn_window window;
  tn_conv_dims dims;
  int64_t feature_groups, batch_groups;
  tn_precisions precision;
} tn_convolution_attributes;
typedef struct {
  tn_dot_side side[2];
  tn_dims lhs_ragged, rhs_group; /* ragged-dot */
  tn_precisions precision;
  const char *algorithm; /* "dot_bf16_bf16_f32"; NULL if absent */
} tn_dot_attributes;
typedef struct {
  tn_dims offset_dims, collapsed_slice_dims, start_index_map;
  tn_dims operand_batching_dims, start_indices_batching_dims;
  tn_dims slice_sizes;
  int64_t index_vector_dim;
  bool indices_are_sorted;
} tn_gather_attributes;
typedef struct {
  tn_dims update_window_dims, inserted_window_dims, scatter_dims_to_operand_dims;
  tn_dims input_batching_dims, scatter_indices_batching_dims;
  int64_t index_vector_dim;
  bool indices_are_sorted, unique_indices;
} tn_scatter_attributes; /* called[0] */
typedef struct { int64_t dim; bool is_stable; } tn_sort_attributes; /* called[0] */
typedef struct { int64_t k; bool largest; } tn_topk_attributes;
/* called[0]; a StableHLO composite, named by frontend_attributes */
typedef struct { bool is_composite; } tn_call_attributes;
typedef struct { tn_direction direction; tn_compare_type type; } tn_compare_attributes;
typedef struct { tn_fusion_kind kind; tn_operand_aliases aliases; } tn_fusion_attributes; /* called[0] */
typedef struct { const char *thread; } tn_async_attributes; /* called[0] */
typedef struct {
  const char *target;
  tn_window window; bool has_window;
  tn_conv_dims dims; bool has_dims;
  int64_t feature_groups, batch_groups;
  tn_shapes operand_layouts; bool has_operand_layouts;
  bool side_effect;
  tn_operand_aliases aliases;
  const struct tn_literal *literal;
  tn_custom_schedule schedule;
  tn_api_version api_version;
  tn_precisions precision;
} tn_custom_call_attributes; /* called: to_apply or called_computations */
/* epsilon as written, read as f32 */
typedef struct { double epsilon; int64_t feature_index; } tn_batch_norm_attributes;
typedef struct { tn_distribution distribution; } tn_rng_attributes;
typedef struct { tn_algorithm algorithm; } tn_rng_bit_generator_attributes;
typedef struct { int64_t delta; } tn_rng_state_attributes;
typedef struct { tn_fft_type type; tn_dims length; } tn_fft_attributes;
typedef struct { tn_encoding encoding; } tn_decode_attributes;
typedef struct { int64_t dim; bool zero_point_first; } tn_quantize_attributes; /* and dequantize; dim -1: one scale */
typedef struct { int64_t exponent_bits, mantissa_bits; } tn_reduce_precision_attributes;
typedef struct { bool lower; } tn_cholesky_attributes;
typedef struct { bool left_side, lower, unit_diagonal; tn_transpose_a transpose_a; } tn_triangular_solve_attributes;
typedef struct {
  tn_groups groups;
  int64_t channel_id; /* 0: absent */
  bool use_global_device_ids, constrain_layout;
  tn_dims dims;
} tn_collective_attributes; /* called[0] where it reduces */
typedef struct { tn_pairs pairs; int64_t channel_id; const char *slice_sizes; } tn_permute_attributes;
typedef struct { int64_t channel_id; bool is_host_transfer; } tn_channel_attributes;
typedef struct { const char *config; const tn_shape *shape; } tn_feed_attributes;
/* called[0] */
typedef struct { int64_t dim, num_carries; bool is_reverse; tn_tristate is_associative; } tn_scan_attributes;
typedef struct { const char *kind, *entry, *exit; } tn_domain_attributes;
typedef struct { int64_t cross_program_prefetch_index; } tn_copy_start_attributes; /* -1: absent */

typedef union {
#define VALUE(member)  tn_##member##_attributes member;
#define RECORD(member) const tn_##member##_attributes *member;
#include "ir/attrs.def"
#undef VALUE
#undef RECORD
  const void *record; /* any of the records */
} tn_attributes;
_Static_assert(sizeof(tn_attributes) <= 24, "an instruction carries its attributes along");

#endif
