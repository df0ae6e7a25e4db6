# Makes LLVM IR that clang wrote for an abstract target fit for any: without triple, data
# layout, calling convention, metadata and the attributes that come from clang's options.
#
#   cmake -DFROM=x.ll -DTO=y.ll -P PortableIr.cmake
file(READ "${FROM}" text)
string(REGEX REPLACE "(^|\n)(; ModuleID|source_filename|target |!)[^\n]*" "" text "${text}")
string(REGEX REPLACE ", !(llvm.loop|noalias|alias.scope) ![0-9]+" "" text "${text}")
string(REGEX REPLACE " \"[a-z-]+\"=\"[^\"]*\"" "" text "${text}")
string(REGEX REPLACE " (dso_local|hidden|spir_func|local_unnamed_addr)" "" text "${text}")
if(text MATCHES "[^\n]*(spir|addrspace|byval|sret|\n@|!)[^\n]*")
  message(FATAL_ERROR "${FROM}: not portable: ${CMAKE_MATCH_0}")
endif()
file(WRITE "${TO}" "${text}")
