/* What a reduction's bound owes to the order: floats are joined in any.
 *
 * A sum is off by at most n u sum|x| in every order, a product by n u |product|. Both are
 * exact while every partial result is an integer within the precision, which is so when
 * sum|x|, or the product of the terms of size over 1, is. Beyond the largest number some
 * order may overflow where another does not, and below the least normal one underflow.
 * NaN, and infinities of both signs, give NaN in every order; an infinity among factors that
 * may underflow gives itself in one order, NaN in another. Complex terms count by their
 * moduli, the products of infinite ones by nothing.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

tn_op tn_joined_by(const tn_comp *comp, int count, int k) {
  const tn_inst *root = comp->root;
  if (count > 1) root = root->op == TN_OP_TUPLE && k < root->n_operands ? root->operands[k] : NULL;
  if (!root || root->n_operands != 2) return TN_OP_COUNT;
  const tn_inst *a = comp->parameters.at[k], *b = comp->parameters.at[count + k];
  bool joins = (root->operands[0] == a && root->operands[1] == b) ||
               (root->operands[0] == b && root->operands[1] == a);
  return joins ? root->op : TN_OP_COUNT;
}

void tn_join_size_start(tn_join_size *s, tn_op op) {
  *s = (tn_join_size){.op = op, .size = op == TN_OP_MULTIPLY ? 1 : 0, .least = 1};
}

void tn_join_size_add(tn_join_size *s, double re, double im) {
  s->terms++;
  s->special = s->special || !isfinite(re) || !isfinite(im);
  double x = isfinite(re) ? re : 0, y = isfinite(im) ? im : 0, size = y == 0 ? fabs(x) : hypot(x, y);
  s->fractional = s->fractional || trunc(x) != x || trunc(y) != y;
  if (s->op == TN_OP_ADD)
    s->size += size;
  else if (size > 1)
    s->size *= size;
  else if (size > 0)
    s->least *= size;
}

double tn_join_slack(const tn_join_size *s, tn_type type, double result) {
  bool complex = tn_type_is_complex(type), product = s->op == TN_OP_MULTIPLY;
  tn_type kept = tn_type_part(type);
  if (s->op != TN_OP_ADD && s->op != TN_OP_MULTIPLY) return 0;
  double u = tn_unit_roundoff(kept), most = tn_float_from_bits(kept, tn_float_to_bits(kept, INFINITY) - 1);
  /* A step of subnormal partial products; half of f64's would be 0. */
  double tiny = ldexp(1, tn_float_least_exponent(kept));
  if (s->size > (complex && product ? most / 2 : most)) return INFINITY;
  if (s->special && product && (complex || s->least < tiny)) return INFINITY;
  if ((s->special && !complex) || s->terms < 2) return 0;
  if (!s->fractional && s->size * u <= 0.5) return 0;
  if (s->op == TN_OP_ADD) return (double)s->terms * u * s->size;
  double lost = s->least * u < tiny ? (double)s->terms * tiny * s->size : 0;
  return (complex ? 4 : 1) * ((double)s->terms * 2 * u * fabs(result) + lost);
}
