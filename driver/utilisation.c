/* The array's use by layer, as an SVG: one bar a layer, its whole length the layer's cycles.
 *
 *   conv_1   |########::::::::~~~~~~~          |   12,345 cycles  4.1 %
 *             useful  unused  stalls …
 *
 * Active cycles are parted by multiply-adds: those that the model asks for, and those that the array
 * could have done besides. The first bar is the whole. Colours are told apart by those who see no red.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/pictures.h"

enum { NAME = 230, BAR = 620, FIGURES = 210, ROW = 22, THICK = 15, TOP = 92, PARTS = 7 };

typedef struct {
  const char *name, *colour;
} account;
static const account accounts[PARTS] = {
    {"useful", "#0072b2"},       {"unused", "#a6cee3"},    {"weight stall", "#d55e00"},
    {"weight shift", "#e69f00"}, {"raw stall", "#cc79a7"}, {"input stall", "#009e73"},
    {"other", "#d0d0d0"},
};

static void parts_of(const tn_device_counters *c, double parts[PARTS]) {
  double macs = (double)c->useful_macs + (double)c->unused_macs;
  double useful = macs > 0 ? (double)c->active * (double)c->useful_macs / macs : 0;
  double list[PARTS] = {useful,
                        (double)c->active - useful,
                        (double)c->weight_stall,
                        (double)c->weight_shift,
                        (double)c->raw_stall,
                        (double)c->input_stall,
                        (double)(c->non_matrix - c->raw_stall - c->input_stall)};
  memcpy(parts, list, sizeof list);
}

static void put_escaped(tn_text *out, const char *text, size_t most) {
  for (size_t i = 0; text[i] && i < most; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '<' || c == '>' || c == '&' || c == '"')
      tn_text_printf(out, "&#%d;", c);
    else
      tn_text_put_char(out, c < 32 ? ' ' : (char)c);
  }
}

/* 1234567 -> 1,234,567 */
static void put_count(tn_text *out, int64_t value) {
  char digits[32];
  int length = 0;
  for (uint64_t v = (uint64_t)value; v || !length; v /= 10) digits[length++] = (char)('0' + v % 10);
  while (length) {
    tn_text_put_char(out, digits[--length]);
    if (length && length % 3 == 0) tn_text_put_char(out, ',');
  }
}

static void put_bar(tn_text *out, int row, const char *name, const tn_device_counters *c, int64_t all) {
  double parts[PARTS], x = NAME, cycles = (double)(c->cycles + 1);
  int y = TOP + row * ROW;
  tn_text_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\"><title>", NAME - 8, y + 12);
  put_escaped(out, name, SIZE_MAX);
  tn_text_put(out, "</title>");
  bool is_long = strlen(name) > 34;
  put_escaped(out, name, is_long ? 33 : 34);
  tn_text_put(out, is_long ? "…</text>\n" : "</text>\n");
  parts_of(c, parts);
  for (int p = 0; p < PARTS; p++) {
    double width = cycles > 0 ? parts[p] / cycles * BAR : 0;
    if (width > 0)
      tn_text_printf(out,
                     "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"><title>%s %.1f %% "
                     "(%.0f cycles)</title></rect>\n",
                     x, y, width, THICK, accounts[p].colour, accounts[p].name, parts[p] / cycles * 100,
                     parts[p]);
    x += width;
  }
  tn_text_printf(out, "<text x=\"%d\" y=\"%d\">", NAME + BAR + 8, y + 12);
  put_count(out, c->cycles);
  tn_text_printf(out, " cycles%s", all > 0 ? "" : "</text>\n");
  if (all > 0) tn_text_printf(out, ", %.1f %%</text>\n", (double)c->cycles / (double)all * 100);
}

static void put_legend(tn_text *out) {
  int x = NAME;
  for (int p = 0; p < PARTS; p++) {
    tn_text_printf(out,
                   "<rect x=\"%d\" y=\"44\" width=\"11\" height=\"11\" fill=\"%s\"/>"
                   "<text x=\"%d\" y=\"54\">%s</text>\n",
                   x, accounts[p].colour, x + 15, accounts[p].name);
    x += 30 + 7 * (int)strlen(accounts[p].name);
  }
}

static void put_axis(tn_text *out, int rows) {
  for (int percent = 0; percent <= 100; percent += 25) {
    int x = NAME + BAR * percent / 100;
    tn_text_printf(out,
                   "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#bbb\"/>"
                   "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%d %%</text>\n",
                   x, TOP - 6, x, TOP + rows * ROW, x, TOP - 12, percent);
  }
}

void tn_utilisation_svg(tn_text *out, const tn_simulated *simulated) {
  const tn_simulated_layer *layers = simulated->layers;
  int rows = 1;
  for (int l = 0; l < simulated->layer_count; l++) rows += layers[l].counters.active > 0;
  int width = NAME + BAR + FIGURES, height = TOP + rows * ROW + 14;
  tn_text_printf(
      out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
      width, height, width, height, width, height);
  tn_text_printf(out, "<text x=\"%d\" y=\"24\" font-size=\"16\">", NAME);
  put_escaped(out, simulated->name, 60);
  tn_text_put(out, " on ");
  put_escaped(out, simulated->target, SIZE_MAX);
  tn_text_printf(out, ", %lld × %lld at %g MHz: what the array's cycles were</text>\n",
                 (long long)simulated->rows, (long long)simulated->columns, simulated->clock_mhz);
  put_legend(out);
  put_axis(out, rows);
  put_bar(out, 0, "all", &simulated->counters, 0);
  int row = 1;
  for (int l = 0; l < simulated->layer_count; l++)
    if (layers[l].counters.active > 0)
      put_bar(out, row++, layers[l].name, &layers[l].counters, simulated->counters.cycles);
  tn_text_put(out, "</svg>\n");
}
