# Compiling base/math/math.c, which only clang can (math.c says why and how), and other C
# that compiled kernels carry.
#
#   tn_math_lanes(OUT NAME WIDTH FMA flags…)     math.c as functions over memory, called
#       tn_math_…_NAME: OUT is the path of the assembly
#   tn_math_bitcode(OUT SYMBOL WIDTH FMA)        as bitcode without a target: OUT is its path
#   tn_bitcode(OUT SYMBOL SOURCE [FLAGS flags…] [DEPENDS files…])    the same of any source
llvmc_ask(llvm_bin --bindir)
find_program(TENON_CLANG NAMES clang HINTS ${llvm_bin} NO_DEFAULT_PATH REQUIRED DOC "LLVM's clang, for base/math")
find_program(TENON_LLVM_AS NAMES llvm-as HINTS ${llvm_bin} NO_DEFAULT_PATH REQUIRED DOC "LLVM's llvm-as, for base/math")
mark_as_advanced(TENON_CLANG TENON_LLVM_AS)

set(math_source ${CMAKE_CURRENT_SOURCE_DIR}/base/math/math.c)
file(GLOB math_sources CONFIGURE_DEPENDS base/math/*.h base/math/*.def)
list(APPEND math_sources ${math_source} ${CMAKE_CURRENT_LIST_FILE})
set(math_flags -std=gnu17 -O2 -fPIC -ffp-contract=off -fno-math-errno -fwrapv -fno-stack-protector
    -fno-asynchronous-unwind-tables -fno-addrsig -Qn -fvisibility=hidden -Wall -Wextra -Werror -Wno-psabi
    -I${CMAKE_CURRENT_SOURCE_DIR})

function(tn_math_lanes result name width fma)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/math_${name}.s)
  add_custom_command(OUTPUT ${out}
    COMMAND ${TENON_CLANG} --target=x86_64-linux-gnu ${math_flags} ${ARGN} -DTN_MATH_WIDTH=${width}
            -DTN_MATH_FMA=${fma} -DTN_MATH_CALL=_${name} -S ${math_source} -o ${out}
    DEPENDS ${math_sources} COMMENT "math ${name}" VERBATIM)
  # Options meant for C; clang would warn of each when it only assembles.
  set_source_files_properties(${out} PROPERTIES COMPILE_OPTIONS -Wno-unused-command-line-argument)
  set(${result} ${out} PARENT_SCOPE)
endfunction()

# SOURCE as bitcode without a target. DEPENDS: what it includes.
function(tn_bitcode result symbol source)
  cmake_parse_arguments(PARSE_ARGV 3 bitcode "" "" "FLAGS;DEPENDS")
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol})
  set(portable ${PROJECT_SOURCE_DIR}/cmake/portable-ir.sed)
  add_custom_command(OUTPUT ${out}.bc
    COMMAND ${TENON_CLANG} --target=spir64 ${math_flags} ${bitcode_FLAGS} -S -emit-llvm ${source} -o ${out}.ll
    COMMAND sed -E -i -f ${portable} ${out}.ll
    COMMAND ${TENON_LLVM_AS} ${out}.ll -o ${out}.bc
    DEPENDS ${source} ${bitcode_DEPENDS} ${portable} COMMENT "bitcode ${symbol}" VERBATIM)
  set(${result} ${out}.bc PARENT_SCOPE)
endfunction()

function(tn_math_bitcode result symbol width fma)
  tn_bitcode(out ${symbol} ${math_source} FLAGS -DTN_MATH_WIDTH=${width} -DTN_MATH_FMA=${fma}
             DEPENDS ${math_sources})
  set(${result} ${out} PARENT_SCOPE)
endfunction()
