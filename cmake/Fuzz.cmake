# tests/fuzz/<name>_fuzz.cpp: targets over the C ABI, in every build as <name>_replay, which runs the kept inputs and mutations of them;
# with TERN_FUZZ, for which the compiler must be clang, also as <name>_fuzz with libFuzzer (tests/fuzz/run.sh).
file(GLOB TERN_FUZZ_TARGETS CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp)
foreach(source ${TERN_FUZZ_TARGETS})
  get_filename_component(fuzz ${source} NAME_WE)
  string(REPLACE _fuzz "" name ${fuzz})
  add_executable(${name}_replay EXCLUDE_FROM_ALL ${source} tests/fuzz/replay.cpp)
  target_link_libraries(${name}_replay PRIVATE tern_objects)
  target_compile_options(${name}_replay PRIVATE -Wall -Wextra)
  add_test(NAME fuzz_${name} COMMAND ${name}_replay ${CMAKE_CURRENT_SOURCE_DIR}/tests/fuzz/corpus/${name} 100)
  add_dependencies(native_tests ${name}_replay)
  if(TERN_FUZZ)
    add_executable(${fuzz} ${source})
    target_link_libraries(${fuzz} PRIVATE tern_objects)
    target_compile_options(${fuzz} PRIVATE -Wall -Wextra)
    target_link_options(${fuzz} PRIVATE -fsanitize=fuzzer -static-libstdc++ -static-libgcc)  # they run on machines without a compiler too
  endif()
endforeach()
if(TERN_FUZZ)
  # What a fuzzer learns from comparisons, it learns from those of sizes and types; those of the kernels' loops took half of the time.
  file(GLOB TERN_FUZZ_LOOPS ${CMAKE_CURRENT_SOURCE_DIR}/src/main/cpp/cpu/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/src/main/cpp/ternary/*.cpp)
  set_property(SOURCE ${TERN_FUZZ_LOOPS} APPEND PROPERTY COMPILE_OPTIONS -fno-sanitize-coverage=trace-cmp)
endif()
