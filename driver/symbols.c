/* The symbol tables of ELF files, as far as finding a model's signature needs them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/symbols.h"

#include <elf.h>

static const char suffix[] = "_signature";

/* `size` bytes at `offset`, or NULL if they are not in the file. */
static const void *piece(tn_str file, uint64_t offset, uint64_t size) {
  return offset <= file.length && size <= file.length - offset ? file.at + offset : NULL;
}

/* The model's name if symbol `text` (in the string table's `room` bytes) ends in _signature. */
static const char *model_name(tn_arena *arena, const char *text, uint64_t room) {
  size_t length = strnlen(text, room), tail = sizeof suffix - 1;
  if (length == room || length <= tail || memcmp(text + length - tail, suffix, tail) != 0) return NULL;
  return tn_arena_string_n(arena, text, length - tail);
}

static const char *search_table(tn_arena *arena, tn_str file, const Elf64_Shdr *table,
                                const Elf64_Shdr *strings) {
  const char *names = piece(file, strings->sh_offset, strings->sh_size);
  const char *symbols = piece(file, table->sh_offset, table->sh_size);
  if (!names || !symbols) return NULL;
  for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table->sh_size; at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbols + at, sizeof symbol);
    bool defined = ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL && symbol.st_shndx != SHN_UNDEF;
    if (!defined || symbol.st_name >= strings->sh_size) continue;
    const char *name = model_name(arena, names + symbol.st_name, strings->sh_size - symbol.st_name);
    if (name) return name;
  }
  return NULL;
}

bool tn_elf_read(tn_arena *arena, tn_diagnostics *sink, const char *path, tn_str bytes, tn_elf_model *model) {
  tn_location file = {.file = path};
  Elf64_Ehdr header;
  if (bytes.length < sizeof header) return tn_error(sink, TN_INVALID, file, "not an ELF file");
  memcpy(&header, bytes.at, sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    return tn_error(sink, TN_INVALID, file, "not a 64-bit ELF file");
  const char *table = piece(bytes, header.e_shoff, (uint64_t)header.e_shnum * sizeof(Elf64_Shdr));
  if (!table) return tn_error(sink, TN_INVALID, file, "the section table lies outside of the file");
  *model = (tn_elf_model){.relocatable = header.e_type == ET_REL};
  Elf64_Shdr *sections = tn_arena_copy(arena, table, header.e_shnum * sizeof *sections);
  for (int i = 0; i < header.e_shnum && !model->name; i++)
    if ((sections[i].sh_type == SHT_SYMTAB || sections[i].sh_type == SHT_DYNSYM) &&
        sections[i].sh_link < header.e_shnum)
      model->name = search_table(arena, bytes, &sections[i], &sections[sections[i].sh_link]);
  return true;
}
