/* Shape rules of linear algebra, Fourier transforms, batch normalisation and random
 * numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

static bool need_inexact(const tn_inference *in, int operand) {
  tn_type type = tn_operand_shape(in, operand)->type;
  if (tn_type_is_float(type) || tn_type_is_complex(type)) return true;
  return tn_wrong(in, tn_operand_bit(operand), "operand %d must be float or complex and is %s", operand,
                  tn_type_name(type));
}

/* Operand is [batch…, n, n]. */
static bool need_square(const tn_inference *in, int operand) {
  if (!tn_need_rank(in, operand, 2) || !need_inexact(in, operand)) return false;
  const tn_shape *shape = tn_operand_shape(in, operand);
  int64_t rows = shape->dims[shape->rank - 2], columns = shape->dims[shape->rank - 1];
  if (tn_sizes_agree(rows, columns)) return true;
  return tn_wrong(in, tn_operand_bit(operand), "matrices must be square and are %lld x %lld", (long long)rows,
                  (long long)columns);
}

const tn_shape *tn_infer_cholesky(const tn_inference *in) {
  return need_square(in, 0) ? tn_operand_shape(in, 0) : NULL;
}

/* a is [batch…, n, n]; b is [batch…, n, m], or [batch…, m, n] where a is on the right. */
const tn_shape *tn_infer_triangular_solve(const tn_inference *in) {
  if (!need_square(in, 0) || !tn_need_rank(in, 1, 2) || !tn_need_same_type(in, 0, 1)) return NULL;
  const tn_shape *a = tn_operand_shape(in, 0), *b = tn_operand_shape(in, 1);
  if (a->rank != b->rank) return tn_refuse(in, 3, "operands have %d and %d dimensions", a->rank, b->rank);
  for (int i = 0; i < a->rank - 2; i++)
    if (!tn_sizes_agree(a->dims[i], b->dims[i]))
      return tn_refuse(in, 3, "batch sizes %lld and %lld differ", (long long)a->dims[i],
                       (long long)b->dims[i]);
  int64_t n = a->dims[a->rank - 1],
          side = b->dims[b->rank - (in->inst->attr.triangular_solve.left_side ? 2 : 1)];
  if (!tn_sizes_agree(n, side))
    return tn_refuse(in, 3, "a matrix of %lld does not solve for %lld unknowns", (long long)n,
                     (long long)side);
  return b;
}

/* ---- fft over the trailing dims; real transforms keep half of the last: n / 2 + 1 ---- */

static bool fft_types(tn_fft_type kind, tn_type from, tn_type *to) {
  bool is_complex = tn_type_is_complex(from);
  switch (kind) {
  case TN_FFT:
  case TN_IFFT: *to = from; return is_complex;
  case TN_RFFT: *to = from == TN_F64 ? TN_C128 : TN_C64; return from == TN_F32 || from == TN_F64;
  case TN_IRFFT: *to = is_complex ? tn_type_part(from) : from; return is_complex;
  }
  return false;
}

static int64_t half_spectrum(int64_t length) { return length == 0 ? 0 : length / 2 + 1; }

const tn_shape *tn_infer_fft(const tn_inference *in) {
  static const char *const names[] = {"FFT", "IFFT", "RFFT", "IRFFT"};
  tn_fft_type kind = in->inst->attr.fft.type;
  tn_dims length = in->inst->attr.fft.length;
  if (!tn_need_array(in, 0)) return NULL;
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_type type;
  if (!fft_types(kind, operand->type, &type))
    return tn_refuse(in, 1, "%s does not transform %s", names[kind], tn_type_name(operand->type));
  if (length.count < 1 || length.count > 3)
    return tn_refuse(in, 0, "fft_length has %d entries, not 1 to 3", length.count);
  if (!tn_need_rank(in, 0, length.count)) return NULL;

  tn_extent extent = tn_extent_of(in, operand);
  for (int i = 0; i < length.count; i++) {
    int dim = operand->rank - length.count + i;
    bool last = i == length.count - 1;
    int64_t expected = kind == TN_IRFFT && last ? half_spectrum(length.at[i]) : length.at[i];
    if (length.at[i] < 0 || !tn_sizes_agree(operand->dims[dim], expected))
      return tn_refuse(in, 1, "fft_length %lld needs a dimension %d of %lld, which is %lld",
                       (long long)length.at[i], dim, (long long)expected, (long long)operand->dims[dim]);
    extent.size[dim] = kind == TN_RFFT && last ? half_spectrum(length.at[i]) : length.at[i];
  }
  return tn_extent_shape(in, type, &extent);
}

/* ---- batch normalisation: per-feature operands are [features] ---- */

static bool need_features(const tn_inference *in, int first, int last) {
  if (!tn_need_arrays(in)) return false;
  const tn_shape *operand = tn_operand_shape(in, 0);
  int64_t feature = in->inst->attr.batch_norm.feature_index;
  if (!tn_type_is_float(operand->type))
    return tn_wrong(in, 1, "operand 0 must be float and is %s", tn_type_name(operand->type));
  if (!tn_need_dim(in, "feature_index", feature, operand->rank)) return false;
  for (int i = first; i <= last; i++) {
    const tn_shape *values = tn_operand_shape(in, i);
    if (!tn_need_same_type(in, 0, i)) return false;
    if (values->rank != 1 || !tn_sizes_agree(values->dims[0], operand->dims[feature]))
      return tn_wrong(in, 1u | tn_operand_bit(i),
                      "operand %d must have 1 dimension of %lld features and is %s", i,
                      (long long)operand->dims[feature], tn_shown(in, values));
  }
  return true;
}

/* (operand's shape, [features], [features]). */
static const tn_shape *with_statistics(const tn_inference *in) {
  const tn_shape *operand = tn_operand_shape(in, 0);
  tn_extent extent = tn_extent_new(in, 1);
  tn_extent_set(&extent, 0, operand, (int)in->inst->attr.batch_norm.feature_index);
  const tn_shape *features = tn_extent_shape(in, operand->type, &extent);
  const tn_shape *parts[3] = {operand, features, features};
  return tn_shape_tuple(in->arena, 3, parts);
}

/* operand, scale, offset -> (normalised, mean, variance) */
const tn_shape *tn_infer_batch_norm_training(const tn_inference *in) {
  return need_features(in, 1, 2) ? with_statistics(in) : NULL;
}

/* operand, scale, offset, mean, variance -> normalised */
const tn_shape *tn_infer_batch_norm_inference(const tn_inference *in) {
  return need_features(in, 1, 4) ? tn_operand_shape(in, 0) : NULL;
}

/* operand, scale, mean, variance, gradient -> (gradients of operand, scale, offset) */
const tn_shape *tn_infer_batch_norm_grad(const tn_inference *in) {
  if (!need_features(in, 1, 3) || !tn_need_same_type(in, 0, 4) || !tn_need_same_dims(in, 0, 4)) return NULL;
  return with_statistics(in);
}

/* ---- random numbers ---- */

/* Operands are the bounds, or mean and deviation: scalars of the result's type. */
const tn_shape *tn_infer_rng(const tn_inference *in) {
  if (!tn_need_declared_array(in) || !tn_need_scalar(in, 0) || !tn_need_scalar(in, 1) ||
      !tn_need_same_type(in, 0, 1))
    return NULL;
  tn_type type = tn_operand_shape(in, 0)->type;
  bool normal = in->inst->attr.rng.distribution == TN_RNG_NORMAL;
  if (!tn_type_is_float(type) && (normal || (!tn_type_is_integer(type) && type != TN_PRED)))
    return tn_refuse(in, 1, "%s has no %s distribution", tn_type_name(type), normal ? "normal" : "uniform");
  tn_extent extent = tn_extent_of(in, in->inst->shape);
  return tn_extent_shape(in, type, &extent);
}

/* state -> (state, bits); the bits' shape is declared. */
const tn_shape *tn_infer_rng_bit_generator(const tn_inference *in) {
  const tn_shape *state = tn_operand_shape(in, 0), *declared = in->inst->shape;
  bool philox = in->inst->attr.rng_bit_generator.algorithm != TN_RNG_THREE_FRY;
  if (state->type != TN_U64 || state->rank != 1 || (state->dims[0] != 2 && !(philox && state->dims[0] == 3)))
    return tn_refuse(in, 0, "the state must be u64[2]%s and is %s", philox ? " or u64[3]" : "",
                     tn_shown(in, state));
  if (!declared || !tn_shape_is_tuple(declared) || declared->rank != 2 ||
      !tn_shape_is_array(declared->elements[1]))
    return tn_refuse(in, 0, "the result must be (%s, bits) and is %s", tn_shown(in, state),
                     declared ? tn_shown(in, declared) : "not declared");
  if (!tn_type_is_integer(declared->elements[1]->type))
    return tn_refuse(in, 0, "random bits must be integers and are %s",
                     tn_type_name(declared->elements[1]->type));
  const tn_shape *parts[2] = {state, declared->elements[1]};
  return tn_shape_tuple(in->arena, 2, parts);
}

const tn_shape *tn_infer_rng_get_and_update_state(const tn_inference *in) {
  return tn_shape_array(in->arena, TN_U64, 1, (const int64_t[]){2});
}
