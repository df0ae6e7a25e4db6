/* tenon sim: execute on a simulated systolic array, and account for every cycle.
 *
 * A stream is simulated as it is; a model is compiled for --target first. Without inputs nothing is
 * computed: time depends on no value.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "tools/expect.h"
#include "tools/json.h"
#include "tools/tool.h"

/* One `tenon sim`. */
typedef struct {
  const command_line *line;
  tn_context *context;
  tn_arena *arena;
  loaded model;
  tn_compile_report compiled; /* of a model */
  tn_simulation *simulation;
  inputs in;
  expectation expected;
  tn_arrays *results; /* NULL: time alone */
} sim_state;

/* ---- JSON: docs/command.md's keys ---- */

static json_t *array_object(const tn_device_counters *c) {
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "active", (json_int_t)c->active, "useful_macs",
                   (json_int_t)c->useful_macs, "unused_macs", (json_int_t)c->unused_macs, "weight_stall",
                   (json_int_t)c->weight_stall, "weight_shift", (json_int_t)c->weight_shift, "non_matrix",
                   (json_int_t)c->non_matrix, "raw_stall", (json_int_t)c->raw_stall, "input_stall",
                   (json_int_t)c->input_stall);
}

static double total_pj(const tn_device_counters *c) {
  return c->mac_pj + c->buffer_pj + c->accumulator_pj + c->dram_pj + c->host_pj;
}

static json_t *energy_object(const tn_device_counters *c) {
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "mac_pj", c->mac_pj, "buffer_pj", c->buffer_pj,
                   "accumulator_pj", c->accumulator_pj, "dram_pj", c->dram_pj, "host_pj", c->host_pj,
                   "total_pj", total_pj(c));
}

static json_t *counters_object(const tn_device_counters *c) {
  json_t *object =
      json_pack("{s:I, s:I, s:o, s:I, s:I}", "cycles", (json_int_t)c->cycles, "total_cycles",
                (json_int_t)c->total_cycles, "array", array_object(c), "dram_read_bytes",
                (json_int_t)c->dram_read_bytes, "dram_write_bytes", (json_int_t)c->dram_write_bytes);
  json_t *more = json_pack(
      "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "host_read_bytes", (json_int_t)c->host_read_bytes,
      "host_write_bytes", (json_int_t)c->host_write_bytes, "buffer_read_bytes",
      (json_int_t)c->buffer_read_bytes, "buffer_write_bytes", (json_int_t)c->buffer_write_bytes,
      "accumulator_read_bytes", (json_int_t)c->accumulator_read_bytes, "accumulator_write_bytes",
      (json_int_t)c->accumulator_write_bytes, "vector_cycles", (json_int_t)c->vector_cycles, "dma_cycles",
      (json_int_t)c->dma_cycles, "weight_cycles", (json_int_t)c->weight_cycles, "energy", energy_object(c));
  json_object_update(object, more);
  json_decref(more);
  return object;
}

static json_t *layer_object(const tn_simulated_layer *layer) {
  json_t *object = json_pack("{s:s, s:s, s:I, s:I}", "name", layer->name, "source", layer->source, "macs",
                             (json_int_t)layer->macs, "model_cycles", (json_int_t)layer->model_cycles);
  json_t *counted = counters_object(&layer->counters);
  json_object_update(object, counted);
  json_decref(counted);
  return object;
}

static tn_status print_object(const sim_state *sim) {
  const tn_simulated *r = tn_simulation_result(sim->simulation);
  json_t *object = counters_object(&r->counters), *layers = json_array();
  json_t *more =
      json_pack("{s:s, s:s, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I}", "name", r->name, "target", r->target,
                "rows", (json_int_t)r->rows, "columns", (json_int_t)r->columns, "clock_mhz", r->clock_mhz,
                "model_cycles", (json_int_t)r->model_cycles, "model_total_cycles",
                (json_int_t)r->model_total_cycles, "macs_on_array", (json_int_t)r->macs_on_array,
                "macs_total", (json_int_t)r->macs_total, "instructions", (json_int_t)r->instructions);
  json_object_update(object, more);
  json_decref(more);
  for (int l = 0; l < r->layer_count; l++) json_array_append_new(layers, layer_object(&r->layers[l]));
  json_object_set_new(object, "layers", layers);
  if (sim->compiled.placed_count) json_object_set_new(object, "placed", json_placed(&sim->compiled));
  if (sim->results) {
    json_object_set_new(object, "outputs", json_arrays(sim->results));
    json_object_set(object, "compared", sim->expected.compared);
  }
  return print_json(object);
}

/* ---- the table ---- */

static double percent(double part, double whole) { return whole > 0 ? part / whole * 100 : 0; }

static void put_account(tn_text *out, const char *name, int64_t cycles, const tn_device_counters *c) {
  tn_text_printf(out, "%-16s %15lld %6.1f %%\n", name, (long long)cycles,
                 percent((double)cycles, (double)c->cycles + 1));
}

static void put_accounts(tn_text *out, const tn_device_counters *c) {
  double macs = (double)c->useful_macs + (double)c->unused_macs;
  put_account(out, "active", c->active, c);
  double useful = percent((double)c->useful_macs, macs) * (double)c->active;
  tn_text_printf(out, "  useful MACs    %15lld %6.1f %% of peak\n", (long long)c->useful_macs,
                 percent(useful / 100, (double)c->cycles + 1));
  tn_text_printf(out, "  unused MACs    %15lld %6.1f %%\n", (long long)c->unused_macs,
                 percent((double)c->active - useful / 100, (double)c->cycles + 1));
  put_account(out, "weight stall", c->weight_stall, c);
  put_account(out, "weight shift", c->weight_shift, c);
  put_account(out, "non-matrix", c->non_matrix, c);
  put_account(out, "  raw stall", c->raw_stall, c);
  put_account(out, "  input stall", c->input_stall, c);
}

static void put_traffic(tn_text *out, const tn_device_counters *c) {
  tn_text_printf(out, "\n%-16s %15s %15s\n", "bytes", "read", "written");
  tn_text_printf(out, "%-16s %15lld %15lld\n", "DRAM", (long long)c->dram_read_bytes,
                 (long long)c->dram_write_bytes);
  tn_text_printf(out, "%-16s %15lld %15lld\n", "host", (long long)c->host_read_bytes,
                 (long long)c->host_write_bytes);
  tn_text_printf(out, "%-16s %15lld %15lld\n", "unified buffer", (long long)c->buffer_read_bytes,
                 (long long)c->buffer_write_bytes);
  tn_text_printf(out, "%-16s %15lld %15lld\n", "accumulators", (long long)c->accumulator_read_bytes,
                 (long long)c->accumulator_write_bytes);
  if (total_pj(c) <= 0) return;
  tn_text_printf(
      out, "\nenergy %.3f uJ: MACs %.3f, unified buffer %.3f, accumulators %.3f, DRAM %.3f, host %.3f\n",
      total_pj(c) * 1e-6, c->mac_pj * 1e-6, c->buffer_pj * 1e-6, c->accumulator_pj * 1e-6, c->dram_pj * 1e-6,
      c->host_pj * 1e-6);
}

static void put_layers(tn_text *out, const tn_simulated *r) {
  if (!r->layer_count) return;
  tn_text_printf(out, "\n%12s %7s %7s %7s %7s %7s %12s %9s  layer\n", "cycles", "useful%", "unused%",
                 "stall%", "shift%", "other%", "DRAM bytes", "forecast");
  for (int l = 0; l < r->layer_count; l++) {
    const tn_simulated_layer *layer = &r->layers[l];
    tn_device_counters c = layer->counters;
    double all = (double)c.cycles + 1, macs = (double)c.useful_macs + (double)c.unused_macs;
    double useful = macs > 0 ? (double)c.active * (double)c.useful_macs / macs : 0;
    int64_t time = c.active ? c.cycles : c.total_cycles;
    tn_text_printf(out, "%12lld %7.1f %7.1f %7.1f %7.1f %7.1f %12lld %9lld  %s%s%s\n", (long long)time,
                   percent(useful, all), percent((double)c.active - useful, all),
                   percent((double)c.weight_stall, all), percent((double)c.weight_shift, all),
                   percent((double)c.non_matrix, all), (long long)(c.dram_read_bytes + c.dram_write_bytes),
                   (long long)layer->model_cycles, layer->name, *layer->source ? "  " : "", layer->source);
  }
}

static double error_of(int64_t forecast, int64_t cycles) {
  return cycles ? 100 * ((double)forecast / (double)cycles - 1) : 0;
}

static void put_forecast(tn_text *out, const tn_simulated *r) {
  const tn_device_counters *c = &r->counters;
  if (!r->model_cycles) return; /* a stream by hand */
  tn_text_printf(out, "forecast: %lld of the array (%+.2f %%), %lld in all (%+.2f %%)\n",
                 (long long)r->model_cycles, error_of(r->model_cycles, c->cycles),
                 (long long)r->model_total_cycles, error_of(r->model_total_cycles, c->total_cycles));
}

static void put_time(tn_text *out, const tn_simulated *r) {
  const tn_device_counters *c = &r->counters;
  double seconds = ((double)c->cycles + 1) / r->clock_mhz * 1e-6;
  double macs = (double)r->macs_on_array, all = (double)r->macs_total;
  if (!c->active) {
    tn_text_printf(
        out, "nothing ran on the array; %lld cycles in all; 0.00 %% of %.0f multiply-adds on the array\n",
        (long long)c->total_cycles, all);
    return;
  }
  tn_text_printf(out, "%lld cycles of the array (%.6g us), %lld in all\n", (long long)c->cycles,
                 seconds * 1e6, (long long)c->total_cycles);
  put_forecast(out, r);
  tn_text_printf(out, "%.4g tera operations a second; %.2f %% of %.0f multiply-adds on the array\n\n",
                 2 * (double)c->useful_macs / seconds * 1e-12, percent(macs, all), all);
  put_accounts(out, c);
}

/* Of a model: products that the array does not do, and why. */
static void put_products_of_host(tn_text *out, const tn_compile_report *compiled) {
  enum { MOST = 20 };
  int found = 0;
  for (int i = 0; i < compiled->placed_count; i++) {
    const tn_placed *p = &compiled->placed[i];
    if (p->on_array || !p->macs || found++ >= MOST) continue;
    if (found == 1) tn_text_put(out, "\n        MACs  on the host\n");
    tn_text_printf(out, "%12lld  %s: %s", (long long)p->macs, p->kernel, p->why);
    tn_text_printf(out, *p->source ? "  (%s)\n" : "%s\n", p->source);
  }
  if (found > MOST) tn_text_printf(out, "              and %d more\n", found - MOST);
}

/* The outputs are told where nothing else is done with them. */
static void put_outputs(const sim_state *sim, tn_text *out) {
  if (!sim->results || has_option(sim->line, OPT_OUT) || has_option(sim->line, OPT_EXPECT)) return;
  tn_text_put_char(out, '\n');
  for (int32_t i = 0; i < tn_arrays_count(sim->results); i++) print_array(tn_arrays_at(sim->results, i), out);
}

static tn_status print_table(const sim_state *sim) {
  const tn_simulated *r = tn_simulation_result(sim->simulation);
  tn_text out = {0};
  tn_text_printf(&out, "%s on %s, %lld x %lld at %g MHz\n", r->name, r->target, (long long)r->rows,
                 (long long)r->columns, r->clock_mhz);
  put_time(&out, r);
  put_traffic(&out, &r->counters);
  put_layers(&out, r);
  put_products_of_host(&out, &sim->compiled);
  put_outputs(sim, &out);
  return print_text(&out);
}

/* ---- the verb ---- */

static tn_status load_stream(sim_state *sim, const char *path) {
  tn_compile_options options;
  tn_status status = compile_options(sim->arena, sim->line, &options);
  if (status != TN_OK) return status;
  if (tn_file_kind_of(path) == TN_FILE_STREAM) {
    if (has_option(sim->line, OPT_TARGET))
      return complain(TN_USAGE, "option '--target': a stream has its target; '--set KEY=VALUE' changes it");
    if (refuse_model_options(sim->line, path) != TN_OK) return TN_USAGE;
    return tn_simulation_open(sim->context, path, options.passes.settings, &sim->simulation);
  }
  if (!options.target) return complain(TN_USAGE, "a model needs '--target=FILE.target'");
  if (!options.name) options.name = tn_path_stem(sim->arena, path);
  status = load_model(sim->context, sim->line, path, &sim->model);
  if (status == TN_OK)
    status = tn_simulation_compile(sim->model.model, &options, &sim->simulation, &sim->compiled);
  if (status == TN_OK) finish_passes(&options.passes);
  return status;
}

static tn_status simulate(sim_state *sim) {
  const command_line *line = sim->line;
  bool values = has_option(line, OPT_IN);
  if (!values && (has_option(line, OPT_OUT) || has_option(line, OPT_EXPECT)))
    return complain(TN_USAGE, "options '--out' and '--expect' need values: '--in' is missing");
  tn_status status = read_expected(sim->context, line, &sim->expected);
  if (status == TN_OK && values)
    status = read_inputs(sim->context, line, tn_simulation_signature(sim->simulation), false, &sim->in);
  tn_simulation_options options = {.arguments = values ? sim->in.arguments : NULL,
                                   .timeline = option_value(line, OPT_TIMELINE),
                                   .utilisation = option_value(line, OPT_UTILISATION)};
  if (status == TN_OK) status = tn_simulation_run(sim->simulation, &options, &sim->results);
  if (status == TN_OK && sim->results) status = compare_expected(line, &sim->expected, "sim", sim->results);
  const char *out = option_value(line, OPT_OUT);
  return status == TN_OK && out ? tn_arrays_write(sim->results, out) : status;
}

tn_status verb_sim(const command_line *line) {
  const char *path = only_operand(line);
  tn_context *context = path ? make_context(line) : NULL;
  if (!context) return TN_USAGE;
  sim_state sim = {.line = line, .context = context, .arena = tn_arena_create()};
  tn_status status = load_stream(&sim, path);
  if (status == TN_OK) status = simulate(&sim);
  if (status == TN_OK) status = has_option(line, OPT_JSON) ? print_object(&sim) : print_table(&sim);
  if (status == TN_OK && !sim.expected.holds) status = TN_MISMATCH;
  tn_arrays_destroy(sim.results);
  release_expected(&sim.expected);
  release_inputs(&sim.in);
  tn_simulation_destroy(sim.simulation);
  unload_model(&sim.model);
  tn_arena_destroy(sim.arena);
  tn_context_destroy(context);
  return status;
}
