/* Runs a model on a systolic device: functional or timed, through the same calls.
 *
 *   accelerator [--functional] MODEL.tns [ARRAY.npy…]
 *
 * One array for each parameter, row-major; those that are not given are zeros. Prints the results and
 * what the device counted. A driver for real hardware would be a third kind beside the two, and this
 * program would stay as it is.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/device.h"

/* A file's bytes, malloc's. NULL after saying why. */
static unsigned char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  unsigned char *bytes = NULL;
  *size = 0;
  if (file && fseek(file, 0, SEEK_END) == 0) {
    long length = ftell(file);
    rewind(file);
    bytes = length >= 0 ? malloc((size_t)length + 1) : NULL;
    if (bytes) *size = fread(bytes, 1, (size_t)length, file);
  }
  if (file) fclose(file);
  if (!bytes) perror(path);
  return bytes;
}

/* The data of a .npy file of this many bytes: magic, version, length of a header, header, data. */
static int read_array(const char *path, void *to, int64_t bytes) {
  size_t size;
  unsigned char *file = read_file(path, &size);
  if (!file) return 0;
  size_t start = size > 10 ? (size_t)file[8] + 256 * (size_t)file[9] + 10 : 0;
  int good = start && memcmp(file, "\x93NUMPY\x01", 7) == 0 && size == start + (size_t)bytes;
  if (good) memcpy(to, file + start, (size_t)bytes);
  if (!good) fprintf(stderr, "%s: not a .npy of %lld bytes\n", path, (long long)bytes);
  free(file);
  return good;
}

/* "cnn.tns" -> "cnn.host.so", where the compiler put what the array cannot do; NULL if there is none. */
static const char *host_library(const char *stream) {
  static char path[4096];
  size_t length = strlen(stream);
  if (length < 4 || length + 5 > sizeof path || strcmp(stream + length - 4, ".tns") != 0) return NULL;
  snprintf(path, sizeof path, "%.*s.host.so", (int)(length - 4), stream);
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fclose(file);
  return path;
}

static void print_element(const char *type, const unsigned char *at) {
  float f;
  int32_t i;
  if (strcmp(type, "f32") == 0)
    memcpy(&f, at, sizeof f), printf(" %g", f);
  else if (strcmp(type, "s32") == 0)
    memcpy(&i, at, sizeof i), printf(" %d", (int)i);
  else if (strcmp(type, "s8") == 0)
    printf(" %d", (signed char)*at);
  else
    printf(" %02x", *at);
}

static void print_value(const tn_value *value, const unsigned char *data) {
  int64_t elements = 1;
  printf("%s: %s[", value->name, value->type);
  for (int d = 0; d < value->rank; d++) {
    printf("%s%lld", d ? "," : "", (long long)value->dims[d]);
    elements *= value->dims[d];
  }
  printf("]");
  for (int64_t e = 0; e < elements && e < 16; e++)
    print_element(value->type, data + e * (value->bytes / elements));
  printf(elements > 16 ? " …\n" : "\n");
}

/* All parameters and results in one piece of memory each. */
static int bind(tn_device *device, int n_files, char **files, unsigned char **results) {
  for (int p = 0; p < tn_device_parameter_count(device); p++) {
    const tn_value *value = tn_device_parameter(device, p);
    unsigned char *data = calloc(1, (size_t)value->bytes + 1); /* the system takes them back at the end */
    if (!data || (p < n_files && !read_array(files[p], data, value->bytes))) return 0;
    if (tn_device_bind_parameter(device, p, data)) return 0;
  }
  for (int r = 0; r < tn_device_result_count(device); r++) {
    results[r] = calloc(1, (size_t)tn_device_result(device, r)->bytes + 1);
    if (!results[r] || tn_device_bind_result(device, r, results[r])) return 0;
  }
  return 1;
}

static void print_counters(const tn_device *device, int timed) {
  tn_device_counters c;
  for (int layer = 0; timed && layer < tn_device_layer_count(device); layer++)
    if (!tn_device_counters_of(device, layer, &c))
      printf("%12lld cycles, %lld active  %s\n", (long long)c.cycles, (long long)c.active,
             tn_device_layer_name(device, layer));
  if (tn_device_counters_of(device, -1, &c)) return;
  if (timed)
    printf("%lld cycles of the array, %lld in all; stalls: weights %lld, shift %lld, other %lld\n",
           (long long)c.cycles, (long long)c.total_cycles, (long long)c.weight_stall,
           (long long)c.weight_shift, (long long)c.non_matrix);
  printf("%lld multiply-adds, DRAM read %lld, written %lld\n", (long long)c.useful_macs,
         (long long)c.dram_read_bytes, (long long)c.dram_write_bytes);
}

static int run(tn_device *device, const char *path, int n_files, char **files, int timed) {
  size_t size;
  unsigned char *bytes = read_file(path, &size), **results;
  if (!bytes || tn_device_load(device, bytes, size, host_library(path))) return 0;
  results = calloc((size_t)tn_device_result_count(device) + 1, sizeof *results);
  if (!results || !bind(device, n_files, files, results)) return 0;
  if (tn_device_start(device) || tn_device_wait(device)) return 0;
  for (int r = 0; r < tn_device_result_count(device); r++)
    print_value(tn_device_result(device, r), results[r]);
  print_counters(device, timed);
  return 1;
}

int main(int argc, char **argv) {
  int functional = argc > 1 && strcmp(argv[1], "--functional") == 0, first = 1 + functional;
  if (argc <= first) {
    fprintf(stderr, "usage: accelerator [--functional] MODEL.tns [ARRAY.npy…]\n");
    return 2;
  }
  tn_device *device = tn_device_open(functional ? TN_DEVICE_FUNCTIONAL : TN_DEVICE_TIMED);
  int good = device && run(device, argv[first], argc - first - 1, argv + first + 1, !functional);
  const char *why = device ? tn_device_message(device) : "no memory";
  if (!good && *why) fprintf(stderr, "accelerator: %s\n", why);
  tn_device_close(device);
  return good ? 0 : 1;
}
