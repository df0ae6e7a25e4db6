/* What a compiled object promises its caller: codes, environment, header, bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

#include "base/file.h"
#include "base/number.h"
#include "tenon/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xmmintrin.h>

/* Two kernels with a temp between them and weights in the constants. */
static const char model[] =
    "HloModule m\nadd_f { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] add(a, b) }\n"
    "ENTRY e { x = f32[4,4] parameter(0) w = f32[4,3] constant({{1,2,3},{4,5,6},{7,8,9},{10,11,12}})\n"
    "d = f32[4,3] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} z = f32[] constant(0)\n"
    "r = f32[3] reduce(d, z), dimensions={0}, to_apply=add_f n = f32[3] negate(r) ROOT s = f32[3] "
    "multiply(n, r) }";

static void no_threads(void *pool, int64_t count, tn_body *body, void *context) {
  (void)pool;
  body(context, 0, count, 0);
}

static _Alignas(64) float input[16], output[16];
static _Alignas(64) char arena[65536];

static int run(const compiled *c, float *x, float *y, void *memory, size_t size, const tn_exec *exec) {
  return call(c, (void *[]){x, y}, c->object.constants.at, memory, size, exec);
}

Test(cpu_contract, refuses_wrong_arguments) {
  compiled c;
  compile_hlo(&c, model, NULL, 0);
  size_t size = (size_t)(c.object.arena_bytes + c.object.arena_bytes_per_thread);
  tn_exec none = {.threads = 0, .parallel_for = no_threads}, missing = {.threads = 2};
  tn_exec two = {.threads = 2, .parallel_for = no_threads};
  cr_assert_gt(c.object.arena_bytes, 0);
  memset(output, 0x11, sizeof output);
  float untouched = output[0];
  cr_assert_eq(run(&c, NULL, output, arena, size, NULL), TN_E_NULL);
  cr_assert_eq(run(&c, input, NULL, arena, size, NULL), TN_E_NULL);
  cr_assert_eq(run(&c, input, output, NULL, size, NULL), TN_E_NULL);
  cr_assert_eq(run(&c, (float *)((char *)input + 1), output, arena, size, NULL), TN_E_ALIGNMENT);
  cr_assert_eq(run(&c, input, output, arena + 4, size, NULL), TN_E_ALIGNMENT);
  cr_assert_eq(run(&c, input, output, arena, size - 1, NULL), TN_E_ARENA);
  cr_assert_eq(run(&c, input, output, arena, size, &none), TN_E_THREADS);
  cr_assert_eq(run(&c, input, output, arena, size, &missing), TN_E_THREADS);
  cr_assert_eq(output[0], untouched);
  cr_assert_eq(run(&c, input, output, arena, size, NULL), 0);
  cr_assert_eq(run(&c, input, output, arena, size + (size_t)c.object.arena_bytes_per_thread, &two), 0);
  release(&c);
}

/* Flush-to-zero, another rounding, a raised flag: neither seen nor lost. */
Test(cpu_contract, leaves_the_environment_alone) {
  compiled c;
  compile_hlo(&c, "HloModule m\nENTRY e { x = f32[16] parameter(0) ROOT y = f32[16] divide(x, x) }", NULL, 0);
  for (int i = 0; i < 16; i++) input[i] = (float)i * 1e-42f;
  unsigned before = _mm_getcsr(), odd = 0xffc0u & ~0x1f80u;
  _mm_setcsr(odd | 0x1f80u);
  int status = run(&c, input, output, arena, 64, NULL);
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  cr_assert_eq(status, 0);
  cr_assert_eq(after, odd | 0x1f80u);
  for (int i = 1; i < 16; i++) cr_assert_eq(output[i], 1.0f, "%g", output[i]);
  release(&c);
}

static void same_bytes(const tn_object *a, const tn_object *b) {
  tn_text x = {0}, y = {0};
  for (int i = 0; i < a->n_pieces; i++) tn_text_put_n(&x, a->pieces[i].at, a->pieces[i].length);
  for (int i = 0; i < b->n_pieces; i++) tn_text_put_n(&y, b->pieces[i].at, b->pieces[i].length);
  cr_assert_eq(x.length, y.length);
  cr_assert(!memcmp(x.bytes, y.bytes, x.length));
  tn_text_free(&x);
  tn_text_free(&y);
}

Test(cpu_contract, is_reproducible) {
  compiled a, b;
  compile_hlo(&a, model, NULL, 0);
  compile_hlo(&b, model, NULL, 0);
  same_bytes(&a.object, &b.object);
  release(&a);
  release(&b);
}

Test(cpu_contract, reads_a_side_file) {
  compiled c;
  compile_options(&c, model, NULL, 0,
                  &(tn_cpu_options){.name = "test", .optimisation = 2, .side_file = true});
  size_t size = (size_t)c.object.arena_bytes, length = c.object.constants.length;
  cr_assert_gt(length, 64);
  char *file = aligned_alloc(64, length);
  memcpy(file, c.object.constants.at, length);
  for (int i = 0; i < 16; i++) input[i] = 1;
  cr_assert_eq(call(&c, (void *[]){input, output}, file, arena, size, NULL), 0);
  cr_assert_eq(output[0], -(4 * 22.0f) * (4 * 22.0f));
  cr_assert_eq(call(&c, (void *[]){input, output}, NULL, arena, size, NULL), TN_E_NULL);
  file[20] ^= 1;
  cr_assert_eq(call(&c, (void *[]){input, output}, file, arena, size, NULL), TN_E_CONSTANTS);
  const tn_signature *signature = tn_image_symbol(c.image, "test_signature");
  cr_assert_eq(signature->constant_bytes, (int64_t)length);
  free(file);
  release(&c);
}

Test(cpu_contract, describes_itself) {
  compiled c;
  compile_hlo(&c, model, NULL, 0);
  const tn_signature *s = tn_image_symbol(c.image, "test_signature");
  cr_assert(s != NULL);
  cr_assert_eq(s->version, 1);
  cr_assert_str_eq(s->name, "test");
  cr_assert_eq(s->parameter_count, 1);
  cr_assert_eq(s->result_count, 1);
  cr_assert_str_eq(s->parameters[0].name, "x");
  cr_assert_str_eq(s->parameters[0].type, "f32");
  cr_assert_eq(s->parameters[0].rank, 2);
  cr_assert_eq(s->parameters[0].dims[1], 4);
  cr_assert_eq(s->parameters[0].minor_to_major[0], 1);
  cr_assert_eq(s->results[0].bytes, 12);
  cr_assert_eq(s->results[0].aliases, -1);
  cr_assert_eq(s->arena_bytes, c.object.arena_bytes);
  cr_assert_gt(c.object.text_bytes, 0);
  cr_assert_gt(c.object.stack_bytes, 0);
  release(&c);
}

/* Links the object with a C program and a C++ one that include its header twice over. */
static void build_program(const char *folder, const char *compiler, const char *suffix) {
  char command[1024];
  snprintf(command, sizeof command,
           "cd %s && cp main.c program.%s && %s -Wall -Wextra -Werror -pedantic program.%s test.o -o main && "
           "./main",
           folder, suffix, compiler, suffix);
  cr_assert_eq(system(command), 0, "%s", command);
}

Test(cpu_contract, links_with_its_header) {
  compiled c;
  tn_text header = {0};
  char folder[] = "/tmp/tenon_cpu_XXXXXX", path[256];
  tn_cpu_options options = {.name = "test", .optimisation = 2};
  compile_options(&c, model, "x86-64-v2", 0, &options);
  cr_assert(mkdtemp(folder));
  tn_cpu_header(c.plan, &options, &c.object, &header);
  snprintf(path, sizeof path, "%s/test.h", folder);
  cr_assert(tn_file_write(&c.sink, path, &(tn_str){header.bytes, header.length}, 1, false));
  snprintf(path, sizeof path, "%s/test.o", folder);
  cr_assert(tn_file_write(&c.sink, path, c.object.pieces, c.object.n_pieces, false));
  static const char program[] =
      "#include \"test.h\"\n#include \"test.h\"\n#include <stdlib.h>\n"
      "int main(void) {\n  float x[16], y[3];\n  int i;\n  void *arena = NULL;\n  size_t size = "
      "TEST_ARENA_SIZE(1);\n"
      "  for (i = 0; i < 16; i++) x[i] = 1;\n  arena = aligned_alloc(TEST_ARENA_ALIGN, size);\n"
      "  if (test_run(x, y, arena, size, NULL)) return 2;\n  free(arena);\n"
      "  return test_signature.version == 1 && y[0] == -7744.0f ? 0 : 1;\n}\n";
  snprintf(path, sizeof path, "%s/main.c", folder);
  cr_assert(tn_file_write(&c.sink, path, &(tn_str){program, sizeof program - 1}, 1, false));
  build_program(folder, "cc -std=c11", "c");
  build_program(folder, "c++ -std=c++17", "cc");
  snprintf(path, sizeof path,
           "cd %s && echo '#include \"test.h\"' > h.c && cc -std=c99 -pedantic -Wall -Werror -c h.c && cc "
           "-shared -Wl,-z,text,-z,defs -o m.so test.o && rm -r %s",
           folder, folder);
  cr_assert_eq(system(path), 0);
  for (const char *const *name = c.object.undefined; *name; name++) cr_assert_eq(strncmp(*name, "mem", 3), 0);
  tn_text_free(&header);
  release(&c);
}

Test(cpu_contract, prints_its_code) {
  compiled c;
  tn_text assembly = {0}, llvm = {0};
  tn_cpu_options options = {.name = "test", .optimisation = 2};
  compile_hlo(&c, model, "x86-64-v3", 0);
  cr_assert(tn_cpu_assembly(c.plan, &options, &assembly, &c.sink));
  cr_assert(tn_cpu_llvm(c.plan, &options, &llvm, &c.sink));
  cr_assert(strstr(assembly.bytes, "vfmadd") && strstr(assembly.bytes, "test_run:"));
  cr_assert(strstr(assembly.bytes, "# test_constants: 64 bytes, only in the object"));
  cr_assert(strstr(llvm.bytes, "define i32 @test_run(") && strstr(llvm.bytes, "@llvm.fma."));
  tn_text_free(&assembly);
  tn_text_free(&llvm);
  release(&c);
}

static void say_complex(tn_plan *plan) {
  tn_kernel_buffer *b = &plan->kernels[0]->buffers[0];
  b->shape = tn_shape_with_type(plan->arena, b->shape, TN_C64);
}

/* Two vector dims around one statement. */
static void say_two_vectors(tn_plan *plan) {
  tn_kernel *k = plan->kernels[0];
  tn_dim_schedule *dims = TN_NEW_ARRAY(plan->arena, tn_dim_schedule, k->n_dims);
  for (int i = 0; i < k->n_dims; i++) dims[i] = (tn_dim_schedule){.lanes = 4, .vectors = 1, .unroll = 1};
  k->schedule.dims = dims;
}

static void check_refused(const char *text, void (*alter)(tn_plan *), tn_status status, const char *message) {
  compiled c = {0};
  compile_hlo(&c, text, NULL, 0);
  alter(c.plan);
  tn_object object;
  c.sink.user = &c; /* messages go where the compiled model is now */
  bool ok = tn_cpu_compile(c.plan, &(tn_cpu_options){.name = "test", .optimisation = 2}, &object, &c.sink);
  cr_assert(!ok);
  cr_assert_eq(c.sink.status, status);
  cr_assert_eq(c.sink.errors, 1);
  cr_assert(strstr(c.messages, message), "%s", c.messages);
  release(&c);
}

Test(cpu_contract, refuses_what_it_cannot) {
  check_refused("HloModule m\nENTRY e { x = f32[8,8] parameter(0) ROOT y = f32[8,8] negate(x) }", say_complex,
                TN_BUG, "a buffer of c64");
  check_refused(
      "HloModule m\nENTRY e { x = f32[8,8] parameter(0) ROOT y = f32[8,8] transpose(x), dimensions={1,0} }",
      say_two_vectors, TN_UNSUPPORTED, "are vectors of one statement");
}

Test(cpu_contract, knows_the_names_of_cpus) {
  static const struct {
    const char *cpu, *features, *message;
  } cases[] = {{"znver4", "", NULL},
               {"nehalem", "", NULL}, /* tuning alone: fma stays an instruction */
               {"x86-64-v3", "+avx512f,-bmi", NULL},
               {"znver44", "", "unknown cpu 'znver44'; did you mean 'znver4'?"},
               {"i386", "", "unknown cpu 'i386'"},
               {"znver4", "+avx5", "unknown feature 'avx5'"},
               {"znver4", "avx2", "feature 'avx2' begins with neither + nor -"}};
  compiled c;
  compile_hlo(&c, "HloModule m\nENTRY e { x = f32[8] parameter(0) ROOT y = f32[8] negate(x) }", "x86-64-v3",
              0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    tn_cpu cpu = *c.plan->target;
    tn_object object;
    cpu.cpu = cases[i].cpu;
    cpu.features = cases[i].features;
    c.plan->target = &cpu;
    c.messages[0] = 0;
    bool ok = tn_cpu_compile(c.plan, &(tn_cpu_options){.name = "test", .optimisation = 2}, &object, &c.sink);
    cr_assert_eq(ok, !cases[i].message, "%s", c.messages);
    if (!ok) cr_assert(strstr(c.messages, cases[i].message), "%s", c.messages);
  }
  release(&c);
}
