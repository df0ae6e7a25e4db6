# Makes LLVM IR that clang wrote for an abstract target fit for any: without triple, data
# layout, calling convention, metadata and the attributes that come from clang's options.
# What would still tie it to a target ends with status 1.
#
#   sed -E -i -f portable-ir.sed x.ll
/^(; ModuleID|source_filename|target |!)/d
s/, !(llvm\.loop|noalias|alias\.scope) ![0-9]+//g
s/ "[a-z-]+"="[^"]*"//g
s/ (dso_local|hidden|spir_func|local_unnamed_addr)//g
/spir|addrspace|byval|sret|^@|!/{
s/^/not portable: /
w /dev/stderr
Q1
}
