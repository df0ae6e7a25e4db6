# Layers: one static library each, made of the .c files of its directory.
#
#   tn_layer(NAME DIRECTORY USES libraries… [ALONE libraries…])
#
# ALONE: used by the layer without its users seeing their headers.
# A new pass, op family or front end is a new file, nothing to register. A layer
# without sources yet is left out, also of the USES of others. All layers together
# are the property TN_LAYERS, from which driver/ makes the library.
function(tn_layer name directory)
  cmake_parse_arguments(PARSE_ARGV 2 layer "" "" "USES;ALONE")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${directory}/*.c)
  if(NOT sources)
    add_library(tn_${name} INTERFACE)
  else()
    add_library(tn_${name} STATIC ${sources})
    set_property(GLOBAL APPEND PROPERTY TN_LAYERS tn_${name})
  endif()
  get_target_property(type tn_${name} TYPE)
  if(layer_ALONE AND NOT type STREQUAL "INTERFACE_LIBRARY")
    target_link_libraries(tn_${name} PRIVATE ${layer_ALONE})
  endif()
  foreach(library ${layer_USES})
    if(library MATCHES "^tn_" AND NOT TARGET ${library})
      continue()
    endif()
    if(type STREQUAL "INTERFACE_LIBRARY")
      target_link_libraries(tn_${name} INTERFACE ${library})
    else()
      target_link_libraries(tn_${name} PUBLIC ${library})
    endif()
  endforeach()
endfunction()
