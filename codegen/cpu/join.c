/* One relocatable object of several, as `ld -r` makes it.
 *
 *   | header | sections of one name, type and entry size one after the other |
 *   | symbols | relocations | strings | section headers |
 *
 * Of the inputs: allocated sections are taken, each piece at its own alignment; symbols
 * move with their pieces; a name that one part defines and another does not is one symbol.
 * Hidden symbols become local. Sections of mergeable constants stay mergeable.
 * Source: the System V ABI's chapter on object files.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

#include <elf.h>

typedef struct {
  const char *bytes;
  const Elf64_Ehdr *header;
  const Elf64_Shdr *sections;
  const char *section_names, *names;
  const Elf64_Sym *symbols;
  size_t n_symbols;
  int *section;     /* of ours, or 0 */
  uint64_t *base;   /* in it */
  uint32_t *symbol; /* number of ours */
} input;

typedef struct {
  const char *name;
  Elf64_Shdr header;
  int relocations; /* how many */
} section;

typedef struct {
  const char *name;
  Elf64_Sym entry;
} symbol;

typedef struct {
  tn_unit *u;
  input *inputs;
  int count;
  TN_VEC(section) sections; /* [0]: none */
  TN_VEC(symbol) symbols;   /* [0]: none */
  uint32_t n_local;
} join;

/* ---- reading ---- */

static bool open_input(input *in, tn_arena *arena, tn_str object) {
  in->bytes = object.at;
  in->header = (const Elf64_Ehdr *)in->bytes;
  in->sections = (const Elf64_Shdr *)(in->bytes + in->header->e_shoff);
  in->section_names = in->bytes + in->sections[in->header->e_shstrndx].sh_offset;
  for (int i = 0; i < in->header->e_shnum; i++) {
    const Elf64_Shdr *s = &in->sections[i];
    if (s->sh_type == SHT_GROUP || s->sh_type == SHT_REL || s->sh_type == SHT_SYMTAB_SHNDX) return false;
    if (s->sh_type != SHT_SYMTAB) continue;
    in->symbols = (const Elf64_Sym *)(in->bytes + s->sh_offset);
    in->n_symbols = s->sh_size / sizeof *in->symbols;
    in->names = in->bytes + in->sections[s->sh_link].sh_offset;
  }
  in->section = TN_NEW_ARRAY(arena, int, in->header->e_shnum);
  in->base = TN_NEW_ARRAY(arena, uint64_t, in->header->e_shnum);
  in->symbol = TN_NEW_ARRAY(arena, uint32_t, in->n_symbols);
  return in->symbols != NULL;
}

/* ---- sections ---- */

static bool is_taken(const Elf64_Shdr *s, const char *name) {
  bool content = s->sh_type == SHT_PROGBITS || s->sh_type == SHT_NOBITS;
  return content && (s->sh_flags & SHF_ALLOC || !strcmp(name, ".note.GNU-stack"));
}

static int section_like(join *j, const Elf64_Shdr *s, const char *name) {
  for (int i = 1; i < j->sections.count; i++) {
    const Elf64_Shdr *h = &j->sections.at[i].header;
    if (h->sh_type == s->sh_type && h->sh_flags == s->sh_flags && h->sh_entsize == s->sh_entsize &&
        !strcmp(j->sections.at[i].name, name))
      return i;
  }
  Elf64_Shdr header = {
      .sh_type = s->sh_type, .sh_flags = s->sh_flags, .sh_entsize = s->sh_entsize, .sh_addralign = 1};
  TN_PUSH(j->u->arena, &j->sections, ((section){name, header, 0}));
  return j->sections.count - 1;
}

static void place_sections(join *j, input *in) {
  for (int i = 1; i < in->header->e_shnum; i++) {
    const Elf64_Shdr *s = &in->sections[i];
    const char *name = in->section_names + s->sh_name;
    if (!is_taken(s, name)) continue;
    in->section[i] = section_like(j, s, name);
    Elf64_Shdr *to = &j->sections.at[in->section[i]].header;
    uint64_t alignment = s->sh_addralign ? s->sh_addralign : 1;
    if (alignment > to->sh_addralign) to->sh_addralign = alignment;
    in->base[i] = (to->sh_size + alignment - 1) / alignment * alignment;
    to->sh_size = in->base[i] + s->sh_size;
  }
  for (int i = 1; i < in->header->e_shnum; i++)
    if (in->sections[i].sh_type == SHT_RELA)
      j->sections.at[in->section[in->sections[i].sh_info]].relocations +=
          (int)(in->sections[i].sh_size / sizeof(Elf64_Rela));
}

/* ---- symbols ---- */

static uint32_t add_symbol(join *j, const char *name, Elf64_Sym entry) {
  TN_PUSH(j->u->arena, &j->symbols, ((symbol){name, entry}));
  return (uint32_t)j->symbols.count - 1;
}

static Elf64_Sym moved(const input *in, Elf64_Sym s) {
  if (s.st_shndx == SHN_UNDEF || s.st_shndx >= SHN_LORESERVE) return s;
  s.st_value += in->base[s.st_shndx];
  s.st_shndx = (uint16_t)in->section[s.st_shndx];
  return s;
}

static bool is_hidden(const Elf64_Sym *s) { return ELF64_ST_VISIBILITY(s->st_other) == STV_HIDDEN; }

/* Of the whole: defined here, hidden in its part. */
static bool becomes_local(const Elf64_Sym *s) {
  return ELF64_ST_BIND(s->st_info) == STB_LOCAL || (s->st_shndx != SHN_UNDEF && is_hidden(s));
}

/* A section's own symbol would have to stand for all of ours: it becomes a label. The
 * name of the source file stands once.                                                */
static void add_locals(join *j, input *in) {
  for (size_t i = 1; i < in->n_symbols; i++) {
    Elf64_Sym s = in->symbols[i];
    if (!becomes_local(&s) || (ELF64_ST_TYPE(s.st_info) == STT_FILE && in != j->inputs)) continue;
    unsigned char type = ELF64_ST_TYPE(s.st_info);
    s.st_info = ELF64_ST_INFO(STB_LOCAL, type == STT_SECTION ? STT_NOTYPE : type);
    s.st_other = STV_DEFAULT;
    in->symbol[i] = add_symbol(j, in->names + s.st_name, moved(in, s));
  }
}

static uint32_t find_symbol(const join *j, uint32_t first, const char *name) {
  for (uint32_t i = first; i < (uint32_t)j->symbols.count; i++)
    if (!strcmp(j->symbols.at[i].name, name)) return i;
  return 0;
}

/* The local that another part defines under this name. */
static uint32_t find_definition(const join *j, const char *name) {
  for (int p = 0; p < j->count; p++)
    for (size_t i = 1; i < j->inputs[p].n_symbols; i++) {
      const Elf64_Sym *s = &j->inputs[p].symbols[i];
      bool global = ELF64_ST_BIND(s->st_info) != STB_LOCAL && s->st_shndx != SHN_UNDEF;
      if (global && is_hidden(s) && !strcmp(j->inputs[p].names + s->st_name, name))
        return j->inputs[p].symbol[i];
    }
  return 0;
}

static void add_globals(join *j, input *in) {
  for (size_t i = 1; i < in->n_symbols; i++) {
    Elf64_Sym s = in->symbols[i];
    const char *name = in->names + s.st_name;
    if (becomes_local(&s)) continue;
    in->symbol[i] = s.st_shndx == SHN_UNDEF ? find_definition(j, name) : 0;
    if (!in->symbol[i]) in->symbol[i] = find_symbol(j, j->n_local, name);
    if (!in->symbol[i]) in->symbol[i] = add_symbol(j, name, moved(in, s));
  }
}

/* ---- writing ---- */

typedef struct {
  char *bytes;
  uint64_t length;
} file;

static uint64_t align_to(uint64_t at, uint64_t alignment) {
  return (at + alignment - 1) / alignment * alignment;
}

/* Offsets of everything; returns the file's length. Sections of ours: content, then one of
 * relocations for each that has some, symbols, strings.                                 */
static uint64_t lay_out(join *j, Elf64_Shdr *headers, uint64_t strings, int *n_headers) {
  uint64_t at = sizeof(Elf64_Ehdr);
  int count = j->sections.count, content = count;
  for (int i = 1; i < content; i++) {
    Elf64_Shdr *h = &headers[i];
    *h = j->sections.at[i].header;
    h->sh_offset = at = align_to(at, h->sh_addralign);
    if (h->sh_type != SHT_NOBITS) at += h->sh_size;
  }
  int symbols = content;
  for (int i = 1; i < content; i++) symbols += j->sections.at[i].relocations > 0;
  for (int i = 1; i < content; i++) {
    if (!j->sections.at[i].relocations) continue;
    headers[count++] = (Elf64_Shdr){.sh_type = SHT_RELA,
                                    .sh_flags = SHF_INFO_LINK,
                                    .sh_offset = at = align_to(at, 8),
                                    .sh_size = (uint64_t)j->sections.at[i].relocations * sizeof(Elf64_Rela),
                                    .sh_link = (uint32_t)symbols,
                                    .sh_info = (uint32_t)i,
                                    .sh_addralign = 8,
                                    .sh_entsize = sizeof(Elf64_Rela)};
    at += headers[count - 1].sh_size;
  }
  headers[count++] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                                  .sh_offset = at = align_to(at, 8),
                                  .sh_size = (uint64_t)j->symbols.count * sizeof(Elf64_Sym),
                                  .sh_link = (uint32_t)symbols + 1,
                                  .sh_info = j->n_local,
                                  .sh_addralign = 8,
                                  .sh_entsize = sizeof(Elf64_Sym)};
  at += headers[count - 1].sh_size;
  headers[count++] =
      (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = strings, .sh_addralign = 1};
  *n_headers = count;
  return align_to(at + strings, 8);
}

static void copy_contents(const join *j, const Elf64_Shdr *headers, char *bytes) {
  for (int p = 0; p < j->count; p++) {
    const input *in = &j->inputs[p];
    for (int i = 1; i < in->header->e_shnum; i++)
      if (in->section[i] && in->sections[i].sh_type != SHT_NOBITS)
        memcpy(bytes + headers[in->section[i]].sh_offset + in->base[i], in->bytes + in->sections[i].sh_offset,
               in->sections[i].sh_size);
  }
}

static void copy_relocations(const join *j, const Elf64_Shdr *header, char *bytes) {
  Elf64_Rela *to = (Elf64_Rela *)(bytes + header->sh_offset);
  for (int p = 0; p < j->count; p++) {
    const input *in = &j->inputs[p];
    for (int i = 1; i < in->header->e_shnum; i++) {
      const Elf64_Shdr *s = &in->sections[i];
      if (s->sh_type != SHT_RELA || in->section[s->sh_info] != (int)header->sh_info) continue;
      const Elf64_Rela *from = (const Elf64_Rela *)(in->bytes + s->sh_offset);
      for (size_t r = 0; r < s->sh_size / sizeof *from; r++, to++) {
        *to = from[r];
        to->r_offset += in->base[s->sh_info];
        to->r_info =
            ELF64_R_INFO((uint64_t)in->symbol[ELF64_R_SYM(from[r].r_info)], ELF64_R_TYPE(from[r].r_info));
      }
    }
  }
}

/* Names of symbols, then of sections; returns the bytes, with `at` NULL alone. */
static uint64_t put_name(char *strings, uint64_t at, const char *name, uint32_t *where) {
  size_t length = strlen(name) + 1;
  if (strings) {
    memcpy(strings + at, name, length);
    *where = (uint32_t)at;
  }
  return at + length;
}

static uint64_t put_names(const join *j, char *strings, Elf64_Sym *symbols, Elf64_Shdr *headers,
                          int n_headers) {
  static const char *const tables[2] = {".symtab", ".strtab"};
  uint64_t at = 1;
  for (int i = 1; i < j->symbols.count; i++)
    if (*j->symbols.at[i].name)
      at = put_name(strings, at, j->symbols.at[i].name, strings ? &symbols[i].st_name : NULL);
  for (int i = 1; i < j->sections.count; i++)
    at = put_name(strings, at, j->sections.at[i].name, strings ? &headers[i].sh_name : NULL);
  for (int i = 1, r = j->sections.count; i < j->sections.count; i++) {
    if (!j->sections.at[i].relocations) continue;
    at = put_name(strings, at, tn_arena_printf(j->u->arena, ".rela%s", j->sections.at[i].name),
                  strings ? &headers[r].sh_name : NULL);
    r++;
  }
  for (int i = 0; i < 2; i++)
    at = put_name(strings, at, tables[i], strings ? &headers[n_headers - 2 + i].sh_name : NULL);
  return at;
}

static tn_str write_file(join *j) {
  tn_arena *arena = j->u->arena;
  Elf64_Shdr *headers = TN_NEW_ARRAY(arena, Elf64_Shdr, 2 * j->sections.count + 2);
  uint64_t strings = put_names(j, NULL, NULL, NULL, 0);
  int n_headers;
  uint64_t end = lay_out(j, headers, strings, &n_headers),
           bytes = end + (uint64_t)n_headers * sizeof *headers;
  char *out = tn_arena_alloc(arena, bytes);
  Elf64_Ehdr *header = (Elf64_Ehdr *)out;
  *header = *j->inputs[0].header;
  header->e_shoff = end;
  header->e_shnum = (uint16_t)n_headers;
  header->e_shstrndx = (uint16_t)(n_headers - 1);
  copy_contents(j, headers, out);
  for (int i = j->sections.count; i < n_headers - 2; i++) copy_relocations(j, &headers[i], out);
  Elf64_Sym *symbols = (Elf64_Sym *)(out + headers[n_headers - 2].sh_offset);
  for (int i = 1; i < j->symbols.count; i++) {
    symbols[i] = j->symbols.at[i].entry;
    symbols[i].st_name = 0;
  }
  put_names(j, out + headers[n_headers - 1].sh_offset, symbols, headers, n_headers);
  memcpy(out + end, headers, (size_t)n_headers * sizeof *headers);
  return (tn_str){out, bytes};
}

tn_str tn_join_objects(tn_unit *u, const tn_str *objects, int count) {
  join j = {.u = u, .count = count, .inputs = TN_NEW_ARRAY(u->arena, input, count)};
  TN_PUSH(u->arena, &j.sections, ((section){.name = ""}));
  TN_PUSH(u->arena, &j.symbols, ((symbol){.name = ""}));
  for (int i = 0; i < count; i++) {
    if (!open_input(&j.inputs[i], u->arena, objects[i])) {
      tn_unit_fail(u, TN_BUG, "code generation: LLVM wrote an object of an unknown form");
      return (tn_str){0};
    }
    place_sections(&j, &j.inputs[i]);
  }
  for (int i = 0; i < count; i++) add_locals(&j, &j.inputs[i]);
  j.n_local = (uint32_t)j.symbols.count;
  for (int i = 0; i < count; i++) add_globals(&j, &j.inputs[i]);
  return write_file(&j);
}
