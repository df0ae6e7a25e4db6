# Writes OUT: a C file whose `const unsigned char NAME[]` holds the text of FILES, one
# after the other, without their lines `#include "…"`, and NAME_size. A script:
#   cmake -DOUT=… -DNAME=… -DHEADER=… -DFILES=a|b -P Embed.cmake
string(REPLACE "|" ";" files "${FILES}")
set(text "")
foreach(file ${files})
  file(READ ${file} piece)
  string(APPEND text "${piece}")
endforeach()
string(REGEX REPLACE "\n#include \"[^\n]*" "\n" text "${text}")
string(HEX "${text}" bytes)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
       bytes "${bytes}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}\n};\n"
                  "const size_t ${NAME}_size = sizeof ${NAME};\n")
