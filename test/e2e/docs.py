#!/usr/bin/env python3
"""What the build says about itself stands in docs/ as it is now, links lead somewhere, and commands that name files of
examples/ run from the root as they are written.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import BUILD, ROOT, TENON, parse_npy


def tables():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "update-docs"), BUILD, "--check"],
                          capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def links():
    """Relative links, and the paths that stand in backticks."""
    missing = []
    for page in glob.glob(os.path.join(ROOT, "*.md")) + glob.glob(os.path.join(ROOT, "docs", "*.md")):
        with open(page, encoding="utf-8") as file:
            text = file.read()
        name, folder = os.path.relpath(page, ROOT), os.path.dirname(page)
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if "://" not in target and not os.path.exists(os.path.join(folder, target)):
                missing.append(f"{name}: {target}")
        for path in re.findall(r"`([a-z_]+/[\w/.-]+\.(?:[chs]|def|py|md))`", text):
            if "my_" not in path and not any(os.path.exists(os.path.join(ROOT, base, path)) for base in ("", "include")):
                missing.append(f"{name}: {path}")
    return "\n".join(missing)


# Pages whose commands run, one after the other, and how many of them can, at least.
PAGES = {"README.md": 2, "docs/targets.md": 5, "docs/simulator.md": 5, "docs/quantization.md": 4, "docs/systolic.md": 2, "docs/isa.md": 4,
         "examples/digits/README.md": 2, "examples/accelerator/README.md": 1}


def shown_commands(text):
    """Lines of code blocks that begin with tenon, and `tenon …` in running text; each with the output that stands under
    it."""
    blocks = re.findall(r"^```\n(.*?)^```$|((?:^    .*\n)+)", text, re.M | re.S)
    for fenced, indented in blocks:
        for found in re.finditer(r"^ *(\$ )?tenon (.*)\n((?:(?! *\$ | *tenon ).+\n)*)", fenced or indented, re.M):
            yield found[2].split(" #")[0], found[3] if found[1] and fenced else ""
    for words in re.findall(r"(?<!`)`tenon ([^`]*)`(?!`)", text):
        yield " ".join(words.split()), ""


def run_page(page, folder):
    """Commands on files that are there: those of examples/, and what earlier commands wrote. What is shown under a
    command is what it says, but for numbers."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        text = file.read()
    problems, count = [], 0
    for words, shown in shown_commands(text):
        operands = [word.split("=")[-1] for word in words.split() if re.search(r"\.(hlo|tns|tnasm|npz|target)$", word)]
        operands = [word for word in operands if not re.search(r"(?:-o|--out) " + re.escape(word), words)]
        if not operands or not all(os.path.exists(os.path.join(folder, operand)) for operand in operands):
            continue
        count += 1
        done = subprocess.run([TENON, *words.split()], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            problems.append(f"{page}: tenon {words}: status {done.returncode}\n{done.stderr}")
        elif shown and re.sub(r"[\d ]+", "0", shown) != re.sub(r"[\d ]+", "0", done.stdout):
            problems.append(f"{page}: tenon {words} says\n{done.stdout}")
        elif " sim " in f" {words}" and "nothing ran on the array" in done.stdout:
            problems.append(f"{page}: tenon {words}: nothing ran on the array")
    return problems, count


def examples():
    """Files that a page shows whole are the files."""
    problems = []
    for page in glob.glob(os.path.join(ROOT, "docs", "*.md")):
        with open(page, encoding="utf-8") as file:
            shown = re.findall(r"<!-- example: (\S+) -->\n```\n(.*?)```\n<!-- end of example -->", file.read(), re.S)
        for path, text in shown:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                if file.read() != text:
                    problems.append(f"{os.path.relpath(page, ROOT)} shows another {path}")
    return "\n".join(problems)


def link_into(folder, target):
    os.makedirs(folder)
    for name in os.listdir(target):
        os.symlink(os.path.join(target, name), os.path.join(folder, name))


def commands():
    """From the root, or from the example's own folder, of which there is a copy to write to."""
    problems = []
    for page, least in PAGES.items():
        with tempfile.TemporaryDirectory() as root:
            folder = os.path.join(root, os.path.dirname(page) if page.startswith("examples/") else "")
            for name in os.listdir(os.path.join(ROOT, "examples")):
                link_into(os.path.join(root, "examples", name), os.path.join(ROOT, "examples", name))
            found, count = run_page(page, folder)
            problems += found
            if count < least:
                problems.append(f"{page}: {count} commands could run, not {least}")
    return "\n".join(problems)


def samples():
    """examples/digits/samples.npz is the pictures beside it, as examples/digits/main.c reads them."""
    digits = os.path.join(ROOT, "examples", "digits")
    with zipfile.ZipFile(os.path.join(digits, "samples.npz")) as archive:
        names, (dims, values) = archive.namelist(), parse_npy(archive.read("images.npy"))
    pictures = []
    for path in sorted(glob.glob(os.path.join(digits, "pictures", "*.pgm"))):
        with open(path, encoding="ascii") as file:
            kind, _, _, most, *numbers = file.read().split()
        pictures += [int(number) / int(most) for number in numbers] if kind == "P2" else []
    good = names == ["images.npy"] and list(dims) == [len(pictures) // 64, 8, 8, 1] and list(values) == pictures
    return "" if good else "samples.npz holds other numbers than the pictures"


def main():
    failed = False
    for name, test in (("the tables are up to date", tables), ("links and paths exist", links),
                       ("commands of the documents run", commands), ("shown files are the files", examples), ("the samples are the pictures", samples)):
        problem = test()
        print(("not ok " if problem else "ok ") + name)
        if problem:
            print(problem)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
