# LLVM's C API as a shared library: LLVMC::LLVM, LLVMC_VERSION.
#
# Through llvm-config and not LLVM's own CMake package, which wants a C++ compiler
# and a dozen libraries that the C API does not.
set(names llvm-config)
foreach(version RANGE 30 ${LLVMC_FIND_VERSION_MAJOR} -1)
  list(APPEND names llvm-config-${version})
endforeach()
list(REVERSE names)
find_program(LLVMC_CONFIG NAMES ${names} NAMES_PER_DIR DOC "llvm-config of LLVM ${LLVMC_FIND_VERSION} or newer")
mark_as_advanced(LLVMC_CONFIG)

function(llvmc_ask variable)
  execute_process(COMMAND ${LLVMC_CONFIG} ${ARGN} OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(${variable} "${answer}" PARENT_SCOPE)
endfunction()

if(LLVMC_CONFIG)
  llvmc_ask(LLVMC_VERSION --version)
  llvmc_ask(LLVMC_INCLUDE_DIR --includedir)
  llvmc_ask(llvmc_libdir --libdir)
  llvmc_ask(llvmc_libs --link-shared --libs)
  string(REPLACE "-l" "" llvmc_name "${llvmc_libs}")
  find_library(LLVMC_LIBRARY NAMES ${llvmc_name} HINTS ${llvmc_libdir} NO_DEFAULT_PATH)
  mark_as_advanced(LLVMC_LIBRARY)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LLVMC REQUIRED_VARS LLVMC_LIBRARY LLVMC_INCLUDE_DIR VERSION_VAR LLVMC_VERSION)
if(LLVMC_FOUND AND NOT TARGET LLVMC::LLVM)
  add_library(LLVMC::LLVM SHARED IMPORTED)
  set_target_properties(LLVMC::LLVM PROPERTIES IMPORTED_LOCATION ${LLVMC_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${LLVMC_INCLUDE_DIR})
endif()
