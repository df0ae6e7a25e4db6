/* An object's code in this process.
 *
 * The pieces are copied one after the other into one mapping (the only copy that is made
 * of the weights) with a page of stubs after it, sections stay where the file has them,
 * relocations are applied in place, and the mapping becomes read-only and executable.
 * Nothing but memcpy, memmove and memset is resolved.
 *
 *   | object file as it is | stubs: jmp *[rip]; address |
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/cpu.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct tn_image {
  char *base;
  size_t size, stubs; /* bytes of the mapping; where stubs begin */
  const Elf64_Shdr *sections;
  int n_sections;
  const Elf64_Sym *symbols;
  size_t n_symbols;
  const char *names;
};

static const struct {
  const char *name;
  uintptr_t address;
} externals[] = {
    {"memcpy", (uintptr_t)&memcpy}, {"memmove", (uintptr_t)&memmove}, {"memset", (uintptr_t)&memset}};
enum { N_EXTERNALS = sizeof externals / sizeof *externals, STUB_BYTES = 16 };

static void write_stubs(tn_image *image) {
  for (int i = 0; i < N_EXTERNALS; i++) {
    static const unsigned char jump[6] = {0xff, 0x25, 0, 0, 0, 0}; /* jmp *0(%rip) */
    char *stub = image->base + image->stubs + i * STUB_BYTES;
    memcpy(stub, jump, sizeof jump);
    memcpy(stub + sizeof jump, &externals[i].address, sizeof externals[i].address);
  }
}

static bool copy_pieces(tn_image *image, const tn_object *object, tn_diagnostics *sink) {
  size_t bytes = 0, at = 0;
  for (int i = 0; i < object->n_pieces; i++) bytes += object->pieces[i].length;
  image->stubs = (bytes + 63) / 64 * 64;
  image->size = image->stubs + 4096;
  image->base = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (image->base == MAP_FAILED) {
    image->base = NULL;
    return tn_error(sink, TN_LIMIT, TN_NOWHERE, "load: no memory for %zu bytes of code and constants",
                    image->size);
  }
  for (int i = 0; i < object->n_pieces; at += object->pieces[i++].length)
    memcpy(image->base + at, object->pieces[i].at, object->pieces[i].length);
  write_stubs(image);
  return true;
}

static bool find_tables(tn_image *image, tn_diagnostics *sink) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->base;
  image->sections = (const Elf64_Shdr *)(image->base + header->e_shoff);
  image->n_sections = header->e_shnum;
  for (int i = 0; i < image->n_sections; i++) {
    if (image->sections[i].sh_type == SHT_NOBITS && image->sections[i].sh_size)
      return tn_error(sink, TN_BUG, TN_NOWHERE, "load: the object has written data");
    if (image->sections[i].sh_type != SHT_SYMTAB) continue;
    image->symbols = (const Elf64_Sym *)(image->base + image->sections[i].sh_offset);
    image->n_symbols = image->sections[i].sh_size / sizeof *image->symbols;
    image->names = image->base + image->sections[image->sections[i].sh_link].sh_offset;
  }
  return image->symbols || tn_error(sink, TN_BUG, TN_NOWHERE, "load: the object has no symbols");
}

static char *symbol_address(const tn_image *image, const Elf64_Sym *symbol) {
  if (symbol->st_shndx == SHN_UNDEF) {
    for (int i = 0; i < N_EXTERNALS; i++)
      if (!strcmp(image->names + symbol->st_name, externals[i].name))
        return image->base + image->stubs + i * STUB_BYTES;
    return NULL;
  }
  if (symbol->st_shndx >= image->n_sections) return NULL;
  return image->base + image->sections[symbol->st_shndx].sh_offset + symbol->st_value;
}

static bool relocate(tn_image *image, const Elf64_Shdr *target, const Elf64_Rela *rela,
                     tn_diagnostics *sink) {
  const Elf64_Sym *symbol = &image->symbols[ELF64_R_SYM(rela->r_info)];
  char *address = symbol_address(image, symbol), *place = image->base + target->sh_offset + rela->r_offset;
  if (!address)
    return tn_error(sink, TN_BUG, TN_NOWHERE, "load: undefined symbol '%s'", image->names + symbol->st_name);
  int64_t value = (int64_t)(uintptr_t)address + rela->r_addend, distance = value - (int64_t)(uintptr_t)place;
  int32_t near = (int32_t)distance;
  switch (ELF64_R_TYPE(rela->r_info)) {
  case R_X86_64_64: memcpy(place, &value, sizeof value); return true;
  case R_X86_64_PC64: memcpy(place, &distance, sizeof distance); return true;
  case R_X86_64_PC32:
  case R_X86_64_PLT32:
    if (near != distance)
      return tn_error(sink, TN_LIMIT, TN_NOWHERE, "load: the object is larger than 2 GiB");
    memcpy(place, &near, sizeof near);
    return true;
  }
  return tn_error(sink, TN_BUG, TN_NOWHERE, "load: relocation %u", (unsigned)ELF64_R_TYPE(rela->r_info));
}

static bool relocate_all(tn_image *image, tn_diagnostics *sink) {
  for (int i = 0; i < image->n_sections; i++) {
    const Elf64_Shdr *section = &image->sections[i];
    if (section->sh_type != SHT_RELA) continue;
    const Elf64_Rela *relas = (const Elf64_Rela *)(image->base + section->sh_offset);
    for (size_t j = 0; j < section->sh_size / sizeof *relas; j++)
      if (!relocate(image, &image->sections[section->sh_info], &relas[j], sink)) return false;
  }
  return true;
}

tn_image *tn_cpu_load(const tn_object *object, tn_diagnostics *sink) {
  tn_image *image = tn_malloc(sizeof *image);
  *image = (tn_image){0};
  if (copy_pieces(image, object, sink) && find_tables(image, sink) && relocate_all(image, sink)) {
    if (!mprotect(image->base, image->size, PROT_READ | PROT_EXEC)) return image;
    tn_error(sink, TN_IO, TN_NOWHERE, "load: the system does not let memory become executable");
  }
  tn_image_unload(image);
  return NULL;
}

void *tn_image_symbol(const tn_image *image, const char *name) {
  for (size_t i = 1; i < image->n_symbols; i++) {
    const Elf64_Sym *symbol = &image->symbols[i];
    if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) != STB_GLOBAL) continue;
    if (!strcmp(image->names + symbol->st_name, name)) return symbol_address(image, symbol);
  }
  return NULL;
}

void tn_image_unload(tn_image *image) {
  if (!image) return;
  if (image->base) munmap(image->base, image->size);
  free(image);
}
