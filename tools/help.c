/* Help, the man page and shell completions, all from the tables of verbs and options.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <ctype.h>
#include <stdio.h>

#include "tools/tool.h"

/* The rows of options.def in order, with the titles between them. */
static const struct {
  const char *title; /* or NULL */
  int option;
} items[] = {
#define GROUP(title)                                                {title, -1},
#define OPTION(ID, short_name, long_name, kind, value, verbs, help) {NULL, OPT_##ID},
#include "tools/options.def"
};
enum { ITEMS = sizeof items / sizeof *items };

static bool is_later(int id) {
  value_kind kind = option_table[id].kind;
  return kind == KIND_LATER || kind == KIND_LATER_NONE || kind == KIND_LATER_MAYBE;
}

static bool shown(int id, verb_id verb) { return (option_table[id].verbs >> verb & 1) != 0 && !is_later(id); }

static bool group_shown(int item, verb_id verb) {
  for (int i = item + 1; i < ITEMS && !items[i].title; i++)
    if (shown(items[i].option, verb)) return true;
  return false;
}

/* "-o, --output OUT", "--emit KIND", "-O LEVEL" */
static void spell(const option_row *row, tn_text *out) {
  if (*row->short_name) tn_text_printf(out, "-%s", row->short_name);
  if (*row->short_name && *row->long_name) tn_text_put(out, ", ");
  if (*row->long_name) tn_text_printf(out, "--%s", row->long_name);
  if (row->kind == KIND_VALUE) tn_text_printf(out, " %s", row->value);
  if (row->kind == KIND_JOINED) tn_text_printf(out, "%s", row->value);
  if (row->kind == KIND_MAYBE) tn_text_printf(out, "[=%s]", row->value);
}

/* ---- --help ---- */

static void put_options(verb_id verb, tn_text *out) {
  for (int i = 0; i < ITEMS; i++) {
    if (items[i].title) {
      if (group_shown(i, verb)) tn_text_printf(out, "\n%s:\n", items[i].title);
      continue;
    }
    if (!shown(items[i].option, verb)) continue;
    tn_text left = {0};
    spell(&option_table[items[i].option], &left);
    tn_text_printf(out, "  %-28s %s\n", left.bytes, option_table[items[i].option].help);
    tn_text_free(&left);
  }
}

static void put_examples(const char *examples, tn_text *out) {
  while (*examples) {
    const char *end = strchr(examples, '\n'), *hash = strstr(examples, " # ");
    tn_text_printf(out, "  # %.*s\n  %.*s\n", (int)(end - hash - 3), hash + 3, (int)(hash - examples),
                   examples);
    examples = end + 1;
  }
}

tn_status print_help(void) {
  tn_text out = {0};
  tn_text_put(&out, "usage: tenon VERB OPERANDS [options]\n\n"
                    "Compiles tensor programs ahead of time: a model goes in, an object file with a C\n"
                    "header comes out.\n\n");
  for (int v = 0; v < VERB_COUNT; v++) {
    tn_text left = {0};
    tn_text_printf(&left, "%s %s", verb_table[v].name, verb_table[v].operands);
    tn_text_printf(&out, "  %-34s %s%s\n", left.bytes, verb_table[v].help,
                   verb_table[v].run ? "" : " (later)");
    tn_text_free(&left);
  }
  tn_text_put(
      &out, "\n'tenon VERB --help' lists a verb's options, with examples. '-' is standard input or output.\n"
            "Status: 0 done, 1 a comparison did not hold, 2 wrong use, 3 invalid input, 4 not supported,\n"
            "5 reading or writing failed, 6 a limit was hit, 70 a bug in Tenon.\n");
  return print_text(&out);
}

tn_status print_verb_help(verb_id verb) {
  tn_text out = {0};
  tn_text_printf(&out, "usage: tenon %s %s [options]\n\nTo %s.\n", verb_table[verb].name,
                 verb_table[verb].operands, verb_table[verb].help);
  put_options(verb, &out);
  if (!verb_table[verb].run) tn_text_put(&out, "\nThis version does not support it.\n");
  if (*verb_table[verb].examples) tn_text_put(&out, "\nExamples:\n");
  put_examples(verb_table[verb].examples, &out);
  return print_text(&out);
}

/* ---- the man page ---- */

/* Backslashes, leading dots and dashes, as roff wants them. */
static void put_roff(const char *text, tn_text *out) {
  if (*text == '.' || *text == '\'') tn_text_put(out, "\\&");
  for (; *text; text++) {
    if (*text == '\\' || *text == '-') tn_text_put_char(out, '\\');
    tn_text_put_char(out, *text);
  }
}

static void put_man_verb(verb_id verb, tn_text *out) {
  const verb_row *row = &verb_table[verb];
  tn_text_put(out, ".SS tenon ");
  put_roff(row->name, out);
  tn_text_put_char(out, ' ');
  put_roff(row->operands, out);
  tn_text_put(out, "\nTo ");
  put_roff(row->help, out);
  tn_text_put(out, ".\n");
  for (int id = 0; id < OPT_COUNT; id++) {
    if (!shown(id, verb)) continue;
    tn_text left = {0};
    spell(&option_table[id], &left);
    tn_text_put(out, ".TP\n.B ");
    put_roff(left.bytes, out);
    tn_text_put_char(out, '\n');
    put_roff(option_table[id].help, out);
    tn_text_put_char(out, '\n');
    tn_text_free(&left);
  }
  tn_text examples = {0};
  put_examples(row->examples, &examples);
  tn_text_put(out, ".PP\nExamples:\n.nf\n");
  put_roff(examples.length ? examples.bytes : "", out);
  tn_text_put(out, ".fi\n");
  tn_text_free(&examples);
}

tn_status print_man_page(void) {
  tn_text out = {0};
  tn_text_printf(&out, ".TH TENON 1 \"\" \"tenon %s\" \"User Commands\"\n", tn_version());
  tn_text_put(&out, ".SH NAME\ntenon \\- ahead\\-of\\-time compiler for tensor programs\n"
                    ".SH SYNOPSIS\n.B tenon\n.I verb operands\n[options]\n.SH VERBS\n");
  for (int v = 0; v < VERB_COUNT; v++)
    if (verb_table[v].run) put_man_verb((verb_id)v, &out);
  tn_text_put(&out,
              ".SH EXIT STATUS\n0 done; 1 a comparison or check did not hold; 2 wrong use of the command;\n"
              "3 the input is malformed or invalid; 4 valid, but not supported;\n"
              "5 reading or writing failed; 6 a named limit was hit; 70 a bug in Tenon.\n");
  return print_text(&out);
}

/* ---- completions ---- */

/* The words of "a|b|c" at the start of a help or value text; false if it is none. */
static bool choices(const option_row *row, tn_text *out) {
  const char *text = strchr(row->value, '|') ? row->value : row->help;
  size_t length = strcspn(text, " :;(");
  if (row->kind != KIND_VALUE || !memchr(text, '|', length)) return false;
  for (size_t i = 0; i < length; i++) tn_text_put_char(out, text[i] == '|' ? ' ' : text[i]);
  return true;
}

static void put_words(verb_id verb, tn_text *out) {
  for (int id = 0; id < OPT_COUNT; id++)
    if (shown(id, verb) && *option_table[id].long_name)
      tn_text_printf(out, " --%s", option_table[id].long_name);
}

static void put_bash(tn_text *out) {
  tn_text_put(out, "# bash completion of tenon; made from its option table\n"
                   "_tenon() {\n"
                   "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
                   "  if ((COMP_CWORD == 1)); then\n    words=\"");
  for (int v = 0; v < VERB_COUNT; v++)
    if (verb_table[v].run) tn_text_printf(out, "%s%s", v ? " " : "", verb_table[v].name);
  tn_text_put(out,
              " --help --version\"\n  else\n    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD-2]}\n"
              "    [[ $word == = ]] && { before=${COMP_WORDS[COMP_CWORD-1]} word=; }\n"
              "    case $before in\n");
  for (int id = 0; id < OPT_COUNT; id++) {
    tn_text words = {0};
    if (choices(&option_table[id], &words))
      tn_text_printf(out, "    --%s) words=\"%s\" ;;\n", option_table[id].long_name, words.bytes);
    tn_text_free(&words);
  }
  tn_text_put(out, "    *) case ${COMP_WORDS[1]} in\n");
  for (int v = 0; v < VERB_COUNT; v++) {
    if (!verb_table[v].run) continue;
    tn_text_printf(out, "      %s) words=\"", verb_table[v].name);
    put_words((verb_id)v, out);
    tn_text_put(out, "\" ;;\n");
  }
  tn_text_put(out, "      esac ;;\n    esac\n  fi\n"
                   "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                   "  [[ $word == -* ]] || COMPREPLY+=($(compgen -f -- \"$word\"))\n"
                   "}\ncomplete -o filenames -F _tenon tenon\n");
}

static void put_quoted(const char *text, tn_text *out) {
  tn_text_put_char(out, '\'');
  for (; *text; text++)
    if (*text == '\'')
      tn_text_put(out, "'\\''");
    else
      tn_text_put_char(out, *text);
  tn_text_put_char(out, '\'');
}

static void put_fish(tn_text *out) {
  tn_text_put(out, "# fish completion of tenon; made from its option table\n");
  for (int v = 0; v < VERB_COUNT; v++) {
    if (!verb_table[v].run) continue;
    tn_text_printf(out, "complete -c tenon -n __fish_use_subcommand -a %s -d ", verb_table[v].name);
    put_quoted(verb_table[v].help, out);
    tn_text_put_char(out, '\n');
    for (int id = 0; id < OPT_COUNT; id++) {
      const option_row *row = &option_table[id];
      if (!shown(id, (verb_id)v) || !*row->long_name) continue;
      tn_text words = {0};
      tn_text_printf(out, "complete -c tenon -n '__fish_seen_subcommand_from %s' -l %s", verb_table[v].name,
                     row->long_name);
      if (row->kind == KIND_VALUE) tn_text_put(out, " -r");
      if (choices(row, &words)) tn_text_printf(out, " -f -a '%s'", words.bytes);
      tn_text_put(out, " -d ");
      put_quoted(row->help, out);
      tn_text_put_char(out, '\n');
      tn_text_free(&words);
    }
  }
}

/* zsh reads bash's. */
static void put_zsh(tn_text *out) {
  tn_text_put(out, "#compdef tenon\nautoload -U +X bashcompinit && bashcompinit\n");
  put_bash(out);
}

tn_status print_completion(const char *shell) {
  tn_text out = {0};
  if (strcmp(shell, "bash") == 0)
    put_bash(&out);
  else if (strcmp(shell, "zsh") == 0)
    put_zsh(&out);
  else if (strcmp(shell, "fish") == 0)
    put_fish(&out);
  else
    return complain(TN_USAGE, "completions are for bash, zsh and fish, not '%s'", shell);
  return print_text(&out);
}
