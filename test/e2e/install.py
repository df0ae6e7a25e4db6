#!/usr/bin/env python3
"""The installed library: `cmake --install`, then consumers through pkg-config and through
the CMake package, with the shared and the static library; completions and man page.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import BUILD, ROOT, SANITIZED, check, run, run_tests

CONSUMER = os.path.join(ROOT, "test", "consumer")
WANTED = "0.1.0: 2 4 6\n"


def install(folder):
    """The prefix; moved after installing, since an installed tree may be."""
    first, prefix = os.path.join(folder, "first"), os.path.join(folder, "prefix")
    run("cmake", "--install", BUILD, "--prefix", first)
    os.rename(first, prefix)
    return prefix


def library_folder(prefix):
    return os.path.dirname(glob.glob(os.path.join(prefix, "lib*", "**", "libtenon.a"), recursive=True)[0])


def pkg_config_consumers(folder):
    prefix = install(folder)
    libraries = library_folder(prefix)
    env = {"PKG_CONFIG_PATH": os.path.join(libraries, "pkgconfig"), "LD_LIBRARY_PATH": libraries}
    source = os.path.join(CONSUMER, "main.c")
    flags = run("pkg-config", "--cflags", "--libs", "tenon", env=env).split()
    run("cc", source, *flags, "-o", "shared", cwd=folder)
    check(run("./shared", "twice.o", cwd=folder, env=env) == WANTED, "shared")
    static = run("pkg-config", "--static", "--cflags", "--libs", "tenon", env=env).replace(
        "-ltenon ", os.path.join(libraries, "libtenon.a") + " ").split()
    run("cc", source, *static, "-o", "static", cwd=folder)
    check(run("./static", cwd=folder) == WANTED, "static")
    check(os.path.exists(os.path.join(folder, "twice.h")), "no header beside the object")


def cmake_consumers(folder):
    prefix = install(folder)
    tenon = os.path.join(prefix, "bin", "tenon")
    model = os.path.join(folder, "twice.hlo")
    with open(model, "w") as file:
        file.write("HloModule twice\nENTRY main {\n  x = f32[3] parameter(0)\n  ROOT y = f32[3] add(x, x)\n}\n")
    run(tenon, "compile", model, "-o", "twice.o", cwd=folder)
    build = os.path.join(folder, "build")
    run("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DMODEL_OBJECT={folder}/twice.o", f"-DMODEL_DIRECTORY={folder}")
    run("cmake", "--build", build)
    for name in ("with_tenon", "with_static"):
        check(run(os.path.join(build, name)) == WANTED, name)
    check(run(os.path.join(build, "with_pool")) == "0: 2 4 6\n", "with_pool")


def the_shared_library_exports_its_interface_alone(folder):
    library = os.path.join(library_folder(install(folder)), "libtenon.so")
    names = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    names -= {"__bss_start", "_edata", "_end"}  # the linker's
    declared = ""
    for header in ("tenon.h", "pool.h", "device.h"):
        with open(os.path.join(ROOT, "include", "tenon", header)) as text:
            declared += text.read()
    strange = sorted(n for n in names if f" {n}(" not in declared and f"*{n}(" not in declared)
    check(not strange, f"exported, not declared: {strange}")
    check({"tn_compile_file", "tn_pool_create"} <= names, "tn_compile_file or tn_pool_create is not exported")


def completions_and_manual_are_installed(folder):
    prefix = install(folder)
    share = os.path.join(prefix, "share")
    man = os.path.join(share, "man", "man1", "tenon.1")
    bash = os.path.join(share, "bash-completion", "completions", "tenon")
    for path in (man, bash, os.path.join(share, "zsh", "site-functions", "_tenon"),
                 os.path.join(share, "fish", "vendor_completions.d", "tenon.fish")):
        check(os.path.getsize(path) > 500, path)
    script = (f"source {bash}; COMP_WORDS=(tenon compile x.hlo --emit s); COMP_CWORD=4; _tenon; "
              'echo "${COMPREPLY[@]}"')
    check(run("bash", "-c", script).split()[:1] == ["shared"], run("bash", "-c", script))
    script = f"source {bash}; COMP_WORDS=(tenon c); COMP_CWORD=1; _tenon; echo ${{COMPREPLY[@]}}"
    check(run("bash", "-c", script, cwd=folder).split() == ["compile", "check"], run("bash", "-c", script, cwd=folder))


def main():
    if SANITIZED:
        print("skip install: the release build is what is installed")
        return
    run_tests([pkg_config_consumers, cmake_consumers, the_shared_library_exports_its_interface_alone,
               completions_and_manual_are_installed])


if __name__ == "__main__":
    main()
