/* Plans whose kernels are generated in parts: the same bits, the same bytes whatever the
 * number of processors, no more symbols than other objects have.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#define _GNU_SOURCE
#include "harness.h"

#include <elf.h>
#include <sched.h>

enum { LAYERS = 10 };

/* Products of different sizes in a row, transcendental functions and constants between. */
static const char *many_kernels(tn_text *text) {
  tn_text_put(text, "HloModule parts\nENTRY e {\n  x0 = f32[24,48] parameter(0)\n"
                    "  w = f32[208,208] parameter(1)\n");
  for (int i = 0; i < LAYERS; i++) {
    int from = 48 + 16 * i, to = from + 16;
    tn_text_printf(text, "  w%d = f32[%d,%d] slice(w), slice={[0:%d], [0:%d]}\n", i, from, to, from, to);
    tn_text_printf(text,
                   "  d%d = f32[24,%d] dot(x%d, w%d), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n",
                   i, to, i, i);
    tn_text_printf(text, "  s%d = f32[] constant(%d.25)\n  b%d = f32[24,%d] broadcast(s%d), dimensions={}\n",
                   i, i, i, to, i);
    tn_text_printf(text, "  a%d = f32[24,%d] add(d%d, b%d)\n  %sx%d = f32[24,%d] %s(a%d)\n", i, to, i, i,
                   i + 1 == LAYERS ? "ROOT " : "", i + 1, to, i % 2 ? "tanh" : "logistic", i);
  }
  tn_text_put(text, "}\n");
  return text->bytes;
}

Test(cpu_parts, same_bits_as_the_interpreter) {
  tn_text text = {0};
  check_equal(many_kernels(&text), 0);
  tn_text_free(&text);
}

static tn_str whole(const compiled *c) {
  size_t bytes = 0;
  for (int i = 0; i < c->object.n_pieces; i++) bytes += c->object.pieces[i].length;
  char *all = tn_arena_alloc_raw(c->plan->arena, bytes), *to = all;
  for (int i = 0; i < c->object.n_pieces; to += c->object.pieces[i++].length)
    memcpy(to, c->object.pieces[i].at, c->object.pieces[i].length);
  return (tn_str){all, bytes};
}

static void check_symbols(tn_str object) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)object.at;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(object.at + header->e_shoff);
  int global = 0, functions = 0;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(object.at + sections[i].sh_offset);
    for (size_t s = 1; s < sections[i].sh_size / sizeof *symbols; s++) {
      bool local = ELF64_ST_BIND(symbols[s].st_info) == STB_LOCAL;
      cr_assert_eq(local, s < sections[i].sh_info);
      global += !local && symbols[s].st_shndx != SHN_UNDEF;
      functions += local && ELF64_ST_TYPE(symbols[s].st_info) == STT_FUNC;
    }
  }
  cr_assert_eq(global, 2, "%d symbols are global", global); /* test_run, test_signature */
  cr_assert_geq(functions, LAYERS);
}

Test(cpu_parts, same_bytes_on_one_processor) {
  tn_text text = {0};
  compiled here, alone;
  cpu_set_t all, one;
  compile_hlo(&here, many_kernels(&text), "x86-64-v3", 0);
  cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
  compile_hlo(&alone, text.bytes, "x86-64-v3", 0);
  tn_str a = whole(&here), b = whole(&alone);
  cr_assert_eq(a.length, b.length);
  cr_assert(!memcmp(a.at, b.at, a.length));
  check_symbols(a);
  release(&here);
  release(&alone);
  tn_text_free(&text);
}

static void spoil(tn_plan *plan) {
  tn_kernel_buffer *b = &plan->kernels[plan->n_kernels - 1]->buffers[0];
  b->shape = tn_shape_with_type(plan->arena, b->shape, TN_C64);
}

/* What goes wrong in a part is told once, by the caller's sink. */
Test(cpu_parts, tells_of_failures) {
  tn_text text = {0};
  compiled c;
  compile_hlo(&c, many_kernels(&text), "x86-64-v3", 0);
  spoil(c.plan);
  tn_object object;
  c.messages[0] = 0;
  cr_assert(!tn_cpu_compile(c.plan, &(tn_cpu_options){.name = "test", .optimisation = 2}, &object, &c.sink));
  cr_assert_eq(c.sink.status, TN_BUG);
  cr_assert_eq(c.sink.errors, 1);
  cr_assert(strstr(c.messages, "a buffer of c64"), "%s", c.messages);
  release(&c);
  tn_text_free(&text);
}
