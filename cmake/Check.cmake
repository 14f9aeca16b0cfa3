# libtern_check.so: what `tern validate` runs on a device. The tables of cases and the fp64 oracle are those of the tests; the library reaches
# the device through the table of functions that the caller hands it, and needs no symbol of libtern.so.
file(GLOB TERN_CHECK_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/main/check/*.cpp)
add_library(tern_check_objects OBJECT ${TERN_CHECK_SOURCES})
target_include_directories(tern_check_objects PUBLIC src/main/check src/main/cpp src/main/cpp/include tests tests/oracle)
target_compile_options(tern_check_objects PRIVATE -Wall -Wextra -Wno-psabi -ffp-contract=off)

add_library(tern_check SHARED src/main/cpp/bench/bench_cases.cpp)  # shapes that the tables have from the benchmarks
target_compile_options(tern_check PRIVATE -Wall -Wextra -ffp-contract=off)
target_link_libraries(tern_check PRIVATE tern_check_objects)
if(NOT TERN_SANITIZE)
  target_link_options(tern_check PRIVATE -Wl,--no-undefined)
endif()
install(TARGETS tern_check LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
