/* Shows scanned digits and what the network takes them for.
 *
 *   digits PICTURE.pgm…
 *
 * The network is compiled into digits.o; this program calls digits_run, declared in
 * digits.h, and needs nothing else of Tenon.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, CLASSES = 10, RUNS = 1000, ROW = 5 };

/* A PGM picture (P2 or P5) of 8 x 8 pixels as numbers from 0 (white paper) to 1. */
static int read_picture(const char *path, float *image) {
  FILE *file = fopen(path, "rb");
  int width, height, most, kind, good = 0;
  if (!file) {
    perror(path);
    return 0;
  }
  if (fscanf(file, "P%d %d %d %d", &kind, &width, &height, &most) == 4 && width == SIDE && height == SIDE &&
      most > 0 && most < 256 && fgetc(file) != EOF) {
    int read = 0, value = 0;
    while (read < PIXELS) {
      if (kind == 2 ? fscanf(file, "%d", &value) != 1 : (value = fgetc(file)) == EOF) break;
      image[read++] = (float)value / (float)most;
    }
    good = read == PIXELS;
  }
  fclose(file);
  if (!good) fprintf(stderr, "%s: not a PGM picture of 8 x 8 pixels\n", path);
  return good;
}

static int largest(const float *logits) {
  int best = 0;
  for (int i = 1; i < CLASSES; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}

/* One scanned digit and what the network said. */
typedef struct {
  const char *name;
  float image[PIXELS], logits[CLASSES];
} picture;

/* Some pictures side by side, two characters a pixel, and the answers under them. */
static void show(const picture *pictures, int count) {
  static const char *const shades[5] = {"  ", "\u2591\u2591", "\u2592\u2592", "\u2593\u2593", "\u2588\u2588"};
  for (int y = 0; y < SIDE; y++) {
    for (int i = 0; i < count; i++) {
      fputs("  ", stdout);
      for (int x = 0; x < SIDE; x++) fputs(shades[(int)(pictures[i].image[y * SIDE + x] * 4.999f)], stdout);
    }
    putchar('\n');
  }
  for (int i = 0; i < count; i++) {
    char text[64];
    snprintf(text, sizeof text, "%s: a %d", pictures[i].name, largest(pictures[i].logits));
    printf("  %-16s", text);
  }
  fputs("\n\n", stdout);
}

static double now(void) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Recognises a picture RUNS times; the seconds it took go to *seconds. */
static int recognise(picture *p, void *arena, size_t arena_size, double *seconds) {
  double start = now();
  int code = 0;
  for (int run = 0; run < RUNS && code == 0; run++)
    code = digits_run(p->image, p->logits, arena, arena_size, NULL);
  *seconds += now() - start;
  if (code != 0) fprintf(stderr, "%s: digits_run returned %d\n", p->name, code);
  return code == 0;
}

int main(int argc, char **argv) {
  static picture row[ROW];
  size_t arena_size = DIGITS_ARENA_SIZE(1);
  void *arena = aligned_alloc(DIGITS_ARENA_ALIGN, (arena_size / DIGITS_ARENA_ALIGN + 1) * DIGITS_ARENA_ALIGN);
  double seconds = 0;
  int recognised = 0, waiting = 0;
  if (argc < 2 || !arena) {
    fprintf(stderr, "usage: %s PICTURE.pgm...\n", argv[0]);
    free(arena);
    return 2;
  }
  for (int i = 1; i < argc; i++) {
    const char *slash = strrchr(argv[i], '/');
    row[waiting].name = slash ? slash + 1 : argv[i];
    if (read_picture(argv[i], row[waiting].image) && recognise(&row[waiting], arena, arena_size, &seconds))
      waiting++;
    if (waiting < ROW && i < argc - 1) continue;
    show(row, waiting);
    recognised += waiting;
    waiting = 0;
  }
  free(arena);
  if (recognised)
    printf("%.2f microseconds an image (%d runs of each, one thread)\n", seconds / recognised / RUNS * 1e6,
           RUNS);
  return recognised == argc - 1 ? 0 : 1;
}
