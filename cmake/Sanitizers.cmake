# TERN_SANITIZE: what to instrument everything with.
if(TERN_SANITIZE)
  add_compile_options(-fsanitize=${TERN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -O1)
  add_link_options(-fsanitize=${TERN_SANITIZE})
endif()
if(TERN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
