/* The object file: LLVM's, and the constants as a section of their own.
 *
 *   | LLVM's ELF file, its header and symbol table patched | pad to 64
 *   | constants, piece by piece                            | strings | section headers |
 *
 * LLVM's assembler would hold the constants several times over; here they are referred to
 * where they lie. The symbol that kernels address them by is LLVM's undefined one, which
 * becomes defined. The string table is LLVM's with one name more, the section headers are
 * LLVM's with one more; both move to the end.
 * Source: the System V ABI's chapter on object files, and its x86-64 supplement.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

#include <elf.h>
#include <stdio.h>

typedef struct {
  tn_unit *u;
  char *bytes;
  size_t size;
  Elf64_Ehdr *header;
  Elf64_Shdr *sections;
  const char *section_names;
} elf;

static bool open_elf(elf *f, tn_unit *u, tn_str code) {
  f->u = u;
  f->size = code.length;
  f->bytes = tn_arena_alloc_raw(u->arena, (f->size + 63) / 64 * 64);
  memcpy(f->bytes, code.at, f->size);
  memset(f->bytes + f->size, 0, (f->size + 63) / 64 * 64 - f->size);
  f->header = (Elf64_Ehdr *)f->bytes;
  if (f->size < sizeof *f->header || memcmp(f->header->e_ident, ELFMAG, SELFMAG) || !f->header->e_shnum)
    return tn_unit_fail(u, TN_BUG, "code generation: LLVM wrote no ELF file");
  f->sections = (Elf64_Shdr *)(f->bytes + f->header->e_shoff);
  f->section_names = f->bytes + f->sections[f->header->e_shstrndx].sh_offset;
  return true;
}

static Elf64_Shdr *symbol_table(const elf *f) {
  for (int i = 0; i < f->header->e_shnum; i++)
    if (f->sections[i].sh_type == SHT_SYMTAB) return &f->sections[i];
  return NULL;
}

/* Every undefined symbol must be one of the three that objects may have. */
static bool list_undefined(elf *f, tn_object *object) {
  static const char *const allowed[] = {"memcpy", "memmove", "memset"};
  const Elf64_Shdr *table = symbol_table(f);
  const Elf64_Sym *symbols = (const Elf64_Sym *)(f->bytes + table->sh_offset);
  const char *names = f->bytes + f->sections[table->sh_link].sh_offset;
  TN_VEC(const char *) undefined = {0};
  for (size_t i = 1; i < table->sh_size / sizeof *symbols; i++) {
    const char *name = names + symbols[i].st_name;
    bool known = false;
    if (symbols[i].st_shndx != SHN_UNDEF) continue;
    for (size_t j = 0; j < sizeof allowed / sizeof *allowed; j++) known |= !strcmp(name, allowed[j]);
    if (!known) return tn_unit_fail(f->u, TN_BUG, "code generation: the code calls '%s'", name);
    TN_PUSH(f->u->arena, &undefined, tn_arena_string(f->u->arena, name));
  }
  TN_PUSH(f->u->arena, &undefined, NULL);
  object->undefined = undefined.at;
  return true;
}

/* Makes LLVM's undefined symbol for the constants a defined one of section `section`. */
static void define_constants(elf *f, uint16_t section) {
  const Elf64_Shdr *table = symbol_table(f);
  Elf64_Sym *symbols = (Elf64_Sym *)(f->bytes + table->sh_offset);
  const char *names = f->bytes + f->sections[table->sh_link].sh_offset;
  const char *wanted = tn_arena_printf(f->u->arena, "%s_constants", f->u->options->name);
  for (size_t i = 1; i < table->sh_size / sizeof *symbols; i++) {
    if (symbols[i].st_shndx != SHN_UNDEF || strcmp(names + symbols[i].st_name, wanted)) continue;
    symbols[i].st_shndx = section;
    symbols[i].st_size = (uint64_t)f->u->constant_bytes;
    symbols[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    symbols[i].st_other = STV_HIDDEN;
  }
}

/* The file's end: names with one more, section headers with one more. offset: where it
 * will stand, a multiple of 64; constants stand before it at `constants`.              */
static tn_str new_end(elf *f, uint64_t constants, uint64_t offset) {
  static const char name[] = ".rodata.tenon_constants";
  Elf64_Shdr *strings = &f->sections[f->header->e_shstrndx];
  size_t count = f->header->e_shnum, names = strings->sh_size + sizeof name, padded = (names + 63) / 64 * 64;
  char *end = tn_arena_alloc(f->u->arena, padded + (count + 1) * sizeof *f->sections);
  memcpy(end, f->section_names, strings->sh_size);
  memcpy(end + strings->sh_size, name, sizeof name);
  Elf64_Shdr *sections = (Elf64_Shdr *)(end + padded);
  memcpy(sections, f->sections, count * sizeof *sections);
  sections[count] = (Elf64_Shdr){.sh_name = (uint32_t)strings->sh_size,
                                 .sh_type = SHT_PROGBITS,
                                 .sh_flags = SHF_ALLOC,
                                 .sh_offset = constants,
                                 .sh_size = (uint64_t)f->u->constant_bytes,
                                 .sh_addralign = 64};
  sections[f->header->e_shstrndx].sh_offset = offset;
  sections[f->header->e_shstrndx].sh_size = names;
  f->header->e_shoff = offset + padded;
  f->header->e_shnum++;
  return (tn_str){end, padded + (count + 1) * sizeof *sections};
}

static void append_constants(elf *f, tn_object *object) {
  tn_unit *u = f->u;
  tn_str *pieces = TN_NEW_ARRAY(u->arena, tn_str, 2 * u->n_constants + 2);
  size_t start = (f->size + 63) / 64 * 64;
  define_constants(f, f->header->e_shnum);
  int count = 1 + tn_constant_pieces(u, pieces + 1);
  pieces[count++] = new_end(f, start, start + (uint64_t)u->constant_bytes);
  pieces[0] = (tn_str){f->bytes, start};
  object->pieces = pieces;
  object->n_pieces = count;
}

static int64_t text_bytes(const elf *f) {
  int64_t bytes = 0;
  for (int i = 0; i < f->header->e_shnum; i++)
    if (!strncmp(f->section_names + f->sections[i].sh_name, ".text", 5))
      bytes += (int64_t)f->sections[i].sh_size;
  return bytes;
}

bool tn_make_object(tn_unit *u, tn_str code, tn_object *object) {
  elf f = {0};
  if (u->failed || !open_elf(&f, u, code)) return false;
  object->text_bytes = text_bytes(&f);
  object->constant_bytes = u->constant_bytes;
  object->stack_bytes = u->entry_frame + u->kernel_frame;
  object->arena_bytes = u->arena_bytes;
  object->alive_bytes = u->alive_bytes;
  object->arena_bytes_per_thread = u->scratch;
  object->constants = u->side_bytes;
  if (u->n_constants && !u->side_file) {
    append_constants(&f, object);
  } else {
    tn_str *piece = TN_NEW(u->arena, tn_str);
    *piece = (tn_str){f.bytes, f.size};
    object->pieces = piece;
    object->n_pieces = 1;
  }
  return list_undefined(&f, object);
}
