/* The two halves of the cost model: transfers over ports, and what the array and the vector unit do.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_FORECAST_PRIVATE_H
#define TN_SYSTOLIC_FORECAST_PRIVATE_H

#include "codegen/systolic/forecast.h"

/* A forecast and the machine that it is of. */
typedef struct {
  tn_forecast *f;
  const tn_forecast_machine *m;
} tn_forecaster;

/* Not fmax, fmin: no cycle is NaN, and these are inlined. */
static inline double later(double a, double b) { return a > b ? a : b; }
static inline double earlier(double a, double b) { return a < b ? a : b; }

typedef enum { TN_FORECAST_IN, TN_FORECAST_OUT, TN_FORECAST_ASIDE } tn_forecast_kind;

static inline tn_forecast_when tn_forecast_at(double cycle) { return (tn_forecast_when){.at = cycle}; }

/* A transfer of so many bytes that may begin from `ready` on, in pieces of at most `piece` (0: any). */
tn_forecast_when tn_forecast_issue(tn_forecaster *c, tn_forecast_kind kind, bool host, double bytes,
                                   double piece, double ready);
/* The cycle, for which transfers are dealt with as far as needed. */
double tn_forecast_resolve(tn_forecaster *c, tn_forecast_when when);
/* The same of the first `share` of a value. */
double tn_forecast_ready_at(tn_forecaster *c, tn_forecast_ready *ready, double share);
/* When all is over that was done there before; something new is, for which transfers are dealt with as needed. */
double tn_forecast_vacant(tn_forecaster *c, const tn_forecast_place *place);
void tn_forecast_occupy(tn_forecast *f, const tn_forecast_place *place, tn_forecast_ready over);
/* Tiles until all of the weights have been awaited. */
static inline double tn_forecast_unspread(const tn_forecast *f) {
  return f->spread - (f->tiles - f->to_read);
}
/* A tile is in the FIFO, or on its way there. */
void tn_forecast_need_tile(tn_forecaster *c);
/* So many steps of `step` cycles, `tiles` each, pass before a transfer under way meets the tiles of weights. */
double tn_forecast_undisturbed(const tn_forecaster *c, double step, double tiles);

#endif
